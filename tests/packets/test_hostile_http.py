"""Captures of HTTP that mean harm: mutated ones raise nothing but words, and no name or value becomes markup.

Rule: from a file's bytes to the pictures, as a student does it: load, look at each message, draw.
"""

from __future__ import annotations

import random
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from labkit import draw
from labkit.core.errors import LabError
from labkit.packets import Tape
from tests.packets.damaging import loaded_with_damage
from tests.packets.dialogs import Turn, talk
from tests.packets.http_scenes import CHUNKED, GET, HELLO, MANY_ANSWERED, MANY_FIELDS, POST, SCENES, chunk

IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVIL = b"<script>alert(1)</script>"


def everything_of(tape: Tape) -> list[Any]:
    """Look at all of the messages, and draw them; returns what was drawn."""
    drawn: list[Any] = []
    for message in tape.messages:
        repr(message)
        assert 0 <= message.start <= message.stop
        for name in ("method", "target", "status", "phrase", "headers", "raw_headers", "body", "content", "answers"):
            getattr(message, name)
        for field in message.fields:
            for leaf in field.leaves():
                assert leaf.bits >= 0
        drawn.append(draw.message(message))
    for picture in (draw.timeline, draw.side_by_side, lambda each: draw.ladder(each, of="HTTP")):
        with suppress(LabError):  # such as: a tape without messages
            drawn.append(picture(tape))
    return drawn


def html_of(picture: Any) -> str:
    shown = picture._repr_mimebundle_()[0]
    return "".join(str(value) for kind, value in shown.items() if kind != "text/plain")

PIECES = [b"\r\n", b"\0", b"<b>", b"\xff", b"9" * 20, b"\r\n\r\n"]


@pytest.mark.parametrize("seed", range(8))
def test_mutated_captures_are_read_and_drawn(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    names = sorted(SCENES)
    path = tmp_path / "tape.pcapng"
    for _ in range(12):
        tape = talk(SCENES[chance.choice(names)]).tape()
        loaded = loaded_with_damage(tape, path, chance, PIECES)
        if loaded is not None:
            everything_of(loaded)


@pytest.mark.parametrize("seed", range(8))
def test_mutated_messages_are_read_and_drawn(seed: int) -> None:
    """The packets are good; what is in them is not: bytes changed, cut out, put in twice."""
    chance = random.Random(100 + seed)
    good = [GET, HELLO, POST, CHUNKED, MANY_FIELDS, MANY_ANSWERED]
    pieces = [b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"ffffffffffffffff\r\n", b"-1", b"Content-Length: 9\r\n", EVIL,
              b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 100 OK\r\n\r\n", b"\x80\xff", b"0\r\n\r\n"]  # fmt: skip
    for _ in range(25):
        turns: list[Turn] = []
        for side in ("c", "s", "c", "s"):
            data = bytearray(chance.choice(good) * chance.randint(1, 2))
            for _ in range(chance.randint(0, 5)):
                at = chance.randrange(len(data))
                data[at : at + chance.randint(0, 9)] = chance.choice(pieces)
            cuts = sorted(chance.sample(range(1, len(data)), chance.randint(0, 3)))
            turns.append((side, [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]))
        everything_of(talk(turns).tape())


PLACES: list[tuple[str, list[Turn]]] = [
    ("target", [("c", b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % EVIL), ("s", HELLO)]),
    ("method", [("c", b"GET%b / HTTP/1.1\r\nHost: a\r\n\r\n" % EVIL), ("s", HELLO)]),
    ("version", [("c", b"GET / HTTP/1.1%b\r\nHost: a\r\n\r\n" % EVIL), ("s", HELLO)]),
    ("host", [("c", b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % EVIL), ("s", HELLO)]),
    ("name", [("c", b"GET / HTTP/1.1\r\nHost: a\r\n%b: b\r\n\r\n" % EVIL), ("s", HELLO)]),
    ("value", [("c", b"GET / HTTP/1.1\r\nHost: a\r\nA: %b\r\n\r\n" % EVIL), ("s", HELLO)]),
    ("cookie", [("c", b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=%b\r\n\r\n" % EVIL), ("s", HELLO)]),
    ("phrase", [("c", GET), ("s", b"HTTP/1.1 200 %b\r\nContent-Length: 0\r\n\r\n" % EVIL)]),
    ("status", [("c", GET), ("s", b"HTTP/1.1 2%b OK\r\nContent-Length: 0\r\n\r\n" % EVIL)]),
    ("type", [("c", GET), ("s", b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: 0\r\n\r\n" % EVIL)]),
    ("coding", [("c", GET), ("s", b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: 2\r\n\r\nab" % EVIL)]),
    ("length", [("c", GET), ("s", b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % EVIL)]),
    ("body", [("c", GET), ("s", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(EVIL), EVIL))]),
    ("chunk", [("c", GET), ("s", IN_CHUNKS + b"%b0\r\n\r\n" % chunk(EVIL))]),
    ("extension", [("c", GET), ("s", IN_CHUNKS + b"1;%b\r\na\r\n0\r\n\r\n" % EVIL)]),
    ("size", [("c", GET), ("s", IN_CHUNKS + b"%b\r\na\r\n0\r\n\r\n" % EVIL)]),
    ("trailer", [("c", GET), ("s", IN_CHUNKS + b"0\r\nA: %b\r\n\r\n" % EVIL)]),
    ("upgrade", [("c", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % EVIL),
                 ("s", b"HTTP/1.1 101 %b\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % (EVIL, EVIL))]),
    ("tunnel", [("c", b"CONNECT %b:1 HTTP/1.1\r\nHost: a\r\n\r\n" % EVIL), ("s", b"HTTP/1.1 200 %b\r\n\r\n" % EVIL)]),
]  # fmt: skip


@pytest.mark.parametrize("turns", [pytest.param(turns, id=name) for name, turns in PLACES])
@pytest.mark.parametrize("evil", [EVIL, b"\"'><img src=x onerror=alert(1)>", b"</text></svg><script>alert(1)</script>"])
def test_nothing_that_was_captured_becomes_markup(turns: list[Turn], evil: bytes) -> None:
    changed: list[Turn] = [(side, data.replace(EVIL, evil)) for side, data in turns]  # type: ignore[union-attr]
    tape = talk(changed).tape()
    drawn = everything_of(tape)
    assert len(drawn) >= 3  # of a request that is none, the answer alone
    for picture in drawn:
        page = html_of(picture)
        assert "<img src=x" not in page
        assert not re.search(r"<script>\s*alert", page)
        assert "onerror=alert" not in re.sub(r">[^<]*<|\"[^\"]*\"", "", page)
