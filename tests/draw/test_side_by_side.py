"""One exchange on three levels: what belongs together stands side by side, and it fits a screen."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from labkit import draw
from labkit.core.errors import LabError
from tests.draw.http_tapes import CHUNKED, GET, HELLO, Wire, hello, pipelined, pool, upload
from tests.draw.markup import check_layout, check_lines, parse, strokes, texts


def many(count: int) -> Any:
    run = Wire().open()
    for number in range(count):
        at = 100 * number
        run.client(at + 50, b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number).ack(at + 55, "server")
        run.server(at + 90, HELLO).ack(at + 95, "client")
    return run.close(100 * count + 100).tape()


def arrows(root: ElementTree.Element) -> tuple[list[Any], list[Any]]:
    """The strokes of packets and those of messages, from the top down: (y of the start, y of the end)."""
    long = sorted((one for one in strokes(root, "ac", "as") if abs(one[2] - one[0]) > 200), key=lambda one: one[1])
    packets = [(one[1], one[3]) for one in long if max(one[0], one[2]) < 450]
    return packets, [(one[1], one[3]) for one in long if min(one[0], one[2]) > 450]


def test_all_levels_in_words() -> None:
    lines = repr(draw.side_by_side(hello())).split("\n")
    assert lines[:5] == [
        "Side by side: 2 HTTP messages in 10 packets, client ↔ server:1337",
        "HTTP messages",
        "  client → server  GET /",
        "  client ← server  200 OK  13 bytes",
        "packets",
    ]
    assert lines[5].startswith("  1  client → server  SYN")
    assert "  server events: connection, request, close" in lines
    assert lines[-1] == "tape: live from lo (AF_PACKET ring)"


def test_a_message_of_one_packet_is_beside_it() -> None:
    packets, messages = arrows(parse(draw.side_by_side(hello()).svg))
    assert len(packets) == 10
    assert messages == [packets[3], packets[5]]


def test_a_message_of_several_packets_goes_from_the_first_to_the_last() -> None:
    root = parse(draw.side_by_side(upload()).svg)
    packets, messages = arrows(root)
    assert messages == [packets[3], packets[5], packets[9]]
    down = [one for one in strokes(root, "ac", "as") if one[0] == one[2] and one[0] > 450 and one[3] - one[1] > 8]
    assert [(one[1], one[3]) for one in down] == [(packets[3][1], packets[7][1]), (packets[9][1], packets[11][1])]


def test_messages_of_one_packet_stand_one_below_the_other() -> None:
    packets, messages = arrows(parse(draw.side_by_side(pipelined()).svg))
    assert messages[0] == packets[3]
    starts = [start for start, _ in messages]
    assert len(set(starts)) == 6
    assert all(two - one >= 19 for one, two in pairwise(starts))
    assert starts[2] < packets[4][1]


def test_events_are_at_the_outer_lifelines() -> None:
    root = parse(draw.side_by_side(hello()).svg)
    places = {
        "".join(node.itertext()): float(node.get("x", "0")) for node in root.iter("{http://www.w3.org/2000/svg}text")
    }
    assert places["request · GET /"] > 720
    assert places["connect()"] < 190


@pytest.mark.parametrize("make", [hello, upload, pipelined, lambda: many(9), lambda: many(30), lambda: many(200)])
def test_it_fits_a_screen(make: Callable[[], Any]) -> None:
    root = parse(draw.side_by_side(make()).svg)
    check_layout(root)
    check_lines(root, "ac", "as")
    assert int(root.get("height", "0")) <= 800


def test_what_is_not_drawn_is_said() -> None:
    found = texts(parse(draw.side_by_side(many(30)).svg))
    packets = next(text for text in found if text.endswith(" packets not drawn"))
    messages = next(text for text in found if text.endswith(" messages not drawn"))
    drawn = len([text for text in found if text.startswith(("GET /", "200 OK"))])
    assert int(messages.split()[0]) == 60 - drawn
    acks = next(text for text in found if text.endswith(" ACKs of data not drawn"))
    shown = len([text for text in found if text.startswith(("PSH", "ACK"))])
    assert int(packets.split()[0]) + int(acks.split()[0]) + shown + 6 == 126
    assert "  (20 messages left out)" in repr(draw.side_by_side(many(30))).split("\n")


def test_a_body_up_to_the_end_of_the_connection() -> None:
    run = Wire().open().client(10, GET).server(50, b"HTTP/1.1 200 OK\r\n\r\nall of it")
    run.server(90, b"", flags="FA").ack(95, "client").client(120, b"", flags="FA").ack(130, "server")
    root = parse(draw.side_by_side(run.tape()).svg)
    packets, messages = arrows(root)
    assert messages[1] == packets[4]
    down = [one for one in strokes(root, "as") if one[0] == one[2] and one[0] > 450 and one[3] - one[1] > 8]
    assert [(one[1], one[3]) for one in down] == [(packets[4][1], packets[5][1])]
    check_layout(parse(draw.side_by_side(run.tape()).svg))


def test_only_the_connection_with_messages_is_drawn() -> None:
    run = Wire().open(0, 50009).client(40, b"no HTTP", 50009).open(50).client(100, GET).server(200, HELLO)
    run.event(60, "client", "other", port=50009).event(70, "client", "mine")
    assert "in 5 packets" in repr(draw.side_by_side(run.tape()))
    assert "other" not in repr(draw.side_by_side(run.tape()))


def test_hostile_bytes_are_text() -> None:
    run = Wire().open().client(10, b"GET /<script>\xe2\x80\xae" + b"x" * 300 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    picture = draw.side_by_side(run.server(60, CHUNKED).tape(), title="<b>\u202e")
    check_layout(parse(picture.svg))
    assert "<script" not in picture.svg
    assert "\u202e" not in picture.svg + repr(picture)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: draw.side_by_side(3), "int 3 has no messages"),  # type: ignore[arg-type]
        (lambda: draw.side_by_side(pool(4, 2)), r"messages in 2 connections.*tape\.connections\[0\]\.packets"),
        (lambda: draw.side_by_side(Wire().open().tape()), "there are no HTTP messages"),
        (lambda: draw.side_by_side(hello(), title=3), "is not text"),  # type: ignore[arg-type]
        (lambda: draw.levels(hello()), r"draw\.side_by_side\(tape\)"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_drawn(call: Callable[[], object], said: str) -> None:
    with pytest.raises(LabError, match=said):
        call()


def test_one_of_several_connections() -> None:
    picture = draw.side_by_side(pool(4, 2).connections[1].packets)
    assert repr(picture).split("\n")[2:6:2] == ["  client → server  GET /1", "  client → server  GET /3"]
