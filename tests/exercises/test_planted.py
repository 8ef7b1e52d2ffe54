"""The mistakes that docs/instructors.md proposes to plant: each has the effect that the table says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit import websocket
from labkit.core.errors import TimedOut
from labkit.exercises.websocket.slips import MENDED
from labkit.websocket import BadHandshake, ProtocolError, WebSocket, frames

TABLE = (Path(__file__).parents[2] / "docs" / "instructors.md").read_text(encoding="utf8")

Heard = list[tuple[int, str]]


@pytest.fixture
def by_hand() -> Iterator[Any]:
    """Makes the server by hand, with a part of its listing replaced; gives its URL."""
    servers = []

    def make(before: str, after: str) -> str:
        assert MENDED.count(before) == 1
        names: dict[str, Any] = {}
        exec(MENDED.replace(before, after), names)
        server = names["Greeter"]().server
        servers.append(server)
        return f"ws://127.0.0.1:{server.listen(0).port}/updates"

    yield make
    for server in servers:
        server.close()
        server.close_all_connections()


@pytest.fixture
def told() -> Heard:
    """What the server's program is told of each close."""
    return []


@pytest.fixture
def server(told: Heard) -> Iterator[websocket.Server]:
    def serve(ws: WebSocket, request: Any) -> None:
        ws.on("message", ws.send)
        ws.on("close", lambda *how: told.append(how))

    with websocket.create_server(serve) as made:
        yield made.listen(0)


def opened(server: websocket.Server) -> WebSocket:
    ws = WebSocket(f"ws://127.0.0.1:{server.port}/")
    ws.wait_for("open")
    return ws


def stands(fragment: str) -> str:
    """A part of the program, which the table shows."""
    assert fragment in TABLE
    return fragment


def test_the_server_by_hand_works_without_them(by_hand: Any) -> None:
    assert WebSocket(by_hand("GUID =", "GUID =")).wait_for("message", timeout=30) == "yakexi"


def test_the_letter_o(by_hand: Any) -> None:
    url = by_hand("C5AB0DC85B11", stands("C5ABODC85B11"))
    with pytest.raises(BadHandshake, match=r"Sec-WebSocket-Accept is '.{28}', and .{28} belongs to the key"):
        WebSocket(url).wait_for("open", timeout=30)


def test_the_length_in_bits(by_hand: Any) -> None:
    ws = WebSocket(by_hand(r'b"\x81\x06yakexi"', stands(r'b"\x81\x30yakexi"')))
    ws.wait_for("open", timeout=30)
    with pytest.raises(TimedOut):
        ws.wait_for("message", timeout=0.3)
    assert ws.ready_state == WebSocket.OPEN
    ws.terminate()


def test_a_server_that_masks(by_hand: Any) -> None:
    ws = WebSocket(by_hand(r'b"\x81\x06yakexi"', stands(r'b"\x81\x86abcdyakexi"')))
    with pytest.raises(ProtocolError) as raised:
        ws.wait_for("message", timeout=30)
    assert raised.value.code == 1002


def test_a_subprotocol_that_is_none(by_hand: Any) -> None:
    stands("`if protocol:`")
    with pytest.raises(BadHandshake, match="None"):
        WebSocket(by_hand("if protocol:", "if True:")).wait_for("open", timeout=30)


@pytest.mark.parametrize("wire", [
    stands(r'b"\x81\x05hello"'), stands('frames.encode(0, b"world!", key=b"abcd")'),
])  # fmt: skip
def test_a_frame_that_breaks_a_rule(server: websocket.Server, wire: str) -> None:
    ws = opened(server)
    assert ws.socket is not None
    ws.socket.write(eval(wire, {"frames": frames}))
    assert ws.wait_for("close", timeout=30)[0] == 1002


def test_a_message_without_its_last_frame(server: websocket.Server) -> None:
    ws = opened(server)
    eval(stands('ws.send("hello ", fin=False)'), {"ws": ws})
    ws.ping("still there?")
    assert ws.wait_for("pong", timeout=30) == b"still there?"
    assert ws.ready_state == WebSocket.OPEN
    ws.send("world!")
    assert ws.wait_for("message", timeout=30) == "hello world!"
    ws.terminate()


def test_a_handler_without_its_parameter(capfd: pytest.CaptureFixture[str]) -> None:
    code = stands('ws.on("message", lambda: print("came"))')
    with websocket.create_server(lambda ws, request: eval(code, {"ws": ws})) as server:
        server.listen(0)
        ws = opened(server)
        ws.send("hello")
        assert ws.wait_for("close", timeout=30)[0] == 1011
    assert "takes 0 positional arguments but 1 was given" in capfd.readouterr().err


def test_a_page_of_somebody_else(server: websocket.Server) -> None:
    code = stands('websocket.WebSocket(url, origin="http://evil.example")')
    ws = eval(code, {"websocket": websocket, "url": f"ws://127.0.0.1:{server.port}/"})
    with pytest.raises(BadHandshake) as raised:
        ws.wait_for("open", timeout=30)
    assert raised.value.status == 403


def test_another_path() -> None:
    with eval(stands('websocket.create_server(path="/updates")'), {"websocket": websocket}) as server:
        server.listen(0)
        with pytest.raises(BadHandshake) as raised:
            opened(server)
    assert raised.value.status == 404
