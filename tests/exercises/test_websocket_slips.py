"""A server with slips: each slip alone is found by its own step, and so is what students write in their place."""

from __future__ import annotations

import contextlib
import re
import socket
from typing import Any

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.uri import parse_uri

from labkit import http
from labkit.exercises import Outcome
from labkit.exercises.websocket import slips
from labkit.exercises.websocket.accept import accept
from labkit.exercises.websocket.slips import FRAME, LISTING, MENDED, SLIPS, Greeter
from tests.exercises.answers import refused


def made(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["Greeter"]


def mended(*but: str) -> str:
    """The listing without its slips, but for these."""
    text = LISTING
    for slip, right in SLIPS.items():
        assert text.count(slip) == 1
        if slip not in but:
            text = text.replace(slip, right)
            if "value = " in right:
                text = text.replace("{accept}", "{value}")
    return text


class InOneSegment(Greeter):
    """Right."""

    def upgraded(self, *args: Any) -> None:
        request, socket, _ = args
        socket.cork()
        super().upgraded(request, socket, b"")
        socket.uncork()


class CountsNothing(Greeter):
    def greet(self, socket: Any) -> None:
        socket.write(FRAME)


class CountsTwice(Greeter):
    def greet(self, socket: Any) -> None:
        super().greet(socket)
        self.greeted += 1


class Masks(Greeter):
    def greet(self, socket: Any) -> None:
        self.greeted += 1
        socket.write(b"\x81\x86abcd" + FRAME[2:])


class NeverASubprotocol(Greeter):
    def upgraded(self, request: http.IncomingMessage, socket: Any, head: bytes) -> None:
        request.headers.pop("sec-websocket-protocol", None)
        super().upgraded(request, socket, head)


class AlwaysASubprotocol(Greeter):
    def upgraded(self, request: http.IncomingMessage, socket: Any, head: bytes) -> None:
        value = accept(request.headers["sec-websocket-key"])
        socket.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {value}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        )
        self.greet(socket)


class NoEmptyLine(Greeter):
    def upgraded(self, request: http.IncomingMessage, socket: Any, head: bytes) -> None:
        socket.write("HTTP/1.1 101 Switching Protocols\r\n")


class WritesNothing(Greeter):
    def upgraded(self, request: http.IncomingMessage, socket: Any, head: bytes) -> None:
        socket.end()


class OldStatus(Greeter):
    def upgraded(self, request: http.IncomingMessage, socket: Any, head: bytes) -> None:
        socket.end("HTTP/1.1 200 OK\r\n\r\n")


class NotWrittenYet(Greeter):
    def upgraded(self, request: http.IncomingMessage, socket: Any, head: bytes) -> None:
        raise NotImplementedError


class NoServer:
    def __init__(self) -> None:
        self.greeted = 0


class NoListener:
    def __init__(self) -> None:
        self.server = http.create_server()


class Fails:
    def __init__(self) -> None:
        self.server = http.create_sever()  # type: ignore[attr-defined]


def as_bytes(text: str) -> str:
    """The answer with bytes in the value: it is written as b'…'."""
    return text.replace(".decode()", "")


@pytest.mark.parametrize("answer", [Greeter, InOneSegment, made(MENDED), made(mended())])
def test_right(answer: Any, capfd: pytest.CaptureFixture[str]) -> None:
    result = slips.check(answer)
    assert result.correct, result
    assert capfd.readouterr().err == ""


FIND = {
    "request, socket):": (2, "takes 3 positional arguments but 4 were given", "with three arguments"),
    "        accept = accept(": (3, "UnboundLocalError", "is hidden"),
    "sha.b64digest()": (3, "has no attribute 'b64digest'", "dir() lists those"),
    '        head += f"Sec-WebSocket-Protocol': (4, "Sec-WebSocket-Protocol: None", "has offered no subprotocol"),
    "this.": (5, "name 'this' is not defined", "by its first parameter"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_each_slip_is_found_by_its_own_step(slip: str, capfd: pytest.CaptureFixture[str]) -> None:
    step, seen, message = FIND[slip]
    result = slips.check(made(mended(slip)))
    assert result.outcome is Outcome.NOT_YET, result
    assert result.step.startswith(f"step {step} of 6"), result
    assert seen in result.seen, result
    assert message in result.why, result
    assert capfd.readouterr().err == "", "the finding says it all"


def test_slips_are_found_one_after_the_other() -> None:
    left = list(SLIPS)
    for slip in SLIPS:
        assert slips.check(made(mended(*left))).step.startswith(f"step {FIND[slip][0]} of 6")
        left.pop(0)


@pytest.mark.parametrize(("answer", "step", "message"), [
    (CountsNothing, 5, "Each client that is greeted counts"),
    (CountsTwice, 5, "Each client that is greeted counts"),
    (Masks, 5, "no mask"),
    (NeverASubprotocol, 6, "The client offers this one"),
    (AlwaysASubprotocol, 4, "only from what was offered"),
    (NoEmptyLine, 3, "does an empty line end it"),
    (WritesNothing, 3, "What does it write"),
    (OldStatus, 3, "were right here"),
    (made(as_bytes(MENDED)), 3, "as text"),
    (NoServer, 1, "http.create_server()"),
    (NoListener, 1, "registered by"),
    (Fails, 1, ""),
    (Greeter().server, 1, "Give check() the class itself"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    refused(slips, answer, step, message)


def test_nothing_written_is_not_attempted() -> None:
    assert slips.check(NotWrittenYet).outcome is Outcome.NOT_ATTEMPTED


def test_a_server_that_listens_already_is_tried_on_another_port() -> None:
    class Listens(Greeter):
        def __init__(self) -> None:
            super().__init__()
            self.server.listen(0)

    assert slips.check(Listens).correct
    assert slips.check(Listens).correct


def test_what_its_own_server_has_accepted_is_closed() -> None:
    """Else a client of the student waits for ever on a server that is gone."""
    clients = []

    class Listens(Greeter):
        def __init__(self) -> None:
            super().__init__()
            self.server.listen(0)
            client = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
            client.sendall(
                b"GET / HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            assert client.recv(1) == b"H", "it was accepted, and upgraded"
            self.greeted = 0
            clients.append(client)

    assert slips.check(Listens).correct
    for client in clients:
        with client, contextlib.suppress(ConnectionResetError):
            while client.recv(4096):  # raises TimeoutError if it stands
                pass


def test_a_better_answer_is_told_that_it_got_further() -> None:
    refused(slips, made(LISTING), 2, "with three arguments")
    refused(slips, made(mended("this.")), 5, "You got further: your best answer before failed at step 2.")


@pytest.mark.parametrize("offers", [None, ["chat"]])
def test_a_library_takes_the_mended_listing(offers: Any) -> None:
    greeter = made(MENDED)()
    greeter.server.listen(0)
    library = ClientProtocol(parse_uri(f"ws://127.0.0.1:{greeter.server.port}/updates"), subprotocols=offers)
    library.send_request(library.connect())
    with socket.create_connection(("127.0.0.1", greeter.server.port), timeout=30) as client:
        client.sendall(b"".join(library.data_to_send()))
        events: list[Any] = []
        while len(events) < 2:
            library.receive_data(client.recv(4096))
            events += library.events_received()
    greeter.server.close()
    greeter.server.close_all_connections()  # the upgraded one, which the listing leaves open
    assert library.handshake_exc is None
    assert isinstance(events[1], Frame)
    assert events[1].data == b"yakexi"
    assert library.subprotocol == (offers[0] if offers else None)


def test_the_field_none_is_refused_by_a_library() -> None:
    """Otherwise the slip would be none."""
    greeter = made(mended('        head += f"Sec-WebSocket-Protocol'))()
    greeter.server.listen(0)
    library = ClientProtocol(parse_uri(f"ws://127.0.0.1:{greeter.server.port}/updates"))
    library.send_request(library.connect())
    with socket.create_connection(("127.0.0.1", greeter.server.port), timeout=30) as client:
        client.sendall(b"".join(library.data_to_send()))
        while library.handshake_exc is None:
            library.receive_data(client.recv(4096))
    greeter.server.close()
    greeter.server.close_all_connections()  # the upgraded one, which the listing leaves open
    assert re.search("subprotocol", str(library.handshake_exc))
