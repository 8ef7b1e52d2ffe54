"""data/cases: what each of the prepared captures shows, and that tools/cases.py still makes the same.

Rule: what went wrong is read from the tape as a student reads it: notes, messages, states.
"""

from __future__ import annotations

import pytest

import labkit
from labkit import draw
from labkit.packets import notes
from labkit.packets.tape import Tape
from tests.lab.wires import live_wire
from tests.needs import need_live_capture
from tools import cases

SLOW = (notes.AGAIN, notes.SPURIOUS, notes.DUPLICATE)
"""Notes of a machine that is slow: an answer took longer than the other end waits. No case is about them."""


def told(tape: Tape) -> list[str]:
    """What goes wrong, in words."""
    said = [packet.note for packet in tape if packet.note and not packet.note.startswith(SLOW)]
    for connection in tape.connections:
        said += [each.reason for each in connection.messages if each.reason]
        said += [f"{each.sender}: {each.description}" for each in connection.handshake if each.kind == "Alert"]
    return said


WRONG = {
    "upload": ["zero window", *["window probe", "probe ACK"] * 3],
    "ferry": ["Content-Length says 53 bytes, and 20 of them were not sent, or not captured"],
    "shop": ["client: bad_certificate"],
}
LAST = {"upload": "CLOSED", "ferry": "waits for the rest of 200 OK", "shop": "closed by the alert bad_certificate"}


@pytest.mark.parametrize("name", WRONG)
def test_what_went_wrong_stands_in_each(name: str) -> None:
    tape = labkit.recording(name, lesson="cases")
    assert told(tape) == WRONG[name]
    assert LAST[name] in repr(draw.replay(tape)).splitlines()[len(tape) + 1]
    assert tape.secrets == ()  # nobody's keys lie in the repository


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.__name__)
def test_they_are_made_by_the_tool(case: cases.Case) -> None:
    if case is cases.upload:
        with live_wire():
            pass
    else:
        need_live_capture()
    tape = case()
    said = told(tape)
    assert tape.live
    assert said[:3] == WRONG[case.__name__][:3]  # on a slow machine the client probes more than three times
    assert len(tape) < 40
