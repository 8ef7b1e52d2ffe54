"""The cable of a wire: a thread that takes frames from one end and does to them what the rules say.

Rule: moves frames and notes what became of them; the rules decide. No wait here is a fixed time.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from labkit.lab.cable_end import End
from labkit.lab.rules import Action, Passing, Rule
from labkit.packets.frames import ETHERNET, Frame
from labkit.packets.marker import WAIT, Source
from labkit.packets.match import SENDERS
from labkit.packets.model import Verdict
from labkit.packets.ring import MEMORY_LIMIT

HELD = 0.25
"""Seconds that a frame waits for the frame that shall overtake it."""

_APART = 5e-5
"""Seconds between two frames that are handed over to one side, if several are due. A kernel puts TCP segments together
that come while the program reads from their connection, and acknowledges them once (tcp_add_backlog of Linux)."""

_LARGEST = 1 << 16  # bytes of a frame
_BATCH = 64  # frames taken from one end before the other end has its turn


class Entry:
    """One frame as a tap notes it, and what the cable did to it."""

    __slots__ = ("arrivals", "detail", "frame", "kind")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.kind = self.detail = ""
        self.arrivals: list[int] = []


class Tap:
    """A listener at a cable, a `Source` for a capture: `take` gives the frames that passed since the last call."""

    def __init__(self, cable: Cable, origin: str, limit: int = MEMORY_LIMIT) -> None:
        self.origin, self.full = origin, False
        self._cable, self._room = cable, limit
        self._lost = 0
        self._entries: list[Entry] = []
        self._taken = 0
        self._fresh = threading.Event()
        self.behind: Sequence[Frame] = ()
        self._lost_before = cable.lost()
        cable.taps = (*cable.taps, self)

    def note(self, entry: Entry) -> None:
        """Called by the cable's thread for every frame."""
        self._room -= len(entry.frame[1])
        if self._room < 0:
            self.full = True
            self._lost += 1
            return
        self._entries.append(entry)
        self._fresh.set()

    def take(self) -> list[Frame]:
        """The frames since the last call."""
        self._fresh.clear()
        fresh = self._entries[self._taken :]
        self._taken += len(fresh)
        return [entry.frame for entry in fresh]

    def wait(self, seconds: float) -> bool:
        """Wait until a frame can be taken. seconds: the longest wait."""
        return self._fresh.wait(max(0.0, seconds))

    def drops(self) -> int:
        """Frames that the cable or this tap lost without a rule."""
        return self._lost + self._cable.lost() - self._lost_before

    def close(self) -> None:
        """Stop to listen."""
        self._cable.taps = tuple(each for each in self._cable.taps if each is not self)

    def verdicts(self, frames: Sequence[Frame]) -> Mapping[int, Verdict]:
        """What the cable did to these frames, by their index."""
        touched = {id(entry.frame): entry for entry in self._entries if entry.kind}
        found = ((index, touched.get(id(frame))) for index, frame in enumerate(frames))
        return {
            index: Verdict(entry.kind, entry.detail, tuple(entry.arrivals))
            for index, entry in found
            if entry is not None
        }

    # -- as a Boundary: a capture asks the cable itself, so it needs no marker datagram

    def owns(self, raw: bytes) -> bool:
        """Always False: no frame was sent only for the capture."""
        return False

    def read_up_to(self, source: Source, frames: list[Frame], wait: float = WAIT) -> bool:
        """Wait until the cable has passed on every frame, then move the frames to the list. Returns whether it has.

        wait: seconds at most.
        """
        done = self._cable.drain(wait)
        frames += source.take()  # this tap, or what stands between the capture and it
        return done


class Cable:
    """Carries frames between two ends, the client's and the server's; it closes them in the end.

    delay: seconds each frame takes. rate: bytes a second in each direction (None: no limit). queue: frames that may
    wait for their turn; further ones are dropped. report: called with a rule that raised, and its error.
    """

    def __init__(
        self,
        ends: tuple[End, End],
        *,
        delay: float = 0.0,
        rate: float | None = None,
        queue: int = 100,
        report: Callable[[Rule, BaseException], None],
    ) -> None:
        self.rules: tuple[Rule, ...] = ()
        self.taps: tuple[Tap, ...] = ()
        self.delay, self.rate, self.queue = delay, rate, queue
        self._report = report
        self._errors = 0
        self._dropped = 0  # found no room at the ends
        self._due: list[tuple[float, int, int, bytes, Entry | None]] = []  # heap: when, number, side, bytes, entry
        self._number = 0
        self._free = [0.0, 0.0]  # the time at which each direction will have sent its frames
        # Of each direction, when each frame that it has not sent yet will have been sent: the first one is being sent,
        # the others wait. A frame on its way along the cable waits no more.
        self._leaving: tuple[deque[float], deque[float]] = (deque(), deque())
        # Of each side the frame that shall be overtaken: number, bytes, entry.
        self._held: list[tuple[int, bytes, Entry | None] | None] = [None, None]
        self._asked: list[threading.Event] = []  # events of threads that wait for an empty cable
        self._stopping = False
        self._asking = threading.Lock()
        with contextlib.ExitStack() as undo:
            self._ends = ends
            for end in ends:
                undo.callback(end.close)
            self._wake_out, self._wake_in = os.pipe()
            for descriptor in (self._wake_out, self._wake_in):
                undo.callback(os.close, descriptor)
                os.set_blocking(descriptor, False)
            self._thread = threading.Thread(target=self._run, name="labkit wire", daemon=True)
            self._thread.start()
            self._undo = undo.pop_all()

    # -- for other threads

    def drain(self, wait: float) -> bool:
        """Wait until the cable has passed on every frame. wait: seconds at most. Returns whether it has."""
        deadline = time.monotonic() + wait
        while True:
            event = threading.Event()
            with self._asking:
                if self._stopping:
                    return True
                self._asked.append(event)
                self._wake()
            if not event.wait(max(0.0, deadline - time.monotonic())):
                return False
            if not self._due and self._held == [None, None]:
                return True  # the cable is empty, also of frames that answer the passed ones

    def lost(self) -> int:
        """Frames lost so far without a rule: they found no room, or an interface refused them."""
        with self._asking:
            if not self._stopping:
                self._dropped = sum(end.lost() for end in self._ends)
            return self._dropped + self._errors

    def close(self) -> None:
        """End the thread and close the sockets; may be called again."""
        with self._asking:
            if self._stopping:
                return
            self._stopping = True
            self._wake()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._undo.close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the pipe is full of wake-ups: the thread will wake
            os.write(self._wake_in, b"x")

    # -- the thread

    def _run(self) -> None:
        with selectors.DefaultSelector() as poll:
            sides = {end.fileno(): side for side, end in enumerate(self._ends)}
            for descriptor in (*sides, self._wake_out):
                poll.register(descriptor, selectors.EVENT_READ)
            while not self._stopping:
                timeout = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
                asked: list[threading.Event] = []
                for key, _ in poll.select(timeout):
                    if key.fd == self._wake_out:
                        with contextlib.suppress(BlockingIOError):
                            os.read(self._wake_out, 4096)
                        asked, self._asked = self._asked, []
                    else:
                        self._carry(sides[key.fd])
                self._deliver_due()
                if asked:
                    while self._carry(0) + self._carry(1):
                        self._deliver_due()
                    for event in asked:
                        if self._due:  # the cable is not empty yet
                            self._asked.append(event)
                        else:
                            event.set()
                elif self._asked and not self._due:
                    self._wake()
        for event in self._asked:
            event.set()

    def _carry(self, side: int) -> int:
        """Take the frames that this side has sent, `_BATCH` at most; returns how many."""
        end, other = self._ends[side], self._ends[1 - side]
        receive = end.recv
        for count in range(_BATCH):
            try:
                raw = receive(_LARGEST)
            except BlockingIOError:
                return count
            except OSError:  # the interface is gone
                return count
            if not (self.rules or self.taps or self.delay or self.rate or self._held[side]):
                try:
                    other.send(raw)
                except OSError:
                    self._errors += 1
            else:
                self._pass(side, raw)
        return _BATCH

    def _pass(self, side: int, raw: bytes) -> None:
        entry = None
        if self.taps:
            entry = Entry((time.time_ns(), raw, ETHERNET, 0, len(raw)))
        action = self._decide(side, raw)
        if self.taps and entry is not None:
            if action is not None:
                entry.kind, entry.detail = action.kind, action.detail
                if action.kind == "corrupted":  # the tape shows it as it arrives, so that the change can be seen
                    raw_now = action.deliveries[0][1]
                    entry.frame = (entry.frame[0], raw_now, ETHERNET, 0, len(raw_now))
            for tap in self.taps:
                tap.note(entry)
        if action is None:
            self._send(side, 0.0, raw, entry)
            return
        if action.behind:
            self._release(side)
            number = self._push(time.monotonic() + HELD, side, b"", entry)
            self._held[side] = (number, raw, entry)
            return
        for delay, data in action.deliveries:
            self._send(side, delay, data, entry)

    def _decide(self, side: int, raw: bytes) -> Action | None:
        if not self.rules:
            return None
        frame = Passing(SENDERS[side], raw)
        action: Action | None = None
        for rule in self.rules:
            try:
                if action is None:
                    action = rule.decide(frame)
                else:
                    rule.pass_over(frame)
            except Exception as error:
                rule.off()
                self._report(rule, error)
        return action

    def _send(self, side: int, delay: float, data: bytes, entry: Entry | None) -> None:
        """Hand a frame over now, or note when; then the frame that waited to be overtaken follows."""
        if not (self.delay or delay or self.rate):
            self._deliver(side, data, entry)
        elif not self._queued(side, delay, data, entry):
            return
        if self._held[side]:
            self._release(side)

    def _queued(self, side: int, delay: float, data: bytes, entry: Entry | None) -> bool:
        """Note when to hand a frame over; False: it was dropped, because too many frames wait for their turn."""
        now = time.monotonic()
        leaves = now
        if self.rate:
            leaving = self._leaving[side]
            while leaving and leaving[0] <= now:
                leaving.popleft()
            if len(leaving) >= self.queue:
                if entry is not None and not entry.kind:
                    entry.kind, entry.detail = "dropped", "the queue was full"
                return False
            leaves = self._free[side] = max(now, self._free[side]) + len(data) / self.rate
            leaving.append(leaves)
        self._push(leaves + self.delay + delay, side, data, entry)
        return True

    def _push(self, when: float, side: int, data: bytes, entry: Entry | None) -> int:
        self._number += 1
        heapq.heappush(self._due, (when, self._number, side, data, entry))
        return self._number

    def _deliver_due(self) -> None:
        now = time.monotonic()
        before: int | None = None
        while self._due and self._due[0][0] <= now:
            _, number, side, data, entry = heapq.heappop(self._due)
            if side == before:
                time.sleep(_APART)
            before = side
            if not data:
                held = self._held[side]
                if held is not None and held[0] == number:  # no frame has overtaken it
                    self._release(side)
                continue
            self._deliver(side, data, entry)

    def _deliver(self, side: int, data: bytes, entry: Entry | None) -> None:
        try:
            self._ends[1 - side].send(data)
        except OSError:
            self._errors += 1
        else:
            if entry is not None and entry.kind:
                entry.arrivals.append(time.time_ns())

    def _release(self, side: int) -> None:
        """Hand over the frame that waited to be overtaken."""
        held, self._held[side] = self._held[side], None
        if held is not None:
            _, data, entry = held
            self._send(side, 0.0, data, entry)
