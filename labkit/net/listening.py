"""Listening sockets of the system: opened on a port or a path, or refused with words.

Rule: opens and binds; accepts nothing. Of what was there it removes a dead socket file alone.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Any, NamedTuple

from labkit.core import addresses
from labkit.core.checks import shown
from labkit.core.errors import AddressUnavailable, NotFound, PathInUse, PortInUse, from_oserror
from labkit.core.host import make_socket


class Place(NamedTuple):
    """Where to listen.

    family, kind, protocol: of the system's socket. sockaddr: what it is bound to. where: the same in words.
    """

    family: int
    kind: int
    protocol: int
    sockaddr: tuple[Any, ...]
    where: str


def resolved(host: str, port: int) -> Place:
    """The place that a host and a port mean; raises `AddressUnavailable`."""
    if (mapped := getattr(addresses.ip_address(host), "ipv4_mapped", None)) is not None:
        raise AddressUnavailable(f"{host} is an IPv4 address written as an IPv6 one", f"Listen on {mapped}.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, ValueError) as error:  # ValueError: an empty or overlong part of a name, a zero byte
        raise AddressUnavailable(f"the host name {shown(host)} does not resolve", "Use 127.0.0.1 or ::1.") from error
    return Place(found[0], found[1], found[2], found[4], addresses.in_words(host, port))


def bound(place: Place, backlog: int) -> socket.socket:
    """Open, bind and listen; raises `PortInUse` (naming the holder), `PermissionDenied`, `AddressUnavailable`."""
    where, port = place.where, place.sockaddr[1]
    try:
        listener = make_socket(place.family, place.kind, place.protocol)
    except OSError as error:  # too many files are open, or there is no IPv6
        raise from_oserror(error, where) from error
    try:
        if os.name == "posix":
            # A listening socket may follow one whose connections are still in TIME_WAIT; two cannot listen at once.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place.sockaddr)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            who = addresses.holder(port)
            raise PortInUse(
                f"{where} is taken" + (f" by {who}" if who else ""), addresses.what_to_do(who, "listen")
            ) from None
        raise from_oserror(error, where) from error
    listener.setblocking(False)
    return listener


def bound_path(path: str, backlog: int) -> socket.socket:
    """Open, bind and listen on a Unix socket path; a socket file that nobody serves any more is removed, and told of.

    Raises `PathInUse`, `PermissionDenied`, `NotFound` (no such directory).
    """
    if _remove_dead(path):
        print(f"{path} was left by a server that is gone (nobody listens on it). It is removed now.", flush=True)
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise from_oserror(error, path) from error
    try:
        listener.bind(path)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        if error.errno == errno.ENOENT:
            raise NotFound(f"the directory of {path} does not exist", "Make it first, or choose another.") from error
        raise from_oserror(error, path) from error
    listener.setblocking(False)
    return listener


def _remove_dead(path: str) -> bool:
    """Remove the socket file of a server that is gone; returns whether there was one."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    if not stat.S_ISSOCK(mode):
        raise PathInUse(f"{path} is already a file, and not a socket", "Choose another path, or remove the file.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            pass  # the file outlived its server: nobody listens
        except (BlockingIOError, TimeoutError):  # its queue of connections is full, so somebody listens
            raise PathInUse(f"another server listens on {path}", "Stop it, or choose another path.") from None
        except OSError as error:
            raise from_oserror(error, path) from error
        else:
            raise PathInUse(f"another server listens on {path}", "Stop it, or choose another path.")
    try:
        os.unlink(path)
    except OSError as error:
        raise from_oserror(error, path) from error
    return True
