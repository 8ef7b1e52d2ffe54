"""The client: what it sends (beside Node), what it does with what comes, from a cell and from a handler.

Rule: the server is a plain socket that plays a script, or a server that is not ours.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labkit import http, net
from labkit.core import loop
from labkit.core.errors import BadArgument, ConnectionRefused, ConnectionReset, LabError, NotOpen, TimedOut
from tests.needs import need_tool

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture(autouse=True)
def no_connections_left(kind: str) -> Iterator[None]:
    yield
    http.close_everything()
    loop.call(lambda: None)


class Script:
    """A server of plain sockets. answer(socket, number, request): called for each request."""

    def __init__(self, answer: Callable[[net.Socket, int, bytes], Any] | bytes = OK) -> None:
        self.answer = (lambda socket, *_: socket.write(answer)) if isinstance(answer, bytes) else answer
        self.asked: list[bytes] = []
        self.sockets: list[net.Socket] = []
        self.server = net.create_server(self.accept)

    def accept(self, socket: net.Socket) -> None:
        self.sockets.append(socket)
        came = b""

        def on_data(data: bytes) -> None:
            nonlocal came
            came += data
            if b"\r\n\r\n" in came:
                whole, came = came, b""
                self.asked.append(whole)
                self.answer(socket, len(self.asked), whole)

        socket.on("data", on_data)
        socket.on("error", lambda error: None)

    def __enter__(self) -> Script:
        self.server.listen(0)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    @property
    def port(self) -> int:
        return self.server.port


# -- the bytes

CASES: list[tuple[dict[str, Any], list[str], str | None]] = [
    ({"headers": {"X": "END"}}, [], None),
    ({"headers": {"X": "END"}, "agent": False}, [], None),
    ({"headers": {"x-END": "1"}, "path": "/a?b=c", "method": "DELETE"}, [], None),
    ({"method": "HEAD", "headers": {"Accept": "END"}}, [], None),
    ({"method": "OPTIONS", "path": "*", "headers": {"Accept": "END"}}, [], None),
    ({"method": "POST"}, [], "END"),
    ({"method": "POST"}, ["a", "b"], "END"),
    ({"method": "PUT"}, ["a", "bEND"], None),
    ({"method": "POST", "headers": {"Content-Length": 4}}, ["a"], "END"),
    ({"method": "POST", "headers": {"Transfer-Encoding": "chunked"}}, [], "END"),
    ({"method": "POST", "headers": {"X": "END"}}, [], None),
    ({"method": "PATCH", "agent": False}, ["a"], "END"),
    ({"method": "POST", "headers": {"Connection": "close"}}, [], "END"),
    ({"method": "GET", "headers": {"Content-Length": 3}}, [], "END"),
    ({"method": "GET", "headers": {"Transfer-Encoding": "chunked"}}, ["a"], "END"),
    ({"method": "GET"}, [], "END"),
    ({"method": "get", "headers": {"Host": "elsewhere", "x": "END"}}, [], None),
    ({"auth": "name:pass wörd", "headers": {"a": "END"}}, [], None),
    ({"auth": "a:b", "headers": {"Authorization": "mine END"}}, [], None),
    ({"headers": {"Cookie": "a=END", "Set": ["b", "c"]}}, [], None),
    ({"method": "CONNECT", "path": "a:1", "headers": {"x": "END"}}, [], None),
    ({"host": "127.0.0.2", "hostname": "127.0.0.1", "headers": {"x": "END"}}, [], None),
    ({"method": "POST", "headers": {"Expect": "100-continue", "Content-Length": 3}}, [], "END"),
]


def sent_by_us(options: dict[str, Any], pieces: list[str], last: str | None) -> str:
    done = threading.Event()
    text = b""

    def on_connection(socket: net.Socket) -> None:
        def on_data(data: bytes) -> None:
            nonlocal text
            text += data
            if b"END" in text:
                socket.end(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        socket.on("data", on_data)
        socket.on("close", lambda failed: done.set())

    with net.create_server(on_connection).listen(0) as server:
        chosen = {"host": "127.0.0.1", "agent": http.Agent(), **options}

        def ask() -> None:
            request = http.request(port=server.port, **chosen)
            request.on("connect", lambda response, socket, rest: socket.end())
            for piece in pieces:
                request.write(piece)
            request.end(last)

        loop.call(ask)
        assert done.wait(20), f"only this was sent: {text!r}"
        return text.decode("latin-1").replace(str(server.port), "PORT")


def test_the_bytes_of_a_request_are_those_of_node() -> None:
    script = Path(__file__).parent / "node" / "client_bytes.js"
    ran = subprocess.run(
        [need_tool("node"), str(script), json.dumps(CASES)], capture_output=True, text=True, timeout=60, check=True
    )
    theirs: list[str] = json.loads(ran.stdout)
    ours = [sent_by_us(*case) for case in CASES]
    for case, mine, node in zip(CASES, ours, theirs, strict=True):
        # Node writes the head and the first chunk's line and data apart, all in one segment: the bytes are the same
        assert mine == node, case


# -- from a cell


def test_a_cell_gets_a_response_and_its_body() -> None:
    with Script(
        b"HTTP/1.1 201 Made\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nC: d\r\n\r\n"
    ) as script:
        response = http.get(port=script.port).wait_for("response")
        assert (response.status_code, response.status_message, response.http_version) == (201, "Made", "1.1")
        assert response.headers["a"] == "b"
        assert response.body() == b"hi"
        assert response.trailers == {"c": "d"}
        assert response.complete
        assert [key.split(":")[1] for key in http.global_agent.free_sockets] == [str(script.port)]


def test_a_cell_reads_a_body_as_text() -> None:
    with Script("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nä".encode()) as script:
        response = http.get(f"http://127.0.0.1:{script.port}/x").wait_for("response")
        assert response.set_encoding("utf8").body() == "ä"
        assert script.asked[0].startswith(b"GET /x HTTP/1.1\r\n")


def test_a_listener_that_is_added_before_the_first_write_misses_nothing() -> None:
    with Script() as script:
        request = http.request(port=script.port, method="POST")
        assert http.global_agent.sockets == {}
        seen: list[str] = []
        request.on("socket", lambda socket: seen.append("socket"))
        request.end("a").wait_for("response").body()
        assert seen == ["socket"]


def test_a_cell_is_told_that_nobody_listens() -> None:
    with Script() as script:
        port = script.port
    with pytest.raises(ConnectionRefused):
        http.get(port=port)
    request = http.request(port=port)
    errors: list[Any] = []
    request.on("error", errors.append)
    request.end()
    assert [error.code for error in errors] == ["ECONNREFUSED"]


def test_a_hang_up_is_told() -> None:
    with Script(lambda *_: None) as script:
        request = http.get(port=script.port)
        errors: list[Any] = []
        request.on("error", errors.append)
        script.server.close_all_connections()
        request.wait_for("close")
        assert [error.code for error in errors] == ["ECONNRESET"]
        with pytest.raises(NotOpen):
            request.wait_for("response")


def test_a_cut_body_raises() -> None:
    with Script(lambda socket, *_: socket.end(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")) as script:
        request = http.get(port=script.port)
        response = request.wait_for("response")
        with pytest.raises((ConnectionReset, NotOpen)):
            response.wait_for("end")


def test_a_response_that_smuggles_is_an_error() -> None:
    with Script(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") as script:
        request = http.request(port=script.port)
        errors: list[Any] = []
        request.on("error", errors.append)
        request.end().wait_for("close")
        assert [type(error) for error in errors] == [http.BadResponse]
        assert "Transfer-Encoding" in str(errors[0])


@pytest.mark.parametrize(
    "wrong", ["url", "path", "method", "agent", "port", "timeout", "headers", "splitting", "scheme"]
)
def test_what_a_request_cannot_carry_is_refused(wrong: str) -> None:
    given: dict[str, dict[str, Any]] = {
        "url": {"url": "127.0.0.1:80"}, "path": {"path": "/a b"}, "method": {"method": "GE T"}, "agent": {"agent": 5},
        "port": {"port": 70000}, "timeout": {"timeout": "1"}, "headers": {"headers": "A: b"},
        "splitting": {"headers": {"A": "b\r\nC: d"}}, "scheme": {"url": "ftp://a/"},
    }  # fmt: skip
    with pytest.raises(BadArgument):
        http.request(**given[wrong])


def test_a_misspelt_option_is_told_in_words() -> None:
    with pytest.raises(LabError, match=r"no argument 'hots'\. Did you mean 'host'"):
        http.request(hots="a")  # type: ignore[call-arg]
    with pytest.raises(LabError, match="no argument 'methd'"):
        http.get(methd="a")  # type: ignore[call-arg]
    with pytest.raises(LabError, match="max_sockets"):
        http.Agent(max_socket=1)  # type: ignore[call-arg]


def test_url_options_auth_and_local_address() -> None:
    with Script() as script:
        url = f"http://name:p%20w@127.0.0.1:{script.port}/a?b=ä#c"
        http.get(url, local_address="127.0.0.3").wait_for("response").body()
        assert script.asked[0].startswith(b"GET /a?b=%C3%A4 HTTP/1.1\r\n")
        assert b"Authorization: Basic bmFtZTpwIHc=\r\n" in script.asked[0]
        assert script.sockets[0].remote_address == "127.0.0.3"
        assert list(http.global_agent.free_sockets) == [f"127.0.0.1:{script.port}:127.0.0.3"]
        with pytest.raises(LabError, match=r"203\.0\.113\.9"):
            http.get(port=script.port, local_address="203.0.113.9")


def test_a_request_over_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with http.create_server(lambda request, response: response.end(request.headers["host"])).listen(path=path):
        for _ in range(2):
            assert http.get(socket_path=path).wait_for("response").body() == b"localhost"
        assert list(http.global_agent.free_sockets) == [f"localhost:80::{path}"]


# -- a connection that is used again


def test_a_get_goes_once_more_if_the_server_closes_the_kept_connection() -> None:
    def answer(socket: net.Socket, number: int, _: bytes) -> None:
        if number == 2:
            socket.destroy()
        else:
            socket.write(OK)

    with Script(answer) as script:
        assert http.get(port=script.port).wait_for("response").body() == b"hi"
        assert http.get(port=script.port, path="/again").wait_for("response").body() == b"hi"
        assert [each.split(b" ")[1] for each in script.asked] == [b"/", b"/again", b"/again"]
        assert len(script.sockets) == 2


@pytest.mark.parametrize("case", ["POST", "answer begun", "new connection"])
def test_nothing_is_sent_twice_that_may_have_had_an_effect(case: str) -> None:
    def answer(socket: net.Socket, number: int, _: bytes) -> None:
        if number == 2 or case == "new connection":
            socket.end(b"HTTP/1.1 2" if case == "answer begun" else b"")
        else:
            socket.write(OK)

    with Script(answer) as script:
        if case != "new connection":
            http.get(port=script.port).wait_for("response").body()
        request = http.request(port=script.port, method="POST" if case == "POST" else "GET")
        errors: list[Any] = []
        request.on("error", errors.append)
        request.end().wait_for("close")
        assert [error.code for error in errors] == ["ECONNRESET"]
        assert len(script.asked) == (1 if case == "new connection" else 2)


@pytest.mark.parametrize("extra", [b"x", b"\r\n", OK])
def test_bytes_that_answer_nothing_close_the_connection(extra: bytes) -> None:
    with Script(OK + extra) as script:
        for _ in range(2):
            request = http.get(port=script.port)
            assert request.wait_for("response").body() == b"hi"
            request.wait_for("close")
        assert len(script.sockets) == 2


def test_bytes_on_an_idle_connection_close_it() -> None:
    with Script() as script:
        request = http.get(port=script.port)
        request.wait_for("response").body()
        request.wait_for("close")
        (socket,) = next(iter(http.global_agent.free_sockets.values()))
        script.sockets[0].write(OK)
        socket.wait_for("close")
        assert http.global_agent.free_sockets == {}


# -- bodies


@contextmanager
def echoing() -> Iterator[int]:
    """A server of Node's that sends each body back."""
    text = "require('http').createServer((q, s) => q.pipe(s)).listen(0, '127.0.0.1', function () { "
    text += "console.log(this.address().port); })"
    with subprocess.Popen([need_tool("node"), "-e", text], stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        yield int(node.stdout.readline())
        node.kill()


def test_a_body_that_is_piped_is_framed() -> None:
    size = 3_000_000
    with echoing() as port, net.create_server(lambda socket: socket.end(bytes(size))).listen(0) as source:
        request = http.request(port=port, method="POST")
        net.connect(source.port).pipe(request)
        assert request.wait_for("response").body(timeout=30) == bytes(size)


def test_back_pressure_both_ways() -> None:
    size = 20_000_000
    with echoing() as port:
        made: list[Any] = []
        state: dict[str, Any] = {"sent": 0, "came": 0, "drains": 0, "most": 0}
        done = threading.Event()
        piece = bytes(65536)

        def ask() -> None:
            request = http.request(port=port, method="POST", agent=False)
            made.append(request)

            def write() -> None:
                while state["sent"] < size:
                    state["sent"] += len(piece)
                    if not request.write(piece):
                        request.once("drain", write)
                        state["drains"] += 1
                        state["most"] = max(state["most"], request.writable_length)
                        return
                request.end()

            def on_response(response: http.IncomingMessage) -> None:
                def on_data(data: bytes) -> None:
                    state["came"] += len(data)
                    response.pause()
                    loop.get().call_soon(response.resume)

                response.on("data", on_data)
                response.on("end", done.set)

            request.on("response", on_response)
            write()

        loop.call(ask)
        assert done.wait(60), state
        assert state["came"] == state["sent"] >= size
        assert state["drains"] > 3
        assert state["most"] < 1_000_000


def test_an_unread_body_stops_the_server() -> None:
    blocked = threading.Event()

    def serve(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        if not response.write(bytes(30_000_000)):
            blocked.set()
        response.end()

    with http.create_server(serve).listen(0) as server:
        response = http.get(port=server.port, agent=False).wait_for("response")
        assert blocked.wait(20)
        assert response.readable_length < 2_000_000
        assert len(response.body(timeout=30)) == 30_000_000


def test_a_listener_that_raises_is_shown_and_cuts_the_connection(capsys: pytest.CaptureFixture[str]) -> None:
    with Script() as script:
        request = http.request(port=script.port)

        def broken(response: http.IncomingMessage) -> None:
            raise ValueError("mine")

        request.on("response", broken).end()
        request.wait_for("close")
    shown = capsys.readouterr().err
    assert shown.count("ValueError: mine") == 1
    assert "hang up" not in shown


# -- the agent


def test_ten_requests_with_five_connections_wait_in_their_order() -> None:
    held: list[net.Socket] = []
    came = threading.Semaphore(0)

    def answer(socket: net.Socket, *_: Any) -> None:
        held.append(socket)
        came.release()

    with Script(answer) as script:
        agent = http.Agent(max_sockets=5)
        name = f"127.0.0.1:{script.port}:"
        requests = [http.get(port=script.port, path=f"/{n}", agent=agent) for n in range(10)]
        for _ in range(5):
            assert came.acquire(timeout=20)
        assert {key: len(each) for key, each in agent.sockets.items()} == {name: 5}
        assert [each.path for each in agent.requests[name]] == ["/5", "/6", "/7", "/8", "/9"]
        assert agent.free_sockets == {}
        assert repr(agent) == "<agent, 5 busy and 0 free connections, 5 requests wait>"
        for n, request in enumerate(requests):
            held[n].write(OK)
            assert request.wait_for("response").body() == b"hi"
            if n < 5:
                assert came.acquire(timeout=20)
        assert len(script.sockets) == 5
        assert [each.split(b" ")[1] for each in script.asked[5:]] == [b"/5", b"/6", b"/7", b"/8", b"/9"]
        requests[-1].wait_for("close")
        assert agent.sockets == agent.requests == {}
        assert len(agent.free_sockets[name]) == 5
        agent.destroy()


def test_a_waiting_request_that_is_destroyed_leaves_the_queue_at_once() -> None:
    with Script(lambda *_: None) as script:
        agent = http.Agent(max_sockets=1)
        first = http.get(port=script.port, agent=agent)
        second = http.get(port=script.port, agent=agent)
        hung_up: list[Any] = []  # as in Node, who destroys a request hears of it as an error
        for each in (first, second):
            each.on("error", hung_up.append)
        second.destroy()
        second.wait_for("close")
        assert agent.requests == {}
        assert first.destroyed is False
        first.destroy()
        first.wait_for("close")
        assert [error.code for error in hung_up] == ["ECONNRESET"] * 2


def test_an_idle_connection_is_closed_after_its_time() -> None:
    with Script() as script:
        agent = http.Agent(timeout=0.02)
        request = http.get(port=script.port, agent=agent)
        request.wait_for("response").body()
        script.sockets[0].wait_for("close")
        assert agent.free_sockets == {}


def test_a_limit_for_all_places_makes_room() -> None:
    with Script() as one, Script() as other:
        agent = http.Agent(max_total_sockets=1)
        for port in (one.port, other.port, one.port):
            request = http.get(port=port, agent=agent)
            assert request.wait_for("response").body() == b"hi"
            request.wait_for("close")
        agent.destroy()


def test_fifo_uses_the_connection_that_rests_longest() -> None:
    for scheduling, expected in (("lifo", 1), ("fifo", 0)):
        with Script() as script:
            agent = http.Agent(scheduling=scheduling)
            requests = [http.get(port=script.port, agent=agent) for _ in range(2)]
            for request in requests:
                request.wait_for("response").body()
                request.wait_for("close")
            (resting,) = agent.free_sockets.values()
            third = http.get(port=script.port, agent=agent)
            assert third.socket is resting[expected]
            third.wait_for("response").body()
            agent.destroy()


def test_close_everything_ends_busy_idle_and_waiting() -> None:
    with Script(lambda socket, number, _: number == 1 and socket.write(OK)) as script:
        agent = http.Agent(max_sockets=1)
        http.get(port=script.port).wait_for("response").body()
        busy = http.get(port=script.port, agent=agent)
        waiting = http.get(port=script.port, agent=agent)
        assert http.close_everything() == 2
        for request in (busy, waiting):
            request.on("error", lambda error: None)
            with pytest.raises((ConnectionReset, NotOpen, TimedOut)):
                request.wait_for("response")
        assert agent.sockets == agent.requests == http.global_agent.free_sockets == {}
