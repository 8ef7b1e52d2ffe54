"""The exercises on packets made by hand: each known mistake is told by its name.

Rule: nothing is sent; Scapy is the oracle for what a ping looks like.
"""

from __future__ import annotations

import struct
from typing import Any

import pytest

from labkit.exercises import Outcome
from labkit.exercises.building import checksum
from labkit.exercises.crafting import answer_syn, ping, ports, read_note
from labkit.exercises.crafting.layer import read_note as right_note
from labkit.exercises.crafting.ping import ping as right_ping
from labkit.exercises.crafting.syn import answer_syn as right_syn


def _ports(**changed: Any) -> dict[str, Any]:
    return {**ports.reference, **changed}


class TestPorts:
    @pytest.mark.parametrize(("answer", "step", "message"), [
        (_ports(D="closed"), 2, "The RST came from your own kernel"),
        (_ports(C="closed"), 2, "A closed port answers with RST"),
        (_ports(C="open"), 2, "An open port answers with SYN, ACK"),
        (_ports(A="closed"), 2, "only if a program listens"),
        (_ports(B="open"), 2, "This answer refuses it"),
        (_ports(B="silent"), 2, "Something came back"),
        (_ports(E="open"), 3, "no program has the port"),
        (_ports(E="filtered"), 1, "The words are open, closed and silent"),
        ({"A": "open"}, 1, "a word for each letter"),
    ])  # fmt: skip
    def test_wrong_answers(self, answer: object, step: int, message: str) -> None:
        result = ports.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert result.step.startswith(f"step {step} of")
        assert message in result.why

    def test_capitals_and_spaces_do_not_count(self) -> None:
        assert ports.check(_ports(A=" Open", C="SILENT")).correct


class TestAnswerSyn:
    @pytest.mark.parametrize(("wrong", "step", "message"), [
        (lambda syn: {**right_syn(syn), "sport": syn["sport"]}, 2, "The answer goes back"),
        (lambda syn: {**right_syn(syn), "dport": 9}, 2, "the two ports of the SYN"),
        (lambda syn: {**right_syn(syn), "flags": "S"}, 3, "one flag is missing"),
        (lambda syn: {**right_syn(syn), "flags": "A"}, 3, "does not tell the server's own number"),
        (lambda syn: {**right_syn(syn), "flags": 18}, 3, "as Scapy does"),
        (lambda syn: {**right_syn(syn), "flags": "SYN, ACK"}, 3, "one letter for each flag"),
        (lambda syn: {**right_syn(syn), "flags": "SAF"}, 3, "Two flags"),
        (lambda syn: {**right_syn(syn), "seq": syn["seq"]}, 4, "the client's number"),
        (lambda syn: {**right_syn(syn), "seq": 5001}, 4, "exactly this number"),
        (lambda syn: {**right_syn(syn), "ack": syn["seq"]}, 5, "takes one sequence number"),
        (lambda syn: {**right_syn(syn), "ack": 5001}, 5, "acknowledges the client's number"),
        (lambda syn: {**right_syn(syn), "ack": 0}, 5, "another SYN"),
        (lambda syn: {**right_syn(syn), "ack": syn["seq"] + 1}, 6, "modulo 2**32"),
        (lambda syn: {"flags": "SA"}, 1, "all five fields"),
    ])  # fmt: skip
    def test_wrong_answers(self, wrong: object, step: int, message: str) -> None:
        result = answer_syn.check(wrong)
        assert result.outcome is Outcome.NOT_YET
        assert result.step.startswith(f"step {step} of")
        assert message in result.why

    def test_the_order_of_flags_does_not_count(self) -> None:
        assert answer_syn.check(lambda syn: {**right_syn(syn), "flags": "AS"}).correct

    def test_scapy_takes_the_fields(self) -> None:
        from scapy.layers.inet import TCP

        answer = TCP(**right_syn({"sport": 1, "dport": 2, "flags": "S", "seq": 9, "ack": 0}))
        assert (answer.sport, answer.dport, answer.ack) == (2, 1, 10)


def _with_sum(number: int, data: bytes, change: Any) -> bytes:
    """A ping whose checksum is `change` of the message with 0 in its place."""
    blank = struct.pack("!BBHHH", 8, 0, 0, 7, number) + data
    return blank[:2] + struct.pack("!H", change(blank)) + blank[4:]


def _sum(data: bytes) -> int:
    return sum(struct.unpack(f"!{len(data + bytes(len(data) % 2)) // 2}H", data + bytes(len(data) % 2)))


class TestPing:
    @pytest.mark.parametrize(("number", "data"), [(1, b"hello?"), (2, b"odd"), (65535, b"\xff\xff\xff\xfe")])
    def test_scapy_builds_the_same(self, number: int, data: bytes) -> None:
        from scapy.layers.inet import ICMP

        assert right_ping(number, data) == bytes(ICMP(type=8, id=7, seq=number) / data)

    @pytest.mark.parametrize(("wrong", "step", "message"), [
        (lambda number, data: _with_sum(number, data, lambda blank: 0), 5, "still 0"),
        (lambda number, data: _with_sum(number, data, lambda blank: checksum(blank) ^ 0xFFFF), 5, "complement"),
        (lambda number, data: _with_sum(number, data, lambda blank: checksum(blank[:8])), 5, "the header alone"),
        (lambda number, data: _with_sum(number, data, lambda blank: ~_sum(blank) & 0xFFFF), 5, "The carry is lost"),
        (lambda number, data: _with_sum(number, data, lambda blank: int.from_bytes(
            checksum(blank).to_bytes(2, "big"), "little")), 5, "wrong order"),
        (lambda number, data: _with_sum(number, data, lambda blank: checksum(blank[: len(blank) // 2 * 2])), 6,
         "The last byte is missing"),
        (lambda number, data: _with_sum(number, data, lambda blank: checksum(
            blank[:-1] + b"\0" + blank[-1:] if len(blank) % 2 else blank)), 6, "behind the last byte"),
        (lambda number, data: b"\0" + right_ping(number, data)[1:], 2, "an echo reply"),
        (lambda number, data: right_ping(number, data)[:4] + b"\0\0" + right_ping(number, data)[6:], 3, "bytes 4 and"),
        (lambda number, data: right_ping(number, data)[:4] + struct.pack("<HH", 7, number) + data, 3, "comes first"),
        (lambda number, data: right_ping(number, data) + bytes(len(data) % 2), 6, "is not sent"),
        (lambda number, data: right_ping(number, data)[:-1] + b"!", 4, "follow the header"),
        (lambda number, data: right_ping(number, data).hex(), 1, "struct.pack"),
    ])  # fmt: skip
    def test_wrong_answers(self, wrong: object, step: int, message: str) -> None:
        result = ping.check(wrong)
        assert result.outcome is Outcome.NOT_YET
        assert result.step.startswith(f"step {step} of"), result
        assert message in result.why

    def test_one_fold_is_not_always_enough(self) -> None:
        def once(number: int, data: bytes) -> bytes:
            def folded(blank: bytes) -> int:
                total = _sum(blank)
                return ((total & 0xFFFF) + (total >> 16) & 0xFFFF) ^ 0xFFFF

            return _with_sum(number, data, folded)

        result = ping.check(once)
        assert result.step.startswith("step 7 of")
        assert "overflowed again" in result.why


class TestReadNote:
    @pytest.mark.parametrize(("wrong", "step", "message"), [
        (lambda data: (data[0], *right_note(data)[1:]), 2, "whole first byte"),
        (lambda data: (data[0] >> 4, *right_note(data)[1:]), 2, "That is the version"),
        (lambda data: (right_note(data)[0], int.from_bytes(data[2:4], "little"), right_note(data)[2]), 3, "wrong ord"),
        (lambda data: (right_note(data)[0], data[1], right_note(data)[2]), 3, "length of the text"),
        (lambda data: (*right_note(data)[:2], data[4:]), 4, "Decode them"),
        (lambda data: (*right_note(data)[:2], data[3:].decode("latin-1")), 4, "begins at byte 4"),
        (lambda data: right_note(data)[0], 1, "Return kind, number, text"),
        (lambda data: (data[0] & 15, int.from_bytes(data[2:4], "big"), data[4 : 4 + data[1]].decode()), 5,
         "more than came"),
        (lambda data: (data[0] & 15, data[2] << 8 | data[3], data[4:].decode()), 5, "more than came"),
    ])  # fmt: skip
    def test_wrong_answers(self, wrong: object, step: int, message: str) -> None:
        result = read_note.check(wrong)
        assert result.outcome is Outcome.NOT_YET
        assert result.step.startswith(f"step {step} of"), result
        assert message in result.why

    def test_an_error_of_python_s_own_is_not_a_refusal(self) -> None:
        def careless(data: bytes) -> tuple[int, int, str]:
            kind, number = data[0] & 15, data[2] << 8 | data[3]
            if len(data) != 4 + data[1]:
                raise ValueError("length")
            return kind, number, data[4:].decode()

        result = read_note.check(careless)
        assert "your function did not" in result.why
        assert "IndexError" in result.seen

    def test_a_version_that_nobody_knows(self) -> None:
        def any_version(data: bytes) -> tuple[int, int, str]:
            return right_note(bytes([0x10 | data[0] & 15]) + data[1:]) if data else right_note(data)

        assert "version 2" in read_note.check(any_version).why
