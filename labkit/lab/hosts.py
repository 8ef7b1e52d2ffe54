"""The hosts at the two ends of a wire: where a program has to be for its sockets to use the wire.

Rule: a place and an address; what runs there is the program's own.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar
from weakref import WeakSet

from labkit.core import host as places
from labkit.core import loop
from labkit.core.errors import LabError
from labkit.lab import links
from labkit.lab.namespaces import Namespace, own_descriptor, setns
from labkit.lab.relay import Relay
from labkit.lab.relayed import RelayedSocket
from labkit.packets.match import SENDERS

T = TypeVar("T")

_WHY_NOT_SET = {
    errno.ENOENT: "Check the spelling of the setting.",
    errno.EINVAL: "Check the value: the kernel does not take this one.",
    errno.EROFS: "This container keeps /proc/sys read-only, so its settings are what they are. Go on without it.",
    errno.EACCES: "Some settings belong to the machine's owner alone. Go on without it.",
    errno.EPERM: "Some settings belong to the machine's owner alone. Go on without it.",
}
"""What to do if the kernel takes no setting, by the number of its error."""

_BUFFER = "net.ipv4.tcp_rmem"

INTERFACE = "eth0"
"""The only interface of a host besides its loopback."""


class WireHost:
    """One end of a wire, with a network of its own. name: ``"client"`` or ``"server"``. address: ``"10.0.0.1"``.

    ``with wire.client:`` makes the sockets of the block there: those of labkit, of ``socket`` and ``asyncio``, and of
    programs started in it (``!ping``, ``subprocess``). A socket stays where it was made. labkit's servers and
    connections are closed with the wire.
    """

    def __init__(self, name: str, address: str, network: Namespace | Relay) -> None:
        """network: a relay for a stand-in on this machine's own loopback, where no network of its own can be had."""
        self.name, self.address = name, address
        self._namespace = network if isinstance(network, Namespace) else None
        self._relay = network if isinstance(network, Relay) else None
        self.own_network = self._relay is None
        """Whether this is a host of its own, not a stand-in on this machine's loopback."""
        self._receive_buffer = 0
        self._residents: WeakSet[Any] = WeakSet()
        self._entered = threading.local()

    def socket(
        self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0
    ) -> socket.socket:
        """A plain socket of this host, for code outside its ``with`` block. Raises `LabError` after the wire's end.

        On a stand-in, a UDP socket over IPv4 sends through the relay; all others are this machine's own.
        """
        if self._relay is not None:
            self._check_open()
            if (family, kind) == (socket.AF_INET, socket.SOCK_DGRAM):
                return RelayedSocket(self._relay, SENDERS.index(self.name), protocol)
            return socket.socket(family, kind, protocol)
        made = self._open().socket(family, kind, protocol)
        if self._receive_buffer and kind & 0xF == socket.SOCK_STREAM:  # the bits above say how it is made
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer // 2)  # Linux doubles it
        return made

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function on this host, in a thread that ends with it; returns what it returns."""
        if not callable(function):
            raise LabError(f"{function!r} is no function", "A program is run in a block: with wire.client: !ip a")

        def here() -> T:
            places.enter(self)
            return function(*args)

        return self._open().run(here) if self.own_network else copy_context().run(here)

    def set(self, setting: str, value: object) -> None:
        """Change a setting of this host's kernel, as ``sysctl -w`` does: ``host.set("net.ipv4.tcp_sack", 0)``.

        If the system refuses ``net.ipv4.tcp_rmem``, labkit's sockets that are made from then on get this buffer.
        Raises `LabError` if there is no such setting, or the system refuses it. Does nothing on a stand-in.
        """
        if not isinstance(setting, str) or not setting.startswith("net."):
            raise LabError(f"{setting!r} is not a setting of a network", 'Its name begins with "net.".')
        if self._namespace is not None:
            refused = self._open().set({setting.removeprefix("net.").replace(".", "/"): value})
            for error in refused.values():
                if setting == _BUFFER and re.fullmatch(r"\s*\d+\s+\d+\s+\d+\s*", str(value)):
                    self._receive_buffer = int(str(value).split()[1])  # labkit's own sockets get it one by one
                    continue
                what = f"{setting} cannot be set to {value}: {error.strerror}"
                raise LabError(what, _WHY_NOT_SET.get(error.errno or 0, ""))

    def houses(self, resident: places.Resident) -> None:
        """Have this one leave when the wire is closed."""
        self._residents.add(resident)

    def _check_open(self) -> None:
        if self._relay.closed if self._relay is not None else self._namespace is None or self._namespace.descriptor < 0:
            raise LabError(f"the wire of this {self.name} is closed", "Make a new one: lab.Wire().")

    def _open(self) -> Namespace:
        self._check_open()
        assert self._namespace is not None
        return self._namespace

    def __enter__(self) -> WireHost:
        self._check_open()
        before = (own_descriptor() if self.own_network else -1, places.here())
        if self.own_network:
            try:
                setns(self._open().descriptor)
            except BaseException:
                os.close(before[0])
                raise
        self._stack().append(before)
        places.enter(self)
        return self

    def __exit__(self, *_: object) -> None:
        descriptor, host = self._stack().pop()
        places.enter(host)
        if descriptor >= 0:
            try:
                setns(descriptor)
            finally:
                os.close(descriptor)

    def _stack(self) -> list[tuple[int, places.Host | None]]:
        """Where this thread came from (-1: no other network), innermost last: blocks may stand in each other."""
        if not hasattr(self._entered, "stack"):
            self._entered.stack = []
        stack: list[tuple[int, places.Host | None]] = self._entered.stack
        return stack

    def close(self) -> None:
        """Let go of the network; may be called again. What labkit runs here has to have left: see `all_leave`."""
        if self._namespace is not None:
            self._namespace.close()

    def __repr__(self) -> str:
        return f"<host {self.name}, {self.address}>"


def all_leave(*hosts: WireHost) -> None:
    """Cut labkit's servers and connections on these hosts, all at once: none of them may see another one go."""
    residents = [each for host in hosts for each in tuple(host._residents)]

    def leave() -> None:
        for each in residents:
            each.leave()

    if residents:
        loop.call(leave)
        loop.call(lambda: None)  # a connection cut in one turn of the loop closes its socket in the next


def connect_hosts(
    cable: Namespace, hosts: tuple[Namespace, Namespace], addresses: tuple[str, str], mtu: int
) -> tuple[str, str]:
    """Put a pair of interfaces between each host and the cable's namespace; returns the names of the cable's two ends.

    Each host knows the other's hardware address: no ARP request comes between the packets a lesson is about.
    Raises `OSError` naming the step that the system refused.
    """
    names = ("to-client", "to-server")
    macs = tuple(bytes((2, 0, 0, 0, 0, number)) for number in (1, 2))  # locally administered: bit 2 of the first byte
    for name, namespace, mac in zip(names, hosts, macs, strict=True):
        cable.run(links.add_cable, name, INTERFACE, namespace.descriptor, mac)
    for name in names:
        cable.run(links.no_ipv6_address, name)
        cable.run(links.offloads_off, name)
        cable.run(links.up, name, mtu)
    for side, namespace in enumerate(hosts):
        namespace.run(_configure, addresses[side], addresses[1 - side], macs[1 - side], mtu)
    return names


def _configure(own: str, other: str, other_mac: bytes, mtu: int) -> None:
    links.no_ipv6_address(INTERFACE)
    links.offloads_off(INTERFACE)
    links.set_address(INTERFACE, own)
    links.up(INTERFACE, mtu)
    links.set_neighbour(INTERFACE, other, other_mac)

