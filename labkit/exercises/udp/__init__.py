"""The exercises of the UDP lesson.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lesson.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.udp.build import Header
from labkit.exercises.udp.names import DnsName
from labkit.exercises.udp.reading import WhichReached
from labkit.exercises.udp.sending import StopAndWait
from labkit.exercises.udp.transfer import reliable, send_over, serve_reliable

__all__ = ["EXERCISES", "dns_name", "header", "reliable", "send_over", "serve_reliable", "stop_and_wait", "which_reached"]

header = Header()
which_reached = WhichReached()
dns_name = DnsName()
stop_and_wait = StopAndWait()

EXERCISES: tuple[Exercise, ...] = (header, which_reached, dns_name, stop_and_wait)
