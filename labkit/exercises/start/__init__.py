"""The exercise of the first lesson.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lesson.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.start.handshake import Handshake

__all__ = ["EXERCISES", "handshake"]

handshake = Handshake()

EXERCISES: tuple[Exercise, ...] = (handshake,)
