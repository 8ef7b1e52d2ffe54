"""Messages on their way: each reaches the other side with its first packet, and runs down there until it is whole.

Rule: only places; what is on its way has a lane of its own beside the lifeline, so that no line crosses a label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from labkit.draw.message_model import ALIKE, Said
from labkit.draw.style import SLOPE
from labkit.draw.text import fit, width

_FIRST, _STEP = 6, 5  # px from a lifeline to the first lane, and from lane to lane
_HEADS = 10  # px between two arrow heads at one side
_EDGE = 12  # px that a label leaves free at each side anyway
_DIGITS = re.compile(r"\d{1,3}")
_MOST = 12  # lanes at one side; more messages share the last one


class _Flying(NamedTuple):
    right: bool
    lane: int
    x: int
    y: int


class Lanes:
    """The messages between two lifelines. client, server: x of the lifelines."""

    def __init__(self, client: int, server: int) -> None:
        self.client, self.server = client, server
        self._flying: dict[int, _Flying] = {}
        self._heads = {True: 0.0, False: 0.0}  # the lowest arrow head at each side

    def __bool__(self) -> bool:
        """Whether a message is on its way."""
        return bool(self._flying)

    @property
    def taken(self) -> int:
        """What the lanes in use take of the room for labels, px at each side."""
        last = max((each.lane for each in self._flying.values()), default=-1)
        return max(0, _FIRST + last * _STEP + 4 - _EDGE) if last >= 0 else 0

    def whole(self, right: bool, y: int) -> str:
        """Path data of a message that is whole at once. y: of its start."""
        self._heads[right] = y + SLOPE
        near, far, tip = self._ends(right)
        return f"M{near} {y}L{far} {y + SLOPE}M{far} {y + SLOPE}l{tip} -4v8z"

    def begin(self, key: int, right: bool, y: int) -> str:
        """Path data of a message whose first packet comes. y: of its start."""
        used = {each.lane for each in self._flying.values() if each.right == right}
        lane = next((number for number in range(_MOST) if number not in used), _MOST - 1)
        near, far, tip = self._ends(right)
        x = far + (_FIRST + lane * _STEP) * (1 if tip > 0 else -1)
        self._flying[key] = _Flying(right, lane, x, y + SLOPE)
        return f"M{near} {y}L{x} {y + SLOPE}"

    def end(self, key: int, y: float) -> tuple[str, int]:
        """(path data of the rest, y of its arrow head) of a message that is whole now. y: where the drawing is."""
        right, _, x, top = self._flying.pop(key)
        end = round(max(y, top + 5, self._heads[right] + _HEADS))
        self._heads[right] = end
        _, far, tip = self._ends(right)
        return f"M{x} {top}V{end}M{x} {end}H{far}M{far} {end}l{tip} -4v8z", end

    def _ends(self, right: bool) -> tuple[int, int, int]:
        """(x of the start, x of the head, from the head's tip to its back)."""
        return (self.client + 2, self.server - 3, -9) if right else (self.server - 2, self.client + 3, 9)


def left_unsaid(found: Sequence[Said], room: float, least: float = 1.0) -> set[str]:
    """The parts that no label says, since one of those which should has no room for it."""
    return {
        part
        for part in ALIKE
        for said in found
        if part in said.parts and part not in label(said.words, said.parts, room, least)[1].strip().split(", ")
    }


def label(words: str, parts: Sequence[str], room: float, least: float = 1.0) -> tuple[str, str]:
    """(what a message is, the rest of its label) in so many px.

    parts: of the rest, what says most first; the last ones are left out if there is no room for them. least: of the
    room, what the words have at least, before they are shortened for a part; 1 if parts are left out before.
    """
    given = [part for part in parts if part]
    kept = list(given)
    floor = min(width(words, "fl"), least * room)
    while kept and floor + _wide(kept) > room:
        kept.pop()
    rest = f"  {', '.join(kept)}" if kept else ""
    if given and not kept and width(words, "fl") > room:
        rest = fit(f"  {given[0]}", room / 2, "m")
    return fit(words, room - width(rest, "m"), "fl"), rest


def _wide(parts: Sequence[str]) -> float:
    """What these parts take, px; numbers of packets as if they had three digits: so each run leaves out the same."""
    said = [_DIGITS.sub("000", part) if part.startswith("packet") else part for part in parts]
    return width(f"  {', '.join(said)}", "m")
