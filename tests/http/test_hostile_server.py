"""Our server against clients that mean harm, or are only slow, and against handlers that fail at every moment.

Rule: plain sockets play the client; what is checked is what is on the wire, and what the server holds in memory.
"""

from __future__ import annotations

import socket as system
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from labkit import http
from labkit.core import loop
from labkit.core.errors import LabError
from tests.http.test_bad_input import CHUNKED, SMUGGLED, H, answer_to, taken, ways

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BIG = 4_000_000
SMALL_WINDOW = 65536


@contextmanager
def client_of(server: http.Server, window: int = 0) -> Iterator[system.socket]:
    with system.socket() as client:
        if window:
            client.setsockopt(system.SOL_SOCKET, system.SO_RCVBUF, window)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        yield client


def rest_of(client: system.socket) -> bytes:
    """All that comes until the server ends."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def send_until_blocked(client: system.socket, data: bytes, most: int) -> int:
    """How many bytes the other side takes, until it has taken none for half a second."""
    client.settimeout(0.5)
    sent = 0
    try:
        while sent < most:
            sent += client.send(data)
    except TimeoutError:
        pass
    client.settimeout(20)
    return sent


def asked(server: http.Server, what: Callable[[Any], Any]) -> Any:
    """A fact about the one connection of a server."""
    return loop.call(lambda: what(next(iter(server._connections))))


# -- floods


def test_requests_of_a_client_that_reads_nothing_wait_at_the_client() -> None:
    with http.create_server(lambda q, r: r.end(b"x" * 10_000)).listen(0) as server, client_of(server) as client:
        sent = send_until_blocked(client, GET * 1000, 30_000_000)
        assert sent < 30_000_000, "the server takes whatever comes"
        held = asked(server, lambda connection: connection.below() + connection._parser.waits)
        assert held < 1_000_000
        assert asked(server, lambda connection: len(connection._queue)) <= 64


def test_one_request_in_each_segment_is_no_way_around_that() -> None:
    """Each segment holds one whole request, so nothing ever waits in the parser."""
    with http.create_server(lambda q, r: r.end(b"x" * 50_000)).listen(0) as server, client_of(server) as client:
        client.setsockopt(system.IPPROTO_TCP, system.TCP_NODELAY, 1)
        client.send(GET)
        assert client.recv(1)  # the connection is served
        for _ in range(3000):
            client.send(GET)
            if asked(server, lambda connection: connection._held):
                break
        assert asked(server, lambda connection: connection._held)
        assert asked(server, lambda connection: connection.below()) < 1_000_000


def test_more_requests_than_may_wait_are_all_answered_in_order() -> None:
    held: list[tuple[str, http.ServerResponse]] = []
    full = threading.Event()

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        held.append((req.url, res))
        if len(held) == 64:
            full.set()
        if len(held) > 64:
            res.end(req.url)

    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(200))
    with http.create_server(serve).listen(0) as server, client_of(server) as client:
        client.sendall(requests)
        client.shutdown(system.SHUT_WR)
        assert full.wait(10)

        def answer() -> None:
            for url, response in tuple(held):
                response.end(url)

        loop.call(answer)
        answers = rest_of(client)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [b"/%d" % number for number in range(200)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("what", ["FIN", "close()"])
def test_requests_before_the_end_are_all_answered(order: tuple[int, ...], what: str) -> None:
    held: list[http.ServerResponse] = []
    all_three = threading.Event()
    ended = threading.Event()

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        held.append(res)
        req.socket._add("end", ended.set)
        if len(held) == 3:
            all_three.set()

    server = http.create_server(serve).listen(0)
    with client_of(server) as client:
        client.sendall(GET * 3)
        assert all_three.wait(10)
        if what == "FIN":
            client.shutdown(system.SHUT_WR)
            assert ended.wait(10)
        else:
            server.close()
        for number in order:
            held[number].end(str(number))
        answers = rest_of(client)
    assert answers.count(b"200 OK") == 3
    assert answers.count(b"Connection: close") <= 1
    if what == "FIN":
        server.close()


# -- slow readers


@pytest.mark.parametrize("head", [b"Connection: close\r\n", b""], ids=["close", "keep-alive"])
def test_a_slow_reader_gets_all_of_a_large_answer(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the time for lingering nor that for idle connections runs while the client reads."""
    monkeypatch.setattr("labkit.http.patience.LINGER", 0.1)
    with (
        http.create_server(lambda q, r: r.end(b"x" * BIG * 4), keep_alive_timeout=0.1).listen(0) as server,
        client_of(server, SMALL_WINDOW) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
        came = b""
        ticked = threading.Event()
        while len(came) < BIG * 4:
            piece = client.recv(65536)
            assert piece, f"the connection ended after {len(came)} bytes"
            came += piece
            ticked.wait(0.005)  # about a second in all, and no longer than that between two pieces
        came += rest_of(client)
    assert came.endswith(b"\r\n\r\n" + b"x" * BIG * 4)


def test_a_client_that_never_reads_is_cut_off_in_the_end() -> None:
    closed = threading.Event()

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        req.socket._add("close", lambda *_: closed.set())
        res.end(b"x" * BIG * 4)

    with (
        http.create_server(serve, request_timeout=0.2).listen(0) as server,
        client_of(server, SMALL_WINDOW) as client,
    ):
        client.sendall(GET)
        assert closed.wait(10)


# -- clients that send slowly, or for ever


@pytest.mark.parametrize(
    ("first", "again", "status"),
    [
        (b"", b"\r\n", 408), (b"GET / HTTP/1.1\r\n", b"A: b\r\n", 408), (b"GET /", b"a", 408),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"a", 408), (CHUNKED, b"1\r\na\r\n", 408),
        (CHUNKED + b"0\r\n", b"A: b\r\n", 408),
    ],
)  # fmt: skip
def test_bytes_that_dribble_in_do_not_hold_a_connection_for_ever(first: bytes, again: bytes, status: int) -> None:
    with (
        http.create_server(lambda q, r: q.resume(), headers_timeout=0.2, request_timeout=0.2).listen(0) as server,
        client_of(server) as client,
    ):
        client.sendall(first)
        client.settimeout(0.02)
        answer = b""
        for _ in range(1000):
            client.sendall(again)
            try:
                answer += client.recv(65536)
            except TimeoutError:
                continue
            break
        assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_extensions_of_chunks_have_a_bound_for_all_of_a_body() -> None:
    """One byte of data in each chunk would else carry 4 kB of extension each time (as CVE-2024-22019)."""
    chunk = b"1;" + b"e" * 4000 + b"\r\na\r\n"
    with http.create_server(lambda q, r: q.resume()).listen(0) as server:
        answer = answer_to(server, CHUNKED + chunk * 10)
        assert answer == b"HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\n"
    few = CHUNKED + chunk * 3 + b"0\r\n\r\n"
    assert taken([few]).whole == [("POST /", b"aaa")]


# -- what is no request


@pytest.mark.parametrize("line", [b"OPTIONS rtsp://x/ RTSP/1.0", b"DESCRIBE / RTSP/1.0", b"SOURCE / ICE/1.0"])
def test_other_protocols_that_llhttp_reads_are_refused(line: bytes) -> None:
    """RFC 9112 section 2.3."""
    for pieces in ways(line + b"\r\n" + H + b"\r\n" + SMUGGLED):
        told = taken(pieces)
        assert (told.refused, told.whole) == (400, [])


@pytest.mark.parametrize(
    ("value", "answer"),
    [(b"x100-continuex", b"417"), (b"100-continue-", b"417"), (b"100-Continue", b"100"), (b"a, 100-continue", b"100")],
)
def test_expect_is_matched_whole(value: bytes, answer: bytes) -> None:
    """RFC 9110 section 10.1.1."""
    data = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nExpect: %b\r\n\r\nhi" % value
    with http.create_server(lambda q, r: q.on("end", r.end).resume()).listen(0) as server:
        assert answer_to(server, data).startswith(b"HTTP/1.1 " + answer)


@pytest.mark.parametrize("first", [b"", b"AAA"])
def test_no_byte_is_lost_before_a_tunnel_that_waits_for_an_answer(first: bytes) -> None:
    held: list[http.ServerResponse] = []
    came: list[bytes] = []
    ended, begun, asked_twice = threading.Event(), threading.Event(), threading.Event()

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        held.append(res)
        begun.set()

    def on_connect(req: http.IncomingMessage, socket: Any, head: bytes) -> None:
        came.append(head)
        socket.on("data", came.append)
        socket.on("end", ended.set)

    server = http.create_server(serve).on("connect", on_connect).listen(0)
    with server, client_of(server) as client:
        client.setsockopt(system.IPPROTO_TCP, system.TCP_NODELAY, 1)
        client.sendall(GET + b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + first)
        assert begun.wait(10)
        for piece in (b"BBB", b"CCC"):
            client.sendall(piece)
            asked_twice.wait(0.05)  # so that they come in segments of their own
        held[0].end("one")
        client.sendall(b"DDD")
        client.shutdown(system.SHUT_WR)
        assert ended.wait(10)
        assert b"".join(came) == first + b"BBBCCCDDD"


def test_a_refusal_that_nobody_ends_is_told_once() -> None:
    """A listener of client_error that does nothing leaves the connection open; it is not called again at each tick."""
    codes: list[str] = []
    ticks = 0

    def look(self: http.Server, before: Any = http.Server._tick) -> None:
        nonlocal ticks
        ticks += 1
        before(self)
        if ticks == 12:
            enough.set()

    enough = threading.Event()
    server = http.create_server(headers_timeout=0.05).on("client_error", lambda error, socket: codes.append(error.code))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http.Server, "_tick", look)
        with server.listen(0), client_of(server) as client:
            client.sendall(b"GE")
            assert enough.wait(10)
            server.close_all_connections()
    assert codes == ["ERR_HTTP_REQUEST_TIMEOUT"]


# -- handlers that fail


def boom(*_: Any) -> None:
    raise ValueError("boom")


Handler = Callable[[Any, Any], Any]
FAILING: list[tuple[str, Handler, bytes]] = [
    ("at once", lambda q, r: boom(), b"500"),
    ("with the head set", lambda q, r: (r.set_header("A", "b"), boom()), b"500"),
    ("behind the head", lambda q, r: (r.write_head(200), boom()), b""),
    ("behind the first bytes", lambda q, r: (r.write("a"), boom()), b""),
    ("in data", lambda q, r: q.on("data", boom), b"500"),
    ("in end", lambda q, r: q.on("end", boom).resume(), b"500"),
    ("a header that splits", lambda q, r: r.set_header("A", "b\r\nC: d"), b"500"),
    ("a status that is none", lambda q, r: r.write_head("200"), b"500"),
    ("a body that is none", lambda q, r: r.end({"a": 1}), b"500"),
    ("a negative length", lambda q, r: r.write_head(200, {"Content-Length": "-2"}), b"500"),
    ("both framings", lambda q, r: r.write_head(200, {"Content-Length": 2, "Transfer-Encoding": "chunked"}), b"500"),
    ("body() in a handler", lambda q, r: r.end(q.body()), b"500"),
    ("more than was promised", lambda q, r: r.write_head(200, {"Content-Length": "2"}).end("hello"), b""),
    ("a header too late", lambda q, r: (r.write("a"), r.set_header("A", "b")), b""),
    ("a head too late", lambda q, r: (r.write("a"), r.write_head(404)), b""),
]  # fmt: skip


@pytest.mark.parametrize(("handler", "status"), [pytest.param(*case[1:], id=case[0]) for case in FAILING])
def test_a_handler_that_fails_harms_no_other(handler: Handler, status: bytes, capsys: Any) -> None:
    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        if req.url == "/good":
            res.end("good")
        else:
            handler(req, res)

    post = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    with http.create_server(serve).listen(0) as server:
        answer = answer_to(server, post)
        assert answer.partition(b"\r\n")[0].split(b" ")[1:2] == ([status] if status else [])
        good = answer_to(server, b"GET /good HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert good.endswith(b"\r\n\r\ngood")
    assert capsys.readouterr().err, "nobody was told"


@pytest.mark.parametrize(
    "head",
    [
        (200, {"Transfer-Encoding": "gzip"}), (200, {"Transfer-Encoding": "x-chunked"}), (100, {}), (102, {}),
        (200, {"Transfer-Encoding": "identity", "Connection": "keep-alive"}),
    ],
)  # fmt: skip
def test_an_answer_without_an_end_ends_the_connection(head: tuple[int, dict[str, str]]) -> None:
    """RFC 9112 section 6.3: the next answer would be taken for a part of this one, or in its place."""

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        res.write_head(*head)
        res.end("hello" if head[0] == 200 else None)

    with http.create_server(serve).listen(0) as server:
        answer = answer_to(server, GET + GET)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"\r\n\r\nhello" if head[0] == 200 else b"\r\n\r\n")


def test_a_misspelt_option_is_told_with_the_right_one() -> None:
    for make in (http.create_server, http.Server):
        with pytest.raises(LabError, match="keep_alive_timeout"):
            make(keep_alive_timout=5)  # type: ignore[call-arg]
        with pytest.raises(LabError, match="has no argument 'port'"):
            make(port=1337)  # type: ignore[call-arg]
