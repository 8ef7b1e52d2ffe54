"""HTTP servers: labkit beside Node's http, uvicorn, aiohttp, and two floors: a bare protocol on uvloop, and C.

Rule: says who takes part, with what work and what is promised; how it is measured stands in rotation.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import PEERS, Unmeasured, build, machine, node_program
from benchmarks.rotation import Comparison, main_of

BODY = 1024
DEPTH = 16


class Kind(NamedTuple):
    """A kind of request and answer. What every server does for it stands in peers/http_*."""

    words: str
    server: str = "plain"
    """The kind that the server is started with: plain, chunked, headers, post."""
    load: tuple[object, ...] = ("--framing", "length")
    node: float | None = None
    """Node's CPU divided by ours must be at least this; None: nothing is promised."""


KINDS = {
    "plain": Kind("plain", node=1.3),
    "chunked": Kind("chunked", "chunked", ("--framing", "chunked"), node=1.2),
    "headers": Kind("headers read", "headers", node=1.0),
    "browser": Kind("a browser's 16 headers read", "headers", ("--framing", "length", "--head", "browser"), node=1.0),
    "post": Kind("1 kB POST echoed", "post", ("--framing", "length", "--body", BODY), node=1.2),
    "pipelined": Kind(f"plain, pipelined by {DEPTH}", load=("--framing", "length", "--pipeline", DEPTH)),
}


class Requests(NamedTuple):
    """Requests of one kind on `count` keep-alive connections."""

    count: int
    name: str

    @classmethod
    def read(cls, text: str) -> Requests:
        """From the command line: ``50xplain``."""
        count, _, name = text.partition("x")
        if name not in KINDS:
            raise SystemExit(f"{text!r} is not a work of http_hello. Write a count, x, and one of {', '.join(KINDS)}.")
        return cls(int(count), name)

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    def __str__(self) -> str:
        return f"{self.count}x{self.name}"

    def title(self, unit: str) -> str:
        return f"{self.count} {unit}, {self.kind.words}"

    def arguments(self) -> Sequence[object]:
        return ("--connections", self.count, *self.kind.load)

    def first(self) -> Requests:
        return self  # one run that is not counted: V8 needs some thousand requests before it has compiled what is hot


def command(name: str, work: Requests) -> list[str]:
    """The command that starts an HTTP server; raises Unmeasured with the reason when it cannot run here."""
    kind = work.kind.server
    if name == "C":
        return [str(build("http_server")), "plain" if kind == "headers" else kind]  # it reads every header anyway
    if name == "node":
        return [node_program(), str(PEERS / "http_node.js"), kind]
    program, _, loop = name.partition(" ")
    peer = PEERS / f"http_{program}.py"
    if not peer.exists():
        raise Unmeasured(f"there is no {peer.name}")
    return [sys.executable, str(peer), *filter(None, [loop]), kind]


def limits(work: Requests) -> Mapping[str, float]:
    promised = {"uvicorn (httptools, uvloop)": 2.0, "aiohttp": 2.0}
    return {"Node http": work.kind.node, **promised} if work.kind.node else promised


COMPARISON = Comparison(
    name="HTTP hello",
    unit="connections",
    servers=("labkit", "node", "uvicorn", "aiohttp asyncio", "aiohttp uvloop", "bare", "C"),
    work=(
        Requests(50, "plain"), Requests(500, "plain"), Requests(50, "chunked"), Requests(500, "chunked"),
        Requests(50, "headers"), Requests(50, "browser"), Requests(50, "post"), Requests(50, "pipelined"),
    ),
    read=Requests.read,
    form=f"50xplain,500xchunked is 50 connections with Content-Length, then 500 chunked; kinds: {', '.join(KINDS)}",
    command=command,
    program="http_load",
    peers={"Node http": "node", "uvicorn (httptools, uvloop)": "uvicorn", "aiohttp": "aiohttp"},
    limits=limits,
)  # fmt: skip


main = main_of(COMPARISON)

if __name__ == "__main__":
    print(machine())
    main(None)
