"""What can be written: what is written goes down, or waits; Node's Writable.

Rule: knows no socket. A subclass says how bytes and the end go down (`_sink`, `_send_all`, `_send_end`), and reports
when what lies below is full (`_fill`) and empty again (`_empty`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from labkit.core import checks, loop, watching
from labkit.core.errors import BrokenPipe, NetError
from labkit.streams.pipe import Pipe, Shortcut
from labkit.streams.states import ENDING, OPEN, OPENING, WRITE_ENDED, Writing
from labkit.streams.stream import NO_SLOTS, Stream, check_mark

WRITING = (
    "_blocked", "_corked", "_mark", "_pipes", "_queued", "_queued_size", "_sink", "_writing", "_written",
)  # fmt: skip
"""The slots of a class that can be written."""

HIGH_WATER_MARK = 64 * 1024
"""Bytes that may wait to be sent before `Writable.write` returns False (Node 22 has the same; Node 20 had 16 KiB)."""

NOTHING: list[bytes] = []


class Writable(Stream):
    """A stream that can be written; ``drain``, ``finish``, ``close`` and ``error`` tell its story.

    high_water_mark: bytes that may wait before `write` returns False. Source: the Writable of Node's stream module.
    """

    __slots__ = NO_SLOTS

    _blocked: bool
    _corked: int
    _mark: int
    _pipes: tuple[Pipe, ...]
    _queued: list[bytes]
    _queued_size: int
    _sink: Callable[[bytes], Any] | None
    _writing: Writing
    _written: int

    def __init__(self, *, high_water_mark: int = HIGH_WATER_MARK, has_cell: bool = True) -> None:
        super().__init__(has_cell=has_cell)
        self._mark = check_mark(high_water_mark)
        self._writing = OPENING
        self._sink = None  # takes bytes down; None until they can flow
        self._queued = NOTHING  # written while opening or corked
        self._queued_size = 0  # bytes
        self._blocked = False  # more waits than the high-water mark: a drain is owed
        self._corked = 0
        self._written = 0  # bytes, without those of shortcuts
        self._pipes = ()  # what is piped into this stream

    # -- for programs

    def write(self, data: bytes | bytearray | memoryview | str) -> bool:
        """Send bytes (text is sent as UTF-8); returns False if more than `high_water_mark` bytes wait unsent.

        After False, stop writing until ``drain``. From a cell it returns when the bytes are on their way or queued, and
        raises the error if nothing can be written any more (`BrokenPipe`); in a handler that is an ``error`` event,
        and the stream is destroyed, as in Node.
        """
        if type(data) is not bytes:
            data = checks.data(data, "written")
        if loop.inside():
            refusal = self._refusal()
            if refusal is None:
                return self._write_now(data)
            if not self.closed and not self.destroyed:  # Node ignores a write after the close
                self._fail_writing(refusal)
            return False
        return loop.call(self._write_or_raise, data)

    def end(
        self, data: bytes | bytearray | memoryview | str | None = None, on_finish: Callable[[], Any] | None = None
    ) -> Self:
        """Send what is left, then the end: this side writes no more.

        data: last bytes to send. on_finish: the same as ``once("finish", ...)``: all of it is with the kernel.
        """
        last = None if data is None else checks.data(data, "written")
        if on_finish is not None:
            checks.function(on_finish, "on_finish")
        if last is not None and on_finish is None and not loop.inside():
            loop.call(self._write_last, last)  # in one go: the peer's answer does not come in between
            return self
        if last is not None:
            self.write(last)
        if on_finish is not None:
            self.once("finish", on_finish)
        loop.call(self._end_now)
        return self

    def cork(self) -> Self:
        """Keep what is written from now on, until `uncork` or `end`: several writes then leave as one."""

        def now() -> None:
            self._corked += 1
            self._take_long_way()

        loop.call(now)
        return self

    def uncork(self) -> Self:
        """Send what was kept since `cork`; after several calls of cork, the last of as many calls of uncork does it."""
        loop.call(self._uncork_now)
        return self

    @property
    def high_water_mark(self) -> int:
        """Bytes that may wait before `write` returns False.

        Unlike in Node, what lies below takes at once does not count, and as many bytes as the mark are not too many.
        """
        return self._mark

    @high_water_mark.setter
    def high_water_mark(self, mark: int) -> None:
        self._mark = check_mark(mark)
        loop.call(self._mark_changed)

    @property
    def bytes_written(self) -> int:
        """Bytes written so far, those that wait included."""
        shortcuts = map(self._shortcut_of, self._pipes)
        return self._written + sum(short.count() for short in shortcuts if short is not None)

    @property
    def writable_length(self) -> int:
        """Bytes written but not yet taken by the kernel (or whatever else lies below)."""
        return 0 if self.closed else self._queued_size + self._below()

    @property
    def writable_need_drain(self) -> bool:
        """Whether `write` has returned False, and ``drain`` will come."""
        return self._blocked and not self.closed and self._writing < ENDING

    @property
    def writable_corked(self) -> int:
        """How many calls of `uncork` are owed."""
        return self._corked

    @property
    def writable_ended(self) -> bool:
        """Whether `end` was called."""
        return self._writing >= ENDING

    @property
    def writable_finished(self) -> bool:
        """Whether all was sent after `end`, and ``finish`` was emitted."""
        return self._writing is WRITE_ENDED

    # -- for the subclass: how bytes go down

    def _send_all(self, pieces: list[bytes]) -> None:
        """Take several pieces down together, as one if they fit."""
        assert self._sink is not None
        self._sink(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _send_end(self) -> None:
        """Take the end down, after all that was written."""

    def _below(self) -> int:
        """Bytes that lie below and were not yet taken by the kernel."""
        return 0

    def _ask_to_hear(self) -> None:
        """Have `_empty` called as soon as nothing lies below any more; called only if something does."""

    def _mark_changed(self) -> None:
        """Called when the program has set another high-water mark."""

    def _fail_writing(self, refusal: NetError) -> None:
        """A handler has written when nothing can be written any more: the stream is destroyed."""
        self._destroy_now(refusal)

    def _after_finish(self) -> None:
        """Called when ``finish`` has been emitted."""
        self._close_if_over()

    def _is_over(self) -> bool:
        return self._writing is WRITE_ENDED and super()._is_over()

    def _direct(self) -> Callable[[bytes], Any] | None:
        """What sends a piece, if nothing else has to be done with it now (see `Shortcut`); else None."""
        plain = self._writing is OPEN and not self._corked and not self._blocked
        return self._sink if plain else None

    def _refusal(self) -> NetError | None:
        """Why nothing can be written now, or None."""
        if self.closed or self.destroyed:
            if isinstance(self._failed, NetError):
                return self._give(self._failed)
            return BrokenPipe("the connection is closed", "Connect again to write more.")
        if self._writing >= ENDING:
            return BrokenPipe(
                "write after end: this side has already sent its FIN", "Write first, then end().",
                code="ERR_STREAM_WRITE_AFTER_END",
            )  # fmt: skip
        return None

    # -- what the subclass reports

    def _may_flow(self, sink: Callable[[bytes], Any]) -> None:
        """From now on bytes can go down, by this function: what was queued goes, and the end, if there is one."""
        self._sink = sink
        if self._writing is OPENING:
            self._writing = OPEN
        if not self._corked or self._writing is ENDING:
            self._flush()
        if self._writing is ENDING:
            self._send_end()
            self._finish_soon()

    def _fill(self) -> None:
        """More lies below than the high-water mark."""
        self._blocked = True
        for pipe in self._pipes:
            if self._shortcut_of(pipe) is not None:  # its pieces come here without a call that could return False
                pipe.hold()

    def _empty(self) -> None:
        """Nothing lies below any more."""
        if self.closed or self._queued:
            return  # corked: what is queued comes first
        if self._below():  # written meanwhile
            self._ask_to_hear()
            return
        blocked, self._blocked = self._blocked, False
        self._touched()
        if self._writing is ENDING:
            self._finished()
        elif blocked and self._writing is OPEN:
            self._fire("drain")

    def _gone(self) -> None:
        """The stream is closed: nothing is piped into it any more."""
        self._take_off_pipes()
        self._sink = None
        self._queued = NOTHING

    def _tell_closed(self) -> None:
        super()._tell_closed()
        self._gone()

    # -- inside

    def _take_off_pipes(self) -> None:
        for pipe in self._pipes:
            if pipe.source is self:  # an echo reads on, to see the peer's end
                pipe.leave()
            else:
                pipe.source.unpipe(self)

    def _write_or_raise(self, data: bytes) -> bool:
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        return self._write_now(data)

    def _write_last(self, data: bytes) -> None:
        self._write_or_raise(data)
        self._end_now()

    def _write_now(self, data: bytes) -> bool:
        self._written += len(data)
        if watching.watchers:
            self._called("write", len(data))
        if self._sink is None or self._corked:
            if self._queued is NOTHING:
                self._queued = []
            self._queued.append(data)
            self._queued_size += len(data)
            self._blocked = self._blocked or self.writable_length > self._mark
            return not self._blocked
        self._sink(data)
        self._touched()
        return not self._blocked

    def _uncork_now(self) -> None:
        if self._corked:
            self._corked -= 1
            if not self._corked:
                self._flush()

    def _flush(self) -> None:
        """Take down what is queued."""
        if self._sink is None or self.closed:
            return
        queued, self._queued, self._queued_size = self._queued, NOTHING, 0
        if queued:
            self._send_all(queued)
            self._touched()
        if self._blocked:  # a drain is owed, however much of this the kernel takes at once
            self._hear_when_empty()

    def _hear_when_empty(self) -> None:
        if self._below():
            self._ask_to_hear()
        else:
            loop.get().call_soon(self._empty)

    def _end_now(self) -> None:
        if self._writing >= ENDING or self.closed or self.destroyed:
            return
        self._corked = 0
        self._flush()
        self._take_long_way()
        opening = self._writing is OPENING
        self._writing = ENDING
        self._called("end")
        if not opening:  # else the end follows when bytes can flow
            self._send_end()
            self._finish_soon()

    def _finish_soon(self) -> None:
        if not self.closed:
            self._hear_when_empty()

    def _finished(self) -> None:
        """All that was written is with the kernel, and so is the end."""
        if self._writing is ENDING and not self.destroyed and self._failed is None:
            self._writing = WRITE_ENDED
            self._fire("finish")
            self._take_off_pipes()
            if not self.closed:
                self._after_finish()

    def _shortcut_of(self, pipe: Pipe) -> Shortcut | None:
        short: Shortcut | None = getattr(pipe.source, "_shortcut", None)
        return short if short is not None and short.destination is self else None

    def _take_long_way(self) -> None:
        """Something has changed here: what is piped in must be looked at again before it is sent."""
        for pipe in self._pipes:
            if self._shortcut_of(pipe) is not None:
                pipe.source._fast = None
