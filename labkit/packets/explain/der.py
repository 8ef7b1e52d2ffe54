"""DER, the form of certificates: each value is a tag, a length and content. Rules lay names over them.

Rule: no certificate here. Whatever the bytes are, each has one field: those without the form become `malformed`.
Source: X.690 §8 and §10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from labkit.packets.explain.base import Row, shown_bytes
from labkit.packets.explain.reader import MALFORMED
from labkit.packets.model import Field

TAGS = {
    1: "BOOLEAN", 2: "INTEGER", 3: "BIT STRING", 4: "OCTET STRING", 5: "NULL", 6: "OBJECT IDENTIFIER",
    10: "ENUMERATED", 12: "UTF8String", 16: "SEQUENCE", 17: "SET", 18: "NumericString", 19: "PrintableString",
    20: "T61String", 22: "IA5String", 23: "UTCTime", 24: "GeneralizedTime", 26: "VisibleString",
    28: "UniversalString", 30: "BMPString",
}  # fmt: skip
"""The tags that certificates use. Source: X.680 §8.6."""

TEXTS = frozenset({12, 18, 19, 20, 22, 26, 28, 30})
TIMES = frozenset({23, 24})
_X690 = "X.690 §8.1"
_DEEPEST = 30
_LONGEST_NUMBER = 8  # bytes of an INTEGER that is shown in decimal


class Header(NamedTuple):
    """The first bytes of a value. start: of the tag. body: first byte of the content. stop: the byte after it."""

    start: int
    body: int
    stop: int
    tag: int
    cls: int
    built: bool

    @property
    def what(self) -> str:
        """``"SEQUENCE"``, ``"[3]"``."""
        return TAGS.get(self.tag, f"tag {self.tag}") if self.cls == 0 else f"[{self.tag}]"


def header(data: bytes, at: int, end: int) -> Header | str:
    """The header of the value that begins here; what is wrong with it, in words. Source: X.690 §8.1.2, §10.1."""
    start = at
    if end - at < 2:
        return "a value has a tag and a length"
    first = data[at]
    at += 1
    tag = first & 31
    if tag == 31:
        tag = 0
        while True:
            if at >= end or at - start > 5:
                return "the tag does not end"
            tag = tag << 7 | data[at] & 127
            at += 1
            if data[at - 1] < 128:
                break
        if at >= end:
            return "the length is missing"
    size = data[at]
    at += 1
    if size & 128:
        count = size & 127
        if not 1 <= count <= 4 or at + count > end:
            return "the length does not have the form that DER requires"
        size = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + size > end:
        return f"its content has {size:,} bytes, and {end - at:,} are there"
    return Header(start, at, at + size, tag, first >> 6, bool(first & 32))


@dataclass(frozen=True, slots=True)
class Type:
    """One value of a grammar.

    label: its name in the RFC. whole: Wireshark's name of tag, length and content together; name: ours, if Wireshark
    has none. content: Wireshark's name of the content alone. items: what is inside, in order; many: the items repeat.
    when: (class, tag) that an optional value has. inner: a value lies inside the content of an OCTET STRING.
    bits: names of the bits of a BIT STRING. kind: how the content is read, if the tag does not say it.
    """

    label: str
    why: str
    rfc: str
    name: str
    whole: str = ""
    content: str = ""
    items: tuple[Rule, ...] = ()
    many: bool = False
    when: tuple[int, int] | None = None
    inner: Rule | None = None
    bits: tuple[tuple[str, str], ...] = ()
    kind: str = ""
    both: str = ""
    volatile: bool = False


Rule = Type | Callable[["DerReader", Header], "Type"]
"""A type, or a function that chooses it by what was read before, and by the header."""

HEADER = Row("x509.header", "Tag and length", 0, "Says what the value is, and how many bytes it has.", _X690)
_UNUSED_OF_MORE = Row("x509.unused_bits", "Unused bits", 8, "0, since whole values follow.", "X.690 §8.6")
_UNUSED = Row("ber.bitstring.padding", "Unused bits", 8, "How many of the last bits mean nothing.", "X.690 §8.6")


class DerReader:
    """Reads values by rules. oid: the last OBJECT IDENTIFIER that was read. names: of those that are known."""

    __slots__ = ("data", "names", "oid", "reason")

    def __init__(self, data: bytes, names: dict[str, str]) -> None:
        self.data, self.names, self.oid, self.reason = data, names, "", ""

    def read(self, rules: tuple[Rule, ...], at: int, end: int, *, many: bool = False, depth: int = 0) -> list[Field]:
        """The fields of values that fill a span."""
        out: list[Field] = []
        index = 0
        while at < end:
            found = header(self.data, at, end)
            if isinstance(found, str) or depth > _DEEPEST:
                reason = found if isinstance(found, str) else "it is nested too deeply"
                self.reason = self.reason or reason
                out.append(self._row(MALFORMED, at, end, shown_bytes(self.data[at:end]), reason))
                break
            rule, index = self._rule(rules, index, found, many)
            out.append(self.value(rule, found, depth))
            at = found.stop
        return out

    def _rule(self, rules: tuple[Rule, ...], index: int, found: Header, many: bool) -> tuple[Type, int]:
        """(the type of this value, the place of the next one's): optional types that do not fit are passed over."""
        while index < len(rules):
            rule = rules[index]
            kind = rule if isinstance(rule, Type) else rule(self, found)
            if kind.when is None or kind.when == (found.cls, found.tag):
                return kind, index if many and index == len(rules) - 1 else index + 1
            index += 1
        return any_type(found), index

    def value(self, kind: Type, found: Header, depth: int) -> Field:
        """The field of one value: its header, and its content."""
        start, body, stop = found.start, found.body, found.stop
        parts = [self._row(HEADER, start, body, self.data[start:body].hex(" "), f"{found.what}, {_count(stop - body)}")]
        shown = ""
        if found.built:
            inner = self.read(kind.items, body, stop, many=kind.many, depth=depth + 1)
            if kind.content and stop > body:
                for name in filter(None, (kind.content, kind.both)):
                    inner = [self._named(name, kind, body, stop, _count(stop - body), tuple(inner))]
            parts += inner
        elif kind.inner is not None and stop > body:
            inner = self.read((kind.inner,), body, stop, depth=depth + 1)
            if kind.content:
                inner = [self._named(kind.content, kind, body, stop, _count(stop - body), tuple(inner))]
            parts += inner
        elif stop > body:
            fields = self._content(kind, found, depth)
            shown = fields[-1].shown
            parts += fields
        meaning = ""
        raw = self.data[start:stop]
        says = shown or self._said(parts) or _count(stop - start)
        return Field(kind.whole or kind.name, kind.label, start * 8, (stop - start) * 8, raw, says, meaning, kind.why,
                     kind.rfc, kind.volatile, tuple(parts))  # fmt: skip

    @staticmethod
    def _said(parts: list[Field]) -> str:
        """What a value inside says, if it alone is inside."""
        return parts[1].shown if len(parts) == 2 and not parts[1].shown.endswith(("byte", "bytes")) else ""

    def _content(self, kind: Type, found: Header, depth: int) -> list[Field]:
        """The fields of content that holds no other values, or those of a BIT STRING."""
        at, stop, data = found.body, found.stop, self.data
        tag = found.tag if found.cls == 0 else -1
        out: list[Field] = []
        if tag == 3:
            unused = data[at]
            out.append(self._row(_UNUSED_OF_MORE if kind.items else _UNUSED, at, at + 1, str(unused)))
            at += 1
            if at == stop:
                return out
        name = kind.content or "x509.value"
        if kind.bits and tag == 3:
            out.append(self._bits(kind, at, stop))
        elif tag == 3 and kind.items:
            inner = self.read(kind.items, at, stop, depth=depth + 1)
            out.append(self._named(name, kind, at, stop, _count(stop - at), tuple(inner)))
        else:
            shown, value = self._shown(kind, tag, at, stop)
            one = self._named(name, kind, at, stop, shown, (), value)
            out.append(self._named(kind.both, kind, at, stop, shown, (one,), value) if kind.both else one)
        return out

    def _shown(self, kind: Type, tag: int, at: int, stop: int) -> tuple[str, int | str | bytes]:
        """(content for people, its value)."""
        data = self.data[at:stop]
        if tag == 6:
            self.oid = dotted(data)
            name = self.names.get(self.oid)
            return f"{name} ({self.oid})" if name else self.oid, self.oid
        if tag == 2 or kind.kind == "number":
            number = int.from_bytes(data, "big", signed=True)
            return (str(number) if len(data) <= _LONGEST_NUMBER else data.hex(":")), (
                number if len(data) <= _LONGEST_NUMBER else data
            )  # fmt: skip
        if tag == 1:
            return ("True" if data[0] else "False"), int(data[0] != 0)
        if tag in TIMES:
            return time_in_words(data), data.decode("latin-1")
        if tag == 30:
            text = data.decode("utf-16-be", "replace")
            return text, text
        if tag in TEXTS or kind.kind == "text":
            text = data.decode("utf-8", "replace")
            return text, text
        if kind.kind == "address" and len(data) in (4, 16, 8, 32):
            text = in_words_ip(data)
            return text, text
        return shown_bytes(data), data

    def _bits(self, kind: Type, at: int, stop: int) -> Field:
        """A BIT STRING of named bits."""
        parts = []
        number = int.from_bytes(self.data[at:stop], "big")
        width = (stop - at) * 8
        said = []
        for index, (name, label) in enumerate(kind.bits[:width]):
            value = number >> width - 1 - index & 1
            said += [label] * value
            shown = "True" if value else "False"
            parts.append(Field(name, label, at * 8 + index, 1, value, shown, "", kind.why, kind.rfc))
        if width > len(kind.bits):
            rest = width - len(kind.bits)
            parts.append(Field("x509.unused", "Unused", at * 8 + len(kind.bits), rest, number & (1 << rest) - 1, "0",
                               "", "Fills the last byte.", "X.690 §8.6"))  # fmt: skip
        return self._named(kind.content or kind.name, kind, at, stop, ", ".join(said) or "none", tuple(parts))

    def _named(
        self, name: str, kind: Type, at: int, stop: int, shown: str, parts: tuple[Field, ...],
        value: int | str | bytes | None = None,
    ) -> Field:  # fmt: skip
        said = self.data[at:stop] if value is None else value
        return Field(
            name, kind.label, at * 8, (stop - at) * 8, said, shown, "", kind.why, kind.rfc, kind.volatile, parts
        )  # fmt: skip

    def _row(self, row: Row, at: int, stop: int, shown: str, meaning: str = "") -> Field:
        raw = self.data[at:stop]
        return Field(row.name, row.label, at * 8, (stop - at) * 8, raw, shown, meaning, row.why, row.rfc)


def any_type(found: Header) -> Type:
    """The type of a value that no grammar knows."""
    known = _ANY.get((found.cls, found.tag))
    if known is None:
        known = Type(found.what, "A value that has no name here.", _X690, "x509.any")
    return known


_ANY = {(0, tag): Type(label, "A value that has no name here.", _X690, "x509.any") for tag, label in TAGS.items()}


def dotted(data: bytes) -> str:
    """An OBJECT IDENTIFIER in numbers: ``"2.5.4.3"``. Source: X.690 §8.19."""
    numbers: list[int] = []
    number = 0
    for byte in data:
        number = number << 7 | byte & 127
        if number >> 128:  # Python does not write numbers of any length, and this would take long
            return "(with a number of more than 128 bits)"
        if not byte & 128:
            if not numbers:
                first = min(number // 40, 2)
                numbers = [first, number - 40 * first]
            else:
                numbers.append(number)
            number = 0
    return ".".join(map(str, numbers))


def time_in_words(data: bytes) -> str:
    """``"2026-01-01 00:00:00 UTC"``; the bytes as text if they are no time. Source: RFC 5280 §4.1.2.5."""
    text = data.decode("latin-1")
    digits = text[:-1]
    if not (text.endswith("Z") and digits.isascii() and digits.isdigit() and len(digits) in (12, 14)):
        return text
    if len(digits) == 12:
        digits = ("20" if digits < "50" else "19") + digits
    year, *rest = digits[:4], *(digits[at : at + 2] for at in range(4, 14, 2))
    return f"{year}-{rest[0]}-{rest[1]} {rest[2]}:{rest[3]}:{rest[4]} UTC"


def in_words_ip(data: bytes) -> str:
    """An address, or an address and its mask (in name constraints)."""
    from labkit.packets.frames import address

    half = len(data) // 2
    return address(data) if len(data) in (4, 16) else f"{address(data[:half])}/{address(data[half:])}"


def _count(size: int) -> str:
    return "1 byte" if size == 1 else f"{size} bytes"
