"""How quickly the inspector answers: first rows of a long tape, the next packet by key, pointer to paint, 25 at once.

Rule: a real JupyterLab and a real Chromium, those of the browser tests; what is timed is timed in the page.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import Target, print_targets
from benchmarks.in_page import laboratory
from labkit.widgets import modules

if TYPE_CHECKING:
    from tests.browser.conftest import Notebook

FIRST_LIMIT, SIZE_LIMIT, PAINT_LIMIT, NEXT_LIMIT, MANY_LIMIT = 300, 60, 50, 150, 3  # ms, kB, ms, ms, s
MANY = 25
COLD = 3  # notebooks in which the first view is timed

# 10,000 packets of one connection, each with data of 1,434 bytes the one way (a frame of 1,488) and an ACK the other;
# what a lesson has done before it shows an inspector: a capture is there, a ladder was drawn.
SETUP = """
import struct
import labkit
from labkit import draw
from labkit.packets.capture_file import Recording
def frame(number):
    there = number % 2 == 0
    body = b"x" * 1434 if number and there else b""
    flags = 2 if number == 0 else 18 if number == 1 else 24 if body else 16
    sent = 1 + 1434 * (number // 2) if number > 1 else 0
    seq, ack = (sent - 1434, 1) if body else (1, sent) if number > 1 else (0, number)
    tcp = struct.pack("!HHIIBBHHH", *((50000, 8124) if there else (8124, 50000)), 1000 + seq, 1000 + ack, 80, flags,
                      65535, 0, 0) + body
    ip = struct.pack("!BBHHHBBHII", 69, 0, 20 + len(tcp), number & 65535, 0, 64, 6, 0, 127 << 24 | 1, 127 << 24 | 1)
    raw = bytes(12) + b"\\x08\\0" + ip + tcp
    return (1_700_000_000_000_000_000 + number * 1000, raw, 1, 0, len(raw))
long = labkit.Tape(Recording([frame(number) for number in range(10_000)]))
draw.ladder(long[:20])
"""

# From the click on Run to the first row that is painted, and to the first byte of the first packet.
FIRST = """number => new Promise(done => {
    const app = window.jupyterapp, panel = app.shell.currentWidget, cell = panel.content.widgets[number].node;
    panel.content.activeCellIndex = number;
    const began = performance.now(), found = {};
    const look = () => {
        if (!found.rows && cell.querySelector('.lk-i-client')) found.rows = performance.now() - began;
        if (cell.querySelector('.lk-i-byte[data-k]')) { found.packet = performance.now() - began; done(found); return; }
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    app.commands.execute('notebook:run-cell');
})"""

# The next packet by key, thirty times: from the key to the frame in which its number stands above its fields.
NEXT = """times => new Promise(done => {
    const view = [...document.querySelectorAll('.lk-inspector')].at(-1), list = view.querySelector('.lk-i-list');
    const title = () => view.querySelector('.lk-i-links b').textContent, took = [];
    const press = () => {
        const old = title(), began = performance.now();
        list.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true, cancelable: true}));
        const look = () => requestAnimationFrame(() => {
            if (title() === old) { look(); return; }
            took.push(performance.now() - began);
            if (took.length < times) setTimeout(press, 120); else done(took);  // as fast as a person who reads a line
        });
        look();
    };
    press();
})"""

# From each movement of the pointer that enters a field or a byte to the end of the frame that shows it.
WATCH = """() => {
    const view = [...document.querySelectorAll('.lk-inspector')].at(-1);
    window.took = [];
    const entered = event => requestAnimationFrame(() => {
        const after = new MessageChannel();
        after.port1.onmessage = () => window.took.push(performance.now() - event.timeStamp);
        after.port2.postMessage(0);
    });
    for (const name of ['.lk-i-tree', '.lk-i-bytes']) {
        view.querySelector(name).addEventListener('pointerover', entered, {capture: true});
    }
}"""

ALL = """count => new Promise(done => {
    const app = window.jupyterapp, panel = app.shell.currentWidget, began = performance.now();
    const look = () => {
        const views = [...document.querySelectorAll('.lk-inspector')];
        const ready = views.filter(one => one.querySelector('.lk-i-byte[data-k]'));
        if (ready.length === count) done((performance.now() - began) / 1000); else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    app.commands.execute('notebook:run-all-cells');
})"""


def part(times: Sequence[float], share: float) -> float:
    """The time that this share of all does not exceed."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def bytes_heard(notebook: Notebook) -> list[int]:
    """The bytes of each frame that comes through the WebSocket of the kernel from now on; reload the page first."""
    heard: list[int] = []
    session = notebook.page.context.new_cdp_session(notebook.page)
    session.send("Network.enable")

    def add(event: dict[str, Any]) -> None:
        said = event["response"]
        size = len(said["payloadData"])
        heard.append(size * 3 // 4 if said["opcode"] == 2 else size)  # binary ones are told in base64

    session.on("Network.webSocketFrameReceived", add)
    return heard


def moved(notebook: Notebook) -> list[float]:
    """Milliseconds from the pointer to the paint, over fields and bytes."""
    page, view = notebook.page, notebook.page.locator(".lk-inspector").last
    view.scroll_into_view_if_needed()
    page.evaluate(WATCH)
    for name, count, down, across in ((".lk-i-tree", 100, 22, 0), (".lk-i-bytes", 150, 22, 37)):
        box = view.locator(name).bounding_box()
        assert box is not None
        for number in range(count):
            x = box["x"] + 60 + (number * across) % 340
            page.mouse.move(x, box["y"] + 8 + (number * down) % (box["height"] - 16))
            notebook.painted()
    found: list[float] = page.evaluate("() => window.took")
    return found


def measure() -> dict[str, Any]:
    """All figures, by name."""
    rows, packets, sizes = [], [], []
    found: dict[str, Any] = {}
    with laboratory() as lab:
        for number in range(COLD):
            with lab.open(f"long{number}.ipynb", SETUP, "draw.inspect(long)") as notebook:
                from tests.browser.looking import run

                run(notebook, 0)
                heard = bytes_heard(notebook)
                first = notebook.page.evaluate(FIRST, 1)
                rows.append(first["rows"])
                packets.append(first["packet"])
                sizes.append(sum(heard) / 1000)
                if number:
                    continue
                for _ in range(3):  # a packet with data
                    notebook.page.locator(".lk-i-row[data-i='2']").click()
                notebook.page.locator(".lk-i-links b", has_text="Packet 3").wait_for()
                found["paint"] = moved(notebook)
                found["next"] = notebook.page.evaluate(NEXT, 40)
                found["in_page"] = notebook.page.locator(".lk-i-row[data-i]").count()
        with lab.open("many.ipynb", *many()) as notebook:
            found["many"] = notebook.page.evaluate(ALL, MANY)
    return {**found, "rows": rows, "packets": packets, "sizes": sizes}


def many() -> list[str]:
    """The cells of a notebook with many inspectors of a lesson's capture."""
    path = Path(__file__).resolve().parents[1] / "data" / "03b-http-connections" / "twice.pcapng"
    return [f"import labkit\ntape = labkit.Tape.load({str(path)!r})", *["labkit.inspect(tape)"] * MANY]


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the figures and the targets; returns them."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args(argv)
    load = os.getloadavg()[0]
    found = measure()
    module = len(modules.dressed("inspector").encode())
    note = f"load {load:.1f} before"
    print(f"{note}; module and style {module / 1000:.1f} kB; {found['in_page']} of 10,000 rows in the page")
    for name in ("rows", "packets", "sizes", "next", "paint"):
        times = found[name]
        line = f"{len(times):>4} times: least {min(times):.0f}, median {part(times, 0.5):.0f}"
        print(f"{name:8} {line}, p95 {part(times, 0.95):.0f}, most {max(times):.0f}")
    targets = [
        Target("inspector: first rows of 10,000 packets", part(found["rows"], 0.5), FIRST_LIMIT, False, "ms", note),
        Target("inspector: all that is sent for them", max(found["sizes"]), SIZE_LIMIT, False, "kB"),
        Target("inspector: pointer to paint, p95", part(found["paint"], 0.95), PAINT_LIMIT, False, "ms", note),
        Target("inspector: next packet by key, p95", part(found["next"], 0.95), NEXT_LIMIT, False, "ms", note),
        Target(f"inspector: {MANY} in one notebook, run", found["many"], MANY_LIMIT, False, "s", note),
    ]
    print_targets(targets)
    return {**found, "targets": [each.as_dict() for each in targets]}


if __name__ == "__main__":
    main()
