"""A UDP socket whose datagrams go through a relay: programs get it if no wire can be had.

Rule: only addresses differ from an ordinary socket: it sends to doors of the relay, and reports the addresses behind.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from labkit.lab.addresses import ADDRESSES, LOOPBACK, Address
from labkit.lab.udp_relay import Relay


class RelayedSocket(socket.socket):
    """A UDP socket over IPv4 of one side of a `Relay`. side: 0, the client's, or 1, the server's.

    A datagram for loopback goes to the other side, unless a socket of this side has that port. A datagram for one of
    the two addresses of a wire goes to that host, so it never leaves this machine. The kernel handles all other
    addresses. A program can bind a port that another program of this machine has: the machine then gives another one,
    and the relay knows both. Only the methods of this object translate; a program that reads from the descriptor sees
    doors.
    """

    def __init__(self, relay: Relay, side: int, protocol: int = 0) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM, protocol)
        self._relay, self._side = relay, side
        self._port = 0  # what it calls its port
        self._machine_port = 0  # the port it has on this machine
        self._peer: Address | None = None  # the address it is connected to
        self._refusals = 0  # empty datagrams on their way that only say: nobody listens there

    # -- sending

    def _meant_for(self, address: Any) -> Address | None:
        """The loopback address that this address means; None if the relay does not carry datagrams to it."""
        if not isinstance(address, tuple) or len(address) != 2:
            return None
        host, port = address
        if not isinstance(host, str) or not isinstance(port, int) or not 0 < port < 65536:
            return None
        if host in ADDRESSES or host == "localhost":
            host = LOOPBACK
        return (host, port) if host.startswith("127.") else None

    def _route(self, address: Any) -> Any:
        """The address to which a datagram for this address is sent."""
        target = self._meant_for(address)
        if target is None:
            if isinstance(address, tuple) and len(address) == 2 and address[0] in ADDRESSES:
                return LOOPBACK, address[1]  # the port is impossible: the kernel refuses it
            return address
        if address[0] == ADDRESSES[self._side]:
            return self._relay.machine_address(self._side, target)
        return self._relay.route(self._side, target)

    def sendto(self, data: Any, *args: Any) -> int:
        """As `socket.socket.sendto`, through the relay."""
        sent = super().sendto(data, *args[:-1], self._route(args[-1])) if args else super().sendto(data)  # type: ignore[call-overload]
        self._register()
        return int(sent)

    def sendmsg(self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> int:
        """As `socket.socket.sendmsg`, through the relay."""
        if address is None:
            return super().sendmsg(buffers, ancdata, flags)
        sent = super().sendmsg(buffers, ancdata, flags, self._route(address))
        self._register()
        return sent

    def connect(self, address: Any) -> None:
        """As `socket.socket.connect`: connects to the door that stands for this address."""
        super().connect(self._route(address))
        self._peer = self._meant_for(address)
        self._register()

    def connect_ex(self, address: Any) -> int:
        """As `socket.socket.connect_ex`: connects to the door that stands for this address."""
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.EINVAL
        return 0

    # -- its own address

    def bind(self, address: Any) -> None:
        """As `socket.socket.bind`; the address of this host means this machine's loopback.

        This machine refuses a port that another program has, or one below 1024. A real host of a wire would give it,
        so the relay gives it too, unless a socket of this side has it.
        """
        if isinstance(address, tuple) and address and address[0] == ADDRESSES[self._side]:
            address = (LOOPBACK, *address[1:])
        try:
            super().bind(address)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or not self._relay.is_free(self._side, address[1]):
                raise
            super().bind((address[0], 0))
            self._register(address[1])
        else:
            self._register()

    def getsockname(self) -> Any:
        """As `socket.socket.getsockname`: with the port that it asked for."""
        address = super().getsockname()
        # If the system chose the port, the socket loses it when it is disconnected.
        return (address[0], self._port) if address[1] == self._machine_port else address

    def getpeername(self) -> Any:
        """As `socket.socket.getpeername`: the address that the door stands for."""
        peer = super().getpeername()
        return self._peer or peer

    def _register(self, port: int = 0) -> None:
        machine_port = int(super().getsockname()[1])
        if machine_port != self._machine_port:
            self._machine_port, self._port = machine_port, port or machine_port
            self._relay.register(self._side, self, self._port, machine_port)

    # -- receiving

    def refused(self, target: Address) -> bool:
        """Learn from the relay that nobody listens at an address; returns whether this socket is connected to it."""
        try:
            super().getpeername()
        except OSError:  # no longer connected
            self._peer = None
        if target != self._peer:
            return False
        self._refusals += 1
        return True

    def _sender_of(self, size: int, source: Any) -> Any:
        """The sender's own address, from the door's. Raises `ConnectionRefusedError` as the kernel would."""
        if not isinstance(source, tuple):
            return source
        peer: Address = source[:2]
        owner = self._relay.door_owner(self._side, peer)
        if owner is None:
            self._relay.remember_outsider(peer)
            return peer
        if not size and self._refusals and owner == self._peer:
            self._refusals -= 1
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        return owner

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """As `socket.socket.recvfrom`."""
        data, source = super().recvfrom(bufsize, flags)
        return data, self._sender_of(len(data), source)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As `socket.socket.recv`."""
        return self.recvfrom(bufsize, flags)[0]

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """As `socket.socket.recvfrom_into`."""
        size, source = super().recvfrom_into(buffer, nbytes, flags)
        return size, self._sender_of(size, source)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As `socket.socket.recv_into`."""
        return self.recvfrom_into(buffer, nbytes, flags)[0]

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> tuple[bytes, list[Any], int, Any]:
        """As `socket.socket.recvmsg`."""
        data, ancillary, kinds, source = super().recvmsg(bufsize, ancbufsize, flags)
        return data, ancillary, kinds, self._sender_of(len(data), source)

    def recvmsg_into(
        self, buffers: Any, ancbufsize: int = 0, flags: int = 0, /
    ) -> tuple[int, list[Any], int, Any]:
        """As `socket.socket.recvmsg_into`."""
        size, ancillary, kinds, source = super().recvmsg_into(buffers, ancbufsize, flags)
        return size, ancillary, kinds, self._sender_of(size, source)

    # -- the end

    def close(self) -> None:
        """As `socket.socket.close`."""
        if self._port:
            self._relay.unregister(self._side, self, self._port)
        super().close()
