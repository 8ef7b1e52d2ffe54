"""What running captures are told of the sockets of this process: a list that fills while it is watched.

Rule: keeps the lists; emitters fill them, captures read them.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, NamedTuple

watchers: tuple[list[Record], ...] = ()
"""The lists that are filled now. Read it as ``watching.watchers``: it is replaced, never changed."""

_changing = Lock()


class Record(NamedTuple):
    """What a running capture is told. kind: ``"event"`` for what was emitted, ``"call"`` for what a program asked for.

    source: its ``endpoint()`` says who and on which connection. size: bytes, or None. detail: more, in a few words.
    """

    time_ns: int
    source: Any
    name: str
    size: int | None
    kind: str
    detail: str = ""


def watch() -> list[Record]:
    """Start collecting what every emitter of this process does; returns the list that fills.

    End it with `unwatch`.
    """
    global watchers
    records: list[Record] = []
    with _changing:
        watchers = (*watchers, records)
    return records


def unwatch(records: list[Record]) -> None:
    """Stop collecting into this list."""
    global watchers
    with _changing:
        watchers = tuple(kept for kept in watchers if kept is not records)
