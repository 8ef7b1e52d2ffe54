"""What plots of one TCP connection read from a tape: its data segments, acknowledgments and windows, in order of time.

Rule: reads packets and draws nothing; a tape that does not hold exactly one connection is refused with words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.core.errors import LabError
from labkit.draw.text import given
from labkit.packets.match import SENDERS

if TYPE_CHECKING:
    from labkit.packets.packet import Packet


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that carries data. at_ns: when it was sent. first, after: its first byte, and the one after its last,
    counted from 1 for the first byte of data. lost: it did not arrive whole. again: bytes in it had been sent before.
    """

    at_ns: int
    first: int
    after: int
    lost: bool
    again: bool


def packets_of(tape: Any, protocol: str = "") -> list[Packet]:
    """The packets of a tape that have a time, of one protocol if one is named. Raises LabError for anything else."""
    if isinstance(tape, (str, bytes)) or not isinstance(tape, Iterable):
        raise LabError(f"{given(tape)} is not a tape", "Give the tape of a capture.")
    found = list(tape)
    if any(not hasattr(each, "time_ns") or not hasattr(each, "sender") for each in found):
        raise LabError("this is not a tape: not all of its members are packets", "Give the tape of a capture.")
    return [each for each in found if each.time_ns is not None and protocol in ("", each.protocol)]


def one_connection(tape: Any, call: str) -> list[Packet]:
    """The packets of the only TCP connection of a tape. call: for the advice, ``"draw.sequence"``.

    Raises LabError if there is none, or more than one.
    """
    packets = packets_of(tape, "TCP")
    ends = {frozenset((each.src, each.dst)) for each in packets}
    if len(ends) == 1:
        return packets
    if not ends:
        raise LabError("this tape has no TCP connection", "Give the tape of a capture in which a client connected.")
    raise LabError(
        f"this tape has {len(ends)} connections, and the plot is about one",
        f"Choose one: {call}(tape.connections[0].packets).",
    )


def checked_side(sender: Any) -> str:
    """``"client"`` or ``"server"``. Raises LabError for anything else."""
    if sender not in SENDERS:
        raise LabError(f"sender={given(sender)} is no side of a connection", "Give 'client' or 'server'.")
    return str(sender)


def other(sender: str) -> str:
    """The side that this one sends to."""
    return SENDERS[1 - SENDERS.index(sender)]


def segments_of(packets: Iterable[Packet], sender: str) -> list[Segment]:
    """The segments with data that this side sent."""
    out: list[Segment] = []
    high = 0
    for packet in packets:
        if packet.sender == sender and packet.length:
            after = packet.seq + packet.length
            lost = packet.verdict is not None and packet.verdict.kind in ("dropped", "corrupted")
            out.append(Segment(_time(packet), packet.seq, after, lost, packet.seq < high))
            high = max(high, after)
    return out


def acks_of(packets: Iterable[Packet], sender: str) -> list[tuple[int, int]]:
    """(time in ns, acknowledgment number) of each packet of this side that arrived and acknowledges data."""
    return [
        (_time(each), each.ack)
        for each in packets
        if each.sender == sender and "ACK" in each.flags and "RST" not in each.flags and arrived(each)
    ]


def arrived(packet: Packet) -> bool:
    """Whether the other side got this packet."""
    return packet.verdict is None or packet.verdict.kind != "dropped"


def _time(packet: Packet) -> int:
    assert packet.time_ns is not None  # `packets_of` took only those
    return packet.time_ns
