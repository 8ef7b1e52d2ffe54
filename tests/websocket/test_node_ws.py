"""Client and server beside Node's package `ws`: the same events in the same order, and the same frames on the wire.

Rule: node/stories.json is what `ws` did when node/scenarios.js was run with it; the scenarios here have the same names.
`ws` comes from npm, which the tests must not need: how the file is made stands at the top of node/scenarios.js.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit import net, websocket
from labkit.core import loop
from labkit.websocket import Server, WebSocket
from labkit.websocket.frames import encode
from labkit.websocket.handshake import accept_value
from tests import nodes
from tests.websocket.peers import MASK, request

HERE = Path(__file__).parent / "node"
STORIES: dict[str, nodes.Story] = json.loads((HERE / "stories.json").read_text(encoding="utf-8"))["stories"]


def frame(first: int, payload: str = "", masked: bool = True) -> bytes:
    return encode(
        first & 15, payload.encode("latin-1"), fin=bool(first & 0x80), rsv=first >> 4 & 7, key=MASK if masked else None
    )


def told(data: bytes) -> list[str]:
    """Frames of less than 126 bytes in words; of a close frame the code alone. As in scenarios.js."""
    found, at = [], 0
    while at < len(data):
        opcode, masked, size = data[at] & 15, data[at + 1] >> 7, data[at + 1] & 127
        key = data[at + 2 : at + 6] if masked else bytes(4)
        start = at + 2 + 4 * masked
        payload = bytes(byte ^ key[place % 4] for place, byte in enumerate(data[start : start + size]))
        if opcode == 8:
            found.append(f"close {int.from_bytes(payload[:2], 'big') if payload else 'empty'}")
        else:
            found.append(f"{opcode} {payload.decode('latin-1')}".strip())
        at = start + size
    return found


class Play(nodes.Play):
    """One scenario: a server or a plain one, a client or a plain one."""

    cast = ("client", "server", "wire")

    def __init__(self) -> None:
        super().__init__()
        self.server: Any = None

    def watch(self, ws: WebSocket, who: str) -> WebSocket:
        self.open.add(ws)
        story = self.story[who]

        def message(data: str | bytes) -> None:
            story.append(f"text {data}" if isinstance(data, str) else f"binary {data.decode('latin-1')}")

        def closed(code: int, reason: str) -> None:
            story.append(f"close {code} {reason}".strip())
            self.finish(ws)

        ws.on("open", lambda: story.append("open"))
        ws.on("message", message)
        ws.on("ping", lambda data: story.append(f"ping {data.decode()}".strip()))
        ws.on("pong", lambda data: story.append(f"pong {data.decode()}".strip()))
        ws.on("error", lambda error: story.append("error"))
        ws.on("close", closed)
        return ws

    def serve(self, then: Callable[[WebSocket], Any] | None = None, **options: Any) -> Server:
        def on_connection(ws: WebSocket, request: Any) -> None:
            self.watch(ws, "server").on("close", lambda *_: self.server.close())
            if then is not None:
                then(ws)

        self.server = websocket.create_server(on_connection, **options)
        self.server.listen(0)
        return self.server  # type: ignore[no-any-return]

    def connect(self, server: Any, then: Callable[[WebSocket], Any] | None = None) -> None:
        def listening() -> None:
            ws = self.watch(WebSocket(f"ws://127.0.0.1:{server.port}/"), "client")
            if then is not None:
                then(ws)

        server.once("listening", listening)

    def raw(self, server: Server, data: bytes = b"", *, fin: bool = False, rst: bool = False) -> None:
        """A client of plain TCP: after the handshake it sends this, and ends when the server does, or at once."""

        def listening() -> None:
            socket = net.Socket(allow_half_open=True)
            came, greeted = bytearray(), False
            self.open.add(socket)

            def on_data(piece: bytes) -> None:
                nonlocal greeted
                came.extend(piece)
                if not greeted and b"\r\n\r\n" in came:
                    greeted = True
                    del came[: came.index(b"\r\n\r\n") + 4]
                    if data:
                        socket.write(data)
                    if fin:
                        socket.end()
                    if rst:
                        socket.reset_and_destroy()

            def closed(*_: Any) -> None:
                self.story["wire"] = told(bytes(came))
                self.finish(socket)

            socket.on("data", on_data).on("end", lambda: socket.end()).on("error", lambda error: None)
            socket.on("close", closed)
            socket.connect(server.port)
            socket.write(request(server.port))

        server.once("listening", listening)

    def raw_server(self, answer: Callable[[str], str], data: bytes = b"", *, fin: bool = False) -> net.Server:
        """A server of plain TCP: it answers with this, and then with these frames."""

        def on_connection(socket: net.Socket) -> None:
            came, greeted = bytearray(), False
            self.open.add(socket)

            def on_data(piece: bytes) -> None:
                nonlocal greeted
                came.extend(piece)
                if not greeted and b"\r\n\r\n" in came:
                    greeted = True
                    found = re.search(rb"Sec-WebSocket-Key: (\S+)", bytes(came))
                    assert found is not None
                    del came[: came.index(b"\r\n\r\n") + 4]
                    socket.write(answer(found[1].decode()).encode() + data)
                    if fin:
                        socket.end()
                if greeted and any(each.startswith("close") for each in told(bytes(came))):
                    socket.end()

            def closed(*_: Any) -> None:
                self.story["wire"] = told(bytes(came))
                server.close()
                self.finish(socket)

            socket.on("data", on_data).on("end", lambda: socket.end()).on("error", lambda error: None)
            socket.on("close", closed)

        server = net.create_server(on_connection, allow_half_open=True)
        server.listen(0)
        return server


def accept(key: str) -> str:
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_value(key)}\r\n\r\n"
    )


def at_open(*actions: Callable[[WebSocket], Any]) -> Callable[[WebSocket], Any]:
    return lambda ws: ws.on("open", lambda: [action(ws) for action in actions])


def at_message(action: Callable[[WebSocket], Any]) -> Callable[[WebSocket], Any]:
    return lambda ws: ws.on("message", lambda data: action(ws))


def echo(play: Play) -> None:
    def client(ws: WebSocket) -> None:
        ws.on("open", lambda: (ws.send("a"), ws.send(b"b")))
        ws.on("message", lambda data: ws.close(1000, "bye") if isinstance(data, bytes) else None)

    play.connect(play.serve(lambda ws: ws.on("message", lambda data: ws.send(data))), client)


def server_closes(play: Play) -> None:
    play.connect(play.serve(lambda ws: ws.close(4321, "later")))


def close_without_code(play: Play) -> None:
    play.connect(play.serve(), at_open(lambda ws: ws.close(None)))


def both_close(play: Play) -> None:
    play.connect(play.serve(lambda ws: ws.close(4001, "server")), at_open(lambda ws: ws.close(4002, "client")))


def close_twice(play: Play) -> None:
    play.connect(play.serve(), at_open(lambda ws: ws.close(4001, "first"), lambda ws: ws.close(4002, "second")))


def client_terminates(play: Play) -> None:
    play.connect(play.serve(), at_open(lambda ws: ws.terminate()))


def fragments(play: Play) -> None:
    play.connect(
        play.serve(at_message(lambda ws: ws.close(1000))),
        at_open(
            lambda ws: ws.send("a", fin=False), lambda ws: ws.ping("p"), lambda ws: ws.send("b", fin=False),
            lambda ws: ws.send("c", fin=True),
        ),
    )  # fmt: skip


def messages_after_close(play: Play) -> None:
    play.connect(play.serve(lambda ws: [ws.send(each) for each in "123"]), at_message(lambda ws: ws.close(1000)))


def unsolicited_pong(play: Play) -> None:
    play.connect(play.serve(lambda ws: (ws.pong("x"), ws.close(1000))))


def raw_not_masked(play: Play) -> None:
    play.raw(play.serve(), frame(0x81, "a", False))


def raw_message_then_fault(play: Play) -> None:
    play.raw(play.serve(), frame(0x81, "a") + frame(0x83, "b"))


def raw_fault_then_message(play: Play) -> None:
    play.raw(play.serve(), frame(0x83, "b") + frame(0x81, "a"))


def raw_bad_text(play: Play) -> None:
    play.raw(play.serve(), frame(0x81, "\xff"))


def raw_bad_close_code(play: Play) -> None:
    play.raw(play.serve(), frame(0x88, "\x03\xed"))


def raw_close_then_message(play: Play) -> None:
    play.raw(play.serve(), frame(0x88, "\x03\xe8bye") + frame(0x81, "a"))


def raw_empty_close(play: Play) -> None:
    play.raw(play.serve(), frame(0x88))


def raw_too_large(play: Play) -> None:
    play.raw(play.serve(max_message_size=10), frame(0x82, "12345678901"))


def raw_fin(play: Play) -> None:
    play.raw(play.serve(), frame(0x81, "a"), fin=True)


def raw_fin_in_a_frame(play: Play) -> None:
    play.raw(play.serve(), frame(0x81, "abc")[:7], fin=True)


def raw_rst(play: Play) -> None:
    play.raw(play.serve(), rst=True)


def raw_ping_in_message(play: Play) -> None:
    data = frame(0x01, "a") + frame(0x89, "p") + frame(0x80, "b") + frame(0x88, "\x03\xe8")
    play.raw(play.serve(at_message(lambda ws: ws.close(1000))), data)


def raw_ping_after_our_close(play: Play) -> None:
    data = frame(0x81, "a") + frame(0x89, "p") + frame(0x88, "\x03\xe8")
    play.raw(play.serve(at_message(lambda ws: ws.close(1000))), data)


def server_wrong_accept(play: Play) -> None:
    play.connect(play.raw_server(lambda key: accept("x")))


def server_refuses(play: Play) -> None:
    play.connect(play.raw_server(lambda key: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", fin=True))


def server_hangs_up(play: Play) -> None:
    play.connect(play.raw_server(lambda key: "", fin=True))


def server_masks(play: Play) -> None:
    play.connect(play.raw_server(accept, frame(0x81, "a")))


def server_frames_at_once(play: Play) -> None:
    play.connect(play.raw_server(accept, frame(0x81, "a", False) + frame(0x88, "\x03\xe9", False)))


def server_ends_without_close(play: Play) -> None:
    play.connect(play.raw_server(accept, frame(0x81, "a", False), fin=True))


def close_while_connecting(play: Play) -> None:
    def then(ws: WebSocket) -> None:
        ws.on("close", lambda *_: play.server.close())
        loop.get().call_soon(ws.close)  # Node's events of a constructor come later, too

    play.connect(play.serve(), then)


@pytest.mark.parametrize("name", STORIES)
def test_the_story_is_that_of_ws(name: str) -> None:
    play = Play()
    loop.call(globals()[name], play)
    assert play.done.wait(20), f"not everything closed: {play.story}"
    loop.call(lambda: None)
    assert play.story == STORIES[name]


def test_both_halves_have_the_same_scenarios() -> None:
    script = (HERE / "scenarios.js").read_text(encoding="utf-8")
    assert re.findall(r"^  (\w+): async", script, re.MULTILINE) == list(STORIES)
