"""How many of 100,000 datagrams sent at full speed a capture misses: labkit's ring beside Scapy's AsyncSniffer.

Rule: another process sends, as fast as it can; what arrived is counted by the number in each datagram, both ways alike.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Target, Unmeasured, print_targets
from labkit import packets

SENDER = """
import socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect(("127.0.0.1", port))
send = sender.send
start = time.perf_counter()
for number in range(count):
    send(number.to_bytes(8, "big"))
print(time.perf_counter() - start)
"""


def send(port: int, count: int) -> float:
    """Send the datagrams from another process; returns how long it took it, in seconds."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", SENDER, str(port), str(count)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return float(done.stdout)


def by_labkit(port: int, count: int) -> tuple[int, float, float, bool]:
    """Capture with labkit: (datagrams seen, seconds of sending, CPU seconds of ours, whether they came in order)."""
    with packets.capture(port) as tape:
        cpu = time.process_time()
        took = send(port, count)
    cpu = time.process_time() - cpu
    seen = [packet.payload for packet in tape]
    return len(set(seen)), took, cpu, seen == sorted(seen)


def by_scapy(port: int, count: int) -> tuple[int, float, float]:
    """Capture with Scapy: (datagrams seen, seconds of sending, CPU seconds of ours)."""
    from scapy.config import conf

    conf.route_autoload = conf.route6_autoload = False
    import threading

    import scapy.layers.inet  # noqa: F401  # it registers UDP
    from scapy.packet import Raw
    from scapy.sendrecv import AsyncSniffer

    ready = threading.Event()
    sniffer = AsyncSniffer(iface="lo", filter=f"udp port {port}", store=True, started_callback=ready.set)
    sniffer.start()
    ready.wait(20)
    cpu = time.process_time()
    took = send(port, count)
    deadline, before = time.monotonic() + 120, -1
    while time.monotonic() < deadline:  # it goes on working through its socket's buffer: wait until nothing more comes
        time.sleep(1)
        now = time.process_time()
        if before >= 0 and now - before < 0.2:
            break
        before = now
    found = sniffer.stop()
    return len({bytes(packet[Raw]) for packet in found if Raw in packet}), took, time.process_time() - cpu


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the table and the targets; returns them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--datagrams", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth")
    args = parser.parse_args(argv)
    count, rounds = (args.datagrams // 10, 1) if args.quick else (args.datagrams, args.rounds)
    status = packets.status()
    if not status.live:
        raise Unmeasured(f"this user may not capture: {status.reasons[0].why}. {status.reasons[0].todo}")
    lost = {"labkit": 0, "Scapy": 0}
    ordered = True
    print(f"{count:,} datagrams a round ({packets.status().tier} tier)")
    print(f"{'round':>5}  {'capture':8}  {'seen':>8}  {'lost':>8}  {'sent/s':>9}  {'CPU s':>6}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))  # nobody reads it: what matters is what the capture sees
        port = receiver.getsockname()[1]
        for number in range(1, rounds + 1):
            seen, took, cpu, in_order = by_labkit(port, count)
            ordered = ordered and in_order
            lost["labkit"] += count - seen
            print(f"{number:5}  {'labkit':8}  {seen:8,}  {count - seen:8,}  {count / took:9,.0f}  {cpu:6.2f}")
            seen, took, cpu = by_scapy(port, count)
            lost["Scapy"] += count - seen
            print(f"{number:5}  {'Scapy':8}  {seen:8,}  {count - seen:8,}  {count / took:9,.0f}  {cpu:6.2f}")
    total = count * rounds
    order = "in order" if ordered else "OUT OF ORDER"
    print(f"lost: labkit {lost['labkit'] / total:.2%} ({order}), Scapy {lost['Scapy'] / total:.2%}")
    target = Target(
        f"datagrams lost of {total:,}",
        float(lost["labkit"]),
        0,
        at_least=False,
        note=f"Scapy's sniffer: {lost['Scapy']:,}",
    )
    print_targets([target])
    return {"lost": lost, "sent": total, "targets": [target.as_dict()]}


if __name__ == "__main__":
    main()
