"""Requests over time: one row a connection, one bar a request, so that a reader sees which request waits for which.

Rule: plots what is on the tape; the text twin tells order and number, no times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import ladder_frame, style
from labkit.draw.compared import ticks
from labkit.draw.message_model import final, messages_of, spoken
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, duration, fit, given, visible, width, wrap
from labkit.draw.titles import title_of

if TYPE_CHECKING:
    from labkit.packets.messages import Message
    from labkit.packets.model import SocketEvent
    from labkit.packets.tape import Tape

_LEFT, _RIGHT = 150, style.WIDTH - MARGIN - 8  # x of the time axis
_MOST = 40  # rows drawn
_ROOM = 640  # of all rows together, px
_HIGH, _LOW = 34, 15  # of a lane, px: a bar and what is free above and below it
_GAP = 7  # between two rows if there is room
_NAMED = 12  # requests of a connection that the text names
_LONGEST = 3_600_000  # ms


@dataclass(slots=True)
class Bar:
    """One request: when it was sent, when the answer began and ended; None for what never came. lane: in its row.

    asked_ns: when the program asked for it, if it had to wait for its connection; else None.
    """

    name: str
    sent_ns: int
    first_ns: int | None
    last_ns: int | None
    status: int = 0
    lane: int = 0
    asked_ns: int | None = None

    @property
    def from_ns(self) -> int:
        """Where its bar begins."""
        return self.sent_ns if self.asked_ns is None else self.asked_ns


@dataclass(slots=True)
class Track:
    """One connection. opened_ns, closed_ns: of its first and last packet."""

    number: int
    opened_ns: int
    closed_ns: int
    bars: list[Bar] = field(default_factory=list)
    lanes: int = 1


@in_words
def timeline(
    tape: Tape, *, of: str = "HTTP", until_ms: float | None = None, title: str | None = None, twin: str | None = None
) -> Picture:
    """Draw when each request was sent, when its answer began and when it was complete: a row for each connection.

    A request of a program of ours that waits for a free connection has a narrow part at its front for this.

    tape: a Tape with messages. of: their protocol. until_ms: the scale ends there at least, in ms, so that several
    pictures have the same one. title: in place of the tape's own. twin: words that are true in every run, in place of
    the list of which request went over which connection, where that is a race.
    Returns a Picture; its text has the order and the number of the requests, no times. Raises LabError for anything
    that is not a tape, and for a tape without requests.
    """
    messages = messages_of(tape, of, "timeline")
    if until_ms is not None and not (_number(until_ms) and 0 < until_ms <= _LONGEST):
        raise LabError(f"until_ms={given(until_ms)} is not a time", f"Give a number of ms, up to {_LONGEST:,}.")
    if twin is not None and not isinstance(twin, str):
        raise LabError(f"twin={given(twin)} is not text", "Give words that are true in every run, in quotes.")
    tracks = _tracks(tape, messages)
    if not tracks:
        raise LabError("there are no requests on this tape", "Capture from before the first request on.")
    asked = sum(len(track.bars) for track in tracks)
    said = f"{count(asked, 'request')} over {count(len(tracks), 'connection')}"
    heading = visible(title) if title else said
    lines = [f"Timeline: {heading}" + (f": {said}" if title else "")]
    if twin is None:
        order = [f"connection {track.number}: {', '.join(_order(track))}" for track in tracks[:_MOST]]
        lines += [f"  {line}" for line in order]
        if len(tracks) > _MOST:
            lines.append(f"  and {count(len(tracks) - _MOST, 'more connection')}")
    else:
        lines += [f"  {visible(line)}" for line in twin.split("\n") if line]
    if open_ones := sum(bar.last_ns is None for track in tracks for bar in track.bars):
        lines.append(f"  {count(open_ones, 'request')} without a whole answer")
    origin = visible(tape.origin)
    tail = [f"tape: {origin}"] if origin else []
    start = min(min(track.opened_ns, *(bar.from_ns for bar in track.bars)) for track in tracks)
    end = max(max(track.closed_ns, *(bar.last_ns or 0 for bar in track.bars)) for track in tracks)
    waits = sum(bar.asked_ns is not None for track in tracks for bar in track.bars)
    told = [f"  {count(waits, 'request')} waited for a free connection"] if waits else []
    alt = "\n".join([*lines, *told, f"  all of it takes {duration(end - start)}", *tail])
    span = max(end - start, int((until_ms or 0) * 1e6), 1000)
    svg = _drawn(tracks, heading, start, span, origin, alt)
    return Picture("\n".join([*lines, *tail]), alt, svg=svg)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _order(track: Track) -> list[str]:
    """The requests of a connection in their order, in a few words each."""
    names = [bar.name for bar in track.bars[:_NAMED]]
    return names + ([f"and {len(track.bars) - _NAMED} more"] if len(track.bars) > _NAMED else [])


def _tracks(tape: Tape, messages: Sequence[Message]) -> list[Track]:
    """The connections that carry requests, each with its bars."""
    found, groups = spoken(tape, messages)
    ends = {(each.client, each.server): each.packets for each in tape.connections}
    tracks: dict[int, Track] = {}
    plain = all(each.method == "GET" for each in messages if each.kind == "request")
    for said in found:
        message = said.message
        if message.kind != "request":
            continue
        if said.group not in tracks:
            group = groups[said.group]
            packets = ends.get((group.client, group.server), ())
            times = [each.time_ns for each in packets if each.time_ns is not None] or [said.began_ns]
            tracks[said.group] = Track(len(tracks) + 1, min(times), max(times))
        answer = final(message)
        first = answer.began_ns if answer is not None else None
        whole = answer is not None and answer.state != "cut"
        last = answer.ended_ns if answer is not None and whole else None
        name = visible(message.target) if plain else title_of(message)
        tracks[said.group].bars.append(
            Bar(fit(name, 300, "n"), said.began_ns, first, last, answer.status if answer is not None else 0)
        )
    for which, track in tracks.items():
        _waits(track, tape.events, groups[which].client[1])
        _apart(track)
    return list(tracks.values())


def _waits(track: Track, events: Sequence[SocketEvent], port: int) -> None:
    """Find which requests were asked for while their connection was busy with the one before.

    A request of ours is asked for with `end`, whose event has a size; the end of a socket has none. An agent serves
    requests in the order in which they are asked for. port: the client's.
    """
    asked = [
        event.time_ns
        for event in events
        if event.who == "client" and event.kind == "call" and event.name == "end" and event.size is not None
        and event.local is not None and event.local[1] == port
    ]  # fmt: skip
    if len(asked) != len(track.bars):
        return
    for before, bar, at in zip(track.bars, track.bars[1:], asked[1:], strict=False):
        if at < bar.sent_ns and before.last_ns is not None and at < before.last_ns <= bar.sent_ns:
            bar.asked_ns = at


def _apart(track: Track) -> None:
    """Give bars that overlap, as pipelined ones do, lanes of their own."""
    free: list[int] = []
    for bar in track.bars:
        end = bar.last_ns if bar.last_ns is not None else track.closed_ns
        lane = next((number for number, at in enumerate(free) if at <= bar.from_ns), len(free))
        if lane == len(free):
            free.append(0)
        free[lane] = max(end, bar.sent_ns + 1)
        bar.lane = lane
    track.lanes = max(len(free), 1)


def _drawn(tracks: Sequence[Track], heading: str, start: int, span: int, origin: str, desc: str) -> str:
    canvas = Canvas()
    y = MARGIN + 14.0
    for line in wrap(heading, style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    shown = _shown(tracks)
    lanes = sum(track.lanes for track in shown)
    gap = _GAP if len(shown) * (_LOW + _GAP) <= _ROOM else 1
    step = min(_HIGH, max(_LOW, (_ROOM - gap * len(shown)) // lanes))
    scale = (_RIGHT - _LEFT) / span
    top = y + 18
    unit, words = (1e9, "s") if span >= 10_000_000_000 else (1e6, "ms")
    y = top
    for track in shown:
        y = _row(canvas, track, y, step, start, scale) + gap
    if len(shown) < len(tracks):
        canvas.raw(_LEFT, y + 14, f"… and {count(len(tracks) - len(shown), 'more connection')}", "s")
        y += 20
    canvas.raw(_LEFT - 12, top - 8, words, "z e")
    for tick in ticks(span):
        x = _LEFT + tick * scale
        canvas.path(f"M{x:.1f} {top - 4:.0f}V{y:.0f}", "rule thin", below=True)
        canvas.raw(min(x, _RIGHT - 14), top - 8, f"{tick / unit:g}", "z c")
    return canvas.finish(_foot(canvas, tracks, y + 22, origin), heading, desc)


def _shown(tracks: Sequence[Track]) -> list[Track]:
    """The rows that fit: at most 40, fewer where bars of one row overlap."""
    found: list[Track] = []
    room = _ROOM
    for track in tracks[:_MOST]:
        room -= track.lanes * _LOW + 1
        if room < 0 and found:
            break
        found.append(track)
    return found


def _row(canvas: Canvas, track: Track, y: float, step: int, start: int, scale: float) -> float:
    """One connection: a thin line while it is open, and its bars; returns the y below."""
    lanes = max(1, min(track.lanes, _ROOM // _LOW))  # those behind the last one share its place
    middle = y + lanes * step / 2
    canvas.raw(_LEFT - 14, middle + 4, f"connection {track.number}", "n e")
    canvas.path(
        f"M{_LEFT + (track.opened_ns - start) * scale:.1f} {middle:.1f}H"
        f"{_LEFT + (track.closed_ns - start) * scale:.1f}", "life", below=True,
    )  # fmt: skip
    for bar in track.bars:
        _bar(canvas, bar, track, (y + min(bar.lane, lanes - 1) * step + 2, step - 4), start, scale)
    return y + lanes * step


def _bar(canvas: Canvas, bar: Bar, track: Track, place: tuple[float, int], start: int, scale: float) -> None:
    """One request: a light part up to the first byte of the answer, a dark one while the answer comes."""
    y, high = place
    left = _LEFT + (bar.sent_ns - start) * scale
    end = bar.last_ns if bar.last_ns is not None else max(track.closed_ns, bar.first_ns or 0, bar.sent_ns)
    right = max(_LEFT + (end - start) * scale, left + 2)
    middle = right if bar.first_ns is None else min(max(_LEFT + (bar.first_ns - start) * scale, left), right)
    if bar.first_ns is not None and right - middle < 2:
        middle = max(left, right - 2)  # an answer in one packet takes no time: it stays visible
    if bar.asked_ns is not None:
        begin = _LEFT + (bar.asked_ns - start) * scale
        canvas.rect(begin, y + high * 0.35, max(left - begin, 0.5), high * 0.3, "oam")
    canvas.rect(left, y, max(middle - left, 0.5), high, "oac" if bar.last_ns is not None else "oac dash")
    if bar.first_ns is not None:
        canvas.rect(middle, y, right - middle, high, "as")
    name = fit(bar.name, middle - left - 10, "n")
    if name:
        canvas.raw(left + 5, y + high / 2 + 4, name, "n")


def _foot(canvas: Canvas, tracks: Sequence[Track], y: float, origin: str) -> float:
    """What the parts of a bar mean, and where the tape comes from; returns the height of the picture."""
    bars = [bar for track in tracks for bar in track.bars]
    signs = [
        ("oam", "waiting for a free connection") if any(bar.asked_ns is not None for bar in bars) else ("", ""),
        ("oac", "request sent, no answer yet"),
        ("as", "the answer arrives") if any(bar.first_ns is not None for bar in bars) else ("", ""),
        ("oac dash", "no whole answer") if any(bar.last_ns is None for bar in bars) else ("", ""),
        ("life", "connection open"),
    ]
    x = float(MARGIN)
    for kind, words in signs:
        if not kind:
            continue
        if x + 27 + width(words, "s") > style.WIDTH - MARGIN:
            x, y = float(MARGIN), y + 20
        if kind == "life":
            canvas.path(f"M{x:.0f} {y - 4:.0f}h20", kind)
        else:
            low = kind == "oam"
            canvas.rect(x, y - 7 if low else y - 10, 20, 5 if low else 11, kind)
        canvas.raw(x + 27, y, words, "s")
        x += 27 + width(words, "s") + 22
    y += 10
    if origin:
        canvas.path(f"M{MARGIN} {y:.0f}H{style.WIDTH - MARGIN}", "rule thin")
        canvas.raw(MARGIN, y + 19, fit(f"tape: {ladder_frame.origin(origin)}", style.WIDTH - 2 * MARGIN, "s"), "s")
        y += 24
    return y + 2
