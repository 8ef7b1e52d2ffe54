"""Set-up of the exercise tests. Rule: each test starts as a fresh session with a progress file of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit import exercises
from labkit.exercises import progress_file
from labkit.exercises.engine import Seeded


@pytest.fixture(autouse=True)
def interrupt_works() -> Iterator[None]:
    """Ctrl-C as in a notebook's kernel: what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def fresh_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tries, no hints, nothing known; recordings of the project are left aside."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(progress_file, "_entries", {})
    monkeypatch.setattr(progress_file, "_told", set())
    exercises.tcp.flags.use(None)
    exercises.tcp.order.use(None)
    for lesson in exercises.lessons():
        exercises.restart(lesson)
    for exercise in exercises.every():
        if isinstance(exercise, Seeded):
            exercise.another(1)
