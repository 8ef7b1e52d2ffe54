"""Close codes: labkit's server and a library end each connection with the code that the exercise shows."""

from __future__ import annotations

import socket
from struct import pack
from typing import Any

import pytest
from websockets.protocol import State
from websockets.server import ServerProtocol
from wsproto.frame_protocol import FrameProtocol, ParseFailed

from labkit import websocket
from labkit.core.errors import BadArgument, LabError
from labkit.exercises.websocket import close_code, push
from labkit.exercises.websocket.accept import SAMPLE
from labkit.exercises.websocket.close_cases import CODES, SENT, lines, script
from tests.exercises.answers import refused

CASES = list(zip("ABCDEFG", range(len(SENT)), strict=True))


def read(client: socket.socket, size: int) -> bytes:
    came = b""
    while len(came) < size and (part := client.recv(size - len(came))):
        came += part
    return came


@pytest.mark.parametrize(("letter", "number"), CASES)
def test_labkit_closes_with_this_code(letter: str, number: int) -> None:
    with websocket.create_server(max_message_size=1_000_000).listen(0) as server:
        client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        client.sendall(
            "GET /chat HTTP/1.1\r\nHost: lab.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {SAMPLE}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += read(client, 1)
        ws = server.wait_for("connection", timeout=30)[0]
        with client:
            for wire in SENT[number]:
                client.sendall(wire)
            code = CODES[number]
            if code is None:
                client.shutdown(socket.SHUT_WR)
                assert read(client, 1) == b"", "no close frame comes"
            else:
                first, size = read(client, 2)
                assert first == 0x88
                assert read(client, size)[:2] == pack("!H", code)
        if code in (None, 1000):
            assert ws.wait_for("close", timeout=30)[0] == (code or 1006)


@pytest.mark.parametrize(("letter", "number"), CASES)
def test_a_library_closes_with_this_code(letter: str, number: int) -> None:
    if CODES[number] == 1007:  # `websockets` leaves the text to its caller
        other = FrameProtocol(client=False, extensions=[])
        other.receive_bytes(SENT[number][0])
        with pytest.raises(ParseFailed) as raised:
            list(other.received_frames())
        assert raised.value.code == CODES[number]
        return
    library = ServerProtocol(state=State.OPEN, max_size=1_000_000)
    for wire in SENT[number]:
        library.receive_data(wire)
    if CODES[number] is None:
        library.receive_eof()
    sent = b"".join(library.data_to_send())
    assert sent[2:4] == (b"" if CODES[number] is None else pack("!H", CODES[number] or 0))


@pytest.mark.parametrize(("letter", "number"), CASES)
def test_the_tape_has_the_bytes_that_are_shown(letter: str, number: int) -> None:
    tape = close_code.tape(letter.lower())
    frames = tape.frames
    assert "made by labkit" in tape.origin
    assert [each.start_line for each in tape.messages[:2]] == ["GET /chat HTTP/1.1", "HTTP/1.1 101 Switching Protocols"]
    told = [each.code for each in frames if each.sender == "server"]
    assert told == ([] if CODES[number] is None else [CODES[number]])
    client = b"".join(packet.payload for packet in tape if packet.sender == "client").partition(b"\r\n\r\n")[2]
    assert client.startswith(b"".join(SENT[number]))
    shown = [line for line in lines(number).split("\n") if "|" in line]
    assert len(shown) == len(frames)
    assert len(tape) == len(script(number))


def test_three_causes_have_the_same_code() -> None:
    assert CODES.count(1002) == 3


@pytest.mark.parametrize("letter", ["H", "", "AB", 1, None])
def test_another_letter_is_told(letter: Any) -> None:
    with pytest.raises(BadArgument, match="is not one of the cases"):
        close_code.tape(letter)


def test_two_letters_are_told() -> None:
    call: Any = close_code.tape
    with pytest.raises(LabError, match="was given more arguments"):
        call("A", "B")


@pytest.mark.parametrize(("letter", "choice", "message"), [
    ("A", "not UTF-8", "then the code would be 1007"),
    ("A", "reserved bit", "the second byte is 05: no mask"),
    ("B", "no mask", "Both frames of the client have a mask"),
    ("C", "no mask", "there is a mask, and 5 bytes"),
    ("D", "reserved bit", "1007 is about the payload"),
    ("E", "connection cut", "the server has said why"),
    ("F", "connection cut", "Two frames have opcode 8"),
    ("G", "ordinary end", "there is no close frame"),
])  # fmt: skip
def test_wrong_causes(letter: str, choice: str, message: str) -> None:
    refused(close_code, close_code.reference | {letter: choice}, "ABCDEFG".index(letter) + 2, message)


@pytest.mark.parametrize(("letter", "choice", "message"), [
    ("A", "polling", "lets the question wait"),
    ("A", "WebSocket", "3.2 and 3.9 seconds after its question"),
    ("B", "server-sent events", "its type is text/html"),
    ("C", "long polling", "also the empty one"),
    ("D", "server-sent events", "without a new request"),
    ("E", "long polling", "There is one question only"),
])  # fmt: skip
def test_wrong_ways(letter: str, choice: str, message: str) -> None:
    refused(push, push.reference | {letter: choice}, "ABCDE".index(letter) + 2, message)
