"""Layers that a student wrote for Scapy, built again: the values that Scapy computes, and values of another length.

Rule: knows the interface of Scapy's packets but does not import Scapy; a class that raises is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labkit.packets.explain.base import number_at
from labkit.packets.scapy_layers import is_own
from labkit.packets.scapy_spans import Span, read_spans

_DEEPEST = 64


def computed(kind: Any, raw: bytes) -> list[tuple[str, int, int, int]]:
    """The fields that Scapy fills in if they have no value: lengths and checksums of the student's.

    kind: the class of the first layer. Returns (name, first bit, bits, the value that Scapy computes) of each.
    """
    found: list[tuple[str, int, int, int]] = []
    for layer, at, data in _layers(kind, raw):
        spans = _spans(layer, data)
        filled = [span for span in spans if span.fields[0].default is None and len(span.fields) == 1]
        for span in filled:
            again = _without(layer, [span])
            if again is not None and len(again) == len(data):
                name = f"{type(layer).__name__.lower()}.{span.fields[0].name}"
                value = number_at(again, span.start, span.bits)
                found.append((name, at * 8 + span.start, span.bits, value))
    return found


def rewritten(kind: Any, raw: bytes, name: str, start: int, value: bytes) -> bytes | None:
    """The bytes with another value in a field of bytes, and with the lengths that Scapy computes for it.

    name, start: the field's name, and its first bit. None if no layer of the student's has it.
    """
    for layer, at, data in _layers(kind, raw):
        spans = _spans(layer, data)
        for span in spans:
            if at * 8 + span.start == start and name == f"{type(layer).__name__.lower()}.{span.fields[0].name}":
                lengths = [each for each in spans if each.fields[0].default is None and each is not span]
                new = _without(layer, lengths, (span, value))
                return None if new is None else raw[:at] + new + raw[at + len(data) :]
    return None


def _layers(kind: Any, raw: bytes) -> Iterator[tuple[Any, int, bytes]]:
    """The student's layers, each with its first byte, and its bytes up to the end of its payload."""
    try:
        layer, at = kind(raw), 0
        for _ in range(_DEEPEST):
            data = bytes(layer.original)
            if not data or raw[at : at + len(data)] != data:
                return
            if not is_own(type(layer)):
                return
            yield layer, at, data
            at += len(data) - len(bytes(layer.payload.original or b""))
            layer = layer.payload
    except Exception:
        return


def _spans(layer: Any, data: bytes) -> list[Span]:
    return [span for span in read_spans(layer, data)[0] if span.bits <= 64 or span.fields[0].default is not None]


def _without(layer: Any, empty: list[Span], new: tuple[Span, bytes] | None = None) -> bytes | None:
    """The layer and its payload as Scapy builds them, with no value in some fields; None if Scapy cannot."""
    try:
        again = layer.copy()
        if new is not None:
            again.setfieldval(new[0].fields[0].name, new[1])
        for span in empty:
            again.setfieldval(span.fields[0].name, None)
        again.raw_packet_cache = None
        return bytes(again)
    except Exception:
        return None
