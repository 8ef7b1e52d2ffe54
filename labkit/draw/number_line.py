"""The bytes that one side sent, on a line of sequence numbers: what each number stands for, and what was acknowledged.

Rule: reads the packets of one TCP connection; what is written in the picture is written in its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import groups, page, style
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, given, preview, visible, width, wrap

_CELL, _WIDEST, _HIGH = 38, 72, 34  # least and most width, and height, of the box of one number, px
_ROOM = style.WIDTH - 2 * MARGIN
_LEVEL = 32  # height of a row of labels above or below the line, px
_LEVELS = 4  # of labels on one side
_ENDS = (2, 1)  # bytes shown at the start and the end of a segment that is too long


@dataclass(slots=True)
class _Piece:
    """Numbers that were sent together: the first, the one after the last, what they are, and in which packets."""

    start: int
    end: int
    what: str  # "SYN", "FIN", "" for data
    body: bytes = b""
    packets: list[int] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)

    @property
    def carried(self) -> str:
        """In which packets: ``"packet 4"``, ``"packets 5 (lost), 9"``."""
        told = [f"{number} (lost)" if number in self.lost else str(number) for number in self.packets]
        return f"packet{'s' if len(told) > 1 else ''} {', '.join(told)}"

    @property
    def words(self) -> str:
        """What they are: ``"SYN"``, ``"5 bytes “hello”"``."""
        return self.what or f"{count(self.end - self.start, 'byte')} {preview(self.body)}".rstrip()


@in_words
def number_line(tape: Any, *, sender: str = "client", title: str | None = None) -> Picture:
    """Draw the bytes that one side of a connection sent on a line of sequence numbers.

    A SYN and a FIN take one number each, a byte of data one each. Above the line are the numbers that the other side
    acknowledged, each at the byte that it asks for next; below it the packets that carried the bytes. Of long segments
    the middle is left out. Numbers are relative: the SYN has 0.

    tape: a tape, a part of one, or a list of packets; of several connections the first is drawn. sender: whose bytes,
    ``"client"`` or ``"server"``. title: in place of the picture's own. Returns a Picture.
    Raises LabError for anything that is no row of packets, another sender, and packets without sequence numbers.
    Source: RFC 9293 §3.4.
    """
    if sender not in ("client", "server"):
        raise LabError(f"sender={given(sender)} is no side", 'Give sender="client" or sender="server".')
    found, note = _connection(tape)
    pieces = _pieces([packet for packet in found if packet.sender == sender])
    if not pieces:
        raise LabError(
            f"the {sender} sent no TCP segment with a number on this tape",
            "Give a tape with a SYN, a FIN or data of that side.",
        )
    acks: dict[int, list[int]] = {}
    for packet in found:
        if packet.sender != sender and "ACK" in packet.flags:
            acks.setdefault(packet.ack, []).append(packet.number)
    first, end = min(piece.start for piece in pieces), max(piece.end for piece in pieces)
    other = "server" if sender == "client" else "client"
    heading = visible(title) if title is not None else f"The bytes of the {sender}, by their sequence numbers"
    origin = getattr(tape, "origin", "")
    source = visible(origin) if isinstance(origin, str) and origin else ""
    text = "\n".join(
        [
            f"{heading}: {first} to {end - 1}",
            *([f"  {note}"] if note else []),
            *(f"  {_span(piece)}: {piece.words}, {piece.carried}" for piece in pieces),
            *(
                f"  ack={ack} from the {other}: {_asks(ack, pieces, end)}, {_numbers(acks[ack])}"
                for ack in sorted(acks)
            ),
            *([f"tape: {source}"] if source else []),
        ]
    )
    canvas = Canvas(groups.css())
    y = MARGIN + 14.0
    for line in wrap(heading, _ROOM, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    said = f"above: what the {other} acknowledged, at the number it expects next; below: the packets of the {sender}"
    canvas.raw(MARGIN, y - 3, fit(f"{note}; {said}" if note else said, _ROOM, "s"), "s")
    y = _line(canvas, y + 12, pieces, acks, sender == "client")
    if source:
        canvas.raw(MARGIN, y + 10, fit(f"tape: {source}", _ROOM, "s"), "s")
        y += 20
    svg = canvas.finish(y + 8, heading, text)
    return Picture(text, text, svg=svg, html=page.alone(svg, text))


def _connection(tape: Any) -> tuple[list[Any], str]:
    """The packets of one connection, and a word about the others. Raises LabError if these are no packets."""
    alone = hasattr(tape, "time_ns") and hasattr(tape, "sender")
    if alone or isinstance(tape, (str, bytes, Mapping)) or not isinstance(tape, Iterable):
        raise LabError(f"cannot draw the numbers of {given(tape)}", "Give a tape, or a part of one (tape[2:5]).")
    found = list(tape)
    if not all(hasattr(packet, "seq") and hasattr(packet, "sender") for packet in found):
        raise LabError(f"cannot draw the numbers of {given(tape)}", "Give a tape, or a part of one (tape[2:5]).")
    talks: dict[frozenset[Any], list[Any]] = {}
    for packet in found:
        if packet.protocol == "TCP":
            talks.setdefault(frozenset((packet.src, packet.dst)), []).append(packet)
    if not talks:
        raise LabError("there is no TCP segment on this tape", "Sequence numbers are in TCP segments; UDP has none.")
    return next(iter(talks.values())), f"the first of {count(len(talks), 'connection')}" if len(talks) > 1 else ""


def _pieces(packets: Sequence[Any]) -> list[_Piece]:
    """The numbers that these packets carry, in order; the same numbers sent again are one piece of several packets."""
    found: dict[tuple[int, int, str], _Piece] = {}
    for packet in packets:
        at = packet.seq
        parts: list[tuple[int, str, bytes]] = []
        if "SYN" in packet.flags:
            parts.append((1, "SYN", b""))
        if packet.length:
            parts.append((packet.length, "", packet.payload))
        if "FIN" in packet.flags:
            parts.append((1, "FIN", b""))
        for size, what, body in parts:
            piece = found.setdefault((at, at + size, what), _Piece(at, at + size, what, body))
            piece.packets.append(packet.number)
            if packet.verdict is not None and packet.verdict.kind == "dropped":
                piece.lost.add(packet.number)
            at += size
    return sorted(found.values(), key=lambda piece: (piece.start, piece.end))


def _span(piece: _Piece) -> str:
    return str(piece.start) if piece.end == piece.start + 1 else f"{piece.start}-{piece.end - 1}"


def _asks(ack: int, pieces: Sequence[_Piece], end: int) -> str:
    """What an acknowledgment number says."""
    if ack >= end:
        return "all of it has arrived"
    what = next((piece.what for piece in pieces if piece.start == ack and piece.what), "")
    return f"everything before {ack} has arrived, next the {what}" if what else f"everything before {ack} has arrived"


def _numbers(packets: Sequence[int]) -> str:
    """``"packet 5"``, ``"packets 5, 7, 9"``, ``"packets 5, 7, 9 and 12 more"``."""
    more = f" and {len(packets) - 3} more" if len(packets) > 3 else ""
    return f"packet{'s' if len(packets) > 1 else ''} {', '.join(map(str, packets[:3]))}{more}"


# ---- the picture


def _shown(pieces: Sequence[_Piece], most: int) -> list[int | None]:
    """The numbers that get a box, in order, and one more behind the last; None for those left out between them.

    Of a long segment the first ones and the last are kept. If the segments are too many, the first and the last stay,
    then what was lost or sent again, then the others from the left.
    """
    first, end = pieces[0].start, max(piece.end for piece in pieces)
    if end - first < most:
        return list(range(first, end + 1))
    order = sorted(pieces, key=lambda piece: (piece is not pieces[0] and piece is not pieces[-1],
                                              len(piece.packets) < 2 and not piece.lost))  # fmt: skip
    numbers = {end}
    for piece in order:
        inside = range(piece.start, piece.end)
        short = len(inside) <= sum(_ENDS) + 1
        more = numbers | {*(inside if short else [*inside[: _ENDS[0]], *inside[-_ENDS[1] :]])}
        if len(_broken(sorted(more))) <= most:
            numbers = more
    return _broken(sorted(numbers))


def _broken(numbers: Sequence[int]) -> list[int | None]:
    """The numbers with None where some are left out."""
    out: list[int | None] = []
    for number in numbers:
        if out and out[-1] is not None and number != out[-1] + 1:
            out.append(None)
        out.append(number)
    return out


def _line(canvas: Canvas, y: float, pieces: Sequence[_Piece], acks: Mapping[int, list[int]], client: bool) -> float:
    """The boxes with what is above and below them; returns the y below."""
    end = max(piece.end for piece in pieces)
    cell = max(_CELL, round(width(str(end), "z")) + 8)
    line = _shown(pieces, int(_ROOM // cell))
    cell = min(max(cell, int(_ROOM // len(line))), _WIDEST)
    left = {number: MARGIN + cell * at for at, number in enumerate(line) if number is not None}
    own, theirs = ("ac", "as") if client else ("as", "ac")
    y, above = _asked(canvas, y, {ack: left[ack] + cell // 2 for ack in sorted(acks) if ack in left}, acks, theirs)
    _cells(canvas, y, line, cell, _letters(pieces))
    seen = [(piece, left[piece.start], left[piece.end - 1] + cell) for piece in pieces
            if piece.start in left and piece.end - 1 in left]  # fmt: skip
    y, below = _carried(canvas, y + _HIGH + 24, seen, own)
    more = [count(len(pieces) - below, "more segment")] if len(pieces) > below else []
    more += [count(len(acks) - above, "more acknowledgment number")] if len(acks) > above else []
    if more:
        canvas.raw(MARGIN, y + 12, f"not drawn: {', '.join(more)}", "s")
        y += 20
    return y


def _asked(
    canvas: Canvas, y: float, at: Mapping[int, int], acks: Mapping[int, list[int]], side: str
) -> tuple[float, int]:
    """The acknowledgment numbers above the line, each with an arrow to its box; at: the middle of that box.

    Returns the y of the boxes, and how many numbers found room.
    """
    marks = [(x, f"ack={ack}", _numbers(acks[ack])) for ack, x in at.items()]
    placed, rows = _levels([(x - _wide(*words) / 2, x + _wide(*words) / 2) for x, *words in marks])
    top = y + rows * _LEVEL + 6
    for (x, words, where), level in zip(marks, placed, strict=True):
        if level < 0:
            continue
        text = top + 6 - (level + 1) * _LEVEL
        middle = _inside(x, _wide(words, where))
        canvas.raw(middle, text, words, f"w c t{side}")
        canvas.raw(middle, text + 12, where, "k c")
        canvas.path(f"M{x} {text + 16:.0f}V{top - 7:.0f}", side, below=True)
        canvas.path(f"M{x} {top - 1:.0f}l-4 -7h8z", side)
    return top, sum(level >= 0 for level in placed)


def _cells(canvas: Canvas, y: float, line: Sequence[int | None], cell: int, letters: Mapping[int, str]) -> None:
    """The boxes of the numbers; the last one is the number that nothing has yet."""
    for at, number in enumerate(line):
        x = MARGIN + cell * at
        if number is None:
            canvas.raw(x + cell / 2, y + 21, "…", "n c")
            continue
        what = letters.get(number, "")
        last = at == len(line) - 1
        canvas.rect(x, y, cell, _HIGH, "paper" if last else f"u{groups.CONTROL if len(what) == 3 else groups.PLAIN}")
        canvas.path(f"M{x} {y:.0f}h{cell}v{_HIGH}h-{cell}z", "box dash" if last else "box")
        canvas.raw(x + cell / 2, y + 21, what, "v c")
        canvas.raw(x + cell / 2, y + _HIGH + 14, str(number), "z c")


def _carried(canvas: Canvas, y: float, seen: Sequence[tuple[_Piece, int, int]], side: str) -> tuple[float, int]:
    """A bracket below each piece, with the packets that carried it; returns the y below, and how many found room."""
    labels = [[*([] if piece.what else [count(piece.end - piece.start, "byte")]), piece.carried] for piece, *_ in seen]
    spans = []
    for (_, start, stop), words in zip(seen, labels, strict=True):
        half, middle = _wide(*words) / 2, _inside((start + stop) / 2, _wide(*words))
        spans.append((min(start, middle - half), max(stop, middle + half)))
    placed, rows = _levels(spans)
    for (_, start, stop), words, level in zip(seen, labels, placed, strict=True):
        if level < 0:
            continue
        top = y + level * (_LEVEL + 8)
        canvas.path(f"M{start + 3} {top:.0f}v5M{start + 3} {top + 5:.0f}H{stop - 3}M{stop - 3} {top + 5:.0f}v-5", side)
        for number, text in enumerate(words):
            canvas.raw(_inside((start + stop) / 2, _wide(*words)), top + 18 + 13 * number, text, f"k c t{side}")
    return y + rows * (_LEVEL + 8), sum(level >= 0 for level in placed)


def _wide(*words: str) -> float:
    return max(width(text, "w") for text in words) + 12


def _inside(x: float, wide: float) -> float:
    """The middle of a text so that it stays within the margins."""
    return min(max(x, MARGIN + wide / 2), style.WIDTH - MARGIN - wide / 2)


def _levels(spans: Sequence[tuple[float, float]]) -> tuple[list[int], int]:
    """A level for each span, so that none lies on another; -1 for those without room. And how many levels there are."""
    ends: list[float] = []
    out = []
    for start, stop in spans:
        level = next((at for at, end in enumerate(ends) if end <= start), len(ends))
        if level >= _LEVELS:
            out.append(-1)
            continue
        ends[level:] = [stop] if level == len(ends) else [stop, *ends[level + 1 :]]
        out.append(level)
    return out, len(ends)


def _letters(pieces: Sequence[_Piece]) -> dict[int, str]:
    """What goes into the box of each number: SYN, FIN, a letter, or a byte in hex."""
    found: dict[int, str] = {}
    for piece in pieces:
        if piece.what:
            found[piece.start] = piece.what
        for at, byte in enumerate(piece.body):
            text = visible(chr(byte)) if byte < 0x7F else ""
            found[piece.start + at] = (
                text if len(text) in (1, 2) and text != " " else "␣" if byte == 32 else f"{byte:02x}"
            )
    return found
