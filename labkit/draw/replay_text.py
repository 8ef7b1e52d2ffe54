"""The text twin of a replay: the table of states, one row a packet.

Rule: the same in every run but for the numbers that TCP chooses; an assumed value has ≈ in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labkit.draw import replay_steps
from labkit.draw.text import count, visible
from labkit.packets.courses import Course
from labkit.packets.states import End, Fact

_ROWS = 80  # of a longer exchange the first ones: what comes later would have to be worked out before anything is shown
_HEADS = ("state", "next", "unacked", "expects")  # no windows: another kernel or another memory has others


NOTHING = "Replay: no packet of this tape belongs to an exchange"


def twin(courses: Sequence[Course], chosen: int, origin: str) -> str:
    """The table of one of these exchanges."""
    if not courses:
        return "\n".join([NOTHING, *legend((), origin)])
    head, heads, rows = table(courses, chosen, _ROWS)
    if len(courses[chosen]) > _ROWS:
        head += f"; the first {_ROWS} of them"
    short = tuple(name.split(" ", 1)[1] if name.endswith(_HEADS[1:]) else name for name in heads)
    rows = [short, *rows]
    widths = [max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(len(short))]
    lines = ["  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "\n".join([head, *lines, *legend(rows, origin)])


def table(courses: Sequence[Course], chosen: int, most: int) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    """What this exchange is, the heads of its table, and its rows, one a packet, at most so many."""
    course = courses[chosen]
    several = f", exchange {chosen + 1} of {len(courses)}" if len(courses) > 1 else ""
    head = f"Replay of {count(len(course), 'packet')} with port {course.server[1]}{several}"
    indices = range(min(len(course), most))
    ends = (f"{who} {name}" for who in ("client", "server") for name in _HEADS)
    above = [each.protocol for each in course.above(indices[-1])]
    more = (f"{who} {protocol}" for protocol in above for who in ("client", "server"))
    heads = ("packet", "", *(ends if course.protocol == "TCP" else ()), *more)
    return head, heads, [_row(course, index) for index in indices]


def legend(rows: Iterable[Sequence[str]], origin: str) -> list[str]:
    """What stands below the table."""
    assumed = any("≈" in cell for row in rows for cell in row)
    tape = [f"tape: {visible(origin)}"] if origin else []
    return [*(["≈ assumed: no packet of the tape proves it"] if assumed else []), *tape]


def _row(course: Course, index: int) -> tuple[str, ...]:
    packet = course.tape[index]
    arrow = "→" if packet.sender == "client" else "←"
    lost = ", dropped" if packet.verdict is not None and packet.verdict.kind == "dropped" else ""
    size = f", {count(packet.length, 'byte')}" if packet.length else ""
    moment = course.moment(index)
    cells = () if moment is None else (*_cells(moment.client), *_cells(moment.server))
    words = (_state(*each) for layer in course.above(index) for each in (layer.client, layer.server))
    return (str(packet.number), f"{arrow} {replay_steps.label(packet)}{size}{lost}", *cells, *words)


def _cells(end: End) -> tuple[str, ...]:
    facts = (end.next, end.flight, end.expects)
    return (_state(end.state, end.assumed), *map(_value, facts))


def _state(words: str, assumed: str) -> str:
    return visible(f"{'≈' if assumed else ''}{words}")


def _value(fact: Fact) -> str:
    return "-" if fact.value is None else f"{'≈' if fact.assumed else ''}{fact.value}"
