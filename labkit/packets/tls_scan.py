"""Where TLS records lie in the two streams of a connection: by their headers alone, without any key.

Rule: TLS needs evidence in the bytes, never a port. Behind a hole, records go on with a segment that begins with some.
Source: RFC 8446 §5.1.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from labkit.packets.buffers import holes_in
from labkit.packets.explain.tls_form import Said
from labkit.packets.explain.tls_names import CONTENT_TYPES, MESSAGES
from labkit.packets.streams import ByteStream

if TYPE_CHECKING:
    from labkit.packets.tls_keys import Opened

HEADER = 5
"""Bytes of a record's header."""

CHANGE, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
"""Content types."""

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that asks for another ClientHello. Source: RFC 8446 §4.1.3."""

_LONGEST = (1 << 14) + 2048  # bytes of a record of TLS 1.2; of TLS 1.3 they are fewer
_ENOUGH = 3  # records in a row that are looked at as evidence
_HELLO, _ANSWER = 1, 2
_OFFSET = itemgetter(0)


@dataclass(slots=True, eq=False)
class FoundRecord:
    """A record in a stream.

    start, stop: its first byte in the stream, and the byte after the last one that is there. type: as its header says,
    -1 without a header. length: of its content, as its header says. missing: bytes of it that are not there. lost:
    records may be missing before it. state, reason: as in a `Found`. sealed: its content is encrypted. opened: without
    its protection; None if it is not sealed, or stays closed. kind: the type of what it carries, -1 if nobody knows.
    said: what was agreed on before it. pieces: of handshake messages and alerts, in order.
    """

    from_client: bool
    start: int
    stop: int
    type: int = -1
    length: int = 0
    missing: int = 0
    lost: bool = False
    state: str = ""
    reason: str = ""
    sealed: bool = False
    opened: Opened | None = None
    kind: int = -1
    said: Said = field(default_factory=Said)
    pieces: list[Piece] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class FoundMessage:
    """A handshake message, or an alert. type: of the message; -1: an alert. parts: where its bytes lie. data: its
    bytes. size: as its header says, 0 as long as that is not there.
    """

    from_client: bool
    type: int
    said: Said
    parts: list[tuple[FoundRecord, int, int]] = field(default_factory=list)
    data: bytes = b""
    size: int = 0
    state: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """``"ClientHello"``, ``"HelloRetryRequest"``, ``"Alert"``."""
        if self.type < 0:
            return "Alert"
        if self.type == _ANSWER and self.data[6:38] == RETRY:
            return "HelloRetryRequest"
        return MESSAGES.get(self.type, f"handshake message {self.type}")


@dataclass(slots=True)
class Piece:
    """Bytes of one message in one record. first, last: in the record's content. ends: the message ends there."""

    message: FoundMessage
    first: int
    last: int
    ends: bool


def header_at(data: bytes, at: int) -> bool:
    """Whether the header of a record stands here."""
    if len(data) < at + HEADER or data[at] not in CONTENT_TYPES or data[at + 1] != 3 or data[at + 2] > 4:
        return False
    size = data[at + 3] << 8 | data[at + 4]
    return 0 < size <= _LONGEST or (size == 0 and data[at] == DATA)


def hello_at(data: bytes, at: int) -> int:
    """The type of the hello that begins here: 1 of a client, 2 of a server; 0 if none does."""
    if not header_at(data, at) or data[at] != HANDSHAKE or len(data) < at + 11 or data[at + 9] != 3:
        return 0
    kind, size = data[at + 5], int.from_bytes(data[at + 6 : at + 9], "big")
    return kind if kind in (_HELLO, _ANSWER) and 38 <= size <= 1 << 16 and data[at + 10] <= 4 else 0


def _alert_at(data: bytes, at: int) -> bool:
    """Whether an alert that nothing protects stands here."""
    return data[at : at + 1] == b"\x15" and header_at(data, at) and data[at + 3 : at + 5] == b"\0\2" and (
        data[at + 5 : at + 6] in (b"\1", b"\2")
    )  # fmt: skip


def evidence(stream: ByteStream, at: int) -> bool:
    """Whether records begin here: up to three in a row, fewer if the bytes that are there end with one."""
    data, count = stream.data, 0
    while count < _ENOUGH and at < stream.size:
        if not header_at(data, at) or holes_in(stream.holes, at, at + HEADER):
            return False
        at += HEADER + (data[at + 3] << 8 | data[at + 4])
        count += 1
        if holes_in(stream.holes, at - 1, at + HEADER):
            break
    return count == _ENOUGH or at <= stream.size or (count > 1 and bool(stream.holes))


def begins(client: ByteStream, server: ByteStream) -> tuple[int, int] | None:
    """Where records begin in both streams, -1 in one without any; None if this is no TLS.

    TLS begins with the first byte, or behind some lines of another protocol with a segment (STARTTLS, CONNECT). Without
    a beginning, both sides show records.
    """
    at = tuple(_first(stream, kind) for stream, kind in ((client, _HELLO), (server, _ANSWER)))
    if max(at) >= 0:
        return at[0], at[1]
    asked = next((offset for offset, *_ in client.segments if hello_at(client.data, offset) == _HELLO), -1)
    if asked < 0:
        return None
    number, data = client.delivered(asked + 1), server.data
    for offset, packet, *_ in server.segments:  # what looks like a hello needs an answer, or it is in a file
        if packet > number and (hello_at(data, offset) == _ANSWER or _alert_at(data, offset)):
            return asked, offset
    return None


def _first(stream: ByteStream, hello: int) -> int:
    """Where records begin, if nothing else stands before them; -1 if they do not."""
    if not stream.size:
        return -1
    data = stream.data
    if stream.began:
        if hello_at(data, 0) == hello or _alert_at(data, 0):
            return 0
        if stream.holes and stream.holes[0][0] == 0:
            return _resumed(stream, stream.holes[0][1])
        return -1
    return _resumed(stream, 0)


def _resumed(stream: ByteStream, least: int) -> int:
    return next((offset for offset, *_ in stream.segments if offset >= least and evidence(stream, offset)), -1)


def records_in(stream: ByteStream, at: int) -> list[FoundRecord]:
    """The records of one stream from this byte on, in order."""
    found: list[FoundRecord] = []
    data, size, holes, client = stream.data, stream.size, stream.holes, stream.sender == "client"
    lost = not stream.began and bool(at)
    while at < size:
        gap = holes_in(holes, at, min(at + HEADER, size)) if holes else []
        if gap or at + HEADER > size:
            there = at + gap[0][0] if gap else size
            if there > at:
                found.append(FoundRecord(client, at, there, state="cut", reason=_CUT, missing=1, lost=lost))
            index = bisect_right(stream.segments, there, key=_OFFSET)
            segments = stream.segments[index:] if gap else []
            at, lost = next((each[0] for each in segments if evidence(stream, each[0])), size), True
            continue
        if not header_at(data, at):
            stop = holes[bisect_right(holes, at, key=_OFFSET)][0] if _hole_behind(stream, at) else size
            found.append(FoundRecord(client, at, stop, state="malformed", reason=_WRONG, lost=lost))
            break
        length = data[at + 3] << 8 | data[at + 4]
        stop = at + HEADER + length
        missing = max(0, stop - size) + sum(last - first for first, last in holes_in(holes, at, min(stop, size)))
        record = FoundRecord(client, at, min(stop, size), data[at], length, missing, lost)
        if missing:
            record.state, record.reason = "cut", _CUT
        found.append(record)
        at, lost = stop, False
    return found


def _hole_behind(stream: ByteStream, at: int) -> bool:
    return bisect_right(stream.holes, at, key=_OFFSET) < len(stream.holes)


_CUT = "the other bytes were not sent, or not captured"
_WRONG = "these bytes do not begin with the header of a record"
