"""The walk through IP headers and their payload: extension headers, tunnels of IP in IP, TCP, UDP, ICMP.

Rule: struct only, no object per field; no packet makes it raise, and no header is read beyond the bytes that the header
below gives it.
"""

from __future__ import annotations

from struct import Struct

from labkit.packets.names import OPAQUE_PROTOCOLS
from labkit.packets.steps import Quick, Step

TCP_PROTOCOL, UDP_PROTOCOL, ICMP_PROTOCOL, ICMP6_PROTOCOL, GRE_PROTOCOL = 6, 17, 1, 58, 47
DEEPEST = 64
"""Most headers in a frame; deeper ones stay payload, because a hostile frame could exhaust the stack."""

IPV6_EXTENSIONS = {
    0: "IPv6 hop-by-hop", 43: "IPv6 routing", 44: "IPv6 fragment", 51: "AH", 60: "IPv6 destination",
}  # fmt: skip
"""Extension headers with a next header and a length: the names of their layers (RFC 8200 §4)."""

Packet = tuple[str, int, bytes, bytes, int, int]
"""The IP header that a walk is in: (name, first byte, source, destination, end, fragment).

The end is the byte after its packet, which may lie beyond the captured bytes; fragment: as in `Quick`.
"""
Steps = list[Step]

_SIMPLE = {2: ("IGMP", 8), 50: ("ESP", 8), 132: ("SCTP", 12)}  # name of the layer, bytes of its header
_FRAGMENT, _AUTHENTICATION, _NOTHING = 44, 51, 59
_JUMBO, _PAD1 = 0xC2, 0

_tuple = tuple.__new__  # a Quick without the call of its own __new__
_u16 = Struct("!H").unpack_from
_ports = Struct("!HH").unpack_from
_tcp = Struct("!HHIIHH").unpack_from


def only(protocol: str, end: int, src: bytes = b"", dst: bytes = b"", network: int = -1, start: int = 0) -> Quick:
    """A frame of which only the addresses are known."""
    return Quick(protocol, src, dst, 0, 0, 0, 0, 0, 0, network, -1, start, end)


def cut(name: str, at: int, limit: int, steps: Steps, src: bytes = b"", dst: bytes = b"") -> Quick:
    """A header that is cut short."""
    if limit > at:
        steps.append((name, at, limit, limit))
    return only(f"{name} (truncated)", limit, src, dst, start=limit)


def ipv4(raw: bytes, at: int, limit: int, steps: Steps) -> Quick:
    """Walk on from the IPv4 header at this byte. limit: the byte after the last that may belong to it."""
    if limit < at + 20:
        return cut("IPv4", at, limit, steps)
    src, dst = raw[at + 12 : at + 16], raw[at + 16 : at + 20]
    header = (raw[at] & 15) * 4
    total = (raw[at + 2] << 8) | raw[at + 3]
    if raw[at] >> 4 != 4 or header < 20 or 0 < total < header:  # impossible: no byte behind it has a meaning
        steps.append(("IPv4", at, limit, limit))
        return only("IPv4 (malformed)", limit, src, dst, at, limit)
    # Segmentation offload leaves a length of 0: then only the frame's own length counts.
    end = at + total if total else limit
    if limit < at + header:
        steps.append(("IPv4", at, limit, limit))
        return only("IPv4 (truncated)", limit, src, dst, at, limit)
    steps.append(("IPv4", at, at + header, end if end < limit else limit))
    bits = (raw[at + 6] << 8) | raw[at + 7]
    if bits & 0x1FFF:
        return Quick("IPv4 (fragment)", src, dst, 0, 0, 0, 0, 0, 0, at, -1, at + header, end, at)
    packet = ("IPv4", at, src, dst, end, at if bits & 0x2000 else -1)
    start, stop = at + header, end if end < limit else limit
    if raw[at + 9] == TCP_PROTOCOL and start < stop:  # the usual case, without one more call
        return _read_tcp(raw, start, stop, packet, steps)
    return inside(raw, raw[at + 9], start, stop, packet, steps)


def ipv6(raw: bytes, at: int, limit: int, steps: Steps) -> Quick:
    """Walk on from the IPv6 header at this byte. limit: the byte after the last that may belong to it."""
    if limit < at + 40:
        return cut("IPv6", at, limit, steps)
    src, dst = raw[at + 8 : at + 24], raw[at + 24 : at + 40]
    if raw[at] >> 4 != 6:
        steps.append(("IPv6", at, limit, limit))
        return only("IPv6 (malformed)", limit, src, dst, at, limit)
    length, following, offset = (raw[at + 4] << 8) | raw[at + 5], raw[at + 6], at + 40
    if not length and following != _NOTHING:
        # A jumbogram and segmentation offload leave the length 0: then the packet ends with the frame.
        length = _jumbo(raw, offset, limit) if following == 0 else 0
        length = length or limit - offset
    end = offset + length
    stop = min(end, limit)
    steps.append(("IPv6", at, offset, stop))
    return inside(raw, following, offset, stop, ("IPv6", at, src, dst, end, -1), steps)


def _jumbo(raw: bytes, at: int, limit: int) -> int:
    """The length in a jumbo payload option of the hop-by-hop header at this byte; 0 without one (RFC 2675 §2)."""
    end = min(limit, at + (raw[at + 1] + 1) * 8) if limit >= at + 2 else 0
    at += 2
    while at + 1 < end:
        if raw[at] == _JUMBO and raw[at + 1] == 4 and at + 6 <= end:
            return int.from_bytes(raw[at + 2 : at + 6], "big")
        at += 1 if raw[at] == _PAD1 else raw[at + 1] + 2
    return 0


def inside(raw: bytes, following: int, at: int, limit: int, packet: Packet, steps: Steps) -> Quick:
    """The payload of an IP packet. following: the protocol number at this byte. limit: where every header must end."""
    name, network, src, dst, end, fragment = packet
    version6 = name == "IPv6"
    while at < limit and len(steps) < DEEPEST:
        if following == TCP_PROTOCOL:
            return _read_tcp(raw, at, limit, packet, steps)
        if following == UDP_PROTOCOL:
            return _read_udp(raw, at, limit, packet, steps)
        if following == _AUTHENTICATION or (version6 and following in IPV6_EXTENSIONS):
            size = 8
            if limit >= at + 2 and following != _FRAGMENT:
                # RFC 4302 counts in 32-bit words, minus 2; all others in 64-bit words, minus 1.
                size = (raw[at + 1] + 2) * 4 if following == _AUTHENTICATION else (raw[at + 1] + 1) * 8
            if limit < at + size:
                steps.append((IPV6_EXTENSIONS[following], at, limit, limit))
                return only(f"{name} (truncated)", end, src, dst, network, limit)
            steps.append((IPV6_EXTENSIONS[following], at, at + size, limit))
            if following == _FRAGMENT and _u16(raw, at + 2)[0] & 0xFFF9:
                # A header with offset 0 and no more fragments does not make a fragment (RFC 6946 §4).
                fragment = at
                packet = (name, network, src, dst, end, fragment)
                if _u16(raw, at + 2)[0] & 0xFFF8:
                    return Quick("IPv6 (fragment)", src, dst, 0, 0, 0, 0, 0, 0, network, -1, at + 8, end, at)
            following, at = raw[at], at + size
            continue
        if following in (4, 41):
            return (ipv4 if following == 4 else ipv6)(raw, at, limit, steps)
        return _other(raw, following, at, limit, packet, steps)
    # No bytes are left for the next header: the innermost header with bytes gives the name.
    state = " (truncated)" if end > limit and at >= limit else ""
    return Quick(name + state, src, dst, 0, 0, 0, 0, 0, 0, network, -1, at, max(end, at), fragment)


def _other(raw: bytes, following: int, at: int, limit: int, packet: Packet, steps: Steps) -> Quick:
    """Protocols without ports."""
    outer, network, src, dst, end, fragment = packet
    if following == GRE_PROTOCOL:
        size = _gre_size(raw, at, limit)
        state, header = ("", at + size) if limit >= at + size else (" (truncated)", limit)
        steps.append(("GRE", at, header, limit))
        return Quick("GRE" + state, src, dst, 0, 0, 0, 0, 0, 0, network, at, header, end, fragment)
    least, name = 8, ""
    if following == ICMP_PROTOCOL:
        name = "ICMP"
    elif following == ICMP6_PROTOCOL:
        name = "ICMPv6"
    elif following in _SIMPLE:
        name, least = _SIMPLE[following]
    elif following in OPAQUE_PROTOCOLS:
        name, least = OPAQUE_PROTOCOLS[following], 0
    if not name:
        return Quick(outer, src, dst, 0, 0, 0, 0, 0, 0, network, -1, at, end, fragment)
    if limit < at + least:
        steps.append((name, at, limit, limit))
        return Quick(f"{name} (truncated)", src, dst, 0, 0, 0, 0, 0, 0, network, at, limit, end, fragment)
    steps.append((name, at, -1 if least else limit, limit))
    return Quick(name, src, dst, 0, 0, 0, 0, 0, 0, network, at, at + least, end, fragment)


def _gre_size(raw: bytes, at: int, limit: int) -> int:
    """Bytes of the GRE header at this byte: its first bits say which parts it has (RFC 2890 §2, RFC 2637 §4.1)."""
    if limit < at + 4:
        return 4
    bits, version = raw[at], raw[at + 1] & 7
    if version == 1:
        return 8 + 4 * (bits >> 4 & 1) + 4 * (raw[at + 1] >> 7)
    return 4 + 4 * bool(bits & 0xC0) + 4 * (bits >> 5 & 1) + 4 * (bits >> 4 & 1)


def _read_tcp(raw: bytes, at: int, limit: int, packet: Packet, steps: Steps) -> Quick:
    _, network, src, dst, end, fragment = packet
    if limit < at + 20:
        sport, dport = _ports(raw, at) if limit >= at + 4 else (0, 0)
        steps.append(("TCP", at, limit, limit))
        end = max(end, at)
        return Quick("TCP (truncated)", src, dst, sport, dport, 0, 0, 0, 0, network, at, limit, end, fragment)
    sport, dport, seq, ack, bits, window = _tcp(raw, at)
    words = bits >> 12
    # A length below 5 words is impossible: then there is no payload. A length beyond the packet leaves none either.
    payload = at + words * 4 if words >= 5 else max(end, at + 20)
    steps.append(("TCP", at, payload if payload < limit else limit, limit))
    if end < payload:
        end = payload
    found = ("TCP", src, dst, sport, dport, bits & 0x1FF, seq, ack, window, network, at, payload, end, fragment)
    return _tuple(Quick, found)


def _read_udp(raw: bytes, at: int, limit: int, packet: Packet, steps: Steps) -> Quick:
    name, network, src, dst, end, fragment = packet
    if limit < at + 8:
        sport, dport = _ports(raw, at) if limit >= at + 4 else (0, 0)
        steps.append(("UDP", at, limit, limit))
        end = max(end, at)
        return Quick("UDP (truncated)", src, dst, sport, dport, 0, 0, 0, 0, network, at, limit, end, fragment)
    sport, dport, length = _ports(raw, at) + _u16(raw, at + 4)
    # A length below 8 is impossible, and there is no payload; but 0 means more than 65,535 in IPv6 (RFC 2675 §4).
    if length >= 8 or name != "IPv6" or length:
        end = min(end, at + max(length, 8))
    end = max(end, at + 8)
    steps.append(("UDP", at, at + 8, min(end, limit)))
    return Quick("UDP", src, dst, sport, dport, 0, 0, 0, 0, network, at, at + 8, end, fragment)
