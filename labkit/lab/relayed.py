"""A UDP socket whose datagrams go through a relay: what a program has in the place of one at the end of a wire.

Rule: an ordinary socket but for addresses: it sends to doors of the relay, and names those behind them.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from labkit.lab.relay import LOOPBACK, Address, Relay

ADDRESSES = ("10.0.0.1", "10.0.0.2")
"""The client's and the server's, on every wire: each wire is a world of its own."""


class RelayedSocket(socket.socket):
    """A UDP socket over IPv4 of one side of a `Relay`. side: 0, the client's, or 1, the server's.

    What is meant for loopback goes to the other side, unless a socket of its own side has that port. The two addresses
    of a wire are understood as well, so that what is meant for a host of a wire never leaves this machine. All other
    addresses are the kernel's affair. A port that somebody on this machine has is given all the same: the relay knows
    where it really is. Only the methods of this object know all this: what reads from the descriptor itself sees doors.
    """

    def __init__(self, relay: Relay, side: int, protocol: int = 0) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM, protocol)
        self._relay, self._side = relay, side
        self._port = 0  # the one it goes by
        self._real = 0  # the one it has on this machine
        self._peer: Address | None = None  # connected to
        self._refusals = 0  # empty datagrams under way that say only that nobody listens there

    # -- sending

    def _meant_for(self, address: Any) -> Address | None:
        """The address of the relay's world that this one means; None: it is none of those."""
        if not isinstance(address, tuple) or len(address) != 2:
            return None
        host, port = address
        if not isinstance(host, str) or not isinstance(port, int) or not 0 < port < 65536:
            return None
        if host in ADDRESSES or host == "localhost":
            host = LOOPBACK
        return (host, port) if host.startswith("127.") else None

    def _way(self, address: Any) -> Any:
        """Where to send what is meant for an address."""
        target = self._meant_for(address)
        if target is None:
            if isinstance(address, tuple) and len(address) == 2 and address[0] in ADDRESSES:
                return LOOPBACK, address[1]  # an impossible port, for the kernel to refuse
            return address
        if address[0] == ADDRESSES[self._side]:
            return self._relay.real(self._side, target)
        return self._relay.way(self._side, target)

    def sendto(self, data: Any, *args: Any) -> int:
        """As `socket.socket.sendto`, through the relay."""
        sent = super().sendto(data, *args[:-1], self._way(args[-1])) if args else super().sendto(data)  # type: ignore[call-overload]
        self._settle()
        return int(sent)

    def sendmsg(self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> int:
        """As `socket.socket.sendmsg`, through the relay."""
        if address is None:
            return super().sendmsg(buffers, ancdata, flags)
        sent = super().sendmsg(buffers, ancdata, flags, self._way(address))
        self._settle()
        return sent

    def connect(self, address: Any) -> None:
        """As `socket.socket.connect`: to the door of this address."""
        super().connect(self._way(address))
        self._peer = self._meant_for(address)
        self._settle()

    def connect_ex(self, address: Any) -> int:
        """As `socket.socket.connect_ex`: to the door of this address."""
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.EINVAL
        return 0

    # -- its own address

    def bind(self, address: Any) -> None:
        """As `socket.socket.bind`; the addresses of a wire's hosts are this machine's loopback.

        What the machine refuses because somebody else has the port, or because it is below 1024, a host of one's own
        would give: so does the relay, unless a socket of this side has it.
        """
        if isinstance(address, tuple) and address and address[0] == ADDRESSES[self._side]:
            address = (LOOPBACK, *address[1:])
        try:
            super().bind(address)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or not self._relay.free(self._side, address[1]):
                raise
            super().bind((address[0], 0))
            self._settle(address[1])
        else:
            self._settle()

    def getsockname(self) -> Any:
        """As `socket.socket.getsockname`: with the port it goes by."""
        address = super().getsockname()
        # A port that the system had chosen itself is gone when a connected socket is disconnected.
        return (address[0], self._port) if address[1] == self._real else address

    def getpeername(self) -> Any:
        """As `socket.socket.getpeername`: whom the door stands for."""
        peer = super().getpeername()
        return self._peer or peer

    def _settle(self, port: int = 0) -> None:
        real = int(super().getsockname()[1])
        if real != self._real:
            self._real, self._port = real, port or real
            self._relay.settle(self._side, self, self._port, real)

    # -- receiving

    def refused(self, target: Address) -> bool:
        """Told by the relay that nobody listens at an address; returns whether that is this socket's peer."""
        try:
            super().getpeername()
        except OSError:  # no longer connected
            self._peer = None
        if target != self._peer:
            return False
        self._refusals += 1
        return True

    def _meant(self, size: int, source: Any) -> Any:
        """Who has sent, behind the door that it came from. Raises `ConnectionRefusedError` as the kernel would."""
        if not isinstance(source, tuple):
            return source
        peer: Address = source[:2]
        behind = self._relay.meaning(self._side, peer)
        if behind is None:
            self._relay.meets(peer)
            return peer
        if not size and self._refusals and behind == self._peer:
            self._refusals -= 1
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        return behind

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """As `socket.socket.recvfrom`."""
        data, source = super().recvfrom(bufsize, flags)
        return data, self._meant(len(data), source)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As `socket.socket.recv`."""
        return self.recvfrom(bufsize, flags)[0]

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """As `socket.socket.recvfrom_into`."""
        size, source = super().recvfrom_into(buffer, nbytes, flags)
        return size, self._meant(size, source)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As `socket.socket.recv_into`."""
        return self.recvfrom_into(buffer, nbytes, flags)[0]

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> tuple[bytes, list[Any], int, Any]:
        """As `socket.socket.recvmsg`."""
        data, ancillary, kinds, source = super().recvmsg(bufsize, ancbufsize, flags)
        return data, ancillary, kinds, self._meant(len(data), source)

    def recvmsg_into(
        self, buffers: Any, ancbufsize: int = 0, flags: int = 0, /
    ) -> tuple[int, list[Any], int, Any]:
        """As `socket.socket.recvmsg_into`."""
        size, ancillary, kinds, source = super().recvmsg_into(buffers, ancbufsize, flags)
        return size, ancillary, kinds, self._meant(size, source)

    # -- the end

    def close(self) -> None:
        """As `socket.socket.close`."""
        if self._port:
            self._relay.leaves(self._side, self, self._port)
        super().close()
