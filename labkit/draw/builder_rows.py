"""A frame that is built, in rows: for the page, for a page without a kernel, and in words.

Rule: data in, words out; what a peer sent is made visible for people, and the page shows it as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from labkit.draw import page
from labkit.draw.inspect_rows import said, told
from labkit.draw.text import count, visible
from labkit.packets.drafts import Draft
from labkit.packets.drafts.draft import Row
from labkit.packets.packet import Packet

_LONG = 60  # characters of a value in a table
_LONGEST = 4000  # characters of a value that a page may edit; it may send 4,096
_SIGNS = {"right": "✓ ", "held": "✓ ", "wrong": "✗ ", "left": "✗ ", "": ""}


class Came(Protocol):
    """What came of a frame that was sent."""

    @property
    def back(self) -> Sequence[Packet]:
        """The packets that came back."""

    @property
    def answered(self) -> bool:
        """Whether one of them is the answer."""

    @property
    def waited(self) -> float:
        """Seconds that were waited at most."""


def state(draft: Draft) -> dict[str, Any]:
    """What a page shows of a draft, besides its bytes."""
    rows = list(draft.rows())
    return {"title": title(draft), "undo": draft.undoable, "rows": [_row(each) for each in rows]}


def _row(row: Row) -> list[Any]:
    """A row for a page: depth, name, label, first bit, bits, text, meaning, state, why it exists, can be edited."""
    field = row.field
    if field is None:
        return [row.depth, "", visible(row.label), 0, 0, "", "", "", "", False]
    why = visible(" ".join(filter(None, (field.why, field.rfc and f"({field.rfc})"))))
    fits = len(row.text) <= _LONGEST and visible(row.text) == row.text
    text = row.text if len(row.text) <= _LONGEST else f"{row.text[:_LONG]}…"
    return [row.depth, visible(field.name), visible(row.label), field.start, field.bits, visible(text),
            visible(row.says), row.state, why, fits]  # fmt: skip


def title(draft: Draft) -> str:
    """What the frame is, in one line."""
    names = " / ".join(visible(layer.name) for layer in draft.layers)
    return f"Frame of {count(len(draft.raw), 'byte')}: {names}"


def came(found: Came) -> dict[str, Any]:
    """What came back, for a page."""
    if not found.answered:
        return {"words": f"Nothing came back in {found.waited:g} s.", "lines": []}
    lines = [_line(packet) for packet in found.back]
    return {"words": f"{count(len(found.back), 'packet')} came back:", "lines": lines}


def _line(packet: Packet) -> str:
    """One packet that came back, with the messages that it carries."""
    messages = "; ".join(f"{visible(each.protocol)} {said(each)}" for each in packet.messages)
    return f"{visible(packet.protocol)}: {told(packet)}" + (f": {messages}" if messages else "")


def _table(draft: Draft) -> list[tuple[int, str, str, str]]:
    """Layers and their fields, without the parts of these: depth, name, value, meaning."""
    found = []
    for row in draft.rows():
        if row.depth < 2:
            text = row.text if len(row.text) <= _LONG else f"{row.text[:_LONG]}…"
            name = row.field.name if row.field is not None else row.label
            shown = row.field.shown if row.field is not None and row.field.children and not row.says else ""
            says = row.says or (shown if shown != row.text else "")
            found.append((row.depth, visible(name), visible(text), _SIGNS[row.state] + visible(says)))
    return found


def twin(draft: Draft) -> str:
    """The frame in words: a line for each field."""
    rows = _table(draft)
    names = max((len(name) for depth, name, *_ in rows if depth), default=0)
    values = max((len(value) for depth, _, value, _ in rows if depth), default=0)
    lines = [title(draft)]
    for depth, name, value, says in rows:
        lines.append(f"    {name:<{names}}  {value:<{values}}  {says}".rstrip() if depth else f"  {name}")
    return "\n".join(lines)


def static(draft: Draft) -> str:
    """The frame as HTML where no kernel runs: the table of its fields."""
    rows = [(name if depth else f"{name}:", value, says) for depth, name, value, says in _table(draft)]
    return page.page(page.table(("field", "value", "meaning"), rows, caption=title(draft), mono=(1,), bold=(0,)))
