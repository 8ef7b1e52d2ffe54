"""The lists of the inspector: packets, messages, and what TLS said; each row a line of words.

Rule: a row is made when somebody scrolls to it; nothing here dissects a packet or draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.core.errors import LabError
from labkit.draw.text import count, preview, visible
from labkit.packets.tls_records import Record

if TYPE_CHECKING:
    from labkit.packets.messages import Message
    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape

KINDS = ("packets", "messages", "records")
MOST_ROWS = 500
"""Rows that a page gets at once."""
_SAID = 90  # characters of what a row says
_KEPT = 8  # lists that are kept, by how they were narrowed


class Lists:
    """What there is to list of a tape.

    flow: of one connection (its number from 0; -1: of all). shown: of the packets that this display filter lets through
    (``""``: all); messages and records are those of which such a packet brought bytes.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.began = next((packet.time_ns for packet in tape[:1]), None)
        self._parts: dict[tuple[int, str], Tape] = {(-1, ""): tape}
        self._lists: dict[tuple[str, int, str], Sequence[Any]] = {}
        self._flows: dict[int, int] | None = None

    def flow_of(self, number: int) -> int:
        """The connection (from 0) that has the packet with this number. Raises LabError if none has it."""
        if self._flows is None:
            self._flows = {
                packet.number: flow
                for flow, connection in enumerate(self.tape.connections)
                for packet in connection.packets
            }
        if (found := self._flows.get(number)) is None:
            raise LabError(f"packet {number} belongs to no TCP connection", "Choose another packet.")
        return found

    def part(self, flow: int, shown: str = "") -> Tape:
        """The packets that are listed. Raises LabError for a connection that does not exist and for a wrong filter."""
        if (flow, shown) not in self._parts:
            if shown:
                found = self.part(flow).filter(shown)
            else:
                connections = self.tape.connections
                if not 0 <= flow < len(connections):
                    raise LabError(f"there is no connection {flow} in this tape", "Run the cell again.")
                found = connections[flow].packets
            self._parts[flow, shown] = found
            _forget(self._parts, keep=(-1, ""))
        return self._parts[flow, shown]

    def of(self, kind: str, flow: int, shown: str = "") -> Sequence[Any]:
        """The list of this kind. Raises LabError for a kind that is none, and as `part`."""
        if kind not in KINDS:
            raise LabError(f"there is no list of {visible(kind)[:40]}", "Run the cell again.")
        tape = self.part(flow, shown)
        if kind == "packets":
            return tape
        key = kind, flow, shown
        if key not in self._lists:
            self._lists[key] = tape.messages if kind == "messages" else _spoken(tape)
            _forget(self._lists)
        return self._lists[key]

    def one(self, kind: str, flow: int, shown: str, index: int) -> Any:
        """One member of a list. Raises LabError if there is none."""
        members = self.of(kind, flow, shown)
        if not 0 <= index < len(members):
            words = f"this list has {count(len(members), 'row')}, there is no row {index + 1}"
            raise LabError(words, "Run the cell again.")
        return members[index]

    def rows(self, kind: str, flow: int, shown: str, first: int, last: int) -> list[str]:
        """Rows from first up to, not including, last: columns with a tab between them."""
        members = self.of(kind, flow, shown)
        first = max(0, min(first, len(members)))
        row: Callable[[Any], list[str]] = self._packet if kind == "packets" else self._message
        return ["\t".join(row(each)) for each in members[first : max(first, min(last, first + MOST_ROWS))]]

    def _packet(self, packet: Packet) -> list[str]:
        return [
            str(packet.number), self._time(packet.time_ns), _arrow(packet.sender),
            f"{_end(packet.src)} → {_end(packet.dst)}", visible(packet.protocol), str(len(packet)), told(packet),
        ]  # fmt: skip

    def _message(self, message: Message) -> list[str]:
        there = message.connection
        ends = (there.client, there.server) if message.sender == "client" else (there.server, there.client)
        numbers = message.packets
        span = f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else "".join(map(str, numbers))
        return [
            span, self._time(message.ended_ns), _arrow(message.sender), f"{_end(ends[0])} → {_end(ends[1])}",
            visible(message.protocol), str(len(message)), said(message),
        ]  # fmt: skip

    def _time(self, time_ns: int | None) -> str:
        """Milliseconds since the first packet."""
        return f"{(time_ns - self.began) / 1e6:.3f}" if time_ns is not None and self.began is not None else ""


def told(packet: Packet, *, content: bool = True) -> str:
    """What a packet says, in one line: flags and relative numbers, what TCP means by it, its first bytes as text.

    content: also those bytes, which may change from run to run.
    """
    parts = [packet.flags or ("no flags" if packet.protocol == "TCP" else visible(packet.what))]
    if packet.protocol == "TCP":
        parts.append(f"seq {packet.seq}")
        if "ACK" in packet.flags:
            parts.append(f"ack {packet.ack}")
    if packet.note:
        parts.append(packet.note)
    if packet.verdict is not None:
        parts.append(visible(packet.verdict.words))
    if packet.length:
        begin = preview(packet.payload, 48) if content else ""
        parts.append(f"{count(packet.length, 'byte')} {begin}".rstrip())
    return ", ".join(parts)


def said(message: Any) -> str:
    """What a message or a record says, in one line."""
    words = message.start_line or getattr(message, "title", "") or message.kind
    state = f" ({message.state})" if message.state else ""
    words = visible(words[:_SAID])
    if isinstance(message, Record):
        words = f"record of {words}"  # what it carries has a row of its own, and the same name
    closed = " (encrypted)" if _closed(message) and "encrypted" not in words else ""
    return f"{words}{state}{closed}"


def _closed(message: Any) -> bool:
    """Whether it is a record that the tape has no key for."""
    return isinstance(message, Record) and message.encrypted and not message.opened


def said_in(packet: Packet, kind: str) -> tuple[Any, ...]:
    """The messages, or records and what they carry, of which this packet brought bytes."""
    if kind == "messages":
        return packet.messages
    records = packet.records
    return (*records, *dict.fromkeys(each for record in records for each in record.messages))


def _spoken(tape: Tape) -> tuple[Any, ...]:
    """Records and handshake messages: a message stands behind the record that completed it."""
    records = tape.records
    found: list[tuple[int, int, int, Any]] = [(each.completed_by, place, 0, each) for place, each in enumerate(records)]
    place_of = {id(record): place for place, record in enumerate(records)}
    found += [
        (each.completed_by, place_of.get(id(each.records[-1]), len(place_of)), 1 + place, each)
        for place, each in enumerate(tape.handshake)
    ]
    return tuple(each for *_, each in sorted(found, key=lambda one: one[:3]))


def _arrow(sender: str) -> str:
    return "→" if sender == "client" else "←"


def _end(end: tuple[str, int]) -> str:
    address, port = end
    return f"{address}:{port}" if port else address or "?"


def _forget(known: dict[Any, Any], keep: Any = None) -> None:
    """Keep the newest few."""
    for key in list(known)[:-_KEPT]:
        if key != keep:
            del known[key]
