"""Datagrams on the ladder: conversations, fragments of one datagram, and the ICMP error that a datagram caused.

Rule: frames are built by hand; the text twin is compared whole where it is short.
"""

from __future__ import annotations

import struct

from labkit import draw
from labkit.packets import Tape
from labkit.packets.frames import Frame
from labkit.packets.pcapng import Recording
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


def test_fragments_of_an_unknown_datagram_stand_alone() -> None:
    lost = made.ipv4(bytes(100), 17, src=CLIENT, dst=SERVER, ident=8, fragment=185)
    assert ladder(lost)[1] == "  1  client → server  UDP fragment  bytes 1480-1579, the last"


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
