"""The load client of the WebSocket benchmarks must notice every way in which a handshake or a reply can be wrong.

Rule: the client runs against a deliberately wrong server; a client that only counted replies would fail here.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness, websocket_broadcast, websocket_deflate, websocket_echo
from benchmarks.rotation import Comparison
from benchmarks.websocket_echo import Messages
from tests.needs import leave_out, need_tool

Reply = Callable[[bytes], list[bytes]]
"""A message (the payload of its frame, unmasked) into what is sent, in pieces; none: the server closes."""


def frame(payload: bytes, first: int = 0x81, *, mask: int = 0, wide: int | None = None) -> bytes:
    """A server's frame. wide: bytes of the extended length, if it is not to be the shortest."""
    if wide is None:
        wide = 0 if len(payload) < 126 else 2 if len(payload) < 65536 else 8
    short = {0: len(payload), 2: 126, 8: 127}[wide]
    return bytes((first, mask | short)) + (len(payload).to_bytes(wide, "big") if wide else b"") + payload


def accepting(key: bytes) -> bytes:
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n"


def welcome(key: bytes, fields: bytes = b"") -> bytes:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + accepting(key) + fields + b"\r\n"


def read_frame(stream: Any) -> tuple[int, bytes]:
    """A client's frame: its first byte and its payload, unmasked; (0, nothing) at the end."""
    head = stream.read(2)
    if len(head) < 2:
        return 0, b""
    size = head[1] & 127
    if size > 125:
        size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
    key, masked = stream.read(4), stream.read(size)
    return head[0], bytes(each ^ key[at & 3] for at, each in enumerate(masked))


class Wrong:
    """A server that is right twice and wrong then: `reply` makes its answer to the third message of its client.

    hello: what it answers the handshake with, made of the key. goodbye: what it answers a close frame with, made of its
    payload. sent: first bytes of the frames that came.
    """

    def __init__(self) -> None:
        self.hello: Callable[[bytes], bytes] = welcome
        self.right: Callable[[bytes], bytes] = frame
        self.reply: Reply = lambda payload: [frame(payload)]
        self.goodbye: Callable[[bytes], bytes] = lambda payload: frame(payload, 0x88)
        self.sent: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the client gave up in the middle
            peer, _ = self._listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with peer, peer.makefile("rb") as stream:
                self._serve(peer, stream)

    def _serve(self, peer: socket.socket, stream: Any) -> None:
        request = b"".join(iter(stream.readline, b"\r\n"))
        key = re.search(rb"Sec-WebSocket-Key: (\S{24})\r\n", request)
        assert key
        peer.sendall(self.hello(key[1]))
        number = 0
        while True:
            first, payload = read_frame(stream)
            if not first:
                return
            self.sent.append(first)
            if first == 0x88:
                peer.sendall(self.goodbye(payload))
                continue
            number += 1
            pieces = self.reply(payload) if number == 3 else [self.right(payload)]
            if not pieces:
                return
            for piece in pieces:
                peer.sendall(piece)

    def __enter__(self) -> Wrong:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Wrong]:
    with Wrong() as wrong:
        yield wrong


@pytest.fixture(scope="module")
def client() -> Path:
    need_tool("gcc")
    return harness.build("websocket_load")


@pytest.fixture(scope="module")
def packing_client() -> Path:
    need_tool("gcc")
    try:
        return harness.build("websocket_deflate_load")
    except harness.Unmeasured:
        leave_out("zlib's header file", "apt-get install zlib1g-dev")


def run_client(client: Path, port: int, *options: object) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [str(client), "ping", "--port", str(port), "--warmup", "0", "--stall", "0.3", *map(str, options)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout), done.stderr


def complaint(client: Path, server: Wrong, *options: object) -> str:
    """What the client says when it gives up; it must say the same on stderr, and end with a status of 1."""
    status, figures, said = run_client(client, server.port, "--connections", 1, "--operations", 9, *options)
    assert (status, figures["errors"]) == (1, 1)
    assert figures["message"] in said
    return str(figures["message"])


HELLOS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "another status": (lambda key: b"HTTP/1.1 200 OK\r\n\r\n", "the handshake is answered with 'HTTP/1.1 200 OK"),
    "the accept value of another key": (lambda key: welcome(key[:-3] + b"A=="), "the accept value is wrong"),
    "no accept value": (lambda key: welcome(key).replace(b"-Accept", b"-Except"), "the accept value is wrong"),
    "an extension that was not offered": (
        lambda key: welcome(key, b"Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        "accepts an extension that was not offered",
    ),
    "more than the head": (lambda key: welcome(key) + b"\x81", "bytes behind the handshake"),
    "half a head": (lambda key: welcome(key)[:-1], "the handshake is not answered"),
    "a head without end": (lambda key: welcome(key, b"x: " + b"y" * 5000), "or its answer is too long"),
}


@pytest.mark.parametrize("wrong", HELLOS)
def test_a_wrong_handshake_ends_the_run(client: Path, server: Wrong, wrong: str) -> None:
    server.hello, said = HELLOS[wrong]
    assert said in complaint(client, server)


# What the wrong server sends in place of the third reply, and what the client must say.
REPLIES: dict[str, tuple[Reply, str]] = {
    "binary for text": (lambda data: [frame(data, 0x82)], "begins with the byte 0x82, right is 0x81"),
    "a fragment": (lambda data: [frame(data, 0x01)], "begins with the byte 0x01, right is 0x81"),
    "RSV1": (lambda data: [frame(data, 0xC1)], "begins with the byte 0xc1, right is 0x81"),
    "a ping": (lambda data: [frame(b"", 0x89)], "begins with the byte 0x89, right is 0x81"),
    "masked": (lambda data: [frame(data, mask=0x80)[:2] + bytes(4) + data], "is masked"),
    "a byte less": (lambda data: [frame(data[:-1])], "has 63 bytes, right are 64: a short reply"),
    "a byte more": (lambda data: [frame(data + b"!")], "has 65 bytes, right are 64: a long reply"),
    "the last byte missing": (lambda data: [frame(data)[:-1]], "only 2 bytes of header and 63 of payload came back"),
    "half a header": (lambda data: [b"\x81"], "only 1 bytes of header and 0 of payload"),
    "one frame too many": (lambda data: [frame(data) * 2], "more than the reply to message 3: a long reply"),
    "a length in 2 bytes": (lambda data: [frame(data, wide=2)], "is not in its shortest form"),
    "a length in 8 bytes": (lambda data: [frame(data, wide=8)], "is not in its shortest form"),
    "one bit": (lambda data: [frame(data[:30] + bytes((data[30] ^ 1,)) + data[31:])], "byte 30 of the reply to"),
    "still masked": (lambda data: [frame(bytes(each ^ 1 for each in data))], "the reply carries the number"),
    "the number of another message": (
        lambda data: [frame(b"0000000000000002" + data[16:])],
        "carries the number 0000000000000002, sent was 0000000000000003",
    ),
    "the end of another message": (lambda data: [frame(data[:-1] + b"2")], "byte 63 of the reply to message 3 differs"),
    "a close frame": (lambda data: [frame(b"\x03\xe8", 0x88)], "the server closes instead of its reply to message 3"),
    "the end of the connection": (lambda data: [], "closed by the server after 0 bytes of the reply to message 3"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", REPLIES)
def test_a_wrong_reply_ends_the_run(client: Path, server: Wrong, wrong: str) -> None:
    server.reply, said = REPLIES[wrong]
    assert said in complaint(client, server, "--size", 64)


@pytest.mark.parametrize("goodbye", [b"", frame(b"\x03\xe9", 0x88), frame(b"", 0x88), frame(b"\x03\xe8")])
def test_a_wrong_answer_to_the_close_frame_ends_the_run(client: Path, server: Wrong, goodbye: bytes) -> None:
    server.goodbye = lambda _: goodbye
    words = "is not one with the same code" if goodbye else "the closing handshake is not answered"
    assert words in complaint(client, server)


@pytest.mark.parametrize("size", [64, 125, 126, 65535, 65536])
def test_a_right_reply_passes_byte_by_byte(client: Path, server: Wrong, size: int) -> None:
    def bits(data: bytes) -> list[bytes]:
        whole = frame(data)
        return [whole[at : at + 1] for at in range(20)] + [whole[20:]]

    server.reply = bits
    status, figures, said = run_client(
        client, server.port, "--connections", 1, "--operations", 5, "--size", size, "--stall", 10
    )
    assert (status, said, figures["errors"], figures["ops"]) == (0, "", 0, 5)
    assert figures["wire"] == len(frame(bytes(size)))
    assert set(server.sent) == {0x81, 0x88}


@pytest.mark.parametrize("size", [33, 40, 1000, 1001, 1002])
@pytest.mark.parametrize("kind", ["text", "utf8"])
def test_text_is_utf8_at_any_size(client: Path, server: Wrong, kind: str, size: int) -> None:
    came: list[bytes] = []
    server.right = lambda data: (came.append(data), frame(data))[1]
    options = ("--connections", 1, "--operations", 2, "--size", size, "--kind", kind)
    status, _, said = run_client(client, server.port, *options)
    assert (status, said) == (0, "")
    assert [len(each) for each in came] == [size] * 2
    text = came[0].decode()
    assert size < 1000 or text.isascii() is (kind == "text")


def test_binary_is_any_byte(client: Path, server: Wrong) -> None:
    came: list[bytes] = []
    server.right = lambda data: (came.append(data), frame(data, 0x82))[1]
    options = ("--connections", 1, "--operations", 2, "--size", 9000, "--kind", "binary")
    status, _, said = run_client(client, server.port, *options)
    assert (status, said) == (0, "")
    assert len(set(came[0])) == 256


def test_a_message_without_room_for_its_numbers_is_refused(client: Path) -> None:
    status, figures, _ = run_client(client, 1, "--size", 31)
    assert status == 1
    assert "a message needs at least 32 bytes" in figures["message"]


def test_with_broadcast_everybody_must_receive(client: Path) -> None:
    """The server that only echoes is wrong here: one of two receivers gets nothing."""
    with harness.Server("C", command=websocket_echo.command("C", "echo")) as server:
        status, figures, _ = run_client(client, server.port, "--connections", 2, "--operations", 9, "--broadcast")
    assert status == 1
    assert figures["message"].startswith("connection 1: ")
    assert "after message 1 only 0 bytes of header" in figures["message"]


def test_without_broadcast_nobody_else_may_receive(client: Path) -> None:
    with harness.Server("C", command=websocket_echo.command("C", "broadcast")) as server:
        status, figures, _ = run_client(client, server.port, "--connections", 2, "--operations", 9)
    assert status == 1
    assert "number" in figures["message"] or "a long reply" in figures["message"]


# -- permessage-deflate

PARAMETERS = ["", "; server_no_context_takeover", "; client_no_context_takeover", "; client_max_window_bits=9"]


class Deflating:
    """A server's two windows, as these parameters of permessage-deflate say."""

    def __init__(self, parameters: str) -> None:
        self.fields = f"Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n".encode()
        self.client_alone = "client_no_context_takeover" in parameters
        self.server_alone = "server_no_context_takeover" in parameters
        self.bits = 9 if "client_max_window_bits=9" in parameters else 15
        self.inflater, self.deflater = zlib.decompressobj(-self.bits), zlib.compressobj(wbits=-15)

    def inflate(self, data: bytes) -> bytes:
        if self.client_alone:
            self.inflater = zlib.decompressobj(-self.bits)
        return self.inflater.decompress(data + b"\0\0\xff\xff")

    def deflate(self, data: bytes) -> bytes:
        if self.server_alone:
            self.deflater = zlib.compressobj(wbits=-15)
        return (self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_a_compressed_reply_passes_and_a_plain_one(
    packing_client: Path, server: Wrong, parameters: str, packs: bool
) -> None:
    both = Deflating(parameters)
    texts = []

    def right(data: bytes) -> bytes:
        texts.append(text := both.inflate(data))
        return frame(both.deflate(text), 0xC1) if packs else frame(text)

    server.hello, server.right = lambda key: welcome(key, both.fields), right
    server.reply = lambda data: [right(data)]
    status, figures, said = run_client(
        packing_client, server.port, "--connections", 1, "--operations", 5, "--size", 40_000, "--stall", 10
    )
    assert (status, said, figures["ops"]) == (0, "", 5)
    assert figures["wire"] < 15_000 if packs else figures["wire"] == 40_004
    assert len({text[16:-16] for text in texts}) == 5  # or the window would have all of it already
    assert set(server.sent) == {0xC1, 0x88}


PACKED: dict[str, tuple[Callable[[Deflating, bytes], bytes], str]] = {
    "one bit": (lambda z, text: z.deflate(text[:40] + b"?" + text[41:]), "byte 40 of the reply to message 3 differs"),
    "a byte less": (lambda z, text: z.deflate(text[:-1]), "has 99 bytes when it is inflated, right are 100"),
    "a byte more": (lambda z, text: z.deflate(text + b"!"), "has 101 bytes when it is inflated, right are 100"),
    "twice as much": (lambda z, text: z.deflate(text * 2), "cannot be inflated, or is too long"),
    "no DEFLATE": (lambda z, text: b"\xff" * 30, "cannot be inflated, or is too long"),
    "much too long": (lambda z, text: bytes(300), "a long reply"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", PACKED)
def test_a_wrong_compressed_reply_ends_the_run(packing_client: Path, server: Wrong, wrong: str) -> None:
    both = Deflating("")
    make, said = PACKED[wrong]
    server.hello = lambda key: welcome(key, both.fields)
    server.right = lambda data: frame(both.deflate(both.inflate(data)), 0xC1)
    server.reply = lambda data: [frame(make(both, both.inflate(data)), 0xC1)]
    assert said in complaint(packing_client, server, "--size", 100)


def test_a_server_that_does_not_compress_is_noticed(packing_client: Path, server: Wrong) -> None:
    assert "does not accept permessage-deflate" in complaint(packing_client, server)


# -- the comparisons


@pytest.mark.parametrize(
    "comparison", [websocket_echo.COMPARISON, websocket_deflate.COMPARISON, websocket_broadcast.COMPARISON]
)
def test_every_promise_names_a_peer_and_every_work_is_read_as_it_is_written(comparison: Comparison[Messages]) -> None:
    for work in comparison.work:
        assert comparison.read(str(work)) == work
        assert set(comparison.limits(work)) <= set(comparison.peers)


def test_work_that_is_none_is_refused() -> None:
    with pytest.raises(SystemExit, match="'50x64txt' is not such work"):
        Messages.read("50x64txt")


def test_a_missing_npm_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(harness, "BUILD", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(harness.Unmeasured, match="npm is not installed"):
        harness.node_packages()


def test_an_npm_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\n/bin/mkdir node_modules\necho 'npm error no network' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(harness, "BUILD", tmp_path / "build")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(harness.Unmeasured, match="npm error no network"):
        harness.node_packages()
    assert list((tmp_path / "build").iterdir()) == []


def test_the_packages_are_installed_again_when_their_list_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm, peers = tmp_path / "npm", tmp_path / "peers"
    npm.write_text("#!/bin/sh\n/bin/mkdir node_modules && /bin/cp package.json node_modules/seen\n")
    npm.chmod(0o755)
    peers.mkdir()
    monkeypatch.setattr(harness, "BUILD", tmp_path / "build")
    monkeypatch.setattr(harness, "PEERS", peers)
    monkeypatch.setenv("PATH", str(tmp_path))
    for text in ("first", "second"):
        (peers / "package.json").write_text(text)
        assert (harness.node_packages() / "seen").read_text() == text
    npm.unlink()
    assert (harness.node_packages() / "seen").read_text() == "second"  # and not again if it has not changed


def test_no_package_is_named_by_an_address() -> None:
    listed = json.loads((harness.PEERS / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"[0-9.]+", version) for version in listed.values())
