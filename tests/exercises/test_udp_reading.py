"""Which datagrams reached the program: one answer a problem, and each known mistake told by its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.exercises import Outcome
from labkit.exercises.udp import which_reached
from labkit.exercises.udp.reading import COUNT, DROPPED, DUPLICATED, REORDERED

SEEDS = range(1, 41)


@pytest.fixture(autouse=True)
def first_problem() -> Iterator[None]:
    which_reached.another(1)
    yield
    which_reached.another(1)


def having(fate: str) -> list[int]:
    return sorted(number for number, mine in which_reached.fates.items() if mine == fate)


def refused(answer: object, step: int, message: str) -> None:
    result = which_reached.check(answer)
    assert result.outcome is Outcome.NOT_YET
    assert result.step.startswith(f"step {step} of 5")
    assert message in result.why, result


@pytest.mark.parametrize("seed", SEEDS)
def test_each_mistake_has_its_own_message(seed: int) -> None:
    which_reached.another(seed)
    right = which_reached.reference
    lost, twice, (late,) = having(DROPPED), having(DUPLICATED), having(REORDERED)
    assert lost
    assert twice
    assert which_reached.check(right).correct
    refused(list(range(1, COUNT + 1)), 2, "never arrives")
    refused([number for number in range(1, COUNT + 1) if number not in lost], 3, "Nobody removes duplicates")
    refused([number for number in right if number not in lost and number != twice[0]], 5, "This one arrives")
    refused(sorted(right), 4, "order of sending")
    refused([number for number in right if number != late], 5, "This one arrives")
    refused([*right, late], 5, "UDP itself sends nothing twice")
    at = next(at for at in range(COUNT) if right[at] != right[at + 1] and {late, late + 1} != set(right[at : at + 2]))
    refused([*right[:at], right[at + 1], right[at], *right[at + 2 :]], 5, "in another order")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_drawn_is_what_is_asked(seed: int) -> None:
    shown = repr(which_reached.another(seed))
    for number in range(1, COUNT + 1):
        line = next(line for line in shown.split("\n") if line.startswith(f"{number:>7}  client → server  UDP"))
        fate = which_reached.fates.get(number)
        assert line.endswith(f"{fate} on the wire" if fate else ("bytes", "byte"))


@pytest.mark.parametrize(("fates", "arrives"), [
    ({2: DROPPED, 4: DUPLICATED, 6: REORDERED}, [1, 3, 4, 4, 5, 7, 6, 8]),
    ({1: REORDERED, 3: DUPLICATED, 8: DROPPED}, [2, 1, 3, 3, 4, 5, 6, 7]),
    ({7: REORDERED, 6: DUPLICATED, 1: DROPPED}, [2, 3, 4, 5, 6, 6, 8, 7]),
])  # fmt: skip
def test_by_hand(monkeypatch: pytest.MonkeyPatch, fates: dict[int, str], arrives: list[int]) -> None:
    monkeypatch.setattr(which_reached, "fates", fates)
    assert which_reached.reference == arrives
    assert which_reached.check(tuple(arrives)).correct
    assert which_reached.check(", ".join(map(str, arrives))).correct


@pytest.mark.parametrize("answer", [[0], [9], ["1"], [True], {1, 2}, "one", [1.0], "9" * 5000])
def test_no_numbers(answer: object) -> None:
    assert which_reached.check(answer).step.startswith("step 1 of 5")


def test_the_same_seed_is_the_same_problem() -> None:
    first = repr(which_reached)
    assert repr(which_reached.another()) != first
    assert repr(which_reached.another(1)) == first
