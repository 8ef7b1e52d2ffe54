"""The load client of the HTTP benchmarks must notice every way in which an answer can be wrong.

Rule: the client runs against a deliberately wrong server; a client that only counted answers would fail here.
The C server, which is the floor, must be right.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness, http_hello
from benchmarks.http_hello import Requests
from tests.needs import need_tool

BODY = 64
HELLO = b"Hello World\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

Answer = Callable[[bytes], list[bytes]]
Start = Callable[[Answer], int]


def plain(body: bytes, length: int | None = None) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def chunked(*pieces: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + last


@pytest.fixture(scope="module")
def client() -> Path:
    need_tool("gcc")
    return harness.build("http_load")


@pytest.fixture
def server() -> Iterator[Start]:
    """Start a server that is right twice and then answers as the given function says; returns its port.

    The function gets the body of the request and returns what to send, in pieces; after the last one the server waits
    until the client closes. An empty list closes at once.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(answer: Answer) -> None:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer, peer.makefile("rb") as stream:
            number = 0
            while stream.readline():
                length = 0
                while (line := stream.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                body = stream.read(length)
                number += 1
                pieces = answer(body) if number == 3 else [plain(body or HELLO)]
                if not pieces:
                    return
                for piece in pieces:
                    peer.sendall(piece)

    def start(answer: Answer) -> int:
        def run() -> None:
            with contextlib.suppress(OSError):  # the client gave up in the middle
                serve(answer)

        threads.append(threading.Thread(target=run))
        threads[0].start()
        return int(listener.getsockname()[1])

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    listener.close()


def run_client(client: Path, port: int, *options: object) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [str(client), "ping", "--port", str(port), "--warmup", "0", "--stall", "0.3", *map(str, options)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout), done.stderr


def renumbered(body: bytes, number: int) -> bytes:
    return struct.pack("=Q", number) + body[8:]


# What the wrong server sends in place of the third answer, and what the client must say.
WRONG: dict[str, tuple[bytes, str]] = {
    "another status": (b"HTTP/1.1 500 Oh\r\nContent-Length: 12\r\n\r\n" + HELLO, "begins with 'HTTP/1.1 500'"),
    "no HTTP": (b'"\x01\\ no HTTP\r\n\r\n', "begins with '??? no HTTP?"),
    "a body too short by its length": (plain(HELLO[:-1]), "has 11 bytes, right are 12: a short answer"),
    "a body too long by its length": (plain(HELLO + b"!"), "has 13 bytes, right are 12: a long answer"),
    "the last byte missing": (plain(HELLO[:-1], 12), "its answer is not whole"),
    "one byte too many": (plain(HELLO + b"!", 12), "more bytes than the answer to request 3: a long answer"),
    "one bit of the body": (plain(b"Hello world\n"), "byte 6 of the answer to request 3 differs"),
    "no framing": (HEAD + b"\r\n" + HELLO, "has 0 Content-Length and 0 Transfer-Encoding: chunked"),
    "two framings": (
        HEAD + b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO,
        "has 1 Content-Length and 1 Transfer-Encoding: chunked",
    ),
    "two lengths": (
        HEAD + b"Content-Length: 12\r\ncontent-length: 12\r\n\r\n" + HELLO,
        "has 2 Content-Length and 0 Transfer-Encoding: chunked",
    ),
    "it closes": (HEAD + b"connection: Close\r\nContent-Length: 12\r\n\r\n" + HELLO, "says Connection: close"),
    "chunks too short": (chunked(HELLO[:5]), "has 5 bytes, right are 12: a short answer"),
    "chunks too long": (chunked(HELLO, b"!"), "more than the 12 bytes of the answer to request 3: a long answer"),
    "a huge chunk": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + HELLO,
        "more than the 12 bytes of the answer to request 3: a long answer",
    ),
    "one bit of a chunk": (chunked(b"Hello ", b"world\n"), "byte 6 of the answer to request 3 differs"),
    "a chunk without a size": (chunked(HELLO, last=b"\r\n"), "a chunk of the answer to request 3 has no size"),
    "a chunk that runs on": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nc\r\n" + HELLO + b"!!0\r\n\r\n",
        "does not end in CRLF",
    ),
    "no last chunk": (chunked(HELLO, last=b""), "its answer is not whole"),
    "no answer": (b"HTTP", "its answer is not whole (4 bytes of it came)"),
    "a head without end": (HEAD + b"x: " + b"y" * 5000, "the head of the answer to request 3 does not end"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_answer_ends_the_run(client: Path, server: Start, wrong: str) -> None:
    sent, complaint = WRONG[wrong]
    status, figures, said = run_client(client, server(lambda _: [sent]), "--connections", 1, "--operations", 9)
    assert (status, figures["errors"]) == (1, 1)
    assert complaint in figures["message"]
    assert complaint in said


def test_a_server_that_closes_ends_the_run(client: Path, server: Start) -> None:
    status, figures, _ = run_client(client, server(lambda _: []), "--connections", 1, "--operations", 9)
    assert (status, figures["errors"]) == (1, 1)
    assert "closed by the server after 0 bytes of the answer to request 3" in figures["message"]


def test_the_other_framing_is_wrong_if_one_is_asked_for(client: Path, server: Start) -> None:
    port = server(lambda _: [chunked(HELLO)])
    _, figures, _ = run_client(client, port, "--connections", 1, "--operations", 9, "--framing", "length")
    assert "is chunked and not sent with its length" in figures["message"]


def test_the_body_of_another_request_is_noticed(client: Path, server: Start) -> None:
    port = server(lambda body: [plain(renumbered(body, 2))])
    _, figures, _ = run_client(client, port, "--connections", 1, "--operations", 9, "--body", BODY)
    assert "byte 0 of the answer to request 3 differs" in figures["message"]


def test_the_body_of_another_pipelined_request_is_noticed(client: Path, server: Start) -> None:
    """The batch is the requests 1 to 4; the third one gets the body of the fourth."""
    port = server(lambda body: [plain(renumbered(body, 4))])
    options = ("--connections", 1, "--operations", 8, "--body", BODY, "--pipeline", 4)
    _, figures, _ = run_client(client, port, *options)
    assert "byte 0 of the answer to request 3 differs" in figures["message"]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([bytes([each]) for each in plain(HELLO)], id="byte by byte"),
        pytest.param([bytes([each]) for each in chunked(b"Hello", b" World\n")], id="chunked, byte by byte"),
        pytest.param([chunked(HELLO, last=b"000;last\r\n\r\n")], id="a chunk extension"),
        pytest.param(
            [HEAD.upper().replace(b"/PLAIN", b"/plain") + b"CONTENT-LENGTH:12\r\n\r\n" + HELLO], id="capitals"
        ),
    ],
)
def test_a_right_answer_passes_in_any_form(client: Path, server: Start, pieces: list[bytes]) -> None:
    status, figures, said = run_client(client, server(lambda _: pieces), "--connections", 1, "--operations", 5)
    assert (status, said, figures["errors"], figures["ops"]) == (0, "", 0, 5)


def test_a_body_without_room_for_its_number_is_refused(client: Path) -> None:
    status, figures, _ = run_client(client, 1, "--body", 8)
    assert status == 1
    assert "a body needs at least 24 bytes" in figures["message"]


@pytest.mark.parametrize("name", http_hello.KINDS)
@pytest.mark.parametrize("depth", [1, 7])
def test_the_c_server_is_right(client: Path, name: str, depth: int) -> None:
    work = Requests(20, name)
    with harness.Server("C", command=http_hello.command("C", work)) as server:
        status, figures, said = run_client(
            client, server.port, *work.arguments(), "--operations", 2000, "--pipeline", depth
        )
    assert (status, said, figures["errors"]) == (0, "", 0)
    assert 2000 <= figures["ops"] < 2000 + 20 * depth
    assert 0 < figures["p50_us"] <= figures["p99_us"]


@pytest.mark.parametrize("name", ["plain", "chunked", "browser", "post"])
def test_labkits_server_is_right(client: Path, name: str) -> None:
    work = Requests(20, name)
    with harness.Server("labkit", command=http_hello.command("labkit", work)) as server:
        status, figures, said = run_client(
            client, server.port, *work.arguments(), "--operations", 1000, "--pipeline", 3, "--stall", 10
        )
    assert (status, said, figures["errors"]) == (0, "", 0)


def talk(port: int, *pieces: bytes) -> bytes:
    """All that the server sends until it closes, to what is sent in these pieces."""
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            peer.sendall(piece)
        with peer.makefile("rb") as stream:
            return stream.read()


REFUSED = {
    b"GET / HTTP/1.1\r\n\r\n": 400,  # no Host
    b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n": 400,
    b"GET / HTTP/2.0\r\nHost: a\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n": 501,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n": 413,
}


def test_the_c_server_refuses_what_it_does_not_know() -> None:
    need_tool("gcc")
    with harness.Server("C", command=http_hello.command("C", Requests(1, "plain"))) as server:
        for request, status in REFUSED.items():
            assert talk(server.port, request).startswith(b"HTTP/1.1 %d" % status), request


def test_the_c_server_takes_a_request_byte_by_byte_and_closes_when_asked() -> None:
    need_tool("gcc")
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    with harness.Server("C", command=http_hello.command("C", Requests(1, "post"))) as server:
        answer = talk(server.port, *(bytes([each]) for each in request))
    assert answer.endswith(b"Connection: close\r\nContent-Length: 3\r\n\r\nabc")


@pytest.mark.parametrize("name", http_hello.KINDS)
def test_every_promise_names_a_peer_and_every_work_is_read_as_it_is_written(name: str) -> None:
    work = Requests(50, name)
    assert Requests.read(str(work)) == work
    assert set(http_hello.limits(work)) <= set(http_hello.COMPARISON.peers)
