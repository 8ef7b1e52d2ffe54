"""Tasks in large type: what is closed, and that no word is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit import draw, exercises
from labkit.exercises.engine import Exercise
from labkit.exercises.folding import folded


@pytest.fixture
def projector() -> Iterator[None]:
    draw.set_large(True)
    yield
    draw.set_large(False)


def listing(lines: int, kind: str = "text") -> str:
    return f"```{kind}\n" + "\n".join(f"line {number}" for number in range(lines)) + "\n```"


def test_in_the_usual_size_nothing_is_closed() -> None:
    assert folded(listing(100)) == listing(100)


@pytest.mark.usefixtures("projector")
def test_only_what_is_too_high_is_closed_and_the_highest_part_first() -> None:
    assert folded(f"Do it.\n\n{listing(9)}") == f"Do it.\n\n{listing(9)}"
    shown = folded(f"Do it.\n\n{listing(4)}\n\nThen:\n\n{listing(19, 'python')}\n\nEnd.")
    assert shown.startswith(f"Do it.\n\n{listing(4)}\n\nThen:\n\n<details ")
    assert ">the code to begin with: 19 lines</summary>" in shown
    assert shown.endswith("\n```\n\n</details>\n\nEnd.")
    both = folded(f"{listing(30)}\n\n{listing(40)}")
    assert both.count("<details ") == 2
    assert ">the listing: 30 lines<" in both


@pytest.mark.usefixtures("projector")
@pytest.mark.parametrize("exercise", exercises.every(), ids=lambda each: each.name)
def test_no_word_of_a_task_is_lost(exercise: Exercise) -> None:
    whole, twin = exercise._markdown(), repr(exercise)
    lines = [line for line in folded(whole).split("\n") if line and not line.startswith(("<details ", "</details>"))]
    assert lines == [line for line in whole.split("\n") if line]
    draw.set_large(False)
    assert repr(exercise) == twin
