"""A WebSocket frame as rows: its header, the key and the payload as they were sent, then what they say.

Rule: reads a frame and its buffers, draws nothing; all text of a row has passed `visible`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.draw.message_rows import NAME, START, VALUE, WRONG, Row, Run, rows_of_buffer
from labkit.draw.text import count, visible
from labkit.packets.explain.websocket_rows import KEY, LENGTH_16, LENGTH_64, MASKED, PAYLOAD

if TYPE_CHECKING:
    from labkit.packets.websocket_frame import WebSocketFrame

WORDS = ("header", "masking key", "masked payload", "", "payload without a mask", "missing, or wrong")
"""What each kind of piece is called under the picture."""

_HEX = 16  # bytes in a row
_MOST = 4  # rows of bytes that are masked


def rows_of_frame(frame: WebSocketFrame, room: float) -> list[Row]:
    """The rows of a frame. room: for the text of a row, px."""
    data, start = frame.buffer.data, frame.start
    rows = [Row(start, min(start + 2, frame.stop), _header(frame), [Run(data[start : start + 2].hex(" "), START)])]
    rows[0].ended = True
    for field in frame.fields:
        first, end = field.start // 8, field.end // 8
        if field.name in (LENGTH_16.name, LENGTH_64.name):
            name = f"length: {count(frame.length, 'byte')}"
            rows.append(Row(first, end, name, [Run(data[first:end].hex(" "), START)], ended=True))
        elif field.name == KEY.name:
            rows.append(Row(first, end, "masking key", [Run(field.shown, NAME, volatile=True)], ended=True))
        elif field.name in (MASKED.name, PAYLOAD.name):
            if frame.masked:
                rows += _masked(data, first, end)
        elif field.name in ("malformed", "incomplete"):
            run = Run(data[first:end][:_HEX].hex(" "), WRONG)
            rows.append(Row(first, end, visible(field.meaning), [run], ended=True))
    rows += rows_of_buffer(frame.inside, frame.inside.fields, room, "without the mask: " if frame.masked else "")
    if frame.whole is not frame.inside:
        what = "inflated: " if frame.whole.kind == "inflated" else f"message of {frame.frames} frames: "
        rows += rows_of_buffer(frame.whole, frame.whole.fields, room, what)
    return rows


def _header(frame: WebSocketFrame) -> str:
    """The first two bytes in words: ``"FIN, 1: text, masked, 12 bytes"``."""
    parts = ["FIN" if frame.fin else "no FIN", f"opcode {frame.opcode}: {frame.kind}"]
    if frame.rsv:
        parts.insert(1, f"reserved bits {frame.rsv:03b}")
    if frame.stop - frame.start > 1:
        parts += ["masked" if frame.masked else "no mask"]
        parts += [count(frame.length, "byte")] if frame.length < 126 else []
    return visible(", ".join(parts))


def _masked(data: bytes, first: int, end: int) -> list[Row]:
    """Bytes that are masked: 16 a row, without their characters, which say nothing."""
    rows: list[Row] = []
    for at in range(first, end, _HEX):
        if len(rows) == _MOST - 1 and end - at > _HEX:
            words = f"… {count(end - at, 'more byte')}"
            rows.append(Row(at, end, "masked payload", [Run(words, VALUE)], more=True, goes_on=True, ended=True))
            break
        run = Run(data[at : min(at + _HEX, end)].hex(" "), VALUE, volatile=True)
        rows.append(Row(at, min(at + _HEX, end), "masked payload", [run], goes_on=at > first, ended=True))
    return rows


