"""WebSocket's fields are tshark's: names, order, bits, places and bytes, made by hand and just captured.

Rule: differences that are tshark's stand in `websocket_oracle` with their reasons; here are only the scenes.
"""

from __future__ import annotations

from pathlib import Path

from tests.packets import dialogs, websocket_oracle
from tests.packets.websocket_scenes import SCENES


def test_scenes_made_by_hand(tmp_path: Path) -> None:
    """All scenes in one file, each on a connection of its own: tshark starts once."""
    frames: list[bytes] = []
    for number, turns in enumerate(SCENES.values()):
        frames += dialogs.talk(turns, sport=40000 + number).frames
    assert websocket_oracle.compare(dialogs.tape_of(frames), tmp_path / "scenes.pcapng") > 600
