"""Messages that came when nobody listened: they wait here for a `wait_for`, or for the first listener.

Rule: a queue with a limit; who fills and empties it is channel.py.
"""

from __future__ import annotations

from collections import deque

LIMIT = 64 * 1024
"""Bytes that may wait here; one message more, if that is larger."""

MOST = 1024
"""Messages that may wait here."""


class Inbox:
    """Messages in the order in which they came. size: their bytes (of text, characters). dropped: how many were."""

    __slots__ = ("_messages", "dropped", "size")

    def __init__(self) -> None:
        self._messages: deque[str | bytes] = deque()
        self.size = self.dropped = 0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_full(self) -> bool:
        """Whether no more should come for now."""
        return self.size >= LIMIT or len(self._messages) >= MOST

    def add(self, message: str | bytes) -> None:
        """Append a message."""
        self._messages.append(message)
        self.size += len(message)

    def drop(self) -> None:
        """Drop the oldest messages, as long as this is too full."""
        while self.is_full and len(self._messages) > 1:
            self.take()
            self.dropped += 1

    def take(self) -> str | bytes:
        """Hand out the first message."""
        message = self._messages.popleft()
        self.size -= len(message)
        return message
