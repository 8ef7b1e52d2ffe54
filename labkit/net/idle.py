"""The idle time of a connection: told once after so long without traffic, and again only after more traffic.

Rule: one timer for a connection, set anew when it runs out, never for each piece of data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from labkit.core import loop


class IdleTimer:
    """Calls a function after this many seconds without `touch`. Made on the loop, and only if there is a limit.

    active: when there was traffic, in seconds of the monotonic clock.
    """

    __slots__ = ("_tell", "_timer", "active", "seconds")

    def __init__(self, seconds: float, tell: Callable[[], None]) -> None:
        self.seconds = seconds
        self._tell = tell
        self.active = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.touch()

    @property
    def armed(self) -> bool:
        """Whether it is going to tell, without more traffic."""
        return self._timer is not None

    def touch(self) -> None:
        """There was traffic: the idle time begins anew."""
        self.active = monotonic()
        if self._timer is None:
            self._timer = loop.get().call_later(self.seconds, self._check)

    def stop(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        left = self.active + self.seconds - monotonic()
        if left > 0:
            self._timer = loop.get().call_later(left, self._check)
        else:
            self._timer = None  # the next traffic starts it again
            self._tell()
