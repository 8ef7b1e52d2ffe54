"""The language in which RFC 8446 §3 writes down messages, as rows: number, opaque, vector, structure; and their reader.

Rule: no message here. Whatever the bytes are, each has exactly one field: those without the form become `malformed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labkit.packets.explain.base import Row, shown_bytes
from labkit.packets.explain.reader import INCOMPLETE, MALFORMED, Cut
from labkit.packets.explain.tls_names import name_of
from labkit.packets.model import Field

Items = tuple[object, ...]
Names = Mapping[int, str]

_DEEPEST = 12  # vectors in vectors; no message of TLS needs half of it


@dataclass(frozen=True, slots=True)
class Number:
    """A number of so many bytes. names: what its values mean. hex: shown in hexadecimal."""

    row: Row
    size: int
    names: dict[int, str] | None = None
    hex: bool = False


@dataclass(frozen=True, slots=True)
class Opaque:
    """Bytes. size: how many; None: all that are left. text: they are ASCII. parts: makes the fields inside them."""

    row: Row
    size: int | None = None
    text: bool = False
    parts: Callable[[bytes, int, int], tuple[Field, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Vector:
    """A length, then what is so long. box: a field around the items, or None. many: the items repeat."""

    length: Number
    items: Items
    box: Row | None = None
    many: bool = True


@dataclass(frozen=True, slots=True)
class Structure:
    """Items under one name. says: the value in words, from the bytes."""

    row: Row
    items: Items
    says: Callable[[bytes, int, int], str] | None = None


@dataclass(slots=True)
class Said:
    """The facts of a connection that a message's form depends on.

    version: agreed on, 0 if nobody knows. exchange: of a suite of TLS 1.2 (``"ECDHE"``). message: the type of the one
    that is read.
    """

    version: int = 0
    exchange: str = ""
    message: int = 0


class Reading:
    """Reads data by rows. said: what the connection has said before. state, reason: what was wrong, as in a `Found`."""

    __slots__ = ("data", "depth", "reason", "said", "state")

    def __init__(self, data: bytes, said: Said) -> None:
        self.data, self.said, self.depth = data, said, 0
        self.state = self.reason = ""

    def read(self, items: Items, at: int, end: int) -> tuple[list[Field], int]:
        """(fields, the byte behind them). Raises Cut, whose fields are in its arguments, if the bytes end too early."""
        out: list[Field] = []
        try:
            for item in items:
                at = self._one(item, at, end, out)
        except Cut as error:
            raise Cut(out + (error.args[0] if error.args else [])) from None
        return out, at

    def _one(self, item: object, at: int, end: int, out: list[Field]) -> int:
        if item.__class__ is Number:
            out.append(self.number(item, at, end))
            return at + item.size
        if item.__class__ is Opaque:
            return self._opaque(item, at, end, out)
        if item.__class__ is Vector:
            return self._vector(item, at, end, out)
        if item.__class__ is Structure:
            return self._structure(item, at, end, out)
        inner, at = self.read(item(self, at, end), at, end)  # type: ignore[operator]
        out += inner
        return at

    def number(self, item: Number, at: int, end: int) -> Field:
        """The field of a number."""
        size, row = item.size, item.row
        if at + size > end:
            raise Cut
        value = int.from_bytes(self.data[at : at + size], "big")
        meaning = row.meaning if isinstance(row.meaning, str) else ""
        if item.names is not None:
            meaning = name_of(item.names, value)
        shown = f"0x{value:0{size * 2}x}" if item.hex else str(value)
        return Field(row.name, row.label, at * 8, size * 8, value, shown, meaning, row.why, row.rfc, bool(row.volatile))

    def _opaque(self, item: Opaque, at: int, end: int, out: list[Field]) -> int:
        size = end - at if item.size is None else item.size
        if at + size > end:
            raise Cut
        if size:
            row, data = item.row, self.data[at : at + size]
            parts = item.parts(self.data, at, at + size) if item.parts is not None else ()
            value: str | bytes = data.decode("latin-1") if item.text else data
            meaning = row.meaning if isinstance(row.meaning, str) else ""
            out.append(
                Field(row.name, row.label, at * 8, size * 8, value, _shown(value),
                      meaning, row.why, row.rfc, bool(row.volatile), parts)
            )  # fmt: skip
        return at + size

    def _vector(self, item: Vector, at: int, end: int, out: list[Field]) -> int:
        length = self.number(item.length, at, end)
        out.append(length)
        at += item.length.size
        stop = at + int(length.value)
        if stop > end:
            raise Cut
        inner = self.inside(item.items, at, stop, many=item.many)
        if item.box is not None and stop > at:
            inner = [self.group(item.box, at, stop, inner)]
        out += inner
        return stop

    def _structure(self, item: Structure, at: int, end: int, out: list[Field]) -> int:
        try:
            inner, stop = self.read(item.items, at, end)
        except Cut as error:
            inner = error.args[0] if error.args else []
            if inner:
                raise Cut([self.group(item.row, at, inner[-1].end // 8, inner, item.says)]) from None
            raise
        if stop > at:
            out.append(self.group(item.row, at, stop, inner, item.says))
        return stop

    def group(
        self, row: Row, at: int, stop: int, inner: list[Field], says: Callable[[bytes, int, int], str] | None = None
    ) -> Field:
        """A field around others."""
        data = self.data[at:stop]
        size = stop - at
        shown = says(self.data, at, stop) if says is not None else "1 byte" if size == 1 else f"{size} bytes"
        meaning = row.meaning if isinstance(row.meaning, str) else ""
        return Field(
            row.name, row.label, at * 8, size * 8, data, shown, meaning, row.why, row.rfc, False, tuple(inner)
        )  # fmt: skip

    def inside(self, items: Items, at: int, end: int, *, many: bool = False) -> list[Field]:
        """The fields of items that fill a span; the bytes that they do not fill become one malformed field."""
        out: list[Field] = []
        reason = "these bytes stand behind the end of what belongs here"
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Cut  # a table that contains itself; no bytes lead here
        try:
            while at < end or not many:
                start = at
                inner, at = self.read(items, at, end)
                out += inner
                if not many or at == start:
                    break
        except Cut as error:
            inner = error.args[0] if error.args else []
            out += inner
            at = inner[-1].end // 8 if inner else at
            reason = "fewer bytes are here than a length or a form requires"
            if at >= end:  # the form goes on behind the end, and no byte is left for a field
                self.fault(reason)
        finally:
            self.depth -= 1
        if at < end:
            self.fault(reason)
            out.append(self.malformed(at, end, reason))
        return out

    def fault(self, reason: str) -> None:
        """Note that bytes have the wrong form."""
        self.state, self.reason = "malformed", self.reason or reason

    def malformed(self, at: int, end: int, reason: str) -> Field:
        """Bytes without the form that their place requires, as one field."""
        return _rest(MALFORMED, self.data, at, end, reason)


def incomplete(data: bytes, at: int, end: int, reason: str) -> Field:
    """Bytes whose other bytes are missing, as one field."""
    return _rest(INCOMPLETE, data, at, end, reason)


def _rest(row: Row, data: bytes, at: int, end: int, reason: str) -> Field:
    rest = data[at:end]
    return Field(row.name, row.label, at * 8, (end - at) * 8, rest, shown_bytes(rest), reason, row.why, row.rfc)


def _shown(value: str | bytes) -> str:
    return value if isinstance(value, str) else shown_bytes(value)
