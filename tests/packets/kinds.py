"""Frames of kinds that are rare in a capture: tunnels, tags, trailers, options, messages of ICMP, and damaged headers.

Rule: built with struct, not with the code under test and not with Scapy. Each has a name: what it is a case of.
"""

from __future__ import annotations

import socket
import struct

from tests.packets import made

_V4, _V6 = 0x0800, 0x86DD
_A, _B = (socket.inet_pton(socket.AF_INET6, text) for text in ("2001:db8::a", "2001:db8::b"))


def frames() -> list[tuple[str, bytes]]:
    """Ethernet frames, each with the name of its kind."""
    return [
        *_tunnels(),
        *_tags(),
        *_lengths(),
        *_extension_headers(),
        *_source_routes(),
        *_icmp(),
        *_icmp6(),
        *_impossible(),
        *_link_neighbours(),
        *_dns_updates(),
    ]


def named(name: str) -> bytes:
    """The frame of this name."""
    return dict(frames())[name]


def _tunnels() -> list[tuple[str, bytes]]:
    inside4 = made.ipv4(made.tcp(b"", b"in", flags=0x18, ack=1))
    inside6 = made.ipv6(made.tcp(b"", b"in", flags=0x18, ack=1, version=6))

    def gre(flags: int, kind: int, rest: bytes) -> bytes:
        return made.ethernet(made.ipv4(struct.pack("!HH", flags, kind) + rest, 47, src="1.1.1.1", dst="2.2.2.2"))

    last = struct.pack("!I", 200 << 12 | 1 << 8 | 63)
    authenticated = struct.pack("!BBHII", 6, 4, 0, 7, 9) + b"i" * 12 + made.tcp(b"", b"in", flags=0x18, ack=1)
    return [
        ("IPv4 in IPv4", made.ethernet(made.ipv4(inside4, 4, src="1.1.1.1", dst="2.2.2.2"))),
        ("IPv6 in IPv4", made.ethernet(made.ipv4(inside6, 41, src="1.1.1.1", dst="2.2.2.2"))),
        ("IPv4 in IPv6", made.ethernet(made.ipv6(inside4, 4), _V6)),
        ("IPv6 in IPv6", made.ethernet(made.ipv6(inside6, 41), _V6)),
        ("IPv4 in IPv4, longer outside", made.ethernet(made.ipv4(inside4 + b"left", 4))),
        ("GRE with IPv4", gre(0, _V4, inside4)),
        ("GRE with IPv6", gre(0, _V6, inside6)),
        ("GRE with checksum, key and sequence number", gre(0xB000, _V4, struct.pack("!HHII", 0, 0, 5, 6) + inside4)),
        ("GRE with Ethernet", gre(0, 0x6558, made.ethernet(inside4))),
        ("GRE with what nobody knows", gre(0, 0x1234, b"what")),
        ("AH in IPv4", made.ethernet(made.ipv4(authenticated, 51))),
        ("AH with another tunnel", made.ethernet(made.ipv4(b"\4" + authenticated[1:24] + inside4, 51))),
        ("MPLS, two labels", made.ethernet(struct.pack("!I", 100 << 12 | 64) + last + inside4, 0x8847)),
        ("MPLS with IPv6", made.ethernet(last + inside6, 0x8847)),
        ("PPPoE with IPv4", made.ethernet(struct.pack("!BBHHH", 0x11, 0, 5, len(inside4) + 2, 0x21) + inside4, 0x8864)),
        ("PPPoE with IPv6", made.ethernet(struct.pack("!BBHHH", 0x11, 0, 5, len(inside6) + 2, 0x57) + inside6, 0x8864)),
        ("a tunnel cut short", made.ethernet(made.ipv4(inside4[:12], 4))),
        ("GRE cut short", gre(0x2000, _V4, b"\0\0")),
        ("AH cut short", made.ethernet(made.ipv4(authenticated[:9], 51))),
        ("ESP", made.ethernet(made.ipv4(struct.pack("!II", 1, 2) + b"secret" * 4, 50))),
        ("IGMP query", made.ethernet(made.ipv4(struct.pack("!BBH4s", 0x11, 100, 0xEE9B, bytes(4)), 2, ttl=1))),
        ("IP protocol 253", made.ethernet(made.ipv4(b"what", 253))),
        ("IPv6 next header 253", made.ethernet(made.ipv6(b"what", 253), _V6)),
    ]  # fmt: skip


def _tags() -> list[tuple[str, bytes]]:
    packet = made.ipv4(made.tcp(b"", b"in", flags=0x18, ack=1))

    def tagged(*tags: tuple[int, int], kind: int = _V4, rest: bytes = packet) -> bytes:
        words = b"".join(struct.pack("!HH", tpid, control) for tpid, control in tags)
        return made.MACS + words + struct.pack("!H", kind) + rest

    arp = struct.pack("!HHBBH6s4s6s4s", 1, _V4, 6, 4, 1, made.MACS[6:], b"\12\0\0\1", bytes(6), b"\12\0\0\2")
    snap = bytes.fromhex("aaaa03000000")
    return [
        ("a VLAN tag", tagged((0x8100, 0x2005))),
        ("a VLAN tag with DEI", tagged((0x8100, 0xF005))),
        ("802.1ad", tagged((0x88A8, 0x6001), (0x8100, 0x2005))),
        ("802.1ad alone", tagged((0x88A8, 0x6001))),
        ("QinQ of 0x9100", tagged((0x9100, 0x6001), (0x8100, 0x2005))),
        ("ARP in a VLAN", tagged((0x8100, 5), kind=0x0806, rest=arp)),
        ("an unknown EtherType in a VLAN", tagged((0x8100, 5), kind=0x1234, rest=b"whatever")),
        ("a length in a VLAN", tagged((0x8100, 5), kind=8 + len(packet), rest=snap + b"\x08\0" + packet)),
        ("LLC and SNAP", tagged(kind=8 + len(packet), rest=snap + b"\x08\0" + packet)),
        ("LLC and SNAP with ARP", tagged(kind=36, rest=snap + b"\x08\6" + arp)),
        ("SNAP of another organisation", tagged(kind=12, rest=bytes.fromhex("aaaa0300000c2000") + b"what")),
        ("LLC with IPv4", tagged(kind=3 + len(packet), rest=b"\x06\x06\x03" + packet)),
        ("spanning tree", tagged(kind=38, rest=b"\x42\x42\x03" + bytes(35))),
        ("LLC with a sequence number", tagged(kind=8, rest=b"\xf0\xf1\x02\x05what")),
        ("LLC supervisory", tagged(kind=4, rest=b"\xf0\xf1\x01\x05")),
        ("LLC of an unknown service", tagged(kind=10, rest=b"\x50\x50\x03unknown")),
        ("an 802.3 length beyond the frame", tagged(kind=900, rest=snap + b"\x08\0" + packet)),
        ("an 802.3 length short of the frame", tagged(kind=3, rest=b"\x50\x50\x03unknown")),
        ("an EtherType that is neither", tagged(kind=0x05FF, rest=b"whatever")),
        ("a VLAN tag cut short", tagged((0x8100, 5))[:15]),
        ("half a VLAN tag", tagged((0x8100, 5))[:17]),
        ("802.1ad cut short", tagged((0x88A8, 5))[:16]),
    ]  # fmt: skip


def _lengths() -> list[tuple[str, bytes]]:
    """What follows a packet in its frame, or is missing in it."""
    short, segment = made.ipv4(made.tcp()), made.tcp(b"", b"x" * 100, flags=0x18, ack=1)
    long4 = made.ipv4(segment)
    datagram = made.udp(b"four")

    def udp(length: int, rest: bytes = b"four") -> bytes:
        return datagram[:4] + struct.pack("!HH", length, 0) + rest

    tagged = made.MACS + bytes.fromhex("81000005") + b"\x08\0"
    large = made.tcp(b"", bytes(65600), flags=0x18, ack=1, version=6)
    jumbo = struct.pack("!IHBB", 6 << 28, 0, 0, 64) + bytes(15) + b"\1" + bytes(15) + b"\1"
    jumbo += bytes([6, 0, 0xC2, 4]) + struct.pack("!I", 8 + len(large)) + large
    v6 = made.ipv6(made.tcp(b"", b"x" * 100, flags=0x18, ack=1, version=6))
    return [
        *((f"{size} zero bytes after a short packet", made.ethernet(short) + bytes(size)) for size in (1, 4, 6, 7, 10)),
        *((f"{size} bytes after a short packet", made.ethernet(short) + b"t" * size) for size in (1, 4, 6, 7, 10, 20)),
        *((f"{size} zero bytes after a long packet", made.ethernet(long4) + bytes(size)) for size in (2, 4, 9)),
        *((f"{size} bytes after a long packet", made.ethernet(long4) + b"t" * size) for size in (2, 4, 9)),
        *((f"{size} bytes after a tagged packet", tagged + short + b"t" * size) for size in (2, 4, 6, 9)),
        *((f"{size} zero bytes after a tagged packet", tagged + short + bytes(size)) for size in (2, 6, 9)),
        ("bytes after IPv6", made.ethernet(v6, _V6) + b"trail"),
        ("bytes after ARP", made.ethernet(struct.pack("!HHBBH", 1, _V4, 6, 4, 1) + bytes(20), 0x0806) + bytes(18)),
        ("bytes after 802.3", made.ethernet(b"\x50\x50\x03unknown", 10) + bytes(36)),
        *((f"UDP length {size}", made.ethernet(made.ipv4(udp(size), 17))) for size in (0, 7, 8, 10, 12, 13, 100)),
        ("UDP length 100, with a sum", made.ethernet(made.ipv4(udp(100)[:6] + b"\x12\x34" + udp(100)[8:], 17))),
        ("UDP length 0 over IPv6", made.ethernet(made.ipv6(udp(0), 17), _V6)),
        ("UDP length 9, padded", made.ethernet(made.ipv4(udp(9), 17)) + bytes(14)),
        ("IPv4 length 0", made.ethernet(long4[:2] + b"\0\0" + long4[4:])),
        ("IPv6 length 0", made.ethernet(v6[:4] + b"\0\0" + v6[6:], _V6)),
        ("a jumbo payload", made.ethernet(jumbo, _V6)),
        ("a jumbo payload and a trailer", made.ethernet(jumbo, _V6) + b"a tail"),
    ]  # fmt: skip


def _sum6(body: bytes, protocol: int, src: bytes, dst: bytes, at: int) -> bytes:
    pseudo = src + dst + struct.pack("!II", len(body), protocol)
    return body[:at] + struct.pack("!H", ~made.ones_sum(pseudo + body) & 0xFFFF) + body[at + 2 :]


def _extension_headers() -> list[tuple[str, bytes]]:
    segment = made.tcp(b"", b"in", flags=0x18, ack=1, version=6, checksum=0)
    datagram = made.udp(b"in", version=6, checksum=0)
    blank = struct.pack("!BBHHH", 128, 0, 0, 5, 6) + b"ping"

    def packet(kind: int, header: bytes, rest: bytes) -> bytes:
        return made.ethernet(made.ipv6(header + rest, kind, src="2001:db8::a", dst="2001:db8::b"), _V6)

    def options(following: int, data: bytes) -> bytes:
        data += b"" if (len(data) + 2) % 8 == 0 else b"\0" if (len(data) + 3) % 8 == 0 else (
            b"\1" + bytes([-(len(data) + 4) % 8]) + bytes(-(len(data) + 4) % 8))
        return bytes([following, (len(data) + 2) // 8 - 1]) + data

    last, home = made.MACS[:6] + bytes(10), bytes(15) + b"\7"
    tcp = _sum6(segment, 6, _A, _B, 16)
    routing0 = struct.pack("!BBBBI", 6, 4, 0, 2, 0) + _B + last
    every = b"\x2c" + routing0[1:3] + b"\0" + routing0[4:] + struct.pack("!BBHI", 60, 0, 0, 7) + options(6, b"")
    segments = struct.pack("!BBBBBBH", 6, 4, 4, 1, 1, 0, 0) + last + _B
    return [
        ("hop-by-hop with a router alert", packet(0, options(6, b"\5\2\0\0"), tcp)),
        ("hop-by-hop with several options", packet(0, options(6, b"\0\1\1\0\x3e\2ab\x1e\1a"), tcp)),
        ("hop-by-hop with an option too long", packet(0, bytes([6, 0, 5, 9, 0, 0, 0, 0]), tcp)),
        ("destination options", packet(60, options(6, b"\4\1\3"), tcp)),
        ("a quick-start option", packet(0, options(6, b"\x26\6\1\2\0\0\0\0"), tcp)),
        ("an IOAM and a CALIPSO option", packet(0, options(6, b"\x31\2ab\7\x08\0\0\0\1\0\0\0\0"), tcp)),
        ("routing to a last segment", packet(43, routing0, _sum6(segment, 6, _A, last, 16))),
        ("routing that has arrived", packet(43, routing0[:3] + b"\0" + routing0[4:], tcp)),
        ("mobile routing", packet(43, struct.pack("!BBBBI", 17, 2, 2, 1, 0) + home, _sum6(datagram, 17, _A, home, 6))),
        ("segment routing", packet(43, segments, _sum6(segment, 6, _A, last, 16))),
        ("segment routing that has arrived", packet(43, segments[:3] + b"\0" + segments[4:], tcp)),
        ("segment routing with a bad sum", packet(43, segments, tcp)),
        ("routing of an unknown type", packet(43, struct.pack("!BBBBI", 6, 0, 77, 0, 5), tcp)),
        ("a home address", packet(60, options(6, b"\xc9\x10" + home), _sum6(segment, 6, home, _B, 16))),
        ("a home address and UDP", packet(60, options(17, b"\xc9\x10" + home), _sum6(datagram, 17, home, _B, 6))),
        ("a home address and a ping", packet(60, options(58, b"\xc9\x10" + home), _sum6(blank, 58, home, _B, 2))),
        ("AH in IPv6", packet(51, struct.pack("!BBHII", 6, 4, 0, 7, 9) + b"i" * 12, tcp)),
        ("every extension header", packet(0, options(60, b"\5\2\0\0") + options(43, b"") + every, tcp)),
        ("no next header behind options", packet(0, options(59, b""), b"junk")),
        ("an atomic fragment", packet(44, struct.pack("!BBHI", 6, 0, 0, 7), tcp)),
    ]  # fmt: skip


def _source_routes() -> list[tuple[str, bytes]]:
    """Options of IPv4 that change what a checksum covers: the address in the header, or the last one of the route."""
    found = []
    stops = [bytes((10, 9, 9, last)) for last in (1, 2)]
    head = socket.inet_aton("10.0.0.2")
    for word, kind in (("loose", 131), ("strict", 137)):
        for count, pointer in ((1, 4), (1, 8), (2, 4), (2, 8), (2, 12)):
            for covered in (head, stops[count - 1]):
                body = struct.pack("!HHIIHHHH", 40000, 80, 1, 1, 0x5018, 100, 0, 0) + b"in"
                sent = socket.inet_aton("10.0.0.1") + covered + struct.pack("!HH", 6, len(body)) + body
                body = body[:16] + struct.pack("!H", ~made.ones_sum(sent) & 0xFFFF) + body[18:]
                option = bytes((kind, 3 + 4 * count, pointer)) + b"".join(stops[:count])
                name = f"a {word} route of {count}, pointer {pointer}, sum with {socket.inet_ntoa(covered)}"
                found.append((name, made.ethernet(made.ipv4(body, 6, b"\1" + option))))
    return found


def _summed(data: bytes) -> bytes:
    return data[:2] + struct.pack("!H", ~made.ones_sum(data) & 0xFFFF) + data[4:]


def _icmp() -> list[tuple[str, bytes]]:
    quoted = made.ipv4(made.udp(b"hello"), 17, fragment=0)[:28]
    asked = _summed(b"\x20\0\0\0" + struct.pack("!HBB", 8, 3, 2) + b"\0\0\0\1")
    extension = b"\x20\0\0\0" + struct.pack("!HBB", 8, 1, 1) + b"\0\0\x11\x40"
    extension = _summed(extension)

    def message(kind: int, code: int, rest: bytes) -> bytes:
        return made.ethernet(made.ipv4(made.icmp(kind, code, rest), 1))

    return [
        *((f"ICMP {kind}/{code}", message(kind, code, bytes(4) + quoted))
          for kind, code in ((3, 0), (3, 1), (3, 2), (3, 9), (3, 13), (4, 0), (11, 1))),
        *((f"ICMP {kind}", message(kind, 0, b"\0\5\0\6" + bytes(12))) for kind in (13, 14)),
        *((f"ICMP {kind}", message(kind, 0, b"\0\5\0\6")) for kind in (0, 8, 15, 16)),
        *((f"ICMP {kind}", message(kind, 0, b"\0\5\0\6" + b"\xff\xff\xff\0")) for kind in (17, 18)),
        ("ICMP 9", message(9, 0, struct.pack("!BBH", 2, 2, 1800) + b"\12\0\0\1\0\0\0\0\12\0\0\2\0\0\0\1")),
        ("ICMP 10", message(10, 0, bytes(4))),
        ("ICMP 12", message(12, 0, b"\x14\0\0\0" + quoted)),
        ("ICMP 40", message(40, 1, struct.pack("!HH", 0, 4) + quoted)),
        ("ICMP 42", message(42, 0, struct.pack("!HBB", 5, 6, 1) + asked)),
        ("ICMP 43", message(43, 0, struct.pack("!HBB", 5, 6, 0x46))),
        ("ICMP of an unknown type", message(200, 3, b"abcdwhat")),
        ("a redirect", message(5, 1, b"\12\0\0\x09" + quoted)),
        ("too big", message(3, 4, struct.pack("!HH", 0, 1400) + quoted)),
        ("an ICMP error with an extension", message(11, 0, b"\0\x20\0\0" + quoted + bytes(100) + extension)),
        ("an ICMP error that quotes TCP", message(3, 3, bytes(4) + made.ipv4(made.tcp())[:28])),
        ("an ICMP error that quotes a fragment", message(3, 3, bytes(4) + made.ipv4(b"fragment", 17, fragment=3))),
        ("an ICMP error that quotes ICMP", message(3, 1, bytes(4) + made.ipv4(made.icmp(8, 0, b"\0\5\0\6"), 1))),
    ]  # fmt: skip


def _icmp6() -> list[tuple[str, bytes]]:
    def message(kind: int, code: int, rest: bytes) -> bytes:
        return made.ethernet(made.ipv6(made.icmp6(kind, code, rest), 58), _V6)

    source = b"\1\1" + made.MACS[6:]
    asked = _summed(b"\x20\0\0\0" + struct.pack("!HBB", 8, 3, 2) + b"\0\0\0\1")
    quoted = made.ipv6(made.udp(b"hello", version=6), 17)
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + _A
    return [
        *((f"ICMPv6 {kind}/{code}", message(kind, code, bytes(4) + quoted)) for kind, code in ((1, 0), (1, 3), (3, 1))),
        ("ICMPv6 4", message(4, 0, struct.pack("!I", 40) + quoted)),
        ("ICMPv6 128", message(128, 0, b"\0\5\0\6ping")),
        ("ICMPv6 130", message(130, 0, struct.pack("!HH", 1000, 0) + bytes(16))),
        ("ICMPv6 131", message(131, 0, bytes(4) + _A)),
        ("ICMPv6 133", message(133, 0, bytes(4) + source)),
        ("ICMPv6 133 without options", message(133, 0, bytes(4))),
        ("ICMPv6 134", message(134, 0, struct.pack("!BBHII", 64, 0xC0, 1800, 0, 0) + source + prefix)),
        ("ICMPv6 134 with an MTU", message(134, 0, struct.pack("!BBHII", 64, 0, 1800, 1, 2) + b"\5\1\0\0\0\0\5\xdc")),
        ("ICMPv6 135", message(135, 0, bytes(4) + _B + source)),
        ("ICMPv6 135 without options", message(135, 0, bytes(4) + _B)),
        ("ICMPv6 135, too short", message(135, 0, bytes(4) + _B[:8])),
        ("ICMPv6 136", message(136, 0, b"\x60\0\0\0" + _B + b"\2\1" + made.MACS[:6])),
        ("ICMPv6 136, too short", message(136, 0, b"\x60\0\0\0")),
        ("ICMPv6 137", message(137, 0, bytes(4) + _A + _B)),
        ("ICMPv6 143", message(143, 0, struct.pack("!HH", 0, 1) + struct.pack("!BBH", 4, 0, 0) + _A)),
        ("ICMPv6 160", message(160, 0, struct.pack("!HBB", 5, 6, 1) + asked)),
        ("ICMPv6 161", message(161, 0, struct.pack("!HBB", 5, 6, 0x46))),
        ("ICMPv6 of an unknown type", message(200, 3, b"abcdwhat")),
    ]  # fmt: skip


def _impossible() -> list[tuple[str, bytes]]:
    """Headers that cannot be."""
    packet, datagram = made.ipv4(made.tcp()), made.ipv4(made.udp(b"four"), 17)
    packet6 = made.ipv6(made.udp(b"four", version=6), 17)
    return [
        *((f"IPv4 header of {words * 4} bytes", made.ethernet(bytes([0x40 | words]) + datagram[1:]))
          for words in (0, 4)),
        ("IPv4 header longer than the packet", made.ethernet(bytes([0x4F]) + datagram[1:])),
        ("IPv4 of version 5", made.ethernet(b"\x55" + datagram[1:])),
        ("IPv6 of version 4", made.ethernet(b"\x45" + packet6[1:], _V6)),
        ("IPv4 shorter than its header", made.ethernet(datagram[:2] + b"\0\x13" + datagram[4:])),
        ("IPv4 longer than the frame", made.ethernet(datagram[:2] + b"\0\xff" + datagram[4:])),
        ("IPv6 longer than the frame", made.ethernet(packet6[:4] + b"\0\xff" + packet6[6:], _V6)),
        *((f"TCP header of {words * 4} bytes", made.ethernet(packet[:32] + bytes([words << 4]) + packet[33:]))
          for words in (0, 4, 9, 15)),
        ("half a TCP header", made.ethernet(made.ipv4(made.tcp()[:11]))),
        ("half a UDP header", made.ethernet(made.ipv4(made.udp()[:5], 17))),
        ("half an ICMP header", made.ethernet(made.ipv4(made.icmp(8, 0, b"")[:3], 1))),
        ("ICMP without a rest", made.ethernet(made.ipv4(made.icmp(8, 0, b""), 1))),
        ("half an IPv6 header", made.ethernet(packet6[:22], _V6)),
        ("nothing in IPv4", made.ethernet(made.ipv4(b"", 6))),
        ("nothing in IPv6", made.ethernet(made.ipv6(b"", 59), _V6)),
    ]  # fmt: skip


def _link_neighbours() -> list[tuple[str, bytes]]:
    def arp(hardware: int, protocol: int, hlen: int, plen: int, code: int = 1) -> bytes:
        return made.ethernet(struct.pack("!HHBBH", hardware, protocol, hlen, plen, code)
                             + bytes(range(1, 1 + 2 * (hlen + plen))), 0x0806)  # fmt: skip

    return [
        ("ARP", arp(1, _V4, 6, 4)),
        ("an ARP reply", arp(1, _V4, 6, 4, 2)),
        ("ARP of InfiniBand", arp(32, _V4, 20, 4)),
        ("ARP of another hardware", arp(7, _V4, 1, 4)),
        ("ARP of another protocol", arp(1, _V6, 6, 16)),
        ("ARP without addresses", arp(1, _V4, 0, 0)),
        ("ARP cut short", arp(1, _V4, 6, 4)[:30]),
        ("RARP", made.MACS + b"\x80\x35" + arp(1, _V4, 6, 4, 3)[14:]),
        ("LLDP", made.ethernet(b"\2\7\4" + made.MACS[:6] + b"\4\2\7a\6\2\0\x78\0\0", 0x88CC)),
        ("an unknown EtherType", made.ethernet(b"whatever", 0x1234)),
    ]  # fmt: skip


def _dns_updates() -> list[tuple[str, bytes]]:
    zone = b"\3lab\7example\0\0\6\0\1"
    record = b"\1a\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4) + b"\12\0\0\1"
    prerequisite = b"\1b\xc0\x0c" + struct.pack("!HHIH", 255, 254, 0, 0)
    update = struct.pack("!6H", 7, 0x2800, 1, 1, 1, 0) + zone + prerequisite + record
    answer = struct.pack("!6H", 7, 0xA800, 1, 0, 0, 0) + zone
    return [
        ("a DNS update", made.ethernet(made.ipv4(made.udp(update, dport=53), 17))),
        ("an answer to a DNS update", made.ethernet(made.ipv4(made.udp(answer, sport=53), 17))),
    ]
