"""Times in a ladder: how long the way takes, where the time axis is broken, when an event is drawn, how a time is said.

Rule: times in, times and words out; no pixels here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from labkit.draw.ladder_model import STALL_NS, Fold, Item, Rung, silence
from labkit.draw.text import duration
from labkit.packets.model import SocketEvent

_WAY_NS = 1_000_000  # a way that takes less is drawn as one that takes no time
_NEVER = 1 << 62  # ns
_RACE_NS = 1_000_000  # so long before its FIN a socket may say that it has closed


class Arrival(NamedTuple):
    """The moment at which a packet arrives that waited on the wire. number: the packet's."""

    number: int


Point = tuple[int, int, "Item | SocketEvent | Arrival"]
"""What stands on the time axis: (ns since the epoch, order among what happens at the same time, the thing)."""


def way_ns(rungs: Sequence[Rung]) -> int:
    """How long a packet travels between the two hosts, in ns; 0 if that is not known, or too short to be seen.

    A tape of a wire has packets when they are sent. The shortest time between a packet and the next one from the other
    side is one way: that of the handshake if there is one. Between programs of one host there is no way.
    """
    if not rungs or rungs[0].packet.src[0].startswith(("127.", "::1")):
        return 0
    opening: list[int] = []
    turns: list[int] = []
    for before, after in pairwise(rungs):
        if before.right == after.right or before.group != after.group or before.verdict is not None:
            continue
        if before.time_ns is None or after.time_ns is None:
            continue
        turns.append(after.time_ns - before.time_ns)
        if before.flags.startswith("SYN"):
            opening.append(turns[-1])
    found = min(opening) if opening else min(turns) if len(turns) > 1 else 0
    return found if found >= _WAY_NS else 0


def alone(rungs: Sequence[Rung], way: int) -> set[int]:
    """The numbers of the packets that are on their way while no other is: their arrows can show how long it takes."""
    if not way:
        return set()
    least = way * 9 // 10  # the way is measured, and a machine is sometimes busy
    far = [True, *(silence(a, b) >= least for a, b in pairwise(rungs)), True]
    return {
        rung.number
        for rung, before, after in zip(rungs, far, far[1:], strict=False)
        if before and after and rung.late_arrival is None
    }


def points(rows: Sequence[Item], events: Sequence[SocketEvent], whose: dict[int, int | None]) -> list[Point]:
    """Everything with a time, in order. whose: id of an event → its group."""
    found: list[Point] = []
    for row in rows:
        if isinstance(row, Fold):
            found.append((row.first.at_ns, 0, row))
        else:
            found.append((row.at_ns, 0, row))
            if row.verdict is not None and (at := row.late_arrival) is not None:
                found.append((at, -1, Arrival(row.number)))
    # A socket that closes says so while its FIN is on the way to the capture: the cause is drawn first.
    ends = [
        rung for row in rows for rung in (row.rungs[:1] if isinstance(row, Fold) else (row,))
        if events and ("FIN" in rung.flags or rung.reset)
    ]  # fmt: skip
    floor = {"client": 0, "server": 0}  # the events of one side keep their order
    for event in events:
        at = event.time_ns
        if event.name == "close" and event.kind == "event":
            side, group = event.who == "client", whose[id(event)]
            later = (rung.at_ns for rung in ends if rung.right == side and rung.group == group)
            at = max([at, *(end for end in later if at < end <= at + _RACE_NS)])
        at = floor[event.who] = max(at, floor.get(event.who, 0))
        found.append((at, 1, event))
    found.sort(key=itemgetter(0, 1))  # stable: wire order and order of emission stay as they are
    return found


def breaks(points: Sequence[Point]) -> dict[int, str]:
    """Where the time axis is broken: index of the point after the break → the words in it.

    A silence between two packets is one stall, though socket events may fall into it: it is named once, in its longest
    part; other long parts get their own length. Beside a packet without a time nobody knows how long a silence was.
    """
    found: dict[int, str] = {}
    last: tuple[int, Rung] | None = None  # the last packet, and the index of its point
    for number, (at_ns, _, thing) in enumerate(points):
        if last is not None and last[0] == number - 1 and isinstance(thing, Rung):
            before_ns, now_ns = last[1].time_ns, thing.time_ns
            if before_ns is not None and now_ns is not None and -STALL_NS < now_ns - before_ns < STALL_NS:
                last = number, thing  # most of all packets: quick
                continue
        rung = thing if isinstance(thing, Rung) else thing.first if isinstance(thing, Fold) else None
        timed = (rung is None or rung.time_ns is not None) and (last is None or last[1].time_ns is not None)
        past, _, before = points[number - 1]
        if number and timed and at_ns - past >= STALL_NS:
            since = before.rungs[-1].at_ns if isinstance(before, Fold) else past
            if at_ns - since >= STALL_NS:
                found[number] = f"{duration(at_ns - since)} later"
        if rung is None:
            continue
        if last is not None and (gap := silence(last[1], rung)) >= STALL_NS:
            longest = max(range(last[0] + 1, number + 1), key=lambda at: points[at][0] - points[at - 1][0])
            found[longest] = f"{duration(gap)}, nothing is sent"
        elif last is not None and gap <= -STALL_NS:
            found[number] = f"the clock goes back by {duration(-gap)}"
        last = number, thing.rungs[-1] if isinstance(thing, Fold) else rung
    return found


def clocks(rows: Sequence[Item], start: int) -> dict[int, str]:
    """The times of rows, by the number of their first packet: ``"0"``, ``"5.26"``, ``"15.43"``, ``"1.02 s"``.

    In ms since start (ns), from 1,000 on in s; with three digits, or as many as tell a time from those beside it.
    """
    numbers: list[int] = []
    times: list[int] = []
    for row in rows:
        rung = row.first if isinstance(row, Fold) else row
        if rung.time_ns is not None:
            numbers.append(rung.number)
            times.append(rung.time_ns - start)
    # Between the last time that was another one and the next: digits enough for twice as fine a step as that.
    gaps = [_NEVER] * len(times)
    for ahead in (True, False):
        gap, last = _NEVER, None
        for at in range(len(times)) if ahead else range(len(times) - 1, -1, -1):
            now = times[at]
            if last is not None and now != last:
                gap = now - last if now > last else last - now
            gaps[at] = gap if gap < gaps[at] else gaps[at]
            last = now
    found: dict[int, str] = {}
    for number, ns, gap in zip(numbers, times, gaps, strict=True):
        size = ns if ns >= 0 else -ns
        if size >= 1_000_000_000:
            whole = len(str(size // 1_000_000_000))
            room = max(0, 7 - whole - (ns < 0))  # digits behind the point; more would leave the picture
            digits = min(max(2, 3 - whole), room)
            while digits < room and digits < 6 and gap * 10**digits < 2_000_000_000:
                digits += 1
            found[number] = f"{ns / 1e9:.{digits}f} s"
        elif size < 1_000_000 or gap < 20_000:
            found[number] = f"{ns / 1e6:.3f}" if ns else "0"
        else:
            digits = 2 if size < 10_000_000 or gap < 200_000 else 1 if size < 100_000_000 or gap < 2_000_000 else 0
            found[number] = f"{ns / 1e6:.{digits}f}"
    return found
