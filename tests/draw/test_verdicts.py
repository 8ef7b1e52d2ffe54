"""What a wire did to a packet, in the ladder and in its text: each mark where it belongs, and none on a text.

Rule: marks are found by their strokes in the finished SVG, never by asking the code that drew them.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import draw
from labkit.draw import style
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.model import VERDICTS, Verdict
from tests.draw.fakes import MS, FakeTape, Script
from tests.draw.markup import boxes, check_layout, parse, strokes, texts
from tests.packets import made

CLIENT, SERVER = style.LADDER_CLIENT, style.LADDER_SERVER
MIDDLE = (CLIENT + SERVER) / 2
BODIES = ("ac", "as", "ar", *(f"a{number}" for number in range(style.HUES)))


def one(verdict: Verdict | None, sender: str = "client", flags: str = "PSH, ACK", payload: bytes = b"hi") -> FakeTape:
    """A tape of one packet."""
    return Script().send(0, sender, flags, payload, verdict=verdict).tape()


def ladder(tape: FakeTape) -> ElementTree.Element:
    """Its picture, read back and checked: no text on another, no mark on a text."""
    root = parse(draw.ladder(tape).svg)
    check_layout(root)
    check_marks(root)
    return root


def foot(root: ElementTree.Element) -> float:
    """Where the ladder ends and the legend begins."""
    return max(y for _, _, _, y in strokes(root, "life"))


def check_marks(root: ElementTree.Element) -> None:
    """No arrow and no mark lies on a text."""
    lines = strokes(root, *BODIES)
    for left, top, right, bottom, text in boxes(root):
        for x1, y1, x2, y2 in lines:
            if max(x1, x2) <= left or min(x1, x2) >= right:
                continue
            # The stroke within the columns of the text; above or below it there is a px at least.
            ends = [y1 + (y2 - y1) * (at - x1) / (x2 - x1) for at in (left, right)] if x1 != x2 else [y1, y2]
            low, high = max(min(ends), min(y1, y2)), min(max(ends), max(y1, y2))
            assert high <= top or low >= bottom, f"a stroke lies on {text!r}"


def arrows(root: ElementTree.Element) -> tuple[float, float]:
    """The least and the greatest x that a stroke of an arrow reaches, above the legend."""
    found = [stroke for stroke in strokes(root, *BODIES) if stroke[1] < foot(root)]
    return min(min(x1, x2) for x1, _, x2, _ in found), max(max(x1, x2) for x1, _, x2, _ in found)


def tips(root: ElementTree.Element) -> list[tuple[float, float]]:
    """Where the heads of the arrows are: (x, y) of each, above the legend."""
    # A head is the only thing that has an upright stroke of 8 px: its base, in the middle of which it points.
    return [
        (x1, y1 + 4) for x1, y1, x2, y2 in strokes(root, *BODIES) if x1 == x2 and abs(y2 - y1) == 8 and y1 < foot(root)
    ]


def sent(root: ElementTree.Element, sender: str) -> list[tuple[float, float]]:
    """Where the arrows of one side begin: (y, x) of each, above the legend."""
    x = CLIENT + 2 if sender == "client" else SERVER - 2
    return [(y1, x1) for x1, y1, _, _ in strokes(root, *BODIES) if x1 == x and y1 < foot(root)]


@pytest.mark.parametrize("sender", ["client", "server"])
@pytest.mark.parametrize("flags", ["SYN", "PSH, ACK", "RST"])
class TestMarks:
    def test_a_dropped_packet_does_not_reach_the_other_lifeline(self, sender: str, flags: str) -> None:
        root = ladder(one(Verdict("dropped"), sender, flags))
        left, right = arrows(root)
        if sender == "client":
            assert left == CLIENT + 2
            assert right == MIDDLE + 6  # half the width of the cross
        else:
            assert left == MIDDLE - 6
            assert right == SERVER - 2
        assert tips(root) == []
        cross = [stroke for stroke in strokes(root, "ar") if abs(stroke[2] - stroke[0]) == 12]
        assert len([stroke for stroke in cross if stroke[1] < foot(root)]) == 2
        whole = ladder(one(None, sender, flags))
        assert arrows(whole) == (CLIENT + (3 if sender == "server" else 2), SERVER - (3 if sender == "client" else 2))
        assert len(tips(whole)) == 1

    def test_a_corrupted_one_arrives_with_a_zigzag_in_its_middle(self, sender: str, flags: str) -> None:
        root = ladder(one(Verdict("corrupted", "one bit of byte 60"), sender, flags))
        assert len(tips(root)) == 1
        zigzag = [
            stroke for stroke in strokes(root, "ar") if abs(stroke[3] - stroke[1]) == 8 and stroke[0] != stroke[2]
        ]
        inside = [stroke for stroke in zigzag if stroke[1] < foot(root) and abs(stroke[0] - MIDDLE) < 12]
        assert len(inside) == 3
        # Where the zigzag is, the line is not: the mark can be told without its colour.
        through = [
            stroke
            for stroke in strokes(root, *BODIES)
            if stroke[1] < foot(root) and min(stroke[0], stroke[2]) < MIDDLE < max(stroke[0], stroke[2])
        ]
        assert all(stroke in strokes(root, "ar") and abs(stroke[2] - stroke[0]) == 6 for stroke in through)

    def test_a_duplicated_one_arrives_twice(self, sender: str, flags: str) -> None:
        root = ladder(one(Verdict("duplicated"), sender, flags))
        (x1, y1), (x2, y2) = tips(root)
        assert x1 == x2 == (SERVER - 12 if sender == "client" else CLIENT + 12)
        assert y2 - y1 == style.FORK

    @pytest.mark.parametrize("kind", ["delayed", "reordered"])
    def test_a_late_one_that_was_not_seen_to_arrive_has_the_arrow_of_any_other(
        self, sender: str, flags: str, kind: str
    ) -> None:
        root, whole = ladder(one(Verdict(kind), sender, flags)), ladder(one(None, sender, flags))
        assert arrows(root) == arrows(whole)
        assert len(tips(root)) == 1

    @pytest.mark.parametrize("kind", ["delayed", "reordered"])
    def test_a_late_one_arrives_below_those_that_came_before_it(self, sender: str, flags: str, kind: str) -> None:
        """Sent first, it waits at the other lifeline while the second passes; the third comes after it."""
        run = Script().send(0, sender, flags, b"first", verdict=Verdict(kind, "", (2 * MS,)))
        run.send(1000, sender, flags, b"second").send(3000, sender, flags, b"third")
        root = ladder(run.tape())
        side = SERVER if sender == "client" else CLIENT
        heads = [(round(x), y) for x, y in tips(root)]
        assert {x for x, _ in heads} == {side - 12 if sender == "client" else side + 12}
        starts = sorted(y for y, _ in sent(root, sender))
        second, first, third = sorted(y for _, y in heads)
        assert len(starts) == 3
        assert starts[1] < second < first < starts[2] < third
        (wait,) = [
            (top, bottom) for x, top, below, bottom in strokes(root, *BODIES)
            if x == below and abs(x - side) == style.WAIT + 3 and bottom < foot(root)
        ]  # fmt: skip
        assert starts[0] < wait[0] < starts[1]
        assert wait[1] == first


LATE = (10 * MS, 50 * MS)


@pytest.mark.parametrize(
    ("verdict", "note", "twin"),
    [
        (Verdict("dropped"), "dropped on the wire", "dropped on the wire"),
        (Verdict("dropped", "by chance"), "dropped on the wire, by chance", "dropped on the wire (by chance)"),
        (
            Verdict("corrupted", "one bit of byte 60", (9 * MS,)),
            "corrupted on the wire, one bit of byte 60",
            "corrupted on the wire (one bit of byte 60)",
        ),
        (Verdict("duplicated"), "duplicated on the wire", "duplicated on the wire"),
        (
            Verdict("duplicated", "", LATE),
            "duplicated on the wire, arrived after 10 ms and 50 ms",
            "duplicated on the wire",
        ),
        (Verdict("delayed", "by 50 ms"), "delayed by 50 ms", "delayed on the wire (by 50 ms)"),
        (
            Verdict("delayed", "by 50 ms", (51 * MS,)),
            "delayed by 50 ms, arrived after 51 ms",
            "delayed on the wire (by 50 ms)",
        ),
        (Verdict("delayed"), "delayed on the wire", "delayed on the wire"),
        (Verdict("reordered"), "reordered on the wire", "reordered on the wire"),
        (Verdict("reordered", "", (10 * MS,)), "reordered on the wire, arrived after 10 ms", "reordered on the wire"),
    ],
)
def test_what_is_said(verdict: Verdict, note: str, twin: str) -> None:
    picture = draw.ladder(one(verdict, payload=b""))
    drawn = texts(ladder(one(verdict, payload=b"")))
    assert note in drawn or note in " ".join(drawn)  # in one line or two
    assert picture.text.split("\n")[1] == f"  1  client → server  PSH, ACK  seq=0 ack=0  {twin}"
    assert picture.alt == picture.text


def test_each_mark_that_occurs_is_explained() -> None:
    def signs(*kinds: str) -> list[str]:
        run = Script()
        for kind in kinds:
            run.send(0, "client", "ACK", verdict=Verdict(kind))
        return [text for text in texts(ladder(run.tape())) if "on the wire: " in text]

    said = {
        "dropped": "dropped on the wire: never arrives",
        "corrupted": "corrupted on the wire: arrives changed",
        "duplicated": "duplicated on the wire: arrives twice",
    }
    for kind, words in said.items():
        assert signs(kind) == [words]
    assert signs("delayed", "reordered") == []
    late = Script().send(0, "client", "ACK", verdict=Verdict("reordered", "", (1,))).tape()
    assert [text for text in texts(ladder(late)) if "on the wire: " in text] == [
        "reordered or delayed on the wire: arrives later"
    ]
    assert signs(*VERDICTS) == list(said.values())


def test_a_reset_that_was_dropped_does_not_explain_a_mark_it_has_not() -> None:
    said = "reset: connection torn down at once"
    assert said not in texts(ladder(one(Verdict("dropped"), flags="RST")))
    assert said in texts(ladder(one(Verdict("corrupted"), flags="RST")))


def lost_syns() -> FakeTape:
    """A SYN that is dropped twice; the third arrives."""
    run = Script().send(0, "client", "SYN", verdict=Verdict("dropped"))
    run.send(1_020_000, "client", "SYN", seq=0, verdict=Verdict("dropped")).send(3_060_000, "client", "SYN", seq=0)
    return run.send(3_060_100, "server", "SYN, ACK").send(3_060_150, "client", "ACK").tape()


def test_a_dropped_syn_is_sent_again_after_1_s_and_2_s() -> None:
    assert (
        draw.ladder(lost_syns()).text
        == """\
Ladder of 5 packets, client ↔ server:8124
  1  client → server  SYN       seq=0  dropped on the wire
     (gap of 1 s or more)
  2  client → server  SYN       seq=0  retransmission  dropped on the wire
     (gap of 2 s or more)
  3  client → server  SYN       seq=0  retransmission
  4  client ← server  SYN, ACK  seq=0 ack=1
  5  client → server  ACK       seq=1 ack=1
tape: live from lo (AF_PACKET ring)"""
    )
    drawn = texts(ladder(lost_syns()))
    assert "retransmission, dropped on the wire" in drawn
    assert "2.04 s, nothing is sent" in drawn


def test_the_twin_tells_no_time_of_arrival() -> None:
    def run(scale: float) -> str:
        arrivals = (int(20 * MS * scale), int(70 * MS * scale))
        return draw.ladder(one(Verdict("duplicated", "", arrivals))).text

    assert run(1) == run(1.7)


def test_a_long_note_takes_two_lines() -> None:
    run = Script().send(0, "client", "PSH, ACK", b"first\r\n")
    run.send(1, "client", "PSH, ACK", b"first\r\n", seq=0, verdict=Verdict("corrupted", "one bit of byte 1400"))
    root = ladder(run.send(2, "server", "ACK").tape())
    place = next(at for at, text in enumerate(texts(root)) if text.startswith("retransmission, corrupted on"))
    first, second = texts(root)[place : place + 2]
    assert f"{first} {second}" == "retransmission, corrupted on the wire, one bit of byte 1400 · “first\\r\\n”"


def test_the_part_left_out_says_what_was_done_in_it() -> None:
    run = Script().open()
    for number in range(40):
        run.send(100 + number, "client", "ACK", b"x", verdict=Verdict(VERDICTS[number % 2]) if number < 30 else None)
    lines = draw.ladder(run.tape(), limit=8).text.split("\n")
    assert lines[7] == (
        "     (35 packets left out, 7 to 41: 35 bytes of payload, 13 dropped, 14 corrupted on the wire)"
    )
    root = ladder(run.tape())
    assert sum("dropped on the wire · “x”" in text for text in texts(root)) == 15


def test_verdicts_close_in_time_do_not_overlap() -> None:
    run = Script().open().open(40, 52816)
    for number in range(3):
        for kind in VERDICTS:
            for port in (52814, 52816):
                for sender in ("client", "server"):
                    verdict = Verdict(kind, "x" * 70 * number, (10**9,))
                    run.send(100, sender, "FIN, PSH, ACK", b"abc", port=port, verdict=verdict)
                    run.event(100, sender, "data", 3, port=port)
    ladder(run.tape())


def test_one_that_waits_through_a_stall_is_drawn_past_it() -> None:
    """Of two that wait at the same side each has its own line, and what they cause comes below."""
    run = Script().send(0, "client", "PSH, ACK", b"one", verdict=Verdict("delayed", "by 400 ms", (400 * MS,)))
    run.send(1, "client", "PSH, ACK", b"two", verdict=Verdict("delayed", "by 300 ms", (300 * MS,)))
    run.event(400_001, "server", "data", 3)
    root = ladder(run.tape())
    waits = {x1: y2 for x1, y1, x2, y2 in strokes(root, "ac") if x1 == x2 and y2 - y1 > style.STALL}
    assert sorted(waits) == [SERVER - style.WAIT - 6, SERVER - style.WAIT - 3]
    assert waits[SERVER - style.WAIT - 6] < waits[SERVER - style.WAIT - 3]
    assert {"300 ms later", "100 ms later"} <= set(texts(root))


def test_a_tape_with_verdicts_is_drawn_alike_before_and_after_it_was_saved(tmp_path: Path) -> None:
    ends = {"src": "10.0.0.2", "dst": "10.0.0.1"}
    frames = [
        made.ethernet(made.ipv4(made.tcp())),
        made.ethernet(made.ipv4(made.tcp())),
        made.ethernet(made.ipv4(made.tcp(sport=8124, dport=40000, flags=0x12, ack=1001, seq=7), **ends)),
    ]
    verdicts = {0: Verdict("dropped"), 2: Verdict("delayed", "by 50 ms", (1_070 * MS,))}
    tape = Tape(Recording([(at * 1000 * MS, each, 1, 0, 54) for at, each in enumerate(frames)], verdicts=verdicts))
    assert draw.ladder(tape).text.split("\n")[1:] == [
        "  1  client → server  SYN       seq=0  dropped on the wire",
        "     (gap of 1 s or more)",
        "  2  client → server  SYN       seq=0  retransmission",
        "     (gap of 1 s or more)",
        "  3  client ← server  SYN, ACK  seq=0 ack=1  delayed on the wire (by 50 ms)",
    ]
    saved = draw.ladder(Tape.load(tape.save(tmp_path / "wire.pcapng")))
    assert saved.text.split("\n")[:-1] == draw.ladder(tape).text.split("\n")
    part = draw.ladder(tape[2:]).text.split("\n")
    assert part[1] == "  3  client ← server  SYN, ACK  seq=0 ack=1  delayed on the wire (by 50 ms)"


DETAILS = st.text(st.characters(), max_size=200).filter(str.isprintable) | st.sampled_from(
    ["<script>alert(1)</script>", "]]>", '"/><script>', "&amp;", "e" + "\u0301" * 40, "您" * 200, "x" * 200]
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_verdicts_give_a_readable_picture(data: st.DataObject) -> None:
    run = Script()
    times = st.integers(0, 10**7)
    for at_us in sorted(data.draw(st.lists(times, min_size=1, max_size=20))):
        arrivals = tuple(data.draw(st.lists(st.integers(0, (1 << 64) - 1), max_size=3)))
        verdict = st.none() | st.builds(Verdict, st.sampled_from(VERDICTS), DETAILS, st.just(arrivals))
        run.send(
            at_us,
            data.draw(st.sampled_from(["client", "server"])),
            data.draw(st.sampled_from(["SYN", "SYN, ACK", "ACK", "PSH, ACK", "RST", ""])),
            data.draw(st.binary(max_size=60)),
            data.draw(st.sampled_from([52814, 52816])),
            data.draw(st.none() | st.integers(0, 3)),
            data.draw(verdict),
        )
    for number in range(data.draw(st.integers(0, 5))):
        run.event(data.draw(times), "client" if number % 2 else "server", "data", 9)
    picture = draw.ladder(run.tape(), limit=data.draw(st.sampled_from([None, 1, 5])))
    root = parse(picture.svg)
    check_layout(root)
    check_marks(root)
    assert all(char.isprintable() for line in picture.text.split("\n") for char in line)
