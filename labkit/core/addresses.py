"""Addresses in words, whether they can be had, and who holds them: the facts behind messages about ports and paths.

Rule: reads the system, changes nothing; TCP and UDP share what is said here.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from typing import Any

from labkit.core.checks import shown
from labkit.core.errors import AddressUnavailable, BadArgument, LabError, NetError, from_oserror
from labkit.core.host import current as current_host
from labkit.core.kernel_table import kernel_table

PATH_LIMIT = 107
"""Longest path of a Unix socket in bytes (sun_path holds 108 with its final zero on Linux, 104 on macOS)."""


def in_words(host: str, port: int) -> str:
    """``127.0.0.1:8124`` or ``[::1]:8124``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_port(port: Any) -> int:
    """Return the port if it is one (0 to 65535); raises `BadArgument` otherwise."""
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise BadArgument(
            f"{shown(port)} is not a port", "A port is a whole number from 0 to 65535; 0 asks for any free one.",
            code="ERR_SOCKET_BAD_PORT",
        )  # fmt: skip
    return port


def check_host(host: Any) -> str:
    """Return the host if it is text; raises `BadArgument` otherwise."""
    if not isinstance(host, str):
        if isinstance(own := getattr(host, "address", None), str):
            raise BadArgument(f"{shown(host)} is not an address", f"It has one: write .address behind it ({own!r}).")
        raise BadArgument(f"{shown(host)} is not a host", 'Give an address or a name as text, such as "127.0.0.1".')
    return host


def check_path(path: Any) -> str:
    """Return the path as text; raises `BadArgument` if it cannot be the path of a Unix socket."""
    try:
        text = os.fsdecode(path)
        length = len(os.fsencode(text))
    except (TypeError, UnicodeError):
        raise BadArgument(f"{shown(path)} is not a path", 'Give one as text, such as "/tmp/echo.sock".') from None
    if "\0" in text:
        raise BadArgument(f"{shown(text)} is not a path: it holds a zero byte", "Take it out.")
    if not text or length > PATH_LIMIT:
        raise BadArgument(
            f"a Unix socket's path holds 1 to {PATH_LIMIT} bytes, and this one has {length}",
            "Use a shorter one, under /tmp for example.",
        )
    return text


def pair(sockaddr: Any) -> tuple[str, int]:
    """(address, port) of what the system calls an address; a link-local one keeps its interface: ``fe80::1%eth0``.

    Source: RFC 4007 §11 (the text form of a scoped address).
    """
    address, port = str(sockaddr[0]), int(sockaddr[1])
    if len(sockaddr) == 4 and sockaddr[3] and "%" not in address:
        try:
            address += f"%{socket.if_indextoname(sockaddr[3])}"
        except OSError:  # the interface is gone
            address += f"%{sockaddr[3]}"
    return address, port


def sockaddr(address: str, port: int) -> tuple[Any, ...]:
    """What the system calls an address and a port: the other way round from `pair`. Raises `OSError` for an unknown
    interface.
    """
    plain, _, interface = address.partition("%")
    if not interface:
        return (address, port)
    return (plain, port, 0, int(interface) if interface.isdigit() else socket.if_nametoindex(interface))


def is_loopback(host: str) -> bool:
    """Whether the host is this machine only: 127.0.0.0/8 in any spelling, ::1, or the name localhost."""
    if host.lower().rstrip(".") == "localhost":
        return True
    ip = ip_address(host)
    if ip is None:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)  # ::ffff:127.0.0.1
    return bool((mapped or ip).is_loopback)


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that this text means to the system's resolver, or None for a name. ``127.1`` is 127.0.0.1."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # inet_aton of the C library stops at a space; the resolver does not
        return None if " " in host else ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_exposed(host: str) -> bool:
    """Whether other machines of this network, if there are any, can reach what is bound to this host.

    False for loopback, on a host at the end of a wire, and for an address that this machine does not own: nobody here
    can bind that one.
    """
    # At the end of a wire nobody else can reach anything.
    return not is_loopback(host) and current_host() is None and not _is_of_another_machine(host)


def _is_of_another_machine(host: str) -> bool:
    if ip_address(host) is None:
        return False  # a name is not looked up for this
    try:
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError as error:
        return error.errno == errno.EADDRNOTAVAIL
    return False


def warning(host: str, port: int, call: str) -> LabError:
    """The error for a port that others could reach, if nobody asked for that. call: the method, ``"listen"``."""
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


def what_to_do(who: str, call: str) -> str:
    """The advice that goes with a port in use. who: its `holder`. call: the method that was called, ``"listen"``."""
    if "another notebook" in who:
        first = "Shut that kernel down (menu Kernel of its notebook) and run this again"
    else:
        first = "Stop it" if call == "listen" else "Close it"
    return f"{first}, or {call}(0) for any free port."


def holder(port: int, protocol: str = "tcp") -> str:
    """Who has the port, in words (``python3 (pid 4711)``), or ``""`` if the system does not tell.

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
            f"the host name {shown(host)} does not resolve", "Check its spelling; on this machine use 127.0.0.1."
        ) from error


def translate(error: BaseException, where: str) -> NetError:
    """The labkit error for whatever the system raised about this address."""
    if isinstance(error, OSError):
        return from_oserror(error, where)
    return NetError(f"{where}: {error}")
