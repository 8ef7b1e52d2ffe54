"""The two byte streams of a TCP connection, put together from its segments; each byte knows its packet.

Rule: by sequence number, as the receiver does it: what came first counts, repeats change nothing, holes stay holes.
What a wire dropped is not in a stream, nor what it damaged so that the checksum tells.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import itemgetter

from labkit.packets.buffers import Buffer, Hole, Span
from labkit.packets.capture_file import Recording
from labkit.packets.conversations import Conversation, Conversations
from labkit.packets.frames import FIN, RST, SYN, TCP_PROTOCOL, Quick

Segment = tuple[int, int, int, int]
"""(first byte in the stream, number of the packet, first byte in its frame, length)."""

MOST_MISSING = 1 << 24
"""Bytes that the holes of one stream may have together; what lies behind more of them is not in the stream."""

_WRAP, _HALF = 1 << 32, 1 << 31
_OFFSET = itemgetter(0)
_NUMBER = itemgetter(1)
_RIGHT = 0xFFFF


class ByteStream(Buffer):
    """One direction of a TCP connection, as its receiver reads it.

    sender: ``"client"`` or ``"server"``. segments: disjoint, in the order of the bytes. began: its SYN was captured, so
    that byte 0 is the first byte of the stream; without it, byte 0 is the first byte that was captured.
    size: bytes of the stream. fin: the offset at which FIN ends it, None if no FIN was captured. fin_packet,
    reset_packet: the packets with the first FIN and the first RST of this sender, 0 if there is none.
    """

    __slots__ = ("_data", "_frames", "_holes", "_latest", "began", "fin", "fin_packet", "reset_packet", "segments",
                 "sender", "size")  # fmt: skip
    kind = "stream"

    def __init__(self, sender: str, frames: Sequence[tuple[int | None, bytes, int, int, int]]) -> None:
        self.sender, self._frames = sender, frames
        self.segments: list[Segment] = []
        self.began, self.fin_packet, self.reset_packet, self.size = False, 0, 0, 0
        self.fin: int | None = None
        self._holes: list[Hole] = []
        self._data: bytes | None = None
        self._latest: list[int] | None = None

    @property
    def data(self) -> bytes:
        if self._data is None:
            parts, at, frames = [], 0, self._frames
            for offset, number, first, length in self.segments:
                if offset > at:
                    parts.append(bytes(offset - at))
                parts.append(frames[number - 1][1][first : first + length])
                at = offset + length
            parts.append(bytes(self.size - at))
            self._data = b"".join(parts)
        return self._data

    @property
    def holes(self) -> Sequence[Hole]:
        return self._holes

    def spans(self, start: int, stop: int) -> list[Span]:
        return [
            (number, first + max(0, start - offset), min(offset + length, stop) - max(offset, start))
            for offset, number, first, length in self._touching(start, stop)
        ]

    def _touching(self, start: int, stop: int) -> Iterator[Segment]:
        segments = self.segments
        for index in range(max(0, bisect_right(segments, start, key=_OFFSET) - 1), len(segments)):
            segment = segments[index]
            if segment[0] >= stop:
                return
            if segment[0] + segment[3] > start:
                yield segment

    def delivered(self, stop: int) -> int:
        """The number of the packet with which all captured bytes before this one had come; 0 without any.

        A receiver can read a byte only if it has all bytes before it.
        """
        if self._latest is None:
            self._latest = list(accumulate(map(_NUMBER, self.segments), max))
        index = bisect_left(self.segments, stop, key=_OFFSET)
        return self._latest[index - 1] if index else 0

    def __repr__(self) -> str:
        missing = sum(stop - start for start, stop in self._holes)
        holes = f", {missing} of them missing" if missing else ""
        return f"<ByteStream of the {self.sender}: {self.size} {'byte' if self.size == 1 else 'bytes'}{holes}>"


class _Joining:
    """Puts the segments of one direction together."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream, self.segments = stream, stream.segments
        self.next = 0  # the byte behind the furthest one so far
        self.end = 0  # the same, with the bytes that a snapshot length has cut off

    def nearest(self, offset: int) -> int:
        """Of all offsets that a number modulo 2**32 can mean, the one nearest to the next byte."""
        return self.next + (offset - self.next + _HALF) % _WRAP - _HALF

    def take(self, offset: int, number: int, first: int, length: int, on_wire: int) -> None:
        """Take the payload of a segment. on_wire: its bytes on the wire; length: those that were captured."""
        offset = self.nearest(offset)
        if offset < 0 and self.stream.began:  # bytes before the first one, as in a keep-alive probe
            first, length, on_wire, offset = first - offset, length + offset, on_wire + offset, 0
        self.end = max(self.end, offset + on_wire)
        if length <= 0:
            return
        last = self.segments[-1] if self.segments else None
        if last is None or offset >= last[0] + last[3]:
            self.segments.append((offset, number, first, length))
        else:
            self.fill(offset, number, first, length)
        self.next = max(self.next, offset + length)

    def fill(self, offset: int, number: int, first: int, length: int) -> None:
        """Add only those bytes that are not there yet."""
        segments, stop, new = self.segments, offset + length, []
        at = offset
        for index in range(max(0, bisect_right(segments, offset, key=_OFFSET) - 1), len(segments)):
            begin, _, _, size = segments[index]
            if begin >= stop:
                break
            if begin > at:
                new.append((at, number, first + at - offset, begin - at))
            at = max(at, begin + size)
        if at < stop:
            new.append((at, number, first + at - offset, stop - at))
        for piece in new:
            segments.insert(bisect_right(segments, piece[0], key=_OFFSET), piece)

    def finish(self) -> None:
        """Count from the first byte, and find the holes."""
        stream, segments, fin = self.stream, self.segments, self.stream.fin
        base = 0 if stream.began or not segments else segments[0][0]
        end = max(self.end, fin if fin is not None else 0) - base
        if stream.began and segments and segments[0][0] < 0:  # packets of before the SYN
            cut = [(max(0, -offset), offset, *rest) for offset, *rest in segments]
            segments[:] = [
                (offset + less, number, first + less, length - less)
                for less, offset, number, first, length in cut
                if length > less
            ]
        if base:
            segments[:] = [(offset - base, *rest) for offset, *rest in segments]  # type: ignore[misc]
        at = missing = 0
        for index, (offset, _, _, length) in enumerate(segments):
            if offset > at:
                missing += offset - at
                if missing > MOST_MISSING:
                    del segments[index:]
                    end = at
                    break
                stream._holes.append((at, offset))
            at = offset + length
        if at < end and missing + end - at <= MOST_MISSING:
            stream._holes.append((at, end))
            at = end
        stream.size = at
        if fin is not None:
            stream.fin = fin - base if 0 <= fin - base <= at else None


def streams_of(flow: Conversation, known: Conversations, recording: Recording) -> tuple[ByteStream, ByteStream]:
    """The streams of a connection: the client's bytes, the server's bytes. Source: RFC 9293 §3.10.7.4 (Other States).

    Left out: frames that a wire dropped or damaged, the payload of an RST, which is no data (RFC 9293 §3.5.2).
    """
    frames, verdicts = recording.frames, recording.verdicts
    client, server = _Joining(ByteStream("client", frames)), _Joining(ByteStream("server", frames))
    for index in flow.packets:
        packet, place = known.quick[index], known.places[index]
        if place is None or packet.protocol != "TCP":
            continue  # a fragment behind the first
        verdict = verdicts.get(index)
        if verdict is not None and (
            verdict.kind == "dropped" or (verdict.kind == "corrupted" and not accepted(frames[index][1], packet))
        ):
            continue
        joining = client if place.from_client else server
        stream, flags, number = joining.stream, packet.flags, index + 1
        if flags & RST:
            stream.reset_packet = stream.reset_packet or number
            continue
        offset = place.relative_seq - 1
        if flags & SYN:
            stream.began, offset = True, offset + 1
        end, begin = packet.end, packet.payload
        if end > begin:
            there = len(frames[index][1])
            joining.take(offset, number, begin, (end if end < there else there) - begin, end - begin)
        if flags & FIN and stream.fin is None:
            stream.fin_packet, stream.fin = number, joining.nearest(offset + max(0, end - begin))
    client.finish()
    server.finish()
    return client.stream, server.stream


def before(stream: ByteStream, at: int) -> ByteStream:
    """The bytes of a stream before this one, as a stream that ends there without FIN; offsets are the same."""
    found = ByteStream(stream.sender, stream._frames)
    found.began, found.reset_packet, found.size = stream.began, stream.reset_packet, min(at, stream.size)
    found.segments = [
        (first, number, place, min(length, at - first))
        for first, number, place, length in stream.segments
        if first < at
    ]
    found._holes = [(first, min(last, at)) for first, last in stream._holes if first < at]
    return found


def accepted(raw: bytes, packet: Quick) -> bool:
    """Whether the receiver's kernel took a damaged segment all the same: its checksums are right."""
    from labkit.packets.explain.internet import ones_sum

    if len(packet.src) == 4 and ones_sum(raw[packet.network : packet.transport]) != _RIGHT:
        return False
    pseudo = packet.src + packet.dst + bytes((0, TCP_PROTOCOL)) + (packet.end - packet.transport).to_bytes(4, "big")
    return ones_sum(pseudo + raw[packet.transport : packet.end]) == _RIGHT
