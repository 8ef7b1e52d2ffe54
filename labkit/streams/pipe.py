"""What `Readable.pipe` puts between two streams: what arrives at one is written into the other, at the other's pace.

Rule: decides nothing about connections; it reads here, writes there, and reads no more while the writing is full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labkit.core import loop

if TYPE_CHECKING:
    from labkit.core.listeners import Listener


class Pipe:
    """A ``data`` listener of source that writes into destination (anything with ``write``, ``once`` and ``end``).

    ends: the source's end ends the destination. full: the destination takes no more until ``drain``. A source with
    several pipes goes on when none of them is full any more. All methods run on the loop.
    """

    __slots__ = ("_is_joined", "destination", "ends", "full", "source")

    def __init__(self, source: Any, destination: Any, ends: bool = True) -> None:
        self.source, self.destination, self.ends = source, destination, ends
        self.full = False
        self._is_joined = False

    def join(self) -> None:
        """Begin: the source flows, also if it was paused (as in Node), unless the destination is full already.

        A destination that is one of our streams tells when it is full, has finished or has gone.
        """
        self._is_joined = True
        if (pipes := getattr(self.destination, "_pipes", None)) is not None:
            self.destination._pipes = (*pipes, self)
        if getattr(self.destination, "writable_need_drain", False):
            self.hold()
        # not on(): it prints nothing, so it needs no cell to print under
        self.source._add("end", self.end)
        self.source._add("close", self.leave)
        self.source._add("data", self)
        if self.source.readable_ended:
            loop.get().call_soon(self.end)
        elif not self.full:
            self.source.resume()

    def leave(self, *_: Any) -> None:
        """Stop: nothing more is written into the destination."""
        if not self._is_joined:
            return
        self._is_joined = False
        short = self.source._shortcut
        if short is not None and short.destination is self.destination:
            short.end()
        self.source.off("data", self).off("end", self.end).off("close", self.leave)
        if (pipes := getattr(self.destination, "_pipes", None)) is not None:
            self.destination._pipes = tuple(each for each in pipes if each is not self)
        self._drained()

    def __call__(self, data: bytes | str) -> None:
        if self.destination.write(data) is False:  # also if it can take nothing any more: its close ends the pipe
            self.hold()

    def hold(self) -> None:
        """The destination is full: read no more until it has drained."""
        if not self.full:
            self.full = True
            self.destination.once("drain", self._drained)
        self.source.pause()

    def _drained(self) -> None:
        if not self.full:
            return
        self.full = False
        listeners = self.source.listeners("data")
        if listeners and not any(isinstance(each, Pipe) and each.full for each in listeners):
            self.source.resume()

    def end(self) -> None:
        """The source has ended, and so does what is written into the destination."""
        if self._is_joined:
            self.leave()
            if self.ends:
                self.destination.end()


class Shortcut:
    """The short way of a busy pipe: what arrives at the source is sent by `send` alone, no listener in between.

    The destination's bytes are counted when the shortcut ends, and in between on demand (`count`). It begins with the
    next piece that arrives. A change at either end sets the source's ``_fast`` to None; the source then ends this.
    """

    __slots__ = ("_begun", "destination", "send", "source")

    def __init__(self, source: Any, destination: Any, send: Callable[[bytes], Any]) -> None:
        self.source, self.destination, self.send = source, destination, send
        self._begun = source.bytes_read

    def count(self) -> int:
        """Bytes sent so far, and not yet counted by the destination."""
        return int(self.source.bytes_read - self._begun)

    def end(self) -> None:
        """Count what was sent; the source takes the long way from here on."""
        self.destination._written += self.count()
        self.source._shortcut = self.source._fast = None


def shortcut(listeners: tuple[Listener, ...]) -> Shortcut | None:
    """The short way for these listeners of ``data``: one pipe, whose destination only has to send. Else None."""
    pipe = listeners[0]
    if len(listeners) > 1 or type(pipe) is not Pipe or pipe not in getattr(pipe.destination, "_pipes", ()):
        return None
    send = pipe.destination._direct()
    return None if send is None else Shortcut(pipe.source, pipe.destination, send)


def together(listeners: tuple[Listener, ...]) -> Listener:
    """One function that calls these listeners of ``data``."""
    if len(listeners) == 1:
        return listeners[0]

    def each(data: bytes) -> None:
        for listener in listeners:
            listener(data)

    return each
