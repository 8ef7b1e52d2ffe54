"""What a WebSocket remembers of the messages that were heard: a server has many, and keeps no large one.

Rule: memory is counted, not guessed; every large message is unlike the others, so that none is shared.
"""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest

from labkit import websocket
from labkit.core.errors import LabError
from labkit.net.socket import KEPT
from labkit.websocket import WebSocket

LARGE = 1_000_000
COUNT = 20


def kept_by(ws: Any) -> int:
    """Bytes of messages that a WebSocket's history holds."""
    return sum(len(arg) for entry in ws._history or () for arg in entry.args if isinstance(arg, (str, bytes)))


@pytest.mark.parametrize("make", [lambda n: bytes([n]) * LARGE, lambda n: chr(65 + n) * LARGE], ids=["binary", "text"])
def test_a_server_keeps_no_large_message(make: Any) -> None:
    heard: list[int] = []
    with websocket.create_server() as server:
        hear = lambda ws: lambda data: (heard.append(len(data)), ws.send("ok"))  # noqa: E731
        server.on("connection", lambda ws, request: ws.on("message", hear(ws)))
        server.listen(0)
        client = WebSocket(f"ws://127.0.0.1:{server.port}/")
        client.wait_for("open")
        for number in range(COUNT):
            client.send(make(number))
            assert client.wait_for("message", 20) == "ok"
        (there,) = server.clients
        assert heard == [LARGE] * COUNT
        assert kept_by(there) < LARGE
        with pytest.raises(LabError, match="were not kept"):
            there.wait_for("message", 0.5)
        client.close()


def test_a_thread_that_waits_gets_a_large_message_whole() -> None:
    with websocket.create_server() as server:
        server.on("connection", lambda ws, request: ws.on("message", lambda data: None)).listen(0)
        client = WebSocket(f"ws://127.0.0.1:{server.port}/")
        client.wait_for("open")
        ws, _ = server.wait_for("connection")
        client.send("small")
        assert ws.wait_for("message") == "small"
        answers: list[Any] = []
        waiting = Thread(target=lambda: answers.append(ws.wait_for("message", 20)))
        waiting.start()
        while not ws._tickets:  # it waits
            pass
        client.send(b"x" * (KEPT + 1))
        waiting.join()
        assert answers == [b"x" * (KEPT + 1)]
        client.close()
