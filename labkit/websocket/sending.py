"""The half of a WebSocket that sends: messages and control frames, and how much of them may wait.

Rule: makes frames and writes them to the socket; what comes is receiving.py.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any

from labkit.core import checks, loop, watching
from labkit.core.endpoint import Endpoint
from labkit.core.errors import BadArgument, LabError, NotOpen
from labkit.net import Socket
from labkit.net.transport import write_pieces
from labkit.streams.states import ENDING
from labkit.streams.states import OPEN as STREAM_OPEN
from labkit.websocket import masks
from labkit.websocket.codes import BINARY, PING, PONG, TEXT
from labkit.websocket.frames import FIN, frame, head
from labkit.websocket.options import Options, ReadyState

CONNECTING, OPEN, CLOSING, CLOSED = ReadyState

SEVERAL = 8192
"""Bytes of a payload from which on head and payload go down as two pieces."""

_WHOLE_TEXT, _WHOLE_BINARY = FIN | TEXT, FIN | BINARY


class Sending(Endpoint):
    """What a `WebSocket` sends.

    socket: the connection below; None before there is one.
    """

    __slots__ = (
        "_deflate", "_fragment", "_is_server", "_lost", "_options", "_plain", "_pong_owed", "_state", "socket",
    )  # fmt: skip

    def _begin_sending(self, options: Options, is_server: bool) -> None:
        self._options, self._is_server = options, is_server
        self._state = CONNECTING
        self.socket: Socket | None = None
        self._deflate: Any = None
        self._plain = False  # a message needs nothing but its frame made and written
        self._fragment = False  # a message was begun and not ended
        self._pong_owed: bytes | None = None
        self._lost = 0  # bytes that were sent after the close

    # -- for programs

    @property
    def ready_state(self) -> ReadyState:
        """0 CONNECTING, 1 OPEN, 2 CLOSING or 3 CLOSED."""
        return self._state

    @property
    def buffered_amount(self) -> int:
        """Bytes of frames that were sent and that the kernel has not taken; also what was sent after the close."""
        return self._lost + (0 if self.socket is None else self.socket.writable_length)

    def send(
        self, data: str | bytes | bytearray | memoryview, *, fin: bool = True, compress: bool | None = None
    ) -> bool:
        """Send a message: text for str, binary for bytes. Returns False if too much waits: go on after ``drain``.

        fin: False for a fragment; the next call goes on with the same message, of the same kind, whatever its type, and
        the last one has fin=True. compress: whether to compress it, if that was agreed on (None: yes).
        Before ``open``, a cell waits for it; a handler gets `NotOpen`. After the close, a cell gets `NotOpen`; in a
        handler it returns False, and `buffered_amount` grows, as in a browser. If more waits than max_queue, the
        connection is cut.
        Source: RFC 6455 sections 5.4 and 6.1.
        """
        if type(data) is bytes:
            first, payload = _WHOLE_BINARY, data
        elif isinstance(data, str):
            first, payload = _WHOLE_TEXT, data.encode() if data.isascii() else checks.data(data, "sent")
        else:
            first, payload = _WHOLE_BINARY, checks.data(data, "sent")
        if self._plain and fin is True and get_ident() == loop._ident and not watching.watchers:
            socket: Any = self.socket
            if socket._idle is None and not socket._corked and socket._writing is STREAM_OPEN:
                key = None if self._is_server else masks.new_key()
                if len(payload) < SEVERAL:
                    wire = frame(first, payload, key)
                    socket._written += len(wire)
                    socket._sink(wire)
                else:  # one segment, too: the transport sends both pieces at once, and nothing large is copied
                    front = head(first, len(payload), key)
                    socket._written += len(front) + len(payload)
                    write_pieces(socket._transport, (front, masks.apply(payload, key) if key else payload))
                return not socket._blocked or self._is_too_full()
        if compress is not None:
            checks.flag(compress, "compress")
        from_cell = not loop.inside()
        if from_cell and self._state is CONNECTING:
            self.wait_for("open")
        return loop.call(self._send_now, first, payload, checks.flag(fin, "fin"), compress is not False, from_cell)

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping: up to 125 bytes, which the other side sends back in a pong. Source: RFC 6455 section 5.5.2."""
        self._send_control(PING, "ping", data)

    def pong(self, data: str | bytes = b"") -> None:
        """Send a pong that nobody has asked for; pings are answered without it. Source: RFC 6455 section 5.5.3."""
        self._send_control(PONG, "pong", data)

    # -- inside

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
        if deflate is None:
            packed = False
        elif begins:
            packed = compress and (not fin or len(payload) >= deflate.threshold)
        else:
            packed = deflate.is_sending
        if packed:
            payload = deflate.deflate(payload, fin)
            if begins:
                first |= 0x40
        self._plain = fin and deflate is None
        self._write(first, payload)
        return not self._blocked() or self._is_too_full()

    def _send_control(self, opcode: int, name: str, data: str | bytes) -> None:
        payload = checks.data(data, "sent")
        if len(payload) > 125:
            raise BadArgument(f"this {name} has {len(payload)} bytes", "A control frame has room for 125.")
        from_cell = not loop.inside()
        if from_cell and self._state is CONNECTING:
            self.wait_for("open")

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
        """Send a frame that was made for many; returns whether it was sent: not in the middle of a message."""
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

    def _blocked(self) -> bool:
        return self.socket is not None and self.socket._blocked

    def _is_too_full(self) -> bool:
        """False: too much waits to be sent, and drain will come; more than the limit: the connection is cut."""
        self._hear_drain()
        most, waiting = self._options.max_queue, self.buffered_amount
        if most and waiting > most and self._state is OPEN:
            words = f"the other side reads too slowly: {waiting} bytes wait to be sent, and max_queue is {most}"
            self._cut(LabError(words, "Stop when send() returns False, and go on after drain."))
        return False

    def _cut(self, error: LabError) -> None:
        """End the connection at once, and say why."""
        raise NotImplementedError

    def _answer_ping(self, data: bytes) -> None:
        if self._state is not OPEN:
            return
        if self._blocked():
            self._pong_owed = data  # RFC 6455 section 5.5.3: only the latest ping needs its answer
            self._hear_drain()
        else:
            self._write(FIN | PONG, data)

    def _hear_drain(self) -> None:
        """Listen to the socket's drain from the first time on that too much waits."""
        socket = self.socket
        if socket is not None and self._drained not in socket._listeners.get("drain", ()):
            socket._add("drain", self._drained)

    def _drained(self) -> None:
        owed, self._pong_owed = self._pong_owed, None
        if owed is not None and self._state is OPEN:
            self._write(FIN | PONG, owed)
        self._fire("drain")
