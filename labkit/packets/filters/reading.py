"""The values of a field in a packet, as a display filter sees them.

Rule: the headers alone are read if they answer; layers and messages are made only for names that need them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from labkit.packets import walk
from labkit.packets.dissector import dissect_frame
from labkit.packets.explain.base import Context
from labkit.packets.filters.names import EITHER, NOTES, PROTOCOLS, TYPES
from labkit.packets.filters.values import Value
from labkit.packets.model import Field, Layer
from labkit.packets.packet import Packet
from labkit.packets.steps import Step

Values = Sequence[Value]
_HIGHER = (
    "ber", "http", "http2", "pkcs1", "pkix1explicit", "pkix1implicit", "tls", "websocket", "x509", "x509af", "x509ce",
    "x509if", "x509sat",
)  # fmt: skip
"""The protocols on TCP streams, by the first word of their fields."""
_PLAIN = {("IPv4", "TCP"): 20, ("IPv4", "UDP"): 20, ("IPv6", "TCP"): 40, ("IPv6", "UDP"): 40}
_FLAGS = ("fin", "syn", "reset", "push", "ack", "urg", "ece", "cwr")
_WORDS = {"ip.hdr_len": 4, "tcp.hdr_len": 4, "ip.frag_offset": 8}
"""Fields that Wireshark gives in bytes."""


class Seen:
    """One packet while filters look at it: what was found is kept. tape_start: time of the tape's first packet, ns."""

    __slots__ = ("_fields", "_higher", "_lower", "_steps", "before_ns", "packet", "start_ns")

    def __init__(self, packet: Packet, start_ns: int | None = None, before_ns: int | None = None) -> None:
        self.packet, self.start_ns, self.before_ns = packet, start_ns, before_ns
        self._steps: list[Step] | None = None
        self._lower: tuple[Layer, ...] | None = None
        self._higher: tuple[Layer, ...] | None = None
        self._fields: dict[str, dict[str, list[Field]]] = {}

    @property
    def steps(self) -> list[Step]:
        """The headers of the frame."""
        if self._steps is None:
            packet = self.packet
            self._steps = []
            walk.quick(packet.raw, packet.linktype, packet.fcs_length or 0, packet.wire_length, self._steps)
        return self._steps

    @property
    def plain(self) -> str:
        """``"TCP"`` or ``"UDP"`` if the frame is this in IP without options, in Ethernet or nothing; else ``""``."""
        names = [step[0] for step in self.steps]
        if names[:1] == ["Ethernet"]:
            del names[0]
        size = _PLAIN.get(tuple(names)) if len(names) == 2 else None  # type: ignore[arg-type]  # of two names
        quick = self.packet._quick
        whole = size is not None and quick.transport - quick.network == size and quick.fragment < 0
        return names[1] if whole and quick.protocol == names[1] else ""

    @property
    def lower(self) -> tuple[Layer, ...]:
        """The layers of the headers, up to UDP's payload and TCP."""
        if self._lower is None:
            packet = self.packet
            context = Context(packet.raw, packet.linktype, status=packet.status)
            context.inside = ()
            self._lower = dissect_frame(context, packet.number, packet.fcs_length, packet.wire_length)
        return self._lower

    @property
    def higher(self) -> tuple[Layer, ...]:
        """The messages and records that are complete with this packet, decrypted if they can be."""
        if self._higher is None:
            packet = self.packet
            found: list[Layer] = []
            if packet.protocol == "TCP" and packet._messages is None:
                found = [layer for layer in packet.layers if layer.name in ("HTTP", "TLS", "WebSocket", "DNS")]
            elif packet.protocol == "TCP" and packet.length:
                for record in packet.records:
                    if record.completed_by == packet.number:
                        found += record.layers
                        for said in record.messages:
                            if len(said.records) > 1:
                                found += said.layers
                for message in packet.messages:
                    if message.completed_by == packet.number:
                        parts = getattr(message, "layers", None)
                        found += parts or [Layer(message.protocol, "", 0, 0, message.fields)]
            self._higher = tuple(found)
        return self._higher

    def fields(self, name: str) -> list[Field]:
        """The fields of this name."""
        protocol = name.partition(".")[0]
        group = "dns" if protocol == "dns" else "higher" if protocol in _HIGHER else "lower"
        index = self._fields.get(group)
        if index is None:
            index = self._fields[group] = {}
            layers = () if group == "lower" else self.higher
            layers += () if group == "higher" or (group == "dns" and self.packet.protocol == "TCP") else self.lower
            for layer in layers:
                for field in layer.fields:
                    for part in field.walk():
                        index.setdefault(part.name, []).append(part)
        return index.get(name, [])


Reader = Callable[[Seen], Values]


def reader_of(name: str, *, header: bool = False) -> Reader:
    """How to get the values of this field or protocol from a packet; of a protocol its bytes.

    header: of a protocol only its header, as in slices; else also what it carries.
    """
    if name in PROTOCOLS:
        return _protocol(name, header)
    if name in NOTES:
        notes = NOTES[name]
        return lambda seen: (b"",) if _note(seen).startswith(notes) else ()
    if name in _COMPUTED:
        return _COMPUTED[name]
    kind, factor = TYPES[name], _WORDS.get(name, 1)

    def fields(one: str) -> Reader:
        if factor != 1:
            return lambda seen: [int(each.value) * factor for each in seen.fields(one)]
        return lambda seen: [_converted(each, kind) for each in seen.fields(one)]

    names = EITHER.get(name, (name,))
    slow = [fields(each) for each in names]
    quick = [_QUICK[each] for each in names if each in _QUICK]
    layer = name.partition(".")[0]
    if len(quick) < len(names):
        return slow[0] if len(slow) == 1 else lambda seen: [value for read in slow for value in read(seen)]
    versions = {"ip": 4, "ipv6": 16}

    def read(seen: Seen) -> Values:
        plain = seen.plain
        if not plain:
            return [value for each in slow for value in each(seen)]
        if plain.lower() == layer or versions.get(layer) == len(seen.packet._quick.src):
            return [each(seen) for each in quick]
        return ()

    return read


def _protocol(name: str, header: bool) -> Reader:
    if name == "frame":
        return lambda seen: (seen.packet.raw,)
    layers = PROTOCOLS[name]
    if name in _HIGHER:
        return lambda seen: [layer.data for layer in seen.higher if layer.name in layers]
    if name == "dns":
        return lambda seen: [
            layer.data
            for layer in (seen.higher if seen.packet.protocol == "TCP" else seen.lower)
            if layer.name == "DNS"
        ]

    def read(seen: Seen) -> Values:
        if seen.plain or not any(step[0].startswith("ICMP") for step in seen.steps):
            return [
                seen.packet.raw[start : end if header and end >= 0 else stop]
                for each, start, end, stop in seen.steps
                if each in layers
            ]
        return [layer.data for layer in seen.lower if layer.name.removesuffix(" (quoted)") in layers]

    return read


def _converted(field: Field, kind: str) -> Value:
    """The value of a field as its type in a filter has it."""
    value = field.value
    if kind in ("number", "boolean"):
        return int.from_bytes(value, "big") if isinstance(value, bytes) else _digits(value)
    if kind == "text":
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if kind in ("ipv4", "ipv6") and isinstance(value, str):
        try:
            return ipaddress.ip_address(value).packed
        except ValueError:
            return value.encode()
    if kind == "mac" and isinstance(value, str):
        return bytes.fromhex(value.replace(":", ""))
    if isinstance(value, int):
        return value.to_bytes((field.bits + 7) // 8, "big")
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _digits(value: int | str) -> int:
    return value if isinstance(value, int) else int(value) if value.isascii() and value.isdigit() else -1


def _note(seen: Seen) -> str:
    return seen.packet.note if seen.packet.protocol == "TCP" else ""


def _tcp(read: Callable[[Packet], Any]) -> Reader:
    """Of a packet that is TCP."""
    return lambda seen: (read(seen.packet),) if seen.packet.protocol == "TCP" else ()


def _time(seen: Seen, since: int | None) -> Values:
    now = seen.packet.time_ns
    return (now - since,) if now is not None and since is not None else ()


def _stream(seen: Seen) -> Values:
    place = seen.packet._place
    return (place.connection,) if place is not None and place.connection >= 0 else ()


def _duplicate(seen: Seen) -> Values:
    note = _note(seen)
    return (int(note.rpartition(" ")[2]),) if note.startswith("duplicate ACK ") else ()


def _length(seen: Seen) -> Values:
    return [_digits(str(each.value)) for each in seen.fields("http.content_length_header")]


def _payload(protocol: str) -> Reader:
    return lambda seen: (seen.packet.payload,) if seen.packet.protocol == protocol and seen.packet.payload else ()


def _whether(name: str) -> Reader:
    return lambda seen: [1] * bool(seen.fields(name))


_COMPUTED: dict[str, Reader] = {
    "frame.number": lambda seen: (seen.packet.number,),
    "frame.len": lambda seen: (max(seen.packet.wire_length, len(seen.packet.raw)),),
    "frame.cap_len": lambda seen: (len(seen.packet.raw),),
    "frame.time_epoch": lambda seen: _time(seen, 0),
    "frame.time_relative": lambda seen: _time(seen, seen.start_ns),
    "frame.time_delta": lambda seen: _time(seen, seen.before_ns),
    "tcp.stream": _stream,
    "tcp.len": _tcp(lambda packet: packet.length),
    "tcp.seq": _tcp(lambda packet: packet.seq),
    "tcp.ack": _tcp(lambda packet: packet.ack),
    "tcp.seq_raw": _tcp(lambda packet: packet._quick.seq),
    "tcp.ack_raw": _tcp(lambda packet: packet._quick.ack),
    "tcp.payload": _payload("TCP"),
    "udp.payload": _payload("UDP"),
    "tcp.analysis.duplicate_ack_num": _duplicate,
    "http.content_length": _length,
    "http.request": _whether("http.request.method"),
    "http.response": _whether("http.response.code"),
}
_QUICK: dict[str, Callable[[Seen], Value]] = {
    "ip.src": lambda seen: seen.packet._quick.src,
    "ip.dst": lambda seen: seen.packet._quick.dst,
    "ipv6.src": lambda seen: seen.packet._quick.src,
    "ipv6.dst": lambda seen: seen.packet._quick.dst,
    "tcp.srcport": lambda seen: seen.packet._quick.sport,
    "tcp.dstport": lambda seen: seen.packet._quick.dport,
    "udp.srcport": lambda seen: seen.packet._quick.sport,
    "udp.dstport": lambda seen: seen.packet._quick.dport,
    "tcp.window_size_value": lambda seen: seen.packet.window,
}


def _flag(bit: int) -> Callable[[Seen], Value]:
    return lambda seen: seen.packet._quick.flags >> bit & 1


_QUICK |= {f"tcp.flags.{name}": _flag(bit) for bit, name in enumerate(_FLAGS)}


def looked_at(packets: Iterable[Packet], start_ns: int | None) -> Iterable[Seen]:
    """Each packet as filters see it. start_ns: the time of the capture's first packet."""
    before: int | None = start_ns
    for packet in packets:
        yield Seen(packet, start_ns, before)
        before = packet.time_ns
