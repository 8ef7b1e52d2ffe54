"""How long a display filter takes over 10,000 packets, by what it has to look at.

Rule: CPU time, median of rounds; each round has a tape of its own, so that nothing is kept from the one before.
"""

from __future__ import annotations

import argparse
import statistics
import time

from benchmarks.dissect import frames_of
from labkit.packets.capture_file import Recording
from labkit.packets.frames import Frame
from labkit.packets.tape import Tape

_LIMIT = 1.0  # seconds
_FILTERS = (
    "tcp.flags.syn == 1 && tcp.port == 8124",
    "ip.addr == 10.0.0.0/8 && tcp.len > 0",
    "tcp.options.timestamp.tsval > 5000",
    'tcp.payload matches "quarter.*burst"',
    'http.request.method == "GET"',
    "tcp.analysis.retransmission",
)


def main(argv: list[str] | None = None) -> int:
    """Print the table; returns 0 if each filter takes at most a second, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--packets", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(argv)
    frames: list[Frame] = [(number * 1000, raw, 1, 0, len(raw)) for number, raw in enumerate(frames_of(args.packets))]
    print(f"one filter over {args.packets} packets, a tape not looked at before; median of {args.rounds} rounds")
    medians = []
    for text in _FILTERS:
        took = []
        for _ in range(args.rounds):
            tape = Tape(Recording(frames))
            start = time.process_time_ns()
            found = len(tape.filter(text))
            took.append((time.process_time_ns() - start) / 1e9)
        medians.append(statistics.median(took))
        print(f"  {medians[-1]:6.2f} s  {text}   ({found} packets)")
    print(f"limit of each: {_LIMIT} s")
    return 0 if max(medians) <= _LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
