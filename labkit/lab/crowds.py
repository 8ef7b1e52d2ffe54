"""Many clients and one server: what a connection costs with a thread of its own, and on an event loop (C-6.1).

Rule: the server is a process of its own, and all figures are the kernel's about this process: Linux, /proc.
"""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.packets import recorded

WAYS = ("threads", "loop")
"""A thread for each connection; one event loop for all of them."""
MOST = 20_000
"""Connections at most: a client has about 28,000 ports for one server."""
LINE = b"Is anybody there?\n"
FILE = "crowd.json"
"""The file of a full run, in the data directory; `benchmarks/crowd.py --record` writes it."""
_ASKED = 200
_PATIENCE = 60.0
_SPARE = 64  # descriptors that a process needs besides


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. way: one of `WAYS`. connections: how many were open.

    threads: of the server. kb: memory that each connection has added to the server's process, in kB (pages that it has
    for itself); what the kernel keeps for sockets and threads is not in it. switches: how often the kernel has switched
    the server's threads, for each line, while all clients asked at once. all_ms: from the first of these questions to
    the last answer. one_ms: the median time to an answer while all others are silent.
    """

    way: str
    connections: int
    threads: int
    kb: float
    switches: float
    all_ms: float
    one_ms: float


class Crowds(tuple[Figures, ...]):
    """Several runs; as text, a table of them. origin: where the figures come from."""

    origin: str = ""

    def __repr__(self) -> str:
        rows = [_HEAD, *map(_row, self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, *([self.origin] if self.origin else [])])


_HEAD = ("connections", "server", "threads", "kB each", "switches a line", "all answers, ms", "one answer, ms")


def _row(each: Figures) -> tuple[str, ...]:
    return (f"{each.connections:,}", each.way, f"{each.threads:,}", f"{each.kb:.1f}", f"{each.switches:.1f}",
            f"{each.all_ms:.1f}", f"{each.one_ms:.3f}")  # fmt: skip


@in_words
def recorded_crowds() -> Crowds:
    """The figures of a full run, from 10 to 10,000 connections, made once on one machine.

    Raises `LabError` if the recording is not at hand, or damaged.
    """
    folder = recorded.data_directory()
    try:
        if folder is None:
            raise FileNotFoundError
        kept = json.loads((folder / FILE).read_text("utf-8"))
        made = Crowds(Figures(**{each.name: row[each.name] for each in fields(Figures)}) for row in kept["runs"])
        made.origin = f"recorded: {kept['machine']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"there are no recorded figures in data/{FILE}", "Run `python benchmarks/crowd.py`.") from error
    return made


def keep(runs: Sequence[Figures], machine: str, path: Path) -> None:
    """Write runs into a file from which `recorded_crowds` reads them. machine: on which, and when, in words."""
    rows = [{name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(each).items()}
            for each in runs]  # fmt: skip
    path.write_text(json.dumps({"machine": machine, "runs": rows}, indent=1) + "\n", "utf-8")


@in_words
def crowd(way: str, connections: int) -> Figures:
    """Start an echo server, open so many connections, ask, and end both.

    way: one of `WAYS`. connections: 2 to `MOST`. Each client asks once before the memory is read. Raises `LabError` for
    other arguments, if this process or the server may not open so many files, or if the server ends before.
    """
    if way not in WAYS:
        raise LabError(f"{shown(way)} is no way to serve", f"Give one of {', '.join(WAYS)}.")
    if not isinstance(connections, int) or isinstance(connections, bool) or not 2 <= connections <= MOST:
        raise LabError(f"{shown(connections)} connections cannot be opened", f"Give a number from 2 to {MOST:,}.")
    _allow(connections + _SPARE)
    command = [sys.executable, "-m", "labkit.servers.crowd", way]
    with contextlib.ExitStack() as undo:
        server = undo.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE))
        undo.callback(server.kill)
        assert server.stdout is not None
        port = int(server.stdout.readline() or b"0")
        if not port:
            raise LabError("the server has not started", "Run `python -m labkit.servers.crowd loop` to see why.")
        clients = [undo.enter_context(_client(port))]
        _ask(clients)  # the first one pays for what is made once, and is not counted
        before = _memory_kb(server.pid)
        for _ in range(connections - 1):
            clients.append(undo.enter_context(_client(port)))
            _ask(clients[-1:])
        kb = (_memory_kb(server.pid) - before) / (connections - 1)
        threads = len(_tasks(server.pid))
        switched = _switches(server.pid)
        all_ms = _ask(clients)
        switches = (_switches(server.pid) - switched) / connections
        one_ms = statistics.median(_ask([clients[number % connections]]) for number in range(_ASKED))
    return Figures(way, connections, threads, kb, switches, all_ms, one_ms)


def _allow(files: int) -> None:
    """Let this process, and those that it starts, open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        words = f"this machine lets a program open {hard} files, and {files} are needed"
        raise LabError(words, "Open fewer connections.")
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def _client(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)


def _ask(clients: Sequence[socket.socket]) -> float:
    """Each client sends a line; then each reads its answer. Returns milliseconds."""
    began = time.perf_counter()
    for each in clients:
        each.sendall(LINE)
    for each in clients:
        missing = len(LINE)
        while missing:
            if not (data := each.recv(missing)):
                raise LabError("the server has ended a connection", "Perhaps it may not open so many files.")
            missing -= len(data)
    return (time.perf_counter() - began) * 1000


def _memory_kb(pid: int) -> int:
    """The memory in kB that a process has for itself: what it shares changes with what other programs do."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError as error:
        raise LabError("the kernel does not tell the memory of a process", "This needs Linux 4.14 or later.") from error
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def _switches(pid: int) -> int:
    """How often its threads were switched so far, of their own will or not."""
    lines = [line for task in _tasks(pid) for line in (task / "status").read_text("utf-8").splitlines()]
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
