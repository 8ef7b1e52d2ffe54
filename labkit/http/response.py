"""What a server answers with: Node's ServerResponse.

Rule: chooses the status line and the fields that a server adds; framing is outgoing.py, the connection is serving.py.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any, Self, TypeAlias

from labkit.core import checks, loop, watching
from labkit.core.errors import BadArgument, LabError
from labkit.http.asleep import AWAKE
from labkit.http.framing_fields import KNOWN, facts
from labkit.http.headers import Fields, HeadersSent, check_value, pairs
from labkit.http.incoming import ANSWERED, NEW, IncomingMessage
from labkit.http.outgoing import OutgoingMessage
from labkit.http.status import PHRASES
from labkit.streams.states import FLOWING, IDLE, OPEN, OPENING, WRITE_ENDED
from labkit.streams.writable import NOTHING

_LINES = {code: f"HTTP/1.1 {code} {phrase}\r\n" for code, phrase in PHRASES.items()}

Lines: TypeAlias = tuple[tuple[str, str], ...]

_known: dict[Lines, Lines] = {}


def _checked(headers: dict[str, Any]) -> Lines:
    """The lines of these fields, which are checked once: a handler gives the same ones again and again."""
    key = tuple(headers.items())
    is_plain = all(type(value) is str for value in headers.values())
    found = _known.get(key) if is_plain else None
    if found is None:
        fields = Fields()
        for name, value in key:
            fields.set(name, value)
        found = tuple(fields.lines())
        if is_plain:
            if len(_known) >= KNOWN:
                _known.clear()
            _known[key] = found
    return found


_prefixes: dict[tuple[int, Lines], bytes] = {}


def _prefix(code: int, lines: Lines) -> bytes:
    """The status line and these fields, if the message has a body and they say nothing of its framing; else b""."""
    prefix = b""
    if code in _LINES and code >= 200 and code not in (204, 304):
        said = facts(_LINES[code], lines)
        if said.is_plain:
            prefix = said.prefix
    if len(_prefixes) >= KNOWN:
        _prefixes.clear()
    _prefixes[code, lines] = prefix
    return prefix


class ServerResponse(OutgoingMessage):
    """The answer to one request; ``drain``, ``finish`` and ``close`` tell its story.

    status_code, status_message: what the head will say ("" for the usual phrase). req: the request.
    ``close`` without ``finish``: the connection was gone before all was sent.
    """

    __slots__ = ("_asleep", "_given", "_keeps", "_message", "_status", "req")

    def __init__(self, carrier: Any, request: IncomingMessage, keep_alive: bool) -> None:
        self._set_first(carrier, request, keep_alive)
        self.quiet = False
        self._make_rest(0, type(self))

    def _set_first(self, carrier: Any, request: IncomingMessage, keep_alive: bool) -> None:
        """Set what is always needed, also of a response that is asleep."""
        self._carrier = carrier
        self.req = request
        self._status = 200
        self._message = ""
        self._unsent = b""
        self._given: Lines | None = None  # the fields of write_head, if there are no others
        self._fields = self._trailers = self._sink = None
        self._composed = self._chunked = False
        self.send_date = self._has_body = True
        if request.method == "HEAD":
            self._has_body = False
        self._writing = OPENING
        self.should_keep_alive = keep_alive
        self._asleep = 0  # above 0: it was sent whole, in so many bytes

    def _make_rest(self, was: int, cls: type) -> None:
        # as `OutgoingMessage._begin`, but no call may be in it: see asleep.py
        self.__class__ = cls
        self._asleep = AWAKE
        self._listeners = {}
        self._tickets = ()
        self._history = None
        self._spent = None
        self._failure = None
        self._context = None
        self._fast = None
        self._pieces = 0
        self._since = 0
        self.closed = was > 0
        self.destroyed = False
        self._failed = None
        self._queued = NOTHING
        self._queued_size = 0
        self._blocked = False
        self._corked = 0
        self._written = was
        self._pipes = ()
        self._mark = 65536
        self._left = None
        self.closes = False
        self.socket = self.req.socket

    # -- for programs

    @property
    def status_code(self) -> int:
        """The status code that is or will be sent; can be set before the head is made."""
        return self._status

    @status_code.setter
    def status_code(self, code: int) -> None:
        self._check_open("status_code")
        self._status = checks.whole(code, "a status code", 100, 999)

    @property
    def status_message(self) -> str:
        """The phrase in the status line, if it is not the usual one."""
        return self._message or (PHRASES.get(self._status, "unknown") if self._composed else "")

    @status_message.setter
    def status_message(self, message: str) -> None:
        self._check_open("status_message")
        check_value(checks.text(message, "a status message"), "status line")
        self._message = message

    def write_head(self, status: int, message: Any = None, headers: Any = None) -> Self:
        """Make the head: nothing can be set in it any more. It is sent with the first bytes of the body, or by `end`.

        message: the phrase of the status line; it may be left out, ``write_head(200, {"Content-Type": "text/plain"})``.
        headers: fields, besides those of `set_header`. Raises `HeadersSent`, `BadHeader`, `BadArgument`.
        The length of the body is not known here: unless a field says it, the body goes in chunks.
        """
        if not loop.inside():
            loop.call(self._write_head_now, status, message, headers)
        else:
            self._write_head_now(status, message, headers)
        return self

    def _write_head_now(self, status: int, message: Any, headers: Any) -> None:
        if self._composed:
            raise HeadersSent("write_head() came too late: the head is already made", "Call it once, and before end().")
        code = checks.whole(status, "a status code", 100, 999)
        if message is not None and not isinstance(message, str):
            if headers is not None:
                raise BadArgument(f"{checks.shown(message)} is not a status message", "Give text, or leave it out.")
            message, headers = None, message
        if message is not None:
            check_value(message, "status line")
        if headers is not None and self._fields is None and type(headers) is dict:
            self._given = _checked(headers)
        elif headers is not None:
            fields = Fields()
            kept = self._fields
            if kept is not None:
                for name, value in kept.pairs():
                    fields.set(name, value)
            for name, value in pairs(headers):
                fields.set(name, value)
            self._fields = fields
        self._status = code
        if message is not None:
            self._message = message
        self._compose(None)

    def end(self, data: Any = None, on_finish: Callable[[], Any] | None = None) -> Self:
        """See `OutgoingMessage.end`."""
        if (
            self.quiet and not self._asleep and self._writing is OPEN and on_finish is None and not watching.watchers
            and get_ident() == loop._ident
        ):  # nobody is told of it: if the message is a usual one, it is made and sent in one step
            if type(data) is str and data.isascii():
                last = data.encode()
            else:
                last = data if type(data) is bytes else b"" if data is None else checks.data(data, "written")
            wire = b""
            if self._trailers is None and self._has_body:
                if not self._composed:
                    if head := self._usual_head():
                        wire = b"%bContent-Length: %d\r\n\r\n%b" % (head, len(last), last)
                elif self._chunked:
                    chunk = b"%x\r\n%b\r\n" % (len(last), last) if last else b""
                    wire = b"%b%b0\r\n\r\n" % (self._unsent, chunk)
            size = len(wire)
            if size and not self._asleep:  # no call from here to the last line: see asleep.py
                self._asleep = size
                self._writing = WRITE_ENDED
                self._composed = True
                carrier: Any = self._carrier
                self._carrier = None
                req = self.req
                stands = req._asleep
                if stands == NEW:
                    req._asleep = ANSWERED
                elif stands < 0 and not req.complete:
                    if req._reading is IDLE and not req._listeners and req._held is None:
                        req._reading = FLOWING  # as `IncomingMessage._dump`; the source was never stopped
                    else:
                        req._dump()
                carrier.answer(self, wire)
                return self
        return super().end(data, on_finish)

    def _usual_head(self) -> bytes:
        """The head without its last lines, which say how the message is framed; b"" if they do not follow as usual."""
        if self._message or not self.send_date or not self.should_keep_alive or self.req.http_version != "1.1":
            return b""
        fields = self._fields
        if fields is None:
            lines = self._given or ()
        elif fields.several:
            return b""
        else:
            lines = tuple(fields._fields.values())  # type: ignore[arg-type]
        prefix = _prefixes.get((self._status, lines))
        if prefix is None:
            prefix = _prefix(self._status, lines)
        carrier: Any = self._carrier
        server = carrier.server
        if not prefix or carrier._ending or server.max_requests_per_socket or server._listener is None:
            return b""
        head: bytes = prefix + server._standing  # the Date line, and those that say that the connection stands
        return head

    def _compose(self, length: int | None) -> None:
        if length is None and self._has_body and self._carrier is not None and (head := self._usual_head()):
            self._chunked = self._composed = True
            self._unsent = head + b"Transfer-Encoding: chunked\r\n\r\n"
        else:
            super()._compose(length)

    def write_continue(self) -> None:
        """Send ``100 Continue``: the client may send its body (RFC 9110 section 15.2.1)."""
        self._write_interim(100, {})
        self.should_keep_alive = getattr(self, "_keeps", self.should_keep_alive)

    def _owe_continue(self) -> None:
        """The client waits for 100 before its body. An answer without it may or may not be followed by the body.

        So such an answer closes the connection, as in Node, unless `write_continue` comes first.
        """
        self._keeps, self.should_keep_alive = self.should_keep_alive, False

    def write_processing(self) -> None:
        """Send ``102 Processing``."""
        self._write_interim(102, {})

    def write_early_hints(self, headers: Any) -> None:
        """Send ``103 Early Hints``, with fields such as ``{"Link": "</style.css>; rel=preload"}`` (RFC 8297)."""
        self._write_interim(103, headers)

    def _write_interim(self, code: int, headers: Any) -> None:
        fields = Fields()
        for name, value in pairs(headers):
            fields.set(name, value)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.lines())
        head = f"{_LINES[code]}{lines}\r\n".encode("latin-1")

        def now() -> None:
            if self._composed:
                raise LabError(
                    f"a {code} answer comes before the head of the response, which is already made",
                    "Send it first.", code="ERR_HTTP_HEADERS_SENT",
                )  # fmt: skip
            if self.req.http_version != "1.0":  # RFC 9110 section 15.2: a 1.0 client knows no interim responses
                super(OutgoingMessage, self)._write_now(head)

        loop.call(now)

    def __repr__(self) -> str:
        return f"<response {self._status} to {self.req.method} {self.req.url}>"

    # -- what a message asks

    def _lines(self) -> Lines:
        return super()._lines() if self._given is None else self._given

    def _first_line(self) -> str:
        code = self._status
        if code == 204 or code == 304 or code < 200:
            self._has_body = False
        if not self._message and code in _LINES:
            return _LINES[code]
        return f"HTTP/1.1 {code} {self._message or 'unknown'}\r\n"

    def _chunks_by_default(self) -> bool:
        request = self.req
        return request.http_version == "1.1" or "chunked" in request.headers.get("te", "").lower()

    def _forbids_chunks(self) -> bool:
        return self._status in (204, 304)

    def _is_interim(self) -> bool:
        return self._status < 200

    def _connection_lines(self, framed: bool) -> bytes:
        carrier = self._carrier
        if self.should_keep_alive and carrier is not None and (framed or self._chunks_by_default()):
            lines: bytes = carrier.keep_alive_lines(self)  # type: ignore[attr-defined]
            if lines:
                return lines
        self.closes = True
        return b"Connection: close\r\n"

    def _date_line(self) -> bytes:
        carrier: Any = self._carrier
        return b"" if carrier is None else carrier.server._date_line()

    def _after_finish(self) -> None:
        super()._after_finish()
        self.req._dump()  # as in Node, a body that nobody has read is thrown away now

    def _finish_soon(self) -> None:
        if self.quiet and not self._listeners and not self._tickets and not self._pipes:  # nobody is told of it
            self._writing = WRITE_ENDED
            self.closed = True
            self._carrier = None
        else:
            super()._finish_soon()
        if self._writing is WRITE_ENDED and not self.req.complete:
            self.req._dump()

    def _detail(self, name: str, args: tuple[Any, ...]) -> str:
        return str(self._status) if name in ("finish", "end") else ""

    def _report(self, error: BaseException, about: object = None) -> None:
        self.socket._report(error, self if about is None else about)
