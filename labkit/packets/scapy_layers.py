"""Layers that a student wrote for Scapy become `Layer` and `Field` trees with exact bit spans.

Rule: only this module imports Scapy, and only inside functions. It does not read headers for which labkit has a table,
also if they come from Scapy. No bytes make it raise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from labkit.packets.explain.base import number_at, shown_bytes
from labkit.packets.model import Field, Layer
from labkit.packets.scapy_spans import Span, raw_like, read_so_far, read_spans, shown_value, value_of
from labkit.packets.steps import Step

_WHY_PAYLOAD = "What the layers below carry for the program: they do not look at it."
_WHY_MALFORMED = "These bytes do not have the form that their protocol requires."
_DEEPEST = 64

_OURS = {
    "Ether": "Ethernet", "Dot3": "Ethernet", "IP": "IPv4", "IPv6": "IPv6", "TCP": "TCP", "UDP": "UDP", "ICMP": "ICMP",
    "ARP": "ARP", "GRE": "GRE", "Dot1Q": "VLAN", "Dot1AD": "802.1ad", "CookedLinux": "Linux cooked",
    "CookedLinuxV2": "Linux cooked v2", "Loopback": "BSD loopback", "IPv6ExtHdrHopByHop": "IPv6 hop-by-hop",
    "IPv6ExtHdrDestOpt": "IPv6 destination", "IPv6ExtHdrRouting": "IPv6 routing",
    "IPv6ExtHdrFragment": "IPv6 fragment",
}  # fmt: skip
"""Scapy's class of each header for which labkit has a table, and the name of its layer."""

_SCAPYS = {
    "Ethernet": ("l2", "Ether"), "VLAN": ("l2", "Dot1Q"), "802.1ad": ("l2", "Dot1AD"), "IPv4": ("inet", "IP"),
    "IPv6": ("inet6", "IPv6"), "TCP": ("inet", "TCP"), "UDP": ("inet", "UDP"), "ICMP": ("inet", "ICMP"),
    "GRE": ("l2", "GRE"), "LLC": ("l2", "LLC"), "IPv6 hop-by-hop": ("inet6", "IPv6ExtHdrHopByHop"),
    "IPv6 destination": ("inet6", "IPv6ExtHdrDestOpt"), "Linux cooked": ("l2", "CookedLinux"),
}  # fmt: skip
"""The reverse: by the layer's name, the class to which a student binds a layer."""


@cache
def load() -> Any:
    """Import the needed parts of Scapy once (0.2 s), and keep Scapy from reading the routing table."""
    from scapy.config import conf

    conf.route_autoload = conf.route6_autoload = False
    import scapy.layers.inet
    import scapy.layers.inet6
    import scapy.layers.l2
    import scapy.packet

    return scapy


def students_layers(raw: bytes, below: Step, number: int) -> tuple[Layer, ...]:
    """The layers in a payload that the student has bound to the header below; () if there are none.

    below: the step of the innermost header.
    """
    kind = students_class(raw, below)
    if kind is None:
        return ()
    reader = _Reader(raw, number, below[2], below[3])
    reader.read(kind)
    return tuple(reader.layers)


def students_class(raw: bytes, below: Step) -> Any | None:
    """The class of the layer that the student has bound to the header below, if a payload follows it; else None.

    Layers of Scapy itself do not count, because which of them Scapy knows depends on the program's imports. Scapy takes
    time, so it is used only if the program has imported it.
    """
    name, start, end, stop = below
    place = _SCAPYS.get(name)
    module = sys.modules.get(f"scapy.layers.{place[0]}") if place is not None else None
    if place is None or module is None or end < 0 or end >= stop:
        return None
    payload = raw[end:stop]
    try:
        guessed = getattr(module, place[1])(raw[start:end]).guess_payload_class(payload)
        return guessed if is_own(guessed) else None
    except Exception:
        return None


def is_own(kind: Any) -> bool:
    """Whether a class of layers is the student's own, not one that Scapy brings."""
    return not kind.__module__.startswith(("scapy.layers.", "scapy.packet"))


def layers_from(kind: Any, raw: bytes, start: int = 0) -> tuple[Layer, ...]:
    """The layers of a frame from a layer of the student's own on. kind: its class. start: its first byte."""
    reader = _Reader(raw, 0, start, len(raw))
    reader.read(kind)
    return tuple(reader.layers)


def layer_in_packet(scapy_layer: Any, ours: Callable[[str, bytes], tuple[Layer, ...] | None]) -> Layer:
    """The `Layer` of one Scapy layer, with spans that count from the start of the packet that it is in.

    ours: takes apart bytes that begin with a header for which labkit has a table, by the name of its layer.
    """
    load()
    bottom = scapy_layer
    while bottom.underlayer is not None:
        bottom = bottom.underlayer
    raw = bytes(bottom.original) if getattr(bottom, "raw_packet_cache", None) and bottom.original else b""
    built = bytes(bottom)
    raw = raw if raw and len(raw) >= len(built) and raw.startswith(built) else built
    start = _offset(bottom, scapy_layer)
    own = type(scapy_layer)
    name = name_of(scapy_layer)
    if name:
        known = name_of(bottom)
        layers = ours(known, raw) if known else None
        if layers is None:  # a header of ours inside a layer of the student's
            part = ours(name, raw[start:])
            return _moved(part[0], start, raw) if part else Layer(own.__name__, str(scapy_layer.name), 0, 0, ())
        for layer in layers:
            if layer.start == start * 8:
                return layer
    reader = _Reader(raw, 0, start, len(raw))
    reader.read(own)
    return reader.layers[0] if reader.layers else Layer(own.__name__, str(scapy_layer.name), start * 8, 0, ())


def name_of(layer: Any) -> str:
    """The name of our layer for a layer of Scapy; "" for one of the student's, or one without a table."""
    if not type(layer).__module__.startswith("scapy.layers."):
        return ""
    name = type(layer).__name__
    return "ICMPv6" if name.startswith("ICMPv6") and hasattr(layer, "cksum") else _OURS.get(name, "")


def _offset(bottom: Any, wanted: Any) -> int:
    """The number of bytes before a layer in its packet."""
    offset, layer = 0, bottom
    while layer is not wanted and type(layer).__name__ != "NoPayload":
        cache = layer.raw_packet_cache
        offset += len(cache) if cache is not None else len(bytes(layer)) - len(bytes(layer.payload))
        layer = layer.payload
    return offset


def _moved(layer: Layer, start: int, raw: bytes) -> Layer:
    """A layer that was read alone, moved to its place in its packet."""

    def move(item: Field) -> Field:
        children = tuple(move(child) for child in item.children)
        return Field(item.name, item.label, item.start + start * 8, item.bits, item.value, item.shown, item.meaning,
                     item.why, item.rfc, item.volatile, children)  # fmt: skip

    fields = tuple(move(item) for item in layer.fields)
    data = raw[start : start + len(layer.data)]
    return Layer(layer.name, layer.title, layer.start + start * 8, layer.bits, fields, data, layer.packet, layer.rfc)


def chain(root: Any) -> Iterator[Any]:
    """A layer of Scapy and those that it carries, in order."""
    layer, seen = root, 0
    while layer is not None and type(layer).__name__ != "NoPayload" and seen < _DEEPEST:
        yield layer
        layer, seen = layer.payload, seen + 1


class _Reader:
    """Makes our layers from a chain of Scapy's; `position` is the first byte that no layer has yet."""

    def __init__(self, raw: bytes, number: int, start: int, end: int) -> None:
        self.raw, self.number, self.position, self.end = raw, number, start, end
        self.layers: list[Layer] = []
        self.trailers: list[Layer] = []

    def read(self, cls: Any) -> None:
        """Add the layers from this class on, then the rest of the bytes."""
        try:
            root = cls(self.raw[self.position : self.end])
        except Exception:
            root = None
        for layer in chain(root):
            try:
                if not self.add(layer):
                    break
            except Exception:
                break
        if not self.layers:
            self.partly(cls)
        if self.position < self.end and self.layers:
            self.plain(self.position, self.end)
        self.layers.extend(reversed(self.trailers))

    def add(self, layer: Any) -> bool:
        """Add one layer; returns whether the next one can follow."""
        name, start = type(layer).__name__, self.position
        if name in ("Raw", "Padding"):
            return False
        data = bytes(layer.original)
        if not data or self.raw[start : start + len(data)] != data:
            return False  # Scapy decoded the layer from other bytes than the frame's (decrypted, or reassembled)
        known = layer.raw_packet_cache
        header = len(known) if known is not None else len(data) - len(bytes(layer.payload.original or b""))
        if header <= 0 and layer.fields_desc:
            return False
        found, trailing, whole = read_spans(layer, data)
        trailing_bits = sum(span.bits for span in trailing)
        end = min(start + header, self.end) - trailing_bits // 8
        self.layers.append(self.make(layer, start, end, found))
        if trailing:
            at = start + trailing[-1].start // 8
            self.trailers.append(self.make(layer, at, at + trailing_bits // 8, trailing, base=start, suffix=" trailer"))
            self.end = min(self.end, at)
        self.position = end
        return whole or end > start

    def partly(self, cls: Any) -> None:
        """Read as many fields of a layer as its bytes hold, if Scapy could not read the whole layer."""
        try:
            layer = cls()
            found = read_so_far(layer, self.raw[self.position : self.end])
        except Exception:
            return
        if found:
            self.layers.append(self.make(layer, self.position, self.end, found))
            self.position = self.end

    def make(
        self, layer: Any, start: int, end: int, spans: list[Span], base: int | None = None, suffix: str = ""
    ) -> Layer:
        """The `Layer` of these bytes: the layer's own fields, and the bytes between them as malformed."""
        name = type(layer).__name__
        fields = [self.own(layer, span, (start if base is None else base) * 8) for span in spans]
        complete = tuple(self.gapless(fields, start * 8, end * 8, name))
        data = self.raw[start:end]
        return Layer(name + suffix, str(layer.name), start * 8, len(data) * 8, complete, data, self.number)

    def own(self, layer: Any, span: Span, base: int) -> Field:
        """One field, with its own name and its own way to show the value."""
        prefix = type(layer).__name__.lower()
        name = "+".join(each.name for each in span.fields)
        start = base + span.start
        raw = self.raw[start // 8 : (start + span.bits + 7) // 8]
        shown = ", ".join(
            (f"{each.name}=" if len(span.fields) > 1 else "") + shown_value(layer, each, value)
            for each, value in zip(span.fields, span.values, strict=True)
        )
        value = span.values[0] if len(span.values) == 1 else None
        if isinstance(value, bool) or not isinstance(value, (int, str, bytes)):
            value = (
                number_at(self.raw, start, span.bits)
                if span.bits <= 64 and len(span.fields) == 1 and not raw_like(value)
                else raw
            )
        children = self.nested(value_of(span), start, span.bits)
        return Field(f"{prefix}.{name}", name, start, span.bits, value, shown, children=children)

    def nested(self, value: Any, start: int, bits: int) -> tuple[Field, ...]:
        """The fields of packets inside a field, if their bytes are the field's bytes."""
        packets = value if isinstance(value, list) else [value]
        if not packets or not all(hasattr(each, "fields_desc") for each in packets) or start % 8:
            return ()
        position, found = start // 8, []
        for each in packets:
            data = each.raw_packet_cache
            if not data or self.raw[position : position + len(data)] != data:
                return ()
            spans, trailing, _ = read_spans(each, bytes(each.original) if each.original else data)
            inside = [span for span in spans if span.start + span.bits <= len(data) * 8]
            parts = [self.own(each, span, position * 8) for span in inside] if not trailing else []
            complete = tuple(self.gapless(parts, position * 8, (position + len(data)) * 8, type(each).__name__))
            name, at = type(each).__name__.lower(), position * 8
            shown = shown_bytes(data)
            found.append(Field(name, str(each.name), at, len(data) * 8, data, shown, children=complete))
            position += len(data)
        return tuple(found) if position * 8 == start + bits else ()

    def gapless(self, fields: list[Field], start: int, end: int, owner: str) -> Iterator[Field]:
        """Yield the fields, and the bytes between and behind them as fields named malformed."""
        position = start
        for each in fields:
            if each.start < position or each.end > end:
                continue
            if each.start > position:
                yield self.malformed(position, each.start, owner)
            yield each
            position = each.end
        if position < end:
            yield self.malformed(position, end, owner)

    def malformed(self, start: int, end: int, owner: str) -> Field:
        data = self.raw[start // 8 : (end + 7) // 8]
        value = data if start % 8 == 0 == end % 8 else number_at(self.raw, start, end - start)
        meaning = f"no valid part of {owner}"
        return Field("malformed", "Malformed", start, end - start, value, shown_bytes(data), meaning, _WHY_MALFORMED)

    def plain(self, start: int, end: int) -> None:
        data = self.raw[start:end]
        item = Field("data.data", "Payload", start * 8, len(data) * 8, data, shown_bytes(data), why=_WHY_PAYLOAD)
        self.layers.append(Layer("Payload", "Payload", start * 8, len(data) * 8, (item,), data, self.number))
        self.position = end
