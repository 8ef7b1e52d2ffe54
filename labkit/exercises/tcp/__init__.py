"""The exercises of the TCP lesson.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lesson.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.tcp.echo import EchoBug
from labkit.exercises.tcp.header import BuildSyn
from labkit.exercises.tcp.lines import Lines
from labkit.exercises.tcp.listing import Listing
from labkit.exercises.tcp.loss import MissingBytes, SynWait
from labkit.exercises.tcp.numbers import FinalAck
from labkit.exercises.tcp.reading import Flags, Order

__all__ = [
    "EXERCISES", "build_syn", "echo_bug", "final_ack", "flags", "line_reader", "listing", "missing_bytes", "order",
    "syn_wait",
]  # fmt: skip

flags = Flags()
order = Order()
final_ack = FinalAck()
build_syn = BuildSyn()
listing = Listing()
line_reader = Lines()
echo_bug = EchoBug()
syn_wait = SynWait()
missing_bytes = MissingBytes()

EXERCISES: tuple[Exercise, ...] = (
    flags, order, final_ack, build_syn, listing, line_reader, echo_bug, syn_wait, missing_bytes,
)  # fmt: skip
