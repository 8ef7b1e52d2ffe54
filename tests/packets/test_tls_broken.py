"""Captures of TLS with key logs that are wrong, forged or too long, with holes, and begun in the middle.

Rule: each is told as what it is; nothing raises, and what does not open is not shown as if it did.
"""

from __future__ import annotations

import pytest

from labkit.packets import Tape
from labkit.packets.explain.der import dotted
from labkit.packets.x509 import Certificate
from tests.packets import tls_scenes
from tests.packets.test_hostile_tls import everything_of
from tests.packets.tls_made import LABELS, New, Sealing, key_update, opening
from tests.packets.tls_scenes import Scene


def with_secrets(size: int, first: int = 1) -> New:
    """A connection whose secrets have so many bytes."""
    made = New()
    made.secrets = {label: bytes([number + first]) * size for number, label in enumerate(LABELS)}
    made.early, made.shaking_c, made.shaking_s, made.data_c, made.data_s = (
        Sealing(0x1301, each) for each in made.secrets.values()
    )
    return made


@pytest.mark.parametrize("size", [1, 32, 64, 65, 9000, 40000])
def test_secrets_of_any_length_raise_nothing(size: int) -> None:
    """A file can bring a key log and records that fit: a KeyUpdate makes a secret as long as the one before."""
    made = with_secrets(size)
    turns = opening(made)
    turns.append(("c", made.data_c.seal(22, b"\x18\0\0\1\0")))
    tape = tls_scenes.tape_of(Scene([turns], made.keys(), []))
    assert everything_of(tape, drawn=False) == 5
    opened = [each.inside is not None for each in tape.records if each.encrypted]
    assert opened == [size <= 64] * 3


def test_two_connections_with_the_same_client_random() -> None:
    """Only a forger makes such: the last lines count, as in Wireshark, and the other connection says why it is shut."""
    one, other = with_secrets(32), with_secrets(32, 91)
    tape = tls_scenes.tape_of(Scene([opening(one), opening(other)], one.keys() + other.keys(), []))
    everything_of(tape)
    shut = [each.reason for each in tape.records if each.encrypted and each.inside is None]
    assert shut == ["it does not open with the key: a byte was changed, or the key is that of another connection"] * 2
    assert sum(each.encrypted and each.inside is not None for each in tape.records) == 2


@pytest.mark.parametrize("seed", range(3))
def test_a_lossy_capture_from_the_middle_shows_nothing_twice_and_nothing_wrong(seed: int) -> None:
    """Frames are missing, also the first ones: what opens is what was said, and the rest is said to be shut."""
    import random
    from dataclasses import replace

    chance = random.Random(seed)
    whole = tls_scenes.tape_of(key_update())
    said = {bytes(each.inside.data) for each in whole.records if each.inside is not None}
    for first in range(0, len(whole), 2):
        kept = whole._kept()
        frames = [each for at, each in enumerate(kept.frames) if at >= first and chance.random() > 0.15]
        tape = Tape(replace(kept, frames=frames))
        everything_of(tape, drawn=False)
        for each in tape.records:
            if each.inside is not None:
                assert bytes(each.inside.data) in said
            elif each.encrypted:
                assert each.reason


@pytest.mark.parametrize("size", [20, 3000, 1 << 19])
def test_an_object_identifier_of_any_length_raises_nothing(size: int) -> None:
    number = b"\xff" * (size - 1) + b"\x01"
    assert dotted(number) == "(with a number of more than 128 bits)"
    made = Certificate(b"\x06\x83" + size.to_bytes(3, "big") + number)
    assert made.fields
