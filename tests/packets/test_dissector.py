"""Taking frames apart: every byte in a named field, hostile frames, students' own layers.

Rule: the properties are checked on frames made at random and on good frames damaged at random.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import packets
from labkit.packets import frames as framing
from labkit.packets import names, scapy_layers
from labkit.packets.explain.base import Table
from labkit.packets.explain.tables import TABLES, table_of
from labkit.packets.model import Field, Layer
from labkit.packets.packet import Packet
from tests.packets import kinds, made

GOOD = [(frame, 1) for _, frame in made.tcp_frames()] + [
    (frame, linktype) for _, frame, linktype in made.other_frames()
]
KINDS = [(frame, 1) for _, frame in kinds.frames()]
EVERYTHING = GOOD + [each for each in KINDS if len(each[0]) < 2000]


def check_field(item: Field, raw: bytes) -> None:
    """A field's parts fill it without gap, and a number is what its bits say."""
    assert item.bits > 0, item
    assert item.name
    assert item.label
    position = item.start
    for child in item.children:
        assert child.start == position, (item.name, child.name)
        position = child.end
        check_field(child, raw)
    if item.children:
        assert position == item.end, item.name
    number = int.from_bytes(raw, "big") >> (len(raw) * 8 - item.end) & ((1 << item.bits) - 1)
    if isinstance(item.value, int):
        assert item.value in (number, int.from_bytes(number.to_bytes((item.bits + 7) // 8, "big"), "little")), item.name
    elif isinstance(item.value, bytes) and item.start % 8 == 0 == item.bits % 8:
        assert item.value == raw[item.start // 8 : item.end // 8], item.name


def check_layers(layers: Iterable[Layer], raw: bytes) -> None:
    """The layers follow one another from the first bit to the last, and so do the fields in each."""
    position = 0
    for layer in layers:
        assert layer.start == position, layer.name
        assert layer.data == raw[layer.start // 8 : layer.end // 8]
        for item in layer.fields:
            assert item.start == position, (layer.name, item.name)
            position = item.end
            check_field(item, raw)
        assert position == layer.end, layer.name
    assert position == len(raw) * 8


@pytest.mark.parametrize(
    ("frame", "linktype"), GOOD, ids=[what for what, _ in made.tcp_frames()] + [each[0] for each in made.other_frames()]
)
def test_every_byte_of_a_good_frame_belongs_to_a_field(frame: bytes, linktype: int) -> None:
    check_layers(packets.dissect(frame, linktype), frame)


@given(st.binary(max_size=200), st.sampled_from([0, 1, 12, 101, 108, 113, 147, 228, 229, 276]))
@settings(max_examples=300, deadline=None)
def test_every_byte_of_a_random_frame_belongs_to_a_field(raw: bytes, linktype: int) -> None:
    check_layers(packets.dissect(raw, linktype), raw)
    framing.quick(raw, linktype)


@given(st.sampled_from(EVERYTHING), st.data())
@settings(max_examples=800, deadline=None)
def test_every_byte_of_a_damaged_frame_belongs_to_a_field(good: tuple[bytes, int], data: st.DataObject) -> None:
    raw, linktype = bytearray(good[0]), good[1]
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))]) if data.draw(st.booleans()) else bytes(raw)
    check_layers(packets.dissect(cut, linktype), cut)
    packet = Packet((0, cut, linktype, 0, len(cut)))
    check_layers(packet.layers, cut)
    assert packet.payload == cut[packet._quick.payload : packet._quick.end] or not packet.payload
    assert repr(packet)


@pytest.mark.parametrize(("frame", "linktype"), GOOD[:3] + EVERYTHING[len(GOOD) - 20 :])
def test_every_cut_of_a_frame_is_named_truncated_and_never_raises(frame: bytes, linktype: int) -> None:
    for size in range(len(frame) + 1):
        packet = Packet((0, frame[:size], linktype, 0, len(frame)))
        assert packet.protocol
        assert isinstance(packet.src[0], str)
        assert packet.length >= len(packet.payload)
        check_layers(packet.layers, frame[:size])


HEADERLESS = {"Payload", "Padding", "Trailer", "Frame check sequence", "ICMP extension", "DNS"}
EXTENSIONS = {"IPv6 hop-by-hop", "IPv6 routing", "IPv6 fragment", "IPv6 destination", "AH"}


def check_consistent(packet: Packet) -> None:
    """The list, the words, the fragment and the layers of one packet say the same."""
    headers = [
        layer.name for layer in packet.layers if layer.name not in HEADERLESS and not layer.name.endswith(" (quoted)")
    ]
    innermost = [name for name in headers if name not in EXTENSIONS]
    said, state = packet.protocol, ""
    if said.endswith(")"):
        said, _, state = said.rpartition(" (")
    assert said == (innermost[-1] if innermost else said), packet.protocol
    for name in ("TCP", "UDP", "ICMP", "ICMPv6", "ARP", "GRE"):
        if name != "GRE" or said == "GRE":  # a tunnel has something inside
            assert (name in packet) == (said == name), (name, packet.protocol, headers)
    assert packet.what.split(" ")[0] == said.split(" ")[0] or packet.fragment is not None
    if state == "fragment)":
        assert packet.fragment is not None
        assert packet.what.endswith(" fragment")
    if packet.fragment is not None:
        assert "IPv4" in packet or "IPv6 fragment" in packet
    carried = [layer for layer in packet.layers if layer.fields[0].name in ("tcp.payload", "udp.payload")]
    carried = [layer for layer in carried if not any(each.name.endswith(" (quoted)") for each in packet.layers)]
    assert packet.payload[:1] == (carried[0].data[:1] if carried else b"") or "DNS" in packet


@pytest.mark.parametrize(("frame", "linktype"), EVERYTHING)
def test_the_list_and_the_layers_say_the_same(frame: bytes, linktype: int) -> None:
    for size in (*range(0, min(len(frame), 120), 3), len(frame)):
        packet = Packet((0, frame[:size], linktype, 0, len(frame)))
        check_consistent(packet)
        check_layers(packet.layers, frame[:size])


def test_every_name_that_the_list_can_say_is_known() -> None:
    said = {Packet((0, raw, linktype, 0, len(raw))).protocol for raw, linktype in EVERYTHING}
    whole = {name for name in said if not name.endswith(("(truncated)", "(malformed)")) and "link type" not in name}
    assert whole <= set(names.PROTOCOLS)
    assert len(names.PROTOCOLS) == len(set(names.PROTOCOLS))
    assert len(whole) > 15


@given(st.sampled_from(EVERYTHING), st.sampled_from([None, 0, 2, 4, 8]), st.integers(0, 100), st.data())
@settings(max_examples=800, deadline=None)
def test_the_list_and_the_layers_of_a_damaged_frame_say_the_same(
    good: tuple[bytes, int], fcs: int | None, missing: int, data: st.DataObject
) -> None:
    """Also if a check sequence is announced, or bytes at the end were not captured."""
    raw = bytearray(good[0])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    packet = Packet((0, bytes(raw), good[1], 0, len(raw) + missing), fcs_length=fcs)
    check_layers(packet.layers, bytes(raw))
    check_consistent(packet)


@pytest.mark.parametrize("header", [made.ipv4(b"", 4), made.ipv6(b"", 41), b"\0\0\x65\x58", b"\x81\0\0\5"])
def test_headers_without_end_are_no_way_to_exhaust_the_stack(header: bytes) -> None:
    for head in (made.ethernet(b"", 0x8100), made.ethernet(made.ipv4(b"", 47)), made.ethernet(made.ipv4(b"", 4))):
        frame = (head + header * 4000)[:65000]
        frame = frame[:14] + frame[14:].replace(header[:4], header[:2] + b"\0\0" if header[0] == 0x45 else header[:4])
        packet = Packet((0, frame, 1, 0, len(frame)))
        check_layers(packet.layers, frame)
        assert len(packet.layers) < 100


def test_a_truncated_header_is_named_so() -> None:
    frame = made.ethernet(made.ipv4(made.tcp()))
    assert Packet((0, frame[:20], 1, 0, 54)).protocol == "IPv4 (truncated)"
    assert Packet((0, frame[:40], 1, 0, 54)).protocol == "TCP (truncated)"
    assert Packet((0, frame[:8], 1, 0, 54)).protocol == "Ethernet (truncated)"
    assert Packet((0, frame[:40], 1, 0, 54)).src == ("10.0.0.1", 40000)


def test_what_can_be_read_of_a_cut_header_is_read() -> None:
    frame = made.ethernet(made.ipv4(made.tcp()))[:44]
    tcp = packets.dissect(frame)[-1]
    assert tcp.name == "TCP"
    assert [item.name for item in tcp.fields] == ["tcp.srcport", "tcp.dstport", "tcp.seq", "malformed"]


@pytest.mark.parametrize(("frame", "linktype"), EVERYTHING)
def test_what_a_capture_cut_off_is_not_called_malformed(frame: bytes, linktype: int) -> None:
    """Its form is sound, as far as it goes: only a frame that ends so on the wire, too, is malformed."""

    def called(size: int, wire: int) -> list[str]:
        layers = Packet((0, frame[:size], linktype, 0, wire)).layers
        fields = (part for layer in layers for item in layer.fields for part in item.walk())
        return [part.label for part in fields if part.name.rpartition(".")[2] == "malformed"]

    if any(label.startswith("Malformed") for label in called(len(frame), len(frame))):
        return
    for size in range(1, len(frame)):
        cut = called(size, len(frame))
        assert not any(label.startswith("Malformed") for label in cut), size
        assert len(cut) <= 1
        assert not any(label == "Cut off" for label in called(size, size))


def layer(frame: bytes, name: str, **context: int) -> Layer:
    return Packet((0, frame, 1, context.get("status", 0), len(frame)))[name]


class TestChecksums:
    def test_good(self) -> None:
        frame = made.ethernet(made.ipv4(made.tcp(b"", b"odd")))
        assert layer(frame, "TCP")["tcp.checksum"].meaning == "good"
        assert layer(frame, "IPv4")["ip.checksum"].meaning == "good"

    def test_bad_says_what_was_expected(self) -> None:
        frame = made.ethernet(made.ipv4(made.tcp()))
        good = layer(frame, "TCP")["tcp.checksum"].shown
        bad = frame[:50] + b"\x12\x34" + frame[52:]
        assert layer(bad, "TCP")["tcp.checksum"].meaning == f"bad: the bytes add up to {good}"
        assert "bad" in layer(frame[:24] + b"\0\0" + frame[26:], "IPv4")["ip.checksum"].meaning

    def test_not_filled_in_by_status_bit_8(self) -> None:
        frame = made.ethernet(made.ipv4(made.tcp(checksum=0x4242)))
        assert layer(frame, "TCP", status=8)["tcp.checksum"].meaning.startswith("not filled in by the kernel")

    def test_not_filled_in_is_known_from_the_sum_of_the_pseudo_header_alone(self) -> None:
        partial = made.ones_sum(made.pseudo(6, 20))
        frame = made.ethernet(made.ipv4(made.tcp(checksum=partial)))
        assert layer(frame, "TCP")["tcp.checksum"].meaning.startswith("not filled in by the kernel")

    def test_none_in_udp(self) -> None:
        frame = made.ethernet(made.ipv4(made.udp(b"x", checksum=0), 17))
        assert layer(frame, "UDP")["udp.checksum"].meaning.startswith("none")

    def test_a_udp_sum_of_zero_is_sent_as_ffff(self) -> None:
        # two bytes chosen so that everything adds up to 0xffff
        bare = made.ones_sum(made.pseudo(17, 10) + struct.pack("!HHHH", 40000, 8124, 10, 0))
        frame = made.ethernet(made.ipv4(made.udp(struct.pack("!H", 0xFFFF - bare)), 17))
        assert frame[40:42] == b"\xff\xff"
        assert layer(frame, "UDP")["udp.checksum"].meaning == "good"

    def test_of_a_fragment_or_a_cut_packet_is_not_verified(self) -> None:
        frame = made.ethernet(made.ipv4(made.udp(b"x"), 17, fragment=0x2000))
        assert "fragment" in layer(frame, "UDP")["udp.checksum"].meaning
        whole = made.ethernet(made.ipv4(made.tcp(b"", b"hello")))
        assert "in part" in layer(whole[:-2], "TCP")["tcp.checksum"].meaning

    @given(st.binary(max_size=64))
    @settings(max_examples=100, deadline=None)
    def test_the_sum_is_that_of_rfc_1071(self, data: bytes) -> None:
        from labkit.packets.explain.internet import ones_sum

        assert ones_sum(data) == made.ones_sum(data)


    @pytest.mark.parametrize(
        ("name", "layer_name", "verdict"),
        [
            ("routing to a last segment", "TCP", "good"), ("routing that has arrived", "TCP", "good"),
            ("mobile routing", "UDP", "good"), ("segment routing", "TCP", "good"),
            ("segment routing that has arrived", "TCP", "good"), ("segment routing with a bad sum", "TCP", "bad"),
            ("a home address", "TCP", "good"), ("a home address and UDP", "UDP", "good"),
            ("a home address and a ping", "ICMPv6", "good"), ("an atomic fragment", "TCP", "good"),
            ("UDP length 12", "UDP", "none"), ("an ICMP error with an extension", "ICMP extension", "good"),
        ],
    )  # fmt: skip
    def test_by_the_addresses_that_count(self, name: str, layer_name: str, verdict: str) -> None:
        """RFC 8200 §8.1: the final destination; RFC 6275 §6.3: the home address."""
        found = layer(kinds.named(name), layer_name)
        (sum_,) = (item for item in found.fields if item.name.endswith(".checksum"))
        assert sum_.meaning.split(":")[0] == verdict

    def test_of_a_packet_with_more_than_65535_bytes(self) -> None:
        large = made.tcp(b"", bytes(70000), flags=0x18, ack=1, checksum=7)
        frame = made.ethernet(made.ipv4(b"")[:2] + b"\0\0" + made.ipv4(b"")[4:] + large)
        assert layer(frame, "TCP")["tcp.checksum"].meaning.startswith("bad: ")


class TestBehindThePacket:
    """Padding, trailers, and the frame check sequence; names and spans are compared with tshark's in test_kinds.py."""

    @pytest.mark.parametrize("announced", [0, 2, 4, 8])
    def test_an_announced_check_sequence_is_no_part_of_the_packet(self, announced: int) -> None:
        whole = made.ethernet(made.ipv4(made.tcp(b"", b"hello", flags=0x18, ack=1)))
        frame = whole + zlib.crc32(whole).to_bytes(4, "little") * 2
        frame = frame[: len(whole) + announced]
        packet = Packet((0, frame, 1, 0, len(frame)), fcs_length=announced)
        check_layers(packet.layers, frame)
        assert packet.payload == b"hello"
        last = packet.layers[-1].fields[-1]
        assert last.name == {0: "tcp.payload", 4: "eth.fcs"}.get(announced, "eth.trailer")
        if announced == 4:
            assert last.meaning == "good"
            damaged = Packet((0, b"\1" + frame[1:], 1, 0, len(frame)), fcs_length=4)
            assert damaged["Frame check sequence"]["eth.fcs"].meaning.startswith("bad")

    def test_a_header_ends_before_an_announced_check_sequence(self) -> None:
        frame = made.ethernet(made.ipv4(made.tcp()))
        packet = Packet((0, frame, 1, 0, len(frame)), fcs_length=8)
        assert packet.protocol == "TCP (truncated)"
        check_layers(packet.layers, frame)

    def test_a_capture_cut_short_has_no_check_sequence(self) -> None:
        frame = made.ethernet(made.ipv4(made.tcp(b"", bytes(100), flags=0x18, ack=1)))
        packet = Packet((0, frame[:80], 1, 0, len(frame) + 4), fcs_length=4)
        assert packet.layers[-1].name == "Payload"
        assert packet.length == 100

    def test_a_guess_says_that_it_is_one(self) -> None:
        fcs = layer(made.ethernet(made.ipv4(made.tcp(b"", bytes(40)))) + b"tail", "Frame check sequence")["eth.fcs"]
        assert fcs.meaning.startswith("bad: ")
        assert fcs.meaning.endswith("its place suggests it")


class TestLinkTypes:
    @pytest.mark.parametrize(
        ("linktype", "said"),
        [
            (9, "(9, PPP)"), (105, "(105, IEEE 802.11)"), (10, "(10, FDDI)"), (50, "(50, PPP in HDLC frames)"),
            (147, "(147, USER0, reserved for private use)"), (9999, "(9999)"),
        ],
    )  # fmt: skip
    def test_one_without_a_table_is_said_to_be_unknown(self, linktype: int, said: str) -> None:
        (found,) = packets.dissect(b"whatever", linktype)
        assert found.fields[0].meaning == f"labkit does not know this link type {said}"
        assert "alformed" not in repr(found)
        assert Packet((0, b"whatever", linktype, 0, 8)).protocol == found.name == f"link type {linktype}"

    @pytest.mark.parametrize("family", [10, 24, 28, 30])
    @pytest.mark.parametrize("order", ["<I", ">I"])
    def test_ipv6_of_every_system_in_a_loopback_frame(self, family: int, order: str) -> None:
        frame = struct.pack(order, family) + made.ipv6(made.tcp(version=6))
        packet = Packet((0, frame, 0, 0, len(frame)))
        assert [each.name for each in packet.layers] == ["BSD loopback", "IPv6", "TCP"]
        assert packet.protocol == "TCP"


class TestVolatile:
    def test_names_what_changes_from_run_to_run(self) -> None:
        frame = made.ethernet(made.ipv4(made.tcp(bytes.fromhex("020405b4080a0000000100000002"), flags=0x12, ack=9)))
        names = {item.name for item in Packet((0, frame, 1, 0, len(frame))).fields() if item.volatile}
        assert names == {
            "eth.dst",
            "eth.src",
            "ip.id",
            "ip.checksum",
            "tcp.srcport",
            "tcp.seq",
            "tcp.ack",
            "tcp.checksum",
            "tcp.options.timestamp.tsval",
            "tcp.options.timestamp.tsecr",
        }

    def test_loopback_addresses_and_server_ports_stay(self) -> None:
        frame = bytes(12) + b"\x08\0" + made.ipv4(made.tcp())
        names = {item.name for item in Packet((0, frame, 1, 0, len(frame))).fields() if item.volatile}
        assert not names & {"eth.dst", "eth.src", "tcp.dstport", "tcp.window_size_value"}


class TestStudentsOwnLayers:
    def test_bit_fields_conditional_fields_and_lists(self) -> None:
        scapy_layers.load()
        from scapy.fields import BitField, ConditionalField, FieldListField, FlagsField, ShortField, StrLenField
        from scapy.packet import Packet as ScapyPacket

        class Chat(ScapyPacket):  # type: ignore[misc]
            name = "Chat"
            fields_desc = (
                BitField("version", 1, 3),
                BitField("urgent", 0, 1),
                FlagsField("flags", 0, 4, "abcd"),
                ConditionalField(ShortField("room", 7), lambda packet: packet.urgent == 1),
                ShortField("length", 4),
                FieldListField("numbers", [1, 2], ShortField("", 0), count_from=lambda packet: 2),
                StrLenField("text", b"hey!", length_from=lambda packet: packet.length),
            )

        plain = packets.layer_of(Chat())
        assert [(item.name, item.start, item.bits) for item in plain.fields] == [
            ("chat.version", 0, 3),
            ("chat.urgent", 3, 1),
            ("chat.flags", 4, 4),
            ("chat.length", 8, 16),
            ("chat.numbers", 24, 32),
            ("chat.text", 56, 32),
        ]
        assert plain["chat.version"].value == 1
        assert plain["chat.text"].value == b"hey!"
        assert "chat.room" in [item.name for item in packets.layer_of(Chat(urgent=1)).fields]
        check_layers([plain], bytes(Chat()))

    def test_little_endian_bit_fields_stay_together(self) -> None:
        scapy_layers.load()
        from scapy.fields import BitField, ByteField
        from scapy.packet import Packet as ScapyPacket

        class Turned(ScapyPacket):  # type: ignore[misc]
            name = "Turned"
            fields_desc = (
                ByteField("first", 1),
                BitField("a", 3, 9, tot_size=-2),
                BitField("b", 1, 2),
                BitField("c", 2, 5, end_tot_size=-2),
                ByteField("last", 4),
            )

        shown = packets.layer_of(Turned())
        assert [(item.name, item.start, item.bits) for item in shown.fields] == [
            ("turned.first", 0, 8),
            ("turned.a+b+c", 8, 16),
            ("turned.last", 24, 8),
        ]
        assert shown.fields[1].shown == "a=3, b=1, c=2"

    def test_a_layer_inside_a_packet_counts_from_the_start_of_the_packet(self) -> None:
        scapy_layers.load()
        from scapy.layers.inet import IP, TCP
        from scapy.layers.l2 import Ether

        frame = made.ethernet(made.ipv4(made.tcp()))
        inner = packets.layer_of(Ether(frame)[TCP])
        assert (inner.name, inner.start) == ("TCP", 34 * 8)
        assert inner["tcp.checksum"].meaning == "good"
        assert packets.layer_of(IP(src="10.0.0.1", dst="10.0.0.2") / TCP()).name == "IPv4"

    def test_one_that_is_bound_is_found_in_packets(self) -> None:
        """To a port of UDP or TCP, a protocol of IP, an EtherType; also one on top of another."""
        scapy_layers.load()
        from scapy.fields import ByteField, ShortField
        from scapy.layers.inet import IP, TCP, UDP
        from scapy.layers.l2 import Ether
        from scapy.packet import Packet as ScapyPacket
        from scapy.packet import bind_layers, split_layers

        class Outer(ScapyPacket):  # type: ignore[misc]
            name = "Outer"
            fields_desc = (ByteField("kind", 1), ShortField("room", 2))

        class Inner(ScapyPacket):  # type: ignore[misc]
            name = "Inner"
            fields_desc = (ByteField("one", 1),)

        data = b"\1\0\5\7rest"
        carriers = [
            (UDP, {"dport": 9999}, made.ethernet(made.ipv4(made.udp(data, dport=9999), 17))),
            (TCP, {"dport": 9999}, made.ethernet(made.ipv4(made.tcp(b"", data, dport=9999)))),
            (IP, {"proto": 253}, made.ethernet(made.ipv4(data, 253))),
            (Ether, {"type": 0x1234}, made.ethernet(data, 0x1234)),
        ]
        bind_layers(Outer, Inner, kind=1)
        for below, condition, frame in carriers:
            bind_layers(below, Outer, **condition)
            try:
                found = packets.dissect(frame)
            finally:
                split_layers(below, Outer, **condition)
            check_layers(found, frame)
            assert [each.name for each in found][-3:] == ["Outer", "Inner", "Payload"]
            assert found[-3]["outer.room"].value == 5
            assert packets.dissect(frame)[-1].data == data  # no longer bound

    def test_one_inside_a_packet_counts_from_its_start(self) -> None:
        scapy_layers.load()
        from scapy.fields import ByteField
        from scapy.layers.inet import IP, UDP
        from scapy.packet import Packet as ScapyPacket

        class Chat(ScapyPacket):  # type: ignore[misc]
            name = "Chat"
            fields_desc = (ByteField("kind", 7),)

        packet = IP() / UDP() / Chat()
        assert (packets.layer_of(packet[Chat]).start, packets.layer_of(packet[UDP]).start) == (28 * 8, 20 * 8)
        assert packets.layer_of((Chat() / IP() / UDP())[IP]).start == 8

    def test_a_layer_that_raises_while_it_is_read_does_no_harm(self) -> None:
        scapy_layers.load()
        from scapy.fields import ByteField, StrLenField
        from scapy.packet import Packet as ScapyPacket

        class Broken(ScapyPacket):  # type: ignore[misc]
            name = "Broken"
            fields_desc = (ByteField("kind", 1), StrLenField("text", b"abc", length_from=lambda packet: 1 // 0))

        shown = packets.layer_of(Broken())
        assert [item.name for item in shown.fields] == ["broken.kind", "malformed"]


def tables() -> dict[int, Table]:
    """Every table that a frame of the tests is read with."""
    found = {id(table): table for table in TABLES.values() if isinstance(table, Table)}
    for raw, linktype in EVERYTHING:
        steps: list[framing.Step] = []
        framing.quick(raw, linktype, steps=steps)
        for name, start, _, stop in steps:
            table = table_of(name, raw, start, stop)
            if table is not None:
                found[id(table)] = table
    return found


class TestTables:
    """What the tables say of each field."""

    def test_every_row_says_why_and_where(self) -> None:
        def walk(rows: Iterable[object]) -> Iterable[object]:
            for row in rows:
                yield row
                yield from walk(row.parts)  # type: ignore[attr-defined]

        known = tables()
        assert len(known) > 60
        for table in known.values():
            for row in walk(table.rows):
                assert row.why.endswith("."), (table.name, row)  # type: ignore[attr-defined]
                assert row.rfc, (table.name, row)  # type: ignore[attr-defined]

    def test_each_header_that_the_walk_names_has_a_table_or_is_known_to_have_none(self) -> None:
        opaque = {*names.OPAQUE_ETHERTYPES.values(), *names.OPAQUE_PROTOCOLS.values(), "STP", "raw IP"}
        for raw, linktype in EVERYTHING:
            steps: list[framing.Step] = []
            framing.quick(raw, linktype, steps=steps)
            for name, *_ in steps:
                assert (name in TABLES) != (name in opaque or name.startswith("link type ")), name

    def test_a_table_that_does_not_add_up_is_refused(self) -> None:
        from labkit.packets.explain.base import Row, Table

        with pytest.raises(ValueError, match="add up"):
            Table("X", "X", "RFC 1", 8, (Row("x.a", "A", 7, "Why."),))
        with pytest.raises(ValueError, match="add up"):
            Row("x.a", "A", 8, "Why.", parts=(Row("x.b", "B", 7, "Why."),))


def test_a_packet_is_drawn_without_scapy() -> None:
    """TCP, UDP, DNS and ICMP: their layers and their pictures; Scapy takes a fifth of a second to import."""
    code = """
import sys
from labkit import draw
from labkit.packets.packet import Packet
from tests.packets import kinds, made
query = dict(made.dns_messages())["a query"]
frames = [
    made.ethernet(made.ipv4(made.tcp(bytes.fromhex("020405b4"), b"hello"))),
    made.ethernet(made.ipv4(made.udp(query, dport=53), 17)),
    kinds.named("ICMP 3/1"), kinds.named("ICMPv6 134"), kinds.named("GRE with IPv6"), kinds.named("ICMP 8"),
]
for frame in frames:
    packet = Packet((0, frame, 1, 0, len(frame)))
    assert len(packet.layers) > 2
    draw.bits(packet)
    draw.bits(packet.layers[2])
    draw.bytes(packet)
assert not [name for name in sys.modules if name.startswith("scapy")]
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=100)
