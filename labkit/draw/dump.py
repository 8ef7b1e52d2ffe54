"""Bytes in hex and as text, each in the colour of its header field, drawn into a picture or written into a twin.

Rule: colour follows the bits: a byte that two fields share is split where they meet. A layer alone is counted from its
own first byte in decimal, as in its RFC; a packet from the first byte of the frame in hexadecimal, as in Wireshark.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from labkit.draw import style
from labkit.draw.svg import Canvas
from labkit.draw.text import count
from labkit.draw.units import Sheet

_HEX = style.MARGIN + 52  # x of the first byte
_TEXT = _HEX + 16 * style.CELL + 24  # x of the first character
_FRAME = _TEXT + 16 * style.CELL_TEXT + 14  # x of the second ruler: where in the frame a row begins
_KEEP = 2  # rows kept at the end if rows are left out
_APART = 14  # more between rows if arrows run there
_LANES = 4  # that run up beside the bytes, each for the arrows to one byte


def counting(sheet: Sheet) -> str:
    """How the bytes of a layer alone are counted: from the layer's first, and where in the frame that is."""
    first = sheet.base // 8
    return "counted from the layer's first" + (f", which is byte {first} (0x{first:04x}) of the frame" if first else "")


def place(start: int, end: int, sheet: Sheet, *, alone: bool) -> str:
    """Which bytes these bits of the frame touch: ``"12-15"`` in a layer alone, ``"0036-0039"`` in a packet."""
    base = sheet.base // 8 if alone else 0
    first, last = start // 8 - base, max((end - 1) // 8, start // 8) - base
    if alone:
        return f"{first}-{last}" if last > first else str(first)
    return f"{first:04x}-{last:04x}" if last > first else f"{first:04x}"


def draw(
    canvas: Canvas,
    y: float,
    sheets: Iterable[Sheet],
    limit: int = 256,
    *,
    alone: bool = False,
    outlines: Iterable[tuple[int, int]] = (),
    arrows: Sequence[tuple[int, int]] = (),
) -> float:
    """Draw the bytes of some layers as one dump.

    y: top, px. limit: most bytes drawn; if there are more, the middle is left out. alone: one layer, counted from its
    own first byte, with a second ruler that tells where in the frame each row begins. outlines: runs of bytes that are
    framed, as (first, end); arrows: from one byte to another; both counted from the first byte drawn.
    Returns the y below.
    """
    data, spans, masked, letters, base = _merge(sheets)
    if alone and data:
        for column in range(min(16, len(data))):
            canvas.raw(_HEX + (column + 0.5) * style.CELL, y + 12, str(column), "k c")
        if base:
            canvas.raw(_FRAME, y + 12, "in frame", "k")
        y += 18
    rows = (len(data) + 15) // 16
    most = max(limit // 16, _KEEP + 1)
    tops: dict[int, float] = {}
    if arrows:
        y += _APART
    dim = _mostly_dots(data, letters)
    for row in range(rows):
        if rows > most and row >= most - _KEEP and row < rows - _KEEP:
            if row == most - _KEEP:
                gone = (rows - most) * 16
                canvas.raw(_HEX, y + 17, f"… {count(gone, 'more byte')}", "s")
                y += style.DUMP_ROW
            continue
        _row(canvas, y, row * 16, data, spans, masked, letters, dim)
        _numbers(canvas, y, row * 16, base, alone)
        tops[row] = y
        y += style.DUMP_ROW + (_APART if arrows else 0)
    for first, end in outlines:
        _outline(canvas, first, end, tops)
    _arrows(canvas, arrows, tops)
    return y


def _mostly_dots(data: bytes, letters: dict[int, tuple[int, str]]) -> bool:
    """Whether most of the bytes are no text: then their text column is not coloured."""
    plain = sum(0x20 <= byte < 0x7F for byte in data) + sum(size for size, _ in letters.values())
    return 2 * plain < len(data)


def _outline(canvas: Canvas, first: int, end: int, tops: dict[int, float]) -> None:
    """A frame around a run of bytes; where it goes on in the next row, the frame is open."""
    for row in range(first // 16, (end + 15) // 16):
        if row not in tops:
            continue
        left, right = max(first - row * 16, 0), min(end - row * 16, 16)
        x, wide, y = _HEX + left * style.CELL, (right - left) * style.CELL - 1, tops[row]
        strokes = f"M{x} {y + 1:.0f}h{wide}M{x} {y + 23:.0f}h{wide}"
        if first >= row * 16:
            strokes += f"M{x} {y + 1:.0f}v22"
        if end <= row * 16 + 16:
            strokes += f"M{x + wide} {y + 1:.0f}v22"
        canvas.path(strokes, "frame")


def _arrows(canvas: Canvas, arrows: Sequence[tuple[int, int]], tops: dict[int, float]) -> None:
    """An arrow for each pair of bytes, between the rows and up beside them, so that it crosses no byte."""
    lanes: dict[int, int] = {}
    leaving: dict[int, int] = {}
    for start, goal in arrows:
        (row, column), (there, place) = divmod(start, 16), divmod(goal, 16)
        if row not in tops or there not in tops:
            continue
        x, far = (round(_HEX + (at + 0.5) * style.CELL) for at in (column, place))
        lane = lanes.setdefault(goal, len(lanes))
        out = tops[row] - 4 - 3 * (leaving.get(row, 0) % 3)
        leaving[row] = leaving.get(row, 0) + 1
        canvas.path(f"M{_HEX + column * style.CELL} {tops[row] + 2:.0f}h{style.CELL - 1}", "pointer")
        if there >= row:  # no DNS name points there, but a hostile one may try
            end = tops[there] + 2
            canvas.path(f"M{x} {tops[row] + 2:.0f}V{out:.0f}H{far}V{end - 5:.0f}", "pointer")
            canvas.path(f"M{far} {end:.0f}l-4 -7h8z", "point")
            continue
        end = tops[there] + 22
        turn = end + 4 + 3 * (lane % 2)
        way = f"H{far}" if there == row - 1 else f"H{_HEX + 16 * style.CELL + 3 + 5 * (lane % _LANES)}V{turn:.0f}H{far}"
        canvas.path(f"M{x} {tops[row] + 2:.0f}V{out:.0f}{way}V{end + 5:.0f}", "pointer")
        canvas.path(f"M{far} {end:.0f}l-4 7h8z", "point")


def _row(
    canvas: Canvas,
    y: float,
    at: int,
    data: bytes,
    spans: list[tuple[int, int, int]],
    masked: set[int],
    letters: dict[int, tuple[int, str]],
    dim: bool,
) -> None:
    """Sixteen bytes. dim: without colours in the text column."""
    here = data[at : at + 16]
    first, last = at * 8, (at + len(here)) * 8
    columns = ((_HEX, style.CELL), (_TEXT, style.CELL_TEXT))
    for start, end, group in spans:
        if start < last and end > first:
            left, right = max(start, first) - first, min(end, last) - first
            for origin, cell in columns[:1] if dim else columns:
                # A gap of one pixel between fields, so that neighbours can be told apart without colour.
                x, wide = origin + left * cell / 8, (right - left) * cell / 8 - 1
                canvas.rect(x, y + 2, wide, style.DUMP_ROW - 4, f"u{group}")
    skip = 0
    for place, byte in enumerate(here):
        nibble = 2 * (at + place)
        pair = "".join("?" if nibble + half in masked else f"{byte:02x}"[half] for half in (0, 1))
        canvas.raw(_HEX + (place + 0.5) * style.CELL, y + 16, pair, "x c")
        if skip:
            skip -= 1
            continue
        size, char = letters.get(at + place, (1, chr(byte) if 0x20 <= byte < 0x7F else "·"))
        if "?" in pair:
            char = "?"
        if size > 1 and place + size <= 16:
            skip = size - 1
        elif size > 1:
            size, char = 1, "·"  # the character goes on in the next row
        if char != " ":
            canvas.raw(_TEXT + (place + size / 2) * style.CELL_TEXT, y + 16, char, "z c" if char == "·" else "x c")


def _numbers(canvas: Canvas, y: float, at: int, base: int, alone: bool) -> None:
    """Which byte a row begins with."""
    canvas.raw(_HEX - 12, y + 16, str(at) if alone else f"0x{base + at:04x}", "z e")
    if alone and base:
        canvas.raw(_FRAME, y + 16, f"0x{base + at:04x}", "z")


def lines(sheets: Iterable[Sheet], limit: int = 256, *, alone: bool = False, every: bool = False) -> list[str]:
    """The same in words; digits that change from run to run are written ``.`` if not ``every``, hidden ones ``?``."""
    sheets = list(sheets)
    data, _, masked, _, base = _merge(sheets)
    loose = {
        nibble
        for sheet in sheets
        for leaf, _, _ in sheet.leaves()
        if leaf.volatile and not every
        for nibble in range((leaf.start - base * 8) // 4, (leaf.end - base * 8 + 3) // 4)
    }
    rows = (len(data) + 15) // 16
    most = max(limit // 16, _KEEP + 1)
    out = []
    if alone and data:
        out.append("      " + " ".join(f"{column:>2}" for column in range(min(16, len(data)))))
    for row in range(rows):
        if rows > most and row >= most - _KEEP and row < rows - _KEEP:
            if row == most - _KEEP:
                out.append(f"      … {count((rows - most) * 16, 'more byte')}")
            continue
        here = data[row * 16 : row * 16 + 16]
        pairs, text = [], ""
        for place, byte in enumerate(here):
            both = (row * 16 + place) * 2, (row * 16 + place) * 2 + 1
            pairs.append(
                "".join(
                    "?" if nibble in masked else "." if nibble in loose else digit
                    for nibble, digit in zip(both, f"{byte:02x}", strict=True)
                )
            )
            plain = 0x20 <= byte < 0x7F and not set(both) & (masked | loose)
            text += chr(byte) if plain else "·"
        number = f"{row * 16:>4}" if alone else f"{base + row * 16:04x}"
        out.append(f"{number}  {' '.join(pairs):<47}  {text}")
    return out


def _merge(
    sheets: Iterable[Sheet],
) -> tuple[bytes, list[tuple[int, int, int]], set[int], dict[int, tuple[int, str]], int]:
    """All layers as one run of bytes.

    Returns the bytes, colour spans (first bit, end bit, group), hidden nibbles, characters of several bytes in payloads
    (index of the first byte → size, character), and the position of the first byte in the frame.
    """
    sheets = sorted((sheet for sheet in sheets if sheet.layer.data), key=lambda sheet: sheet.base)
    if not sheets:
        return b"", [], set(), {}, 0
    base = sheets[0].base
    data = bytearray()
    spans: list[tuple[int, int, int]] = []
    masked: set[int] = set()
    letters: dict[int, tuple[int, str]] = {}
    for sheet in sheets:
        at = (sheet.base - base) // 8
        data.extend(bytes(max(0, at + len(sheet.layer.data) - len(data))))
        data[at : at + len(sheet.layer.data)] = sheet.layer.data
        spans += [(unit.field.start - base, unit.field.end - base, unit.group) for unit in sheet.units]
        masked |= {nibble + 2 * at for nibble in sheet.masked()}
        for leaf, _, hidden in sheet.leaves():
            if isinstance(leaf.value, bytes) and not hidden and leaf.start % 8 == 0:
                letters |= _letters(leaf.value[:4096], (leaf.start - base) // 8)
    return bytes(data), spans, masked, letters, base // 8


def _letters(data: bytes, at: int) -> dict[int, tuple[int, str]]:
    """The characters of more than one byte that a payload holds and that are safe to show alone."""
    found: dict[int, tuple[int, str]] = {}
    place = 0
    while place < len(data):
        size = 2 if 0xC2 <= data[place] < 0xE0 else 3 if 0xE0 <= data[place] < 0xF0 else 4 if data[place] >= 0xF0 else 1
        if size > 1:
            char = data[place : place + size].decode("utf-8", "ignore")
            # Letters, numbers, punctuation and symbols: nothing that combines, reorders or is invisible.
            if len(char) == 1 and unicodedata.category(char)[0] in "LNPS":
                found[at + place] = (size, char)
                place += size - 1
        place += 1
    return found
