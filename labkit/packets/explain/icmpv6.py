"""ICMPv6: errors, echoes, and how neighbours and routers find each other (neighbour discovery, multicast listeners).

Rule: one table for each kind of message; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Chooser, Context, Row, Table, Value, as_number, one_of
from labkit.packets.explain.icmp import expired, extended_reply, extended_request
from labkit.packets.explain.icmpv6_options import options, records
from labkit.packets.explain.internet import checksum_meaning

_RFC, _ND_RFC, _MLD_RFC, _MLD2_RFC = "RFC 4443 §2.1", "RFC 4861 §4", "RFC 2710 §3", "RFC 3810 §5.2"
_TYPES = {
    1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem",
    128: "echo request (ping)", 129: "echo reply", 130: "multicast listener query", 131: "multicast listener report",
    132: "multicast listener done", 133: "router solicitation", 134: "router advertisement",
    135: "neighbor solicitation", 136: "neighbor advertisement", 137: "redirect", 138: "router renumbering",
    139: "node information query", 140: "node information reply", 141: "inverse neighbor solicitation",
    142: "inverse neighbor advertisement", 143: "multicast listener report, version 2", 160: "extended echo request",
    161: "extended echo reply",
}  # fmt: skip
_CODES = {
    1: {0: "no route", 1: "forbidden by a filter", 2: "beyond the scope of the source address", 3: "address",
        4: "port: nobody listens there", 5: "the source address is refused by a rule", 6: "the route is refused"},
    4: {0: "a header field is wrong", 1: "a next header is not known", 2: "an option is not known"},
}  # fmt: skip


def _code(value: Value, context: Context) -> str:
    kind = context.raw[context.start]
    if kind == 3:
        return expired(value, "hop limit")
    return _CODES.get(kind, {}).get(as_number(value), "")


_HEAD = (
    Row("icmpv6.type", "Type", 8, "What is reported (below 128) or asked and told (128 and above).", _RFC,
        meaning=one_of(_TYPES, "not known to labkit")),
    Row("icmpv6.code", "Code", 8, "The type in more detail.", _RFC, meaning=_code),
    Row("icmpv6.checksum", "Checksum", 16, "Guards message and addresses: IPv6 has no header checksum of its own.",
        "RFC 4443 §2.3", "hex", checksum_meaning(58, 2), volatile=True),
)  # fmt: skip


def _message(what: str, *rows: Row) -> Table:
    title = "Internet Control Message Protocol v6" + (f", {what}" if what else "")
    return Table("ICMPv6", title, _RFC, 32 + sum(row.bits for row in rows), (*_HEAD, *rows))


def _reserved(rfc: str, bits: int = 32, why: str = "Keeps the quoted packet at the same place in every error.") -> Row:
    return Row("icmpv6.reserved", "Reserved", bits, why, rfc, "bytes")


def _address(name: str, label: str, why: str, rfc: str = _ND_RFC) -> Row:
    return Row(name, label, 128, why, rfc, "ipv6")


def _bit(name: str, label: str, why: str, bits: int = 1) -> Row:
    return Row(f"icmpv6.nd.{name}", label, bits, why, _ND_RFC, "flag" if bits == 1 else "number")


_IDENTIFIER = Row("icmpv6.echo.identifier", "Identifier", 16,
                  "Tells the pings of several programs apart, as a port would.", "RFC 4443 §4.1", "hex",
                  volatile=True)  # fmt: skip
_ECHO = (
    _IDENTIFIER,
    Row("icmpv6.echo.sequence_number", "Sequence Number", 16, "Tells which request a reply answers.", "RFC 4443 §4.1"),
    Row("data.data", "Data", 0, "Comes back unchanged.", "RFC 4443 §4.1", "bytes"),
)
_MTU = Row("icmpv6.mtu", "MTU", 32,
           "The size that would have passed: IPv6 routers never cut a packet, so its sender must know.",
           "RFC 4443 §3.2, RFC 8201 §4",
           meaning=lambda value, context: f"the next link takes packets of {as_number(value)} bytes at most",
           )  # fmt: skip
_LENGTH = (Row("icmpv6.length", "Length of the quoted packet", 8,
               "In 64-bit words; an extension follows behind the quoted packet.", "RFC 4884 §4.4"),
           _reserved("RFC 4884 §4.4", 24))  # fmt: skip
_EXT_SEQ = Row("icmpv6.ext.echo.seq", "Sequence Number", 8, "Tells which request a reply answers.", "RFC 8335 §2")
_OPTIONS = Row("icmpv6.options", "Options", 0, "What the message says besides: link addresses, prefixes, an MTU.",
               "RFC 4861 §4.6", "bytes", split=options)  # fmt: skip
_FREE = "Kept free for later."

_RA_FLAGS = Row("icmpv6.nd.ra.flag", "Flags", 8, "How hosts get their addresses here.", _ND_RFC, "hex", parts=(
    _bit("ra.flag.m", "Managed addresses", "Set: addresses come from DHCPv6."),
    _bit("ra.flag.o", "Other configuration", "Set: the rest (DNS servers) comes from DHCPv6."),
    _bit("ra.flag.h", "Home agent", "The router serves mobile hosts (RFC 6275)."),
    _bit("ra.flag.prf", "Preference", "Which of several routers to prefer (RFC 4191).", 2),
    _bit("ra.flag.p", "Proxy", "Somebody answers for the router (RFC 4389)."),
    _bit("ra.flag.rsv", "Reserved", _FREE, 2),
))  # fmt: skip
_NA_FLAGS = Row("icmpv6.nd.na.flag", "Flags", 32, "Who answers, and how firmly.", _ND_RFC, "hex", parts=(
    _bit("na.flag.r", "Router", "The neighbour is a router."),
    _bit("na.flag.s", "Solicited", "It was asked: this also proves that the way back works."),
    _bit("na.flag.o", "Override", "Replace what you have stored."),
    _bit("na.flag.rsv", "Reserved", _FREE, 29),
))  # fmt: skip


def _lasting(name: str, label: str, why: str, bits: int = 32) -> Row:
    return Row(f"icmpv6.nd.ra.{name}", label, bits, why, _ND_RFC)


_MULTICAST = (
    Row("icmpv6.mld.maximum_response_delay", "Maximum Response Delay", 16,
        "Listeners wait a random part of this, in ms, so that one answers and the others keep quiet.", _MLD_RFC),
    _reserved(_MLD_RFC, 16, _FREE),
    _address("icmpv6.mld.multicast_address", "Multicast Address", "The group; no address asks about all groups.",
             _MLD_RFC),
)  # fmt: skip
_BY_TYPE = {
    1: _message("destination unreachable", _reserved("RFC 4443 §3.1")),
    2: _message("packet too big", _MTU),
    3: _message("time exceeded", _reserved("RFC 4443 §3.3")),
    4: _message("parameter problem", Row("icmpv6.pointer", "Pointer", 32, "Which byte of the quoted packet is wrong.",
                                         "RFC 4443 §3.4")),
    128: _message("echo request", *_ECHO),
    129: _message("echo reply", *_ECHO),
    130: _message("multicast listener query", *_MULTICAST),
    131: _message("multicast listener report", *_MULTICAST),
    132: _message("multicast listener done", *_MULTICAST),
    133: _message("router solicitation", _reserved("RFC 4861 §4.1", why=_FREE), _OPTIONS),
    134: _message(
        "router advertisement",
        Row("icmpv6.nd.ra.cur_hop_limit", "Current Hop Limit", 8, "What hosts shall put into their packets.", _ND_RFC),
        _RA_FLAGS,
        _lasting("router_lifetime", "Router Lifetime", "For how many seconds this router may be used.", 16),
        _lasting("reachable_time", "Reachable Time", "For how many ms a neighbour counts as reachable."),
        _lasting("retrans_timer", "Retransmission Timer", "How many ms to wait before asking again."),
        _OPTIONS),
    135: _message("neighbor solicitation", _reserved("RFC 4861 §4.3", why=_FREE),
                  _address("icmpv6.nd.ns.target_address", "Target Address", "Whose hardware address is asked for."),
                  _OPTIONS),
    136: _message("neighbor advertisement", _NA_FLAGS,
                  _address("icmpv6.nd.na.target_address", "Target Address", "Whose hardware address is told."),
                  _OPTIONS),
    137: _message("redirect", _reserved("RFC 4861 §4.5", why=_FREE),
                  _address("icmpv6.nd.rd.target_address", "Target Address", "The better next hop."),
                  _address("icmpv6.rd.na.destination_address", "Destination Address", "For packets to this address."),
                  _OPTIONS),
    143: _message("multicast listener report, version 2", _reserved(_MLD2_RFC, 16, _FREE),
                  Row("icmpv6.mldr.nb_mcast_records", "Number of records", 16, "How many groups follow.", _MLD2_RFC),
                  Row("icmpv6.mldr.records", "Records", 0, "A group each.", _MLD2_RFC, "bytes", split=records)),
    160: _message("extended echo request", _IDENTIFIER, _EXT_SEQ, *extended_request("icmpv6.ext.echo")),
    161: _message("extended echo reply", _IDENTIFIER, _EXT_SEQ, *extended_reply("icmpv6.ext.echo")),
}  # fmt: skip
_WITH_LENGTH = {1: _message("destination unreachable", *_LENGTH), 3: _message("time exceeded", *_LENGTH)}
_BARE = _message("")
_OTHER = _message("", Row("icmpv6.data", "Data", 0, "What the message says.", _RFC, "bytes"))


def _icmpv6(raw: bytes, start: int, stop: int) -> Table:
    if stop < start + 8:
        return _BARE
    kind = raw[start]
    return _WITH_LENGTH[kind] if kind in _WITH_LENGTH and raw[start + 4] else _BY_TYPE.get(kind, _OTHER)


TABLES: dict[str, Table | Chooser] = {"ICMPv6": _icmpv6}
