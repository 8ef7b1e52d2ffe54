"""How long it takes to take a TCP packet apart, beside Scapy's parse of the same bytes, which names fewer fields.

Rule: CPU time, medians; no packet is seen twice, so nothing that is kept of one helps the next. labkit comes first, as
in a kernel that has not imported Scapy; then once more, when a student has.
"""

from __future__ import annotations

import argparse
import statistics
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from labkit.packets import dissect

_LIMIT = 150.0  # microseconds a packet


def frames_of(count: int) -> list[bytes]:
    """Ethernet frames of one TCP connection, each with other numbers: a SYN with options, then data and its ACKs."""
    found = []
    for number in range(count):
        if number % 3 == 0:
            options = bytes.fromhex("020405b40402080a") + struct.pack("!II", number, 0) + bytes.fromhex("01030307")
            flags, body = 2, b""
        else:
            options, flags = b"\1\1\x08\x0a" + struct.pack("!II", number, number - 1), 24
            body = b"one quarter of one data burst.\n" * (number % 4)
        tcp = struct.pack("!HHIIBBHHH", 40000 + number % 9999, 8124, number * 777, number * 555 + 1,
                          (20 + len(options)) << 2, flags, 65535, number & 0xFFFF, 0) + options + body  # fmt: skip
        ip = struct.pack("!BBHHHBBH", 69, 0, 20 + len(tcp), number & 0xFFFF, 0x4000, 64, 6, 0) + b"\12\0\0\1\12\0\0\2"
        found.append(bytes.fromhex("020000000002020000000001") + b"\x08\0" + ip + tcp)
    return found


def measure(work: Callable[[bytes], Any], frames: list[bytes]) -> float:
    """Microseconds of CPU time a frame."""
    start = time.process_time_ns()
    for frame in frames:
        work(frame)
    return (time.process_time_ns() - start) / 1000 / len(frames)


def main(argv: list[str] | None = None) -> int:
    """Print the table; returns 0 if a packet takes at most 150 µs, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--packets", type=int, default=300, help="in a round")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args(argv)
    frames = frames_of(args.packets * args.rounds)
    start = time.process_time_ns()
    fields = sum(len(list(item.walk())) for layer in dissect(frames[0]) for item in layer.fields)
    first = (time.process_time_ns() - start) / 1_000_000
    parts = [frames[number * args.packets : (number + 1) * args.packets] for number in range(args.rounds)]
    ours = [measure(dissect, part) for part in parts]
    from scapy.config import conf

    conf.route_autoload = conf.route6_autoload = False
    import scapy.layers.inet  # noqa: F401  # so that Scapy dissects IP and TCP, as it does when used
    from scapy.layers.l2 import Ether

    Ether(frames[0])
    scapys = [measure(Ether, part) for part in parts]
    beside = [measure(dissect, part) for part in parts]
    mine = statistics.median(ours)
    print(f"a TCP packet taken apart ({fields} fields in a SYN), median of {args.rounds} rounds of {args.packets}")
    for what, figures, note in (
        ("labkit", ours, f"the first one {first:.1f} ms"),
        ("labkit", beside, "with Scapy imported: it is asked for layers of the student's own"),
        ("Scapy", scapys, "its parse alone, without bit spans"),
    ):
        middle, least, most = statistics.median(figures), min(figures), max(figures)
        print(f"  {what:6s} {middle:8.1f} µs  (min {least:.1f}, max {most:.1f}): {note}")
    kept = mine < _LIMIT
    print(f"  limit ({_LIMIT:.0f} µs): {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
