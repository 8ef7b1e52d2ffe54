"""A whole packet as hex and text, every byte in the colour of its field, with a legend of all layers.

Rule: the bytes are drawn by `dump`; this module arranges them and names the colours.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from labkit.draw import dump, style
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width, wrap
from labkit.draw.units import HIDDEN, origin, sheets, shown

_COLUMNS = 3
_COLUMN = (style.WIDTH - 2 * MARGIN) // _COLUMNS


def bytes(packet: Any, *, hide: Collection[str] = (), limit: int = 256, title: str | None = None) -> Picture:
    """Draw the bytes of a packet in hex and as text, coloured by header field.

    packet: a Packet of a tape, a Layer, or a Scapy layer. hide: names of fields whose digits show as ``?``.
    limit: most bytes drawn; of a longer packet the middle is left out. title: in place of the packet's own.
    Returns a Picture; its text writes ``.`` for digits that change from run to run.
    Raises LabError for anything that has no layers, or an unknown name in ``hide``.
    """
    parts = sheets(packet, hide)
    total = sum(len(part.layer.data) for part in parts)
    number = parts[0].layer.packet if parts else 0
    what = f"packet {number}" if number else " / ".join(part.layer.name for part in parts)
    heading = visible(title if title is not None else f"{count(total, 'byte')} of {what}")
    canvas = Canvas()
    y = MARGIN + 14.0
    for line in wrap(heading, style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    y = dump.draw(canvas, y, parts, limit) + 20
    for part in parts:
        canvas.raw(MARGIN, y + 8, fit(visible(part.layer.title), style.WIDTH - 2 * MARGIN, "nb"), "nb")
        y += 18
        for place, unit in enumerate(part.units):
            x = MARGIN + place % _COLUMNS * _COLUMN
            top = y + place // _COLUMNS * 21
            canvas.rect(x, top, 12, 12, f"p{unit.hue}", 2)
            canvas.path(f"M{x} {top:.0f}h12v12h-12z", "box thin")
            name = fit(visible(unit.field.label), _COLUMN - 30, "n")
            canvas.raw(x + 19, top + 10, name, "n")
            left = x + 19 + width(name, "n") + 8
            value = HIDDEN if part.conceals(unit.field) or unit.hidden else shown(unit.field)
            if text := fit(value, x + _COLUMN - 10 - left, "z"):
                canvas.raw(left, top + 10, text, "z")
        y += (len(part.units) + _COLUMNS - 1) // _COLUMNS * 21 + 14
    source = origin(packet)
    lines = [heading, *dump.lines(parts, limit)]
    for part in parts:
        first = part.base // 8
        lines.append(visible(f"  {first:04x}-{first + max(len(part.layer.data), 1) - 1:04x}  {part.layer.title}"))
    if any(leaf.volatile for part in parts for leaf, _, _ in part.leaves()):
        lines.append("digits that change from run to run are written as dots")
    if source:
        canvas.raw(MARGIN, y + 6, fit(f"tape: {source}", style.WIDTH - 2 * MARGIN, "s"), "s")
        y += 20
        lines.append(f"tape: {source}")
    text = "\n".join(lines)
    return Picture(text, text, svg=canvas.finish(y + 8, heading, text))
