"""Addresses in words, and who holds one: the facts behind labkit's messages about ports and paths.

Rule: reads the system, changes nothing but a dead socket file.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import stat
from typing import Any

from labkit.core.errors import AddressUnavailable, LabError, NetError, NotFound, PathInUse, PortInUse, from_oserror
from labkit.core.host import current as current_host
from labkit.core.host import make_socket
from labkit.net.table import kernel_table

PATH_LIMIT = 107
"""Longest path of a Unix socket in bytes (sun_path holds 108 with its final zero on Linux, 104 on macOS)."""


def in_words(host: str, port: int) -> str:
    """``127.0.0.1:8124`` or ``[::1]:8124``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_port(port: Any) -> int:
    """Return the port if it is one (0 to 65535); raises `LabError` otherwise."""
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise LabError(f"{port!r} is not a port", "A port is a whole number from 0 to 65535; 0 asks for any free one.")
    return port


def check_host(host: Any) -> str:
    """Return the host if it is text; raises `LabError` otherwise."""
    if not isinstance(host, str):
        if isinstance(own := getattr(host, "address", None), str):
            raise LabError(f"{host!r} is not an address", f"It has one: write .address behind it ({own!r}).")
        raise LabError(f"{host!r} is not a host", 'Give an address or a name as text, such as "127.0.0.1".')
    return host


def check_path(path: str | os.PathLike[str]) -> str:
    """Return the path as text; raises `LabError` where it is too long for a Unix socket."""
    text = os.fspath(path)
    length = len(os.fsencode(text))
    if not text or length > PATH_LIMIT:
        raise LabError(
            f"a Unix socket's path holds 1 to {PATH_LIMIT} bytes, and this one has {length}",
            "Use a shorter one, under /tmp for example.",
        )
    return text


def is_loopback(host: str) -> bool:
    """Whether the host is this machine only (127.0.0.0/8, ::1 or the name localhost)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_exposed(host: str) -> bool:
    """Whether other machines of this network, where there are any, can reach what is bound to this host.

    Not so for this machine alone, for the hosts of a wire, and for an address that this machine has not: that one can
    be bound by nobody here.
    """
    # At the end of a wire nobody else can reach anything.
    return not is_loopback(host) and current_host() is None and not _is_of_another_machine(host)


def _is_of_another_machine(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False  # a name is not looked up for this
    try:
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError as error:
        return error.errno == errno.EADDRNOTAVAIL
    return False


def warning(host: str, port: int, call: str) -> LabError:
    """The refusal to expose a port unasked. call: the method that was called, ``"listen"``."""
    # Whether there are others is not known here: a notebook's own network has none, that of a laptop has many.
    return LabError(
        f"{in_words(host, port)} can be reached from other machines on its network",
        f"If that is what you want, say {call}(..., expose=True).",
    )


def tell_exposed(host: str, port: int, verb: str) -> None:
    """Say what an exposed port means. verb: what others can do, ``"connect"`` or ``"send"``."""
    print(f"Anyone who can reach this machine can now {verb} to {in_words(host, port)}.", flush=True)


def tell_replaced(where: str, what: str) -> None:
    """Say that something of another cell has been closed. where: its address in words. what: ``"server"``."""
    print(f"{where} was taken by a {what} of another cell. That one is closed now.", flush=True)


def family_of(host: str) -> socket.AddressFamily:
    """AF_INET6 for an IPv6 address, else AF_INET."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def bound(host: str, port: int, backlog: int) -> socket.socket:
    """Open, bind and listen; raises `PortInUse` (naming the holder), `PermissionDenied`, `AddressUnavailable`."""
    where = in_words(host, port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, ValueError) as error:  # ValueError: an empty or overlong part of a name, a zero byte
        raise AddressUnavailable(f"the host name {host!r} does not resolve", "Use 127.0.0.1 or ::1.") from error
    listener = make_socket(found[0], found[1], found[2])
    try:
        if os.name == "posix":
            # A listening socket may follow one whose connections are still in TIME_WAIT; two cannot listen at once.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if found[0] == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(found[4])
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            who = holder(port)
            raise PortInUse(
                f"{where} is taken" + (f" by {who}" if who else ""), _what_to_do(who)
            ) from None
        raise from_oserror(error, where) from error
    listener.setblocking(False)
    return listener


def _what_to_do(who: str) -> str:
    if "another notebook" in who:
        return "Shut that kernel down (menu Kernel of its notebook) and run this again, or listen(0) for any free port."
    return "Stop it, or listen(0) for any free port."


def bound_path(path: str, backlog: int) -> socket.socket:
    """Open, bind and listen on a Unix socket path; a socket file that nobody serves any more is removed first.

    Raises `PathInUse`, `PermissionDenied`, `NotFound` (no such directory).
    """
    _remove_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
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


def _remove_dead(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
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


def holder(port: int, protocol: str = "tcp") -> str:
    """Who has the port, in words (``python3 (pid 4711)``), or ``""`` where the system does not tell.

    protocol: ``"tcp"`` (who listens on it) or ``"udp"``.
    """
    try:
        rows = [row for row in kernel_table(port, protocol=protocol) if row.inode and row.local[1] == port]
    except LabError:
        return ""
    inodes = {f"socket:[{row.inode}]" for row in rows if protocol == "udp" or row.state == "LISTEN"}
    if not inodes:
        return ""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
            if any(_link(f"/proc/{pid}/fd/{each}") in inodes for each in descriptors):
                if int(pid) == os.getpid():
                    return f"this program itself (pid {pid})"
                with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as line:
                    words = line.read().split("\0")
                if any("ipykernel" in word for word in words):
                    return f"the kernel of another notebook (pid {pid})"
                with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
                    return f"{name.read().strip()} (pid {pid})"
        except OSError:
            continue
    return "a process of another user"


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


async def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
    """The addresses a TCP client should try, in the system's order; raises `AddressUnavailable`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:  # a literal address needs no resolver, and no thread for it
        family = family_of(host)
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
    try:
        return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, ValueError) as error:
        raise AddressUnavailable(
            f"the host name {host!r} does not resolve", "Check its spelling; on this machine use 127.0.0.1."
        ) from error


def translate(error: BaseException, where: str) -> NetError:
    """The labkit error for whatever the system raised about this address."""
    if isinstance(error, OSError):
        return from_oserror(error, where)
    return NetError(f"{where}: {error}")
