"""What holds for every exercise: the reference passes, the stub is not attempted, its text never varies."""

from __future__ import annotations

import re
from typing import Any

import pytest

from labkit import exercises
from labkit.core.errors import LabError
from labkit.exercises import Exercise, Outcome
from labkit.exercises.engine import SKELETON, Seeded

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
        assert len(exercise.stub.split("\n")) <= 30
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
        package, short = exercise.name.split(".")
        assert getattr(getattr(exercises, package), short) is exercise
        assert f"`exercises.{package}.{short}.check(…)`" in repr(exercise)
        assert f"exercises.{package}.{short}.check(" in exercise.stub
        assert f"`exercises.{package}.{short}.hint()`" in repr(exercise)

    def test_belongs_to_a_lesson(self, exercise: Exercise) -> None:
        assert exercise in exercises.every(exercise.lesson)

    def test_a_correct_answer_leads_on(self, exercise: Exercise) -> None:
        said = repr(exercise.check(exercise.reference))
        mine = exercises.every(exercise.lesson)
        at = mine.index(exercise) + 1
        following = f"exercises.{mine[at].name}" if at < len(mine) else f'exercises.questions("{exercise.lesson}")'
        assert said.endswith(f"\n  Next in this lesson: {following}")
        assert (f"exercises.{exercise.name}.another()" in said) == isinstance(exercise, Seeded)

    def test_no_code_in_the_task_but_the_listing_to_mend(self, exercise: Exercise) -> None:
        """The solution and the last hint are not part of the task."""
        assert code_of(exercise.worked) not in exercise.task
        assert not any(hint in exercise.task for hint in exercise.hints)


def test_names_differ() -> None:
    assert len(set(NAMES)) == len(NAMES)


LESSONS = [
    "00-start-here", "01a-tcp-connection", "01b-tcp-endings", "01c-tcp-stream", "01d-tcp-loss", "01e-tcp-congestion",
    "01f-tcp-book", "02a-udp", "02b-udp-network", "02c-dns", "02d-crafting", "02e-udp-book", "03a-http-messages",
    "03b-http-connections", "03c-http-clients", "03d-http-bodies", "03e-http-book", "04a-push",
    "04b-websocket-handshake", "04c-websocket-frames", "04d-websocket-endings",
    "05a-eavesdropping", "05a2-in-the-middle", "05b-keys-and-certificates", "05b2-gone-wrong",
    "05c-tls-handshake", "05d-mutual-tls", "05e-https",
    "06-together",
]  # fmt: skip


def test_the_lessons() -> None:
    assert exercises.lessons() == LESSONS


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_has_some(lesson: str) -> None:
    assert exercises.every(lesson)


def test_all_are_in_the_order_of_the_lessons() -> None:
    lessons = [each.lesson for each in EVERY]
    assert lessons == sorted(lessons)
    assert [each.name for each in exercises.every("01a-tcp-connection")] == [
        "tcp.flags", "tcp.order", "tcp.final_ack", "tcp.checksum", "tcp.build_syn",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", [2, 3, 4, 17, 18])
@pytest.mark.parametrize("exercise", [each for each in EVERY if isinstance(each, Seeded)], ids=lambda each: each.name)
def test_other_problems_of_a_kind(exercise: Seeded, seed: int) -> None:
    exercise.another(seed)
    assert exercise.check(exercise.reference).correct
    assert run_cell(code_of(exercise.worked)).correct
    assert exercise.check(3.5).outcome is Outcome.NOT_YET
    shown = repr(exercise)
    assert repr(exercise.another(seed)) == shown
    assert repr(exercise.another()) != shown
