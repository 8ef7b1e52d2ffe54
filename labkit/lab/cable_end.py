"""The ends of a cable: what its thread takes frames from and hands them to.

Rule: one socket of the kernel's an end; nothing here decides about a frame.
"""

from __future__ import annotations

import socket
import struct
from typing import Protocol

_SOL_PACKET, _PACKET_STATISTICS, _PACKET_QDISC_BYPASS, _PACKET_IGNORE_OUTGOING = 263, 6, 20, 23
_SO_RCVBUFFORCE = 33
_ETH_P_ALL = 3
_RECEIVE_BUFFER = 8 << 20  # bytes: about 3,500 full frames, while the thread waits for the interpreter


class End(Protocol):
    """One end of a cable. Only `lost` is called by other threads than the cable's."""

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to take."""

    def recv(self, size: int, /) -> bytes:
        """The next frame that was sent into this end, of at most so many bytes. Raises `BlockingIOError`: none."""

    def send(self, frame: bytes, /) -> int:
        """Hand a frame to whoever is at this end; returns its bytes. Raises `OSError` where it is refused."""

    def lost(self) -> int:
        """Frames sent into this end that there was no room for, so far."""

    def close(self) -> None:
        """Let go of it."""


class InterfaceEnd:
    """A network interface as the end of a cable: a packet socket that sees every frame sent to it.

    channel: an AF_PACKET socket of the interface's namespace; the end closes it. name: the interface's.
    Raises `OSError` as the system does.
    """

    def __init__(self, channel: socket.socket, name: str) -> None:
        self._channel = channel
        self._lost = 0
        try:
            channel.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            channel.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
            try:
                channel.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
            except OSError:  # only root of the machine may go beyond the system's limit
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            channel.bind((name, _ETH_P_ALL))
            channel.setblocking(False)
        except BaseException:
            channel.close()
            raise
        # The socket's own methods: each frame that passes calls both.
        self.fileno, self.recv, self.send = channel.fileno, channel.recv, channel.send
        self.close = channel.close

    def lost(self) -> int:
        """As `End.lost`; asking the kernel starts its count anew."""
        _, dropped = struct.unpack("=II", self._channel.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._lost += dropped
        return self._lost
