"""One message as it was sent: its text line by line, every piece in the colour of what it is for, and where it came in.

Rule: knows no protocol; `message_rows` says what a piece is for, and the fields of the message say what it means.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import groups, page, style
from labkit.draw.frame_rows import WORDS as FRAME_WORDS
from labkit.draw.frame_rows import rows_of_frame
from labkit.draw.message_rows import BODY, FRAMING, MARK, NAME, WORDS, WRONG, Row, kind_of, leaves, rows_of, wide
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, given, preview, visible, width, wrap
from labkit.draw.tls_rows import WORDS as TLS_WORDS
from labkit.draw.tls_rows import rows_of_tls
from labkit.draw.tls_rungs import is_step
from labkit.draw.units import is_apart
from labkit.packets.model import Field, Layer
from labkit.packets.websocket_frame import WebSocketFrame

if TYPE_CHECKING:
    from labkit.packets.messages import Message

_ROW = 19  # height of a row, px
_LEAST, _MOST = 320, 664  # x of the names of the rows: beside the longest row
_PACKETS = 62  # room for the numbers of packets, if there are several
_TABLE = 200  # most rows of a table of fields
_VALUE = 120  # most characters of a value in it

# Which colour of `groups` a piece has, so that neighbours differ for all kinds of colour vision (a test measures it).
FILL = (groups.WHO, groups.PROTECTION, groups.ROOM, groups.PLAIN, groups.NUMBERS, groups.CONTROL)


@in_words
def message(message: Message, *, title: str | None = None) -> Picture:
    """Draw one message of a tape as it was sent, with the name of every part and the packets that brought it.

    message: one of ``tape.messages`` or ``packet.messages``, also a WebSocket frame: its payload is drawn without the
    mask as well; or a record of TLS (``tape.records``), which is drawn decrypted as well, or a message of its handshake
    (``tape.handshake``). CR and LF are drawn as signs, a body that is no text in hex; of a long body and a long header
    the first and the last lines are drawn. Bytes that are on no packet of the tape are shown as missing. A table of all
    parts opens by a click. title: in place of the message's own.
    Returns a Picture; its text has the same lines, without values that change from run to run. Raises LabError for
    anything that is not a message. Source: RFC 9112 §2.1 for the form.
    """
    if not all(hasattr(message, name) for name in ("fields", "buffer", "start_line", "packets")):
        raise LabError(
            f"cannot draw a message of {given(message)}",
            "Give a message of a tape: draw.message(tape.messages[0]), or one of packet.messages.",
        )
    several = len(message.packets) > 1
    left = MARGIN + (_PACKETS if several else 0)
    room = _MOST - 24 - left
    rows = _rows(message, room)
    heading = visible(title) if title is not None else _heading(message)
    below = [*_about(message)]
    lines = [heading, *(f"  {line}" for line in below), *_told(message, rows, several)]
    text = "\n".join(lines)
    svg = _drawn(message, rows, heading, below, left, text)
    alt = "; ".join(line.strip() for line in lines)
    apart = is_apart(message)
    table = _bits(message.layers) if apart else _table(message, several)  # type: ignore[attr-defined]
    return Picture(text, text, svg=svg, html=page.page(page.image(svg, alt), table))


def _rows(message: Any, room: float) -> list[Row]:
    """The rows of whatever it is. room: for the text of a row, px."""
    if is_step(message):
        return rows_of_tls(message)
    return rows_of_frame(message, room) if isinstance(message, WebSocketFrame) else rows_of(message, room)


def _heading(message: Any) -> str:
    """``"HTTP request: 78 bytes in packet 4"``."""
    numbers = message.packets
    where = f" in packet {numbers[0]}" if len(numbers) == 1 else f" in {len(numbers)} packets" if numbers else ""
    if is_apart(message):
        return visible(f"{message.protocol} {message.noun}{where}: {message.title}")
    return visible(f"{message.protocol} {message.kind}: {count(message.stop - message.start, 'byte')}{where}")


def _about(message: Message) -> list[str]:
    """What the message is a part of, and what is wrong with it."""
    way = "client → server" if message.sender == "client" else "client ← server"
    if message.answers is not None:
        way += f", answers {message.answers.method} {message.answers.target}"
    elif message.kind == "request":
        final = [each for each in message.answered_by if not 100 <= each.status < 200 or each.status == 101]
        way += f", answered by {final[0].status} {final[0].phrase}".rstrip() if final else ", not answered on this tape"
    found = [visible(way)]
    if message.state:
        found.append(visible(f"{message.state}: {message.reason}" if message.reason else message.state))
    if is_step(message):
        if message.encrypted:
            found.append(visible(f"encrypted: {message.reason}" if message.reason else "encrypted, and decrypted here"))
        return found
    body, content = message.body, message.content
    if content is not None and content != body and not isinstance(message, WebSocketFrame):
        coding = message.headers.get("content-encoding", "")
        size = count(len(content), "byte")
        found.append(f"without {visible(coding)} the body has {size} {preview(content)}".rstrip())
    return found


def _packets(numbers: Sequence[int]) -> str:
    """The packets of a row: ``"4"``, ``"4, 6"``, ``"4 to 9"``."""
    return ", ".join(map(str, numbers)) if len(numbers) < 3 else f"{numbers[0]} to {numbers[-1]}"


# ---- the picture


def _drawn(message: Message, rows: Sequence[Row], heading: str, about: Sequence[str], left: int, desc: str) -> str:
    canvas = Canvas(groups.css())
    y = MARGIN + 14.0
    for line in wrap(heading, style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 22
    for number, line in enumerate(about):
        wrong = number == 1 and bool(message.state)
        canvas.raw(MARGIN, y, fit(line, style.WIDTH - 2 * MARGIN, "nb"), "nb tar" if wrong else "s")
        y += 18
    y += 2
    if left > MARGIN:
        canvas.raw(MARGIN, y + 4, "packet", "k")
        y += 10
    names = round(min(max(_LEAST, left + max((wide(row.runs) for row in rows), default=0) + 24), _MOST))
    before: tuple[tuple[int, ...], str] = ((), "")
    for row in rows:
        numbers = row.packets(message)
        if left > MARGIN and numbers and numbers != before[0]:
            if before[0]:
                canvas.path(f"M{MARGIN} {y + 0.5:.1f}H{names - 12}", "rule thin", below=True)
            canvas.raw(MARGIN, y + 14, fit(_packets(numbers), _PACKETS - 6, "z"), "z")
        _row(canvas, row, left, y)
        if row.name and row.name != before[1]:
            canvas.raw(names, y + 14, fit(row.name, style.WIDTH - MARGIN - names, "n"), "n")
        before = numbers or before[0], row.name
        y += _ROW
    words = FRAME_WORDS if isinstance(message, WebSocketFrame) else WORDS
    words = TLS_WORDS if is_step(message) else words
    y = _legend(canvas, y + 14, words, {run.kind for row in rows for run in row.runs})
    return canvas.finish(y + 4, heading, desc)


def _row(canvas: Canvas, row: Row, x: int, y: float) -> None:
    """The pieces of one row."""
    for run in row.runs:
        kind = f"u{FILL[run.kind]}"
        if run.mark:
            canvas.rect(x, y + 1, MARK - 1, _ROW - 2, kind)
            canvas.raw(x + (MARK - 1) / 2, y + 14, run.text, "n c")
            x += MARK
            continue
        room = wide([run])
        canvas.rect(x, y + 1, max(room - 1, 1), _ROW - 2, kind)
        canvas.raw(x, y + 14, run.text, "nb" if row.more and run.kind == WRONG else "n" if row.more else "x")
        x += room


def _legend(canvas: Canvas, y: float, named: Sequence[str], kinds: set[int]) -> float:
    """What the colours say, in one line; returns the y below."""
    x = float(MARGIN)
    for kind, words in enumerate(named):
        if kind in kinds:
            canvas.rect(x, y, 12, 12, f"u{FILL[kind]}", 2)
            canvas.path(f"M{x:.0f} {y:.0f}h12v12h-12z", "box thin")
            canvas.raw(x + 19, y + 10, words, "k")
            x += 19 + width(words, "k") + 20
    return y + 22


# ---- in words


def _told(message: Message, rows: Sequence[Row], several: bool) -> list[str]:
    """The rows in words; of a value that changes from run to run only that it does."""
    names = max((len(row.name) for row in rows), default=0)
    places = [f"packet {_packets(row.packets(message)) or 'none'}" if several else "" for row in rows]
    room = max(map(len, places), default=0) + 2 * several
    lines = []
    before = ""
    for row, place in zip(rows, places, strict=True):
        words, hidden = "", False
        for run in row.runs:
            if run.volatile and not run.mark:
                words += "" if hidden else "(changes)"
                hidden = True
            else:
                words += {"CR": "\\r", "LF": "\\n"}[run.text] if run.mark else run.text
        again = row.goes_on or (row.name == before and any(run.kind == BODY for run in row.runs))
        if not (hidden and row.goes_on):
            lines.append(f"  {place:<{room}}{'' if again else row.name:<{names}}  {words}".rstrip())
        before = row.name
    return lines


def _table(message: Message, several: bool) -> str:
    """What each part is, where its bytes are, and what it is for; spaces, colons and line ends behind a fold."""
    heads = ["part", "bytes", *(["packet"] if several else []), "value", "what it says, or why it exists"]
    told: list[list[str]] = []
    rest: list[list[str]] = []

    def add(rows: list[list[str]], item: Field, name: str, value: str, words: str) -> None:
        first, last = item.start // 8 - message.start, item.end // 8 - message.start - 1
        numbers = message.buffer.packets(item.start // 8, item.end // 8)
        place = f"{first}-{last}" if last > first else str(first)
        value = value if len(value) <= _VALUE else value[: _VALUE - 1] + "…"
        rows.append([name, place, *([_packets(numbers) or "missing"] if several else []), value, words])

    for line, parts in groupby(leaves(message.fields), key=lambda each: each[1][-1] if each[1] else each[0]):
        found = list(parts)
        named = next((leaf for leaf, above in found if kind_of(leaf, above) == NAME), None)
        if named is not None:  # a header field is told as a whole
            add(told, line, visible(named.shown), visible(line.shown), visible(line.meaning or line.why))
        for leaf, above in found:
            aside = (kind_of(leaf, above) == FRAMING and not leaf.meaning) or not leaf.shown.strip(" \t")
            if named is None or aside:
                words = visible(leaf.meaning or leaf.why)
                add(rest if aside else told, leaf, visible(leaf.label), visible(leaf.shown), words)
    between = f"… and {count(len(rest), 'part')} between them: spaces, colons, line ends"
    tables = [
        page.table(heads, rows[:_TABLE], caption=_cut(rows), mono=(1, len(heads) - 2), narrow=(0, 1))
        for rows in (told, rest)
    ]
    return page.fold(
        f"the {count(len(told), 'part')} by name", tables[0], page.fold(between, tables[1]) if rest else ""
    )


def _bits(layers: Sequence[Layer]) -> str:
    """The fields of a frame, and of what it carries, with their bits."""
    tables = []
    for layer in layers:
        rows = [
            ["\u2003" * depth + visible(item.label), f"{item.start}-{item.end - 1}", visible(item.shown)[:_VALUE],
             visible(item.meaning or item.why)]
            for top in layer.fields
            for depth, item in ((0, top), *((1, child) for child in top.children))
        ]  # fmt: skip
        told = page.table(["part", "bits", "value", "what it says, or why it exists"], rows[:_TABLE], mono=(1, 2))
        tables.append(page.fold(visible(layer.title), told))
    return "".join(tables)


def _cut(rows: Sequence[object]) -> str:
    return f"the first {_TABLE} of {len(rows):,}" if len(rows) > _TABLE else ""
