"""The one walk through the headers of a frame: it decides for lists, conversations, ladders and layers alike.

Rule: struct only, one pass, no object per field; nothing in a frame can make it raise, and no header is read beyond
the bytes that the header below gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from labkit.packets.names import (
    ETHERNET,
    IPV4,
    IPV6,
    LINKTYPE_NAMES,
    LOOP,
    NULL,
    OPAQUE_ETHERTYPES,
    SLL,
    SLL2,
)
from labkit.packets.steps import Quick
from labkit.packets.walk_ip import (
    DEEPEST,
    GRE_PROTOCOL,
    ICMP6_PROTOCOL,
    ICMP_PROTOCOL,
    TCP_PROTOCOL,
    UDP_PROTOCOL,
    Steps,
    cut,
    inside,
    ipv4,
    ipv6,
    only,
)

_IPV4, _IPV6, _ARP, _RARP, _BRIDGED, _MPLS, _PPPOE = 0x0800, 0x86DD, 0x0806, 0x8035, 0x6558, (0x8847, 0x8848), 0x8864
_TAGS = {0x8100: "VLAN", 0x9100: "VLAN", 0x88A8: "802.1ad"}
_LARGEST_LENGTH = 1500  # up to here, the number after the addresses is a length (IEEE 802.3 §3.2.6)
_FAMILIES = {2: _IPV4, 10: _IPV6, 24: _IPV6, 28: _IPV6, 30: _IPV6}  # AF_INET6 of Linux, the BSDs and macOS

_u16 = Struct("!H").unpack_from


def quick(
    raw: bytes, linktype: int, fcs_length: int = 0, wire_length: int = 0, steps: Steps | None = None
) -> Quick:
    """Walk through the headers of a frame as far as they go; what is cut short is named so, and nothing raises.

    raw: its bytes. linktype: how it begins, as numbered in pcap files. fcs_length: bytes of the frame check sequence
    at its end, if the file says that there is one. wire_length: bytes on the wire, if raw may be cut shorter.
    steps: a list that gets a `Step` for each header, outermost first.
    """
    if steps is None:
        steps = []
    limit = len(raw)
    if fcs_length:
        limit = max(0, min(limit, max(limit, wire_length) - fcs_length))
    found = _ethernet(raw, 0, limit, steps) if linktype == ETHERNET else _frame(raw, linktype, limit, steps)
    return found if found[0] != "GRE" else _through_gre(raw, found, steps)


def _through_gre(raw: bytes, found: Quick, steps: Steps) -> Quick:
    """Go on behind each GRE header: a link may follow, which the walk through IP does not know."""
    while found.protocol == "GRE" and len(steps) < DEEPEST:
        inner = _in_gre(raw, found, steps)
        if inner is None:
            break
        found = inner
    return found


def _frame(raw: bytes, linktype: int, limit: int, steps: Steps) -> Quick:
    """A frame that does not begin with an Ethernet header."""
    name = LINKTYPE_NAMES.get(linktype)
    if name is None:
        return _alone(f"link type {linktype}", limit, steps)
    if linktype in (NULL, LOOP, SLL, SLL2):
        size = {SLL: 16, SLL2: 20}.get(linktype, 4)
        if limit < size:
            return cut(name, 0, limit, steps)
        steps.append((name, 0, size, limit))
        return _carried(raw, _link_carries(raw, linktype), size, limit, name, (b"", b""), steps)
    version = raw[0] >> 4 if limit else 0
    if not limit:
        return cut(name, 0, limit, steps)
    if linktype == IPV4 or (linktype != IPV6 and version == 4):
        return ipv4(raw, 0, limit, steps)
    if linktype == IPV6 or version == 6:
        return ipv6(raw, 0, limit, steps)
    return _alone(name, limit, steps, " (malformed)")


def _in_gre(raw: bytes, found: Quick, steps: Steps) -> Quick | None:
    """What the last GRE header carries; None if it has no EtherType that is known here, or no bytes follow."""
    _, at, end, limit = steps[-1]
    if raw[at] & 0x40 or raw[at + 1] & 7:  # with routing, or the version of PPTP, whose payload is PPP
        return None
    inner = _carried(raw, _u16(raw, at + 2)[0], end, limit, "GRE", (found.src, found.dst), steps)
    return inner if inner.protocol != "GRE" or inner.network >= 0 else None


def from_layer(raw: bytes, name: str, steps: Steps) -> Quick | None:
    """Walk on from a header that is not a frame's first: from the layer of this name. None if there is no such walk."""
    read = _FROM.get(name)
    return _through_gre(raw, read(raw, 0, len(raw), steps), steps) if read is not None else None


def from_packet(raw: bytes, start: int, limit: int, version: int, steps: Steps) -> Quick:
    """Walk through a packet inside a frame, as an ICMP error quotes one. version: 4 or 6."""
    return _through_gre(raw, (ipv4 if version == 4 else ipv6)(raw, start, limit, steps), steps)


def _alone(name: str, limit: int, steps: Steps, state: str = "") -> Quick:
    """A frame that is one layer and nothing else."""
    if limit:
        steps.append((name, 0, limit, limit))
    return only(name + state, limit)


# -- links


def _link_carries(raw: bytes, linktype: int) -> int:
    """The EtherType of what follows a header that is no Ethernet's; 0 if there is none for it."""
    if linktype == SLL:
        kind = int(_u16(raw, 14)[0])
    elif linktype == SLL2:
        kind = int(_u16(raw, 0)[0])
    else:
        family = int.from_bytes(raw[:4], "big")
        if family > 0xFFFF and linktype == NULL:  # in the byte order of the machine that captured
            family = int.from_bytes(raw[:4], "little")
        return _FAMILIES.get(family, 0)
    return kind if kind > _LARGEST_LENGTH else 0


def _ethernet(raw: bytes, at: int, limit: int, steps: Steps) -> Quick:
    if limit < at + 14:
        return cut("Ethernet", at, limit, steps)
    steps.append(("Ethernet", at, at + 14, limit))
    kind = (raw[at + 12] << 8) | raw[at + 13]
    if kind == _IPV4 and limit > at + 14:
        return ipv4(raw, at + 14, limit, steps)
    hardware = raw[at + 6 : at + 12], raw[at : at + 6]
    return _carried(raw, kind, at + 14, limit, "Ethernet", hardware, steps, lengths=True)


def _carried(
    raw: bytes,
    kind: int,
    at: int,
    limit: int,
    name: str,
    ends: tuple[bytes, bytes],
    steps: Steps,
    lengths: bool = False,
) -> Quick:
    """What a header with an EtherType carries. name: of that header's layer. ends: its addresses.

    lengths: a small number is a length, as in an Ethernet frame, and a Logical Link Control header follows.
    """
    while at < limit and len(steps) < DEEPEST:
        if kind == _IPV4:
            return ipv4(raw, at, limit, steps)
        if kind == _IPV6:
            return ipv6(raw, at, limit, steps)
        if kind in (_ARP, _RARP):
            return _arp(raw, at, limit, ends, steps)
        if kind in _TAGS:
            name, lengths = _TAGS[kind], True
            if limit < at + 4:
                return cut(name, at, limit, steps, *ends)
            steps.append((name, at, at + 4, limit))
            kind, at = _u16(raw, at + 2)[0], at + 4
        elif kind in _MPLS:
            name = "MPLS"
            if limit < at + 4:
                return cut(name, at, limit, steps, *ends)
            steps.append((name, at, at + 4, limit))
            bottom, at = raw[at + 2] & 1, at + 4
            if bottom:
                kind = {4: _IPV4, 6: _IPV6}.get(raw[at] >> 4, 0) if at < limit else 0
        elif kind == _PPPOE:
            if limit < at + 6:
                return cut("PPPoE", at, limit, steps, *ends)
            limit = min(limit, at + 6 + _u16(raw, at + 4)[0])
            steps.append(("PPPoE", at, at + 6, limit))
            at += 6
            if limit < at + 2:
                return cut("PPP", at, limit, steps, *ends) if limit > at else only("PPPoE", limit, *ends, start=at)
            steps.append(("PPP", at, at + 2, limit))
            name, kind, at = "PPP", {0x21: _IPV4, 0x57: _IPV6}.get(_u16(raw, at)[0], 0), at + 2
        elif kind <= _LARGEST_LENGTH and lengths:
            return _llc(raw, at, min(limit, at + kind), name, ends, steps)
        elif kind == _BRIDGED:
            return _ethernet(raw, at, limit, steps)
        else:
            opaque = OPAQUE_ETHERTYPES.get(kind)
            if opaque:
                steps.append((opaque, at, limit, limit))
            return only(opaque or name, limit, *ends, start=at)
    return only(name, limit, *ends, start=at)


def _llc(raw: bytes, at: int, limit: int, name: str, ends: tuple[bytes, bytes], steps: Steps) -> Quick:
    """Logical Link Control, with the SNAP header that gives a frame with a length an EtherType again (RFC 1042)."""
    if limit <= at:
        return only(name, limit, *ends, start=at)
    unnumbered = limit > at + 2 and raw[at + 2] & 3 == 3
    size = 3 if unnumbered else 4
    snap = raw[at : at + 3] == b"\xaa\xaa\x03"
    if limit < at + size + 5 * snap:
        return cut("LLC", at, limit, steps, *ends)
    end = at + size + 5 * snap
    steps.append(("LLC", at, end, limit))
    if snap:
        named = raw[at + 3 : at + 6] in (b"\0\0\0", b"\0\0\xf8")  # by an EtherType
        return _carried(raw, _u16(raw, at + 6)[0] if named else 0, end, limit, "LLC", ends, steps)
    if unnumbered and raw[at] == 6:
        return _carried(raw, _IPV4, end, limit, "LLC", ends, steps)
    if unnumbered and raw[at] == 0x42 and limit > end:
        steps.append(("STP", end, limit, limit))
        return only("STP", limit, *ends, start=end)
    return only("LLC", limit, *ends, start=end)


def _arp(raw: bytes, at: int, limit: int, ends: tuple[bytes, bytes], steps: Steps) -> Quick:
    if limit < at + 8:
        return cut("ARP", at, limit, steps, *ends)
    hardware, protocol = raw[at + 4], raw[at + 5]
    end = at + 8 + 2 * (hardware + protocol)
    if limit < end:
        return cut("ARP", at, limit, steps, *ends)
    steps.append(("ARP", at, end, end))
    if protocol == 4:
        sender, target = at + 8 + hardware, end - 4
        ends = raw[sender : sender + 4], raw[target:end]
    return only("ARP", end, *ends, start=end)


def _transport(number: int) -> Callable[[bytes, int, int, Steps], Quick]:
    """A walk that begins behind an IP header that is not there."""
    return lambda raw, at, limit, steps: inside(raw, number, at, limit, ("IPv6", -1, b"", b"", limit, -1), steps)


def _linked(kind: int) -> Callable[[bytes, int, int, Steps], Quick]:
    return lambda raw, at, limit, steps: _carried(raw, kind, at, limit, "", (b"", b""), steps)


_FROM: dict[str, Callable[[bytes, int, int, Steps], Quick]] = {
    "Ethernet": _ethernet, "IPv4": ipv4, "IPv6": ipv6, "TCP": _transport(TCP_PROTOCOL),
    "UDP": _transport(UDP_PROTOCOL), "ICMP": _transport(ICMP_PROTOCOL), "ICMPv6": _transport(ICMP6_PROTOCOL),
    "GRE": _transport(GRE_PROTOCOL), "ARP": _linked(_ARP), "VLAN": _linked(0x8100), "802.1ad": _linked(0x88A8),
    "IPv6 hop-by-hop": _transport(0), "IPv6 routing": _transport(43), "IPv6 fragment": _transport(44),
    "IPv6 destination": _transport(60),
    "Linux cooked": lambda raw, at, limit, steps: quick(raw, SLL, steps=steps),
    "Linux cooked v2": lambda raw, at, limit, steps: quick(raw, SLL2, steps=steps),
    "BSD loopback": lambda raw, at, limit, steps: quick(raw, NULL, steps=steps),
}  # fmt: skip
