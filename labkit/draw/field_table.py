"""A table of the fields of a layer: why each of them exists, and where it is defined.

Rule: words only, the same in every run: no values. HTML for the page, text for everything else.
"""

from __future__ import annotations

from typing import Any

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import page
from labkit.draw.text import visible
from labkit.draw.units import layers_of, span


class FieldTable:
    """What `explain` returns: rows of (label, place, reason, source); shown as a table, or as text."""

    def __init__(self, title: str, rows: list[tuple[str, str, str, str]]) -> None:
        self.title = title
        self.rows = rows

    def __repr__(self) -> str:
        lines = [self.title]
        for label, place, reason, source in self.rows:
            where = ", ".join(filter(None, (place, source)))
            lines.append(f"  {label} ({where}): {reason or 'no reason is written down'}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Two columns; where each field is, and where it is defined, opens by a click."""
        told = page.table(
            ("field", "why it exists"),
            [(label, reason or "no reason is written down") for label, _, reason, _ in self.rows],
            caption=self.title,
            bold=(0,),
        )
        places = page.table(
            ("field", "place", "defined in"),
            [(label, place, source) for label, place, _, source in self.rows],
            bold=(0,),
            narrow=(1, 2),
        )
        return page.page(told, page.fold("where each field is, and where it is defined", places))


@in_words
def explain(thing: Any, *, parts: bool = False) -> FieldTable:
    """Tell for each field of a layer why it exists, and which RFC defines it.

    thing: a layer (``packet["TCP"]``), a packet (all its layers), or a Scapy layer. parts: also the parts of fields
    that are divided further (flags, options). A field that a layer has several times, such as a DNS record, is told
    once. Raises LabError for anything that has no layers.
    """
    layers = layers_of(thing)
    if not any(layer.fields for layer in layers):
        raise LabError("there are no fields to explain", "Give a layer or a packet: labkit.explain(packet['TCP']).")
    rows = []
    for layer in layers:
        found: dict[tuple[str, str, str], list[str]] = {}
        for field in layer.fields:
            for item in field.walk() if parts else (field,):
                said = visible(item.label), visible(item.why), visible(item.rfc)
                found.setdefault(said, []).append(span(item, layer))
        for (label, reason, source), (first, *others) in found.items():
            rows.append((label, f"{first} and {len(others)} more" if others else first, reason, source))
    return FieldTable(" / ".join(visible(layer.title) for layer in layers), rows)
