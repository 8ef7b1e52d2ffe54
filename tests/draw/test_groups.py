"""Colours that say what a field is for, the same in bits and in bytes, for all kinds of colour vision."""

from __future__ import annotations

from itertools import combinations

import pytest

from labkit import draw
from labkit.draw import groups, style
from labkit.draw.units import sheets
from labkit.packets import Tape
from labkit.packets.model import Field
from tests.draw.fakes import syn
from tests.draw.markup import SVG, parse, texts
from tests.draw.test_style import seen


def test_the_groups_of_well_known_fields() -> None:
    tape = Tape.load("data/01a-tcp-connection/greeting.pcapng")
    found = {unit.field.name: unit.group for unit in sheets(tape[0])[2].units}
    assert found["tcp.srcport"] == found["tcp.dstport"] == groups.WHO
    assert found["tcp.seq"] == found["tcp.ack"] == groups.NUMBERS
    assert found["tcp.flags"] == groups.CONTROL
    assert found["tcp.window_size_value"] == found["tcp.hdr_len"] == groups.ROOM
    assert found["tcp.checksum"] == found["tcp.options.mss"] == groups.PROTECTION
    message = Tape.load("data/02c-dns/one-question.pcapng")[1]["DNS"]
    dns = {unit.field.name: unit.group for unit in sheets(message)[0].units}
    assert dns["dns.id"] == dns["dns.count.answers"] == groups.NUMBERS
    assert dns["dns.name.label"] == dns["dns.name.pointer"] == groups.WHO
    assert dns["dns.resp.ttl"] == dns["dns.resp.len"] == groups.ROOM
    ip = {unit.field.name: unit.group for unit in sheets(tape[0])[1].units}
    assert ip["ip.src"] == groups.WHO
    assert ip["ip.proto"] == groups.CONTROL
    assert groups.group_of(Field("own.greeting", "Greeting", 0, 8, 1, "1")) == groups.PLAIN
    assert groups.group_of(Field("own.x", "Window size", 0, 8, 1, "1")) == groups.ROOM


def test_the_same_field_has_the_same_colour_in_bits_and_in_bytes() -> None:
    layer = syn()
    used = [
        {node.get("class") for node in parse(svg).iter(f"{SVG}rect") if node.get("class", "").startswith("u")}
        for svg in (draw.bits(layer).svg, draw.bytes(layer).svg)
    ]
    assert used[0] - {f"u{groups.PLAIN}"} == used[1]
    for svg in (draw.bits(layer).svg, draw.bytes(layer).svg):
        assert set(groups.WORDS) <= set(texts(parse(svg)))  # what the colours say, in words


@pytest.mark.parametrize("kind", ["normal", "protan", "deutan"])
@pytest.mark.parametrize("theme", groups.FILLS, ids=["light", "dark"])
def test_the_groups_can_be_told_apart_and_read(theme: style.Theme, kind: str) -> None:
    for one, other in combinations([seen(fill, kind) for fill in groups.FILLS[theme]], 2):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.12
    for fill in groups.FILLS[theme]:
        assert style.contrast(theme.ink, fill) >= 4.5
