"""Buffers: the bytes in which fields lie, and the way back from a byte to the packet that brought it.

Rule: a frame is a buffer, and so is what several frames carry together; nothing here knows how a buffer came about.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter

from labkit.packets.model import Field

Span = tuple[int, int, int]
"""(number of the packet, first byte in its frame, length): bytes of a buffer as they lie in a captured frame."""

Hole = tuple[int, int]
"""(first byte, byte after the last): bytes of a buffer that no packet brought."""


def holes_in(holes: Sequence[Hole], start: int, stop: int) -> list[Hole]:
    """The parts of these holes that lie between two bytes, counted from the first of them."""
    found = []
    for index in range(bisect_right(holes, start, key=itemgetter(1)), len(holes)):
        first, last = holes[index]
        if first >= stop:
            break
        found.append((max(first, start) - start, min(last, stop) - start))
    return found


class Buffer:
    """Bytes in which fields lie. kind: ``"frame"``, ``"stream"``, or that of a `Payload`."""

    __slots__ = ()
    kind = ""

    @property
    def data(self) -> bytes:
        """All bytes, with zeros in the holes."""
        raise NotImplementedError

    @property
    def holes(self) -> Sequence[Hole]:
        """The runs of missing bytes, in order."""
        raise NotImplementedError

    def spans(self, start: int, stop: int) -> list[Span]:
        """The places of these bytes in frames, in the order of the bytes; holes are left out.

        start: first byte in the buffer. stop: the byte after the last.
        """
        raise NotImplementedError

    def place(self, offset: int) -> tuple[int, int] | None:
        """(number of the packet, byte in its frame) of one byte; None in a hole and behind the end."""
        found = self.spans(offset, offset + 1)
        return found[0][:2] if found else None

    def packets(self, start: int, stop: int) -> tuple[int, ...]:
        """The numbers of the packets that brought these bytes, each once, in the order of the numbers."""
        return tuple(sorted({number for number, _, _ in self.spans(start, stop)}))

    def __len__(self) -> int:
        return len(self.data)


class FrameBuffer(Buffer):
    """One captured frame. number: of its packet."""

    __slots__ = ("_raw", "number")
    kind = "frame"

    def __init__(self, raw: bytes, number: int) -> None:
        self._raw, self.number = raw, number

    @property
    def data(self) -> bytes:
        return self._raw

    @property
    def holes(self) -> Sequence[Hole]:
        return ()

    def spans(self, start: int, stop: int) -> list[Span]:
        start, stop = max(0, start), min(stop, len(self._raw))
        return [(self.number, start, stop - start)] if start < stop else []


class Payload(Buffer):
    """Bytes made from those of another buffer: the payload of a WebSocket frame, a whole message.

    kind: ``"unmasked"``: one payload; ``"joined"``: several payloads, one behind the other; ``"inflated"``: without
    compression. fields: its bytes by name, counted from its own first bit. state: ``""`` if they have the form of
    their kind, ``"cut"``, ``"malformed"``; reason: why, in words.
    """

    __slots__ = ("_data", "_parts", "_source", "fields", "kind", "reason", "state")

    def __init__(self, kind: str, source: Buffer, parts: Sequence[tuple[int, int]], data: bytes) -> None:
        """source: the buffer below. parts: (first byte, byte after the last) there, in order. data: the bytes."""
        self.kind, self._source, self._parts, self._data = kind, source, tuple(parts), data
        self.fields: tuple[Field, ...] = ()
        self.state = self.reason = ""

    @property
    def data(self) -> bytes:
        return self._data

    @property
    def holes(self) -> Sequence[Hole]:
        found: list[Hole] = []
        begin = 0
        for start, stop in self._parts if self.kind != "inflated" else ():
            found += [(begin + low, begin + high) for low, high in holes_in(self._source.holes, start, stop)]
            begin += stop - start
        return found

    def spans(self, start: int, stop: int) -> list[Span]:
        """The places of these bytes; of an inflated byte, the places of all bytes that it was made from."""
        found: list[Span] = []
        if start >= stop or start >= len(self._data):
            return found
        begin = 0
        for first, last in self._parts:
            low, high = max(start - begin, 0), min(stop - begin, last - first)
            if self.kind == "inflated":
                low, high = 0, last - first
            if low < high:
                found += self._source.spans(first + low, first + high)
            begin += last - first
        return found

    def place(self, offset: int) -> tuple[int, int] | None:
        """(number of the packet, byte in its frame) of one byte; None if it is inflated: it has no place of its own."""
        return None if self.kind == "inflated" else super().place(offset)
