"""The RFC picture: 32 bits a row, filled with this packet's values; bytes and a table of fields open by a click.

Rule: draws any Layer and knows no protocol; `labkit.packets` says what a field means.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.core.calls import in_words
from labkit.core.checks import whole
from labkit.draw import groups, page, style
from labkit.draw.bits_folds import BYTES, bytes_of, table_of
from labkit.draw.dump import counting
from labkit.draw.dump import lines as dump_lines
from labkit.draw.picture import Picture
from labkit.draw.short_names import key
from labkit.draw.style import BIT, BITS_LEFT, MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width, wrap
from labkit.draw.units import (
    HIDDEN,
    Sheet,
    as_sent,
    focused,
    is_apart,
    is_packet,
    meaning,
    origin,
    sheets,
    shown,
    span,
)
from labkit.packets.model import Field, Layer

_KEEP = 2  # whole rows drawn of a field that fills many
_ROW = 34  # height of 32 bits, px
_CUT = 24  # of the row that stands for many
_HEAD = 52  # what the name and the ruler of a layer take, px
_ROOM = 650  # of the rows of one picture, px: with its title and its origin it fits a screen of 800

Cell = tuple[Field, int, bool, int, int]
Row = tuple[int, list[Cell]]


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows of one layer that are drawn together. rest: whether earlier ones are in another picture."""

    sheet: Sheet
    rows: list[Row]
    rest: bool = False


@in_words
def bits(
    thing: Any,
    *,
    focus: str | Collection[str] = (),
    first: int | None = None,
    hide: Collection[str] = (),
    why: bool = False,
    legend: bool = True,
    dump: bool = True,
    title: str | None = None,
) -> Picture:
    """Draw header fields as the RFCs do: 32 bits a row, each field a box with its name and this packet's value.

    thing: a layer (``packet["TCP"]``), a packet (all its layers, one below the other), a WebSocket frame
    (``tape.frames[0]``; as it was sent, and its payload without the mask), a TLS record (``tape.records[0]``; as it was
    sent, and decrypted), a message of the TLS handshake (``tape.handshake[0]``), a certificate, or a Scapy layer.
    focus: labels or names of fields that are lit (``"Window"``); the others are grey. first: draw only so many bytes of
    each layer. hide: names of fields whose values show as ``?`` in the picture, in its bytes and in its text, for
    exercises. why: say in the table why each field exists. legend, dump: offer the table of fields, the bytes; in a
    notebook they open by a click. title: in place of the layer's own. Returns a Picture; its text has everything, and
    its SVG too, unless there is a layer of text (HTTP) that fills more than one screen: `message` draws that.
    Raises LabError for anything that has no layers, an unknown name in ``focus`` or ``hide``, or fewer bytes than one.
    Source: RFC 9293 §3.1 for the form.
    """
    if first is not None:
        first = whole(first, "a number of bytes to draw", 1)
    parts, alone = sheets(thing, hide, first), not is_packet(thing)
    named = not alone or is_apart(thing)  # each layer has its name above it
    lit = None if isinstance(focus, (tuple, list, set)) and not focus else focused(parts, focus)
    heading = visible(title) if title is not None else _heading(thing, [part.layer for part in parts])
    tape = f"tape: {source}" if (source := origin(thing)) else ""
    text = "\n".join(
        [
            *([heading] if title is not None else []),
            *(line for part in parts for line in _twin(part, alone, lit)),
            *([visible(f"{thing.state}: {thing.reason}")] if is_apart(thing) and thing.state else []),
            *([tape] if tape else []),
        ]
    )
    pages = _pages(parts)
    top = svg = _draw(pages[0], heading, text, tape, not named, lit)
    if len(pages) > 1 and any(_is_text(part) for part in parts):
        rest = f"not drawn here: {', '.join(map(_rest, pages[1:]))}; draw.message(packet.messages[0]) draws the text"
        svg = _draw(pages[0], heading, text, rest, not named, lit)
    elif len(pages) > 1:
        svg = _draw([block for each in pages for block in each], heading, text, tape, not named, lit)
    said = "; ".join([heading, *(line for part in parts for line in _values(part, lit))])
    shown_parts = [page.image(top, said)]
    for each in pages[1:]:
        name = f"more of this {'layer' if not named else 'frame' if alone else 'packet'}: {_rest(each)}"
        more = _draw(each, name, name, "", not named, lit)
        shown_parts.append(page.fold(name, page.image(more, f"{name}: see above")))
    if dump and any(part.layer.data for part in parts):
        shown_parts.append(page.fold("the same bits as bytes", bytes_of(parts, alone)))
    tables = [table_of(part, not named, why) for part in parts if legend and part.layer.fields]
    shown_parts += tables if not named or not tables else [page.fold("all fields", *tables)]
    return Picture(text, text, svg=svg, html=page.page(*shown_parts))


def _heading(thing: Any, layers: list[Layer]) -> str:
    """The title of the whole picture."""
    number = layers[0].packet if layers else 0
    of = f" of packet {number}" if number else ""
    if is_apart(thing):
        wrong = f", {thing.state}: {thing.reason}" if thing.state else ""
        return visible(f"{thing.protocol} {thing.noun}{of}: {thing.title}{wrong}")
    if len(layers) == 1:
        return visible(f"{layers[0].title}{of}")
    return visible(f"Packet {number or ''}: {' / '.join(layer.name for layer in layers)}".replace(" :", ":"))


# ---- what goes into which picture


def _pages(parts: Sequence[Sheet]) -> list[list[_Block]]:
    """The layers shared out over pictures that fit a screen each: the first is seen, the others open by a click."""
    found: list[list[_Block]] = [[]]
    free = _ROOM
    for sheet in parts:
        rows = _rows(sheet)
        rest = False
        while True:
            high = _HEAD + sum(_height(rows, at) for at in range(len(rows)))
            if high > free and found[-1] and not rest:
                found.append([])
                free = _ROOM
            fits, taken = len(rows), _HEAD
            for at in range(len(rows)):
                taken += _height(rows, at)
                if taken > free:
                    fits = max(at, 1)
                    break
            found[-1].append(_Block(sheet, rows[:fits], rest))
            free -= min(taken, high)
            rows, rest = rows[fits:], True
            if not rows:
                break
            found.append([])
            free = _ROOM
    return found


def _height(rows: Sequence[Row], at: int) -> int:
    """What a row takes, with the one before it that stands for those left out."""
    return _ROW + (_CUT if at and rows[at][0] > rows[at - 1][0] + 1 else 0)


def _rest(blocks: Sequence[_Block]) -> str:
    """What is in a picture behind a fold: the rest of one layer, or further layers."""
    names = [
        f"{'the next ' + count(len(block.rows), 'row') + ' of ' if block.rest else ''}{visible(block.sheet.layer.name)}"
        for block in blocks
    ]
    return ", ".join(names)


def _is_text(sheet: Sheet) -> bool:
    """Whether most fields of a layer are the text they are sent as, so that 32 bits a row say little about it."""
    read = [isinstance(leaf.value, str) and 8 * len(leaf.value) == leaf.bits for leaf, _, _ in sheet.leaves()]
    return sum(read) * 2 > len(read)


def _rows(sheet: Sheet) -> list[Row]:
    """The fields cut into rows of 32 bits: (row, [(field, group, hidden, first bit, end bit)]).

    Of a field that fills many rows, only the first ones and the last one are kept.
    """
    rows: dict[int, list[Cell]] = {}
    for leaf, group, hidden in sheet.leaves():
        start, end = leaf.start - sheet.layer.start, leaf.end - sheet.layer.start
        if end <= start or start < 0:
            continue
        first, last = start // 32, (end - 1) // 32
        kept = range(first, last + 1)
        wanted = list(kept) if len(kept) <= _KEEP + 2 else [*kept[:_KEEP], last]
        for row in wanted:
            rows.setdefault(row, []).append((leaf, group, hidden, max(start, row * 32), min(end, row * 32 + 32)))
    return sorted(rows.items())


# ---- the picture


def _draw(
    blocks: Sequence[_Block], heading: str, text: str, foot: str, alone: bool, lit: Collection[int] | None
) -> str:
    """One picture of some rows. text: what it says to those who do not see it. foot: the line below it, or ""."""
    canvas = Canvas(groups.css())
    y = MARGIN + 14.0
    for line in wrap(heading, style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    for block in blocks:
        y = _sheet(canvas, y, block, alone, lit)
    cells = [cell for block in blocks for _, row in block.rows for cell in row]
    y = _key(canvas, y, [group for leaf, group, *_ in cells if lit is None or id(leaf) in lit])
    if foot:
        canvas.raw(MARGIN, y + 8, fit(foot, style.WIDTH - 2 * MARGIN, "s"), "s")
        y += 18
    return canvas.finish(y + 8, heading, text)


def _key(canvas: Canvas, y: float, found: Collection[int]) -> float:
    """What the colours say; returns the y below."""
    x = float(BITS_LEFT)
    for group, words in groups.used(found):
        canvas.rect(x, y + 3, 12, 12, f"u{group}", 2)
        canvas.path(f"M{x:.0f} {y + 3:.0f}h12v12h-12z", "box thin")
        canvas.raw(x + 18, y + 13, words, "k")
        x += 18 + width(words, "k") + 22
    return y + 22


def _sheet(canvas: Canvas, y: float, block: _Block, alone: bool, lit: Collection[int] | None) -> float:
    """The name of a layer and its boxes; returns the y below."""
    layer = block.sheet.layer
    about = visible(", ".join(filter(None, (block.sheet.size, layer.rfc))))
    if not alone:
        y += 18
        name = fit(visible(layer.title), 500, "g")
        canvas.raw(MARGIN, y, name, "g")
        canvas.raw(MARGIN + width(name, "g") + 14, y, fit(about, 320, "s"), "s")
        y += 12
    else:
        canvas.raw(MARGIN, y - 3, fit(about, style.WIDTH - 2 * MARGIN, "s"), "s")
        y += 12
    for bit in range(32):
        canvas.raw(BITS_LEFT + (bit + 0.5) * BIT, y + 8, str(bit), "k c")
    y += 14
    before = block.rows[0][0] - 1 if block.rest and block.rows else -1
    for row, cells in block.rows:
        if row > before + 1 and cells[0][3] == row * 32:  # rows of the first field here are left out
            leaf, group = cells[0][0], _group(cells[0], lit)
            gone = (row - before - 1) * 4
            canvas.rect(BITS_LEFT, y, 32 * BIT, _CUT, f"u{group}")
            canvas.path(f"M{BITS_LEFT} {y:.0f}v{_CUT}m{32 * BIT} 0v-{_CUT}", "box dash")
            if (end := cells[0][4] - row * 32) < 32:  # the rest of the row below is empty
                canvas.path(f"M{BITS_LEFT + end * BIT} {y + _CUT:.0f}H{BITS_LEFT + 32 * BIT}", "box")
            name = fit(visible(leaf.label), 400, "n")
            canvas.raw(BITS_LEFT + 16 * BIT, y + 16, f"… {count(gone, 'more byte')} of {name}", "n c")
            y += _CUT
        before = row
        canvas.raw(BITS_LEFT - 8, y + _ROW / 2 + 4, str(row * 4), "z e")
        for cell in cells:
            _box(canvas, y, block.sheet, cell, row, lit)
        y += _ROW
    return y + 4


def _group(cell: Cell, lit: Collection[int] | None) -> int:
    """The colour of a cell: grey if another field is in focus, and for a flag that is not set."""
    leaf, group, hidden = cell[:3]
    if lit is not None:
        return group if id(leaf) in lit else groups.PLAIN
    return groups.PLAIN if leaf.bits == 1 and (hidden or leaf.value != 1) else group


def _box(canvas: Canvas, y: float, sheet: Sheet, cell: Cell, row: int, lit: Collection[int] | None) -> None:
    """The part of one field that lies in one row."""
    leaf, _, hidden, start, end = cell
    start, end = start - row * 32, end - row * 32
    x, wide = BITS_LEFT + start * BIT, (end - start) * BIT
    labelled = _labelled(leaf, sheet.layer, row)
    name = visible(leaf.label)
    again = "" if labelled else fit(f"… {name}", wide - 8, "n")
    canvas.rect(x, y, wide, _ROW, f"u{_group(cell, lit)}" if labelled or len(again) > 3 else "card")
    # An edge is drawn only if the next bit belongs to another field, so that a field of several rows is one shape.
    first, last = leaf.start - sheet.layer.start - row * 32, leaf.end - sheet.layer.start - row * 32
    top, bottom = min(end, first + 32), max(start, last - 32)
    edges = f"M{x} {y:.0f}v{_ROW}M{x + wide} {y:.0f}v{_ROW}"
    if top > start:
        edges += f"M{x} {y:.0f}H{BITS_LEFT + top * BIT}"
    if bottom < end:
        edges += f"M{BITS_LEFT + bottom * BIT} {y + _ROW:.0f}H{x + wide}"
    canvas.path(edges, "box")
    middle = x + wide / 2
    if not labelled:
        if len(again) > 3:
            canvas.raw(middle, y + _ROW / 2 + 4, again, "n c")
        return
    if lit is not None and id(leaf) in lit:
        canvas.path(f"M{x + 2} {y + 2:.0f}h{wide - 4}v{_ROW - 4}h-{wide - 4}z", "box lit")
    value = HIDDEN if hidden else shown(leaf)
    if leaf.bits == 1:
        canvas.raw(middle, y + 14, sheet.short[key(leaf)], "w c")
        canvas.raw(middle, y + 28, HIDDEN if hidden else str(int(leaf.value == 1)), "v c")
        return
    if width(name, "n") > wide - 8:
        short = sheet.short[key(leaf)]
        name = short if width(name, "n") > 1.5 * wide or width(short, "n") > wide - 8 else name
    if not hidden and (raw := as_sent(leaf)) and width(both := f"{value}  ({raw})", "v") <= wide - 8:
        value = both
    canvas.raw(middle, y + 14, fit(name, wide - 6, "n"), "n c")
    canvas.raw(middle, y + 28, fit(value, wide - 6, "v"), "v c")


def _labelled(leaf: Field, layer: Layer, row: int) -> bool:
    """Whether the field's name and value go into this row: the first of the rows in which it has most room."""
    start, end = leaf.start - layer.start, leaf.end - layer.start
    first = start // 32
    room = min(end, first * 32 + 32) - start
    rest = min(end - (first + 1) * 32, 32)
    return row == (first if room >= rest else first + 1)


# ---- in words


def _values(sheet: Sheet, lit: Collection[int] | None) -> list[str]:
    """The undivided fields with their values, a line each: what the picture shows, for a screen reader."""
    return [
        f"{visible(leaf.label)}: {HIDDEN if hidden else shown(leaf)}"
        for leaf, _, hidden in sheet.leaves()
        if lit is None or id(leaf) in lit
    ]


def _twin(sheet: Sheet, alone: bool, lit: Collection[int] | None) -> list[str]:
    """The layer in words, one line a field; a value that changes from run to run ends its line with ``(this run)``.

    A field in focus has ``>`` in front of its line.
    """
    layer = sheet.layer
    lines = [visible(f"{layer.name}: {', '.join(filter(None, (layer.title, sheet.size, layer.rfc)))}")]
    found = list(sheet.walk())
    place = max((len(span(item, layer)) for item, *_ in found), default=0)
    names = max((2 * depth + len(visible(item.name)) for item, depth, *_ in found), default=0)
    for item, depth, hidden, volatile in found:
        mark = "> " if lit is not None and id(item) in lit else "  "
        head = (
            f"{mark}{span(item, layer):<{place}}  {'  ' * depth + visible(item.name):<{names}}  {visible(item.label)}"
        )
        if hidden:
            lines.append(f"{head} = {HIDDEN}")
            continue
        words = f": {said}" if (said := meaning(sheet, item)) else ""
        lines.append(f"{head} = {shown(item)}{words}{' (this run)' if volatile else ''}")
    if layer.data:
        if any(volatile for *_, volatile in found):
            lines.append("  bytes: drawn, not printed here, since some change from run to run")
        else:
            if alone:
                lines.append(f"  bytes {counting(sheet)}")
            lines += [f"  {line}" for line in dump_lines([sheet], BYTES, alone=alone)]
    return lines
