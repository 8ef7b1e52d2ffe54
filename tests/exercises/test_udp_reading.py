"""What the wire did, from what arrived: one answer a problem, and each known mistake told by its name."""

from __future__ import annotations

import pytest

from labkit.exercises import Outcome
from labkit.exercises.udp import what_happened
from labkit.exercises.udp.reading import COUNT, DROPPED, DUPLICATED, REORDERED

SEEDS = range(1, 41)


def refused(answer: object, step: int, message: str) -> None:
    result = what_happened.check(answer)
    assert result.outcome is Outcome.NOT_YET
    assert result.step.startswith(f"step {step} of 4")
    assert message in result.why, result


@pytest.mark.parametrize("seed", SEEDS)
def test_each_mistake_has_its_own_message(seed: int) -> None:
    what_happened.another(seed)
    right = what_happened.reference
    lost, twice, (late,) = right[DROPPED], right[DUPLICATED], right[REORDERED]
    normal = next(number for number in range(1, COUNT + 1) if number not in (*lost, *twice, late, late + 1))
    refused(right | {DROPPED: []}, 2, "nowhere in the list")
    refused(right | {DROPPED: [*lost, late]}, 2, "is late, but it arrives")
    refused(right | {DROPPED: [*lost, normal]}, 2, "so it arrived")
    refused(right | {DUPLICATED: []}, 3, "the wire made the copy")
    refused(right | {DUPLICATED: [*twice, normal]}, 3, "arrives once")
    refused(right | {DUPLICATED: [*twice, lost[0]]}, 3, "does not arrive at all")
    refused(right | {REORDERED: []}, 4, "which was sent later")
    refused(right | {REORDERED: [late, late + 1]}, 4, "is early, since it overtook")
    refused(right | {REORDERED: [late, twice[0]]}, 4, "comes right behind it")
    refused(right | {REORDERED: [late, normal]}, 4, "Nothing that was sent after")


@pytest.mark.parametrize(("fates", "arrives"), [
    ({2: DROPPED, 4: DUPLICATED, 6: REORDERED}, [1, 3, 4, 4, 5, 7, 6, 8]),
    ({1: REORDERED, 3: DUPLICATED, 8: DROPPED}, [2, 1, 3, 3, 4, 5, 6, 7]),
    ({7: REORDERED, 6: DUPLICATED, 1: DROPPED}, [2, 3, 4, 5, 6, 6, 8, 7]),
])  # fmt: skip
def test_by_hand(monkeypatch: pytest.MonkeyPatch, fates: dict[int, str], arrives: list[int]) -> None:
    monkeypatch.setattr(what_happened, "fates", fates)
    assert what_happened.arrived == arrives
    assert f"\n    {'  '.join(map(str, arrives))}\n" in repr(what_happened)
    answer = {fate: [number for number, mine in fates.items() if mine == fate] for fate in fates.values()}
    assert what_happened.check(answer).correct
    assert what_happened.check({fate: set(numbers) for fate, numbers in answer.items()}).correct
    assert what_happened.check({fate: numbers[0] for fate, numbers in answer.items()}).correct


@pytest.mark.parametrize("answer", [
    [1], {"lost": [1]}, {"dropped": "1"}, {"dropped": [9]}, {"dropped": [True]}, {"dropped": [1.0]}, {1: [1]},
])  # fmt: skip
def test_no_answer_of_this_form(answer: object) -> None:
    assert what_happened.check(answer).step.startswith("step 1 of 4")
