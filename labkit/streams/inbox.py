"""`Readable.read`: the thread that waits for bytes, and the bytes that wait for it.

Rule: the only part of the streams that waits; how bytes come here is readable.py.
"""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import Any

from labkit.core import loop
from labkit.core.errors import NotOpen, TimedOut
from labkit.streams.states import FLOWING

LIMIT = 64 * 1024
"""Bytes that wait here before the source is stopped; more if a running `Readable.read` asks for more."""


class Inbox:
    """Bytes in the order in which they came: first those that listeners have heard, too, then those that none has.

    asked: bytes that a running `Readable.read` waits for. stopped: the source was stopped because this is full.
    """

    __slots__ = ("_again", "_bytes", "_heard", "asked", "stopped")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._heard = 0  # bytes at the front that listeners have heard
        self._again = 0  # bytes that listeners will hear again, and that are here already
        self.asked = 0
        self.stopped = False

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def is_full(self) -> bool:
        """Whether no more should come for now."""
        return len(self._bytes) >= max(LIMIT, self.asked)

    @property
    def has_unheard(self) -> bool:
        """Whether there are bytes that no listener has heard."""
        return self._heard < len(self._bytes)

    def add(self, data: bytes, heard: bool) -> None:
        """Append what is being delivered. heard: there are listeners for it."""
        if self._again:
            here_already = min(self._again, len(data))
            self._again -= here_already
            data = data[here_already:]
        self._bytes += data
        if heard:
            self._heard = len(self._bytes)

    def take(self, size: int) -> bytes:
        """Hand out the first bytes."""
        taken = bytes(self._bytes[:size])
        del self._bytes[:size]
        self._heard = max(0, self._heard - size)
        return taken

    def take_unheard(self) -> bytes:
        """Hand out the bytes that no listener has heard: a listener has come, and is to hear them."""
        unheard = bytes(self._bytes[self._heard :])
        del self._bytes[self._heard :]
        return unheard

    def heard_again(self, back: bytes, size: int, *, is_here: bool) -> None:
        """Listeners put bytes back: they will hear ``size`` bytes again. is_here: so they are the last ones here."""
        if not is_here:
            self._bytes[:0] = back
            self._heard += len(back)
        self._again += size


def add(stream: Any, inbox: Inbox, data: bytes, heard: bool) -> None:
    """Bytes are being delivered: they wait here, too. If too much waits, the source is stopped until `read` comes.

    heard: whether listeners are called with them. The caller says so, since a cell may add one at any moment.
    """
    inbox.add(data, heard)
    if not inbox.is_full:
        return
    if heard and not inbox.asked:
        stream._inbox = None  # the listeners have it; a later read starts with what comes then
    elif not stream._is_going() and not stream._source_ended:
        inbox.stopped = True
        stream._stop_source()


def hand_over(stream: Any) -> None:
    """Give what waits here to the listeners of ``data``, if there are some now, since they have not heard it."""
    inbox = stream._inbox
    if inbox is None or not inbox.has_unheard or "data" not in stream._listeners or stream.readable_ended:
        return
    stream._hold_again(max(inbox.take_unheard(), stream._forget_character(), key=len))


def read(stream: Any, size: int | None, timeout: float) -> bytes:
    """See `Readable.read`; stream: a Readable. Runs in the thread that waits."""
    loop.call(_open, stream)
    deadline = monotonic() + timeout
    while True:
        arrived: bytes | None = loop.call(_take, stream, size)
        if arrived is not None:
            return arrived
        try:
            with suppress(NotOpen):  # closed: what is there is all there will be
                stream._wait_for_any("data", "end", timeout=max(0.0, deadline - monotonic()))
        except TimedOut:
            came = loop.call(_give_up, stream)
            raise TimedOut(
                f"{f'only {came} bytes' if came else 'nothing'} came within {timeout:g} s"
                + (f", and {size} were asked for" if size is not None else ""),
                "Does the other side answer at all? Is the number right?",
            ) from None


def _open(stream: Any) -> Inbox:
    if stream._inbox is None:
        stream._inbox = Inbox()
        stream._fast = None
        stream._resume_now()
    inbox: Inbox = stream._inbox
    return inbox


def _take(stream: Any, size: int | None) -> bytes | None:
    """The bytes asked for, or None if they have not come yet: then the source is started."""
    inbox = _open(stream)  # listeners may have taken over since
    wanted = len(inbox) if size is None else size
    over = stream.readable_ended or stream.closed
    if (len(inbox) < wanted or not inbox) and not over:
        inbox.asked = wanted
        stream._resume_now()
        return None
    inbox.asked = 0
    if stream._failed is not None and not inbox:
        raise stream._give(stream._failed)  # nothing more will come, and it was not the peer's FIN
    taken = inbox.take(wanted)
    if inbox.stopped and not inbox.is_full and stream._reading is FLOWING:
        stream._resume_now()
    return taken


def _give_up(stream: Any) -> int:
    """Ask for nothing any more; returns how many bytes have come."""
    if stream._inbox is not None:
        stream._inbox.asked = 0
    return len(stream._inbox or ())
