"""The ladder: what it says, that nothing overlaps, and how it copes with long, crowded and hostile tapes."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.ladder import tape_of
from labkit import draw
from labkit.core.errors import LabError
from labkit.draw import ladder_text
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.model import SocketEvent
from tests.draw.fakes import CLIENT, MS, SERVER, FakePacket, FakeTape, Script, greeting
from tests.draw.markup import SVG, boxes, check_layout, parse, texts
from tests.packets.oracle import CASES

GREETING = """\
Ladder of 12 packets, client ↔ server:8124
  1  client → server  SYN       seq=0
  2  client ← server  SYN, ACK  seq=0 ack=1
  3  client → server  ACK       seq=1 ack=1
  4  client ← server  PSH, ACK  seq=1 ack=1  9 bytes
  5  client → server  ACK       seq=1 ack=10
  6  client → server  PSH, ACK  seq=1 ack=10  1 byte
     (gap of 40 ms or more)
  7  client ← server  ACK       seq=10 ack=2
  8  client → server  PSH, ACK  seq=2 ack=10  6 bytes
  9  client ← server  ACK       seq=10 ack=8
 10  client → server  FIN, ACK  seq=8 ack=10
 11  client ← server  FIN, ACK  seq=10 ack=9
 12  client → server  ACK       seq=9 ack=11
  client events: connect, data 9, end, close
  client calls: connect, write 1, write 6, end
  server events: connection, data 7, end, close
  server calls: write 9
tape: live from lo (AF_PACKET ring)"""


def lost_syn() -> FakeTape:
    """A SYN sent twice, 1 s apart, then a second connection, a wait with an event in it, and a reset."""
    run = Script().event(-3000, "server", "listening", port=None)
    run.send(0, "client", "SYN").send(1_020_000, "client", "SYN", seq=0)
    run.send(1_020_022, "server", "SYN, ACK").send(1_020_040, "client", "ACK")
    run.open(1_020_300, 52816).send(1_020_500, "client", "PSH, ACK", b"GET / HTTP/1.1\r\n")
    run.send(1_020_600, "server", "PSH, ACK", bytes(1460), port=52816).event(
        1_020_610, "client", "data", 1460, port=52816
    )
    run.event(1_200_000, "client", "timeout").send(1_520_700, "client", "RST, ACK").event(1_520_800, "server", "error")
    return run.tape("recorded from data/01-tcp/lost.pcapng")


def test_twin_of_one_connection() -> None:
    assert repr(draw.ladder(greeting())) == GREETING


def test_twin_is_the_same_live_and_recorded_but_for_the_origin() -> None:
    live, kept = greeting(), greeting()
    kept.origin = "recorded from data/01-tcp/greeting.pcapng"
    for packet in kept.packets:  # another run: other clock, other port, a little slower
        packet.time_ns = int(packet.time_ns * 1.05) + 10**18
        packet.client = (CLIENT[0], 40404)
    kept.events = tuple(
        SocketEvent(int(event.time_ns * 1.05) + 10**18, event.who, event.name, event.size, event.kind)
        for event in kept.events
    )
    kept.__post_init__()
    assert repr(draw.ladder(live)).splitlines()[:-1] == repr(draw.ladder(kept)).splitlines()[:-1]
    assert repr(draw.ladder(kept)).splitlines()[-1] == "tape: recorded from data/01-tcp/greeting.pcapng"


def test_twin_of_two_connections_tells_one_after_the_other() -> None:
    assert (
        repr(draw.ladder(lost_syn()))
        == """\
Ladder of 10 packets, client ↔ server:8124, 2 connections
connection 1
  1  client → server  SYN       seq=0
     (gap of 1 s or more)
  2  client → server  SYN       seq=0  retransmission
  3  client ← server  SYN, ACK  seq=0 ack=1
  4  client → server  ACK       seq=1 ack=1
  5  client → server  PSH, ACK  seq=1 ack=1  16 bytes
     (gap of 400 ms or more)
  6  client → server  RST, ACK  seq=17 ack=1
  client events: timeout
  server events: error
connection 2
  1  client → server  SYN       seq=0
  2  client ← server  SYN, ACK  seq=0 ack=1
  3  client → server  ACK       seq=1 ack=1
  4  client ← server  PSH, ACK  seq=1 ack=1  1,460 bytes
  client events: data 1460
of no one connection
  server events: listening
tape: recorded from data/01-tcp/lost.pcapng"""
    )


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (33.9, ""),
        (34.1, "40 ms"),
        (41, "40 ms"),
        (84, "40 ms"),
        (86, "100 ms"),
        (205, "200 ms"),
        (800, "400 ms"),
        (851, "1 s"),
        (1020, "1 s"),
        (1840, "1 s"),
        (1860, "2 s"),
        (3060, "3 s"),
        (10_000, "10 s"),
        (-5, ""),
    ],
)
def test_stalls_are_named_in_coarse_steps(ms: float, said: str) -> None:
    assert ladder_text.stall(int(ms * MS), timer=True) == said


@pytest.mark.parametrize(("ms", "said"), [(41, ""), (169, ""), (171, "200 ms"), (1020, "1 s")])
def test_a_stall_that_no_timer_ended_is_named_from_200_ms_on(ms: float, said: str) -> None:
    assert ladder_text.stall(int(ms * MS), timer=False) == said


def test_data_in_a_row_is_one_entry_of_the_twin() -> None:
    tape = greeting()
    data = [event for event in tape.events if event.name == "data"]
    extra = [SocketEvent(event.time_ns + 1, event.who, "data", 5, "event") for event in data]
    before = repr(draw.ladder(tape))
    tape.events = tuple(sorted((*tape.events, *extra), key=lambda event: event.time_ns))
    after = repr(draw.ladder(tape))
    assert before.count("data") == after.count("data")
    assert before != after


def test_stalls_are_drawn_with_their_measured_length() -> None:
    assert "41 ms, nothing is sent" in texts(parse(draw.ladder(greeting()).svg))
    drawn = texts(parse(draw.ladder(lost_syn()).svg))
    assert "1.02 s, nothing is sent" in drawn
    assert "500 ms, nothing is sent" in drawn  # though an event falls into it
    assert "179 ms later" in drawn


def test_retransmission_and_reset_are_marked() -> None:
    root = parse(draw.ladder(lost_syn()).svg)
    assert "retransmission" in texts(root)
    classes = [node.get("class") for node in root.iter(f"{SVG}path")]
    assert "a0 dash" in classes
    assert "ar" in classes


def test_a_repeated_pure_ack_is_no_retransmission() -> None:
    tape = Script().open().send(100, "client", "ACK").send(200, "client", "ACK").tape()
    assert "retransmission" not in repr(draw.ladder(tape))


def test_acks_can_be_left_out() -> None:
    picture = draw.ladder(greeting(), acks=False)
    assert repr(picture).splitlines()[1:4] == [
        "  (segments that only acknowledge are not shown)",
        "  1  client → server  SYN       seq=0",
        "  2  client ← server  SYN, ACK  seq=0 ack=1",
    ]
    assert "5 segments that only acknowledge not drawn" in texts(parse(picture.svg))


def test_events_can_be_left_out() -> None:
    assert "events" not in repr(draw.ladder(greeting(), events=False))


def test_a_long_tape_shows_its_ends_and_says_what_is_missing() -> None:
    run = Script().open()
    for number in range(5000):
        run.send(100 + number * 20, "server", "ACK", bytes(1460)).send(110 + number * 20, "client", "ACK")
    run.event(50_000, "client", "data", 1460)
    picture = draw.ladder(run.tape())
    lines = repr(picture).splitlines()
    assert len([line for line in lines if " seq=" in line]) == 80
    assert "     (9,923 packets left out, 61 to 9,983: 7,243,060 bytes of payload)" in lines
    assert "  (1 socket event in the part left out)" in lines
    root = parse(picture.svg)
    assert sum("seq=" in text for text in texts(root)) == 80
    check_layout(root)


def test_five_hundred_packets_drawn_in_full_keep_within_150_kb() -> None:
    picture = draw.ladder(tape_of(500), limit=None)  # a real Tape
    assert len(picture.svg.encode()) < 150_000
    root = parse(picture.svg)
    assert sum("seq=" in text for text in texts(root)) == 500
    check_layout(root)


def test_a_slice_and_a_list_can_be_drawn() -> None:
    tape = tape_of(12)
    assert repr(draw.ladder(tape[3:5])).splitlines()[1].startswith("  4  client ← server  PSH, ACK  seq=1 ack=1")
    assert "tape:" not in repr(draw.ladder(list(tape)))


def test_an_empty_tape_is_drawn_as_such() -> None:
    picture = draw.ladder(FakeTape([]))
    assert repr(picture) == "Ladder of 0 packets, client ↔ server\ntape: live from lo (AF_PACKET ring)"
    check_layout(parse(picture.svg))


def test_an_empty_tape_says_which_ports_nothing_came_by_on() -> None:
    tape = Tape(Recording([], ports=(5301, 5302)))
    assert repr(draw.ladder(tape)) == "Ladder of 0 packets: none came by on port 5301 or 5302"
    check_layout(parse(draw.ladder(tape).svg))


def test_datagrams_have_no_flags_and_no_numbers() -> None:
    packets = [
        FakePacket(1, 0, "client", "", payload=b"time?", protocol="UDP"),
        FakePacket(2, 900, "server", "", payload=b"now", protocol="UDP"),
    ]
    assert repr(draw.ladder(FakeTape(packets))).splitlines()[1:3] == [
        "  1  client → server  UDP       5 bytes",
        "  2  client ← server  UDP       3 bytes",
    ]


def test_what_is_no_row_of_packets_is_refused() -> None:
    tape = tape_of(4)
    for thing, said in (
        (tape[0], r"a ladder of Packet\. Give a tape, .*; draw\.bits\(packet\) draws one"),
        (FakePacket(1, 0, "client", "SYN"), "a ladder of FakePacket"),
        ("greeting.pcapng", r"a ladder of str 'greeting\.pcapng'\. Give a tape"),
        (3, r"a ladder of int 3\. Give a tape"),
        (None, "a ladder of None"),
        ([1, 2], "a ladder of list"),
        ({1: tape[0]}, "a ladder of dict"),
        (tape[0]["TCP"], "a ladder of Layer"),
        (tape.connections[0], r"a ladder of Connection\. .*connection\.packets"),
        (FakeTape, "a ladder of class FakeTape"),
    ):
        with pytest.raises(LabError, match=said):
            draw.ladder(thing)  # type: ignore[arg-type]
    with pytest.raises(LabError, match="limit=str '5' is no number of packets"):
        draw.ladder(tape, limit="5")  # type: ignore[arg-type]


def test_whose_time_the_events_have_is_said_where_there_are_any() -> None:
    said = "events: when the program was told; the kernel may act before or after"
    assert said in texts(parse(draw.ladder(greeting()).svg))
    assert said not in texts(parse(draw.ladder(greeting(), events=False).svg))


def test_nineteen_packets_with_their_events_fit_a_screen_and_a_half() -> None:
    run = Script().event(-400, "client", "connect", None, "call").open().event(500, "client", "connect")
    for number in range(6):
        at = 800 + number * 600 + 40_000 * (number > 3)
        run.event(at, "client", "write", 4, "call").send(at + 8, "client", "PSH, ACK", b"GET ")
        run.send(at + 14, "server", "ACK").event(at + 200, "server", "data", 4)
    run.event(46_000, "client", "end", None, "call").send(46_010, "client", "FIN, ACK").event(46_100, "server", "end")
    run.event(46_150, "server", "close").send(46_200, "server", "FIN, ACK").send(46_210, "client", "ACK")
    run.send(46_300, "client", "ACK").event(46_350, "client", "close")
    assert len(run.packets) == 19
    root = parse(draw.ladder(run.tape()).svg)
    assert float(root.get("height", "0")) < 1200
    check_layout(root)


@pytest.mark.parametrize("tape", [greeting(), lost_syn()], ids=["one", "two"])
def test_nothing_overlaps(tape: FakeTape) -> None:
    check_layout(parse(draw.ladder(tape).svg))


def test_events_at_one_moment_do_not_overlap() -> None:
    run = Script().open()
    for _ in range(30):
        run.event(20, "client", "data", 9).event(20, "server", "drain")
    check_layout(parse(draw.ladder(run.tape()).svg))


HOSTILE = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "]]>",
        "\0\x1b[31m",
        "\u202e\u2066abc",
        "\ud800",
        "&amp;",
        '"/><script>',
        "e" + "\u0301" * 40,
    ]
)
TIMES = st.integers(-(10**7), 10**10)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_tape_gives_a_readable_picture(data: st.DataObject) -> None:
    packets = []
    for number, time_ns in enumerate(data.draw(st.lists(TIMES | st.none(), max_size=25)), 1):
        packets.append(
            FakePacket(
                number,
                time_ns,
                data.draw(st.sampled_from(["client", "server"])),
                data.draw(st.sampled_from(["SYN", "SYN, ACK", "ACK", "PSH, ACK", "RST", "FIN, PSH, URG, ACK", ""])),
                data.draw(st.integers(0, 2**32 - 1)),
                data.draw(st.integers(0, 2**32 - 1)),
                data.draw(st.binary(max_size=60)),
                (data.draw(HOSTILE), data.draw(st.integers(0, 65535))),
                SERVER,
                data.draw(HOSTILE),
            )
        )
    events = [
        SocketEvent(
            data.draw(TIMES),
            data.draw(st.sampled_from(["client", "server"])),
            data.draw(HOSTILE),
            data.draw(st.none() | st.integers(0, 10**9)),
            data.draw(st.sampled_from(["event", "call"])),
            data.draw(st.none() | st.tuples(HOSTILE, st.integers(0, 65535))),
            None,
            data.draw(HOSTILE),
        )
        for _ in range(data.draw(st.integers(0, 12)))
    ]
    tape = FakeTape(packets, tuple(events), data.draw(HOSTILE))
    picture = draw.ladder(
        tape,
        limit=data.draw(st.sampled_from([None, 1, 5])),
        acks=data.draw(st.booleans()),
        title=data.draw(st.none() | HOSTILE),
    )
    picture.svg.encode()
    repr(picture).encode()
    assert all(char.isprintable() for line in repr(picture).split("\n") for char in line)
    check_layout(parse(picture.svg))


def order_of(tape: FakeTape) -> tuple[list[str], list[str]]:
    """The packets of a tape as the picture has them from top to bottom, and as the twin lists them: "seq=..." each."""
    picture = draw.ladder(tape, limit=None)
    rows = [(box[1], re.search(r"seq=\d+", box[4])) for box in boxes(parse(picture.svg))]
    drawn = [found[0] for _, found in sorted(rows, key=lambda row: row[0]) if found]
    return drawn, re.findall(r"seq=\d+", repr(picture))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.integers(0, 3 * 10**9), min_size=1, max_size=12))
def test_picture_and_twin_keep_the_order_of_the_file(times: list[int | None]) -> None:
    packets = [FakePacket(number, at, "client", "PSH, ACK", number, 1, b"x") for number, at in enumerate(times, 1)]
    events = tuple(SocketEvent(at, "client", "data", 1) for at in times if at is not None)
    expected = [f"seq={number}" for number in range(1, len(times) + 1)]
    assert order_of(FakeTape(packets, events)) == (expected, expected)


def test_a_clock_that_goes_back_is_told_in_both() -> None:
    tape = Tape.load(CASES / "cap2" / "ooo_time.pcap")
    picture = draw.ladder(tape)
    steps = [after.time_ns - before.time_ns for before, after in pairwise(tape)]
    assert min(steps) < 0, "the case is no longer one"
    assert repr(picture).count("the clock goes back") == sum(step <= -200 * MS for step in steps)
    drawn = [text for text in texts(parse(picture.svg)) if "the clock goes back by" in text]
    assert len(drawn) == sum(step <= -10 * MS for step in steps)


def test_a_packet_without_a_time_makes_no_gap() -> None:
    packets = [FakePacket(number, at, "client", "ACK", number, 1) for number, at in enumerate((0, None, 9 * 10**9), 1)]
    picture = draw.ladder(FakeTape(packets))
    assert [text for text in texts(parse(picture.svg)) if text in ("no time", "0.000", "9000.000")] == [
        "0.000", "no time", "9000.000",
    ]  # fmt: skip
    assert not [text for text in texts(parse(picture.svg)) if "later" in text or "nothing is sent" in text]
    assert "gap" not in repr(picture)
    assert repr(picture).splitlines()[2].endswith("no time")
