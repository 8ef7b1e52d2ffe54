"""What the tests of a wire share: a wire that is live, or a reason to leave the test to the run inside a network.

Rule: nothing is decided here but whether a wire can be had.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from labkit import net
from labkit.lab.wire import Wire

INSIDE = "LABKIT_TESTS_INSIDE"
"""Set where tests/lab/test_inside.py runs these tests in a private network: there each of them has to run."""


@contextmanager
def live_wire(**options: Any) -> Iterator[Wire]:
    """A wire; where this user can have none, the test is left to the run in a private network."""
    with Wire(**options) as wire:
        if not wire.live:
            if os.environ.get(INSIDE):
                pytest.fail(f"no wire in a private network: {wire.why_not}", pytrace=False)
            pytest.skip(f"tests/lab/test_inside.py runs it in a private network (here: {wire.why_not})")
        yield wire


def listen(wire: Wire, server: net.Server, port: int = 8124) -> net.Server:
    """Have a server listen on the wire's server host."""
    with wire.server:
        return server.listen(port, wire.server.address)


def connect(wire: Wire, port: int = 8124, **options: Any) -> net.Socket:
    """Connect from the wire's client host."""
    with wire.client:
        return net.connect(port, wire.server.address, **options)


def echo(wire: Wire, message: bytes = b"hello") -> bytes:
    """One connection, one message there and back, closed properly."""
    client = connect(wire)
    client.write(message)
    answer = client.read(len(message))
    client.end()
    client.wait_for("close")
    return answer


def datagrams(wire: Wire, count: int) -> tuple[socket.socket, socket.socket]:
    """Two plain UDP sockets, and this many numbered datagrams sent from the client's to the server's."""
    receiver = wire.server.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind((wire.server.address, 9000))
    receiver.setblocking(False)
    sender = wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for number in range(count):
        sender.sendto(number.to_bytes(2, "big"), (wire.server.address, 9000))
    return sender, receiver


def received(receiver: socket.socket) -> list[int]:
    """The numbers of the datagrams that have arrived."""
    numbers = []
    while True:
        try:
            numbers.append(int.from_bytes(receiver.recv(64), "big"))
        except BlockingIOError:
            return numbers
