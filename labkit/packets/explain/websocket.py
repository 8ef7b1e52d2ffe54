"""WebSocket frames in two streams: where each frame lies, which message it belongs to, which rule it breaks.

Rule: one grammar finds boundaries and makes fields. A frame that breaks a rule is read as long as its length is clear.
Source: RFC 6455 §5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labkit.packets.buffers import Hole
from labkit.packets.explain import websocket_rows as rows
from labkit.packets.explain.base import Context, Row, read_field
from labkit.packets.explain.found import Exchange, FoundFrame
from labkit.packets.explain.reader import Bad, Cut, Reader, whole
from labkit.packets.explain.websocket_deflate import Agreed, Inflating, agreed
from labkit.packets.model import Field
from labkit.packets.streams import ByteStream

CONTROL = 8
"""Opcodes from this one on are those of control frames."""

_SMALL = 125  # bytes that the first length can say
_LONGEST = 1 << 63
_HEX = 24  # bytes of a masked payload that are shown


# -- the grammar


def frame(reader: Reader, found: FoundFrame) -> None:
    """Read one frame, and say in found what it is. found.masks and found.agreed are known before."""
    data, at = reader.data, reader.at
    if at + 2 > reader.end:
        raise Cut
    first, second = data[at], data[at + 1]
    found.fin, found.rsv, found.opcode = first > 127, first >> 4 & 7, first & 15
    found.masked, size = second > 127, second & 127
    found.kind = rows.OPCODES.get(found.opcode, "reserved")
    extra = {126: 2, 127: 8}.get(size, 0)
    if extra and at + 2 + extra <= reader.end:
        size = int.from_bytes(data[at + 2 : at + 2 + extra], "big")
    found.length = size
    found.fault = found.fault or _fault(found, extra)
    if reader.keep:
        _first_fields(reader, found)
    reader.at += 2
    if extra:
        row = rows.LENGTH_16 if extra == 2 else rows.LENGTH_64
        _number(reader, row, found)
    if size >= _LONGEST and extra:
        raise Bad("the first bit of a length of 64 bits is 0 (RFC 6455 §5.2)")
    if found.masked:
        start = reader.at
        _number(reader, rows.KEY, found)
        found.key = data[start : reader.at]
    _payload(reader, found, size)


def _first_fields(reader: Reader, found: FoundFrame) -> None:
    packed = found.agreed is not None and found.agreed.deflate
    context, at = Context(reader.data), reader.at * 8
    for row in (rows.FIN, rows.RSV_COMPRESSED if packed else rows.RSV, rows.OPCODE, rows.MASK, rows.LENGTH):
        reader.fields.append(_marked(read_field(row, context, at), found))
        at += row.bits


def _number(reader: Reader, row: Row, found: FoundFrame) -> None:
    """Pass a number of so many bits."""
    size = row.bits // 8
    if reader.at + size > reader.end:
        raise Cut
    if reader.keep:
        reader.fields.append(_marked(read_field(row, Context(reader.data), reader.at * 8), found))
    reader.at += size


def _payload(reader: Reader, found: FoundFrame, size: int) -> None:
    """The payload, as far as it is there; its length leads over holes."""
    start = reader.at
    there = min(size, reader.last - start)
    found.payload = start, start + there
    if found.masked:
        missing = reader.across(rows.MASKED, there, _in_hex) + size - there
    else:
        missing = reader.across(rows.PAYLOAD, there) + size - there
    if missing:
        found.state = "cut"
        found.reason = f"{size - missing:,} of its {size:,} bytes of payload are there, the others are missing"
    if there < size:
        raise Cut


def _in_hex(data: bytes) -> str:
    """The first bytes in hexadecimal: what is masked is no text."""
    return data[:_HEX].hex(" ") + (f" … ({len(data):,} bytes)" if len(data) > _HEX else "")


def _marked(item: Field, found: FoundFrame) -> Field:
    """A field, with the rule that the frame breaks if this is the field that shows it."""
    if found.fault is None or found.fault[0] != item.name:
        return item
    return Field(item.name, item.label, item.start, item.bits, item.value, item.shown, found.fault[1], item.why,
                 item.rfc, item.volatile, item.children)  # fmt: skip


# -- the rules


def _fault(found: FoundFrame, extra: int) -> tuple[str, str] | None:
    """The rule that the header of this frame breaks: (the field that shows it, words). Source: RFC 6455 §5."""
    known = found.agreed or Agreed()
    control = found.opcode >= CONTROL
    if found.rsv and known.seen and not known.others:
        allowed = 4 if known.deflate and not control and found.opcode else 0
        if found.rsv & ~allowed:
            if known.deflate and found.rsv == 4:
                return rows.RSV.name, "only the first frame of a message of data may set RSV1 (RFC 7692 §6.1)"
            return rows.RSV.name, "a reserved bit is set, and no extension uses it (RFC 6455 §5.2)"
    if found.kind == "reserved" and not known.others:
        return rows.OPCODE.name, f"the opcode {found.opcode} is reserved (RFC 6455 §5.2)"
    if control and not found.fin:
        return rows.FIN.name, "a control frame is one frame, it has FIN (RFC 6455 §5.5)"
    if control and found.length > _SMALL:
        return rows.LENGTH.name, "a control frame carries 125 bytes at most (RFC 6455 §5.5)"
    if found.masked != found.masks:
        who = "a client masks every frame" if found.masks else "a server masks no frame"
        return rows.MASK.name, f"{who} (RFC 6455 §5.1)"
    if extra and found.length <= (_SMALL if extra == 2 else 0xFFFF):
        return rows.LENGTH.name, f"a length of {found.length:,} has a shorter form (RFC 6455 §5.2)"
    return None


# -- frames one after the other


class _Side:
    """The frames of one stream, front to back, and the messages that they make."""

    def __init__(self, stream: ByteStream, at: int, masks: bool, known: Agreed) -> None:
        self.stream, self.at, self.masks, self.known = stream, at, masks, known
        side = 0 if masks else 1
        self.inflating = Inflating(known.fresh[side], known.bits[side], not known.seen)
        self.open: list[FoundFrame] | None = []  # frames of a message that is not finished; None: nobody knows

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
            return
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


def unmasked(data: bytes, found: FoundFrame, holes: Sequence[Hole] = ()) -> bytes:
    """The payload without its mask, zeros in place of missing bytes. Source: RFC 6455 §5.3."""
    start, stop = found.payload
    payload, size = data[start:stop], stop - start
    if not found.masked or not size:
        return payload
    key = (found.key * (size // 4 + 1))[:size]
    plain = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    for first, last in holes:
        low, high = max(first, start) - start, min(last, stop) - start
        if low < high:
            plain = plain[:low] + bytes(high - low) + plain[high:]
    return plain


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

_ENOUGH = 3  # frames in a row that are looked at


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
        if found.rsv & 3 or (found.rsv and (found.opcode >= CONTROL or not found.opcode)):
            return 0
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


def begins(client: ByteStream, server: ByteStream) -> tuple[int, int] | None:
    """Where frames begin in both streams of a connection whose beginning was not captured; None without evidence.

    Each side that sent anything must show frames, and together they must be two at least.
    """
    if client.began or server.began:
        return None
    for masks in (True, False):
        places, frames = [], 0
        for stream, masked in ((client, masks), (server, not masks)):
            at = next((offset for offset, *_ in stream.segments[:_LOOKED] if evidence(stream, offset, masked)), -1)
            if at < 0 and stream.size:
                break
            places.append(max(at, 0))
            frames += evidence(stream, max(at, 0), masked) if stream.size else 0
        if len(places) == 2 and frames > 1:
            return places[0], places[1]
    return None


_LOOKED = 50  # segments in which the first frame is looked for


# -- what a payload says


def content(reader: Reader, opcode: int, packed: bool = False) -> None:
    """Name the bytes of a payload without its mask. packed: they are a part of a compressed message."""
    size = reader.last - reader.at
    if packed:
        reader.across(rows.PACKED, size)
    elif opcode == 8:
        _close(reader, size)
    elif opcode == 1:
        _text(reader, rows.TEXT)
    else:
        reader.across(rows.INSIDE.get(opcode, rows.UNKNOWN), size)


def _close(reader: Reader, size: int) -> None:
    if not size:
        return
    with reader.group(rows.CLOSE):
        if size == 1:
            raise Bad("a close frame is empty, or it begins with a code of two bytes (RFC 6455 §5.5.1)")
        if reader.at + 2 > reader.end:
            raise Cut
        code = int.from_bytes(reader.peek(2), "big")
        reader.take(rows.STATUS_CODE, 2, str(code), rows.code_words(code), value=code)
        _text(reader, rows.REASON)
        if not rows.code_allowed(code):
            raise Bad(f"the code {code} must not stand in a close frame (RFC 6455 §7.4)")


def _text(reader: Reader, row: Row) -> None:
    """Text in UTF-8 up to the end; what is not UTF-8 has the wrong form."""
    if reader.end < reader.last:  # with bytes missing, a character may be in two parts
        reader.across(row, reader.last - reader.at)
        return
    data = reader.data[reader.at : reader.end]
    try:
        reader.take(row, len(data), value=data.decode())
    except UnicodeDecodeError as error:
        good = error.start
        reader.take(row, good, value=data[:good].decode())
        raise Bad(f"the bytes from {good:,} on are not UTF-8 (RFC 6455 §8.1)") from None
