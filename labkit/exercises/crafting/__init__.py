"""The exercises of the lesson on packets made by hand.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lesson.
"""

from __future__ import annotations

from labkit.exercises.crafting.layer import ReadNote
from labkit.exercises.crafting.ping import Ping
from labkit.exercises.crafting.ports import Ports
from labkit.exercises.crafting.syn import AnswerSyn
from labkit.exercises.engine import Exercise

__all__ = ["EXERCISES", "answer_syn", "ping", "ports", "read_note"]

answer_syn = AnswerSyn()
ports = Ports()
ping = Ping()
read_note = ReadNote()

EXERCISES: tuple[Exercise, ...] = (answer_syn, ports, ping, read_note)
