"""UDP echo: labkit's dgram beside Node's, asyncio's datagram endpoint and a C server as the ceiling.

Rule: says who takes part, with what work and what is promised; how it is measured stands in rotation.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import PEERS, build, machine, node_program
from benchmarks.rotation import Comparison, Echoes, compare, losses


def command(name: str, work: Echoes) -> list[str]:
    """The command that starts a UDP echo server; raises Unmeasured with the reason when it cannot run here."""
    if name == "C":
        return [str(build("udp_echo"))]
    if name == "node":
        return [node_program(), str(PEERS / "udp_node.js")]
    return [sys.executable, str(PEERS / f"udp_{name}.py")]


def limits(work: Echoes) -> Mapping[str, float]:
    return {"Node dgram": 1.2, "asyncio's datagram endpoint": 4.0}


def shares(work: Echoes) -> float:
    return 0.7 if work.size >= 8192 else 0.62


COMPARISON = Comparison(
    name="UDP echo",
    unit="senders",
    servers=("labkit", "node", "asyncio", "C"),
    # 8 kB twice: what Node needs for it depends on what it received before (see README.md).
    work=(Echoes(50, 64), Echoes(50, 1024), Echoes(50, 8192), Echoes(50, 8192, before=64)),
    read=Echoes.read,
    form="50x64,50x8192after64 is 50 senders with 64 B, then with 8 kB after 64 B",
    command=command,
    program="udp_client",
    peers={"Node dgram": "node", "asyncio's datagram endpoint": "asyncio"},
    limits=limits,
    shares=shares,
    about=losses,
)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Run the comparison and print it; returns the figures and the targets."""
    return compare(COMPARISON, argv)


if __name__ == "__main__":
    print(machine())
    main()
