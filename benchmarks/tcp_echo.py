"""TCP echo: labkit beside Node's net, asyncio streams, socketserver and a C server as the ceiling.

Rule: servers in rotation on one core, the load on the other; the figure to trust is server CPU per operation.
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
    Server,
    Target,
    Unmeasured,
    cores,
    load,
    machine,
    print_targets,
    raise_file_limit,
    spread,
    table,
)

SERVERS = ("labkit", "node pipe", "node data", "asyncio", "socketserver", "C")
WORK = ((50, 64), (500, 64), (50, 1024), (500, 1024), (50, 65536))  # connections, bytes a message
TARGETS = {"Node net": 1.2, "asyncio streams": 1.5, "socketserver": 2.0}
TARGETS_64K = {"Node net": 2.0}

Rounds = dict[str, list[dict[str, Any]]]


def title(connections: int, size: int) -> str:
    return f"{connections} connections x {f'{size // 1024} kB' if size >= 1024 else f'{size} B'}"


def measure(
    servers: dict[str, Server], work: tuple[int, int], options: argparse.Namespace, turn: int, program: str = "client"
) -> Rounds:
    """All rounds of one kind of work; the server that starts changes with every round. program: makes the load."""
    names = list(servers)
    rounds: Rounds = {name: [] for name in names}
    _, load_core = cores()
    for number in range(options.rounds):
        shift = (number + turn) % len(names)
        for name in names[shift:] + names[:shift]:
            server = servers[name]
            try:
                figures = load(
                    server.port,
                    server.pid,
                    load_core,
                    connections=work[0],
                    size=work[1],
                    seconds=options.seconds,
                    warmup=options.warmup,
                    program=program,
                )
            except Unmeasured as reason:
                print(f"  {name}, round {number + 1}: {reason}", file=sys.stderr)
                continue
            rounds[name].append(figures)
    return rounds


def cpu(rounds: Rounds, name: str) -> list[float]:
    return [figures["cpu_us"] for figures in rounds.get(name, [])]


def better_node(rounds: Rounds) -> str | None:
    """Of Node's two ways to write the server, the one with the lower median CPU per operation."""
    there = [name for name in rounds if name.startswith("node") and rounds[name]]
    return min(there, key=lambda name: statistics.median(cpu(rounds, name)), default=None)


def ratios(rounds: Rounds, peer: str, ours: str = "labkit") -> list[float]:
    """The peer's CPU per operation divided by ours, round by round (only whole rounds can be compared)."""
    theirs, own = cpu(rounds, peer), cpu(rounds, ours)
    return [t / o for t, o in zip(theirs, own, strict=True)] if len(theirs) == len(own) else []


def judge(rounds: Rounds, work: tuple[int, int], planned: int) -> list[Target]:
    peers = {"Node net": better_node(rounds), "asyncio streams": "asyncio", "socketserver": "socketserver"}
    targets = []
    for label, limit in (TARGETS_64K if work[1] >= 65536 else TARGETS).items():
        peer = peers[label]
        per_round = ratios(rounds, peer) if peer else []
        whole = len(per_round) == planned
        note = "not every round could be measured"
        if whole:
            note = f"rounds {min(per_round):.2f}-{max(per_round):.2f}"
            ceiling = ratios(rounds, peer, "C") if peer else []
            if ceiling:
                note += f"; the C server reaches {statistics.median(ceiling):.2f}"
        name = f"TCP echo, {title(*work)}: CPU of {label} / ours"
        targets.append(Target(name, statistics.median(per_round) if whole else None, limit, True, note=note))
    return targets


def show(rounds: Rounds) -> str:
    node = better_node(rounds)
    rows = []
    for name, figures in rounds.items():
        if not figures:
            rows.append([name, "no figures", "", "", "", ""])
            continue
        own = ratios(rounds, node, name) if node else []
        rows.append(
            [
                name + (" *" if name == node else ""),
                spread(cpu(rounds, name), 2),
                f"{statistics.median(own):.2f}" if own else "-",
                spread([f["rate"] for f in figures], 0),
                f"{statistics.median(f['p50_us'] for f in figures):.0f}",
                f"{statistics.median(f['p99_us'] for f in figures):.0f}",
            ]
        )
    return table(
        ["server", "CPU µs/op median (min-max)", "Node's CPU / its", "ops/s median (min-max)", "p50 µs", "p99 µs"], rows
    )


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Run the comparison and print it; returns the figures and the targets."""
    parser = argparse.ArgumentParser(prog="tcp_echo", description="TCP echo servers side by side")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each kind of work (default 7)")
    parser.add_argument("--seconds", type=float, default=1.0, help="measured seconds of each round (default 1)")
    parser.add_argument("--warmup", type=float, default=0.3, help="seconds before (default 0.3)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.3 s: to see that it runs, not to be quoted")
    parser.add_argument(
        "--servers", default=",".join(SERVERS), help="which, with commas; also 'uvloop': a bare Protocol on uvloop"
    )
    parser.add_argument("--work", default="", help="only this, as connections x bytes: 50x64,500x1024")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.seconds, options.warmup = 3, 0.3, 0.1
    wanted = [tuple(map(int, item.split("x"))) for item in options.work.split(",") if item] or list(WORK)

    raise_file_limit(4096)
    server_core, load_core = cores()
    print(
        f"TCP echo: servers on core {server_core}, load on core {load_core}; "
        f"{options.rounds} rounds of {options.seconds} s"
    )
    if server_core == load_core:
        print("  one core only: server and load share it, so throughput means little; CPU per operation still counts")
    servers: dict[str, Server] = {}
    missing: dict[str, str] = {}
    targets: list[Target] = []
    results: dict[str, Any] = {}
    try:
        for name in options.servers.split(","):
            try:
                servers[name] = Server(name, server_core)
            except Unmeasured as reason:
                missing[name] = str(reason)
                print(f"  left out: {name}: {reason}")
        for turn, work in enumerate(wanted):
            connections, size = work
            rounds = measure(servers, (connections, size), options, turn)
            print(f"\n{title(connections, size)}   (* Node's better variant)")
            print(show(rounds), flush=True)
            judged = judge(rounds, (connections, size), options.rounds)
            print_targets(judged)
            targets += judged
            results[f"{connections}x{size}"] = rounds
    finally:
        for server in servers.values():
            said = server.stop()
            if said:
                print(f"  {server.name} said on stderr: {said}")
    return {"rounds": results, "missing": missing, "targets": [target.as_dict() for target in targets]}


if __name__ == "__main__":
    print(machine())
    main()
