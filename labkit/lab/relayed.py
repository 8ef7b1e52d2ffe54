"""A UDP socket whose datagrams go through a relay: what a program has in the place of one at the end of a wire.

Rule: an ordinary socket but for addresses: it sends to doors of the relay, and names those behind them.
"""

from __future__ import annotations

import socket
from typing import Any

from labkit.lab.relay import LOOPBACK, Address, Relay

ADDRESSES = ("10.0.0.1", "10.0.0.2")
"""The client's and the server's, on every wire: each wire is a world of its own."""


class RelayedSocket(socket.socket):
    """A UDP socket over IPv4 of one side of a `Relay`. side: 0, the client's, or 1, the server's.

    What is meant for loopback goes to the other side, unless a socket of its own side has that port. The two addresses
    of a wire are understood as well, so that what is meant for a host of a wire never leaves this machine. All other
    addresses are the kernel's affair. Only the methods of this object know the doors: what reads from the descriptor
    itself sees them.
    """

    def __init__(self, relay: Relay, side: int, protocol: int = 0) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM, protocol)
        self._relay, self._side = relay, side
        self._port = 0

    # -- sending

    def _way(self, address: Any) -> Any:
        """Where to send what is meant for an address."""
        if not isinstance(address, tuple) or len(address) != 2:
            return address  # for the kernel to refuse
        host, port = address
        if host == ADDRESSES[self._side]:
            return LOOPBACK, port
        theirs = host == ADDRESSES[1 - self._side]
        if not theirs and not (isinstance(host, str) and (host == "localhost" or host.startswith("127."))):
            return address
        if not isinstance(port, int) or not 0 < port < 65536:
            return LOOPBACK, port
        return self._relay.way(self._side, (LOOPBACK if theirs or host == "localhost" else host, port))

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
        self._settle()

    def connect_ex(self, address: Any) -> int:
        """As `socket.socket.connect_ex`: to the door of this address."""
        error = super().connect_ex(self._way(address))
        self._settle()
        return error

    def bind(self, address: Any) -> None:
        """As `socket.socket.bind`; the addresses of a wire's hosts are this machine's loopback."""
        if isinstance(address, tuple) and address and address[0] == ADDRESSES[self._side]:
            address = (LOOPBACK, *address[1:])
        super().bind(address)
        self._settle()

    def _settle(self) -> None:
        if not self._port:
            self._port = int(self.getsockname()[1])
            if self._port:
                self._relay.settle(self._side, self, self._port)

    # -- receiving

    def _meant(self, source: Any) -> Any:
        """Who has sent, behind the door that it came from."""
        if not isinstance(source, tuple):
            return source
        peer: Address = source[:2]
        behind = self._relay.meaning(self._side, peer)
        if behind is None:
            self._relay.meets(peer)
        return behind or peer

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """As `socket.socket.recvfrom`."""
        data, source = super().recvfrom(bufsize, flags)
        return data, self._meant(source)

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """As `socket.socket.recvfrom_into`."""
        size, source = super().recvfrom_into(buffer, nbytes, flags)
        return size, self._meant(source)

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> tuple[bytes, list[Any], int, Any]:
        """As `socket.socket.recvmsg`."""
        data, ancillary, kinds, source = super().recvmsg(bufsize, ancbufsize, flags)
        return data, ancillary, kinds, self._meant(source)

    def recvmsg_into(
        self, buffers: Any, ancbufsize: int = 0, flags: int = 0, /
    ) -> tuple[int, list[Any], int, Any]:
        """As `socket.socket.recvmsg_into`."""
        size, ancillary, kinds, source = super().recvmsg_into(buffers, ancbufsize, flags)
        return size, ancillary, kinds, self._meant(source)

    def getpeername(self) -> Any:
        """As `socket.socket.getpeername`: whom the door stands for."""
        return self._meant(super().getpeername())

    # -- the end

    def close(self) -> None:
        """As `socket.socket.close`."""
        if self._port:
            self._relay.leaves(self._side, self, self._port)
        super().close()
