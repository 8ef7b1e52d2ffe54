"""Captures of TLS that mean harm: mutated ones raise nothing but words, from the file to the pictures, in linear time.

Rule: as a student does it: load, look at each record and message, draw.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from labkit import draw
from labkit.packets import Tape
from tests.packets import tls_made, tls_scenes
from tests.packets.damaging import loaded_with_damage
from tests.packets.dialogs import Turn
from tests.packets.leaves import every_byte_once
from tests.packets.test_tls_oracle import SCENES, played
from tests.packets.tls_made import New, opening
from tests.packets.tls_scenes import Scene

NAMES = sorted(set(SCENES) - {"t13-huge", "t12-huge", "t13-big"})


def everything_of(tape: Tape, *, drawn: bool = True) -> int:
    """Look at all of TLS on a tape, and draw it; returns how many records there are."""
    for found in tape.records:
        repr(found)
        assert 0 <= found.start <= found.stop
        every_byte_once(found.fields, found.start, found.stop)
        if found.inside is not None:
            every_byte_once(found.inside.fields, 0, len(found.inside))
        for name in ("title", "kind", "version", "content", "state", "reason", "packets", "completed_by", "layers"):
            getattr(found, name)
    for message in tape.handshake:
        repr(message)
        every_byte_once(message.fields, message.start, message.stop)
        for name in ("title", "state", "reason", "level", "description", "layers", "certificates", "encrypted"):
            getattr(message, name)
    for said in tape.messages:
        repr(said)
        assert said.packets or said.start == said.stop
        assert isinstance(said.records, tuple)
    for packet in tape:
        assert packet.layers
    for connection in tape.connections:
        connection.decrypted("client")
    if drawn and tape.records:
        draw.ladder(tape, of="TLS")
        draw.bits(tape.records[-1])
        for message in tape.handshake[-2:]:
            draw.bits(message)
    return len(tape.records)

PIECES = [b"\x16\x03\x03", b"\0", b"\xff" * 9, b"\x17\x03\x03\0\x20", bytes(40)]


@pytest.mark.parametrize("seed", range(6))
def test_mutated_captures_are_read_and_drawn(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    path = tmp_path / "tape.pcapng"
    read = 0
    for _ in range(14):
        tape = tls_scenes.tape_of(played(chance.choice(NAMES)))
        loaded = loaded_with_damage(tape, path, chance, PIECES)
        if loaded is not None:
            read += everything_of(loaded)
    assert read


@pytest.mark.parametrize("seed", range(6))
def test_mutated_streams_are_read_and_drawn(seed: int) -> None:
    """The packets are good; what is in them is not: bytes changed, cut out, put in twice."""
    chance = random.Random(100 + seed)
    read = 0
    for number in range(20):
        scene = played(chance.choice(NAMES))
        connections = []
        for turns in scene.turns:
            mutated: list[Turn] = []
            for who, said in turns:
                data = bytearray(said if isinstance(said, bytes) else b"".join(said))
                for _ in range(chance.choice((0, 0, 1, 2))):
                    at = chance.randrange(len(data) + 1)
                    data[at : at + chance.randint(0, 9)] = chance.choice(
                        [b"", b"\0", b"\xff", b"\x16\x03\x03\0\4", b"\x14\x03\x03\0\1\1", b"\x01\0\0\x7f", bytes(12)]
                    )
                if data:
                    mutated.append((who, bytes(data)))
            connections.append(mutated)
        read += everything_of(tls_scenes.tape_of(Scene(connections, scene.keys, [])), drawn=number % 8 == 0)
    assert read > 100


@pytest.mark.parametrize("seed", range(4))
def test_mutated_messages_that_are_encrypted_are_read(seed: int) -> None:
    """The records open; the messages inside are damaged."""
    chance = random.Random(200 + seed)
    plain = [each.data for each in tls_scenes.tape_of(played("t13-mutual")).handshake if each.kind != "Alert"]
    plain += [each.data for each in tls_scenes.tape_of(played("t12-mutual")).handshake if each.kind != "Alert"]
    wrong = 0
    for _ in range(40):
        made = New()
        turns = opening(made)[:2]
        made.shaking_c.count = 0  # the client's Finished is not among them
        for _ in range(3):
            data = bytearray(chance.choice(plain))
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(data) + 1)
                data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
            kind, zeros = chance.choice((22, 22, 22, 21, 20, 24, 99)), chance.choice((0, 9))
            turns.append(("c", made.shaking_c.seal(kind, bytes(data), zeros)))
        tape = tls_scenes.tape_of(Scene([turns], made.keys(), []))
        everything_of(tape, drawn=False)
        wrong += sum(each.state != "" for each in tape.handshake)
    assert wrong > 20


@pytest.mark.parametrize("kind", ["tiny records", "tiny messages", "many alerts", "closed", "one long message"])
def test_time_grows_with_the_bytes(kind: str) -> None:
    """Ten times the bytes take less than thirty times the time, measured in CPU time of this thread."""

    def taken(count: int) -> float:
        made = New()
        turns = opening(made)
        client, wrong = made.data_c, New(random=bytes(32)).early
        if kind == "tiny records":
            turns.append(("c", b"".join(client.seal(23, b"x") for _ in range(count))))
        elif kind == "tiny messages":
            turns.append(("c", b"".join(client.seal(22, tls_made.message(0) * 30) for _ in range(count // 30))))
        elif kind == "many alerts":
            turns.append(("c", b"".join(client.seal(21, b"\1\0") for _ in range(count))))
        elif kind == "closed":
            wrong.secret = bytes(32)
            turns.append(("c", b"".join(wrong.seal(23, b"x" * 9) for _ in range(count))))
        elif kind == "one long message":
            part = client.seal(22, b"\x0b\xff\xff\xff" + bytes(12))
            turns.append(("c", part + b"".join(client.seal(22, bytes(16)) for _ in range(count))))
        whole: list[Turn] = [
            (who, [data[at : at + 1400] for at in range(0, len(data), 1400)])
            for who, data in turns
            if isinstance(data, bytes)
        ]
        tape = tls_scenes.tape_of(Scene([whole], made.keys(), []))
        begin = time.thread_time()
        for each in tape.records:
            each.packets  # noqa: B018
            each.messages  # noqa: B018
        tape.messages  # noqa: B018
        return time.thread_time() - begin

    taken(300)
    small, large = min(taken(300) for _ in range(2)), min(taken(3000) for _ in range(2))
    assert large < 30 * small
