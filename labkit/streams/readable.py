"""What can be read: what arrives is delivered as ``data``, or waits; Node's Readable (flowing mode).

Rule: knows no socket. A subclass pushes bytes in (`_push`, `_push_end`) and says how its source is stopped and started.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, time_ns
from typing import Any, ClassVar, Self, TypeVar

from labkit.core import checks, loop, watching
from labkit.core.errors import BadArgument, LabError, NotOpen, TimedOut
from labkit.core.history import HISTORY, Entry
from labkit.core.listeners import Listener
from labkit.streams.pipe import Pipe, Shortcut, shortcut
from labkit.streams.states import FLOWING, IDLE, PAUSED, Reading
from labkit.streams.stream import NO_SLOTS, Stream

READING = (
    "_asked", "_decoder", "_due", "_held", "_inbox", "_reading", "_shortcut", "_source_ended", "_start", "bytes_read",
)  # fmt: skip
"""The slots of a class that can be read."""

INBOX = 64 * 1024
"""Bytes that `Readable.read` lets wait for it before the source is stopped."""

DestinationT = TypeVar("DestinationT")


class Readable(Stream):
    """A stream that can be read; ``data``, ``end``, ``close`` and ``error`` tell its story.

    As in Node, nothing is delivered until somebody asks: a ``data`` listener, `pipe`, `resume`, `read`, or a thread
    that waits for ``data``, ``end`` or ``close``. What arrives before that is kept, and the source is stopped.

    bytes_read: bytes delivered so far. Source: the Readable of Node's stream module.
    """

    _END_UNASKED: ClassVar[bool] = False
    """Whether ``end`` is emitted though nobody has asked for anything, if nothing waits (Node's sockets do so)."""

    __slots__ = NO_SLOTS

    _asked: int
    _decoder: codecs.IncrementalDecoder | None
    _due: bool
    _held: bytearray | None
    _inbox: bytearray | None
    _reading: Reading
    _shortcut: Shortcut | None
    _source_ended: bool
    _start: int
    bytes_read: int

    def _set_up_reading(self) -> None:
        """Give each slot of `READING` its first value; called by the constructor of a concrete class."""
        self.bytes_read = 0
        self._reading = IDLE
        self._held = None  # arrived, not delivered yet
        self._due = False  # what is held is about to be delivered
        self._source_ended = False  # nothing more will come from below
        self._inbox = None  # what `read` has not yet handed out
        self._asked = 0  # bytes a running `read` waits for
        self._decoder = None
        self._shortcut = None  # if `_fast` is the sending of a pipe's destination
        self._start = 0  # bytes_read when the present run began

    # -- for programs

    def pause(self) -> Self:
        """Stop the ``data`` events; the source is stopped, too (TCP's window then tells the peer to stop sending)."""
        loop.call(self._pause_now)
        return self

    def resume(self) -> Self:
        """Start the ``data`` events (again); if nobody listens to them, the data is thrown away."""
        loop.call(self._resume_now)
        return self

    @property
    def is_paused(self) -> bool:
        """Whether `pause` was called, and `resume` was not called since."""
        return self._reading is PAUSED

    @property
    def readable_flowing(self) -> bool | None:
        """True: data is delivered. False: it is paused. None: nobody has asked for any yet. As in Node."""
        return None if self._reading is IDLE else self._reading is not PAUSED

    @property
    def readable_ended(self) -> bool:
        """Whether ``end`` has been emitted."""
        return self._reading is Reading.ENDED

    @property
    def readable_length(self) -> int:
        """Bytes that have arrived and were not delivered yet."""
        return len(self._held or b"") + len(self._inbox or b"")

    def set_encoding(self, encoding: str = "utf8") -> Self:
        """From now on ``data`` carries text: characters split between pieces arrive whole.

        Raises `BadArgument` for an encoding that Python does not know.
        """
        decoder = codecs.getincrementaldecoder(checks.encoding(encoding))("replace")

        def now() -> None:
            self._decoder = decoder
            self._fast = None

        loop.call(now)
        return self

    def unshift(self, data: bytes | bytearray | memoryview | str) -> Self:
        """Put bytes back: they are delivered again, before anything that comes later.

        For a parser that was given more than belongs to it. After ``end`` it is an error, as in Node.
        """
        back = checks.data(data, "put back")
        from_cell = not loop.inside()
        error = loop.call(self._unshift_now, back, from_cell)
        if error is not None:
            raise error
        return self

    def _unshift_now(self, back: bytes, from_cell: bool) -> LabError | None:
        if self._reading is Reading.ENDED or self.closed:
            error = LabError(
                "bytes were put back after the end", "Put them back before end is emitted.",
                code="ERR_STREAM_UNSHIFT_AFTER_END_EVENT",
            )  # fmt: skip
            if from_cell:
                return error
            loop.get().call_soon(self._destroy_now, error)
            return None
        if back:
            self._held = bytearray(back) + (self._held or b"")
            self.bytes_read -= len(back)  # counted again when they are delivered
            self._fast = None
            if self._reading is FLOWING:
                self._resume_now()
        return None

    def pipe(self, destination: DestinationT, *, end: bool = True) -> DestinationT:
        """Write all that arrives here into destination, at the pace it can take; its end follows ours (end=True).

        destination: a `Writable`, or anything with ``write``, ``once`` and ``end``. Returns destination.
        ``socket.pipe(socket)`` is an echo server. If the destination closes, the pipe is taken off and, if it was the
        last one, this stream is paused.
        """
        if not all(callable(getattr(destination, name, None)) for name in ("write", "once", "end")):
            raise BadArgument(f"{destination!r} cannot be piped into", "Give a stream that can be written.")
        pipe = Pipe(self, destination, checks.flag(end, "end"))
        pipe.join()
        self._add("data", pipe)  # not on(): it prints nothing, so it needs no cell to print under
        self._add("end", pipe.end)
        return destination

    def unpipe(self, destination: Any = None) -> Self:
        """Take off the pipe into destination (None: every pipe); if none is left, the stream is paused."""

        def now() -> None:
            pipes = [each for each in self.listeners("data") if isinstance(each, Pipe)]
            gone = [each for each in pipes if destination is None or each.destination is destination]
            for pipe in gone:
                pipe.leave()
                self.off("data", pipe).off("end", pipe.end)
            if gone and len(gone) == len(pipes):
                self._pause_now()

        loop.call(now)
        return self

    def read(self, size: int | None = None, timeout: float = 5.0) -> bytes:
        """Wait for size bytes and return them (None: for whatever comes next); fewer only if the source has ended.

        For cells, which want the same bytes however TCP cuts the stream. timeout: seconds.
        Raises `TimedOut`, saying what did come, and the error that ended the stream.
        """
        if size is not None:
            checks.whole(size, "a number of bytes to read")
        checks.seconds(timeout)
        loop.call(self._start_reading)
        deadline = monotonic() + timeout
        while True:
            arrived = loop.call(self._take, size)
            if arrived is not None:
                return arrived
            try:
                with suppress(NotOpen):  # closed: what is there is all there will be
                    self._wait_for_any("data", "end", timeout=max(0.0, deadline - monotonic()))
            except TimedOut:
                raise TimedOut(
                    f"{f'only {len(self._inbox)} bytes' if self._inbox else 'nothing'} came within {timeout:g} s"
                    + (f", and {size} were asked for" if size is not None else ""),
                    "Does the other side answer at all? Is the number right?",
                ) from None

    def wait_for(self, event: str, timeout: float = 5.0) -> Any:
        """See `Emitter.wait_for`. Of ``data`` that came before the wait, only the last piece is kept, and not even that
        if the stream is busy or the piece is large: `LabError` says so.
        """
        value = super().wait_for(event, timeout)
        if value is None and event == "data":
            raise LabError(
                "data came before this wait, and was not kept: there was much of it",
                "Use read(), or take it in a data listener.",
            )
        return value

    # -- for the subclass: what comes from below, and how to stop it

    def _push(self, data: bytes) -> None:
        """Bytes arrived. A subclass calls this on the loop for each piece."""
        fast = self._fast
        if fast is None or watching.watchers:
            self._take_in(data)
            return
        # The path of every byte of a busy stream. The run is counted no further than HISTORY, so that the counter
        # stays a small number, for which CPython allocates nothing.
        pieces = self._pieces
        if pieces < HISTORY:
            if not pieces:
                self._since, self._start = time_ns(), self.bytes_read
            self._pieces = pieces + 1
        self.bytes_read += len(data)
        try:
            fast(data)
        except Exception as error:
            self._broken(error)

    def _push_end(self) -> None:
        """Nothing more will come. A subclass calls this on the loop, once."""
        self._source_ended = True
        if self._held is None and (self._END_UNASKED or self._reading is FLOWING):
            self._end_reading()

    def _stop_source(self) -> None:
        """Have nothing more pushed until `_start_source`; what is under way may still come."""

    def _start_source(self) -> None:
        """Have what comes from below pushed."""

    def _is_going(self) -> bool:
        """Whether the stream is being closed, so that what is held will not be delivered."""
        return self.closed

    def _after_end(self) -> None:
        """Called when ``end`` has been emitted."""

    def _kept(self, arrived: bytes | str) -> tuple[Any, ...]:
        """What a later `wait_for` is to return of this piece: the piece, or ``(None,)`` for nothing."""
        return (arrived,)

    # -- inside

    def _take_in(self, data: bytes) -> None:
        if self._shortcut is not None:
            self._shortcut.end()
        if self._held is not None or self._reading is not FLOWING:
            if self._held is None:
                self._held = bytearray()
            self._held += data
            self._stop_source()
            self._touched()
            return
        self._end_run()
        self._fast = None
        self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        self.bytes_read += len(data)
        self._touched()
        if self._inbox is not None:
            self._into_inbox(data)
        arrived: bytes | str = data
        if self._decoder is not None:
            arrived = self._decoder.decode(data)
            if not arrived:
                return  # only the first bytes of a character yet
        listeners = self._listeners.get("data", ())
        entry = self._remember("data", self._kept(arrived), len(arrived))  # the size is told, also of what is not kept
        try:
            for listener in listeners:
                listener(arrived)
        except Exception as error:
            self._broken(error)
        if self._tickets:
            self._offer(entry._replace(args=(arrived,)))
        if listeners and self._is_plain():
            self._shorten(listeners)

    def _into_inbox(self, data: bytes) -> None:
        assert self._inbox is not None
        self._inbox += data
        if len(self._inbox) >= max(INBOX, self._asked):
            if "data" not in self._listeners or self._asked:
                self._pause_now()  # nobody reads: the source is slowed down
            else:
                self._inbox = None  # the listeners have it; a later read starts with what comes then

    def _is_plain(self) -> bool:
        """Whether the next data needs nothing but its listeners called."""
        return (
            self._reading is FLOWING and self._decoder is None and self._inbox is None and self._held is None
            and not self._tickets and not self._is_young()
        )  # fmt: skip

    def _shorten(self, listeners: tuple[Listener, ...]) -> None:
        """From now on do no more with what arrives than to call these, or, for a pipe, to send it."""
        fast: Callable[[bytes], Any]
        if len(listeners) > 1:

            def fast(data: bytes) -> None:
                for listener in listeners:
                    listener(data)

        elif (short := shortcut(listeners[0])) is not None:
            self._shortcut, fast = short, short.send
        else:
            fast = listeners[0]
        self._fast = fast
        if self._listeners.get("data") is not listeners:  # another thread has just changed them
            self._fast = None

    def _run(self, pieces: int) -> Entry:
        return Entry("data", self._since, self.bytes_read - self._start, pieces, (None,))

    def _wanted(self, event: str) -> None:
        if event == "data" and self._reading is IDLE:
            loop.call(self._resume_now)

    def _waiting(self, event: str) -> None:
        super()._waiting(event)
        if event in ("data", "end", "close") and self._reading is IDLE:
            loop.call(self._resume_now)

    def _pause_now(self) -> None:
        if self._reading is Reading.ENDED:
            return
        self._reading = PAUSED
        self._fast = None
        if not self._is_going() and not self._source_ended:
            self._stop_source()

    def _resume_now(self) -> None:
        if self._reading is Reading.ENDED:
            return
        self._reading = FLOWING
        if self._held is not None or self._source_ended:
            # Node, too, delivers what waited only after the handler that asked for it has returned. The source starts
            # after that, and not at a second resume(): what comes later must not overtake it.
            if not self._due:
                self._due = True
                loop.get().call_soon(self._deliver_held)
        elif not self._is_going():
            self._start_source()

    def _deliver_held(self) -> None:
        self._due = False
        if self._is_going() or self._reading is not FLOWING:
            return  # destroyed: what it had not read is dropped; or paused again
        held, self._held = self._held, None
        if held is not None:
            self._take_in(bytes(held))
        if self._held is not None:
            if self._reading is FLOWING and not self._due:  # a listener has put something back
                self._resume_now()
            return
        if self._reading is not FLOWING or self._is_going():
            return
        if self._source_ended:
            self._end_reading()
        else:
            self._start_source()

    def _end_reading(self) -> None:
        if self._decoder is not None and (rest := self._decoder.decode(b"", True)):
            self._fire("data", rest)
        self._reading = Reading.ENDED
        self._fire("end")
        if not self.closed:
            self._after_end()

    def _start_reading(self) -> None:
        if self._inbox is None:
            self._inbox = bytearray()
            self._fast = None
            self._resume_now()

    def _take(self, size: int | None) -> bytes | None:
        if self._inbox is None:  # listeners took over since
            self._start_reading()
        inbox = self._inbox
        assert inbox is not None
        wanted = len(inbox) if size is None else size
        over = self._reading is Reading.ENDED or self.closed
        if (len(inbox) < wanted or (not inbox and size != 0)) and not over:
            self._asked = wanted
            self._resume_now()
            return None
        self._asked = 0
        if self._failed is not None and not inbox and wanted:
            raise self._give(self._failed)  # nothing more will come, and it was not the peer's FIN
        taken = bytes(inbox[:wanted])
        del inbox[:wanted]
        if self._reading is PAUSED and len(inbox) < INBOX:  # the inbox was full; what comes next may be the end
            self._resume_now()
        return taken
