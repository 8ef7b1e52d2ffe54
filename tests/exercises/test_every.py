"""What holds for every exercise: the reference passes, the stub is not attempted, its text never varies."""

from __future__ import annotations

import re
from typing import Any

import pytest

from labkit import exercises
from labkit.core.errors import LabError
from labkit.exercises import Exercise, Outcome
from labkit.exercises.engine import SKELETON

EVERY = exercises.every()
NAMES = [each.name for each in EVERY]


def code_of(markdown: str) -> str:
    """The first piece of Python in a text."""
    found = re.search(r"```python\n(.*?)```", markdown, re.S)
    assert found is not None
    return found.group(1)


def run_cell(code: str) -> Any:
    """Run code as a cell of a lesson would; returns the value of its last line."""
    names: dict[str, Any] = {"exercises": exercises}
    *body, last = code.rstrip("\n").split("\n")
    exec("\n".join(body), names)
    return eval(last, names)


@pytest.mark.parametrize("exercise", EVERY, ids=NAMES)
class TestEvery:
    def test_reference_is_correct(self, exercise: Exercise) -> None:
        assert exercise.check(exercise.reference).correct

    def test_stub_is_not_attempted(self, exercise: Exercise) -> None:
        result = run_cell(exercise.stub)
        assert result.outcome is Outcome.NOT_ATTEMPTED
        assert (SKELETON if "def " in exercise.stub else exercise.asks) in repr(result)
        assert exercise.asks in repr(exercise.check(None))

    def test_the_solution_shown_is_correct(self, exercise: Exercise) -> None:
        exercise.solution()
        code = code_of(exercise.solution().markdown)
        if not code.rstrip().endswith("check(answer)") and ".check(" not in code:
            code += f"\n{exercise.stub.splitlines()[-1]}\n"
        assert run_cell(code).correct

    def test_another_kind_of_answer_is_refused(self, exercise: Exercise) -> None:
        result = exercise.check(3.5)
        assert result.outcome is Outcome.NOT_YET
        assert "3.5" in result.seen
        assert result.step.startswith("step 1 of")

    def test_more_than_one_answer_is_told(self, exercise: Exercise) -> None:
        """``flags.check("SYN", "ACK")`` is an easy slip."""
        call: Any
        for call, given in ((exercise.check, 2), (exercise.hint, 1), (exercise.solution, 1)):
            with pytest.raises(LabError, match=rf"{call.__name__}\(\) was given more arguments"):
                call(*["SYN"] * given)

    def test_three_hints_or_more(self, exercise: Exercise) -> None:
        assert len(exercise.hints) >= 3
        assert len(set(exercise.hints)) == len(exercise.hints)

    def test_text_is_the_same_each_time(self, exercise: Exercise) -> None:
        texts = []
        for _ in range(2):
            exercise.restart()
            shown = [exercise, exercise.check(None), exercise.check(3.5), exercise.hint(), exercise.solution(),
                     exercise.solution(), exercise.check(exercise.reference)]
            texts.append([repr(each) for each in shown])
        assert texts[0] == texts[1]

    def test_text_names_the_exercise_as_lessons_do(self, exercise: Exercise) -> None:
        lesson, short = exercise.name.split(".")
        assert getattr(getattr(exercises, lesson), short) is exercise
        assert exercise in exercises.every(lesson)
        assert f"`exercises.{lesson}.{short}.check(…)`" in repr(exercise)
        assert f"exercises.{lesson}.{short}.check(" in exercise.stub
        assert f"`exercises.{lesson}.{short}.hint()`" in repr(exercise)


def test_names_differ() -> None:
    assert len(set(NAMES)) == len(NAMES)
