"""Network namespaces: entering one's own without root, making more of them, working inside one.

Rule: system calls and nothing else; knows no cable, no kernel, no capture. Source: network_namespaces(7),
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
"""What a private network's owner keeps, over exec too: ports below 1024, interfaces, capture, further namespaces."""

MTU = 1500
"""Bytes of an IP packet on the loopback of a private network: Ethernet's, so that segments look as in a textbook."""

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
        raise OSError(errno.ENOSYS, "networks of their own are a thing of Linux")
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int = CLONE_NEWNET) -> None:
    """Move the calling thread into a namespace. Raises `OSError`. Source: setns(2)."""
    _checked(_libc.setns(descriptor, kind), "setns")


def enter_private_network() -> None:
    """Give this process a network of its own, with nothing in it but a loopback interface; needs no root.

    Only for a process with one thread. A process with root's capabilities gets just the network; any other process gets
    a user namespace around it, in which it keeps its own user id. Raises `OSError` saying which step the system
    refused; the process is then of no more use, so try it in a forked child first.
    """
    try:
        unshare(CLONE_NEWNET)
        _furnish()
    except OSError:
        # Not root; or root in a container that has only some of root's capabilities, such as SYS_ADMIN alone: that is
        # enough for a new network, but not for its interfaces.
        _enter_as_a_user()
        _furnish()


def _furnish() -> None:
    """Make the new network of use: its loopback up, and proof that it can be captured in."""
    links.up("lo", MTU)
    links.offloads_off("lo")
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        raise OSError(error.errno, f"a packet socket: {error.strerror}") from None


def _enter_as_a_user() -> None:
    uid, gid = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER | CLONE_NEWNET)
    # Groups cannot be mapped before setgroups is given up (user_namespaces(7)).
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        try:
            Path("/proc/self", name).write_text(text, encoding="ascii")
        except OSError as error:
            raise OSError(error.errno, f"writing /proc/self/{name}: {error.strerror}") from None
    keep_capabilities()


def keep_capabilities() -> None:
    """Make `CAPABILITIES` ambient: they outlive exec, so that programs started from here have them too."""
    mask = sum(1 << each for each in CAPABILITIES)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low_then_high = struct.pack("=6I", mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable
    _checked(_libc.capset(header, low_then_high), "capset")
    for each in CAPABILITIES:
        _checked(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, each, 0, 0), "prctl")


def in_new_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a function in a thread that ends with it: a namespace entered there leaks nowhere. Raises what it raises."""
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
    """A network namespace of this process. It lives while it is open, or a socket made in it is."""

    def __init__(self) -> None:
        """Make one, its loopback up. Raises `OSError` if that is not allowed."""

        def make() -> int:
            unshare(CLONE_NEWNET)
            links.up("lo", MTU)
            return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)

        self.descriptor = in_new_thread(make)

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function inside this namespace, whichever one the caller is in; returns what it returns."""

        def inside() -> T:
            setns(self.descriptor)
            return function(*args)

        return in_new_thread(inside)

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """A socket of this namespace; it stays there, whoever uses it."""
        return self.run(socket.socket, family, kind, protocol)

    def set(self, settings: dict[str, Any]) -> dict[str, OSError]:
        """Write kernel settings, ``{"ipv4/tcp_ecn": 0}`` below /proc/sys/net.

        Returns those that the system refused and that have another value than the one wanted, and why.
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
        """Let go of it; the system removes it, and every interface in it, once its last socket is closed."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def own_descriptor() -> int:
    """An open descriptor of the calling thread's network namespace, to return to by `setns`; close it."""
    return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
