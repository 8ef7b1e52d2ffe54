"""A stream that is read and written: a connection.

Rule: puts the two directions together; adds nothing to either.
"""

from __future__ import annotations

from labkit.streams.readable import READING, Readable
from labkit.streams.stream import check_mark
from labkit.streams.writable import HIGH_WATER_MARK, WRITING, Writable


class Duplex(Readable, Writable):
    """A stream in both directions, each with its own end."""

    __slots__ = (*READING, *WRITING)

    def __init__(self, *, high_water_mark: int = HIGH_WATER_MARK, has_cell: bool = True) -> None:
        super().__init__(has_cell=has_cell)
        self._mark = check_mark(high_water_mark)
