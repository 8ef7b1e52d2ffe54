"""What opens by a click below a picture of bits: the same bits as bytes, and the fields in a table.

Rule: says what a picture says, in another form; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit.draw import groups, page
from labkit.draw.dump import counting
from labkit.draw.dump import draw as draw_dump
from labkit.draw.dump import lines as dump_lines
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width
from labkit.draw.units import HIDDEN, Sheet, as_sent, meaning, shown, span, telling
from labkit.packets.model import Field, Layer

BYTES = 128
"""Bytes of a layer that are drawn in its dump."""


def bytes_of(parts: Sequence[Sheet], alone: bool) -> str:
    """The bytes of the layers as a picture of their own."""
    heading = visible(f"{' / '.join(part.layer.name for part in parts)}: the same bits as bytes")
    canvas = Canvas(groups.css())
    canvas.raw(MARGIN, MARGIN, fit(heading, 400, "nb"), "nb")
    if alone:
        canvas.raw(MARGIN + width(fit(heading, 400, "nb"), "nb") + 8, MARGIN, counting(parts[0]), "s")
    limit, y, said = BYTES * len(parts), MARGIN + 10.0, ""
    for some in [[part] for part in parts] if alone else [parts]:
        if len(parts) > 1 and alone:
            canvas.raw(MARGIN, y + 14, fit(visible(some[0].layer.title), 600, "s"), "s")
            y += 18
        y = draw_dump(canvas, y, some, limit, alone=alone)
        said += "\n".join([*([""] if said else []), *dump_lines(some, limit, alone=alone, every=True)])
    return page.image(canvas.finish(y + 12, heading, said), f"{heading}; {said}")


def table_of(sheet: Sheet, alone: bool, why: bool) -> str:
    """The fields of a layer; those that say nothing in this packet behind a fold of their own."""
    heads = ["field", "bits", "value", "meaning", *(["why it exists"] if why else [])]
    first: list[list[str]] = []
    rest: list[list[str]] = []
    wanted = telling(sheet)
    for item, depth, hidden, _ in sheet.walk():
        value = HIDDEN if hidden else shown(item)
        if not hidden and (raw := as_sent(item)):
            value += f" ({raw})"
        words = "" if hidden else meaning(sheet, item)
        if source := _source(item, sheet.layer):
            words = f"{words} [{source}]" if words else f"[{source}]"
        row = ["\u2003" * min(depth, 4) + visible(item.label), span(item, sheet.layer).split(" ", 1)[1], value, words]
        (first if id(item) in wanted else rest).append([*row, *([visible(item.why)] if why else [])])
    told = page.table(heads, first, mono=(1, 2), narrow=(0, 1))
    rows = page.table(heads, rest, mono=(1, 2), narrow=(0, 1))
    more = page.fold(f"… and {count(len(rest), 'more field')}", rows) if rest else ""
    said = f"the {count(len(first), 'field')} that say something in this packet" if rest else "all fields"
    return page.fold(said if alone else f"{visible(sheet.layer.name)}: {said}", told, more)


def _source(item: Field, layer: Layer) -> str:
    """Where an undivided field is defined, if not by the document that defines the layer."""
    return "" if item.children or item.rfc.split(" §")[0] == layer.rfc.split(" §")[0] else visible(item.rfc)
