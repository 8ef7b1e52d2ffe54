"""Scapy layers become `Layer` and `Field` trees with exact bit spans; every byte of a frame ends up in a named field.

Rule: the only module that imports Scapy, and only inside functions. Whatever the bytes are, nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from labkit.packets import frames
from labkit.packets.explain import dns, udp
from labkit.packets.explain.base import Context, Row, Table, build, number_at, shown_bytes
from labkit.packets.model import Field, Layer
from labkit.packets.spans import Span, raw_like, read_so_far, read_spans, shown_value, value_of

if TYPE_CHECKING:
    from labkit.packets.packet import Packet

_WHY_PAYLOAD = "What the layers below carry for the program: they do not look at it."
_WHY_PADDING = "Fills a short frame up to the 60 bytes an Ethernet needs; nothing above sees it."
_WHY_MALFORMED = "These bytes do not have the form their protocol asks for."


@cache
def _scapy() -> Any:
    """Import what is needed of Scapy, once (a fifth of a second), without letting it read the routing table."""
    from scapy.config import conf

    conf.route_autoload = conf.route6_autoload = False
    import scapy.layers.inet
    import scapy.layers.inet6
    import scapy.layers.l2
    import scapy.packet

    return scapy


@cache
def _tables() -> dict[str, Table]:
    from labkit.packets.explain import ip, ipv6, link, tcp

    return {**link.TABLES, **ip.TABLES, **ipv6.TABLES, **tcp.TABLES, **udp.TABLES}


def _root(raw: bytes, linktype: int) -> Any:
    """The Scapy class a frame of this link type starts with."""
    layers = _scapy().layers
    if linktype == frames.ETHERNET:
        return layers.l2.Ether
    if linktype == frames.SLL:
        return layers.l2.CookedLinux
    if linktype == frames.SLL2:
        return layers.l2.CookedLinuxV2
    if linktype == frames.NULL:
        return layers.l2.Loopback
    if linktype == frames.LOOP:
        return layers.l2.LoopbackOpenBSD
    if linktype in (frames.RAW, 12, 14, frames.IPV4, frames.IPV6):
        return {4: layers.inet.IP, 6: layers.inet6.IPv6}.get(raw[0] >> 4 if raw else 0)
    return None


def dissect(raw: bytes, linktype: int = frames.ETHERNET) -> tuple[Layer, ...]:
    """Take a frame apart.

    raw: its bytes. linktype: how it starts, as numbered in pcap files (1: Ethernet, 101: an IP packet).
    Returns its layers, outermost first; the payload is the last one. Their fields cover every byte.
    """
    packet = frames.quick(raw, linktype)
    context = Context(raw, linktype, truncated=packet.end > len(raw))
    return _dissect(raw, _root(raw, linktype), context)


def dissect_packet(packet: Packet) -> tuple[Layer, ...]:
    """Like `dissect`, with what its tape knows: relative numbers, who sent it, whether checksums were filled in."""
    quick = packet._quick
    place = packet._place
    context = Context(
        packet.raw, packet.linktype, status=packet.status, sender=packet.sender, truncated=quick.end > len(packet.raw)
    )
    if place is not None and place.connection >= 0:
        context.in_tape = True
        context.relative_seq, context.relative_ack = place.relative_seq, place.relative_ack
        context.sack_base = (quick.ack - place.relative_ack) % (1 << 32) if quick.flags & frames.ACK else 0
    return _dissect(packet.raw, _root(packet.raw, packet.linktype), context, packet.number)


def layer_of(scapy_layer: Any) -> Layer:
    """Take one Scapy layer apart, also one of the student's own: ``layer_of(Ether()/IP()/TCP())`` gives the Ethernet.

    Inside a packet (``layer_of(packet[TCP])``) the spans count from the start of that packet.
    """
    _scapy()
    bottom, depth = scapy_layer, 0
    while bottom.underlayer is not None:
        bottom, depth = bottom.underlayer, depth + 1
    raw = bytes(bottom.original) if getattr(bottom, "raw_packet_cache", None) and bottom.original else b""
    built = bytes(bottom)
    raw = raw if raw and len(raw) >= len(built) and raw.startswith(built) else built
    name = type(bottom).__name__
    linktype = {"Ether": frames.ETHERNET, "IP": frames.RAW, "IPv6": frames.RAW}.get(name, -1)
    layers = _dissect(raw, type(bottom), Context(raw, linktype))
    return layers[min(depth, len(layers) - 1)] if layers else Layer(name, str(bottom.name), 0, 0, ())


def _chain(root: Any) -> Iterator[Any]:
    layer, seen = root, 0
    while layer is not None and type(layer).__name__ != "NoPayload" and seen < 64:
        yield layer
        layer, seen = layer.payload, seen + 1


def _dissect(raw: bytes, cls: Any, context: Context, number: int = 0) -> tuple[Layer, ...]:
    if not raw:
        return ()
    builder = _Builder(raw, context, number)
    try:
        root = cls(raw) if cls is not None else None
    except Exception:
        root = None
    if root is None:
        if cls is not None:
            builder.partly(cls, 0)
        builder.rest()
        return tuple(builder.layers)
    for layer in _chain(root):
        try:
            if not builder.add(layer):
                break
        except Exception:
            break
    builder.rest()
    return tuple(builder.layers)


class _Builder:
    """Makes the layers of one frame, front to back; `position` is the first byte that belongs to none yet."""

    def __init__(self, raw: bytes, context: Context, number: int) -> None:
        self.raw, self.context, self.number = raw, context, number
        self.layers: list[Layer] = []
        self.position = 0
        self.trailers: list[Layer] = []
        self.end = len(raw)
        self.expected: Any = None
        self.carrier = ""

    def add(self, layer: Any) -> bool:
        """Add one Scapy layer; returns whether the next one can follow."""
        name = type(layer).__name__
        start = self.position
        if name != "Padding" and self.application(start):
            return True
        if type(layer).__module__ == "scapy.layers.dns":
            # Another program part has loaded Scapy's DNS, which goes by the port alone; what DNS is was decided above.
            self.plain("Payload", start, min(self.context.end or self.end, self.end))
            return False
        if name in ("Raw", "Padding"):
            size = len(bytes(layer.original or layer.load))
            if name == "Raw" and self.context.quoted:  # all the error quotes, not what Scapy leaves of it
                self.payload(start, min(self.context.end, self.end))
                return True
            if self.raw[start : start + size] != bytes(layer.original or layer.load):
                return False
            if name == "Padding":
                self.plain("Padding", start, start + size)
            else:
                self.payload(start, start + size)
            return True
        data = bytes(layer.original)
        if not data or self.raw[start : start + len(data)] != data:
            return False  # the layer was decoded from other bytes than the frame's (decrypted, or reassembled)
        cache = layer.raw_packet_cache
        header = len(cache) if cache is not None else len(data) - len(bytes(layer.payload.original or b""))
        if header <= 0 and layer.fields_desc:
            return False
        found, trailing, whole = read_spans(layer, data)
        trailing_bits = sum(span.bits for span in trailing)
        end = min(start + header, len(self.raw)) - trailing_bits // 8
        self.network(layer, start, len(data))
        self.layers.append(self.make(layer, start, end, found))
        if name.startswith("ICMP") and trailing and not udp.is_extension(data[trailing[-1].start // 8 :]):
            trailing = []  # Scapy takes whatever stands from byte 136 on for one
        if trailing:
            at = start + trailing[-1].start // 8
            self.trailers.append(self.make(layer, at, at + trailing_bits // 8, trailing, base=start, suffix=" trailer"))
            self.end = min(self.end, at)
        self.position = end
        self.carrier = name
        self.expected = layer
        return whole or end > start

    def application(self, start: int) -> bool:
        """Add what TCP or UDP carries, where it is a protocol of ours: DNS. Returns whether it is."""
        end = min(self.context.end, self.end)
        if self.carrier not in ("TCP", "UDP") or self.context.fragment or not self.layers:
            return False
        layer = dns.layer(self.context, self.layers[-1], start, end, self.number)
        if layer is None:
            return False
        self.layers.append(layer)
        self.position, self.carrier, self.expected = end, layer.name, None
        return True

    def network(self, layer: Any, start: int, size: int) -> None:
        """Keep what later layers need of this one: the addresses for checksums, and where its packet ends."""
        context, name = self.context, type(layer).__name__
        context.start = start
        if name.removesuffix("6").endswith("error"):
            context.quoted = True
        if name in ("IP", "IPv6") and not context.quoted:
            quick = frames.quick(self.raw[start:], frames.RAW)
            context.pseudo = (4 if name == "IP" else 6, quick.src, quick.dst)
            context.fragment = quick.protocol.endswith("(fragment)") or (
                name == "IP" and bool(self.raw[start + 6] & 0x20)
            )
            context.end = min(start + quick.end, len(self.raw))
        elif name == "IPv6ExtHdrFragment":
            context.fragment = number_at(self.raw, (start + 2) * 8, 16) & 0xFFF9 != 0
        elif name == "UDP" and not context.quoted:
            context.end = min(context.end or len(self.raw), start + max(8, int(layer.len or 8)))
        if not context.end:
            context.end = start + size

    def make(
        self, layer: Any, start: int, end: int, spans: list[Span], base: int | None = None, suffix: str = ""
    ) -> Layer:
        """The `Layer` of these bytes: rows of its table where it has one, its own fields elsewhere."""
        known = (_tables().get(each.__name__) for each in type(layer).__mro__)
        table = next((each for each in known if each is not None), None)
        if table is udp.ICMP and self.raw[start : start + 2] == b"\3\4":
            table = udp.TOO_BIG
        name = table.name if table else type(layer).__name__
        title = table.title if table else str(layer.name)
        if type(layer).__name__.removesuffix("6").endswith("error"):
            name, title = f"{name} (quoted)", f"{title}, quoted from the packet that caused the error"
        fields = list(self.fields(layer, table, (start if base is None else base) * 8, spans))
        complete = list(self.gapless(fields, start * 8, end * 8, name))
        data, rfc = self.raw[start:end], table.rfc if table else ""
        return Layer(name + suffix, title, start * 8, len(data) * 8, tuple(complete), data, self.number, rfc)

    def fields(self, layer: Any, table: Table | None, base: int, spans: list[Span]) -> Iterator[Field]:
        index = 0
        while index < len(spans):
            span = spans[index]
            names = [each.name for each in span.fields]
            row = table.by_field.get(names[0]) if table is not None else None
            if row is not None:
                taken = self.covered(row, spans, index)
                bits = sum(each.bits for each in spans[index : index + taken])
                if taken and row.bits in (0, bits):
                    yield build(row, self.context, base + span.start, bits)
                    index += taken
                    continue
            yield self.own(layer, span, base)
            index += 1

    @staticmethod
    def covered(row: Row, spans: list[Span], index: int) -> int:
        """How many spans from this one on belong to the row."""
        taken = 0
        while index + taken < len(spans) and all(each.name in row.covers for each in spans[index + taken].fields):
            taken += 1
        return taken

    def own(self, layer: Any, span: Span, base: int) -> Field:
        """A field of a layer without table: its own name, its own way of showing the value."""
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
        """The fields of packets inside a field, where their bytes are the field's bytes."""
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
            name = type(each).__name__
            found.append(
                Field(
                    name.lower(),
                    str(each.name),
                    position * 8,
                    len(data) * 8,
                    data,
                    shown_bytes(data),
                    children=complete,
                )
            )
            position += len(data)
        return tuple(found) if position * 8 == start + bits else ()

    def gapless(self, fields: list[Field], start: int, end: int, owner: str) -> Iterator[Field]:
        """Yield the fields with whatever lies between them, or behind the last, as fields named malformed."""
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
        return Field(
            "malformed",
            "Malformed",
            start,
            end - start,
            data if start % 8 == 0 == end % 8 else number_at(self.raw, start, end - start),
            shown_bytes(data),
            f"no valid part of {owner}",
            _WHY_MALFORMED,
        )

    def payload(self, start: int, end: int) -> None:
        """Bytes that no layer claimed: the payload of TCP or UDP, or the start of a header that is cut short."""
        if start >= end:
            return
        known = self.expected
        if known is not None:
            guessed = known.guess_payload_class(self.raw[start:end])
            if guessed.__name__ not in ("Raw", "Padding", "NoPayload") and guessed.__module__ != "scapy.layers.dns":
                self.partly(guessed, start, end)
                if self.position > start:
                    return
        self.plain("Payload", start, end)

    def plain(self, name: str, start: int, end: int) -> None:
        data = self.raw[start:end]
        if start >= end:
            return
        if name == "Padding":
            shown, rfc = shown_bytes(data), "IEEE 802.3 §3.2.8"
            item = Field("eth.padding", "Padding", start * 8, len(data) * 8, data, shown, why=_WHY_PADDING, rfc=rfc)
        else:
            carrier = self.carrier.removesuffix("error")  # as Scapy calls what an ICMP error quotes
            prefix = {"TCP": "tcp.payload", "UDP": "udp.payload"}.get(carrier, "data.data")
            item = Field(prefix, "Payload", start * 8, len(data) * 8, data, shown_bytes(data), why=_WHY_PAYLOAD)
        self.layers.append(Layer(name, name, start * 8, len(data) * 8, (item,), data, self.number))
        self.position = end

    def partly(self, cls: Any, start: int, end: int | None = None) -> None:
        """Read as many fields of a layer as its bytes hold, where Scapy gave the whole layer up."""
        end = self.end if end is None else end
        try:
            layer = cls()
            found: list[Span] = read_so_far(layer, self.raw[start:end])
            self.context.start = start
            table_name = type(layer).__name__
        except Exception:
            return
        last = max((span.start + span.bits for span in found), default=0)
        if not last:
            return
        made = self.make(layer, start, end, found)
        self.layers.append(made)
        self.carrier, self.position = table_name, end

    def rest(self) -> None:
        """Name what is left: bytes behind the last layer, then the trailers."""
        if self.position < self.end:
            if self.layers:
                self.plain("Payload", self.position, self.end)
            else:
                start = self.position
                item = self.malformed(start * 8, self.end * 8, "a frame labkit knows")
                data = self.raw[start : self.end]
                self.layers.append(
                    Layer("Malformed", "Malformed frame", start * 8, item.bits, (item,), data, self.number)
                )
        self.position = self.end
        self.layers.extend(reversed(self.trailers))
