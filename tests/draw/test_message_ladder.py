"""One arrow a message: from its first packet to its last, with pipelined and interim ones readable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit import draw
from labkit.core.errors import LabError
from labkit.draw.message_lanes import label
from labkit.draw.text import width
from tests.draw.http_tapes import CONTINUE, GET, HELLO, Wire, hello, pipelined, pool, upload
from tests.draw.markup import boxes, check_layout, check_lines, parse, strokes, texts


def lines(tape: Any, **options: Any) -> list[str]:
    return repr(draw.ladder(tape, of="HTTP", **options)).split("\n")


def test_one_exchange_in_words() -> None:
    assert lines(hello()) == [
        "Ladder of 2 HTTP messages, client ↔ server:1337",
        "  client → server  GET /",
        "  client ← server  200 OK  13 bytes",
        "  client events: connect, data 115, close",
        "  client calls: connect, write 78, end",
        "  server events: connection, request, close",
        "  server calls: write 115",
        "tape: live from lo (AF_PACKET ring)",
    ]


def test_pipelined_answers_say_what_they_answer() -> None:
    assert [line.split("  ")[-1] for line in lines(pipelined())[4:7]] == [
        "1 byte, answers GET /0",
        "1 byte, answers GET /1",
        "1 byte, answers GET /2",
    ]


def test_an_interim_response_comes_before_the_request_is_whole() -> None:
    assert [line.strip() for line in lines(upload())[1:4]] == [
        "client → server  POST /up      11 bytes",
        "client ← server  100 Continue  interim",
        "client ← server  200 OK        11 bytes",
    ]
    root = parse(draw.ladder(upload(), of="HTTP").svg)
    (request,) = [one for one in strokes(root, "ac") if abs(one[2] - one[0]) > 300]
    interim, answer = (one for one in strokes(root, "as") if abs(one[2] - one[0]) > 300)
    assert request[1] < interim[1] < interim[3] < answer[1] < answer[3]
    (down, also_down) = (one for one in strokes(root, "ac", "as") if one[0] == one[2] and abs(one[3] - one[1]) > 8)
    assert down[:2] == request[2:]  # what has arrived of the request waits beside the server
    assert interim[3] < down[3] < answer[1]
    assert also_down[:2] == answer[2:]


def test_an_arrow_takes_the_time_that_the_message_takes() -> None:
    root = parse(draw.ladder(hello(), of="HTTP").svg)
    long = [one for one in strokes(root, "ac", "as") if abs(one[2] - one[0]) > 300]
    assert [round(one[3] - one[1]) for one in long] == [6, 6]


def test_each_message_says_its_packets() -> None:
    found = texts(parse(draw.ladder(upload(), of="HTTP").svg))
    assert "POST /up  11 bytes, packets 4, 8" in found
    assert "100 Continue  interim, packet 6" in found


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("make", [hello, upload, pipelined, pool])
def test_nothing_overlaps(make: Callable[[], Any], compact: bool) -> None:
    root = parse(draw.ladder(make(), of="HTTP", compact=compact).svg)
    check_layout(root)
    check_lines(root, "ac", "as")
    if not compact:
        assert int(root.get("height", "0")) <= 800 or make is pool


def crowded() -> Any:
    """Twenty answers that come in pieces, all at the same time, and requests between the pieces."""
    run = Wire()
    ports = range(50001, 50021)
    asked = b"GET /a/long/target/for/a/label/%d HTTP/1.1\r\nHost: a\r\n\r\n"
    for port in ports:
        run.client(port, asked % port, port)
    for port in ports:
        run.server(1000 + port, b"HTTP/1.1 200 A long phrase as well\r\nContent-Length: 3000\r\n\r\n", port)
    for port in ports:
        run.server(2000 + 10 * port, bytes(1000), port).client(2005 + 10 * port, asked % port, port)
        run.server(2008 + 10 * port, bytes(2000), port)
    return run.tape()


@pytest.mark.parametrize("compact", [False, True])
def test_no_line_runs_through_a_label(compact: bool) -> None:
    root = parse(draw.ladder(crowded(), of="HTTP", compact=compact).svg)
    check_layout(root)
    check_lines(root, "ac", "as")


def test_connections_are_told_apart() -> None:
    said = lines(pool(4, 2))
    assert said[0] == "Ladder of 8 HTTP messages, client ↔ server:1337, 2 connections"
    assert said[1:6] == [
        "connection 1",
        "  client → server  GET /0",
        "  client ← server  200 OK  4 bytes",
        "  client → server  GET /2",
        "  client ← server  200 OK  4 bytes",
    ]


def test_a_long_silence_is_told() -> None:
    run = Wire().open().client(10, GET).server(2_000_010, HELLO)
    assert "  (gap of 2 s or more)" in lines(run.tape())
    assert "2 s later" in texts(parse(draw.ladder(run.tape(), of="HTTP").svg))


def test_of_many_the_middle_is_left_out() -> None:
    run = Wire().open()
    for number in range(60):
        run.client(100 * number, b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number).server(100 * number + 50, HELLO)
    said = lines(run.tape(), limit=8)
    assert len([line for line in said if "GET" in line]) == 4
    assert "  (112 messages left out)" in said
    drawn = texts(parse(draw.ladder(run.tape(), of="HTTP", limit=8).svg))
    assert "112 messages left out, 7 to 118" in drawn
    check_layout(parse(draw.ladder(run.tape(), of="HTTP", limit=8).svg))


def test_a_cut_message_says_so() -> None:
    run = Wire().open().client(10, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n\r\nabc")
    assert "cut: " in lines(run.tape())[1]
    check_layout(parse(draw.ladder(run.tape(), of="HTTP").svg))


def test_hostile_targets_are_text() -> None:
    run = Wire().open().client(10, b"GET /<script>\xe2\x80\xae&" + b"x" * 500 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    picture = draw.ladder(run.tape(), of="HTTP")
    root = parse(picture.svg)
    check_layout(root)
    assert "<script" not in picture.svg
    assert "\u202e" not in picture.svg
    assert [text for text in texts(root) if text.startswith("GET /<script>")]


def test_events_stand_at_their_side_and_time() -> None:
    found = {box[4].strip(): box for box in boxes(parse(draw.ladder(hello(), of="HTTP").svg))}
    request, answer = found["GET /  packet 4"], found["200 OK  13 bytes, packet 6"]
    assert request[1] < found["request · GET /"][1] < answer[3]
    assert lines(hello(), events=False)[3].startswith("tape: ")


def test_a_part_of_a_tape_has_the_messages_that_touch_it() -> None:
    assert lines(upload()[5:7])[0] == "Ladder of 1 HTTP message, client ↔ server:1337"
    assert CONTINUE.startswith(b"HTTP")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: draw.ladder(Wire().open().tape(), of="HTTP"), "there are no HTTP messages on this tape"),
        (lambda: draw.ladder(hello(), of="DNS"), "there are no DNS messages"),
        (lambda: draw.ladder(hello(), of=3), "of=int 3 is not a protocol"),  # type: ignore[arg-type]
        (lambda: draw.ladder(list(hello()), of="HTTP"), "list has no messages"),
        (lambda: draw.ladder(hello(), of="HTTP", fold=True), "draws messages, and acks"),
        (lambda: draw.ladder(hello(), of="HTTP", limit="x"), "limit=str 'x'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_drawn(call: Callable[[], object], said: str) -> None:
    with pytest.raises(LabError, match=said):
        call()


def test_a_label_gives_up_what_says_least() -> None:
    room = width("GET /a", "fl") + width("  13 bytes", "m") + 1
    assert label("GET /a", ["13 bytes", "", "packet 4"], room) == ("GET /a", "  13 bytes")
    assert label("GET /a", ["13 bytes", "packet 4"], 400) == ("GET /a", "  13 bytes, packet 4")
    assert label("GET /a/bc", ["13 bytes"], room) == ("GET /a/bc", "")
    packets = [label("GET /", [f"packet {number}"], 130)[1] for number in (4, 40, 400)]
    assert packets in (["", "", ""], ["  packet 4", "  packet 40", "  packet 400"])
    words, rest = label("GET /a/bc", ["13 bytes", "packet 4"], room, 0.3)
    assert (words[-1], rest) == ("…", "  13 bytes")
    words, rest = label("x" * 99, ["13 bytes"], room)
    assert words.endswith("…")
    assert width(words, "fl") + width(rest, "m") <= room
