"""A sender that waits for nobody: it sends all that has not arrived, again and again, as some did before 1988.

Rule: it is for a wire of one's own, never for a real network; it ends by itself.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from labkit.core.checks import is_number, is_whole, shown
from labkit.core.errors import LabError, TimedOut

if TYPE_CHECKING:
    from labkit.lab.wire import Wire

_LONGEST = 20.0  # seconds
_SIZE = 1000  # bytes of a datagram
_PORT = 9001


class Sent(NamedTuple):
    """What an impatient sender did, in datagrams. needed: different ones. sent: in all. arrived: in all."""

    needed: int
    sent: int
    arrived: int


def impatient(wire: Wire, count: int = 100, *, again_after: float = 0.01) -> Sent:
    """Send so many different datagrams of 1000 bytes from the client of a wire to its server until all have arrived.

    All that are missing are sent at once; after so many seconds those that are missing still, and so on. The sender is
    told at once what has arrived: acknowledgments do not use the wire. count: 1 to 200. again_after: seconds.
    Returns how many were sent, and how many arrived. Raises `LabError` for other arguments, `TimedOut` after 20 s.
    """
    if not is_whole(count) or not 1 <= count <= 200:
        raise LabError(f"count={shown(count)} is no number of datagrams", "Give 1 to 200.")
    if not is_number(again_after) or not 0.001 <= again_after <= 5:
        raise LabError(f"again_after={shown(again_after)} is no time to wait", "Give seconds: 0.001 to 5.")
    missing, sent, arrived = set(range(count)), 0, 0
    deadline = time.monotonic() + _LONGEST
    with wire.server.socket(kind=socket.SOCK_DGRAM) as sink, wire.client.socket(kind=socket.SOCK_DGRAM) as source:
        sink.bind((wire.server.address, _PORT if wire.live else 0))
        target = sink.getsockname()
        while missing:
            if time.monotonic() > deadline:
                raise TimedOut(f"{len(missing)} of {count} datagrams have not arrived within {_LONGEST:g} s",
                               "Does a rule of the wire drop them? wire.clear() ends all rules.")  # fmt: skip
            for number in sorted(missing):
                with suppress(BlockingIOError):
                    source.sendto(bytes([number]) * _SIZE, target)
            sent += len(missing)
            numbers = _arriving(sink, again_after)
            arrived += len(numbers)
            missing.difference_update(numbers)
    return Sent(count, sent, arrived)


def _arriving(sink: socket.socket, seconds: float) -> list[int]:
    """The numbers of the datagrams that come within this time."""
    numbers: list[int] = []
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        sink.settimeout(left)
        with suppress(TimeoutError, BlockingIOError):
            numbers.append(sink.recv(_SIZE + 1)[0])
    return numbers
