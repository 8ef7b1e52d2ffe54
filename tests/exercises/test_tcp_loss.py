"""The exercises on lost packets: each known mistake is told by its name."""

from __future__ import annotations

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
            (lambda lost: 2**lost, "no SYN is lost", "sent at once"),
            (lambda lost: 2 ** (lost + 1) - 1 if lost else 0, "one is lost", "one wait more"),
            (lambda lost: 100 if lost else 0, "one is lost", "Add up the waits"),
            (lambda lost: "3", "no SYN is lost", "Return a number"),
            (lambda lost: 1 / 0, "no SYN is lost", "ZeroDivisionError"),
        ],
    )
    def test_wrong_answers(self, answer: Callable[[int], Any], step: str, message: str) -> None:
        result = syn_wait.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert result.step.endswith(f": {step}")
        assert message in result.why

    @pytest.mark.parametrize("returned", [None, ...])
    def test_a_function_that_returns_nothing_is_no_attempt(self, returned: Any) -> None:
        assert syn_wait.check(lambda lost: returned).outcome is Outcome.NOT_ATTEMPTED

    def test_other_ways_are_right_as_well(self) -> None:
        assert syn_wait.check(lambda lost: float(sum(2**number for number in range(lost)))).correct


class TestMissingBytes:
    @pytest.mark.parametrize("seed", range(1, 20))
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        missing_bytes.another(seed)
        first, after = missing_bytes.reference
        assert missing_bytes.check([first, after]).correct
        wrong = {
            "the next byte expected": (first - 1, after),
            "The gap lies before it": (after, after + 1),
            "again and again": (first + 7, after),
            "the last missing byte": (first, after - 1),
            "the end of the bytes that have arrived": (first, missing_bytes.end),
            "how many bytes are missing": (first, after - first),
            "up to, but not with": (first, after + 3),
        }
        for message, answer in wrong.items():
            result = missing_bytes.check(answer)
            assert result.outcome is Outcome.NOT_YET
            assert message in result.why, answer

    @pytest.mark.parametrize("answer", [(1,), (1, 2, 3), "1-2", (1.0, 2.0), (True, 2)])
    def test_no_two_numbers(self, answer: object) -> None:
        assert missing_bytes.check(answer).step.startswith("step 1 of 3")

    def test_the_same_seed_is_the_same_problem(self) -> None:
        first = repr(missing_bytes.another(1))
        assert repr(missing_bytes.another()) != first
        assert repr(missing_bytes.another(1)) == first
