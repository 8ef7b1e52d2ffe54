"""What `Readable.pipe` puts between two streams: what arrives at one is written into the other, at the other's pace.

Rule: decides nothing about connections; it reads here, writes there, and reads no more while the writing is full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.core.listeners import Listener


class Pipe:
    """A ``data`` listener of source that writes into destination (anything with ``write``, ``once`` and ``end``).

    ends: the source's end ends the destination.
    """

    __slots__ = ("destination", "ends", "source")

    def __init__(self, source: Any, destination: Any, ends: bool = True) -> None:
        self.source, self.destination, self.ends = source, destination, ends

    def join(self) -> None:
        """Have the destination, if it is one of our streams, tell when it is full and when it has gone."""
        if (pipes := getattr(self.destination, "_pipes", None)) is not None:
            self.destination._pipes = (*pipes, self)

    def leave(self) -> None:
        """The destination need not tell any more."""
        if (pipes := getattr(self.destination, "_pipes", None)) is not None:
            self.destination._pipes = tuple(each for each in pipes if each is not self)

    def __call__(self, data: bytes | str) -> None:
        # A stream that has closed returns False as well, and will never drain.
        if self.destination.write(data) is False and getattr(self.destination, "writable_need_drain", True):
            self.hold()

    def hold(self) -> None:
        """The destination is full: read no more until it has drained."""
        self.source.pause()
        self.destination.once("drain", self.source.resume)

    def end(self) -> None:
        """The source has ended, and so does what is written into the destination."""
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
        self.source._shortcut = None


def shortcut(listener: Listener) -> Shortcut | None:
    """The short way for this listener of ``data``; None if it does more than to send, or if its destination has more
    to do with a piece than to send it.
    """
    if type(listener) is not Pipe or listener not in getattr(listener.destination, "_pipes", ()):
        return None
    send = listener.destination._direct()
    return None if send is None else Shortcut(listener.source, listener.destination, send)
