"""How long a kernel takes to be ready: the kernel labkit, in a network of its own, beside ipykernel's own.

Rule: both are started in turn by the same manager, one right after the other; the ratio is of neighbours.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import ROOT, Target, Unmeasured, child_environment, machine, print_targets, spread, table

LIMIT = 1.2  # of the stock kernel's time


def ready_seconds(name: str) -> tuple[float, str]:
    """From the order to start a kernel to its first reply and an idle iopub; and the network it says it has."""
    from jupyter_client.manager import KernelManager

    environment = {key: value for key, value in child_environment().items() if key != "LABKIT_TIER"}
    began = time.perf_counter()
    manager = KernelManager(kernel_name=name)
    manager.start_kernel(env=environment, cwd=str(ROOT), stderr=subprocess.DEVNULL)
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        took = time.perf_counter() - began
        said: list[str] = []
        client.execute_interactive(
            "import os; print(os.environ.get('LABKIT_NETWORK', ''))",
            timeout=60, output_hook=lambda m: said.append(m["content"].get("text", "")),
        )  # fmt: skip
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return took, "".join(said).strip()


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Measure and print the ratio; returns the figures and the target."""
    parser = argparse.ArgumentParser(prog="kernel", description="time to ready, beside the stock kernel's")
    parser.add_argument("--rounds", type=int, default=15, help="starts of each kernel (default 15)")
    parser.add_argument("--quick", action="store_true", help="3 rounds")
    options = parser.parse_args(argv)
    try:
        import jupyter_client  # noqa: F401
    except ImportError as error:
        raise Unmeasured("jupyter_client is not installed (make lab installs it)") from error
    print("Kernel start")
    names = ("python3", "labkit")
    network = ""
    for name in names:  # the first start of each compiles its modules
        _, network = ready_seconds(name)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(3 if options.quick else options.rounds):
        for name in names if number % 2 == 0 else names[::-1]:
            times[name].append(ready_seconds(name)[0])
    ratios = [ours / stock for stock, ours in zip(times["python3"], times["labkit"], strict=True)]
    rows = [["python3", spread(times["python3"], 3), ""], ["labkit", spread(times["labkit"], 3), spread(ratios, 2)]]
    print(table(["kernel", "seconds to ready", "of the stock kernel's"], rows))
    note = f"{len(ratios)} pairs, {min(ratios):.2f}-{max(ratios):.2f}; network: {network}"
    value = statistics.median(ratios) if network == "private" else None
    target = Target("kernel start, of the stock kernel's", value, LIMIT, False, note=note)
    print_targets([target])
    return {"figures": times, "ratios": ratios, "targets": [target.as_dict()]}


if __name__ == "__main__":
    print(machine())
    main()
