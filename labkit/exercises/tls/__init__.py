"""The exercises of the lessons on TLS.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lessons.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.tls.certificates import WrongCertificate
from labkit.exercises.tls.chains import BuildChain
from labkit.exercises.tls.eavesdrop import Overheard, WhoseKey
from labkit.exercises.tls.pinning import Pin

__all__ = ["EXERCISES", "build_chain", "overheard", "pin", "whose_key", "wrong_certificate"]

overheard = Overheard()
whose_key = WhoseKey()
pin = Pin()
build_chain = BuildChain()
wrong_certificate = WrongCertificate()

EXERCISES: tuple[Exercise, ...] = (overheard, whose_key, pin, build_chain, wrong_certificate)
