"""Taking frames apart: every byte in a named field, hostile frames, students' own layers.

Rule: the properties are checked on frames made at random and on good frames damaged at random.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import packets
from labkit.packets import frames as framing
from labkit.packets.dissector import _scapy, _tables
from labkit.packets.model import Field, Layer
from labkit.packets.packet import Packet
from tests.packets import made

GOOD = [(frame, 1) for _, frame in made.tcp_frames()] + [
    (frame, linktype) for _, frame, linktype in made.other_frames()
]


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


@given(st.sampled_from(GOOD), st.data())
@settings(max_examples=400, deadline=None)
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


@pytest.mark.parametrize(("frame", "linktype"), GOOD[:3] + GOOD[-20:])
def test_every_cut_of_a_frame_is_named_truncated_and_never_raises(frame: bytes, linktype: int) -> None:
    for size in range(len(frame) + 1):
        packet = Packet((0, frame[:size], linktype, 0, len(frame)))
        assert packet.protocol
        assert isinstance(packet.src[0], str)
        assert packet.length >= len(packet.payload)
        check_layers(packet.layers, frame[:size])


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
        _scapy()
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
        _scapy()
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
        _scapy()
        from scapy.layers.inet import IP, TCP
        from scapy.layers.l2 import Ether

        frame = made.ethernet(made.ipv4(made.tcp()))
        inner = packets.layer_of(Ether(frame)[TCP])
        assert (inner.name, inner.start) == ("TCP", 34 * 8)
        assert inner["tcp.checksum"].meaning == "good"
        assert packets.layer_of(IP(src="10.0.0.1", dst="10.0.0.2") / TCP()).name == "IPv4"

    def test_a_layer_that_raises_while_it_is_read_does_no_harm(self) -> None:
        _scapy()
        from scapy.fields import ByteField, StrLenField
        from scapy.packet import Packet as ScapyPacket

        class Broken(ScapyPacket):  # type: ignore[misc]
            name = "Broken"
            fields_desc = (ByteField("kind", 1), StrLenField("text", b"abc", length_from=lambda packet: 1 // 0))

        shown = packets.layer_of(Broken())
        assert [item.name for item in shown.fields] == ["broken.kind", "malformed"]


class TestTables:
    """The tables agree with the Scapy layers they describe."""

    def test_widths_are_scapys(self) -> None:
        scapy = _scapy()
        for name, table in _tables().items():
            cls = next(
                getattr(module, name)
                for module in (scapy.layers.inet, scapy.layers.inet6, scapy.layers.l2)
                if hasattr(module, name)
            )
            sizes = {each.name: each for each in cls.fields_desc}
            for row in table.rows:
                for covered in row.covers:
                    assert covered in sizes, (name, covered)
                known = [
                    getattr(sizes[covered], "size", None) or int(getattr(sizes[covered], "sz", 0) * 8)
                    for covered in row.covers
                ]
                if (
                    row.bits
                    and all(known)
                    and not any(each.isconditional for each in (sizes[covered] for covered in row.covers))
                ):
                    assert sum(known) == row.bits, (name, row.name)

    def test_every_row_says_why_and_where(self) -> None:
        def walk(rows: Iterable[object]) -> Iterable[object]:
            for row in rows:
                yield row
                yield from walk(row.parts)  # type: ignore[attr-defined]

        for name, table in _tables().items():
            for row in walk(table.rows):
                assert row.why.endswith("."), (name, row)  # type: ignore[attr-defined]
                assert row.rfc, (name, row)  # type: ignore[attr-defined]

    def test_a_table_that_does_not_add_up_is_refused(self) -> None:
        from labkit.packets.explain.base import Row, Table

        with pytest.raises(ValueError, match="add up"):
            Table("X", "X", "RFC 1", 8, (Row("x.a", "A", 7, "Why."),))
        with pytest.raises(ValueError, match="add up"):
            Row("x.a", "A", 8, "Why.", parts=(Row("x.b", "B", 7, "Why."),))
