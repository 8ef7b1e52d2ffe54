"""The headers of a packet in proportion to their bytes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from labkit import draw
from labkit.core.errors import LabError
from labkit.draw import groups, style
from labkit.packets import Tape
from labkit.packets.dissector import dissect
from tests.draw.fakes import packet
from tests.draw.markup import SVG, check_layout, parse, texts
from tests.packets import made

GREETING = Tape.load("data/01a-tcp-connection/greeting.pcapng")
ROOM = style.WIDTH - 2 * style.MARGIN


def filled(svg: str) -> list[tuple[str, float]]:
    """The colour and the width of the header boxes, in order."""
    found = [
        (node.get("class", ""), float(node.get("width", "0")))
        for node in parse(svg).iter(f"{SVG}rect")
        if node.get("class", "").startswith("u") and node.get("height") != "12"
    ]
    assert found
    return found


def test_75_bytes_for_9() -> None:
    picture = draw.boxes(GREETING[3])
    assert repr(picture).splitlines() == [
        "What packet 4 is made of: 75 bytes",
        "  Ethernet: 14 bytes, 19 %: brings the frame to the next machine",
        "  IPv4: 20 bytes, 27 %: brings the packet to the right machine",
        "  TCP: 32 bytes, 43 %: brings the bytes to the right program, in order and without gaps",
        "  Payload: 9 bytes, 12 %: what the program wrote",
        "  14 + 20 + 32 + 9 = 75 bytes; the program sent 9 of them (12 %)",
        "tape: recorded from data/01a-tcp-connection/greeting.pcapng",
    ]
    assert len(GREETING[3].raw) == 75
    wide = filled(picture.svg)
    assert [width for _, width in wide] == pytest.approx([ROOM * size / 75 for size in (14, 20, 32, 9)], abs=0.1)
    assert [colour for colour, _ in wide] == [f"u{groups.PLAIN}"] * 3 + [f"u{groups.NUMBERS}"]
    assert {"Ethernet", "IPv4", "TCP", "Payload", "14", "20", "32", "9"} <= set(texts(parse(picture.svg)))


def test_a_packet_that_carries_nothing_says_so() -> None:
    picture = draw.boxes(GREETING[0])
    assert "the program sent none of them" in repr(picture)
    assert {colour for colour, _ in filled(picture.svg)} == {f"u{groups.PLAIN}"}


def test_what_the_program_sent_may_be_a_message() -> None:
    picture = draw.boxes(Tape.load("data/02c-dns/one-question.pcapng")[1])
    assert "14 + 20 + 8 + 83 = 125 bytes; the program sent 83 of them (66 %)" in repr(picture)


def test_every_kind_of_packet_fits_and_adds_up() -> None:
    frames = [(raw, 1) for _, raw in made.tcp_frames()] + [(raw, link) for _, raw, link in made.other_frames()]
    for raw, link in frames:
        layers = [layer for layer in dissect(raw, link) if layer.bits >= 8]
        if not layers:
            continue
        picture = draw.boxes(SimpleNamespace(layers=tuple(layers)))
        root = parse(picture.svg)
        check_layout(root)
        assert float(root.get("height", "0")) <= 500
        assert f"{sum(layer.bits // 8 for layer in layers):,} bytes" in repr(picture)
        assert sum(width for _, width in filled(picture.svg)) == pytest.approx(ROOM, abs=1)


def test_narrow_headers_of_a_long_packet_are_named_below() -> None:
    picture = draw.boxes(packet(bytes(1400)))
    root = parse(picture.svg)
    check_layout(root)
    assert texts(root).count("TCP") == 1  # in the list alone: its box is too narrow
    assert "97 %" in repr(picture)


def test_hostile_names_are_text() -> None:
    check_layout(parse(draw.boxes(GREETING[3], title="<b>\x1b\u202e" + "W" * 300).svg))
    assert "\x1b" not in repr(draw.boxes(GREETING[3], title="\x1b"))


@pytest.mark.parametrize("thing", [5, None, "x", [], object(), GREETING])
def test_what_has_no_layers_is_refused(thing: Any) -> None:
    with pytest.raises(LabError, match="Give a packet"):
        draw.boxes(thing)
    with pytest.raises(LabError, match="no bytes to draw"):
        draw.boxes(SimpleNamespace(layers=()))
