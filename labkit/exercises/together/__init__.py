"""The exercises of the last lesson, on all layers together.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lesson.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.together.event_loop import EventLoop
from labkit.exercises.together.first_layer import FirstLayer
from labkit.exercises.together.line_size import LineSize

__all__ = ["EXERCISES", "event_loop", "first_layer", "line_size"]

line_size = LineSize()
first_layer = FirstLayer()
event_loop = EventLoop()

EXERCISES: tuple[Exercise, ...] = (event_loop, line_size, first_layer)
