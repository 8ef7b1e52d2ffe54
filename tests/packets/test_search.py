"""`Tape.first` and `Tape.after`: one packet found by its conditions, and words if there is none.

Rule: the tape is a recording of a lesson, so the numbers are those of its ladder.
"""

from __future__ import annotations

from typing import Any

import pytest

import labkit
from labkit.core.errors import LabError
from labkit.packets import Tape


@pytest.fixture(scope="module")
def tape() -> Tape:
    return labkit.recording("greeting", lesson="01a-tcp-connection")


def test_first(tape: Tape) -> None:
    assert tape.first().number == 1
    assert tape.first(payload=True).number == tape.where(payload=True)[0].number
    assert tape.first(sender="server", has="SYN").flags == "SYN, ACK"


def test_after_is_behind_and_fits(tape: Tape) -> None:
    fin = tape.first(sender="client", has="FIN")
    answer = tape.after(fin, sender="server")
    assert (answer.sender, answer.ack) == ("server", fin.seq + 1)
    assert tape.after(tape[0]).number == 2


def test_a_part_of_a_tape_keeps_its_numbers(tape: Tape) -> None:
    assert tape[3:].first().number == 4
    assert tape[3:].after(tape[0]).number == 4


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (lambda tape: Tape().first(has="FIN"), r"no packet of this tape \(0 packets\) fits has='FIN'. Run the cell"),
        (lambda tape: Tape().first(), r"no packet of this tape \(0 packets\) fits. Run the cell"),
        (lambda tape: tape.first(has="RST", sender="client"), "fits has='RST', sender='client'"),
        (lambda tape: tape.after(tape[-1]), "no packet behind packet 1[0-9] of this tape fits. Run"),
        (lambda tape: tape.after(3), "3 is not a packet. Give one"),
        (lambda tape: tape.after(tape), "is not a packet. Give one"),
        (lambda tape: tape.first(sendr="client"), "sendr"),
        (lambda tape: tape.first(sender="klient"), "Did you mean 'client'"),
    ],
)  # fmt: skip
def test_refused_with_words(tape: Tape, search: Any, words: str) -> None:
    with pytest.raises(LabError, match=words):
        search(tape)
