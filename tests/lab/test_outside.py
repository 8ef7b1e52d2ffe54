"""The outside process: which sockets it opens for a program that has left the machine's network.

Rule: the program that asks is a child of this test, in a private network of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from socket import create_server, socket

import pytest

from tests.needs import need_private_network

ASK = """
import errno, socket, sys
from labkit.lab import namespaces, outside_process

outside = outside_process.start()
namespaces.enter_private_network()
for host, port in eval(sys.argv[1]):
    try:
        with outside.connect(host, port) as opened:
            print("connected", opened.recv(100), opened.getblocking())
    except OSError as error:
        print(errno.errorcode[error.errno])
try:
    socket.create_connection(("127.0.0.1", eval(sys.argv[1])[0][1]), 5)
except OSError as error:
    print("by itself:", errno.errorcode[error.errno])
"""


@pytest.fixture
def greeter() -> Iterator[socket]:
    """A server in the machine's network that greets its first visitor."""
    with create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


def asked(places: list[tuple[object, object]], greeter: socket | None = None) -> list[str]:
    """What came of connecting to each of these places, from a private network."""
    need_private_network()
    child = subprocess.Popen([sys.executable, "-c", ASK, repr(places)], stdout=subprocess.PIPE, text=True)
    if greeter is not None:
        visitor, _ = greeter.accept()
        with visitor:
            visitor.sendall(b"hello")
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    return said.splitlines()


def test_it_connects_to_the_machine_s_loopback(greeter: socket) -> None:
    port = greeter.getsockname()[1]
    assert asked([("127.0.0.1", port)], greeter) == ["connected b'hello' True", "by itself: ECONNREFUSED"]


def test_nobody_listens_there() -> None:
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert asked([("127.0.0.1", port), ("::1", port)])[:2] == ["ECONNREFUSED", "ECONNREFUSED"]


def test_no_other_address_is_reached(greeter: socket) -> None:
    """The greeter is reached by each of them, from the machine's own network."""
    port = greeter.getsockname()[1]
    others = ("127.0.0.2", "0.0.0.0", "localhost", "", "127.1", "::ffff:127.0.0.1", "::", "10.0.0.1", "127.0.0.1 ")
    assert asked([(host, port) for host in others])[:-1] == ["EACCES"] * len(others)


def test_what_is_no_port_is_refused() -> None:
    ports: tuple[object, ...] = (0, -1, 65536, True, 8.5, "8124", None)
    assert asked([("127.0.0.1", port) for port in ports] + [(["127.0.0.1"], 1), (None, 1)])[: len(ports)] == [
        "EINVAL"
    ] * len(ports)
