"""One WebSocket frame: its bits by name, its payload without the mask, and the rule that it breaks.

Rule: one grammar finds boundaries and makes fields. A frame that breaks a rule is read as long as its length is clear.
Source: RFC 6455 §5.
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit.packets.buffers import Hole, holes_in
from labkit.packets.explain import websocket_rows as rows
from labkit.packets.explain.base import Context, Row, read_field
from labkit.packets.explain.found import FoundFrame
from labkit.packets.explain.reader import Bad, Cut, Reader
from labkit.packets.explain.websocket_deflate import Agreed
from labkit.packets.model import Field

CONTROL = 8
"""Opcodes from this one on are those of control frames."""

_SMALL = 125  # bytes that the first length can say
_LONGEST = 1 << 63
_HEX = 24  # bytes of a masked payload that are shown


# -- the grammar


def frame(reader: Reader, found: FoundFrame) -> None:
    """Read one frame, and say in found what it is. found.masks and found.agreed are known before."""
    data, at = reader.data, reader.at
    first = data[at]
    found.fin, found.rsv, found.opcode = first > 127, first >> 4 & 7, first & 15
    found.kind = rows.OPCODES.get(found.opcode, "reserved")
    if at + 2 > reader.end:
        raise Cut
    second = data[at + 1]
    found.masked, size = second > 127, second & 127
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
    elif reader.keep and start + size <= reader.end:
        with reader.group(rows.PAYLOAD):
            content(reader, found)
        return
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


# -- what a payload says


def content(reader: Reader, found: FoundFrame) -> None:
    """Name the bytes of a frame's payload, up to the end of the reader, which is without a mask."""
    size = reader.last - reader.at
    if found.packed:
        reader.across(rows.PACKED, size)
    elif found.opcode == 8:
        _close(reader, size)
    elif found.fin or found.opcode >= CONTROL:
        said(reader, found.opcode)
    else:
        reader.across(rows.CONTINUATION, size)


def said(reader: Reader, opcode: int) -> None:
    """Name the bytes of a whole message that began with this opcode, up to the end of the reader."""
    if opcode == 1:
        _text(reader, rows.TEXT)
    else:
        reader.across(rows.INSIDE.get(opcode, rows.UNKNOWN), reader.last - reader.at)


def unread(reader: Reader) -> None:
    """Name the bytes of a compressed message that cannot be inflated."""
    reader.across(rows.PACKED, reader.last - reader.at)


def _close(reader: Reader, size: int) -> None:
    if not size:
        return
    with reader.group(rows.CLOSE):
        if size == 1:
            raise Bad("a close frame is empty, or it begins with a code of two bytes (RFC 6455 §5.5.1)")
        if reader.at + 2 > reader.end:  # a part of the code is missing
            reader.across(rows.STATUS_CODE, 2)
            _text(reader, rows.REASON)
            return
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
        raise Bad(f"the bytes of the text from {good:,} on are not UTF-8 (RFC 6455 §8.1)") from None


def unmasked(data: bytes, found: FoundFrame, holes: Sequence[Hole] = ()) -> bytes:
    """The payload without its mask, zeros in place of missing bytes. Source: RFC 6455 §5.3."""
    start, stop = found.payload
    payload, size = data[start:stop], stop - start
    if not found.masked or not size:
        return payload
    key = (found.key * (size // 4 + 1))[:size]
    plain = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    for low, high in holes_in(holes, start, stop):
        plain = plain[:low] + bytes(high - low) + plain[high:]
    return plain
