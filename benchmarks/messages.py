"""How fast a tape of 10,000 packets becomes 5,000 HTTP messages or WebSocket frames, and one of them its fields.

Rule: CPU time, medians; each round has a tape of its own, so nothing that is kept helps the next. The walk through the
headers, which every use of a tape pays, is done before and shown apart. Memory is counted in a round of its own.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import struct
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Target, print_targets
from labkit.packets import Message, Tape
from labkit.packets.capture_file import Recording

ASKED = (
    b"GET /a/b?x=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n"
)
ANSWERED = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
    b"Connection: keep-alive\r\nX-A: b\r\n\r\nhello"
)
UPGRADE = (
    b"GET /updates HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbk+xOo=\r\n\r\n"
)
TEXT = b"hello world!"
MASKED = b"\x81\x8c\x11\x22\x33\x44" + bytes(byte ^ b"\x11\x22\x33\x44"[at % 4] for at, byte in enumerate(TEXT))
PLAIN = b"\x81\x0c" + TEXT
_Result = TypeVar("_Result")


def recording_of(exchanges: int) -> Recording:
    """One connection: a request, its ACK, an answer, its ACK, so many times."""
    return _recording([(0, ASKED), (1, ANSWERED)] * exchanges)


def frames_of(exchanges: int) -> Recording:
    """One connection: a handshake, then a masked frame, its ACK, an unmasked one, its ACK, so many times."""
    return _recording([(0, UPGRADE), (1, SWITCHING), *[(0, MASKED), (1, PLAIN)] * exchanges])


def _recording(turns: Sequence[tuple[int, bytes]]) -> Recording:
    """One connection, a segment and its ACK for each turn: (1 if it is the server's, what it says)."""
    frames: list[tuple[int | None, bytes, int, int, int]] = []
    seqs = [1, 1]

    def add(server: int, flags: int, body: bytes = b"") -> None:
        ports = ((50000, 8080), (8080, 50000))[server]
        tcp = struct.pack("!HHIIBBHHH", *ports, seqs[server], seqs[1 - server], 80, flags, 65535, 0, 0) + body
        ip = struct.pack("!BBHHHBBH", 69, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + b"\x7f\0\0\1" * 2
        frame = bytes(12) + b"\x08\0" + ip + tcp
        frames.append((1_700_000_000_000_000_000 + len(frames) * 1000, frame, 1, 0, len(frame)))
        seqs[server] += len(body) + (flags >> 1 & 1)

    add(0, 2)
    add(1, 18)
    add(0, 16)
    for server, body in turns:
        add(server, 24, body)
        add(1 - server, 16)
    return Recording(frames)


def cpu(work: Callable[[], _Result]) -> tuple[float, _Result]:
    """(milliseconds of CPU time, what it returned)."""
    gc.collect()
    start = time.process_time_ns()
    result = work()
    return (time.process_time_ns() - start) / 1e6, result


def walked(recording: Recording) -> Tape:
    """A new tape of these frames whose headers have been walked through."""
    tape = Tape(recording)
    assert len(tape.connections) == 1
    return tape


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the table and the targets; returns them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args(argv)
    recording = recording_of(args.messages // 2)
    times: dict[str, list[float]] = {
        name: []
        for name in (
            "walk through the headers", "both streams", "boundaries", "the fields of one message",
            "boundaries of frames", "frames read in full", "the fields of one frame",
        )
    }  # fmt: skip

    def streams(tape: Tape) -> int:
        return sum(len(tape.connections[0].stream(who).data) for who in ("client", "server"))

    def fields(messages: tuple[Message, ...]) -> int:
        return sum(len(each.fields) for each in messages)

    for _ in range(args.rounds):
        taken, tape = cpu(lambda: walked(recording))
        times["walk through the headers"].append(taken)
        taken, size = cpu(lambda tape=tape: streams(tape))  # type: ignore[misc]
        assert size == (len(ASKED) + len(ANSWERED)) * (args.messages // 2)
        times["both streams"].append(taken)
        tape = walked(recording)
        taken, messages = cpu(lambda tape=tape: tape.messages)  # type: ignore[misc]
        assert len(messages) == args.messages
        assert not any(each.state for each in messages)
        times["boundaries"].append(taken)
        some = messages[:: max(1, len(messages) // 200)]
        taken, _ = cpu(lambda some=some: fields(some))  # type: ignore[misc]
        times["the fields of one message"].append(taken / len(some))
    recorded_frames = frames_of(args.messages // 2)
    for _ in range(args.rounds):
        tape = walked(recorded_frames)
        taken, frames = cpu(lambda tape=tape: tape.frames)  # type: ignore[misc]
        assert len(frames) == args.messages
        times["boundaries of frames"].append(taken)
        taken, said = cpu(lambda frames=frames: [each.message for each in frames])  # type: ignore[misc]
        assert said == [TEXT.decode()] * args.messages
        times["frames read in full"].append(taken)
        few = frames[:: max(1, len(frames) // 200)]
        taken, _ = cpu(lambda few=few: fields(few))  # type: ignore[misc]
        times["the fields of one frame"].append(taken / len(few))
    tape = walked(recording)
    gc.collect()
    tracemalloc.start()
    found = tape.messages
    gc.collect()
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    assert len(found) == args.messages
    print(f"{len(recording.frames):,} packets, {args.messages:,} messages, CPU time, median of {args.rounds}")
    for name, figures in times.items():
        middle, least, most = statistics.median(figures), min(figures), max(figures)
        print(f"  {name:26s} {middle:9.3f} ms  (min {least:.3f}, max {most:.3f})")
    print(f"  kept of 5,000 messages     {megabytes:9.1f} MB, both streams among them")
    framed = statistics.median(times["boundaries of frames"]) / 1e3
    targets = [
        Target("10,000 packets into 5,000 messages", statistics.median(times["boundaries"]) / 1e3, 0.3, False, "s"),
        Target("memory of 5,000 messages", megabytes, 15, False, "MB"),
        Target("10,000 packets into 5,000 frames", framed, 0.2, False, "s"),
        Target("fields of one message", statistics.median(times["the fields of one message"]), 0.3, False, "ms"),
    ]
    print_targets(targets)
    return {"times": times, "targets": [each.as_dict() for each in targets]}


if __name__ == "__main__":
    main()
