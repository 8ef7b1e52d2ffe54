"""labkit.net.address and table: addresses in words, who holds a port, the kernel's own list of connections.

Rule: what the kernel says is compared with plain system sockets.
"""

from __future__ import annotations

import os
import socket as system
from pathlib import Path
from typing import Any

import pytest

from labkit import net
from labkit.core import addresses as address
from labkit.core.errors import AddressUnavailable, ConnectionRefused, LabError, NetError
from tests.net.peers import Place, pair


@pytest.mark.parametrize(
    ("host", "port", "words"), [("127.0.0.1", 80, "127.0.0.1:80"), ("::1", 80, "[::1]:80"), ("example", 1, "example:1")]
)
def test_in_words(host: str, port: int, words: str) -> None:
    assert address.in_words(host, port) == words


@pytest.mark.parametrize("port", [0, 1, 8124, 65535])
def test_ports(port: int) -> None:
    assert address.check_port(port) == port


@pytest.mark.parametrize("port", [-1, 65536, "80", 1.0, True, None, b"80"])
def test_what_is_not_a_port(port: Any) -> None:
    with pytest.raises(LabError, match="is not a port"):
        address.check_port(port)


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.255.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("", False), ("192.0.2.1", False), ("localhost.example", False), ("128.0.0.1", False),
     ("LOCALHOST", True), ("Localhost.", True), ("127.1", True), ("0x7f000001", True), ("::ffff:127.0.0.1", True),
     ("::ffff:192.0.2.1", False), ("127.0.0.1 x", False), ("1", False), ("127.0.0.1.example", False)],
)  # fmt: skip
def test_is_loopback(host: str, here: bool) -> None:
    assert address.is_loopback(host) is here


@pytest.mark.parametrize("path", ["", "x" * 108, "ä" * 54])
def test_paths_that_do_not_fit(path: str) -> None:
    with pytest.raises(LabError, match="1 to 107 bytes"):
        address.check_path(path)


@pytest.mark.parametrize("path", ["/tmp/s", Path("/tmp/s"), "x" * 107])
def test_paths_that_fit(path: str | Path) -> None:
    assert address.check_path(path) == str(path)


def test_the_limit_is_the_kernels(tmp_path: Path) -> None:
    longest = (str(tmp_path / "x") + "y" * 200)[: address.PATH_LIMIT]
    with system.socket(system.AF_UNIX) as plain:
        with pytest.raises(OSError, match="too long"):
            plain.bind(longest + "yy")
        plain.bind(longest)


def test_the_holder_of_a_port_is_named() -> None:
    with system.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert f"this program itself (pid {os.getpid()})" == address.holder(port)
    assert address.holder(port) == ""


def test_translate_turns_what_the_system_raised_into_our_errors() -> None:
    assert isinstance(address.translate(ConnectionRefusedError(111, "x"), "there"), ConnectionRefused)
    error = address.translate(RuntimeError("odd"), "there")
    assert (type(error), str(error)) == (NetError, "there: odd")
    given = AddressUnavailable("no")
    assert address.translate(given, "there") is given


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_kernels_table_knows_a_connection_from_both_ends(host: str, tmp_path: Path) -> None:
    place = Place(host, tmp_path)
    with pair(place) as (client, accepted):
        ours, theirs = client.endpoint()[1:]
        assert (ours, theirs) == (accepted.endpoint()[2], accepted.endpoint()[1])
        assert ours is not None
        assert theirs is not None
        rows = {(row.local, row.remote): row.state for row in net.kernel_table(ours[1])}
        assert rows[ours, theirs] == rows[theirs, ours] == "ESTABLISHED"
        listening = [row for row in net.kernel_table(theirs[1]) if row.state == "LISTEN"]
        assert [row.local for row in listening] == [theirs]
        assert set(net.kernel_table(ours[1])) <= set(net.kernel_table())


def test_the_side_that_ends_first_waits_in_time_wait() -> None:
    with net.create_server(lambda socket: socket.end("bye")).listen(0) as server:
        with system.create_connection(("127.0.0.1", server.port)) as plain:
            port = plain.getsockname()[1]
            assert plain.recv(10) == b"bye"
            assert plain.recv(10) == b""
        server.wait_for("connection").wait_for("close")
        rows = [row for row in net.kernel_table(port) if row.local[1] == server.port]
        assert [(row.state, row.inode) for row in rows] == [("TIME-WAIT", 0)]
