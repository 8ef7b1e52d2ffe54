"""What TCP's packets tell beyond their headers: duplicate ACKs, retransmissions, probes, closed windows.

Rule: one pass over a connection in capture order, from the numbers in the headers alone; the names of the notes are
here and nowhere else. What Wireshark calls alike is alike; where we differ, tests/packets/test_notes.py has the reason.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final

from labkit.packets.conversations import Place
from labkit.packets.frames import ACK, FIN, RST, SYN, Frame, Quick, sack_blocks

FAST: Final = "fast retransmit"
AGAIN: Final = "retransmission"
SPURIOUS: Final = "spurious retransmission"
OUT_OF_ORDER: Final = "out of order"
GAP: Final = "earlier segment not captured"
PROBE: Final = "window probe"
PROBE_ACK: Final = "probe ACK"
ZERO_WINDOW: Final = "zero window"
UPDATE: Final = "window update"
KEEP_ALIVE: Final = "keep-alive"
KEEP_ALIVE_ACK: Final = "keep-alive ACK"
DUPLICATE: Final = "duplicate ACK"
"""Followed by its number: ``"duplicate ACK 2"``."""

CHALLENGE: Final = "challenge ACK"
"""Answers a RST that has not exactly the number that is expected. Source: RFC 9293 §3.10.7.4, RFC 5961 §3."""

REPEATED: Final = frozenset({FAST, AGAIN, SPURIOUS})
"""Notes of segments whose bytes, SYN or FIN were sent before."""

_MODULUS, _HALF = 1 << 32, 1 << 31
_SPECIAL = SYN | FIN | RST
_NEVER = 1 << 62  # ns: of a time that the capture does not give
# A retransmission that ACKs caused follows the last of them within this time, one that a timer caused waits 200 ms at
# least (Linux). Wireshark says 20 ms; a wire notes an ACK when it is sent, up to a long way before it arrives.
_PROMPT_NS = 100_000_000
_LATE_NS = 3_000_000  # a segment that was overtaken comes within a round trip, or within this if none was measured


class Follower:
    """One TCP connection: takes its segments in order and says what is remarkable about each.

    rtt_ns: between the first SYN and the ACK that ends the handshake, 0 until then.
    """

    __slots__ = ("_sides", "_syn_ns", "rtt_ns")

    def __init__(self) -> None:
        self._sides = (_Side(), _Side())
        self._syn_ns: int | None = None
        self.rtt_ns = 0

    def note(
        self, from_client: bool, time_ns: int | None, seq: int, ack: int, flags: int, size: int, window: int,
        sack: Sequence[tuple[int, int]] = (),
    ) -> str:  # fmt: skip
        """The note of the next segment, ``""`` for nothing remarkable.

        time_ns: since the epoch, or None. seq, ack: 32 bits, as sent or relative, the same in each call. flags: the
        bits of TCP's header. size: bytes of payload. window: the header's field. sack: blocks, counted as ack.
        """
        mine, other = self._sides[from_client], self._sides[not from_client]
        end = (seq + size) % _MODULUS
        if flags & _SPECIAL:
            end = (end + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)) % _MODULUS
        if mine.next is None or (flags & SYN and seq != mine.first):
            # A first segment; or a SYN-ACK with another number, which is a new answer.
            mine.begin(seq, end, time_ns)
            if flags & SYN and from_client:
                self._syn_ns = time_ns
            note = ZERO_WINDOW if not window and not flags & _SPECIAL else ""
        elif seq == mine.next and not flags & _SPECIAL and window and other.window and (size or ack != mine.ack):
            note = ""  # the most usual segments
            if size:
                mine.next, mine.next_ns = end, time_ns
        else:
            note = self._judge(mine, other, time_ns, seq, ack, flags, size, window, end, sack)
        if flags & ACK:
            if ack != mine.ack:
                mine.ack, mine.duplicates = ack, 0
            mine.ack_ns = time_ns
            if self._syn_ns is not None and from_client and time_ns is not None and not flags & SYN:
                self.rtt_ns, self._syn_ns = max(time_ns - self._syn_ns, 0), None
        mine.window, mine.last = window, note
        if not flags & RST:
            mine.asks = False
        return note

    def _judge(
        self, mine: _Side, other: _Side, time_ns: int | None, seq: int, ack: int, flags: int, size: int, window: int,
        end: int, sack: Sequence[tuple[int, int]],
    ) -> str:  # fmt: skip
        assert mine.next is not None
        ahead = (seq - mine.next) % _MODULUS  # from half of the numbers on: it is behind
        if flags & RST:
            other.asks = other.ack is not None and seq not in (mine.next, other.ack)
            return ""
        plain = not flags & (SYN | FIN)
        if plain and size <= 1 and ahead == _MODULUS - 1 and (not size or other.has(end)):
            return PROBE if other.window == 0 else KEEP_ALIVE
        if ahead == 0 and size == 1 and plain and other.window == 0:
            return PROBE  # with a new byte, which does not count before it was acknowledged
        if 0 < ahead < _HALF:
            if other.has(seq) and not mine.holes:
                ahead = 0  # the byte of a probe was taken
            else:
                mine.holes.append((mine.next, seq))
            mine.next, mine.next_ns = end, time_ns
            if ahead:
                return GAP
        if size == 0 and plain:
            return _empty(mine, other, ahead, ack, window, sack)
        if ahead >= _HALF:
            return self._repeated(mine, other, time_ns, seq, size, end)
        mine.next, mine.next_ns = end, time_ns
        return ZERO_WINDOW if plain and not window else ""

    def _repeated(self, mine: _Side, other: _Side, time_ns: int | None, seq: int, size: int, end: int) -> str:
        """A segment that begins before the end of what its side has sent."""
        unseen = mine.fill(seq, end)
        assert mine.next is not None
        waited = _since(mine.next_ns, time_ns)
        if 0 < (end - mine.next) % _MODULUS < _HALF:
            mine.next, mine.next_ns = end, time_ns
        if size and other.has(end):
            return SPURIOUS
        if other.duplicates >= 2 and other.ack == seq and _since(other.ack_ns, time_ns) < _PROMPT_NS:
            return FAST
        return OUT_OF_ORDER if unseen and waited < (self.rtt_ns or _LATE_NS) else AGAIN


class _Side:
    """One side of a connection: how far it has sent and acknowledged.

    first, next: its first number, and the one after its last; None before its first segment. next_ns: when that was
    sent. ack, ack_ns: the last acknowledgment it sent. window: the last it told. duplicates: of that acknowledgment.
    last: the note of its last segment. holes: (from, to) of what was not captured. asks: it got a RST that it cannot
    believe, and has sent nothing since.
    """

    __slots__ = ("ack", "ack_ns", "asks", "duplicates", "first", "holes", "last", "next", "next_ns", "window")

    def __init__(self) -> None:
        self.first: int | None = None
        self.next: int | None = None
        self.next_ns: int | None = None
        self.ack: int | None = None
        self.ack_ns: int | None = None
        self.window = -1
        self.duplicates = 0
        self.last = ""
        self.asks = False
        self.holes: list[tuple[int, int]] = []

    def begin(self, seq: int, end: int, time_ns: int | None) -> None:
        """Count from this segment on."""
        self.first, self.next, self.next_ns = seq, end, time_ns
        self.holes.clear()

    def has(self, end: int) -> bool:
        """Whether it has acknowledged everything before this number."""
        return self.ack is not None and (self.ack - end) % _MODULUS < _HALF

    def fill(self, seq: int, end: int) -> bool:
        """Take bytes that came late; returns whether some of them had not been seen."""
        if not self.holes:
            return self.first is not None and (seq - self.first) % _MODULUS >= _HALF  # before the capture began
        left: list[tuple[int, int]] = []
        found = False
        for low, high in self.holes:
            if (end - low - 1) % _MODULUS >= _HALF or (high - seq - 1) % _MODULUS >= _HALF:
                left.append((low, high))
                continue
            found = True
            if 0 < (seq - low) % _MODULUS < _HALF:
                left.append((low, seq))
            if 0 < (high - end) % _MODULUS < _HALF:
                left.append((end, high))
        self.holes = left
        return found


def _empty(mine: _Side, other: _Side, ahead: int, ack: int, window: int, sack: Sequence[tuple[int, int]]) -> str:
    """The note of a segment without payload, SYN, FIN and RST."""
    same = ahead == 0 and ack == mine.ack
    if window == 0:
        return PROBE_ACK if same and other.last == PROBE else ZERO_WINDOW
    if same and window == mine.window and other.last == KEEP_ALIVE:
        return KEEP_ALIVE_ACK
    if same and (window == mine.window or sack):
        if mine.asks:
            return CHALLENGE
        # Blocks make it a duplicate whatever its window says (RFC 6675 §2); without them the window must be the same.
        mine.duplicates += 1
        return f"{DUPLICATE} {mine.duplicates}"
    return UPDATE if same else ""


def _since(before: int | None, now: int | None) -> int:
    """Nanoseconds between two times, endless if one of them is not known."""
    return _NEVER if before is None or now is None else now - before


def notes_of(
    frames: Sequence[Frame],
    quicks: Sequence[Quick],
    places: Sequence[Place | None],
    dropped: Container[int] = (),
    followers: dict[int, Follower] | None = None,
) -> dict[int, str]:
    """The notes of a capture: index of its frame → note. Frames without one are not in it.

    frames, quicks, places: as `Conversations` has them, in the order of the capture. dropped: indices of the frames
    that a wire dropped; a RST among them is answered by nobody. followers: by number of the connection, those of the
    frames before these, if these are a part of a capture; those of these are put in.
    """
    found: dict[int, str] = {}
    followers = {} if followers is None else followers
    for index, (frame, packet, place) in enumerate(zip(frames, quicks, places, strict=True)):
        if place is None or place.connection < 0 or packet.protocol != "TCP":
            continue
        follower = followers.get(place.connection)
        if follower is None:
            follower = followers[place.connection] = Follower()
        _, _, _, _, _, flags, seq, ack, window, _, transport, payload, end, _ = packet
        if flags & RST and index in dropped:
            continue
        size = end - payload
        if size:
            size = max(0, min(end, max(frame[4], len(frame[1]))) - payload)
        blocks: Sequence[tuple[int, int]] = ()
        if not size and payload - transport > 20:
            blocks = sack_blocks(frame[1], transport + 20, min(payload, len(frame[1])))
        note = follower.note(place.from_client, frame[0], seq, ack, flags, size, window, blocks)
        if note:
            found[index] = note
    return found
