"""The table that tells why fields exist."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from labkit.core.errors import LabError
from labkit.draw.field_table import explain
from labkit.packets.model import Field, Layer

HOSTILE = Field("x.y", "<script>alert(1)</script>", 0, 8, 1, "1", why="a < b & c", rfc="RFC <1>")


def layer(*fields: Field) -> Layer:
    return Layer("X", "A made-up <layer>", 0, 8 * len(fields), fields, b"\1" * len(fields))


def test_every_field_of_a_real_header_has_a_reason_and_a_source() -> None:
    inet = pytest.importorskip("scapy.layers.inet")
    table = explain(inet.TCP())
    assert [row[0] for row in table.rows][:3] == ["Source Port", "Destination Port", "Sequence Number"]
    assert all(reason and source.startswith("RFC") for _, _, reason, source in table.rows)
    assert "Source Port (bits 0-15, RFC 9293 §3.1): " in repr(table)


def test_the_parts_of_a_field_on_demand() -> None:
    inet = pytest.importorskip("scapy.layers.inet")
    whole, divided = explain(inet.TCP()), explain(inet.TCP(), parts=True)
    assert "SYN" in [row[0] for row in divided.rows]
    assert "SYN" not in [row[0] for row in whole.rows]


def test_the_page_says_what_the_text_says_and_nothing_hostile_gets_through() -> None:
    table = explain(layer(HOSTILE))
    page = table._repr_html_()
    assert "<script" not in page
    root = ElementTree.fromstring(page)
    words = " ".join(root.itertext())
    for text in ("<script>alert(1)</script>", "a < b & c", "RFC <1>", "A made-up <layer>"):
        assert text in words
        assert text in repr(table)


def test_what_occurs_several_times_is_told_once() -> None:
    records = [
        Field("dns.record", f"{section} record", at, 8, 1, "1", why="One thing.", rfc="RFC 1035")
        for at, section in ((8, "Answer"), (16, "Answer"), (24, "Authority"), (32, "Answer"))
    ]
    table = explain(layer(HOSTILE, *records))
    assert repr(table).splitlines()[2:] == [
        "  Answer record (bits 8-15 and 2 more, RFC 1035): One thing.",
        "  Authority record (bits 24-31, RFC 1035): One thing.",
    ]


def test_a_field_without_a_reason_says_so() -> None:
    assert "no reason is written down" in repr(explain(layer(Field("x.z", "Z", 0, 8, 1, "1"))))


def test_what_has_no_fields_is_refused() -> None:
    with pytest.raises(LabError, match="no fields to explain"):
        explain(layer())


def test_the_page_has_two_columns_and_the_rest_opens_by_a_click() -> None:
    table = explain(layer(HOSTILE))
    root = ElementTree.fromstring(table._repr_html_())
    first, folded = root.iter("table")
    assert ["".join(head.itertext()) for head in first.iter("th")] == ["field", "why it exists"]
    assert folded in list(next(root.iter("details")))
    assert [["".join(cell.itertext()) for cell in row.iter("td")] for row in folded.iter("tr")][1:] == [
        ["<script>alert(1)</script>", "bits 0-7", "RFC <1>"]
    ]
