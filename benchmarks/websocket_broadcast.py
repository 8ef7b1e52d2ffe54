"""WebSocket broadcast: one message to all, beside Node's ws, Python's websockets, and a C server as the floor.

Rule: says who takes part, with what work and what is promised. An operation is one message that all have received.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import machine
from benchmarks.rotation import Comparison, main_of
from benchmarks.websocket_echo import FORM, Messages, command


class Broadcasts(Messages):
    """Messages of one kind and size, each to `count` receivers, its sender included."""

    def arguments(self) -> Sequence[object]:
        return (*super().arguments(), "--broadcast")


COMPARISON = Comparison(
    name="WebSocket broadcast",
    unit="receivers",
    servers=("labkit", "node", "websockets asyncio", "websockets uvloop", "C"),
    work=(Broadcasts(1000, 64, "text"), Broadcasts(1000, 1024, "text")),
    read=Broadcasts.read,
    form=FORM,
    command=lambda name, _: command(name, "broadcast"),
    program="websocket_load",
    peers={"Node ws": "node", "websockets": "websockets"},
    limits=lambda _: {"Node ws": 1.0},
)


main = main_of(COMPARISON)

if __name__ == "__main__":
    print(machine())
    main(None)
