"""The spans of a Scapy layer's fields: its ``fields_desc``, read again from its bytes with each field's ``getfield``.

Rule: knows the interface of Scapy's fields but does not import Scapy; if a field raises, the reading ends there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labkit.packets.explain.base import shown_bytes


@dataclass(slots=True)
class Span:
    """The place of one Scapy field in its layer, in bits from the layer's start."""

    start: int
    bits: int
    fields: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


def bits_left(rest: Any) -> int:
    """Bits that a field left: Scapy returns bytes, or (bytes, bits of the first byte that are read already)."""
    if isinstance(rest, tuple):
        return len(rest[0]) * 8 - int(rest[1])
    return len(rest) * 8


def read_spans(layer: Any, data: bytes) -> tuple[list[Span], list[Span], bool]:
    """Read a layer's own fields from its bytes: (spans in order, spans at the end, whether all fields were read)."""
    total, rest = len(data) * 8, data
    found: list[Span] = []
    trailing: list[Span] = []
    cut = 0  # bits at the end that are taken, by a frame check sequence for example
    reversed_group: Span | None = None
    for each in layer.fields_desc:
        before = rest
        try:
            rest, value = each.getfield(layer, before)
            size = bits_left(before) - bits_left(rest)
        except Exception:
            return found, trailing, False
        if size <= 0:
            continue
        start = total - cut - bits_left(before)
        if (
            isinstance(rest, bytes)
            and isinstance(before, bytes)
            and rest
            and not before.endswith(rest)
            and before.startswith(rest)
        ):
            trailing.append(Span(start + bits_left(rest), size, [each], [value]))
            cut += size
            continue
        # Scapy reads little-endian bit fields from a copy with reversed bytes. A part of such a group can lie in two
        # places on the wire, so the group stays one field.
        inner = getattr(each, "fld", each)
        if reversed_group is None and getattr(inner, "rev", False) and inner.tot_size > 1 and isinstance(rest, tuple):
            reversed_group = Span(start, 0)
        if reversed_group is not None:
            reversed_group.bits += size
            reversed_group.fields.append(each)
            reversed_group.values.append(value)
            if isinstance(rest, bytes):
                found.append(reversed_group)
                reversed_group = None
            continue
        found.append(Span(start, size, [each], [value]))
        if not bits_left(rest) and (getattr(each, "ismayend", False) or getattr(inner, "ismayend", False)):
            break
    return found, trailing, reversed_group is None


def read_so_far(layer: Any, data: bytes) -> list[Span]:
    """The fields before the first that fails; each is set in the layer, because later fields may depend on it."""
    total, rest = len(data) * 8, data
    found: list[Span] = []
    for each in layer.fields_desc:
        try:
            before, (rest, value) = rest, each.getfield(layer, rest)
            size = bits_left(before) - bits_left(rest)
        except Exception:
            break
        # Some fields read an empty rest as zeros: a field that takes no bits does not exist.
        if size > 0 and size <= bits_left(before):
            found.append(Span(total - bits_left(before), size, [each], [value]))
            layer.fields[each.name] = value
        elif size == 0 and not bits_left(rest):
            break
    return found


def value_of(span: Span) -> Any:
    """The value of a span's only field, or None."""
    return span.values[0] if len(span.values) == 1 else None


def raw_like(value: Any) -> bool:
    """Whether a value is a list or a packet, so that its bytes are shown and not a number."""
    return isinstance(value, (list, tuple)) or hasattr(value, "fields_desc")


def shown_value(layer: Any, each: Any, value: Any) -> str:
    """A value as its Scapy field shows it, cut to 200 characters."""
    if isinstance(value, bytes):
        return shown_bytes(value)
    try:
        return str(each.i2repr(layer, value))[:200]
    except Exception:
        return str(value)[:200]
