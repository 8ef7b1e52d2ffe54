"""Messages of a busy server or agent: nothing is remembered of what nobody listens to.

Rule: how an event is emitted while a message is quiet; when it is, its connection says.
"""

from __future__ import annotations

from typing import Any

from labkit.core import watching
from labkit.streams.stream import NO_SLOTS, Stream


class Quiet(Stream):
    """A stream that can be quiet. quiet: an event only calls its listeners, if no thread waits and nobody watches."""

    __slots__ = NO_SLOTS

    quiet: bool

    def _fire(self, event: str, *args: Any) -> None:
        if not self.quiet or self._tickets or watching.watchers:
            super()._fire(event, *args)
            return
        try:
            for listener in self._listeners.get(event, ()):
                listener(*args)
        except Exception as error:
            self._broken(error)
