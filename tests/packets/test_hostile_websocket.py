"""Captures of WebSocket that mean harm: mutated ones raise nothing but words, from the file to the pictures.

Rule: as a student does it: load, look at each frame, draw.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from labkit import draw
from labkit.packets import Tape
from tests.packets.damaging import loaded_with_damage
from tests.packets.dialogs import Turn, talk
from tests.packets.websocket_scenes import PACKED, SCENES, UP, Deflating, frame, plain


def everything_of(tape: Tape) -> int:
    """Look at all of the frames, and draw them; returns how many there are."""
    for found in tape.frames:
        repr(found)
        assert 0 <= found.start <= found.stop
        for name in ("title", "payload", "content", "text", "code", "close_reason", "message", "layers", "state"):
            getattr(found, name)
        for buffer in (found.inside, found.whole):
            assert len(buffer.packets(0, len(buffer))) <= len(tape)
        draw.bits(found)
        draw.message(found)
    if tape.frames:
        draw.ladder(tape, of="WebSocket")
    for packet in tape:
        assert packet.layers
    return len(tape.frames)

PIECES = [b"\x81", b"\0", b"\xff" * 9, b"\x88\x80", bytes(40)]


@pytest.mark.parametrize("seed", range(6))
def test_mutated_captures_are_read_and_drawn(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    names = sorted(set(SCENES) - {"64 bits"})
    path = tmp_path / "tape.pcapng"
    read = 0
    for _ in range(12):
        tape = talk(SCENES[chance.choice(names)]).tape()
        loaded = loaded_with_damage(tape, path, chance, PIECES)
        if loaded is not None:
            read += everything_of(loaded)
    assert read


@pytest.mark.parametrize("seed", range(6))
def test_mutated_frames_are_read_and_drawn(seed: int) -> None:
    """The packets are good; what is in them is not: bytes changed, cut out, put in twice."""
    chance = random.Random(100 + seed)
    read = 0
    for _ in range(15):
        turns: list[Turn] = list(chance.choice([UP, PACKED]))
        for side in ("c", "s", "c", "s"):
            make = frame if side == "c" else plain
            packed = Deflating()(bytes(chance.choices(b"abc", k=30)))
            good = [
                make(1, b"hello"), make(2, bytes(200), fin=0), make(0, b"end"), make(9, b"?"),
                make(1, packed, rsv=4), make(8, b"\x03\xe8bye"),
            ]  # fmt: skip
            data = bytearray(b"".join(chance.choices(good, k=4)))
            for _ in range(chance.randint(0, 4)):
                at = chance.randrange(len(data))
                data[at : at + chance.randint(0, 9)] = chance.choice([b"", b"\0", b"\xff", b"\x81\x85", b"\x7f" * 12])
            cuts = sorted(chance.sample(range(1, len(data)), chance.randint(0, 3)))
            turns.append((side, [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]))
        read += everything_of(talk(turns).tape())
    assert read > 30
