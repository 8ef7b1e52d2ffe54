"""Bits and bytes: every field in its place, hidden ones hidden everywhere, hostile payloads shown as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from benchmarks.ladder import tape_of
from labkit import draw
from labkit.core.errors import LabError
from labkit.draw import groups, style, units
from labkit.draw.picture import Picture
from labkit.packets import Tape
from labkit.packets.dissector import dissect
from labkit.packets.model import Field, Layer
from tests.draw.fakes import packet, payload, syn
from tests.draw.http_tapes import hello
from tests.draw.markup import SVG, check_layout, parse, texts
from tests.draw.pages import cells, folded, page_of, places, summaries, svgs
from tests.packets import made

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
    assert {"CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"} <= set(drawn)


@pytest.mark.parametrize("why", [False, True])
def test_nothing_overlaps(why: bool) -> None:
    for thing in (syn(), packet(), payload(bytes(70)), packet(NASTY * 20)):
        for svg in svgs(page_of(draw.bits(thing, why=why))):
            check_layout(parse(svg))
        check_layout(parse(draw.bits(thing).svg))
        check_layout(parse(draw.bytes(thing).svg))


@pytest.mark.parametrize("name", ["tcp.flags.syn", "flags.syn"])
def test_a_hidden_field_is_hidden_everywhere(name: str) -> None:
    plain, hidden = draw.bits(syn()), draw.bits(syn(), hide=(name,))
    pages = [page_of(picture) for picture in (plain, hidden)]
    pairs = [
        [text for text in texts(parse(svgs(page)[-1])) if (re.fullmatch(r"[0-9a-f?]{2}", text) and not text.isdigit())
         or text == "02"]
        for page in pages
    ]  # fmt: skip
    assert pairs[0][pairs[0].index("a0") + 1] == "02"
    assert pairs[1][pairs[1].index("a0") + 1] == "0?"
    assert "  bit 110         tcp.flags.syn                  SYN = ?" in repr(hidden).splitlines()
    assert "  bits 100-111  tcp.flags                        Flags = ?" in repr(hidden).splitlines()
    words = ["".join(page.itertext()) + "".join(svgs(page)) for page in pages]
    assert "wants to open" in words[0]
    assert "wants to open" not in words[1] + hidden.svg + repr(hidden)
    said = [[image.get("alt", "") for image in page.iter("img")] for page in pages]
    assert "SYN: 1" in said[0][0].split("; ")
    assert "SYN: ?" in said[1][0].split("; ")
    assert "a0 0?" in said[1][1]
    assert {row[0].strip(): row[2] for row in cells(pages[1])}["SYN"] == "?"
    assert not [text for text in summaries(pages[1]) if "more" in text]  # which fields say something would tell it


def fill_of(root: ElementTree.Element, words: str) -> str:
    """The class of the box in which these words are."""
    ((x, y),) = places(root, words)
    for node in root.iter(f"{SVG}rect"):
        left, top, wide, high = (float(node.get(name, "0")) for name in ("x", "y", "width", "height"))
        if node.get("class", "").startswith("u") and left <= x <= left + wide and top <= y <= top + high:
            return node.get("class", "")
    raise AssertionError(f"no box around {words}")


def test_a_flag_that_is_set_has_a_colour_and_no_other_flag_has_one() -> None:
    root = parse(draw.bits(syn()).svg)
    assert fill_of(root, "SYN") == f"u{groups.CONTROL}"
    assert {fill_of(root, flag) for flag in ("ACK", "FIN", "RST", "URG")} == {f"u{groups.PLAIN}"}
    hidden = parse(draw.bits(syn(), hide="tcp.flags.syn").svg)
    assert fill_of(hidden, "SYN") == f"u{groups.PLAIN}"  # its colour would tell it


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
    assert texts(parse(shown.svg)).count("0  (raw 1000)") == 1
    assert [row[2] for row in cells(page_of(shown))].count("0 (raw 1000)") == 1
    assert "(raw " not in repr(shown)
    assert "Sequence Number = 0: relative to the connection's first; on the wire 1000 (this run)" in repr(shown)
    drawn = texts(parse(draw.bits(tape[3]["TCP"]).svg))
    assert "1  (raw 1001)" in drawn
    assert "(raw " not in "".join(texts(parse(draw.bits(tape[0]["TCP"], hide=["tcp.seq"]).svg)))
    check_layout(parse(shown.svg))


@pytest.mark.parametrize(("text", "shown"), [(b"hello", "5 bytes: 'hello'"), (b"5", "1 byte: '5'")])
def test_the_text_of_a_students_own_layer_is_said_once(text: bytes, shown: str) -> None:
    from scapy.fields import ByteField, StrLenField
    from scapy.packet import Packet

    own = type("Note", (Packet,), {"fields_desc": [ByteField("n", 5), StrLenField("text", b"", lambda _: len(text))]})
    assert f"text = {shown}\n" in repr(draw.bits(own(text=text)))


@pytest.mark.parametrize(("value", "said"), [(b"5", "5 bytes “5”"), (b"ab", "ab")])
def test_a_number_in_the_words_is_not_the_text(value: bytes, said: str) -> None:
    shown = said.partition(" “")[0]
    assert units.shown(Field("x.y", "Y", 0, 8 * len(value), value, shown)) == said


def test_a_number_that_leaves_no_room_is_shown_alone() -> None:
    field = Field("x.edge", "Edge", 0, 3, 7, "12345")
    picture = draw.bits(Layer("X", "X", 0, 3, (field,), b"\xe0"))
    assert texts(parse(picture.svg)).count("12345") == 1  # in the box of 3 bits
    assert [row[2] for row in cells(page_of(picture))] == ["12345 (raw 7)"]


def bytes_of(picture: Picture) -> str:
    """The picture of bytes: it is one, or has one behind a fold."""
    page = page_of(picture)
    return svgs(folded(page, "the same bits as bytes"))[0] if list(page.iter("details")) else picture.svg


@pytest.mark.parametrize("function", [draw.bits, draw.bytes])
def test_a_layer_alone_is_counted_from_its_own_first_byte(function: Callable[..., Picture]) -> None:
    picture = function(payload(bytes(range(0x60, 0x60 + 30))))
    root = parse(bytes_of(picture))
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
    assert "in frame" not in texts(parse(bytes_of(picture)))
    assert "  bytes counted from the layer's first" in repr(picture).splitlines()


def test_a_whole_packet_is_counted_from_the_frames_first_byte() -> None:
    for picture in (draw.bits(packet()), draw.bytes(packet())):
        assert "0x0022" in texts(parse(bytes_of(picture)))
        assert "counted from" not in bytes_of(picture)


def test_bits_shown_as_bits_are_not_taken_for_another_number() -> None:
    mark = Field("dns.name.pointer.mark", "Pointer mark", 0, 2, 3, "11")
    other = Field("x.relative", "Relative", 2, 6, 12, "11")
    drawn = texts(parse(draw.bits(Layer("X", "X", 0, 8, (mark, other), b"\xcc")).svg))
    assert "11  (raw 3)" not in drawn
    assert "11  (raw 12)" in drawn


def test_fields_of_other_documents_name_them() -> None:
    for why in (False, True):
        told = [row[3] for row in cells(page_of(draw.bits(tape_of(3)[0]["TCP"], why=why)))]
        assert told.count("[RFC 9768 §3.1]") == 1  # AE
        assert told.count("[RFC 3168 §6.1]") == 2  # CWR, ECE
        assert "RFC 9293" not in "".join(told)  # the same document as the layer's


def test_long_fields_are_abbreviated() -> None:
    picture = draw.bits(payload(bytes(range(32, 127)) * 690))
    assert len(picture.svg) < 60_000
    drawn = texts(parse(picture.svg))
    assert "… 65,536 more bytes of Payload" in drawn or any("more bytes of Payload" in text for text in drawn)
    assert any(text.startswith("… 65,4") for text in texts(parse(bytes_of(picture))))
    check_layout(parse(picture.svg))
    assert len(draw.bytes(payload(bytes(65_000))).svg) < 60_000


def test_hostile_bytes_are_text() -> None:
    for svg in svgs(page_of(draw.bits(packet(NASTY)))):
        assert not list(parse(svg).iter(f"{SVG}script"))
    page = page_of(draw.bits(packet(NASTY), why=True, title=NASTY.decode("utf-8", "replace")))
    assert not [text for text in page.itertext() if "\x1b" in text or "\u202e" in text]
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
    for svg in svgs(page_of(draw.bits(layer, why=True))):
        check_layout(parse(svg))
    for picture in (draw.bits(layer, why=True), draw.bytes(layer)):
        picture.svg.encode()
        check_layout(parse(picture.svg))
        assert all(char.isprintable() for line in repr(picture).split("\n") for char in line)


# ---- what fits a screen, what is lit, what is cut


SCREEN = 800
"""px: no picture may be higher without a fold."""


def height(svg: str) -> float:
    return float(ElementTree.fromstring(svg).get("height", "0"))


def made_packets() -> list[Any]:
    """Every kind of header made by hand for the dissector, dissected; and the headers that fill most rows."""
    frames = [(raw, 1) for _, raw in made.tcp_frames()] + [(raw, link) for _, raw, link in made.other_frames()]
    frames += [(made.ethernet(made.ipv4(made.udp(raw, dport=53), 17)), 1) for _, raw in made.dns_messages()]
    return [layers for raw, link in frames if (layers := dissect(raw, link))]


def test_no_header_is_higher_than_a_screen_before_it_is_opened() -> None:
    found = made_packets()
    assert len(found) > 60
    highest = 0.0
    for layers in found:
        whole = SimpleNamespace(layers=tuple(layers), origin="recorded from a file with a name")
        for thing in (*layers, whole):
            page = page_of(draw.bits(thing))
            (seen,) = svgs(page, opened=False)
            highest = max(highest, height(seen))
            assert all(height(svg) <= SCREEN for svg in svgs(page)), thing
            assert height(draw.bytes(thing, limit=64).svg) > 0
    assert 500 < highest <= SCREEN


def test_a_syn_with_options_leaves_half_a_screen_free() -> None:
    (seen,) = svgs(page_of(draw.bits(syn())), opened=False)
    assert height(seen) <= 480


def test_every_row_that_does_not_fit_is_behind_a_fold() -> None:
    tape = Tape.load("data/02c-dns/truncated.pcapng")
    for layer in (layer for each in tape for layer in each.layers):
        picture = draw.bits(layer, dump=False, legend=False)
        rows = [texts(parse(svg)) for svg in svgs(page_of(picture))]
        for leaf in (leaf for item in layer.fields for leaf in item.leaves() if leaf.bits >= 16):
            assert any(leaf.label in text for row in rows for text in row), leaf


def test_what_is_in_focus_is_lit_and_everything_else_is_grey() -> None:
    for focus in ("Window", "wINDOW", "tcp.window", "window", ["Window"]):
        picture = draw.bits(syn(), focus=focus)
        root = parse(picture.svg)
        assert fill_of(root, "Window") == f"u{groups.ROOM}"
        boxes = [node.get("class") for node in root.iter(f"{SVG}rect") if node.get("height") == "34"]
        assert boxes.count(f"u{groups.ROOM}") == 1
        assert set(boxes) <= {f"u{groups.ROOM}", f"u{groups.PLAIN}", "card"}
        assert len([node for node in root.iter(f"{SVG}path") if node.get("class") == "box lit"]) == 1
        assert [line.split(" = ")[0].split()[-1] for line in repr(picture).splitlines() if line[0] == ">"] == ["Window"]
        assert page_of(picture)[0].get("alt", "").split("; ")[1:] == ["Window: 65495"]
    assert fill_of(parse(draw.bits(syn(), focus=["SYN", "ACK"]).svg), "ACK") == f"u{groups.CONTROL}"
    assert len(repr(draw.bits(syn(), focus="Flags")).split("\n> ")) == 11  # the parts of a divided field
    dns = Tape.load("data/02c-dns/one-question.pcapng")[1]["DNS"]
    lit = [line for line in repr(draw.bits(dns, focus="CNAME")).splitlines() if line.startswith("> ")]
    assert [line.split()[3] for line in lit] == [
        "dns.cname", "dns.name.label", "dns.name.label.length", "dns.name.label.text", "dns.name.pointer",
        "dns.name.pointer.mark", "dns.name.pointer.offset",
    ]  # fmt: skip  # of this name alone: the others have fields of the same names


def test_a_focus_that_is_no_field_names_the_fields() -> None:
    with pytest.raises(LabError, match=r"no field 'Windows' to light in TCP.*Sequence Number.*Window"):
        draw.bits(syn(), focus="Windows")
    with pytest.raises(LabError, match="no field '' to light"):
        draw.bits(syn(), focus="")
    for focus in (3, [3], None):
        with pytest.raises(LabError, match="names no field"):
            draw.bits(syn(), focus=focus)  # type: ignore[arg-type]


def test_the_first_bytes_alone() -> None:
    picture = draw.bits(syn(), first=12)
    lines = repr(picture).splitlines()
    assert lines[0] == "TCP: Transmission Control Protocol, the first 12 of 40 bytes, RFC 9293 §3.1"
    assert [line.split()[2] for line in lines[1:-1]] == ["tcp.srcport", "tcp.dstport", "tcp.seq", "tcp.ack"]
    assert "Window" not in texts(parse(picture.svg))
    assert height(picture.svg) < height(draw.bits(syn()).svg) - 200
    page = page_of(picture)
    assert len(svgs(page)[-1]) < len(svgs(page_of(draw.bits(syn())))[-1])
    assert repr(draw.bits(syn(), first=40)) == repr(draw.bits(syn(), first=4000)) == repr(draw.bits(syn()))
    for first in (0, -1, 1.5, "12", True):
        with pytest.raises(LabError, match="a number of bytes"):
            draw.bits(syn(), first=first)  # type: ignore[arg-type]


def test_a_field_that_goes_on_is_cut_and_says_so() -> None:
    lines = repr(draw.bits(payload(b"Hello, world"), first=5)).splitlines()
    assert lines[1].strip().startswith("bits 0-39  data.data  Payload = 5 bytes, cut off here “Hello”")
    assert lines[-1].split() == ["0", "48", "65", "6c", "6c", "6f", "Hello"]
    cut = draw.bits(syn(), first=22)
    check_layout(parse(cut.svg))
    assert "Options" in repr(cut)
    assert "Window Scale" not in repr(cut)


def test_fields_that_say_nothing_are_behind_a_second_fold() -> None:
    tape = Tape.load("data/01a-tcp-connection/greeting.pcapng")
    page = page_of(draw.bits(tape[0]["TCP"]))
    assert summaries(page) == [
        "the same bits as bytes", "the 14 fields that say something in this packet", "… and 24 more fields",
    ]  # fmt: skip
    outer = folded(page, "the 14")
    inner = folded(page, "… and 24")
    hidden = [row[0].strip() for row in cells(inner)]
    seen = [row[0].strip() for row in cells(outer)][: -len(hidden)]
    assert len(seen) == 14
    assert len(hidden) == 24
    assert {"Source Port", "Window", "SYN", "Maximum Segment Size", "Window Scale"} <= set(seen)
    assert {"Urgent Pointer", "Acknowledgment Number", "FIN", "Kind", "Length"} <= set(hidden)
    assert not {"FIN", "Kind"} & set(seen)


def test_a_notebook_gets_html_and_everything_else_still_has_svg_and_text() -> None:
    picture = draw.bits(syn())
    data, _ = picture._repr_mimebundle_()
    assert set(data) == {"text/html", "image/svg+xml", "text/plain"}
    assert data["text/plain"] == repr(picture)
    assert data["image/svg+xml"] == picture.svg
    page = page_of(picture)
    alts = [image.get("alt", "") for image in page.iter("img")]
    assert "Source Port: 52814" in alts[0].split("; ")
    assert "a0 02" in alts[1]  # a screen reader gets the digits that the text leaves out
    for other in (draw.bytes(syn()), draw.boxes(packet()), draw.number_line(tape_of(6))):
        (image,) = page_of(other)
        assert svgs(page_of(other)) == [other.svg]
        assert image.get("alt", "").split("; ")[1] == repr(other).splitlines()[1].strip()
    assert len(list(page_of(draw.bits(syn(), dump=False, legend=False)).iter("details"))) == 0


def test_a_field_that_goes_on_in_the_next_row_says_so_or_has_no_colour() -> None:
    layer = Tape.load("data/02c-dns/one-question.pcapng")[1]["DNS"]
    root = parse(draw.bits(layer).svg)
    assert {"… TTL", "… QCLASS", "… ADDRESS"} <= set(texts(root))
    words = [(float(node.get("x", "0")), float(node.get("y", "0"))) for node in root.iter(f"{SVG}text")]
    for node in root.iter(f"{SVG}rect"):
        left, top, wide, high = (float(node.get(name, "0")) for name in ("x", "y", "width", "height"))
        if node.get("class", "").startswith("u") and high > 20:
            assert any(left <= x <= left + wide and top <= y <= top + high for x, y in words)


def test_letters_of_flags_are_at_least_10_px() -> None:
    root = parse(draw.bits(syn()).svg)
    kinds = [node.get("class", "").split()[0] for node in root.iter(f"{SVG}text") if node.text in ("SYN", "ACK", "FIN")]
    assert len(kinds) == 3
    assert all(style.TYPES[kind].size >= 10 for kind in kinds)


@pytest.mark.parametrize("number", [0, 1])
def test_a_layer_of_text_fits_a_screen_and_points_to_its_message(number: int) -> None:
    of = hello().messages[number]
    packet = next(each for each in hello() if of in each.messages or each.number in of.packets)
    for picture in (draw.bits(packet["HTTP"]), draw.bits(packet)):
        root = parse(picture.svg)
        check_layout(root)
        assert int(root.get("height", "0")) <= SCREEN
        assert any(re.search(r"not drawn here: .*HTTP; draw\.message\(", text) for text in texts(root))
        bundle, _ = picture._repr_mimebundle_()
        assert "more of this" in bundle["text/html"]  # there the rest opens by a click
        assert "End of line" in picture.text
    assert not any("not drawn" in text for text in texts(parse(draw.bits(packet["TCP"]).svg)))
