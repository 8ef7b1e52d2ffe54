"""How fast a capture file of 50,000 packets is read: labkit's Tape beside Scapy's PcapReader.

Rule: the same file, read whole, in one process, in turns; the ratio of the medians is the figure to trust.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Target, print_targets
from labkit.packets import Tape
from labkit.packets.capture_file import Recording


def recording_of(count: int) -> Recording:
    """Segments of one TCP connection: a SYN, then data one way and its ACK the other."""
    frames = []
    for number in range(count):
        to_server = number % 2 == 0
        body = b"x" * 100 if number and to_server else b""
        flags = 2 if number == 0 else 24 if body else 16
        ports = (50000, 8124) if to_server else (8124, 50000)
        tcp = struct.pack("!HHIIBBHHH", *ports, 1000 + 50 * number, 77, 80, flags, 65535, 0, 0) + body
        ip = struct.pack(
            "!BBHHHBBH4s4s", 69, 0, 20 + len(tcp), number & 65535, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
        )
        frame = bytes(12) + b"\x08\0" + ip + tcp
        frames.append((1_700_000_000_000_000_000 + number * 1000, frame, 1, 0, len(frame)))
    return Recording(frames)


def seconds(work: Callable[[], int], count: int) -> float:
    """Time one reading, which must give every packet."""
    gc.collect()
    start = time.perf_counter()
    found = work()
    took = time.perf_counter() - start
    if found != count:
        raise AssertionError(f"{found} packets read, not {count}")
    return took


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the table and the target; returns them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packets", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth")
    args = parser.parse_args(argv)
    count, rounds = (args.packets // 10, 1) if args.quick else (args.packets, args.rounds)

    from scapy.config import conf

    conf.route_autoload = conf.route6_autoload = False
    import scapy.layers.inet  # noqa: F401  # so that Scapy dissects what it reads, as it does when used
    from scapy.utils import PcapReader

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "many.pcapng")
        Tape(recording_of(count)).save(path)

        def scapys() -> int:
            with PcapReader(str(path)) as reader:
                return sum(1 for _ in reader)

        def followed() -> int:
            tape = Tape.load(path)
            return len(tape.connections[0].packets)

        def looked_at() -> int:
            return sum(1 for packet in Tape.load(path) if packet.protocol == "TCP")

        ways: dict[str, Callable[[], int]] = {
            "labkit, read": lambda: len(Tape.load(path)),
            "labkit, read and follow connections": followed,
            "labkit, read and make every packet": looked_at,
            "Scapy's PcapReader": scapys,
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, work in ways.items():
                times[name].append(seconds(work, count))
    slowest = statistics.median(times["Scapy's PcapReader"])
    print(f"{count:,} packets, median of {rounds}")
    print(f"{'':36}  {'packets/s':>10}  {'ms':>8}  {'min':>8}  {'max':>8}  {'times Scapy':>11}")
    ratios: dict[str, float] = {}
    for name, taken in times.items():
        median = statistics.median(taken)
        ratios[name] = slowest / median
        spread = f"{min(taken) * 1e3:8.1f}  {max(taken) * 1e3:8.1f}"
        print(f"{name:36}  {count / median:10,.0f}  {median * 1e3:8.1f}  {spread}  {ratios[name]:11.1f}")
    target = Target("reading a tape, times Scapy's PcapReader", ratios["labkit, read"], 50, at_least=True)
    print_targets([target])
    return {"ratios": ratios, "targets": [target.as_dict()]}


if __name__ == "__main__":
    main()
