"""The options of neighbour discovery, and the records of a multicast listener report.

Rule: one entry an option; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit.packets.explain.base import Context, Row, build, number_at, one_of
from labkit.packets.explain.link import is_real
from labkit.packets.model import Field

_RFC, _MLD_RFC = "RFC 4861 §4.6", "RFC 3810 §5.2"
_NAMES = {
    1: "Source link-layer address", 2: "Target link-layer address", 3: "Prefix information", 4: "Redirected header",
    5: "MTU", 7: "Advertisement interval", 14: "Nonce", 24: "Route information", 25: "Recursive DNS server",
    31: "DNS search list", 38: "PREF64",
}  # fmt: skip
_WHYS = {
    1: "So that the answer needs no question of its own.", 2: "The answer to the question, or the better next hop's.",
    3: "From it, hosts make addresses of their own without asking anybody.",
    4: "The packet that would better have gone another way.",
    5: "The largest packet that everybody on this link takes.",
}  # fmt: skip
_TYPE = Row("icmpv6.opt.type", "Type", 8, "Says which option this is.", _RFC, meaning=one_of(_NAMES, "unknown"))
_LENGTH = Row("icmpv6.opt.length", "Length", 8, "In units of 8 bytes, type and length counted, so it can be skipped.",
              _RFC)  # fmt: skip
_FREE = Row("icmpv6.opt.reserved", "Reserved", 0, "Kept free for later.", _RFC, "bytes")
_LINK = Row("icmpv6.opt.linkaddr", "Link-layer address", 48, "The hardware address.", _RFC, "mac", volatile=is_real)
_PREFIX_FLAGS = Row("icmpv6.opt.prefix.flag", "Flags", 8, "What the prefix may be used for.", _RFC, "hex", parts=(
    Row("icmpv6.opt.prefix.flag.l", "On-link", 1, "Such addresses are on this link, without a router.", _RFC, "flag"),
    Row("icmpv6.opt.prefix.flag.a", "Autonomous", 1, "Hosts may make addresses from it.", _RFC, "flag"),
    Row("icmpv6.opt.prefix.flag.r", "Router address", 1, "The prefix is the router's whole address.", "RFC 6275 §7.2",
        "flag"),
    Row("icmpv6.opt.prefix.flag.reserved", "Reserved", 5, "Kept free for later.", _RFC),
))  # fmt: skip
_ROWS: dict[int, tuple[tuple[Row, int], ...]] = {  # with the bits that each has; 0 for what is left
    1: ((_LINK, 48), (_FREE, 0)),
    2: ((_LINK, 48), (_FREE, 0)),
    3: (
        (Row("icmpv6.opt.prefix.length", "Prefix Length", 8, "How many bits count.", _RFC), 8), (_PREFIX_FLAGS, 8),
        (Row("icmpv6.opt.prefix.valid_lifetime", "Valid Lifetime", 32, "For how many seconds addresses are good.",
             _RFC), 32),
        (Row("icmpv6.opt.prefix.preferred_lifetime", "Preferred Lifetime", 32,
             "For how many seconds new connections may use them.", _RFC), 32),
        (_FREE, 32),
        (Row("icmpv6.opt.prefix", "Prefix", 128, "The first bits of the addresses here.", _RFC, "ipv6"), 128),
    ),
    5: ((_FREE, 16), (Row("icmpv6.opt.mtu", "MTU", 32, "Bytes of the largest packet.", _RFC), 32)),
}  # fmt: skip
_DATA = Row("icmpv6.opt.data", "Data", 0, "What the option carries.", _RFC, "bytes")
_MALFORMED = Row("icmpv6.opt.malformed", "Malformed option", 0, "Its length does not fit into the message.", _RFC,
                 "bytes")  # fmt: skip

_KINDS = {
    1: "listen only to these", 2: "listen to all but these", 3: "now only to these", 4: "now to all but these",
    5: "also to these", 6: "no longer to these",
}  # fmt: skip
_RECORD = (
    Row("icmpv6.mldr.mar.record_type", "Record Type", 8, "What changed.", _MLD_RFC, meaning=one_of(_KINDS, "unknown")),
    Row("icmpv6.mldr.mar.aux_data_len", "Aux Data Len", 8, "In 32-bit words; always 0.", _MLD_RFC),
    Row("icmpv6.mldr.mar.nb_sources", "Number of Sources", 16, "How many senders follow.", _MLD_RFC),
    Row("icmpv6.mldr.mar.multicast_address", "Multicast Address", 128, "The group.", _MLD_RFC, "ipv6"),
)
_SOURCE = Row("icmpv6.mldr.mar.source_address", "Source Address", 128, "A sender that is meant.", _MLD_RFC, "ipv6")
_AUXILIARY = Row("icmpv6.mldr.mar.auxiliary_data", "Auxiliary Data", 0, "Unused so far.", _MLD_RFC, "bytes")


def _node(name: str, label: str, why: str, parts: Sequence[Field], raw: bytes) -> Field:
    start, end = parts[0].start, parts[-1].end
    data = raw[start // 8 : end // 8]
    volatile = any(part.volatile for part in parts)
    return Field(name, label, start, end - start, data, label, "", why, parts[0].rfc, volatile, tuple(parts))


def options(context: Context, start: int, end: int) -> tuple[Field, ...]:
    """The options in these bytes of the frame, each with its parts; what has no valid length is one malformed field."""
    found, raw = [], context.raw
    while start < end:
        size = raw[start + 1] * 8 if start + 2 <= end else 0
        if not size or size > end - start:
            found.append(build(_MALFORMED, context, start * 8, (end - start) * 8))
            break
        kind, stop = raw[start], (start + size) * 8
        parts = [build(_TYPE, context, start * 8), build(_LENGTH, context, start * 8 + 8)]
        at = start * 8 + 16
        for row, bits in _ROWS.get(kind, ()):
            bits = bits or stop - at
            if not bits or at + bits > stop:
                break
            parts.append(build(row, context, at, bits))
            at += bits
        if at < stop:
            parts.append(build(_DATA, context, at, stop - at))
        label = _NAMES.get(kind, f"Unknown (option {kind})")
        found.append(_node("icmpv6.opt", label, _WHYS.get(kind, "Not an option labkit knows."), parts, raw))
        start += size
    return tuple(found)


def records(context: Context, start: int, end: int) -> tuple[Field, ...]:
    """The multicast address records in these bytes of the frame; what does not fit is one malformed field."""
    found, raw = [], context.raw
    while start < end:
        size = 20 + number_at(raw, start * 8 + 16, 16) * 16 + raw[start + 1] * 4 if start + 20 <= end else 0
        if not size or size > end - start:
            found.append(build(_MALFORMED, context, start * 8, (end - start) * 8))
            break
        parts, at = [], start * 8
        for row in (*_RECORD, *[_SOURCE] * number_at(raw, start * 8 + 16, 16)):
            parts.append(build(row, context, at))
            at += row.bits
        if at < (start + size) * 8:
            parts.append(build(_AUXILIARY, context, at, (start + size) * 8 - at))
        found.append(_node("icmpv6.mldr.mar", "Multicast address record", "One group.", parts, raw))
        start += size
    return tuple(found)
