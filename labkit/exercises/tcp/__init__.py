"""The exercises of the lessons on TCP.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lessons.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.tcp.congestion import CwndCurve, InFlight
from labkit.exercises.tcp.delays import Nagle
from labkit.exercises.tcp.echo import EchoBug
from labkit.exercises.tcp.endings import TimeWait, WhichEnd
from labkit.exercises.tcp.header import BuildSyn
from labkit.exercises.tcp.lines import Lines
from labkit.exercises.tcp.listing import Listing
from labkit.exercises.tcp.loss import MissingBytes, SynWait
from labkit.exercises.tcp.numbers import FinalAck
from labkit.exercises.tcp.reading import Flags, Order
from labkit.exercises.tcp.summing import Checksum
from labkit.exercises.tcp.window import Throughput

__all__ = [
    "EXERCISES", "build_syn", "checksum", "cwnd_curve", "echo_bug", "final_ack", "flags", "in_flight", "line_reader",
    "listing", "missing_bytes", "nagle", "order", "syn_wait", "throughput", "time_wait", "which_end",
]  # fmt: skip

flags = Flags()
order = Order()
final_ack = FinalAck()
checksum = Checksum()
build_syn = BuildSyn()
which_end = WhichEnd()
time_wait = TimeWait()
line_reader = Lines()
nagle = Nagle()
echo_bug = EchoBug()
syn_wait = SynWait()
missing_bytes = MissingBytes()
throughput = Throughput()
in_flight = InFlight()
cwnd_curve = CwndCurve()
listing = Listing()

EXERCISES: tuple[Exercise, ...] = (
    flags, order, final_ack, checksum, build_syn, which_end, time_wait, line_reader, nagle, echo_bug, syn_wait,
    missing_bytes, throughput, in_flight, cwnd_curve, listing,
)  # fmt: skip
