"""An open WebSocket on a socket: what comes becomes events, what is sent becomes frames, and both sides close.

Rule: the same for client and server, and whatever carries the bytes; how a handshake is made is client.py and
server.py.
"""

from __future__ import annotations

import asyncio
from threading import get_ident
from time import monotonic, time_ns
from typing import Any

from labkit.core import checks, loop, watching
from labkit.core.emitter import Ends
from labkit.core.endpoint import Endpoint
from labkit.core.errors import LabError, NotOpen
from labkit.core.history import HISTORY, Entry
from labkit.net import Socket
from labkit.streams.pipe import together
from labkit.streams.states import ENDING, IDLE
from labkit.streams.states import OPEN as STREAM_OPEN
from labkit.websocket import masks
from labkit.websocket.codes import BINARY, CLOSE, PING, PONG, TEXT, ProtocolError
from labkit.websocket.frames import FIN, Parser, close_payload, frame
from labkit.websocket.inbox import Inbox
from labkit.websocket.options import Options, ReadyState

CONNECTING, OPEN, CLOSING, CLOSED = ReadyState

LINGER = 5.0
"""Seconds that a connection stands after its peer broke a rule, so that the peer can read the close frame."""

_WHOLE_TEXT, _WHOLE_BINARY = FIN | TEXT, FIN | BINARY


class _Taker:
    """Whom the parser calls; the messages go straight to the channel."""

    __slots__ = ("_channel", "on_binary", "on_text")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.on_text = self.on_binary = channel._arrived

    def on_ping(self, data: bytes) -> None:
        self._channel._pinged(data)

    def on_pong(self, data: bytes) -> None:
        self._channel._fire_sized("pong", data)

    def on_close(self, code: int, reason: str) -> None:
        self._channel._peer_closes(code, reason)


class Channel(Endpoint):
    """The part of a `WebSocket` that has nothing to do with its handshake.

    socket: the connection below; None before there is one. protocol: the subprotocol agreed on, or "". extensions: what
    was agreed on, as the response says it, or "". url: what a client asked for.
    """

    EVENTS = frozenset({"open", "message", "ping", "pong", "close", "error", "drain", "upgrade", "unexpected_response"})
    STATES = frozenset({"open", "close", "error", "upgrade"})

    __slots__ = (
        "_close_received", "_close_sent", "_code", "_deflate", "_fragment", "_inbox", "_is_server", "_lost", "_options",
        "_owner", "_parser", "_plain", "_pong_owed", "_reason", "_seen", "_state", "_timer", "extensions", "protocol",
        "socket", "url",
    )  # fmt: skip

    def _begin(self, options: Options, *, is_server: bool, owner: Any, url: str, has_cell: bool) -> None:
        """Everything as it is before the handshake. owner: the server, which shows errors; None at a client."""
        Endpoint.__init__(self, has_cell=has_cell)
        self._options, self._is_server, self._owner, self.url = options, is_server, owner, url
        self._state = CONNECTING
        self.socket: Socket | None = None
        self.protocol = self.extensions = ""
        self._parser: Parser | None = None
        self._deflate: Any = None
        self._plain = False  # a message needs nothing but its frame made and written
        self._fragment = False  # a message was begun and not ended
        self._close_sent = self._close_received = False
        self._code, self._reason = 1006, ""
        self._timer: asyncio.TimerHandle | None = None
        self._inbox: Inbox | None = None
        self._pong_owed: bytes | None = None
        self._seen = -1  # bytes that had come at the last heartbeat
        self._lost = 0  # bytes that were sent after the close

    def _adopt(self, socket: Socket, deflate: Any) -> None:
        """The handshake is done. Nothing is read before `_flow`."""
        self.socket, self._deflate = socket, deflate
        options = self._options
        self._parser = Parser(
            _Taker(self), is_server=self._is_server, max_frame_size=options.max_frame_size,
            max_message_size=options.max_message_size, deflate=deflate,
        )  # fmt: skip
        self._state = OPEN
        self._plain = deflate is None
        # not on(): these print nothing, so they need no cell to print under
        socket._add("end", self._peer_ended)
        socket._add("error", _ignored)
        socket._add("close", self._socket_closed)
        socket._add("drain", self._drained)

    def _flow(self, head: bytes) -> None:
        """Read, first what came in one piece with the handshake. Source: RFC 6455 section 4.1, "upgrade head"."""
        socket = self.socket
        if socket is None or socket.closed or socket.destroyed:
            return
        socket._reading = IDLE
        if head:
            socket._unshift_now(head, True)
        socket._add("data", self._feed)

    # -- for programs

    @property
    def ready_state(self) -> ReadyState:
        """0 CONNECTING, 1 OPEN, 2 CLOSING or 3 CLOSED."""
        return self._state

    @property
    def buffered_amount(self) -> int:
        """Bytes of frames that were sent and that the kernel has not taken; also what was sent after the close."""
        return self._lost + (0 if self.socket is None else self.socket.writable_length)

    @property
    def is_paused(self) -> bool:
        """Whether `pause` was called, and not `resume`."""
        return self._parser is not None and self._parser.stopped

    def send(
        self, data: str | bytes | bytearray | memoryview, *, fin: bool = True, compress: bool | None = None
    ) -> bool:
        """Send a message: text for str, binary for bytes. Returns False if too much waits: go on after ``drain``.

        fin: False for a fragment; the next call goes on with the same message, and the last one has fin=True.
        compress: whether to compress it, if that was agreed on (None: yes).
        While CONNECTING it raises `NotOpen`. After the close: from a cell too, from a handler it returns False, and
        `buffered_amount` grows, as in a browser. If more waits than ``max_queue``, the connection is cut.
        Source: RFC 6455 sections 5.4 and 6.1.
        """
        if type(data) is bytes:
            first, payload = _WHOLE_BINARY, data
        elif isinstance(data, str):
            first, payload = _WHOLE_TEXT, data.encode() if data.isascii() else checks.data(data, "sent")
        else:
            first, payload = _WHOLE_BINARY, checks.data(data, "sent")
        if self._plain and fin is True and get_ident() == loop._ident and not watching.watchers:
            wire = frame(first, payload, None if self._is_server else masks.new_key())
            socket: Any = self.socket
            if socket._idle is None and not socket._corked and socket._writing is STREAM_OPEN:
                socket._written += len(wire)
                socket._sink(wire)
                return not socket._blocked or self._is_too_full()
        if compress is not None:
            checks.flag(compress, "compress")
        from_cell = not loop.inside()
        return loop.call(self._send_now, first, payload, checks.flag(fin, "fin"), compress is not False, from_cell)

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping: up to 125 bytes, which the other side sends back in a pong. Source: RFC 6455 section 5.5.2."""
        self._send_control(PING, data)

    def pong(self, data: str | bytes = b"") -> None:
        """Send a pong that nobody has asked for; pings are answered without it. Source: RFC 6455 section 5.5.3."""
        self._send_control(PONG, data)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Begin the closing handshake: a close frame with a code and a reason (up to 123 bytes of UTF-8).

        code: 1000, or another that a frame may carry; None: a frame without a code. ``close`` is emitted when the
        connection is closed. If the other side does not answer within close_timeout, the connection is cut.
        A WebSocket that is still CONNECTING gives up, with an error. Source: RFC 6455 section 7.
        """
        payload = close_payload(code, reason)
        loop.call(self._close_now, payload, not loop.inside())

    def terminate(self) -> None:
        """Cut the connection at once, without a close frame."""
        loop.call(self._terminate_now, not loop.inside())

    def pause(self) -> None:
        """Emit no more messages, and read no more: TCP then slows the other side down."""

        def now() -> None:
            if self._parser is not None and self._state in (OPEN, CLOSING) and self.socket is not None:
                self._parser.stopped = True
                self.socket._pause_now()

        loop.call(now)

    def resume(self) -> None:
        """Emit messages again: first those that had come already."""
        loop.call(self._resume_now)

    def endpoint(self) -> Ends:
        """(``"client"`` or ``"server"``, local, remote): the ends of the connection below."""
        if self.socket is None:
            return ("server" if self._is_server else "client", None, None)
        return self.socket.endpoint()

    def __repr__(self) -> str:
        of = f" to {self.url}" if not self._is_server else f" of {self.url}" if self.url else ""
        return f"<WebSocket {'server' if self._is_server else 'client'}{of}, {self._state.name}>"

    # -- sending

    def _send_now(self, first: int, payload: bytes, fin: bool, compress: bool, from_cell: bool) -> bool:
        if not self._may_send("send", from_cell):
            self._lost += len(payload)
            return False
        if watching.watchers:
            self._called("send", len(payload))
        begins = not self._fragment
        if not begins:
            first &= 0xF0  # a continuation
        if not fin:
            first &= ~FIN
        self._fragment = not fin
        deflate = self._deflate
        if deflate is not None and (deflate.active if not begins else compress):
            payload = deflate.deflate(payload, fin)
            if begins:
                first |= 0x40
        self._plain = fin and deflate is None
        self._write(first, payload)
        return not self._blocked() or self._is_too_full()

    def _send_control(self, opcode: int, data: str | bytes) -> None:
        payload = checks.data(data, "sent")
        name = "ping" if opcode == PING else "pong"
        if len(payload) > 125:
            raise LabError(f"this {name} has {len(payload)} bytes", "A control frame has room for 125.")

        from_cell = not loop.inside()

        def now() -> None:
            if self._may_send(name, from_cell):
                self._called(name, len(payload))
                self._write(FIN | opcode, payload)

        loop.call(now)

    def _may_send(self, verb: str, from_cell: bool) -> bool:
        """Whether a frame can be sent; raises `NotOpen` if it cannot, but not for a handler after the close."""
        if self._state is OPEN:
            return True
        if self._state is CONNECTING:
            raise NotOpen(f"{verb}() came before the WebSocket is open", 'First wait_for("open"), or use on_open.')
        if from_cell:
            failure = self._failure
            if failure is not None and not failure.given:
                raise failure.give()
            raise NotOpen(f"{self!r} sends nothing any more", "Connect again.")
        return False

    def _write(self, first: int, payload: bytes) -> None:
        socket = self.socket
        if socket is not None and socket._writing < ENDING and not socket.closed and not socket.destroyed:
            socket._write_now(frame(first, payload, None if self._is_server else masks.new_key()))

    def _send_frame(self, wire: bytes) -> bool:
        """Send a frame that was made for many; returns whether it was sent."""
        socket: Any = self.socket
        if self._state is not OPEN or self._fragment:
            return False
        if socket._idle is None and not socket._corked and socket._writing is STREAM_OPEN and not watching.watchers:
            socket._written += len(wire)
            socket._sink(wire)
        elif socket._writing < ENDING and not socket.closed and not socket.destroyed:
            socket._write_now(wire)
        if socket._blocked:
            self._is_too_full()
        return True

    def _beat(self) -> None:
        """The server's heartbeat: without a sign of life since the last one, the connection is cut."""
        socket = self.socket
        if self._state is not OPEN or socket is None or socket.is_paused:
            return
        if socket.bytes_read == self._seen:
            self._terminate_now(False)
            return
        self._seen = socket.bytes_read
        self._write(FIN | PING, b"")

    def _blocked(self) -> bool:
        return self.socket is not None and self.socket._blocked

    def _is_too_full(self) -> bool:
        """False: too much waits to be sent; and if it is more than the limit, the connection is cut."""
        most = self._options.max_queue
        waiting = self.buffered_amount
        if most and waiting > most and self._state is OPEN:
            words = f"the other side reads too slowly: {waiting} bytes wait to be sent, and max_queue is {most}"
            self._cut(LabError(words, "Stop when send() returns False, and go on after drain."))
        return False

    def _drained(self) -> None:
        owed, self._pong_owed = self._pong_owed, None
        if owed is not None and self._state is OPEN:
            self._write(FIN | PONG, owed)
        self._fire("drain")

    # -- what comes

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed(data)  # type: ignore[union-attr]  # it is there as long as the socket is heard
        except ProtocolError as error:
            self._violated(error)

    def _arrived(self, message: Any) -> None:
        """A message has come: the path of every message of a busy connection."""
        fast = self._fast
        if fast is None or watching.watchers:
            self._take(message)
            return
        pieces = self._pieces
        if pieces < HISTORY:
            if not pieces:
                self._since = time_ns()
            self._pieces = pieces + 1
        try:
            fast(message)
        except Exception as error:
            self._broken(error)

    def _take(self, message: Any) -> None:
        self._fast = None
        if self._inbox is not None or "message" not in self._listeners:
            self._keep(message)
            return
        listeners = self._listeners["message"]
        self._fire_sized("message", message)
        if (
            not self._is_young() and not self._tickets and listeners is self._listeners.get("message")
            and self._inbox is None
        ):  # fmt: skip
            self._fast = together(listeners)

    def _fire_sized(self, event: str, data: Any) -> None:
        """Emit an event with a payload; its size is in bytes, also that of text."""
        size = len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode())
        entry = self._remember(event, (data,), size, done=False)
        try:
            for listener in self._listeners.get(event, ()):
                listener(data)
        except Exception as error:
            self._broken(error)
        entry.done = True
        if self._tickets:
            self._offer(entry)

    def _pinged(self, data: bytes) -> None:
        if self._state is OPEN:
            if self._blocked():
                self._pong_owed = data  # RFC 6455 section 5.5.3: only the latest ping needs its answer
            else:
                self._write(FIN | PONG, data)
        self._fire_sized("ping", data)

    def _run(self, pieces: int) -> Entry:
        return Entry("message", self._since, None, pieces, (None,))

    def _broken(self, error: Exception) -> None:
        """A listener has failed: it is shown, and the other side is told (1011)."""
        self._report(error)
        if self._state is OPEN:
            self._close_now(close_payload(1011), False)

    # -- messages that nobody listens to

    def _keep(self, message: Any) -> None:
        """Nobody listens: the message waits. If too many do, a cell's client reads no more; else the oldest go."""
        inbox = self._inbox
        if inbox is None:
            inbox = self._inbox = Inbox()
        inbox.add(message)
        entry = self._remember("message", (None,), len(message))
        if self._tickets:
            self._offer(entry)
        if inbox.is_full and "message" not in self._listeners:
            if self._waits_for_cell():
                self._stop_reading()
            else:
                while inbox.is_full and len(inbox) > 1:
                    inbox.take()

    def _waits_for_cell(self) -> bool:
        """Whether a cell is going to take the messages one by one."""
        return False

    def _stop_reading(self) -> None:
        if self._parser is not None and self.socket is not None:
            self._parser.stopped = True
            self.socket._pause_now()

    def _take_kept(self) -> tuple[Any, ...] | None:
        inbox = self._inbox
        if inbox is None or "message" in self._listeners:
            return None
        if not inbox:
            self._inbox = None
            return None
        message = inbox.take()
        if not inbox.is_full and self.is_paused and self._waits_for_cell():
            loop.get().call_soon(self._resume_now)
        return (message,)

    def _hand_over(self) -> None:
        """Somebody listens now: what waited is delivered."""
        inbox = self._inbox
        while inbox and self._inbox is inbox and "message" in self._listeners:
            self._fire_sized("message", inbox.take())
        if not inbox and self._inbox is inbox:
            self._inbox = None
            if self.is_paused and self._waits_for_cell():
                self._resume_now()

    def _wanted(self, event: str) -> None:
        super()._wanted(event)
        if event == "message" and self._inbox is not None:
            loop.get().call_soon_threadsafe(self._hand_over)

    def wait_for(self, event: str, timeout: float = 5.0) -> Any:
        """See `Emitter.wait_for`. Messages that no listener has heard are returned one by one, in their order."""
        checks.seconds(timeout)
        if event != "message" or loop.inside():
            return super().wait_for(event, timeout)
        deadline = monotonic() + timeout
        while True:
            kept: tuple[Any, ...] | None = loop.call(self._take_kept)
            if kept is not None:
                return kept[0]
            heard = "message" in self._listeners
            found = super().wait_for("message", max(0.0, deadline - monotonic()))
            if heard and found is None:
                raise LabError(
                    "messages came before this wait, and were not kept: there were many",
                    "Take them in a message listener.",
                )
            if heard:
                return found

    # -- the end

    def _resume_now(self) -> None:
        parser, socket = self._parser, self.socket
        if parser is None or socket is None or not parser.stopped:
            return
        try:
            parser.go_on()
        except ProtocolError as error:
            self._violated(error)
        if not parser.stopped:
            socket._resume_now()

    def _close_now(self, payload: bytes, from_cell: bool) -> None:
        if self._state is CONNECTING:
            words = "the WebSocket was closed before it was open"
            self._give_up(LabError(words, "Wait for open, or for the error."), from_cell)
        elif self._state is OPEN:
            self._called("close")
            self._send_close(payload, self._options.close_timeout)
            if self._inbox is not None and self._waits_for_cell():
                self._inbox = Inbox()  # nobody waits for messages any more
                self._resume_now()

    def _give_up(self, error: LabError, from_cell: bool) -> None:
        """End the handshake; a client overrides this."""

    def _terminate_now(self, from_cell: bool) -> None:
        if self._state is CONNECTING:
            words = "the WebSocket was closed before it was open"
            self._give_up(LabError(words, "Wait for open, or for the error."), from_cell)
        elif self._state is not CLOSED and self.socket is not None:
            self._called("terminate")
            self._state, self._plain = CLOSING, False
            if self._parser is not None:
                self._parser.over = True
            self.socket._destroy_now(None)

    def _send_close(self, payload: bytes, timeout: float) -> None:
        self._write(FIN | CLOSE, payload)
        self._state, self._plain, self._close_sent = CLOSING, False, True
        self._begin_timer(timeout)

    def _begin_timer(self, seconds: float) -> None:
        self._stop_timer()
        if seconds and self.socket is not None:
            self._timer = loop.get().call_later(seconds, self.socket._destroy_now, None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _peer_closes(self, code: int, reason: str) -> None:
        """A close frame has come: it is answered, if it is no answer itself; then the server ends the connection."""
        self._close_received = True
        self._code, self._reason = code, reason
        if self._state is OPEN:
            self._send_close(close_payload(None if code == 1005 else code, reason), self._options.close_timeout)
        if self._is_server and self.socket is not None:  # RFC 6455 section 7.1.1: the server ends first
            self.socket._end_now()

    def _violated(self, error: ProtocolError) -> None:
        """The peer has broken a rule: it is told, and nothing more is read. Source: RFC 6455 section 7.1.7."""
        if self._state is OPEN:
            words = error.what.encode()[:123].decode("utf-8", "ignore")
            self._send_close(close_payload(error.code, words), min(self._options.close_timeout or LINGER, LINGER))
        if self.socket is not None:
            self.socket._end_now()
        self._fault(error)

    def _fault(self, error: BaseException) -> None:
        """Tell of what the peer has done. At a server it is no error of the program: if nobody listens, that is all."""
        if not self._is_server or "error" in self._listeners or self._tickets:
            self._fail(error)
        else:
            self._remember("error", (error,))
            tell = getattr(self._owner, "_client_failed", None)
            if tell is not None:
                tell(error, self)

    def _cut(self, error: LabError) -> None:
        """End the connection at once, and say why."""
        self._terminate_now(False)
        self._fault(error)

    def _peer_ended(self) -> None:
        """FIN. Without a close frame before it, the connection was cut."""
        if self._state is OPEN:
            self._state, self._plain = CLOSING, False
            self._begin_timer(self._options.close_timeout)
        if self.socket is not None:
            self.socket._end_now()

    def _socket_closed(self, *_: Any) -> None:
        self._stop_timer()
        self._parser = self._deflate = None
        self._tell_closed()

    def _tell_closed(self) -> None:
        self._state, self._plain, self._fast = CLOSED, False, None
        self._fire("close", self._code, self._reason)
        if self._owner is not None and (forget := getattr(self._owner, "_forget_client", None)):
            forget(self)

    def _report(self, error: BaseException, about: object = None) -> None:
        if self._owner is None:
            super()._report(error, about)
        else:
            self._owner._report(error, self if about is None else about)

    def _detail(self, name: str, args: tuple[Any, ...]) -> str:
        return " ".join(str(each) for each in args if each != "") if name == "close" and args else ""


def _ignored(*_: Any) -> None:
    """A socket's error ends the connection, and ``close`` (1006) tells of that; as in Node's ``ws``."""
