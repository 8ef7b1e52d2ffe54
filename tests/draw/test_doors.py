"""The public calls of draw, and what has no place in a picture: refused with words, whatever is given.

Rule: a raw TypeError, ValueError or AttributeError is a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import labkit
from labkit import draw, packets
from labkit.core.errors import LabError
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from tests.draw.http_tapes import hello
from tests.packets import made

TAPE = Tape(Recording([(1, frame, linktype, 0, len(frame)) for _, frame, linktype in made.other_frames()][:3]))
HELLO = hello()
GREETING = Tape.load("data/01a-tcp-connection/greeting.pcapng")
THINGS: tuple[Any, ...] = (
    5, -1, True, None, "", "x", b"bytes", [], [None], {}, {"a": 1}, (1, 2), object(), len, float("nan"), float("inf"),
    TAPE, TAPE[0], [TAPE], TAPE[0].layers[0], -(10**400),
)  # fmt: skip
POINTS = [(0, 1), (10**9, 2)]
CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[str, ...]]] = {
    "bits": (draw.bits, (TAPE[0],), ("focus", "first", "hide", "title")),
    "boxes": (draw.boxes, (TAPE[0],), ("title",)),
    "bytes": (draw.bytes, (TAPE[0],), ("hide", "limit", "pointers", "title")),
    "inspect": (draw.inspect, (TAPE,), ()),
    "ladder": (draw.ladder, (TAPE,), ("title", "limit", "of")),
    "message": (draw.message, (HELLO.messages[0],), ("title",)),
    "side_by_side": (draw.side_by_side, (HELLO,), ("of", "title")),
    "timeline": (draw.timeline, (HELLO,), ("of", "until_ms", "title", "twin")),
    "number_line": (draw.number_line, (GREETING,), ("sender", "title")),
    "explain": (labkit.explain, (TAPE[0],), ()),
    "levels": (draw.levels, (POINTS,), ("events", "title", "unit", "mark", "mark_name", "twin", "theme")),
    "bars": (draw.bars, ({"a": 1},), ("title", "unit", "twin", "tapes", "theme")),
    "dissect": (packets.dissect, (TAPE[0].raw,), ("linktype",)),
}


def refused_or_done(call: Callable[[], Any]) -> None:
    """Make the call; anything but a result, or an error of labkit's with advice, goes through and fails the test."""
    try:
        repr(call())
    except LabError as error:
        assert error.what  # noqa: PT017  # every refusal is looked at, and many calls are none
        assert error.todo  # noqa: PT017


@pytest.mark.parametrize("name", CALLS)
def test_what_is_drawn(name: str) -> None:
    call, _, _ = CALLS[name]
    more: dict[str, Any] = {"theme": "light"} if name in ("levels", "bars") else {}
    for thing in THINGS:
        refused_or_done(lambda thing=thing: call(thing, **more))  # type: ignore[misc]


@pytest.mark.parametrize(("name", "argument"), [(name, each) for name, (_, _, them) in CALLS.items() for each in them])
def test_how_it_is_drawn(name: str, argument: str) -> None:
    call, given, _ = CALLS[name]
    more: dict[str, Any] = {"levels": {"theme": "light"}, "bars": {"title": "t", "theme": "light"}}.get(name, {})
    for thing in THINGS:
        refused_or_done(lambda thing=thing: call(*given, **{**more, argument: thing}))  # type: ignore[misc]


@pytest.mark.parametrize("name", CALLS)
def test_names_of_arguments(name: str) -> None:
    call, given, _ = CALLS[name]
    for wrong in (lambda: call(), lambda: call(*given, 1, 2, 3), lambda: call(*given, nonsense=1)):
        with pytest.raises(LabError, match=rf"{name}\(\).*takes|{name}\(\) .*Give these by their name"):
            wrong()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x", None, 10**400])
def test_a_value_without_a_place(value: Any) -> None:
    for call in (
        lambda: draw.bars({"a": value}, title="t"),
        lambda: draw.levels([(0, value)]),
        lambda: draw.levels([(value, 0)]),
        lambda: draw.levels(POINTS, events=[(value, "x")]),
    ):
        with pytest.raises(LabError, match=r"cannot (plot|draw|mark) "):
            call()
