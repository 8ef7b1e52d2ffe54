"""Fields of plain headers, straight from their bytes: no layer is made for them.

Rule: only for IP without options, with TCP or UDP in it; each value is the one that the layers give, which
`tests/packets/test_filters_headers.py` compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from labkit.packets.explain.internet import option_size
from labkit.packets.filters.seen import Seen, Values
from labkit.packets.filters.values import Value

_FLAGS = ("fin", "syn", "reset", "push", "ack", "urg", "ece", "cwr", "ae")
_NAMED: dict[str, Callable[[Seen], Value]] = {
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


class _Bits(NamedTuple):
    """Bits of a header. at, size: first byte and count of bytes. shift: bits behind them. mask, factor: as used."""

    at: int
    size: int
    shift: int = 0
    mask: int = 0xFFFF
    factor: int = 1


_BITS = {
    "ip.version": _Bits(0, 1, 4), "ip.hdr_len": _Bits(0, 1, 0, 15, 4), "ip.dsfield": _Bits(1, 1),
    "ip.dsfield.dscp": _Bits(1, 1, 2), "ip.dsfield.ecn": _Bits(1, 1, 0, 3), "ip.len": _Bits(2, 2), "ip.id": _Bits(4, 2),
    "ip.flags": _Bits(6, 1, 5), "ip.flags.rb": _Bits(6, 1, 7), "ip.flags.df": _Bits(6, 1, 6, 1),
    "ip.flags.mf": _Bits(6, 1, 5, 1), "ip.frag_offset": _Bits(6, 2, 0, 0x1FFF, 8), "ip.ttl": _Bits(8, 1),
    "ip.proto": _Bits(9, 1), "ip.checksum": _Bits(10, 2), "ipv6.version": _Bits(0, 1, 4), "ipv6.plen": _Bits(4, 2),
    "ipv6.nxt": _Bits(6, 1), "ipv6.hlim": _Bits(7, 1), "tcp.hdr_len": _Bits(12, 1, 4, 15, 4),
    "tcp.flags": _Bits(12, 2, 0, 0xFFF), "tcp.checksum": _Bits(16, 2), "tcp.urgent_pointer": _Bits(18, 2),
    "udp.length": _Bits(4, 2), "udp.checksum": _Bits(6, 2),
}  # fmt: skip


def _reads(bits: _Bits, *, above: bool) -> Callable[[Seen], Value]:
    """above: in the header of TCP or UDP, not in IP's."""
    at, size, shift, mask, factor = bits

    def read(seen: Seen) -> Value:
        quick = seen.packet._quick
        first = (quick.transport if above else quick.network) + at
        return (int.from_bytes(seen.packet.raw[first : first + size], "big") >> shift & mask) * factor

    return read


def _flag(bit: int) -> Callable[[Seen], Value]:
    return lambda seen: seen.packet._quick.flags >> bit & 1


PLAIN: dict[str, Callable[[Seen], Value]] = {
    **_NAMED,
    **{f"tcp.flags.{name}": _flag(bit) for bit, name in enumerate(_FLAGS)},
    **{name: _reads(bits, above=name[:2] != "ip") for name, bits in _BITS.items()},
}
"""How to read each such field of a packet whose headers are plain: it has it once."""

# Of an option: its length, and its numbers, each with its first byte and size. SACK has as many blocks as it has room.
_NUMBERS = {
    2: (4, (("tcp.options.mss_val", 2, 2),)), 3: (3, (("tcp.options.wscale.shift", 2, 1),)), 4: (2, ()),
    8: (10, (("tcp.options.timestamp.tsval", 2, 4), ("tcp.options.timestamp.tsecr", 6, 4))),
}  # fmt: skip
_WHOLE = {
    0: "tcp.options.eol", 1: "tcp.options.nop", 2: "tcp.options.mss", 3: "tcp.options.wscale",
    4: "tcp.options.sack_perm", 5: "tcp.options.sack", 8: "tcp.options.timestamp",
}  # fmt: skip
OPTIONS = frozenset(
    ["tcp.options", "tcp.option_kind", "tcp.option_len", "tcp.options.sack_le", "tcp.options.sack_re",
     *_WHOLE.values(), *(name for _, numbers in _NUMBERS.values() for name, _, _ in numbers)]
)  # fmt: skip
"""The fields of the usual options of TCP."""


def options(seen: Seen, name: str) -> Values | None:
    """The values of a field of `OPTIONS` in a plain TCP header; None if it has an option that is not a usual one."""
    packet = seen.packet
    quick, raw = packet._quick, packet.raw
    at, end = quick.transport + 20, quick.payload
    if at >= end:
        return ()
    if end > len(raw):
        return None
    if name == "tcp.options":
        return (raw[at:end],)
    found: list[Value] = []
    while at < end:
        kind, size = raw[at], option_size(raw, at, end)
        known = _NUMBERS.get(kind)
        wrong = size != known[0] if known else (size - 2) % 8 or size < 10 if kind == 5 else kind > 1
        if not size or wrong or (kind == 0 and any(raw[at:end])):
            return None
        if name == _WHOLE[kind]:
            found.append(raw[at : at + size])
        elif name == "tcp.option_kind":
            found.append(kind)
        elif name == "tcp.option_len":
            found += [size] * (size > 1)
        elif kind == 5 and name in ("tcp.options.sack_le", "tcp.options.sack_re"):
            first = at + (2 if name[-2] == "l" else 6)
            found += [int.from_bytes(raw[one : one + 4], "big") for one in range(first, at + size, 8)]
        elif known:
            found += [
                int.from_bytes(raw[at + first : at + first + count], "big")
                for one, first, count in known[1]
                if one == name
            ]
        at += size
    return found
