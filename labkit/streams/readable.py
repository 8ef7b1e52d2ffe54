"""What can be read: what arrives is delivered as ``data``, or waits; Node's Readable (flowing mode).

Rule: knows no socket. A subclass pushes bytes in (`_push`, `_push_end`) and says how its source is stopped and started.
"""

from __future__ import annotations

from time import time_ns
from typing import Any, ClassVar, Self, TypeVar

from labkit.core import checks, loop, watching
from labkit.core.errors import BadArgument, LabError
from labkit.core.history import HISTORY, Entry
from labkit.core.listeners import Listener
from labkit.streams import inbox
from labkit.streams.decoder import Decoder
from labkit.streams.inbox import Inbox
from labkit.streams.pipe import Pipe, Shortcut, shortcut, together
from labkit.streams.states import FLOWING, IDLE, PAUSED, READ_ENDED, Reading
from labkit.streams.stream import NO_SLOTS, Stream

READING = (
    "_again", "_decoder", "_due", "_held", "_inbox", "_reading", "_shortcut", "_source_ended", "_start", "bytes_read",
)  # fmt: skip
"""The slots of a class that can be read."""

DestinationT = TypeVar("DestinationT")


class Readable(Stream):
    """A stream that can be read; ``data``, ``end``, ``close`` and ``error`` tell its story.

    As in Node, nothing is delivered until somebody asks: a ``data`` listener, `pipe`, `resume`, `read`, or a thread
    that waits for ``data``, ``end`` or ``close``. What arrives before that is kept, and the source is stopped.
    Unlike Node, pieces that wait are delivered as one.

    bytes_read: bytes delivered so far, each counted once. Source: the Readable of Node's stream module.
    """

    _END_UNASKED: ClassVar[bool] = False
    """Whether ``end`` is emitted though nobody has asked for anything, if nothing waits (Node's sockets do so)."""

    __slots__ = NO_SLOTS

    _again: int
    _decoder: Decoder | None
    _due: bool
    _held: bytearray | None
    _inbox: Inbox | None
    _reading: Reading
    _shortcut: Shortcut | None
    _source_ended: bool
    _start: int
    bytes_read: int

    def __init__(self, *, has_cell: bool = True) -> None:
        super().__init__(has_cell=has_cell)
        self.bytes_read = 0
        self._reading = IDLE
        self._held = None  # arrived, not delivered yet
        self._again = 0  # bytes at the front of what is held that were delivered before, and put back
        self._due = False  # what is held is about to be delivered
        self._source_ended = False  # nothing more will come from below
        self._inbox = None  # what `read` has not yet handed out; None until it is called
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
        """Whether the source is stopped: by `pause`, or since as much waits for `read` as may wait."""
        return self._reading is PAUSED or (self._inbox is not None and self._inbox.stopped)

    @property
    def readable_flowing(self) -> bool | None:
        """True: data is delivered. False: it is paused. None: nobody has asked for any yet. As in Node."""
        return None if self._reading is IDLE else self._reading is not PAUSED

    @property
    def readable_ended(self) -> bool:
        """Whether ``end`` has been emitted."""
        return self._reading is READ_ENDED

    @property
    def readable_length(self) -> int:
        """Bytes that have arrived and were not delivered yet."""
        return len(self._held or ()) + len(self._inbox or ())

    def set_encoding(self, encoding: str = "utf8") -> Self:
        """From now on ``data`` carries text: characters split between pieces arrive whole.

        Bytes that are no character become U+FFFD. Raises `BadArgument` for an encoding that Python does not know.
        """
        decoder = Decoder(checks.encoding(encoding))

        def now() -> None:
            if pending := self._forget_character():
                self._hold_again(pending)
            self._decoder = decoder
            self._fast = None

        loop.call(now)
        return self

    def unshift(self, data: bytes | bytearray | memoryview | str) -> Self:
        """Put bytes back: they are delivered again, before anything that comes later.

        For a parser that was given more than belongs to it. Text is put back in the encoding of `set_encoding`.
        After ``end`` it is an error, as in Node. Unlike Node, which may deliver inside of this call, the bytes are
        delivered after the handler that runs now.
        """
        decoder = self._decoder
        if decoder is not None and isinstance(data, str):
            data = decoder.encode(data)
        back = checks.data(data, "put back")
        error = loop.call(self._unshift_now, back, not loop.inside())
        if error is not None:
            raise error
        return self

    def pipe(self, destination: DestinationT, *, end: bool = True) -> DestinationT:
        """Write all that arrives here into destination, at the pace it can take; its end follows ours (end=True).

        destination: a `Writable`, or anything with ``write``, ``once`` and ``end``. Returns destination.
        ``socket.pipe(socket)`` is an echo server. If the destination finishes or closes, the pipe is taken off and, if
        it was the last one, this stream is paused.
        """
        if not all(callable(getattr(destination, name, None)) for name in ("write", "once", "end")):
            raise BadArgument(f"{checks.shown(destination)} cannot be piped into", "Give a stream that can be written.")
        loop.call(Pipe(self, destination, checks.flag(end, "end")).join)
        return destination

    def unpipe(self, destination: Any = None) -> Self:
        """Take off the pipe into destination (None: every pipe); if none is left, the stream is paused."""

        def now() -> None:
            pipes = [each for each in self.listeners("data") if isinstance(each, Pipe)]
            gone = pipes if destination is None else [each for each in pipes if each.destination is destination][:1]
            if gone and len(gone) == len(pipes):
                self._pause_now()
            for pipe in gone:
                pipe.leave()

        loop.call(now)
        return self

    def read(self, size: int | None = None, timeout: float = 5.0) -> bytes:
        """Wait for size bytes and return them (None: for whatever comes next); fewer only if the source has ended.

        For cells, which want the same bytes however TCP cuts the stream; Node's read, which never waits, is another
        thing. timeout: seconds. A ``data`` listener that is added later gets what was not read.
        Raises `TimedOut`, saying what did come, and the error that ended the stream.
        """
        if size is not None:
            checks.whole(size, "a number of bytes to read", 0, 2**31 - 1)
        checks.seconds(timeout)
        if size == 0:
            return b""
        return inbox.read(self, size, timeout)

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
        if not self.destroyed and self._held is None and (self._END_UNASKED or self._reading is FLOWING):
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
        self._close_if_over()

    def _is_over(self) -> bool:
        return self._reading is READ_ENDED and super()._is_over()

    def _kept(self, arrived: bytes | str) -> tuple[Any, ...]:
        """What a later `wait_for` is to return of this piece: the piece, or ``(None,)`` for nothing."""
        return (arrived,)

    # -- inside

    def _take_in(self, data: bytes) -> None:
        if self._shortcut is not None:
            self._shortcut.end()
        if self.closed or self.destroyed:
            return
        if self._inbox is not None and self._inbox.has_unheard:
            inbox.hand_over(self)
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

    def _deliver(self, data: bytes, again: int = 0) -> None:
        """Emit ``data``. again: bytes of it that were counted before."""
        self.bytes_read += len(data) - again
        self._touched()
        listeners = self._listeners.get("data", ())
        if self._inbox is not None:
            inbox.add(self, self._inbox, data, bool(listeners))
        arrived: bytes | str = data
        if self._decoder is not None:
            arrived = self._decoder.decode(data)
            if not arrived:
                return  # only the first bytes of a character yet
        # the size is told, also of what is not kept
        entry = self._remember("data", self._kept(arrived), len(arrived), done=False)
        try:
            for listener in listeners:
                listener(arrived)
        except Exception as error:
            self._broken(error)
        entry.done = True
        if self._tickets:
            self._offer(entry, (arrived,))
        if listeners and self._is_plain():
            self._shorten(listeners)

    def _is_plain(self) -> bool:
        """Whether the next data needs nothing but its listeners called."""
        return (
            self._reading is FLOWING and self._decoder is None and self._inbox is None and self._held is None
            and not self._tickets and not self._is_young()
        )  # fmt: skip

    def _shorten(self, listeners: tuple[Listener, ...]) -> None:
        """From now on do no more with what arrives than to call these, or, for a pipe, to send it."""
        self._shortcut = shortcut(listeners)
        self._hurry("data", listeners, together(listeners) if self._shortcut is None else self._shortcut.send)

    def _run(self, pieces: int) -> Entry:
        return Entry("data", self._since, self.bytes_read - self._start, pieces, (None,))

    def _wanted(self, event: str) -> None:
        if event == "data":
            if self._inbox is not None:
                loop.call(inbox.hand_over, self)
            if self._reading is IDLE:
                loop.call(self._resume_now)

    def _waiting(self, event: str) -> None:
        super()._waiting(event)
        if event in ("data", "end", "close") and self._reading is IDLE:
            loop.call(self._resume_now)

    def _pause_now(self) -> None:
        if self._reading is READ_ENDED:
            return
        self._reading = PAUSED
        self._fast = None
        if not self._is_going() and not self._source_ended:
            self._stop_source()

    def _resume_now(self) -> None:
        if self._reading is READ_ENDED:
            return
        self._reading = FLOWING
        if self._inbox is not None:
            self._inbox.stopped = False
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
            again, self._again = self._again, 0
            self._end_run()
            self._fast = None
            self._deliver(bytes(held), again)
        if self._reading is not FLOWING or self._is_going():
            return
        if self._held is not None:  # a listener has put something back
            self._resume_now()
        elif self._source_ended:
            self._end_reading()
        else:
            self._start_source()

    def _end_reading(self) -> None:
        if self._decoder is not None and self._decoder.pending:  # the first bytes of a character, and no others
            if self._reading is FLOWING:
                if rest := self._decoder.rest():
                    self._fire("data", rest)
                if self._reading is FLOWING:
                    self._resume_now()  # end comes after this, unless something was put back
            return
        self._reading = READ_ENDED
        self._fire("end")
        if not self.closed:
            self._after_end()

    # -- putting back

    def _forget_character(self) -> bytes:
        """The first bytes of a character that is not whole yet: the decoder forgets them, and they can be put back."""
        return b"" if self._decoder is None else self._decoder.forget()

    def _hold_again(self, back: bytes) -> None:
        """Hold bytes that were delivered before, in front of all others, and deliver them if the stream flows."""
        self._held = bytearray(back) + (self._held or b"")
        self._again += len(back)
        self._fast = None
        if self._reading is FLOWING:
            self._resume_now()

    def _unshift_now(self, back: bytes, from_cell: bool) -> LabError | None:
        if not back:
            return None
        if self._reading is READ_ENDED or self.closed or self.destroyed:
            error = LabError(
                "bytes were put back after the end", "Put them back before end is emitted.",
                code="ERR_STREAM_UNSHIFT_AFTER_END_EVENT",
            )  # fmt: skip
            if not from_cell:
                self._destroy_now(error)
            return error if from_cell else None
        if self._shortcut is not None:
            self._shortcut.end()
        pending = self._forget_character()
        waiting = self._inbox
        if waiting is None:
            back += pending
        elif "data" in self._listeners:
            waiting.heard_again(back, len(back) + len(pending), is_here=not from_cell)
            back += pending
        else:  # only read has had it, and all that waits for read comes after it
            back += waiting.take(len(waiting))
        self._hold_again(back)
        return None
