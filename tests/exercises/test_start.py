"""The first exercise: each packet that is not the right one has its own words."""

from __future__ import annotations

import pytest

from labkit.exercises.start import handshake


@pytest.mark.parametrize(("answer", "step", "message"), [
    (1, 2, "The ports tell"), (3, 2, "third line of the list"), (4, 2, "The ports tell"), (6, 2, "The ports tell"),
    (2, 3, "the first packet of its handshake"), (5, 3, "the second packet"), (8, 3, "carries data"),
    (0, 1, "number of the packet"), (9, 1, "number of the packet"), (True, 1, "number of the packet"),
    ("7", 1, "number of the packet"),
])  # fmt: skip
def test_wrong_answers(answer: object, step: int, message: str) -> None:
    result = handshake.check(answer)
    assert result.step.startswith(f"step {step} of 3")
    assert message in result.why


def test_the_right_one() -> None:
    assert handshake.check(7).correct
