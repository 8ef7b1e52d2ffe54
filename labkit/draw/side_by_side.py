"""One exchange on three levels, side by side on one time axis: what the programs did, the packets, the messages.

Rule: packets and events are drawn as in a ladder; a message begins and ends beside the packets that do this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import ladder_frame, ladder_model, ladder_text, style
from labkit.draw.ladder_drawing import Drawing
from labkit.draw.ladder_fold import folded, without_acks
from labkit.draw.ladder_model import Fold, Item, Ladder, Rung, flat
from labkit.draw.ladder_resets import judge
from labkit.draw.message_ladder import message_lines, whose
from labkit.draw.message_lanes import Lanes, label, left_unsaid
from labkit.draw.message_model import Said, messages_of, noun, spelled, spoken, with_handshakes
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN, SLOPE, Shape
from labkit.draw.text import count, fit, given, visible, width, wrap

if TYPE_CHECKING:
    from labkit.packets.tape import Tape

_SHAPE = Shape(style.WIDTH, 1, 190, 430, 60)
_CLIENT, _SERVER = 480, 720  # x of the lifelines of the messages
_MIDDLE, _ROOM = (_CLIENT + _SERVER) // 2, _SERVER - _CLIENT - 24
_STEP = style.RUNG - SLOPE - 3
_LISTED = 40  # most packets that the text names, and most messages
_ROWS = (24, 16, 10, 6)  # rows to which a picture that is too high is cut, one after the other


@in_words
def side_by_side(tape: Tape, *, of: str = "HTTP", title: str | None = None) -> Picture:
    """Draw one connection on three levels with one time axis: socket events, packets, and messages.

    tape: a Tape with one connection that carries messages: ``connection.packets`` is a part with one. of: their
    protocol. title: in place of the tape's own. An arrow of a message begins beside its first packet and ends beside
    the packet with which it was whole. What does not fit a screen is left out, and the picture says so: first the ACKs,
    then packets in the middle. Returns a Picture; its text has all levels. Raises LabError for anything that is not a
    tape, a tape without messages, and one with messages in several connections.
    """
    found, groups = spoken(tape, with_handshakes(tape, messages_of(tape, of, "side_by_side")))
    if len(groups) > 1:
        raise LabError(
            f"this tape has messages in {count(len(groups), 'connection')}, and there is room for one",
            "Give the packets of one: draw.side_by_side(tape.connections[0].packets).",
        )
    if title is not None and not isinstance(title, str):
        raise LabError(f"title={given(title)} is not text", "Give a title in quotes, or leave it out.")
    ends = groups[0].client, groups[0].server
    part = next(each.packets for each in tape.connections if (each.client, each.server) == ends)
    model = ladder_model.read(part, limit=None, rows=_rows)
    model.events = [each for each in model.events if each.remote is None or whose(model, each) is not None]
    port = ladder_text.heading(model).partition(", ")[2]
    mine = sum(each.message.protocol.upper() == of.upper() for each in found)
    said = f"{count(mine, f'{spelled(of)} {noun(of)}')} in {count(len(model.rungs), 'packet')}, {port}"
    listed = ladder_model.read(part, limit=_LISTED, rows=_rows)
    listed.events = model.events
    text = _twin(listed, found, said, of, title)
    heading = visible(title) if title else said
    svg = ""
    alt = ladder_text.shortened(text)
    for rows, left, unsaid, stretch in _attempts(model):
        short = replace(model, left_out=left)
        svg, high = _Levels(rows, short, found, heading, unsaid, stretch, f"{spelled(of)} {noun(of)}s").drawn(alt)
        if high <= style.HIGH:
            break
    style.Session.told = style.Session.told or bool(model.events)
    return Picture(text, alt, svg=svg)


def _rows(rungs: list[Rung]) -> list[Item]:
    if any(rung.reset for rung in rungs):
        judge(rungs)
    return list(rungs)


def _attempts(model: Ladder) -> list[tuple[list[Item], list[Rung], str, float]]:
    """What to draw, in the order in which it is tried: rows, packets left out between them, and how waits stretch.

    The third is what else is not drawn, in words.
    """
    whole = model.items
    short = folded(model.rungs, ends=True, data=False)
    sparse = without_acks(short, ())
    gone = len(flat(short)) - len(flat(sparse))
    words = f"{count(gone, 'ACK')} of data" if gone else ""
    found: list[tuple[list[Item], list[Rung], str, float]] = [
        (whole, [], "", 1.0),
        (whole, [], "", 0.3),
        (short, [], "", 0.3),
        (sparse, [], words, 0.0),
    ]
    for rows in _ROWS:
        if rows < len(sparse):
            head, tail = sparse[: rows - rows // 3], sparse[-(rows // 3) :]
            found.append(([*head, *tail], flat(sparse[len(head) : -len(tail)]), words, 0.0))
    return found


class _Levels(Drawing):
    """The packets as in a ladder, the messages beside them, the events at the outer lifelines."""

    def __init__(
        self, rows: list[Item], model: Ladder, found: Sequence[Said], title: str, unsaid: str, stretch: float, of: str
    ) -> None:
        super().__init__(model, title, _SHAPE, None, told=style.Session.told, stretch=stretch)
        self.rows, self.unsaid, self.of = rows, unsaid, of
        self.compact, self.payloads, self.many = True, False, False
        self.poles = (_SHAPE.client, _SHAPE.server, _CLIENT, _SERVER)
        drawn = {rung.number for rung in flat(rows)}
        self.begins: dict[int, list[Said]] = {}
        self.ends: dict[int, list[Said]] = {}
        self.unseen = 0  # messages none of whose packets is drawn
        for said in found:
            numbers = [number for number in said.message.packets if number in drawn]
            if not numbers:
                self.unseen += 1
                continue
            done = said.message.completed_by
            self.begins.setdefault(numbers[0], []).append(said)
            self.ends.setdefault(done if done in drawn and done >= numbers[0] else numbers[-1], []).append(said)
        self.lanes = Lanes(_CLIENT, _SERVER)
        self.unsaid_parts = left_unsaid(found, _ROOM)
        self.flying: set[int] = set()  # by id of what is said

    def drawn(self, desc: str) -> tuple[str, float]:
        """The markup, and its height in px."""
        self.y = self.life_from = self.top()
        self.taken = dict.fromkeys((*self.taken, "message"), self.y)
        self.taken["packet"] += 4
        self.body()
        self.lines(self.y + 14)
        high = ladder_frame.foot(self.canvas, self.model, self.y + 14, self.events, 0, told=self.told)
        return self.canvas.finish(high, self.title, desc), high

    def top(self) -> float:
        """Title, and what stands above the columns; returns the y at which the lifelines begin."""
        canvas = self.canvas
        y = MARGIN + 14.0
        for line in wrap(self.title, style.WIDTH - 2 * MARGIN, "h", 2):
            canvas.raw(MARGIN, y, line, "h")
            y += 22
        if self.unsaid:
            canvas.raw(MARGIN, y, f"{self.unsaid} not drawn", "s")
            y += 20
        canvas.raw(_SHAPE.time, y + 30, "ms", "z e")
        canvas.raw(_SHAPE.middle, y + 10, "packets", "g c")
        canvas.raw(_MIDDLE, y + 10, self.of, "g c")
        canvas.raw(_SHAPE.client - 12, y + 10, "client's socket", "k e")
        canvas.raw(_SERVER + 12, y + 10, "server's socket", "k")
        for x, who in zip(self.poles, ("client", "server") * 2, strict=True):
            canvas.raw(x, y + 30, who, f"ev ta{who[0]} c")
        return y + 38

    def leave_out(self) -> None:
        """The packets in the middle that are not drawn, and the messages that they carry."""
        words = f"{count(len(self.model.left_out), 'packet')} not drawn"
        top = self.y = max(self.y, *self.taken.values())
        self.stall(words)
        if self.unseen:
            messages = f"{count(self.unseen, 'message')} not drawn"
            wide = min(width(messages, "ev") + 30, _ROOM)
            self.canvas.rect(_MIDDLE - wide / 2, top + 14, wide, self.y - top - 22, "card", 15)
            self.canvas.raw(_MIDDLE, (top + 6 + self.y) / 2 + 4, fit(messages, wide, "ev"), "ev c")

    def arrow(self, rung: Rung) -> None:
        """A packet, and the messages that begin or end with it."""
        super().arrow(rung)
        start, end = self.last
        self.beside(rung.number, start, end)

    def fold(self, fold: Fold) -> None:
        """Several packets in one row; a message that goes up to the end of the connection ends here."""
        super().fold(fold)
        for rung in fold.rungs:
            self.beside(rung.number, round(self.taken["packet"]) - SLOPE, round(self.taken["packet"]))

    def beside(self, number: int, start: int, end: int) -> None:
        """Begin and end messages beside a packet whose arrow goes from y to y."""
        ends = self.ends.get(number, ())
        for said in self.begins.get(number, ()):
            y = round(max(start, self.taken["message"] + _STEP))
            self.taken["message"] = y + SLOPE + 3
            self.words(said, y)
            line = self.arrows["ac" if said.right else "as"]
            if any(said is each for each in ends):
                line.append(self.lanes.whole(said.right, y))
            else:
                line.append(self.lanes.begin(id(said), said.right, y))
                self.flying.add(id(said))
            if y > start:
                self.y = max(self.y, y + 6)
        for said in ends:
            if id(said) not in self.flying:
                continue
            self.flying.remove(id(said))
            path, y = self.lanes.end(id(said), end)
            self.arrows["ac" if said.right else "as"].append(path)
            self.taken["message"] = max(self.taken["message"], y - 8)
            if y > end:
                self.y = max(self.y, y + 6)

    def words(self, said: Said, y: int) -> None:
        """What stands above the arrow of a message."""
        parts = [said.message.state, *(part for part in said.parts if part not in self.unsaid_parts)]
        words, rest = label(said.words, parts, _ROOM - 2 * self.lanes.taken)
        self.canvas.label(_MIDDLE, y - 4, words, f"fl ta{'c' if said.right else 's'}", rest, "m c")


def _twin(model: Ladder, found: Sequence[Said], said: str, of: Any, title: str | None) -> str:
    """All levels in words: messages, packets, then the events of both sides."""
    lines = ladder_text.twin(model).split("\n")
    return "\n".join(
        [
            f"{visible(title)}: {said}" if title else f"Side by side: {said}",
            f"{spelled(of)} {noun(of)}s",
            *message_lines(found, out=range(_LISTED - _LISTED // 4 + 1, len(found) - _LISTED // 4 + 1)),
            "packets",
            *lines[1:],
        ]
    )
