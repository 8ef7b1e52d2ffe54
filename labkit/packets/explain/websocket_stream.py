"""WebSocket frames in two streams: where each frame lies, and which message it belongs to.

Rule: behind a handshake everything is a frame; without one, frames need evidence. Behind a hole, they begin again with
a segment that shows some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from labkit.packets.explain import websocket_rows as rows
from labkit.packets.explain.found import Exchange, FoundFrame
from labkit.packets.explain.reader import Reader, whole
from labkit.packets.explain.websocket import CONTROL, frame, unmasked
from labkit.packets.explain.websocket_deflate import Agreed, Inflating, agreed
from labkit.packets.streams import ByteStream

_ENOUGH = 3  # frames in a row that are looked at as evidence
_LOOKED = 50  # segments in which the first frame is looked for


class _Side:
    """The frames of one stream, front to back, and the messages that they make."""

    def __init__(self, stream: ByteStream, at: int, masks: bool, known: Agreed) -> None:
        self.stream, self.at, self.masks, self.known = stream, at, masks, known
        side = 0 if masks else 1
        self.inflating = Inflating(known.fresh[side], known.bits[side], not known.seen)
        self.open: list[FoundFrame] | None = []  # frames of a message that is not finished; None: nobody knows
        self.closing = False

    def frames(self) -> Iterator[FoundFrame]:
        stream = self.stream
        if not self.known.seen:
            self.open = None
        while self.at < stream.size:
            reader = Reader(stream.data, self.at, stream.size, stream.holes, keep=False)
            if reader.at == reader.end:
                if not self.resume():
                    return
                continue
            found = FoundFrame("", stream.sender == "client", self.at, masks=self.masks, agreed=self.known)
            state, reason = whole(reader, frame, found)
            found.stop = self.at = reader.at
            self.join(found)
            if state and not found.state:
                found.state, found.reason = state, reason
            if found.fault is not None and not found.state:
                found.state, found.reason = "malformed", found.fault[1]
            yield found
            if state == "malformed" or (state == "cut" and not self.resume(reader.at_hole)):
                return

    def resume(self, hole: bool = True) -> bool:
        """Behind a hole, frames go on with the next segment that begins with some. Returns whether there is one."""
        stream = self.stream
        for offset, *_ in stream._touching(self.at + 1, stream.size) if hole else ():
            if offset > self.at and evidence(stream, offset, self.masks):
                self.at, self.open = offset, None
                self.inflating.lost()
                return True
        return False

    def join(self, found: FoundFrame) -> None:
        """Find the message of a frame of data. Source: RFC 6455 §5.4."""
        if found.opcode >= CONTROL or found.kind == "reserved":
            self.closing = self.closing or found.opcode == 8
            return
        if self.closing and found.fault is None:
            found.fault = rows.OPCODE.name, "no data comes behind a close frame (RFC 6455 §5.5.1)"
        if found.opcode:
            if self.open and found.fault is None:
                found.fault = rows.OPCODE.name, "the message before it is not finished (RFC 6455 §5.4)"
            self.open = []
        elif not self.open:
            if self.open is not None and found.fault is None:
                found.fault = rows.OPCODE.name, "it continues a message, and no message has begun (RFC 6455 §5.4)"
            self.open = None if self.open is None and not found.fin else []
            return
        pieces = self.open or []
        pieces.append(found)
        first = pieces[0]
        found.of_text, found.packed = first.opcode == 1, self.compressed(first)
        self.open = pieces
        if not found.fin:
            return
        found.pieces, self.open = tuple(pieces), []
        if found.packed:
            found.inflating = self.inflating, self.inflating.add(lambda: self.packed(found.pieces))

    def compressed(self, first: FoundFrame) -> bool:
        """Whether a message is compressed; without the handshake RSV1 says so, since nothing else uses it."""
        return bool(first.rsv & 4) and (self.known.deflate or not self.known.seen)

    def packed(self, pieces: Sequence[FoundFrame]) -> bytes | None:
        """What a compressed message has on the wire, without masks; None if bytes are missing."""
        if any(each.state == "cut" for each in pieces):
            return None
        return b"".join(unmasked(self.stream.data, each) for each in pieces)


def exchange(client: ByteStream, server: ByteStream, at: tuple[int, int], extensions: str | None) -> Exchange:
    """The frames in both streams of a connection, from these offsets on.

    extensions: the value of the answer's Sec-WebSocket-Extensions; None if the handshake was not captured: then the
    side that masks is the client.
    """
    known = Agreed(seen=False) if extensions is None else agreed(extensions)
    masks = True
    if extensions is None and not evidence(client, at[0], True) and not evidence(server, at[1], False):
        masks = False
    found: list[FoundFrame] = []
    for stream, begin, masked in ((client, at[0], masks), (server, at[1], not masks)):
        found += _Side(stream, begin, masked, known).frames()
    return Exchange(list(found))


# -- evidence, where no handshake was seen

def evidence(stream: ByteStream, at: int, masks: bool) -> int:
    """How many frames in a row begin here that break no rule, up to 3; 0 if one does, or if the last one is not whole.

    Fewer than three are enough if the bytes that are there end with a frame.
    """
    known, data = Agreed(seen=False), stream.data
    count = 0
    while count < _ENOUGH and at < stream.size:
        reader = Reader(data, at, stream.size, stream.holes, keep=False)
        found = FoundFrame("", True, at, masks=masks, agreed=known)
        state, _ = whole(reader, frame, found)
        if state or found.state or found.fault is not None:
            return 0
        control = found.opcode >= CONTROL
        if found.rsv & 3 or (found.rsv and (control or not found.opcode)) or not (control or found.length):
            return 0  # zeros, too, would be frames of data: without FIN, without a payload
        if found.opcode == 1 and found.fin and not found.rsv and not _utf8(unmasked(data, found)):
            return 0
        at, count = reader.at, count + 1
        if reader.at == reader.end:
            break
    return count


def _utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def begins(client: ByteStream, server: ByteStream, after: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """Where frames begin in both streams of a connection whose handshake was not captured; None without evidence.

    after: the bytes behind what else was found there. Each side that sent anything must show frames: two together, or
    three if nothing comes from the client, whose masks say most. The first one is not the middle of a message.
    """
    if after is None and (client.began or server.began):
        return None
    sides = list(zip((client, server), after or (0, 0), strict=True))
    for masks in ((True, False), (False, True)):
        found = [_first(stream, mask, first) for (stream, first), mask in zip(sides, masks, strict=True)]
        if any(not count and stream.size > first for (stream, first), (_, count) in zip(sides, found, strict=True)):
            continue
        of_client = found[masks.index(True)][1]
        if sum(count for _, count in found) >= (2 if of_client else _ENOUGH):
            return found[0][0], found[1][0]
    return None


def _first(stream: ByteStream, masks: bool, first: int) -> tuple[int, int]:
    """(where frames begin in the stream from a byte on, how many were looked at)."""
    segments = islice(stream._touching(first, stream.size), _LOOKED)
    for at in (max(offset, first) for offset, *_ in segments):
        if (stream.data[at] & 15) and (count := evidence(stream, at, masks)):
            return at, count
    return first, 0
