"""The parts of a dissected packet: layers, fields with exact bit spans, and socket events.

Rule: plain data only; no sockets, no files, no Scapy, no pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields

from labkit.core.errors import NoSuchPart

VERDICTS = ("dropped", "corrupted", "duplicated", "delayed", "reordered")
"""The kinds of a `Verdict`: what a wire can do to a frame."""

_DETAIL = 200  # most characters of a verdict's detail
_TIMES = 1 << 64  # larger times do not fit into a capture file


@dataclass(frozen=True, slots=True, init=False)
class Field:
    """One named run of bits in a captured packet.

    name: the display-filter name Wireshark uses (``"tcp.flags.syn"``); for a layer without a table, ``"layer.field"``.
    label: the name in words, as in the RFC (``"SYN"``, ``"Sequence Number"``).
    start: position of the first bit, counted from the first bit of the frame.
    bits: length in bits.
    value: the decoded value: int for numbers and flags, str for addresses, bytes for other data.
    shown: the value as a person reads it (``"0x0800"``, ``"127.0.0.1"``, ``"40 bytes"``).
    meaning: what this value says in this packet (``"the sender wants to open a connection"``), or ``""``.
    why: one sentence, why the field exists.
    rfc: where it is defined (``"RFC 9293 §3.1"``).
    volatile: True if the value changes from run to run (ports, sequence numbers, checksums, clocks).
    children: the parts of a divided field (flags, options), in order.
    """

    name: str
    label: str
    start: int
    bits: int
    value: int | str | bytes
    shown: str
    meaning: str = ""
    why: str = ""
    rfc: str = ""
    volatile: bool = False
    children: tuple[Field, ...] = ()

    # Written out: the __init__ of a frozen dataclass takes five times as long, and a packet has 50 fields.
    def __init__(
        self,
        name: str,
        label: str,
        start: int,
        bits: int,
        value: int | str | bytes,
        shown: str,
        meaning: str = "",
        why: str = "",
        rfc: str = "",
        volatile: bool = False,
        children: tuple[Field, ...] = (),
    ) -> None:
        _set_name(self, name)
        _set_label(self, label)
        _set_start(self, start)
        _set_bits(self, bits)
        _set_value(self, value)
        _set_shown(self, shown)
        _set_meaning(self, meaning)
        _set_why(self, why)
        _set_rfc(self, rfc)
        _set_volatile(self, volatile)
        _set_children(self, children)

    @property
    def end(self) -> int:
        """Position of the first bit after the field."""
        return self.start + self.bits

    def leaves(self) -> Iterator[Field]:
        """Yield the parts that have no parts themselves, in order (the field itself if it has no parts)."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def walk(self) -> Iterator[Field]:
        """Yield the field, then everything below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()


_set_name, _set_label, _set_start, _set_bits, _set_value, _set_shown, _set_meaning, _set_why, _set_rfc, _set_volatile, \
    _set_children = (vars(Field)[each.name].__set__ for each in dataclass_fields(Field))  # fmt: skip


def named(fields: Iterable[Field], name: str) -> Field | None:
    """The first field with this name, among these and those inside them.

    name: as in Wireshark, ``"tcp.flags.syn"``, or in short ``"flags.syn"``.
    """
    for item in fields:
        for part in item.walk():
            if part.name == name or part.name.split(".", 1)[-1] == name:
                return part
    return None


@dataclass(frozen=True, slots=True)
class Layer:
    """One protocol's part of a captured packet.

    name: short name (``"TCP"``). title: in words (``"Transmission Control Protocol"``).
    start, bits: its span in the frame, header only; the payload belongs to the layer above.
    fields: in wire order, without gaps or overlaps.
    data: the bytes of the layer (the bytes that hold its span).
    packet: number of the packet in its tape, from 1; 0 without a tape.
    rfc: where the protocol is defined. origin: where the tape comes from, as in `Tape.origin`; ``""`` without a tape.
    """

    name: str
    title: str
    start: int
    bits: int
    fields: tuple[Field, ...]
    data: bytes = b""
    packet: int = 0
    rfc: str = ""
    origin: str = ""

    @property
    def end(self) -> int:
        """Position of the first bit after the layer."""
        return self.start + self.bits

    def __getitem__(self, name: str) -> Field:
        """The field with this name: ``layer["tcp.flags.syn"]``, in short ``layer["flags.syn"]``; or `NoSuchPart`."""
        if (found := named(self.fields, name)) is None:
            raise NoSuchPart(f"{self.name} has no field {name!r}")
        return found


@dataclass(frozen=True, slots=True)
class SocketEvent:
    """An event or call of one of our own sockets while a capture ran.

    time_ns: nanoseconds since the epoch, the same clock as the packets' times.
    who: ``"client"`` or ``"server"``.
    name: the event (``"data"``) or call (``"write"``).
    size: bytes concerned, or None.
    kind: ``"event"`` (emitted by the socket) or ``"call"`` (asked for by the program).
    local, remote: (address, port) of the socket, or None (a server has no remote).
    detail: a few words more, or ``""``.
    """

    time_ns: int
    who: str
    name: str
    size: int | None = None
    kind: str = "event"
    local: tuple[str, int] | None = None
    remote: tuple[str, int] | None = None
    detail: str = field(default="")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a wire did to a frame; a frame that it passed on unchanged has no verdict.

    kind: ``"dropped"``, ``"corrupted"``, ``"duplicated"``, ``"delayed"`` or ``"reordered"``.
    detail: a few words more, the same in every run (``"by 50 ms"``, ``"one bit of byte 60"``), or ``""``.
    arrivals: when the receiver got it, ns since the epoch; empty if it was dropped, two times if it was duplicated.
    Raises ValueError for another kind, a detail of more than 200 characters or with unprintable ones, and times that
    no capture file can hold.
    """

    kind: str
    detail: str = ""
    arrivals: tuple[int, ...] = ()

    # Checked here, once: then a verdict from a hostile file can be printed and drawn safely.
    def __post_init__(self) -> None:
        if self.kind not in VERDICTS:
            raise ValueError(f"{self.kind!r} is not what a wire does: {', '.join(VERDICTS)}")
        if len(self.detail) > _DETAIL or not self.detail.isprintable():
            raise ValueError(f"the detail of a verdict is at most {_DETAIL} printable characters")
        if not all(0 <= time_ns < _TIMES for time_ns in self.arrivals):
            raise ValueError("a frame arrives at a time that no capture file can hold")

    @property
    def words(self) -> str:
        """The verdict in words: ``"dropped on the wire"``, ``"delayed on the wire (by 50 ms)"``."""
        return f"{self.kind} on the wire" + (f" ({self.detail})" if self.detail else "")
