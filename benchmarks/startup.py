"""How long a student waits: `import labkit`, the first drawn ladder, lesson 01 run whole.

Rule: each figure is taken in a fresh process; what does not exist yet is "not measured", with the reason.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import ROOT, Target, Unmeasured, child_environment, machine, print_targets

IMPORT_LIMIT, LADDER_LIMIT, PICTURE_LIMIT, LESSON_LIMIT = 0.15, 3.0, 0.5, 30.0  # seconds
LESSON = "01*.ipynb"  # lesson 01 is several notebooks; all of them count together

# What lesson 01 does first, in the fewest lines: serve, talk, capture, draw the ladder and one header bit by bit.
FIRST_LADDER = """
import labkit
from labkit import draw, net
server = net.create_server(lambda socket: socket.end("hello\\n")).listen(0)
with labkit.capture(port=server.port, name="greeting", lesson="01a-tcp-connection") as tape:
    client = net.connect(port=server.port)
    client.wait_for("end")
    client.end()
picture = draw.ladder(tape)
server.close()
display(draw.bits(tape[0]["TCP"]))
picture
"""


def process_seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs the code."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=child_environment(), check=False
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise Unmeasured(f"`{code}` failed: {done.stderr.strip().splitlines()[-1]}")
    return took


def import_seconds(rounds: int) -> list[float]:
    """What `import labkit` adds to a bare interpreter's start, bare and loaded in turn."""
    process_seconds("import labkit")  # compiles the modules: the first start after an install is not what is meant
    return [process_seconds("import labkit") - process_seconds("pass") for _ in range(rounds)]


def ladder_seconds() -> tuple[float, float, str]:
    """From the order to start a kernel to the first pictures, from the first cell to them, and the tape's origin."""
    try:
        from jupyter_client.manager import KernelManager
    except ImportError as error:
        raise Unmeasured("jupyter_client is not installed (make lab installs it)") from error
    began = time.perf_counter()
    manager = KernelManager(kernel_name="labkit")
    manager.start_kernel(env=child_environment(), cwd=str(ROOT))
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        seen: list[dict[str, Any]] = []
        ready = time.perf_counter()
        reply = client.execute_interactive(FIRST_LADDER, timeout=60, output_hook=seen.append, store_history=False)
        done = time.perf_counter()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    content = reply["content"]
    if content["status"] != "ok":
        raise Unmeasured(f"the first ladder failed: {content.get('ename')}: {content.get('evalue')}")
    drawn = [m["content"]["data"] for m in seen if m["msg_type"] == "execute_result"]
    if not drawn or "image/svg+xml" not in drawn[0]:
        raise Unmeasured("the cell ran, and no picture came back")
    text = str(drawn[0].get("text/plain", "")).strip()
    return done - began, done - ready, text.splitlines()[-1] if text else ""


def lesson_seconds() -> float:
    """Lesson 01, all its notebooks, each from the start of its kernel to its last cell."""
    notebooks = sorted((ROOT / "notebooks").glob(LESSON))
    if not notebooks:
        raise Unmeasured(f"notebooks/{LESSON} do not exist")
    try:
        import nbclient
        import nbformat
    except ImportError as error:
        raise Unmeasured("nbclient is not installed (make lab installs it)") from error
    os.environ["PYTHONPATH"] = child_environment()["PYTHONPATH"]  # the kernel inherits it
    began = time.perf_counter()
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        try:
            nbclient.NotebookClient(
                notebook, timeout=120, kernel_name="labkit", resources={"metadata": {"path": str(path.parent)}}
            ).execute()
        except nbclient.exceptions.CellExecutionError as error:
            raise Unmeasured(f"a cell of {path.name} failed: {error.ename}: {error.evalue}") from error
    return time.perf_counter() - began


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Measure and print the three waits; returns the figures and the targets."""
    parser = argparse.ArgumentParser(prog="startup", description="what a student waits for")
    parser.add_argument("--rounds", type=int, default=7, help="fresh interpreters of each kind (default 7)")
    parser.add_argument("--quick", action="store_true", help="3 rounds, without the whole lesson")
    options = parser.parse_args(argv)
    figures: dict[str, Any] = {}
    targets: list[Target] = []
    print("Start-up")

    def judge(name: str, key: str, limit: float, measure: Any) -> None:
        note = ""
        try:
            values = measure()
        except Unmeasured as reason:
            values, note = [], str(reason)
        else:
            note = f"{len(values)} runs, {min(values):.3f}-{max(values):.3f} s" if len(values) > 1 else note
        figures[key] = values
        targets.append(Target(name, statistics.median(values) if values else None, limit, False, "s", note))
        print_targets(targets[-1:])

    judge(
        "import labkit, over a bare interpreter",
        "import",
        IMPORT_LIMIT,
        lambda: import_seconds(3 if options.quick else options.rounds),
    )

    taken: list[tuple[float, float, str]] = []

    def ladders() -> list[float]:
        taken.extend(ladder_seconds() for _ in range(1 if options.quick else 5))
        print(f"  the ladder's {taken[-1][2] or 'text twin is empty'}")
        return [seconds for seconds, _, _ in taken]

    def pictures() -> list[float]:
        if not taken:
            raise Unmeasured("no ladder was drawn")
        return [seconds for _, seconds, _ in taken]

    judge("kernel start to the first drawn ladder", "ladder", LADDER_LIMIT, ladders)
    judge("first cell of a fresh kernel, import to ladder and header", "picture", PICTURE_LIMIT, pictures)
    if options.quick:
        targets.append(Target("lesson 01 run whole", None, LESSON_LIMIT, False, "s", "left out by --quick"))
        print_targets(targets[-1:])
    else:
        judge("lesson 01 run whole", "lesson", LESSON_LIMIT, lambda: [lesson_seconds()])
    return {"figures": figures, "targets": [target.as_dict() for target in targets]}


if __name__ == "__main__":
    print(machine())
    main()
