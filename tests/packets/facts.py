"""What tshark says of a capture that the tests of files and of conversations ask: one run of tshark a file.

Rule: asks and remembers; judges nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.packets import oracle


class Facts(NamedTuple):
    """One packet as tshark prints it; "" for what it does not have. Sequence numbers are relative."""

    time: str
    captured: str
    length: str
    tcp_stream: str
    seq: str
    ack: str
    udp_stream: str


_FIELDS = (
    "frame.time_epoch", "frame.cap_len", "frame.len", "tcp.stream", "tcp.seq", "tcp.ack", "udp.stream",
)  # fmt: skip


def facts(path: Path) -> list[Facts]:
    """The packets of a file, in its order. The answer for a file that does not change is kept."""
    return list(_kept(path) if path.is_relative_to(Path(__file__).parents[2]) else _asked(path))


def _asked(path: Path) -> tuple[Facts, ...]:
    return tuple(Facts(*row) for row in oracle.told(path, *_FIELDS))


_kept = cache(_asked)
