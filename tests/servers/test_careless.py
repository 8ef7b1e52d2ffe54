"""The careless proxy and the careless server: they are wrong in the way that they say, and in no other.

Rule: each is asked as the lesson asks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from labkit import http, net
from labkit.servers import careless

PLAIN = b"GET /%s HTTP/1.1\r\nHost: lab\r\n\r\n"
INNER = PLAIN % b"admin"


def two_ends(inner: bytes) -> bytes:
    body = b"0\r\n\r\n" + inner
    return (
        b"POST / HTTP/1.1\r\nHost: lab\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(body) + body
    )


class Pair:
    """A proxy and what is behind it. seen: start lines at the proxy, and at the server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen: tuple[list[str], list[str]] = ([], [])

    def ask(self, data: bytes) -> bytes:
        with net.connect(self.port) as client:
            client.end(data)
            return client.read(100_000)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair(0)
    with (
        careless.create_server(made.seen[1]).listen(0) as server,
        careless.create_proxy(made.seen[0], behind=server.port).listen(0) as proxy,
    ):
        made.port = proxy.port
        yield made


def test_others_may_pass(pair: Pair) -> None:
    assert pair.ask(PLAIN % b"page").endswith(b"you asked: GET /page HTTP/1.1\n")
    assert pair.seen == (["GET /page HTTP/1.1"], ["GET /page HTTP/1.1"])


def test_the_forbidden_target(pair: Pair) -> None:
    assert pair.ask(INNER).startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert pair.seen == (["GET /admin HTTP/1.1"], [])


def test_two_ends(pair: Pair) -> None:
    assert b"you asked: GET /admin HTTP/1.1\n" in pair.ask(two_ends(INNER))
    assert pair.seen == (["POST / HTTP/1.1"], ["POST / HTTP/1.1", "GET /admin HTTP/1.1"])


def test_a_careful_server_refuses_it() -> None:
    taken: list[str] = []
    with (
        http.create_server(lambda request, response: taken.append(request.url)).listen(0) as server,
        careless.create_proxy([], behind=server.port).listen(0) as proxy,
    ):
        answer = Pair(proxy.port).ask(two_ends(INNER))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert taken == []


@pytest.mark.parametrize("read", [careless.by_length, careless.by_chunks])
def test_at_every_split(read: Callable[[bytes], careless.Request | None]) -> None:
    whole = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
    assert [read(whole[:size]) for size in range(len(whole))] == [None] * len(whole)
    assert read(whole + b"GET") == ("POST / HTTP/1.1", whole)


def test_chunks_at_every_split() -> None:
    whole = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    cut = [careless.by_chunks(whole[:size]) for size in range(len(whole) - 2)]
    assert cut == [None] * len(cut)
    assert careless.by_chunks(whole + b"GET") == ("POST / HTTP/1.1", whole)
