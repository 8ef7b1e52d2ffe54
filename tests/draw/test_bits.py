"""Bits and bytes: every field in its place, hidden ones hidden everywhere, hostile payloads shown as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from benchmarks.ladder import tape_of
from labkit import draw
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.picture import Picture
from labkit.draw.units import sheets
from labkit.packets.model import Field, Layer
from tests.draw.fakes import packet, payload, syn
from tests.draw.markup import SVG, check_layout, parse, texts

NASTY = (
    b"\0<script>alert(1)</script>]]>\x1b[31m" + "\u202e\u2066".encode() + b"\xff\xfe\xc3" + "您好".encode() + b'"&amp;'
)


def test_twin_says_each_field_on_its_line() -> None:
    lines = repr(draw.bits(syn())).splitlines()
    assert lines[:13] == [
        "TCP: Transmission Control Protocol, 40 bytes, RFC 9293 §3.1",
        "  bits 0-15     tcp.srcport                      Source Port = 52814: picked by the kernel (this run)",
        "  bits 16-31    tcp.dstport                      Destination Port = 8124: the greeter",
        "  bits 32-63    tcp.seq                          Sequence Number = 439041101: where this side starts counting "
        "(this run)",
        "  bits 64-95    tcp.ack                          Acknowledgment Number = 0",
        "  bits 96-99    tcp.hdr_len                      Data Offset = 10: 10 words of 32 bits: 40 bytes",
        "  bits 100-111  tcp.flags                        Flags = 2: SYN: the sender wants to open a connection",
        "  bits 100-103    tcp.flags.res                  Reserved = 0",
        "  bit 104         tcp.flags.cwr                  CWR = 0",
        "  bit 105         tcp.flags.ece                  ECE = 0",
        "  bit 106         tcp.flags.urg                  URG = 0",
        "  bit 107         tcp.flags.ack                  ACK = 0",
        "  bit 108         tcp.flags.push                 PUSH = 0",
    ]
    assert lines[-1] == "  bytes: drawn, not printed here, since some change from run to run"


def test_twin_has_the_bytes_where_they_are_the_same_in_every_run() -> None:
    assert repr(draw.bits(payload("您好！\r\n".encode()))).splitlines() == [
        "Payload: Payload, 11 bytes",
        "  bits 0-87  data.data  Payload = 11 bytes “您好！\\r\\n”: what the program wrote",
        "  bytes counted from the layer's first, which is byte 66 (0x0042) of the frame",
        "         0  1  2  3  4  5  6  7  8  9 10",
        "     0  e6 82 a8 e5 a5 bd ef bc 81 0d 0a                 ···········",
    ]


def test_values_of_this_run_can_be_sanitised_by_name() -> None:
    text = repr(draw.bits(syn()))
    other = text.replace("52814", "40404")
    clean = re.compile(r"(tcp\.srcport\b.*?) = .* \(this run\)")
    assert clean.sub(r"\1 = X", text) == clean.sub(r"\1 = X", other)


def test_every_leaf_is_drawn_with_name_and_value() -> None:
    drawn = texts(parse(draw.bits(syn(), legend=False, dump=False).svg))
    for label in ("Source Port", "Sequence Number", "Data Offset", "Window", "MSS Value", "Timestamp echo reply"):
        assert label in drawn
    assert "52814" in drawn
    assert "439041101" in drawn
    joined = "".join(drawn)
    for flag in ("CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"):
        assert flag in joined  # letter by letter, from top to bottom


@pytest.mark.parametrize("why", [False, True])
def test_nothing_overlaps(why: bool) -> None:
    for thing in (syn(), packet(), payload(bytes(70)), packet(NASTY * 20)):
        check_layout(parse(draw.bits(thing, why=why).svg))
        check_layout(parse(draw.bytes(thing).svg))


@pytest.mark.parametrize("name", ["tcp.flags.syn", "flags.syn"])
def test_a_hidden_field_is_hidden_everywhere(name: str) -> None:
    plain, hidden = draw.bits(syn()), draw.bits(syn(), hide=(name,))
    pairs = [
        [
            text
            for text in texts(parse(picture.svg))
            if (re.fullmatch(r"[0-9a-f?]{2}", text) and not text.isdigit()) or text == "02"
        ]
        for picture in (plain, hidden)
    ]
    assert pairs[0][pairs[0].index("a0") + 1] == "02"
    assert pairs[1][pairs[1].index("a0") + 1] == "0?"
    assert "  bit 110         tcp.flags.syn                  SYN = ?" in repr(hidden).splitlines()
    assert "  bits 100-111  tcp.flags                        Flags = ?" in repr(hidden).splitlines()
    assert "wants to open" in plain.svg
    assert "wants to open" not in hidden.svg + repr(hidden)
    assert "q" not in {node.get("class", "")[:1] for node in parse(hidden.svg).iter(f"{SVG}rect")}


def test_a_hidden_field_hides_its_parts_and_its_characters() -> None:
    picture = draw.bits(payload(b"secret"), hide={"data.data"})
    assert "secret" not in picture.svg + repr(picture)
    assert "?? ?? ?? ?? ?? ??" in repr(picture)
    picture = draw.bytes(packet(b"secret"), hide="data.data")
    assert "secret" not in picture.svg + repr(picture)
    assert "Kind = 2" not in repr(draw.bits(syn(), hide="tcp.options.mss"))


def test_hiding_what_is_not_there_names_what_is() -> None:
    with pytest.raises(LabError, match=r"no field 'tcp.flags.sin' to hide in TCP.*tcp\.flags\.syn"):
        draw.bits(syn(), hide="tcp.flags.sin")


def test_what_has_no_layers_is_refused() -> None:
    class Own(packet_class()):  # type: ignore[misc]
        fields_desc: tuple[object, ...] = ()

    for thing, said in ((5, "int 5"), ("x", "str 'x'"), (None, "None"), ([packet()], "list"), (Own, "class Own")):
        for function in (draw.bits, draw.bytes, labkit.explain):
            with pytest.raises(LabError, match=f"cannot draw the bits of {said}. Give a packet"):
                function(thing)
    for hide in (3, [3]):
        with pytest.raises(LabError, match="names no field"):
            draw.bits(syn(), hide=hide)  # type: ignore[arg-type]


def packet_class() -> type:
    """Scapy's class of packets, which students derive their own layers from."""
    from scapy.packet import Packet

    return Packet


def test_a_relative_number_is_shown_with_the_one_on_the_wire() -> None:
    tape = tape_of(6)
    shown = draw.bits(tape[0]["TCP"])
    drawn = texts(parse(shown.svg))
    assert drawn.count("0  (raw 1000)") == 2  # box and legend
    assert "(raw " not in repr(shown)
    assert "Sequence Number = 0: relative to the connection's first; on the wire 1000 (this run)" in repr(shown)
    drawn = texts(parse(draw.bits(tape[3]["TCP"]).svg))
    assert "1  (raw 1001)" in drawn
    assert "(raw " not in "".join(texts(parse(draw.bits(tape[0]["TCP"], hide=["tcp.seq"]).svg)))
    check_layout(parse(shown.svg))


def test_a_number_that_leaves_no_room_is_shown_alone() -> None:
    field = Field("x.edge", "Edge", 0, 3, 7, "12345")
    drawn = texts(parse(draw.bits(Layer("X", "X", 0, 3, (field,), b"\xe0")).svg))
    assert drawn.count("12345") == 1  # in the box of 3 bits
    assert drawn.count("12345  (raw 7)") == 1  # in the legend


def test_offsets_of_a_packets_bytes_are_seen_to_be_hexadecimal() -> None:
    assert "0x0022" in texts(parse(draw.bytes(packet()).svg))
    assert "0x0022" not in repr(draw.bytes(packet()))


def places(root: ElementTree.Element, words: str) -> list[tuple[float, float]]:
    """Where these words stand: (x, y) of each."""
    return [
        (float(node.get("x", "0")), float(node.get("y", "0")))
        for node in root.iter(f"{SVG}text")
        if "".join(node.itertext()) == words
    ]


@pytest.mark.parametrize("function", [draw.bits, draw.bytes])
def test_a_layer_alone_is_counted_from_its_own_first_byte(function: Callable[..., Picture]) -> None:
    picture = function(payload(bytes(range(0x60, 0x60 + 30))))
    root = parse(picture.svg)
    check_layout(root)
    ((x, y),) = places(root, "75")  # byte 0x60 + 21: in the row of byte 16, in column 5
    assert (x, y) == (places(root, "5")[-1][0], max(y for x, y in places(root, "16") if x < style.MARGIN + 52))
    assert y in [y for _, y in places(root, "0x0052")]  # the frame's ruler: 0x42 + 16
    assert len(places(root, "in frame")) == 1
    lines = [line.strip() for line in repr(picture).splitlines()]
    assert "bytes counted from the layer's first, which is byte 66 (0x0042) of the frame" in lines
    assert "0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15" in lines
    assert any(line.startswith("16  70 71 72 73 74 75 ") for line in lines)


@pytest.mark.parametrize("function", [draw.bits, draw.bytes])
def test_a_layer_without_a_frame_has_one_ruler(function: Callable[..., Picture]) -> None:
    inet = pytest.importorskip("scapy.layers.inet")
    picture = function(inet.UDP(sport=1, dport=2))
    assert "in frame" not in texts(parse(picture.svg))
    assert "  bytes counted from the layer's first" in repr(picture).splitlines()


def test_a_whole_packet_is_counted_from_the_frames_first_byte() -> None:
    for picture in (draw.bits(packet()), draw.bytes(packet())):
        assert "0x0022" in texts(parse(picture.svg))
        assert "counted from" not in picture.svg


def test_the_legend_of_bytes_says_where_each_field_lies() -> None:
    """So that many fields can share few colours; what belongs together stands together."""
    lines = repr(draw.bytes(syn())).splitlines()
    assert [line for line in lines if line.startswith("    ")] == [
        "       0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15",
        "    0-1  Source Port (another in each run)",
        "    2-3  Destination Port = 8124",
        "    4-7  Sequence Number (another in each run)",
        "    8-11  Acknowledgment Number = 0",
        "    12  Data Offset = 10",
        "    12-13  Flags = 2",
        "    14-15  Window = 65495",
        "    16-17  Checksum (another in each run)",
        "    18-19  Urgent Pointer = 0",
        "    20-39  Options (another in each run)",
        "      20-23  Maximum Segment Size = 33882071",
        "      24-25  SACK Permitted = 1026",
        "      26-35  Timestamps (another in each run)",
        "      36  No-Operation = 1",
        "      37-39  Window Scale = 197383",
    ]
    root = parse(draw.bytes(syn()).svg)
    for place in ("12", "12-13", "26-35"):
        assert places(root, place)
    ((_, head),) = places(root, "20-39  Options: 20 bytes")
    ((_, first),) = places(root, "20-23")
    assert first > head > places(root, "18-19")[0][1]


def test_a_part_is_named_with_what_it_is_a_part_of() -> None:
    label = Field("dns.name.label.length", "Label length", 0, 8, 3, "3")
    name = Field("dns.qry.name", "QNAME", 0, 8, b"", "mail", children=(
        Field("dns.name.label", "Label", 0, 8, b"", "mail", children=(label,)),
    ))  # fmt: skip
    record = Field("dns.question", "Question", 0, 8, b"", "mail A", children=(name,))
    picture = draw.bytes(Layer("X", "X", 0, 8, (record,), b"\3"))
    assert repr(picture).splitlines()[-2:] == ["    0  Question = mail A", "      0  QNAME: Label = mail"]
    hidden = draw.bytes(Layer("X", "X", 0, 8, (record,), b"\3"), hide="dns.name.label")
    assert "mail" not in hidden.svg + repr(hidden)
    assert repr(hidden).splitlines()[-2:] == ["    0  Question", "      0  QNAME: Label = ?"]


def test_bits_shown_as_bits_are_not_taken_for_another_number() -> None:
    mark = Field("dns.name.pointer.mark", "Pointer mark", 0, 2, 3, "11")
    other = Field("x.relative", "Relative", 2, 6, 12, "11")
    drawn = texts(parse(draw.bits(Layer("X", "X", 0, 8, (mark, other), b"\xcc")).svg))
    assert "11  (raw 3)" not in drawn
    assert "11  (raw 12)" in drawn


def test_fields_of_other_documents_name_them() -> None:
    for why in (False, True):
        drawn = texts(parse(draw.bits(tape_of(3)[0]["TCP"], why=why).svg))
        assert drawn.count("RFC 9768 §3.1") == 1  # AE
        assert drawn.count("RFC 3168 §6.1") == 2  # CWR, ECE
        assert "RFC 9293 §3.4" not in drawn  # the same document as the layer's


def test_long_fields_are_abbreviated() -> None:
    picture = draw.bits(payload(bytes(range(32, 127)) * 690))
    assert len(picture.svg) < 60_000
    drawn = texts(parse(picture.svg))
    assert "… 65,536 more bytes of Payload" in drawn or any("more bytes of Payload" in text for text in drawn)
    assert any(text.startswith("… 65,4") for text in drawn)
    check_layout(parse(picture.svg))
    assert len(draw.bytes(payload(bytes(65_000))).svg) < 60_000


def test_colours_follow_the_bits_into_shared_bytes() -> None:
    sheet = sheets(syn())[0]
    hues = {unit.field.name: unit.hue for unit in sheet.units}
    root = parse(draw.bits(syn(), legend=False).svg)
    fills = [(node.get("class"), float(node.get("width", "0"))) for node in root.iter(f"{SVG}rect")]
    # Byte 12 of the header is half Data Offset, half flags: 15 px of the one, 45 px of the other, less edges.
    assert (f"p{hues['tcp.hdr_len']}", 14.0) in fills
    assert (f"p{hues['tcp.flags']}", 44.0) in fills


def test_hostile_bytes_are_text() -> None:
    for picture in (draw.bits(packet(NASTY)), draw.bytes(packet(NASTY))):
        root = parse(picture.svg)
        assert not list(root.iter(f"{SVG}script"))
        assert "<script" not in picture.svg
        assert "\x1b" not in picture.svg + repr(picture)
        assert "\u202e" not in picture.svg + repr(picture)
    assert "“\\0<script>alert(1)</script>]]>\\x1b[31m\\u202e\\u2066" in repr(draw.bits(packet(NASTY)))
    assert "您" in texts(parse(draw.bytes(packet(NASTY)).svg))


def test_real_packets_and_scapy_layers() -> None:
    tape = tape_of(6)
    whole = draw.bits(tape[3])
    check_layout(parse(whole.svg))
    check_layout(parse(draw.bits(tape[0]["TCP"], why=True).svg))
    check_layout(parse(draw.bytes(tape[3]).svg))
    assert [line.split(":")[0] for line in repr(whole).splitlines() if not line.startswith(" ")][:3] == [
        "Ethernet",
        "IPv4",
        "TCP",
    ]
    from scapy.layers.inet import TCP

    assert "tcp.dstport" in repr(draw.bits(TCP(dport=8124, flags="S")))


def test_bytes_twin_writes_dots_for_what_changes() -> None:
    assert repr(draw.bytes(packet())).splitlines() == [
        "51 bytes of packet 1",
        "0022  .. .. 1f bc .. .. .. .. 00 00 00 00 a0 02 ff d7  ················",
        "0032  .. .. 00 00 02 04 ff d7 04 02 08 0a .. .. .. ..  ················",
        "0042  .. .. .. .. 01 03 03 07 e6 82 a8 e5 a5 bd ef bc  ················",
        "0052  81 0d 0a                                         ···",
        "  0022-0049  Transmission Control Protocol",
        "    0022-0023  Source Port (another in each run)",
        "    0024-0025  Destination Port = 8124",
        "    0026-0029  Sequence Number (another in each run)",
        "    002a-002d  Acknowledgment Number = 0",
        "    002e  Data Offset = 10",
        "    002e-002f  Flags = 2",
        "    0030-0031  Window = 65495",
        "    0032-0033  Checksum (another in each run)",
        "    0034-0035  Urgent Pointer = 0",
        "    0036-0049  Options (another in each run)",
        "      0036-0039  Maximum Segment Size = 33882071",
        "      003a-003b  SACK Permitted = 1026",
        "      003c-0045  Timestamps (another in each run)",
        "      0046  No-Operation = 1",
        "      0047-0049  Window Scale = 197383",
        "  004a-0054  Payload",
        "    004a-0054  Payload = 11 bytes “您好！\\r\\n”",
        "digits that change from run to run are written as dots",
        "tape: live from lo (AF_PACKET ring)",
    ]


WORDS = st.text(st.characters(), max_size=40) | st.sampled_from(["<script>", "]]>", "\u202ex", "W" * 60])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, st.integers(1, 70), WORDS, WORDS, st.booleans()), min_size=1, max_size=12), st.data())
def test_any_layer_gives_a_readable_picture(rows: list[tuple[str, int, str, str, bool]], data: st.DataObject) -> None:
    at, fields = 0, []
    for number, (label, bits, shown, meaning, raw) in enumerate(rows):
        value: int | bytes = data.draw(st.binary(max_size=9)) if raw else data.draw(st.integers(0, 2**bits - 1))
        fields.append(Field(f"x.{number}", label, at, bits, value, shown, meaning, meaning))
        at += bits
    layer = Layer("X", data.draw(WORDS), 0, at, tuple(fields), bytes((at + 7) // 8))
    for picture in (draw.bits(layer, why=True), draw.bytes(layer)):
        picture.svg.encode()
        check_layout(parse(picture.svg))
        assert all(char.isprintable() for line in repr(picture).split("\n") for char in line)
