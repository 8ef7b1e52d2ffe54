"""How long a ladder of 500 packets takes and how large it is, beside the same drawn with Matplotlib.

Rule: one process, rounds in rotation, medians; the ratio is the figure to trust.
"""

from __future__ import annotations

import argparse
import gc
import io
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit import draw
from labkit.packets import Tape


def tape_of(count: int) -> Tape:
    """A tape of one TCP connection that carries data one way, read from a pcap file made for the purpose.

    count: packets, at least 3.
    """
    frames = []
    for number in range(count):
        to_server = number % 2 == 0
        if number < 3:
            flags, seq, ack, body = ((2, 0, 0, b""), (18, 0, 1, b""), (16, 1, 1, b""))[number]
        elif to_server:
            flags, seq, ack, body = 16, 1, 1 + 124 * (number // 2 - 1), b""
        else:
            flags, seq, ack, body = 24, 1 + 124 * (number // 2 - 1), 1, b"one quarter of one data burst.\n" * 4
        ports = (50000, 8124) if to_server else (8124, 50000)
        tcp = struct.pack("!HHIIBBHHH", *ports, 1000 + seq, 1000 + ack if ack else 0, 80, flags, 65535, 0, 0) + body
        ip = struct.pack("!BBHHHBBH4s4s", 69, 0, 20 + len(tcp), number, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        frames.append(bytes(12) + b"\x08\0" + ip + tcp)
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    parts += [struct.pack("<IIII", 1, 20 * number, len(each), len(each)) + each for number, each in enumerate(frames)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ladder.pcap")
        path.write_bytes(b"".join(parts))
        return Tape.load(path)


def matplotlib_svg(tape: Tape) -> str:
    """The same arrows and labels by Matplotlib, as SVG."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.34 * len(tape)))
    FigureCanvasSVG(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.vlines([0, 1], 0, len(tape))
    axes.set_ylim(len(tape), 0)
    for row, packet in enumerate(tape):
        near, far = (0, 1) if packet.sender == "client" else (1, 0)
        axes.annotate("", (far, row + 0.2), (near, row), arrowprops={"arrowstyle": "-|>"})
        axes.text(
            0.5,
            row,
            f"{packet.flags} seq={packet.seq} ack={packet.ack} {packet.length} bytes",
            ha="center",
        )
    out = io.StringIO()
    figure.savefig(out, format="svg")
    return out.getvalue()


def measure(work: Callable[[], Any]) -> float:
    """Milliseconds one call takes."""
    gc.collect()  # what the other drawing left behind is not to be paid for by this one
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def main(argv: list[str] | None = None) -> int:
    """Print the table; returns 0 if the ladder keeps within 10 ms and 150 kB, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packets", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slow-rounds", type=int, default=1, help="rounds of the Matplotlib drawing")
    args = parser.parse_args(argv)
    tape = tape_of(args.packets)
    ours: list[float] = []
    theirs: list[float] = []
    svg = slow = ""
    for number in range(args.rounds):
        ours.append(measure(lambda: draw.ladder(tape, limit=None)))
        if number < args.slow_rounds:
            theirs.append(measure(lambda: matplotlib_svg(tape)))
    svg, slow = draw.ladder(tape, limit=None).svg, matplotlib_svg(tape)
    mine, other = statistics.median(ours), statistics.median(theirs)
    size, bulk = len(svg.encode()), len(slow.encode())
    print(f"ladder of {len(tape)} packets, median of {args.rounds} (Matplotlib: of {args.slow_rounds})")
    print(f"  labkit      {mine:9.1f} ms  (min {min(ours):.1f}, max {max(ours):.1f})  {size / 1000:9.1f} kB")
    print(f"  Matplotlib  {other:9.1f} ms  (min {min(theirs):.1f}, max {max(theirs):.1f})  {bulk / 1000:9.1f} kB")
    print(f"  ratio       {other / mine:9.1f} times faster, {bulk / size:.1f} times smaller")
    kept = mine < 10 and size < 150_000
    print(f"  limits (10 ms, 150 kB): {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
