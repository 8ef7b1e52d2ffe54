"""ICMP: errors that quote a packet, echoes, and what routers say to hosts.

Rule: one table for each kind of message; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Chooser, Context, Row, Table, Value, build, number_at, one_of
from labkit.packets.explain.internet import ones_sum, verdict
from labkit.packets.model import Field

_RFC = "RFC 792"
_TYPES = {
    0: "echo reply", 3: "destination unreachable", 4: "source quench (obsolete)", 5: "redirect",
    8: "echo request (ping)", 9: "router advertisement", 10: "router solicitation", 11: "time exceeded",
    12: "parameter problem", 13: "timestamp request", 14: "timestamp reply", 15: "information request (obsolete)",
    16: "information reply (obsolete)", 17: "address mask request (obsolete)", 18: "address mask reply (obsolete)",
    40: "Photuris: a security failure", 42: "extended echo request", 43: "extended echo reply",
}  # fmt: skip
_CODES = {
    3: {0: "network", 1: "host", 2: "protocol", 3: "port: nobody listens there",
        4: "too big, and Don't Fragment is set", 5: "the source route failed", 6: "the network is not known",
        7: "the host is not known", 9: "the network is forbidden", 10: "the host is forbidden",
        11: "the network, for this class of service", 12: "the host, for this class of service",
        13: "forbidden by a filter", 14: "a higher precedence is in force", 15: "the precedence is too low"},
    5: {0: "for the network", 1: "for the host", 2: "for the class of service and the network",
        3: "for the class of service and the host"},
    12: {0: "the pointer says where", 1: "an option is missing", 2: "a length is wrong"},
    40: {0: "an index is not known", 1: "authentication failed", 2: "decompression failed", 3: "decryption failed",
         4: "authentication is needed", 5: "authorisation is needed"},
    43: {0: "no error", 1: "the query is malformed", 2: "there is no such interface",
         3: "there is no such entry in a table", 4: "several interfaces fit the query"},
}  # fmt: skip
STATES = {1: "incomplete", 2: "reachable", 3: "stale", 4: "delay", 5: "probe", 6: "failed"}
"""What an extended echo reply says of a neighbour (RFC 8335 §3)."""


def expired(value: Value, limit: str) -> str:
    """Time exceeded: the two codes are the same in ICMP and ICMPv6. Source: RFC 792, RFC 4443 §3.3."""
    return f"the {limit} ran out on the way" if value == 0 else "fragments were missing too long"


def _code(value: Value, context: Context) -> str:
    kind = context.raw[context.start]
    if kind == 11:
        return expired(value, "TTL")
    return _CODES.get(kind, {}).get(int(value), "") if isinstance(value, int) else ""


def _checksum(value: Value, context: Context) -> str:
    if context.truncated or context.quoted or context.fragment:
        return "not verified: the message is not whole here"
    return verdict(value, context.raw[context.start : context.end], 2)


_HEAD = (
    Row("icmp.type", "Type", 8, "What is reported or asked.", _RFC, meaning=one_of(_TYPES, "not known to labkit")),
    Row("icmp.code", "Code", 8, "The type in more detail.", _RFC, meaning=_code),
    Row("icmp.checksum", "Checksum", 16,
        "Guards the whole message; it has no pseudo-header, for it has no ports to mix up.", _RFC, "hex", _checksum,
        volatile=True),
)  # fmt: skip


def _message(*rows: Row) -> Table:
    return Table("ICMP", "Internet Control Message Protocol", _RFC, 32 + sum(row.bits for row in rows), (*_HEAD, *rows))


def _unused(bits: int) -> Row:
    why = "Keeps the quoted packet at the same place in every error."
    return Row("icmp.unused", "Unused", bits, why, _RFC, "bytes")


def _stamp(name: str, label: str, why: str) -> Row:
    return Row(f"icmp.{name}_timestamp", label, 32, why, _RFC, volatile=True)


_IDENT = Row("icmp.ident", "Identifier", 16, "Tells the pings of several programs apart, as a port would.", _RFC,
             volatile=True)  # fmt: skip
_SEQ = Row("icmp.seq", "Sequence Number", 16, "Tells which request a reply answers.", _RFC)
_EXT_RFC, _ROUTER_RFC, _MULTI_RFC = "RFC 8335 §2", "RFC 1256 §3", "RFC 4884 §4.1"
_LENGTH = Row("icmp.length", "Length of the quoted packet", 8,
              "In 32-bit words; an extension follows behind the quoted packet.", _MULTI_RFC)  # fmt: skip
_EXT_SEQ = Row("icmp.ext.echo.seq", "Sequence Number", 8, "Tells which request a reply answers.", _EXT_RFC)


def extended_reply(prefix: str) -> tuple[Row, ...]:
    """The last byte of an extended echo reply, which ICMPv6 has, too. prefix: of the names."""
    rfc = "RFC 8335 §3"
    return (
        Row(f"{prefix}.rsp.state", "State", 3, "What is known about a neighbour that was asked about.", rfc,
            meaning=one_of(STATES, "not said")),
        Row(f"{prefix}.rsp.res", "Reserved", 2, "Kept free for later.", rfc),
        Row(f"{prefix}.rsp.active", "Active", 1, "Whether the interface that was asked about is up.", rfc, "flag"),
        Row(f"{prefix}.rsp.ipv4", "IPv4", 1, "Whether IPv4 runs on it.", rfc, "flag"),
        Row(f"{prefix}.rsp.ipv6", "IPv6", 1, "Whether IPv6 runs on it.", rfc, "flag"),
    )  # fmt: skip


def extended_request(prefix: str) -> tuple[Row, ...]:
    """The last byte of an extended echo request, which ICMPv6 has, too. prefix: of the names."""
    return (
        Row(f"{prefix}.req.res", "Reserved", 7, "Kept free for later.", _EXT_RFC, "hex"),
        Row(f"{prefix}.req.local", "Local", 1, "Whether the interface is the receiver's own, or a neighbour's.",
            _EXT_RFC, "flag"),
    )  # fmt: skip


_ECHO = _message(_IDENT, _SEQ)
_STAMPS = _message(
    _IDENT, _SEQ,
    _stamp("originate", "Originate Timestamp", "When the request was sent, in ms since midnight UTC."),
    _stamp("receive", "Receive Timestamp", "When it arrived: the difference is the way and the clocks' disagreement."),
    _stamp("transmit", "Transmit Timestamp", "When the reply was sent."),
)  # fmt: skip
_MASK = _message(_IDENT, _SEQ, Row("icmp.address_mask", "Address Mask", 32, "Which part of an address is the "
                                   "network's.", "RFC 950", "ipv4"))  # fmt: skip
_UNUSED = _message(_unused(32))
_POINTER = Row("icmp.pointer", "Pointer", 8, "Which byte of the quoted packet is wrong.", _RFC)
_MTU = Row("icmp.mtu", "MTU of next hop", 16, "The size that would have passed: path MTU discovery lives on it.",
           "RFC 1191 §4")  # fmt: skip
_RESERVED = Row("icmp.reserved", "Reserved", 32, "Kept free for later.", _ROUTER_RFC, "bytes")
_BY_TYPE = {
    0: _ECHO, 3: _UNUSED, 4: _UNUSED,
    5: _message(Row("icmp.redir_gw", "Gateway Address", 32, "The router to use instead.", _RFC, "ipv4")),
    8: _ECHO, 10: _message(_RESERVED), 11: _UNUSED, 12: _message(_POINTER, _unused(24)), 13: _STAMPS, 14: _STAMPS,
    15: _ECHO, 16: _ECHO, 17: _MASK, 18: _MASK,
    40: _message(
        Row("icmp.reserved", "Reserved", 16, "Kept free for later.", "RFC 2521 §2", "bytes"),
        Row("icmp.pointer", "Pointer", 16, "Which byte of the quoted packet is wrong.", "RFC 2521 §2")),
    42: _message(_IDENT, _EXT_SEQ, *extended_request("icmp.ext.echo")),
    43: _message(_IDENT, _EXT_SEQ, *extended_reply("icmp.ext.echo")),
}  # fmt: skip
_TOO_BIG = _message(_unused(16), _MTU)
"""Type 3, code 4: the only one with an MTU in what is unused elsewhere."""
_WITH_LENGTH = {
    3: _message(_unused(8), _LENGTH, _unused(16)), 11: _message(_unused(8), _LENGTH, _unused(16)),
    12: _message(_POINTER, _LENGTH, _unused(16)),
}  # fmt: skip
_TOO_BIG_WITH_LENGTH = _message(_unused(8), _LENGTH, _MTU)
_BARE = _message()


_ROUTER = (
    Row("icmp.router_address", "Router Address", 32, "A router that hosts may use.", _ROUTER_RFC, "ipv4"),
    Row("icmp.pref_level", "Preference Level", 32, "The highest is tried first.", _ROUTER_RFC),
)
_ADVERTISED = (
    Row("icmp.num_addrs", "Number of addresses", 8, "How many routers are advertised.", _ROUTER_RFC),
    Row("icmp.addr_entry_size", "Address entry size", 8, "In 32-bit words: 2, an address and a preference.",
        _ROUTER_RFC),
    Row("icmp.lifetime", "Lifetime", 16, "For how many seconds this holds.", _ROUTER_RFC),
)  # fmt: skip


def _icmp(raw: bytes, start: int, stop: int) -> Table:
    if stop < start + 8:
        return _BARE
    kind, code = raw[start], raw[start + 1]
    too_big = kind == 3 and code == 4
    if raw[start + 5] and kind in _WITH_LENGTH:
        return _TOO_BIG_WITH_LENGTH if too_big else _WITH_LENGTH[kind]
    if kind == 9:
        whole = min(raw[start + 4], (stop - start - 8) // 8) if raw[start + 5] == 2 else 0
        return _message(*_ADVERTISED, *(_ROUTER * whole))
    return _TOO_BIG if too_big else _BY_TYPE.get(kind, _BARE)


# -- what may follow the quoted packet


def extension_at(raw: bytes, name: str, start: int, quote: int, stop: int) -> int:
    """Where an extension begins behind the packet that an ICMP error quotes, in bytes; stop if there is none.

    name: ICMP or ICMPv6. start: of the message. quote: of the quoted packet. Source: RFC 4884 §4 and §5.5.
    """
    size = raw[start + 5] * 4 if name == "ICMP" else raw[start + 4] * 8
    if size and quote + size <= stop - 4:
        return quote + size
    # Senders from before the length leave it 0: their extension follows byte 128, and its sum tells.
    return quote + 128 if quote + 128 <= stop - 8 and is_extension(raw[quote + 128 : stop]) else stop


def is_extension(data: bytes) -> bool:
    """Whether these bytes behind what an ICMP error quotes are an extension: version 2, and a sum that is right.

    Source: RFC 4884 §7.
    """
    return len(data) >= 8 and data[0] >> 4 == 2 and ones_sum(data) == 0xFFFF


def _objects(context: Context, start: int, end: int) -> tuple[Field, ...]:
    found, raw = [], context.raw
    while start + 4 <= end:
        size = number_at(raw, start * 8, 16)
        if not 4 <= size <= end - start:
            break
        found += [build(row, context, start * 8 + place) for row, place in zip(_OBJECT, (0, 16, 24), strict=True)]
        at, stop = start * 8 + 32, (start + size) * 8
        for row in _OBJECTS.get((raw[start + 2], raw[start + 3]), ()):
            if at + row.bits <= stop:
                found.append(build(row, context, at))
                at += row.bits
        if at < stop:
            found.append(build(_OBJECT_DATA, context, at, stop - at))
        start += size
    if found and start < end:
        found.append(build(_OBJECT_REST, context, start * 8, (end - start) * 8))
    return tuple(found)


_OBJECT_RFC = "RFC 4884 §8"
_OBJECT = (
    Row("icmp.ext.length", "Object Length", 16, "Counts the four bytes of its own header, too.", _OBJECT_RFC),
    Row("icmp.ext.class", "Object Class", 8, "What the object is about.", _OBJECT_RFC,
        meaning=one_of({1: "MPLS labels", 2: "the interface", 3: "the interface asked about"}, "")),
    Row("icmp.ext.ctype", "Object Type", 8, "The class in more detail.", _OBJECT_RFC),
)  # fmt: skip
_LABEL_RFC = "RFC 4950 §5"
_OBJECTS: dict[tuple[int, int], tuple[Row, ...]] = {  # by class and type
    (1, 1): (
        Row("icmp.mpls.label", "Label", 20, "The label that the packet came with.", _LABEL_RFC),
        Row("icmp.mpls.exp", "Traffic Class", 3, "How urgent it was.", _LABEL_RFC),
        Row("icmp.mpls.s", "Bottom of Stack", 1, "Whether it was the last label.", _LABEL_RFC, "flag"),
        Row("icmp.mpls.ttl", "Time to Live", 8, "What was left of it.", _LABEL_RFC),
    ),
    (3, 2): (Row("icmp.int_ident.index", "Interface Index", 32, "The number of the interface.", "RFC 8335 §2.1"),),
}
_OBJECT_DATA = Row("icmp.ext.data", "Object Data", 0, "What the object says.", _OBJECT_RFC, "bytes")
_OBJECT_REST = Row("malformed", "Malformed", 0, "These bytes do not have the form their protocol asks for.",
                   _OBJECT_RFC, "bytes", "no valid part of an object")  # fmt: skip


def _extension_sum(value: Value, context: Context) -> str:
    if value == 0:
        return "none"
    return verdict(value, context.raw[context.start : context.end], 2)


EXTENSION = Table("ICMP extension", "ICMP Multi-Part Extension", "RFC 4884 §7", 32, (
    Row("icmp.ext.version", "Version", 4, "2: the first one that is a standard.", "RFC 4884 §7"),
    Row("icmp.ext.res", "Reserved", 12, "Kept free for later.", "RFC 4884 §7", "hex"),
    Row("icmp.ext.checksum", "Checksum", 16, "Guards the extension alone.", "RFC 4884 §7", "hex", _extension_sum),
    Row("icmp.ext.object", "Objects", 0, "What the router adds to the report.", _OBJECT_RFC, "bytes", split=_objects),
))  # fmt: skip

TABLES: dict[str, Table | Chooser] = {"ICMP": _icmp, "ICMP extension": EXTENSION}
