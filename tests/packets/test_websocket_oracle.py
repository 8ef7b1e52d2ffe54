"""WebSocket's fields are tshark's: names, order, bits, places and bytes, made by hand and just captured.

Rule: differences that are tshark's stand in `websocket_oracle` with their reasons; here are only the scenes.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from labkit import packets
from tests.needs import need_live_capture
from tests.packets import dialogs, websocket_oracle
from tests.packets.websocket_scenes import SCENES


def test_scenes_made_by_hand(tmp_path: Path) -> None:
    """All scenes in one file, each on a connection of its own: tshark starts once."""
    frames: list[bytes] = []
    for number, turns in enumerate(SCENES.values()):
        frames += dialogs.talk(turns, sport=40000 + number).frames
    assert websocket_oracle.compare(dialogs.tape_of(frames), tmp_path / "scenes.pcapng") > 600


def _echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_what_was_just_captured(compression: str | None, tmp_path: Path) -> None:
    """The library websockets at both ends: text, fragments, ping, a message of 70 kB, close; compressed and not."""
    need_live_capture()
    texts = ["hello" * 20, "grüße €", "x" * 70_000, "hello" * 20]
    with serve(_echo, "127.0.0.1", 0, compression=compression) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        with packets.capture(port) as tape, connect(f"ws://127.0.0.1:{port}/", compression=compression) as client:
            for text in texts:
                client.send(text)
                assert client.recv() == text
            client.send(bytes(2000))
            assert client.recv() == bytes(2000)
            assert client.ping(b"q").wait(20)
            if compression is None:  # tshark does not inflate a message over several frames
                client.send(["fr", "ag", "ments"])
                assert client.recv() == "fragments"
        server.shutdown()
        thread.join()
    frames = tape.frames
    assert not any(each.state for each in frames)
    said = [*texts, bytes(2000), *(["fragments"] if compression is None else [])]
    for sender in ("client", "server"):
        mine = [each for each in frames if each.sender == sender]
        assert [each.message for each in mine if each.frames] == said
        assert [each.code for each in mine][-1] == 1000
        assert all(each.masked == (sender == "client") for each in mine)
    assert any(each.compressed for each in frames) == (compression is not None)
    assert websocket_oracle.compare(tape, tmp_path / "live.pcapng") > 100
