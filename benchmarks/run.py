"""``make bench``: every benchmark, their tables, and at the end the list of targets met and missed.

Rule: nothing is hidden: what fails to run stands in the last list as not measured, with its reason.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tqdm import tqdm

from benchmarks.harness import BUILD, Target, machine

NAMES = (
    "tcp_echo", "udp_echo", "http_hello", "http_client", "websocket_echo", "websocket_deflate", "websocket_broadcast",
    "tls_handshake", "tls_echo", "https_hello", "memory", "crowd", "startup", "kernel", "capture", "tape", "dissect",
    "filter", "messages", "tls_tape", "ladder", "wire", "inspector", "replay", "live_ladder", "classroom",
)  # fmt: skip
# those that know --quick; the others are short anyway
QUICK = {
    "tcp_echo", "udp_echo", "http_hello", "http_client", "websocket_echo", "websocket_deflate", "websocket_broadcast",
    "tls_handshake", "tls_echo", "https_hello", "memory", "crowd", "startup", "kernel", "replay", "live_ladder",
    "classroom",
}  # fmt: skip


def run(name: str, arguments: list[str]) -> dict[str, Any]:
    """One benchmark's figures; where it cannot run, one target that says so."""
    try:
        main = importlib.import_module(f"benchmarks.{name}").main
        figures = main(arguments)
        if isinstance(figures, int):  # it judged itself, and says so by its exit status
            own = Target(
                f"{name}: exit status", figures, 0, False, note="its limits and figures stand in its table above"
            )
            return {"targets": [own.as_dict()]}
        return dict(figures)
    except KeyboardInterrupt:
        raise
    except (Exception, SystemExit) as error:  # a broken benchmark must not hide the others' figures
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
        return {"targets": [Target(f"{name}: all of it", None, 0, True, note=reason).as_dict()]}


def gather(results: dict[str, dict[str, Any]]) -> list[Target]:
    """The targets of all benchmarks, in order."""
    targets = []
    for name, figures in results.items():
        mine = [Target(**{k: v for k, v in each.items() if k != "verdict"}) for each in figures.get("targets", ())]
        targets += mine or [Target(f"{name}: states no target", None, 0, True, note=f"see its table above: {name}.py")]
    return targets


def main(argv: list[str] | None = None) -> int:
    """Run them; returns 0 when every target is met, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}; may be repeated"
    )
    parser.add_argument(
        "--quick", action="store_true", help="short rounds: to see that all of it runs, not to be quoted"
    )
    options = parser.parse_args(argv)
    line = machine()
    print(line)
    if options.quick:
        print("quick: short rounds, so these figures are not to be quoted")
    results: dict[str, dict[str, Any]] = {}
    # The bar goes to stderr, and only to a terminal (disable=None).
    for name in tqdm(options.only or NAMES, unit="benchmark", disable=None, leave=False):
        print(f"\n=== {name} " + "=" * (100 - len(name)), flush=True)
        results[name] = run(name, ["--quick"] if options.quick and name in QUICK else [])
    targets = gather(results)
    print("\n=== targets " + "=" * 93)
    for verdict in ("met", "MISSED", "NOT MEASURED"):
        for target in targets:
            if target.verdict == verdict:
                print("  " + target.line())
    met = sum(target.verdict == "met" for target in targets)
    print(f"\n{met} of {len(targets)} targets met")
    BUILD.mkdir(exist_ok=True)
    out = {"machine": line, "quick": options.quick, "results": results}
    (BUILD / "last.json").write_text(json.dumps(out, indent=1, default=str) + "\n")
    return 0 if met == len(targets) else 1


if __name__ == "__main__":
    sys.exit(main())
