"""The hosts at the two ends of a wire: a program on a host makes sockets that use the wire.

Rule: a host is a network and an address; it knows nothing of the programs that run on it.
"""

from __future__ import annotations

import errno
import functools
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
from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.lab import links
from labkit.lab.addresses import ADDRESSES, MACS
from labkit.lab.crafting import Crafting, LiveHand
from labkit.lab.namespaces import Namespace, own_descriptor, setns
from labkit.lab.udp_relay import Relay
from labkit.lab.udp_relay_socket import RelayedSocket
from labkit.packets.match import SENDERS

T = TypeVar("T")
P = TypeVar("P")

_WHY_NOT_SET = {
    errno.ENOENT: "Check the spelling of the setting.",
    errno.EINVAL: "Check the value: the kernel does not accept this one.",
    errno.EROFS: "Go on without it: this container keeps /proc/sys read-only, so its settings cannot be changed.",
    errno.EACCES: "Go on without it: only the machine's owner may change some settings.",
    errno.EPERM: "Go on without it: only the machine's owner may change some settings.",
}
"""What to do if the kernel refuses a setting, by the number of its error."""

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
        """network: a namespace; or a relay on this machine's loopback, if this machine allows no network of its own."""
        self.name, self.address = name, address
        self._namespace = network if isinstance(network, Namespace) else None
        self._relay = network if isinstance(network, Relay) else None
        self.own_network = self._relay is None
        """Whether this host has a network of its own; False: it stands for one on this machine's loopback."""
        self._receive_buffer = 0
        side = SENDERS.index(name)
        hand = LiveHand(self.socket, INTERFACE, (MACS[side], MACS[1 - side])) if self.own_network else None
        self.crafting = Crafting(name, ADDRESSES[side], ADDRESSES[1 - side], hand)
        """Sends packets made by hand, or looks them up in a recording if there is no wire."""
        self._residents: WeakSet[Any] = WeakSet()
        self._entered = threading.local()

    def socket(
        self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0
    ) -> socket.socket:
        """A plain socket of this host, for code outside its ``with`` block. Raises `LabError` if the wire is closed.

        Without a network of its own, a UDP socket over IPv4 sends through the relay; all others are this machine's.
        """
        if self._relay is not None:
            self._check_open()
            if (family, kind) == (socket.AF_INET, socket.SOCK_DGRAM):
                return RelayedSocket(self._relay, SENDERS.index(self.name), protocol)
            return socket.socket(family, kind, protocol)
        made = self._open().socket(family, kind, protocol)
        if self._receive_buffer and kind & 0xF == socket.SOCK_STREAM:  # the higher bits are flags such as SOCK_NONBLOCK
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer // 2)  # Linux doubles it
        return made

    @functools.partial(in_words, name="send")
    def send(self, packet: Any) -> None:
        """Send a packet made by hand, such as Scapy's ``IP(src=…, dst=…) / TCP(…)``, or each packet of a list.

        This host's kernel does not look at the packet: every field is sent as it is. It goes to the other end of the
        wire and nowhere else. Without a wire, nothing is sent: the recording of the running capture is shown. Raises
        `LabError` for what is not an IPv4 packet to the other host, and for a packet that the recording does not have.
        """
        self._check_open()
        self.crafting.send(packet)

    @functools.partial(in_words, name="ask")
    def ask(self, packet: P, timeout: float = 1.0) -> P | None:
        """Send a packet of Scapy as `send` does, and return the first packet that answers it; None if there is none.

        timeout: seconds to wait for it, 60 at most. Scapy decides what answers a packet: addresses, ports, numbers and
        identifications must fit. The answer is of the packet's own class. Raises `LabError` as `send` does.
        """
        self._check_open()
        return self.crafting.ask(packet, timeout)

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function on this host, in a thread that ends with it; returns what it returns."""
        if not callable(function):
            raise LabError(f"{function!r} is not a function", "To run a program, use a block: with wire.client: !ip a")

        def here() -> T:
            places.enter(self)
            return function(*args)

        return self._open().run(here) if self.own_network else copy_context().run(here)

    def set(self, setting: str, value: object) -> None:
        """Change a setting of this host's kernel, as ``sysctl -w`` does: ``host.set("net.ipv4.tcp_sack", 0)``.

        If the system refuses ``net.ipv4.tcp_rmem``, labkit's later sockets of this host get this buffer. Raises
        `LabError` if there is no such setting, or the system refuses it. Does nothing without a network of its own.
        """
        if not isinstance(setting, str) or not setting.startswith("net."):
            raise LabError(f"{setting!r} is not a setting of a network", 'Its name begins with "net.".')
        if self._namespace is not None:
            refused = self._open().set({setting.removeprefix("net.").replace(".", "/"): value})
            for error in refused.values():
                if setting == _BUFFER and re.fullmatch(r"\s*\d+\s+\d+\s+\d+\s*", str(value)):
                    self._receive_buffer = int(str(value).split()[1])  # set for each socket of labkit instead
                    continue
                what = f"{setting} cannot be set to {value}: {error.strerror}"
                raise LabError(what, _WHY_NOT_SET.get(error.errno or 0, ""))

    def houses(self, resident: places.Resident) -> None:
        """Remember a server or connection: it is cut when the wire is closed."""
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
        """The networks (-1: the same) and hosts that this thread came from, the innermost last: blocks may nest."""
        if not hasattr(self._entered, "stack"):
            self._entered.stack = []
        stack: list[tuple[int, places.Host | None]] = self._entered.stack
        return stack

    def close(self) -> None:
        """Close the network; may be called again. Call `all_leave` first, which cuts labkit's sockets on this host."""
        if self._namespace is not None:
            self._namespace.close()

    def __repr__(self) -> str:
        return f"<host {self.name}, {self.address}>"


def all_leave(*hosts: WireHost) -> None:
    """Cut labkit's servers and connections on these hosts in one step, so that none sees another one close."""
    residents = [each for host in hosts for each in tuple(host._residents)]

    def leave() -> None:
        for each in residents:
            each.leave()

    if residents:
        loop.call(leave)
        loop.call(lambda: None)  # a cut connection closes its socket in the loop's next turn


def connect_hosts(
    cable: Namespace, hosts: tuple[Namespace, Namespace], addresses: tuple[str, str], mtu: int
) -> tuple[str, str]:
    """Put a pair of interfaces between each host and the cable's namespace; returns the names of the cable's two ends.

    Each host knows the other's hardware address, so no ARP request stands between the packets of a lesson.
    Raises `OSError` that names the step which the system refused.
    """
    names = ("to-client", "to-server")
    for name, namespace, mac in zip(names, hosts, MACS, strict=True):
        cable.run(links.add_cable, name, INTERFACE, namespace.descriptor, mac)
    for name in names:
        cable.run(links.no_ipv6_address, name)
        cable.run(links.offloads_off, name)
        cable.run(links.up, name, mtu)
    for side, namespace in enumerate(hosts):
        namespace.run(_configure, addresses[side], addresses[1 - side], MACS[1 - side], mtu)
    return names


def _configure(own: str, other: str, other_mac: bytes, mtu: int) -> None:
    links.no_ipv6_address(INTERFACE)
    links.offloads_off(INTERFACE)
    links.set_address(INTERFACE, own)
    links.up(INTERFACE, mtu)
    links.set_neighbour(INTERFACE, other, other_mac)

