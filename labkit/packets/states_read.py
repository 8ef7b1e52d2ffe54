"""The segments of one TCP connection as its states need them: numbers, windows with their scale, whether they arrived.

Rule: read from the quick parse and the bytes of SYNs; decides nothing about states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from labkit.packets.capture_file import Recording
from labkit.packets.conversations import Conversation, Conversations
from labkit.packets.frames import ACK, FIN, SYN, sack_blocks
from labkit.packets.model import Verdict
from labkit.packets.streams import accepted

WRAP, _HALF = 1 << 32, 1 << 31
_MOST_SHIFT = 14  # RFC 7323 §2.3: a larger shift counts as this


class Segment(NamedTuple):
    """One TCP segment. number: of its packet. seq, ack: relative, without an upper end. size: bytes of payload.

    end: the number behind its last one, SYN and FIN count. window: the field as sent; scale: by how many bits it is
    shifted, unscaled: nobody knows (no SYN on the tape). shift: what its Window Scale option says, None without one.
    sack: blocks, relative. lost: a wire dropped it, or the receiver's checksum says no. sure: the tape says that it
    has arrived; arrival: when, in ns since the epoch, None if the tape does not say.
    """

    number: int
    time_ns: int | None
    from_client: bool
    seq: int
    ack: int
    flags: int
    size: int
    end: int
    window: int
    scale: int = 0
    unscaled: bool = False
    shift: int | None = None
    sack: tuple[tuple[int, int], ...] = ()
    lost: bool = False
    sure: bool = False
    arrival: int | None = None


def near(reference: int, number: int) -> int:
    """Of all numbers that are the same modulo 2**32, the one nearest to the reference."""
    return reference + (number - reference + _HALF) % WRAP - _HALF


def segments_of(flow: Conversation, known: Conversations, recording: Recording) -> list[Segment]:
    """The segments of a connection, in the order of the tape."""
    frames, verdicts = recording.frames, recording.verdicts
    shifts: dict[bool, int | None] = {}
    found: list[Segment] = []
    for index in flow.packets:
        packet, place = known.quick[index], known.places[index]
        if place is None or packet.protocol != "TCP":
            continue  # a fragment behind the first
        time_ns, raw, _, _, wire = frames[index]
        flags, mine = packet.flags, place.from_client
        size = max(0, min(packet.end, max(wire, len(raw))) - packet.payload)
        shift: int | None = None
        blocks: tuple[tuple[int, int], ...] = ()
        if packet.payload - packet.transport > 20:
            options = packet.transport + 20, min(packet.payload, len(raw))
            if flags & SYN:
                shift = window_shift(raw, *options)
            elif flags & ACK:
                back = place.relative_ack - packet.ack
                blocks = tuple(
                    ((left + back) % WRAP, (right + back) % WRAP) for left, right in sack_blocks(raw, *options)
                )
        if flags & SYN:
            shifts[mine] = shift
        scaled = len(shifts) == 2 and None not in shifts.values()
        unknown = len(shifts) < 2 and None not in shifts.values() and not flags & SYN
        end = place.relative_seq + size + bool(flags & SYN) + bool(flags & FIN)
        scale = (shifts[mine] or 0) if scaled else 0
        numbers = index + 1, time_ns, mine, place.relative_seq, place.relative_ack, flags, size, end, packet.window
        found.append(Segment(*numbers, scale, unknown, shift, blocks, *_arrival(verdicts, index, raw, packet)))
    return found


def _arrival(
    verdicts: Mapping[int, Verdict], index: int, raw: bytes, packet: Sequence[object]
) -> tuple[bool, bool, int | None]:
    """Whether a segment was lost, whether the tape says that it arrived, and when."""
    verdict = verdicts.get(index)
    if verdict is None:
        return False, False, None
    if verdict.kind == "dropped" or (verdict.kind == "corrupted" and not accepted(raw, packet)):  # type: ignore[arg-type]
        return True, False, None
    return False, bool(verdict.arrivals), min(verdict.arrivals, default=None)


def window_shift(raw: bytes, start: int, end: int) -> int | None:
    """The shift of the Window Scale option among the options in raw[start:end]. Source: RFC 7323 §2.2."""
    while start + 1 < end:
        kind = raw[start]
        if kind == 0:
            break
        if kind == 1:
            start += 1
            continue
        size = raw[start + 1]
        if size < 2 or start + size > end:
            break
        if kind == 3 and size == 3:
            return min(raw[start + 2], _MOST_SHIFT)
        start += size
    return None
