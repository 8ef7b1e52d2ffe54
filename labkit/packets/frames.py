"""A captured frame as raw bytes, and what is read in it at the places that the walk through its headers found.

Rule: plain data; nothing here looks for a header: that is `walk`'s, whose names are passed on.
"""

from __future__ import annotations

import socket
from struct import Struct

from labkit.packets.names import ETHERNET, IPV4, IPV6, LINKTYPE_NAMES, LOOP, NULL, RAW, SLL, SLL2
from labkit.packets.steps import Quick, Step
from labkit.packets.walk import quick
from labkit.packets.walk_ip import ICMP6_PROTOCOL, ICMP_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL

__all__ = [
    "ACK", "AE", "CHECKSUM_NOT_READY", "CWR", "ECE", "EPHEMERAL", "ETHERNET", "FIN", "FLAGS_IN_WORDS", "FLAG_LETTERS",
    "FLAG_NAMES", "ICMP6_PROTOCOL", "ICMP_PROTOCOL", "IPV4", "IPV6", "LINKTYPE_NAMES", "LOOP", "NULL", "PSH", "RAW",
    "RST", "SLL", "SLL2", "SYN", "TCP_PROTOCOL", "UDP_PROTOCOL", "URG", "Frame", "Quick", "Step", "address",
    "fragment_carries", "fragment_key", "fragment_of", "icmp_kind", "quick", "quoted", "quotes", "sack_blocks",
]  # fmt: skip

Frame = tuple[int | None, bytes, int, int, int]
"""(time in ns since the epoch or None, the bytes, link type, TPACKET status, length in bytes on the wire)."""

CHECKSUM_NOT_READY = 8
"""TP_STATUS_CSUMNOTREADY: the kernel left the TCP or UDP checksum for a network card that loopback does not have."""

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))
FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
FLAG_LETTERS = "FSRPAUECN"
FLAGS_IN_WORDS = tuple(
    ", ".join(name for bit, name in enumerate(FLAG_NAMES) if flags >> bit & 1) for flags in range(1 << 9)
)
"""The names of the flags set, for each of the 512 values of the nine bits: every list of packets asks for them."""

EPHEMERAL = 32768
"""From this port on, Linux gives ports to clients (RFC 6335 starts at 49152), so they differ from run to run."""

_u16 = Struct("!H").unpack_from
_u32 = Struct("!I").unpack_from


def icmp_kind(raw: bytes, packet: Quick) -> tuple[int, int]:
    """Return (type, code) of an ICMP or ICMPv6 message, or (-1, -1) of anything else."""
    if packet.protocol in ("ICMP", "ICMPv6"):
        return raw[packet.transport], raw[packet.transport + 1]
    return -1, -1


def quotes(protocol: str, kind: int) -> int:
    """The version of IP in what a message of this type quotes, 4 or 6; 0 if it quotes nothing (RFC 792, RFC 4443)."""
    if protocol == "ICMP" and kind in (3, 4, 5, 11, 12):
        return 4
    return 6 if protocol == "ICMPv6" and kind in (1, 2, 3, 4) else 0


def quoted(raw: bytes, packet: Quick) -> Quick | None:
    """The packet an ICMP error quotes, or None: an error carries the start of what caused it (RFC 792, RFC 4443)."""
    version = quotes(packet.protocol, icmp_kind(raw, packet)[0])
    if not version:
        return None
    inner = quick(raw[packet.transport + 8 : packet.end], IPV4 if version == 4 else IPV6)
    return inner if inner.src else None


def fragment_of(raw: bytes, packet: Quick) -> tuple[int, int, bool] | None:
    """Return (first byte, byte after the last, whether more follow) of an IP fragment; None for a whole packet.

    Counted in what was cut up, in which UDP's header is the first 8 bytes. Source: RFC 791 §3.1, RFC 8200 §4.5.
    """
    at = packet.fragment
    if at < 0:
        return None
    if len(packet.src) == 16:
        bits = _u16(raw, at + 2)[0]
        first = bits & 0xFFF8  # in units of 8 bytes, and 3 bits to the left: in bytes as it stands
        return first, first + max(0, packet.end - at - 8), bool(bits & 1)
    bits = _u16(raw, at + 6)[0]
    first = (bits & 0x1FFF) * 8
    return first, first + max(0, packet.end - at - (raw[at] & 15) * 4), bool(bits & 0x2000)


def fragment_key(raw: bytes, packet: Quick) -> bytes:
    """What the fragments of one packet have in common: Identification and both addresses, in IPv4 the protocol, too.

    Only of what `fragment_of` takes for a fragment. Source: RFC 791 §3.2, RFC 8200 §4.5.
    """
    at = packet.fragment
    if len(packet.src) == 16:
        return raw[at + 4 : at + 8] + packet.src + packet.dst
    return raw[at + 4 : at + 6] + raw[at + 9 : at + 10] + packet.src + packet.dst


def fragment_carries(raw: bytes, packet: Quick) -> int:
    """The number of the protocol that was cut up into fragments, of one of them. Source: RFC 8200 §4.5."""
    return raw[packet.fragment] if len(packet.src) == 16 else raw[packet.fragment + 9]


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
