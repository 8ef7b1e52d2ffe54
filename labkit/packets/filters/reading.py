"""How a display filter gets the values of a field from a packet: the quickest way that gives them.

Rule: a name is looked up once, when the filter is compiled; what it gives is of the type of that name.
"""

from __future__ import annotations

import ipaddress

from labkit.packets.filters.computed import COMPUTED, digits, noted
from labkit.packets.filters.headers import OPTIONS, PLAIN, options
from labkit.packets.filters.names import EITHER, NOTES, PROTOCOLS, TYPES
from labkit.packets.filters.seen import HIGHER, Reader, Seen, Values
from labkit.packets.filters.values import Value
from labkit.packets.model import Field

_WORDS = {"ip.hdr_len": 4, "tcp.hdr_len": 4, "ip.frag_offset": 8}
"""Fields that Wireshark gives in bytes."""
_VERSIONS = {"ip": 4, "ipv6": 16}


def reader_of(name: str, *, header: bool = False) -> Reader:
    """How to get the values of this field or protocol from a packet; of a protocol its bytes.

    header: of a protocol only its header, as in slices; else also what it carries.
    """
    if name == "data":
        return COMPUTED["data.data"]
    if name in PROTOCOLS:
        return _protocol(name, header)
    if name in COMPUTED:
        return COMPUTED[name]
    if name in NOTES:
        return noted(name)
    names = EITHER.get(name, (name,))
    slow = [from_layers(each) for each in names]
    if name in OPTIONS:
        return _option(name, slow[0])
    quick = [PLAIN[each] for each in names if each in PLAIN]
    layer = name.partition(".")[0]
    if len(quick) < len(names):
        return slow[0] if len(slow) == 1 else lambda seen: [value for read in slow for value in read(seen)]

    def read(seen: Seen) -> Values:
        plain = seen.plain
        if not plain:
            return [value for each in slow for value in each(seen)]
        if plain.lower() == layer or _VERSIONS.get(layer) == len(seen.packet._quick.src):
            return [each(seen) for each in quick]
        return ()

    return read


def from_layers(name: str) -> Reader:
    """The values of a field as the layers of the packet have it."""
    kind, factor = TYPES[name], _WORDS.get(name, 1)
    if factor != 1:
        return lambda seen: [int(each.value) * factor for each in seen.fields(name)]
    return lambda seen: [_converted(each, kind) for each in seen.fields(name)]


def _option(name: str, slow: Reader) -> Reader:
    """A field of TCP's options; the edges of SACK are counted from the connection's first number, as Wireshark does."""
    relative = name in ("tcp.options.sack_le", "tcp.options.sack_re")

    def read(seen: Seen) -> Values:
        plain = seen.plain
        if plain == "UDP":
            return ()
        quick = options(seen, name) if plain else None
        found = slow(seen) if quick is None else quick
        packet = seen.packet
        back = packet.ack - packet._quick.ack if relative and packet.protocol == "TCP" else 0
        return [(int(each) + back) % (1 << 32) for each in found] if back else found

    return read


def _protocol(name: str, header: bool) -> Reader:
    if name == "frame":
        return lambda seen: (seen.packet.raw,)
    layers = PROTOCOLS[name]
    if name in HIGHER:
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
        return int.from_bytes(value, "big") if isinstance(value, bytes) else digits(value)
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
