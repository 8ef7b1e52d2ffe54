"""A draft: the bytes of a frame while a student builds it, with their fields, and the way back.

Rule: every view of it is computed from the bytes as they are now; nothing is sent here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from labkit.core.calls import in_words
from labkit.core.checks import is_whole, shown
from labkit.core.errors import BadArgument, LabError, NoSuchPart
from labkit.packets.drafts.forms import Form
from labkit.packets.drafts.rights import Right, put
from labkit.packets.drafts.values import LONGEST, encoded, written
from labkit.packets.explain.base import number_at
from labkit.packets.model import Field, Layer, named

_UNDONE = 500  # steps that can be undone


class Row(NamedTuple):
    """One line of a draft's table. depth: 0 for a layer, 1 for its fields, 2 and more for their parts.

    field: None for a layer. text: the value as it can be written again. state: of a length or checksum: ``"right"`` or
    ``"wrong"``, or ``"held"`` (right) or ``"left"`` (wrong) if it stays as it is; ``""`` for every other field.
    says: what the value means.
    """

    depth: int
    field: Field | None
    label: str
    text: str
    says: str
    state: str


class Draft:
    """The bytes of a frame, to be changed field by field and bit by bit.

    raw: the bytes now. left: names of the lengths and checksums that stay as they are. After each change, all others
    are mended. Positions of bits are counted from the first bit of the frame, from 0.
    """

    def __init__(self, raw: bytes, form: Form, *, unfilled: bool = False) -> None:
        """unfilled: what is wrong at first was only never filled in (loopback does so), and is mended with the rest."""
        self.raw, self.form = raw, form
        self.left: frozenset[str] = frozenset()
        self._before: list[tuple[bytes, frozenset[str]]] = []
        self._layers: tuple[Layer, ...] | None = None
        if not unfilled:
            self.left = frozenset(each.name for each in self.wrong())

    # -- what it is now

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The bytes taken apart as they are now, outermost layer first."""
        if self._layers is None:
            self._layers = self.form.layers(self.raw)
        return self._layers

    def __getitem__(self, name: str) -> Field:
        """The field with this name, ``draft["tcp.flags"]``. Raises `NoSuchPart` with names that are near to it."""
        for layer in self.layers:
            if (found := named(layer.fields, name)) is not None:
                return found
        names = [field.name for layer in self.layers for item in layer.fields for field in item.walk()]
        near = get_close_matches(str(name), names, 3, 0.5)
        todo = f"Did you mean {' or '.join(near)}?" if near else "print(frame) lists its fields."
        raise NoSuchPart(f"this frame has no field {shown(name)}", todo)

    def rights(self) -> list[Right]:
        """Its lengths and checksums, each with the value that is right for the bytes as they are now."""
        return self.form.rights(self.raw)

    def wrong(self) -> list[Right]:
        """Those of `rights` whose value in the frame is another one."""
        return [each for each in self.rights() if not self._holds(each)]

    def _holds(self, right: Right) -> bool:
        value = number_at(self.raw, right.start, right.bits)
        if right.name == "udp.checksum" and not value:  # none was computed, which UDP over IPv4 allows
            return "ipv6.plen" not in {each.name for each in self.rights()}
        return value == right.value

    def rows(self) -> Iterator[Row]:
        """The table of the frame: its layers, their fields, and the parts of these, in order."""
        rights = {(each.start, each.bits): each for each in self.rights()}
        for layer in self.layers:
            yield Row(0, None, layer.title, "", "", "")
            for item in layer.fields:
                yield from self._rows(item, 1, rights)

    def _rows(self, item: Field, depth: int, rights: dict[tuple[int, int], Right]) -> Iterator[Row]:
        right = rights.get((item.start, item.bits))
        says, state = item.meaning, ""
        if right is not None and right.name == item.name:
            if self._holds(right):
                state = "held" if right.name in self.left else "right"
                says = item.meaning if item.name == "udp.checksum" and not item.value else "right"
                says += " (left so)" if state == "held" else ""
            else:
                state = "left" if right.name in self.left else "wrong"
                value = f"0x{right.value:04x}" if item.shown.startswith("0x") else str(right.value)
                says = f"not right now: should be {value}" + (" (left so)" if state == "left" else "")
        yield Row(depth, item, item.label, written(item), says, state)
        for child in item.children:
            yield from self._rows(child, depth + 1, rights)

    # -- what a student does

    @functools.partial(in_words, name="set")
    def set(self, name: str, value: object) -> None:
        """Write a value into a field; lengths and checksums follow, except those that were left.

        name: as in labkit's tables and in Wireshark: ``"tcp.flags.syn"``. value: a number for a number or flag (also
        as text, ``"0x1f"``), ``"SYN, ACK"`` for TCP's flags, an address as text, bytes or text for data; data may
        become longer or shorter. A length or checksum that is set stays as it was set until it is mended.
        Raises `NoSuchPart` for a name that the frame does not have, `BadArgument` for a value that does not fit.
        """
        self.set_field(self[name], value)

    def set_field(self, field: Field, value: object) -> None:
        """As `set`, for one of the fields that `layers` has now."""
        new = encoded(field, value)
        start, end = field.start // 8, field.end // 8
        rewritten = self.form.rewritten(self.raw, field, new)
        if rewritten is not None:
            raw = rewritten
        elif isinstance(new, bytes):
            raw = self.raw[:start] + new + self.raw[end:]
        else:
            raw = put(self.raw, field.start, field.bits, new)
        self._change(raw, self.left | self._touched(field.start, field.end))

    @functools.partial(in_words, name="flip")
    def flip(self, bit: int | str) -> None:
        """Turn one bit around: its position in the frame from 0, or the name of a field of one bit.

        A length or checksum that it lies in stays as it is then. Raises `BadArgument` if there is no such bit.
        """
        if isinstance(bit, str):
            field = self[bit]
            if field.bits != 1:
                what = f"{field.name} has {field.bits} bits"
                raise BadArgument(what, f"Give one of {field.start} to {field.end - 1}.")
            bit = field.start
        if not is_whole(bit) or not 0 <= bit < len(self.raw) * 8:
            raise BadArgument(f"{shown(bit)} is no bit of this frame", f"Give 0 to {len(self.raw) * 8 - 1}.")
        raw = bytearray(self.raw)
        raw[bit >> 3] ^= 0x80 >> (bit & 7)
        self._change(bytes(raw), self.left | self._touched(bit, bit + 1))

    def leave(self, *names: str) -> None:
        """Leave these lengths and checksums as they are from now on; all of them if no name is given.

        Raises `BadArgument` for a field that is neither a length nor a checksum.
        """
        self._change(self.raw, self.left | self._mendable(names), mend=False)

    def mend(self, *names: str) -> None:
        """Put the right value into these lengths and checksums, and keep them right; all of them if no name is given.

        Raises `BadArgument` for a field that is neither a length nor a checksum.
        """
        self._change(self.raw, self.left - self._mendable(names))

    def undo(self) -> None:
        """Take back the last change. Raises LabError if there is none."""
        if not self._before:
            raise LabError("there is nothing to undo", "The frame is as it was at first.")
        self.raw, self.left = self._before.pop()
        self._layers = None
        self._changed()

    @property
    def undoable(self) -> int:
        """How many changes can be undone."""
        return len(self._before)

    # -- how

    def _mendable(self, names: tuple[str, ...]) -> frozenset[str]:
        known = {each.name for each in self.rights()}
        wanted = frozenset(self[name].name for name in names) or frozenset(known)
        if wanted - known:
            what = f"{', '.join(sorted(wanted - known))} is no length or checksum that labkit can compute here"
            raise BadArgument(what, f"There are: {', '.join(sorted(known)) or 'none'}.")
        return wanted

    def _touched(self, start: int, end: int) -> frozenset[str]:
        """The lengths and checksums that these bits are in."""
        return frozenset(each.name for each in self.rights() if each.start < end and start < each.start + each.bits)

    def _change(self, raw: bytes, left: frozenset[str], *, mend: bool = True) -> None:
        if mend:
            raw = self.form.mended(raw, left)
        if len(raw) > LONGEST:
            raise BadArgument(f"the frame would have {len(raw)} bytes", f"A frame has {LONGEST} at most.")
        if (raw, left) == (self.raw, self.left):
            return
        self._before = [*self._before[-_UNDONE:], (self.raw, self.left)]
        self.raw, self.left = raw, left
        self._layers = None
        self._changed()

    def _changed(self) -> None:
        """Called after each change."""

    def __bytes__(self) -> bytes:
        return self.raw

    def __len__(self) -> int:
        return len(self.raw)
