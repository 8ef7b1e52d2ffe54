"""TLS: labkit beside Node's tls and https, and asyncio's TLS: handshakes, echoes, requests, idle connections.

Rule: the CPU of the server for an operation, of all of them in one run, in rotation; ratios are what is promised.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import (
    PEERS,
    Server,
    Target,
    Unmeasured,
    child_environment,
    cores,
    cpu_seconds,
    machine,
    node_program,
    print_targets,
    spread,
    table,
)
from benchmarks.memory import memory_kb


class Work(NamedTuple):
    """What is measured. mode, connections, size: of peers/tls_load.py. node, asyncio: their CPU divided by ours."""

    words: str
    server: str
    mode: str
    connections: int
    size: int
    node: float
    asyncio: float | None


WORKS = (
    Work("full handshakes (TLS 1.3, P-256)", "echo", "handshake", 8, 1, 1.1, None),
    Work("20 connections, echo of 64 B", "echo", "echo", 20, 64, 1.4, 1.2),
    Work("20 connections, echo of 1 kB", "echo", "echo", 20, 1024, 1.4, 1.2),
    Work("20 connections, echo of 16 kB", "echo", "echo", 20, 16384, 0.95, 1.2),
    Work("20 connections, echo of 64 kB", "echo", "echo", 20, 65536, 0.95, 1.2),
    Work("20 connections, HTTPS, hello", "https", "request", 20, 0, 1.3, None),
)


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate that is its own CA, and its key: the same for all servers."""
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    words = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {key} -out {cert} -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    ).split()
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unmeasured("openssl could not make a certificate: apt-get install openssl") from error
    return cert, key


def command(name: str, work: Work, cert: str, key: str) -> list[str]:
    if name == "node":
        return [node_program(), str(PEERS / "tls_node.js"), work.server, cert, key]
    return [sys.executable, str(PEERS / f"tls_{name}.py"), work.server, cert, key]


IDLE = 500


def idle(cert: str, key: str, options: argparse.Namespace) -> list[Target]:
    """Memory of an idle connection: how much the server's grows for `IDLE` of them."""
    work = Work("idle", "echo", "idle", IDLE, 0, 0.8, None)
    kb: dict[str, float] = {}
    for name in ("labkit", "node"):
        with Server(name, cores()[0], command(name, work, cert, key)) as server:
            few = work._replace(connections=20)
            with client(server, few, cert, options):
                pass  # what a server needs for its first connections is not counted
            before = memory_kb(server.pid)
            with client(server, work, cert, options):
                kb[name] = (memory_kb(server.pid) - before) / IDLE
    print(f"\n{IDLE} idle connections, kB for each: " + ", ".join(f"{name} {each:.1f}" for name, each in kb.items()))
    return [Target("TLS, memory of an idle connection: ours / node's", kb["labkit"] / kb["node"], 0.8, False)]


@contextmanager
def client(server: Server, work: Work, ca: str, options: argparse.Namespace) -> Iterator[subprocess.Popen[str]]:
    """peers/tls_load.py, when its connections stand; it measures after a line, and ends with the block."""
    words = [
        sys.executable, str(PEERS / "tls_load.py"), server.port, work.mode, work.connections, work.size,
        options.seconds, options.warmup, ca,
    ]  # fmt: skip
    core = cores()[1]
    with subprocess.Popen(
        [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=child_environment(), preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != "WARM":
                raise Unmeasured(f"the client did not start: {process.communicate()[1].strip().splitlines()[-1:]}")
            yield process
        finally:
            process.kill()


def load(server: Server, work: Work, ca: str, options: argparse.Namespace) -> float:
    """One run; returns the server's CPU for an operation in µs."""
    with client(server, work, ca, options) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        before = cpu_seconds(server.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
        after = cpu_seconds(server.pid)
    figures: dict[str, Any] = json.loads(line or '{"errors": 1, "ops": 0}')
    if figures["errors"] or not figures["ops"]:
        raise Unmeasured(f"{server.name}: {figures}")
    return float((after - before) / figures["ops"] * 1e6)


def measure(work: Work, cert: str, key: str, options: argparse.Namespace) -> list[Target]:
    """All rounds of one kind of work; prints its table, returns its targets."""
    names = ["labkit", "node", *(["asyncio"] if work.server == "echo" else [])]
    rounds: dict[str, list[float]] = {name: [] for name in names}
    why = ""
    with ExitStack() as stack:
        servers = {}
        for name in names:
            try:
                servers[name] = stack.enter_context(Server(name, cores()[0], command(name, work, cert, key)))
            except Unmeasured as reason:
                why = str(reason)
        for turn in range(options.rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                if name in servers:
                    rounds[name].append(load(servers[name], work, cert, options))
    ours = rounds["labkit"]
    rows = []
    targets = []
    for name in names:
        if not rounds[name]:
            continue
        ratio = statistics.median(rounds[name]) / statistics.median(ours)
        rows.append([name, spread(rounds[name]), f"{ratio:.2f}"])
    for name, limit in (("node", work.node), ("asyncio", work.asyncio)):
        if limit is not None:
            each = rounds[name]
            value = statistics.median(each) / statistics.median(ours) if each else None
            targets.append(Target(f"TLS, {work.words}: {name}'s CPU / ours", value, limit, True, note=why))
    print(f"\n{work.words}: CPU of the server for each, µs")
    print(table(["server", "median (min-max)", "its CPU / ours"], rows))
    return targets


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, return the figures and the targets."""
    parser = argparse.ArgumentParser(prog="tls_servers", description="TLS beside Node's and asyncio's")
    parser.add_argument("--quick", action="store_true", help="short rounds, not to be quoted")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", help="a part of the words of a work")
    options = parser.parse_args(argv)
    options.seconds, options.warmup = (0.5, 0.3) if options.quick else (2.0, 1.0)
    options.rounds = options.rounds or (1 if options.quick else 5)
    targets: list[Target] = []
    with tempfile.TemporaryDirectory() as folder:
        cert, key = certificate(Path(folder))
        for work in WORKS:
            if not options.only or options.only in work.words:
                targets += measure(work, cert, key, options)
        if not options.only or options.only in "idle":
            targets += idle(cert, key, options)
    print()
    print_targets(targets)
    return {"targets": [each.as_dict() for each in targets]}


if __name__ == "__main__":
    print(machine())
    main()
