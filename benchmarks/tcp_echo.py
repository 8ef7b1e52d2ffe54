"""TCP echo: labkit beside Node's net, asyncio streams, socketserver and a C server as the ceiling.

Rule: says who takes part, with what work and what is promised; how it is measured stands in rotation.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import machine, server_command
from benchmarks.rotation import Comparison, Echoes, main_of


def limits(work: Echoes) -> Mapping[str, float]:
    return {"Node net": 1.2} if work.size >= 65536 else {"Node net": 1.2, "asyncio streams": 1.5}


def shares(work: Echoes) -> float:
    return 0.8 if work.size >= 65536 else 0.75


COMPARISON = Comparison(
    name="TCP echo",
    unit="connections",
    # For --servers there is one more: uvloop, a bare Protocol on uvloop.
    servers=("labkit", "node pipe", "node data", "asyncio", "socketserver", "C"),
    # 64 kB twice: what Node needs for it depends on what it received before (see README.md).
    work=(
        Echoes(50, 64),
        Echoes(500, 64),
        Echoes(50, 1024),
        Echoes(500, 1024),
        Echoes(50, 65536),
        Echoes(50, 65536, before=64),
    ),
    read=Echoes.read,
    form="50x64,50x65536after64 is 50 connections with 64 B, then with 64 kB after 64 B",
    command=lambda name, _: server_command(name),
    program="client",
    peers={"Node net": "node", "asyncio streams": "asyncio", "socketserver": "socketserver"},
    limits=limits,
    shares=shares,
)


main = main_of(COMPARISON)

if __name__ == "__main__":
    print(machine())
    main(None)
