"""A second transport below `net.Socket`: TLS over an ssl.MemoryBIO, between TCP and the socket.

Rule: proves the seam of labkit/net/transport.py. It has what a Socket asks of a transport, and nothing for a program.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import Any

import trustme

from labkit import net
from labkit.core.errors import ConnectionReset


@cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's context, the client's), for one certificate that was made for this run."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("labkit.test").configure_cert(server)
    server.num_tickets = 0
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


class Layer(asyncio.Protocol):
    """A protocol towards TCP, a transport towards the socket."""

    used = 0
    """Handshakes done so far, of all layers: a test looks whether this transport was there at all."""

    def __init__(self, socket: net.Socket) -> None:
        server_side = socket.server is not None
        self.socket = socket
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = contexts()[0 if server_side else 1]
        name = None if server_side else "labkit.test"
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server_side, server_hostname=name)
        self.stands = False
        self.paused = False
        self.peer_ended = False  # close_notify or FIN has come
        self.told_end = False
        self.sent_end = False

    # -- from TCP

    def connection_made(self, transport: Any) -> None:
        self.tcp = transport
        self.socket._attach(self, ready=False)
        if not transport.is_closing():
            self._shake()

    def data_received(self, data: bytes) -> None:
        self.incoming.write(data)
        if self.stands:
            self._read()
        else:
            self._shake()

    def eof_received(self) -> bool:
        self.peer_ended = True
        if self.stands:
            self._read()
        else:  # as Node has it
            self.socket.destroy(ConnectionReset("the peer left before the handshake was done"))
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        self.socket._detach(exc)

    def pause_writing(self) -> None:
        self.socket._fill()

    def resume_writing(self) -> None:
        self.socket._empty()

    # -- inside

    def _shake(self) -> None:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        self._flush()
        self.stands = True
        Layer.used += 1
        self.socket._may_flow(self.write)
        self._read()

    def _flush(self) -> None:
        if self.outgoing.pending and not self.tcp.is_closing():
            self.tcp.write(self.outgoing.read())

    def _read(self) -> None:
        while not self.paused and not self.tcp.is_closing():
            try:
                data = self.tls.read(65536)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = b""
            if not data:  # close_notify
                self.peer_ended = True
                break
            self.socket._push(data)
        if self.peer_ended and not self.told_end and not self.paused and not self.tcp.is_closing():
            self.told_end = True
            self.socket._push_end()

    # -- what a Socket asks for

    def write(self, data: bytes) -> None:
        if data:
            if not self.outgoing.pending:  # what is written in one turn of the loop leaves together: see Nagle
                asyncio.get_running_loop().call_soon(self._flush)
            self.tls.write(data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.write(piece)

    def write_eof(self) -> None:
        """Half-close: TLS says it with close_notify, and reading goes on."""
        if not self.sent_end:
            self.sent_end = True
            with suppress(ssl.SSLError):  # the peer's close_notify has not come yet
                self.tls.unwrap()
            self._flush()

    def close(self) -> None:
        self.write_eof()
        self.tcp.close()

    def abort(self) -> None:
        self.tcp.abort()

    def is_closing(self) -> bool:
        return bool(self.tcp.is_closing())

    def pause_reading(self) -> None:
        self.paused = True
        self.tcp.pause_reading()

    def resume_reading(self) -> None:
        if self.paused:
            self.paused = False
            self.tcp.resume_reading()
            asyncio.get_running_loop().call_soon(self._read)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._flush()
        self.tcp.set_write_buffer_limits(high=high, low=low)

    def get_write_buffer_size(self) -> int:
        return int(self.tcp.get_write_buffer_size()) + self.outgoing.pending

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.tcp.get_extra_info(name, default)
