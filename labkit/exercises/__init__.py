"""Exercises: a task, a check of what the answer does, hints, a solution; and the check questions of each lesson.

Rule: right and wrong are decided here and nowhere else; nothing about the student leaves this machine.

    from labkit import exercises
    flags = exercises.tcp.flags
    flags.check({"SYN"})
    exercises.questions("01a-tcp-connection").check("c", "b", None, "c")
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from itertools import pairwise
from pathlib import Path

from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.exercises import crafting, http, progress_file, start, tcp, tls, together, udp, websocket
from labkit.exercises.engine import Exercise, Seeded
from labkit.exercises.progress_bar import Progress
from labkit.exercises.quiz import Quiz, QuizResult
from labkit.exercises.quizzes import QUESTIONS
from labkit.exercises.result import Note, Outcome, Result

__all__ = [
    "Exercise", "Note", "Outcome", "Progress", "Quiz", "QuizResult", "Result", "crafting", "every", "http", "lessons",
    "personal", "progress", "progress_kept", "questions", "restart", "start", "tcp", "tls", "together", "udp",
    "websocket",
]  # fmt: skip

# Within a lesson, in the order in which it asks for them. A new package of exercises adds its EXERCISES here.
_EVERY: tuple[Exercise, ...] = (
    *start.EXERCISES, *tcp.EXERCISES, *udp.EXERCISES, *crafting.EXERCISES, *http.EXERCISES,
    *websocket.EXERCISES, *tls.EXERCISES, *together.EXERCISES,
)  # fmt: skip

STUDENT = "LABKIT_STUDENT"
"""The setting that names the student whose problems the exercises have."""

_QUIZZES = {lesson: Quiz(lesson, asked) for lesson, asked in QUESTIONS.items()}


def lessons() -> list[str]:
    """The lessons that have exercises or check questions, in order."""
    return sorted({*_QUIZZES, *(each.lesson for each in _EVERY)})


@in_words
def every(lesson: str | None = None) -> list[Exercise]:
    """The exercises of a lesson (``"01a-tcp-connection"``) or of all, in the order of the lessons.

    Raises `LabError` naming the lessons if there is none of this name.
    """
    if lesson is None:
        return sorted(_EVERY, key=lambda each: each.lesson)
    _check_known(lesson)
    return [each for each in _EVERY if each.lesson == lesson]


@in_words
def questions(lesson: str) -> Quiz:
    """The check questions of a lesson (``"01a-tcp-connection"``). Raises `LabError` if it has none."""
    _check_known(lesson)
    if lesson not in _QUIZZES:
        raise LabError(f"lesson {lesson} has no check questions", f"Lessons that have some: {', '.join(_QUIZZES)}.")
    return _QUIZZES[lesson]


@in_words
def progress(lesson: str | None = None) -> Progress:
    """How much of a lesson (``"01a-tcp-connection"``) this student has solved, or of all lessons: a bar and a list.

    Raises `LabError` naming the lessons if there is none of this name.
    """
    if lesson is None:
        return Progress.of_all({name: (every(name), _QUIZZES.get(name)) for name in lessons()})
    return Progress.of_lesson(every(lesson), _QUIZZES.get(lesson))


def progress_kept(lesson: str, file: Path) -> Progress:
    """How much of a lesson is solved by what stands in one progress file, whatever this process knows besides."""
    _check_known(lesson)
    return Progress.of_lesson(every(lesson), _QUIZZES.get(lesson), progress_file.kept(file))


@in_words
def restart(lesson: str | None = None, *, forget: bool = False) -> Progress:
    """Forget the hints, tries and answers of this session, as before a demonstration.

    forget: remove the exercises and questions from the progress file too. Returns the progress.
    """
    quizzes = [quiz for name, quiz in _QUIZZES.items() if lesson in (None, name)]
    for each in every(lesson):
        each.restart()
    for quiz in quizzes:
        quiz.restart()
    if forget:
        names = [name for quiz in quizzes for name in quiz.names]
        progress_file.forget([*(each.name for each in every(lesson)), *names])
    return progress(lesson)


@in_words
def personal(name: str) -> str:
    """Turn each exercise that has many problems to the one of this student; returns a sentence.

    name: the student's, as the instructor has it; the same name gives the same problems on every machine. If the
    setting ``LABKIT_STUDENT`` names a student, the problems are theirs, and another name raises `LabError`.
    """
    if not isinstance(name, str) or not (wanted := _plain(name)):
        raise LabError(f"{shown(name)} is no name", 'Give your name as your instructor has it: personal("ada").')
    graded = _plain(os.environ.get(STUDENT, ""))
    if graded and graded != wanted:
        raise LabError(f"the problems are those of {graded} here, and not those of {wanted}", "Give your own name.")
    seeded = [each for each in _EVERY if isinstance(each, Seeded)]
    for each in seeded:
        each.another(seed_of(each.name, wanted))
        each.only_seed = each.seed if graded else None
    return f"{len(seeded)} exercises have the problems of {name.strip()} now."


def seed_of(exercise: str, name: str) -> int:
    """The number of the problem that a student gets, 2 to 1,000,000: the same name, the same number, everywhere."""
    digest = hashlib.sha256(f"{exercise}\n{_plain(name)}".encode("utf-8", "surrogateescape")).digest()
    return 2 + int.from_bytes(digest[:8], "big") % 999_999


def _plain(name: str) -> str:
    """A name as it is compared: a folder that was packed on another system may write é in two characters."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def _check_known(lesson: object) -> None:
    if lesson not in lessons():
        raise LabError(f"there is no lesson {lesson!r} with exercises", f"There are: {', '.join(lessons())}.")


def _tell_what_follows() -> None:
    """Let each exercise know what comes after it in its lesson."""
    for name in lessons():
        mine = every(name)
        for one, following in pairwise(mine):
            one.following = f"exercises.{following.name}"
        if mine and name in _QUIZZES:
            mine[-1].following = f'exercises.questions("{name}")'


_tell_what_follows()
if os.environ.get(STUDENT, "").strip():
    personal(os.environ[STUDENT])
