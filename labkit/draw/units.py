"""Which header fields share a colour, which are hidden, and what is said of each: for bits and bytes alike.

Rule: reads Layer and Field, draws nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labkit.core.errors import LabError
from labkit.draw.groups import group_of
from labkit.draw.short_names import Key, short_names
from labkit.draw.text import count, given, preview, visible
from labkit.packets.model import Field, Layer

HIDDEN = "?"


@dataclass(frozen=True, slots=True)
class Unit:
    """Neighbouring bits of one colour: a field, or flags that belong together.

    group: which of the five groups of `groups` has its colour. above: the fields it is a part of, outermost first (a
    record, a name in it).
    """

    field: Field
    group: int
    hidden: bool
    above: tuple[Field, ...] = ()


@dataclass(slots=True)
class Sheet:
    """One layer prepared for drawing: its units, which fields an exercise hides, and short names for narrow boxes."""

    layer: Layer
    units: list[Unit]
    secret: frozenset[str]
    short: dict[Key, str]
    whole: int = 0  # bytes that the layer has, if only its beginning is drawn

    @property
    def size(self) -> str:
        """How long it is: ``"40 bytes"``, ``"the first 12 of 83 bytes"``."""
        bits = self.layer.bits
        if self.whole:
            return f"the first {bits // 8} of {count(self.whole, 'byte')}"
        return count(bits // 8, "byte") if bits % 8 == 0 else count(bits, "bit")

    @property
    def base(self) -> int:
        """Position in the frame of the first bit of ``layer.data``."""
        return self.layer.start // 8 * 8

    def conceals(self, item: Field) -> bool:
        """Whether the field's value must not be told: it is hidden, or a part of it is."""
        return bool(self.secret) and any(part.name in self.secret for part in item.walk())

    def leaves(self) -> Iterator[tuple[Field, int, bool]]:
        """Yield each undivided field with its group and whether it is hidden."""
        for unit in self.units:
            for leaf in unit.field.leaves():
                yield leaf, unit.group, unit.hidden or leaf.name in self.secret

    def walk(self) -> Iterator[tuple[Field, int, bool, bool]]:
        """Yield (field, depth, hidden, volatile) for every field, depth first; a part of a hidden field is hidden."""

        def down(item: Field, depth: int, above: bool) -> Iterator[tuple[Field, int, bool, bool]]:
            own = above or item.name in self.secret
            yield item, depth, own or self.conceals(item), item.volatile
            for child in item.children:
                yield from down(child, depth + 1, own)

        for item in self.layer.fields:
            yield from down(item, 0, False)

    def masked(self) -> set[int]:
        """The nibbles of ``layer.data`` (counted from its first) that hold a hidden bit."""
        return {
            nibble
            for leaf, _, hidden in self.leaves()
            if hidden
            for nibble in range((leaf.start - self.base) // 4, (leaf.end - self.base + 3) // 4)
        }


def sheets(thing: Any, hide: Collection[str] = (), first: int | None = None) -> list[Sheet]:
    """Prepare what is to be drawn.

    thing: a Layer, a Packet of a tape, or a Scapy layer. first: bytes of each layer, if not all.
    hide: names of fields whose values stay secret, in full (``"tcp.flags.syn"``) or without the layer
    (``"flags.syn"``). Raises LabError for anything else and unknown names.
    """
    wanted = _names(hide)
    everything = layers_of(thing)
    layers = everything if first is None else [beginning(layer, first) for layer in everything]
    names = {part.name for layer in layers for item in layer.fields for part in item.walk()}
    secret = {name for name in names if name in wanted or name.split(".", 1)[-1] in wanted}
    for name in wanted - secret - {found.split(".", 1)[-1] for found in secret}:
        raise LabError(
            f"there is no field {name!r} to hide in {' / '.join(layer.name for layer in layers)}",
            f"The fields are: {', '.join(sorted(names))}.",
        )
    out: list[Sheet] = []
    for layer, full in zip(layers, everything, strict=True):
        units = []
        for item in layer.fields:
            for part, above in _units(item, ()):
                hidden = any(each.name in secret for each in (*above, part))
                units.append(Unit(part, group_of(part, above), hidden, above))
        short = short_names(leaf for item in layer.fields for leaf in item.leaves())
        whole = full.bits // 8 if layer.bits < full.bits else 0
        out.append(Sheet(layer, units, frozenset(secret), short, whole))
    return out


def focused(parts: Collection[Sheet], focus: Any) -> frozenset[int]:
    """The fields (their `id`) that are to be lit: those named, and the parts of a divided one.

    focus: a label (``"Window"``) or a name, with or without the layer (``"tcp.window_size_value"``), or several of
    them; capital or small letters. Raises LabError for anything else, and for a field that no sheet has.
    """
    wanted = [focus] if isinstance(focus, str) else focus
    if not isinstance(wanted, Collection) or not all(isinstance(each, str) for each in wanted):
        raise LabError(f"focus={given(focus)} names no field", 'Give a name: focus="Window", or focus=["SYN", "ACK"].')
    fields = [item for sheet in parts for top in sheet.layer.fields for item in top.walk()]
    lit: set[int] = set()
    for each in wanted:
        low = each.lower()
        found = [item for item in fields if low in (item.label.lower(), item.name, item.name.split(".", 1)[-1])]
        if not found:
            raise LabError(
                f"there is no field {each!r} to light in {' / '.join(sheet.layer.name for sheet in parts)}",
                f"The fields are: {', '.join(dict.fromkeys(visible(item.label) for item in fields))}.",
            )
        lit |= {id(part) for item in found for part in item.walk()}
    return frozenset(lit)


def beginning(layer: Layer, first: int) -> Layer:
    """The first bytes of a layer as a layer of their own; a field that goes on behind them is cut off.

    first: bytes, at least 1.
    """
    end = layer.start + 8 * first
    if layer.end <= end:
        return layer

    def cut(item: Field) -> Field:
        if item.end <= end:
            return item
        kept = item.value[: (end - item.start) // 8] if isinstance(item.value, bytes) else item.value
        said = count(len(kept), "byte") if isinstance(kept, bytes) else visible(item.shown)
        parts = tuple(cut(child) for child in item.children if child.start < end)
        return replace(item, bits=end - item.start, value=kept, shown=f"{said}, cut off here", children=parts)

    fields = tuple(cut(item) for item in layer.fields if item.start < end)
    return replace(layer, bits=8 * first, fields=fields, data=layer.data[: (layer.start % 8 + 8 * first + 7) // 8])


def _names(hide: Any) -> set[str]:
    """What to hide, as a set. Raises LabError for anything but names."""
    if isinstance(hide, str):
        return {hide}
    if isinstance(hide, Collection) and all(isinstance(name, str) for name in hide):
        return set(hide)
    raise LabError(f"hide={given(hide)} names no field", 'Give names: hide="tcp.seq", or hide=["tcp.seq", "tcp.ack"].')


def _units(item: Field, above: tuple[Field, ...]) -> Iterator[tuple[Field, tuple[Field, ...]]]:
    """The parts of a field that get a colour of their own: flags share one, options have one each."""
    if any(child.children for child in item.children):
        for child in item.children:
            yield from _units(child, (*above, item))
    else:
        yield item, above


def is_packet(thing: Any) -> bool:
    """Whether it is a whole packet, whose bytes are counted from the frame's first, and not one layer."""
    return isinstance(getattr(thing, "layers", None), (tuple, list)) and not is_apart(thing)


def is_apart(thing: Any) -> bool:
    """Whether it has layers of which each is counted from its own first byte: a WebSocket frame, a record of TLS."""
    return getattr(thing, "apart", False) is True


def as_sent_alone(thing: Any) -> Any:
    """What has layers apart as the one that was sent, for pictures in which all layers are one run of bytes."""
    return thing.layers[0] if is_apart(thing) else thing


def layers_of(thing: Any) -> Sequence[Layer]:
    """The layers of whatever can be drawn: Layer, Packet, WebSocket frame, TLS, Scapy. Raises LabError for others."""
    if isinstance(thing, Layer):
        return (thing,)
    # Scapy's packets have this; they are looked for first, since they have a method `layers` as well.
    if hasattr(thing, "fields_desc") and not isinstance(thing, type):
        from labkit.packets import layer_of

        return (layer_of(thing),)
    if is_apart(thing) or (is_packet(thing) and all(isinstance(layer, Layer) for layer in thing.layers)):
        found: Sequence[Layer] = thing.layers
        return found
    raise LabError(
        f"cannot draw the bits of {given(thing)}",
        "Give a packet of a tape (tape[0]), one of its layers (tape[0]['TCP']), a Scapy layer, a WebSocket frame "
        "(tape.frames[0]), or what was said in TLS (tape.records[0], tape.handshake[0]).",
    )


def shown(item: Field) -> str:
    """The field's value for a person; of bytes that are text, their start."""
    text = visible(item.shown).removeprefix(f"{visible(item.label)}: ")
    if text == visible(item.label):  # an option without a value
        return "present"
    readable = isinstance(item.value, bytes) and not item.children and not item.volatile and "“" not in text
    if readable and isinstance(item.value, bytes) and (start := preview(item.value)):
        said = start.strip("“”…")  # Scapy's own words may have it already
        again = text.strip('"') == said or f"'{said}" in text or f'"{said}' in text
        return text if again else f"{text} {start}"
    return text


def as_sent(item: Field) -> str:
    """``"raw 990091614"`` if the value shown is a relative number, and another one was on the wire; else ``""``.

    A reader needs it to find the value in the bytes below.
    """
    text = item.shown
    if not isinstance(item.value, int) or not (text.isascii() and text.isdigit()) or len(text) > 20:
        return ""
    if len(text) == item.bits and not text.strip("01") and int(text, 2) == item.value:
        return ""  # it is shown bit by bit
    return f"raw {item.value}" if int(text) != item.value else ""


def telling(sheet: Sheet) -> set[int]:
    """The fields (their `id`) that say something in this packet; all of them if one is hidden, which others may tell.

    Left out: flags that are not set, fields that say of themselves that they mean nothing, lengths and kinds of
    options, the letters of names.
    """
    walked = list(sheet.walk())
    if sheet.secret & {part.name for part, *_ in walked}:
        return {id(item) for item, *_ in walked}
    return {
        id(item)
        for item, depth, *_ in walked
        if not item.meaning.startswith("no meaning")
        and (
            (depth == 0 and bool(item.meaning or item.value or item.children))
            or (depth == 1 and item.meaning and (bool(item.value) or item.bits > 1))
        )
    }


def meaning(sheet: Sheet, item: Field) -> str:
    """What the value says in this packet; ``""`` in a layer with a hidden field, which others may give away."""
    return (
        ""
        if sheet.secret & {part.name for each in sheet.layer.fields for part in each.walk()}
        else visible(item.meaning)
    )


def origin(thing: Any) -> str:
    """Where a packet comes from (``"live from lo (AF_PACKET ring)"``), if it knows; else ``""``."""
    found = getattr(thing, "origin", "")  # a Scapy layer has none
    return visible(found) if isinstance(found, str) else ""


def span(item: Field, layer: Layer) -> str:
    """The field's place in its layer: ``"bits 0-15"``, ``"bit 110"``."""
    first, last = item.start - layer.start, item.end - layer.start - 1
    return f"bit {first}" if last == first else f"bits {first}-{last}" if last > first else "no bits"
