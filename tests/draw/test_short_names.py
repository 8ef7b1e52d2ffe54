"""Short names for narrow boxes: the RFC's own where there is one, and never the same for two fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import draw
from labkit.draw.short_names import key, short_names
from labkit.draw.units import sheets
from labkit.packets.model import Field, Layer
from tests.draw.markup import parse, texts


def flags(thing: object) -> list[str]:
    """The short names of the fields of one bit."""
    return [sheet.short[key(leaf)] for sheet in sheets(thing) for leaf, *_ in sheet.leaves() if leaf.bits == 1]


def test_headers_have_the_names_that_their_rfcs_use() -> None:
    inet = pytest.importorskip("scapy.layers.inet")
    inet6 = pytest.importorskip("scapy.layers.inet6")
    assert flags(inet.TCP()) == ["AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"]
    assert flags(inet.IP()) == ["RB", "DF", "MF"]
    assert flags((inet6.IPv6() / inet6.IPv6ExtHdrFragment() / b"x")[inet6.IPv6ExtHdrFragment]) == ["MF"]


def test_the_flags_of_a_dns_message() -> None:
    inet = pytest.importorskip("scapy.layers.inet")
    from labkit.packets.dissector import dissect

    query = bytes.fromhex("0007 0200 0001 0000 0000 0000 00 0001 0001")
    layer = dissect(bytes(inet.IP() / inet.UDP(sport=40000, dport=53) / query), 101)[-1]
    assert flags(layer) == ["QR", "AA", "TC", "RD", "RA", "Z", "AD", "CD"]
    drawn = texts(parse(draw.bits(layer, legend=False, dump=False).svg))
    assert [text for text in drawn if text in flags(layer)] == flags(layer)


def test_a_layer_of_a_students_own() -> None:
    fields = pytest.importorskip("scapy.fields")
    packet = pytest.importorskip("scapy.packet")

    class Own(packet.Packet):  # type: ignore[misc, name-defined]
        fields_desc = tuple(
            fields.BitField(name, 0, 1)
            for name in ("flag_a", "flag_b", "option1", "option2", "ack", "acked", "reserved", "reserve")
        )

    assert flags(Own()) == ["FA", "FB", "O1", "O2", "ACK", "ACD", "RED", "REE"]


def test_a_field_that_occurs_twice_keeps_its_name() -> None:
    copy = [Field("ip.opt.type.copy", "Copy on fragmentation", at, 1, 0, "0") for at in (0, 1)]
    assert flags(Layer("X", "X", 0, 2, tuple(copy), b"\0")) == ["CPY", "CPY"]


WORDS = st.text(st.characters(), max_size=6) | st.sampled_from(["A", "AA", "aa", "Flag a", "Flag b", "flag", "FLG", ""])


@given(st.lists(st.tuples(WORDS, WORDS, st.integers(1, 4)), max_size=60))
def test_no_two_fields_share_a_name(rows: list[tuple[str, str, int]]) -> None:
    fields = [Field(f"x.{name}", label, 0, bits, 0, "0") for name, label, bits in rows]
    names = short_names(fields)
    assert names.keys() == {key(each) for each in fields}
    assert len(set(names.values())) == len(names)
    assert all(1 <= len(name) <= 3 for name in names.values())
