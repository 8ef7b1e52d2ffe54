"""The bytes of a packet, or of one layer, as hex and text in the colours of the fields, and which field lies where.

Rule: the bytes are drawn by `dump`; this module arranges them and names the fields, each with its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Any

from labkit.core.calls import in_words
from labkit.core.checks import flag, whole
from labkit.draw import dump, page, style
from labkit.draw import groups as colours
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width, wrap
from labkit.draw.units import HIDDEN, Sheet, Unit, as_sent_alone, is_packet, origin, sheets, shown
from labkit.packets.model import Field

_COLUMNS = 3
_COLUMN = (style.WIDTH - 2 * MARGIN) // _COLUMNS
_LINE = 21  # height of a line of the legend, px


@in_words
def bytes(
    packet: Any,
    *,
    hide: Collection[str] = (),
    limit: int = 256,
    pointers: bool = False,
    title: str | None = None,
) -> Picture:
    """Draw the bytes of a packet in hex and as text, coloured by what their header fields are for.

    packet: a Packet of a tape, a Layer, a WebSocket frame (as it was sent), or a Scapy layer. The bytes of a packet are
    numbered from the frame's first, in hex; those of one layer from the layer's own, in decimal. hide: names of fields
    whose digits show as ``?``. limit: most bytes drawn; of a longer packet the middle is left out. pointers: draw an
    arrow from each pointer in a DNS name to the byte where the name goes on. title: in place of the packet's own. The
    records of a DNS message are framed, one by one. Returns a Picture; its text writes ``.`` for digits that change
    from run to run.
    Raises LabError for anything that has no layers, or an unknown name in ``hide``.
    """
    limit, pointers = whole(limit, "a number of bytes to draw"), flag(pointers, "pointers")
    packet = as_sent_alone(packet)
    parts, alone = sheets(packet, hide), not is_packet(packet)
    total = sum(len(part.layer.data) for part in parts)
    number = parts[0].layer.packet if parts else 0
    what = f"packet {number}" if number else " / ".join(part.layer.name for part in parts)
    if alone and number:
        what = f"{parts[0].layer.name} in {what}"
    heading = visible(title if title is not None else f"{count(total, 'byte')} of {what}")
    canvas = Canvas(colours.css())
    arrows = _pointers(parts) if pointers else []
    y = MARGIN + 14.0
    for line in wrap(heading, style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    if alone:
        canvas.raw(MARGIN, y - 3, f"bytes {dump.counting(parts[0])}", "s")
        y += 10
    y = dump.draw(canvas, y, parts, limit, alone=alone, outlines=_records(parts), arrows=arrows) + 20
    for part in parts:
        canvas.raw(MARGIN, y + 8, fit(visible(part.layer.title), style.WIDTH - 2 * MARGIN, "nb"), "nb")
        y = _legend(canvas, y + 18, part, alone) + 14
    y = _key(canvas, y, {unit.group for part in parts for unit in part.units})
    source = origin(packet)
    lines = [heading]
    if alone:
        lines.append(f"  bytes {dump.counting(parts[0])}")
    lines += dump.lines(parts, limit, alone=alone)
    for part in parts:
        lines += _told(part, alone)
    lines += [f"arrow from byte {start} to byte {goal}" for start, goal in arrows]
    if any(leaf.volatile for part in parts for leaf, _, _ in part.leaves()):
        lines.append("digits that change from run to run are written as dots")
    if source:
        canvas.raw(MARGIN, y + 6, fit(f"tape: {source}", style.WIDTH - 2 * MARGIN, "s"), "s")
        y += 20
        lines.append(f"tape: {source}")
    text = "\n".join(lines)
    svg = canvas.finish(y + 8, heading, text)
    return Picture(text, text, svg=svg, html=page.alone(svg, text))


def _first(parts: list[Sheet]) -> int:
    """Where in the frame the first byte drawn is, as a bit."""
    return min((part.base for part in parts if part.layer.data), default=0)


def _records(parts: list[Sheet]) -> list[tuple[int, int]]:
    """The parts of a layer that are divided again, if there are several: records. As bytes (first, end)."""
    first, found = _first(parts), []
    for part in parts:
        groups = [group for group, _ in _groups(part) if group is not None]
        if len(groups) > 1:
            found += [((group.start - first) // 8, (group.end - first + 7) // 8) for group in groups]
    return found


def _pointers(parts: list[Sheet]) -> list[tuple[int, int]]:
    """The pointers in names: (where the pointer is, the byte where the name goes on), counted from the first drawn.

    A name's pointer counts from the identification of its message, before which TCP puts a length.
    """
    first, found = _first(parts), []
    for part in parts:
        zero = next((item.start for item in part.layer.fields if item.name.endswith(".id")), part.base)
        for leaf, _, hidden in part.leaves():
            if leaf.name.endswith(".pointer.offset") and isinstance(leaf.value, int) and not hidden:
                found.append(((leaf.start - first) // 8, (zero - first) // 8 + leaf.value))
    return found


def _groups(sheet: Sheet) -> Iterator[tuple[Field | None, list[Unit]]]:
    """The colours of a layer, in order, by the field that they are parts of: a DNS record, TCP's options."""
    for group, units in groupby(sheet.units, key=lambda unit: id(unit.above[0]) if unit.above else 0):
        found = list(units)
        yield (found[0].above[0] if group else None), found


def _key(canvas: Canvas, y: float, found: Collection[int]) -> float:
    """What the colours say, in one line; returns the y below."""
    x = float(MARGIN)
    for group, words in colours.used(found):
        canvas.rect(x, y, 12, 12, f"u{group}", 2)
        canvas.path(f"M{x:.0f} {y:.0f}h12v12h-12z", "box thin")
        canvas.raw(x + 19, y + 10, words, "k")
        x += 19 + width(words, "k") + 22
    return y + 22


def _name(unit: Unit) -> str:
    """The field's label, after those of the fields that hold it, without its group's: ``"NAME: Pointer"``."""
    return visible(": ".join(each.label for each in (*unit.above[1:], unit.field)))


def _legend(canvas: Canvas, y: float, sheet: Sheet, alone: bool) -> float:
    """Colour, place, name and value of each field, in columns; returns the y below."""
    room = max((width(_place(unit.field, sheet, alone), "z") for unit in sheet.units), default=0)
    for order, (group, units) in enumerate(_groups(sheet)):
        if order:
            y += 6
        if group is not None:
            head = f"{_place(group, sheet, alone)}  {visible(group.label)}"
            if not sheet.secret:  # the value of the whole may give away what is hidden
                head += f": {shown(group)}"
            canvas.raw(MARGIN, y + 10, fit(head, style.WIDTH - 2 * MARGIN, "n"), "n")
            y += _LINE
        column = 0
        for unit in units:
            name, value = _name(unit), _value(unit, sheet)
            wide = 19 + room + 8 + width(name, "n") + 8 + width(value, "z") + 10
            taken = 1 if wide <= _COLUMN else 2  # an address may need the room of two
            if column + taken > _COLUMNS:
                column, y = 0, y + _LINE
            x, end = MARGIN + column * _COLUMN, MARGIN + (column + taken) * _COLUMN - 10
            column += taken
            canvas.rect(x, y, 12, 12, f"u{unit.group}", 2)
            canvas.path(f"M{x} {y:.0f}h12v12h-12z", "box thin")
            canvas.raw(x + 19, y + 10, _place(unit.field, sheet, alone), "z")
            left = x + 19 + room + 8
            name = fit(name, end - left, "n")
            canvas.raw(left, y + 10, name, "n")
            left += width(name, "n") + 8
            if text := fit(value, end - left, "z"):
                canvas.raw(left, y + 10, text, "z")
        y += _LINE
    return y


def _place(item: Field, sheet: Sheet, alone: bool) -> str:
    """Which bytes a field touches; in a packet the first of them, written as in the dump beside it."""
    place = dump.place(item.start, item.end, sheet, alone=alone)
    return place if alone else f"0x{place.split('-', maxsplit=1)[0]}"


def _value(unit: Unit, sheet: Sheet) -> str:
    return HIDDEN if unit.hidden or sheet.conceals(unit.field) else shown(unit.field)


def _told(sheet: Sheet, alone: bool) -> list[str]:
    """The legend in words; a value that changes from run to run is left out, as its digits are in the dump."""
    layer = sheet.layer
    whole = dump.place(sheet.base, sheet.base + max(len(layer.data), 1) * 8, sheet, alone=alone)
    lines = [f"  {whole}  {visible(layer.title)}"]

    def line(item: Field, name: str, value: str) -> str:
        if value != HIDDEN and any(part.volatile for part in item.walk()):
            name, value = f"{name} (another in each run)", ""
        return f"{dump.place(item.start, item.end, sheet, alone=alone)}  {name}{f' = {value}' if value else ''}"

    for group, units in _groups(sheet):
        if group is not None:
            lines.append("    " + line(group, visible(group.label), "" if sheet.secret else shown(group)))
        indent = "    " if group is None else "      "
        lines += [indent + line(unit.field, _name(unit), _value(unit, sheet)) for unit in units]
    return lines
