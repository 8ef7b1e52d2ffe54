"""A ladder in words: the text twin of the picture.

Rule: the twin holds nothing that changes from run to run, but for the line that names the origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from labkit.draw.ladder_model import Fold, Item, Ladder, Rung, silence
from labkit.draw.text import count, visible
from labkit.packets.frames import EPHEMERAL
from labkit.packets.model import VERDICTS

if TYPE_CHECKING:
    from labkit.packets.model import SocketEvent

_STEPS_MS = (40, 100, 200, 400)
# A silence that a kernel timer ended (a delayed ACK, a retransmission) counts from 40 ms on. Any other counts from
# 200 ms: a shorter one may be this machine's scheduler, and would differ from run to run.
_LEAST_TIMER_MS, _LEAST_MS = 40, 200
_QUICK_NS = 20_000_000  # no silence below this is told
_NO_ACKS = "  (segments that only acknowledge are not shown)"
_ALT = 60  # most lines of the alternative text
_WHOLE = 40  # packets of a folded row that the twin lists one by one


def stall(ns: int, *, timer: bool) -> str:
    """A silence in steps so coarse that it reads the same in every run: ``"40 ms"``; ``""`` where it is too short.

    Floored to 40, 100, 200, 400 ms, 1, 2, 3, … s; a step counts as reached from 85 % of it on. timer: what ended it
    is the work of a kernel timer; otherwise it must last 200 ms to be named.
    """
    reached = ns / 1e6 / 0.85
    if reached < (_LEAST_TIMER_MS if timer else _LEAST_MS):
        return ""
    if reached >= 1000:
        return f"{int(ns / 1e9 + 0.15)} s"
    return f"{max(step for step in _STEPS_MS if step <= reached)} ms"


def heading(ladder: Ladder) -> str:
    """Say in one line what the ladder is of: ``"Ladder of 4 packets, client ↔ server:8124"``."""
    total = len(ladder.rungs)
    servers = list(dict.fromkeys(group.server[1] for group in ladder.groups))
    fixed = ", ".join(str(port) for port in servers if 0 < port < EPHEMERAL or port in ladder.ports)
    if not total and not ladder.hidden and ladder.ports:  # perhaps the program talked on another one
        return f"Ladder of 0 packets: none came by on port {' or '.join(map(str, ladder.ports))}"
    text = f"Ladder of {count(total, 'packet')}, client ↔ server" + (f":{fixed}" if fixed else "")
    return text + (f", {count(len(ladder.groups), ladder.noun)}" if len(ladder.groups) > 1 else "")


def twin(ladder: Ladder, title: str | None = None, trip: str = "") -> str:
    """The ladder in words: packets in wire order, then what the sockets did, side by side rather than interleaved.

    Events and calls are listed apart: which of the two comes first is a race between threads, each list is not.
    trip: the line that tells of a round trip, or ``""``.
    """
    lines = [heading(ladder) if title is None else f"{visible(title)}: {heading(ladder)}"]
    if ladder.hidden:
        lines.append("  (packets without data or a note are not shown)" if ladder.only else _NO_ACKS)
    groups: Sequence[int | None] = [None]
    if len(ladder.groups) > 1:
        groups = range(len(ladder.groups))
    rows = ladder.rows
    pad = max([8, *(len(rung.flags) for rung in ladder.shown)])
    events, left = ladder.cut_events()
    one_client, labels = ladder.one_client, ladder.labels()
    for group in groups:
        if group is not None:
            port = labels[group]
            fixed = one_client and (0 < port < EPHEMERAL or port in ladder.ports)
            lines.append(f"{ladder.noun} {group + 1}" + (f", server:{port}" if fixed else ""))
        mine = [row for row in rows if group in (None, (row.first if isinstance(row, Fold) else row).group)]
        # Numbers count all packets of the tape; if others come between by chance, they count these alone.
        lines += _listed(ladder, mine, pad, numbered=group is None and ladder.acks)
        lines += socket_lines([event for event in events if group is None or ladder.group_of(event) == group], ladder)
    rest = [event for event in events if groups[0] is not None and ladder.group_of(event) is None]
    if rest and (told := socket_lines(rest, ladder)):
        lines += [f"of no one {ladder.noun}", *told]
    if left:
        lines.append(f"  ({count(left, 'socket event')} in the part left out)")
    if trip:
        lines.append(f"  {trip}")
    if ladder.origin:
        lines.append(f"tape: {ladder.origin}")
    return "\n".join(lines)


def shortened(text: str) -> str:
    """The alternative text of a ladder: nobody wants to hear hundreds of arrows read out.

    text: its twin, whose last line names the origin.
    """
    lines = text.split("\n")
    if len(lines) <= _ALT:
        return text
    return "\n".join([*lines[: _ALT - 2], f"… {len(lines) - _ALT + 1} more lines", lines[-1]])


def hidden(ladder: Ladder) -> str:
    """How many packets a ladder does not show, and which."""
    if ladder.only:
        return f"{count(ladder.hidden, 'packet')} without data or a note"
    return f"{count(ladder.hidden, 'segment')} that only acknowledge{'s' * (ladder.hidden == 1)}"


def _listed(ladder: Ladder, rows: Sequence[Item], pad: int, *, numbered: bool) -> list[str]:
    """The lines that list these rows. pad: room for the flags. numbered: by the packets' numbers in the tape."""
    lines: list[str] = []
    cut = ladder.left_out[0].number if ladder.left_out else None
    last: Rung | None = None
    place = 0
    for row in rows:
        first = row.first if isinstance(row, Fold) else row
        if cut is not None and first.number > cut and (last is None or last.number < cut):
            lines.append(f"     ({left_out(ladder)})")
        elif last is not None and (last.time_ns is None or first.time_ns is None or not (
            -_QUICK_NS < first.time_ns - last.time_ns < _QUICK_NS
        )):  # fmt: skip
            lines += _between(last, first)
        if isinstance(row, Fold):
            # How many ACKs come in a run of data is a matter of chance, and no line depends on it.
            packets = [rung for rung in row.rungs if ladder.acks or not row.data or not rung.plain_ack]
            numbers = [rung.number if numbered else place + at for at, rung in enumerate(packets, 1)]
            lines += _folded(row, packets, numbers, pad)
            place += len(packets)
            last = packets[-1]
        else:
            place += 1
            lines.append(_line(row, row.number if numbered else place, pad))
            last = row
    return lines


def _folded(row: Fold, packets: list[Rung], numbers: list[int], pad: int) -> list[str]:
    """The lines of a folded row: whole, but for a long run. packets: those that are listed, with these numbers."""
    spans = f"{numbers[0]}-{numbers[-1]}"
    if len(packets) > _WHOLE:
        way = "client to server" if row.first.right else "server to client"
        return [f"     (packets {spans}, {way}: {count(sum(rung.size for rung in packets), 'byte')} of payload)"]
    lines = [] if row.data else [f"     (packets {spans}: {row.words})"]
    last: Rung | None = None
    for rung, number in zip(packets, numbers, strict=True):
        if last is not None:
            lines += _between(last, rung)
        lines.append(_line(rung, number, pad))
        last = rung
    return lines


def _line(rung: Rung, number: int, pad: int) -> str:
    """The line of one packet."""
    arrow = "client → server" if rung.right else "client ← server"
    line = f"{number:>3}  {arrow}  {rung.flags:<{pad}}  {rung.numbers}"
    if rung.size:
        line += f"  {count(rung.size, 'byte')}" if rung.numbers else count(rung.size, "byte")
    if words := rung.means:
        line += f"  {words}"
    if rung.verdict is not None:
        line += f"  {visible(rung.verdict.words)}"
    if rung.time_ns is None:
        line += "  no time"
    return line.rstrip()


def _between(before: Rung, after: Rung) -> list[str]:
    """The line that tells of a silence between two packets, or of a clock that went back; none if neither was."""
    gap = silence(before, after)
    if name := stall(gap, timer=after.pure_ack or after.again):
        return [f"     (gap of {name} or more)"]
    if name := stall(-gap, timer=False):
        return [f"     (the clock goes back by {name} or more)"]
    return []


def socket_lines(events: list[SocketEvent], ladder: Ladder) -> list[str]:
    """The lines of the twin that tell what the sockets did."""
    lines = []
    for who in ("client", "server"):
        for kind in ("event", "call"):
            mine = (event for event in events if event.who == who and event.kind == kind)
            told = [
                visible(name) if size is None else f"{visible(name)} {size}" for name, size in _joined(mine, ladder)
            ]
            if told:
                lines.append(f"  {who} {kind}s: {', '.join(told)}")
    return lines


def _joined(events: Iterable[SocketEvent], ladder: Ladder) -> list[tuple[str, int | None]]:
    """Names and sizes, ``data`` in a row as one: into how many pieces a stream is cut is nobody's promise."""
    told: list[tuple[str, int | None]] = []
    for event in events:
        if told and event.name == "data" == told[-1][0] and event.size is not None and told[-1][1] is not None:
            told[-1] = ("data", told[-1][1] + event.size)
        else:
            told.append((event_name(event, ladder), event.size))
    return told


def event_name(event: SocketEvent, ladder: Ladder) -> str:
    """The name of an event or call; the server's own close is told from that of its connections."""
    own = event.name == "close" and event.who == "server" and event.local is not None and event.remote is None
    return "server close" if own and any(group.connection for group in ladder.groups) else event.name


def left_out(ladder: Ladder) -> str:
    """What the window leaves out, in words."""
    gone = ladder.left_out
    text = f"{count(len(gone), 'packet')} left out, {gone[0].number:,} to {gone[-1].number:,}"
    if size := sum(rung.size for rung in gone):
        text += f": {count(size, 'byte')} of payload"
    for number, noun in (
        (sum(rung.again for rung in gone), "retransmission"),
        (sum(rung.reset for rung in gone), "RST"),
    ):
        if number:
            text += f", {count(number, noun)}"
    kinds = [rung.verdict.kind for rung in gone if rung.verdict is not None]
    if kinds:
        text += f", {', '.join(f'{kinds.count(kind):,} {kind}' for kind in VERDICTS if kind in kinds)} on the wire"
    return text
