"""Exercises: a task, a check of what the answer does, hints, a solution; one package of them a lesson.

Rule: right and wrong are decided here and nowhere else; nothing about the student leaves this machine.

    from labkit import exercises
    flags = exercises.tcp.flags
    flags.check({"SYN"})
"""

from __future__ import annotations

from labkit.exercises import crafting, progress_file, tcp, udp
from labkit.exercises.engine import Exercise
from labkit.exercises.progress_bar import Progress
from labkit.exercises.result import Note, Outcome, Result

__all__ = [
    "Exercise", "Note", "Outcome", "Progress", "Result", "crafting", "every", "progress", "restart", "tcp", "udp",
]  # fmt: skip

_LESSONS = {"tcp": tcp.EXERCISES, "udp": udp.EXERCISES, "crafting": crafting.EXERCISES}


def every(lesson: str | None = None) -> list[Exercise]:
    """The exercises of a lesson (``"tcp"``), or of all; KeyError naming the lessons there are."""
    if lesson is None:
        return [each for exercises in _LESSONS.values() for each in exercises]
    if lesson not in _LESSONS:
        raise KeyError(f"no exercises for {lesson!r}, only for {', '.join(_LESSONS)}")
    return list(_LESSONS[lesson])


def progress(lesson: str | None = None) -> Progress:
    """How many exercises of a lesson (``"tcp"``), or of all, this student has solved: a bar and a list."""
    return Progress.of(every(lesson))


def restart(lesson: str | None = None, *, forget: bool = False) -> Progress:
    """Forget the hints and tries of this session, as before a demonstration.

    forget: remove the exercises from the progress file too. Returns the progress.
    """
    for each in every(lesson):
        each.restart()
    if forget:
        progress_file.forget([each.name for each in every(lesson)])
    return progress(lesson)
