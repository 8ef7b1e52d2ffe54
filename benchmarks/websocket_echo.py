"""WebSocket echo: labkit beside Node's ws (with bufferutil), Python's websockets, and a C server as the floor.

Rule: says who takes part, with what work and what is promised; how it is measured stands in rotation.py.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import PEERS, Unmeasured, build, machine, node_packages, node_program
from benchmarks.rotation import Comparison, in_words, main_of

WORDS = {"text": "text", "utf8": "text beyond ASCII", "binary": "binary"}


class Messages(NamedTuple):
    """Messages of one kind and size on `count` connections."""

    count: int
    size: int
    kind: str

    @classmethod
    def read(cls, text: str) -> Self:
        """From the command line: ``50x64text``."""
        parts = re.fullmatch(rf"(\d+)x(\d+)({'|'.join(WORDS)})", text)
        if parts is None:
            raise SystemExit(f"{text!r} is not such work. Write a count, x, a size in bytes, and {' or '.join(WORDS)}.")
        return cls(int(parts[1]), int(parts[2]), parts[3])

    def __str__(self) -> str:
        return f"{self.count}x{self.size}{self.kind}"

    def title(self, unit: str) -> str:
        return f"{self.count} {unit} x {in_words(self.size)} {WORDS[self.kind]}"

    def arguments(self) -> Sequence[object]:
        return ("--connections", self.count, "--size", self.size, "--kind", self.kind)

    def first(self) -> Self:
        return self  # one run that is not counted: V8 needs some thousand messages before it has compiled what is hot


FORM = f"50x64text,50x65536binary is 50 connections with 64 B text, then with 64 kB binary; kinds: {', '.join(WORDS)}"


def command(name: str, does: str) -> list[str]:
    """The command that starts a server; does: echo, deflate, broadcast. Raises Unmeasured if it cannot run here."""
    if name == "C":
        return [str(build("websocket_server")), does]
    if name == "node":
        node_packages()
        return [node_program(), str(PEERS / "websocket_node.js"), does]
    program, _, loop = name.partition(" ")
    peer = PEERS / f"websocket_{program}.py"
    if not peer.exists():
        raise Unmeasured(f"there is no {peer.name}")
    return [sys.executable, str(peer), *filter(None, [loop]), does]


def limits(work: Messages) -> Mapping[str, float]:
    if work.kind == "utf8":  # ws gives its program bytes, we give text: see README.md
        return {}
    return {"Node ws": 2.0 if work.size >= 65536 else 1.25, "websockets": 2.0}


COMPARISON = Comparison(
    name="WebSocket echo",
    unit="connections",
    servers=("labkit", "node", "websockets asyncio", "websockets uvloop", "C"),
    work=(
        Messages(50, 64, "text"), Messages(50, 64, "binary"),
        Messages(50, 1024, "text"), Messages(50, 1024, "utf8"), Messages(50, 1024, "binary"),
        Messages(50, 65536, "text"), Messages(50, 65536, "utf8"), Messages(50, 65536, "binary"),
    ),
    read=Messages.read,
    form=FORM,
    command=lambda name, _: command(name, "echo"),
    program="websocket_load",
    peers={"Node ws": "node", "websockets": "websockets"},
    limits=limits,
)  # fmt: skip


main = main_of(COMPARISON)

if __name__ == "__main__":
    print(machine())
    main(None)
