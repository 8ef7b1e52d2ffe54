"""A message as rows of text: each line as it was sent, each piece with what it is for, a long body cut short.

Rule: reads a message's fields and its buffer, draws nothing; all text of a row has passed `visible`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING

from labkit.draw.text import count, preview, visible, width
from labkit.packets.model import Field

if TYPE_CHECKING:
    from labkit.packets.buffers import Buffer
    from labkit.packets.messages import Message

START, NAME, VALUE, FRAMING, BODY, WRONG = range(6)

WORDS = ("start line", "field name", "field value", "framing: where things end", "body", "missing, or wrong")
"""What each kind of piece is called under the picture."""

LINES = 4  # most rows of one line of the header
BODY_LINES = 9  # most rows of one run of the body
ROWS = 32  # most rows of a message
_TAIL = 9  # of which so many are its last ones
_HOLES = 7  # most rows for what is left out: the bytes that are missing are named among them
_HEX = 16  # bytes in a row of a body that is no text
_LOOKED = 200  # bytes that decide whether a body is text
_PER_ROW = 512  # bytes of a body that are looked at for one row: more do not fit into it
_LINE_ENDS = re.compile(r"(\r|\n)")
_CHUNK_SIZE = ".chunk.size"


@dataclass(slots=True)
class Run:
    """A piece of a row. kind: `START` to `WRONG`. mark: it is CR or LF. volatile: another one in each run."""

    text: str
    kind: int
    mark: bool = False
    volatile: bool = False


@dataclass(slots=True)
class Row:
    """One row: pieces from left to right.

    start, stop: its bytes in the buffer. name: what it is, for the margin. more: it stands for bytes not shown, or not
    there. goes_on: it continues the row above, which was too long. buffer: where its bytes are, if not in the
    message's.
    """

    start: int
    stop: int
    name: str
    runs: list[Run] = field(default_factory=list)
    more: bool = False
    goes_on: bool = False
    ended: bool = False
    buffer: Buffer | None = None

    def packets(self, message: Message) -> tuple[int, ...]:
        """The packets that brought it."""
        return (self.buffer or message.buffer).packets(self.start, self.stop)


Leaf = tuple[Field, tuple[Field, ...]]
"""An undivided field, and the fields that it is a part of, outermost first."""


def leaves(fields: Sequence[Field], above: tuple[Field, ...] = ()) -> Iterator[Leaf]:
    """Yield the undivided fields in their order, each with those above it."""
    for item in fields:
        if item.children:
            yield from leaves(item.children, (*above, item))
        else:
            yield item, above


def kind_of(leaf: Field, above: Sequence[Field]) -> int:
    """What a piece is for, by its name: `START` to `WRONG`."""
    last = leaf.name.rpartition(".")[2]
    if leaf.name in ("malformed", "incomplete"):
        return WRONG
    if last in ("crlf", "leading_crlf", "chunk_boundary") or ".chunk." in leaf.name:
        return FRAMING
    if ".field." in leaf.name:
        return {"name": NAME, "value": VALUE}.get(last, FRAMING)
    if last in ("file_data", "chunk_data", "data"):
        return BODY
    return START if any(item.name.endswith("start_line") for item in above) or last == "magic" else BODY


def _name(leaf: Field, above: Sequence[Field]) -> str:
    """What the row that begins with this piece is called."""
    outer = above[-1] if above else leaf
    if ".field." in leaf.name:
        inside = any(item.name.endswith("trailer_part") for item in above)
        return "trailer field" if inside else "header field"
    if leaf.name.endswith(_CHUNK_SIZE):
        return f"chunk size: {leaf.meaning}" if leaf.meaning else "chunk size"
    if outer.name.endswith("start_line"):
        return outer.label.lower()
    if leaf.name.endswith("crlf"):
        why = re.split(r"[;:.]", leaf.why, maxsplit=1)[0] if leaf.name.endswith(".crlf") else ""
        return leaf.label.lower() + (f": {why[:1].lower()}{why[1:]}" if why else "")
    if leaf.name.endswith("status_code"):
        return f"code {leaf.shown}: {leaf.meaning}"
    if leaf.name.endswith("file_data"):
        return f"body: {count(leaf.bits // 8, 'byte')}"
    return leaf.label[:1].lower() + leaf.label[1:]


def rows_of(message: Message, room: float) -> list[Row]:
    """The rows of a message. room: for the text of a row, px."""
    return _shortened(rows_of_buffer(message.buffer, message.fields, room))


def rows_of_buffer(buffer: Buffer, fields: Sequence[Field], room: float, before: str = "") -> list[Row]:
    """The rows of these fields in a buffer. room: for the text of a row, px. before: in front of the rows' names."""
    data, holes = buffer.data, buffer.holes
    rows: list[Row] = []
    for leaf, above in leaves(fields):
        start, stop = leaf.start // 8, leaf.end // 8
        kind, volatile = kind_of(leaf, above), leaf.volatile or any(item.volatile for item in above)
        if leaf.name.endswith((".name", ".colon", ".crlf", ".ows")):
            volatile = False
        name = visible(before + _name(leaf, above))
        for first, end, there in _parts(start, stop, holes):
            if not there:
                words = f"{count(end - first, 'byte')} missing"
                rows.append(Row(first, end, name, [Run(words, WRONG)], more=True, goes_on=first > start, ended=True))
            elif kind in (BODY, WRONG) and not preview(data[first : min(end, first + _LOOKED)], _LOOKED):
                rows += _hex(data, first, end, kind, name)
            else:
                _text(rows, data, (first, end), kind, name, room, volatile=volatile, behind=first > start)
    for row in rows:
        row.buffer = buffer
    return rows


def _parts(start: int, stop: int, holes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """These bytes in runs that are there, and runs that are missing."""
    at = start
    for low, high in holes:
        low, high = max(low, at), min(high, stop)
        if low >= high:
            continue
        if at < low:
            yield at, low, True
        yield low, high, False
        at = high
    if at < stop:
        yield at, stop, True


def _text(
    rows: list[Row], data: bytes, place: tuple[int, int], kind: int, name: str, room: float, *, volatile: bool,
    behind: bool,
) -> None:  # fmt: skip
    """Add a piece that is text: to the row that is open, or as rows of its own. behind: missing bytes are before it."""
    first, end = place
    most = BODY_LINES if kind in (BODY, WRONG) and not behind else LINES
    used = 0  # rows that this piece has begun
    at = first
    taken = data[first : min(end, first + most * _PER_ROW)].decode("utf-8", "surrogateescape")
    for piece in _LINE_ENDS.split(taken):
        rest = piece
        while rest and used <= most:
            mark = rest in "\r\n"
            row = rows[-1] if rows and not rows[-1].ended else None
            if row is None:
                used += 1
                row = Row(at, at, name, goes_on=bool(rows) and rows[-1].more and rows[-1].stop == at)
                rows.append(row)
            part = rest if mark else _fitting(rest, room - wide(row.runs))
            if not part:
                row.ended = True
                used += 1
                if used <= most:
                    rows.append(Row(at, at, row.name, goes_on=True))
                continue
            at += len(part.encode("utf-8", "surrogateescape"))
            row.stop, rest = at, rest[len(part) :]
            row.runs.append(Run({"\r": "CR", "\n": "LF"}[part] if mark else visible(part), kind, mark, volatile))
            if mark and part == "\n":
                row.ended = True
                used += used == most  # this was the last one
    if at < end:
        rows.append(_more(at, end, name, kind))


def _more(start: int, stop: int, name: str, kind: int) -> Row:
    """The row that stands for bytes which are not shown."""
    words = f"… {count(stop - start, 'more byte')}"
    return Row(start, stop, name, [Run(words, kind)], more=True, goes_on=True, ended=True)


def wide(runs: Sequence[Run]) -> int:
    """The width of these pieces, whole px each."""
    return sum(MARK if run.mark else ceil(width(run.text, "x")) for run in runs)


MARK = 24  # width of the sign for CR or LF, px


def _fitting(text: str, room: float) -> str:
    """The start of a text that fits; ``""`` if not even one character does."""
    if width(visible(text), "x") <= room:
        return text
    keep = min(len(text), int(room // 7))
    while keep > 0 and width(visible(text[:keep]), "x") > room:
        keep -= 1
    return text[: max(keep, 0)]


def _hex(data: bytes, first: int, end: int, kind: int, name: str) -> Iterator[Row]:
    """Bytes that are no text, 16 a row."""
    for number, at in enumerate(range(first, end, _HEX)):
        if number == BODY_LINES:
            yield _more(at, end, name, kind)
            return
        here = data[at : min(at + _HEX, end)]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in here)
        run = Run(f"{here.hex(' '):<{3 * _HEX - 1}}  {letters}", kind)
        yield Row(at, at + len(here), name, [run], goes_on=at > first, ended=True)


def _shortened(rows: list[Row]) -> list[Row]:
    """The rows that fit a screen: the first ones, the last ones, and in between how much is left out."""
    if len(rows) <= ROWS:
        return rows
    head, gone, tail = rows[: ROWS - _TAIL - 1], rows[ROWS - _TAIL - 1 : -_TAIL], rows[-_TAIL:]
    between: list[Row] = []
    for missing, found in groupby(gone, key=lambda row: row.runs[0].kind == WRONG and row.more if row.runs else False):
        part = list(found)
        if missing:
            between += part
            continue
        lines = sum(not row.goes_on for row in part)
        start, stop = part[0].start, part[-1].stop
        row = _more(start, stop, "", FRAMING)
        if lines:
            row.runs[0].text = f"… {count(lines, 'more line')}, {count(stop - start, 'byte')}"
        between.append(row)
    return [*head, *between[:_HOLES], *tail]
