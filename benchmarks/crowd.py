"""A thread for each connection beside an event loop, from 10 to 10,000 connections: memory, switches, time to answer.

Rule: measured by the function that lesson 06 uses; ``--record`` keeps the figures for it, with the machine's name.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import ROOT, Target, print_targets
from labkit.lab import crowds

SIZES = (10, 100, 1000, 10_000)
QUICK = SIZES[:3]
LEAST = 4.0
"""Memory of a connection with a thread, divided by that of one on the loop."""


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, and return the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 1,000 connections")
    parser.add_argument("--record", action="store_true", help=f"keep the figures in data/{crowds.FILE}")
    options = parser.parse_args(arguments)
    runs = crowds.Crowds(
        crowds.crowd(way, size) for size in (QUICK if options.quick else SIZES) for way in crowds.WAYS
    )
    print(runs)
    system = f"Linux {platform.release().split('-')[0]}, {len(os.sched_getaffinity(0))} cores"
    words = f"Python {platform.python_version()}, {system}"
    if options.record:
        crowds.keep(runs, f"{words}, {datetime.now(UTC):%Y-%m-%d}", ROOT / "data" / crowds.FILE)
    threads, loop = runs[-2:]
    ratio = threads.kb / loop.kb
    target = Target(f"memory of a connection, thread / loop, {loop.connections:,} open", ratio, LEAST, True)
    print_targets([target])
    return {"targets": [target.as_dict()], "runs": repr(runs)}


if __name__ == "__main__":
    main()
