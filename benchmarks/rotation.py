"""Servers side by side: rounds in rotation, their table, the targets, and the command line.

Rule: knows no protocol; every kind of work gets fresh servers, so what a server did before is said, not left to chance.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from benchmarks.harness import Server, Target, Unmeasured, cores, load, print_targets, raise_file_limit, spread, table

Rounds = dict[str, list[dict[str, Any]]]
W = TypeVar("W", bound="Work")


class Work(Protocol):
    """One kind of work for the servers of a comparison; ``str(work)`` is how the command line names it."""

    def title(self, unit: str) -> str:
        """In words; unit stands behind its count: connections, senders."""

    def arguments(self) -> Sequence[object]:
        """What the client in C is called with."""

    def first(self) -> Self | None:
        """Work that each server does before it is measured at this one; None if there is none."""


class Echoes(NamedTuple):
    """Messages to be echoed: `count` of `size` bytes are under way at once; some of `before` bytes come first."""

    count: int
    size: int
    before: int = 0

    @classmethod
    def read(cls, text: str) -> Echoes:
        """From the command line: ``50x8192`` or, after messages of 64 bytes, ``50x8192after64``."""
        shape, _, before = text.partition("after")
        count, _, size = shape.partition("x")
        return cls(int(count), int(size), int(before or 0))

    def __str__(self) -> str:
        return f"{self.count}x{self.size}" + (f"after{self.before}" if self.before else "")

    def title(self, unit: str) -> str:
        after = f" after {in_words(self.before)}" if self.before else ""
        return f"{self.count} {unit} x {in_words(self.size)}{after}"

    def arguments(self) -> Sequence[object]:
        return ("--connections", self.count, "--size", self.size)

    def first(self) -> Echoes | None:
        return Echoes(self.count, self.before) if self.before else None


@dataclass(frozen=True)
class Comparison(Generic[W]):
    """One protocol's servers, the work they are given, and the promises. labkit's is the server ``labkit``."""

    name: str
    unit: str
    """What stands behind the count of a work: connections, senders."""
    servers: tuple[str, ...]
    work: tuple[W, ...]
    read: Callable[[str], W]
    """A work as the command line names it."""
    form: str
    """An example of how the command line names work, and what it means."""
    command: Callable[[str, W], Sequence[str]]
    """A server's name and its work into the command that starts it; raises Unmeasured where it cannot run here."""
    program: str
    """The client in C that makes the load."""
    peers: Mapping[str, str]
    """A peer's name in words, and how the names of its servers begin; of several the best is the peer."""
    limits: Callable[[W], Mapping[str, float]]
    """How many times as much CPU as labkit each peer must need, by its name in words."""
    about: Callable[[Rounds], str] = lambda rounds: "* the Node server that is the peer"
    """What stands in brackets behind the title of a table."""
    shares: Callable[[W], float] = lambda work: 0.0
    """The least part of the C server's speed that ours must reach: its CPU / ours (0: none)."""

    def title(self, work: W) -> str:
        return work.title(self.unit)


def in_words(size: int) -> str:
    return f"{size // 1024} kB" if size >= 1024 else f"{size} B"


def measure(servers: Mapping[str, Server], work: Work, options: argparse.Namespace, turn: int, program: str) -> Rounds:
    """All rounds of one kind of work; the server that starts changes with every round."""
    names = list(servers)
    rounds: Rounds = {name: [] for name in names}
    _, load_core = cores()

    def one(name: str, work: Work) -> dict[str, Any]:
        server = servers[name]
        return load(
            server.port, server.pid, load_core, work.arguments(), seconds=options.seconds, warmup=options.warmup,
            program=program,
        )  # fmt: skip

    for number in range(options.rounds):
        shift = (number + turn) % len(names)
        for name in names[shift:] + names[:shift]:
            try:
                if number == 0 and (before := work.first()) is not None:
                    one(name, before)
                rounds[name].append(one(name, work))
            except Unmeasured as reason:
                print(f"  {name}, round {number + 1}: {reason}", file=sys.stderr)
    return rounds


def cpu(rounds: Rounds, name: str) -> list[float]:
    return [figures["cpu_us"] for figures in rounds.get(name, [])]


def best(rounds: Rounds, beginning: str) -> str | None:
    """Of the servers whose names begin so, that with the lowest median CPU per operation: Node has two."""
    there = [name for name in rounds if name.startswith(beginning) and rounds[name]]
    return min(there, key=lambda name: statistics.median(cpu(rounds, name)), default=None)


def ratios(rounds: Rounds, peer: str, ours: str = "labkit") -> list[float]:
    """The peer's CPU per operation divided by ours, round by round (only whole rounds can be compared)."""
    theirs, own = cpu(rounds, peer), cpu(rounds, ours)
    return [t / o for t, o in zip(theirs, own, strict=True)] if len(theirs) == len(own) else []


def judge(
    comparison: Comparison[W], rounds: Rounds, work: W, planned: int, missing: Mapping[str, str] | None = None
) -> list[Target]:
    """The targets of one kind of work; missing: the servers that could not run, each with its reason."""
    targets = []

    def why(*beginnings: str) -> str:
        reasons = [reason for name, reason in (missing or {}).items() if name.startswith(beginnings)]
        return "; ".join(dict.fromkeys(reasons)) or "not every round could be measured"

    for label, limit in comparison.limits(work).items():
        peer = best(rounds, comparison.peers[label])
        per_round = ratios(rounds, peer) if peer else []
        whole = len(per_round) == planned
        note = why("labkit", comparison.peers[label])
        if whole:
            note = f"rounds {min(per_round):.2f}-{max(per_round):.2f}"
            ceiling = ratios(rounds, peer, "C") if peer else []
            if ceiling:
                note += f"; the C server reaches {statistics.median(ceiling):.2f}"
        name = f"{comparison.name}, {comparison.title(work)}: CPU of {label} / ours"
        targets.append(Target(name, statistics.median(per_round) if whole else None, limit, True, note=note))
    if (share := comparison.shares(work)) > 0:
        own = ratios(rounds, "C", "labkit")
        whole = len(own) == planned
        note = f"rounds {min(own):.2f}-{max(own):.2f}" if whole else why("labkit", "C")
        name = f"{comparison.name}, {comparison.title(work)}: CPU of the C server / ours"
        targets.append(Target(name, statistics.median(own) if whole else None, share, True, note=note))
    return targets


def show(rounds: Rounds) -> str:
    node = best(rounds, "node")
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


def losses(rounds: Rounds) -> str:
    """How many datagrams each server lost, in words."""
    lost = {name: sum(figures["lost"] for figures in each) for name, each in rounds.items()}
    return "datagrams lost: " + (", ".join(f"{name} {count}" for name, count in lost.items() if count) or "none")


def main_of(comparison: Comparison[W]) -> Callable[[list[str] | None], dict[str, Any]]:
    """The ``main`` of a benchmark with many connections: `compare`, with files enough for them."""

    def main(argv: list[str] | None = None) -> dict[str, Any]:
        raise_file_limit(4096)
        return compare(comparison, argv)

    return main


def compare(comparison: Comparison[W], argv: list[str] | None = None) -> dict[str, Any]:
    """Run a comparison as the command line says and print it; returns the figures and the targets."""
    program = comparison.name.lower().replace(" ", "_")
    parser = argparse.ArgumentParser(prog=program, description=f"{comparison.name} servers side by side")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each kind of work (default 7)")
    parser.add_argument("--seconds", type=float, default=1.0, help="measured seconds of each round (default 1)")
    parser.add_argument("--warmup", type=float, default=0.3, help="seconds before (default 0.3)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.3 s: to see that it runs, not to be quoted")
    parser.add_argument("--servers", default=",".join(comparison.servers), help="which of peers/, with commas")
    parser.add_argument(
        "--work", default=",".join(map(str, comparison.work)),
        help=f"only this: {comparison.form}",
    )  # fmt: skip
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.seconds, options.warmup = 3, 0.3, 0.1

    server_core, load_core = cores()
    print(
        f"{comparison.name}: servers on core {server_core}, load on core {load_core}; "
        f"{options.rounds} rounds of {options.seconds} s, fresh servers for each kind of work"
    )
    if server_core == load_core:
        print("  one core only: server and load share it, so throughput means little; CPU per operation still counts")
    missing: dict[str, str] = {}
    targets: list[Target] = []
    results: dict[str, Any] = {}
    for turn, work in enumerate(map(comparison.read, options.work.split(","))):
        with ExitStack() as running:
            servers: dict[str, Server] = {}
            for name in options.servers.split(","):
                if name in missing:
                    continue
                try:
                    servers[name] = server = Server(name, server_core, comparison.command(name, work))
                    running.callback(end, server)
                except Unmeasured as reason:
                    missing[name] = str(reason)
                    print(f"  left out: {name}: {reason}")
            rounds = measure(servers, work, options, turn, comparison.program)
        print(f"\n{comparison.title(work)}   ({comparison.about(rounds)})")
        print(show(rounds), flush=True)
        judged = judge(comparison, rounds, work, options.rounds, missing)
        print_targets(judged)
        targets += judged
        results[str(work)] = rounds
    return {"rounds": results, "missing": missing, "targets": [target.as_dict() for target in targets]}


def end(server: Server) -> None:
    """End a server; what it complained of is printed."""
    said = server.stop()
    if said:
        print(f"  {server.name} said on stderr: {said}")
