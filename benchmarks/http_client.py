"""HTTP clients: 10,000 requests over labkit's agent, beside Node's client, httpx, and the load generator as the floor.

Rule: the client is what is measured; it has one core, and the server in C the other.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import (
    PEERS,
    Server,
    Target,
    Unmeasured,
    build,
    child_environment,
    cores,
    cpu_seconds,
    machine,
    node_program,
    print_targets,
    spread,
    table,
)
from benchmarks.rotation import Rounds, best, cpu, ratios

FEWER = {"httpx": 10}
"""httpx makes a tenth of the requests: one of them takes milliseconds, and there is nothing that warms up."""
CLIENTS = ("labkit", "node", "httpx asyncio", "httpx uvloop", "C")
PROMISES = {"Node's client": ("node", 1.0), "httpx": ("httpx", 3.0)}
SECONDS = 120
"""A client that takes longer has hung."""


def command(name: str, *numbers: int) -> list[str]:
    """The command that starts a client (port, requests, sockets, warm-up); raises Unmeasured with the reason."""
    words = [str(number) for number in numbers]
    if name == "node":
        return [node_program(), str(PEERS / "client_node.js"), *words]
    program, _, loop = name.partition(" ")
    return [sys.executable, str(PEERS / f"client_{program}.py"), *filter(None, [loop]), *words]


def measure(name: str, port: int, core: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run of a client: its CPU per request in µs, and requests a second."""
    if name == "C":
        return floor(port, core, options)
    part = FEWER.get(name.split()[0], 1)
    requests, warm_up = options.requests // part, options.warm_up // part
    started = command(name, port, requests, options.sockets, warm_up)
    with subprocess.Popen(
        started,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=child_environment(),
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    ) as client:
        assert client.stdin is not None
        try:
            expect(client, name, "WARM")
            before, began = cpu_seconds(client.pid), perf_counter()
            client.stdin.write("\n")
            client.stdin.flush()
            expect(client, name, f"DONE {requests}")
            after, ended = cpu_seconds(client.pid), perf_counter()
        except Unmeasured:
            client.kill()
            raise
        client.stdin.close()
    if client.returncode:
        raise Unmeasured(f"{name}: the client ended with exit status {client.returncode}")
    return {"cpu_us": (after - before) / requests * 1e6, "rate": requests / (ended - began)}


def expect(client: subprocess.Popen[str], name: str, line: str) -> None:
    """Wait for this line of the client."""
    assert client.stdout is not None
    assert client.stderr is not None
    ready, _, _ = select.select([client.stdout], [], [], SECONDS)
    if not ready:
        raise Unmeasured(f"{name}: the client did not say {line!r} in {SECONDS} s")
    said = client.stdout.readline().strip()
    if said != line:
        errors = client.stderr.read().strip().splitlines()
        raise Unmeasured(f"{name}: the client said {said!r} in place of {line!r}. {errors[-1] if errors else ''}")


def floor(port: int, core: int, options: argparse.Namespace) -> dict[str, Any]:
    """The same work by the load generator, which keeps its own CPU clock."""
    numbers = ("--port", port, "--connections", options.sockets, "--operations", options.requests)
    done = subprocess.run(
        [str(part) for part in (build("http_load"), "ping", *numbers, "--warmup", 0.1)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    figures = json.loads(done.stdout)
    if figures["errors"]:
        raise Unmeasured(f"C: {figures['message']}")
    return {"cpu_us": figures["own_cpu_us"], "rate": figures["ops"] / figures["seconds"]}


def judge(rounds: Rounds, planned: int, missing: Sequence[str]) -> list[Target]:
    targets = []
    for label, (beginning, limit) in PROMISES.items():
        peer = best(rounds, beginning)
        own = ratios(rounds, peer) if peer else []
        whole = len(own) == planned
        note = (
            f"rounds {min(own):.2f}-{max(own):.2f}"
            if whole
            else "; ".join(dict.fromkeys(missing)) or "a round is missing"
        )
        name = f"HTTP client: CPU of {label} / ours"
        targets.append(Target(name, statistics.median(own) if whole else None, limit, True, note=note))
    return targets


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Run the clients in turn and print them; returns the figures and the targets."""
    parser = argparse.ArgumentParser(prog="http_client", description="HTTP clients side by side")
    parser.add_argument("--requests", type=int, default=10_000, help="counted requests of each round (default 10000)")
    parser.add_argument("--sockets", type=int, default=10, help="connections, each with one request (default 10)")
    parser.add_argument("--warm-up", type=int, default=2_000, help="requests before, not counted (default 2000)")
    parser.add_argument("--rounds", type=int, default=5, help="default 5; each has fresh clients")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1,000: to see that it runs, not to be quoted")
    parser.add_argument("--clients", default=",".join(CLIENTS), help=f"which, with commas, of {', '.join(CLIENTS)}")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.requests, options.warm_up = 3, 1000, 500
    client_core, server_core = cores()
    names = options.clients.split(",")
    print(
        f"HTTP client: {options.requests:,} requests (httpx a tenth) over {options.sockets} kept connections, "
        f"after {options.warm_up:,} that are not counted; client on core {client_core}, server in C on core "
        f"{server_core}; {options.rounds} rounds"
    )
    rounds: Rounds = {name: [] for name in names}
    missing: list[str] = []
    with Server("C", server_core, [str(build("http_server")), "plain"]) as server:
        for number in range(options.rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                try:
                    rounds[name].append(measure(name, server.port, client_core, options))
                except Unmeasured as reason:
                    missing.append(str(reason))
                    print(f"  {name}, round {number + 1}: {reason}", file=sys.stderr)
    rows = []
    for name, figures in rounds.items():
        if not figures:
            rows.append([name, "no figures", "", ""])
            continue
        own = ratios(rounds, "node", name)
        rows.append(
            [
                name,
                spread(cpu(rounds, name), 2),
                f"{statistics.median(own):.2f}" if own else "-",
                spread([f["rate"] for f in figures], 0),
            ]
        )
    print(table(["client", "CPU µs/request median (min-max)", "Node's CPU / its", "requests/s median (min-max)"], rows))
    targets = judge(rounds, options.rounds, missing)
    print_targets(targets)
    return {"rounds": rounds, "missing": missing, "targets": [target.as_dict() for target in targets]}


if __name__ == "__main__":
    print(machine())
    main()
