"""The exercises of the lessons on HTTP.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lessons.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.http.agent import AgentTimeline
from labkit.exercises.http.by_hand import ByHand
from labkit.exercises.http.framing import Framing
from labkit.exercises.http.parsing import Parser
from labkit.exercises.http.pipeline import Pipeline
from labkit.exercises.http.slips import Slips
from labkit.exercises.http.slow_reader import SlowReader

__all__ = ["EXERCISES", "agent", "by_hand", "framing", "parser", "pipeline", "slips", "slow_reader"]

by_hand = ByHand()
framing = Framing()
parser = Parser()
pipeline = Pipeline()
slow_reader = SlowReader()
agent = AgentTimeline()
slips = Slips()

EXERCISES: tuple[Exercise, ...] = (by_hand, framing, parser, pipeline, agent, slow_reader, slips)
