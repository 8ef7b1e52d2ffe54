"""The outside process: stays in the host's network when the kernel leaves it, and opens listening sockets there.

Rule: small, imports neither zmq nor asyncio, and ends with its kernel, however that ends. Source: unix(7) for
SCM_RIGHTS, pidfd_open(2).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import threading
from collections.abc import Collection
from typing import NoReturn

BACKLOG = 128
"""Connections that may wait to be accepted, at each socket opened."""

ANSWER_WAIT = 5.0
"""Seconds after which an outside process that does not answer counts as gone."""

_REQUEST_BYTES = 4096


class Outside:
    """The kernel's end of the channel to its outside process. pid: that process."""

    def __init__(self, channel: socket.socket, pid: int) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self.pid = pid

    def listen(self, host: str, port: int) -> socket.socket:
        """A listening TCP socket of the host's network. port: 0 for any free one.

        Raises `OSError` with the number the system gave; EPIPE where the outside process is gone.
        """
        with self._lock:
            if os.getpid() != self._owner:  # a fork shares the channel and would take the kernel's answers
                raise OSError(errno.EPERM, "only the kernel's own process reaches its outside process")
            try:
                self._channel.send(json.dumps({"host": host, "port": port}).encode())
                answer, descriptors, _, _ = socket.recv_fds(self._channel, _REQUEST_BYTES, 1)
            except OSError as error:
                raise OSError(errno.EPIPE, f"the outside process does not answer ({error})") from error
        if not answer:
            raise OSError(errno.EPIPE, "the outside process is gone")
        if not descriptors:
            number = json.loads(answer)["errno"]
            raise OSError(number, os.strerror(number))
        os.set_inheritable(descriptors[0], False)
        return socket.socket(fileno=descriptors[0])

    def close(self) -> None:
        """End the outside process; it sees the channel close."""
        self._channel.close()


_current: Outside | None = None


def current() -> Outside | None:
    """This kernel's outside process; None where the kernel shares the host's network, and in other programs."""
    return _current


def keep(outside: Outside) -> None:
    """Make this the outside process that `current` names."""
    global _current
    _current = outside


def start() -> Outside:
    """Leave a process behind in the network this one is in. Raises `OSError`.

    Only for a process with one thread. It is nobody's child and has a session of its own, so that neither Ctrl-C nor a
    kernel that ends its children reaches it.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kernel = os.pidfd_open(os.getpid())
    try:
        between = os.fork()
        if between == 0:
            try:
                os.setsid()
                if os.fork() == 0:
                    _live(theirs, kernel)
            finally:
                os._exit(0)
        os.waitpid(between, 0)
        theirs.close()
        ours.settimeout(ANSWER_WAIT)
        first = ours.recv(_REQUEST_BYTES)
        if not first:
            raise OSError(errno.EPIPE, "the outside process ended at once")
        return Outside(ours, json.loads(first)["pid"])
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(kernel)


def _live(channel: socket.socket, kernel: int) -> NoReturn:
    """The outside process, from its first line to its end. kernel: pidfd of whom it serves."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.chdir("/")  # keeps no directory from being removed or unmounted
        _let_go({channel.fileno(), kernel})
        channel.send(json.dumps({"pid": os.getpid()}).encode())
        _serve(channel, kernel)
    finally:
        os._exit(0)


def _let_go(kept: Collection[int]) -> None:
    """Close every inherited descriptor but these: whoever reads the kernel's output waits for the last copy of it."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):  # the one that read the directory
                os.close(descriptor)


def _serve(channel: socket.socket, kernel: int) -> None:
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.register(kernel, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if kernel in ready:  # it died, even if a fork of it still holds the channel
            return
        request = channel.recv(_REQUEST_BYTES)
        if not request:
            return
        _answer(channel, request)


def _answer(channel: socket.socket, request: bytes) -> None:
    try:
        wanted = json.loads(request)
        with _listening(wanted["host"], wanted["port"]) as opened:
            socket.send_fds(channel, [b"{}"], [opened.fileno()])
    except socket.gaierror:
        channel.send(json.dumps({"errno": errno.EADDRNOTAVAIL}).encode())
    except OSError as error:
        channel.send(json.dumps({"errno": error.errno or errno.EIO}).encode())
    except (KeyError, OverflowError, TypeError, ValueError):
        channel.send(json.dumps({"errno": errno.EINVAL}).encode())


def _listening(host: str, port: int) -> socket.socket:
    """host: as libzmq writes it, so ``"*"`` is every address."""
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A restarted kernel listens on the ports of the one before, whose connections may be in TIME-WAIT.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("" if host == "*" else host, port))
        opened.listen(BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened
