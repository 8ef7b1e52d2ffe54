"""Our client and servers that are not ours: Node, uvicorn, nginx, Python's http.server, and through a proxy.

Rule: each server is a program of its own; the client must end with its answer and a connection that can be used again.
"""

from __future__ import annotations

import socket as system
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labkit import http
from labkit.servers import proxy
from tests.needs import need_tool


@pytest.fixture(autouse=True)
def no_connections_left(kind: str) -> Iterator[None]:
    yield
    http.close_everything()


def free_port() -> int:
    with system.socket() as spare:
        spare.bind(("127.0.0.1", 0))
        return int(spare.getsockname()[1])


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """A server program, once it listens on this port of 127.0.0.1."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 20
            while True:
                assert server.poll() is None, f"{command[0]} has ended"
                with system.socket() as knock:
                    if knock.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert time.monotonic() < deadline, f"{command[0]} does not listen"
            yield port
        finally:
            server.terminate()
            server.wait(20)


NODE = """
require('http').createServer((request, response) => {
  let body = '';
  request.on('data', (data) => body += data);
  request.on('end', () => {
    response.setHeader('X', request.method + ' ' + request.url);
    if (body) response.write('got ');
    response.end(body);
  });
}).listen(PORT, '127.0.0.1');
"""

UVICORN = """
import sys, uvicorn
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    name = (scope["method"] + " " + scope["path"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", name)]})
    await send({"type": "http.response.body", "body": b"got ", "more_body": True})
    await send({"type": "http.response.body", "body": body})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", lifespan="off")
"""


def exchange(port: int) -> None:
    """A POST and a GET, on one connection."""
    for number, pieces in enumerate((["a", "b"], ["whole"], [])):
        method = "POST" if pieces else "GET"
        request = http.request(port=port, method=method, path=f"/{number}")
        for piece in pieces[:-1]:
            request.write(piece)
        request.end(pieces[-1] if pieces else None)
        response = request.wait_for("response")
        assert response.status_code == 200
        assert response.headers["x"] == f"{method} /{number}"
        assert response.body().removeprefix(b"got ") == "".join(pieces).encode()
        request.wait_for("close")
        assert request.reused_socket is (number > 0)


def test_node() -> None:
    port = free_port()
    with running([need_tool("node"), "-e", NODE.replace("PORT", str(port))], port):
        exchange(port)


def test_uvicorn() -> None:
    port = free_port()
    with running([sys.executable, "-c", UVICORN, str(port)], port):
        exchange(port)


def test_pythons_http_server_closes_after_each_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    port = free_port()
    with running([sys.executable, "-m", "http.server", str(port), "-b", "127.0.0.1", "-d", str(tmp_path)], port):
        for _ in range(2):
            request = http.get(port=port, path="/file")
            response = request.wait_for("response")
            assert (response.http_version, response.body()) == ("1.0", b"x" * 100_000)
            request.wait_for("close")
            assert not request.reused_socket
        assert http.get(port=port, path="/none").wait_for("response").status_code == 404


def test_nginx(tmp_path: Path) -> None:
    nginx = need_tool("nginx")
    (tmp_path / "file").write_bytes(b"x" * 300_000)
    tmp_path.chmod(0o755)
    port = free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p; "
        f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; root {tmp_path}; }} }}\n"
    )
    with running([nginx, "-p", str(tmp_path), "-c", str(config)], port):
        for number in range(3):
            request = http.get(port=port, path="/file")
            response = request.wait_for("response")
            assert (response.status_code, len(response.body())) == (200, 300_000)
            request.wait_for("close")
            assert request.reused_socket is (number > 0)
        head = http.request(port=port, path="/file", method="HEAD").end().wait_for("response")
        assert (head.headers["content-length"], head.body()) == ("300000", b"")
        part = http.get(port=port, path="/file", headers={"Range": "bytes=0-9"}).wait_for("response")
        assert (part.status_code, len(part.body())) == (206, 10)


def test_through_a_proxy_by_connect() -> None:
    behind = http.create_server(lambda request, response: response.end("behind"))
    with behind.listen(0) as server, proxy.create().listen(0) as between:
        request = http.request(port=between.port, method="CONNECT", path=f"127.0.0.1:{server.port}").end()
        response, socket, rest = request.wait_for("connect")
        assert (response.status_code, rest) == (200, b"")
        socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := socket.read():
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nbehind")
        refused = http.request(port=between.port, method="CONNECT", path="127.0.0.1:1").end()
        response, socket, rest = refused.wait_for("connect")
        assert response.status_code >= 400
        socket.destroy()
