"""On which host the sockets of a program are made: this machine, or one at the end of a wire.

Rule: a context variable and who belongs to which host; no namespaces, no protocol.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Resident(Protocol):
    """Something that lives on a host, and has to go when the host does."""

    def leave(self) -> None:
        """Close at once, whatever is under way."""


class Host(Protocol):
    """Where sockets can be made. name: ``"client"``. address: its IPv4 address. own_network: not this machine's."""

    name: str
    address: str
    own_network: bool

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of this host, whoever uses it."""

    def houses(self, resident: Resident) -> None:
        """Have this one leave when the host is closed."""


_here: ContextVar[Host | None] = ContextVar("labkit_host", default=None)


def current() -> Host | None:
    """The host with a network of its own whose ``with`` block this code runs in; None: this machine itself."""
    host = _here.get()
    return host if host is not None and host.own_network else None


def here() -> Host | None:
    """As `current`, also a host that is only a stand-in on this machine's own network: to be given to `enter`."""
    return _here.get()


def enter(host: Host | None) -> None:
    """From here on, in this context, sockets are made on this host."""
    _here.set(host)


@contextmanager
def at(host: Host | None) -> Iterator[None]:
    """What runs in this block runs on this host, unless the code around it is on one already (None: no matter)."""
    if host is None or _here.get() is not None:
        yield
        return
    token = _here.set(host)
    try:
        yield
    finally:
        _here.reset(token)


def make_socket(family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket of the host this code runs on. Raises `OSError` as ``socket.socket`` does."""
    host = _here.get()
    return socket.socket(family, kind, protocol) if host is None else host.socket(family, kind, protocol)


def settle(resident: Resident) -> None:
    """Have a server or connection leave with the host it is made on; on this machine itself, nothing is to be done."""
    host = _here.get()
    if host is not None:
        host.houses(resident)
