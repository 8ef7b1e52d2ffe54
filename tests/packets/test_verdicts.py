"""What a wire did to a frame: kept in the file, shown by Wireshark, found on the tape and in its parts.

Rule: frames are made by hand; what other programs see in the file is asked of tshark.
"""

from __future__ import annotations

import subprocess
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.core.errors import LabError
from labkit.packets import Tape, pcap, pcapng
from labkit.packets.capture_file import Recording
from labkit.packets.model import VERDICTS, Verdict
from tests.needs import need_tool
from tests.packets import made

TIME = 1_700_000_000_000_000_000
DONE = {
    0: Verdict("dropped"),
    1: Verdict("delayed", "by 50 ms", (TIME + 50_000_000,)),
    3: Verdict("corrupted", "one bit of byte 60", (TIME + 4,)),
    4: Verdict("duplicated", "", (TIME + 5, TIME + 6)),
    5: Verdict("reordered", "by “您好”", (TIME + 9,)),
}
WORDS = [
    "dropped on the wire",
    "delayed on the wire (by 50 ms)",
    None,
    "corrupted on the wire (one bit of byte 60)",
    "duplicated on the wire",
    "reordered on the wire (by “您好”)",
]


def recording() -> Recording:
    """A SYN that was lost and sent again, and what followed; the wire touched all but the third frame."""
    frames = [
        made.ethernet(made.ipv4(made.tcp(b"", payload, flags=flags, seq=seq)))
        for flags, seq, payload in (
            (2, 7, b""),
            (2, 7, b""),
            (16, 8, b""),
            (24, 8, b"odd"),
            (24, 11, b"hi"),
            (17, 13, b""),
        )
    ]
    return Recording([(TIME + at, frame, 1, 0, len(frame)) for at, frame in enumerate(frames)], verdicts=DONE)


def comments(path: Path) -> list[str]:
    """The comment of each packet of a file, as tshark reads it."""
    done = subprocess.run(
        [need_tool("tshark"), "-r", str(path), "-T", "fields", "-e", "frame.comment"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode().split("\n")[:-1]


class TestFile:
    def test_a_verdict_survives_a_file(self, tmp_path: Path) -> None:
        tape = Tape.load(Tape(recording()).save(tmp_path / "wire.pcapng"))
        assert [packet.verdict for packet in tape] == [DONE.get(index) for index in range(6)]

    def test_wireshark_shows_it_as_the_packets_comment(self, tmp_path: Path) -> None:
        assert comments(Tape(recording()).save(tmp_path / "wire.pcapng")) == [
            "wire: dropped",
            "wire: delayed, by 50 ms",
            "",
            "wire: corrupted, one bit of byte 60",
            "wire: duplicated",
            "wire: reordered, by “您好”",
        ]

    def test_a_part_is_saved_with_its_own_verdicts(self, tmp_path: Path) -> None:
        tape = Tape(recording())
        saved = Tape.load(tape[3:5].save(tmp_path / "part.pcapng"))
        assert [packet.verdict for packet in saved] == [DONE[3], DONE[4]]
        backwards = Tape.load(tape[::-2].save(tmp_path / "backwards.pcapng"))
        assert [packet.verdict for packet in backwards] == [DONE[5], DONE[3], DONE[1]]
        assert comments(tmp_path / "part.pcapng") == ["wire: corrupted, one bit of byte 60", "wire: duplicated"]
        untouched = tape[2:3].save(tmp_path / "untouched.pcapng")
        assert b"verdicts" not in untouched.read_bytes()

    def test_without_verdicts_a_file_is_what_it_was_before_there_were_any(self) -> None:
        path = Path(__file__).parents[2] / "data" / "01a-tcp-connection" / "greeting.pcapng"
        assert pcapng.encode(pcap.load(path)) == path.read_bytes()

    @given(
        st.dictionaries(
            st.integers(0, 5),
            st.builds(
                Verdict,
                st.sampled_from(VERDICTS),
                st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "), max_size=200),
                st.lists(st.integers(0, (1 << 64) - 1), max_size=4).map(tuple),
            ),
        )
    )
    @settings(max_examples=100, deadline=None)
    def test_round_trip_of_any_verdicts(self, verdicts: dict[int, Verdict]) -> None:
        frames = recording().frames
        kept = pcapng.decode(pcapng.encode(Recording(frames, verdicts=verdicts)))
        assert kept.verdicts == verdicts
        assert kept.frames == frames


class TestVerdict:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (("eaten",), "'eaten' is not what a wire does: dropped, corrupted, duplicated, delayed, reordered"),
            (("dropped", "a\nb"), "200 printable characters"),
            (("dropped", "x" * 201), "200 printable characters"),
            (("delayed", "", (-1,)), "no capture file can hold"),
        ],
    )
    def test_says_what_is_wrong_with_it(self, given: tuple[str], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            Verdict(*given)

    def test_a_recording_without_verdicts_cannot_be_given_one(self) -> None:
        with pytest.raises(TypeError):
            Recording().verdicts[0] = Verdict("dropped")  # type: ignore[index]
        with pytest.raises(FrozenInstanceError):
            Recording().verdicts = {}  # type: ignore[misc]


class TestTape:
    def test_a_packet_says_it(self) -> None:
        tape = Tape(recording())
        assert [packet.verdict.words if packet.verdict else None for packet in tape] == WORDS
        assert repr(tape[0]) == "<Packet 1: TCP client → server SYN seq=0, dropped on the wire>"
        assert repr(tape[2]) == "<Packet 3: TCP client → server ACK seq=1 ack=1>"
        assert repr(tape[3]) == (
            "<Packet 4: TCP client → server PSH, ACK seq=1 ack=1 3 bytes, corrupted on the wire (one bit of byte 60)>"
        )

    @pytest.mark.parametrize(("kind", "number"), list(zip(VERDICTS, (1, 4, 5, 2, 6), strict=True)))
    def test_where(self, kind: str, number: int) -> None:
        tape = Tape(recording())
        assert [packet.number for packet in tape.where(verdict=kind)] == [number]
        assert [packet.number for packet in tape.where(verdict=None)] == [1, 2, 3, 4, 5, 6]
        assert [packet.number for packet in tape[3:].where(verdict=kind)] == [number] * (number > 3)

    def test_conditions_join(self) -> None:
        tape = Tape(recording())
        assert [packet.number for packet in tape.where(only="SYN", verdict="delayed")] == [2]
        assert len(tape.where(only="SYN", verdict="corrupted")) == 0
        assert len(tape.where(payload=True).where(verdict="corrupted")) == 1

    def test_a_verdict_no_wire_gives_is_refused(self) -> None:
        with pytest.raises(LabError, match=r"no wire does 'lost' to a packet\. verdict is one of dropped, corrupted, "):
            Tape(recording()).where(verdict="lost")

    def test_what_arrived_and_in_which_order(self) -> None:
        # 1 dropped, 2 much later, 3 untouched, 4 at +4, 5 twice at +5 and +6, 6 at +9
        assert [packet.number for packet in Tape(recording()).arrived] == [3, 4, 5, 5, 6, 2]
        assert [packet.number for packet in Tape(recording())[2:4].arrived] == [3, 4]

    def test_parts_keep_the_verdicts(self) -> None:
        tape = Tape(recording())
        assert [packet.verdict for packet in tape[3:5]] == [DONE[3], DONE[4]]
        assert [packet.verdict for packet in tape.connections[0].packets] == [DONE.get(index) for index in range(6)]
        assert tape[1:].where(only="SYN")[0].verdict == DONE[1]
