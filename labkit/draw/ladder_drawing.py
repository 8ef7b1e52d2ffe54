"""A ladder on its way to SVG: rows and events in the order of time, from top to bottom.

Rule: places things and draws them; nothing may overlap, however close.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from labkit.draw import ladder_frame, ladder_text, ladder_time, marks, style
from labkit.draw.ladder_fold import without_acks
from labkit.draw.ladder_model import STALL_NS, Fold, Ladder, Rung
from labkit.draw.style import FORK, LIFT, SLOPE, Shape
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width, wrap

if TYPE_CHECKING:
    from labkit.packets.model import SocketEvent

_FLAG = width("0", "fl")  # px of a character
_NUMBER = width("0", "m")
_STEP = style.RUNG - SLOPE - 3  # px from what is taken to the start of the next arrow


def _first(row: Rung | Fold) -> Rung:
    """The first packet of a row."""
    return row.first if isinstance(row, Fold) else row


class _Waiting(NamedTuple):
    """An arrow that has not reached its lifeline yet. x, y: where its line ends so far. far, tip: of its head."""

    x: int
    y: int
    far: int
    tip: int
    line: str


class Drawing:
    """One ladder: walks through packets and events in time order, moving `y` downwards.

    shape: where its columns are. trip: two packets and the words for the bracket from one to the other. told: the
    reader knows what the times of socket events mean. sparse: without ACKs of data. stretch: most that a wait takes,
    as a part of what is usual. high: how high the picture became, px.
    """

    def __init__(
        self, model: Ladder, title: str, shape: Shape, trip: tuple[tuple[Rung, Rung], str] | None, *, told: bool,
        sparse: bool = False, stretch: float = 1.0,
    ) -> None:  # fmt: skip
        self.model = model
        self.title = visible(title)
        self.shape = shape
        self.compact = shape.compact
        self.poles: tuple[int, ...] = (shape.client, shape.server)  # x of the lifelines
        self.payloads = True  # the start of a payload hangs below its arrow
        self.last = (0, 0)  # y of the start and the end of the last arrow
        self.trip = trip
        self.told = told
        self.canvas = Canvas()
        self.many = len(model.groups) > 1
        self.labels = model.labels()
        self.events, self.events_out = model.cut_events()
        self.rows = model.rows
        self.unsaid = ladder_text.hidden(model) if model.hidden and not self.compact else ""
        if sparse:
            whole = len(self.rows)
            self.rows = without_acks(self.rows, () if trip is None else trip[0])
            self.unsaid = count(gone, "ACK") + " of data" if (gone := whole - len(self.rows)) else ""
        shown = model.shown
        self.start = shown[0].at_ns if shown else (self.events[0].time_ns if self.events else 0)
        self.alone = ladder_time.alone(shown, ladder_time.way_ns(shown))
        self.clocks = ladder_time.clocks(self.rows, self.start) if shape.time else {}
        self.stretch = stretch * (style.STRETCH // 3 if model.only else style.STRETCH)
        self.high = 0.0
        self.y = 0.0
        # The lowest y taken so far by packets, client events and server events: the next of its kind goes below.
        self.taken = {"packet": 0.0, "client": 0.0, "server": 0.0}
        # By class the pieces of one path: thousands of elements would be slow.
        self.arrows: defaultdict[str, list[str]] = defaultdict(list)
        self.waiting: dict[int, _Waiting] = {}  # by number of the packet
        self.life: list[tuple[float, float, str]] = []  # stretches of the lifelines: from, to, class
        self.life_from = 0.0
        self.bracket: float | None = None  # y of its start

    def svg(self, desc: str) -> str:
        """Draw everything, top to bottom."""
        self.y = self.life_from = ladder_frame.head(self.canvas, self.model, self.shape, self.title, self.unsaid)
        self.taken = dict.fromkeys(self.taken, self.y)
        self.taken["packet"] += 4
        self.body()
        self.lines(self.y + 14)
        high = self.y + 24
        if not self.compact:
            high = ladder_frame.foot(self.canvas, self.model, self.y + 14, self.events, self.events_out, told=self.told)
        self.high = high * self.shape.scale
        return ladder_frame.scaled(self.canvas.finish(high, self.title, desc), high, self.shape)

    def lines(self, end: float) -> None:
        """The lifelines and the arrows, below everything else in drawing order."""
        shape = self.shape
        pieces: dict[str, list[str]] = {}
        for top, bottom, kind in [*self.life, (self.life_from, end, "life")]:
            for x in self.poles:
                there = x == shape.client or not self.model.nobody
                pieces.setdefault(kind if there else "life dot", []).append(f"M{x} {top:.0f}V{bottom:.0f}")
        for kind, paths in [*pieces.items(), *self.arrows.items()]:
            self.canvas.path("".join(paths), kind, below=True)

    # ---- the time axis

    def body(self) -> None:
        """The packets in their order, and among them, by time, what else has a time."""
        whose = {id(event): self.model.group_of(event) for event in self.events}
        points = ladder_time.points(self.rows, self.events, whose)
        breaks = ladder_time.breaks(points)
        waits = sorted(wait for (before, *_), (after, *_) in pairwise(points) if (wait := after - before) < STALL_NS)
        typical = max(waits[len(waits) * 3 // 4], 1) if waits else 1
        cut = self.model.left_out[-1].number if self.model.left_out else None
        past = points[0][0] if points else 0
        for number, (time_ns, _, thing) in enumerate(points):
            if cut is not None and isinstance(thing, (Rung, Fold)) and _first(thing).number > cut:
                self.leave_out()
                cut = None
            elif number in breaks:
                self.stall(breaks[number])
            else:
                # In proportion to the time passed, within limits; `place` moves further down where it is crowded.
                self.y += min(self.stretch, 0.45 * self.stretch * (time_ns - past) / typical)
            past = time_ns
            if isinstance(thing, Rung):
                self.arrow(thing)
            elif isinstance(thing, Fold):
                self.fold(thing)
            elif isinstance(thing, ladder_time.Arrival):
                self.land(self.waiting.pop(thing.number))
            else:
                self.mark(thing, whose[id(thing)])
        self.y = max(self.y, *self.taken.values())

    def place(self, lane: str, above: float) -> float:
        """Move down until there is room for ``above`` px of text above; returns the y."""
        self.y = max(self.y, self.taken[lane] + above)
        return self.y

    def arrow(self, rung: Rung) -> None:
        """One packet."""
        canvas, shape, taken = self.canvas, self.shape, self.taken
        verdict, usual = rung.verdict, rung.quiet
        lift = LIFT if verdict is not None else 0
        slope = style.SLOPE_WIRE if rung.number in self.alone else SLOPE
        least = taken["packet"] + _STEP + lift
        y = round(self.y if self.y > least else least)
        end = y + slope
        self.last = y, end
        near, far, tip = (
            (shape.client + 2, shape.server - 3, -9) if rung.right else (shape.server - 2, shape.client + 3, 9)
        )
        line = "ac" if rung.right else "as"
        body, head = f"M{near} {y}L{far} {end}", f"M{far} {end}l{tip} -4v8z"
        if verdict is not None:
            body, head = self.touched(verdict.kind, near, far, y, end, tip) or (body, head)
        if verdict is not None and rung.late_arrival is not None:
            # It waits beside the lifeline, where no text is; a second one that waits there keeps a line of its own.
            x = far + tip * (style.WAIT + 3 * any(each.far == far for each in self.waiting.values())) // 9
            self.waiting[rung.number] = _Waiting(x, end, far, tip, line)
            body, head = f"M{near} {y}L{x} {end}", ""
        if not usual and rung.again:
            self.arrows[line + " dash"].append(body)
            if head:
                self.arrows[line].append(head)
        else:
            self.arrows[line].append(body + head)
        if rung.reset and head and not rung.ignored:
            self.arrows[line].append(marks.bar(far + 3 * tip, end - (slope * 3 * abs(tip)) // 388))
        rest = f"  {rung.numbers}" if rung.numbers and not self.compact else ""
        if rung.size:
            rest += "  " + count(rung.size, "byte")
        warning, text = rung.below if rung.size or rung.closed_window or not usual else ("", "")
        text = text if self.payloads else ""
        words = rung.flags
        if warning and rung.pure_ack and not lift and self.wide(warning, rest) <= shape.room:
            words, warning = warning, ""  # says more than "ACK" does
        fits = len(words) * _FLAG + len(rest) * _NUMBER < shape.room and words.isascii()
        if fits and slope == SLOPE and not self.many:  # most of them
            canvas.label(shape.middle, y - 4 - lift, words, f"fl t{line}", rest, "m c")
        else:
            self.label(rung, words, rest, y - lift, slope)
        if shape.time:
            canvas.raw(shape.time, y + 4, self.clocks.get(rung.number, "no time"), "z e")
        if verdict is not None:
            end += FORK if verdict.kind == "duplicated" else LIFT
        taken["packet"] = end + 3
        self.y = end + 6  # what the packet causes comes below its arrival
        if text and not warning:
            canvas.raw(shape.middle, taken["packet"] + 11, fit(text, shape.room, "p"), "p c")
            taken["packet"] += style.RUNG_NOTE + 1
        elif warning:
            self.below(warning, text, f"t{line}", 2 if lift else 1)
        if self.trip is not None:
            self.at_trip(rung, y, end)

    def wide(self, words: str, rest: str) -> float:
        """The width of a label that is all ASCII, px."""
        return len(words) * _FLAG + (len(rest) + 7 * self.many) * _NUMBER

    def label(self, rung: Rung, words: str, rest: str, y: float, slope: int) -> None:
        """What stands above an arrow: what it is, and what proves it."""
        badge = f":{self.labels[rung.group]} " if self.many else ""  # which conversation it belongs to
        room = self.shape.room
        wide = len(words) * _FLAG + (len(badge) + len(rest)) * _NUMBER
        if wide > room or not words.isascii():
            if len(rest) * _NUMBER > room / 2 and wide > room:
                rest = fit(rest, max(room - len(words) * _FLAG - len(badge) * _NUMBER, room / 2), "m")
            words = fit(words, room - width(rest, "m") - len(badge) * _NUMBER, "fl")
            wide = width(words, "fl") + width(badge + rest, "m")
        # A steep arrow leaves more room above its middle: the label may come down until its left end is on the line.
        down = slope * max(0.0, 0.5 - (wide / 2 + 6) / (room + 24)) if slope > SLOPE else 0
        self.canvas.label(
            self.shape.middle, y - 4 + down, words, f"fl t{'ac' if rung.right else 'as'}", rest, "m c", before=badge
        )

    def below(self, warning: str, text: str, kind: str, lines: int) -> None:
        """What hangs below an arrow: what happened to it, in bold, and the start of its payload."""
        middle, room, taken = self.shape.middle, self.shape.room, self.taken
        whole = f"{warning} · {text}" if text else warning
        for part in wrap(whole, room, "pb", 3 if self.compact else lines) if lines > 1 else (fit(whole, room, "pb"),):
            bold = min(len(warning), len(part))
            self.canvas.label(middle, taken["packet"] + 11, part[:bold], f"pb {kind}", part[bold:], "p c")
            warning = warning[bold + 1 :]
            taken["packet"] += style.RUNG_NOTE - 3
        taken["packet"] += 4  # nearer to its own arrow than to the next

    def fold(self, fold: Fold) -> None:
        """Several packets in one row."""
        shape, taken, first = self.shape, self.taken, fold.first
        if fold.data:
            y = round(max(self.y, taken["packet"] + style.RUNG - SLOPE - 3))
            near, far, tip = (
                (shape.client + 2, shape.server - 3, -9) if first.right else (shape.server - 2, shape.client + 3, 9)
            )
            heads = "".join(f"M{far + 7 * at * tip // 9} {y + SLOPE}l{tip} -4v8z" for at in range(2))
            line = "ac" if first.right else "as"
            self.arrows[line].append(f"M{near} {y}L{far} {y + SLOPE}{heads}")
            size = sum(rung.size for rung in fold.rungs)
            words, rest = fold.words, f"  {count(size, 'byte')}" if size else ""
            if self.wide(words, rest) > shape.room:
                rest = ""
            self.label(first, words, rest, y, SLOPE)
            end = y + SLOPE
        else:
            y = round(max(self.y, taken["packet"] + 16))
            badge = f":{self.labels[first.group]}  " if self.many else ""
            words = f"{badge}{count(len(fold.rungs), 'packet')}: {fold.words}"
            self.canvas.rect(shape.client + 12, y - 11, shape.room, style.FOLD, "card", 8)
            self.canvas.raw(shape.middle, y + 4, fit(words, shape.room - 12, "s"), "s c")
            end = y + style.FOLD - 11
        if shape.time:
            self.canvas.raw(shape.time, y + 4, self.clocks.get(first.number, "no time"), "z e")
        taken["packet"] = end + 3
        self.y = end + 6
        if self.trip is not None:
            for rung in fold.rungs:
                self.at_trip(rung, y, end)

    def land(self, late: _Waiting) -> None:
        """A packet that was reordered, or delayed, arrives."""
        y = round(max(self.y, self.taken["packet"] + 6))
        head = f"M{late.far} {y}l{late.tip} -4v8z"
        self.arrows[late.line].append(f"M{late.x} {late.y}V{y}{head}")
        self.taken["packet"] = y + 4
        self.y = y + 6

    def touched(self, kind: str, near: int, far: int, y: int, end: int, tip: int) -> tuple[str, str] | None:
        """What a wire's verdict makes of an arrow: its line and its heads; None if it stays as it is."""
        middle, half_way = self.shape.middle, (y + end) // 2
        head = f"M{far} {end}l{tip} -4v8z"
        if kind == "dropped":
            self.arrows["ar"].append(marks.cross(middle, half_way, 6))
            return f"M{near} {y}L{middle} {half_way}", ""
        if kind == "corrupted":
            self.arrows["ar"].append(marks.zigzag(middle, half_way))
            half = 12 if far > near else -12
            return f"M{near} {y}L{middle - half} {half_way}M{middle + half} {half_way}L{far} {end}", head
        if kind == "duplicated":
            line, second = marks.fork(middle, half_way, far, end, tip)
            return f"M{near} {y}L{far} {end}{line}", head + second
        return None

    def at_trip(self, rung: Rung, y: float, end: float) -> None:
        """Begin or end the bracket of a round trip at this packet."""
        assert self.trip is not None
        (first, last), words = self.trip
        shape = self.shape
        if rung is first:
            self.bracket = y
        if rung is last and self.bracket is not None:
            bottom = y if first.right == last.right else end
            x = 16 if self.shape.time else 8
            self.canvas.path(f"M{x + 6} {self.bracket:.0f}H{x - 6}V{bottom:.0f}H{x + 6}", "bracket")
            at = max(bottom + 18, self.taken["client"] + 15)
            for line in wrap(words, shape.client - x - 4, "nb", 3):
                self.canvas.raw(x - 6, at, line, "nb")
                at += 15
            at -= 15
            self.taken["client"] = max(self.taken["client"], at + 2)
            self.taken["packet"] = max(self.taken["packet"], at - 4)

    def mark(self, event: SocketEvent, group: int | None) -> None:
        """One socket event or call."""
        shape = self.shape
        left = event.who == "client"
        y = self.place("client" if left else "server", style.TICK - 4)
        hue = "ac" if left else "as"
        words = visible(ladder_text.event_name(event, self.model)) + ("()" if event.kind == "call" else "")
        if self.many and group is not None:
            words = f":{self.labels[group]} {words}"
        more = "" if event.size is None else f" · {count(event.size, 'byte')}"
        if event.detail:
            more += f" · {visible(event.detail)}"
        x = self.poles[0 if left else -1]
        self.canvas.circle(x, y, 4, hue if event.kind == "event" else f"o{hue}")
        room = shape.client - 14 - shape.time - 8 if left else shape.wide - x - 14 - 8
        if not self.compact or width(words + more, "ev") <= room:
            words += more
        self.canvas.raw(x - 12 if left else x + 12, y + 4, fit(words, room, "ev"), "ev e" if left else "ev")
        self.taken["client" if left else "server"] = y + 4

    def stall(self, words: str, room: float = 0) -> None:
        """A break in the time axis: nothing happens for long.

        room: of the words, px; 0 for all that is between the lifelines.
        """
        shape = self.shape
        room = room or shape.room
        top = max(self.y, *self.taken.values()) + 6
        bottom = top + (style.STALL if self.stretch else style.STALL_LOW)
        middle = (top + bottom) / 2
        self.life += [(self.life_from, top + 8, "life"), (top + 8, bottom - 8, "life dot")]
        self.life_from = bottom - 8
        for x in self.poles:
            for y in (top + 8, bottom - 8):
                self.canvas.path(f"M{x - 8} {y + 3:.0f}l16 -6", "life")
        half = min(15.0, (bottom - top) / 2 - 8)
        self.canvas.rect(shape.middle - room / 2, middle - half, room, 2 * half, "card", 15)
        self.canvas.raw(shape.middle, middle + 4, fit(words, room - 8, "ev"), "ev c")
        self.y = bottom
        self.taken = dict.fromkeys(self.taken, bottom)

    def gone(self) -> str:
        """What is left out of a long tape, in words."""
        return ladder_text.left_out(self.model)

    def leave_out(self) -> None:
        """The part of a long tape that is not drawn."""
        shape = self.shape
        top = max(self.y, *self.taken.values()) + 10
        lines = wrap(self.gone(), shape.room - 24, "ev", 3)
        height = 42 + 17 * len(lines)
        self.life += [(self.life_from, top, "life"), (top, top + height, "life dot")]
        self.life_from = top + height
        self.canvas.rect(shape.client + 12, top, shape.room, height, "card", 8)
        y = top + 22
        for line in lines:
            self.canvas.raw(shape.middle, y, line, "ev c")
            y += 17
        how = "limit=None draws all; a slice tape[a:b] draws a part"
        self.canvas.raw(shape.middle, y + 2, fit(how, shape.room - 8, "s"), "s c")
        self.y = top + height + 6
        self.taken = dict.fromkeys(self.taken, self.y)


def lowest(drawn: Callable[..., Drawing], alt: str, *, large: bool) -> str:
    """The markup of a ladder; one that would be higher than `style.HIGH` is drawn again with shorter waits.

    A large one is then drawn less large. drawn: makes the drawing; takes its shape, and how much waits are stretched.
    """
    svg = ""
    for shape in (style.COMPACT, *style.LESS_COMPACT) if large else (style.FULL,):
        for stretch in (1.0, 0.5, 0.0):
            drawing = drawn(shape=shape, stretch=stretch)
            svg = drawing.svg(alt)
            if drawing.high <= style.HIGH:
                return svg
            if len(drawing.rows) * style.RUNG * shape.scale > style.HIGH:
                break  # the arrows alone need more: shorter waits do not help
    return svg
