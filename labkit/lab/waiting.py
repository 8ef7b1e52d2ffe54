"""Wait until certain packets have passed a wire: a lesson waits for what happened, not for a time.

Rule: looks at packets and changes none of them; every wait has an end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from labkit.core import checks
from labkit.core.checks import is_whole, shown
from labkit.core.errors import LabError, TimedOut
from labkit.lab.rules import Match, Passing

if TYPE_CHECKING:
    from labkit.lab.wire import Wire

_MOST = 10_000


def when_passed(
    wire: Wire,
    times: int,
    *,
    sender: str | None = None,
    has: str | None = None,
    only: str | None = None,
    payload: bool | None = None,
    window: int | None = None,
    timeout: float = 10.0,
) -> Callable[[], None]:
    """Count packets of a wire from now on; returns a function that waits until so many of a kind have passed.

    times: how many, from 1. sender, has, only, payload: as in `Wire.drop`. window: the window field of the TCP header,
    as sent. timeout: seconds that the returned function waits at most; it raises `TimedOut` then. On a wire that is not
    live it returns at once. Raises `LabError` for conditions that no packet can fulfil.
    """
    if not is_whole(times) or not 1 <= times <= _MOST:
        raise LabError(f"times={shown(times)} is not a count", f"Give a whole number from 1 to {_MOST}.")
    checks.seconds(timeout)
    match = Match(sender, has, only, payload)
    seen = threading.Semaphore(0)

    def look(packet: Passing) -> None:
        if match(packet) and (window is None or (packet.protocol == "TCP" and packet.quick.window == window)):
            seen.release()

    rule = wire.rule(look)

    def wait() -> None:
        deadline = time.monotonic() + timeout
        try:
            for done in range(times if wire.live else 0):
                if not seen.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    what = f"{done} of {times} packets passed the wire within {timeout:g} s"
                    raise TimedOut(what, "Run the cell again from its start; if the wire is older, make a new one.")
        finally:
            rule.off()

    return wait
