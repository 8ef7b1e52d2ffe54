"""One thing that the inspector shows: a packet, a message, a record: its bytes, its fields, and what they lead to.

Rule: data for a page and nothing else; every text of a peer goes through `visible`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from labkit.draw.inspect_rows import said, said_in
from labkit.draw.text import count, visible
from labkit.draw.units import as_sent, is_apart, shown
from labkit.packets.model import Field, Layer
from labkit.packets.packet import Packet

MOST_FIELDS = 3000
"""Fields of one thing that a page gets; a last row says how many there are more."""
PIECE = 4096
"""Bytes of one part that a page gets at once."""
_MOST_LINKS = 24
_LONGEST = 300  # characters of one text


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the tree of fields.

    depth: 0 for a layer. part: number of the bytes in which it lies. start, bits: its place in them.
    """

    depth: int
    part: int
    name: str
    label: str
    start: int
    bits: int
    shown: str
    meaning: str = ""
    why: str = ""
    rfc: str = ""

    def as_list(self) -> list[Any]:
        """As a page takes it; why it is there comes when somebody looks at a field."""
        return [self.depth, self.part, self.name, self.label, self.start, self.bits, self.shown, self.meaning]


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of their own: the frame, a record as it was sent, what was in it when decrypted."""

    title: str
    data: bytes
    layers: Sequence[Layer]


@dataclass(frozen=True, slots=True)
class Link:
    """The way to something else. kind: of its list. packet: one that brought it. place: among what it brought."""

    kind: str
    packet: int
    place: int
    words: str


def parts_of(thing: Any) -> list[Part]:
    """The bytes of a packet, a message, a frame of a WebSocket, a record or a message of TLS, with their layers."""
    if isinstance(thing, Packet):
        return [Part("The frame", thing.raw, thing.layers)]
    if is_apart(thing):
        return [Part(visible(layer.title), layer.data, (layer,)) for layer in thing.layers]
    data = thing.buffer.data[thing.start : thing.stop]
    whole = Layer(thing.protocol, f"{thing.protocol} {thing.kind}", thing.start * 8, len(data) * 8, thing.fields, data)
    found = [Part("Decrypted" if thing.encrypted else "The message", data, (whole,))]
    content = thing.content
    if content is not None and content != thing.body:
        found.append(Part("The body without compression", content, ()))
    return found


def rows_of(parts: Sequence[Part], *, apart: bool) -> Iterator[Row]:
    """The rows of the tree, depth first. apart: positions are counted from the first bit of each part's first layer."""
    for number, part in enumerate(parts):
        base = part.layers[0].start if apart and part.layers else 0
        for layer in part.layers:
            yield Row(0, number, layer.name, _cut(layer.title), layer.start - base, layer.bits, "", rfc=layer.rfc)
            for top in layer.fields:
                yield from _down(top, 1, number, base)
        if not part.layers:
            yield Row(0, number, "", part.title, 0, len(part.data) * 8, count(len(part.data), "byte"))


def _down(item: Field, depth: int, part: int, base: int) -> Iterator[Row]:
    raw = as_sent(item)
    yield Row(
        depth, part, visible(item.name), _cut(item.label), item.start - base, item.bits, _cut(shown(item)),
        _cut(f"{item.meaning} ({raw})" if raw and item.meaning and "on the wire" not in item.meaning else item.meaning),
        _cut(item.why), visible(item.rfc),
    )  # fmt: skip
    for child in item.children:
        yield from _down(child, depth + 1, part, base)


def links_of(thing: Any) -> Iterator[Link]:
    """What this brings, and what brought it."""
    if isinstance(thing, Packet):
        for kind in ("messages", "records"):
            for place, each in enumerate(said_in(thing, kind)):
                yield Link(kind, thing.number, place, said(each))
        return
    for number in thing.packets:
        yield Link("packets", number, 0, f"packet {number}")


def item(thing: Any) -> tuple[dict[str, Any], list[bytes]]:
    """What a page is told of it: JSON, and the first bytes of each part."""
    parts = parts_of(thing)
    fields: list[list[Any]] = []
    more = 0
    for row in rows_of(parts, apart=not isinstance(thing, Packet)):
        if len(fields) < MOST_FIELDS:
            fields.append(row.as_list())
        else:
            more += 1
    if more:
        last = len(parts) - 1
        fields.append(Row(0, last, "", f"and {count(more, 'field')} more", 0, 0, "").as_list())
    links = list(links_of(thing))
    told = {
        "title": heading(thing),
        "fields": fields,
        "parts": [[part.title, len(part.data)] for part in parts],
        "links": [[each.kind, each.packet, each.place, each.words] for each in links[:_MOST_LINKS]],
        "more": max(0, len(links) - _MOST_LINKS),
    }
    return told, [part.data[:PIECE] for part in parts]


def whys(thing: Any) -> list[tuple[str, str]]:
    """Why each of its fields is there, and the section of an RFC that says so, in the order of the rows."""
    rows = rows_of(parts_of(thing), apart=not isinstance(thing, Packet))
    return [(row.why, row.rfc) for row in islice(rows, MOST_FIELDS)]


def heading(thing: Any) -> str:
    """What it is, in a few words."""
    if isinstance(thing, Packet):
        return f"Packet {thing.number}"
    reason = getattr(thing, "reason", "")
    return _cut(f"{said(thing)}: {reason}" if reason else said(thing))


def _cut(text: str) -> str:
    return visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
