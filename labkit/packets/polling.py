"""Captures that are looked at while they run: what came is shared with those who look, and only the newest is kept.

Rule: who looks never takes a frame away from the capture, and never makes it wait.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Self

from labkit.packets.conversations import Conversations
from labkit.packets.frames import Frame, quick, quoted
from labkit.packets.marker import Boundary, Source
from labkit.packets.model import Verdict
from labkit.packets.notes import Follower, notes_of
from labkit.packets.packet import Packet

FLOWS = 2000
"""Conversations that are remembered of a capture without an end."""

MOST = 2000
"""New packets that are looked at at once, or as many as are kept if that is more."""


def wanted(frame: Frame, ports: Collection[int] | None) -> bool:
    """Whether a frame belongs to the capture of these ports (None: of all).

    The kernel's filter also passes errors about other ports, and TCP with the number of the marker's port.
    """
    if ports is None:
        return True
    packet = quick(frame[1], frame[2])
    if packet.sport or packet.dport:
        return packet.sport in ports or packet.dport in ports
    about = quoted(frame[1], packet)
    return about is None or about.sport in ports or about.dport in ports


class Newest:
    """The newest packets of a capture: numbers, sides, relative numbers and notes are those of the whole capture.

    ports: known ports of servers. keep: packets that are kept. total: how many there were, also those given up.
    most: of more new packets than this at once, only the newest are looked at, and the others are counted.
    """

    def __init__(self, ports: Collection[int], keep: int) -> None:
        self.packets: deque[Packet] = deque(maxlen=keep)
        self.total = 0
        self.most = max(keep, MOST)
        self._keep = keep
        self._talk = Conversations(tuple(ports))
        self._followers: dict[int, Follower] = {}
        self._notes: dict[int, str] = {}  # index in the capture → note

    def feed(self, frames: Sequence[Frame], verdicts: Mapping[int, Verdict]) -> None:
        """Take the next frames. verdicts: index in frames → what a wire did to it."""
        talk, first = self._talk, self.total
        talk.feed(frames)
        dropped = {index for index, verdict in verdicts.items() if verdict.kind == "dropped"}
        noted = notes_of(frames, talk.quick, talk.places, dropped, self._followers)
        self._notes.update((first + index, note) for index, note in noted.items())
        begin = max(0, len(frames) - self._keep)
        for index in range(begin, len(frames)):
            self.packets.append(
                Packet(
                    frames[index], first + index + 1, talk.places[index], talk.quick[index],
                    verdict=verdicts.get(index), notes=self._noted,
                )
            )  # fmt: skip
        self.total += len(frames)
        talk.forget(FLOWS)
        self._give_up()

    def skip(self, frames: int) -> None:
        """Count so many packets that are not looked at: notes and the ends of connections among them are missed."""
        self.total += frames

    def _noted(self) -> Mapping[int, str]:
        return self._notes

    def _give_up(self) -> None:
        """Forget what belongs to packets and connections that are long past."""
        if len(self._notes) > 2 * self._keep:
            self._notes = {index: note for index, note in self._notes.items() if index >= self.total - self._keep}
        if len(self._followers) > 2 * FLOWS:
            self._followers = dict(list(self._followers.items())[-FLOWS:])

    def since(self, number: int) -> list[Packet]:
        """The packets behind this number, as far as they are kept."""
        fresh = min(self.total - number, len(self.packets))
        return [self.packets[index] for index in range(len(self.packets) - fresh, len(self.packets))]

    def clear(self) -> None:
        """Give up all packets so far; numbers go on."""
        self.packets.clear()


class Polled:
    """The source of a capture, at which others look while it runs; for the capture it is a source like any other.

    source: gives the frames, None for a capture that has none before its end. marker: owns some of them. ports: the
    captured ones, None for all. verdicts: what a wire did to frames. kept: the capture takes the frames in the end.
    ended: is set when the capture has ended. Leave it as a context manager when the capture has ended.
    """

    def __init__(
        self,
        source: Source | None = None,
        marker: Boundary | None = None,
        ports: Collection[int] | None = None,
        verdicts: Callable[[Sequence[Frame]], Mapping[int, Verdict]] = lambda frames: {},
        *,
        kept: bool = True,
    ) -> None:
        self.ports = None if ports is None else frozenset(ports)
        self.ended = threading.Event()
        self._source, self._marker, self._verdicts, self._kept = source, marker, verdicts, kept
        self._lock = threading.Lock()
        self._untaken: list[Frame] = []  # by the capture, since somebody has looked first
        self._looking: tuple[Look, ...] = ()
        self._ending = False
        self._came = threading.Event()  # something, since the capture took over

    # -- for the capture

    @property
    def origin(self) -> str:
        """Where the frames come from, in words."""
        return "" if self._source is None else self._source.origin

    @property
    def full(self) -> bool:
        """Whether the limit is reached, so that no more frames come."""
        return self._source is not None and self._source.full

    def take_over(self) -> None:
        """From now on only the capture takes from the source: else a look could take the marker it waits for."""
        with self._lock:
            self._ending = True
        self._came.set()

    def take(self) -> list[Frame]:
        """The frames since the last call."""
        assert self._source is not None
        with self._lock:
            fresh = self._source.take()
            frames, self._untaken = self._untaken + fresh, []
            self._share(fresh)
        self._came.set()
        return frames

    def wait(self, seconds: float) -> bool:
        """Wait until a frame can be taken. seconds: the longest wait. Returns whether one can."""
        assert self._source is not None
        return bool(self._untaken) or self._source.wait(seconds)

    def drops(self) -> int:
        """Frames lost since the last call."""
        assert self._source is not None
        return self._source.drops()

    def close(self) -> None:
        """End the capture."""
        self.ended.set()
        self._came.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _share(self, fresh: Sequence[Frame]) -> None:
        for each in self._looking:
            each.frames += fresh

    # -- for those who look

    def look(self, keep: int) -> Look:
        """Begin to look at the capture, from its first packet on. keep: packets that are kept."""
        look = Look(self, keep)
        self.join(look)
        return look

    def join(self, look: Look) -> None:
        """Let this look see what came, and what comes."""
        with self._lock:
            look.frames += self._untaken
            self._looking = (*self._looking, look)

    def leave(self, look: Look) -> None:
        """Look no more."""
        with self._lock:
            self._looking = tuple(each for each in self._looking if each is not look)

    def pull(self, look: Look) -> None:
        """Give a look what came."""
        with self._lock:
            if not self._ending and self._source is not None:
                fresh = self._source.take()
                if self._kept:
                    self._untaken += fresh
                self._share(fresh)
            frames, look.frames = look.frames, []
        if self._marker is not None:
            owns = self._marker.owns
            if (over := len(frames) - look.newest.most) > 0:  # the reader gets too little of the processor
                look.newest.skip(sum(not owns(each[1]) for each in frames[:over]))
                frames = frames[over:]
            frames = [each for each in frames if not owns(each[1]) and wanted(each, self.ports)]
        if frames:
            look.newest.feed(frames, self._verdicts(frames))

    def wait_for_more(self, seconds: float) -> None:
        """Wait until something came, or the capture has ended. seconds: the longest wait."""
        if self._ending or self._source is None:
            self._came.wait(seconds)
            self._came.clear()
        else:
            self._source.wait(seconds)


class Look:
    """One who looks at a capture that runs. newest: the packets seen so far. frames: came, and are not among them yet.

    A look is for one thread; only `close` may be called by others.
    """

    def __init__(self, polled: Polled, keep: int) -> None:
        self.polled = polled
        self.newest = Newest(polled.ports or (), keep)
        self.frames: list[Frame] = []

    @property
    def ended(self) -> bool:
        """Whether the capture has ended, so that nothing more comes after the next `pull`."""
        return self.polled.ended.is_set()

    def pull(self) -> None:
        """Move what came to the newest packets. Raises `CaptureUnavailable` if the capture broke off."""
        self.polled.pull(self)

    def wait(self, seconds: float) -> None:
        """Wait until something came, or the capture has ended. seconds: the longest wait."""
        self.polled.wait_for_more(seconds)

    def lost(self) -> int:
        """Frames lost so far, as far as that is known before the end."""
        return 0

    def close(self) -> None:
        """Look no more; the capture goes on."""
        self.polled.leave(self)
