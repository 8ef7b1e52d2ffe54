"""UDP echo: labkit's dgram beside Node's, asyncio's datagram endpoint and a C server as the ceiling.

Rule: measured as TCP echo is (tcp_echo.py): the same rotation, cores and clocks; datagrams that were lost are counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import (
    PEERS,
    Server,
    Target,
    Unmeasured,
    build,
    cores,
    machine,
    node_program,
    print_targets,
)
from benchmarks.tcp_echo import Rounds, measure, ratios, show

SERVERS = ("labkit", "node", "asyncio", "C")
WORK = ((50, 64), (50, 1024), (50, 8192))  # senders, bytes a datagram
TARGETS = {"node": 1.2, "asyncio": 4.0}
TARGETS_8K = {"node": 2.0, "asyncio": 4.0}
LABELS = {"node": "Node dgram", "asyncio": "asyncio's datagram endpoint"}


def command(name: str) -> list[str]:
    """The command that starts a UDP echo server; raises Unmeasured with the reason when it cannot run here."""
    if name == "C":
        return [str(build("udp_echo"))]
    if name == "node":
        return [node_program(), str(PEERS / "udp_node.js")]
    return [sys.executable, str(PEERS / f"udp_{name}.py")]


def title(senders: int, size: int) -> str:
    return f"{senders} senders x {f'{size // 1024} kB' if size >= 1024 else f'{size} B'}"


def judge(rounds: Rounds, work: tuple[int, int], planned: int) -> list[Target]:
    targets = []
    for peer, limit in (TARGETS_8K if work[1] >= 8192 else TARGETS).items():
        per_round = ratios(rounds, peer)
        whole = len(per_round) == planned
        note = "not every round could be measured"
        if whole:
            note = f"rounds {min(per_round):.2f}-{max(per_round):.2f}"
            if ceiling := ratios(rounds, peer, "C"):
                note += f"; the C server reaches {statistics.median(ceiling):.2f}"
        name = f"UDP echo, {title(*work)}: CPU of {LABELS[peer]} / ours"
        targets.append(Target(name, statistics.median(per_round) if whole else None, limit, True, note=note))
    return targets


def losses(rounds: Rounds) -> str:
    """How many datagrams each server lost, in words."""
    lost = {name: sum(figures["lost"] for figures in each) for name, each in rounds.items()}
    return ", ".join(f"{name} {count}" for name, count in lost.items() if count) or "none"


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Run the comparison and print it; returns the figures and the targets."""
    parser = argparse.ArgumentParser(prog="udp_echo", description="UDP echo servers side by side")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each kind of work (default 7)")
    parser.add_argument("--seconds", type=float, default=1.0, help="measured seconds of each round (default 1)")
    parser.add_argument("--warmup", type=float, default=0.3, help="seconds before (default 0.3)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.3 s: to see that it runs, not to be quoted")
    parser.add_argument("--servers", default=",".join(SERVERS), help="which, with commas")
    parser.add_argument("--work", default="", help="only this, as senders x bytes: 50x64,50x8192")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.seconds, options.warmup = 3, 0.3, 0.1
    wanted = [tuple(map(int, item.split("x"))) for item in options.work.split(",") if item] or list(WORK)

    server_core, load_core = cores()
    print(
        f"UDP echo: servers on core {server_core}, load on core {load_core}; "
        f"{options.rounds} rounds of {options.seconds} s"
    )
    servers: dict[str, Server] = {}
    missing: dict[str, str] = {}
    targets: list[Target] = []
    results: dict[str, Any] = {}
    try:
        for name in options.servers.split(","):
            try:
                servers[name] = Server(name, server_core, command(name))
            except Unmeasured as reason:
                missing[name] = str(reason)
                print(f"  left out: {name}: {reason}")
        for turn, (senders, size) in enumerate(wanted):
            rounds = measure(servers, (senders, size), options, turn, "udp_client")
            print(f"\n{title(senders, size)}   (datagrams lost: {losses(rounds)})")
            print(show(rounds), flush=True)
            judged = judge(rounds, (senders, size), options.rounds)
            print_targets(judged)
            targets += judged
            results[f"{senders}x{size}"] = rounds
    finally:
        for server in servers.values():
            said = server.stop()
            if said:
                print(f"  {server.name} said on stderr: {said}")
    return {"rounds": results, "missing": missing, "targets": [target.as_dict() for target in targets]}


if __name__ == "__main__":
    print(machine())
    main()
