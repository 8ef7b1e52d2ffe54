"""A captured frame as raw bytes, and the quick parse of its headers that every list of packets is made from.

Rule: struct only, one pass, no object per field; nothing in a frame can make it raise.
"""

from __future__ import annotations

import socket
from struct import Struct
from typing import NamedTuple

Frame = tuple[int | None, bytes, int, int, int]
"""(time in ns since the epoch or None, the bytes, link type, TPACKET status, length in bytes on the wire)."""

NULL, ETHERNET, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
"""Link types, as numbered in pcap files."""

CHECKSUM_NOT_READY = 8
"""TP_STATUS_CSUMNOTREADY: the kernel left the TCP or UDP checksum for a network card that loopback does not have."""

LINKTYPE_NAMES = {
    NULL: "BSD loopback",
    ETHERNET: "Ethernet",
    12: "raw IP",
    14: "raw IP",
    RAW: "raw IP",
    LOOP: "OpenBSD loopback",
    SLL: "Linux cooked",
    IPV4: "raw IPv4",
    IPV6: "raw IPv6",
    SLL2: "Linux cooked v2",
}

TCP_PROTOCOL, UDP_PROTOCOL, ICMP_PROTOCOL, ICMP6_PROTOCOL = 6, 17, 1, 58

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))
FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
FLAG_LETTERS = "FSRPAUECN"
FLAGS_IN_WORDS = tuple(
    ", ".join(name for bit, name in enumerate(FLAG_NAMES) if flags >> bit & 1) for flags in range(1 << 9)
)
"""The names of the flags set, for each of the 512 values of the nine bits: every list of packets asks for them."""

_ports = Struct("!HH").unpack_from
_tcp = Struct("!HHIIHH").unpack_from
_u16 = Struct("!H").unpack_from
_u32 = Struct("!I").unpack_from

_IPV6_FRAGMENT, _IPV6_AUTHENTICATION, _IPV6_NOTHING = 44, 51, 59
_IPV6_EXTENSIONS = frozenset({0, 43, _IPV6_FRAGMENT, _IPV6_AUTHENTICATION, 60, 135, 139, 140})
"""Extension headers that say what follows, and how long they are (RFC 8200 section 4)."""

_IP_NAMES = {2: "IGMP", 41: "IPv6 in IPv4", 47: "GRE", 50: "ESP", 51: "AH", 89: "OSPF", 132: "SCTP"}
_ETHERTYPES = {0x0806: "ARP", 0x88CC: "LLDP", 0x8863: "PPPoE", 0x8864: "PPPoE"}


class Quick(NamedTuple):
    """What the headers of one frame say, in numbers.

    protocol: the innermost protocol found, ``"TCP"`` or ``"IPv4 (truncated)"``.
    src, dst: addresses as bytes, of 4 (IPv4), 16 (IPv6) or 6 bytes (Ethernet).
    sport, dport: port numbers, 0 where there are none.
    flags, seq, ack, window: of a TCP header, else 0.
    network, transport: where the IP header and the header after it start, in bytes; -1 where there is none.
    payload, end: first byte of the TCP or UDP payload, and the byte after its last one by the IP header's length.
    """

    protocol: str
    src: bytes
    dst: bytes
    sport: int
    dport: int
    flags: int
    seq: int
    ack: int
    window: int
    network: int
    transport: int
    payload: int
    end: int


def _only(protocol: str, raw: bytes, src: bytes = b"", dst: bytes = b"", network: int = -1, start: int = 0) -> Quick:
    return Quick(protocol, src, dst, 0, 0, 0, 0, 0, 0, network, -1, start, len(raw))


def network_of(raw: bytes, linktype: int) -> tuple[int, int]:
    """Return (EtherType, offset in bytes) of what the link layer carries; (-1, offset) where that cannot be told."""
    size = len(raw)
    if linktype == ETHERNET:
        offset = 14
        if size < offset:
            return -1, 0
        ethertype = (raw[12] << 8) | raw[13]
        while ethertype in (0x8100, 0x88A8) and size >= offset + 4:  # VLAN tags
            ethertype = _u16(raw, offset + 2)[0]
            offset += 4
        return ethertype, offset
    if linktype in (NULL, LOOP):
        if size < 4:
            return -1, 0
        family = int.from_bytes(raw[:4], "big")
        if family > 0xFFFF:  # NULL is in the byte order of the machine that captured it
            family = int.from_bytes(raw[:4], "little")
        # AF_INET is 2 everywhere; AF_INET6 is 30 on macOS, 24 or 28 on the BSDs, 10 on Linux
        return {2: 0x0800, 10: 0x86DD, 24: 0x86DD, 28: 0x86DD, 30: 0x86DD}.get(family, 0), 4
    if linktype == SLL:
        return (_u16(raw, 14)[0], 16) if size >= 16 else (-1, 0)
    if linktype == SLL2:
        return (_u16(raw, 0)[0], 20) if size >= 20 else (-1, 0)
    if linktype in (RAW, 12, 14, IPV4, IPV6):
        if not size:
            return -1, 0
        return {4: 0x0800, 6: 0x86DD}.get(raw[0] >> 4, 0), 0
    return -1, 0


def quick(raw: bytes, linktype: int) -> Quick:
    """Parse the headers of a frame as far as they go; what is cut short is named so, and nothing raises."""
    ethertype, start = network_of(raw, linktype)
    if ethertype == 0x0800:
        return _ipv4(raw, start)
    if ethertype == 0x86DD:
        return _ipv6(raw, start)
    if ethertype == -1:
        if linktype not in LINKTYPE_NAMES:
            return _only(f"link type {linktype}", raw)
        return _only(f"{LINKTYPE_NAMES[linktype]} (truncated)", raw)
    hardware = (raw[6:12], raw[0:6]) if linktype == ETHERNET else (b"", b"")
    if ethertype == 0x0806:
        if len(raw) < start + 28 or raw[start + 4 : start + 6] != b"\x06\x04":
            return _only("ARP" if len(raw) >= start + 8 else "ARP (truncated)", raw, *hardware, start, start)
        return _only("ARP", raw, raw[start + 14 : start + 18], raw[start + 24 : start + 28], start, start + 28)
    return _only(_ETHERTYPES.get(ethertype, LINKTYPE_NAMES[linktype]), raw, *hardware, -1, start)


def _ipv4(raw: bytes, start: int) -> Quick:
    size = len(raw)
    if size < start + 20:
        return _only("IPv4 (truncated)", raw, network=start, start=start)
    src, dst = raw[start + 12 : start + 16], raw[start + 16 : start + 20]
    header = (raw[start] & 15) * 4
    if raw[start] >> 4 != 4 or header < 20:
        return _only("IPv4 (malformed)", raw, src, dst, start, start + 20)
    if size < start + header:
        return _only("IPv4 (truncated)", raw, src, dst, start, size)
    total = (raw[start + 2] << 8) | raw[start + 3]
    # A length of 0 is what segmentation offload leaves: the frame's own length is then the only one.
    end = start + total if total >= header else size
    if ((raw[start + 6] << 8) | raw[start + 7]) & 0x1FFF:
        return Quick("IPv4 (fragment)", src, dst, 0, 0, 0, 0, 0, 0, start, -1, start + header, end)
    return _transport(raw, raw[start + 9], start, start + header, end, src, dst)


def _extension_size(raw: bytes, kind: int, offset: int) -> int:
    """The length in bytes of the IPv6 extension header at an offset."""
    if kind == _IPV6_FRAGMENT:
        return 8
    if kind == _IPV6_AUTHENTICATION:
        return (raw[offset + 1] + 2) * 4  # RFC 4302 counts in 32-bit words, minus 2
    return (raw[offset + 1] + 1) * 8


def _ipv6(raw: bytes, start: int) -> Quick:
    size = len(raw)
    if size < start + 40:
        return _only("IPv6 (truncated)", raw, network=start, start=start)
    src, dst = raw[start + 8 : start + 24], raw[start + 24 : start + 40]
    if raw[start] >> 4 != 6:
        return _only("IPv6 (malformed)", raw, src, dst, start, start + 40)
    length = (raw[start + 4] << 8) | raw[start + 5]
    end = start + 40 + length if length else size
    following, offset = raw[start + 6], start + 40
    while following in _IPV6_EXTENSIONS:
        if size < offset + 8:
            return _only("IPv6 (truncated)", raw, src, dst, start, offset)
        if following == _IPV6_FRAGMENT and _u16(raw, offset + 2)[0] & 0xFFF8:
            return Quick("IPv6 (fragment)", src, dst, 0, 0, 0, 0, 0, 0, start, -1, offset + 8, end)
        following, offset = raw[offset], offset + _extension_size(raw, following, offset)
    if following == _IPV6_NOTHING:
        return _only("IPv6", raw, src, dst, start, min(offset, size))
    return _transport(raw, following, start, offset, end, src, dst)


def _transport(raw: bytes, protocol: int, network: int, start: int, end: int, src: bytes, dst: bytes) -> Quick:
    size = len(raw)
    if protocol == TCP_PROTOCOL:
        if size < start + 20:
            sport, dport = _ports(raw, start) if size >= start + 4 else (0, 0)
            return Quick("TCP (truncated)", src, dst, sport, dport, 0, 0, 0, 0, network, start, size, max(end, start))
        sport, dport, seq, ack, bits, window = _tcp(raw, start)
        payload = start + (bits >> 12) * 4
        # A header length below 5 words, or beyond the packet, is malformed: then there is no payload to speak of.
        payload = payload if payload >= start + 20 else start + 20
        return Quick(
            "TCP", src, dst, sport, dport, bits & 0x1FF, seq, ack, window, network, start, payload, max(end, payload)
        )
    if protocol == UDP_PROTOCOL:
        if size < start + 8:
            sport, dport = _ports(raw, start) if size >= start + 4 else (0, 0)
            return Quick("UDP (truncated)", src, dst, sport, dport, 0, 0, 0, 0, network, start, size, max(end, start))
        sport, dport, length = _ports(raw, start) + _u16(raw, start + 4)
        if length >= 8:
            end = min(end, start + length)
        return Quick("UDP", src, dst, sport, dport, 0, 0, 0, 0, network, start, start + 8, max(end, start + 8))
    if protocol in (ICMP_PROTOCOL, ICMP6_PROTOCOL):
        name = "ICMP" if protocol == ICMP_PROTOCOL else "ICMPv6"
        if size < start + 8:
            name += " (truncated)"
        return Quick(name, src, dst, 0, 0, 0, 0, 0, 0, network, start, min(start + 8, size), end)
    name = _IP_NAMES.get(protocol, f"IP protocol {protocol}")
    return Quick(name, src, dst, 0, 0, 0, 0, 0, 0, network, start, start, end)


def icmp_kind(raw: bytes, packet: Quick) -> tuple[int, int]:
    """Return (type, code) of an ICMP or ICMPv6 message, or (-1, -1) of anything else."""
    if packet.protocol in ("ICMP", "ICMPv6"):
        return raw[packet.transport], raw[packet.transport + 1]
    return -1, -1


def quoted(raw: bytes, packet: Quick) -> Quick | None:
    """The packet an ICMP error quotes, or None: an error carries the start of what caused it (RFC 792, RFC 4443)."""
    kind, _ = icmp_kind(raw, packet)
    if packet.protocol == "ICMP" and kind in (3, 4, 5, 11, 12):
        inner = quick(raw[packet.transport + 8 :], IPV4)
    elif packet.protocol == "ICMPv6" and kind in (1, 2, 3, 4):
        inner = quick(raw[packet.transport + 8 :], IPV6)
    else:
        return None
    return inner if inner.src else None


def _fragment_header(raw: bytes, start: int) -> int:
    """Where the Fragment header of the IPv6 packet at an offset stands, in bytes; -1 where the packet is whole.

    One that says "from byte 0, and no more follow" makes no fragment. Source: RFC 8200 §4.5, RFC 6946 §4.
    """
    size = len(raw)
    following, offset = raw[start + 6], start + 40
    while following in _IPV6_EXTENSIONS and size >= offset + 8:
        if following == _IPV6_FRAGMENT and _u16(raw, offset + 2)[0] & 0xFFF9:
            return offset
        following, offset = raw[offset], offset + _extension_size(raw, following, offset)
    return -1


def fragment_of(raw: bytes, packet: Quick) -> tuple[int, int, bool] | None:
    """Return (first byte, byte after the last, whether more follow) of an IP fragment; None for a whole packet.

    Counted in what was cut up, in which UDP's header is the first 8 bytes. Source: RFC 791 §3.1, RFC 8200 §4.5.
    """
    start = packet.network
    if start < 0:
        return None
    if len(packet.src) == 16:  # so the header is whole
        header = _fragment_header(raw, start) if raw[start + 6] in _IPV6_EXTENSIONS else -1
        if header < 0:
            return None
        bits = _u16(raw, header + 2)[0]
        first = bits & 0xFFF8  # in units of 8 bytes, and 3 bits to the left: in bytes as it stands
        return first, first + max(0, packet.end - header - 8), bool(bits & 1)
    if len(packet.src) != 4 or len(raw) < start + 20:
        return None
    bits = (raw[start + 6] << 8) | raw[start + 7]
    if not bits & 0x3FFF:
        return None
    first = (bits & 0x1FFF) * 8
    return first, first + max(0, packet.end - start - (raw[start] & 15) * 4), bool(bits & 0x2000)


def fragment_key(raw: bytes, packet: Quick) -> bytes:
    """What the fragments of one packet have in common: Identification and both addresses, in IPv4 the protocol, too.

    Only of what `fragment_of` takes for a fragment. Source: RFC 791 §3.2, RFC 8200 §4.5.
    """
    start = packet.network
    if len(packet.src) == 16:
        header = _fragment_header(raw, start)
        return raw[header + 4 : header + 8] + packet.src + packet.dst
    return raw[start + 4 : start + 6] + raw[start + 9 : start + 10] + packet.src + packet.dst


def fragment_carries(raw: bytes, packet: Quick) -> int:
    """The number of the protocol that was cut up into fragments, of one of them. Source: RFC 8200 §4.5."""
    if len(packet.src) == 16:
        return raw[_fragment_header(raw, packet.network)]
    return raw[packet.network + 9]


ICMP_WORDS = {
    (0, 0): "echo reply", (3, 0): "network unreachable", (3, 1): "host unreachable", (3, 2): "protocol unreachable",
    (3, 3): "port unreachable", (3, 4): "fragmentation needed", (5, 1): "redirect", (8, 0): "echo request",
    (11, 0): "time exceeded", (11, 1): "reassembly time exceeded",
}  # fmt: skip
"""(type, code) of ICMP messages in words. Source: RFC 792."""
ICMP6_WORDS = {
    (1, 0): "no route", (1, 3): "address unreachable", (1, 4): "port unreachable", (2, 0): "packet too big",
    (3, 0): "hop limit exceeded", (3, 1): "reassembly time exceeded", (128, 0): "echo request", (129, 0): "echo reply",
    (135, 0): "neighbour solicitation", (136, 0): "neighbour advertisement",
}  # fmt: skip
"""The same of ICMPv6. Source: RFC 4443, RFC 4861."""


def sack_blocks(raw: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """The blocks of the SACK option among the TCP options in raw[start:end], as sent; [] where there is none."""
    while start + 1 < end:
        kind = raw[start]
        if kind == 0:  # end of the list
            break
        if kind == 1:  # no operation: one byte
            start += 1
            continue
        size = raw[start + 1]
        if size < 2 or start + size > end:
            break
        if kind == 5:
            return [(_u32(raw, at)[0], _u32(raw, at + 4)[0]) for at in range(start + 2, start + size - 7, 8)]
        start += size
    return []


def address(packed: bytes) -> str:
    """An address as text: ``"127.0.0.1"``, ``"::1"``, ``"02:00:00:00:00:01"``; ``""`` where there is none."""
    if len(packed) == 4:
        return "{}.{}.{}.{}".format(*packed)
    if len(packed) == 16:
        return socket.inet_ntop(socket.AF_INET6, packed)
    return packed.hex(":")
