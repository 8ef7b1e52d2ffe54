"""Frames made by hand for the tests: exotic options, every link type, errors that quote packets.

Rule: built with struct, not with the code under test and not with Scapy.
"""

from __future__ import annotations

import socket
import struct

MACS = bytes.fromhex("020000000002020000000001")


def ones_sum(data: bytes) -> int:
    """RFC 1071, the slow way."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ipv4(
    payload: bytes,
    protocol: int = 6,
    options: bytes = b"",
    *,
    tos: int = 0,
    ident: int = 7,
    fragment: int = 0x4000,
    src: str = "10.0.0.1",
    dst: str = "10.0.0.2",
    ttl: int = 64,
) -> bytes:
    """An IPv4 packet with a right header checksum; options are padded with zeros."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4
    head = (
        struct.pack(
            "!BBHHHBBH4s4s",
            0x40 | words,
            tos,
            words * 4 + len(payload),
            ident,
            fragment,
            ttl,
            protocol,
            0,
            socket.inet_aton(src),
            socket.inet_aton(dst),
        )
        + options
    )
    return head[:10] + struct.pack("!H", ~ones_sum(head) & 0xFFFF) + head[12:] + payload


def ipv6(
    payload: bytes, following: int = 6, *, traffic: int = 0, flow: int = 0, src: str = "::1", dst: str = "::1"
) -> bytes:
    """An IPv6 packet."""
    return (
        struct.pack(
            "!IHBB16s16s",
            6 << 28 | traffic << 20 | flow,
            len(payload),
            following,
            64,
            socket.inet_pton(socket.AF_INET6, src),
            socket.inet_pton(socket.AF_INET6, dst),
        )
        + payload
    )


def pseudo(protocol: int, length: int, version: int = 4) -> bytes:
    """The pseudo-header of the default addresses."""
    if version == 4:
        return socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2") + struct.pack("!HH", protocol, length)
    return socket.inet_pton(socket.AF_INET6, "::1") * 2 + struct.pack("!II", length, protocol)


def tcp(
    options: bytes = b"",
    payload: bytes = b"",
    *,
    flags: int = 0x02,
    seq: int = 1000,
    ack: int = 0,
    sport: int = 40000,
    dport: int = 8124,
    window: int = 64240,
    urgent: int = 0,
    version: int = 4,
    checksum: int | None = None,
) -> bytes:
    """A TCP segment with a right checksum; options are padded with zeros."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4
    body = struct.pack("!HHIIHHHH", sport, dport, seq, ack, words << 12 | flags, window, 0, urgent) + options + payload
    if checksum is None:
        checksum = ~ones_sum(pseudo(6, len(body), version) + body) & 0xFFFF
    return body[:16] + struct.pack("!H", checksum) + body[18:]


def udp(
    payload: bytes = b"", *, sport: int = 40000, dport: int = 8124, version: int = 4, checksum: int | None = None
) -> bytes:
    """A UDP datagram with a right checksum."""
    body = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    if checksum is None:
        checksum = ~ones_sum(pseudo(17, len(body), version) + body) & 0xFFFF or 0xFFFF
    return body[:6] + struct.pack("!H", checksum) + body[8:]


def dns_messages() -> list[tuple[str, bytes]]:
    """DNS messages, each with what it tests."""
    question = b"\3www\3lab\7example\0\0\1\0\1"

    def head(flags: int, *counts: int) -> bytes:
        return struct.pack("!6H", 0x1234, flags, *counts)

    def record(name: bytes, kind: int, data: bytes, rclass: int = 1, ttl: int = 300) -> bytes:
        return name + struct.pack("!HHIH", kind, rclass, ttl, len(data)) + data

    def answer(kind: int, data: bytes) -> bytes:
        return head(0x8400, 1, 1, 0, 0) + question + record(b"\xc0\x0c", kind, data)

    soa = b"\2ns\xc0\x10\2me\xc0\x10" + struct.pack("!5I", 1, 7200, 900, 1209600, 300)
    cookie = struct.pack("!HH", 10, 8) + b"12345678"
    return [
        ("a query", head(0x0100, 1, 0, 0, 0) + question),
        ("AD and CD in a query", head(0x0130, 1, 0, 0, 0) + question),
        ("a query with EDNS", head(0x0100, 1, 0, 0, 1) + question + record(b"\0", 41, b"", 1232, 0x8000)),
        ("a cookie", head(0x0100, 1, 0, 0, 1) + question + record(b"\0", 41, cookie, 4096, 0)),
        ("A", answer(1, socket.inet_aton("192.0.2.1"))),
        ("AAAA", answer(28, socket.inet_pton(socket.AF_INET6, "2001:db8::1"))),
        ("CNAME", answer(5, b"\3web\xc0\x10")),
        ("NS", answer(2, b"\2ns\xc0\x10")),
        ("PTR", answer(12, b"\4host\7example\0")),
        ("MX", answer(15, b"\0\x0a\4mail\xc0\x10")),
        ("TXT", answer(16, b"\3one\0\3two")),
        ("SOA", head(0x8403, 1, 0, 1, 0) + question + record(b"\xc0\x10", 6, soa)),
        ("an unknown type", answer(0xFF00, b"\1\2\3")),
        ("an unknown type without data", answer(0xFF00, b"")),
        ("a pointer to a pointer", answer(5, b"\xc0\x21") + b""),
        ("every flag", head(0x87F5, 1, 0, 0, 0) + question),
        ("the root", head(0x0100, 1, 0, 0, 0) + b"\0\0\2\0\1"),
        ("a label with a space and a capital", head(0, 1, 0, 0, 0) + b"\4My x\7example\0\0\1\0\1"),
        ("other operations", head(0x1000, 1, 0, 0, 0) + question),
        ("two of each", head(0x8400, 2, 2, 2, 2) + question * 2 + record(b"\xc0\x0c", 1, bytes(4)) * 6),
    ]


def icmp(kind: int, code: int, rest: bytes) -> bytes:
    """An ICMP message with a right checksum."""
    body = struct.pack("!BBH", kind, code, 0) + rest
    return body[:2] + struct.pack("!H", ~ones_sum(body) & 0xFFFF) + body[4:]


def icmp6(kind: int, code: int, rest: bytes) -> bytes:
    """An ICMPv6 message with a right checksum, for the default addresses."""
    body = struct.pack("!BBH", kind, code, 0) + rest
    return body[:2] + struct.pack("!H", ~ones_sum(pseudo(58, len(body), 6) + body) & 0xFFFF) + body[4:]


def fragments(payload: bytes, sizes: tuple[int, ...], *, version: int = 4, ident: int = 77) -> list[bytes]:
    """The IP fragments of a UDP datagram, as Ethernet frames. sizes: bytes in each but the last, multiples of 8."""
    return cut(udp(payload, version=version), 17, sizes, version=version, ident=ident)


def cut(
    whole: bytes, protocol: int, sizes: tuple[int, ...], *, version: int = 4, ident: int = 77, before: bytes = b""
) -> list[bytes]:
    """The IP fragments of what a protocol sends, as Ethernet frames. before: an IPv6 hop-by-hop header in each."""
    found, at = [], 0
    for size in (*sizes, None):
        part = whole[at:] if size is None else whole[at : at + size]
        more = size is not None
        if version == 4:
            found.append(ethernet(ipv4(part, protocol, fragment=more << 13 | at // 8, ident=ident)))
        else:
            part = before + struct.pack("!BBHI", protocol, 0, at | more, ident) + part
            found.append(ethernet(ipv6(part, 0 if before else 44), 0x86DD))
        at += size or 0
    return found


def ethernet(packet: bytes, ethertype: int = 0x0800) -> bytes:
    """An Ethernet II frame."""
    return MACS + struct.pack("!H", ethertype) + packet


# What stands in the options of a SYN, by hand: each entry is (what it tests, the option bytes).
TCP_OPTIONS = (
    ("the five of a Linux SYN", "020405b4 0402 080a0000000100000002 01 030307"),
    ("SACK with one run", "01 01 050a 0000000a 00000014"),
    ("SACK with two runs", "0512 0000000a 00000014 0000001e 00000028 01 01"),
    (
        "SACK with three runs, behind timestamps",
        "080a0000000100000002 01 01 051a 0000000a00000014 0000001e00000028 000000320000003c",
    ),
    ("a Fast Open cookie asked for", "2202 0101"),
    ("a Fast Open cookie", "220a 0102030405060708 01 00"),
    ("an experiment", "fe06aabbccdd 01 00"),
    ("an MD5 signature", "1312 000102030405060708090a0b0c0d0e0f 01 01"),
    ("User Timeout", "1c04 9234"),
    ("Echo, obsolete", "0606 aabbccdd 00 00"),
    ("an unknown kind", "0e03 01 00"),
    ("an unknown kind without data", "0f02 01 00"),
    ("End of Option List twice", "01 01 00 00"),
    ("only No-Operation", "01 01 01 01"),
    ("Window Scale of 14", "03030e 00"),
    ("MSS of the wrong length", "0203aa 01"),
    ("Timestamps of the wrong length", "080300 00"),
)

IP_OPTIONS = (
    ("Router Alert", "94040000"),
    ("Record Route", "0707 04 0a000001 00"),
    ("No-Operation", "01010101"),
)


def tcp_frames() -> list[tuple[str, bytes]]:
    """Frames with a TCP header, each with what it tests. Each is a connection of its own (source port)."""
    found: list[tuple[str, bytes]] = []

    def add(what: str, packet: bytes, ethertype: int = 0x0800) -> None:
        found.append((what, ethernet(packet, ethertype)))

    port = 40000
    for what, text in TCP_OPTIONS:
        port += 1
        add(what, ipv4(tcp(bytes.fromhex(text), sport=port)))
    for what, text in IP_OPTIONS:
        port += 1
        add(f"IP option {what}", ipv4(tcp(sport=port), options=bytes.fromhex(text)))
    for bit in range(12):
        port += 1
        add(f"flag bit {bit}", ipv4(tcp(sport=port, flags=1 << bit, ack=5000)))
    for tos in (0x03, 0xB8, 0x28, 0x01):
        port += 1
        add(f"traffic class {tos:#x}", ipv4(tcp(sport=port), tos=tos))
        add(f"traffic class {tos:#x} over IPv6", ipv6(tcp(sport=port, version=6), traffic=tos, flow=0x12345), 0x86DD)
    add("no Don't Fragment", ipv4(tcp(sport=39000), fragment=0))
    add("the evil bit", ipv4(tcp(sport=39001), fragment=0xC000))
    add("payload", ipv4(tcp(b"", b"hello", sport=39002, flags=0x18, ack=77)))
    add("payload over IPv6", ipv6(tcp(b"", b"hello", sport=39003, flags=0x18, ack=77, version=6)), 0x86DD)
    add("urgent data", ipv4(tcp(b"", b"!", sport=39004, flags=0x38, ack=77, urgent=1)))
    add("padding", ipv4(tcp(sport=39005)) + bytes(6))
    add("window 0", ipv4(tcp(sport=39006, flags=0x10, ack=77, window=0)))
    add("a bad checksum", ipv4(tcp(sport=39007, checksum=0x1234)))
    return found


def other_frames() -> list[tuple[str, bytes, int]]:
    """Frames of other protocols and link types: (what it tests, bytes, link type)."""
    packet = ipv4(tcp(b"", b"hi", flags=0x18))
    packet6 = ipv6(tcp(b"", b"hi", flags=0x18, version=6))
    datagram = ipv4(udp(b"hello"), 17, fragment=0)
    datagram6 = ipv6(udp(b"hello", version=6), 17)
    return [
        ("UDP", ethernet(datagram), 1),
        ("UDP without checksum", ethernet(ipv4(udp(b"hello", checksum=0), 17)), 1),
        (
            "UDP over IPv6 without checksum",
            ethernet(ipv6(udp(b"hello", version=6, checksum=0), 17), 0x86DD),
            1,
        ),
        ("UDP over IPv6", ethernet(ipv6(udp(b"hello", version=6), 17), 0x86DD), 1),
        ("an echo request", ethernet(ipv4(icmp(8, 0, struct.pack("!HH", 5, 6) + b"ping"), 1)), 1),
        ("port unreachable", ethernet(ipv4(icmp(3, 3, bytes(4) + datagram[:28]), 1)), 1),
        (
            "ARP",
            ethernet(
                struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
                + MACS[6:]
                + socket.inet_aton("10.0.0.1")
                + bytes(6)
                + socket.inet_aton("10.0.0.2"),
                0x0806,
            ),
            1,
        ),
        ("a later fragment", ethernet(ipv4(b"fragment", 17, fragment=3)), 1),
        ("a first fragment", ethernet(ipv4(udp(b"fragment"), 17, fragment=0x2000)), 1),
        (
            "an IPv6 fragment",
            ethernet(ipv6(struct.pack("!BBHI", 17, 0, 1, 5) + udp(b"part", version=6), 44), 0x86DD),
            1,
        ),
        ("hop-by-hop options", ethernet(ipv6(bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp(b"hi", version=6), 0), 0x86DD), 1),
        ("an empty datagram", ethernet(ipv4(udp(), 17)), 1),
        ("an empty datagram over IPv6", ethernet(ipv6(udp(version=6), 17), 0x86DD), 1),
        ("an empty datagram, padded", ethernet(ipv4(udp(), 17)) + bytes(18), 1),
        ("too big", ethernet(ipv4(icmp(3, 4, struct.pack("!HH", 0, 1400) + datagram[:28]), 1)), 1),
        ("time exceeded", ethernet(ipv4(icmp(11, 0, bytes(4) + datagram[:28]), 1)), 1),
        ("port unreachable, all of it", ethernet(ipv4(icmp(3, 3, bytes(4) + datagram), 1)), 1),
        ("port unreachable over IPv6", ethernet(ipv6(icmp6(1, 4, bytes(4) + datagram6), 58), 0x86DD), 1),
        ("too big over IPv6", ethernet(ipv6(icmp6(2, 0, struct.pack("!I", 1280) + datagram6), 58), 0x86DD), 1),
        ("hop limit exceeded", ethernet(ipv6(icmp6(3, 0, bytes(4) + datagram6), 58), 0x86DD), 1),
        ("a fragment that is the whole", cut(udp(b"all of it", version=6), 17, (), version=6)[0], 1),
        ("a VLAN tag", MACS + bytes.fromhex("8100 2005") + b"\x08\0" + packet, 1),
        ("BSD loopback, little-endian", struct.pack("<I", 2) + packet, 0),
        ("BSD loopback, IPv6 of macOS", struct.pack("<I", 30) + packet6, 0),
        ("OpenBSD loopback", struct.pack(">I", 2) + packet, 108),
        ("raw IPv4", packet, 101),
        ("raw IPv6", packet6, 101),
        ("Linux cooked", struct.pack("!HHH8sH", 0, 772, 6, bytes(8), 0x0800) + packet, 113),
        ("Linux cooked v2", struct.pack("!HHIHBB8s", 0x0800, 0, 1, 772, 0, 6, bytes(8)) + packet, 276),
        ("an unknown EtherType", ethernet(b"whatever", 0x9000), 1),
        ("length in place of EtherType", ethernet(b"\x42\x42\x03" + bytes(43), 46), 1),
        ("nothing but a link header", ethernet(b"", 0x0800), 1),
        ("half a link header", MACS[:7], 1),
        ("an unknown link type", b"whatever", 147),
    ]
