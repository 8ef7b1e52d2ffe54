"""A message that goes out: a response at a server, a request at a client. Its body is a stream.

Rule: makes the bytes of one message, framing included; who carries them, and when, is a `Carrier`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self

from labkit.core import checks, loop
from labkit.core.emitter import Ends
from labkit.core.errors import BrokenPipe, LabError
from labkit.core.history import Entry
from labkit.core.watching import Record
from labkit.http.framing_fields import facts
from labkit.http.headed import Headed
from labkit.http.headers import Fields
from labkit.streams import WRITING
from labkit.streams.states import ENDING, OPENING, WRITE_ENDED
from labkit.streams.writable import NOTHING


class Carrier(Protocol):
    """What carries a message: one connection, as a message asks it."""

    def below(self) -> int:
        """Bytes that were handed over and that the kernel has not taken yet."""

    def ask_to_hear(self, message: Any) -> None:
        """Call the message's `_empty` when the kernel has taken all."""

    def is_full(self) -> bool:
        """Whether more waits than the high-water mark of the connection."""

    def sent(self, message: Any) -> None:
        """The message has handed over all its bytes."""

    def broken(self, message: Any, error: Exception) -> None:
        """A listener of the message raised this."""

    def leave(self, message: Any) -> None:
        """The message is destroyed before all of it was sent: what comes behind it would be misread."""


class OutgoingMessage(Headed):
    """A message that goes out; ``drain``, ``finish``, ``close`` and ``error`` tell its story.

    send_date: whether a Date field is added. should_keep_alive: whether the connection is to stand after this message.
    Source: the OutgoingMessage of Node's http module; RFC 9112 section 6 (message body).
    """

    EVENTS = frozenset({"drain", "finish", "close", "error"})

    _CLIENT: ClassVar[bool] = False

    __slots__ = (
        *WRITING, "_carrier", "_chunked", "_composed", "_fields", "_has_body", "_left", "_unsent", "_trailers",
        "closes", "quiet", "send_date", "should_keep_alive", "socket",
    )  # fmt: skip

    def _begin(self) -> None:
        """Set what a new message has: one flat list in place of five calls of super()."""
        self._listeners = {}
        self._tickets = ()
        self._history = None
        self._spent = None
        self._failure = None
        self._context = None
        self._fast = None
        self._pieces = 0
        self._since = 0
        self.closed = False
        self.destroyed = False
        self._failed = None
        self._writing = OPENING
        self._sink = None
        self._queued = NOTHING
        self._queued_size = 0
        self._blocked = False
        self._corked = 0
        self._written = 0
        self._pipes = ()
        self._mark = 65536
        self._carrier: Carrier | None = None
        self._chunked = False
        self._composed = False  # the head is made, and nothing can be changed in it any more
        self._fields: Fields | None = None
        self._has_body = True
        self._left: int | None = None  # bytes of the body that Content-Length promised, and that were not written yet
        self._unsent = b""  # the head, which waits for the first bytes of the body
        self._trailers: Fields | None = None
        self.closes = False  # the connection ends after this message
        self.quiet = False  # nothing is remembered of what nobody listens to
        self.send_date = True
        self.should_keep_alive = True
        self.socket: Any = None

    # -- the head

    def flush_headers(self) -> None:
        """Send the head now, without waiting for the body."""

        def now() -> None:
            if self._refusal() is None:
                if not self._composed:
                    self._compose(None)
                if self._unsent:
                    super(OutgoingMessage, self)._write_now(self._framed(b""))

        loop.call(now)

    def _first_line(self) -> str:
        """The request line or the status line, with its CRLF."""
        raise NotImplementedError

    def _chunks_by_default(self) -> bool:
        """Whether a body of unknown length is sent in chunks; else it ends with the connection."""
        return True

    def _connection_lines(self, framed: bool) -> bytes:
        """The fields about the connection that the program has not set. framed: Content-Length is set."""
        raise NotImplementedError

    def _date_line(self) -> bytes:
        """The Date field, with its CRLF; b"" for none."""
        return b""

    def _forbids_chunks(self) -> bool:
        """Whether this is a message that has no body and no chunks, whatever its fields say (204, 304)."""
        return False

    def _is_interim(self) -> bool:
        """Whether this is no final answer: the client would take the next one for it, so none may follow."""
        return False

    def _lines(self) -> tuple[tuple[str, str], ...]:
        return () if self._fields is None else tuple(self._fields.lines())

    def _compose(self, length: int | None) -> None:
        """Make the head. length: bytes of the body, if all of it is known. In Node's order."""
        said = facts(self._first_line(), self._lines())
        head = said.prefix
        if self.send_date and not said.date:
            head += self._date_line()
        chunked = said.chunked
        if chunked and self._forbids_chunks():
            chunked = self.should_keep_alive = False
        endless = (said.coding and not chunked and not self._CLIENT) or self._is_interim()
        if endless:  # a coding that is not chunked ends with the connection (RFC 9112 section 6.3)
            self.should_keep_alive = False
        if said.connection:
            if said.closes:
                self.closes = True
            else:
                self.should_keep_alive = True
        else:
            head += self._connection_lines(said.length is not None)
        if said.length is None and not said.coding:
            if not self._has_body:
                chunked = False
            elif not self._chunks_by_default():
                self.closes = True
            elif length is not None and not said.trailer and self._trailers is None:
                head += b"Content-Length: %d\r\n" % length
            else:
                head += b"Transfer-Encoding: chunked\r\n"
                chunked = True
        if said.trailer and not chunked:
            raise LabError(
                "a Trailer field needs a body in chunks", "Leave Content-Length out, or the Trailer field.",
                code="ERR_HTTP_TRAILER_INVALID",
            )  # fmt: skip
        self.closes = self.closes or endless
        self._left = said.length if self._has_body else None
        self._chunked = chunked
        self._composed = True
        self._unsent = head + b"\r\n"
        if said.expect:  # the body waits for the answer to it
            super()._write_now(self._framed(b""))

    # -- the body

    def _framed(self, data: bytes) -> bytes:
        """The bytes that go down for these bytes of the body, with the head if it waits."""
        head, self._unsent = self._unsent, b""
        if not data or not self._has_body:
            return head
        if self._chunked:
            return b"%b%x\r\n%b\r\n" % (head, len(data), data)
        return head + data if head else data

    def _count(self, size: int) -> None:
        """Bytes of the body are about to be sent; raises `LabError` if there are more than were promised."""
        if self._left is None:
            return
        if size > self._left:
            raise LabError(
                f"the body is longer than its Content-Length: {size - self._left} bytes too many",
                "The receiver would take them for the next message. Give the right length, or none.",
                code="ERR_HTTP_CONTENT_LENGTH_MISMATCH",
            )
        self._left -= size

    def _write_now(self, data: bytes) -> bool:
        if not self._composed:
            self._compose(None)
        self._count(len(data))
        wire = self._framed(data)
        if not wire:
            return not self._blocked
        more = super()._write_now(wire)
        carrier = self._carrier
        if more and self._sink is not None and not self._corked and carrier is not None and carrier.is_full():
            self._blocked = True
            carrier.ask_to_hear(self)
            return False
        return more

    def end(self, data: Any = None, on_finish: Callable[[], Any] | None = None) -> Self:
        """Send the last bytes, if some are given, and then the end of the message.

        If this is the first that is sent, the length of the body is known, and Content-Length says it; else a body of
        unknown length is sent in chunks. on_finish: the same as ``once("finish", ...)``: all of it is with the kernel.
        """
        last = b"" if data is None else data if type(data) is bytes else checks.data(data, "written")
        if on_finish is not None:
            checks.function(on_finish, "on_finish")
        if loop.inside():
            self._end_message(last, on_finish, False)
        else:
            loop.call(self._end_message, last, on_finish, True)
        return self

    def _end_message(self, last: bytes, on_finish: Callable[[], Any] | None, from_cell: bool) -> None:
        if self._writing >= ENDING or self.closed or self.destroyed:
            refusal = self._refusal()
            if last and refusal is not None:
                if from_cell:
                    raise refusal
                if not self.closed and not self.destroyed:
                    self._fail_writing(refusal)
            return
        if not self._composed:
            self._compose(len(last))
        self._count(len(last))
        if on_finish is not None:
            self.once("finish", on_finish)
        wire = self._framed(last)
        if self._chunked and self._has_body:
            wire += self._last_chunk()
        self._called("end", len(last))
        sink = self._sink
        self._writing = ENDING
        self._corked = 0
        if sink is None or self._queued:
            if self._queued is NOTHING:
                self._queued = []
            self._queued.append(wire)
            self._queued_size += len(wire)
            self._written += len(wire)
            if sink is None:
                return
            self._flush()
        elif wire:
            self._written += len(wire)
            sink(wire)
        self._send_end()
        self._finish_soon()

    def _end_now(self) -> None:
        self._end_message(b"", None, False)

    def _direct(self) -> Callable[[bytes], Any] | None:
        return None  # a pipe's pieces are framed like all others

    def _last_chunk(self) -> bytes:
        lines = "" if self._trailers is None else "".join(f"{name}: {one}\r\n" for name, one in self._trailers.lines())
        return b"0\r\n%b\r\n" % lines.encode("latin-1")

    # -- what the stream asks

    def _send_end(self) -> None:
        if self._left:
            self.closes = True  # fewer bytes than promised: nothing may follow, or it would be taken for the rest
        if self._carrier is not None:
            self._carrier.sent(self)

    def _below(self) -> int:
        return 0 if self._carrier is None else self._carrier.below()

    def _ask_to_hear(self) -> None:
        if self._carrier is not None:
            self._carrier.ask_to_hear(self)

    def _fail_writing(self, refusal: Any) -> None:
        loop.get().call_soon(self._fail, refusal)  # as in Node: what was written before still goes

    def _let_go(self) -> None:
        if self._carrier is not None and self._writing is not WRITE_ENDED:
            self._carrier.leave(self)

    def _gone(self) -> None:
        super()._gone()
        self._carrier = None

    def _refusal(self) -> Any:
        if self._writing >= ENDING and not (self.closed or self.destroyed):
            return BrokenPipe(
                "write after end: this message has already ended", "Write first, then end().",
                code="ERR_STREAM_WRITE_AFTER_END",
            )  # fmt: skip
        return super()._refusal()

    def _broken(self, error: Exception) -> None:
        carrier = self._carrier
        if carrier is None:
            self._report(error)
        else:
            carrier.broken(self, error)

    def _unseen(self, *events: str) -> Entry | None:
        found = super()._unseen(*events)
        if found is None and self.quiet and self._writing is WRITE_ENDED:
            if "finish" in events:
                return Entry("finish", 0, None, 1, ())
            if "close" in events and self.closed:
                return Entry("close", 0, None, 1, () if self._CLIENT else (False,))
        return found

    def endpoint(self) -> Ends:
        """Who this is on the wire: the end of its connection that is ours."""
        if self.socket is None:
            return ("client" if self._CLIENT else "server", None, None)
        ends: Ends = self.socket.endpoint()
        return ends

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        if name not in ("close", "write", "drain"):  # the socket's own calls and events say these
            super()._watched(records, now, name, size, kind, args)
