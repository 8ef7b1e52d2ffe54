"""TLS between TCP and a socket: a protocol towards TCP, a transport towards the socket.

Rule: carries bytes through an engine, in the order in which they came; who is trusted is the socket's business.

What is written in one turn of the loop leaves together, and so does what handlers write while one piece is read.
A half-close is close_notify and FIN, as in Node. Source: RFC 8446 section 6.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

from labkit.core import loop
from labkit.core.errors import ConnectionReset, LabError
from labkit.net.transport import Upper
from labkit.tls.engine import AnyEngine, Ended

LINGER = 1.0
"""Seconds that a connection stands after an alert, so that the peer gets it: a RST could overtake it."""

FULL = 1 << 16
"""Bytes that are written in one turn before they go down at once, so that TCP can say that it is full."""


HELLO = 43
"""Bytes of a ClientHello up to the end of its random."""


class Secured(Upper, Protocol):
    """What lies above: a `TLSSocket`."""

    def _may_flow(self, sink: Callable[[bytes], Any]) -> None:
        """Bytes can flow, by this function."""

    def _stands(self) -> LabError | None:
        """The handshake is done. Returns why the peer is not accepted, or None."""

    def _begin_secure(self) -> None:
        """Bytes can flow: tell it."""

    def _failed_below(self, error: LabError) -> None:
        """TLS has failed: tell it, and abort."""

    def _cut(self) -> None:
        """The peer has ended without close_notify; ``_push_end`` follows."""

    def _look_for_session(self) -> None:
        """Something was read: perhaps a ticket, too."""

    def _kept_of(self, engine: AnyEngine, stood: bool) -> AnyEngine:
        """The connection is gone. Returns what is kept of its engine. stood: whether the handshake was done."""


class Layer(asyncio.Protocol):
    """One end of TLS. stands: whether the handshake is done. looks: pieces that may still bring a ticket."""

    __slots__ = (
        "_alert", "_fin", "_goodbye", "_hello", "_linger", "_paused", "_scheduled", "_sent_end", "_told_end", "_turn",
        "engine", "looks", "socket", "stands", "tcp",
    )  # fmt: skip

    def __init__(self, socket: Secured, engine: AnyEngine) -> None:
        self.socket = socket
        self.engine = engine
        self.tcp: Any = None
        self.stands = False
        self.looks = 0
        self._hello = b""  # the beginning of the first bytes that we sent
        self._paused = False
        self._goodbye = False  # close_notify has come
        self._fin = False  # TCP has ended
        self._told_end = False
        self._sent_end = False
        self._turn = False  # a piece is being read: what is written leaves after that
        self._scheduled = False  # a flush is due in this turn of the loop
        self._alert = False  # we have sent the alert of a fault
        self._linger: asyncio.TimerHandle | None = None

    # -- from TCP

    def connection_made(self, transport: Any) -> None:
        """TCP stands: the handshake begins."""
        self.tcp = transport
        self.socket._attach(self, ready=False)
        if self.engine.opens and not self.is_closing():
            self._go_on(self._shake)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._linger is not None or self._goodbye:
            return  # after our alert, or their close_notify, nothing is read any more (RFC 8446 section 6.1)
        if not self.stands:
            self.engine.feed_first(data)
            self._go_on(self._shake)
            return
        # The path of every byte: as `_go_on` does it, with fewer calls.
        engine = self.engine
        engine.feed(data)
        self._turn = True
        try:
            self._read()
        except LabError as error:
            self.fault(error)
        finally:
            self._turn = False
            if engine.outgoing.pending:
                self._flush()

    def eof_received(self) -> bool:
        """FIN came; returns True: closing is the socket's to do."""
        self._fin = True
        if self._linger is not None:
            self.tcp.close()
        elif self.stands:
            self._go_on(self._read)
        elif not self.is_closing():
            self.socket._failed_below(
                ConnectionReset(
                    f"{self.engine.peer} ended the connection before the TLS handshake was done",
                    "It may not speak TLS, or it did not accept what it was offered.",
                )
            )
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        if self._linger is not None:
            self._linger.cancel()
        socket = self.socket
        socket._detach(None if self._alert else exc)
        self.socket = GONE  # both are freed as soon as nobody has them, and need no garbage collector
        self.engine = socket._kept_of(self.engine, self.stands)

    def pause_writing(self) -> None:
        """TCP is full."""
        self.socket._fill()

    def resume_writing(self) -> None:
        """TCP is empty again."""
        self.socket._empty()

    # -- inside

    def _go_on(self, step: Any) -> None:
        """Shake hands or read; what comes out of it leaves as one."""
        self._turn = True
        try:
            step()
        except LabError as error:
            self.fault(error)
        finally:
            self._turn = False
            self._flush()

    def fault(self, error: LabError) -> None:
        """TLS has failed: send the alert, if there is one, and tell."""
        if self.engine.outgoing.pending and not self.is_closing():
            self._flush()
            self._alert = True
        self.socket._failed_below(error)

    def _shake(self) -> None:
        if not self.engine.handshake():
            return
        refusal = self.socket._stands()
        if refusal is not None:  # our last message, if it was to follow, does not: the server is not to go on either
            self.socket._failed_below(refusal)
            return
        self.stands = True
        if self._paused and not self._fin:
            self.tcp.pause_reading()
        self.socket._may_flow(self.write)
        self.socket._begin_secure()
        if self.engine.incoming.pending:
            self._read()

    def _flush(self) -> None:
        self._scheduled = False
        data = self.engine.take()
        if data and not self.tcp.is_closing():
            if not self._hello:
                self._hello = data[:HELLO]
            self.tcp.write(data)

    def random(self) -> bytes:
        """The client random of this connection, by which its secrets are found; ``b""`` if there is none.

        Source: RFC 8446 section 4.1.2; it stands behind two headers and the version.
        """
        for hello in (self._hello, self.engine.first):
            if hello[:1] == b"\x16" and hello[5:6] == b"\x01" and len(hello) >= HELLO:
                return hello[11:HELLO]
        return b""

    def _read(self) -> None:
        engine, socket = self.engine, self.socket
        while not (self._paused or self._goodbye or self._linger is not None or self.tcp.is_closing()):
            data = engine.read()
            if self.looks:
                self.looks -= 1
                socket._look_for_session()
            if data:
                socket._push(data)
                if not engine.incoming.pending:
                    break
            elif data is None:
                break
            else:
                self._goodbye = True
        if not (self._goodbye or self._fin) or self._paused or self._told_end or self.is_closing():
            return
        self._told_end = True
        if not self._goodbye:
            socket._cut()
        socket._push_end()

    # -- what a socket asks for (see Transport)

    def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        if not data:
            return
        engine = self.engine
        engine.write(data)
        if engine.outgoing.pending > FULL:
            self._flush()
        elif not self._turn and not self._scheduled:
            self._scheduled = True
            loop.get().call_soon(self._flush)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """See `Transport.writelines`."""
        self.write(b"".join(pieces))

    def write_eof(self) -> None:
        """Say close_notify, then FIN; reading goes on."""
        if self._sent_end:
            return
        self._say_end()
        self._send_fin()

    def _say_end(self) -> None:
        self._sent_end = True
        if self.stands:
            self.engine.close_notify()
            self._flush()

    def _send_fin(self) -> None:
        if not self.tcp.is_closing():
            with suppress(OSError):  # the peer has reset it: `connection_lost` says so next
                self.tcp.write_eof()

    def close(self) -> None:
        """See `Transport.close`."""
        if not self._sent_end:
            self._say_end()
        self.tcp.close()  # that is a FIN, too

    def abort(self) -> None:
        """Close at once; after an alert, as soon as the peer has it."""
        if self._linger is not None:
            return
        if not self._alert or self._fin or self.tcp.is_closing():
            self.tcp.abort()
            return
        self._send_fin()
        self._linger = loop.get().call_later(LINGER, self.tcp.abort)

    def part(self) -> None:
        """Say close_notify before an abort, if nothing waits: for a program that knows that it has said everything."""
        if self.stands and not self._sent_end and not self.is_closing() and not self.get_write_buffer_size():
            self._say_end()
            self.tcp.close()

    def is_closing(self) -> bool:
        """See `Transport.is_closing`."""
        return self._linger is not None or bool(self.tcp.is_closing())

    def pause_reading(self) -> None:
        """See `Transport.pause_reading`."""
        if not self._paused:
            self._paused = True
            if not self._fin and self.stands:  # the handshake goes on
                self.tcp.pause_reading()

    def resume_reading(self) -> None:
        """See `Transport.resume_reading`."""
        if self._paused:
            self._paused = False
            if not self._fin:
                self.tcp.resume_reading()
            loop.get().call_soon(self._read_on)

    def _read_on(self) -> None:
        if self.stands and not self._paused and not self.is_closing():
            self._go_on(self._read)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See `Transport.set_write_buffer_limits`."""
        self._flush()
        self.tcp.set_write_buffer_limits(high=high, low=low)

    def get_write_buffer_size(self) -> int:
        """See `Transport.get_write_buffer_size`."""
        return int(self.tcp.get_write_buffer_size()) + self.engine.outgoing.pending

    def set_protocol(self, protocol: Any) -> None:
        """Give what is read here to a protocol in place of the socket: TLS inside TLS."""
        self.socket = Handed(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `Transport.get_extra_info`."""
        return self.tcp.get_extra_info(name, default)


class Handed:
    """Stands where a socket stood: what comes for it goes to a protocol of asyncio."""

    __slots__ = ("_attach", "_detach", "_empty", "_fill", "_protocol", "_push", "_push_end")

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._push = protocol.data_received
        self._push_end = protocol.eof_received
        self._fill = protocol.pause_writing
        self._empty = protocol.resume_writing
        self._detach = protocol.connection_lost
        self._attach = protocol.connection_made

    def _failed_below(self, error: Any) -> None:
        self._protocol.tcp.abort()

    def _cut(self) -> None:
        """The end that follows says so."""

    def _look_for_session(self) -> None:
        """There are no tickets that anybody would want."""

    def _may_flow(self, sink: Any) -> None:
        """It stands already."""

    def _stands(self) -> None:
        """It stands already."""

    def _begin_secure(self) -> None:
        """It stands already."""

    def _kept_of(self, engine: AnyEngine, stood: bool) -> AnyEngine:
        """Nobody asks what was agreed on."""
        return Ended(engine, [], stood)


GONE: Any = Handed(asyncio.Protocol())
"""Stands where a socket stood whose connection is gone: nothing follows."""
