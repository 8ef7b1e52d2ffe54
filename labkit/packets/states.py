"""What each end of a TCP connection knows after each packet: state, numbers, windows, bytes without an acknowledgment.

Rule: worked out from the tape alone; a fact is proved by packets, or it says what was assumed.
Source: RFC 9293 §3.3.2 (states), §3.3.1 (names of the numbers).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from labkit.packets.frames import ACK, FIN, RST, SYN
from labkit.packets.states_read import Segment, near

CLOSED: Final = "CLOSED"
LISTEN: Final = "LISTEN"
SYN_SENT: Final = "SYN-SENT"
SYN_RECEIVED: Final = "SYN-RECEIVED"
ESTABLISHED: Final = "ESTABLISHED"
FIN_WAIT_1: Final = "FIN-WAIT-1"
FIN_WAIT_2: Final = "FIN-WAIT-2"
CLOSE_WAIT: Final = "CLOSE-WAIT"
CLOSING: Final = "CLOSING"
LAST_ACK: Final = "LAST-ACK"
TIME_WAIT: Final = "TIME-WAIT"

STATES: Final = (
    CLOSED, LISTEN, SYN_SENT, SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK,
    TIME_WAIT,
)  # fmt: skip
"""All of them. Source: RFC 9293 §3.3.2."""

ARRIVED: Final = "arrived"
MIDDLE: Final = "middle"
SCALE: Final = "scale"
SILENT: Final = "silent"
LOST: Final = "lost"
SEALED: Final = "sealed"
WHY: Final = {
    ARRIVED: "that the packet has arrived: no packet of this end shows it.",
    MIDDLE: "that nothing of importance came before: the tape begins in the middle of the connection.",
    SCALE: "that the window is not scaled: the SYNs, which would say so, are not on the tape.",
    SILENT: "before the first packet of this end: the tape says nothing of it.",
    SEALED: "that the first encrypted record of each end ends the handshake: the tape does not have the keys.",
    LOST: "that what was sent again was lost: no acknowledgment came before the second copy.",
}
"""What is assumed, by its key in a `Fact`: a sentence that begins with *Assumed*."""


class Fact(NamedTuple):
    """A value, and what had to be assumed for it: a key of `WHY`, ``""`` if packets prove it.

    value: None if the tape does not say, or the end has no such number in its state.
    """

    value: int | None
    assumed: str = ""


NOTHING: Final = Fact(None)


class End(NamedTuple):
    """What one end knows. Numbers count from the connection's first, as `Packet.seq`; sizes are bytes.

    state, assumed: as RFC 9293 names it, and what had to be assumed for that. next: SND.NXT. acknowledged: SND.UNA.
    flight: numbers sent without an acknowledgment (SYN and FIN count one each). allowed: SND.WND, from `acknowledged`
    on. expects: RCV.NXT. window: as it last told, scaled. held: numbers that came behind a hole. room: RCV.WND, the
    room in its receive buffer that it has promised: the window less what has come since. Source: RFC 9293 §3.3.1.
    """

    state: str
    assumed: str = ""
    next: Fact = NOTHING
    acknowledged: Fact = NOTHING
    flight: Fact = NOTHING
    allowed: Fact = NOTHING
    expects: Fact = NOTHING
    window: Fact = NOTHING
    held: Fact = NOTHING
    room: Fact = NOTHING


class Moment(NamedTuple):
    """Both ends after a packet was sent and, if nothing shows otherwise, has arrived. number: the packet's."""

    number: int
    client: End
    server: End


def moments(segments: Sequence[Segment]) -> Iterator[Moment]:
    """Both ends after each of these segments of one connection, in the order of the tape; each is found when asked."""
    ends = _Side(client=True), _Side(client=False)
    for segment in segments:
        ends[not segment.from_client].all.append(segment)
    for end in ends:
        end.look_ahead()
    late: list[Segment] = []
    lost = _presumed_lost(segments)
    for at, segment in enumerate(segments):
        mine, other = ends if segment.from_client else ends[::-1]
        mine.sends(segment)
        ahead = segments[at + 1].time_ns if at + 1 < len(segments) else None
        late.append(segment)
        waits = []
        for each in late:
            if each.lost:
                continue
            receiver = ends[each.from_client]
            behind = each.arrival is not None and ahead is not None and each.arrival > ahead
            if behind or receiver.calls_too():
                waits.append(each)  # a wire handed it on after the next packet, or it crossed a SYN
            elif each.number in lost:
                receiver.missed = max(receiver.missed, each.end)
            else:
                receiver.receives(each)
        late = waits
        mine.settle(other)
        other.settle(mine)
        yield Moment(segment.number, ends[0].now(), ends[1].now())


def _presumed_lost(segments: Sequence[Segment]) -> set[int]:
    """The packets that were sent again before an acknowledgment for them: nobody says that they arrived."""
    found: set[int] = set()
    waiting: dict[tuple[bool, int], Segment] = {}
    acked = {True: -1, False: -1}
    for segment in segments:
        mine = segment.from_client
        if segment.flags & ACK and not segment.lost:
            acked[mine] = max(acked[mine], near(max(0, acked[mine]), segment.ack))
        if segment.end == segment.seq or segment.flags & (SYN | RST):
            continue
        before = waiting.get((mine, segment.seq))
        if before is not None and not before.lost and not before.sure and acked[not mine] < before.end:
            found.add(before.number)
        waiting[mine, segment.seq] = segment
    return found


class _Side:
    """One end while the tape is read. all: its own segments; done: how many of them it has sent so far."""

    def __init__(self, *, client: bool) -> None:
        self.client = client
        self.all: list[Segment] = []
        self.done = 0
        self.listens = ""  # what is assumed of a server before its first packet
        self.acks: list[int | None] = []  # the next acknowledgment from each own segment on
        # numbers of its own bytes: one behind the furthest; acknowledged, and the packet that said so
        self.next: int | None = None
        self.una: int | None = None
        self.una_assumed = ""
        self.allowed: int | None = None
        self.allowed_raw = 0
        # numbers of the other side's bytes: told by its own ACKs; have: came without a hole; later: came behind a hole
        self.told: int | None = None
        self.have: int | None = None
        self.later: list[tuple[int, int]] = []
        self.sack = 0
        self.missed = 0  # the number behind what was lost, as nothing on the tape but a second copy shows
        self.window: int | None = None
        self.edge: int | None = None  # the number behind the window it told
        self.shift: int | None = None  # None: its SYN is not on the tape
        self.scaled = False
        self.syn_sent = self.syn_got = self.syn_acked = self.middle = False
        self.fin: int | None = None  # the number behind its FIN
        self.fin_got = self.got_first = False
        self.reset = ""  # "own", "other"
        self.reset_assumed = ""
        self.proved_fin = True

    def look_ahead(self) -> None:
        """Find for each own segment the acknowledgment of the next one: nothing that it covers came later."""
        following: int | None = None
        for segment in reversed(self.all):
            if segment.flags & ACK:
                following = segment.ack
            self.acks.append(following)
        self.acks.reverse()
        first = self.all[0] if self.all else None
        self.middle = first is None or not first.flags & SYN
        answers = any(each.flags & (SYN | ACK) == SYN | ACK for each in self.all)
        self.listens = "" if answers else SILENT

    @property
    def ahead(self) -> Segment | None:
        """Its next own segment."""
        return self.all[self.done] if self.done < len(self.all) else None

    def sends(self, segment: Segment) -> None:
        """It sends its next segment."""
        self.done += 1
        end = segment.end
        if self.next is None or (segment.flags & SYN and not self.syn_acked):
            self.next = end
            if self.una is None:
                self.una, self.una_assumed = segment.seq, "" if segment.flags & SYN else MIDDLE
        elif not segment.flags & RST:
            self.next = max(self.next, near(self.next, end))
        if segment.flags & SYN:
            self.syn_sent, self.shift = True, segment.shift if segment.shift is not None else -1
            self.scaled = segment.shift is not None
        if segment.flags & FIN:
            self.fin = near(self.next, end)
        if segment.flags & ACK:
            ack = segment.ack if self.told is None else near(self.told, segment.ack)
            self.told = ack if self.told is None else max(self.told, ack)
            self.have = self.told if self.have is None else max(self.have, self.told)
            self.sack = sum(right - left for left, right in segment.sack)
        if segment.flags & RST:
            if not any(not each.flags & RST for each in self.all[self.done :]):
                self.reset = "own"
            return
        self.window = segment.window
        if segment.flags & ACK and self.told is not None:
            self.edge = near(self.told, segment.ack) + (self.window << self._shift(segment))

    def _shift(self, segment: Segment) -> int:
        return segment.scale if not segment.flags & SYN else 0

    def calls_too(self) -> bool:
        """Whether its next segment is a part of a call of its own, so that what has come was not read before it."""
        ahead, last = self.ahead, self.all[self.done - 1] if self.done else None
        if ahead is None or not ahead.flags & SYN:
            return False
        if last is None:
            return not ahead.flags & ACK
        return self.syn_got and bool(ahead.flags & ACK) and last.flags & (SYN | ACK) == SYN

    def receives(self, segment: Segment) -> None:
        """A segment of the other side has come, as far as nothing shows the contrary."""
        flags = segment.flags
        if flags & RST:
            sender_goes_on = any(not each.flags & RST for each in self.all[self.done :])
            if not sender_goes_on and not self.reset:
                self.reset, self.reset_assumed = "other", "" if segment.sure else ARRIVED
            return
        again = self.ahead is not None and bool(self.ahead.flags & SYN) and self.syn_sent
        if flags & SYN:
            answers = self.ahead is not None and self.ahead.flags & (SYN | ACK) == SYN | ACK
            if self.syn_sent or answers:
                self.syn_got = self.syn_got or not (again and not answers)
            if not self.syn_got:
                return
            self.have = segment.end if self.told is None else self.have
        self._data(segment)
        if flags & ACK and self.next is not None and not again:
            ack = near(self.next, segment.ack)
            if self.una is None or ack >= self.una:
                newer = self.una is None or ack > self.una
                shown = segment.sure or (segment.end != segment.seq and self._shows(segment))
                if newer or shown:
                    self.una_assumed = "" if shown else ARRIVED
                self.una = ack
                self.allowed = segment.window << (0 if flags & SYN else segment.scale)
                if self.syn_sent and ack > self.all[0].seq:
                    self.syn_acked = True

    def _shows(self, segment: Segment) -> bool:
        """Whether a later packet of this end acknowledges the bytes of this segment."""
        last = self.acks[self.done] if self.done < len(self.acks) else None
        return last is not None and near(last, segment.end) <= last

    def _data(self, segment: Segment) -> None:
        start, end = segment.seq, segment.end
        if self.have is None:
            self.have = start if self.told is None else self.told
        start, end = near(self.have, start), near(self.have, end)
        if end <= self.have:
            return
        if start <= self.have:
            self.have = end
            while self.later and self.later[0][0] <= self.have:
                self.have = max(self.have, self.later.pop(0)[1])
        else:
            self.later = _joined([*self.later, (start, end)])

    def settle(self, other: _Side) -> None:
        """What follows from all that has come."""
        if other.fin is not None and not self.fin_got:
            expects = self.expects().value
            if expects is not None and expects >= near(expects, other.fin):
                self.fin_got, self.got_first = True, self.fin is None

    def expects(self) -> Fact:
        """RCV.NXT: between what it has acknowledged and what its next packet acknowledges."""
        if self.have is None:
            return NOTHING
        following = self.acks[self.done] if self.done < len(self.acks) else None
        if following is None:
            return Fact(self.have, "" if self.told == self.have else LOST if self.have < self.missed else ARRIVED)
        value = min(self.have, near(self.have, following))
        value = value if self.told is None else max(self.told, value)
        return Fact(value, LOST if self.have < self.missed and value < near(value, following) else "")

    def now(self) -> End:
        """What it knows."""
        state, assumed = self.state()
        if state in (CLOSED, LISTEN):
            return End(state, assumed)
        expects = self.expects() if self.syn_got or self.middle else NOTHING
        flight = NOTHING
        if self.next is not None and self.una is not None:
            flight = Fact(max(0, self.next - self.una), self.una_assumed)
        una = Fact(self.una, self.una_assumed)
        return End(
            state, assumed, Fact(self.next) if self.next is not None else Fact(None, SILENT), una, flight,
            Fact(self.allowed, self.una_assumed if self.allowed is not None else ""), expects,
            *self._buffer(expects),
        )  # fmt: skip

    def _buffer(self, expects: Fact) -> tuple[Fact, Fact, Fact]:
        """The window it told, the numbers behind a hole, the room that is left of what it has promised."""
        if self.window is None:
            return NOTHING, NOTHING, NOTHING
        last = self.all[self.done - 1]
        window = Fact(self.window << self._shift(last), SCALE if last.unscaled else "")
        if expects.value is None or self.edge is None:
            return window, NOTHING, NOTHING
        beyond = [each for each in self.later if each[0] > expects.value]
        if beyond and beyond[0] == self.later[0]:
            held = Fact(sum(right - left for left, right in beyond), ARRIVED)
            if self.sack == held.value:
                held = Fact(held.value)
        else:
            held = Fact(self.sack if self.told == expects.value else 0)
        return window, held, Fact(max(0, self.edge - expects.value), window.assumed or expects.assumed)

    def state(self) -> tuple[str, str]:
        """Its state, and what had to be assumed for that. Source: RFC 9293 §3.3.2."""
        if self.reset:
            return CLOSED, self.reset_assumed
        if not self.middle or not (self.done or self.have is not None):
            if not self.syn_sent:
                if self.syn_got:
                    return SYN_RECEIVED, ""
                return (CLOSED, "") if self.client else (LISTEN, self.listens)
            if not self.syn_acked:
                return (SYN_RECEIVED if self.syn_got else SYN_SENT), ""
        assumed = MIDDLE if self.middle else self.una_assumed if self._only_syn() else ""
        acked = self.fin is not None and self.una is not None and self.una >= self.fin
        came = "" if not self.fin_got else self.expects().assumed
        if self.fin is None:
            return (CLOSE_WAIT, came) if self.fin_got else (ESTABLISHED, assumed)
        if self.got_first:
            return (CLOSED, self.una_assumed) if acked else (LAST_ACK, came)
        if self.fin_got:
            return (TIME_WAIT if acked else CLOSING), came or (self.una_assumed if acked else "")
        return (FIN_WAIT_2, self.una_assumed) if acked else (FIN_WAIT_1, assumed)

    def _only_syn(self) -> bool:
        """Whether the only thing that was acknowledged is its SYN."""
        return self.una is not None and self.una == self.all[0].end


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges without overlaps, in order."""
    found: list[tuple[int, int]] = []
    for left, right in sorted(ranges):
        if found and left <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], right)
        else:
            found.append((left, right))
    return found
