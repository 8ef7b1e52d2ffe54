"""How bytes flow over TLS: pauses, full buffers, early bytes, the two ends; and connections that are gone.

Rule: what `net.Socket` promises, `TLSSocket` keeps.
"""

from __future__ import annotations

import os
import socket as system
import subprocess
import sys
import threading
from typing import Any

import pytest

from labkit import http, https, net, tls
from labkit.core import loop, secrets
from labkit.core.endpoint import YOUNG
from tests.tls.people import Pair, people

SIZE = 3_000_000


def test_large_data_both_ways_is_whole(good: Pair, version: str) -> None:
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good, max_version=version).listen(0) as server:
        client = tls.connect(server.port, ca=people().root)
        data = os.urandom(1000) * (SIZE // 1000)
        client.write(data)
        assert client.read(SIZE, timeout=20) == data
        client.end()
        client.wait_for("close")


def test_a_reader_that_pauses_stops_the_writer(good: Pair, version: str) -> None:
    """Nothing is lost, the writer is told that it is too fast, and what waits is bounded."""
    waiting: list[int] = []
    done = threading.Event()

    def serve(socket: tls.TLSSocket) -> None:
        left = [200]

        def more() -> None:
            while left[0]:
                left[0] -= 1
                if not socket.write(bytes(65536)):
                    waiting.append(socket.writable_length)
                    return
            socket.end()

        socket.on("drain", more)
        socket.on("close", lambda _: done.set())
        more()

    with tls.create_server(serve, key=good, cert=good, max_version=version).listen(0) as server:
        client = tls.connect(server.port, ca=people().root)
        assert client.read(65536) == bytes(65536)
        total = 65536
        while total < 200 * 65536:
            total += len(client.read(min(1 << 20, 200 * 65536 - total), timeout=20))
        client.wait_for("end")
        assert done.wait(10)
    assert waiting, "write never returned False"
    assert max(waiting) < 1 << 20


def test_a_paused_socket_gets_all_of_it_later_and_then_the_end(good: Pair, version: str) -> None:
    got: list[bytes] = []
    ended = threading.Event()

    def serve(socket: tls.TLSSocket) -> None:
        socket.pause()
        socket.on("data", got.append)
        socket.on("end", ended.set)
        held.append(socket)
        came.set()

    held: list[tls.TLSSocket] = []
    came = threading.Event()
    with tls.create_server(serve, key=good, cert=good, max_version=version).listen(0) as server:
        client = tls.connect(server.port, ca=people().root)
        client.end(bytes(500_000))
        assert came.wait(10)
        assert got == []
        held[0].resume()
        assert ended.wait(10)
        assert b"".join(got) == bytes(500_000)
        client.wait_for("close")


def test_an_end_with_unread_data_on_this_side_loses_nothing(good: Pair, version: str) -> None:
    """OpenSSL takes data in front of close_notify for a fault, if it is asked to shut down while they wait."""
    got: list[bytes] = []
    unread: list[int] = []
    ended = threading.Event()

    def first(socket: tls.TLSSocket) -> None:
        layer: Any = socket._layer
        socket.pause()
        unread.append(layer.engine.incoming.pending)  # the second record lies there
        socket.end("answer")
        loop.get().call_later(0.01, socket.resume)

    def serve(socket: tls.TLSSocket) -> None:
        socket.on("data", got.append)
        socket.once("data", lambda _: first(socket))
        socket.on("end", ended.set)

    made = tls.create_server(serve, key=good, cert=good, max_version=version, allow_half_open=True)
    with made.listen(0) as server:
        client = tls.connect(server.port, ca=people().root, allow_half_open=True)
        loop.call(lambda: (client.write("one"), client.write("two")))  # two records, one segment
        assert client.read(6) == b"answer"
        client.end("three")
        assert ended.wait(10)
        assert unread[0] > 0
        assert b"".join(got) == b"onetwothree"
        client.wait_for("close")


def test_what_handlers_write_in_one_turn_leaves_in_one_piece(good: Pair) -> None:
    def serve(socket: tls.TLSSocket) -> None:
        socket.on("data", lambda _: [socket.write("a") for _ in range(10)])

    with tls.create_server(serve, key=good, cert=good).listen(0) as server:
        client = tls.connect(server.port, ca=people().root)
        server.wait_for("secure_connection")
        pieces: list[int] = []
        assert client._layer is not None
        engine: Any = client._layer.engine
        feed = engine.feed

        def counted(data: bytes) -> None:
            pieces.append(len(data))
            feed(data)

        loop.call(lambda: setattr(engine, "feed", counted))
        client.write("go")
        assert client.read(10) == b"a" * 10
        record = 5 + 1 + 1 + 16  # header, "a", its type, the tag
        assert pieces.count(10 * record) == 1, pieces
        assert record not in pieces
        client.end()
        client.wait_for("close")


def test_a_busy_echo_is_on_the_short_path(good: Pair) -> None:
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good).listen(0) as server:
        client = tls.connect(server.port, ca=people().root)
        for _ in range(YOUNG + 5):
            client.write("warm")
            assert client.read(4) == b"warm"
        (served,) = server.connections
        assert loop.call(lambda: served._shortcut is not None and served._fast is not None)
        client.end()
        client.wait_for("close")


def test_closing_a_server_in_the_middle_of_a_handshake(good: Pair) -> None:
    server = tls.create_server(key=good, cert=good).listen(0)
    with server, system.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        server.wait_for("connection")
        server.close()
        server.close_all_connections()
        server.wait_for("close")
        assert client.recv(1) == b""


def test_a_tunnel_through_a_proxy_carries_tls(good: Pair) -> None:
    """CONNECT, then TLS from end to end: the proxy sees names and sizes, nothing else."""
    seen: list[bytes] = []

    def tunnel(request: http.IncomingMessage, socket: Any, head: bytes) -> None:
        onward = net.connect(int(request.url.partition(":")[2]), "127.0.0.1")
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n")
        socket.on("data", seen.append)
        onward.on("data", seen.append)
        socket.pipe(onward)
        onward.pipe(socket)
        if head:
            onward.write(head)

    def secret(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        response.end("top secret")

    with https.create_server(secret, key=good, cert=good).listen(0) as server, http.create_server().listen(0) as proxy:
        proxy.on("connect", tunnel)
        asked = http.request(port=proxy.port, method="CONNECT", path=f"localhost:{server.port}", agent=False)
        asked.end()
        _, plain, head = asked.wait_for("connect")
        assert head == b""
        secured = tls.connect(socket=plain, servername="localhost", ca=people().root)
        secured.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while b"top secret" not in answer:
            answer += secured.read()
        secured.wait_for("close")
    assert b"secret" not in b"".join(seen)
    assert b"localhost" in b"".join(seen), "the name in the ClientHello is not encrypted"


FORKS = """
import os, sys
from labkit import tls
from labkit.core import secrets
from pathlib import Path
folder = Path(sys.argv[1])
def once():
    with tls.create_server(lambda s: s.end("x"), key=folder / "s.key", cert=folder / "s.pem").listen(0) as server:
        client = tls.connect(server.port, ca=folder / "root.pem")
        assert client.read(1) == b"x"
        client.wait_for("close")
once()
before = secrets.lines()
assert len(before) == 5, before
pid = os.fork()
if pid == 0:
    assert secrets.lines() == []
    once()
    print(len(secrets.lines()), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
assert secrets.lines() == before
once()
print(len(secrets.lines()))
"""


def test_a_forked_child_has_secrets_of_its_own(good: Pair, tmp_path: Any) -> None:
    if not hasattr(os, "fork"):
        pytest.fail("this system cannot fork")
    good.save(tmp_path, "s")
    (tmp_path / "root.pem").write_bytes(people().root)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, str(tmp_path)], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr) == (["5", "10"], "")


def test_the_newest_lines_are_kept_and_the_file_stays_small(good: Pair) -> None:
    secrets.lines()  # what other tests have left in the file
    for number in range(secrets.KEPT + 10):
        secrets.said(b"CLIENT_RANDOM %064x 00" % number)
    kept = secrets.lines()
    assert len(kept) == secrets.KEPT
    assert kept[-1] == b"CLIENT_RANDOM %064x 00" % (secrets.KEPT + 9)
    with tls.create_server(lambda s: s.end(), key=good, cert=good).listen(0) as server:
        for _ in range(80):
            tls.connect(server.port, ca=people().root).wait_for("close")
    assert secrets._file is not None
    assert os.fstat(secrets._file).st_size < secrets.FULL + 4096
    assert len(secrets.lines()) == secrets.KEPT
