"""The forms that the bytes of a draft may have: a frame, a header alone, a layer of the student's own.

Rule: a form reads bytes and knows which lengths and checksums they hold; it keeps no bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from labkit.packets import walk
from labkit.packets.dissector import dissect, dissect_from
from labkit.packets.drafts import rights
from labkit.packets.drafts.rights import Right
from labkit.packets.model import Field, Layer
from labkit.packets.names import ETHERNET
from labkit.packets.steps import Step


class Form(Protocol):
    """How bytes are read."""

    @property
    def linktype(self) -> int:
        """How a frame of them begins, as numbered in pcap files; -1: they are no frame."""

    @property
    def carrier(self) -> str:
        """What it can be sent over: ``"wire"``, ``"connection"``, or ``""``: over nothing."""

    def layers(self, raw: bytes) -> tuple[Layer, ...]:
        """The bytes as layers, whatever they are."""

    def rights(self, raw: bytes) -> list[Right]:
        """The lengths and checksums of the bytes, each with its right value."""

    def mended(self, raw: bytes, left: Collection[str]) -> bytes:
        """The bytes with right lengths and checksums. left: names of those that stay as they are."""

    def rewritten(self, raw: bytes, field: Field, value: int | bytes) -> bytes | None:
        """The bytes with this value in a field, if more than the bits of the field must change for it; else None."""


@dataclass(frozen=True)
class FrameForm:
    """A whole frame, as a capture has it. linktype: as numbered in pcap files. tail: bytes behind the packet.

    own: the Scapy class of the student's that reads the payload, if it is not bound to the header below it.
    """

    linktype: int = ETHERNET
    tail: int = 0
    own: Any = None
    carrier = "wire"

    def layers(self, raw: bytes) -> tuple[Layer, ...]:
        """As `Form.layers`."""
        layers = dissect(raw, self.linktype)
        if self.own is None or not layers or layers[-1].name != "Payload":
            return layers
        from labkit.packets.scapy_layers import layers_from

        return layers[:-1] + (layers_from(self.own, raw, layers[-1].start // 8) or layers[-1:])

    def _students(self, raw: bytes, steps: Sequence[Step]) -> tuple[Any, int, int] | None:
        """The layer of the student's own: as `_own_layer`."""
        bound = _own_layer(raw, steps)
        if bound is not None or self.own is None:
            return bound
        start = next((each.start // 8 for each in self.layers(raw) if each.name == self.own.__name__), None)
        return None if start is None else (self.own, start, len(raw) - self.tail)

    def rights(self, raw: bytes) -> list[Right]:
        """As `Form.rights`."""
        steps: list[Step] = []
        walk.quick(raw, self.linktype, steps=steps)
        found = rights.of_headers(raw, steps, self.tail)
        own = self._students(raw, steps)
        if own is not None:
            found += _computed(own, raw)
        return found

    def mended(self, raw: bytes, left: Collection[str]) -> bytes:
        """As `Form.mended`."""
        return rights.mended(raw, self.rights, left)

    def rewritten(self, raw: bytes, field: Field, value: int | bytes) -> bytes | None:
        """As `Form.rewritten`."""
        steps: list[Step] = []
        walk.quick(raw, self.linktype, steps=steps)
        own = self._students(raw, steps)
        return None if own is None else _rewritten(own, raw, field, value)


@dataclass(frozen=True)
class HeaderForm:
    """Bytes that begin with the header of this name, without the headers below it."""

    name: str
    linktype = -1
    carrier = ""

    def layers(self, raw: bytes) -> tuple[Layer, ...]:
        """As `Form.layers`."""
        return dissect_from(self.name, raw) or ()

    def rights(self, raw: bytes) -> list[Right]:
        """As `Form.rights`; a checksum over addresses is left out, because there are none."""
        steps: list[Step] = []
        walk.from_layer(raw, self.name, steps)
        return rights.of_headers(raw, steps)

    def mended(self, raw: bytes, left: Collection[str]) -> bytes:
        """As `Form.mended`."""
        return rights.mended(raw, self.rights, left)

    def rewritten(self, raw: bytes, field: Field, value: int | bytes) -> bytes | None:
        """As `Form.rewritten`."""
        return None


@dataclass(frozen=True)
class OwnForm:
    """Bytes that begin with a layer of the student's own. kind: its Scapy class."""

    kind: Any
    linktype = -1
    carrier = ""

    def layers(self, raw: bytes) -> tuple[Layer, ...]:
        """As `Form.layers`."""
        from labkit.packets.scapy_layers import layers_from

        return layers_from(self.kind, raw)

    def rights(self, raw: bytes) -> list[Right]:
        """As `Form.rights`: what Scapy computes if the student's class gives no value."""
        return _computed((self.kind, 0, len(raw)), raw)

    def mended(self, raw: bytes, left: Collection[str]) -> bytes:
        """As `Form.mended`."""
        return rights.mended(raw, self.rights, left)

    def rewritten(self, raw: bytes, field: Field, value: int | bytes) -> bytes | None:
        """As `Form.rewritten`."""
        return _rewritten((self.kind, 0, len(raw)), raw, field, value)


def _own_layer(raw: bytes, steps: Sequence[Step]) -> tuple[Any, int, int] | None:
    """The layer of the student's own behind these headers: (its class, first byte, the byte after what it carries)."""
    if not steps or "scapy.packet" not in sys.modules:
        return None
    from labkit.packets.scapy_layers import students_class

    kind = students_class(raw, steps[-1])
    return None if kind is None else (kind, steps[-1][2], steps[-1][3])


def _computed(own: tuple[Any, int, int], raw: bytes) -> list[Right]:
    from labkit.packets.scapy_rebuilt import computed

    kind, start, stop = own
    return [Right(name, start * 8 + at, bits, value) for name, at, bits, value in computed(kind, raw[start:stop])]


def _rewritten(own: tuple[Any, int, int], raw: bytes, field: Field, value: int | bytes) -> bytes | None:
    from labkit.packets.scapy_rebuilt import rewritten

    if isinstance(value, int):
        return None
    kind, start, stop = own
    new = rewritten(kind, raw[start:stop], field.name, field.start - start * 8, value)
    return None if new is None else raw[:start] + new + raw[stop:]
