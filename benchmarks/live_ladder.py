"""The live ladder under load, in Chromium: does the page keep up with 20,000 packets a second, in bounded memory?

Rule: JupyterLab, kernel, load and page are the real ones, on one machine; the page counts what it was told, and the
kernel what it captured.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import Target, cpu_seconds, print_targets
from benchmarks.in_page import laboratory

RATE = 20_000
"""Packets a second."""
SECONDS, QUICK, WHOLE = 10.0, 3.0, 60.0
PORT = 8124

# In a process of its own, in the kernel's network: datagrams in small groups, evenly over the time. It tells how many.
LOAD = """
import socket, sys, time
port, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.bind(("127.0.0.1", port))
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.connect(("127.0.0.1", port))
sent, began = 0, time.monotonic()
while (now := time.monotonic() - began) < seconds:
    due = int(now * rate)
    while sent < due:
        out.send(b"packet %09d" % sent)
        sent += 1
    time.sleep(0.002)
print(sent, time.monotonic() - began)
"""
CELLS = (
    "import os, subprocess, sys\nimport labkit\nfrom labkit import draw\n"
    "labkit.lesson('01a-tcp-connection', large=True)",
    f"live = draw.live({PORT})\nlive",
)
MEMORY = "() => { window.gc?.(); return performance.memory.usedJSHeapSize; }"


def measure(seconds: float, rate: int) -> dict[str, Any]:
    """What happened in so many seconds of load, as figures by name."""
    with laboratory("--enable-precise-memory-info", "--js-flags=--expose-gc") as lab:
        from tests.browser.looking import run, run_code, view

        with lab.open("load.ipynb", *CELLS) as notebook:
            for number in range(len(CELLS)):
                run(notebook, number)
            shown, page = view(notebook, 1), notebook.page
            shown.scroll_into_view_if_needed()
            page.evaluate(FRAMES)
            kernel = int(asked(notebook, "os.getpid()"))
            before, cpu = page.evaluate(MEMORY), cpu_seconds(kernel)
            run_code(
                notebook,
                f"load = subprocess.Popen([sys.executable, '-c', {LOAD!r}, '{PORT}', '{rate}', '{seconds}'],"
                " stdout=subprocess.PIPE, text=True)",
            )
            page.wait_for_function(DRAWN)
            began = int(asked(notebook, "live._began")) / 1e9
            behind, heaps = [], []
            while (now := time.time()) < began + seconds:
                # The load is even, so the number of the newest packet in the page says when that was sent.
                behind.append(now - began - page.evaluate(DRAWN) / rate)
                heaps.append(page.evaluate(MEMORY))
                page.wait_for_timeout(100)
            sent, took = asked(notebook, "load.communicate()[0]").strip("'").replace("\\n", "").split()
            used = cpu_seconds(kernel) - cpu
            run_code(notebook, "live.stop()")  # what was sent before is still shown
            total, lost = (int(asked(notebook, what)) for what in ("live.total", "live._look.lost()"))
            page.wait_for_function(
                "total => Number(document.querySelector('.lk-live').dataset.drawn) >= total", arg=total
            )
            frames = page.evaluate("() => window.frames_seen")
            rows = page.evaluate("() => document.querySelectorAll('.lk-live-list > *').length")
            return {
                "rate": int(sent) / float(took), "total": total, "sent": int(sent),
                "lost": lost, "behind": statistics.median(behind), "worst": max(behind), "rows": rows,
                "cpu": used / float(took),
                "heap before": before, "heap early": max(heaps[: len(heaps) // 3]),
                "heap late": max(heaps[-len(heaps) // 3 :]), "looks": len(heaps),
                "heap after": page.evaluate(MEMORY), "longest frame": max(frames), "frames": len(frames) / seconds,
                "kernel": int(asked(notebook, "int(open('/proc/self/statm').read().split()[1]) * 4096")),
            }  # fmt: skip


FRAMES = """() => {
    window.frames_seen = [];
    let last = performance.now();
    const next = now => { window.frames_seen.push(now - last); last = now; requestAnimationFrame(next); };
    requestAnimationFrame(next);
}"""
DRAWN = "() => Number(document.querySelector('.lk-live').dataset.drawn)"


def asked(notebook: Any, expression: str) -> str:
    """The value of an expression in the kernel, as its repr."""
    found: str = notebook.page.evaluate(
        """async code => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const done = await kernel.requestExecute(
                {code: '', silent: true, user_expressions: {asked: code}}).done;
            return done.content.user_expressions.asked.data['text/plain'];
        }""",
        expression,
    )
    return found


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the figures; returns them with the targets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of load (default {SECONDS:g})")
    parser.add_argument("--minute", action="store_true", help="a whole minute of load")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:g} seconds of load")
    parser.add_argument("--rate", type=int, default=RATE, help=f"packets a second (default {RATE:,})")
    options = parser.parse_args(argv)
    seconds = WHOLE if options.minute else QUICK if options.quick else options.seconds
    found = measure(seconds, options.rate)
    mb = 1 << 20
    print(f"live ladder in Chromium, {seconds:g} s of load, {os.cpu_count()} processors for everything")
    print(f"  sent                  {found['sent']:9,} datagrams, {found['rate']:,.0f} a second")
    print(f"  captured              {found['total']:9,}, {found['lost']:,} lost")
    print(
        f"  page behind           {found['behind']:9.2f} s, median of {found['looks']} looks; "
        f"at most {found['worst']:.2f} s"
    )
    print(f"  kernel                {found['cpu']:9.0%} of a processor, {found['kernel'] / mb:.0f} MB")
    print(f"  rows in the page      {found['rows']:9}")
    print(
        f"  memory of the page    {found['heap before'] / mb:9.1f} MB before, {found['heap early'] / mb:.1f} early, "
        f"{found['heap late'] / mb:.1f} late, {found['heap after'] / mb:.1f} after"
    )
    print(f"  frames of the page    {found['frames']:9.0f} a second, the longest {found['longest frame']:.0f} ms")
    short = "" if options.minute else f"in {seconds:g} s; --minute takes the whole one"
    targets = [
        Target("live ladder: packets captured", found["total"] / found["sent"], 1.0, True, note=short),
        Target("live ladder: packets a second", found["rate"], 0.99 * options.rate, True),
        Target("live ladder: page behind the packets (median)", found["behind"], 0.5, False, "s"),
        Target("live ladder: page grows by", (found["heap late"] - found["heap early"]) / mb, 5, False, "MB"),
    ]
    print_targets(targets)
    return {"figures": found, "targets": [each.as_dict() for each in targets]}


if __name__ == "__main__":
    sys.exit(0 if all(each["verdict"] == "met" for each in main()["targets"]) else 1)
