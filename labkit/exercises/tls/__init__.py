"""The exercises of the lessons on TLS.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lessons.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.tls.eavesdrop import Overheard, WhoseKey

__all__ = ["EXERCISES", "overheard", "whose_key"]

overheard = Overheard()
whose_key = WhoseKey()

EXERCISES: tuple[Exercise, ...] = (overheard, whose_key)
