"""Where the fields of a Scapy layer lie: its own ``fields_desc``, read again from its bytes with its own ``getfield``.

Rule: knows the interface of Scapy's fields but imports nothing of it; whatever a field raises ends the reading there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labkit.packets.explain.base import shown_bytes


@dataclass(slots=True)
class Span:
    """Where one Scapy field lies in its layer, in bits from the layer's start."""

    start: int
    bits: int
    fields: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


def bits_left(rest: Any) -> int:
    """Bits that a field left over: Scapy hands on bytes, or (bytes, bits of the first byte already read)."""
    if isinstance(rest, tuple):
        return len(rest[0]) * 8 - int(rest[1])
    return len(rest) * 8


def read_spans(layer: Any, data: bytes) -> tuple[list[Span], list[Span], bool]:
    """Read a layer's own fields from its bytes: (spans in order, those at the far end, whether all could be read)."""
    total, rest = len(data) * 8, data
    found: list[Span] = []
    trailing: list[Span] = []
    cut = 0  # bits taken from the far end, as a frame check sequence does
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
        # Little-endian bit fields are read from a copy with the bytes turned round: the parts of such a group have no
        # single place on the wire, so the group stays one field.
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
    """The fields that can be read before one fails; each is set, for those after it that depend on it."""
    total, rest = len(data) * 8, data
    found: list[Span] = []
    for each in layer.fields_desc:
        try:
            before, (rest, value) = rest, each.getfield(layer, rest)
            size = bits_left(before) - bits_left(rest)
        except Exception:
            break
        # An empty rest reads as zeros in some fields: what takes no bits is not there.
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
    """Whether a value is a list or a packet: then its bytes say more than a number."""
    return isinstance(value, (list, tuple)) or hasattr(value, "fields_desc")


def shown_value(layer: Any, each: Any, value: Any) -> str:
    """A value as its Scapy field shows it, in 200 characters at most."""
    if isinstance(value, bytes):
        return shown_bytes(value)
    try:
        return str(each.i2repr(layer, value))[:200]
    except Exception:
        return str(value)[:200]
