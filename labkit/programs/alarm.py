"""A time limit for a program that runs beside this one.

Rule: ends the program and its children, never anything else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading


class Alarm:
    """Ends a program and its children when its time is over. rang: whether it did.

    pid: the program's number; it leads a session of its own, and its owner waits for its end after `stop`.
    """

    def __init__(self, pid: int, timeout: float) -> None:
        self.rang = False
        self._pid = pid
        self._timer = threading.Timer(timeout, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        self.rang = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        """No more."""
        self._timer.cancel()
