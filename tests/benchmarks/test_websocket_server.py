"""The C server of the WebSocket benchmarks, which is the floor, must be right; and so must labkit's peer.

Rule: the load client, which is proved beside it, is the judge of what is usual; the rest is sent by hand.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness, websocket_echo
from tests.needs import leave_out, need_tool

KEY = bytes.fromhex("37fa213d")
REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def client() -> Path:
    need_tool("gcc")
    return harness.build("websocket_load")


@pytest.fixture(scope="module")
def server(client: Path) -> Iterator[harness.Server]:
    with harness.Server("C", command=websocket_echo.command("C", "echo")) as running:
        yield running


def judge(client: Path, port: int, *options: object) -> dict[str, Any]:
    """What the load client says of a run without errors."""
    done = subprocess.run(
        [str(client), "ping", "--port", str(port), "--warmup", "0", "--stall", "20", *map(str, options)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@pytest.mark.parametrize("kind", websocket_echo.WORDS)
@pytest.mark.parametrize(("size", "operations"), [(64, 3000), (1024, 2000), (65536, 300), (1 << 20, 50)])
def test_the_c_server_is_right(client: Path, server: harness.Server, kind: str, size: int, operations: int) -> None:
    options = ("--connections", 20, "--operations", operations, "--size", size, "--kind", kind)
    figures = judge(client, server.port, *options)
    assert operations <= figures["ops"] < operations + 20
    assert 0 < figures["p50_us"] <= figures["p99_us"]


@pytest.mark.parametrize("name", ["C", "labkit"])
@pytest.mark.parametrize("size", [64, 65536])
def test_a_broadcast_reaches_everybody(client: Path, name: str, size: int) -> None:
    with harness.Server(name, command=websocket_echo.command(name, "broadcast")) as running:
        figures = judge(
            client, running.port, "--connections", 30, "--operations", 20, "--size", size, "--broadcast"
        )  # fmt: skip
    assert figures["ops"] == 20


@pytest.mark.parametrize("kind", websocket_echo.WORDS)
@pytest.mark.parametrize(("size", "operations"), [(64, 1000), (1024, 1000), (65536, 200)])
def test_labkits_server_is_right(client: Path, kind: str, size: int, operations: int) -> None:
    with harness.Server("labkit", command=websocket_echo.command("labkit", "echo")) as running:
        judge(client, running.port, "--connections", 20, "--operations", operations, "--size", size, "--kind", kind)


@pytest.mark.parametrize(("size", "operations"), [(64, 500), (1024, 500), (65536, 100)])
def test_labkits_compressing_server_is_right(size: int, operations: int) -> None:
    need_tool("gcc")
    try:
        packing = harness.build("websocket_deflate_load")
    except harness.Unmeasured:
        leave_out("zlib's header file", "apt-get install zlib1g-dev")
    with harness.Server("labkit", command=websocket_echo.command("labkit", "deflate")) as running:
        figures = judge(packing, running.port, "--connections", 10, "--operations", operations, "--size", size)
    assert figures["wire"] < size + 10 if size < 1024 else figures["wire"] < size / 2


def test_idle_connections_are_held_until_the_clients_stdin_ends(client: Path, server: harness.Server) -> None:
    command = [str(client), "idle", "--port", str(server.port), "--connections", "5", "--touch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holding:
        assert holding.stdin is not None
        assert holding.stdout is not None
        assert holding.stdout.readline() == "OPEN 5\n"
        assert holding.poll() is None
        holding.stdin.close()
        assert holding.wait(10) == 0


def masked(payload: bytes, first: int = 0x81, size: bytes | None = None) -> bytes:
    """A client's frame; size: its length field, if it is not to be the right one in 7 or 16 bits."""
    if size is None:
        size = bytes((0x80 | len(payload),)) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload))
    return bytes((first,)) + size + KEY + bytes(each ^ KEY[at & 3] for at, each in enumerate(payload))


def talk(port: int, *pieces: bytes) -> bytes:
    """All that the server sends until it ends the connection, to what is sent in these pieces."""
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            peer.sendall(piece)
        with peer.makefile("rb") as stream:
            return stream.read()


def frames(port: int, *pieces: bytes) -> bytes:
    """What comes behind the server's handshake."""
    head, _, rest = talk(port, REQUEST, *pieces).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # the example of RFC 6455 section 1.3
    return rest


CLOSE = masked(b"\x03\xe8bye", 0x88)
CLOSED = b"\x88\x05\x03\xe8bye"

ANSWERS: dict[str, tuple[bytes, bytes]] = {
    "text": (masked(b"Hello"), b"\x81\x05Hello"),  # the example of RFC 6455 section 5.7
    "an empty message": (masked(b"", 0x82), b"\x82\x00"),
    "a ping": (masked(b"Hello", 0x89), b"\x8a\x05Hello"),
    "a pong": (masked(b"Hello", 0x8A), b""),
    "three at once": (masked(b"a") + masked(b"b", 0x82) + masked(b"c", 0x89), b"\x81\x01a\x82\x01b\x8a\x01c"),
    "126 bytes": (masked(bytes(126), 0x82), b"\x82\x7e\x00\x7e" + bytes(126)),
    "text beyond ASCII": (masked("Łódź, 東京, 🎈".encode()), b"\x81\x15" + "Łódź, 東京, 🎈".encode()),
}

REFUSED: dict[str, tuple[bytes, int]] = {
    "not masked": (b"\x81\x05Hello", 1002),
    "RSV1": (masked(b"Hello", 0xC1), 1002),
    "a reserved opcode": (masked(b"Hello", 0x83), 1002),
    "a reserved control opcode": (masked(b"Hello", 0x8B), 1002),
    "a long ping": (masked(bytes(126), 0x89), 1002),
    "a close frame of 1 byte": (masked(b"\x03", 0x88), 1002),
    "a fragment": (masked(b"Hello", 0x01), 1003),
    "a continuation": (masked(b"Hello", 0x80), 1003),
    "more than 1 MB": (masked(b"", 0x82, b"\xff" + (2**20 + 1).to_bytes(8, "big")), 1009),
    "half a letter": (masked("ź".encode()[:1]), 1007),
    "a continuation byte alone": (masked(b"abc\x80def"), 1007),
    "an overlong form": (masked(b"\xe0\x80\xaf"), 1007),
    "a surrogate": (masked(b"\xed\xa0\x80"), 1007),
    "above U+10FFFF": (masked(b"\xf4\x90\x80\x80"), 1007),
    "a reason that is no UTF-8": (masked(b"\x03\xe8\xff", 0x88), 1007),
}


@pytest.mark.parametrize("by_byte", [False, True])
@pytest.mark.parametrize("name", ANSWERS)
def test_the_c_server_answers(server: harness.Server, name: str, by_byte: bool) -> None:
    sent, answer = ANSWERS[name]
    sent += CLOSE
    pieces = [sent[at : at + 1] for at in range(len(sent))] if by_byte else [sent]
    assert frames(server.port, *pieces) == answer + CLOSED


@pytest.mark.parametrize("name", REFUSED)
def test_the_c_server_refuses(server: harness.Server, name: str) -> None:
    sent, code = REFUSED[name]
    assert frames(server.port, masked(b"a"), sent) == b"\x81\x01a\x88\x02" + code.to_bytes(2, "big")


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST.replace(b"GET", b"PUT"),
        REQUEST.replace(b"13", b"8"),
        REQUEST.replace(b"==\r\n", b"\r\n"),
        REQUEST.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        b"x" * 8192,
    ],
)
def test_the_c_server_refuses_another_handshake(server: harness.Server, request_: bytes) -> None:
    assert talk(server.port, request_).startswith(b"HTTP/1.1 400 ")


def test_the_c_server_waits_for_a_slow_reader(server: harness.Server) -> None:
    """It keeps what it cannot send, and all of it comes in the end, in its order."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as peer, peer.makefile("rb") as stream:
        peer.sendall(REQUEST)
        while stream.readline() != b"\r\n":
            pass
        count = 40
        large = masked(bytes(2**19), 0x82, b"\xff" + (2**19).to_bytes(8, "big"))
        peer.settimeout(0.5)
        sent = 0
        try:
            while sent < count * len(large):  # until neither takes any more
                sent += peer.send(large[sent % len(large) :])
        except TimeoutError:
            pass
        peer.settimeout(10)
        assert 0 < sent < count * len(large)
        whole, left = divmod(sent, len(large))
        answer = b"\x82\x7f" + (2**19).to_bytes(8, "big") + bytes(2**19)
        for _ in range(whole):
            assert stream.read(len(answer)) == answer
        peer.sendall(large[left:] + CLOSE)
        assert stream.read() == answer + CLOSED
