"""The public calls about captures: arguments of the wrong kind, or under a wrong name, are refused with words.

Rule: a raw TypeError, ValueError or AttributeError is a failure, whatever is given.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import labkit
from labkit.core.errors import LabError
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from tests.packets import made

TAPE = Tape(Recording([(1, frame, linktype, 0, len(frame)) for _, frame, linktype in made.other_frames()]))
THINGS: tuple[Any, ...] = (
    5, -1, 0, 2.5, True, None, "", "x", "a\0b", b"bytes", [], ["x"], {}, {"a": 1}, object(), len,
    float("nan"), 10**5000,
)  # fmt: skip


def refused_or_done(call: Callable[[], Any]) -> None:
    """Make the call; anything but a result, or an error of labkit's with advice, goes through and fails the test."""
    try:
        call()
    except LabError as error:
        assert error.what  # noqa: PT017  # every refusal is looked at, and many calls are none
        assert error.todo  # noqa: PT017


@pytest.mark.parametrize("name", ["flags", "sender", "port", "payload", "protocol", "verdict"])
def test_where(name: str) -> None:
    for thing in THINGS:
        refused_or_done(lambda thing=thing: TAPE.where(**{name: thing}))  # type: ignore[misc]


@pytest.mark.parametrize("name", ["port", "name", "lesson", "iface", "timeout", "wait_closed", "limit"])
def test_capture(name: str) -> None:
    for thing in THINGS:
        refused_or_done(lambda thing=thing: labkit.capture(**{name: thing}))  # type: ignore[misc]


@pytest.mark.parametrize("given", [itertools.count(1), range(10**12), [True], [80.0], {80: 1, "x": 2}, "8124", 8124.0])
def test_ports_that_are_none(given: Any) -> None:
    with pytest.raises(LabError, match="is not a port to capture"):
        labkit.capture(given)


def test_recording_save_and_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for thing in THINGS:
        for call in (labkit.recording, TAPE.save, Tape.load):
            refused_or_done(lambda call=call, thing=thing: call(thing))  # type: ignore[misc]
        refused_or_done(lambda thing=thing: labkit.recording("x", lesson=thing))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: TAPE.where(sendr="S"), "where() has no argument 'sendr'. Did you mean 'sender'?"),
        (lambda: TAPE.where("S"), "more arguments without a name"),
        (lambda: labkit.capture(ports=80), "capture() has no argument 'ports'. Did you mean 'port'?"),
        (lambda: labkit.capture(80, "name"), "Give these by their name"),
        (lambda: labkit.recording(), "recording()"),
        (lambda: labkit.recording(None), "None is not the name of a recording"),
        (lambda: Tape.load(), "load()"),
        (lambda: TAPE.save(), "save()"),
        (lambda: TAPE.save("x", "y"), "save()"),
        (lambda: TAPE.where(only="SA"), 'Did you mean only="SYN, ACK"?'),
        (lambda: TAPE.where(protocol="upd"), "Did you mean 'UDP'?"),
        (lambda: TAPE.where(sender="klient"), "Did you mean 'client'?"),
        (lambda: TAPE.save("/proc/no/such/place.pcapng"), "cannot be written"),
        (lambda: labkit.capture(timeout=float("inf")), "timeout=inf is not a time to wait"),
        (lambda: labkit.capture(name="../up"), "cannot be the name of a capture"),
    ],
)
def test_says_what_is_right(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(LabError) as caught:
        call()
    assert says in str(caught.value)


def test_protocols_of_the_tape_are_known_whatever_they_are_called() -> None:
    names = {packet.protocol for packet in TAPE}
    for name in names:
        found = TAPE.where(protocol=name)
        assert {packet.protocol for packet in found} == {name}
        assert len(TAPE.where(protocol=name.lower())) == len(found) or "(" in name
