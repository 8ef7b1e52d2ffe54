"""A student's handler on a real server, and the clients that try it.

Rule: knows no exercise; what a handler raises is kept for the finding, never printed.
"""

from __future__ import annotations

import inspect
import socket as system
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Protocol

from labkit import net
from labkit.core import loop
from labkit.core.errors import LabError, TimedOut
from labkit.exercises.result import show
from labkit.exercises.running import NotAttempted, NotYet, Run, failed, runs_own_code, stop

PATIENCE = 2.0
"""Seconds to wait for bytes that should come."""

KERNEL = 32 * 1024
"""Bytes of the kernel's buffers on these connections (it may double them), so that they hide little."""


class HandlerStopped(Exception):
    """Raised inside a handler that keeps the event loop."""


class TrialSocket(net.Socket):
    """A socket of a `TrialServer`: it hands errors of the student's handlers to the server."""

    def _report(self, error: BaseException, about: object = None) -> None:
        # A reset comes from the trial's own client, which closed without reading all: it is not the handler's fault.
        if isinstance(self.server, TrialServer) and not isinstance(error, ConnectionResetError):
            self.server.failures.append(error)


class TrialServer(net.Server):
    """A server that keeps the errors of its handlers, since they belong in the finding.

    handler: the student's. failures: what the handlers raised, in order. served: set when the handler has been called
    for the first connection. idle: whether the handler did nothing at all for the latest one.
    sockets: the server's side of each connection, by the client's port.
    """

    SOCKET: ClassVar[type[TrialSocket]] = TrialSocket

    def __init__(self, handler: Callable[[net.Socket], Any]) -> None:
        self.failures: list[BaseException] = []
        self.idle = False
        self.served = threading.Event()
        self.sockets: dict[int | None, net.Socket] = {}
        self.handler = handler
        super().__init__(self._serve)

    def _socket(self) -> net.Socket:
        return self.SOCKET(self)

    def _serve(self, socket: net.Socket) -> None:
        shrink(socket)
        self.sockets[socket.remote_port] = socket
        try:
            self.handler(socket)
            listens = any(socket.listeners(event) for event in ("data", "end", "close"))
            self.idle = not listens and not socket.bytes_written
        finally:
            self.served.set()

    def _report(self, error: BaseException, about: object = None) -> None:
        self.failures.append(error)


def shrink(socket: net.Socket) -> None:
    """Let the kernel take little from a server's socket, so that the memory of the server shows."""
    channel = socket._channel()
    if channel is not None:
        channel.setsockopt(system.SOL_SOCKET, system.SO_SNDBUF, KERNEL)


class OnTrial(Protocol):
    """What a `Trial` asks of a server; failures, served and idle are those of `TrialServer`."""

    failures: list[BaseException]
    served: threading.Event
    idle: bool

    @property
    def port(self) -> int:
        """The port on which it listens."""

    def listen(self, port: int, /) -> Any:
        """Begin to listen on this port; 0 for any free one."""

    def close(self) -> Any:
        """Take no more connections; those that stand go on."""

    def close_all_connections(self) -> Any:
        """Cut the connections that stand."""

    def wait_for(self, event: str, /, *, timeout: float) -> Any:
        """Wait for an event. timeout: the longest wait in seconds; after it `TimedOut` is raised."""


class Trial:
    """A server under trial on 127.0.0.1, and clients that the kernel's own sockets make.

    server: a `TrialServer` or another one with the same marks, which begins to listen. run: the check.
    """

    server: OnTrial

    def __init__(self, server: OnTrial, run: Run) -> None:
        self.run = run
        self.stuck = False
        self.server = server
        self.server.listen(0)

    def close(self) -> None:
        """Stop listening and cut what stands, unless a handler keeps the loop and cannot be ended.

        Returns when the handlers have had their last event, so that all they print is part of the check.
        """
        if self.stuck:
            return
        try:
            loop.call(lambda: None, timeout=PATIENCE / 4)
        except TimedOut:  # the check was stopped while a handler keeps the loop
            if _handler_runs() and not _end_handler():
                return
        self.server.close()
        self.server.close_all_connections()
        with suppress(LabError):
            self.server.wait_for("close", timeout=PATIENCE / 2)

    def client(self) -> system.socket:
        """A client that has connected."""
        self.run.beat(6 * PATIENCE)
        client = system.socket(system.AF_INET, system.SOCK_STREAM)
        client.setsockopt(system.SOL_SOCKET, system.SO_RCVBUF, KERNEL)
        client.setsockopt(system.IPPROTO_TCP, system.TCP_NODELAY, 1)
        client.settimeout(PATIENCE)
        try:
            client.connect(("127.0.0.1", self.server.port))
        except BaseException:
            client.close()
            raise
        return client

    def receive(self, client: system.socket, size: int) -> bytes:
        """Read until this many bytes have come, the server ends, or nothing comes for `PATIENCE`."""
        self.run.beat(6 * PATIENCE)
        came = b""
        waited = False
        while len(came) < size:
            try:
                part = client.recv(size - len(came))
            except ConnectionError:
                break
            except TimeoutError:
                if waited:
                    break
                self.check_loop()
                waited = True  # the loop answers; on a busy machine the bytes may come only now
                client.settimeout(PATIENCE / 4)
                continue
            if not part:
                break
            came += part
        client.settimeout(PATIENCE)
        return came

    def check_served(self) -> None:
        """Wait until the handler was called. Raises `NotAttempted` if it does nothing."""
        if not self.server.served.wait(PATIENCE):
            self.check_loop()
        if self.server.idle:
            raise NotAttempted

    def check_failures(self, doing: str = "your handler") -> None:
        """Raise what the student's handler raised, as a finding. NotImplementedError: there is no answer yet."""
        for error in self.server.failures:
            if isinstance(error, NotImplementedError):
                raise NotAttempted
            raise failed(doing, error)

    def check_loop(self) -> None:
        """Nothing came. Raises `NotYet` if a handler keeps the event loop."""
        self.asked(lambda: None)

    def asked(self, question: Callable[[], Any]) -> Any:
        """Call the question on the event loop and return its answer. Raises `NotYet` if a handler keeps the loop."""
        try:
            return loop.call(question, timeout=PATIENCE / 4)
        except TimedOut:
            pass
        if not _handler_runs():  # only a busy machine
            return loop.call(question, timeout=4 * PATIENCE)
        why = "A handler keeps the event loop: until it returns, no socket of this process gets an event."
        if not _end_handler():
            self.stuck = True
            why += "\nIt could not be stopped: restart the kernel when you have mended it."
        raise NotYet("your handler returns", f"your function did not return within {PATIENCE:g} s", why)


def check_plain(function: Any, wanted: str, asks: str) -> None:
    """Raise `NotYet` for an answer that is not a plain function. wanted, asks: what it should be, in words."""
    if not callable(function) or isinstance(function, type):
        raise NotYet(wanted, show(function), asks)
    if inspect.iscoroutinefunction(function):
        raise NotYet("a plain function", "a coroutine (async def)", "Handlers are called, not awaited: use def.")


def in_short(came: bytes) -> str:
    """The bytes that came, as a short text."""
    return f"{show(came)}" if came else "nothing"


def _handler_runs() -> list[int]:
    """The event loop's thread, if it is inside the student's code at this moment."""
    loops = [thread.ident for thread in threading.enumerate() if thread.name == "labkit-loop"]
    return [ident for ident in loops if ident is not None and runs_own_code(ident)]


def _end_handler() -> bool:
    """Raise an error in the handler that keeps the loop; returns whether the loop answers again."""
    for ident in _handler_runs():
        stop(ident, HandlerStopped)
    try:
        loop.call(lambda: None, timeout=1.0)
    except TimedOut:
        return False
    return True
