"""The states of both ends of a connection: by RFC 9293's own figures, and from tapes that lack something.

Rule: connections are made by hand, so that each test says what is on the tape and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.courses import Course, courses_of
from labkit.packets.frames import Frame
from labkit.packets.model import Verdict
from labkit.packets.states import ARRIVED, LOST, MIDDLE, SCALE, STATES, WHY, End
from tests.packets import made, oracle
from tests.packets.dialogs import ACK, CLIENT, FIN, PSH, RST, SERVER, SYN, Dialog, talk, tape_of

ROOT = Path(__file__).resolve().parents[2]
MS = 1_000_000
START = 1_700_000_000_000_000_000


def course(tape: Tape) -> Course:
    """The only exchange of a tape."""
    (found,) = courses_of(tape)
    return found


def ends(found: Course, index: int) -> tuple[End, End]:
    """Client and server after the packet at this index."""
    moment = found.moment(index)
    assert moment is not None
    return moment.client, moment.server


def states(tape: Tape) -> list[tuple[str, str]]:
    """The states of client and server after each packet."""
    found = course(tape)
    return [(client.state, server.state) for client, server in (ends(found, at) for at in range(len(found)))]


def with_verdicts(frames: Sequence[bytes], verdicts: dict[int, Verdict]) -> Tape:
    """A tape of a wire: one frame each millisecond."""
    kept = [(START + at * MS, frame, 1, 0, len(frame)) for at, frame in enumerate(frames)]
    return Tape(Recording(kept, verdicts=verdicts))


class TestFigures:
    """The exchanges that RFC 9293 draws."""

    def test_figure_6_three_way_handshake(self) -> None:
        dialog = Dialog()
        dialog.open()
        assert states(dialog.tape()) == [
            ("SYN-SENT", "SYN-RECEIVED"), ("ESTABLISHED", "SYN-RECEIVED"), ("ESTABLISHED", "ESTABLISHED")
        ]  # fmt: skip

    def test_figure_7_both_call_at_the_same_time(self) -> None:
        dialog = Dialog(isn=(100, 300))
        dialog.send("c", SYN)
        dialog.send("s", SYN)
        dialog.send("c", SYN | ACK, seq=100)
        dialog.send("s", SYN | ACK, seq=300)
        assert states(dialog.tape()) == [
            ("SYN-SENT", "LISTEN"),  # before its first packet a tape cannot tell a caller from a listener
            ("SYN-RECEIVED", "SYN-RECEIVED"), ("SYN-RECEIVED", "SYN-RECEIVED"), ("ESTABLISHED", "ESTABLISHED"),
        ]  # fmt: skip

    def test_figure_12_normal_close(self) -> None:
        dialog = Dialog()
        dialog.open()
        dialog.send("c", FIN | ACK)
        dialog.send("s", ACK)
        dialog.send("s", FIN | ACK)
        dialog.send("c", ACK)
        assert states(dialog.tape())[3:] == [
            ("FIN-WAIT-1", "CLOSE-WAIT"), ("FIN-WAIT-2", "CLOSE-WAIT"), ("TIME-WAIT", "LAST-ACK"),
            ("TIME-WAIT", "CLOSED"),
        ]  # fmt: skip

    def test_figure_13_simultaneous_close(self) -> None:
        dialog = Dialog()
        dialog.open()
        crossing = dialog.segment("s", FIN | ACK)
        dialog.next["s"] -= 1  # the client sends before it comes
        dialog.send("c", FIN | ACK)
        dialog.frames.append(crossing)
        dialog.next["s"] += 1
        dialog.send("c", ACK)
        dialog.send("s", ACK)
        assert states(dialog.tape())[3:] == [
            ("FIN-WAIT-1", "ESTABLISHED"), ("CLOSING", "CLOSING"), ("CLOSING", "TIME-WAIT"), ("TIME-WAIT", "TIME-WAIT"),
        ]  # fmt: skip


class TestEnds:
    """Resets, refusals, silence."""

    def test_a_refused_call(self) -> None:
        dialog = Dialog()
        dialog.send("c", SYN)
        dialog.send("s", RST | ACK)
        assert states(dialog.tape()) == [("SYN-SENT", "LISTEN"), ("CLOSED", "CLOSED")]
        assert ends(course(dialog.tape()), 0)[1].assumed  # that somebody listens

    def test_reset_by_the_server(self) -> None:
        tape = talk([("c", b"hello")], reset=True).tape()
        assert states(tape)[-1] == ("CLOSED", "CLOSED")
        client, server = ends(course(tape), len(tape) - 1)
        assert (client.assumed, server.assumed) == (ARRIVED, "")
        assert client.next.value is None

    def test_nobody_answers(self) -> None:
        dialog = Dialog()
        for _ in range(3):
            dialog.send("c", SYN, seq=1000)
        assert set(states(dialog.tape())) == {("SYN-SENT", "LISTEN")}

    def test_a_reset_that_is_not_believed(self) -> None:
        dialog = Dialog()
        dialog.open()
        dialog.frames.append(dialog.segment("s", RST, seq=1))
        dialog.send("c", ACK)  # a challenge ACK
        dialog.say("s", b"still here")
        assert set(states(dialog.tape())[2:]) == {("ESTABLISHED", "ESTABLISHED")}


class TestNumbers:
    """Numbers, windows, buffers."""

    def test_data_and_its_acknowledgment(self) -> None:
        found = course(talk([("c", b"x" * 100)], end=False).tape())
        client, server = ends(found, 3)
        assert (client.next.value, client.acknowledged.value, client.flight.value) == (101, 1, 100)
        assert (server.expects.value, server.room.value) == (101, 64240 - 100)
        client, server = ends(found, 4)
        assert (client.flight.value, client.flight.assumed) == (0, ARRIVED)  # a bare ACK is answered by nothing
        assert server.room.value == 64240

    def test_a_window_is_scaled_if_both_syns_say_so(self) -> None:
        for both, window in ((True, 500 << 7), (False, 500)):
            option = bytes((1, 3, 3, 7))
            dialog = Dialog()
            dialog.frames += [
                segment("c", SYN, 999, 0, option, window=60000), segment("s", SYN | ACK, 4999, 1000, option * both),
                segment("c", ACK, 1000, 5000, window=500), segment("s", ACK, 5000, 1000, window=500),
            ]  # fmt: skip
            client, server = ends(course(dialog.tape()), 3)
            assert (client.window.value, client.window.assumed) == (window, "")
            assert (server.allowed.value, client.allowed.value) == (window, window)

    def test_a_lost_segment_leaves_a_hole(self) -> None:
        dialog = Dialog()
        dialog.open()
        for part in (b"a" * 10, b"b" * 10, b"c" * 10):
            dialog.send("c", PSH | ACK, part)
        dialog.frames.append(segment("s", ACK, 5001, 1011))
        dialog.send("c", PSH | ACK, b"b" * 10, seq=1011)
        dialog.frames.append(segment("s", ACK, 5001, 1031))
        found = course(with_verdicts(dialog.frames, {4: Verdict("dropped")}))
        server = ends(found, 5)[1]
        assert (server.expects.value, server.held.value) == (11, 10)
        server = ends(found, 7)[1]
        assert (server.expects.value, server.held.value) == (31, 0)

    def test_what_was_lost_without_a_verdict_shows_by_the_receivers_own_acks(self) -> None:
        dialog = Dialog()
        dialog.open()
        dialog.send("c", PSH | ACK, b"a" * 10)
        dialog.frames.append(segment("s", ACK, 5001, 1001))  # it has not come
        dialog.send("c", PSH | ACK, b"a" * 10, seq=1001)
        dialog.frames.append(segment("s", ACK, 5001, 1011))
        found = course(dialog.tape())
        assert [ends(found, at)[1].expects for at in (3, 4, 5, 6)] == [
            (1, ""), (1, LOST), (11, ""), (11, ""),
        ]  # fmt: skip

    def test_a_wire_hands_a_packet_on_later(self) -> None:
        dialog = Dialog()
        dialog.open()
        dialog.send("c", PSH | ACK, b"a" * 10)
        dialog.send("c", PSH | ACK, b"b" * 10)
        dialog.send("c", PSH | ACK, b"c" * 10)
        late = Verdict("reordered", "", (START + 4 * MS + MS // 2,))
        found = course(with_verdicts(dialog.frames, {3: late}))
        assert [ends(found, at)[1].expects.value for at in (3, 4, 5)] == [1, 21, 31]

    def test_numbers_go_on_behind_the_last_of_32_bits(self) -> None:
        dialog = Dialog(isn=(2**32 - 5, 2**32 - 3))
        dialog.open()
        dialog.say("c", b"x" * 20, b"y" * 20)
        found = course(dialog.tape())
        client, server = ends(found, len(found) - 1)
        assert (client.next.value, client.flight.value, server.expects.value) == (41, 0, 41)


class TestMiddle:
    """A tape that begins in the middle proves less, and says so."""

    def test_what_is_assumed(self) -> None:
        whole = talk([("c", b"hello"), ("s", b"world")])
        found = course(tape_of(whole.frames[3:]))
        client, server = ends(found, 0)
        assert (client.state, client.assumed, server.state, server.assumed) == (
            "ESTABLISHED", MIDDLE, "ESTABLISHED", MIDDLE,
        )  # fmt: skip
        assert client.window.assumed == SCALE
        assert server.window.value is None
        assert states(found.tape)[-1] == ("TIME-WAIT", "CLOSED") or states(found.tape)[-1][1] == "TIME-WAIT"

    def test_a_part_of_a_tape_knows_what_the_capture_has(self) -> None:
        whole = talk([("c", b"hello")]).tape()
        found = course(whole[4:])
        assert ends(found, 0) == ends(course(whole), 4)

    @pytest.mark.parametrize("cut", range(1, 9))
    def test_wherever_it_begins_nothing_fails(self, cut: int) -> None:
        frames = talk([("c", b"hello"), ("s", b"world")]).frames
        found = course(tape_of(frames[cut:]))
        for at in range(len(found)):
            for end in ends(found, at):
                assert end.assumed in {"", *WHY}


def test_several_exchanges_stand_in_the_order_of_their_first_packets() -> None:
    first, second = talk([("c", b"1")], sport=40001), talk([("c", b"2")], sport=40002)
    mixed = [frame for pair in zip(first.frames, second.frames, strict=True) for frame in pair]
    datagram = made.ethernet(made.ipv4(made.udp(b"hi", sport=41000, dport=5353), protocol=17))
    found = courses_of(tape_of([datagram, *mixed]))
    assert [(each.protocol, each.client[1], len(each)) for each in found] == [
        ("UDP", 41000, 1), ("TCP", 40001, len(first.frames)), ("TCP", 40002, len(second.frames)),
    ]  # fmt: skip
    assert found[0].moment(0) is None


def test_an_empty_tape_has_none() -> None:
    assert list(courses_of(Tape())) == []


def segment(
    who: str, flags: int, seq: int, ack: int, options: bytes = b"", *, window: int = 1000, data: bytes = b""
) -> bytes:
    """A frame of the connection that `Dialog` makes, with everything given."""
    ports = (40000, 8080) if who == "c" else (8080, 40000)
    sides = (CLIENT, SERVER) if who == "c" else (SERVER, CLIENT)
    body = made.tcp(options, data, flags=flags, seq=seq, ack=ack, sport=ports[0], dport=ports[1], window=window)
    return made.ethernet(made.ipv4(body, src=sides[0], dst=sides[1]))


def in_flight(found: Course) -> Iterator[tuple[int, int | None]]:
    """For each packet its number and the bytes that its sender has in flight, counted as Wireshark does.

    It does not count the FIN of this very packet, and does not know that a wire dropped an ACK. None while SACK blocks
    are told: Wireshark takes some of them away, but not always the last ones.
    """
    acked, blocks = {"client": 0, "server": 0}, {"client": False, "server": False}
    for index, packet in enumerate(found.tape):
        other = "server" if packet.sender == "client" else "client"
        mine = ends(found, index)[packet.sender == "server"]
        if mine.next.value is not None and mine.acknowledged.value is not None:
            una = max(mine.acknowledged.value, acked[packet.sender])
            sent = mine.next.value - una - ("FIN" in packet.flags)
            yield packet.number, None if blocks[packet.sender] else sent
        if "ACK" in packet.flags:
            acked[other], blocks[other] = max(acked[other], packet.ack), bool(packet.sack)


def together() -> list[Tape]:
    """All recordings in few tapes, since tshark takes long to start; none has two connections with the same ports."""
    found: list[tuple[set[object], list[Frame], dict[int, Verdict]]] = []
    for path in sorted((ROOT / "data").glob("*/*.pcapng")):
        tape = Tape.load(path)
        recording, ports = tape._shared.recording, {(each.client, each.server) for each in tape.connections}
        free = next((each for each in found if each[0].isdisjoint(ports)), None)
        if free is None:
            free = set(), [], {}
            found.append(free)
        taken, frames, verdicts = free
        taken |= ports
        verdicts |= {len(frames) + at: verdict for at, verdict in recording.verdicts.items()}
        frames += recording.frames
    return [Tape(Recording(frames, verdicts=verdicts)) for _, frames, verdicts in found]


def test_bytes_in_flight_are_tsharks(tmp_path: Path) -> None:
    compared = left_out = 0
    for whole in together():
        theirs = [said for (said,) in oracle.told(whole.save(tmp_path / "all.pcapng"), "tcp.analysis.bytes_in_flight")]
        for found in courses_of(whole):
            for number, ours in in_flight(found) if found.protocol == "TCP" else ():
                if said := theirs[number - 1]:
                    compared += ours is not None
                    left_out += ours is None
                    assert ours is None or (number, ours) == (number, int(said))
    assert compared > 1150
    assert left_out < 50


NUMBERS = st.sampled_from([0, 1, 2, 100, 1460, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1])
SEGMENTS = st.tuples(
    st.sampled_from("cs"), st.integers(0, 63), NUMBERS, NUMBERS, st.sampled_from([b"", b"x", b"x" * 1460]),
    st.sampled_from([b"", bytes((1, 3, 3, 14)), bytes((1, 3, 3, 255)), bytes((3, 3)), bytes((5, 10, *range(8)))]),
    st.sampled_from([0, 1, 65535]), st.sampled_from(["", "dropped", "late", "now"]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(SEGMENTS, max_size=14))
def test_whatever_comes(parts: list[tuple[str, int, int, int, bytes, bytes, int, str]]) -> None:
    frames = [
        segment(who, flags, seq, ack, options, window=window, data=data)
        for who, flags, seq, ack, data, options, window, _ in parts
    ]
    verdicts = {}
    for at, (*_, fate) in enumerate(parts):
        if fate:
            arrivals = () if fate == "dropped" else (START + at * MS + (3 * MS if fate == "late" else 1),)
            verdicts[at] = Verdict("dropped" if fate == "dropped" else "delayed", "", arrivals)
    for found in courses_of(with_verdicts(frames, verdicts)):
        for at in range(len(found)):
            for end in ends(found, at):
                assert end.state in STATES
                assert {end.assumed, *(fact.assumed for fact in end[2:])} <= {"", *WHY}
                sizes = (end.flight, end.allowed, end.window, end.held, end.room)
                assert all(fact.value is None or 0 <= fact.value < 2**33 for fact in sizes)
            found.above(at)
