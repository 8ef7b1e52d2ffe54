"""What `Socket.pipe` puts between two ends: what arrives at one is written into the other, at the pace that one takes.

Rule: decides nothing about connections; it reads here, writes there, and reads no more while the writing is full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.net.flow import Flow


class Pipe:
    """A ``data`` listener of source that writes into destination (anything with ``write``, ``once`` and ``end``)."""

    __slots__ = ("destination", "source")

    def __init__(self, source: Any, destination: Any) -> None:
        self.source, self.destination = source, destination

    def __call__(self, data: bytes | str) -> None:
        # A socket that has closed returns False as well, and will never drain.
        if self.destination.write(data) is False and getattr(self.destination, "_blocked", True):
            self.hold()

    def hold(self) -> None:
        """The destination is full: read no more until it has drained."""
        self.source.pause()
        self.destination.once("drain", self.source.resume)

    def end(self) -> None:
        """The source has ended, and so does what is written into the destination."""
        self.destination.end()


def straight(listener: object, socket_class: type[Flow]) -> tuple[Callable[[bytes], None], Flow] | None:
    """(the function that sends bytes, the socket it belongs to) where a listener does no more than that now, else None.

    Only for a pipe into a socket that stands, has not ended and counts no idle time.
    """
    if type(listener) is not Pipe or not isinstance(listener.destination, socket_class):
        return None
    onto = listener.destination
    if onto._write is None or onto._finished or onto.timeout or listener not in onto._pipes:
        return None
    return onto._write, onto
