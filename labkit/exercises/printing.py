"""Keeps what a student's code prints during a check to a few lines: a check calls it hundreds of times.

Rule: if lines are left out, the last line says how many.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

LINES = 5
"""Lines shown of what is printed during one check."""

WIDTH = 200
"""Characters shown of each of these lines."""


class _Count:
    """What was printed so far, on both streams together. It has no lock: a thread may be stopped while it holds one."""

    def __init__(self) -> None:
        self.lines = 0  # complete ones
        self.column = 0  # characters in the line that is not complete
        self.over = False


class _Few:
    """A stream that passes on the first lines; after the check it passes on everything."""

    def __init__(self, stream: TextIO, count: _Count) -> None:
        self.stream = stream
        self.count = count

    def write(self, text: str) -> int:
        count = self.count
        if count.over or not isinstance(text, str):
            return self.stream.write(text)  # what is not text raises the stream's own TypeError
        shown = []
        for number, part in enumerate(text.split("\n")):
            if number:
                if count.lines < LINES:
                    shown.append("\n")
                count.lines += 1
                count.column = 0
            if part and count.lines < LINES:
                room = max(0, WIDTH - count.column)
                shown.append(part[:room] + ("…" if count.column <= WIDTH and len(part) > room else ""))
            count.column += len(part)
        if any(shown):
            self.stream.write("".join(shown))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def few_lines() -> Iterator[None]:
    """While this lasts, show the first `LINES` lines that are printed, from any thread; then say how many more came."""
    count = _Count()
    before = sys.stdout, sys.stderr  # None in a program without a console
    during = tuple(None if stream is None else cast(TextIO, _Few(stream, count)) for stream in before)
    sys.stdout, sys.stderr = during
    try:
        yield
    finally:
        # A stream that the student's code has put there stays. If it has kept one of ours, that passes on everything.
        if sys.stdout is during[0]:
            sys.stdout = before[0]
        if sys.stderr is during[1]:
            sys.stderr = before[1]
        count.over = True
        more = count.lines + (count.column > 0) - LINES
        if more > 0:
            print(f"… and {more} more line{'s' if more != 1 else ''}", flush=True)
