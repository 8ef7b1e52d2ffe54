"""The bell: whoever waits is woken, by a thread or by a signal, also by one that comes just before the wait."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
import threading
import time

from labkit.core.bell import Bell

LATE = """
import select, signal, sys
from labkit.core.bell import Bell

came = []
signal.signal(signal.SIGUSR1, lambda *_: came.append(1))
with Bell() as bell:
    # As if it had come between the last look at signals and the system call: noted in C, and not yet told to Python.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    signal.raise_signal(signal.SIGUSR1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    ready, _, _ = select.select([bell], [], [], 20)
    print(bool(ready), came)
    bell.hush()
    print(bool(select.select([bell], [], [], 0)[0]))
print(signal.set_wakeup_fd(-1))
"""


def test_a_signal_rings_it_and_afterwards_nothing_is_left() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["True [1]", "False", "-1"]


def test_a_thread_rings_it() -> None:
    with Bell() as bell:
        thread = threading.Thread(target=lambda: (time.sleep(0.05), bell.ring()))
        thread.start()
        bell.wait()
        thread.join()
        assert not select.select([bell], [], [], 0)[0]


def test_it_is_rung_before_the_wait_and_often() -> None:
    with Bell() as bell:
        for _ in range(100_000):  # more than a pipe holds
            bell.ring()
        bell.wait()
        assert not select.select([bell], [], [], 0)[0]


def test_on_another_thread_it_leaves_signals_alone() -> None:
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    seen = []

    def run() -> None:
        with Bell() as bell:
            bell.ring()
            bell.wait()
            seen.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [1]
    after = signal.set_wakeup_fd(before)
    assert after == before
