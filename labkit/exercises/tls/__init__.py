"""The exercises of the lessons on TLS.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lessons.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.tls.certificates import WrongCertificate
from labkit.exercises.tls.chains import BuildChain
from labkit.exercises.tls.decrypt import Decrypt
from labkit.exercises.tls.eavesdrop import Overheard, WhoseKey
from labkit.exercises.tls.handshake import Hello, WhoWasIt
from labkit.exercises.tls.middle import Middle
from labkit.exercises.tls.pinning import Pin
from labkit.exercises.tls.slips import Slips

__all__ = [
    "EXERCISES", "build_chain", "decrypt", "hello", "middle", "overheard", "pin", "slips", "who_was_it", "whose_key",
    "wrong_certificate",
]  # fmt: skip

overheard = Overheard()
whose_key = WhoseKey()
pin = Pin()
build_chain = BuildChain()
wrong_certificate = WrongCertificate()
hello = Hello()
decrypt = Decrypt()
who_was_it = WhoWasIt()
middle = Middle()
slips = Slips()

EXERCISES: tuple[Exercise, ...] = (
    overheard, whose_key, pin, build_chain, wrong_certificate,  # 05a, 05b
    hello, decrypt,  # 05c
    who_was_it,  # 05d
    middle, slips,  # 05e
)  # fmt: skip
