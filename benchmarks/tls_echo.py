"""TLS echo: labkit beside Node's tls, asyncio's TLS, and two floors: a bare MemoryBIO protocol on uvloop, and C.

Rule: says who takes part, with what work and what is promised; how it is measured stands in rotation.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import PEERS, Unmeasured, build, machine, node_program
from benchmarks.rotation import Comparison, Echoes, main_of
from benchmarks.secure import own, trust


class SecureEchoes(Echoes):
    """`Echoes` over TLS."""

    def arguments(self) -> Sequence[object]:
        """See `Work.arguments`."""
        return (*super().arguments(), *trust())

    def first(self) -> Echoes | None:
        """One run that is not counted: V8 needs some thousand messages before it has compiled what is hot."""
        return self


def command(name: str) -> list[str]:
    """The command that starts an echo server of TLS; raises Unmeasured with the reason when it cannot run here."""
    if name == "C":
        return [str(build("tls_echo_server")), *own()]
    program, _, variant = name.partition(" ")
    if program == "node":
        return [node_program(), str(PEERS / "tls_node.js"), *own(), variant]
    peer = PEERS / f"tls_{program}.py"
    if not peer.exists():
        raise Unmeasured(f"there is no {peer.name}")
    return [sys.executable, str(peer), *own(), *filter(None, [variant])]


def limits(work: Echoes) -> Mapping[str, float]:
    return {"Node tls": 1.4 if work.size <= 1024 else 0.95, "asyncio's TLS": 1.2}


SERVERS = ("labkit", "node pipe", "node data", "asyncio asyncio", "asyncio uvloop", "bare", "C")
NAMED = {"Node tls": "node", "asyncio's TLS": "asyncio"}

COMPARISON = Comparison[Echoes](
    name="TLS echo",
    unit="connections",
    servers=SERVERS,
    work=(
        SecureEchoes(50, 64), SecureEchoes(500, 64), SecureEchoes(50, 1024), SecureEchoes(50, 16384),
        SecureEchoes(50, 65536),
    ),
    read=SecureEchoes.read,
    form="50x64,50x65536 is 50 connections with 64 B, then with 64 kB",
    command=lambda name, _: command(name),
    program="tls_load",
    peers=NAMED,
    limits=limits,
)  # fmt: skip


main = main_of(COMPARISON)

if __name__ == "__main__":
    print(machine())
    main(None)
