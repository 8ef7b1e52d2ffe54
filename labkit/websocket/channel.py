"""An open WebSocket on a socket, and how it ends: the closing handshake, faults, time limits.

Rule: the same for client and server, and whatever carries the bytes; how a handshake is made is client.py and
server.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

from labkit.core import loop
from labkit.core.emitter import Ends
from labkit.core.endpoint import Endpoint
from labkit.core.errors import LabError
from labkit.net import Socket
from labkit.streams.states import IDLE
from labkit.websocket.codes import CLOSE, PING, ProtocolError
from labkit.websocket.frames import FIN, Parser, close_payload
from labkit.websocket.options import Options
from labkit.websocket.receiving import Receiving
from labkit.websocket.sending import CLOSED, CLOSING, CONNECTING, OPEN

LINGER = 5.0
"""Seconds that a connection stands after its peer broke a rule, so that the peer can read the close frame."""


class _Reader(Parser):
    """The parser of a channel: what it finds goes straight there."""

    __slots__ = ()

    def _tell_message(self, message: str | bytes) -> None:
        self._taker._arrived(message)

    def _tell_ping(self, data: bytes) -> None:
        self._taker._answer_ping(data)
        self._taker._fire_sized("ping", data)

    def _tell_pong(self, data: bytes) -> None:
        self._taker._fire_sized("pong", data)

    def _tell_close(self, code: int, reason: str) -> None:
        self._taker._peer_closes(code, reason)


class Channel(Receiving):
    """The part of a `WebSocket` that has nothing to do with its handshake.

    protocol: the subprotocol agreed on, or "". extensions: what was agreed on, as the response says it, or "". url:
    what a client asked for.
    """

    EVENTS = frozenset({"open", "message", "ping", "pong", "close", "error", "drain", "upgrade", "unexpected_response"})
    STATES = frozenset({"open", "close", "error", "upgrade"})

    __slots__ = (
        "_close_received", "_close_sent", "_code", "_owner", "_reason", "_seen", "_timer", "extensions", "protocol",
        "url",
    )  # fmt: skip

    def _begin(self, options: Options, *, is_server: bool, owner: Any, url: str, has_cell: bool) -> None:
        """Everything as it is before the handshake. owner: the server, which shows errors; None at a client."""
        Endpoint.__init__(self, has_cell=has_cell)
        self._begin_sending(options, is_server)
        self._begin_receiving()
        self._owner, self.url = owner, url
        self.protocol = self.extensions = ""
        self._close_sent = self._close_received = False
        self._code, self._reason = 1006, ""  # what ``close`` will tell
        self._timer: asyncio.TimerHandle | None = None
        self._seen = -1  # bytes that had come at the last heartbeat

    def _adopt(self, socket: Socket, deflate: Any) -> None:
        """The handshake is done. Nothing is read before `_flow`."""
        self.socket, self._deflate = socket, deflate
        options = self._options
        self._parser = _Reader(
            self, is_server=self._is_server, max_frame_size=options.max_frame_size,
            max_message_size=options.max_message_size, deflate=deflate,
        )  # fmt: skip
        self._state = OPEN
        self._plain = deflate is None
        # not on(): these print nothing, so they need no cell to print under
        socket._add("end", self._peer_ended)
        socket._add("close", self._socket_closed)
        if "error" not in socket._listeners:
            socket._listeners["error"] = _NOBODY  # one tuple for all: many connections stand idle

    def _flow(self, head: bytes) -> None:
        """Read, first what came in one piece with the handshake. Source: RFC 6455 section 4.1."""
        socket = self.socket
        if socket is None or socket.closed or socket.destroyed:
            return
        socket._reading = IDLE
        if head:
            socket._unshift_now(head, True)
        socket._add("data", self._feed)
        if self._parser is not None and self._parser.stopped:  # a listener of connection has paused it
            socket._pause_now()

    # -- for programs

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Begin the closing handshake: a close frame with a code and a reason (up to 123 bytes of UTF-8).

        code: 1000, or another that a frame may carry; None: a frame without a code. ``close`` is emitted when the
        connection is closed. If the other side does not answer within close_timeout, the connection is cut.
        A WebSocket that is still CONNECTING gives up, with an error. One that is paused sees the answer after `resume`
        alone; a cell that calls this resumes it. Source: RFC 6455 section 7.
        """
        payload = close_payload(code, reason)
        loop.call(self._close_now, payload, not loop.inside())

    def terminate(self) -> None:
        """Cut the connection at once, without a close frame."""
        loop.call(self._terminate_now, not loop.inside())

    def leave(self) -> None:
        """Cut the connection, since the host it is on goes."""
        self.terminate()

    def endpoint(self) -> Ends:
        """(``"client"`` or ``"server"``, local, remote): the ends of the connection below."""
        if self.socket is None:
            return ("server" if self._is_server else "client", None, None)
        return self.socket.endpoint()

    def __repr__(self) -> str:
        of = f" to {self.url}" if not self._is_server else f" of {self.url}" if self.url else ""
        return f"<WebSocket {'server' if self._is_server else 'client'}{of}, {self._state.name}>"

    # -- the closing handshake

    def _close_now(self, payload: bytes, from_cell: bool) -> None:
        if self._state is CONNECTING:
            self._give_up(_too_early(), from_cell)
        elif self._state is OPEN:
            self._called("close")
            self._send_close(payload, self._options.close_timeout)
            if from_cell:
                self._paused = False
                self._drop_kept()
                self._read_on()

    def _send_close(self, payload: bytes, timeout: float) -> None:
        self._write(FIN | CLOSE, payload)
        self._state, self._plain, self._close_sent = CLOSING, False, True
        self._begin_timer(timeout)

    def _peer_closes(self, code: int, reason: str) -> None:
        """A close frame has come: it is answered, if it is no answer itself; then the server ends the connection."""
        self._close_received = True
        self._code, self._reason = code, reason
        if self._state is OPEN:
            self._send_close(close_payload(None if code == 1005 else code, reason), self._options.close_timeout)
        if self._is_server and self.socket is not None:  # RFC 6455 section 7.1.1: the server ends first
            self.socket._end_now()
        self._read_to_end()

    def _peer_ended(self) -> None:
        """FIN. Without a close frame before it, the connection was cut."""
        if self._state is OPEN:
            self._state, self._plain = CLOSING, False
            self._begin_timer(self._options.close_timeout)
        if self.socket is not None:
            self.socket._end_now()

    def _ending(self) -> str:
        if self._state is not CLOSED:
            return ""
        words = f"The close code was {self._code}" + (f": {self._reason}" if self._reason else "")
        return words if self._code != 1006 else "No close frame came (1006): the connection was cut."

    def _read_to_end(self) -> None:
        """Nothing more is told; what still comes is thrown away, up to the peer's FIN."""
        self._paused = False
        self._read_on()

    def _socket_closed(self, *_: Any) -> None:
        self._stop_timer()
        self._parser = self._deflate = None
        self._tell_closed()

    def _tell_closed(self) -> None:
        self._state, self._plain, self._fast = CLOSED, False, None
        if self._inbox is not None and not self.is_paused:
            self._hand_over()  # a listener hears every message before `close`
        self._fire("close", self._code, self._reason)
        if (forget := getattr(self._owner, "_forget_client", None)) is not None:
            forget(self)

    # -- cutting it short

    def _give_up(self, error: LabError, from_cell: bool) -> None:
        """End the opening handshake; a client overrides this."""

    def _terminate_now(self, from_cell: bool) -> None:
        if self._state is CONNECTING:
            self._give_up(_too_early(), from_cell)
        elif self._state is not CLOSED and self.socket is not None:
            self._called("terminate")
            self._state, self._plain = CLOSING, False
            if self._parser is not None:
                self._parser.over = True
            self.socket._destroy_now(None)

    def _begin_timer(self, seconds: float) -> None:
        self._stop_timer()
        if seconds and self.socket is not None:
            self._timer = loop.get().call_later(seconds, self.socket._destroy_now, None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        """The server's heartbeat: without a sign of life since the last one, the connection is cut."""
        socket = self.socket
        if self._state is not OPEN or socket is None or self.is_paused:
            return
        if socket.bytes_read == self._seen:
            self._terminate_now(False)
            return
        self._seen = socket.bytes_read
        self._write(FIN | PING, b"")

    # -- faults

    def _violated(self, error: ProtocolError) -> None:
        """The peer has broken a rule: it is told, and nothing more is read. Source: RFC 6455 section 7.1.7."""
        if self._state is OPEN:
            words = error.what.encode()[:123].decode("utf-8", "ignore")
            self._send_close(close_payload(error.code, words), min(self._options.close_timeout or LINGER, LINGER))
        if self.socket is not None:
            self.socket._end_now()
        self._read_to_end()
        self._fault(error)

    def _fault(self, error: BaseException) -> None:
        """Tell of what the peer has done. At a server it is no error of the program: if nobody listens, that is all."""
        if not self._is_server or "error" in self._listeners or self._tickets:
            self._fail(error)
            return
        self._remember("error", (error,))
        if (tell := getattr(self._owner, "_client_failed", None)) is not None:
            tell(error, self)

    def _cut(self, error: LabError) -> None:
        self._terminate_now(False)
        self._fault(error)

    def _broken(self, error: Exception) -> None:
        """A listener has failed: it is shown, the other side is told (1011), and no more messages are."""
        self._report(error)
        self._deaf, self._fast = True, None
        if self._state is OPEN:
            self._close_now(close_payload(1011), False)

    def _report(self, error: BaseException, about: object = None) -> None:
        if self._owner is None:
            super()._report(error, about)
        else:
            self._owner._report(error, self if about is None else about)

    def _detail(self, name: str, args: tuple[Any, ...]) -> str:
        return " ".join(str(each) for each in args if each != "") if name == "close" else ""


def _too_early() -> LabError:
    return LabError("the WebSocket was closed before it was open", "Wait for open first, or for the error.")


def _ignored(*_: Any) -> None:
    """A socket's error ends the connection, and ``close`` (1006) tells of that; as in Node's ``ws``."""


_NOBODY = (_ignored,)
