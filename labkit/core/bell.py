"""A bell that wakes a thread out of `select`: another thread rings it, and so does every signal.

Rule: a pipe and nothing else. What has happened, whoever is woken looks up.

A signal that comes just before a system call begins does not interrupt it: Python would run its handler when the call
returns, which may be never. The bell closes this gap, since the signal itself writes into the pipe.
Source: ``signal.set_wakeup_fd`` of Python's documentation.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from contextlib import suppress
from typing import Self


class Bell:
    """Use it in a ``with``. On the main thread it is rung by each signal that has a handler of Python."""

    def __init__(self) -> None:
        self._reads, self._writes = os.pipe()
        for end in (self._reads, self._writes):
            os.set_blocking(end, False)
        self._before: int | None = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """What `select` looks at: readable once the bell was rung."""
        return self._reads

    def ring(self) -> None:
        """Wake whoever waits, or waits next. From any thread."""
        with suppress(BlockingIOError):  # it is ringing already
            os.write(self._writes, b"\0")

    def wait(self) -> None:
        """Wait until the bell is rung, or was rung since the last wait."""
        select.select([self], [], [])
        self.hush()

    def hush(self) -> None:
        """Ring no more, until it is rung again."""
        with suppress(BlockingIOError):
            while os.read(self._reads, 4096):
                pass

    def close(self) -> None:
        """Give the pipe back; nobody may ring any more."""
        if self._before is not None:
            signal.set_wakeup_fd(self._before)
            self._before = None
        os.close(self._reads)
        os.close(self._writes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
