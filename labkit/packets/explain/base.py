"""Tables of header fields: their rows, and how a row and the bytes of a packet become a `Field`.

Rule: no protocol here; the widths are checked when a table is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from labkit.packets.frames import address
from labkit.packets.model import Field, Layer

Value = int | str | bytes


@dataclass(slots=True)
class Context:
    """The facts about the packet while a layer is explained.

    raw: the frame. start, end: first byte of the layer, and the byte after what it carries. status: as TPACKET gives
    it. in_tape: relative numbers are known. pseudo: (protocol version, source, destination) for checksums, from the IP
    header before; None without one. quoted: by an ICMP error. fragment: of a packet. truncated: the packet is
    longer than its captured bytes. inside: the messages that lie whole in this frame, as its tape knows them; None
    without a tape. parts: (first byte, byte after the last, message) of the other messages' bytes in this frame.
    """

    raw: bytes
    linktype: int = 1
    start: int = 0
    end: int = 0
    status: int = 0
    in_tape: bool = False
    relative_seq: int = 0
    relative_ack: int = 0
    sack_base: int = 0
    sender: str = ""
    pseudo: tuple[int, bytes, bytes] | None = None
    quoted: bool = False
    fragment: bool = False
    truncated: bool = False
    inside: tuple[Layer, ...] | None = None
    parts: tuple[tuple[int, int, str], ...] = ()


class OfValue:
    """A meaning that depends only on the value, not on the packet."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Value], str]) -> None:
        self.function = function

    def __call__(self, value: Value, context: Context) -> str:
        return self.function(value)


Meaning = str | Callable[[Value, Context], str]
Splitter = Callable[[Context, int, int], tuple[Field, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a header.

    name: Wireshark's display-filter name. label: the RFC's. bits: width, 0 if it varies. why: one sentence.
    kind: number, hex, flag, ipv4, ipv6, mac or bytes. meaning: of this value in this packet. shown: overrides the kind.
    value: overrides the value that `kind` reads. parts: the fields inside it, adding up to its width.
    split: makes the parts of a field whose width varies; takes the context, first byte and the byte after the last.
    """

    name: str
    label: str
    bits: int
    why: str
    rfc: str = ""
    kind: str = "number"
    meaning: Meaning = ""
    shown: Callable[[Value, Context], str] | None = None
    volatile: bool | Callable[[Value], bool] = False
    parts: tuple[Row, ...] = ()
    split: Splitter | None = None
    steady: bool = field(default=False, init=False, compare=False, repr=False)
    made: dict[tuple[int, int], Field] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.parts and sum(part.bits for part in self.parts) != self.bits:
            raise ValueError(f"the parts of {self.name} do not add up to {self.bits} bits")
        if self.kind not in _KINDS:
            raise ValueError(f"{self.name}: no kind {self.kind!r}")
        # The field of such a row depends only on its place and its bits, so it is made once and shared.
        steady = (
            self.bits > 0
            and (self.kind in _ADDRESSES or (self.kind in _NUMBERS and self.bits <= 16 and self.volatile is False))
            and self.shown is None and self.split is None and isinstance(self.meaning, (str, OfValue))
            and all(part.steady for part in self.parts)
        )  # fmt: skip
        object.__setattr__(self, "steady", steady)


@dataclass(frozen=True, slots=True)
class Table:
    """The fields of one protocol's header. name, title: of the `Layer`. header: bits of fields with a fixed width."""

    name: str
    title: str
    rfc: str
    header: int
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        if sum(row.bits for row in self.rows) != self.header:
            raise ValueError(
                f"the fields of {self.name} add up to {sum(row.bits for row in self.rows)} bits, not {self.header}"
            )


Chooser = Callable[[bytes, int, int], Table]
"""Chooses the table of a header by its bytes: takes the frame, the first byte, the byte after the last one."""


def number_at(raw: bytes, start: int, bits: int) -> int:
    """The number in these bits, counted from the first bit of raw."""
    last = (start + bits + 7) >> 3
    number = int.from_bytes(raw[start >> 3 : last], "big")
    if not (start | bits) & 7:  # whole bytes
        return number
    return (number >> ((last << 3) - start - bits)) & ((1 << bits) - 1)


def _bytes_at(raw: bytes, start: int, bits: int) -> bytes:
    return raw[start // 8 : (start + bits + 7) // 8]


_KINDS: dict[str, tuple[Callable[[bytes, int, int], Value], Callable[[Value, int], str]]] = {
    "number": (number_at, lambda value, bits: str(value)),
    "hex": (number_at, lambda value, bits: f"0x{as_number(value):0{max(1, (bits + 3) // 4)}x}"),
    "flag": (number_at, lambda value, bits: "Set" if value else "Not set"),
    "ipv4": (lambda raw, start, bits: address(_bytes_at(raw, start, bits)), lambda value, bits: str(value)),
    "ipv6": (lambda raw, start, bits: address(_bytes_at(raw, start, bits)), lambda value, bits: str(value)),
    "mac": (lambda raw, start, bits: _bytes_at(raw, start, bits).hex(":"), lambda value, bits: str(value)),
    "bytes": (_bytes_at, lambda value, bits: shown_bytes(value) if isinstance(value, bytes) else str(value)),
}


_NUMBERS = ("number", "hex", "flag")
_ADDRESSES = ("mac", "ipv4")  # a capture has few of them, and each packet repeats two
_KEPT = 256  # fields that a steady row keeps


def as_number(value: Value) -> int:
    """The value of a field that holds a number."""
    return value if isinstance(value, int) else 0


def shown_bytes(data: bytes) -> str:
    """Bytes in short: the first ones in hexadecimal, or as text if all are printable ASCII."""
    if not data:
        return "0 bytes"
    count = "1 byte" if len(data) == 1 else f"{len(data)} bytes"
    if all(32 <= byte < 127 or byte in (9, 10, 13) for byte in data):
        text = repr(data[:40].decode("ascii"))
        return f"{count}: {text}" + ("…" if len(data) > 40 else "")
    return f"{count}: {data[:16].hex(' ')}" + ("…" if len(data) > 16 else "")


def read_field(row: Row, context: Context, start: int, bits: int | None = None) -> Field:
    """Make the field of a row from the frame's bytes.

    start: its first bit in the frame. bits: its width if the row does not fix it.
    """
    if row.steady:
        last = (start + row.bits + 7) >> 3
        number = int.from_bytes(context.raw[start >> 3 : last], "big") >> ((last << 3) - start - row.bits)
        key = (start, number & ((1 << row.bits) - 1))
        known = row.made.get(key)
        if known is None:
            if len(row.made) >= _KEPT:
                row.made.clear()
            known = row.made[key] = _build(row, context, start, row.bits)
        return known
    return _build(row, context, start, row.bits if bits is None else bits)


def _build(row: Row, context: Context, start: int, bits: int) -> Field:
    read_value, show = _KINDS[row.kind]
    value = read_value(context.raw, start, bits)
    children: tuple[Field, ...] = ()
    if row.parts:
        found, position = [], start
        for part in row.parts:
            found.append(read_field(part, context, position))
            position += part.bits
        children = tuple(found)
    if row.split is not None:
        children += row.split(context, start // 8, (start + bits) // 8)
    shown = show(value, bits) if row.shown is None else row.shown(value, context)
    meaning, volatile = row.meaning, row.volatile
    if meaning.__class__ is not str:
        meaning = meaning(value, context)  # type: ignore[operator]
    if volatile.__class__ is not bool:
        volatile = volatile(value)  # type: ignore[operator]
    return Field(
        row.name, row.label, start, bits, value, shown, meaning, row.why, row.rfc, volatile, children
    )  # fmt: skip


def read(table: Table, context: Context, start: int, end: int) -> list[Field]:
    """The whole fields of a header, from its first byte up to the byte after its last.

    A row without a width takes the rest; it is left out if there is none.
    """
    found = []
    raw, position, stop = context.raw, start * 8, end * 8
    for row in table.rows:
        bits = row.bits or stop - position
        if not bits:
            continue
        if (after := position + bits) > stop:
            break
        if row.steady:  # as in `read_field`, without a call for the most usual fields
            last = (after + 7) >> 3
            number = int.from_bytes(raw[position >> 3 : last], "big") >> ((last << 3) - after)
            known = row.made.get((position, number & ((1 << bits) - 1)))
            found.append(read_field(row, context, position) if known is None else known)
        else:
            found.append(_build(row, context, position, bits))
        position = after
    return found


def one_of(names: dict[int, str], otherwise: str = "unknown") -> OfValue:
    """A meaning from a table of values."""
    return OfValue(lambda value: names.get(int(value), otherwise) if isinstance(value, int) else otherwise)


def flag(set_: str, clear: str = "") -> OfValue:
    """The meaning of a single bit."""
    return OfValue(lambda value: set_ if value else clear)


@dataclass(frozen=True, slots=True)
class OptionKind:
    """One option of a header. rows: what follows its kind and length; a last row of 0 bits takes the rest."""

    name: str
    label: str
    why: str
    rfc: str
    meaning: Callable[[bytes, Context], str]
    rows: Sequence[Row] = ()
    length: int = 0
