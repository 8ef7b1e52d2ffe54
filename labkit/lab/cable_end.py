"""The ends of a cable: the cable's thread takes frames from one end and hands them to the other.

Rule: an end is one socket of the kernel; no decision about a frame is made here.
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
    """One end of a cable. Other threads than the cable's call only `lost`."""

    def fileno(self) -> int:
        """A descriptor that is readable if there is a frame to take."""

    def recv(self, size: int, /) -> bytes:
        """The next frame that was sent into this end. size: most bytes of it. Raises `BlockingIOError` for none."""

    def send(self, frame: bytes, /) -> int:
        """Hand a frame to the host at this end; returns its bytes. Raises `OSError` if the system refuses it."""

    def lost(self) -> int:
        """Frames sent into this end so far that found no room."""

    def close(self) -> None:
        """Close the sockets of this end."""


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
            except OSError:  # only the machine's root may exceed the system's limit
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            channel.bind((name, _ETH_P_ALL))
            channel.setblocking(False)
        except BaseException:
            channel.close()
            raise
        # The socket's own methods, without a call in between, because every frame needs them.
        self.fileno, self.recv, self.send = channel.fileno, channel.recv, channel.send
        self.close = channel.close

    def lost(self) -> int:
        """As `End.lost`. The kernel's own count goes back to 0 each time it is read."""
        _, dropped = struct.unpack("=II", self._channel.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._lost += dropped
        return self._lost
