"""What holds of the fields of every message and frame: each byte has one name.

Rule: for all protocols on streams; raises AssertionError, and names the leaf.
"""

from __future__ import annotations

from labkit.packets.model import Field


def every_byte_once(fields: tuple[Field, ...], start: int, stop: int) -> None:
    """The leaves cover the bytes from start to stop, without gaps and without overlaps."""
    at = start * 8
    for field in fields:
        for leaf in field.leaves():
            assert leaf.start == at, (leaf, at)
            assert leaf.bits > 0
            at = leaf.end
    assert at == stop * 8
