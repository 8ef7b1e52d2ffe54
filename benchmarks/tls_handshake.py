"""TLS handshakes: whole connections, each with a full handshake, of the servers of tls_echo.py.

Rule: says with what work and what is promised; how it is measured stands in rotation.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import machine
from benchmarks.rotation import Comparison, main_of
from benchmarks.secure import trust
from benchmarks.tls_echo import NAMED, SERVERS, command


class Handshakes(NamedTuple):
    """So many connections at a time."""

    connections: int

    @classmethod
    def read(cls, text: str) -> Self:
        """From the command line: ``20``."""
        return cls(int(text))

    def __str__(self) -> str:
        return str(self.connections)

    def title(self, unit: str) -> str:
        return f"{self.connections} {unit} at a time, each with a full handshake, 64 B and its end"

    def arguments(self) -> Sequence[object]:
        return ("--connections", self.connections, "--size", 64, *trust())

    def first(self) -> Self:
        return self  # one run that is not counted, as in tls_echo.py


def limits(work: Handshakes) -> Mapping[str, float]:
    return {"Node tls": 1.1, "asyncio's TLS": 1.2}


COMPARISON = Comparison(
    name="TLS handshake",
    unit="connections",
    servers=SERVERS,
    work=(Handshakes(20),),
    read=Handshakes.read,
    form="20 is 20 connections at a time",
    command=lambda name, _: command(name),
    program="tls_handshakes",
    peers=NAMED,
    limits=limits,
)


main = main_of(COMPARISON)

if __name__ == "__main__":
    print(machine())
    main(None)
