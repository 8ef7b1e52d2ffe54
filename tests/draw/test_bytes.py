"""Bytes: each in the colour of its field, frames around records, arrows from pointers, and a legend that says where."""

from __future__ import annotations

from labkit import draw
from labkit.draw.units import sheets
from labkit.packets import Tape
from labkit.packets.model import Field, Layer
from tests.draw.fakes import packet, payload, syn
from tests.draw.markup import SVG, check_layout, parse, strokes, texts
from tests.draw.pages import places

POINTERS = ((33, 12), (49, 16), (51, 45), (67, 45))
"""The pointers in the names of data/02c-dns/one-question.pcapng: from which byte to which."""


def test_offsets_of_a_packets_bytes_are_seen_to_be_hexadecimal() -> None:
    assert "0x0022" in texts(parse(draw.bytes(packet()).svg))
    assert "0x0022" not in repr(draw.bytes(packet()))


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


def test_colours_follow_the_bits_into_shared_bytes() -> None:
    sheet = sheets(syn())[0]
    found = {unit.field.name: unit.group for unit in sheet.units}
    root = parse(draw.bytes(syn()).svg)
    fills = [(node.get("class"), float(node.get("width", "0"))) for node in root.iter(f"{SVG}rect")]
    # Byte 12 of the header is half Data Offset, half flags: 15 px of the one, 45 px of the other, less edges.
    assert (f"u{found['tcp.hdr_len']}", 14.0) in fills
    assert (f"u{found['tcp.flags']}", 44.0) in fills


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


def test_an_arrow_for_each_pointer_of_a_name() -> None:
    layer = Tape.load("data/02c-dns/one-question.pcapng")[1]["DNS"]
    plain, pointed = draw.bytes(layer), draw.bytes(layer, pointers=True)
    kinds = [[node.get("class") for node in parse(picture.svg).iter(f"{SVG}path")] for picture in (plain, pointed)]
    assert kinds[0].count("point") == 0
    assert kinds[1].count("point") == 4
    arrows = [line for line in repr(pointed).splitlines() if line.startswith("arrow")]
    assert arrows == [f"arrow from byte {start} to byte {goal}" for start, goal in POINTERS]
    assert "arrow" not in repr(plain)
    check_layout(parse(pointed.svg))
    # The tip is under the byte pointed to, and no stroke crosses the middle of a byte on its way.
    tips = [node.get("d", "") for node in parse(pointed.svg).iter(f"{SVG}path") if node.get("class") == "point"]
    ((x, _),) = [place for place in places(parse(pointed.svg), "12") if place[1] < 120]
    assert tips[0].startswith(f"M{x:.0f} ")
    rows = sorted({y for x, y in places(parse(pointed.svg), "00") if x < 560})
    for _, top, _, bottom in strokes(parse(pointed.svg), "pointer"):
        if top == bottom:
            assert not [y for y in rows if y - 11 < top < y + 3]


def test_pointers_of_a_message_over_tcp_count_from_its_identification() -> None:
    tape = Tape.load("data/02c-dns/by-tcp.pcapng")
    (layer,) = [packet["DNS"] for packet in tape if packet.sender == "server" and packet.layers[-1].name == "DNS"]
    assert layer.fields[0].bits == 16
    lines = [line for line in repr(draw.bytes(layer, pointers=True)).splitlines() if line.startswith("arrow")]
    assert lines
    for line in lines:
        start, goal = (int(word) for word in line.split() if word.isdigit())
        there = layer.data[goal]
        assert there < 64 or there >= 192
        assert int.from_bytes(layer.data[start : start + 2], "big") - 0xC000 == goal - 2


def test_records_are_framed_each() -> None:
    layer = Tape.load("data/02c-dns/one-question.pcapng")[1]["DNS"]
    frames = [node for node in parse(draw.bytes(layer).svg).iter(f"{SVG}path") if node.get("class") == "frame"]
    ends = sum(node.get("d", "").count("v22") for node in frames)
    assert ends == 2 * 4  # a question and three records: a left and a right edge each
    assert not [node for node in parse(draw.bytes(syn()).svg).iter(f"{SVG}path") if node.get("class") == "frame"]


def test_a_text_column_of_dots_is_not_coloured() -> None:
    def coloured(data: bytes) -> int:
        root = parse(draw.bytes(payload(data)).svg)
        return len([node for node in root.iter(f"{SVG}rect") if node.get("class", "").startswith("u")])

    assert coloured(bytes(64)) == coloured(b"plain text here!" * 4) - 4
    drawn = [node for node in parse(draw.bytes(payload(bytes(16))).svg).iter(f"{SVG}text") if node.text == "·"]
    assert {node.get("class") for node in drawn} == {"z c"}
