"""What a table of header fields is made of, and how a row and the bytes of a packet become a `Field`.

Rule: no protocol here, and no Scapy; widths are checked when a table is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from labkit.packets.frames import address
from labkit.packets.model import Field

Value = int | str | bytes
EPHEMERAL = 32768
"""From this port on, Linux hands ports out to clients (RFC 6335 starts at 49152): different in every run."""


@dataclass(slots=True)
class Context:
    """What is known about the packet while a layer is explained.

    raw: the frame. start, end: first byte of the layer, and the byte after what it carries. status: as TPACKET gives
    it. in_tape: relative numbers are known. pseudo: (protocol version, source, destination) of the IP header before,
    for checksums; None where there is none, where the packet is a fragment, or quoted in an ICMP error.
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


Meaning = str | Callable[[Value, Context], str]
Splitter = Callable[[Context, int, int], tuple[Field, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a header.

    name: Wireshark's display-filter name. label: the RFC's. bits: width, 0 where it varies. why: one sentence.
    covers: the Scapy field or fields that make it up, in order (none in a part of a row).
    kind: number, hex, flag, ipv4, ipv6, mac or bytes. meaning: of this value in this packet. shown: overrides the kind.
    value: overrides the value that `kind` reads. parts: the fields inside it, adding up to its width.
    split: makes the parts of a field whose width varies; takes the context, first byte and the byte after the last.
    """

    name: str
    label: str
    bits: int
    why: str
    rfc: str = ""
    covers: tuple[str, ...] = ()
    kind: str = "number"
    meaning: Meaning = ""
    shown: Callable[[Value, Context], str] | None = None
    volatile: bool | Callable[[Value], bool] = False
    parts: tuple[Row, ...] = ()
    split: Splitter | None = None

    def __post_init__(self) -> None:
        if self.parts and sum(part.bits for part in self.parts) != self.bits:
            raise ValueError(f"the parts of {self.name} do not add up to {self.bits} bits")
        if self.kind not in _KINDS:
            raise ValueError(f"{self.name}: no kind {self.kind!r}")


@dataclass(frozen=True, slots=True)
class Table:
    """The fields of one protocol's header. name, title: of the `Layer`. header: bits without what varies."""

    name: str
    title: str
    rfc: str
    header: int
    rows: tuple[Row, ...]
    by_field: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sum(row.bits for row in self.rows) != self.header:
            raise ValueError(
                f"the fields of {self.name} add up to {sum(row.bits for row in self.rows)} bits, not {self.header}"
            )
        for row in self.rows:
            for covered in row.covers:
                self.by_field[covered] = row


def number_at(raw: bytes, start: int, bits: int) -> int:
    """The number in these bits, counted from the first bit of raw."""
    first, last = start // 8, (start + bits + 7) // 8
    return (int.from_bytes(raw[first:last], "big") >> (last * 8 - start - bits)) & ((1 << bits) - 1)


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


def as_number(value: Value) -> int:
    """The value of a field that holds a number."""
    return value if isinstance(value, int) else 0


def shown_bytes(data: bytes) -> str:
    """Bytes in short: the first ones in hexadecimal, or as text where all are printable ASCII."""
    if not data:
        return "0 bytes"
    count = "1 byte" if len(data) == 1 else f"{len(data)} bytes"
    if all(32 <= byte < 127 or byte in (9, 10, 13) for byte in data):
        text = repr(data[:40].decode("ascii"))
        return f"{count}: {text}" + ("…" if len(data) > 40 else "")
    return f"{count}: {data[:16].hex(' ')}" + ("…" if len(data) > 16 else "")


def build(row: Row, context: Context, start: int, bits: int | None = None) -> Field:
    """Make the field of a row from the frame's bytes.

    start: its first bit in the frame. bits: its width where the row leaves it open.
    """
    bits = row.bits if bits is None else bits
    read, show = _KINDS[row.kind]
    value = read(context.raw, start, bits)
    children: list[Field] = []
    position = start
    for part in row.parts:
        children.append(build(part, context, position))
        position += part.bits
    if row.split is not None:
        children.extend(row.split(context, start // 8, (start + bits) // 8))
    return Field(
        name=row.name,
        label=row.label,
        start=start,
        bits=bits,
        value=value,
        shown=row.shown(value, context) if row.shown is not None else show(value, bits),
        meaning=row.meaning(value, context) if callable(row.meaning) else row.meaning,
        why=row.why,
        rfc=row.rfc,
        volatile=row.volatile(value) if callable(row.volatile) else row.volatile,
        children=tuple(children),
    )


def one_of(names: dict[int, str], otherwise: str = "unknown") -> Callable[[Value, Context], str]:
    """A meaning that is looked up."""
    return lambda value, context: names.get(int(value), otherwise) if isinstance(value, int) else otherwise


def flag(set_: str, clear: str = "") -> Callable[[Value, Context], str]:
    """The meaning of a single bit."""
    return lambda value, context: set_ if value else clear


def is_ephemeral(value: Value) -> bool:
    """Whether a port number is one the system picked."""
    return isinstance(value, int) and value >= EPHEMERAL


def ones_sum(data: bytes) -> int:
    """The 16-bit ones' complement sum of RFC 1071, not yet complemented; an odd last byte is padded with zero."""
    if len(data) % 2:
        data += b"\0"
    # Adding 16-bit digits with end-around carry is what the remainder by 0xffff does (RFC 1071, section 2).
    number = int.from_bytes(data, "big")
    remainder = number % 0xFFFF
    return 0xFFFF if number and not remainder else remainder


def pseudo_header(context: Context, protocol: int, length: int) -> bytes:
    """What TCP, UDP and ICMPv6 checksums cover besides their own bytes (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
    assert context.pseudo is not None
    version, src, dst = context.pseudo
    if version == 4:
        return src + dst + bytes((0, protocol)) + length.to_bytes(2, "big")
    return src + dst + length.to_bytes(4, "big") + bytes((0, 0, 0, protocol))


def checksum_meaning(protocol: int, offset: int) -> Callable[[Value, Context], str]:
    """The verdict on a checksum over pseudo-header, header and data. offset: of the checksum in its header, bytes."""

    def meaning(value: Value, context: Context) -> str:
        if protocol == 17 and value == 0 and context.pseudo is not None and context.pseudo[0] == 6:
            return "none: UDP over IPv6 must have one, and the receiver drops a datagram without"
        if protocol == 17 and value == 0:
            return "none: the sender did not compute one, which UDP over IPv4 allows"
        if context.quoted:
            return "not verified: an ICMP error quotes only the start of the packet"
        if context.fragment:
            return "not verified: this is one fragment of the packet"
        if context.pseudo is None:
            return "not verified: it covers IP addresses, and there is no IP header here"
        if context.truncated:
            return "not verified: the packet was captured only in part"
        segment = context.raw[context.start : context.end]
        covered = pseudo_header(context, protocol, len(segment))
        blank = segment[:offset] + b"\0\0" + segment[offset + 2 :]
        expected = (~ones_sum(covered + blank)) & 0xFFFF
        if protocol == 17 and expected == 0:
            expected = 0xFFFF  # 0 means "none", so a sum of 0 is sent as its other form
        if value == expected:
            return "good"
        # What the stack leaves for the network card to complete is the sum of the pseudo-header alone.
        if context.status & 8 or value == ones_sum(covered):
            return "not filled in by the kernel: it leaves the sum to the network card, and loopback has none"
        return f"bad: the bytes add up to 0x{expected:04x}"

    return meaning


def option_size(raw: bytes, start: int, end: int) -> int:
    """Bytes of the option that starts here, of IPv4 or TCP; 0 where the length it states does not fit before end.

    Kinds 0 and 1 are a single byte in both; every other kind is followed by its length, which counts both bytes.
    Source: RFC 791 §3.1, RFC 9293 §3.2.
    """
    if raw[start] in (0, 1):
        return 1
    if start + 1 < end and 2 <= raw[start + 1] <= end - start:
        return raw[start + 1]
    return 0


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
