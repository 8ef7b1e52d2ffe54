"""What IP carries besides TCP, UDP and ICMP: tunnels (GRE), security (AH, ESP), groups (IGMP), SCTP.

Rule: one table a header; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from functools import lru_cache

from labkit.packets.explain.base import Chooser, Context, Row, Table, Value, one_of
from labkit.packets.explain.internet import verdict
from labkit.packets.explain.ip import PROTOCOLS
from labkit.packets.explain.link import ETHERTYPES

_GRE_RFC, _KEY_RFC, _PPTP_RFC = "RFC 2784 §2.1", "RFC 2890 §2", "RFC 2637 §4.1"


def _sum(value: Value, context: Context, offset: int) -> str:
    if context.truncated or context.quoted or context.fragment:
        return "not verified: the packet is not whole here"
    return verdict(value, context.raw[context.start : context.end], offset)


def _bit(name: str, label: str, why: str, rfc: str = _GRE_RFC) -> Row:
    return Row(f"gre.flags.{name}", label, 1, why, rfc, "flag")


def _flags(last: tuple[Row, ...]) -> Row:
    return Row("gre.flags_and_version", "Flags and Version", 16, "Which parts the header has.", _GRE_RFC, "hex", parts=(
        _bit("checksum", "Checksum", "A checksum follows."),
        _bit("routing", "Routing", "A source route follows; nobody uses that today.", "RFC 1701"),
        _bit("key", "Key", "A key follows.", _KEY_RFC),
        _bit("sequence_number", "Sequence Number", "A sequence number follows.", _KEY_RFC),
        _bit("strict_source_route", "Strict Source Route", "The route is to be followed exactly.", "RFC 1701"),
        Row("gre.flags.recursion_control", "Recursion", 3, "How often it may be put into another packet.", "RFC 1701"),
        *last,
        Row("gre.flags.version", "Version", 3, "0; PPTP's is 1.", _GRE_RFC),
    ))  # fmt: skip


_FLAGS = (
    _flags((Row("gre.flags.reserved", "Reserved", 5, "Kept free for later.", _GRE_RFC),)),
    _flags((
        _bit("ack", "Acknowledgment", "An acknowledgment number follows.", _PPTP_RFC),
        Row("gre.flags.reserved", "Reserved", 4, "Kept free for later.", _PPTP_RFC),
    )),
)  # fmt: skip
_CARRIES = Row("gre.proto", "Protocol Type", 16, "Tells the receiver whom to hand the rest to: an EtherType.", _GRE_RFC,
               "hex", one_of({**ETHERTYPES, 0x6558: "Ethernet", 0x880B: "PPP"}, "not known to labkit"))  # fmt: skip
_SUM = Row("gre.checksum", "Checksum", 16, "Guards header and data.", _GRE_RFC, "hex",
           lambda value, context: _sum(value, context, 4))  # fmt: skip
_OFFSET = Row("gre.offset", "Offset", 16, "Where the source route is, if there is one.", "RFC 1701")
_KEY = Row("gre.key", "Key", 32, "Tells the tunnels between two ends apart.", _KEY_RFC, "hex")
_NUMBER = Row("gre.sequence_number", "Sequence Number", 32, "Lets the receiver drop what comes too late.", _KEY_RFC)
_ACK = Row("gre.ack_number", "Acknowledgment Number", 32, "The highest number received.", _PPTP_RFC)
_PPTP_LENGTH = Row("gre.key.payload_length", "Payload Length", 16, "Bytes that follow.", _PPTP_RFC)
_CALL = Row("gre.key.call_id", "Call ID", 16, "Which call the packet belongs to.", _PPTP_RFC)


@lru_cache(maxsize=64)
def _gre_table(bits: int, version: int, acknowledged: bool) -> Table:
    """The table for these flags: C, R, K, S from the top."""
    rows = [_FLAGS[version == 1], _CARRIES]
    if version == 1:
        rows += [_PPTP_LENGTH, _CALL, *[_NUMBER] * (bits & 1), *[_ACK] * acknowledged]
    else:
        rows += [*[_SUM, _OFFSET] * bool(bits & 0xC), *[_KEY] * (bits >> 1 & 1), *[_NUMBER] * (bits & 1)]
    return Table("GRE", "Generic Routing Encapsulation", _GRE_RFC, sum(row.bits for row in rows), tuple(rows))


def _gre(raw: bytes, start: int, stop: int) -> Table:
    if stop < start + 4:
        return _gre_table(0, 0, False)
    return _gre_table(raw[start] >> 4, raw[start + 1] & 7, bool(raw[start + 1] & 0x80))


_AH_RFC, _ESP_RFC, _IGMP_RFC, _SCTP_RFC = "RFC 4302 §2", "RFC 4303 §2", "RFC 2236 §2", "RFC 9260 §3.1"
AH = Table("AH", "Authentication Header", _AH_RFC, 96, (
    Row("ah.next_header", "Next Header", 8, "Names what comes after this header.", _AH_RFC,
        meaning=one_of(PROTOCOLS, "not known to labkit")),
    Row("ah.length", "Length", 8, "In 32-bit words, minus 2: the other extension headers count otherwise.", _AH_RFC),
    Row("ah.reserved", "Reserved", 16, "Kept free for later.", _AH_RFC, "bytes"),
    Row("ah.spi", "Security Parameters Index", 32, "Which secret and method the two hosts have agreed on.", _AH_RFC,
        "hex"),
    Row("ah.sequence", "Sequence Number", 32, "A packet that is sent again by a stranger is found by it.", _AH_RFC),
    Row("ah.icv", "Integrity Check Value", 0, "Proves that nobody changed the packet: only who knows the secret can "
        "compute it.", _AH_RFC, "bytes"),
))  # fmt: skip
ESP = Table("ESP", "Encapsulating Security Payload", _ESP_RFC, 64, (
    Row("esp.spi", "Security Parameters Index", 32, "Which secret and method the two hosts have agreed on.", _ESP_RFC,
        "hex"),
    Row("esp.sequence", "Sequence Number", 32, "A packet that is sent again by a stranger is found by it.", _ESP_RFC),
))  # fmt: skip
_IGMP_TYPES = {0x11: "query", 0x12: "report, version 1", 0x16: "report, version 2", 0x17: "leave", 0x22: "report, "
               "version 3"}  # fmt: skip
_IGMP = (
    Row("igmp.type", "Type", 8, "A router asks who listens, or a host tells.", _IGMP_RFC, "hex",
        one_of(_IGMP_TYPES, "not known to labkit")),
    Row("igmp.max_resp", "Max Resp Time", 8, "Hosts wait a random part of this, in tenths of a second, so that one "
        "answers and the others keep quiet.", _IGMP_RFC),
    Row("igmp.checksum", "Checksum", 16, "Guards the message.", _IGMP_RFC, "hex",
        lambda value, context: _sum(value, context, 2)),
)  # fmt: skip
IGMP = Table("IGMP", "Internet Group Management Protocol", _IGMP_RFC, 64, (
    *_IGMP, Row("igmp.maddr", "Multicast Address", 32, "The group; 0.0.0.0 asks about all.", _IGMP_RFC, "ipv4"),
))  # fmt: skip
IGMP3 = Table("IGMP", "Internet Group Management Protocol", "RFC 3376 §4.2", 64, (
    _IGMP[0], Row("igmp.reserved", "Reserved", 8, "Kept free for later.", "RFC 3376 §4.2", "bytes"), _IGMP[2],
    Row("igmp.reserved", "Reserved", 16, "Kept free for later.", "RFC 3376 §4.2", "bytes"),
    Row("igmp.num_grp_recs", "Number of records", 16, "How many groups are reported.", "RFC 3376 §4.2"),
))  # fmt: skip
SCTP = Table("SCTP", "Stream Control Transmission Protocol", _SCTP_RFC, 96, (
    Row("sctp.srcport", "Source Port", 16, "As in TCP.", _SCTP_RFC),
    Row("sctp.dstport", "Destination Port", 16, "As in TCP.", _SCTP_RFC),
    Row("sctp.verification_tag", "Verification Tag", 32, "Chosen at the start: proves that the packet is of this "
        "association.", _SCTP_RFC, "hex", volatile=True),
    Row("sctp.checksum", "Checksum", 32, "A CRC, which finds more than TCP's sum.", _SCTP_RFC, "hex", volatile=True),
))  # fmt: skip

TABLES: dict[str, Table | Chooser] = {
    "GRE": _gre, "AH": AH, "ESP": ESP, "SCTP": SCTP,
    "IGMP": lambda raw, start, stop: IGMP3 if raw[start] == 0x22 else IGMP,
}  # fmt: skip
