"""IPv4, and what it has in common with IPv6.

Rule: one table a header; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Chooser, Context, OfValue, Row, Table, Value, as_number, flag, number_at, one_of
from labkit.packets.explain.internet import verdict
from labkit.packets.explain.ip_options import options

PROTOCOLS = {
    0: "IPv6 hop-by-hop options",
    1: "ICMP",
    2: "IGMP",
    4: "IPv4 in IP",
    6: "TCP",
    17: "UDP",
    41: "IPv6 in IP",
    43: "IPv6 routing header",
    44: "IPv6 fragment header",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    59: "nothing follows",
    60: "IPv6 destination options",
    89: "OSPF",
    132: "SCTP",
}
_ECN = {
    0: "Not-ECT: the sender does not take part in ECN",
    1: "ECT(1): takes part in ECN",
    2: "ECT(0): takes part in ECN",
    3: "CE: a router on the way was congested",
}
_DSCP = {
    0: "default: best effort",
    8: "CS1: low priority",
    10: "AF11",
    12: "AF12",
    14: "AF13",
    16: "CS2",
    18: "AF21",
    20: "AF22",
    22: "AF23",
    24: "CS3",
    26: "AF31",
    28: "AF32",
    30: "AF33",
    32: "CS4",
    34: "AF41",
    36: "AF42",
    38: "AF43",
    40: "CS5",
    46: "EF: expedited forwarding, for voice",
    48: "CS6: network control",
    56: "CS7: network control",
}


def differentiated_services(prefix: str) -> tuple[Row, ...]:
    """The two parts of the byte that IPv4 and IPv6 share."""
    return (
        Row(
            f"{prefix}.dscp",
            "Differentiated Services Codepoint",
            6,
            "Asks routers for a class of treatment; it replaced the Type of Service of 1981, which hardly "
            "anybody used.",
            "RFC 2474 §3",
            meaning=one_of(_DSCP, "not assigned"),
        ),
        Row(
            f"{prefix}.ecn",
            "Explicit Congestion Notification",
            2,
            "Lets a router report congestion by marking packets where it otherwise could only drop them.",
            "RFC 3168 §5",
            meaning=one_of(_ECN),
        ),
    )


def _words(value: Value) -> str:
    count = as_number(value)
    if count < 5:
        return f"{count * 4} bytes: too few, an IPv4 header has 20 at least"
    return f"{count * 4} bytes" + (f", {count * 4 - 20} of them options" if count > 5 else "")


def _checksum(value: Value, context: Context) -> str:
    length = (context.raw[context.start] & 15) * 4
    header = context.raw[context.start : context.start + length]
    if len(header) < length or length < 20:
        return "not verified: the header is not whole"
    return verdict(value, header, 10)


def _length(value: Value, context: Context) -> str:
    if value == 0:
        return "0: left to the network card, which cuts the packet into segments"
    if as_number(value) < (context.raw[context.start] & 15) * 4:
        return "too few: the header alone is longer"
    extra = len(context.raw) - context.start - as_number(value)
    if extra > 0 and not context.quoted:
        return f"header and data, in bytes; {extra} more follow in the frame, which are not part of the packet"
    return "header and data, in bytes"


def _option_names(value: Value, context: Context) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else ""


IPV4 = Table(
    "IPv4",
    "Internet Protocol version 4",
    "RFC 791 §3.1",
    160,
    (
        Row(
            "ip.version",
            "Version",
            4,
            "Comes first, so that a receiver knows which header it reads; 4 because versions 0 to 3 were experiments.",
            "RFC 791 §3.1",
        ),
        Row(
            "ip.hdr_len",
            "IHL",
            4,
            "Tells where the data starts, since options make the header longer: in 32-bit words, so 15 is 60 "
            "bytes at most.",
            "RFC 791 §3.1",
            meaning=OfValue(_words),
        ),
        Row(
            "ip.dsfield",
            "Differentiated Services",
            8,
            "One byte with two uses today: the class of treatment, and congestion marks.",
            "RFC 2474 §3",
            "hex",
            parts=differentiated_services("ip.dsfield"),
        ),
        Row(
            "ip.len",
            "Total Length",
            16,
            "Says where the packet ends, because Ethernet pads short frames; its 16 bits limit a packet to "
            "65,535 bytes.",
            "RFC 791 §3.1",
            meaning=_length,
        ),
        Row(
            "ip.id",
            "Identification",
            16,
            "Tells which fragments belong together; a packet that must not be fragmented may carry anything here.",
            "RFC 6864 §4",
            "hex",
            volatile=True,
        ),
        Row(
            "ip.flags",
            "Flags",
            3,
            "Control fragmentation.",
            "RFC 791 §3.1",
            "hex",
            parts=(
                Row(
                    "ip.flags.rb",
                    "Reserved bit",
                    1,
                    "Must be zero; RFC 3514 of 1 April 2003 calls it the evil bit.",
                    "RFC 791 §3.1",
                    kind="flag",
                ),
                Row(
                    "ip.flags.df",
                    "Don't Fragment",
                    1,
                    "Forbids routers to cut the packet: they report its size instead, and the sender learns the "
                    "path's MTU.",
                    "RFC 1191 §2",
                    kind="flag",
                    meaning=flag("routers must not cut this packet", "routers may cut this packet"),
                ),
                Row(
                    "ip.flags.mf",
                    "More Fragments",
                    1,
                    "Set on every fragment but the last, so the receiver knows when it has all.",
                    "RFC 791 §3.1",
                    kind="flag",
                    meaning=flag("more fragments follow", "the last fragment, or the only one"),
                ),
            ),
        ),
        Row(
            "ip.frag_offset",
            "Fragment Offset",
            13,
            "Where this fragment's data belongs; in units of 8 bytes, since 13 bits must reach 65,535.",
            "RFC 791 §3.1",
            meaning=OfValue(lambda value: f"{as_number(value) * 8} bytes into the data" if value else ""),
        ),
        Row(
            "ip.ttl",
            "Time to Live",
            8,
            "Each router takes one off and drops the packet at zero, so nothing circles forever; it was meant as "
            "seconds.",
            "RFC 791 §3.1",
            meaning=OfValue(lambda value: f"{as_number(value)} more routers at most"),
        ),
        Row(
            "ip.proto",
            "Protocol",
            8,
            "Tells the receiver whom to hand the data to.",
            "RFC 791 §3.1",
            meaning=one_of(PROTOCOLS, "not known to labkit"),
        ),
        Row(
            "ip.checksum",
            "Header Checksum",
            16,
            "Guards the header only, and every router has to redo it, since the TTL changed: IPv6 has none.",
            "RFC 791 §3.1",
            "hex",
            _checksum,
            volatile=True,
        ),
        Row(
            "ip.src",
            "Source Address",
            32,
            "Where answers go; nothing on the way checks it.",
            "RFC 791 §3.1",
            "ipv4",
        ),
        Row(
            "ip.dst",
            "Destination Address",
            32,
            "All that a router looks at to choose the next hop.",
            "RFC 791 §3.1",
            "ipv4",
        ),
        Row(
            "ip.options",
            "Options",
            0,
            "Room for what few packets need; most routers handle it slowly, so it is rare.",
            "RFC 791 §3.1",
            "bytes",
            _option_names,
            split=options,
        ),
    ),
)

_BEGINNINGS = {
    count: Table(IPV4.name, IPV4.title, IPV4.rfc, sum(row.bits for row in IPV4.rows[:count]), IPV4.rows[:count])
    for count in (1, 2, 4)
}  # fmt: skip


def _ipv4(raw: bytes, start: int, stop: int) -> Table:
    """The whole header, or what comes before the field that cannot be: nothing behind that means anything."""
    if stop < start + 4:
        return IPV4
    words, total = raw[start] & 15, number_at(raw, start * 8 + 16, 16)
    if raw[start] >> 4 != 4:
        return _BEGINNINGS[1]
    if words < 5:
        return _BEGINNINGS[2]
    return _BEGINNINGS[4] if 0 < total < words * 4 else IPV4


TABLES: dict[str, Table | Chooser] = {"IPv4": _ipv4}
