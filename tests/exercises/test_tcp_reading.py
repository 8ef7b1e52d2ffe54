"""The exercises that read packets: typical wrong answers, and tapes of every kind."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from labkit import packets
from labkit.core.errors import LabError
from labkit.exercises import Outcome
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp import flags, order, sample
from labkit.exercises.tcp.reading import FLAGS
from labkit.packets.capture_file import Recording


class TestSample:
    def test_every_checksum_is_right(self) -> None:
        for packet in sample.conversation():
            segment = packet.raw[34:]
            assert sample.checksum(packet.raw[14:34]) == 0
            assert sample.checksum(sample.pseudo_header(len(segment)) + segment) == 0

    def test_is_one_whole_connection(self) -> None:
        tape = sample.conversation()
        assert [packet.flag_letters for packet in tape] == ["S", "SA", "A", "PA", "A", "FA", "FA", "A"]
        assert [packet.seq for packet in tape] == [0, 0, 1, 1, 1, 1, 10, 2]
        assert [packet.ack for packet in tape] == [0, 1, 1, 1, 10, 10, 2, 11]
        assert tape[3].payload.decode() == "您好！"

    def test_says_that_it_was_made(self) -> None:
        assert sample.conversation().origin == "made by labkit's own code, never on a wire"
        assert not sample.conversation().live

    @pytest.mark.parametrize(("data", "expected"), [
        (bytes.fromhex("0001f203f4f5f6f7"), 0xDDF2 ^ 0xFFFF), (b"", 0xFFFF), (b"\x01", 0xFEFF),
    ])  # fmt: skip
    def test_checksum_rfc_1071_section_3(self, data: bytes, expected: int) -> None:
        assert sample.checksum(data) == expected


class TestFlags:
    @pytest.mark.parametrize("answer", [
        {"SYN", "ACK"}, ["ACK", "SYN"], ("syn", "ack"), "SYN, ACK", "ack+syn", {"S", "A"}, "SA", "s, a", ["SA"],
    ])
    def test_ways_to_write_it(self, answer: object) -> None:
        assert flags.check(answer).correct

    @pytest.mark.parametrize(("answer", "step", "message"), [
        ({"SYN"}, 2, "several flags can be set at once"),
        ({"SYN", "ACK", "PSH"}, 2, "A bit of 0 means"),
        ({"SYN", "ACK", "FIN"}, 2, "A bit of 0 means"),
        ({"ACK"}, 3, "Only two flags take a number"),
        ({"XYZ"}, 1, "TCP has no such flag"),
        ({"S"}, 2, "several flags can be set at once"),
        ({"S", "X"}, 1, "or their first letters"),
        ({3}, 1, "TCP has no such flag"),
    ])  # fmt: skip
    def test_wrong_answers(self, answer: object, step: int, message: str) -> None:
        result = flags.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert result.step.startswith(f"step {step} of 3")
        assert message in result.why

    def test_the_covered_bit_is_not_shown(self) -> None:
        assert " AE   CWR  ECE  URG  ACK  PSH  RST  SYN  FIN\n" in repr(flags)
        assert "  0    0    0    0    1    0    0    ?    0\n" in repr(flags)
        assert "first   server → client  seq=0 ack=1  0 bytes\n" in repr(flags)

    def test_shows_the_nine_flags_of_the_header_picture(self) -> None:
        layer = sample.conversation()[1]["TCP"]
        nine = [each for each in layer["tcp.flags"].children if each.bits == 1]
        assert [each.name.removeprefix("tcp.flags.").upper() for each in nine] == [
            {"PSH": "PUSH", "RST": "RESET"}.get(flag, flag) for flag in FLAGS
        ]
        assert "Of its nine flag bits, one is covered" in repr(flags)
        assert "AE not set" in flags.check({"AE", "SYN", "ACK"}).expected

    def test_markup_in_an_answer_is_text(self) -> None:
        html = flags.check({"<script>alert(1)</script>"})._repr_html_()
        assert "<script" not in html.lower()
        assert "&lt;script&gt;" in html.lower()


class TestOrder:
    def test_exactly_one_order_is_possible(self) -> None:
        right = []
        for letters in permutations("ABCDEF"):
            try:
                order.examine(letters, Run())
            except NotYet:
                continue
            right.append(list(letters))
        assert right == [order.reference]

    @pytest.mark.parametrize("answer", ["DBFAEC", "d b f a e c", ["D", "B", "F", "A", "E", "C"], tuple("DBFAEC")])
    def test_ways_to_write_it(self, answer: object) -> None:
        assert order.check(answer).correct

    @pytest.mark.parametrize(("answer", "expected", "seen"), [
        ("BDFAEC", "a SYN without ACK in first place", "B in first place (SYN, ACK)"),
        ("DFBAEC", "an ack only of what the server has sent before", "acknowledges the server's SYN before"),
        ("DBFEAC", "an ack only of what the server has sent before", "ack=10 acknowledges the server's byte 9"),
        ("DBAFEC", "a client's ACK of the server's SYN before", "the handshake is not finished"),
        ("DBFACE", "numbers of the client that do not go back", "another packet of the client, with a lower seq"),
        ("DBEFAC", "an ack only of what the server has sent before", "E in third place"),
        ("DBF", "each letter once", "no A, no C, no E"),
        ("DBFAED", "each letter once", "D more than once, no C"),
        ("DBFAEX", "letters from A to F", "'X'"),
        (["SYN", "ACK"], "letters from A to F", "'SYN'"),
    ])  # fmt: skip
    def test_wrong_answers(self, answer: object, expected: str, seen: str) -> None:
        result = order.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert result.expected.startswith(expected)
        assert seen in result.seen

    def test_says_how_far_it_can_be_right(self) -> None:
        assert "Up to there the order can be right: D, B, F.\n" in order.check("DBFEAC").why

    def test_the_first_place_is_told(self) -> None:
        assert "Another packet must come first.\n" in order.check("BDFEAC").why

    def test_promises_order_only_where_nothing_is_lost(self) -> None:
        assert "Nothing was lost" in repr(order)
        assert "As long as nothing is lost, a sender's numbers never go back; TCP puts bytes in order" in order.praise
        assert "as nothing was lost" in order.check("DBFACE").expected


class TestTapes:
    def test_a_tape_of_ones_own(self, tmp_path: Path) -> None:
        tape = packets.Tape.load(sample.conversation().save(tmp_path / "mine.pcapng"))
        assert flags.use(tape) is flags
        assert "tape: recorded from" in repr(flags)
        assert flags.check({"SYN", "ACK"}).correct
        assert order.use(tape).check(order.reference).correct
        assert "tape: made by" in repr(flags.use(None))

    def test_only_the_last_line_tells_where_it_is_from(self, tmp_path: Path) -> None:
        made = repr(order)
        tape = packets.Tape.load(sample.conversation().save(tmp_path / "mine.pcapng"))
        differing = [line for line in repr(order.use(tape)).split("\n") if line not in made.split("\n")]
        assert len(differing) == 1
        assert differing[0].startswith("tape: "), "tests/nbval.cfg sets lines aside that start so"
        assert "\ntape: made by" in made
        assert "\ntape: made by" in order.use(None)._repr_markdown_()

    def test_the_name_of_a_file_is_no_markup(self, tmp_path: Path) -> None:
        tape = packets.Tape.load(sample.conversation().save(tmp_path / "<img src=x onerror=alert(1)>`*.pcapng"))
        assert "<img" in tape.origin
        assert "<" not in flags.use(tape)._repr_markdown_().split("<style>")[0]
        assert "tape: recorded from ?img src?x onerror?alert(1)???.pcapng" in repr(flags)

    def test_the_recording_of_the_lesson_comes_first(self, tmp_path: Path) -> None:
        lesson, name = sample.RECORDING
        sample.conversation().save(tmp_path / "data" / lesson / f"{name}.pcapng")
        assert "tape: recorded from data/01a-tcp-connection/greeting.pcapng" in repr(flags)

    def test_a_damaged_recording_is_left_aside(self, tmp_path: Path) -> None:
        path = tmp_path / "data" / sample.RECORDING[0] / f"{sample.RECORDING[1]}.pcapng"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"no capture")
        assert "tape: made by" in repr(flags)

    def test_a_recording_without_what_is_needed_is_left_aside(self, tmp_path: Path) -> None:
        sample.conversation()[:1].save(tmp_path / "data" / sample.RECORDING[0] / f"{sample.RECORDING[1]}.pcapng")
        assert "tape: made by" in repr(flags)

    def test_a_tape_without_handshake_is_refused_at_once(self) -> None:
        with pytest.raises(LabError, match=r"this tape has no SYN, ACK with a reply to it\. Capture"):
            flags.use(sample.conversation()[3:])
        with pytest.raises(LabError, match="this tape has no connection with a whole handshake"):
            order.use(sample.conversation()[:4])
        assert "tape: made by" in repr(order)

    def test_a_retransmission_leaves_order_to_another_connection(self) -> None:
        tape = sample.conversation()
        repeated = packets.Tape(_recording([0, 1, 2, 3, 3, 4, 5, 6, 7]))
        assert len(repeated) == len(tape) + 1
        with pytest.raises(LabError, match="this tape has no connection"):
            order.use(repeated)


def _recording(numbers: list[int]) -> Recording:
    tape = sample.conversation()
    return Recording([(n, tape[n].raw, 1, 0, len(tape[n].raw)) for n in numbers], ports=(sample.SERVER,))
