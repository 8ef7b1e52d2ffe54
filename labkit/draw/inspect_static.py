"""The inspector where no kernel runs: packets that open by a click, fields and bytes that light each other, no script.

Rule: HTML and a style sheet; a field and its bytes share a class, and `:has()` finds the one by the other. It is kept
small: of a long tape only the first packets stand in it, and only some of them with their fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from labkit.draw import page
from labkit.draw.inspect_items import Row, parts_of, rows_of
from labkit.draw.inspect_rows import told
from labkit.draw.style import MONO
from labkit.draw.text import count, visible
from labkit.packets.packet import Packet
from labkit.packets.tape import Tape

_LONG = 100  # a tape of more packets is a long one
_LINES = (60, 10)  # packets that are listed, of a short tape and of a long one
ROOM = 40_000
"""Characters for packets with their fields."""
_BYTES = 160  # bytes of one packet that are shown

_STYLE = (
    ".lks{display:flex;gap:1em 2em;margin:4px 0 8px 1em}.lks div{flex:1}.lks div p{margin:0 0 0 1em;padding:0 4px}"
    ".lks pre{position:sticky;top:0;align-self:flex-start}"
    "@media(max-width:60em){.lks{flex-direction:column-reverse}.lks pre{background:Canvas;color:CanvasText}}"
    ".lks div p.k{margin-left:2.2em}.lks div p.j{margin-left:0;font-weight:600}"
    f".lks pre,.lks code{{font-family:{MONO};margin:0;padding:0}}.lks code{{background:none;color:inherit}}"
)
_LIT = "{background:#ffe3a8;color:#000;outline:1px solid #b45309}"


def static(tape: Tape, room: int = ROOM) -> str:
    """The first packets of a tape as HTML. room: characters for those with their fields."""
    long = len(tape) > _LONG
    shown = tape[: _LINES[long]]
    opened: dict[int, str] = {}
    classes = 0
    # First the first packet gets its fields, then those that say most. In a long tape there is no more than the
    # first: the fields of another may need all messages of its connection, and a reader waits meanwhile.
    ranked = sorted(shown, key=lambda each: (each is not shown[0], not each.length, each.number))
    for packet in ranked[: 1 if long else None]:
        made, used = _packet(packet)
        room -= len(made)
        if room < 0:
            break
        opened[packet.number], classes = made, max(classes, used)
    lines = [
        page.fold(_line(each), opened[each.number]) if each.number in opened else f"<div>{escape(_line(each))}</div>"
        for each in shown
    ]
    more = len(tape) - len(shown)
    if more:
        lines.append(f"<div>and {count(more, 'packet')} more</div>")
    rules = ",".join(f".lks:has(.n{at}:hover,.n{at}:focus) .n{at}" for at in range(classes))
    style = f"<style>{_STYLE}{rules}{_LIT if rules else ''}</style>"
    head = f"<div>{count(len(tape), 'packet')}, {escape(visible(tape.origin))}</div>" if tape.origin else ""
    return page.page(style, head, *lines)


def _line(packet: Packet) -> str:
    arrow = "→" if packet.sender == "client" else "←"
    return f"{packet.number} {arrow} {visible(packet.protocol)} {told(packet)}"


def _packet(packet: Packet) -> tuple[str, int]:
    """The fields of a packet beside its bytes, and how many fields have a class."""
    rows = list(rows_of(parts_of(packet), apart=False))
    leaves: dict[int, int] = {}
    for at, row in enumerate(rows):
        divided = at + 1 < len(rows) and rows[at + 1].depth > row.depth
        if row.depth and row.bits and not divided:
            leaves[at] = len(leaves)
    tree = "".join(_row(row, leaves.get(at, -1)) for at, row in enumerate(rows))
    owners = [(rows[at], number) for at, number in leaves.items()]
    return f'<div class="lks"><div>{tree}</div><pre>{"".join(_dump(packet.raw, owners))}</pre></div>', len(leaves)


def _row(row: Row, number: int) -> str:
    said = escape(row.label, quote=False)
    said += f" <code>{escape(row.shown, quote=False)}</code>" if row.shown else ""
    said += f" <i>{escape(row.meaning, quote=False)}</i>" if row.meaning else ""
    depth = ("j", "", "k")[min(row.depth, 2)]
    names = f"n{number} {depth}".strip() if number >= 0 else depth
    return f'<p class="{names}"{" tabindex=0" if number >= 0 else ""}>{said}</p>'


def _dump(data: bytes, owners: Sequence[tuple[Row, int]]) -> Iterator[str]:
    """The bytes, those of one field together."""

    mine: list[list[int]] = [[] for _ in data[:_BYTES]]
    for row, number in owners:
        for at in range(row.start // 8, min(len(mine), (row.start + row.bits + 7) // 8)):
            mine[at].append(number)
    for numbers, run in groupby(range(len(mine)), mine.__getitem__):
        names = " ".join(f"n{number}" for number in numbers)
        places = list(run)
        said = "".join(f"{data[at]:02x}" + _gap(at) for at in places)
        tail = said[len(said.rstrip()) :]
        yield f'<span class="{names}">{said.rstrip()}</span>{tail}' if names else said
    if len(data) > _BYTES:
        yield f"\nand {count(len(data) - _BYTES, 'byte')} more"


def _gap(at: int) -> str:
    """What stands behind a byte: sixteen are a line."""
    return "\n" if at % 16 == 15 else "  " if at % 8 == 7 else " "
