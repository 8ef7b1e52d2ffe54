"""The RFC picture: 32 bits a row, filled with this packet's values, its bytes and a legend below.

Rule: draws any Layer and knows no protocol; `labkit.packets` says what a field means.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from labkit.core.calls import in_words
from labkit.draw import style
from labkit.draw.dump import counting
from labkit.draw.dump import draw as draw_dump
from labkit.draw.dump import lines as dump_lines
from labkit.draw.picture import Picture
from labkit.draw.short_names import key
from labkit.draw.style import BIT, BITS_LEFT, MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width, wrap
from labkit.draw.units import HIDDEN, Sheet, as_sent, is_packet, meaning, origin, sheets, shown, span
from labkit.packets.model import Field, Layer

_BYTES = 128  # of a layer drawn in its dump
_KEEP = 2  # whole rows drawn of a field that fills many


@in_words
def bits(
    thing: Any,
    *,
    hide: Collection[str] = (),
    why: bool = False,
    legend: bool = True,
    dump: bool = True,
    title: str | None = None,
) -> Picture:
    """Draw header fields as the RFCs do: 32 bits a row, each field a box with its name and this packet's value.

    thing: a layer (``packet["TCP"]``), a packet (all its layers, one below the other), or a Scapy layer.
    hide: names of fields whose values show as ``?`` in the picture, in its bytes and in its text, for exercises.
    why: say in the legend why each field exists. legend, dump: draw the table of fields, the bytes. title: in place of
    the layer's own. Returns a Picture. Raises LabError for anything that has no layers, or an unknown name in ``hide``.
    Source: RFC 9293 §3.1 for the form.
    """
    parts, alone = sheets(thing, hide), not is_packet(thing)
    canvas = Canvas()
    y = MARGIN + 14.0
    heading = visible(title) if title is not None else _heading([part.layer for part in parts])
    for line in wrap(heading, style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    for part in parts:
        y = _sheet(canvas, y, part, legend=legend, dump=dump, why=why, alone=alone)
    source = origin(thing)
    if source:
        canvas.raw(MARGIN, y + 10, fit(f"tape: {source}", style.WIDTH - 2 * MARGIN, "s"), "s")
        y += 24
    text = "\n".join(
        [
            *([heading] if title is not None else []),
            *(line for part in parts for line in _twin(part, alone)),
            *([f"tape: {source}"] if source else []),
        ]
    )
    return Picture(text, text, svg=canvas.finish(y + 8, heading, text))


def _heading(layers: list[Layer]) -> str:
    """The title of the whole picture."""
    number = layers[0].packet if layers else 0
    of = f" of packet {number}" if number else ""
    if len(layers) == 1:
        return visible(f"{layers[0].title}{of}")
    return visible(f"Packet {number or ''}: {' / '.join(layer.name for layer in layers)}".replace(" :", ":"))


def _sheet(canvas: Canvas, y: float, sheet: Sheet, *, legend: bool, dump: bool, why: bool, alone: bool) -> float:
    """One layer: boxes, bytes, legend; returns the y below."""
    layer = sheet.layer
    size = count(layer.bits // 8, "byte") if layer.bits % 8 == 0 else count(layer.bits, "bit")
    about = visible(", ".join(filter(None, (size, layer.rfc))))
    if not alone:
        y += 18
        name = fit(visible(layer.title), 500, "g")
        canvas.raw(MARGIN, y, name, "g")
        canvas.raw(MARGIN + width(name, "g") + 14, y, fit(about, 320, "s"), "s")
        y += 14
    else:
        canvas.raw(MARGIN, y - 3, fit(about, style.WIDTH - 2 * MARGIN, "s"), "s")
        y += 14
    y = _boxes(canvas, y + 10, sheet)
    if dump and layer.data:
        y += 26
        head = "The same bits as bytes"
        canvas.raw(MARGIN, y, head, "nb")
        if alone:
            canvas.raw(MARGIN + width(head, "nb") + 8, y, counting(sheet), "s")
        y = draw_dump(canvas, y + 8, [sheet], _BYTES, alone=alone)
    if legend:
        y = _legend(canvas, y + 26, sheet, why)
    return y + 14


# ---- boxes


def _rows(sheet: Sheet) -> list[tuple[int, list[tuple[Field, int, bool, int, int]]]]:
    """The fields cut into rows of 32 bits: (row, [(field, hue, hidden, first bit, end bit)]).

    Of a field that fills many rows, only the first ones and the last one are kept.
    """
    rows: dict[int, list[tuple[Field, int, bool, int, int]]] = {}
    for leaf, hue, hidden in sheet.leaves():
        start, end = leaf.start - sheet.layer.start, leaf.end - sheet.layer.start
        if end <= start or start < 0:
            continue
        first, last = start // 32, (end - 1) // 32
        kept = range(first, last + 1)
        wanted = list(kept) if len(kept) <= _KEEP + 2 else [*kept[:_KEEP], last]
        for row in wanted:
            rows.setdefault(row, []).append((leaf, hue, hidden, max(start, row * 32), min(end, row * 32 + 32)))
    return sorted(rows.items())


def _boxes(canvas: Canvas, y: float, sheet: Sheet) -> float:
    """The RFC picture; returns the y below."""
    for bit in range(32):
        canvas.raw(BITS_LEFT + (bit + 0.5) * BIT, y, str(bit), "k c")
    y += 6
    before = -1
    for row, cells in _rows(sheet):
        if row > before + 1 and cells[0][3] == row * 32:  # rows of the first field here are left out
            leaf, hue = cells[0][0], cells[0][1]
            gone = (row - before - 1) * 4
            canvas.rect(BITS_LEFT, y, 32 * BIT, style.ROW_CUT, f"p{hue}")
            canvas.path(f"M{BITS_LEFT} {y:.0f}v{style.ROW_CUT}m{32 * BIT} 0v-{style.ROW_CUT}", "box dash")
            if (end := cells[0][4] - row * 32) < 32:  # the rest of the row below is empty
                canvas.path(f"M{BITS_LEFT + end * BIT} {y + style.ROW_CUT:.0f}H{BITS_LEFT + 32 * BIT}", "box")
            name = fit(visible(leaf.label), 400, "n")
            canvas.raw(BITS_LEFT + 16 * BIT, y + 18, f"… {count(gone, 'more byte')} of {name}", "n c")
            y += style.ROW_CUT
        before = row
        narrow = any(leaf.bits == 1 for leaf, *_ in cells)
        height = style.ROW_FLAGS if narrow else style.ROW
        canvas.raw(BITS_LEFT - 8, y + height / 2 + 4, str(row * 4), "z e")
        for leaf, hue, hidden, start, end in cells:
            _box(canvas, y, height, sheet, leaf, hue, hidden, start - row * 32, end - row * 32, row)
        y += height
    return y


def _box(
    canvas: Canvas,
    y: float,
    height: float,
    sheet: Sheet,
    leaf: Field,
    hue: int,
    hidden: bool,
    start: int,
    end: int,
    row: int,
) -> None:
    """The part of one field that lies in one row; start, end: bits in the row."""
    x, wide = BITS_LEFT + start * BIT, (end - start) * BIT
    raised = leaf.bits == 1 and leaf.value == 1 and not hidden
    canvas.rect(x, y, wide, height, f"{'q' if raised else 'p'}{hue}")
    # An edge is drawn only if the next bit belongs to another field, so that a field of several rows is one shape.
    first, last = leaf.start - sheet.layer.start - row * 32, leaf.end - sheet.layer.start - row * 32
    top, bottom = min(end, first + 32), max(start, last - 32)
    edges = f"M{x} {y:.0f}v{height:.0f}M{x + wide} {y:.0f}v{height:.0f}"
    if top > start:
        edges += f"M{x} {y:.0f}H{BITS_LEFT + top * BIT}"
    if bottom < end:
        edges += f"M{BITS_LEFT + bottom * BIT} {y + height:.0f}H{x + wide}"
    canvas.path(edges, "box")
    if not _labelled(leaf, sheet.layer, row):
        return
    middle = x + wide / 2
    value = HIDDEN if hidden else shown(leaf)
    if leaf.bits == 1:
        letters = sheet.short[key(leaf)]
        for number, letter in enumerate(letters):
            canvas.raw(middle, y + 13 + 11 * number, letter, "f c")
        canvas.raw(middle, y + height - 7, HIDDEN if hidden else str(int(leaf.value == 1)), "v c")
        return
    name = visible(leaf.label)
    if width(name, "n") > wide - 8:
        short = sheet.short[key(leaf)]
        name = short if width(name, "n") > 1.5 * wide or width(short, "n") > wide - 8 else name
    if not hidden and (raw := as_sent(leaf)) and width(both := f"{value}  ({raw})", "v") <= wide - 8:
        value = both
    base = y + height / 2
    canvas.raw(middle, base - 4, fit(name, wide - 6, "n"), "n c")
    canvas.raw(middle, base + 14, fit(value, wide - 6, "v"), "v c")


def _labelled(leaf: Field, layer: Layer, row: int) -> bool:
    """Whether the field's name and value go into this row: the first of the rows in which it has most room."""
    start, end = leaf.start - layer.start, leaf.end - layer.start
    first = start // 32
    room = min(end, first * 32 + 32) - start
    rest = min(end - (first + 1) * 32, 32)
    return row == (first if room >= rest else first + 1)


# ---- legend and text

_NAME, _SPAN, _VALUE, _MEANING = MARGIN + 20, MARGIN + 216, MARGIN + 296, MARGIN + 466


def _legend(canvas: Canvas, y: float, sheet: Sheet, why: bool) -> float:
    """The table of fields; returns the y below."""
    heads = [(_NAME, "field"), (_SPAN, "bits"), (_VALUE, "value")]
    if why or any(meaning(sheet, item) for item, *_ in sheet.walk()):
        heads.append((_MEANING, "meaning"))
    for x, head in heads:
        canvas.raw(x, y, head, "k")
    hues = {id(part): unit.hue for unit in sheet.units for part in unit.field.walk()}
    y += 6
    for item, depth, hidden, _ in sheet.walk():
        canvas.path(f"M{MARGIN} {y:.0f}H{style.WIDTH - MARGIN}", "rule thin")
        indent = 12 * min(depth, 4)
        if id(item) in hues:
            canvas.rect(MARGIN + indent, y + 5, 12, 12, f"p{hues[id(item)]}", 2)
            canvas.path(f"M{MARGIN + indent} {y + 5:.0f}h12v12h-12z", "box thin")
        names = wrap(visible(item.label), _SPAN - _NAME - indent - 8, "nb" if item.children else "n", 2)
        value = HIDDEN if hidden else shown(item)
        if not hidden and (raw := as_sent(item)):
            value += f"  ({raw})"
        values = wrap(value, _MEANING - _VALUE - 10, "w", 3)
        room = style.WIDTH - MARGIN - _MEANING
        words = "" if hidden else meaning(sheet, item)
        meanings = wrap(words, room, "n", 4) if words else []
        reasons = wrap(visible(item.why), room, "s", 4) if why and item.why else []
        if source := _source(item, sheet.layer):
            reasons.append(fit(source, room, "s"))
        for number, line in enumerate(names):
            canvas.raw(_NAME + indent, y + 15 + 16 * number, line, "nb" if item.children else "n")
        canvas.raw(_SPAN, y + 15, span(item, sheet.layer).split(" ", 1)[1], "z")
        for number, line in enumerate(values):
            canvas.raw(_VALUE, y + 15 + 16 * number, line, "w")
        for number, line in enumerate(meanings + reasons):
            canvas.raw(_MEANING, y + 15 + 16 * number, line, "n" if number < len(meanings) else "s")
        y += 16 * max(len(names), len(values), len(meanings) + len(reasons), 1) + 7
    return y


def _source(item: Field, layer: Layer) -> str:
    """Where an undivided field is defined, if not by the document that defines the layer."""
    return "" if item.children or item.rfc.split(" §")[0] == layer.rfc.split(" §")[0] else visible(item.rfc)


def _twin(sheet: Sheet, alone: bool) -> list[str]:
    """The layer in words, one line a field; a value that changes from run to run ends its line with ``(this run)``."""
    layer = sheet.layer
    size = count(layer.bits // 8, "byte") if layer.bits % 8 == 0 else count(layer.bits, "bit")
    lines = [visible(f"{layer.name}: {', '.join(filter(None, (layer.title, size, layer.rfc)))}")]
    found = list(sheet.walk())
    place = max((len(span(item, layer)) for item, *_ in found), default=0)
    names = max((2 * depth + len(visible(item.name)) for item, depth, *_ in found), default=0)
    for item, depth, hidden, volatile in found:
        head = f"  {span(item, layer):<{place}}  {'  ' * depth + visible(item.name):<{names}}  {visible(item.label)}"
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
            lines += [f"  {line}" for line in dump_lines([sheet], _BYTES, alone=alone)]
    return lines
