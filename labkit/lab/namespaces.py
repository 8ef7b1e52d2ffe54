"""Network namespaces: enter a new one without root, make more of them, work inside one.

Rule: only system calls; knows nothing of cables, kernels and captures. Source: network_namespaces(7),
user_namespaces(7), capabilities(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from labkit.lab import links

T = TypeVar("T")

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NET_BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_ADMIN = 10, 12, 13, 21
CAPABILITIES = (NET_BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_ADMIN)
"""Rights that the owner of a private network keeps, also after exec: low ports, interfaces, capture, namespaces."""

MTU = 1500
"""Largest IP packet in bytes on the loopback of a private network: as on Ethernet, so segments look as in books."""

_CAPABILITY_VERSION_3 = 0x20080522
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_OWN = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by flags for new ones. Raises `OSError`. Source: unshare(2)."""
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, "only Linux gives programs networks of their own")
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int = CLONE_NEWNET) -> None:
    """Move the calling thread into a namespace. Raises `OSError`. Source: setns(2)."""
    _checked(_libc.setns(descriptor, kind), "setns")


def enter_private_network() -> None:
    """Give this process a network of its own that has only a loopback interface; needs no root.

    Only for a process with one thread. A process with root's capabilities gets just the network; any other process gets
    a user namespace around it, in which it keeps its own user id. Raises `OSError` that names the step which the system
    refused. After that the process cannot go on, so try it in a forked child first.
    """
    try:
        unshare(CLONE_NEWNET)
        _furnish()
    except OSError:
        # Not root, or root in a container with only some of root's capabilities: SYS_ADMIN alone is enough for a new
        # network, but not for its interfaces.
        _enter_as_a_user()
        _furnish()


def _furnish() -> None:
    """Switch on the loopback of the new network, and prove that a program can capture in it."""
    links.up("lo", MTU)
    links.offloads_off("lo")
    # Nothing is lost here. A tail loss probe (RFC 8985 section 7) would only repeat a segment whose reader was slow.
    with contextlib.suppress(OSError):  # /proc/sys may be read-only
        Path("/proc/sys/net/ipv4/tcp_early_retrans").write_text("0", encoding="ascii")
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        raise OSError(error.errno, f"a packet socket: {error.strerror}") from None


def _enter_as_a_user() -> None:
    uid, gid = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER | CLONE_NEWNET)
    # A process must give up setgroups before it may map groups (user_namespaces(7)).
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        try:
            Path("/proc/self", name).write_text(text, encoding="ascii")
        except OSError as error:
            raise OSError(error.errno, f"writing /proc/self/{name}: {error.strerror}") from None
    keep_capabilities()


def keep_capabilities() -> None:
    """Make `CAPABILITIES` ambient: they survive exec, so that programs started from here have them too."""
    mask = sum(1 << each for each in CAPABILITIES)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low_then_high = struct.pack("=6I", mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable
    _checked(_libc.capset(header, low_then_high), "capset")
    for each in CAPABILITIES:
        _checked(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, each, 0, 0), "prctl")


def in_new_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a function in a thread of its own, so that only this thread enters a namespace. Raises what it raises."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function(*args))
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=run, name="labkit namespace", daemon=True)
    thread.start()
    thread.join()
    return future.result()


class Namespace:
    """A network namespace of this process. It exists until it is closed and the last socket made in it is closed."""

    def __init__(self) -> None:
        """Make a namespace and switch on its loopback. Raises `OSError` if that is not allowed."""

        def make() -> int:
            unshare(CLONE_NEWNET)
            links.up("lo", MTU)
            return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)

        self.descriptor = in_new_thread(make)

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function inside this namespace; returns what it returns. The caller stays in its own."""

        def inside() -> T:
            setns(self.descriptor)
            return function(*args)

        return in_new_thread(inside)

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """A socket of this namespace; it stays in this namespace, also if a thread of another one uses it."""
        return self.run(socket.socket, family, kind, protocol)

    def set(self, settings: dict[str, Any]) -> dict[str, OSError]:
        """Write kernel settings, ``{"ipv4/tcp_ecn": 0}`` below /proc/sys/net.

        Returns the settings that the system refused and that do not have the wanted value already, with the errors.
        """

        def write() -> dict[str, OSError]:
            refused: dict[str, OSError] = {}
            for name, value in settings.items():
                path = Path("/proc/sys/net", name)
                try:
                    path.write_text(str(value), encoding="ascii")
                except OSError as error:
                    refused[name] = error
                    with contextlib.suppress(OSError):
                        if path.read_text(encoding="ascii").strip() == str(value):
                            del refused[name]
            return refused

        return self.run(write)

    def close(self) -> None:
        """Close the namespace; the system removes it and its interfaces when its last socket is closed."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def own_descriptor() -> int:
    """An open descriptor of the calling thread's network namespace; `setns` returns to it. The caller closes it."""
    return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
