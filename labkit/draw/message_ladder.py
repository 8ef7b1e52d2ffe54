"""The ladder of messages: one arrow a message. Its line begins with the first packet, its head is where it was whole.

Rule: places and draws; what a message is called is decided in `message_model`.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import partial
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from labkit.draw import ladder_model, ladder_text, style, tls_rungs
from labkit.draw.ladder_drawing import Drawing, lowest
from labkit.draw.ladder_model import STALL_NS, Ladder, Rung
from labkit.draw.message_lanes import Lanes, label, left_unsaid
from labkit.draw.message_model import Said, heading, messages_of, spoken, with_handshakes
from labkit.draw.picture import Picture
from labkit.draw.style import SLOPE
from labkit.draw.text import count, duration, visible, width

if TYPE_CHECKING:
    from labkit.packets.model import SocketEvent
    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape

_STEP = style.RUNG - SLOPE - 3  # px from what is taken to the start of the next arrow
_LEAST = 0.6  # of the room for a label, what a message is called has at least
_LOCK = 15  # px from the left edge of a lock to the words behind it
_PAD = 40  # most characters of what a message is called, in a column of the text


class _Bytes(NamedTuple):
    """What a ladder asks of a packet, for a message. src: who sent it."""

    src: tuple[str, int]
    payload: bytes = b""
    flags: str = ""


def ladder_of(
    tape: Tape, of: str, *, events: bool, large: bool, title: str | None, limit: int | None
) -> Picture:
    """The ladder of the messages of one protocol; its arguments are those of `ladder`."""
    found, groups = spoken(tape, with_handshakes(tape, messages_of(tape, of, "ladder")))
    model = ladder_model.read(tape, events=events, limit=limit)  # checks limit
    rungs = [_rung(number, said, groups[said.group].client) for number, said in enumerate(found, 1)]
    model = Ladder(list(rungs), groups, model.events, model.origin, True, len(rungs), ports=model.ports)
    if len(groups) < len(tape.connections):  # events of other connections have no place here
        model.events = [each for each in model.events if each.remote is None or whose(model, each) is not None]
    if limit is not None and len(rungs) > max(limit, 1):
        limit = max(limit, 1)
        model.head, model.tail = limit - limit // 4, len(rungs) - limit // 4
        model.left_out = rungs[model.head : model.tail]
    said = f"Ladder of {heading(found, model, of)}"
    text = _twin(model, found, said, title)
    above = said if title is None else title
    drawn = partial(MessageDrawing, found, model, above, trip=None, told=style.Session.told)
    alt = ladder_text.shortened(text)
    svg = lowest(drawn, alt, large=large)
    if model.events and not large:
        style.Session.told = True
    return Picture(text, alt, svg=svg)


def whose(model: Ladder, event: SocketEvent) -> int | None:
    """The connection of an event, told by its ports; unlike `Ladder.group_of`, also if there is one alone."""
    for number, group in enumerate(model.groups):
        client, server = (event.local, event.remote) if event.who == "client" else (event.remote, event.local)
        if client is not None and client[1] == group.client[1] and (server is None or server[1] == group.server[1]):
            return number
    return None


def _rung(number: int, said: Said, client: tuple[str, int]) -> Rung:
    packet = cast("Packet", _Bytes(client))
    return Rung(packet, number, said.began_ns, said.began_ns, said.right, said.group, said.words, "", 0, False)


class MessageDrawing(Drawing):
    """One ladder of messages. found: what each of its rungs says, in the same order."""

    def __init__(self, found: Sequence[Said], *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.found = found
        self.lanes = Lanes(self.shape.client, self.shape.server)
        self.least = 1.0 if self.compact else _LEAST
        self.unsaid_parts = left_unsaid(found, self.shape.room - 60 * self.many, self.least)

    def body(self) -> None:
        """Starts and arrivals of messages, and the socket events, in the order of time."""
        points: list[tuple[int, int, Any]] = [(event.time_ns, 1, event) for event in self.events]
        for row in self.rows:
            assert isinstance(row, Rung)
            said = self.found[row.number - 1]
            points.append((row.at_ns, 0, row))
            if said.ended_ns > said.began_ns:
                points.append((said.ended_ns, -1, row.number))
        points.sort(key=itemgetter(0, 1))
        waits = sorted(after[0] - before[0] for before, after in pairwise(points))
        short = [wait for wait in waits if wait < STALL_NS]
        typical = max(short[len(short) * 3 // 4], 1) if short else 1
        cut = self.model.left_out[-1].number if self.model.left_out else None
        past = points[0][0] if points else 0
        for time_ns, _, thing in points:
            if cut is not None and isinstance(thing, Rung) and thing.number > cut:
                self.leave_out()
                cut = None
            elif time_ns - past >= STALL_NS:
                words = f"{duration(time_ns - past)} later"
                self.stall(words, width(words, "ev") + 30 if self.lanes else 0)  # what is on its way stays visible
            else:
                self.y += min(self.stretch, 0.45 * self.stretch * (time_ns - past) / typical)
            past = time_ns
            if isinstance(thing, Rung):
                self.say(thing)
            elif isinstance(thing, int):
                self.hear(thing)
            else:
                self.mark(thing, self.model.group_of(thing))
        self.y = max(self.y, *self.taken.values())

    def say(self, rung: Rung) -> None:
        """A message begins: its words above the start of its arrow."""
        said = self.found[rung.number - 1]
        y = round(max(self.y, self.taken["packet"] + _STEP))
        room = self.shape.room - 2 * self.lanes.taken - 60 * self.many
        parts = [*(part for part in said.parts if part not in self.unsaid_parts), said.measured]
        parts.append("" if self.compact else said.packets)
        words, rest = label(said.words, parts, room - (2 * _LOCK if said.lock else 0), self.least)
        self.label(rung, words, rest, y, SLOPE)
        if said.lock:
            left = self.shape.middle - (width(words, "fl") + width(rest, "m")) / 2 - _LOCK - 30 * self.many
            self.canvas.path(tls_rungs.lock(left, y - 4, closed=said.lock == "closed"), "box thin")
        if self.shape.time:
            self.canvas.raw(self.shape.time, y + 4, self.clocks.get(rung.number, "no time"), "z e")
        line = self.arrows["ac" if rung.right else "as"]
        if said.ended_ns > said.began_ns:
            line.append(self.lanes.begin(rung.number, rung.right, y))
            self.taken["packet"], self.y = y + 5, y + 1
            return
        line.append(self.lanes.whole(rung.right, y))
        self.taken["packet"] = y + SLOPE + 3
        self.y = y + SLOPE + 6
        self.wrong(rung.number)

    def hear(self, number: int) -> None:
        """A message is whole: its arrow ends."""
        right = self.found[number - 1].right
        path, end = self.lanes.end(number, self.y)
        self.arrows["ac" if right else "as"].append(path)
        self.taken["packet"] = max(self.taken["packet"], end - 8)
        self.y = max(self.y, end + 6)
        self.wrong(number)

    def wrong(self, number: int) -> None:
        """What is wrong with a message, below the end of its arrow."""
        said = self.found[number - 1]
        if said.wrong:
            self.taken["packet"] = max(self.taken["packet"], self.y - 3)
            self.below(said.wrong, "", f"ta{'c' if said.right else 's'}", 2)

    def gone(self) -> str:
        """What is left out, in words."""
        left = self.model.left_out
        return f"{count(len(left), 'message')} left out, {left[0].number:,} to {left[-1].number:,}"


def _twin(model: Ladder, found: Sequence[Said], said: str, title: str | None) -> str:
    """The ladder in words; several connections one after the other."""
    lines = [said if title is None else f"{visible(title)}: {said}"]
    events, left = model.cut_events()
    several = len(model.groups) > 1
    out = {rung.number for rung in model.left_out}
    pad = max((len(each.words) for number, each in enumerate(found, 1) if number not in out), default=0)
    order = range(1, len(found) + 1)
    keyed = sorted(order, key=lambda number: found[number - 1].group) if several else order
    for group, numbers in groupby(keyed, key=lambda number: found[number - 1].group if several else None):
        mine = list(numbers)
        if group is not None:
            lines.append(f"connection {group + 1}")
        lines += message_lines(found, mine, out, pad)
        lines += ladder_text.socket_lines([each for each in events if group in (None, whose(model, each))], model)
    rest = [each for each in events if several and whose(model, each) is None]
    if rest and (told := ladder_text.socket_lines(rest, model)):
        lines += ["of no one connection", *told]
    if left:
        lines.append(f"  ({count(left, 'socket event')} in the part left out)")
    if model.origin:
        lines.append(f"tape: {model.origin}")
    return "\n".join(lines)


def message_lines(
    found: Sequence[Said], numbers: Sequence[int] | None = None, out: Container[int] = (), pad: int = 0
) -> list[str]:
    """A line for each of these messages.

    numbers: which of them, from 1; None for all. out: those that are left out. pad: room for what they are called.
    """
    numbers = range(1, len(found) + 1) if numbers is None else numbers
    pad = min(pad or max((len(said.words) for said in found), default=0), _PAD)
    lines: list[str] = []
    last: Said | None = None
    told = False
    for number in numbers:
        said = found[number - 1]
        if number in out:
            if not told:
                lines.append(f"  ({count(sum(each in out for each in numbers), 'message')} left out)")
            told, last = True, None
            continue
        if last is not None and (gap := ladder_text.stall(said.began_ns - last.ended_ns, timer=False)):
            lines.append(f"  (gap of {gap} or more)")
        arrow = "client → server" if said.right else "client ← server"
        wrong = f"  {said.wrong}" if said.wrong else ""
        lines.append(f"  {arrow}  {said.words:<{pad}}  {said.rest}{wrong}".rstrip())
        last = said
    return lines
