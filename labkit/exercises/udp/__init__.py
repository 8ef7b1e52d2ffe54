"""The exercises of the lessons on UDP and DNS.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lessons.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.udp.choosing import DnsAnswers, TcpOrUdp, Told
from labkit.exercises.udp.fragments import Fragments
from labkit.exercises.udp.hostile import DnsHostile
from labkit.exercises.udp.names import DnsName
from labkit.exercises.udp.reading import WhatHappened
from labkit.exercises.udp.sending import StopAndWait
from labkit.exercises.udp.transfer import reliable, send_over, serve_reliable
from labkit.exercises.udp.truncation import Truncation

__all__ = [
    "EXERCISES", "dns_answers", "dns_hostile", "dns_name", "fragments", "reliable", "send_over", "serve_reliable", "stop_and_wait",
    "tcp_or_udp", "told", "truncation", "what_happened",
]  # fmt: skip

truncation = Truncation()
tcp_or_udp = TcpOrUdp()
what_happened = WhatHappened()
fragments = Fragments()
stop_and_wait = StopAndWait()
dns_answers = DnsAnswers()
dns_name = DnsName()
dns_hostile = DnsHostile()
told = Told()

EXERCISES: tuple[Exercise, ...] = (
    truncation, tcp_or_udp, what_happened, fragments, stop_and_wait, dns_answers, dns_name, dns_hostile,
    told,
)  # fmt: skip
