"""The other end in the tests of labkit.net: plain system sockets, and records of events.

Rule: plain sockets are the oracle; nothing of labkit.net decides here what is right.
"""

from __future__ import annotations

import socket as system
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit import net

EVENTS = ("connect", "data", "end", "drain", "timeout", "error", "close")


class Place:
    """An address a test listens on: IPv4, IPv6, or a Unix socket path."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind, self.path = kind, str(path)
        self.server: net.Server | None = None

    def __repr__(self) -> str:
        return self.kind

    @property
    def is_unix(self) -> bool:
        return self.kind == "unix"

    def listen(self, server: net.Server, **options: Any) -> net.Server:
        self.server = server
        if self.is_unix:
            return server.listen(path=self.path, **options)
        return server.listen(0, self.kind, **options)

    def connect(self, **options: Any) -> net.Socket:
        if self.is_unix:
            return net.connect(path=self.path, **options)
        assert self.server is not None
        return net.connect(self.server.port, self.kind, **options)

    def plain(self) -> system.socket:
        """A system socket connected to the server listening here."""
        if self.is_unix:
            plain = system.socket(system.AF_UNIX)
            plain.settimeout(20)
            try:
                plain.connect(self.path)
            except OSError:
                plain.close()
                raise
            return plain
        assert self.server is not None
        return system.create_connection((self.kind, self.server.port), timeout=20)


class Story:
    """The events of a socket or server in order, noted by listeners on each of them; `until` waits for one."""

    def __init__(self, source: Any, events: tuple[str, ...] = EVENTS) -> None:
        self.events: list[str] = []
        self.arguments: dict[str, list[tuple[Any, ...]]] = {}
        self.changed = threading.Condition()
        for event in sorted(events, key=lambda event: event == "data"):  # last, since it starts the flow
            source.on(event, self.noting(event))

    def noting(self, event: str) -> Callable[..., None]:
        def note(*arguments: Any) -> None:
            with self.changed:
                if event != "data" or self.events[-1:] != ["data"]:  # TCP may cut the stream anywhere
                    self.events.append(event)
                self.arguments.setdefault(event, []).append(arguments)
                self.changed.notify_all()

        return note

    @property
    def received(self) -> bytes:
        return b"".join(arguments[0] for arguments in self.arguments.get("data", ()))

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, 20), f"only this came: {self.events}"

    def until(self, event: str, times: int = 1) -> list[str]:
        self.wait(lambda: self.events.count(event) >= times)
        return self.events


class Holder:
    """Accepts connections and keeps them: `take` waits for the next one."""

    def __init__(self) -> None:
        self.accepted: list[net.Socket] = []
        self.ready = threading.Semaphore(0)

    def __call__(self, socket: net.Socket) -> None:
        self.accepted.append(socket)
        self.ready.release()

    def take(self) -> net.Socket:
        assert self.ready.acquire(timeout=20), "no connection came"
        return self.accepted.pop(0)


@contextmanager
def pair(place: Place, **options: Any) -> Iterator[tuple[net.Socket, net.Socket]]:
    """Two connected labkit sockets, (client, accepted), on a server that ends with the block."""
    holder = Holder()
    with place.listen(net.create_server(holder, **options)):
        client = place.connect(**options)
        accepted = holder.take()
        try:
            yield client, accepted
        finally:
            client.destroy()
            accepted.destroy()


@contextmanager
def plain_client(place: Place, **options: Any) -> Iterator[tuple[system.socket, net.Socket]]:
    """A system socket as client, and the labkit socket that serves it."""
    holder = Holder()
    with place.listen(net.create_server(holder, **options)), place.plain() as plain:
        accepted = holder.take()
        try:
            yield plain, accepted
        finally:
            accepted.destroy()


@contextmanager
def plain_server(place: Place, **options: Any) -> Iterator[tuple[net.Socket, system.socket]]:
    """A labkit socket as client, and the system socket that serves it."""
    family = system.AF_UNIX if place.is_unix else system.AF_INET6 if ":" in place.kind else system.AF_INET
    with system.socket(family) as listener:
        listener.settimeout(20)
        listener.bind(place.path if place.is_unix else (place.kind, 0))
        listener.listen()
        if place.is_unix:
            client = net.connect(path=place.path, **options)
        else:
            client = net.connect(listener.getsockname()[1], place.kind, **options)
        served, _ = listener.accept()
        served.settimeout(20)
        with served:
            try:
                yield client, served
            finally:
                client.destroy()


def reset(plain: system.socket) -> None:
    """Close a system socket with RST."""
    plain.setsockopt(system.SOL_SOCKET, system.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def read_all(plain: system.socket) -> bytes:
    """Everything up to the peer's FIN."""
    pieces = []
    while piece := plain.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def read_exactly(plain: system.socket, size: int) -> bytes:
    """This many bytes, or fewer if the peer ends."""
    pieces = b""
    while len(pieces) < size and (piece := plain.recv(size - len(pieces))):
        pieces += piece
    return pieces


def names(source: net.Socket | net.Server) -> list[str]:
    """The events remembered, several data in a row as one."""
    events: list[str] = []
    for entry in source.history:
        if entry.name != "data" or events[-1:] != ["data"]:
            events.append(entry.name)
    return events
