"""Two tapes beside each other on one time scale: a wait in one of them is seen as a length.

Rule: equal heights are equal times, in both lanes; packets closer together than their words are named together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.picture import Picture
from labkit.draw.segments import packets_of
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import duration, fit, given, preview, visible, width, wrap

if TYPE_CHECKING:
    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape

_SCALE = 76  # right edge of the times, px
_SPAN = 168  # width of a lane between its lifelines
_WORDS = 186  # room for the words beside a lane
_HEIGHT = 330  # of the longer one of the two tapes
_TOGETHER = 34  # px: packets that are closer are named together
_LINE = 16  # height of a line of words
_SHOWN = 14  # most characters of a payload
_STALL = 0.25  # a silence longer than this part of the whole is named


class _Mark(NamedTuple):
    at_ns: int
    packet: Packet


class _Lane(NamedTuple):
    name: str
    marks: list[_Mark]


@in_words
def compare(
    one: Tape | Iterable[Packet],
    two: Tape | Iterable[Packet],
    *,
    names: Sequence[str] = ("first", "second"),
    only: str | None = "data",
    title: str = "Two runs on one time scale",
    twin: str | None = None,
) -> Picture:
    """Draw two tapes as two narrow ladders beside each other; times are counted from the first packet of each.

    one, two: tapes, or packets. names: what each of them is. only: ``"data"`` leaves out handshakes and ends: from the
    first packet with data to the last, and its acknowledgment; None draws all packets. title: of the picture. twin:
    what the text says about the times, in words true in every run. Packets close together are named in one place.
    Returns a Picture. Raises LabError for a tape without such packets.
    """
    if isinstance(names, str) or len(names) != 2 or not all(isinstance(each, str) for each in names):
        raise LabError(f"names={given(names)} are not two names", 'Give names=("Nagle on", "Nagle off").')
    if only not in ("data", None):
        raise LabError(f"only={given(only)} is not possible", 'Give "data", or None for all packets.')
    if twin is not None and not isinstance(twin, str):
        raise LabError(f"twin={given(twin)} is not text", "Give words that are true in every run, in quotes.")
    lanes = [_lane(tape, name, only) for tape, name in zip((one, two), names, strict=True)]
    text = [f"Comparison: {visible(title)}"]
    for lane in lanes:
        text += [f"  {lane.name}:", *(f"    {_words(mark.packet)}" for mark in lane.marks)]
    text += [f"  {visible(line)}" for line in (twin or "").split("\n") if line]
    waits = [f"  {lane.name} takes {duration(lane.marks[-1].at_ns)}" for lane in lanes]
    origins = "; ".join(dict.fromkeys(filter(None, (visible(getattr(each, "origin", "")) for each in (one, two)))))
    tail = [f"tape: {origins}"] if origins else []
    alt = "\n".join([*text, *waits, *tail])
    return Picture("\n".join([*text, *tail]), alt, svg=_drawn(lanes, title, tail, alt))


def _lane(tape: Tape | Iterable[Packet], name: str, only: str | None) -> _Lane:
    packets = [each for each in packets_of(tape) if each.protocol in ("TCP", "UDP")]
    if only == "data":
        data = [place for place, each in enumerate(packets) if each.length]
        if not data:
            raise LabError(f"the tape {given(name)} has no packet with data", "only=None draws its other packets.")
        after = data[-1] + 1
        while after < len(packets) and packets[after].flags != "ACK":
            after += 1
        packets = [each for each in packets[data[0] : after + 1] if each.length or each.flags == "ACK"]
    if not packets:
        raise LabError(f"the tape {given(name)} has no packets", "Give the tape of a capture.")
    start = packets[0].time_ns or 0
    marks = [_Mark((each.time_ns or 0) - start, each) for each in packets]
    return _Lane(fit(visible(name), _SPAN + _WORDS, "g"), marks)


def _words(packet: Packet) -> str:
    """One packet in a few words."""
    arrow = "→" if packet.sender == "client" else "←"
    if not packet.length:
        return f"{arrow} {packet.flags or packet.protocol}"
    size = f"{packet.length} byte{'s' if packet.length != 1 else ''}"
    return f"{arrow} {size} {preview(packet.payload, _SHOWN)}".rstrip()


def _drawn(lanes: Sequence[_Lane], title: str, tail: Sequence[str], desc: str) -> str:
    canvas, y = Canvas(), MARGIN + 14.0
    for line in wrap(visible(title), style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    longest = max(lane.marks[-1].at_ns for lane in lanes) or 1
    top = y + 52
    scale = _HEIGHT / longest
    low = top + _HEIGHT
    for number, lane in enumerate(lanes):
        left = _SCALE + 24 + number * (style.WIDTH - _SCALE - 24) // 2
        low = max(low, _draw_lane(canvas, lane, left, y, top, scale))
    canvas.raw(_SCALE, y + 36, "ms", "z e")
    for tick in ticks(longest):
        at = top + tick * scale
        canvas.raw(_SCALE, at + 4, f"{tick / 1e6:g}", "z e")
        canvas.path(f"M{_SCALE + 6} {at:.0f}H{style.WIDTH - MARGIN}", "rule thin", below=True)
    y = low + 28
    for line in tail:
        for part in wrap(line, style.WIDTH - 2 * MARGIN, "s", 2):
            canvas.raw(MARGIN, y, part, "s")
            y += 18
    return canvas.finish(y, title, desc)


def _draw_lane(canvas: Canvas, lane: _Lane, left: int, y: float, top: float, scale: float) -> float:
    """Draw one lane; returns the y of its lowest sign."""
    right = left + _SPAN
    canvas.raw(left - 6, y + 8, lane.name, "g")
    canvas.raw(left, y + 36, "client", "ev tac c")
    canvas.raw(right, y + 36, "server", "ev tas c")
    bottom = top + lane.marks[-1].at_ns * scale + 14
    canvas.path(f"M{left} {y + 42:.0f}V{bottom:.0f}M{right} {y + 42:.0f}V{bottom:.0f}", "life", below=True)
    for mark in lane.marks:
        _arrow(canvas, mark.packet, left, right, top + mark.at_ns * scale)
    low, groups = bottom, _together(lane.marks, scale)
    below = 0.0
    for group in groups:
        at = max(top + group[0].at_ns * scale + 4, below)
        for line in _lines(group):
            canvas.raw(right + 14, at, line, "w")
            at += _LINE
        below, low = at + 4, max(low, at)
    span = lane.marks[-1].at_ns
    for one, two in pairwise(lane.marks):
        silence = two.at_ns - one.at_ns
        if span and silence * scale > 3 * _LINE and silence > _STALL * span:
            middle = top + (one.at_ns + two.at_ns) / 2 * scale
            words = f"{duration(silence)}: nothing"
            canvas.rect((left + right - width(words, "n")) / 2 - 8, middle - 13, width(words, "n") + 16, 20, "card", 10)
            canvas.raw((left + right) / 2, middle + 1, words, "n c")
    if lane.marks[-1].at_ns * scale < _HEIGHT / 2:
        canvas.raw((left + right) / 2, bottom + 22, f"done after {duration(span)}", "s c")
        low = max(low, bottom + 26)
    return low


def _together(marks: Sequence[_Mark], scale: float) -> list[list[_Mark]]:
    """The marks in groups, each of which has one place for its words."""
    groups: list[list[_Mark]] = []
    for mark in marks:
        if groups and (mark.at_ns - groups[-1][0].at_ns) * scale < _TOGETHER:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _lines(group: Sequence[_Mark]) -> list[str]:
    """What is written beside a group: its packets, or the first ones and how many there are."""
    most = 6
    lines = [fit(_words(mark.packet), _WORDS, "w") for mark in group[:most]]
    return lines if len(group) <= most else [*lines[:-1], f"and {len(group) - most + 1} more"]


def _arrow(canvas: Canvas, packet: Packet, left: int, right: int, y: float) -> None:
    near, far = (left, right) if packet.sender == "client" else (right, left)
    back = -7 if far > near else 7
    color = "ac" if packet.sender == "client" else "as"
    lost = packet.verdict is not None and packet.verdict.kind == "dropped"
    tip = (left + right) / 2 if lost else far
    canvas.path(f"M{near} {y:.1f}L{tip} {y + 3:.1f}", f"{color} {'dash' if not packet.length else ''}".rstrip())
    if lost:
        canvas.path(f"M{tip - 5} {y - 2:.1f}l10 10m0 -10l-10 10", "ar")
    else:
        canvas.path(f"M{tip} {y + 3:.1f}l{back} -4v8z", color)


def ticks(span: int) -> list[int]:
    """Round times on the scale, ns: at most eight."""
    steps = (base * 10**power for power in range(3, 19) for base in (1, 2, 5))
    step = next(each for each in steps if span / each <= 8)
    return list(range(0, span + 1, step))
