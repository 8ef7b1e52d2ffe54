"""Memory of idle connections, TCP, HTTP, WebSocket and TLS: labkit beside Node, in one run.

Rule: what counts is how much the server's proportional memory (PSS) grows, divided by the connections opened.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import http_hello, tls_echo, websocket_echo
from benchmarks.harness import (
    Server,
    Target,
    Unmeasured,
    build,
    machine,
    print_targets,
    raise_file_limit,
    server_command,
    table,
)
from benchmarks.secure import trust

KEPT = "600"
"""Seconds that an HTTP server keeps an idle connection; Node and labkit close it after 5, before it can be measured."""


class Protocol(NamedTuple):
    """Who is measured, and what is promised."""

    name: str
    servers: tuple[str, ...]
    node: str
    program: str
    """The client in C that opens the connections."""
    command: Callable[[str], Sequence[str]]
    target: float
    kinds: Mapping[bool, str]
    """Whether each connection is used once before, and how that is called."""
    arguments: Callable[[], Sequence[str]] = tuple
    """What the client is called with besides."""


def http_command(name: str) -> Sequence[str]:
    return [*http_hello.command(name, http_hello.Requests(1, "plain")), *([] if name == "C" else [KEPT])]


TCP = Protocol(
    "TCP", ("labkit", "node pipe", "C"), "node pipe", "client", server_command, 0.55,
    {False: "never used", True: "after one message each"},
)  # fmt: skip
HTTP = Protocol(
    "HTTP", ("labkit", "node", "C"), "node", "http_load", http_command, 0.45, {True: "kept alive after one answer each"}
)
WEBSOCKET = Protocol(
    "WebSocket", ("labkit", "node", "C"), "node", "websocket_load", lambda name: websocket_echo.command(name, "echo"),
    0.4, {False: "never used", True: "after one message each"},
)  # fmt: skip
TLS = Protocol(
    "TLS", ("labkit", "node pipe", "C"), "node pipe", "tls_load", tls_echo.command, 0.8,
    {False: "never used", True: "after one message each"}, trust,
)  # fmt: skip
PROTOCOLS = {protocol.name: protocol for protocol in (TCP, HTTP, WEBSOCKET, TLS)}


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


def grow(protocol: Protocol, name: str, connections: int, *, touch: bool) -> dict[str, float]:
    """Open the connections to a fresh server and return its kB before, with them, and bytes for each."""
    with Server(name, command=protocol.command(name)) as server:
        # The first connection pays for what is made once (compiled code, the first buffers); it is not counted.
        _held(protocol, server, 1, touch=touch)
        before = memory_kb(server.pid)
        after = _held(protocol, server, connections, touch=touch)
        return {"before_kb": before, "after_kb": after, "bytes": (after - before) * 1024 / connections}


def _held(protocol: Protocol, server: Server, connections: int, *, touch: bool) -> int:
    command = [
        str(build(protocol.program)),
        "idle",
        "--port",
        str(server.port),
        "--connections",
        str(connections),
        "--stall",
        "30",
        *protocol.arguments(),
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
        if (left := open_files(server)) < connections:
            raise Unmeasured(f"{server.name} has closed connections: of {connections} at most {left} are left")
        client.stdin.close()
    return held


def open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def _until_accepted(server: Server, connections: int) -> None:
    """The client's connect returns when the kernel has the connection; wait until the server has accepted them all."""
    import time

    deadline = time.monotonic() + 30
    while open_files(server) < connections:
        if time.monotonic() > deadline:
            raise Unmeasured(f"{server.name} had not accepted {connections} connections after 30 s")
        time.sleep(0.05)
    time.sleep(0.5)  # the last handlers run; nothing outside tells when


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Measure and print memory per idle connection; returns the figures and the targets."""
    parser = argparse.ArgumentParser(prog="memory", description="memory of idle connections")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="1,000 connections")
    parser.add_argument("--servers", help="which, with commas (default: labkit, Node and C)")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="only this one")
    options = parser.parse_args(argv)
    if options.quick:
        options.connections = 1000
    figures: dict[str, Any] = {}
    missing: dict[str, str] = {}
    try:
        raise_file_limit(options.connections + 200)
    except Unmeasured as reason:
        missing["all"] = str(reason)
    print(f"Memory of {options.connections:,} idle connections (PSS growth of the server)")
    targets = []
    for protocol in PROTOCOLS.values():
        if options.protocol in (None, protocol.name):
            for touch, kind in protocol.kinds.items():
                targets.append(compare(protocol, kind, touch, options, figures, missing))
                print_targets(targets[-1:])
    return {"figures": figures, "missing": missing, "targets": [target.as_dict() for target in targets]}


def compare(
    protocol: Protocol, kind: str, touch: bool, options: argparse.Namespace, figures: dict[str, Any],
    missing: dict[str, str],
) -> Target:  # fmt: skip
    """Measure every server with connections of one kind, print them, and judge; fills figures and missing."""
    words = f"{protocol.name}, {kind}"
    rows = []
    reasons = [missing["all"]] if "all" in missing else []
    names = options.servers.split(",") if options.servers else protocol.servers
    for name in [] if reasons else names:
        try:
            figures[f"{name}, {words}"] = one = grow(protocol, name, options.connections, touch=touch)
        except Unmeasured as reason:
            missing[f"{name}, {words}"] = str(reason)
            reasons.append(str(reason))
            rows.append([name, "no figures", "", ""])
            print(f"  left out: {reason}")
        else:
            rows.append(
                [name, f"{one['bytes']:.0f}", f"{one['before_kb'] / 1024:.1f}", f"{one['after_kb'] / 1024:.1f}"]
            )
    print(f"\n{words}")
    print(table(["server", "bytes a connection", "MB before", "MB with them"], rows))
    ours, node = figures.get(f"labkit, {words}"), figures.get(f"{protocol.node}, {words}")
    value = ours["bytes"] / node["bytes"] if ours and node else None
    why = "" if value is not None else "; ".join(reasons)
    return Target(f"memory of an idle connection, {words}: ours / Node's", value, protocol.target, False, note=why)


if __name__ == "__main__":
    print(machine())
    main()
