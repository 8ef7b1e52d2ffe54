"""WebSocket echo with permessage-deflate (RFC 7692): labkit beside Node's ws and Python's websockets.

Rule: says who takes part, with what work and what is promised. Each server has its own settings of zlib, so the bytes
of a reply stand beside what it costs.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import machine
from benchmarks.rotation import Comparison, Rounds, main_of
from benchmarks.websocket_echo import FORM, Messages, command


def sizes(rounds: Rounds) -> str:
    """How many bytes the replies of each server have, in words."""
    each = [f"{name} {statistics.median(f['wire'] for f in all_):.0f}" for name, all_ in rounds.items() if all_]
    return f"bytes of a reply: {', '.join(each)}"


COMPARISON = Comparison(
    name="WebSocket deflate",
    unit="connections",
    servers=("labkit", "node", "websockets asyncio", "websockets uvloop"),
    work=(Messages(50, 64, "text"), Messages(50, 1024, "text"), Messages(50, 65536, "text")),
    read=Messages.read,
    form=FORM,
    command=lambda name, _: command(name, "deflate"),
    program="websocket_deflate_load",
    peers={"Node ws": "node", "websockets": "websockets"},
    # labkit sends 64 B as they are, which ws does only without context takeover: not the same work, so no promise
    limits=lambda work: {"Node ws": 1.0} if work.size >= 1024 else {},
    about=sizes,
)


main = main_of(COMPARISON)

if __name__ == "__main__":
    print(machine())
    main(None)
