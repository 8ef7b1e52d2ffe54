"""What TCP's packets mean: each note by a conversation that brings it about, and all of them beside tshark's analysis.

Rule: if we differ from tshark, the reason is written in `REASONS`, and the rule that finds the case is checked too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit import net
from labkit.core.errors import BadCapture
from labkit.packets import Tape
from labkit.packets.frames import ACK, FIN, PSH, RST, SYN
from labkit.packets.notes import Follower
from labkit.packets.packet import Packet
from tests.lab.wires import connect, listen, live_wire
from tests.packets.oracle import CASES, all_cases, case_name, told

DATA = Path(__file__).parents[2] / "data"
MS = 1_000_000


class Talk:
    """A connection with relative numbers, open: what is sent gives its note."""

    def __init__(self, rtt_ms: float = 10) -> None:
        self.follower = Follower()
        self.at = 0
        assert self.send(SYN, seq=0, ack=0) == ""
        assert self.send(SYN | ACK, seq=0, ack=1, server=True, after=rtt_ms) == ""
        assert self.send(ACK, seq=1, ack=1) == ""

    def send(
        self, flags: int = ACK, *, seq: int, ack: int = 1, size: int = 0, server: bool = False, after: float = 0,
        window: int = 500, sack: tuple[tuple[int, int], ...] = (),
    ) -> str:  # fmt: skip
        self.at += int(after * MS)
        return self.follower.note(not server, self.at, seq, ack, flags, size, window, sack)


class TestLoss:
    def test_three_duplicate_acks_and_a_fast_retransmit(self) -> None:
        talk = Talk()
        assert [talk.send(seq=1 + 1000 * number, size=1000) for number in range(5)] == [""] * 5
        assert talk.send(seq=1, ack=1001, server=True, after=10) == ""
        for number in (1, 2, 3):
            assert talk.send(seq=1, ack=1001, server=True) == f"duplicate ACK {number}"
        assert talk.send(seq=1001, size=1000, after=5) == "fast retransmit"
        assert talk.send(seq=1, ack=5001, server=True, after=5) == ""
        assert talk.send(seq=1, ack=5001, server=True, after=5) == "duplicate ACK 1"  # it counts anew

    def test_a_window_that_changes_makes_it_an_update_unless_there_are_blocks(self) -> None:
        talk = Talk()
        talk.send(seq=1, size=1000)
        talk.send(seq=1, ack=1001, server=True)
        assert talk.send(seq=1, ack=1001, server=True, window=600) == "window update"
        assert talk.send(seq=1, ack=1001, server=True, window=700, sack=((2001, 3001),)) == "duplicate ACK 1"

    def test_one_duplicate_is_not_enough(self) -> None:
        talk = Talk()
        talk.send(seq=1, size=1000)
        talk.send(seq=1001, size=1000)
        talk.send(seq=1, ack=1, server=True)
        assert talk.send(seq=1, size=1000, after=5) == "retransmission"

    def test_a_timer_repeats_long_after_the_last_ack(self) -> None:
        talk = Talk()
        for number in range(3):
            talk.send(seq=1 + 1000 * number, size=1000)
        for _ in range(3):
            talk.send(seq=1, ack=1, server=True)
        assert talk.send(seq=1, size=1000, after=200) == "retransmission"

    def test_what_was_acknowledged_is_repeated_for_nothing(self) -> None:
        talk = Talk()
        talk.send(seq=1, size=1000)
        talk.send(seq=1, ack=1001, server=True, after=10)
        assert talk.send(seq=1, size=1000, after=200) == "spurious retransmission"

    @pytest.mark.parametrize("flags", [SYN, FIN | ACK])
    def test_syn_and_fin_are_repeated_too(self, flags: int) -> None:
        talk = Talk()
        seq = 0 if flags & SYN else 1
        if not flags & SYN:
            assert talk.send(flags, seq=seq) == ""
        assert talk.send(flags, seq=seq, after=1000) == "retransmission"

    def test_two_segments_sent_again_as_one(self) -> None:
        talk = Talk()
        talk.send(seq=1, size=1000)
        talk.send(seq=1001, size=1000)
        assert talk.send(seq=1, size=2000, after=200) == "retransmission"


class TestGaps:
    def test_a_segment_that_is_missing_and_one_that_comes_late(self) -> None:
        talk = Talk()
        assert talk.send(seq=1001, size=1000) == "earlier segment not captured"
        assert talk.send(seq=1, size=1000, after=1) == "out of order"
        assert talk.send(seq=1, size=1000, after=1) == "retransmission"  # now it was seen
        assert talk.send(seq=2001, size=1000) == ""

    def test_one_that_comes_later_than_a_round_trip_was_sent_again(self) -> None:
        talk = Talk(rtt_ms=10)
        talk.send(seq=1001, size=1000)
        assert talk.send(seq=1, size=1000, after=11) == "retransmission"

    def test_half_of_a_gap(self) -> None:
        talk = Talk()
        talk.send(seq=2001, size=1000)
        assert talk.send(seq=1, size=1000) == "out of order"
        assert talk.send(seq=1001, size=1000) == "out of order"
        assert talk.send(seq=1, size=2000) == "retransmission"


class TestWindow:
    def test_closed_probed_and_open_again(self) -> None:
        talk = Talk()
        talk.send(seq=1, size=1000)
        assert talk.send(seq=1, ack=1001, server=True, window=0) == "zero window"
        for _ in range(2):
            assert talk.send(seq=1000, after=200) == "window probe"  # as Linux probes: a number before, no byte
            assert talk.send(seq=1, ack=1001, server=True, window=0) == "probe ACK"
        assert talk.send(seq=1, ack=1001, server=True, window=500) == "window update"
        assert talk.send(seq=1001, size=1000) == ""

    def test_a_probe_with_a_new_byte(self) -> None:
        talk = Talk()
        talk.send(seq=1, size=1000)
        talk.send(seq=1, ack=1001, server=True, window=0)
        assert talk.send(seq=1001, size=1, after=200) == "window probe"
        assert talk.send(seq=1, ack=1001, server=True, window=0) == "probe ACK"
        assert talk.send(seq=1001, size=1, after=200) == "window probe"
        assert talk.send(seq=1, ack=1002, server=True, window=500) == ""
        assert talk.send(seq=1002, size=1000) == ""  # the byte was taken: nothing is missing

    def test_a_reset_says_nothing_of_its_window(self) -> None:
        assert Talk().send(RST | ACK, seq=1, server=True, window=0) == ""


class TestKeepAlive:
    @pytest.mark.parametrize("size", [0, 1])
    def test_a_keep_alive_and_its_answer(self, size: int) -> None:
        talk = Talk()
        talk.send(PSH | ACK, seq=1, size=5)
        talk.send(seq=1, ack=6, server=True)
        assert talk.send(seq=5, size=size, after=1000) == "keep-alive"
        assert talk.send(seq=1, ack=6, server=True) == "keep-alive ACK"
        talk.send(PSH | ACK, seq=6, size=5)
        talk.send(seq=1, ack=11, server=True)
        assert talk.send(seq=1, ack=11, server=True) == "duplicate ACK 1"

    def test_a_byte_that_nobody_has_acknowledged_is_sent_again(self) -> None:
        talk = Talk()
        talk.send(PSH | ACK, seq=1, size=1)
        assert talk.send(PSH | ACK, seq=1, size=1, after=200) == "retransmission"


class TestChallenges:
    def talk(self) -> Talk:
        talk = Talk()
        talk.send(PSH | ACK, seq=1, size=5)
        talk.send(seq=1, ack=6, server=True)
        return talk

    @pytest.mark.parametrize("seq", [7, 1000, 3])
    def test_a_rst_with_another_number_is_asked_about(self, seq: int) -> None:
        talk = self.talk()
        assert talk.send(RST, seq=seq) == ""
        assert talk.send(seq=1, ack=6, server=True) == "challenge ACK"
        assert talk.send(seq=1, ack=6, server=True) == "duplicate ACK 1"

    @pytest.mark.parametrize("seq", [6])
    def test_a_rst_with_the_right_number_is_not(self, seq: int) -> None:
        talk = self.talk()
        talk.send(RST, seq=seq)
        assert talk.send(seq=1, ack=6, server=True) == "duplicate ACK 1"

    def test_the_side_that_sent_the_rst_asks_nothing(self) -> None:
        talk = self.talk()
        talk.send(RST, seq=1000)
        assert talk.send(seq=6, ack=1) == "duplicate ACK 1"


NAMES = {
    "fast_retransmission": "fast retransmit", "spurious_retransmission": "spurious retransmission",
    "out_of_order": "out of order", "retransmission": "retransmission", "keep_alive_ack": "keep-alive ACK",
    "keep_alive": "keep-alive", "zero_window_probe_ack": "probe ACK", "zero_window_probe": "window probe",
    "zero_window": "zero window", "window_update": "window update", "lost_segment": "earlier segment not captured",
}  # fmt: skip
"""Wireshark's ``tcp.analysis.*`` by our names, those first that come before others. It has no other that we have."""

REASONS = {
    "blocks": "An ACK with SACK blocks is a duplicate whatever its window says (RFC 6675 §2); tshark 4.0 calls it a "
    "window update, and counts the duplicates without it.",
    "probe": "Linux probes a closed window with a segment that looks like a keep-alive. The window tells them apart.",
    "seen": "A capture that has the bytes already knows that they are sent again; tshark 4.0 calls them out of order "
    "if they come within a round trip.",
    "byte": "A single byte that was never acknowledged cannot keep anything alive: it is sent again.",
    "new": "A SYN-ACK with another number is a new answer, from which on its side counts. tshark sees a gap.",
    "ack 0": "tshark takes the number 0 for none; a raw acknowledgment number may be 0.",
    "link": "We read no packets on this type of link.",
    "forged": "A RST with a number that the receiver does not expect is ignored (RFC 9293 §3.10.7.4), so it moves "
    "nothing. tshark lets it move the number that comes next.",
    "challenge": "An ACK that answers such a RST is a challenge ACK (RFC 5961 §3); tshark calls it a duplicate.",
    "late": "What ACKs caused follows within a long way plus a busy machine; tshark's 20 ms are from LANs.",
}


def reason(tape: Tape, packet: Packet, theirs: str) -> str:
    """Why our note of this packet is another than tshark's, a key of `REASONS`; "" if there is no reason."""
    ours = packet.note
    before = [each for each in tape if each.number < packet.number and {each.src, each.dst} == {packet.src, packet.dst}]
    same = [each for each in before if each.src == packet.src]
    other = [each for each in before if each.src == packet.dst]
    blocks = packet.sack or any(each.sack and each.ack == packet.ack for each in same)
    if blocks and ours.startswith("duplicate ACK") and theirs.startswith(("window update", "duplicate ACK")):
        return "blocks"
    if (theirs, ours) == ("keep-alive", "window probe") and other[-1].window == 0:
        return "probe"
    if (theirs, ours) == ("zero window", "probe ACK") and other[-1].note == "window probe":
        return "probe"
    if (theirs, ours) == ("out of order", "retransmission"):
        return "seen" if any(each.raw_seq == packet.raw_seq and each.length >= packet.length for each in same) else ""
    if (theirs, ours) == ("retransmission", "fast retransmit") and other[-1].note.startswith("duplicate ACK"):
        return "late"
    if (theirs, ours) == ("keep-alive", "retransmission") and packet.length == 1:
        return "byte"
    if theirs == "earlier segment not captured" and not ours and packet.ack in (1, 60001):
        return "new" if sum(each.flags == "SYN, ACK" for each in tape) > 1 else ""
    if theirs == "earlier segment not captured" and not ours and same and same[-1].flags == "RST":
        return "forged" if same[-1].seq != packet.seq else ""
    if theirs.startswith("duplicate ACK") and ours == "challenge ACK":
        return "challenge" if other and other[-1].flags == "RST" else ""
    if theirs.startswith("duplicate ACK") and not ours and packet.raw_ack == 0:
        return "ack 0"
    if packet.protocol != "TCP":
        return "link"
    return ""


def analysed(path: Path) -> list[str]:
    """What tshark says of each packet, by our names."""
    rows = told(path, "tcp.analysis.duplicate_ack_num", *(f"tcp.analysis.{name}" for name in NAMES))
    found = []
    for duplicate, *flags in rows:
        first = next((name for name, is_set in zip(NAMES.values(), flags, strict=True) if is_set), "")
        found.append(f"duplicate ACK {duplicate}" if duplicate else first)
    return found


def differences(path: Path) -> Iterator[tuple[Packet, str, str]]:
    """(packet, tshark's note, the reason) of each packet of a file of which tshark says something else."""
    tape = Tape.load(path)
    theirs = analysed(path)
    assert len(theirs) == len(tape)
    for packet, note in zip(tape, theirs, strict=True):
        if note != packet.note:
            yield packet, note, reason(tape, packet, note)


def with_tcp(paths: Iterable[Path]) -> list[Path]:
    """Those of these captures that can be read and have connections."""
    found = []
    for path in paths:
        try:
            tape = Tape.load(path)
        except BadCapture:
            continue
        # tshark lists two custom blocks of one file as records, so that its rows do not fit together with our packets.
        if tape.connections and path.name != "ng_nrb_isb_custom.pcapng":
            found.append(path)
    return found


RECORDED = with_tcp(sorted(DATA.rglob("*.pcapng")))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recordings_mean_what_tshark_says(path: Path) -> None:
    assert [each for each in differences(path) if not each[2]] == []


@pytest.mark.parametrize("path", with_tcp(all_cases()), ids=case_name)
def test_cases_mean_what_tshark_says(path: Path) -> None:
    assert [each for each in differences(path) if not each[2]] == []


RULES = {
    "lost by chance": lambda wire: wire.lose(0.15, seed=3),
    "lost by chance in one direction": lambda wire: wire.lose(0.2, seed=5, sender="server"),
    "one lost": lambda wire: wire.drop(sender="client", payload=True, nth=5),
    "a SYN-ACK lost": lambda wire: wire.drop(only="SYN, ACK"),
    "a FIN lost": lambda wire: wire.drop(has="FIN"),
    "overtaken": lambda wire: wire.reorder(sender="client", payload=True, nth=4),
    "twice": lambda wire: wire.duplicate(sender="client", payload=True, nth=3, times=4),
    "damaged": lambda wire: wire.corrupt(sender="client", payload=True, nth=4),
    "late": lambda wire: wire.delay(0.3, sender="client", payload=True, nth=6),
}


@pytest.mark.parametrize("name", RULES)
def test_tapes_of_a_wire_mean_what_tshark_says(name: str, tmp_path: Path) -> None:
    with live_wire(delay=0.002) as wire:
        received: list[bytes] = []
        listen(wire, net.create_server(lambda each: each.on("data", received.append)))
        RULES[name](wire)
        with wire.capture(8124) as tape:
            client = connect(wire)
            client.write(bytes(range(256)) * 120)
            client.end().wait_for("close", 60)
    assert b"".join(received) == bytes(range(256)) * 120
    assert [packet.verdict for packet in tape if packet.verdict is not None]
    path = tape.save(tmp_path / "wire.pcapng")
    assert [each for each in differences(path) if not each[2]] == []


def test_most_notes_are_in_the_files_that_tshark_is_asked_about() -> None:
    """So the comparison is of something."""
    found = {packet.note.rstrip("0123456789 ") for path in RECORDED for packet in Tape.load(path)}
    assert {
        "duplicate ACK", "fast retransmit", "retransmission", "window probe", "probe ACK", "zero window",
        "window update",
    } <= found  # fmt: skip
    assert Tape.load(CASES / "cap2" / "mid_ooo.pcap")[3].note == "spurious retransmission"


def test_a_part_of_a_tape_keeps_what_the_whole_one_knows() -> None:
    tape = Tape.load(DATA / "01d-tcp-loss" / "lost-segment.pcapng")
    assert tape[20].note == "fast retransmit"
    assert tape[20:][0].note == "fast retransmit"
    assert [packet.note for packet in tape.where(verdict="dropped")] == [""]
    assert labkit.packets.Packet((None, b"", 1, 0, 0)).note == ""


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_conversation_gives_notes_and_the_same_ones_whatever_its_first_numbers(data: st.DataObject) -> None:
    segments = data.draw(
        st.lists(
            st.tuples(
                st.booleans(), st.none() | st.integers(0, 10**9), st.integers(0, 20), st.integers(0, 20),
                st.integers(0, 511), st.integers(0, 5), st.integers(0, 3),
            ),
            max_size=25,
        )
    )  # fmt: skip
    client, server = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(0, 2**32 - 1))
    one, two = Follower(), Follower()
    for from_client, at, seq, ack, flags, size, window in segments:
        own, other = (client, server) if from_client else (server, client)
        note = one.note(from_client, at, seq, ack, flags, size, window)
        assert note == two.note(
            from_client, at, (seq + own) % 2**32, (ack + other) % 2**32, flags, size, window
        )
        assert isinstance(note, str)
