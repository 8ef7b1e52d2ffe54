"""The outside process: stays in the host's network when the kernel leaves it, and opens sockets there.

Rule: small; imports neither zmq nor asyncio; ends with its kernel, also if the kernel is killed; connects to the
machine's own loopback and to nothing else. Source: unix(7) for SCM_RIGHTS, pidfd_open(2).
"""

from __future__ import annotations

import contextlib
import ctypes
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
"""Connections that may wait to be accepted at each listening socket."""

ANSWER_WAIT = 5.0
"""Seconds to wait for an answer of the outside process before it counts as gone."""

LOOPBACK = ("127.0.0.1", "::1")
"""The addresses that the outside process connects to."""

_REQUEST_BYTES = 4096
_SYS_PIDFD_OPEN = 434  # the same number on every architecture except Alpha
_LOOK_EVERY = 1.0  # seconds between looks, if the system gives no descriptor that reports a process's end


class Outside:
    """The kernel's end of the channel to its outside process. pid: that process."""

    def __init__(self, channel: socket.socket, pid: int) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self.pid = pid

    def listen(self, host: str, port: int) -> socket.socket:
        """A listening TCP socket of the host's network. port: 0 for any free one.

        Raises `OSError` with the number the system gave; EPIPE if the outside process is gone.
        """
        return self._asked({"listen": [host, port]})

    def connect(self, host: str, port: int) -> socket.socket:
        """A TCP connection to a program of the host's network. host: ``"127.0.0.1"`` or ``"::1"``.

        Raises `OSError` with the number the system gave: ECONNREFUSED if nobody listens there, ETIMEDOUT if nobody
        accepts within `ANSWER_WAIT`, EACCES for every other address; EPIPE if the outside process is gone.
        """
        opened = self._asked({"connect": [host, port]})
        try:
            # The outside process serves one request after the other, so the wait for the handshake is here.
            waiting = select.poll()
            waiting.register(opened, select.POLLOUT)
            number = (
                opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if waiting.poll(ANSWER_WAIT * 1000)
                else errno.ETIMEDOUT
            )
            if number:
                raise OSError(number, os.strerror(number))
            opened.setblocking(True)
        except BaseException:
            opened.close()
            raise
        return opened

    def _asked(self, request: dict[str, list[str | int]]) -> socket.socket:
        """The socket that the outside process opens for this request."""
        with self._lock:
            if os.getpid() != self._owner:  # a forked child shares the channel and would read the kernel's answers
                raise OSError(errno.EPERM, "only the kernel's own process reaches its outside process")
            try:
                self._channel.send(json.dumps(request).encode())
                answer, descriptors, _, _ = socket.recv_fds(self._channel, _REQUEST_BYTES, 1)
            except OSError as error:
                # A late answer would be taken for that of the next request: from here on it counts as gone.
                self._channel.close()
                raise OSError(errno.EPIPE, f"the outside process does not answer ({error})") from error
        if not answer:
            raise OSError(errno.EPIPE, "the outside process is gone")
        if not descriptors:
            number = json.loads(answer)["errno"]
            raise OSError(number, os.strerror(number))
        os.set_inheritable(descriptors[0], False)
        return socket.socket(fileno=descriptors[0])

    def close(self) -> None:
        """End the outside process: it ends when the channel is closed."""
        self._channel.close()


_current: Outside | None = None


def current() -> Outside | None:
    """This kernel's outside process; None if the kernel shares the host's network, and in other programs."""
    return _current


def keep(outside: Outside) -> None:
    """Make this the outside process that `current` names."""
    global _current
    _current = outside


def start() -> Outside:
    """Start a process that stays in this process's network. Raises `OSError`.

    Only for a process with one thread. It is not the kernel's child and has a session of its own: neither Ctrl-C nor a
    kernel that ends its children reaches it.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kernel = _Life(os.getpid())
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
        kernel.close()


def refused(error: OSError) -> str:
    """The message if `start` raised this error."""
    return f"no process could stay outside ({error.strerror or error})"


def pidfd_open(pid: int) -> int:
    """A descriptor that becomes readable when this process ends; close it. Raises `OSError`. Source: pidfd_open(2).

    ``os`` lacks the function if Python was built with the headers of an old system, as conda's Python is. The system
    that Python runs on can have the call all the same.
    """
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(
        ctypes.c_long(_SYS_PIDFD_OPEN), ctypes.c_long(pid), ctypes.c_long(0)
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"pidfd_open: {os.strerror(number)}")
    return int(descriptor)


class _Life:
    """Whether a process still runs. descriptor: readable when the process has ended; None if the system gives none.

    Linux before 5.3 has no such descriptor, and some containers refuse it: call `ended` now and then in that case.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started = self._start()
        try:
            self.descriptor: int | None = pidfd_open(pid)
        except OSError:
            self.descriptor = None

    def _start(self) -> str:
        """When the process started; "" if it has ended. A later process with the same number has another start time."""
        try:
            with open(f"/proc/{self._pid}/stat", encoding="utf8", errors="replace") as file:
                words = file.read().rpartition(")")[2].split()  # the name in brackets may hold blanks
        except OSError:
            return ""
        return "" if words[0] in "ZX" else words[19]

    def ended(self) -> bool:
        return self._start() != self._started

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


def _live(channel: socket.socket, kernel: _Life) -> NoReturn:
    """The whole life of the outside process. kernel: the process that it serves."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.chdir("/")  # a process keeps its current directory from being unmounted
        _let_go({channel.fileno(), kernel.descriptor})
        channel.send(json.dumps({"pid": os.getpid()}).encode())
        _serve(channel, kernel)
    finally:
        os._exit(0)


def _let_go(kept: Collection[int | None]) -> None:
    """Close every inherited descriptor but these: a reader of the kernel's output waits until all copies are closed."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):  # the descriptor that listed the directory is closed already
                os.close(descriptor)


def _serve(channel: socket.socket, kernel: _Life) -> None:
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    if kernel.descriptor is not None:
        poll.register(kernel.descriptor, select.POLLIN)
    wait = None if kernel.descriptor is not None else _LOOK_EVERY * 1000  # milliseconds
    while True:
        ready = dict(poll.poll(wait))
        # The kernel may be dead while a forked child of it still holds the channel.
        if kernel.descriptor in ready or (kernel.descriptor is None and kernel.ended()):
            return
        if channel.fileno() not in ready:
            continue
        request = channel.recv(_REQUEST_BYTES)
        if not request:
            return
        _answer(channel, request)


def _answer(channel: socket.socket, request: bytes) -> None:
    try:
        [(what, (host, port))] = json.loads(request).items()
        with _OPENED[what](host, port) as opened:
            socket.send_fds(channel, [b"{}"], [opened.fileno()])
    except socket.gaierror:
        channel.send(json.dumps({"errno": errno.EADDRNOTAVAIL}).encode())
    except OSError as error:
        channel.send(json.dumps({"errno": error.errno or errno.EIO}).encode())
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        channel.send(json.dumps({"errno": errno.EINVAL}).encode())


def listening(host: str, port: int) -> socket.socket:
    """A listening socket. host: as libzmq writes it, so ``"*"`` means every address."""
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


def _connecting(host: str, port: int) -> socket.socket:
    """A TCP socket that connects, or has, to a port of the loopback. Raises `OSError`, EACCES for other addresses."""
    if host not in LOOPBACK:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    if type(port) is not int or not 0 < port < 65536:
        raise ValueError(port)
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        number = opened.connect_ex((host, port))
        if number not in (0, errno.EINPROGRESS):
            raise OSError(number, os.strerror(number))
    except BaseException:
        opened.close()
        raise
    return opened


_OPENED = {"listen": listening, "connect": _connecting}
