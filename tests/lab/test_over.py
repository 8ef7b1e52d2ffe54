"""A frame over an open WebSocket: what comes back, and what is refused.

Rule: a real server on this machine; a peer elsewhere is a stand-in, and nothing is written to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import labkit
from labkit import lab, websocket
from labkit.core.errors import LabError
from labkit.packets import status

HELLO = bytes.fromhex("8185 37fa213d 7f9f4d5158")


@pytest.fixture
def ws() -> Iterator[websocket.WebSocket]:
    """An open connection to a server that answers each text."""
    if status().tier == "recorded":
        pytest.skip("this machine cannot capture; the lessons' recordings are tested by nbval")

    def reply(peer: Any, request: Any) -> None:
        peer.on_message = lambda event: peer.send(f"you said {event.data}")

    server = websocket.create_server(reply).listen(0)
    client = websocket.WebSocket(f"ws://127.0.0.1:{server.port}/")
    client.wait_for("open")
    yield client
    client.terminate()
    server.close()


def test_the_answer_is_on_the_tape_and_in_the_program(ws: websocket.WebSocket) -> None:
    frame = labkit.build("WebSocket", wire=lab.over(ws))
    came = frame.send()
    assert came.answered
    assert [each.title for each in came.back[0].messages] == ['text "you said Hello"']
    assert came.sent == HELLO == came.tape[0].payload
    assert ws.wait_for("message") == "you said Hello"


def test_a_frame_that_breaks_a_rule_is_closed(ws: websocket.WebSocket) -> None:
    frame = labkit.build("WebSocket", wire=lab.over(ws))
    frame.flip("websocket.mask")
    assert "close 1002" in frame.send().back[0].messages[0].title
    ws.wait_for("close")
    with pytest.raises(LabError, match="not open"):
        frame.send()
    assert "not open" in frame.why_not


def test_nothing_comes_back(ws: websocket.WebSocket) -> None:
    frame = labkit.build("WebSocket", wire=lab.over(ws))
    frame.set("websocket.payload_length", 96)
    assert repr(frame.send(timeout=0.2)) == "11 bytes sent by the client; nothing came back in 0.2 s"


class Elsewhere:
    """A connection that is not ours. wrote: what was written into it."""

    ready_state = 1

    def __init__(self, address: str) -> None:
        self.socket = self
        self.remote_address, self.remote_port, self.local_port = address, 80, 40000
        self.wrote: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.wrote.append(data)


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.3", "2001:db8::1", "127.0.0.1.example", None])
def test_a_peer_elsewhere_gets_nothing(address: Any) -> None:
    there = Elsewhere(address)
    with pytest.raises(LabError, match="not sent to"):
        labkit.build("WebSocket", wire=lab.over(there)).send()
    assert there.wrote == []


def test_each_goes_its_own_way() -> None:
    there = lab.over(Elsewhere("127.0.0.1"))
    with pytest.raises(LabError, match="no wire"):
        labkit.build("TCP", wire=there).send()
    with lab.Wire() as wire, pytest.raises(LabError, match="over an open connection"):
        labkit.build("WebSocket", wire=wire).send()
    with pytest.raises(LabError, match="is no WebSocket"):
        lab.over(5)
