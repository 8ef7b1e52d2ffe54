"""What a ladder shows, before any pixel: rungs (one a packet), marks (socket events), stalls, and the text twin.

Rule: no pixels here; the twin holds nothing that changes from run to run, but for the line that names the origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.core.errors import LabError
from labkit.draw.text import count, duration, given, preview, visible
from labkit.packets.model import VERDICTS

if TYPE_CHECKING:
    from labkit.packets.model import SocketEvent, Verdict

STALL_NS = 10_000_000  # silence from here on is a stall: drawn as a broken axis, named in the twin
EPHEMERAL = 32768  # ports from here on are picked by the kernel (Linux), so they differ from run to run
_STEPS_MS = (40, 100, 200, 400)
# In the twin, a silence that a kernel timer ended (a delayed ACK, a retransmission) counts from 40 ms on. Any other
# counts from 200 ms: a shorter one may be this machine's scheduler, and would differ from run to run.
_LEAST_TIMER_MS, _LEAST_MS = 40, 200
LATE_NS = 10_000_000  # an arrival so long after the sending is told in the picture, never in the twin


@dataclass(slots=True)
class Rung:
    """One packet as the ladder shows it.

    number: in its tape. right: sent by the client, so it points right. group: index of its connection. flags: TCP's
    flags in words, or the protocol's name. numbers: relative seq and ack. size: payload bytes. again: its bytes, SYN or
    FIN were seen before. reset: carries RST. verdict: what a wire did to it. opened: the first window above 0 again.
    """

    packet: Any
    number: int
    time_ns: int
    right: bool
    group: int
    flags: str
    numbers: str
    size: int
    again: bool
    reset: bool
    verdict: Verdict | None = None
    opened: bool = False

    @property
    def lost(self) -> bool:
        """A wire dropped it: it never arrived."""
        return self.verdict is not None and self.verdict.kind == "dropped"

    @property
    def late_arrival(self) -> int | None:
        """When it arrived, in ns since the epoch, where a wire reordered or delayed it."""
        verdict = self.verdict
        if verdict is None or verdict.kind not in ("reordered", "delayed") or not verdict.arrivals:
            return None
        return verdict.arrivals[0] if verdict.arrivals[0] > self.time_ns else None

    @property
    def closed_window(self) -> bool:
        """It tells the other side to send nothing for now: the receiver has no room (RFC 9293 §3.8.6.1)."""
        return getattr(self.packet, "window", 1) == 0 and not self.reset and "ACK" in self.flags

    @property
    def pure_ack(self) -> bool:
        """It acknowledges and does nothing else."""
        return self.flags == "ACK" and self.size == 0

    @property
    def note(self) -> str:
        """What hangs below the arrow: a warning, or the start of the payload, or both."""
        text = preview(self.packet.payload, 32) if self.size else ""
        if not self.again and self.verdict is None and not self.closed_window and not self.opened:
            return text
        warning = ", ".join(["retransmission"] * self.again + ["window 0: no room"] * self.closed_window
                            + ["window open again"] * self.opened)
        if self.verdict is not None:
            warning += (", " if warning else "") + _fate(self.verdict, self.time_ns)
        return f"{warning} · {text}" if text else warning


def _fate(verdict: Verdict, sent_ns: int) -> str:
    """What a wire did to a packet, and when it arrived where that was late."""
    kind, detail = verdict.kind, visible(verdict.detail)
    if kind == "delayed" and detail:
        words = f"delayed {detail}"
    else:
        words = f"{kind} on the wire" + (f", {detail}" if detail else "")
    if verdict.arrivals and max(verdict.arrivals) - sent_ns >= LATE_NS:
        first, last = (duration(max(at - sent_ns, 0)) for at in (min(verdict.arrivals), max(verdict.arrivals)))
        words += ", arrived after " + (f"{first} and {last}" if len(verdict.arrivals) > 1 else last)
    return words


@dataclass(slots=True)
class Group:
    """One connection, or one conversation of a protocol without connections. client, server: (address, port)."""

    client: tuple[str, int]
    server: tuple[str, int]
    connection: bool = True


@dataclass(slots=True)
class Ladder:
    """Everything a ladder says. hidden: pure ACKs that were asked away. left_out: rungs between head and tail."""

    rungs: list[Rung]
    groups: list[Group]
    events: list[SocketEvent]
    origin: str
    acks: bool
    head: int
    left_out: list[Rung] = field(default_factory=list)
    hidden: int = 0
    ports: tuple[int, ...] = ()

    @property
    def noun(self) -> str:
        """What its groups are: ``"connection"``, or ``"conversation"`` where not all of them are TCP's."""
        return "connection" if all(group.connection for group in self.groups) else "conversation"

    @property
    def one_client(self) -> bool:
        """Whether the same client talks to several servers: then their ports tell the groups apart, not its own."""
        return len({group.client for group in self.groups}) == 1 < len({group.server for group in self.groups})

    def labels(self) -> list[int]:
        """The ports by which the groups are told from each other, in their order."""
        one_client = self.one_client
        return [(group.server if one_client else group.client)[1] for group in self.groups]

    @property
    def shown(self) -> list[Rung]:
        """The rungs drawn: all, or the head and the tail of a long tape."""
        return (
            self.rungs
            if not self.left_out
            else [*self.rungs[: self.head], *self.rungs[self.head + len(self.left_out) :]]
        )

    def cut_events(self) -> tuple[list[SocketEvent], int]:
        """The events to draw, and how many fall into the part left out."""
        if not self.left_out:
            return self.events, 0
        first, last = self.left_out[0].time_ns, self.left_out[-1].time_ns
        kept = [event for event in self.events if not first <= event.time_ns <= last]
        return kept, len(self.events) - len(kept)

    def group_of(self, event: SocketEvent) -> int | None:
        """Index of the connection a socket event belongs to; None where it belongs to none (a server's own)."""
        near, far = event.local, event.remote
        if far is None and len(self.groups) > 1 and event.who == "server":
            return None
        for number, group in enumerate(self.groups):
            client, server = (near, far) if event.who == "client" else (far, near)
            if client is not None and client[1] == group.client[1] and (server is None or server[1] == group.server[1]):
                return number
        return 0 if len(self.groups) == 1 else None


def read(tape: Iterable[Any], *, events: bool = True, acks: bool = True, limit: int | None = 80) -> Ladder:
    """Work out what a ladder of this tape shows.

    tape: a Tape, or any packets. events: with socket events. acks: with segments that only acknowledge. limit: most
    packets drawn; of a longer tape the first three quarters of that and the last quarter; None for all.
    """
    packets = _packets(tape)
    if limit is not None and not isinstance(limit, int):
        raise LabError(
            f"limit={given(limit)} is no number of packets", "Give a whole number, or None to draw all packets."
        )
    groups: list[Group] = []
    connections: dict[int, tuple[Any, Group]] = {}  # by number of the packet: which of them, and its ends
    for which, connection in enumerate(getattr(tape, "connections", ())):
        ends = Group(tuple(connection.client), tuple(connection.server))
        connections.update((packet.number, (which, ends)) for packet in connection.packets)
    order: dict[Any, int] = {}  # connection or pair of addresses → index of its group: that of its first packet
    seen: set[tuple[int, bool, int, int]] = set()
    closed: set[tuple[int, bool]] = set()  # whose window is 0
    rungs: list[Rung] = []
    hidden = 0
    for packet in packets:
        number, right = packet.number, packet.sender == "client"
        whose = connections.get(number)
        if whose is None:  # no TCP connection of the tape: a conversation is a pair of addresses
            talk = getattr(packet, "talk", None)
            client, server = talk or ((packet.src, packet.dst) if right else (packet.dst, packet.src))
            whose = (client, server), Group(client, server, connection=False)
        group = order.setdefault(whose[0], len(groups))
        if group == len(groups):
            groups.append(whose[1])
        flags, size = packet.flags, packet.length
        if flags:
            numbers = f"seq={packet.relative_seq}"
            if "ACK" in flags:
                numbers += f" ack={packet.relative_ack}"
                if sack := getattr(packet, "relative_sack", ()):
                    numbers += " sack=" + ",".join(f"{left}-{right}" for left, right in sack)
            # Only what takes up sequence numbers can be repeated; a pure ACK may come twice by right.
            if taken := size + ("SYN" in flags) + ("FIN" in flags):
                key = (group, right, packet.seq, taken)
                again = key in seen
                seen.add(key)
            else:
                again = False
        else:
            flags, numbers, again = visible(getattr(packet, "what", packet.protocol)), "", False
            if part := getattr(packet, "fragment", None):
                numbers, size = f"bytes {part[0]}-{part[1] - 1}" + ("" if part[2] else ", the last"), 0
        rung = Rung(
            packet,
            number,
            packet.time_ns,
            right,
            group,
            flags,
            numbers,
            size,
            again,
            "RST" in flags,
            getattr(packet, "verdict", None),
        )
        if rung.closed_window:
            closed.add((group, right))
        elif (group, right) in closed:
            closed.discard((group, right))
            rung.opened = True
        if not acks and rung.pure_ack:
            hidden += 1
        else:
            rungs.append(rung)
    marks = sorted(getattr(tape, "events", ()), key=lambda event: event.time_ns) if events else []
    # A list of packets has no origin; the one a packet's tape had is kept by the packet, where it is kept at all.
    ladder = Ladder(
        rungs, groups, marks, visible(getattr(tape, "origin", "")), acks, len(rungs), hidden=hidden,
        ports=tuple(getattr(tape, "ports", ())),
    )  # fmt: skip
    if limit is not None and len(rungs) > max(limit, 1):
        limit = max(limit, 1)
        ladder.head = limit - limit // 4
        ladder.left_out = rungs[ladder.head : len(rungs) - limit // 4]
    return ladder


def _packets(tape: Any) -> list[Any]:
    """The packets to draw. Raises LabError for anything that is not a row of packets."""
    # A packet finds its layers by name, so that it can be mistaken for a sequence.
    alone = hasattr(tape, "time_ns") and hasattr(tape, "sender")
    if isinstance(tape, Iterable) and not alone and not isinstance(tape, (str, bytes, Mapping)):
        found = list(tape)
        if all(hasattr(packet, "relative_seq") for packet in found):
            return found
    raise LabError(
        f"cannot draw a ladder of {given(tape)}",
        "Give a tape, a part of one (tape[2:5], tape.where(...), connection.packets) or a list of its packets"
        + ("; draw.bits(packet) draws one packet." if alone else "."),
    )


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


def twin(ladder: Ladder, title: str | None = None) -> str:
    """The ladder in words: packets in wire order, then what the sockets did, side by side rather than interleaved.

    Events and calls are listed apart: which of the two comes first is a race between threads, each list is not.
    """
    lines = [heading(ladder) if title is None else f"{visible(title)}: {heading(ladder)}"]
    if ladder.hidden:
        lines.append("  (segments that only acknowledge are not shown)")
    groups: Sequence[int | None] = [None]
    if len(ladder.groups) > 1:
        groups = range(len(ladder.groups))
    shown = ladder.shown
    pad = max([8, *(len(rung.flags) for rung in shown)])
    events, left = ladder.cut_events()
    one_client, labels = ladder.one_client, ladder.labels()
    for group in groups:
        if group is not None:
            port = labels[group]
            fixed = one_client and (0 < port < EPHEMERAL or port in ladder.ports)
            lines.append(f"{ladder.noun} {group + 1}" + (f", server:{port}" if fixed else ""))
        mine = [rung for rung in shown if group in (None, rung.group)]
        cut = ladder.left_out[0].number if ladder.left_out else None
        last: Rung | None = None
        for place, rung in enumerate(mine, 1):
            if cut is not None and rung.number > cut and (last is None or last.number < cut):
                lines.append(f"     ({left_out(ladder)})")
            elif last is not None and (name := stall(rung.time_ns - last.time_ns, timer=rung.pure_ack or rung.again)):
                lines.append(f"     (gap of {name} or more)")
            # Numbers count all packets of the tape; where others come between by chance, count these alone.
            number = rung.number if group is None and ladder.acks else place
            arrow = "client → server" if rung.right else "client ← server"
            line = f"{number:>3}  {arrow}  {rung.flags:<{pad}}  {rung.numbers}"
            if rung.size:
                line += f"  {count(rung.size, 'byte')}" if rung.numbers else count(rung.size, "byte")
            if rung.again:
                line += "  retransmission"  # only of what has numbers
            if rung.closed_window:
                line += "  window 0"
            if rung.opened:
                line += "  window open again"
            if rung.verdict is not None:
                line += f"  {visible(rung.verdict.words)}"
            lines.append(line.rstrip())
            last = rung
        lines += _told([event for event in events if group is None or ladder.group_of(event) == group])
    if groups[0] is not None and (rest := _told([event for event in events if ladder.group_of(event) is None])):
        lines += [f"of no one {ladder.noun}", *rest]
    if left:
        lines.append(f"  ({count(left, 'socket event')} in the part left out)")
    if ladder.origin:
        lines.append(f"tape: {ladder.origin}")
    return "\n".join(lines)


def _told(events: list[SocketEvent]) -> list[str]:
    """The lines of the twin that tell what the sockets did."""
    lines = []
    for who in ("client", "server"):
        for kind in ("event", "call"):
            told = [
                visible(name) if size is None else f"{visible(name)} {size}"
                for name, size in _joined(event for event in events if event.who == who and event.kind == kind)
            ]
            if told:
                lines.append(f"  {who} {kind}s: {', '.join(told)}")
    return lines


def _joined(events: Iterable[SocketEvent]) -> list[tuple[str, int | None]]:
    """Names and sizes, ``data`` in a row as one: into how many pieces a stream is cut is nobody's promise."""
    told: list[tuple[str, int | None]] = []
    for event in events:
        if told and event.name == "data" == told[-1][0] and event.size is not None and told[-1][1] is not None:
            told[-1] = ("data", told[-1][1] + event.size)
        else:
            told.append((event.name, event.size))
    return told


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
