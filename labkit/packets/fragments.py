"""The fragments of one IP packet, in whatever order they come: which bytes are there, and whether it is whole.

Rule: no headers here; what a fragment is of its packet is told by `frames.fragment_of`.
"""

from __future__ import annotations

Part = tuple[int, int, bool]
"""(first byte, byte after the last, whether more follow), counted in what was cut up."""


class Pieces:
    """The fragments of one packet so far. whole: no byte is missing."""

    __slots__ = ("_parts", "whole")

    def __init__(self) -> None:
        self._parts: dict[Part, bytes] = {}
        self.whole = False

    def has(self, part: Part, data: bytes) -> bool:
        """Whether this fragment, with these bytes, is there already."""
        return self._parts.get(part) == data

    def add(self, part: Part, data: bytes) -> None:
        """Take a fragment and its bytes; one that is there already changes nothing. Source: RFC 791 §3.2."""
        self._parts.setdefault(part, data)
        reached = 0
        for first, end, more in sorted(self._parts):
            if first > reached:
                return
            reached = max(reached, end)
            if not more:
                self.whole = True
                return

    def joined(self) -> bytes:
        """The bytes that were cut up. Of bytes that two fragments carry, those of the later offset count."""
        data = bytearray()
        for part in sorted(self._parts):
            data[part[0] : part[1]] = self._parts[part]
        return bytes(data)
