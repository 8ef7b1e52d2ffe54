"""The exercises of the lessons on WebSocket.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lessons.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.websocket.accept import Accept
from labkit.exercises.websocket.masking import Mask
from labkit.exercises.websocket.reading import Reader
from labkit.exercises.websocket.slips import Slips

__all__ = ["EXERCISES", "accept", "mask", "reader", "slips"]

accept = Accept()
mask = Mask()
reader = Reader()
slips = Slips()

EXERCISES: tuple[Exercise, ...] = (accept, mask, reader, slips)
