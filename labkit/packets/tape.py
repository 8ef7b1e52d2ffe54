"""A capture as a sequence of packets, with its connections and the events of our sockets.

Rule: a packet is made when it is first used; a tape of some of the packets keeps their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import BadCapture, LabError, NoSuchPacket
from labkit.core.files import write_whole
from labkit.packets import pcap, pcapng
from labkit.packets.capture_file import Recording
from labkit.packets.conversations import Conversation
from labkit.packets.match import APPLICATIONS, Conditions
from labkit.packets.messages import Message, Sides
from labkit.packets.model import VERDICTS, SocketEvent
from labkit.packets.packet import Packet
from labkit.packets.paths import as_path, shown_path
from labkit.packets.tape_shared import Shared
from labkit.packets.websocket_frame import WebSocketFrame

if TYPE_CHECKING:
    from labkit.packets.polling import Polled
    from labkit.packets.talk import Talk
    from labkit.packets.tls_keys import KeyLog
    from labkit.packets.tls_messages import TLSMessage
    from labkit.packets.tls_records import Record

_Fact = TypeVar("_Fact")
_Said = TypeVar("_Said", bound="Record | TLSMessage")


class Tape(Sequence[Packet]):
    """Captured packets, in the order in which the kernel saw them.

    origin: their source, ``"live from lo (AF_PACKET ring)"`` or ``"recorded from data/…"``.
    live: captured on this machine just now. events: what our own sockets did during the capture.
    drops: frames that were lost during the capture. ports: captured ones, () for all. missing: what the capture file
    should hold and does not (a file that is cut off), as a sentence; ``""`` if nothing is missing.
    running: the capture that will fill it, until it has; None for every other tape.
    """

    __slots__ = (
        "_indices", "_shared", "drops", "events", "live", "missing", "origin", "platform", "ports", "running",
    )  # fmt: skip

    def __init__(self, recording: Recording | None = None, *, origin: str = "", live: bool = False) -> None:
        self.live = live
        self.running: Polled | None = None
        self._fill(recording or Recording(), origin)

    def _fill(self, recording: Recording, origin: str, said: Sequence[bytes] = ()) -> None:
        """Give the tape its packets; `capture` does this when the ``with`` body has ended. said: key log lines."""
        self.running = None
        self._indices: Sequence[int] = range(len(recording.frames))
        self.events = recording.events
        self.drops = recording.drops
        self.ports = recording.ports
        self.platform = recording.platform
        self.missing = recording.missing
        if recording.drops:
            origin += f", {recording.drops} {'frame' if recording.drops == 1 else 'frames'} lost"
        if recording.missing:
            origin += f", not whole: {recording.missing}"
        self.origin = origin
        self._shared = Shared(recording, self.origin, said, lambda flow: self._connection(flow, flow.packets))

    # -- a sequence of packets

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Packet: ...
    @overload
    def __getitem__(self, index: slice) -> Tape: ...
    def __getitem__(self, index: int | slice) -> Packet | Tape:
        if isinstance(index, slice):
            part = self._part(self._indices[index])
            part.events = self._events_around(part._indices)
            return part
        try:
            return self._shared.packet(self._indices[index])
        except IndexError:
            raise NoSuchPacket(
                f"this tape has {len(self)} packets, there is no packet at index {index}",
                "Run the cell that captures it first." if not len(self) else "",
            ) from None

    def _events_around(self, indices: Sequence[int]) -> tuple[SocketEvent, ...]:
        """The events from the first of these packets to the packet after the last; all earlier ones for packet 1."""
        if not indices:
            return ()
        mine = self._indices
        first, after = min(indices), max(indices) + 1
        since = self._time_from(first) if mine and first > min(mine) else None
        until = self._time_from(after) if mine and after <= max(mine) else None
        return tuple(
            each
            for each in self.events
            if (since is None or since <= each.time_ns) and (until is None or each.time_ns < until)
        )

    def _time_from(self, index: int) -> int | None:
        """The time of this frame in ns; if it has none, that of the next frame with a time; None if there is none."""
        frames = self._shared.recording.frames
        return next((frame[0] for frame in frames[index:] if frame[0] is not None), None)

    def __iter__(self) -> Iterator[Packet]:
        for index in self._indices:
            yield self._shared.packet(index)

    @property
    def packets(self) -> Sequence[Packet]:
        """The packets: the tape itself."""
        return self

    def _part(self, indices: Sequence[int]) -> Tape:
        part = Tape(origin="", live=self.live)
        part._shared, part._indices = self._shared, indices
        part.events, part.origin, part.drops = self.events, self.origin, self.drops
        part.ports, part.platform, part.missing = self.ports, self.platform, self.missing
        return part

    @in_words
    def where(
        self,
        *,
        has: str | None = None,
        only: str | None = None,
        sender: str | None = None,
        port: int | None = None,
        payload: bool | None = None,
        protocol: str | None = None,
        verdict: str | None = None,
    ) -> Tape:
        """Return the tape of the packets for which all conditions hold; they keep their numbers.

        has: at least these TCP flags, by name: ``"SYN"`` finds SYN and SYN, ACK. only: these and no others:
        ``only="SYN"``, ``only="FIN, ACK"``. sender: ``"client"`` or ``"server"``. port: source or destination.
        payload: with (True) or without (False) payload. protocol: ``"TCP"``, ``"UDP"``, ``"ICMP"``, …; ``"HTTP"``,
        ``"DNS"`` and ``"WebSocket"`` find the packets that bring bytes of such a message. verdict: what a wire did to
        them, by the kind of `Verdict`: ``"dropped"``. Raises LabError for a value that no packet can have.
        """
        known, verdicts = self._shared.conversations, self._shared.recording.verdicts
        name = protocol.lower() if isinstance(protocol, str) else None
        application = next((each for each in APPLICATIONS if each.lower() == name), None)
        protocol = None if application else protocol
        conditions = Conditions(sender, has, only, payload, port, protocol)
        if verdict is not None and verdict not in VERDICTS:
            raise LabError(
                f"no wire does {shown(verdict)} to a packet",
                f"verdict is one of {', '.join(VERDICTS)}; leave verdict out to get all packets.",
            )
        found = []
        for index in self._indices:
            if verdict is not None and (index not in verdicts or verdicts[index].kind != verdict):
                continue
            packet = self._shared.packet(index)
            if application is not None and not packet.carries(application):
                continue
            if conditions.fits(known.quick[index], packet.sender, packet.length):
                found.append(index)
        return self._part(found)

    def filter(self, text: str) -> Tape:
        """Return the tape of the packets that match a display filter of Wireshark: ``"tcp.flags.syn == 1"``."""
        from labkit.packets.filters import chosen  # most tapes are never filtered
        return self._part(chosen(text, self, self._shared))

    @in_words
    def first(self, **conditions: Any) -> Packet:
        """Return the first packet for which all conditions hold, those of `where`: ``tape.first(has="FIN")``.

        Raises LabError, with the conditions, if no packet of this tape fits.
        """
        found = self.where(**conditions)
        if found:
            return found[0]
        raise LabError(f"no packet of this tape ({_counted(len(self))}) fits{_named(conditions)}", _CAPTURE_AGAIN)

    @in_words
    def after(self, packet: Packet, **conditions: Any) -> Packet:
        """Return the first packet behind this one for which all conditions hold, those of `where`.

        packet: a packet of the same capture: ``tape.after(fin, sender="server")``. Raises LabError if none fits, or if
        packet is not a packet.
        """
        if not isinstance(packet, Packet):
            raise LabError(f"{shown(packet)} is not a packet", "Give one: tape.after(tape[0], sender='server').")
        for each in self.where(**conditions):
            if each.number > packet.number:
                return each
        raise LabError(f"no packet behind packet {packet.number} of this tape fits{_named(conditions)}", _CAPTURE_AGAIN)

    @property
    def arrived(self) -> tuple[Packet, ...]:
        """The packets as their receivers got them: no dropped ones, duplicated ones twice, in the order of arrival.

        For a wire without a delay of its own, whose other packets arrive when they are sent.
        """
        times: list[tuple[int, int, Packet]] = []
        last = 0
        for place, packet in enumerate(self):
            last = last if packet.time_ns is None else packet.time_ns  # a packet without a time keeps its place
            at = (last,) if packet.verdict is None else packet.verdict.arrivals
            times += [(arrival, place, packet) for arrival in at]
        return tuple(packet for _, _, packet in sorted(times, key=lambda item: item[:2]))

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The TCP connections, in order of their first packet."""
        mine = set(self._indices)
        return tuple(self._connection(flow, kept) for flow, kept in self._connections(mine))

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages in the TCP connections, in the order of the packets that completed them.

        Of a tape of some of the packets: those of which one of these packets brought bytes.
        """
        shared, mine = self._shared, set(self._indices)
        found = [each for flow, _ in self._connections(mine) for each in shared.talk(flow).messages]
        if len(mine) < len(shared.recording.frames):
            found = [each for each in found if not mine.isdisjoint(number - 1 for number in each.packets)]
        return tuple(sorted(found, key=lambda each: each.completed_by))

    @property
    def frames(self) -> tuple[WebSocketFrame, ...]:
        """The WebSocket frames among the `messages`."""
        return tuple(each for each in self.messages if isinstance(each, WebSocketFrame))

    @property
    def records(self) -> tuple[Record, ...]:
        """The TLS records in the TCP connections, in the order of the packets that completed them; as `messages`."""
        return self._spoken(lambda talk: talk.tls.records if talk.tls is not None else ())

    @property
    def handshake(self) -> tuple[TLSMessage, ...]:
        """The handshake messages of TLS, and its alerts, in the order of the packets that completed them."""
        return self._spoken(lambda talk: talk.tls.messages if talk.tls is not None else ())

    def _spoken(self, of: Callable[[Talk], tuple[_Said, ...]]) -> tuple[_Said, ...]:
        shared, mine = self._shared, set(self._indices)
        found = [each for flow, _ in self._connections(mine) for each in of(shared.talk(flow))]
        if len(mine) < len(shared.recording.frames):
            found = [each for each in found if not mine.isdisjoint(number - 1 for number in each.packets)]
        return tuple(sorted(found, key=lambda each: each.completed_by))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key log lines of its TLS connections: whoever has them can read what was encrypted.

        A live tape has those that TLS sockets of this program wrote; a tape from a file those in the file. Source:
        RFC 9850 (SSLKEYLOGFILE).
        """
        return tuple(line.decode("ascii") for line in self._lines(self._shared.log))

    def _lines(self, log: KeyLog) -> list[bytes]:
        """Those lines of a key log that belong to its connections."""
        talks = [self._shared.talk(flow) for flow, _ in self._connections(set(self._indices))]
        randoms = [random for talk in talks if talk.tls is not None for random in talk.tls.session.randoms]
        return list(dict.fromkeys(line for random in randoms for line in log.lines(random)))

    def without_secrets(self) -> Tape:
        """The same packets without the keys, as everybody else on the way has seen them."""
        return self._with(replace(self._kept(), secrets=()))

    @in_words
    def with_secrets(self, secrets: str | Path | Iterable[str]) -> Tape:
        """The same packets with the keys of a key log.

        secrets: the path of its file (SSLKEYLOGFILE), or its lines. Raises LabError if the file cannot be read, or none
        of its lines has the form of a key log's.
        """
        from labkit.packets.tls_keys import KEY_LOG, key_log

        lines = key_log(secrets)
        kept = self._kept()
        return self._with(replace(kept, secrets=(*kept.secrets, (KEY_LOG, b"\n".join(lines) + b"\n"))))

    def _with(self, recording: Recording) -> Tape:
        tape = Tape(live=self.live)
        tape._fill(recording, self.origin)
        tape.origin = tape._shared.origin = self.origin
        return tape

    def _connection(self, flow: Conversation, kept: list[int]) -> Connection:
        return Connection(self._part(kept), self._shared.talk(flow))

    def _connections(self, mine: set[int]) -> Iterator[tuple[Conversation, list[int]]]:
        for flow in self._shared.conversations.connections:
            kept = [index for index in flow.packets if index in mine]
            if kept:
                yield flow, kept

    # -- files

    @in_words
    def save(self, path: str | Path, *, secrets: bool = True) -> Path:
        """Write the packets and the events to a pcapng file, which Wireshark opens as it is; returns its path.

        The file keeps what a wire did to a packet, and Wireshark shows it as the packet's comment. secrets: also the
        key log lines of its TLS connections: whoever has the file can read them; leave them out of a file for others.
        Raises `LabError` if the path cannot be written.
        """
        path = as_path(path)
        kept = self._kept()
        try:
            write_whole(path, pcapng.encode(kept if secrets else replace(kept, secrets=())))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise LabError(f"{path} cannot be written ({reason})", "Give a path where you may write files.") from None
        return path

    def _kept(self) -> Recording:
        """What a file of this tape holds."""
        recording = self._shared.recording
        said: tuple[tuple[int, bytes], ...] = ()
        if self._shared.said:
            from labkit.packets.tls_keys import KEY_LOG, KeyLog

            lines = self._lines(KeyLog(self._shared.said))
            said = ((KEY_LOG, b"\n".join(lines) + b"\n"),) if lines else ()
        return Recording(
            [recording.frames[index] for index in self._indices],
            self.events,
            self.drops,
            self.ports,
            self.platform,
            (*recording.secrets, *said),
            self._for_mine(recording.verdicts),
            self._for_mine(recording.fcs_lengths),
            recording.missing,
        )

    def _for_mine(self, facts: Mapping[int, _Fact]) -> dict[int, _Fact]:
        """The facts about this tape's frames, by their index in this tape."""
        return {place: facts[index] for place, index in enumerate(self._indices) if index in facts}

    @classmethod
    @in_words
    def load(cls, path: str | Path) -> Tape:
        """Read a pcapng or pcap file, also one that gzip has compressed.

        A file that is cut off gives the whole packets, and `Tape.missing` says what is missing. Raises `BadCapture` if
        the file is damaged or does not exist.
        """
        path = as_path(path)
        try:
            recording = pcap.load(path)
        except (OSError, ValueError) as error:
            if isinstance(error, BadCapture):
                raise
            reason = getattr(error, "strerror", None) or error
            raise BadCapture(f"{path} cannot be read ({reason})", "Check the path of the capture file.") from None
        return cls(recording, origin=f"recorded from {shown_path(path)}")

    def __repr__(self) -> str:
        connections = len(list(self._connections(set(self._indices))))
        parts = [_counted(len(self))]
        if connections:
            parts.append("1 connection" if connections == 1 else f"{connections} connections")
        return f"<Tape of {', '.join(parts)}, {self.origin or 'still being captured'}>"


class Connection(Sides):
    """One TCP connection of a tape. client, server: (address, port). packets: the tape of its packets.

    Two objects for the same connection are equal, also if they come from different parts of a tape.
    """

    __slots__ = ("packets",)

    def __init__(self, packets: Tape, talk: Talk) -> None:
        super().__init__(talk)
        self.packets = packets

    @property
    def frames(self) -> tuple[WebSocketFrame, ...]:
        """The WebSocket frames among the `messages`."""
        return tuple(each for each in self.messages if isinstance(each, WebSocketFrame))


_CAPTURE_AGAIN = "Run the cell that captures again, or look at the tape: `list(tape)`."


def _counted(packets: int) -> str:
    return "1 packet" if packets == 1 else f"{packets} packets"


def _named(conditions: Mapping[str, Any]) -> str:
    """The conditions of a search, as a student has written them: ``" has='FIN', sender='client'"``."""
    return " " + ", ".join(f"{name}={shown(value)}" for name, value in conditions.items()) if conditions else ""
