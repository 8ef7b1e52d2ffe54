"""`capture`: the context manager that records what happens on some ports while its body runs.

Rule: ready when the body starts, complete when it ends, closed whatever happens in between.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.core import loop, watching
from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.packets import pcap, probe, recorded
from labkit.packets.bpf import MOST_PORTS
from labkit.packets.capture_file import Recording
from labkit.packets.conversations import Conversations, Flow
from labkit.packets.frames import Frame, address, fragment_key, fragment_of, quick, quoted
from labkit.packets.marker import WAIT, Boundary, Marker, Source
from labkit.packets.model import SocketEvent, Verdict
from labkit.packets.ring import MEMORY_LIMIT, Ring
from labkit.packets.tape import Tape, shown_path, this_platform

if TYPE_CHECKING:
    from labkit.core.emitter import Ends
    from labkit.core.watching import Record

EVENTS_WAIT = 0.5
"""Seconds to wait for the ``close`` event of a socket whose connection is closed on the wire."""
BROKEN_WAIT = 0.5
"""Seconds to wait for the marker where an exception ends the capture: the student waits for the traceback."""

_NOTHING = "capture: no packet came by, though our sockets talked. Are they on a wire? Then it is wire.capture(...)"


@dataclass(frozen=True, slots=True)
class Options:
    """What a capture is asked for; the arguments of `capture`, checked. ports: None for all traffic."""

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
                raise LabError(f"{what}={shown(value)} is no text", f'Write it in quotes: {what}="…".')
        timeout, limit = self.timeout, self.limit
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout < math.inf:
            raise LabError(f"timeout={shown(timeout)} is no time to wait", "Give seconds, from 0.")
        if not isinstance(self.wait_closed, bool):
            what = f"wait_closed={shown(self.wait_closed)} is neither True nor False"
            raise LabError(what, "False does not wait at the end.")
        if type(limit) is not int or limit < 0:
            raise LabError(f"limit={shown(limit)} is no number of bytes", "Give a whole number from 0.")
        if self.name is not None:
            recorded.recording_path(self.name, self.lesson, Path())  # an impossible name is told before the body runs


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

    port: TCP and UDP port, several of them, or None for all traffic of the interface. name: the recording that stands
    in if this machine cannot capture, ``data/<lesson>/<name>.pcapng``. lesson: default, the one that runs.
    iface: interface, default loopback. timeout: seconds to wait at the end for the connections to be closed (by FIN
    and ACK on both sides, or RST). wait_closed: False does not wait for that. limit: bytes of packets to keep.
    An exception in the body ends the capture at once and goes on its way; the tape has what was seen until then.
    Raises `CaptureUnavailable` if there is neither a capture nor a recording, `LabError` for impossible arguments.
    """
    options = Options(checked_ports(port), name, lesson, iface, timeout, wait_closed, limit)
    tier = probe.best_tier()
    return replayed(name, lesson) if tier == "recorded" else _live(tier, options)


def checked_ports(port: int | Iterable[int] | None) -> tuple[int, ...] | None:
    """The ports a capture is asked for; None: all traffic. Raises `LabError` for what is no port."""
    if port is None:
        return None
    ports: tuple[Any, ...] = (port,)
    if isinstance(port, Iterable) and not isinstance(port, (str, bytes)):
        ports = tuple(islice(port, MOST_PORTS + 1))
    if not 0 < len(ports) <= MOST_PORTS or not all(type(each) is int and 0 < each < 65536 for each in ports):
        raise LabError(
            f"{shown(port)} is nothing to capture",
            f"Give a port from 1 to 65535, a list of at most {MOST_PORTS}, or None for everything.",
        )
    return ports


@contextlib.contextmanager
def replayed(name: str | None, lesson: str | None) -> Iterator[Tape]:
    """Fill the tape from a recording when the body has ended: what stands in where nothing can be captured."""
    path = recorded.existing_recording(name, lesson)
    tape = Tape()
    try:
        yield tape
    except GeneratorExit:  # nobody holds the tape any more
        raise
    except BaseException:
        with contextlib.suppress(LabError, OSError):  # a damaged file is not what went wrong first
            _replay(tape, path)
        raise
    _replay(tape, path)


@in_words
def recording(name: str, *, lesson: str | None = None) -> Tape:
    """The recorded capture with this name, which stands in if a machine cannot capture.

    lesson: default, the one that runs. Raises `CaptureUnavailable` if there is none, `LabError` for what is no name.
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


def open_source(tier: str, iface: str | None, ports: Sequence[int] | None, marker: Marker, limit: int) -> Source:
    """Start capturing by this tier; frames are seen from the moment this returns."""
    seen = None if ports is None else (*ports, marker.port)
    if tier in ("private", "direct"):
        try:
            ring = Ring(iface or "lo", seen, limit)
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

    return Tool.start(iface, seen, marker, limit)


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
    """Where a capture takes place, and what is known there besides the frames.

    source: gives the frames. marker: tells that nothing sent before it is missing. loopback: whether that works on this
    source. verdicts: what was done on the way to which of the frames, by index, if the source is a wire. instead: says,
    given these frames and what our sockets did, which recording is to be shown in their place, and why (None: they are
    shown). nothing: what is printed if no packet came by though our sockets talked.
    """

    source: Source
    marker: Boundary
    loopback: bool = True
    verdicts: Callable[[Sequence[Frame]], Mapping[int, Verdict]] = lambda frames: {}
    instead: Callable[[Sequence[Frame], Sequence[SocketEvent]], tuple[Path, str] | None] = lambda frames, events: None
    nothing: str = _NOTHING


@contextlib.contextmanager
def taped(place: Place, options: Options) -> Iterator[Tape]:
    """Record what happens at a place while the body runs; the rest is as in `capture`."""
    source, ports = place.source, options.ports
    tape = Tape(live=True)
    with contextlib.ExitStack() as undo:
        records = watching.watch()
        undo.callback(watching.unwatch, records)
        ending = _Ending(source, place.marker, ports, loopback=place.loopback)

        def fill(origin: str) -> None:
            loop.catch_up()  # a datagram that has arrived is told to its socket a moment later
            watching.unwatch(records)
            events = _events(records, ports, ending.talk.connections)
            if stand_in := place.instead(ending.frames, events):
                _replay(tape, *stand_in)
                return
            touched = place.verdicts(ending.frames)
            recording = Recording(ending.frames, events, source.drops(), ports or (), this_platform(), verdicts=touched)
            tape._fill(recording, origin)

        try:
            yield tape
            open_still = ending.finish(options.timeout if options.wait_closed else 0.0)
            if options.wait_closed:
                ending.wait_for_events(records)
        except GeneratorExit:  # nobody holds the tape any more
            raise
        except BaseException as error:  # also Ctrl-C: what was seen is what shows why
            with contextlib.suppress(Exception):
                ending.finish(0.0, BROKEN_WAIT)
            with contextlib.suppress(LabError, OSError):  # no recording, or a damaged one, is not what went wrong first
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
    """Say what kept packets from a tape, where what our sockets did meanwhile shows it."""
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
        """Move every frame there is to `frames`.

        timeout: seconds to wait for connections that are still open. marker_wait: seconds to wait for the marker.
        Returns whether it waited to the end for a connection that is open still.
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
        """Only the first fragment of a packet has the ports: those without it belong to ports that were not asked for.

        Known at the end alone, since a wire may let the first one be overtaken.
        """
        if self.ports is None or not any(packet.protocol.endswith("(fragment)") for packet in self.talk.quick):
            return
        parsed = [(frame, quick(frame[1], frame[2])) for frame in self.frames]
        cut = [(frame, packet) for frame, packet in parsed if fragment_of(frame[1], packet) is not None]
        firsts = {fragment_key(frame[1], packet) for frame, packet in cut if not packet.protocol.endswith("(fragment)")}
        foreign = {id(frame) for frame, packet in cut if fragment_key(frame[1], packet) not in firsts}
        self.frames = [frame for frame in self.frames if id(frame) not in foreign]

    def _flush(self, marker_wait: float) -> None:
        if not self.loopback:  # the marker goes over loopback: on another interface it would never come
            self.source.wait(0.05)
            self._keep(self.source.take())
            return
        fresh: list[Frame] = []
        self.marker.behind = ()
        try:
            self.marker.read_up_to(self.source, fresh, marker_wait)
        finally:  # what was taken from the source is nowhere else
            self._keep(fresh)
            self._keep(self.marker.behind)

    def _keep(self, fresh: Sequence[Frame]) -> None:
        kept = [frame for frame in fresh if not self.marker.owns(frame[1]) and self._wanted(frame)]
        self.frames += kept
        self.talk.feed(kept)

    def _wanted(self, frame: Frame) -> bool:
        """What the kernel's filter cannot tell: errors about other ports, the marker's port in TCP."""
        if self.ports is None:
            return True
        packet = quick(frame[1], frame[2])
        if packet.sport or packet.dport:
            return packet.sport in self.ports or packet.dport in self.ports
        about = quoted(frame[1], packet)
        return about is None or about.sport in self.ports or about.dport in self.ports

    def _open(self) -> bool:
        """Whether a connection is on its way to its end. One that was open before and stays so is left alone."""
        return any((flow.syn or flow.closing) and not flow.closed for flow in self.talk.connections)

    def wait_for_events(self, records: list[Record]) -> None:
        """Wait until the sockets of the closed connections have emitted ``close``: the wire is faster than they are."""
        closed = {frozenset((_text(flow.client), _text(flow.server))) for flow in self.talk.connections if flow.closed}
        deadline = time.monotonic() + EVENTS_WAIT
        while time.monotonic() < deadline:
            seen = list(records)
            done = {id(record.source) for record in seen if record.name == "close"}
            waiting = {id(record.source) for record in seen if self._ends(record.source.endpoint()) in closed}
            if waiting <= done:
                return
            time.sleep(0.001)

    @staticmethod
    def _ends(endpoint: Ends) -> frozenset[tuple[str, int]]:
        _, local, remote = endpoint
        return frozenset(end for end in (_pair(local), _pair(remote)) if end is not None)


def _text(side: tuple[bytes, int]) -> tuple[str, int]:
    return address(side[0]), side[1]


def _events(
    records: list[Record], ports: tuple[int, ...] | None, connections: Sequence[Flow]
) -> tuple[SocketEvent, ...]:
    """What our sockets did, as far as it belongs to the ports or the connections of this capture."""
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
    """(address, port) of a socket's address; IPv6 ones have two numbers more."""
    return None if end is None else (str(end[0]), int(end[1]))


def _record(tape: Tape, name: str | None, lesson: str | None) -> None:
    """``LABKIT_RECORD=DIR`` makes every named capture also a file there."""
    directory = os.environ.get("LABKIT_RECORD")
    if directory and name is not None:
        tape.save(recorded.recording_path(name, lesson, Path(directory)))
