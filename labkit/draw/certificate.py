"""A certificate as the bytes that it is: every value with its place, its name and its words; and what is signed of it.

Rule: places and draws; `certificate_rows` says what a row says. Nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labkit.core.calls import in_words
from labkit.draw import groups, page, style
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width, wrap
from labkit.packets.model import Field

if TYPE_CHECKING:
    from labkit.draw.certificate_rows import Row
    from labkit.packets.x509 import Certificate

_ROW = 20  # height of a row, px
_HEX, _NAME, _WORDS = MARGIN + 78, 268, 470  # x of the bytes, of the names, of the words
_STEP = 12  # px by which a value inside another one stands further right
_BYTES = 7  # bytes of a value that are drawn
_BRACKET = style.WIDTH - MARGIN - 12  # x of the bracket around what is signed
_MOST = 30  # rows of a picture
_TABLE = 400  # rows of the table behind a click
_VALUE = 100  # characters of a value in it


@in_words
def certificate(cert: Any, *, title: str | None = None) -> Picture:
    """Draw a certificate as its bytes in DER: place, first bytes, name and meaning of each value, and what is signed.

    cert: one of a tape (``tape.handshake[3].certificates[0]``), PEM text or DER bytes, a certificate of `labkit.ca`, or
    one that a socket has got. title: in place of its own. A bracket stands at the bytes that the signature covers; all
    values, with tag and length, open by a click. Returns a Picture; its text leaves out what changes from run to run.
    Raises LabError for anything that is not a certificate. Source: RFC 5280 §4.1.
    """
    from labkit.draw.certificate_rows import rows_of
    from labkit.packets.x509 import Certificate

    shown = Certificate.of(cert)
    rows = rows_of(shown)
    heading = visible(title) if title is not None else visible(f"Certificate of {shown.title}")
    lines = [heading, *_told(rows)]
    if shown.state:
        lines.append(f"  malformed: {visible(shown.reason)}")
    text = "\n".join(lines)
    svg = _drawn(shown, rows, heading, text)
    table = page.fold("every value, with tag and length", _table(shown))
    return Picture(text, text, svg=svg, html=page.page(page.image(svg, "; ".join(map(str.strip, lines))), table))


def _told(rows: Sequence[Row]) -> list[str]:
    """The rows in words."""
    lines, signed = [], False
    for row in rows:
        words = "(changes)" if row.changes else row.words
        mark = ""
        if row.name == "tbsCertificate":
            signed, mark = True, "what the signature covers, up to signatureAlgorithm"
        elif row.name == "signatureAlgorithm" and signed:
            mark = "not covered"
        said = (f" = {words}" if words else "") + (f"  ({mark})" if mark else "")
        lines.append(f"{'  ' * (row.depth + 1)}{row.name}{said}")
    return lines


def _drawn(cert: Certificate, rows: Sequence[Row], heading: str, desc: str) -> str:
    canvas = Canvas(groups.css())
    y = MARGIN + 14.0
    for line in wrap(heading, style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 22
    number = f", in packet {cert.packets[0]}" if len(cert.packets) == 1 else ""
    size, signed = count(len(cert.der), "byte"), count(len(cert.signed), "byte")
    canvas.raw(MARGIN, y, f"{size}{number}, {signed} of them signed", "s")
    y += 24
    for x, words in ((MARGIN, "bytes"), (_HEX, "first bytes"), (_NAME, "name"), (_WORDS, "what it says")):
        canvas.raw(x, y, words, "k")
    y += 6
    shown = list(rows) if len(rows) <= _MOST else [*rows[: _MOST - 4], *rows[-3:]]
    left = len(rows) - len(shown)
    top = bottom = end = 0.0
    depth = -1
    for at, row in enumerate(shown):
        if left and at == _MOST - 4:
            canvas.raw(_NAME, y + 14, f"… {count(left, 'more value')}", "k")
            y += _ROW
        _row(canvas, cert, row, y)
        if row.name == "tbsCertificate" and not top:
            top, depth = y + 4, row.depth
        if top and row.depth > depth:
            bottom = y + _ROW - 4
        if row.name == "signatureValue":
            end = y + _ROW / 2
        y += _ROW
    if top and bottom:
        canvas.path(f"M{_BRACKET - 6} {top:.0f}H{_BRACKET}V{bottom:.0f}H{_BRACKET - 6}", "pointer")
        if end:
            canvas.path(f"M{_BRACKET} {bottom:.0f}V{end:.0f}H{_BRACKET - 10}", "pointer")
            canvas.path(f"M{_BRACKET - 12} {end:.0f}l8 -4v8z", "point")
    y = _legend(canvas, y + 14, {row.group for row in shown})
    canvas.raw(MARGIN, y + 6, "the bracket: the bytes that the signature covers", "s")
    return canvas.finish(y + 16, heading, desc)


def _row(canvas: Canvas, cert: Certificate, row: Row, y: float) -> None:
    canvas.raw(MARGIN, y + 14, f"{row.start}-{row.stop - 1}", "z")
    head = cert.der[row.start : min(row.stop, row.start + _BYTES)].hex(" ")
    canvas.rect(_HEX - 3, y + 1, _NAME - _HEX - 9, _ROW - 2, f"u{row.group}", 2)
    canvas.raw(_HEX, y + 14, head, "x")
    indent = _NAME + row.depth * _STEP
    bold = "nb tar" if row.wrong else "nb"
    canvas.raw(indent, y + 14, fit(row.name, _WORDS - indent - 8, "nb"), bold)
    canvas.raw(_WORDS, y + 14, fit(row.words, _BRACKET - _WORDS - 14, "n"), "n")


def _legend(canvas: Canvas, y: float, used: set[int]) -> float:
    from labkit.draw.certificate_rows import WORDS

    x = float(MARGIN)
    for group, words in enumerate(WORDS):
        if group in used:
            canvas.rect(x, y, 12, 12, f"u{group}", 2)
            canvas.path(f"M{x:.0f} {y:.0f}h12v12h-12z", "box thin")
            canvas.raw(x + 19, y + 10, words, "k")
            x += 19 + width(words, "k") + 20
    return y + 22


def _table(cert: Certificate) -> str:
    """Every value: where it is, its tag and length, its name, what it says."""
    rows: list[list[str]] = []

    def walk(item: Field, depth: int) -> None:
        first = item.children[0] if item.children else None
        if first is not None and first.name == "x509.header":
            tag = first.meaning.partition(",")[0]
            sizes = f"{first.bits // 8}+{(item.bits - first.bits) // 8}"
            name = "\u2003" * depth + visible(item.label)
            value = visible(item.shown)[:_VALUE]
            rows.append([str(item.start // 8), sizes, tag, name, value, visible(item.why)])
            depth += 1
        for child in item.children:
            walk(child, depth)

    for top in cert.fields:
        walk(top, 0)
    heads = ["byte", "head + content", "tag", "name", "value", "why it exists"]
    caption = f"the first {_TABLE} of {len(rows):,}" if len(rows) > _TABLE else ""
    return page.table(heads, rows[:_TABLE], caption=caption, mono=(0, 1, 4), narrow=(0, 1, 2, 3))

