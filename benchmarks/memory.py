"""Memory of idle connections: labkit beside Node, in one run.

Rule: what counts is how much the server's proportional memory (PSS) grows, divided by the connections opened.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import Server, Target, Unmeasured, build, machine, print_targets, raise_file_limit, table

TARGET = 0.55
SERVERS = ("labkit", "node pipe", "asyncio", "socketserver", "C")


def memory_kb(pid: int) -> int:
    """PSS of a process in kB (RSS where the kernel does not tell): pages shared with others count by their share."""
    fields = {}
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        lines = Path(f"/proc/{pid}/status").read_text().replace("VmRSS", "Pss").splitlines()
    for line in lines:
        name, _, rest = line.partition(":")
        fields[name] = rest.split()
    return int(fields["Pss"][0])


def grow(name: str, connections: int, *, touch: bool) -> dict[str, float]:
    """Open the connections to a fresh server and return its kB before, with them, and bytes for each."""
    with Server(name) as server:
        # The first connection pays for what is made once (compiled code, the first buffers); it is not counted.
        _held(server, 1, touch=touch)
        before = memory_kb(server.pid)
        after = _held(server, connections, touch=touch)
        return {"before_kb": before, "after_kb": after, "bytes": (after - before) * 1024 / connections}


def _held(server: Server, connections: int, *, touch: bool) -> int:
    command = [
        str(build("client")),
        "idle",
        "--port",
        str(server.port),
        "--connections",
        str(connections),
        "--stall",
        "30",
    ]
    with subprocess.Popen(
        command + ["--touch"] * touch, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        line = client.stdout.readline()
        if not line.startswith("OPEN"):
            raise Unmeasured(f"{server.name}: {client.stderr.read().strip() or 'the client ended without a word'}")
        _until_accepted(server, connections)
        held = memory_kb(server.pid)
        client.stdin.close()
    return held


def _until_accepted(server: Server, connections: int) -> None:
    """The client's connect returns when the kernel has the connection; wait until the server has accepted them all."""
    import time

    deadline = time.monotonic() + 30
    while len(list(Path(f"/proc/{server.pid}/fd").iterdir())) < connections:
        if time.monotonic() > deadline:
            raise Unmeasured(f"{server.name} had not accepted {connections} connections after 30 s")
        time.sleep(0.05)
    time.sleep(0.5)  # the last handlers run; nothing outside tells when


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Measure and print memory per idle connection; returns the figures and the targets."""
    parser = argparse.ArgumentParser(prog="memory", description="memory of idle connections")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="1,000 connections")
    parser.add_argument("--servers", default="labkit,node pipe,C", help=f"which, with commas, of {', '.join(SERVERS)}")
    options = parser.parse_args(argv)
    if options.quick:
        options.connections = 1000
    figures: dict[str, Any] = {}
    missing: dict[str, str] = {}
    targets = []
    try:
        raise_file_limit(options.connections + 200)
    except Unmeasured as reason:
        missing["all"] = str(reason)
    print(f"Memory of {options.connections:,} idle connections (PSS growth of the server)")
    for touch in (False, True):
        kind = "after one message each" if touch else "never used"
        rows = []
        for name in options.servers.split(",") if not missing.get("all") else []:
            try:
                figures[f"{name}, {kind}"] = one = grow(name, options.connections, touch=touch)
            except Unmeasured as reason:
                missing[f"{name}, {kind}"] = str(reason)
                rows.append([name, "no figures", "", ""])
                print(f"  left out: {reason}")
            else:
                rows.append(
                    [name, f"{one['bytes']:.0f}", f"{one['before_kb'] / 1024:.1f}", f"{one['after_kb'] / 1024:.1f}"]
                )
        print(f"\n{kind}")
        print(table(["server", "bytes a connection", "MB before", "MB with them"], rows))
        ours, node = figures.get(f"labkit, {kind}"), figures.get(f"node pipe, {kind}")
        value = ours["bytes"] / node["bytes"] if ours and node else None
        why = "" if value is not None else "; ".join(missing.values())
        targets.append(Target(f"memory of an idle connection, {kind}: ours / Node's", value, TARGET, False, note=why))
        print_targets(targets[-1:])
    return {"figures": figures, "missing": missing, "targets": [target.as_dict() for target in targets]}


if __name__ == "__main__":
    print(machine())
    main()
