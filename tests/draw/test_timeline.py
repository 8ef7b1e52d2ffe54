"""Requests over time: which waits for which, how many connections fit, what the text says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from labkit import draw
from labkit.core.errors import LabError
from tests.draw.http_tapes import GET, HELLO, PORT, Wire, hello, pipelined, pool, upload
from tests.draw.markup import SVG, check_layout, parse, texts


def bars(picture: draw.Picture, kind: str) -> list[tuple[float, float, float]]:
    """(left, right, top) of the parts of bars of this kind, without the signs of the legend."""
    found = [node for node in parse(picture.svg).iter(f"{SVG}rect") if node.get("class") == kind]
    found = [node for node in found if (node.get("width"), node.get("height")) not in (("20", "11"), ("20", "5"))]
    places = [tuple(float(node.get(name, "0")) for name in ("x", "width", "y")) for node in found]
    return [(x, x + wide, y) for x, wide, y in places]


def test_the_text_has_order_and_number_and_no_times() -> None:
    assert repr(draw.timeline(pool(5, 2))).split("\n") == [
        "Timeline: 5 requests over 2 connections",
        "  connection 1: /0, /2, /4",
        "  connection 2: /1, /3",
        "tape: live from lo (AF_PACKET ring)",
    ]


def test_words_in_place_of_a_race() -> None:
    said = repr(draw.timeline(pool(5, 2), title="Two sockets", twin="each of the others waits\nfor a free one"))
    assert said.split("\n")[:-1] == [
        "Timeline: Two sockets: 5 requests over 2 connections",
        "  each of the others waits",
        "  for a free one",
    ]


def test_a_bar_is_light_until_the_answer_begins() -> None:
    picture = draw.timeline(pool(3, 1))
    waiting, arriving = bars(picture, "oac"), bars(picture, "as")
    assert len(waiting) == len(arriving) == 3
    for (_, end, _), (begin, last, _) in zip(waiting, arriving, strict=True):
        assert end == pytest.approx(begin, abs=0.2)
        assert last > begin
    light, dark = waiting[0][1] - waiting[0][0], arriving[0][1] - arriving[0][0]
    assert light / dark == pytest.approx(100 / 30, rel=0.05)


def test_one_connection_has_one_row_in_which_requests_wait() -> None:
    waiting = bars(draw.timeline(pool(4, 1)), "oac")
    assert len({top for _, _, top in waiting}) == 1
    assert all(two[0] >= one[1] for one, two in pairwise(waiting))
    assert len({top for _, _, top in bars(draw.timeline(pool(4, 4)), "oac")}) == 4


def test_pipelined_requests_have_lanes() -> None:
    assert len({top for _, _, top in bars(draw.timeline(pipelined()), "oac")}) == 3


def test_no_client_port_is_printed() -> None:
    picture = draw.timeline(pool(4, 2))
    assert str(PORT) not in "".join(texts(parse(picture.svg))) + repr(picture)


@pytest.mark.parametrize(("requests", "sockets"), [(10, 1), (10, 5), (10, 10), (40, 40), (90, 45), (60, 3)])
def test_it_fits_a_screen(requests: int, sockets: int) -> None:
    picture = draw.timeline(pool(requests, sockets))
    root = parse(picture.svg)
    check_layout(root)
    assert int(root.get("height", "0")) <= 800
    rows = [text for text in texts(root) if text.startswith("connection ") and text[11:].isdigit()]
    assert len(rows) == min(sockets, 40)
    assert ("… and 5 more connections" in texts(root)) == (sockets == 45)


def test_the_same_scale() -> None:
    one, other = (bars(draw.timeline(pool(10, many), until_ms=1500), "oac") for many in (10, 1))
    assert one[0][1] - one[0][0] == pytest.approx(other[0][1] - other[0][0], abs=1)


def test_what_was_never_answered() -> None:
    run = Wire().open().client(10, GET).server(90, HELLO).client(200, GET).close(900)
    picture = draw.timeline(run.tape())
    assert "  1 request without a whole answer" in repr(picture)
    assert len(bars(picture, "oac dash")) == 1
    assert "no whole answer" in texts(parse(picture.svg))


def test_an_interim_answer_is_not_the_answer() -> None:
    picture = draw.timeline(upload())
    (light,), (dark,) = bars(picture, "oac"), bars(picture, "as")
    assert light[1] - light[0] > 1.5 * (dark[1] - dark[0])  # 60 ms of 90; the interim one came after 0.2 ms
    assert "connection 1: POST /up" in repr(picture)


def test_hostile_targets_are_text() -> None:
    run = Wire().open().client(10, b"GET /<script>\xe2\x80\xae HTTP/1.1\r\nHost: a\r\n\r\n").server(9000, HELLO)
    picture = draw.timeline(run.tape())
    check_layout(parse(picture.svg))
    assert "<script" not in picture.svg
    assert "\u202e" not in repr(picture)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: draw.timeline(3), "int 3 has no messages"),  # type: ignore[arg-type]
        (lambda: draw.timeline(Wire().open().tape()), "there are no HTTP messages"),
        (lambda: draw.timeline(Wire().open().server(9, HELLO).tape()), "there are no requests"),
        (lambda: draw.timeline(hello(), until_ms="x"), "is not a time"),  # type: ignore[arg-type]
        (lambda: draw.timeline(hello(), until_ms=float("nan")), "is not a time"),
        (lambda: draw.timeline(hello(), twin=3), "is not text"),  # type: ignore[arg-type]
        (lambda: draw.timeline(), "timeline"),  # type: ignore[call-arg]
    ],
)
def test_what_cannot_be_drawn(call: Callable[[], object], said: str) -> None:
    with pytest.raises(LabError, match=said):
        call()


def queued(requests: int = 4) -> draw.Picture:
    """All asked for at once, over one connection, as an agent of ours does it."""
    run = Wire().open()
    for number in range(requests):
        run.event(50 + number, "client", "end", 0, call=True)
    for number in range(requests):
        at = 100 + 1000 * number
        run.client(at, b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number).server(at + 900, HELLO)
    run.event(9000, "client", "end", call=True)  # of the socket
    return draw.timeline(run.tape())


def test_the_wait_for_a_free_connection_is_a_part_of_its_own() -> None:
    picture = queued()
    waits, sent = bars(picture, "oam"), bars(picture, "oac")
    assert len(waits) == 3  # the first one did not wait
    assert [end for _, end, _ in waits] == pytest.approx([left for left, *_ in sent[1:]], abs=0.1)
    assert all(one[0] == pytest.approx(two[0], abs=1) for one, two in pairwise(waits))
    assert len({top for *_, top in sent}) == 4  # waits overlap, so each has a lane
    assert "waiting for a free connection" in texts(parse(picture.svg))
    assert "3 requests waited for a free connection" in picture.alt
    assert "waited" not in repr(picture)
    check_layout(parse(picture.svg))


def test_without_events_there_are_no_waits() -> None:
    picture = draw.timeline(pool(4, 1))
    assert bars(picture, "oam") == []
    assert "waiting for a free connection" not in texts(parse(picture.svg))


def test_the_origin_stands_apart_from_the_legend() -> None:
    root = parse(draw.timeline(hello()).svg)
    places = {"".join(node.itertext()): float(node.get("y", "0")) for node in root.iter(f"{SVG}text")}
    assert places["tape: live"] - places["connection open"] >= 28
