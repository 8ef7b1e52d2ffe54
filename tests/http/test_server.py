"""The HTTP server with real clients, under back-pressure, and when a handler fails.

Rule: bytes on a socket, or a program that people use; the order of events beside Node's is test_node.py.
"""

from __future__ import annotations

import http.client
import json
import select
import socket as system
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from labkit import http as labhttp
from labkit import net
from labkit.core import loop
from labkit.http import BadHeader, HeadersSent, IncomingMessage, ServerResponse
from labkit.servers import hello, proxy
from tests.needs import need_tool
from tests.net import tls
from tests.nodes import LOCAL

Handler = Callable[[IncomingMessage, ServerResponse], Any]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def echo(req: IncomingMessage, res: ServerResponse) -> None:
    """Answer with what the request was, and with its body."""
    pieces: list[bytes] = []
    req.on("data", pieces.append)
    req.on("end", lambda: res.end(f"{req.method} {req.url} {req.http_version} ".encode() + b"".join(pieces)))


def curl(*arguments: str) -> str:
    ran = subprocess.run(
        [need_tool("curl"), "-sS", "--max-time", "20", "--noproxy", "", *arguments], capture_output=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.decode()


def until_end(server: labhttp.Server, data: bytes) -> bytes:
    with system.create_connection((LOCAL, server.port), timeout=20) as client:
        client.sendall(data)
        return b"".join(iter(lambda: client.recv(65536), b""))


# -- real clients


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
def test_curl(version: str, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 2_000_000)  # above 1 MiB curl waits for 100 Continue
    with labhttp.create_server(echo).listen(0) as server:
        url = f"http://{LOCAL}:{server.port}"
        number = version[-3:]
        assert curl(version, f"{url}/a") == f"GET /a {number} "
        assert curl(version, "-d", "@-", f"{url}/d") == f"POST /d {number} "
        assert curl(version, "--data-binary", "hello", f"{url}/d") == f"POST /d {number} hello"
        assert curl(version, "-T", str(tmp_path / "big"), f"{url}/") == f"PUT /big {number} " + "x" * 2_000_000
        assert curl(version, f"{url}/1", f"{url}/2") == f"GET /1 {number} GET /2 {number} "
        assert curl(version, "-I", f"{url}/").startswith("HTTP/1.1 200 OK\r\n")


def test_curl_uses_one_connection_for_two_urls_and_sends_chunks() -> None:
    with labhttp.create_server(echo).listen(0) as server:
        url = f"http://{LOCAL}:{server.port}"
        told = curl("-w", "%{num_connects} ", f"{url}/1", f"{url}/2")
        assert told == "GET /1 1.1 1 GET /2 1.1 0 "
        assert curl("-H", "Transfer-Encoding: chunked", "-d", "hello", url) == "POST / 1.1 hello"


@pytest.mark.parametrize("tunnel", [False, True], ids=["forwarded", "CONNECT"])
def test_curl_through_the_proxy(tunnel: bool) -> None:
    with labhttp.create_server(echo).listen(0) as server, proxy.create().listen(0) as through:
        options = ["-x", f"http://{LOCAL}:{through.port}", *(["-p"] if tunnel else [])]
        url = f"http://{LOCAL}:{server.port}"
        assert curl(*options, f"{url}/a?b=c") == "GET /a?b=c 1.1 "
        assert curl(*options, "-d", "x" * 100_000, url) == "POST / 1.1 " + "x" * 100_000


def test_the_proxy_says_502_if_nobody_is_there() -> None:
    with net.create_server().listen(0) as closed:
        port = closed.port
    with proxy.create().listen(0) as through:
        told = curl("-x", f"http://{LOCAL}:{through.port}", "-w", "%{http_code}", f"http://{LOCAL}:{port}/")
        assert told.endswith("502")
        ran = subprocess.run(
            [need_tool("curl"), "-sS", "-p", "-x", f"http://{LOCAL}:{through.port}", f"http://{LOCAL}:{port}/"],
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        assert b"502" in ran.stderr


def test_pythons_client_keeps_its_connection() -> None:
    with labhttp.create_server(echo).listen(0) as server:
        client = http.client.HTTPConnection(LOCAL, server.port, timeout=20)
        for body in ("", "hello"):
            client.request("POST", "/p", body)
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (200, f"POST /p 1.1 {body}".encode())
        assert len(server.connections) == 1
        client.request("POST", "/c", iter([b"a", b"b"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert client.getresponse().read() == b"POST /c 1.1 ab"
        client.close()


def test_nodes_client() -> None:
    script = """
const http = require('http');
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const ask = (path, body) => new Promise((done, fail) => {
  const options = {port: +process.argv[1], host: '127.0.0.1', path, method: body ? 'POST' : 'GET', agent};
  const req = http.request(options, (res) => {
    let all = '';
    res.on('data', (d) => { all += d; });
    res.on('end', () => done([res.statusCode, all, req.reusedSocket]));
  });
  req.on('error', fail);
  if (body) req.write(body);
  req.end();
});
(async () => {
  console.log(JSON.stringify([await ask('/a'), await ask('/b', 'hello'), await ask('/c')]));
  agent.destroy();
})();
"""
    with labhttp.create_server(echo).listen(0) as server:
        ran = subprocess.run(
            [need_tool("node"), "-e", script, str(server.port)], capture_output=True, text=True, timeout=30, check=True
        )
    assert json.loads(ran.stdout) == [
        [200, "GET /a 1.1 ", False], [200, "POST /b 1.1 hello", True], [200, "GET /c 1.1 ", True],
    ]  # fmt: skip


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with labhttp.create_server(echo).listen(path=path):
        assert curl("--unix-socket", path, "http://x/u") == "GET /u 1.1 "


def test_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second transport: serve() does not know what carries the bytes."""
    tls.contexts()
    monkeypatch.setattr(net.Socket, "_protocol", lambda socket: tls.Layer(socket))
    with labhttp.create_server(echo).listen(0) as server:
        client = http.client.HTTPConnection("labkit.test", server.port, timeout=20)
        plain = system.create_connection((LOCAL, server.port), timeout=20)
        client.sock = tls.contexts()[1].wrap_socket(plain, server_hostname="labkit.test")
        for body in ("", "hello", "x" * 300_000):
            client.request("POST", "/p", body)
            assert client.getresponse().read() == f"POST /p 1.1 {body}".encode()
        client.close()


def test_hello() -> None:
    with hello.create().listen(0) as server:
        assert curl(f"http://{LOCAL}:{server.port}/") == hello.HELLO


# -- one segment


@pytest.mark.parametrize(
    "serve",
    [
        lambda req, res: res.end("hi"),
        lambda req, res: (res.write_head(200), res.write("a"), res.write("b"), res.end("c")),
        lambda req, res: loop.get().call_soon(lambda: (res.write("a"), res.write("b"), res.end("c"))),
    ],
    ids=["end", "writes", "writes later"],
)
def test_one_response_is_one_segment(serve: Handler) -> None:
    writes: list[bytes] = []

    def on_connection(socket: net.Socket) -> None:
        sink = socket._sink
        assert sink is not None
        socket._sink = lambda data: (writes.append(data), sink(data))[1]

    with labhttp.create_server(serve).on("connection", on_connection).listen(0) as server:
        until_end(server, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert len(writes) == 1


def test_pipelined_answers_leave_together_and_in_order() -> None:
    writes: list[bytes] = []

    def on_connection(socket: net.Socket) -> None:
        sink = socket._sink
        assert sink is not None
        socket._sink = lambda data: (writes.append(data), sink(data))[1]

    with labhttp.create_server(lambda q, r: r.end(q.url)).on("connection", on_connection).listen(0) as server:
        asked = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(200))
        answer = until_end(server, asked + b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert [part.rpartition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == [
        *(b"/%d" % number for number in range(200)), b"/last",
    ]  # fmt: skip
    assert len(writes) < 20


# -- back-pressure


def test_a_body_that_nobody_reads_stops_the_client() -> None:
    requests: list[IncomingMessage] = []
    with (
        labhttp.create_server(lambda q, r: requests.append(q)).listen(0) as server,
        system.create_connection((LOCAL, server.port), timeout=20) as client,
    ):
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        server.wait_for("request")
        client.setblocking(False)
        sent = 0
        while not server.connections[0].is_paused or select.select([], [client], [], 0.2)[1]:
            try:
                sent += client.send(b"x" * 65536)
            except BlockingIOError:
                loop.catch_up()
        assert sent < 100_000_000 / 2
        assert requests[0].readable_length < 2_000_000


def test_write_says_when_to_stop_and_drain_when_to_go_on() -> None:
    piece = b"x" * 50_000
    total = 400
    state = {"left": total, "drains": 0, "stops": 0}

    def serve(req: IncomingMessage, res: ServerResponse) -> None:
        def fill() -> None:
            while state["left"]:
                state["left"] -= 1
                if not res.write(piece):
                    state["stops"] += 1
                    return
            res.end()

        def go_on() -> None:
            state["drains"] += 1
            fill()

        res.on("drain", go_on)
        fill()

    with (
        labhttp.create_server(serve).listen(0) as server,
        system.create_connection((LOCAL, server.port), timeout=20) as client,
    ):
        client.sendall(GET)
        response = http.client.HTTPResponse(client)
        response.begin()
        assert len(response.read()) == total * len(piece)
    assert state["stops"] >= 1
    assert state["stops"] == state["drains"]


def test_a_pipe_from_request_to_response() -> None:
    with labhttp.create_server(lambda q, r: q.pipe(r)).listen(0) as server:
        client = http.client.HTTPConnection(LOCAL, server.port, timeout=20)
        client.request("POST", "/", b"y" * 3_000_000)
        assert client.getresponse().read() == b"y" * 3_000_000
        client.close()


# -- a handler that fails


def test_a_handler_that_raises_answers_500_and_the_connection_stands(capsys: pytest.CaptureFixture[str]) -> None:
    def serve(req: IncomingMessage, res: ServerResponse) -> None:
        res.set_header("X-Half", "done")
        raise ZeroDivisionError("mine")

    with labhttp.create_server(serve).listen(0) as server:
        client = http.client.HTTPConnection(LOCAL, server.port, timeout=20)
        for _ in range(2):
            client.request("GET", "/boom")
            answer = client.getresponse()
            assert (answer.status, answer.read(), answer.getheader("X-Half")) == (500, b"", None)
        client.close()
    told = capsys.readouterr().err
    assert told.count("ZeroDivisionError: mine") == 2
    assert "<request GET /boom>" in told


def test_a_handler_that_raises_after_the_head_was_sent_cuts_the_connection(capsys: pytest.CaptureFixture[str]) -> None:
    def serve(req: IncomingMessage, res: ServerResponse) -> None:
        res.write("half")
        loop.get().call_soon(req.on("data", lambda data: 1 / 0).resume)

    with labhttp.create_server(serve).listen(0) as server, system.create_connection((LOCAL, server.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
        came = b""
        try:
            while piece := client.recv(65536):
                came += piece
        except ConnectionResetError:
            pass
    assert not came.endswith(b"0\r\n\r\n")  # the message has no end, so the client knows
    assert "ZeroDivisionError" in capsys.readouterr().err


UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "starts"),
    [(b"", b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n"), (b"HTTP/1.1 101 ", b"HTTP/1.1 101 ")],
)
@pytest.mark.parametrize("method", ["GET", "CONNECT"])
def test_a_listener_of_an_upgrade_that_raises_does_not_leave_the_client_waiting(
    capsys: pytest.CaptureFixture[str], method: str, said: bytes, starts: bytes
) -> None:
    def turn(request: IncomingMessage, socket: net.Socket, head: bytes) -> None:
        if said:
            socket.write(said)
        raise ZeroDivisionError("mine")

    asks = UPGRADE if method == "GET" else b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n"
    with labhttp.create_server().listen(0) as server, system.create_connection((LOCAL, server.port), 20) as client:
        server.on("upgrade", turn).on("connect", turn)
        client.sendall(asks)
        came = b""
        try:
            while piece := client.recv(65536):
                came += piece
        except ConnectionResetError:
            assert said
    assert came.startswith(starts) or said
    assert came.count(b"\r\n\r\n") == (not said)
    assert "ZeroDivisionError: mine" in capsys.readouterr().err


def test_a_clients_listener_of_an_upgrade_that_raises_ends_the_connection(capsys: pytest.CaptureFixture[str]) -> None:
    ended = Event()

    def turn(request: IncomingMessage, socket: net.Socket, head: bytes) -> None:
        socket.on("error", lambda error: None).on("end", lambda: (ended.set(), socket.end())).resume()
        socket.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\n")

    with labhttp.create_server().listen(0) as server:
        server.on("upgrade", turn)
        asked = labhttp.request(port=server.port, headers={"Connection": "Upgrade", "Upgrade": "y"}, agent=False)
        asked.on("upgrade", lambda response, socket, head: 1 / 0)
        asked.end()
        assert ended.wait(20)
    assert "ZeroDivisionError" in capsys.readouterr().err


# -- from a cell


def test_a_held_response_is_ended_from_a_cell() -> None:
    """T-3.7"""
    with labhttp.create_server().listen(0) as server, system.create_connection((LOCAL, server.port)) as client:
        client.sendall(GET)
        req, res = server.wait_for("request")
        assert (req.method, res.headers_sent) == ("GET", False)
        res.set_header("X-Late", "yes").end("now")
        res.wait_for("finish")
        assert client.recv(65536).endswith(b"now")
        with pytest.raises(HeadersSent, match="came too late"):
            res.set_header("A", "b")
        with pytest.raises(HeadersSent):
            res.write_head(200)


def test_the_body_of_a_request_in_a_cell() -> None:
    with labhttp.create_server().listen(0) as server, system.create_connection((LOCAL, server.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n\xe4\xbd")
        req, res = server.wait_for("request")
        client.sendall(b"\xa0abc")
        assert req.set_encoding("utf8").body() == "\u4f60abc"
        res.end()


@pytest.mark.parametrize(
    ("name", "value"),
    [("A", "b\r\nC: d"), ("A", "b\nC: d"), ("A", "b\0"), ("A", ["b", "c\r"]), ("A", "\u4f60"), ("A\r\nB", "c"),
     ("A:", "b"), ("A ", "b"), ("", "b"), ("A", None), ("A", b"b"), (1, "b")],
)  # fmt: skip
def test_splitting_is_refused_in_every_call_that_sets_a_field(name: Any, value: Any) -> None:
    def refuse(call: Callable[[], Any]) -> None:
        with pytest.raises(labhttp.headers.BadArgument):
            call()

    with labhttp.create_server().listen(0) as server, system.create_connection((LOCAL, server.port)) as client:
        client.sendall(GET)
        _, res = server.wait_for("request")
        refuse(lambda: res.set_header(name, value))
        refuse(lambda: res.append_header(name, value))
        refuse(lambda: res.write_head(200, {name: value}))
        refuse(lambda: res.write_head(200, [(name, value)]))
        refuse(lambda: res.add_trailers({name: value}))
        refuse(lambda: res.write_early_hints({name: value}))
        with pytest.raises(BadHeader):
            res.write_head(200, "OK\r\nA: b")
        with pytest.raises(BadHeader):
            res.status_message = "OK\r\nA: b"
        res.end("ok")
        assert client.recv(65536).endswith(b"Content-Length: 2\r\n\r\nok")


def test_a_body_that_does_not_fit_its_length() -> None:
    told: list[str] = []

    def serve(req: IncomingMessage, res: ServerResponse) -> None:
        res.set_header("Content-Length", 3)
        try:
            res.write("four")
        except labhttp.headers.LabError as error:
            told.append(error.code)
        res.end("ab")  # fewer than promised: the connection ends, so that nothing is taken for the rest

    with labhttp.create_server(serve).listen(0) as server:
        assert until_end(server, GET).endswith(b"\r\n\r\nab")
    assert told == ["ERR_HTTP_CONTENT_LENGTH_MISMATCH"]


def test_close_ends_idle_connections_and_lets_the_others_finish() -> None:
    """C-3.20"""
    with labhttp.create_server().listen(0) as server:
        idle = system.create_connection((LOCAL, server.port), timeout=20)
        busy = system.create_connection((LOCAL, server.port), timeout=20)
        busy.sendall(GET)
        _, res = server.wait_for("request")
        while len(server.connections) < 2:
            loop.catch_up()
        server.close()
        assert idle.recv(10) == b""
        res.end("bye")
        answer = b"".join(iter(lambda: busy.recv(65536), b""))
        assert b"Connection: close" in answer
        assert answer.endswith(b"bye")
        idle.close()
        busy.close()
        server.wait_for("close")


def test_the_details_that_a_ladder_shows() -> None:
    from labkit.core import watching

    records = watching.watch()
    try:
        with labhttp.create_server(lambda q, r: r.end("x")).listen(0) as server:
            until_end(server, b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            server.close().wait_for("close")
    finally:
        watching.unwatch(records)
    details = {record.name: record.detail for record in records if record.detail}
    assert details["request"] == "GET /a"
    assert details["finish"] == "200"


def test_a_busy_pipe_into_a_response_keeps_its_framing() -> None:
    body = bytes(range(256)) * 40_000
    with labhttp.create_server(lambda request, response: request.pipe(response)).listen(0) as server:
        sent = labhttp.request(port=server.port, method="POST", agent=False)
        sent.end(body)
        assert sent.wait_for("response").body(30.0) == body


@pytest.mark.parametrize(("says_continue", "connection"), [(False, "close"), (True, "keep-alive")])
def test_who_does_not_say_continue_closes_as_in_node(says_continue: bool, connection: str) -> None:
    def answer(request: labhttp.IncomingMessage, response: labhttp.ServerResponse) -> None:
        if says_continue:
            response.write_continue()
        response.write_head(400, {"Content-Length": 0})
        response.end()

    with labhttp.create_server() as server:
        server.on("check_continue", answer).listen(0)
        head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        with net.connect(server.port) as client:
            client.write(head)
            got = b""
            while b"\r\n\r\n" not in got.partition(b"100 Continue\r\n\r\n")[2 if says_continue else 0]:
                got += client.read()
            assert f"Connection: {connection}\r\n".encode() in got
