"""The check questions of all lessons, one module a lesson.

Rule: texts only; how they are asked and kept is in `quiz`.
"""

from __future__ import annotations

from labkit.exercises.question import Question
from labkit.exercises.quizzes import (
    lesson_00,
    lesson_01a,
    lesson_01b,
    lesson_01c,
    lesson_01d,
    lesson_01e,
    lesson_01f,
    lesson_02a,
    lesson_02b,
    lesson_02c,
    lesson_02d,
    lesson_02e,
    lesson_03a,
    lesson_03b,
    lesson_03c,
    lesson_03d,
    lesson_03e,
    lesson_04a,
    lesson_04b,
    lesson_04c,
    lesson_04d,
    lesson_05a,
    lesson_05a2,
    lesson_05b,
    lesson_05b2,
    lesson_05c,
    lesson_05d,
    lesson_05e,
    lesson_06,
)

__all__ = ["QUESTIONS"]

_MODULES = (
    lesson_00, lesson_01a, lesson_01b, lesson_01c, lesson_01d, lesson_01e, lesson_01f,
    lesson_02a, lesson_02b, lesson_02c, lesson_02d, lesson_02e,
    lesson_03a, lesson_03b, lesson_03c, lesson_03d, lesson_03e,
    lesson_04a, lesson_04b, lesson_04c, lesson_04d,
    lesson_05a, lesson_05a2, lesson_05b, lesson_05b2, lesson_05c, lesson_05d, lesson_05e,
    lesson_06,
)  # fmt: skip

QUESTIONS: dict[str, tuple[Question, ...]] = {module.LESSON: module.QUESTIONS for module in _MODULES}
"""The questions by lesson, in the order of the lessons."""
