"""Reading DNS names: parsers as students write them, each refused for its own reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.exercises import Exercise, Outcome
from labkit.exercises.udp import dns_hostile, dns_name
from labkit.exercises.udp.messages import GOOD, HOSTILE
from labkit.exercises.udp.names import read_name, read_trusting

Answer = Callable[[bytes, int], Any]


def parser(
    *, mask: int = 0x3FFF, follow: bool = True, after: str = "right", past_end: bool = True, others: str = "refused",
    visited: bool = False, backwards: str = "strictly", limit: int = 255, root: str = ".", end: str = "",
    dot: str = ".", shift: int = 0,
) -> Answer:  # fmt: skip
    """A parser with one thing wrong, or none. backwards: "strictly", "before itself", "first only", "no".

    others: length bytes from 64 to 191 are "refused", "labels" or "pointers". visited: a place seen before is refused.
    """

    def read(message: bytes, offset: int) -> tuple[str, int]:
        labels: list[str] = []
        seen: set[int] = set()
        size, behind, lowest, jumps = 1, None, offset, 0
        while True:
            if past_end and offset >= len(message):
                raise ValueError("end")
            length = message[offset]
            if 0x40 <= length < 0xC0 and others == "refused":
                raise ValueError("kind")
            if length >= 0xC0 or (length >= 0x40 and others == "pointers"):
                if past_end and offset + 2 > len(message):
                    raise ValueError("end")
                target = int.from_bytes(message[offset : offset + 2], "big") + shift & mask
                if (backwards == "strictly" and target >= lowest) or (
                    backwards == "before itself" and target >= offset) or (
                    backwards == "first only" and not jumps and target >= lowest):  # fmt: skip
                    raise ValueError("pointer")
                if visited and target in seen:
                    raise ValueError("loop")
                seen.add(target)
                jumps += 1
                if behind is None and after != "where reading ended":
                    behind = offset + (1 if after == "one byte" else 2)
                if not follow:
                    return dot.join(labels), offset + 2
                offset = lowest = target
                continue
            if length == 0:
                ended = offset + (0 if after == "before the zero" else 1)
                return dot.join(labels) + end or root, ended if behind is None else behind
            if past_end and offset + 1 + length > len(message):
                raise ValueError("end")
            size += 1 + length
            if size > limit:
                raise ValueError("long")
            labels.append(message[offset + 1 : offset + 1 + length].decode())
            offset += 1 + length

    return read


def recursive(message: bytes, offset: int) -> tuple[str, int]:
    length = message[offset]
    if length >= 0xC0:
        target = int.from_bytes(message[offset : offset + 2], "big") & 0x3FFF
        return recursive(message, target)[0], offset + 2
    if length == 0:
        return "", offset + 1
    if length > 63 or offset + 1 + length >= len(message):
        raise ValueError
    rest, after = recursive(message, offset + 1 + length)
    return message[offset + 1 : offset + 1 + length].decode() + ("." + rest if rest else ""), after


def rooted(message: bytes, offset: int) -> tuple[str, int]:
    try:
        name, after = recursive(message, offset)
    except IndexError:
        raise ValueError from None
    return name or ".", after


def joins_the_root(message: bytes, offset: int) -> tuple[str, int]:
    """Calls itself at a pointer, and joins what comes back, also where that is the root."""
    labels = []
    while 0 < (length := message[offset]) < 0xC0:
        labels.append(message[offset + 1 : offset + 1 + length].decode())
        offset += 1 + length
    if length == 0:
        return ".".join(labels) or ".", offset + 1
    rest, _ = joins_the_root(message, int.from_bytes(message[offset : offset + 2], "big") & 0x3FFF)
    return ".".join([*labels, rest]), offset + 2


def reversed_labels(message: bytes, offset: int) -> tuple[str, int]:
    """Puts what a pointer leads to in front."""
    name, after = read_name(message, offset)
    first, _, rest = name.partition(".")
    return (f"{rest}.{first}" if message[after - 2] >= 0xC0 and rest else name), after


def lower(message: bytes, offset: int) -> tuple[str, int]:
    name, after = read_name(message, offset)
    return name.lower(), after


def refused(exercise: Exercise, answer: Answer, step: int, steps: int, message: str) -> None:
    result = exercise.check(answer)
    assert result.outcome is Outcome.NOT_YET
    assert result.step.startswith(f"step {step} of {steps}"), result
    assert message in result.why, result
    assert "bytes from " in result.expected or "a loop that never ends" in result.why
    assert "read_name(message, " in result.expected


class TestName:
    @pytest.mark.parametrize(("answer", "step", "message"), [
        (lambda message, offset: "www.lab.example", 1, "Return two values"),
        (lambda message, offset: (b"www.lab.example", 29), 1, "decode the bytes"),
        (lambda message, offset: ("www.lab.example", 29.0), 1, "a whole number"),
        (lambda message, offset: ("www.lab.example", 17), 1, "how many bytes the name takes"),
        (parser(after="before the zero"), 1, "The closing zero belongs to the name"),
        (parser(end="."), 1, "The dot after the last label"),
        (parser(dot=""), 1, "Between two labels belongs a dot"),
        (lower, 1, "Leave capitals as they are"),
        (parser(root=""), 3, "The root has no labels"),
        (recursive, 3, "The root has no labels"),
        (parser(follow=False), 2, "The name goes on where the pointer leads"),
        (parser(shift=4), 2, "A pointer's offset counts from the start of the message"),
        (parser(shift=12), 2, "It counts from the start of the message"),
        (reversed_labels, 2, "those that begin at the byte it leads to"),
        (joins_the_root, 3, "The root has no label to add here"),
        (parser(end=".."), 1, "The root has no label to add here"),
        (parser(after="where reading ended"), 2, "In the message the name ends after its first pointer"),
        (parser(after="one byte"), 2, "A pointer takes two bytes"),
        (parser(mask=0xFFFF), 2, "their lower 14 bits"),
        (parser(mask=0x00FF), 2, "A pointer has 14 bits"),
    ])  # fmt: skip
    def test_each_has_its_message(self, answer: Answer, step: int, message: str) -> None:
        refused(dns_name, answer, step, 3, message)

    def test_a_trusting_reader_is_enough(self) -> None:
        assert dns_name.check(parser(past_end=False, others="labels", backwards="no", limit=10**9)).correct
        assert "dns_hostile feeds the same function" in repr(dns_name.check(read_trusting))


class TestHostile:
    @pytest.mark.parametrize(("answer", "step", "message"), [
        (parser(past_end=False), 2, "A slice past the end is not an error"),
        (parser(others="labels"), 3, "11 for a pointer"),
        (parser(others="pointers"), 3, "11 for a pointer"),
        (rooted, 4, "calls itself"),
        (parser(backwards="no"), 4, "a loop that never ends"),
        (parser(backwards="first only"), 4, "a loop that never ends"),
        (parser(backwards="before itself", limit=10**9), 4, "a loop that never ends"),
        (parser(backwards="no", visited=True), 5, "before the name that it is in"),
        (parser(backwards="first only", visited=True), 5, "The next pointer must lead further back"),
        (parser(backwards="before itself"), 5, "into the labels before it"),
        (parser(limit=254), 6, "255 bytes are allowed"),
        (parser(limit=256), 6, "A name has 255 bytes at most"),
        (parser(limit=10**9), 6, "A name has 255 bytes at most"),
        (read_trusting, 2, "A slice past the end is not an error"),
    ])  # fmt: skip
    def test_each_has_its_message(self, answer: Answer, step: int, message: str) -> None:
        refused(dns_hostile, answer, step, 6, message)

    def test_what_is_no_reader_at_all_is_sent_back(self) -> None:
        refused(dns_hostile, parser(dot=""), 1, 6, "exercises.udp.dns_name asks for nothing else")

    def test_what_python_notices_is_not_enough(self) -> None:
        def unchecked(message: bytes, offset: int) -> tuple[str, int]:
            try:
                return read_name(message, offset)
            except ValueError:
                raise IndexError("index out of range") from None

        result = dns_hostile.check(unchecked)
        assert result.seen == "IndexError: index out of range"
        assert "raise ValueError yourself" in result.why
        assert result.frames

    def test_an_error_for_a_name_in_order_shows_the_students_line(self) -> None:
        def answer(message: bytes, offset: int) -> tuple[str, int]:
            raise ValueError("no")

        result = dns_name.check(answer)
        assert result.seen == "ValueError: no"
        assert result.frames[0].endswith('in answer: raise ValueError("no")')

    def test_a_finding_shows_the_bytes_of_the_message(self) -> None:
        result = dns_name.check(parser(after="where reading ended"))
        assert result.expected == (
            "('www.lab.example', 35) from read_name(message, 33)\n"
            "a pointer alone; bytes from 12 on: 03 77 77 77 03 6c 61 62 07 65 78 61 6d 70 6c 65 00 "
            "00 01 00 01 c0 0c 00 01 00 01"
        )
        assert result.seen == "('www.lab.example', 29)"

    @pytest.mark.parametrize("returned", [None, ...])
    def test_a_function_that_returns_nothing_is_no_attempt(self, returned: object) -> None:
        assert dns_name.check(lambda message, offset: returned).outcome is Outcome.NOT_ATTEMPTED


class TestOtherRightWays:
    @pytest.mark.parametrize("answer", [
        parser(), lambda message, offset: list(read_name(message, offset)),
    ])  # fmt: skip
    def test_is_correct(self, answer: Answer) -> None:
        assert dns_name.check(answer).correct
        assert dns_hostile.check(answer).correct


class TestCases:
    @pytest.mark.parametrize("case", [*GOOD, *HOSTILE], ids=[case.about for case in (*GOOD, *HOSTILE)])
    def test_the_reference(self, case: Any) -> None:
        if case.name is None:
            assert case.why
            with pytest.raises(ValueError, match=r"."):
                read_name(case.message, case.offset)
        else:
            assert read_name(case.message, case.offset) == (case.name, case.after)

    def test_the_example_of_rfc_1035_section_4_1_4(self) -> None:
        message = next(case.message for case in GOOD if "RFC 1035" in case.about)
        assert message[20:32] == b"\x01F\x03ISI\x04ARPA\0"
        assert message[40:46] == b"\x03FOO\xc0\x14"
        assert message[64:66] == b"\xc0\x1a"
        assert message[92:] == b"\0"

    @given(st.binary(max_size=300), st.integers(0, 300))
    def test_any_bytes_give_a_name_or_value_error(self, message: bytes, offset: int) -> None:
        try:
            name, after = read_name(message, offset)
        except ValueError:
            return
        assert offset < after <= len(message)
        assert 0 < len(name) <= 253

    @given(st.lists(st.text("abc-XYZ019", min_size=1, max_size=63), max_size=3), st.integers(0, 400))
    def test_a_written_name_is_read(self, labels: list[str], before: int) -> None:
        wire = b"".join(bytes((len(label),)) + label.encode() for label in labels) + b"\0"
        message = bytes(before) + wire + (0xC000 | before).to_bytes(2, "big")
        name = ".".join(labels) or "."
        assert read_name(message, before) == (name, before + len(wire))
        assert read_name(message, before + len(wire)) == (name, len(message))
