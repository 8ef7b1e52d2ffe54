"""Buffers inside TLS: what one side said when it was decrypted, and a handshake message that lies in several records.

Rule: a byte inside leads to the byte of the ciphertext at the same place, which depends on it, and so to its packet.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter

from labkit.packets.buffers import Buffer, Hole, Span
from labkit.packets.explain.tls_names import ALERTS
from labkit.packets.streams import ByteStream
from labkit.packets.tls_scan import DATA, HEADER, FoundRecord

_OVERHEAD = 17  # bytes of a closed record that are no application data: the tag, and the type
_OFFSET = itemgetter(0)
_CLOSE_NOTIFY = next(number for number, name in ALERTS.items() if name == "close_notify")


class PlainStream(ByteStream):
    """The application data of one direction, decrypted and put together; a hole where a record stays closed.

    It ends (`fin`) with close_notify alone: TCP's FIN proves nothing, since anybody can send one (RFC 8446 §6.1).
    """

    __slots__ = ("_below", "_ends", "_plain", "_records")
    kind = "decrypted"

    def __init__(self, below: ByteStream, records: Sequence[FoundRecord]) -> None:
        """below: the stream of the records. records: of this direction, in order."""
        super().__init__(below.sender, below._frames)
        self._below, self.began = below, below.began
        self.reset_packet = below.reset_packet
        parts: list[bytes] = []
        self._records: list[FoundRecord] = []
        self._ends: list[tuple[int, int]] = []  # (the byte behind a record's data, the byte behind the record below)
        at = 0
        for record in records:
            opened = record.opened
            if record.kind == DATA and opened is not None:
                first = record.start + HEADER + opened.head
                for number, place, size in below.spans(first, first + opened.size):
                    self.segments.append((at, number, place, size))
                    at += size
                parts.append(opened.plain[: opened.size])
            elif record.type == DATA and record.sealed and opened is None and parts:
                size = max(0, record.length - _OVERHEAD)
                self._holes.append((at, at + size))
                parts.append(bytes(size))
                at += size
            elif self.fin is None and _says_close(record):
                self.fin, self.fin_packet = at, below.delivered(record.stop)
            else:
                continue
            self._ends.append((at, record.stop))
            self._records.append(record)
        self._holes = [hole for hole in self._holes if hole[1] > hole[0]]
        self.size = at
        self._plain = b"".join(parts)

    @property
    def data(self) -> bytes:
        return self._plain

    def delivered(self, stop: int) -> int:
        """The number of the packet with which the record of the byte before this one was whole; 0 without any."""
        index = bisect_left(self._ends, stop, key=_OFFSET)
        return self._below.delivered(self._ends[min(index, len(self._ends) - 1)][1]) if self._ends and stop else 0

    def records(self, start: int, stop: int) -> list[FoundRecord]:
        """The records that brought these bytes."""
        index, found = bisect_right(self._ends, start, key=_OFFSET), []
        while index < len(self._ends) and (self._ends[index - 1][0] if index else 0) < stop:
            found.append(self._records[index])
            index += 1
        return [each for each in found if each.kind == DATA or each.opened is None]


def _says_close(record: FoundRecord) -> bool:
    """Whether a record brings the alert with which its sender ends. Source: RFC 8446 §6.1."""
    return any(
        piece.message.type < 0 and piece.message.data[1:2] == bytes([_CLOSE_NOTIFY]) for piece in record.pieces
    )  # fmt: skip


class Joined(Buffer):
    """Bytes that lie in several buffers, one behind the other. parts: (buffer, first byte, byte after the last)."""

    __slots__ = ("_data", "_parts")
    kind = "joined"

    def __init__(self, parts: Sequence[tuple[Buffer, int, int]]) -> None:
        self._parts = tuple(parts)
        self._data = b"".join(buffer.data[first:last] for buffer, first, last in self._parts)

    @property
    def data(self) -> bytes:
        return self._data

    @property
    def holes(self) -> Sequence[Hole]:
        return ()

    def spans(self, start: int, stop: int) -> list[Span]:
        found: list[Span] = []
        begin = 0
        for buffer, first, last in self._parts:
            low, high = max(start - begin, 0), min(stop - begin, last - first)
            if low < high:
                found += buffer.spans(first + low, first + high)
            begin += last - first
        return found
