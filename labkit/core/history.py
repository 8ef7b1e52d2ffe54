"""What an emitter remembers of its events, and how that is told in words.

Rule: plain data; who remembers it, and who waits for it, is in emitter.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

HISTORY = 256
"""Events an emitter remembers; older ones are forgotten first."""


class Remembered(NamedTuple):
    """One entry of an emitter's history.

    name: of the event. time_ns: ns since the epoch. size: bytes, or None. times: more than 1 if a quick run of the
    same event is one entry; its time is then that of the first, and its size that of all together.
    """

    name: str
    time_ns: int
    size: int | None
    times: int = 1


class Entry:
    """What is remembered of an event: the four facts of `Remembered`, and the arguments it was emitted with.

    done: its listeners have run, so that a waiting thread may be told of it.
    """

    __slots__ = ("args", "done", "name", "size", "time_ns", "times")

    def __init__(
        self, name: str, time_ns: int, size: int | None, times: int, args: tuple[Any, ...], done: bool = True
    ) -> None:
        self.name, self.time_ns, self.size, self.times = name, time_ns, size, times
        self.args, self.done = args, done

    def told(self) -> Remembered:
        """The entry as programs see it."""
        return Remembered(self.name, self.time_ns, self.size, self.times)


def shortened(entries: list[Entry]) -> list[Entry]:
    """The last `HISTORY` entries, and before them the last entry of every other name: that can still be waited for."""
    recent = entries[-HISTORY:]
    names = {entry.name for entry in recent}
    last = {entry.name: entry for entry in entries[:-HISTORY] if entry.name not in names}
    return [*last.values(), *recent]


def runs(events: Iterator[tuple[str, int]]) -> Iterator[str]:
    """Yield the events with repeats counted: ``data ×3``."""
    previous, count = "", 0
    for event, times in (*events, ("", 0)):
        if event == previous:
            count += times
            continue
        if previous:
            yield f"{previous} ×{count}" if count > 1 else previous
        previous, count = event, times
