"""A capture file with bytes changed, cut out or put in: what a hostile or a broken file may have.

Rule: all chance comes from the caller's generator, so a seed gives the same file in each run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from labkit.core.errors import LabError
from labkit.packets import Tape


def loaded_with_damage(tape: Tape, path: Path, chance: random.Random, pieces: Sequence[bytes]) -> Tape | None:
    """Save a tape, damage its file up to 12 times, and load it; None if that was refused, in words.

    pieces: what is put in.
    """
    tape.save(path)
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randint(1, 40)]
            case _:
                data[at:at] = chance.choice(pieces)
    path.write_bytes(data)
    try:
        return Tape.load(path)
    except LabError:
        return None
