"""RSTs that their receiver must not believe, and the ACK with which it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import draw
from labkit.draw.ladder_resets import IGNORED
from labkit.packets import Tape
from labkit.packets.model import Verdict
from labkit.packets.notes import CHALLENGE
from tests.draw.fakes import Script
from tests.draw.markup import check_layout, parse, strokes, texts

DATA = Path(__file__).parents[2] / "data"
TORN = "reset: connection torn down at once"


def upright(svg: str) -> int:
    """How many upright strokes of 14 px the arrows of a ladder have: two a bar."""
    return len([one for one in strokes(parse(svg), "ac", "as") if one[0] == one[2] and abs(one[3] - one[1]) == 14])


def test_only_the_rst_that_is_believed_has_a_bar() -> None:
    picture = draw.ladder(Tape.load(DATA / "02d-crafting/forged.pcapng"), fold=True)
    lines = repr(picture).split("\n")
    assert [line.split("  ")[-1].strip() for line in lines if "RST" in line] == [IGNORED, IGNORED, "seq=1"]
    assert [line.split("  ")[-1] for line in lines if line.startswith("  8  ")] == [CHALLENGE]
    assert "duplicate ACK" not in repr(picture)
    check_layout(parse(picture.svg))
    assert TORN in texts(parse(picture.svg))
    assert upright(picture.svg) == 2 + 2  # one arrow, and the sign that explains it


def opened() -> Script:
    return Script().open().send(100, "client", "PSH, ACK", b"hello").send(110, "server", "ACK")


@pytest.mark.parametrize("seq", [7, 5, 1006, 2**32 - 1])
def test_a_wrong_number(seq: int) -> None:
    picture = draw.ladder(opened().send(120, "client", "RST", seq=seq).tape())
    assert IGNORED in repr(picture)
    assert TORN not in texts(parse(picture.svg))


def test_the_right_number() -> None:
    assert IGNORED not in repr(draw.ladder(opened().send(120, "client", "RST").tape()))


def test_the_number_after_bytes_that_are_on_their_way() -> None:
    run = opened().send(120, "client", "PSH, ACK", b"more")
    assert IGNORED not in repr(draw.ladder(run.send(121, "client", "RST", seq=10).tape()))


def test_the_number_that_was_acknowledged_though_more_was_sent() -> None:
    run = opened().send(120, "client", "PSH, ACK", b"more", verdict=Verdict("dropped"))
    assert IGNORED not in repr(draw.ladder(run.send(121, "client", "RST", seq=6).tape()))


def test_the_refusal_of_a_syn_is_believed() -> None:
    run = Script().send(0, "client", "SYN").send(10, "server", "RST, ACK")
    assert IGNORED not in repr(draw.ladder(run.tape()))


def test_a_rst_that_never_arrives_is_not_judged() -> None:
    run = opened().send(120, "client", "RST", seq=99, verdict=Verdict("dropped"))
    assert IGNORED not in repr(draw.ladder(run.tape()))


def test_a_duplicate_ack_for_another_reason_keeps_its_name() -> None:
    run = opened().send(120, "client", "RST", seq=99).send(130, "server", "PSH, ACK", b"x").send(140, "server", "ACK")
    run.packets[-1].seq = 2
    assert CHALLENGE not in repr(draw.ladder(run.tape()))
