"""How many bytes a second a wire carries: one TCP connection over it, with and without rules and a capture.

Rule: one direction, kernel TCP at both ends; sender and receiver are plain sockets in a process of their own.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Target, Unmeasured, print_targets, spread, table
from labkit.lab.wire import Wire

CHUNK = bytes(1 << 16)


def carry(wire: Wire, size: int) -> float:
    """Send this many bytes from the client to the server; returns seconds until the last one was read."""
    listener = wire.server.socket()
    listener.bind((wire.server.address, 0))
    listener.listen()
    sender = wire.client.socket()
    with listener, sender:
        sender.connect(listener.getsockname())
        receiver, _ = listener.accept()

        def send() -> None:
            for _ in range(size // len(CHUNK)):
                sender.sendall(CHUNK)
            sender.shutdown(socket.SHUT_WR)

        start = time.perf_counter()
        thread = threading.Thread(target=send)
        thread.start()
        got, room = 0, bytearray(1 << 18)
        with receiver:
            while count := receiver.recv_into(room):
                got += count
        took = time.perf_counter() - start
        thread.join()
    if got != size // len(CHUNK) * len(CHUNK):
        raise Unmeasured(f"{got} of {size} bytes arrived")
    return took


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the table and the target; returns them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two rounds of a tenth")
    args = parser.parse_args(argv)
    size, rounds = args.megabytes * 1_000_000, args.rounds
    if args.quick:
        size, rounds = size // 10, 2
    rates: dict[str, list[float]] = {"no rule": [], "a rule that never acts": [], "captured": []}
    lost = made = 0.0
    for _ in range(rounds):
        for what, found in rates.items():
            start = time.perf_counter()
            with Wire() as wire:
                made = time.perf_counter() - start
                if not wire.live:
                    raise Unmeasured(f"no wire here: {wire.why_not}. Run it as root, or in a private network")
                if what != "no rule":
                    wire.drop(only="RST")
                if what == "captured":
                    with wire.capture(wait_closed=False, limit=1 << 30) as tape:
                        found.append(size / carry(wire, size) / 1e6)
                    lost += tape.drops
                else:
                    found.append(size / carry(wire, size) / 1e6)
    print(f"{size / 1e6:.0f} MB of payload a round, MTU 1500; a wire is made in {made * 1000:.0f} ms")
    print(table(["wire", "MB/s, median (min-max)"], [[what, spread(found, 0)] for what, found in rates.items()]))
    plain = rates["no rule"]
    targets = [
        Target("wire, payload carried", statistics.median(plain), 50, True, "MB/s", f"rounds {spread(plain, 0)}"),
        Target("wire, frames lost without a rule", lost, 0, False),
    ]
    print_targets(targets)
    return {"MB/s": rates, "targets": [target.as_dict() for target in targets]}


if __name__ == "__main__":
    main()
