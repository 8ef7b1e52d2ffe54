"""The seam between a socket and what carries its bytes: TCP itself, or a protocol that stands between the two.

Rule: says what a transport must have; `Link` joins asyncio's own transports to a socket.

What lies below calls these methods of a `Socket`: ``_attach`` (the connection stands), ``_push`` and ``_push_end``
(what arrives), ``_fill`` and ``_empty`` (the write buffer), ``_detach`` (the connection is gone). TLS is one more
layer: a protocol towards TCP, a transport towards the socket. It calls ``_attach(self, ready=False)`` when TCP stands,
and ``_may_flow(self.write)`` after its handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol


class Owner(Protocol):
    """Who accepted a socket: a server."""

    def _accepted(self, socket: Any) -> None:
        """The connection stands."""

    def _forget(self, socket: Any) -> None:
        """The connection is gone."""

    def _report(self, error: BaseException, about: object = None) -> None:
        """Show an error that nobody was given."""


class Upper(Protocol):
    """What lies above a transport: a `Socket`, as it is called from below."""

    def _attach(self, transport: Transport, *, ready: bool = True) -> None:
        """The connection stands. ready: bytes can flow at once; otherwise ``_may_flow`` follows."""

    def _push(self, data: bytes) -> None:
        """Bytes arrived."""

    def _push_end(self) -> None:
        """The peer has ended."""

    def _fill(self) -> None:
        """The write buffer is above the high-water mark."""

    def _empty(self) -> None:
        """The write buffer is empty again."""

    def _detach(self, exc: BaseException | None) -> None:
        """The connection is gone."""


class Transport(Protocol):
    """What a `Socket` asks of the transport below it: a part of asyncio's transports, with the same meaning."""

    def write(self, data: bytes) -> None:
        """Send bytes, or keep them until they can be sent."""

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Send several pieces."""

    def write_eof(self) -> None:
        """Send the end after what was written; reading goes on."""

    def close(self) -> None:
        """Send what was written and the end, then close."""

    def abort(self) -> None:
        """Close at once."""

    def is_closing(self) -> bool:
        """Whether close or abort was called."""

    def pause_reading(self) -> None:
        """Push nothing more until `resume_reading`."""

    def resume_reading(self) -> None:
        """Push what arrives."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Tell when more than high bytes wait, and when no more than low bytes do; looks at once whether they do."""

    def get_write_buffer_size(self) -> int:
        """Bytes that wait."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``"socket"``, ``"sockname"`` or ``"peername"``."""


class Link(asyncio.Protocol):
    """What asyncio talks to: it passes everything on to a socket, which so shows none of asyncio's methods."""

    __slots__ = ("data_received", "socket")

    def __init__(self, socket: Upper) -> None:
        self.socket = socket
        # The path of every byte: no call in between.
        self.data_received = socket._push  # type: ignore[method-assign]

    def connection_made(self, transport: Any) -> None:
        """The connection stands."""
        self.socket._attach(transport)

    def eof_received(self) -> bool:
        """The peer sent FIN; returns True: closing is the socket's to do."""
        self.socket._push_end()
        return True

    def pause_writing(self) -> None:
        """The write buffer is above the high-water mark."""
        self.socket._fill()

    def resume_writing(self) -> None:
        """The write buffer is empty again."""
        self.socket._empty()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        self.socket._detach(exc)


def write_pieces(transport: Transport, pieces: tuple[bytes, ...]) -> None:
    """Send several pieces at once; the transport tells the socket if too much waits.

    asyncio's own transport does not tell it after `writelines` in Python 3.12.0 to 3.12.8, 3.13.0 and 3.13.1
    (CVE-2024-12254), so the pieces are joined for asyncio, as its other versions do.
    """
    if type(transport).__module__.startswith("asyncio."):
        transport.write(b"".join(pieces))
    else:
        transport.writelines(pieces)
