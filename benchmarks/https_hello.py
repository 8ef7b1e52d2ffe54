"""Servers of https: labkit beside Node's https, uvicorn, aiohttp, and two floors: a bare protocol on uvloop, and C.

Rule: says who takes part, with what work and what is promised; how it is measured stands in rotation.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import PEERS, Unmeasured, build, machine, node_program
from benchmarks.rotation import Comparison, main_of
from benchmarks.secure import own, trust


class SecureRequests(NamedTuple):
    """GET requests on keep-alive connections over TLS, with curl's three header fields."""

    connections: int

    @classmethod
    def read(cls, text: str) -> Self:
        """From the command line: ``50``."""
        return cls(int(text))

    def __str__(self) -> str:
        return str(self.connections)

    def title(self, unit: str) -> str:
        return f"{self.connections} {unit}, plain"

    def arguments(self) -> Sequence[object]:
        return ("--connections", self.connections, "--framing", "length", *trust())

    def first(self) -> Self:
        return self  # one run that is not counted: V8 needs some thousand requests before it has compiled what is hot


def command(name: str) -> list[str]:
    """The command that starts a server of https; raises Unmeasured with the reason when it cannot run here."""
    if name == "C":
        return [str(build("https_server")), *own()]
    if name == "node":
        return [node_program(), str(PEERS / "https_node.js"), *own()]
    program, _, loop = name.partition(" ")
    peer = PEERS / f"https_{program}.py"
    if not peer.exists():
        raise Unmeasured(f"there is no {peer.name}")
    return [sys.executable, str(peer), *own(), *filter(None, [loop])]


def limits(work: SecureRequests) -> Mapping[str, float]:
    return {"Node https": 1.3, "uvicorn (httptools, uvloop)": 1.2, "aiohttp": 1.2}


COMPARISON = Comparison(
    name="HTTPS hello",
    unit="connections",
    servers=("labkit", "node", "uvicorn", "aiohttp asyncio", "aiohttp uvloop", "bare", "C"),
    work=(SecureRequests(50), SecureRequests(500)),
    read=SecureRequests.read,
    form="50,500 is 50 connections, then 500",
    command=lambda name, _: command(name),
    program="https_load",
    peers={"Node https": "node", "uvicorn (httptools, uvloop)": "uvicorn", "aiohttp": "aiohttp"},
    limits=limits,
)


main = main_of(COMPARISON)

if __name__ == "__main__":
    print(machine())
    main(None)
