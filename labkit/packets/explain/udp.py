"""UDP, ICMP and ICMPv6 headers.

Rule: one table a header; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import (
    Context,
    Row,
    Table,
    Value,
    as_number,
    checksum_meaning,
    is_ephemeral,
    one_of,
    ones_sum,
)

_RFC = "RFC 768"

UDP = Table(
    "UDP",
    "User Datagram Protocol",
    _RFC,
    64,
    (
        Row(
            "udp.srcport",
            "Source Port",
            16,
            "Where an answer would go; a sender that wants none may put 0.",
            _RFC,
            ("sport",),
            volatile=is_ephemeral,
        ),
        Row(
            "udp.dstport",
            "Destination Port",
            16,
            "Says which program on the receiving machine the datagram is for.",
            _RFC,
            ("dport",),
            volatile=is_ephemeral,
        ),
        Row(
            "udp.length",
            "Length",
            16,
            "Header and data in bytes: 8 at least. IP knows it already, but the checksum covers this copy.",
            _RFC,
            ("len",),
            meaning=lambda value, context: (
                f"8 bytes of header, {as_number(value) - 8} of data"
                if as_number(value) >= 8
                else "too small: the header alone has 8"
            ),
        ),
        Row(
            "udp.checksum",
            "Checksum",
            16,
            "Guards ports, data and the IP addresses; optional over IPv4 (0 is none), required over IPv6.",
            "RFC 768, RFC 8200 §8.1",
            ("chksum",),
            "hex",
            checksum_meaning(17, 6),
            volatile=lambda value: value != 0,
        ),
    ),
)

_TYPES = {
    0: "echo reply",
    3: "destination unreachable",
    4: "source quench (obsolete)",
    5: "redirect",
    8: "echo request (ping)",
    11: "time exceeded",
    12: "parameter problem",
    13: "timestamp request",
    14: "timestamp reply",
}
_UNREACHABLE = {
    0: "network",
    1: "host",
    2: "protocol",
    3: "port: nobody listens there",
    4: "too big, and Don't Fragment is set",
    13: "forbidden by a filter",
}
_UNREACHABLE6 = {0: "no route", 1: "forbidden by a filter", 3: "address", 4: "port: nobody listens there"}
_TYPES6 = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request (ping)",
    129: "echo reply",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
}


def _code(value: Value, context: Context) -> str:
    if context.raw[context.start] == 3 and isinstance(value, int):
        return _UNREACHABLE.get(value, "")
    if context.raw[context.start] == 11:
        return _expired(value, "TTL")
    return ""


def _code6(value: Value, context: Context) -> str:
    if context.raw[context.start] == 1 and isinstance(value, int):
        return _UNREACHABLE6.get(value, "")
    return _expired(value, "hop limit") if context.raw[context.start] == 3 else ""


def _expired(value: Value, limit: str) -> str:
    """Time exceeded: the two codes are the same in ICMP and ICMPv6. Source: RFC 792, RFC 4443 §3.3."""
    return f"the {limit} ran out on the way" if value == 0 else "fragments were missing too long"


def _icmp_checksum(value: Value, context: Context) -> str:
    if context.truncated or context.quoted or context.fragment:
        return "not verified: the message is not whole here"
    message = context.raw[context.start : context.end]
    expected = ~ones_sum(message[:2] + b"\0\0" + message[4:]) & 0xFFFF
    return "good" if value == expected else f"bad: the bytes add up to 0x{expected:04x}"


def is_extension(data: bytes) -> bool:
    """Whether these bytes behind what an ICMP error quotes are an extension: version 2, and a sum that is right.

    Source: RFC 4884 §7.
    """
    return len(data) >= 8 and data[0] >> 4 == 2 and ones_sum(data) == 0xFFFF


_ICMP_RFC = "RFC 792"
_TYPE = Row(
    "icmp.type",
    "Type",
    8,
    "What is reported or asked.",
    _ICMP_RFC,
    ("type",),
    meaning=one_of(_TYPES, "not known to labkit"),
)
_CODE = Row("icmp.code", "Code", 8, "The type in more detail.", _ICMP_RFC, ("code",), meaning=_code)
_SUM = Row(
    "icmp.checksum",
    "Checksum",
    16,
    "Guards the whole message; it has no pseudo-header, for it has no ports to mix up.",
    _ICMP_RFC,
    ("chksum",),
    "hex",
    _icmp_checksum,
    volatile=True,
)


def _unused(*covers: str) -> Row:
    why = "Keeps the quoted packet at the same place in every error."
    return Row("icmp.unused", "Unused", 0, why, _ICMP_RFC, covers, "bytes")


_REST = (
    Row(
        "icmp.ident",
        "Identifier",
        0,
        "Tells the pings of several programs apart, as a port would.",
        _ICMP_RFC,
        ("id",),
        volatile=True,
    ),
    Row("icmp.seq", "Sequence Number", 0, "Tells which request a reply answers.", _ICMP_RFC, ("seq",)),
    Row("icmp.redir_gw", "Gateway Address", 0, "The router to use instead.", _ICMP_RFC, ("gw",), "ipv4"),
    Row("icmp.pointer", "Pointer", 0, "Which byte of the quoted packet is wrong.", _ICMP_RFC, ("ptr",)),
)
_MTU = Row(
    "icmp.mtu",
    "MTU of next hop",
    0,
    "The size that would have passed: path MTU discovery lives on it.",
    "RFC 1191 §4",
    ("nexthopmtu",),
)


def _icmp(*rest: Row) -> Table:
    rows = (_TYPE, _CODE, _SUM, *_REST, *rest)
    return Table("ICMP", "Internet Control Message Protocol", _ICMP_RFC, 32, rows)


ICMP = _icmp(_unused("reserved", "length", "nexthopmtu", "unused"))
TOO_BIG = _icmp(_unused("reserved", "length", "unused"), _MTU)
"""Type 3, code 4: the only one with an MTU in what is unused elsewhere."""


def _icmp6(name: str, *rest: Row) -> Table:
    return Table(
        "ICMPv6",
        name,
        "RFC 4443 §2.1",
        32 + sum(row.bits for row in rest),
        (
            Row(
                "icmpv6.type",
                "Type",
                8,
                "What is reported (below 128) or asked and told (128 and above).",
                "RFC 4443 §2.1",
                ("type",),
                meaning=one_of(_TYPES6, "not known to labkit"),
            ),
            Row("icmpv6.code", "Code", 8, "The type in more detail.", "RFC 4443 §2.1", ("code",), meaning=_code6),
            Row(
                "icmpv6.checksum",
                "Checksum",
                16,
                "Guards message and addresses: IPv6 has no header checksum of its own.",
                "RFC 4443 §2.3",
                ("cksum",),
                "hex",
                checksum_meaning(58, 2),
                volatile=True,
            ),
            *rest,
        ),
    )


def _reserved6(rfc: str) -> Row:
    why = "Keeps the quoted packet at the same place in every error."
    return Row("icmpv6.reserved", "Reserved", 32, why, rfc, ("length", "unused"), "bytes")


_ECHO = (
    Row(
        "icmpv6.echo.identifier",
        "Identifier",
        16,
        "Tells the pings of several programs apart, as a port would.",
        "RFC 4443 §4.1",
        ("id",),
        "hex",
        volatile=True,
    ),
    Row(
        "icmpv6.echo.sequence_number",
        "Sequence Number",
        16,
        "Tells which request a reply answers.",
        "RFC 4443 §4.1",
        ("seq",),
    ),
    Row("data.data", "Data", 0, "Comes back unchanged.", "RFC 4443 §4.1", ("data",), "bytes"),
)

TABLES = {
    "UDP": UDP,
    "ICMP": ICMP,
    "ICMPv6EchoRequest": _icmp6("Internet Control Message Protocol v6, echo request", *_ECHO),
    "ICMPv6EchoReply": _icmp6("Internet Control Message Protocol v6, echo reply", *_ECHO),
    "ICMPv6DestUnreach": _icmp6(
        "Internet Control Message Protocol v6, destination unreachable",
        _reserved6("RFC 4443 §3.1"),
    ),
    "ICMPv6PacketTooBig": _icmp6(
        "Internet Control Message Protocol v6, packet too big",
        Row(
            "icmpv6.mtu",
            "MTU",
            32,
            "The size that would have passed: IPv6 routers never cut a packet, so its sender must know.",
            "RFC 4443 §3.2, RFC 8201 §4",
            ("mtu",),
            meaning=lambda value, context: f"the next link takes packets of {as_number(value)} bytes at most",
        ),
    ),
    "ICMPv6TimeExceeded": _icmp6("Internet Control Message Protocol v6, time exceeded", _reserved6("RFC 4443 §3.3")),
}
