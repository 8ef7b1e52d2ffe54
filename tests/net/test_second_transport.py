"""The seam below `net.Socket`: all of Node's scenarios once more, and the fast path, over a transport of our own.

Rule: the scenarios are those of test_node.py, unchanged; only what carries the bytes is another.
"""

from __future__ import annotations

import socket as system
import ssl

import pytest

from labkit import net
from labkit.core import loop
from labkit.core.endpoint import YOUNG
from tests.net import tls
from tests.net.peers import read_exactly
from tests.net.test_node import SCENARIOS

UNSENT = {"refused", "no_such_path", "port_in_use", "listen_again", "destroy_before_connect"}
"""Scenarios in which no connection comes to stand, so that nothing is carried."""


OTHERWISE = {
    # A TLS client speaks first: a server that closes at once leaves that unread, and its kernel answers with RST.
    "max_connections": ("client", ["connect", "error ECONNRESET", "close true"]),
}
"""Scenarios in which one end has another story than over TCP, and why."""


@pytest.fixture(autouse=True)
def over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every socket of this file has TLS below it."""
    tls.contexts()  # before the loop needs them: a certificate takes a while
    monkeypatch.setattr(net.Socket, "_protocol", lambda socket: tls.Layer(socket))


@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_the_same_over_tls(name: str) -> None:
    before = tls.Layer.used
    expected = dict(SCENARIOS.node_story(name))
    if name in OTHERWISE:
        who, story = OTHERWISE[name]
        expected[who] = story
    assert SCENARIOS.our_story(name) == expected
    assert (tls.Layer.used > before) == (name not in UNSENT)


def plain_tls(port: int) -> ssl.SSLSocket:
    """Python's own TLS client."""
    plain = system.create_connection(("127.0.0.1", port), timeout=20)
    return tls.contexts()[1].wrap_socket(plain, server_hostname="labkit.test")


def test_an_echo_server_over_tls_answers_pythons_own_client_on_the_short_path() -> None:
    with net.create_server(lambda s: s.pipe(s)).listen(0) as server, plain_tls(server.port) as client:
        for _ in range(YOUNG + 5):
            client.sendall(b"warm")
            assert read_exactly(client, 4) == b"warm"
        (served,) = server.connections
        assert loop.call(lambda: served._shortcut is not None and served._fast is not None)
        client.sendall(b"short")
        assert read_exactly(client, 5) == b"short"
        assert served.bytes_written == served.bytes_read == 4 * (YOUNG + 5) + 5


def test_a_half_close_leaves_the_other_direction_open() -> None:
    def serve(socket: net.Socket) -> None:
        socket.on("end", lambda: socket.end("late answer"))
        socket.resume()

    with net.create_server(serve, allow_half_open=True).listen(0) as server:
        client = net.connect(server.port, allow_half_open=True)
        client.end("question")
        assert client.read(11) == b"late answer"
        client.wait_for("close")
        assert [event.name for event in client.history if event.name != "data"] == ["connect", "finish", "end", "close"]


def test_large_data_both_ways_is_bounded_and_whole() -> None:
    size = 3_000_000
    with net.create_server(lambda s: s.pipe(s)).listen(0) as server:
        client = net.connect(server.port)
        client.write(bytes(size))
        assert client.read(size, timeout=20) == bytes(size)
        client.end()
        client.wait_for("close")
