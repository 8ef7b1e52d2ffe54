"""The ladder: what it says, that nothing overlaps, and how it copes with long, crowded and hostile tapes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from benchmarks.ladder import tape_of
from labkit import draw
from labkit.core.errors import LabError
from labkit.draw import ladder_frame, ladder_model, ladder_text, ladder_time, marks, style
from labkit.packets import Tape, recorded
from labkit.packets.capture_file import Recording
from labkit.packets.model import SocketEvent, Verdict
from tests.draw.fakes import CLIENT, MS, SERVER, FakePacket, FakeTape, Script, greeting
from tests.draw.markup import SVG, boxes, check_layout, parse, strokes, texts
from tests.draw.test_verdicts import lost_syns
from tests.packets.oracle import CASES

DATA = Path(__file__).parents[2] / "data"

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
    assert "ac dash" in classes
    assert "ar" not in classes  # the colour of what is lost
    assert marks.bar(0, 0).count("v14") == 2
    bars = [stroke for stroke in strokes(root, "ac") if stroke[0] == stroke[2] and abs(stroke[3] - stroke[1]) == 14]
    assert len(bars) == 4  # two strokes on the arrow, two in the legend


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


def test_whose_time_the_events_have_is_said_in_the_first_ladder_that_has_some() -> None:
    said = "events: when the program was told; the kernel may act before or after"
    draw.set_large(False)  # a lesson begins
    assert said not in texts(parse(draw.ladder(greeting(), events=False).svg))
    assert said in texts(parse(draw.ladder(greeting()).svg))
    assert said not in texts(parse(draw.ladder(greeting()).svg))
    draw.set_large(False)
    assert said in texts(parse(draw.ladder(greeting()).svg))


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
    assert [text for text in texts(parse(picture.svg)) if text in ("no time", "0", "9.00 s")] == [
        "0", "no time", "9.00 s",
    ]  # fmt: skip
    assert not [text for text in texts(parse(picture.svg)) if "later" in text or "nothing is sent" in text]
    assert "gap" not in repr(picture)
    assert repr(picture).splitlines()[2].endswith("no time")


class TestTimes:
    @staticmethod
    def told(*ns: int) -> list[str]:
        packets = [FakePacket(number, at, "client", "ACK", number, 1) for number, at in enumerate(ns, 1)]
        rungs = ladder_model.read(FakeTape(packets), limit=None).items
        return list(ladder_time.clocks(rungs, ns[0]).values())

    @pytest.mark.parametrize(
        ("ns", "said"),
        [
            ((0, 18_000), ["0", "0.018"]),
            ((0, 5_263_000, 14_738_000), ["0", "5.26", "14.7"]),
            ((0, 15_403_000, 15_431_000, 15_456_000), ["0", "15.40", "15.43", "15.46"]),
            ((0, 71_138_000, 121_349_000), ["0", "71.1", "121"]),
            ((0, 1_022_882_000), ["0", "1.02 s"]),
            ((0, 1_022_882_000, 1_022_900_000), ["0", "1.022882 s", "1.022900 s"]),
            ((0, 12_345_000_000), ["0", "12.35 s"]),
            ((0, -10_000_000_000, -10_000_019_000), ["0", "-10.0000 s", "-10.0000 s"]),  # more would leave the picture
        ],
    )
    def test_three_digits_or_as_many_as_tell_two_apart(self, ns: tuple[int, ...], said: list[str]) -> None:
        assert self.told(*ns) == said

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.integers(0, 3 * 10**9), min_size=2, max_size=20))
    def test_times_keep_their_order(self, times: list[int]) -> None:
        times.sort()
        values = [
            float(text.removesuffix(" s")) * (1000 if text.endswith("s") else 1) for text in self.told(*times)
        ]
        assert values == sorted(values)
        for value, at in zip(values, times, strict=True):
            assert abs(value - (at - times[0]) / 1e6) <= max(0.005 * value, 0.0006)


class TestFolds:
    def test_handshake_and_end_are_one_row_each_and_whole_in_the_twin(self) -> None:
        picture = draw.ladder(greeting(), fold=True)
        root = parse(picture.svg)
        check_layout(root)
        assert {"3 packets: handshake", "3 packets: end"} <= set(texts(root))
        assert sum("seq=" in text for text in texts(root)) == 6
        lines = repr(picture).splitlines()
        assert lines[1:5] == ["     (packets 1-3: handshake)", *GREETING.splitlines()[1:4]]
        assert lines[-9:-5] == ["     (packets 10-12: end)", *GREETING.splitlines()[-8:-5]]
        assert [line for line in lines if not line.startswith("     (packets")] == GREETING.splitlines()

    def test_a_handshake_to_which_something_happened_is_not_folded(self) -> None:
        assert "handshake" not in repr(draw.ladder(lost_syns(), fold=True))

    def test_an_end_with_data_in_it_is_not_folded(self) -> None:
        run = Script().open().send(100, "client", "FIN, ACK").send(110, "server", "PSH, ACK", b"x")
        assert "end)" not in repr(draw.ladder(run.send(120, "client", "ACK").tape(), fold=True))

    def test_only_data_folds_runs_and_leaves_out_what_carries_nothing(self) -> None:
        run = Script().open()
        for number in range(12):
            run.send(100 + 20 * number, "server", "ACK", bytes(1000))
            if number % 2:
                run.send(110 + 20 * number, "client", "ACK")
        run.send(1000, "client", "PSH, ACK", b"thanks").send(1100, "client", "FIN, ACK").send(1200, "server", "ACK")
        picture = draw.ladder(run.tape(), only="data")
        root = parse(picture.svg)
        check_layout(root)
        assert "12 segments and 6 ACKs  12,000 bytes" in texts(root)
        assert "5 packets without data or a note not drawn" in texts(root)
        lines = repr(picture).splitlines()
        assert lines[1] == "  (packets without data or a note are not shown)"
        assert len([line for line in lines if "1,000 bytes" in line]) == 12
        assert not [line for line in lines if line.split("  ")[-1].startswith("seq") and "bytes" not in line]

    def test_a_run_ends_at_what_has_a_note_or_a_verdict(self) -> None:
        run = Script().open()
        for number in range(9):
            run.send(100 + number, "client", "ACK", b"abc", verdict=Verdict("dropped") if number == 4 else None)
        drawn = texts(parse(draw.ladder(run.tape(), only="data").svg))
        assert [text for text in drawn if "segments" in text] == ["4 segments  12 bytes"] * 2
        assert "dropped on the wire · “abc”" in drawn

    def test_a_long_run_is_one_line_of_the_twin(self) -> None:
        run = Script().open()
        for number in range(5000):
            run.send(100 + number * 20, "server", "ACK", bytes(1460)).send(110 + number * 20, "client", "ACK")
        picture = draw.ladder(run.tape(), only="data")
        assert "     (packets 1-5000, server to client: 7,300,000 bytes of payload)" in repr(picture).splitlines()
        assert "left out" not in repr(picture)
        check_layout(parse(picture.svg))

    def test_the_lost_segment_of_01d_fits_700_px(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(style.Session, "told", True)  # it is not the first ladder of its lesson
        tape = Tape.load(DATA / "01d-tcp-loss" / "lost-segment.pcapng")
        picture = draw.ladder(tape, only="data", fold=True, round_trip=(6, 21))
        root = parse(picture.svg)
        check_layout(root)
        assert float(root.get("height", "0")) <= 700
        drawn = texts(root)
        assert [text.split("  ")[0] for text in drawn if text.startswith("duplicate")] == [
            "duplicate ACK 1", "duplicate ACK 2", "duplicate ACK 3", "duplicate ACKs 4 to 6",
        ]  # fmt: skip
        assert "fast retransmit" in drawn
        assert any(re.fullmatch(r"one round trip: 1\d(\.\d+)? ms", text) for text in drawn)
        assert "  one round trip: packets 6 to 21" in repr(picture).splitlines()

    def test_what_it_cannot_be_limited_to_is_refused(self) -> None:
        with pytest.raises(LabError, match=r'only=str .acks. .* Give only="data"'):
            draw.ladder(greeting(), only="acks")

    @pytest.mark.parametrize("name", [path.stem for path in sorted(DATA.rglob("*.pcapng"))])
    def test_every_form_of_every_recording_is_laid_out(self, name: str) -> None:
        tape = Tape.load(next(DATA.rglob(f"{name}.pcapng")))
        for fold, only, compact in product((False, True), (None, "data"), (False, True)):
            root = parse(draw.ladder(tape, fold=fold, only=only, compact=compact).svg)
            check_layout(root)


class TestRoundTrip:
    def test_from_one_packet_to_the_next_of_the_same_side(self) -> None:
        tape = greeting()
        drawn = texts(parse(draw.ladder(tape, round_trip=(6, 8)).svg))
        assert "one round trip: 41.2 ms" in drawn
        assert draw.ladder(tape, round_trip=(tape.packets[5], tape.packets[7])).text == draw.ladder(
            tape, round_trip=(6, 8)
        ).text  # fmt: skip

    def test_an_answer_ends_it_when_it_arrives(self) -> None:
        run = Script().send(0, "client", "SYN")
        run.send(5000, "server", "SYN, ACK", verdict=Verdict("delayed", "by 5 ms", (10_100_000,)))
        assert "one round trip: 10.1 ms" in texts(parse(draw.ladder(run.tape(), round_trip=(1, 2)).svg))

    @pytest.mark.parametrize(
        ("pair", "said"),
        [
            (3, "no pair of packets"),
            ((1,), "no pair of packets"),
            (("a", "b"), "no pair of packets"),
            ((1, 99), "does not show packet 99"),
            ((4, 2), "packet 2 comes before packet 4"),
        ],
    )
    def test_what_is_no_round_trip_is_refused(self, pair: object, said: str) -> None:
        with pytest.raises(LabError, match=said):
            draw.ladder(greeting(), round_trip=pair)  # type: ignore[arg-type]


class TestSlope:
    """Arrows between two hosts fall as far as the way takes; between programs of one host they do not."""

    @staticmethod
    def falls(tape: FakeTape) -> list[float]:
        drawn = strokes(parse(draw.ladder(tape).svg), "ac", "as")
        arrows = sorted((y1, y2) for x1, y1, x2, y2 in drawn if abs(x2 - x1) > 300)
        return [below - above for above, below in arrows]

    def wire(self, *packets: tuple[float, str, str, bytes]) -> FakeTape:
        run = Script()
        for at_us, sender, flags, payload in packets:
            run.send(at_us, sender, flags, payload)
        for packet in run.packets:
            packet.client, packet.server = ("10.0.0.1", 40000), ("10.0.0.2", 8124)
        return run.tape()

    def test_a_round_trip_is_a_v(self) -> None:
        tape = self.wire((0, "client", "SYN", b""), (5200, "server", "SYN, ACK", b""), (10_500, "client", "ACK", b""))
        assert self.falls(tape) == [style.SLOPE_WIRE] * 3
        for packet in tape.packets:
            packet.client, packet.server = CLIENT, SERVER
        assert self.falls(FakeTape(tape.packets)) == [style.SLOPE] * 3

    def test_packets_that_are_on_their_way_together_are_drawn_flat(self) -> None:
        opening = ((0, "client", "SYN", b""), (5200, "server", "SYN, ACK", b""))
        burst = ((11_000, "client", "ACK", b"a" * 90), (11_010, "client", "ACK", b"b" * 90))
        tape = self.wire(*opening, *burst, (16_300, "server", "ACK", b""))
        assert self.falls(tape) == [style.SLOPE_WIRE] * 2 + [style.SLOPE] * 2 + [style.SLOPE_WIRE]

    def test_a_way_that_takes_no_time_is_drawn_flat(self) -> None:
        tape = self.wire((0, "client", "SYN", b""), (90, "server", "SYN, ACK", b""), (190, "client", "ACK", b""))
        assert self.falls(tape) == [style.SLOPE] * 3


class TestNobody:
    @staticmethod
    def ends(tape: Tape | FakeTape) -> list[str]:
        return [text for text in texts(parse(draw.ladder(tape).svg)) if text in ("client", "server", "nobody listens")]

    def test_a_port_on_which_nobody_listens(self) -> None:
        refused = Script().send(0, "client", "SYN").send(10, "server", "RST, ACK")
        assert self.ends(refused.tape()) == ["client", "nobody listens"]
        assert self.ends(Tape.load(DATA / "02b-udp-network" / "nobody.pcapng")) == ["client", "nobody listens"]
        assert self.ends(Tape.load(DATA / "02a-udp" / "after-close.pcapng")) == ["client", "nobody listens"]

    def test_a_server_that_is_there(self) -> None:
        assert self.ends(greeting()) == ["client", "server"]
        assert self.ends(Script().send(0, "client", "SYN").tape()) == ["client", "server"]  # silence says nothing
        there = Script().event(5, "server", "connection").send(0, "client", "SYN").send(10, "server", "RST, ACK")
        assert self.ends(there.tape()) == ["client", "server"]
        part = Script().send(0, "client", "PSH, ACK", b"x").send(10, "server", "RST, ACK")
        assert self.ends(part.tape()) == ["client", "server"]
        assert self.ends(Tape.load(DATA / "02b-udp-network" / "who-is-reached.pcapng")) == ["client", "server"]


class TestEvents:
    def test_the_close_of_a_server_is_told_from_that_of_its_connection(self) -> None:
        run = Script().open().event(200, "server", "close").event(300, "server", "close", None, "call", None)
        picture = draw.ladder(run.event(310, "server", "close", port=None).tape())
        assert {"close", "server close()", "server close"} <= set(texts(parse(picture.svg)))
        assert "  server events: close, server close" in repr(picture)
        assert "  server calls: server close" in repr(picture)

    @pytest.mark.parametrize(("later_us", "below"), [(15, True), (5000, False)])
    def test_a_socket_closes_below_the_fin_that_closed_it(self, later_us: int, below: bool) -> None:
        run = Script().open().event(500, "client", "end").event(510, "client", "close")
        run.send(510 + later_us, "client", "FIN, ACK")
        found = {box[4].strip(): box[1] for box in boxes(parse(draw.ladder(run.tape()).svg))}
        fin = next(top for text, top in found.items() if text.startswith("FIN"))
        assert (found["close"] > fin) == below
        assert found["end"] < fin

    def test_colour_is_the_sender_however_many_conversations(self) -> None:
        root = parse(draw.ladder(lost_syn()).svg)
        used = {node.get("class", "").split()[0] for node in root.iter(f"{SVG}path")}
        assert not {kind for kind in used if re.fullmatch(r"a\d", kind)}
        assert {"ac", "as"} <= used


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize(
    "name", ["00-start-here/first", "01a-tcp-connection/greeting", "01c-tcp-stream/five-writes", "02d-crafting/by-hand"]
)
def test_the_ladders_of_the_lessons_are_at_most_800_px_high(name: str, fold: bool) -> None:
    draw.set_large(False)  # with the line that tells whose time the events have
    tape = Tape.load(DATA / f"{name}.pcapng")
    root = parse(draw.ladder(tape, fold=fold).svg)
    check_layout(root)
    assert int(root.get("height", "0")) <= 800


# The ladders of the lessons; what a student's own tape may need is not bounded.
ON_A_PROJECTOR = (
    "00-start-here/first", "01a-tcp-connection/greeting", "01b-tcp-endings/server-closes", "01b-tcp-endings/half-close",
    "01b-tcp-endings/firewall", "01b-tcp-endings/time-wait", "01b-tcp-endings/reset", "01c-tcp-stream/five-writes",
    "02a-udp/three-peers", "02b-udp-network/bad-wire", "02d-crafting/by-hand", "02d-crafting/forged",
)  # fmt: skip


@pytest.mark.parametrize("name", ON_A_PROJECTOR)
def test_on_a_projector_the_ladders_of_the_lessons_are_at_most_800_px_high(name: str) -> None:
    root = parse(draw.ladder(Tape.load(DATA / f"{name}.pcapng"), compact=True).svg)
    check_layout(root)
    assert int(root.get("height", "0")) <= style.HIGH
    assert smallest_type(root) >= 14  # px: no smaller than the text of a page in its usual size


def smallest_type(root: ET.Element) -> float:
    """The size of the smallest letters in a picture, in px of a picture that is 900 px wide."""
    scale = float(root.get("width", "0")) / float(root.get("viewBox", "").split()[2])
    return scale * min(style.TYPES[node.get("class", "").split()[0]].size for node in root.iter(f"{SVG}text"))


class TestCompact:
    def test_it_is_large_and_has_no_foot_and_no_acks_of_data(self) -> None:
        assert smallest_type(parse(draw.ladder(Script().open().tape(), compact=True).svg)) / 3 >= 7
        picture = draw.ladder(greeting(), compact=True)
        root = parse(picture.svg)
        check_layout(root)
        drawn = texts(root)
        assert not [text for text in drawn if "seq=" in text or "socket emitted" in text]
        assert drawn.count("ACK") == 2  # one ends the handshake, one acknowledges the FIN
        assert "3 ACKs of data not drawn" in drawn
        assert picture.text == draw.ladder(greeting(), compact=False).text  # the twin is whole

    @pytest.mark.parametrize(("acks", "drawn"), [(None, 2), (True, 5), (False, 0)])
    def test_acks_are_drawn_as_asked(self, acks: bool | None, drawn: int) -> None:
        assert texts(parse(draw.ladder(greeting(), compact=True, acks=acks).svg)).count("ACK") == drawn

    def test_the_ack_of_a_fin_is_drawn_if_the_other_side_still_sends(self) -> None:
        run = Script().open().send(100, "client", "FIN, ACK").send(110, "server", "ACK")
        run.send(200, "server", "PSH, ACK", b"more").send(210, "client", "ACK")
        run.send(300, "server", "FIN, ACK").send(310, "client", "ACK")
        assert texts(parse(draw.ladder(run.tape(), compact=True).svg)).count("ACK") == 3

    def test_a_lesson_for_a_projector_makes_it_the_default(self) -> None:
        try:
            draw.set_large(True)
            assert draw.ladder(greeting()).svg == draw.ladder(greeting(), compact=True).svg
            assert draw.ladder(greeting(), compact=False).svg != draw.ladder(greeting()).svg
        finally:
            draw.set_large(False)
        assert draw.ladder(greeting()).svg != draw.ladder(greeting(), compact=True).svg


def test_a_lesson_begun_large_draws_large_ladders() -> None:
    before = recorded.current_lesson()
    try:
        labkit.lesson("01a-tcp-connection", large=True)
        assert draw.ladder(greeting()).svg == draw.ladder(greeting(), compact=True).svg
        labkit.lesson("01a-tcp-connection")
        assert draw.ladder(greeting()).svg != draw.ladder(greeting(), compact=True).svg
    finally:
        draw.set_large(False)
        recorded.set_lesson(before)


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("live from lo (AF_PACKET ring)", "live"),
        ("live from this notebook's own network (AF_PACKET ring), 2 frames lost", "live, 2 frames lost"),
        ("recorded from data/a/b.pcapng", "recorded"),
        ("recorded from a.pcap, not whole: it ends in packet 3", "recorded, not whole: it ends in packet 3"),
        ("live from lo (AF_PACKET ring), cut short by KeyboardInterrupt", "live, cut short by KeyboardInterrupt"),
        ("made by hand", "made by hand"),
    ],
)
def test_the_foot_says_in_a_word_where_the_tape_comes_from(origin: str, said: str) -> None:
    assert ladder_frame.origin(origin) == said


def test_filler_is_no_text() -> None:
    run = Script().open().send(100, "client", "ACK", b"1" * 1460).send(200, "client", "ACK", b"1" * 9)
    drawn = texts(parse(draw.ladder(run.tape()).svg))
    assert [text for text in drawn if "111" in text] == ["“111111111”"]
    assert "ACK  seq=1 ack=1  1,460 bytes" in drawn
