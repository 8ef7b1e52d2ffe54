"""Datagrams on the ladder: conversations, fragments of one datagram, and the ICMP error that a datagram caused.

Rule: frames are built by hand; the text twin is compared whole where it is short.
"""

from __future__ import annotations

import struct

import pytest

from labkit import draw
from labkit.draw.field_table import explain
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.frames import Frame
from tests.draw.markup import parse, texts
from tests.packets import made

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"


def frame(number: int, packet: bytes) -> Frame:
    raw = made.ethernet(packet)
    return (number * 1000, raw, 1, 0, len(raw))


def datagram(payload: bytes, sport: int = 40000, dport: int = 41234) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def ladder(*packets: bytes, ports: tuple[int, ...] = ()) -> list[str]:
    frames = [frame(number, packet) for number, packet in enumerate(packets)]
    return repr(draw.ladder(Tape(Recording(frames, ports=ports)))).splitlines()


def to_server(payload: bytes, sport: int = 40000) -> bytes:
    return made.ipv4(datagram(payload, sport), 17, src=CLIENT, dst=SERVER)


def to_client(payload: bytes, dport: int = 40000) -> bytes:
    return made.ipv4(datagram(payload, 41234, dport), 17, src=SERVER, dst=CLIENT)


def test_several_peers_are_conversations_not_connections() -> None:
    lines = ladder(to_server(b"a"), to_client(b"bc"), to_server(b"d", 40001), ports=(41234,))
    assert lines == [
        "Ladder of 3 packets, client ↔ server:41234, 2 conversations",
        "conversation 1",
        "  1  client → server  UDP       1 byte",
        "  2  client ← server  UDP       2 bytes",
        "conversation 2",
        "  1  client → server  UDP       1 byte",
    ]


def test_conversations_stand_in_the_order_of_their_first_packets_whatever_the_protocol() -> None:
    syn = made.ipv4(made.tcp(sport=40002, dport=41234), src=CLIENT, dst=SERVER)
    reset = made.ipv4(made.tcp(sport=41234, dport=40002, flags=0x14, ack=1001, seq=0), src=SERVER, dst=CLIENT)
    packets = (to_server(b"a"), syn, to_client(b"bc"), reset, to_server(b"d", 40001))
    assert ladder(*packets, ports=(41234,)) == [
        "Ladder of 5 packets, client ↔ server:41234, 3 conversations",
        "conversation 1",
        "  1  client → server  UDP       1 byte",
        "  2  client ← server  UDP       2 bytes",
        "conversation 2",
        "  1  client → server  SYN       seq=0",
        "  2  client ← server  RST, ACK  seq=1 ack=1",
        "conversation 3",
        "  1  client → server  UDP       1 byte",
    ]
    frames = [frame(number, packet) for number, packet in enumerate(packets)]
    drawn = texts(parse(draw.ladder(Tape(Recording(frames, ports=(41234,)))).svg))
    badges = [text.split(" ")[0] for text in drawn if text.startswith(":")]
    assert badges == [":40000", ":40002", ":40000", ":40002", ":40001"]


def test_conversations_of_one_client_are_told_apart_by_the_servers_ports() -> None:
    """In the twin only where they are the same in every run."""
    asked = [made.ipv4(datagram(b"?", dport=port), 17, src=CLIENT, dst=SERVER) for port in (9003, 9004, 50000)]
    assert ladder(*asked)[1::2] == ["conversation 1, server:9003", "conversation 2, server:9004", "conversation 3"]
    picture = draw.ladder(Tape(Recording([frame(number, packet) for number, packet in enumerate(asked)])))
    drawn = [text for text in texts(parse(picture.svg)) if text.startswith(":")]
    assert [text.split()[0] for text in drawn] == [":9003", ":9004", ":50000"]
    same = ladder(to_server(b"one", 40000), to_server(b"two", 40001))
    assert same[1::2] == ["conversation 1", "conversation 2"]


def test_a_port_the_system_may_have_picked_is_named_only_where_it_was_captured() -> None:
    assert ladder(to_server(b"a"))[0] == "Ladder of 1 packet, client ↔ server"


def test_the_fragments_of_a_datagram_belong_together() -> None:
    whole = datagram(bytes(3000))
    cut = [
        made.ipv4(whole[:1480], 17, src=CLIENT, dst=SERVER, ident=9, fragment=0x2000),
        made.ipv4(whole[1480:2960], 17, src=CLIENT, dst=SERVER, ident=9, fragment=0x2000 | 185),
        made.ipv4(whole[2960:], 17, src=CLIENT, dst=SERVER, ident=9, fragment=370),
        to_client(b"got it"),
    ]
    assert ladder(*cut, ports=(41234,)) == [
        "Ladder of 4 packets, client ↔ server:41234",
        "  1  client → server  UDP fragment  bytes 0-1479",
        "  2  client → server  UDP fragment  bytes 1480-2959",
        "  3  client → server  UDP fragment  bytes 2960-3007, the last",
        "  4  client ← server  UDP           6 bytes",
    ]


def fragment6(part: bytes, at: int, *, more: bool, to_client: bool = False) -> bytes:
    ends = {"src": "fd00::2", "dst": "fd00::1"} if to_client else {"src": "fd00::1", "dst": "fd00::2"}
    return made.ipv6(struct.pack("!BBHI", 17, 0, at | more, 9) + part, 44, **ends)


def ladder6(*packets: bytes, ports: tuple[int, ...] = ()) -> list[str]:
    raws = [made.ethernet(packet, 0x86DD) for packet in packets]
    frames = [(number * 1000, raw, 1, 0, len(raw)) for number, raw in enumerate(raws)]
    return repr(draw.ladder(Tape(Recording(frames, ports=ports)))).splitlines()


def test_the_fragments_of_a_datagram_over_ipv6_belong_together() -> None:
    asked, told = datagram(bytes(3000)), datagram(bytes(1500), 41234, 40000)
    assert ladder6(
        fragment6(asked[:1448], 0, more=True),
        fragment6(told[:1448], 0, more=True, to_client=True),  # the same Identification: the other way is another
        fragment6(asked[1448:2896], 1448, more=True),
        fragment6(asked[2896:], 2896, more=False),
        fragment6(told[1448:], 1448, more=False, to_client=True),
        fragment6(datagram(b"whole", 40001), 0, more=False),
        ports=(41234,),
    ) == [
        "Ladder of 6 packets, client ↔ server:41234, 2 conversations",
        "conversation 1",
        "  1  client → server  UDP fragment  bytes 0-1447",
        "  2  client ← server  UDP fragment  bytes 0-1447",
        "  3  client → server  UDP fragment  bytes 1448-2895",
        "  4  client → server  UDP fragment  bytes 2896-3007, the last",
        "  5  client ← server  UDP fragment  bytes 1448-1507, the last",
        "conversation 2",
        "  1  client → server  UDP           5 bytes",
    ]


def test_a_fragment_header_behind_other_extension_headers() -> None:
    whole = datagram(bytes(2000))
    routing = bytes([44, 0, 0, 0, 0, 0, 0, 0])
    cut = [
        made.ipv6(bytes([43, 0, 1, 4, 0, 0, 0, 0]) + routing + struct.pack("!BBHI", 17, 0, at | more, 5) + part, 0)
        for at, more, part in ((0, 1, whole[:1208]), (1208, 0, whole[1208:]))
    ]
    assert ladder6(*cut)[1:] == [
        "  1  client → server  UDP fragment  bytes 0-1207",
        "  2  client → server  UDP fragment  bytes 1208-2007, the last",
    ]


@pytest.mark.parametrize("version", [4, 6])
def test_the_fragments_of_an_echo_and_of_its_reply_go_their_own_ways(version: int) -> None:
    body = struct.pack("!HH", 5, 6) + bytes(1800)
    build, kinds, number = (made.icmp, (8, 0), 1) if version == 4 else (made.icmp6, (128, 129), 58)
    raws = [
        raw
        for at, kind in enumerate(kinds)
        for raw in made.cut(build(kind, 0, body), number, (1000,), version=version, ident=at)
    ]
    tape = Tape(Recording([(at * 1000, raw, 1, 0, len(raw)) for at, raw in enumerate(raws)]))
    name = "ICMP" if version == 4 else "ICMPv6"
    assert [packet.what for packet in tape] == [
        f"{name} echo request", f"{name} fragment", f"{name} echo reply", f"{name} fragment",
    ]  # fmt: skip
    assert [packet.sender for packet in tape] == ["client", "client", "server", "server"]


def test_the_fragment_header_of_ipv6_is_explained() -> None:
    raw = made.ethernet(fragment6(bytes(16), 1448, more=True), 0x86DD)
    packet = Tape(Recording([(0, raw, 1, 0, len(raw))]))[0]
    assert repr(draw.bits(packet["IPv6 fragment"])).splitlines()[1:7] == [
        "  bits 0-7    ipv6.fraghdr.nxt             Next Header = 17: UDP",
        "  bits 8-15   ipv6.fraghdr.reserved_octet  Reserved = 0",
        "  bits 16-28  ipv6.fraghdr.offset          Fragment Offset = 181: 1448 bytes into the data",
        "  bits 29-30  ipv6.fraghdr.reserved_bits   Reserved = 0",
        "  bit 31      ipv6.fraghdr.more            More Fragments = Set: more fragments follow",
        "  bits 32-63  ipv6.fraghdr.ident           Identification = 0x00000009 (this run)",
    ]
    rows = explain(packet["IPv6 fragment"]).rows
    assert len(rows) == 6
    assert all(reason and source == "RFC 8200 §4.5" for _, _, reason, source in rows)


def test_fragments_of_an_unknown_datagram_stand_alone() -> None:
    lost = made.ipv4(bytes(100), 17, src=CLIENT, dst=SERVER, ident=8, fragment=185)
    assert ladder(lost)[1] == "  1  client → server  UDP fragment  bytes 1480-1579, the last"
    assert ladder6(fragment6(bytes(100), 1480, more=False))[1] == ladder(lost)[1]


def test_an_icmp_error_belongs_to_the_datagram_that_caused_it() -> None:
    asked = to_server(b"anybody?")
    refused = made.ipv4(made.icmp(3, 3, bytes(4) + asked[:28]), 1, src=SERVER, dst=CLIENT)
    assert ladder(asked, refused, ports=(41234,)) == [
        "Ladder of 2 packets, client ↔ server:41234",
        "  1  client → server  UDP                    8 bytes",
        "  2  client ← server  ICMP port unreachable",
    ]


def test_hostile_fragments_and_short_frames_raise_nothing() -> None:
    for packet in (
        made.ipv4(b"", 17, fragment=0x3FFF),
        made.ipv4(b"\0", 17, fragment=0x2000),
        made.ipv4(b"", 255, fragment=1),
        made.ipv4(made.icmp(99, 99, b""), 1),
        made.ipv4(b"", 1),
        made.ipv4(datagram(b""), 17)[:22],
    ):
        assert ladder(packet)[0].startswith("Ladder of 1 packet")


def test_ipv6_cut_short_anywhere_raises_nothing() -> None:
    options = bytes([44, 1, 1, 12, *bytes(12)])
    whole = made.ipv6(options + struct.pack("!BBHI", 60, 0, 1, 5) + bytes([44, 255, 0, 0, 0, 0, 0, 0]), 60)
    nested = made.ipv6(struct.pack("!BBHI", 44, 0, 0, 5) + struct.pack("!BBHI", 17, 0, 9, 6) + b"x", 44)
    for packet in (whole, nested):
        for size in range(len(packet) + 1):
            assert ladder6(packet[:size])[0].startswith("Ladder of 1 packet")
    assert ladder6(nested)[1] == "  1  client → server  UDP fragment  bytes 8-8"
