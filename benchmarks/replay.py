"""The replay in Chromium: how long a step takes from the key to the paint, and the first view of 10,000 packets.

Rule: JupyterLab, kernel and page are the real ones; a step counts from the time that the key's event carries to the
end of the frame that shows it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import Target, Unmeasured, print_targets
from benchmarks.in_page import laboratory
from benchmarks.ladder import tape_of

PACKETS, STEPS, VIEWS, QUICK = 10_000, 300, 5, 40
STEP_LIMIT, VIEW_LIMIT = 50.0, 1000.0  # ms

CELLS = (
    "import labkit\nfrom labkit import draw\ntape = labkit.Tape.load('large.pcapng')\ndraw.replay(tape[:3])",
    "draw.replay(labkit.Tape.load('large.pcapng'))",
)
# A task that is queued in an animation frame runs once that frame has been painted.
WATCH = """() => {
    window.steps = [];
    addEventListener('keydown', event => requestAnimationFrame(() => {
        const after = new MessageChannel();
        after.port1.onmessage = () => window.steps.push(performance.now() - event.timeStamp);
        after.port2.postMessage(0);
    }), true);
}"""
RUN = """async number => {
    const app = window.jupyterapp, panel = app.shell.currentWidget;
    panel.content.widgets[number].model.clearExecution();
    panel.content.activeCellIndex = number;
    const cell = panel.content.widgets[number].node, began = performance.now();
    const painted = new Promise(done => {
        const look = () => cell.querySelector('.lk-place')?.textContent.startsWith('1 of')
            ? requestAnimationFrame(() => done(performance.now() - began)) : requestAnimationFrame(look);
        requestAnimationFrame(look);
    });
    app.commands.execute('notebook:run-cell');
    return painted;
}"""


def measure(steps: int, views: int) -> dict[str, list[float]]:
    """Milliseconds of each step and of each first view."""
    with laboratory() as lab:
        from tests.browser.looking import run, view

        tape_of(PACKETS).save(lab.folder / "large.pcapng")
        with lab.open("replay.ipynb", *CELLS) as notebook:
            run(notebook, 0)
            view(notebook, 0)  # what is loaded once for all views is loaded now
            first = [notebook.page.evaluate(RUN, 1) for _ in range(views)]
            shown, page = view(notebook, 1), notebook.page
            shown.scroll_into_view_if_needed()
            shown.locator(".lk-ladder").focus()
            page.evaluate(WATCH)
            for number in range(steps):
                page.keyboard.press("ArrowDown")
                page.wait_for_function("count => window.steps.length === count", arg=number + 1)
            at = shown.locator(".lk-place").inner_text()
            assert at == f"{steps + 1} of {PACKETS}", at
            shown.locator(".lk-present", has_text=f"{steps + 1} ·").wait_for()
            return {"steps": page.evaluate("() => window.steps"), "views": first}


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the figures; returns them with the targets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help=f"keys pressed (default {STEPS})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} keys")
    options = parser.parse_args(argv)
    began = time.perf_counter()
    try:
        found = measure(QUICK if options.quick else options.steps, 2 if options.quick else VIEWS)
    except Unmeasured as error:
        limits = (("a step, p95", STEP_LIMIT), ("first view", VIEW_LIMIT))
        targets = [Target(f"replay: {name}", None, limit, False, "ms", str(error)) for name, limit in limits]
        print_targets(targets)
        return {"targets": [each.as_dict() for each in targets]}
    steps = sorted(found["steps"])
    p95 = steps[round(0.95 * (len(steps) - 1))]
    first = statistics.median(found["views"])
    load = os.getloadavg()[0]
    print(f"replay of {PACKETS:,} packets in Chromium, {time.perf_counter() - began:.0f} s in all, load {load:.1f}")
    middle, each_view = statistics.median(steps), ", ".join(f"{each:.0f}" for each in found["views"])
    print(f"  a step, from key to paint  median {middle:6.1f} ms, p95 {p95:6.1f}, max {steps[-1]:6.1f}")
    print(f"  first view, from run       median {first:6.0f} ms  ({each_view})")
    targets = [
        Target("replay: a step from key to paint, p95", p95, STEP_LIMIT, False, "ms", f"load {load:.1f}"),
        Target("replay: first view of 10,000 packets", first, VIEW_LIMIT, False, "ms", f"load {load:.1f}"),
    ]
    print_targets(targets)
    return {**found, "targets": [each.as_dict() for each in targets]}


if __name__ == "__main__":
    main()
