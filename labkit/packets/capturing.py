"""`capture`: the context manager that records the packets of some ports while its body runs.

Rule: the capture is ready when the body starts, complete when the body ends, and closed also after an exception.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.core import loop, secrets, watching
from labkit.core.calls import in_words
from labkit.core.checks import is_number, shown
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.packets import pcap, probe, recorded
from labkit.packets.bpf import MOST_PORTS
from labkit.packets.capture_file import Recording
from labkit.packets.conversations import Conversation, Conversations
from labkit.packets.frames import Frame, address, fragment_key, fragment_of, quick
from labkit.packets.marker import WAIT, Boundary, Marker, Source
from labkit.packets.model import SocketEvent, Verdict
from labkit.packets.paths import shown_path, this_platform
from labkit.packets.polling import Polled, wanted
from labkit.packets.ring import MEMORY_LIMIT, Ring
from labkit.packets.tape import Tape

if TYPE_CHECKING:
    from labkit.core.emitter import Ends
    from labkit.core.watching import Record

EVENTS_WAIT = 2.0
"""Seconds to wait for the ``close`` event of a socket whose connection is closed on the wire."""
BROKEN_WAIT = 0.5
"""Seconds to wait for the marker if an exception ends the capture: the student waits for the traceback."""

_NOTHING = "capture: no packet came by, though our sockets talked. Are they on a wire? Then it is wire.capture(...)"


@dataclass(frozen=True, slots=True)
class Options:
    """The checked arguments of `capture`. ports: None for all traffic."""

    ports: tuple[int, ...] | None
    name: str | None = None
    lesson: str | None = None
    iface: str | None = None
    timeout: float = 5.0
    wait_closed: bool = True
    limit: int = MEMORY_LIMIT

    def __post_init__(self) -> None:
        for what, value in (("name", self.name), ("lesson", self.lesson), ("iface", self.iface)):
            if value is not None and (not isinstance(value, str) or "\0" in value):
                raise LabError(f"{what}={shown(value)} is not text", f'Write it in quotes: {what}="…".')
        timeout, limit = self.timeout, self.limit
        if not is_number(timeout) or not 0 <= timeout < math.inf:
            raise LabError(f"timeout={shown(timeout)} is not a time to wait", "Give seconds, from 0.")
        if not isinstance(self.wait_closed, bool):
            what = f"wait_closed={shown(self.wait_closed)} is neither True nor False"
            raise LabError(what, "False does not wait at the end.")
        if type(limit) is not int or limit < 0:
            raise LabError(f"limit={shown(limit)} is not a number of bytes", "Give a whole number from 0.")
        if self.name is not None:
            recorded.recording_path(self.name, self.lesson, Path())  # checks the name before the body runs


@in_words
def capture(
    port: int | Iterable[int] | None = 8124,
    *,
    name: str | None = None,
    lesson: str | None = None,
    iface: str | None = None,
    timeout: float = 5.0,
    wait_closed: bool = True,
    limit: int = MEMORY_LIMIT,
) -> contextlib.AbstractContextManager[Tape]:
    """Capture the packets from and to a port while the ``with`` body runs; the tape is complete when it ends.

    port: TCP and UDP port, several of them, or None for all traffic of the interface. name: the recording to show if
    this machine cannot capture, ``data/<lesson>/<name>.pcapng``. lesson: default, the current one.
    iface: interface, default loopback. timeout: seconds to wait at the end for the connections to be closed (by FIN
    and ACK on both sides, or RST). wait_closed: False does not wait for that. limit: bytes of packets to keep.
    If the body raises, the capture ends at once, the tape has the packets until then, and the exception goes on.
    Raises `CaptureUnavailable` if there is neither a capture nor a recording, `LabError` for impossible arguments.
    """
    options = Options(checked_ports(port), name, lesson, iface, timeout, wait_closed, limit)
    tier = probe.best_tier()
    return replayed(name, lesson) if tier == "recorded" else _live(tier, options)


def checked_ports(port: int | Iterable[int] | None) -> tuple[int, ...] | None:
    """The ports to capture; None: all traffic. Raises `LabError` if a value is not a port."""
    if port is None:
        return None
    ports: tuple[Any, ...] = (port,)
    if isinstance(port, Iterable) and not isinstance(port, (str, bytes)):
        ports = tuple(islice(port, MOST_PORTS + 1))
    if not 0 < len(ports) <= MOST_PORTS or not all(type(each) is int and 0 < each < 65536 for each in ports):
        raise LabError(
            f"{shown(port)} is not a port to capture",
            f"Give a port from 1 to 65535, a list of at most {MOST_PORTS}, or None for everything.",
        )
    return ports


@contextlib.contextmanager
def replayed(name: str | None, lesson: str | None) -> Iterator[Tape]:
    """Fill the tape from a recording when the body has ended, because this machine cannot capture."""
    path = recorded.existing_recording(name, lesson)
    tape = Tape()
    with Polled() as tape.running:
        try:
            yield tape
        except GeneratorExit:  # no program holds the tape any more
            raise
        except BaseException:
            with contextlib.suppress(LabError, OSError):  # report the first error, not a damaged file
                _replay(tape, path)
            raise
        _replay(tape, path)


@in_words
def recording(name: str, *, lesson: str | None = None) -> Tape:
    """The recorded capture with this name, which replaces a live one if a machine cannot capture.

    lesson: default, the current one. Raises `CaptureUnavailable` if there is none, `LabError` if name is not a name.
    """
    if not isinstance(name, str):
        raise LabError(f"{shown(name)} is not the name of a recording", 'Give a text in quotes, such as "handshake".')
    tape = Tape()
    _replay(tape, recorded.existing_recording(name, lesson))
    return tape


def _replay(tape: Tape, path: Path, why: str = "") -> None:
    recording = pcap.load(path)
    tape.live = False
    tape._fill(recording, f"recorded from {shown_path(path)}" + (f": {why}" if why else ""))


def open_source(
    tier: str, iface: str | None, ports: Sequence[int] | None, marker: Marker, limit: int, *, endless: bool = False
) -> Source:
    """Start to capture by this tier; every frame after the return of this function is captured.

    limit: bytes to keep. endless: the limit holds for what has not been taken yet.
    """
    seen = None if ports is None else (*ports, marker.port)
    if tier in ("private", "direct"):
        try:
            ring = Ring(iface or "lo", seen, limit, endless=endless)
        except OSError as error:
            raise CaptureUnavailable(
                f"capturing on {iface or 'lo'} failed: {error.strerror}",
                "Run `labkit doctor`: it says what this machine allows.",
            ) from error
        if tier == "private":
            where = "" if iface in (None, "lo") else f"{iface} of "
            ring.origin = f"live from {where}this notebook's own network (AF_PACKET ring)"
        return ring
    from labkit.packets.tool import Tool

    return Tool.start(iface, seen, marker, limit, endless=endless)


@contextlib.contextmanager
def _live(tier: str, options: Options) -> Iterator[Tape]:
    with contextlib.ExitStack() as undo:
        marker = Marker()
        undo.callback(marker.close)
        source = open_source(tier, options.iface, options.ports, marker, options.limit)
        undo.callback(source.close)
        place = Place(source, marker, loopback=options.iface in (None, "lo", "lo0"))
        yield undo.enter_context(taped(place, options))


@dataclass(frozen=True, slots=True)
class Place:
    """The source of a capture, and the facts known there besides the frames.

    source: gives the frames. marker: proves that no earlier frame is missing. loopback: whether the marker works on
    this source. verdicts: what a wire did to the frames, by index. instead: takes the frames and what our sockets did;
    returns the recording to show in their place, and why (None: show the frames). nothing: the line to print if no
    packet came by though our sockets talked.
    """

    source: Source
    marker: Boundary
    loopback: bool = True
    verdicts: Callable[[Sequence[Frame]], Mapping[int, Verdict]] = lambda frames: {}
    instead: Callable[[Sequence[Frame], Sequence[SocketEvent]], tuple[Path, str] | None] = lambda frames, events: None
    nothing: str = _NOTHING


@contextlib.contextmanager
def taped(place: Place, options: Options) -> Iterator[Tape]:
    """Capture at a place while the body runs; the rest is as in `capture`."""
    ports = options.ports
    tape = Tape(live=True)
    with contextlib.ExitStack() as undo:
        source = undo.enter_context(Polled(place.source, place.marker, ports, place.verdicts))
        tape.running = source
        records = watching.watch()
        undo.callback(watching.unwatch, records)
        ending = _Ending(source, place.marker, ports, loopback=place.loopback)

        def fill(origin: str) -> None:
            loop.catch_up()  # a datagram that has arrived reaches its socket's handlers a moment later
            watching.unwatch(records)
            events = _events(records, ports, ending.talk.connections)
            if stand_in := place.instead(ending.frames, events):
                _replay(tape, *stand_in)
                return
            touched = place.verdicts(ending.frames)
            recording = Recording(ending.frames, events, source.drops(), ports or (), this_platform(), verdicts=touched)
            tape._fill(recording, origin, secrets.lines())

        try:
            yield tape
            source.take_over()
            open_still = ending.finish(options.timeout if options.wait_closed else 0.0)
            if options.wait_closed:
                ending.wait_for_events(records)
        except GeneratorExit:  # no program holds the tape any more
            raise
        except BaseException as error:  # also Ctrl-C: the packets until now show the cause
            source.take_over()
            with contextlib.suppress(Exception):
                ending.finish(0.0, BROKEN_WAIT)
            with contextlib.suppress(LabError, OSError):  # report the first error, not a missing or damaged recording
                fill(f"{source.origin}, cut short by {type(error).__name__}")
            raise
        fill(source.origin)
    if not tape:
        _tell_why_empty(tape, ports, _events(records, None, ()), place.nothing)
    if open_still:
        print(
            f"capture: waited {options.timeout:g} s, since a connection is still open; "
            "capture(..., wait_closed=False) does not wait"
        )
    _record(tape, options.name, options.lesson)


def _tell_why_empty(tape: Tape, ports: tuple[int, ...] | None, talk: Sequence[SocketEvent], nothing: str) -> None:
    """Print why a tape has no packets, if the events of our sockets show the reason."""
    if any(event.remote for event in tape.events):
        print(nothing)
        return
    ends = [event.local if event.who == "server" else event.remote for event in talk if event.remote]
    others = sorted({end[1] for end in ends if end is not None})
    if ports and others:
        print(f"capture: no packet of port {_listed(ports)} came by; our sockets talked on port {_listed(others[:8])}")


def _listed(ports: Sequence[int]) -> str:
    return ", ".join(map(str, ports))


class _Ending:
    """The end of a capture: read up to the marker, wait for the connections to close, read up to a second marker."""

    def __init__(self, source: Source, marker: Boundary, ports: tuple[int, ...] | None, loopback: bool) -> None:
        self.source, self.marker, self.loopback = source, marker, loopback
        self.ports = None if ports is None else frozenset(ports)
        self.frames: list[Frame] = []
        self.talk = Conversations(ports or ())

    def finish(self, timeout: float, marker_wait: float = WAIT) -> bool:
        """Move all frames to `frames`.

        timeout: seconds to wait for connections that are still open. marker_wait: seconds to wait for the marker.
        Returns whether a connection was still open after the whole timeout.
        """
        deadline = time.monotonic() + timeout
        self._flush(marker_wait)
        waited = in_vain = False
        while self._open():
            left = deadline - time.monotonic()
            if left <= 0 or self.source.full:
                in_vain = waited and left <= 0
                break
            waited = True
            self.source.wait(left)
            self._keep(self.source.take())
        if waited:
            self._flush(marker_wait)
        self._leave_out_foreign_fragments()
        return in_vain and self._open()

    def _leave_out_foreign_fragments(self) -> None:
        """Drop fragments whose first fragment was not captured: only that one has ports, and the filter passes ours.

        This is known only at the end, because another fragment may overtake the first one on a wire.
        """
        if self.ports is None or not any(packet.protocol.endswith("(fragment)") for packet in self.talk.quick):
            return
        parsed = [(frame, quick(frame[1], frame[2])) for frame in self.frames]
        cut = [(frame, packet) for frame, packet in parsed if fragment_of(frame[1], packet) is not None]
        firsts = {fragment_key(frame[1], packet) for frame, packet in cut if not packet.protocol.endswith("(fragment)")}
        foreign = {id(frame) for frame, packet in cut if fragment_key(frame[1], packet) not in firsts}
        self.frames = [frame for frame in self.frames if id(frame) not in foreign]

    def _flush(self, marker_wait: float) -> None:
        if not self.loopback:  # the marker goes over loopback, so it never comes on another interface
            self.source.wait(0.05)
            self._keep(self.source.take())
            return
        fresh: list[Frame] = []
        self.marker.behind = ()
        try:
            self.marker.read_up_to(self.source, fresh, marker_wait)
        finally:  # frames taken from the source are only here
            self._keep(fresh)
            self._keep(self.marker.behind)

    def _keep(self, fresh: Sequence[Frame]) -> None:
        kept = [frame for frame in fresh if not self.marker.owns(frame[1]) and wanted(frame, self.ports)]
        self.frames += kept
        self.talk.feed(kept)

    def _open(self) -> bool:
        """Whether a connection that began or began to end in this capture is not closed yet."""
        return any((flow.syn or flow.closing) and not flow.closed for flow in self.talk.connections)

    def wait_for_events(self, records: list[Record]) -> None:
        """Wait until the sockets of closed connections have emitted ``close``, which comes after the last packet.

        A message of HTTP is a source of records too, and says no ``close``: its socket does, which has the same ends.
        """
        closed = {frozenset((_text(flow.client), _text(flow.server))) for flow in self.talk.connections if flow.closed}
        deadline = time.monotonic() + EVENTS_WAIT
        while time.monotonic() < deadline:
            seen = [(record.name, record.source.endpoint()) for record in list(records)]
            waiting = {(ends[0], self._ends(ends)) for _, ends in seen if self._ends(ends) in closed}
            if waiting <= {(ends[0], self._ends(ends)) for name, ends in seen if name == "close"}:
                return
            time.sleep(0.001)

    @staticmethod
    def _ends(endpoint: Ends) -> frozenset[tuple[str, int]]:
        _, local, remote = endpoint
        return frozenset(end for end in (_pair(local), _pair(remote)) if end is not None)


def _text(side: tuple[bytes, int]) -> tuple[str, int]:
    return address(side[0]), side[1]


def _events(
    records: list[Record], ports: tuple[int, ...] | None, connections: Sequence[Conversation]
) -> tuple[SocketEvent, ...]:
    """The events of our sockets that belong to the ports or the connections of this capture."""
    sides = {_text(side) for flow in connections for side in (flow.client, flow.server)}
    events = []
    for time_ns, source, event, size, kind, detail in list(records):
        who, local, remote = source.endpoint()
        if who not in ("client", "server"):
            continue
        local, remote = _pair(local), _pair(remote)
        ends = [end for end in (local, remote) if end is not None]
        if any(ports is None or end[1] in ports or end in sides for end in ends):
            events.append(SocketEvent(time_ns, who, event, size, kind, local, remote, detail))
    return tuple(events)


def _pair(end: Any) -> tuple[str, int] | None:
    """(address, port) of a socket's address; an IPv6 address has two more numbers."""
    return None if end is None else (str(end[0]), int(end[1]))


def _record(tape: Tape, name: str | None, lesson: str | None) -> None:
    """Save a named capture in the directory of ``LABKIT_RECORD=DIR`` too."""
    if (path := recorded.asked_for(name, lesson)) is not None:
        tape.save(path)
