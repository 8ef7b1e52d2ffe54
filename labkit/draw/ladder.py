"""The ladder: two lifelines, time downwards, one arrow a packet, socket events at their own time.

Rule: places things and draws them; what is said was decided in `ladder_model`. Nothing may overlap, however close.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from labkit.core.calls import in_words
from labkit.draw import ladder_text, marks, style
from labkit.draw.ladder_model import STALL_NS, Ladder, Rung, read, silence
from labkit.draw.picture import Picture
from labkit.draw.style import FORK, LIFT, MARGIN, SLOPE
from labkit.draw.style import LADDER_CLIENT as LEFT
from labkit.draw.style import LADDER_SERVER as RIGHT
from labkit.draw.svg import Canvas
from labkit.draw.text import count, duration, fit, visible, width, wrap

if TYPE_CHECKING:
    from labkit.packets.model import SocketEvent
    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape

_MIDDLE = (LEFT + RIGHT) // 2
_ALT = 60  # most lines of the alternative text
_ROOM = RIGHT - LEFT - 24  # for the label of an arrow, px
_CHARS = int(_ROOM / width("0", "l"))  # of ASCII that fit there: nearly every label, so that it need not be measured


@in_words
def ladder(
    tape: Tape | Iterable[Packet],
    *,
    events: bool = True,
    acks: bool = True,
    title: str | None = None,
    limit: int | None = 80,
) -> Picture:
    """Draw who sent what when: the packets of a tape between two lifelines, and what our own sockets did beside them.

    tape: a Tape, or any packets; they are drawn in their order, whatever their times say. events: draw the socket
    events and calls. acks: draw segments that only acknowledge. title: in place of the one made from the tape. limit:
    most packets drawn (the first and last ones of a longer tape, with a note of what is left out); None draws all.
    Returns a Picture whose text twin is the same from run to run, but for the line that names the tape's origin.
    """
    title = title or None
    model = read(tape, events=events, acks=acks, limit=limit)
    text = ladder_text.twin(model, title)
    drawing = _Drawing(model, ladder_text.heading(model) if title is None else title)
    lines = text.split("\n")
    # A screen reader should not have to read hundreds of arrows: the start, and the line that names the origin.
    alt = (
        text
        if len(lines) <= _ALT
        else "\n".join([*lines[: _ALT - 2], f"… {len(lines) - _ALT + 1} more lines", lines[-1]])
    )
    return Picture(text, alt, svg=drawing.svg(alt))


class _Arrival(NamedTuple):
    """The moment at which a packet arrives that waited on the wire. number: the packet's."""

    number: int


class _Waiting(NamedTuple):
    """An arrow that has not reached its lifeline yet. x, y: where its line ends so far. far, tip: of its head."""

    x: int
    y: int
    far: int
    tip: int
    line: str


_Point = tuple[int, int, "Rung | SocketEvent | _Arrival"]
"""What stands on the time axis: (ns since the epoch, order among what happens at the same time, the thing)."""


class _Drawing:
    """One ladder on its way to SVG: walks through packets and events in time order, moving `y` downwards."""

    def __init__(self, model: Ladder, title: str) -> None:
        self.model = model
        self.title = visible(title)
        self.canvas = Canvas()
        self.many = len(model.groups) > 1
        self.labels = model.labels()
        self.events, self.events_out = model.cut_events()
        self.start = model.rungs[0].at_ns if model.rungs else (self.events[0].time_ns if self.events else 0)
        self.y = 0.0
        # The lowest y taken so far by packets, client events and server events: the next of its kind goes below.
        self.taken = {"packet": 0.0, "client": 0.0, "server": 0.0}
        self.arrows: dict[str, list[str]] = {}  # class → pieces of one path: thousands of elements would be slow
        self.waiting: dict[int, _Waiting] = {}  # by number of the packet
        self.life: list[tuple[float, float, str]] = []  # stretches of the lifelines: from, to, class
        self.life_from = 0.0

    def svg(self, desc: str) -> str:
        """Draw everything, top to bottom."""
        self.head()
        self.body()
        self.lines(self.y + 14)
        return self.canvas.finish(self.foot(self.y + 14), self.title, desc)

    # ---- head and foot

    def head(self) -> None:
        """Title, and what stands at the top of each lifeline."""
        canvas, y = self.canvas, MARGIN + 14.0
        for line in wrap(self.title, style.WIDTH - 2 * MARGIN, "h", 2):
            canvas.raw(MARGIN, y, line, "h")
            y += 24
        y += 4
        if self.model.hidden:
            canvas.raw(MARGIN, y, f"{count(self.model.hidden, 'segment')} that only acknowledge not drawn", "s")
            y += 20
        for x, who, side in (
            (LEFT, "client", [group.client for group in self.model.groups]),
            (RIGHT, "server", [group.server for group in self.model.groups]),
        ):
            canvas.rect(x - 92, y, 184, 46, "card", 6)
            canvas.raw(x, y + 19, who, "g c" + ("" if self.many else f" ta{who[0]}"))
            canvas.raw(x, y + 36, fit(_ends(side), 172, "z"), "z c")
        canvas.raw(style.LADDER_TIME, y + 36, "ms", "z e")
        self.y = self.life_from = y + 46
        self.taken = dict.fromkeys(self.taken, self.y)
        self.taken["packet"] += 4

    def foot(self, y: float) -> float:
        """What the signs mean, and where the tape comes from; returns the height of the picture."""
        canvas = self.canvas
        y += 16
        canvas.path(f"M{MARGIN} {y:.0f}H{style.WIDTH - MARGIN}", "rule thin")
        x = float(MARGIN + 6)
        y += 22
        signs = marks.signs(canvas, self.model.shown, self.events)
        for sign, wide, words in signs:
            if x + wide + width(words, "s") > style.WIDTH - MARGIN:
                x, y = MARGIN + 6, y + 20
            sign(x, y - 4)
            canvas.raw(x + wide, y, words, "s")
            x += wide + width(words, "s") + 28
        if signs:
            y += 20
        if self.events:
            canvas.raw(MARGIN, y, "events: when the program was told; the kernel may act before or after", "s")
            y += 20
        if self.events_out:
            canvas.raw(MARGIN, y, f"{count(self.events_out, 'socket event')} of the part left out not drawn", "s")
            y += 20
        if self.model.origin:
            for line in wrap(f"tape: {self.model.origin}", style.WIDTH - 2 * MARGIN, "s", 2):
                canvas.raw(MARGIN, y, line, "s")
                y += 18
        return y + 4

    def lines(self, end: float) -> None:
        """The lifelines and the arrows, below everything else in drawing order."""
        pieces: dict[str, list[str]] = {}
        for top, bottom, kind in [*self.life, (self.life_from, end, "life")]:
            pieces.setdefault(kind, []).extend(f"M{x} {top:.0f}V{bottom:.0f}" for x in (LEFT, RIGHT))
        for kind, paths in [*pieces.items(), *self.arrows.items()]:
            self.canvas.path("".join(paths), kind, below=True)

    # ---- the time axis

    def body(self) -> None:
        """The packets in their order, and among them, by time, what else has a time."""
        shown = self.model.shown
        points: list[_Point] = [(rung.at_ns, 0, rung) for rung in shown]
        points += [(event.time_ns, 1, event) for event in self.events]
        points += [(at, -1, _Arrival(rung.number)) for rung in shown if (at := rung.late_arrival) is not None]
        points.sort(key=lambda point: point[:2])  # stable: wire order and order of emission stay as they are
        breaks = _breaks(points)
        waits = sorted(after[0] - before[0] for before, after in pairwise(points) if after[0] - before[0] < STALL_NS)
        typical = max(waits[len(waits) * 3 // 4], 1) if waits else 1
        cut = self.model.left_out[-1].number if self.model.left_out else None
        past = points[0][0] if points else 0
        for number, (time_ns, _, thing) in enumerate(points):
            if cut is not None and isinstance(thing, Rung) and thing.number > cut:
                self.leave_out()
                cut = None
            elif number in breaks:
                self.stall(breaks[number])
            else:
                # In proportion to the time passed, within limits; `place` moves further down where it is crowded.
                self.y += min(style.STRETCH, 0.45 * style.STRETCH * (time_ns - past) / typical)
            past = time_ns
            if isinstance(thing, Rung):
                self.arrow(thing)
            elif isinstance(thing, _Arrival):
                self.land(self.waiting.pop(thing.number))
            else:
                self.mark(thing)
        self.y = max(self.y, *self.taken.values())

    def place(self, lane: str, above: float) -> float:
        """Move down until there is room for ``above`` px of text above; returns the y."""
        self.y = max(self.y, self.taken[lane] + above)
        return self.y

    def arrow(self, rung: Rung) -> None:
        """One packet."""
        canvas, many = self.canvas, self.many
        taken = self.taken
        lift = LIFT if rung.verdict is not None else 0
        y = round(max(self.y, taken["packet"] + style.RUNG - SLOPE - 3 + lift))
        end = y + SLOPE
        near, far, tip = (LEFT + 2, RIGHT - 3, -9) if rung.right else (RIGHT - 2, LEFT + 3, 9)
        color = f"a{rung.group % style.HUES}" if many else "ac" if rung.right else "as"
        line = "ar" if rung.reset else color
        body, head = f"M{near} {y}L{far} {end}", f"M{far} {end}l{tip} -4v8z"
        if rung.verdict is not None:
            body, head = self.touched(rung.verdict.kind, near, far, y, tip) or (body, head)
        if rung.late_arrival is not None:
            # It waits beside the lifeline, where no text is; a second one that waits there keeps a line of its own.
            x = far + tip * (style.WAIT + 3 * any(each.far == far for each in self.waiting.values())) // 9
            self.waiting[rung.number] = _Waiting(x, end, far, tip, line)
            body, head = f"M{near} {y}L{x} {end}", ""
        if rung.again:
            self.arrows.setdefault(line + " dash", []).append(body)
            if head:
                self.arrows.setdefault(line, []).append(head)
        else:
            self.arrows.setdefault(line, []).append(body + head)
        if rung.reset and head:
            self.arrows[line].append(marks.cross(far + 3 * tip, end))
        rest = f"  {rung.numbers}" if rung.numbers else ""
        if rung.size:
            rest += "  " + count(rung.size, "byte")
        words = f":{self.labels[rung.group]} {rung.flags}" if many else rung.flags
        if len(words) + len(rest) > _CHARS or not words.isascii():
            words = fit(words, _ROOM - width(rest, "l"), "l")
        canvas.label(_MIDDLE, y - 4 - lift, words, f"t{line}", rest, "l c")
        clock = "no time" if rung.time_ns is None else _clock(rung.time_ns - self.start)
        canvas.raw(style.LADDER_TIME, y + 4, clock, "z e")
        if rung.verdict is not None:
            end += FORK if rung.verdict.kind == "duplicated" else LIFT
        taken["packet"] = end + 3
        self.y = end + 6  # what the packet causes comes below its arrival
        if note := rung.note:
            # What was touched may have much to say.
            for part in wrap(note, _ROOM, "z", 2) if lift else (fit(note, _ROOM, "z"),):
                canvas.raw(_MIDDLE, taken["packet"] + 9, part, "z c")
                taken["packet"] += style.RUNG_NOTE - 3

    def land(self, late: _Waiting) -> None:
        """A packet that was reordered, or delayed, arrives."""
        y = round(max(self.y, self.taken["packet"] + 6))
        head = f"M{late.far} {y}l{late.tip} -4v8z"
        self.arrows.setdefault(late.line, []).append(f"M{late.x} {late.y}V{y}{head}")
        self.taken["packet"] = y + 4
        self.y = y + 6

    def touched(self, kind: str, near: int, far: int, y: int, tip: int) -> tuple[str, str] | None:
        """What a wire's verdict makes of an arrow: its line and its heads; None where it stays as it is."""
        end, middle = y + SLOPE, y + SLOPE // 2
        head = f"M{far} {end}l{tip} -4v8z"
        if kind == "dropped":
            self.arrows.setdefault("ar", []).append(marks.cross(_MIDDLE, middle, 6))
            return f"M{near} {y}L{_MIDDLE} {middle}", ""
        if kind == "corrupted":
            self.arrows.setdefault("ar", []).append(marks.zigzag(_MIDDLE, middle))
            half = 12 if far > near else -12
            return f"M{near} {y}L{_MIDDLE - half} {middle}M{_MIDDLE + half} {middle}L{far} {end}", head
        if kind == "duplicated":
            line, second = marks.fork(_MIDDLE, middle, far, end, tip)
            return f"M{near} {y}L{far} {end}{line}", head + second
        return None

    def mark(self, event: SocketEvent) -> None:
        """One socket event or call."""
        left = event.who == "client"
        y = self.place("client" if left else "server", style.TICK - 4)
        group = self.model.group_of(event)
        hue = "am" if group is None and self.many else ("ac" if left else "as")
        words = visible(event.name) + ("()" if event.kind == "call" else "")
        if self.many and group is not None:
            hue = f"a{group % style.HUES}"
            words = f":{self.labels[group]} {words}"
        if event.size is not None:
            words += f" · {count(event.size, 'byte')}"
        if event.detail:
            words += f" · {visible(event.detail)}"
        x = LEFT if left else RIGHT
        self.canvas.circle(x, y, 4, hue if event.kind == "event" else f"o{hue}")
        room = LEFT - 14 - style.LADDER_TIME - 8 if left else style.WIDTH - RIGHT - 14 - 8
        self.canvas.raw(x - 12 if left else x + 12, y + 4, fit(words, room, "ev"), "ev e" if left else "ev")
        self.taken["client" if left else "server"] = y + 4

    def stall(self, words: str) -> None:
        """A break in the time axis: nothing happens for long."""
        top = max(self.y, *self.taken.values()) + 6
        bottom = top + style.STALL
        middle = (top + bottom) / 2
        self.life += [(self.life_from, top + 8, "life"), (top + 8, bottom - 8, "life dot")]
        self.life_from = bottom - 8
        for x in (LEFT, RIGHT):
            for y in (top + 8, bottom - 8):
                self.canvas.path(f"M{x - 8} {y + 3:.0f}l16 -6", "life")
        self.canvas.rect(LEFT + 12, middle - 15, RIGHT - LEFT - 24, 30, "card", 15)
        self.canvas.raw(_MIDDLE, middle + 4, words, "ev c")
        self.y = bottom
        self.taken = dict.fromkeys(self.taken, bottom)

    def leave_out(self) -> None:
        """The part of a long tape that is not drawn."""
        top = max(self.y, *self.taken.values()) + 10
        lines = wrap(ladder_text.left_out(self.model), RIGHT - LEFT - 48, "ev", 3)
        height = 42 + 17 * len(lines)
        self.life += [(self.life_from, top, "life"), (top, top + height, "life dot")]
        self.life_from = top + height
        self.canvas.rect(LEFT + 12, top, RIGHT - LEFT - 24, height, "card", 8)
        y = top + 22
        for line in lines:
            self.canvas.raw(_MIDDLE, y, line, "ev c")
            y += 17
        self.canvas.raw(_MIDDLE, y + 2, "limit=None draws all; a slice tape[a:b] draws a part", "s c")
        self.y = top + height + 6
        self.taken = dict.fromkeys(self.taken, self.y)


def _breaks(points: list[_Point]) -> dict[int, str]:
    """Where the time axis is broken: index of the point after the break → the words in it.

    A silence between two packets is one stall, though socket events may fall into it: it is named once, in its longest
    part; other long parts get their own length. Beside a packet without a time nobody knows how long a silence was.
    """
    found: dict[int, str] = {}
    last: tuple[int, Rung] | None = None  # the last packet, and the index of its point
    for number, (at_ns, _, thing) in enumerate(points):
        rung = thing if isinstance(thing, Rung) else None
        timed = (rung is None or rung.time_ns is not None) and (last is None or last[1].time_ns is not None)
        if number and timed and at_ns - points[number - 1][0] >= STALL_NS:
            found[number] = f"{duration(at_ns - points[number - 1][0])} later"
        if rung is None:
            continue
        if last is not None and (gap := silence(last[1], rung)) >= STALL_NS:
            longest = max(range(last[0] + 1, number + 1), key=lambda at: points[at][0] - points[at - 1][0])
            found[longest] = f"{duration(gap)}, nothing is sent"
        elif last is not None and gap <= -STALL_NS:
            found[number] = f"the clock goes back by {duration(-gap)}"
        last = number, rung
    return found


def _clock(ns: int) -> str:
    """Milliseconds since the first packet."""
    return f"{ns / 1e6:.3f}" if abs(ns) < 100_000_000_000 else f"{ns / 1e6:.0f}"


def _ends(side: list[tuple[str, int]]) -> str:
    """The addresses at one lifeline in one line."""
    hosts = list(dict.fromkeys(visible(host) for host, _ in side))
    ports = list(dict.fromkeys(str(port) for _, port in side if port))
    host = f"[{hosts[0]}]" if hosts and ":" in hosts[0] else "".join(hosts[:1])
    if len(hosts) > 1:
        return f"{len(hosts)} addresses, {len(ports)} ports"
    return host + (":" + ", ".join(ports) if ports else "")
