"""What a ladder shows, before any pixel or word: rungs (one a packet), groups of them, and socket events.

Rule: no pixels here, and no sentences; packets keep the order of the file, whatever their times say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from labkit.core.checks import is_whole
from labkit.core.errors import LabError
from labkit.draw.text import duration, given, preview, visible
from labkit.packets.notes import REPEATED, UPDATE, ZERO_WINDOW

if TYPE_CHECKING:
    from labkit.packets.model import SocketEvent, Verdict
    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape

STALL_NS = 10_000_000  # silence from here on is a stall: drawn as a broken axis
LATE_NS = 10_000_000  # an arrival so long after the sending is told in the picture, never in the twin
_FILLER = 64  # bytes that are looked at to see whether a payload says anything


@dataclass(slots=True)
class Rung:
    """One packet as the ladder shows it.

    number: in its tape. time_ns: as in its packet, None without a time. at_ns: where it stands on the ladder's axis,
    never before the packet in front of it. right: sent by the client, so it points right. group: index of its
    connection. flags: TCP's flags in words, or the protocol's name. numbers: relative seq and ack. size: payload bytes.
    reset: carries RST. verdict: what a wire did to it. note: what TCP means by it, as in `Packet.note`; a window update
    is told only if it opens a closed window. opened: the first window above 0 again. closed_window: it tells the other
    side to send nothing for now, since the receiver has no room (RFC 9293 §3.8.6.1). ignored: a RST that nobody
    believes.
    """

    packet: Packet
    number: int
    time_ns: int | None
    at_ns: int
    right: bool
    group: int
    flags: str
    numbers: str
    size: int
    reset: bool
    verdict: Verdict | None = None
    note: str = ""
    opened: bool = False
    closed_window: bool = False
    ignored: bool = False

    @property
    def again(self) -> bool:
        """Its bytes, SYN or FIN were sent before."""
        return self.note in REPEATED

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
        return verdict.arrivals[0] if verdict.arrivals[0] > self.at_ns else None

    @property
    def pure_ack(self) -> bool:
        """It acknowledges and does nothing else."""
        return self.flags == "ACK" and self.size == 0

    @property
    def plain_ack(self) -> bool:
        """It acknowledges, and there is nothing to tell of it."""
        return self.pure_ack and self.quiet

    @property
    def quiet(self) -> bool:
        """Nothing happened to it, and TCP means nothing special by it."""
        return self.verdict is None and not self.note and not self.opened and not self.reset

    @property
    def means(self) -> str:
        """The note and the window in words, as picture and twin have them: ``"probe ACK, window 0"``."""
        if not self.note and not self.opened and not self.closed_window:
            return ""  # most of all packets: quick
        closed = self.closed_window and self.note != ZERO_WINDOW
        return ", ".join(filter(None, (self.note, "window 0" * closed, "window open again" * self.opened)))

    @property
    def below(self) -> tuple[str, str]:
        """What hangs below the arrow: a warning, and the start of the payload; each may be ``""``."""
        text = ""
        if self.size:
            data = self.packet.payload
            # A row of one character was sent for its length alone, which stands above the arrow.
            text = "" if len(data) >= _FILLER and data.count(data[0], 0, _FILLER) == _FILLER else preview(data, 32)
        if self.verdict is None and not self.note and not self.opened and not self.closed_window:
            return "", text
        warning = self.means + ": no room" * (self.note == ZERO_WINDOW)
        if self.verdict is not None:
            sent_ns = self.at_ns if self.time_ns is None else self.time_ns
            warning += (", " if warning else "") + _fate(self.verdict, sent_ns)
        return warning, text


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
class Fold:
    """Rungs that the picture shows as one row. rungs: adjacent ones of one group. words: what they are.

    data: they carry data, and are drawn as one arrow; else the row is a thin one.
    """

    rungs: list[Rung]
    words: str
    data: bool = False

    @property
    def first(self) -> Rung:
        """The rung whose place the row takes."""
        return self.rungs[0]


Item = Rung | Fold


@dataclass(slots=True)
class Group:
    """One connection, or one conversation of a protocol without connections. client, server: (address, port)."""

    client: tuple[str, int]
    server: tuple[str, int]
    connection: bool = True


@dataclass(slots=True)
class Ladder:
    """Everything a ladder says.

    items: its rows, all of them. head: index of the first row left out. left_out: rungs of the rows between head and
    tail. acks: numbers count all packets of the tape. hidden: rungs that were asked away. only: what was asked for
    (``"data"``), or ``""``. nobody: the server is not there.
    """

    items: list[Item]
    groups: list[Group]
    events: list[SocketEvent]
    origin: str
    acks: bool
    head: int
    left_out: list[Rung] = field(default_factory=list)
    hidden: int = 0
    ports: tuple[int, ...] = ()
    only: str = ""
    nobody: bool = False
    tail: int = 0

    @property
    def rungs(self) -> list[Rung]:
        """Every packet, also those in folded rows and those left out."""
        return flat(self.items)

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
    def rows(self) -> list[Item]:
        """The rows drawn: all, or the head and the tail of a long tape."""
        return self.items if not self.left_out else [*self.items[: self.head], *self.items[self.tail :]]

    @property
    def shown(self) -> list[Rung]:
        """The packets in the rows drawn."""
        return flat(self.rows)

    def cut_events(self) -> tuple[list[SocketEvent], int]:
        """The events to draw, and how many fall into the part left out."""
        if not self.left_out:
            return self.events, 0
        first, last = self.left_out[0].at_ns, self.left_out[-1].at_ns
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


def silence(before: Rung, after: Rung) -> int:
    """Nanoseconds between two packets that follow each other; negative if the clock went back, 0 if one has no time."""
    return 0 if before.time_ns is None or after.time_ns is None else after.time_ns - before.time_ns


def flat(items: list[Item]) -> list[Rung]:
    """The packets of these rows."""
    if Fold not in set(map(type, items)):
        return cast("list[Rung]", items)
    found: list[Rung] = []
    for item in items:
        if isinstance(item, Rung):
            found.append(item)
        else:
            found += item.rungs
    return found


def read(
    tape: Tape | Iterable[Packet], *, events: bool = True, acks: bool = True, limit: int | None = 80,
    only: str | None = None, rows: Callable[[list[Rung]], list[Item]] | None = None,
) -> Ladder:  # fmt: skip
    """Work out what a ladder of this tape shows.

    tape: a Tape, or any packets. events: with socket events. acks: with segments that only acknowledge. limit: most
    rows drawn; of a longer tape the first three quarters of that and the last quarter; None for all. only: what is
    shown, ``"data"``, or None for everything. rows: makes rows of all packets; without it each packet is one.
    """
    packets = _packets(tape)
    if limit is not None and not is_whole(limit):
        raise LabError(
            f"limit={given(limit)} is no number of packets", "Give a whole number, or None to draw all packets."
        )
    if only not in (None, "data"):
        raise LabError(
            f"only={given(only)} is nothing that a ladder can be limited to",
            'Give only="data": packets with payload, and those to which something happened. Leave it out for all.',
        )
    whole = _tape(tape)
    groups = _Groups(whole)
    closed: set[tuple[int, bool]] = set()  # sides whose window is closed
    every: list[Rung] = []
    # Events are placed by their times, so packets without one stand where the last packet with one does.
    at_ns = next((packet.time_ns for packet in packets if packet.time_ns is not None), 0)
    for packet in packets:
        if (time_ns := packet.time_ns) is not None and time_ns > at_ns:
            at_ns = time_ns
        rung = _rung(packet, at_ns, groups.of(packet))
        if rung.closed_window:
            closed.add((rung.group, rung.right))
        elif closed and (side := (rung.group, rung.right)) in closed:
            closed.discard(side)
            rung.opened = True
        every.append(rung)
    items: list[Item] = list(every) if rows is None else rows(every)
    if not acks:
        items = [item for item in items if isinstance(item, Fold) or not item.plain_ack]
    marks = sorted(whole.events, key=lambda event: event.time_ns) if events and whole is not None else []
    # A list of packets has no origin; the one a packet's tape had is kept by the packet, if it is kept at all.
    ladder = Ladder(
        items, groups.found, marks, "" if whole is None else visible(whole.origin), acks and not only, len(items),
        hidden=len(every) - len(flat(items)),
        ports=() if whole is None else tuple(whole.ports), only=only or "",
        nobody=whole is not None and _nobody(every, whole.events),
    )  # fmt: skip
    if limit is not None and len(items) > max(limit, 1):
        limit = max(limit, 1)
        ladder.head, ladder.tail = limit - limit // 4, len(items) - limit // 4
        ladder.left_out = flat(items[ladder.head : ladder.tail])
    return ladder


def _nobody(rungs: list[Rung], events: Iterable[SocketEvent]) -> bool:
    """Whether nobody is at the server's end: no socket of ours, and no answer but that nobody listens."""
    answers = [rung for rung in rungs if not rung.right]
    asked = next((rung for rung in rungs if rung.right), None)
    if not answers or asked is None or (asked.packet.flags and asked.flags != "SYN"):
        return False  # a part of a tape, which began with something else
    if not all(rung.reset or rung.flags.endswith("port unreachable") for rung in answers):
        return False
    return not any(event.who == "server" and event.time_ns >= rungs[0].at_ns for event in events)


class _Groups:
    """Finds out which packets belong together. found: the groups, in the order of their first packets."""

    def __init__(self, tape: Tape | None) -> None:
        self.found: list[Group] = []
        self._order: dict[Any, int] = {}  # connection or pair of addresses → index of its group
        self._connections: dict[int, tuple[Any, Group]] = {}  # by number of the packet: which of them, and its ends
        for which, connection in enumerate(() if tape is None else tape.connections):
            ends = Group(connection.client, connection.server)
            self._connections.update((packet.number, (which, ends)) for packet in connection.packets)

    def of(self, packet: Packet) -> int:
        """The index of the group that this packet belongs to."""
        whose = self._connections.get(packet.number)
        if whose is None:  # no TCP connection of the tape: a conversation is a pair of addresses
            ends = (packet.src, packet.dst) if packet.sender == "client" else (packet.dst, packet.src)
            client, server = packet.talk or ends
            whose = (client, server), Group(client, server, connection=False)
        group = self._order.setdefault(whose[0], len(self.found))
        if group == len(self.found):
            self.found.append(whose[1])
        return group


def _rung(packet: Packet, at_ns: int, group: int) -> Rung:
    """One packet as the ladder shows it, as far as it can be told without the others."""
    flags, numbers, size = packet.flags, "", packet.length
    if flags:
        numbers = f"seq={packet.seq}"
        if "ACK" in flags:
            numbers += f" ack={packet.ack}"
            if sack := packet.sack:
                numbers += " sack=" + ",".join(f"{left}-{right}" for left, right in sack)
    else:
        flags = visible(packet.what)
        if part := packet.fragment:
            numbers, size = f"bytes {part[0]}-{part[1] - 1}" + ("" if part[2] else ", the last"), 0
    note = packet.note
    reset = "RST" in flags
    return Rung(
        packet, packet.number, packet.time_ns, at_ns, packet.sender == "client", group, flags, numbers, size,
        reset, packet.verdict, "" if note == UPDATE else note, False,
        packet.window == 0 and not reset and "ACK" in flags,
    )  # fmt: skip


def _tape(tape: Any) -> Tape | None:
    """The tape itself if it is one; None for other rows of packets, which have no events, connections and origin."""
    return tape if hasattr(tape, "events") else None


def _packets(tape: Any) -> list[Packet]:
    """The packets to draw. Raises LabError for anything that is not a row of packets."""
    # A packet finds its layers by name, so that it can be mistaken for a sequence.
    alone = hasattr(tape, "time_ns") and hasattr(tape, "sender")
    if isinstance(tape, Iterable) and not alone and not isinstance(tape, (str, bytes, Mapping)):
        found = list(tape)
        if _tape(tape) is not None or all(hasattr(packet, "seq") for packet in found):
            return found
    raise LabError(
        f"cannot draw a ladder of {given(tape)}",
        "Give a tape, a part of one (tape[2:5], tape.where(...), connection.packets) or a list of its packets"
        + ("; draw.bits(packet) draws one packet." if alone else "."),
    )
