"""A message that comes in: a request at a server, a response at a client. Its body is a stream.

Rule: holds what a parser found, and delivers the body; reads no socket, and knows neither server nor client.
"""

from __future__ import annotations

from threading import get_ident
from time import monotonic, time_ns
from types import BuiltinMethodType, FunctionType
from typing import Any, Protocol, Self

from labkit.core import checks, emitter, loop, watching
from labkit.core.emitter import _NOT_GIVEN, Ends
from labkit.core.errors import ConnectionReset, LabError, TimedOut
from labkit.core.history import Entry
from labkit.core.notebook import in_notebook
from labkit.core.watching import Record
from labkit.http import headers as header_fields
from labkit.http.asleep import AWAKE
from labkit.http.headers import Raw
from labkit.http.quiet import Quiet
from labkit.net import Socket
from labkit.streams import READING, Readable
from labkit.streams.states import FLOWING, IDLE, READ_ENDED

_NOT_PLAIN = 0x20 | 0x80 | 0x200  # flags of generators and async functions, which `checks.function` refuses
_USUAL = frozenset({"data", "end"})


class Source(Protocol):
    """Where a message comes from: one connection, as a message asks it."""

    def pause(self, message: Any) -> None:
        """Have nothing more pushed into this message until `resume`."""

    def resume(self, message: Any) -> None:
        """Have what comes pushed."""

    def broken(self, message: Any, error: Exception) -> None:
        """A listener of the message raised this."""

    def leave(self, message: Any) -> None:
        """The message is destroyed: nobody will read the rest."""

    def soon(self, message: Any) -> None:
        """Call the message's `_deliver_held` after the handler that runs now."""


NEW, WHOLE, ANSWERED, OVER = range(4)
"""How a request stands that is asleep: all of it came (WHOLE), it was answered before, or both."""


class IncomingMessage(Quiet, Readable):
    """A message that comes in; ``data``, ``end``, ``close`` and ``error`` tell its story.

    method, url: of a request (``"GET"``, ``"/index.html"``), else ``""``. status_code, status_message: of a response,
    else None and ``""``. http_version: ``"1.1"``. socket: the connection. complete: whether all of it has come.
    Source: the IncomingMessage of Node's http module; RFC 9110 section 6 (message abstraction).
    """

    EVENTS = frozenset({"data", "end", "close", "error", "aborted"})

    __slots__ = (
        *READING, "_asleep", "_encoding", "_headers", "_raw", "_raw_trailers", "_source", "complete", "http_version",
        "method", "quiet", "socket", "status_code", "status_message", "url",
    )  # fmt: skip

    def __init__(
        self, source: Source | None, socket: Socket, raw: Raw, http_version: str = "1.1", method: str = "",
        url: str = "",
    ) -> None:
        self._set_first(source, socket, raw, http_version, method, url)
        self.quiet = False  # nothing is remembered of what nobody listens to
        self._make_rest(NEW, type(self))

    def _set_first(
        self, source: Source | None, socket: Socket, raw: Raw, http_version: str, method: str, url: str
    ) -> None:
        """Set what is always needed, also of a request that is asleep."""
        self._source = source
        self.socket = socket
        self._raw = raw
        self._headers: dict[str, Any] | None = None
        self.http_version = http_version
        self.method = method
        self.url = url
        self._asleep = NEW

    def _make_rest(self, was: int, cls: type) -> None:
        # One flat list in place of five calls of super(), and no call in it: see asleep.py.
        self.__class__ = cls
        self._asleep = AWAKE
        ended = was in (WHOLE, OVER)
        self._listeners = {}
        self._tickets = ()
        self._history = None
        self._spent = None
        self._failure = None
        self._context = None
        self._fast = None
        self._pieces = 0
        self._since = 0
        self.closed = was == OVER
        self.destroyed = False
        self._failed = None
        self.bytes_read = 0
        self._reading = FLOWING if was == ANSWERED else READ_ENDED if was == OVER else IDLE
        self._held = None
        self._again = 0
        self._due = False
        self._source_ended = ended
        self._inbox = None
        self._decoder = None
        self._shortcut = None
        self._start = 0
        self._raw_trailers: Raw | None = None
        self._encoding = ""
        self.status_code: int | None = None
        self.status_message = ""
        self.complete = ended

    # -- for programs

    def on(self, event: str, listener: Any = _NOT_GIVEN) -> Any:
        """See `Emitter.on`."""
        kind = type(listener)
        if (
            event in _USUAL and self.quiet and (kind is FunctionType or kind is BuiltinMethodType)
            and not (kind is FunctionType and listener.__code__.co_flags & _NOT_PLAIN)
            and get_ident() == loop._ident and not in_notebook()
        ):  # nothing to be refused
            with emitter._registering:
                if self._asleep >= 0:
                    self._make_rest(self._asleep, IncomingMessage)
                listeners = self._listeners
                is_usual = self._held is None and self._inbox is None  # nothing waits to be delivered
                if is_usual:
                    listeners[event] = (*listeners[event], listener) if event in listeners else (listener,)
            if is_usual:
                self._fast = None
                if event == "data" and self._reading is IDLE:
                    if self._source_ended:
                        self._resume_now()
                    else:
                        self._reading = FLOWING  # the source was never stopped
                return self
        return super().on(event) if listener is _NOT_GIVEN else super().on(event, listener)

    @property
    def headers(self) -> dict[str, Any]:
        """Lower-case name -> value; repeated fields are joined (see `labkit.http.headers.joined`)."""
        if self._headers is None:
            self._headers = header_fields.joined(self._raw)
        return self._headers

    @property
    def headers_distinct(self) -> dict[str, list[str]]:
        """Lower-case name -> the values of all fields of this name."""
        return header_fields.distinct(self._raw)

    @property
    def raw_headers(self) -> list[str]:
        """Name, value, name, value, ... as they came."""
        return header_fields.flat(self._raw)

    @property
    def trailers(self) -> dict[str, Any]:
        """The fields that came after a chunked body, as `headers`; empty until ``end``.

        Source: RFC 9110 section 6.5.
        """
        return header_fields.joined(self._raw_trailers or [])

    @property
    def raw_trailers(self) -> list[str]:
        """The fields that came after a chunked body, as `raw_headers`."""
        return header_fields.flat(self._raw_trailers or [])

    @property
    def http_version_major(self) -> int:
        """1"""
        return int(self.http_version[0])

    @property
    def http_version_minor(self) -> int:
        """0 or 1"""
        return int(self.http_version[2:])

    def body(self, timeout: float = 5.0) -> Any:
        """Wait for the end and return the whole body: bytes, or text after `set_encoding`. For cells, not for handlers.

        What a ``data`` listener has had is not returned again. timeout: seconds for all of it. Raises `TimedOut`, and
        the error that cut the message.
        """
        if loop.inside():
            raise LabError(
                "body() waits, and would stop the event loop that brings the body",
                'In a handler listen to "data" and "end".',
            )
        checks.seconds(timeout)
        pieces: list[bytes] = []
        deadline = monotonic() + timeout
        while True:
            left = max(0.0, deadline - monotonic())
            try:
                piece = self.read(timeout=left)
            except TimedOut:
                came = sum(map(len, pieces))
                raise TimedOut(
                    f"the message did not end within {timeout:g} s; {came} bytes of its body came",
                    "Does the other side call end()?",
                ) from None
            if not piece and (self.readable_ended or self.closed):
                break
            pieces.append(piece)
        whole = b"".join(pieces)
        return whole.decode(self._encoding, "replace") if self._encoding else whole

    def set_encoding(self, encoding: str = "utf8") -> Self:
        """See `Readable.set_encoding`."""
        super().set_encoding(encoding)
        self._encoding = encoding
        return self

    def endpoint(self) -> Ends:
        """Who this is on the wire: the end of its connection that is ours."""
        return self.socket.endpoint()

    def __repr__(self) -> str:
        if self.status_code is not None:
            return f"<response {self.status_code} {self.status_message}>".replace(" >", ">")
        return f"<request {self.method} {self.url}>"

    # -- for the parser

    def _push(self, data: bytes) -> None:
        if (
            self.quiet and self._reading is FLOWING and self._held is None and self._decoder is None
            and self._inbox is None and self._shortcut is None and not self._tickets and not self.closed
            and not watching.watchers
        ):  # the listeners are called, and that is all; of the data it is remembered how many pieces came
            if not self._pieces:
                self._since, self._start = time_ns(), self.bytes_read
            self._pieces += 1
            self.bytes_read += len(data)
            try:
                for listener in self._listeners.get("data", ()):
                    listener(data)
            except Exception as error:
                self._broken(error)
        else:
            super()._push(data)

    def _finish(self, trailers: Raw | None = None) -> None:
        """All of the message has come."""
        self.complete = True
        if trailers:
            self._raw_trailers = trailers
        self._push_end()

    def _tell_end(self) -> None:
        """The end that was put off until the handlers have returned."""
        if (
            self._reading is not FLOWING or self._held is not None or self.closed or self._decoder is not None
            or self._inbox is not None or self._tickets or watching.watchers
        ):
            self._deliver_held()
            return
        self._due = False
        self._reading = READ_ENDED
        try:
            for listener in self._listeners.get("end", ()):
                listener()
        except Exception as error:
            self._broken(error)
        if not self.closed:
            self._after_end()

    def _cut_off(self, cause: Exception | None = None) -> None:
        """The connection is gone before all of the message came, or was read. cause: why, if it was not the peer."""
        if self._due:  # what has come is about to be delivered, and comes first
            loop.get().call_soon(self._cut_off, cause)
            return
        if self.closed or self.destroyed or self.readable_ended:
            return
        error = cause
        if error is None:
            error = ConnectionReset("the connection closed before the whole message had come", "The peer broke off.")
        self._fire("aborted")
        if self.quiet and not self._listeners and not self._tickets:
            self.closed = self.destroyed = True
            return
        self._failed = error
        self.closed = self.destroyed = True
        self._fast = None
        loop.get().call_soon(self._tell_closed)

    def _dump(self) -> None:
        """Nobody is going to read the rest of the body: it is thrown away as it comes."""
        listeners = self._listeners
        if self.closed or self._reading is READ_ENDED or "data" in listeners:
            return
        if self.quiet and self._held is None and self._inbox is None:
            if not self._source_ended:
                if self._reading is IDLE:
                    self._reading = FLOWING  # the source was never stopped
                    return
            elif not listeners and not self._tickets and not self._due:  # nobody hears the end
                self._reading = READ_ENDED
                self.closed = True
                self._start_source()
                self._source = None
                return
        self._held = None
        self._resume_now()

    # -- what the stream asks

    def _push_end(self) -> None:
        self._source_ended = True
        if self._reading is FLOWING and self._held is None and not self.destroyed and not self._due:
            self._due = True  # as in Node, end comes after the handler that runs now
            if self._source is None:
                loop.get().call_soon(self._deliver_held)
            else:
                self._source.soon(self)

    def _after_end(self) -> None:
        self._start_source()  # if this message had stopped it, the next one may come now
        if self._is_unheard("close"):
            self._listeners.clear()  # nothing more is emitted; they often hold the response, which holds this
            self.closed = True
            self._source = None
        else:
            loop.get().call_soon(self._close_if_over)  # as in Node, close comes after that of an answer given now

    def _destroy_now(self, error: Exception | None, from_cell: bool = False) -> None:
        if not self.complete and not self.closed and not self.destroyed:
            self._fire("aborted")
        super()._destroy_now(error, from_cell)

    def _stop_source(self) -> None:
        if self._source is not None:
            self._source.pause(self)

    def _start_source(self) -> None:
        if self._source is not None:
            self._source.resume(self)

    def _let_go(self) -> None:
        if self._source is not None and self.destroyed:
            self._source.leave(self)

    def _tell_closed(self) -> None:
        if self._failed is not None and ("error" in self._listeners or self._tickets):
            self._fail(self._failed)  # as in Node: of a message that is cut, only who listens is told
        self._fire("close", self._failed is not None)
        self._source = None

    def _broken(self, error: Exception) -> None:
        source = self._source
        if source is None:
            self._report(error)
            self._destroy_now(None)
        else:
            source.broken(self, error)

    def _report(self, error: BaseException, about: object = None) -> None:
        self.socket._report(error, self if about is None else about)  # under the cell of the server, or of the client

    def _is_unheard(self, event: str) -> bool:
        return self.quiet and event not in self._listeners and not self._tickets and not watching.watchers

    def _unseen(self, *events: str) -> Entry | None:
        found = super()._unseen(*events)
        if found is None and self.quiet:
            if "end" in events and self.readable_ended:
                return Entry("end", 0, None, 1, ())
            if "close" in events and self.closed:
                return Entry("close", 0, None, 1, (False,))
        return found

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        if name != "close":  # the message is over; its connection is not
            super()._watched(records, now, name, size, kind, args)
