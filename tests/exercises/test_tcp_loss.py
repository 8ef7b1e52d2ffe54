"""The exercises on lost packets: each known mistake is told by its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from labkit.exercises import Outcome
from labkit.exercises.tcp import missing_bytes, syn_wait


class TestSynWait:
    @pytest.mark.parametrize(
        ("answer", "step", "message"),
        [
            (lambda lost: lost, "more are lost", "The wait doubles"),
            (lambda lost: 2**lost - 1 if lost < 3 else 2 ** (lost - 1), "more are lost", "the last wait alone"),
            (lambda lost: 2**lost if lost else 0, "one is lost", "One second too many"),
            (lambda lost: 2**lost, "no SYN is lost", "One second too many"),
            (lambda lost: 2**lost - 1 if lost else 1, "no SYN is lost", "sent at once"),
            (lambda lost: 2 ** (lost + 1) - 1 if lost else 0, "one is lost", "one wait more"),
            (lambda lost: 2 ** (lost - 1), "no SYN is lost", "the last wait alone"),
            (lambda lost: 2 ** (lost + 1) - 1, "no SYN is lost", "one wait more"),
            (lambda lost: lost + 1, "no SYN is lost", "counts one wait more than SYNs were lost. The wait doubles"),
            (lambda lost: 2 * lost - 1 if lost else 0, "more are lost", "This adds 2 seconds each time"),
            (lambda lost: 2 ** (lost + 1) - 2, "one is lost", "begin with 1 second"),
            (lambda lost: 100 if lost else 0, "one is lost", "Add up the waits"),
            (lambda lost: "3", "no SYN is lost", "Return a number"),
        ],
    )
    def test_wrong_answers(self, answer: Callable[[int], Any], step: str, message: str) -> None:
        result = syn_wait.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert result.step.endswith(f": {step}")
        assert message in result.why

    def test_an_error_is_shown_once(self) -> None:
        shown = repr(syn_wait.check(lambda lost: 1 / 0))
        assert "seen:      ZeroDivisionError: division by zero" in shown
        assert shown.count("ZeroDivisionError") == 1

    @pytest.mark.parametrize("returned", [None, ...])
    def test_a_function_that_returns_nothing_is_no_attempt(self, returned: Any) -> None:
        assert syn_wait.check(lambda lost: returned).outcome is Outcome.NOT_ATTEMPTED

    def test_other_ways_are_right_as_well(self) -> None:
        assert syn_wait.check(lambda lost: float(sum(2**number for number in range(lost)))).correct


class TestMissingBytes:
    @pytest.mark.parametrize("seed", range(1, 20))
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        missing_bytes.another(seed)
        first, after, second, end = missing_bytes.reference
        one, _two = missing_bytes.lost
        sizes = missing_bytes.sizes
        assert missing_bytes.check(((first, after), (second, end))).correct
        wrong = {
            "This is the number of the segment": (one, after, second, end),
            "so the first byte has number 1": (first - 1, after - 1, second, end),
            "This is where the gap ends": (after, after + 1, second, end),
            "that segment has arrived": (first - sizes[one - 2], after, second, end),
            "only the SYN comes before it": (first + 1, after + 1, second, end),
            "Start with 1 and add": (first + 7, after, second, end),
            "the last missing byte": (first, after - 1, second, end),
            "how many bytes are missing": (first, after - first, second, end),
            "the end of all bytes": (first, after, second, missing_bytes.edges[-1]),
            "as many numbers as": (first, after + 1, second, end),
            "Add the size of the lost segment": (first, after + 3, second, end),
            "have numbers too": (first, after, second - sizes[one - 1], end),
            "but swapped": (second, end, first, after),
        }
        for message, answer in wrong.items():
            result = missing_bytes.check(answer)
            assert result.outcome is Outcome.NOT_YET
            assert message in result.why, answer

    def test_no_number_of_the_answer_is_printed(self) -> None:
        for seed in range(1, 30):
            shown = set(re.findall(r"\d+", missing_bytes.another(seed).task))
            assert not shown & set(map(str, missing_bytes.reference))

    @pytest.mark.parametrize("answer", [(1,), (1, 2, 3), "1-2", (1.0, 2.0, 3.0, 4.0), (True, 2, 3, 4), ((1, 2), 3)])
    def test_no_four_numbers(self, answer: object) -> None:
        assert missing_bytes.check(answer).step.startswith("step 1 of 3")
