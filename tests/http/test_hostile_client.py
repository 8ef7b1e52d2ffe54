"""Our client against servers that mean harm or are broken, its agent at the worst moments, and calls that are wrong.

Rule: plain sockets play the server; each call returns or raises in words, and nothing is left behind.
"""

from __future__ import annotations

import socket as system
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from labkit import http
from labkit.core import loop
from labkit.core.errors import ConnectionReset, LabError
from labkit.http.response_chunks import BadResponse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HEAD = b"HTTP/1.1 200 OK\r\n"
IN_CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def no_connections_left(kind: str) -> Iterator[None]:
    yield
    http.close_everything()
    loop.call(lambda: None)


def read_head(connection: system.socket) -> bytes:
    came = b""
    while b"\r\n\r\n" not in came:
        piece = connection.recv(65536)
        if not piece:
            return b""
        came += piece
    return came


@contextmanager
def server_of(play: Callable[[system.socket], Any]) -> Iterator[int]:
    """A server of threads that plays this on each connection; gives its port."""
    threads: list[threading.Thread] = []

    def serve(connection: system.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            play(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listening.accept()[0],)))
                threads[-1].start()

    with system.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listening.getsockname()[1]
        finally:
            http.close_everything()
            listening.shutdown(system.SHUT_RDWR)
            accepting.join(20)
            for each in threads:
                each.join(20)
                assert not each.is_alive()


def says(answer: bytes) -> Callable[[system.socket], Any]:
    def play(connection: system.socket) -> None:
        read_head(connection)
        connection.sendall(answer)

    return play


def says_for_ever(first: bytes, again: bytes) -> Callable[[system.socket], Any]:
    def play(connection: system.socket) -> None:
        read_head(connection)
        connection.sendall(first)
        while True:
            connection.sendall(again * 100)

    return play


ENDLESS = [
    ("100", b"", b"HTTP/1.1 100 Continue\r\n\r\n"), ("103", b"", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"),
    ("the phrase", b"HTTP/1.1 200 ", b"a"), ("fields", HEAD, b"A: b\r\n"), ("one field", HEAD + b"A: ", b"b"),
    ("a size line", IN_CHUNKS, b"0"), ("an extension", IN_CHUNKS + b"5;", b"a"),
    ("extensions", IN_CHUNKS, b"1;aaaaaaaaaaaa\r\nx\r\n"), ("trailers", IN_CHUNKS + b"0\r\n", b"A: b\r\n"),
    ("line ends", b"", b"\r\n"), ("garbage", b"", b"garbage "),
]  # fmt: skip


@pytest.mark.parametrize(("first", "again"), [pytest.param(*case[1:], id=case[0]) for case in ENDLESS])
def test_what_never_ends_is_refused(first: bytes, again: bytes, capsys: Any) -> None:
    agent = http.Agent()
    with server_of(says_for_ever(first, again)) as port:
        request = http.get(port=port, agent=agent)
        with pytest.raises(BadResponse):
            request.wait_for("response").body()
        with suppress(BadResponse):
            request.wait_for("close")
        assert (agent.sockets, agent.free_sockets) == ({}, {})
    told = capsys.readouterr().err  # an error behind the head has no cell that waits for it
    assert not told or "BadResponse" in told


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HEAD + b"Content-Length: 10\r\n\r\nhi", ConnectionReset), (IN_CHUNKS + b"5\r\nhe", ConnectionReset),
        (IN_CHUNKS + b"2\r\nhi\r\n", ConnectionReset), (IN_CHUNKS + b"2\r\nhi\r\n0\r\nA: b\r\n", ConnectionReset),
        (IN_CHUNKS + b"2\r\nhi\r\n-1\r\n", BadResponse), (IN_CHUNKS + b"2\r\nhix\r\n", BadResponse),
        (IN_CHUNKS + b"2\r\nhi\r\n0\r\nA b\r\n\r\n", BadResponse),
    ],
)  # fmt: skip
def test_a_body_that_is_cut_or_broken_is_told_with_its_cause(answer: bytes, error: type[Exception]) -> None:
    """The reader of the body hears what was wrong, and not that "the peer broke off" where this side did."""
    with server_of(says(answer)) as port:
        request = http.request(port=port)
        request.on("error", lambda _: None)  # it hears of the same fault, sooner or later
        response = request.end().wait_for("response")
        with pytest.raises(error) as caught:
            response.body()
        assert type(caught.value) is error
        assert not response.complete
    http.close_everything()


@pytest.mark.parametrize("behind", [OK, b"x", b"\r\n"])
def test_bytes_behind_an_answer_never_answer_the_next_request(behind: bytes) -> None:
    def play(connection: system.socket) -> None:
        while read_head(connection):
            connection.sendall(HEAD + b"Content-Length: 5\r\n\r\nright" + behind)

    agent = http.Agent(max_sockets=1)
    with server_of(play) as port:
        for _ in range(3):
            request = http.get(port=port, agent=agent)
            assert request.wait_for("response").body() == b"right"
            request.wait_for("close")
            assert not request.reused_socket


# -- the agent


def test_with_one_socket_that_fails_each_second_time_every_request_ends() -> None:
    count = 0

    def play(connection: system.socket) -> None:
        nonlocal count
        count += 1
        fails = count % 2
        while read_head(connection) and not fails:
            connection.sendall(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi")
            return

    told: list[str] = []
    closed = threading.Semaphore(0)
    agent = http.Agent(max_sockets=1)

    def ask() -> None:
        for _ in range(10):
            request = http.get(port=port, agent=agent)
            request.on("error", lambda error: told.append("error"))
            request.on("response", lambda response: (told.append("response"), response.resume()))
            request.on("close", closed.release)

    with server_of(play) as port:
        loop.call(ask)
        for _ in range(10):
            assert closed.acquire(timeout=10)
        assert told == ["error", "response"] * 5
        assert (agent.sockets, agent.requests) == ({}, {})


def test_a_server_that_closes_each_connection_unannounced_costs_no_get() -> None:
    """RFC 9110 section 9.2.2: a GET is sent once more."""
    statuses: list[Any] = []
    done = threading.Semaphore(0)
    agent = http.Agent(max_sockets=2)

    def ask() -> None:
        for _ in range(50):
            request = http.get(port=port, agent=agent)
            request.on("error", statuses.append)
            request.on("response", lambda response: (statuses.append(response.status_code), response.resume()))
            request.on("close", done.release)

    with server_of(says(OK)) as port:
        loop.call(ask)
        for _ in range(50):
            assert done.acquire(timeout=10)
    assert statuses == [200] * 50


def test_destroying_idle_sockets_harms_no_request() -> None:
    def play(connection: system.socket) -> None:
        while read_head(connection):
            connection.sendall(OK)

    agent = http.Agent()
    with server_of(play) as port:
        for harm in ("destroy", "end", "reset"):
            request = http.get(port=port, agent=agent)
            assert request.wait_for("response").body() == b"hi"
            request.wait_for("close")
            for sockets in agent.free_sockets.values():
                for socket in sockets:
                    getattr(socket, harm, socket.destroy)()


# -- wrong calls

WRONG: list[Callable[[], Any]] = [
    lambda: http.Agent(max_sockets=0), lambda: http.Agent(maxSockets=1), lambda: http.Agent(keep_alive=5),
    lambda: http.get(5), lambda: http.get("ftp://x"), lambda: http.get("http://[::1"), lambda: http.get(port="x"),
    lambda: http.get(port=99999), lambda: http.get(prot=1), lambda: http.get(headers=5),
    lambda: http.get(headers={"a b": "c"}), lambda: http.get(headers={"a": "b\r\nc"}), lambda: http.get(headers=[1]),
    lambda: http.get(path="a b"), lambda: http.get(path="/\r\nX: y"), lambda: http.get(path=5),
    lambda: http.request(method="G T"), lambda: http.request(method=None), lambda: http.get(agent="x"),
    lambda: http.get(timeout="x"), lambda: http.get(on_response=5), lambda: http.get(auth=5), lambda: http.get(host=5),
    lambda: http.get(local_address="999"), lambda: http.get(socket_path="/nonexistent"),
    lambda: http.request(headers={"Content-Length": "x"}).end(), lambda: http.get(hostname="a\r\nb"),
    lambda: http.create_server(5), lambda: http.create_server(handler=print), lambda: http.create_server(max_headers=0),
    lambda: http.create_server().listen("x"), lambda: http.create_server().on("requst", print),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
@pytest.mark.parametrize("where", ["cell", "handler"])
def test_a_wrong_call_is_told_in_words(number: int, where: str, capsys: Any) -> None:
    wrong = WRONG[number]
    if where == "cell":
        with pytest.raises(LabError):
            wrong()
        return

    def inside() -> Any:
        made = wrong()  # what needs the network is told by an event here
        return isinstance(made, http.ClientRequest) and made.on("error", lambda error: None)

    with suppress(LabError):
        assert loop.call(inside)
    http.close_everything()
    capsys.readouterr()  # one of them had begun to connect


@pytest.mark.parametrize("timeout", ["x", -1, None])
def test_a_wrong_timeout_of_body_is_told_and_the_next_call_works(timeout: Any) -> None:
    with server_of(says(OK)) as port:
        response = http.get(port=port).wait_for("response")
        with pytest.raises(LabError):
            response.body(timeout=timeout)
        assert response.body() == b"hi"
