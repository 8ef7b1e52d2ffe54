"""The marks on a ladder's arrows, and the legend that says what they mean.

Rule: shapes at a given place, as strokes of a path; where they go is decided in `ladder`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from labkit.draw.style import FORK
from labkit.draw.svg import Canvas

if TYPE_CHECKING:
    from labkit.draw.ladder_model import Rung
    from labkit.packets.model import SocketEvent

Sign = tuple[Callable[[float, float], None], int, str]
"""An entry of the legend: what draws it at a point, how wide it is in px, what it means."""


def cross(x: float, y: float, half: int = 5) -> str:
    """A cross around a point, twice ``half`` px wide."""
    return f"M{x - half:.0f} {y - half:.0f}l{2 * half} {2 * half}m0 -{2 * half}l-{2 * half} {2 * half}"


def bar(x: float, y: float) -> str:
    """An upright bar on an arrow: nothing goes on behind it."""
    return f"M{x:.0f} {y - 7:.0f}v14M{x + 3:.0f} {y - 7:.0f}v14"


def zigzag(x: int, y: int) -> str:
    """A zigzag around a point, 24 px wide."""
    # Each stroke is a path of its own: arrows are filled, and these strokes must not be.
    corners = [(-12, 0), (-9, -4), (-3, 4), (3, -4), (9, 4), (12, 0)]
    return "".join(f"M{x + a} {y + b}L{x + c} {y + d}" for (a, b), (c, d) in pairwise(corners))


def fork(x: int, y: int, far: int, end: int, tip: int) -> tuple[str, str]:
    """The second of two arrivals: a line that leaves the first arrow at (x, y) and runs parallel to it; its head."""
    turn = f"{x - 2 * tip} {y + FORK}"
    return f"M{x} {y}L{turn}M{turn}L{far} {end + FORK}", f"M{far} {end + FORK}l{tip} -4v8z"


def signs(canvas: Canvas, shown: Sequence[Rung], events: Sequence[SocketEvent]) -> list[Sign]:
    """The signs that occur in a ladder of these packets and socket events; they are drawn on this canvas."""
    path, circle = canvas.path, canvas.circle
    told = {event.kind for event in events}
    kinds = {rung.verdict.kind for rung in shown if rung.verdict is not None}

    def dropped(x: float, y: float) -> None:
        path(f"M{x - 4:.0f} {y:.0f}h18", "ac")
        path(cross(x + 14, y), "ar")

    def corrupted(x: float, y: float) -> None:
        path(f"M{x - 4:.0f} {y:.0f}h10m24 0h12M{x + 46:.0f} {y:.0f}l-9 -4v8z", "ac")
        path(zigzag(round(x) + 18, round(y)), "ar")

    def duplicated(x: float, y: float) -> None:
        left, right, top = round(x) - 4, round(x) + 46, round(y) - 4
        path(f"M{left} {top}h50M{right} {top}l-9 -4v8z" + "".join(fork(left + 6, top, right, top, -9)), "ac")

    def late(x: float, y: float) -> None:
        left, top = round(x) - 4, round(y) - 6
        path(f"M{left} {top}h44M{left + 44} {top}v10M{left + 51} {top + 10}l-9 -4v8z", "ac")

    noted = [rung for rung in shown if not rung.quiet]
    waits = any(rung.late_arrival is not None for rung in noted)
    found = [
        ("event" in told, lambda x, y: circle(x, y, 4, "ac"), 12, "event our socket emitted"),
        ("call" in told, lambda x, y: circle(x, y, 4, "oac"), 12, "call our program made"),
        (
            any(rung.again for rung in noted),
            lambda x, y: path(f"M{x - 4:.0f} {y:.0f}h30", "ac dash"),
            34,
            "sent again",
        ),
        (
            any(rung.reset and not rung.lost and not rung.ignored for rung in noted),
            lambda x, y: path(f"M{x - 4:.0f} {y:.0f}h18" + bar(x + 6, y), "ac"),
            26,
            "reset: connection torn down at once",
        ),
        ("dropped" in kinds, dropped, 26, "dropped on the wire: never arrives"),
        ("corrupted" in kinds, corrupted, 54, "corrupted on the wire: arrives changed"),
        ("duplicated" in kinds, duplicated, 54, "duplicated on the wire: arrives twice"),
        (waits, late, 54, "reordered or delayed on the wire: arrives later"),
    ]
    return [(sign, wide, words) for occurs, sign, wide, words in found if occurs]
