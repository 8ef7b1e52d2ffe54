"""The socket of a client's connection: it can be bound to an address of ours, and tells when the server has ended.

Rule: a `net.Socket` and two more things, whatever carries its bytes; what is said on it is client_connection.py.
"""

from __future__ import annotations

import socket as system
from collections.abc import Callable
from typing import Any, ClassVar

from labkit.core import addresses
from labkit.core import host as host_of
from labkit.core.errors import NetError
from labkit.net import Socket
from labkit.net.connecting import Target
from labkit.streams.stream import NO_SLOTS


class Client(Socket):
    """A connection of an agent, plain or not; a class of such sockets names the slots of `SLOTS`.

    on_ended: called after the listeners of ``end``, and before this side ends, too.
    """

    READY: ClassVar[str] = "connect"
    """The event after which bytes flow."""

    __slots__ = NO_SLOTS

    _local: str | None
    on_ended: Callable[[], None] | None

    async def _open(self, target: Target, timeout: float, from_cell: bool) -> NetError | None:
        if self._local is not None and target.path is None:
            host_of.enter(_Bound(self._local, host_of.here()))  # in this task alone
        return await super()._open(target, timeout, from_cell)

    def _after_end(self) -> None:
        if self.on_ended is not None:
            self.on_ended()
        if not self.closed:
            super()._after_end()


SLOTS = ("_local", "on_ended")


class ClientSocket(Client):
    """A connection of an `Agent`. local_address: the address that it comes from; None: the system chooses."""

    __slots__ = SLOTS

    def __init__(self, local_address: str | None = None) -> None:
        super().__init__(no_delay=True)  # as Node's agent
        self._local = local_address
        self.on_ended = None


class _Bound:
    """The host that the program runs on, whose new sockets have a certain address."""

    def __init__(self, local: str, host: host_of.Host | None) -> None:
        self._local, self._host = local, host
        self.name = "" if host is None else host.name
        self.address = local
        self.own_network = False if host is None else host.own_network

    def socket(self, family: int, kind: int, protocol: int = 0) -> system.socket:
        """A socket that is bound to the address, at a port that the system chooses."""
        if self._host is None:
            made = system.socket(family, kind, protocol)
        else:
            made = self._host.socket(family, kind, protocol)
        try:
            made.bind(addresses.sockaddr(self._local, 0))
        except OSError as error:
            made.close()
            raise addresses.translate(error, self._local) from None
        return made

    def houses(self, resident: Any) -> None:
        """Have this one leave when the host is closed."""
        if self._host is not None:
            self._host.houses(resident)
