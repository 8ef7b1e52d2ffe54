"""The headers of one packet as boxes inside each other, as wide as the bytes they take: how much of it is payload.

Rule: any packet or layers; widths are bytes, and nothing is told by a width alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import groups, page, style
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width, wrap
from labkit.draw.units import as_sent_alone, layers_of, origin
from labkit.packets.model import Layer

_ROOM = style.WIDTH - 2 * MARGIN
_STEP = 9  # how much lower and shorter the next box is, px
_CORE = 46  # height of the innermost box, px
_LINE = 22  # height of a line of the list, px

_FOR = {
    "Ethernet": "brings the frame to the next machine",
    "VLAN": "says to which virtual network the frame belongs",
    "ARP": "asks which card has an address",
    "IPv4": "brings the packet to the right machine",
    "IPv6": "brings the packet to the right machine",
    "ICMP": "reports errors and answers a ping",
    "ICMPv6": "reports errors, finds neighbours and answers a ping",
    "TCP": "brings the bytes to the right program, in order and without gaps",
    "UDP": "brings the datagram to the right program",
    "DNS": "the message: asks for what belongs to a name",
    "WebSocket": "the frame: a short header, and what the program wrote",
    "Payload": "what the program wrote",
    "Padding": "fills the frame up to its least length",
}


@in_words
def boxes(packet: Any, *, title: str | None = None) -> Picture:
    """Draw the headers of one packet as boxes inside each other, in proportion to their bytes.

    packet: a packet of a tape, or a Scapy packet. title: in place of the picture's own. Each layer has its name, its
    size in bytes, its share and what it is for. The last layer, which the program wrote, has a colour.
    Returns a Picture. Raises LabError for anything that has no layers, and for a packet without bytes.
    """
    layers = [layer for layer in layers_of(as_sent_alone(packet)) if layer.bits >= 8]
    sizes = [_bytes(layer) for layer in layers]
    total = sum(sizes)
    if not total:
        raise LabError("this packet has no bytes to draw", "Give a packet of a tape: draw.boxes(tape[0]).")
    number = layers[0].packet
    what = f"packet {number}" if number else "a packet"
    heading = visible(title) if title is not None else f"What {what} is made of: {count(total, 'byte')}"
    inner = [at for at, layer in enumerate(layers) if layer.name not in ("Padding", "Trailer", "Frame Check Sequence")]
    carries = inner[-1] if len(inner) > 1 and layers[inner[-1]].name not in _HEADERS else -1
    rows = [
        (visible(layer.name), count(size, "byte"), f"{100 * size / total:.0f} %", _what_for(layer))
        for layer, size in zip(layers, sizes, strict=True)
    ]
    paid = sizes[carries] if carries >= 0 else 0
    summary = f"{' + '.join(map(str, sizes))} = {count(total, 'byte')}; "
    summary += (
        f"the program sent {paid:,} of them ({100 * paid / total:.0f} %)" if paid else "the program sent none of them"
    )
    source = origin(packet)
    lines = [heading, *(f"  {name}: {size}, {share}: {use}" for name, size, share, use in rows), f"  {summary}"]
    text = "\n".join([*lines, *([f"tape: {source}"] if source else [])])
    canvas = Canvas(groups.css())
    y = MARGIN + 14.0
    for line in wrap(heading, _ROOM, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    y = _nested(canvas, y, layers, sizes, carries) + 14
    for at, (name, size, share, use) in enumerate(rows):
        canvas.rect(MARGIN, y + 3, 12, 12, f"u{_colour(at, carries)}", 2)
        canvas.path(f"M{MARGIN} {y + 3:.0f}h12v12h-12z", "box thin")
        canvas.raw(MARGIN + 20, y + 13, fit(name, 130, "nb"), "nb")
        canvas.raw(MARGIN + 260, y + 13, size, "w e")
        canvas.raw(MARGIN + 310, y + 13, share, "w e")
        canvas.raw(MARGIN + 330, y + 13, fit(use, _ROOM - 330, "n"), "n")
        y += _LINE
    canvas.path(f"M{MARGIN} {y + 2:.0f}H{style.WIDTH - MARGIN}", "rule thin")
    for line in wrap(summary, _ROOM, "nb", 2):
        canvas.raw(MARGIN, y + 20, line, "nb")
        y += 16
    y += 10
    if source:
        canvas.raw(MARGIN, y + 14, fit(f"tape: {source}", _ROOM, "s"), "s")
        y += 20
    svg = canvas.finish(y + 8, heading, text)
    return Picture(text, text, svg=svg, html=page.alone(svg, text))


_HEADERS = {"Ethernet", "VLAN", "ARP", "IPv4", "IPv6", "TCP", "UDP", "ICMP", "ICMPv6"}
"""Layers that carry something of a program, and are not written by one."""


def _bytes(layer: Layer) -> int:
    return layer.bits // 8


def _what_for(layer: Layer) -> str:
    return _FOR.get(layer.name, visible(layer.title))


def _colour(at: int, carries: int) -> int:
    """The colour of a box: that of the payload stands out from the headers."""
    return groups.NUMBERS if at == carries else groups.PLAIN


def _nested(canvas: Canvas, y: float, layers: Sequence[Layer], sizes: Sequence[int], carries: int) -> float:
    """The boxes; each holds its header and all that it carries. Returns the y below."""
    scale = _ROOM / sum(sizes)
    high = _CORE + 2 * _STEP * (len(layers) - 1)
    x = float(MARGIN)
    for at, (layer, size) in enumerate(zip(layers, sizes, strict=True)):
        wide = size * scale
        top, tall = y + at * _STEP, high - 2 * at * _STEP
        end = style.WIDTH - MARGIN
        canvas.rect(round(x, 1), top, round(end - x, 1), tall, "card")
        canvas.rect(round(x, 1), top, round(wide, 1), tall, f"u{_colour(at, carries)}")
        canvas.path(f"M{x:.1f} {top:.0f}H{end}v{tall}H{x:.1f}zM{x + wide:.1f} {top:.0f}v{tall}", "box")
        name = visible(layer.name)
        middle, centre = x + wide / 2, y + high / 2
        if width(name, "nb") <= wide - 6:
            canvas.raw(middle, centre - 2, name, "nb c")
        if width(str(size), "v") <= wide - 4:
            canvas.raw(middle, centre + 14, str(size), "v c")
        x += wide
    return y + high
