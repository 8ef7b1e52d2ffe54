"""What tests of several exercises ask of a wrong answer.

Rule: the finding is what a student sees: the step that failed, and the words.
"""

from __future__ import annotations

from labkit.exercises import Exercise, Outcome


def refused(exercise: Exercise, answer: object, step: int, message: str) -> None:
    """The answer fails at this step, and this is said of it."""
    result = exercise.check(answer)
    assert result.outcome is Outcome.NOT_YET, answer
    assert result.step.startswith(f"step {step} of"), result
    assert message in result.why, result
