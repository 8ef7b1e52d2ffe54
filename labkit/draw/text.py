"""Text that came off the wire made safe to show, and measured before it is placed.

Rule: nothing a peer sent reaches a picture except through `visible`; no drawing here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from labkit.draw.style import TYPES

_SPECIAL = re.compile(r"[^\x20-\x7e]")
_OTHER = re.compile("[^\x20-\x7e→←↔…·“”—]")  # neither ASCII nor one of the signs that labkit itself writes
_BINARY = re.compile(rb"[^\x20-\x7e\r\n\t]")
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"}
_CUT = "".join(map(chr, range(0xDC80, 0xDD00)))
# Advance widths of DejaVu Sans, the widest of the fonts a browser may choose, in thousandths of the font size.
_NARROW = {
    **dict.fromkeys("ijlI'|", 300),
    **dict.fromkeys(" .,:;/\\![]·", 340),
    **dict.fromkeys("ft()-{}J", 400),
    **dict.fromkeys('rs"_*?“”', 525),
    **dict.fromkeys("mMwW@%", 990),
    **dict.fromkeys("=+<>~#^&→←↔", 840),
    **dict.fromkeys("ABCDGHKNOQRSUVXZ", 770),
    **dict.fromkeys("…—", 1000),
}


@lru_cache(maxsize=4096)
def _char(char: str) -> str:
    """One character as it may be shown: itself, or an escape a person can read."""
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as decode(errors="surrogateescape") keeps it
        return f"\\x{code - 0xDC00:02x}"
    if not char.isprintable():  # bidi overrides, zero widths, lone surrogates, odd spaces, ...
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char


def visible(text: object) -> str:
    """Make readable what is invisible in a text, reorders its neighbours or is forbidden in XML.

    text: anything; taken as str. Returns one line: line feeds come out as ``\\n``, ESC as ``\\x1b``, a bidi override as
    ``\\u202e``; of several combining marks in a row the first stays.
    """
    line = str(text)
    if line.isascii():
        if line.isprintable():
            return line
        return _SPECIAL.sub(lambda found: _char(found[0]), line)
    if not _OTHER.search(line):
        return line
    out: list[str] = []
    stacked = False
    for char in line:
        mark = char > "\u02ff" and unicodedata.category(char) in ("Mn", "Me")
        out.append(f"\\u{ord(char):04x}" if mark and (stacked or not out) else _char(char))
        stacked = mark
    return "".join(out)


def preview(data: bytes, limit: int = 40) -> str:
    """The start of a payload in quotes if it is text, else ``""``.

    data: the payload. limit: most characters shown. A character cut off at the end of ``data`` is left out.
    """
    head = data[: limit + 1]
    if head.isascii():  # most of what a lesson sends: quick
        if len(_BINARY.findall(head)) > 0.2 * len(head) or not head:
            return ""
        return f"“{visible(head[:limit].decode())}…”" if len(data) > limit else f"“{visible(head.decode())}”"
    head = data[: limit * 4]
    text = head.decode("utf-8", "surrogateescape")
    if sum(char.isprintable() or char in "\r\n\t" for char in text) < 0.8 * len(text):
        return ""
    if len(head) < len(data):  # the cut may have split a character
        text = text.rstrip(_CUT)
    whole = visible(text[:limit])
    return f"“{whole}…”" if len(text) > limit or len(head) < len(data) else f"“{whole}”"


@lru_cache(maxsize=8192)
def width(text: str, kind: str = "n") -> float:
    """Upper bound of a text's width in px, set as ``kind`` (a key of `style.TYPES`), whichever font is found."""
    style = TYPES[kind]
    if style.mono and text.isascii():
        return len(text) * style.size * 0.603
    total = 0
    for char in text:
        if char < "\u0250":
            total += 603 if style.mono else _NARROW.get(char, 640)
        elif char in "→←↔…·“”—":
            total += 603 if style.mono else _NARROW.get(char, 840)
        else:
            total += 1400 if char >= "\U0001f000" else 1010
    return total * style.size * (1.1 if style.bold and not style.mono else 1) / 1000


def fit(text: str, room: float, kind: str = "n") -> str:
    """The text, shortened with ``…`` until it is at most ``room`` px wide; ``""`` if not even that fits."""
    if len(text) > 400:
        text = text[:400] + "…"
    if width(text, kind) <= room:
        return text
    keep = len(text)
    while keep and width(text[:keep] + "…", kind) > room:
        keep -= 1 if keep < 40 else keep // 20
    return text[:keep].rstrip() + "…" if keep else ""


def wrap(text: str, room: float, kind: str = "n", lines: int = 4) -> list[str]:
    """The text broken at spaces into at most ``lines`` lines of at most ``room`` px; the rest is cut with ``…``."""
    out: list[str] = []
    line = ""
    for word in text[:2000].split(" "):
        longer = f"{line} {word}" if line else word
        if width(longer, kind) <= room:
            line = longer
            continue
        if line:
            out.append(line)
        while width(word, kind) > room:  # a word longer than a line is broken anywhere
            keep = max(1, len(fit(word, room, kind)) - 1)
            out.append(word[:keep])
            word = word[keep:]
            if len(out) > lines:
                break
        line = word
    out.append(line)
    if len(out) > lines:
        out[lines - 1] = fit(out[lines - 1] + " …", room, kind)
    return out[:lines]


def given(thing: object) -> str:
    """A few words for what a student gave in place of what was asked for: ``"int 3"``, ``"str 'x'"``, ``"Packet"``."""
    kind = type(thing).__name__
    if isinstance(thing, type):
        return f"class {thing.__name__}"
    if thing is None:
        return "None"
    if isinstance(thing, (str, bytes, int, float)):
        try:
            whole = visible(repr(thing))
        except ValueError:  # a number of more digits than Python writes
            return f"this {kind}"
        return f"{kind} {whole if len(whole) <= 40 else whole[:39] + '…'}"
    return kind


def count(number: int, noun: str) -> str:
    """``"1 packet"``, ``"10,000 packets"``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(ns: int) -> str:
    """A length of time in the unit a person would choose: ``"41 ms"``, ``"1.02 s"``, ``"350 µs"``."""
    if ns >= 1_000_000_000:
        return f"{ns / 1e9:.3g} s" if ns < 1_000_000_000_000 else f"{ns / 1e9:.0f} s"
    if ns >= 10_000_000:
        return f"{ns / 1e6:.0f} ms"
    return f"{ns / 1e6:.1f} ms" if ns >= 1_000_000 else f"{ns / 1e3:.0f} µs"
