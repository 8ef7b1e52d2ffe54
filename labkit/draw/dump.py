"""Bytes in hex and as text, each in the colour of its header field, drawn into a picture or written into a twin.

Rule: colour follows the bits: a byte that two fields share is split where they meet. A layer alone is counted from its
own first byte in decimal, as in its RFC; a packet from the first byte of the frame in hexadecimal, as in Wireshark.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from labkit.draw import style
from labkit.draw.svg import Canvas
from labkit.draw.text import count
from labkit.draw.units import Sheet

_HEX = style.MARGIN + 52  # x of the first byte
_TEXT = _HEX + 16 * style.CELL + 24  # x of the first character
_FRAME = _TEXT + 16 * style.CELL_TEXT + 14  # x of the second ruler: where in the frame a row begins
_KEEP = 2  # rows kept at the end if rows are left out


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


def draw(canvas: Canvas, y: float, sheets: Iterable[Sheet], limit: int = 256, *, alone: bool = False) -> float:
    """Draw the bytes of some layers as one dump.

    y: top, px. limit: most bytes drawn; if there are more, the middle is left out. alone: one layer, counted from its
    own first byte, with a second ruler that tells where in the frame each row begins. Returns the y below.
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
    for row in range(rows):
        if rows > most and row >= most - _KEEP and row < rows - _KEEP:
            if row == most - _KEEP:
                gone = (rows - most) * 16
                canvas.raw(_HEX, y + 17, f"… {count(gone, 'more byte')}", "s")
                y += style.DUMP_ROW
            continue
        _row(canvas, y, row * 16, data, spans, masked, letters)
        _numbers(canvas, y, row * 16, base, alone)
        y += style.DUMP_ROW
    return y


def _row(
    canvas: Canvas,
    y: float,
    at: int,
    data: bytes,
    spans: list[tuple[int, int, int]],
    masked: set[int],
    letters: dict[int, tuple[int, str]],
) -> None:
    """Sixteen bytes."""
    here = data[at : at + 16]
    first, last = at * 8, (at + len(here)) * 8
    for start, end, hue in spans:
        if start < last and end > first:
            left, right = max(start, first) - first, min(end, last) - first
            for origin, cell in ((_HEX, style.CELL), (_TEXT, style.CELL_TEXT)):
                # A gap of one pixel between fields, so that neighbours can be told apart without colour.
                x, wide = origin + left * cell / 8, (right - left) * cell / 8 - 1
                canvas.rect(x, y + 2, wide, style.DUMP_ROW - 4, f"p{hue}")
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
            canvas.raw(_TEXT + (place + size / 2) * style.CELL_TEXT, y + 16, char, "x c")


def _numbers(canvas: Canvas, y: float, at: int, base: int, alone: bool) -> None:
    """Which byte a row begins with."""
    canvas.raw(_HEX - 12, y + 16, str(at) if alone else f"0x{base + at:04x}", "z e")
    if alone and base:
        canvas.raw(_FRAME, y + 16, f"0x{base + at:04x}", "z")


def lines(sheets: Iterable[Sheet], limit: int = 256, *, alone: bool = False) -> list[str]:
    """The same in words; digits that change from run to run are written ``.``, hidden ones ``?``."""
    sheets = list(sheets)
    data, _, masked, _, base = _merge(sheets)
    loose = {
        nibble
        for sheet in sheets
        for leaf, _, _ in sheet.leaves()
        if leaf.volatile
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

    Returns the bytes, colour spans (first bit, end bit, hue), hidden nibbles, characters of several bytes in payloads
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
        spans += [(unit.field.start - base, unit.field.end - base, unit.hue) for unit in sheet.units]
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
