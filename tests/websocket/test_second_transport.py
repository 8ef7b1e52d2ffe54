"""The scenarios of `ws` once more over TLS: nothing in labkit.websocket knows what carries the bytes.

Rule: the scenarios are those of test_node_ws.py, unchanged; only what carries the bytes is another.
"""

from __future__ import annotations

import pytest

from labkit import net, websocket
from labkit.core import loop
from labkit.websocket import WebSocket
from tests.net import tls
from tests.websocket import test_node_ws
from tests.websocket.test_node_ws import STORIES, Play

WITHOUT = {"raw_rst", "close_while_connecting"}
"""A reset is an error of TLS itself; and who gives up before the connection stands has nothing to carry."""


@pytest.fixture(autouse=True)
def over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every socket of this file has TLS below it."""
    tls.contexts()  # before the loop needs them: a certificate takes a while
    monkeypatch.setattr(net.Socket, "_protocol", lambda socket: tls.Layer(socket))


def test_large_messages_go_over_tls() -> None:
    with websocket.create_server(lambda ws, request: ws.on("message", lambda data: ws.send(data))).listen(0) as server:
        ws = WebSocket(f"ws://127.0.0.1:{server.port}/")
        for size in (10, 9_000, 70_000, 500_000):
            ws.wait_for("open")
            ws.send(bytes(size))
            assert ws.wait_for("message") == bytes(size)
        ws.terminate()


@pytest.mark.parametrize("name", [name for name in STORIES if name not in WITHOUT])
def test_the_story_is_the_same_over_tls(name: str) -> None:
    before = tls.Layer.used
    play = Play()
    loop.call(getattr(test_node_ws, name), play)
    assert play.done.wait(20), f"not everything closed: {play.story}"
    loop.call(lambda: None)
    assert play.story == STORIES[name]
    assert tls.Layer.used > before
