"""The marker: datagrams to ourselves, which appear in the capture after everything that was sent before them.

Rule: the marker in the capture is the proof that it is complete; no wait is a fixed time.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from labkit.packets.frames import Frame

WAIT = 2.0
"""Seconds to wait for a marker; on loopback it takes milliseconds."""


class Source(Protocol):
    """An object that gives the frames of a running capture."""

    @property
    def origin(self) -> str:
        """Where the frames come from, in words."""

    @property
    def full(self) -> bool:
        """Whether the limit is reached, so that no more frames come."""

    def take(self) -> list[Frame]:
        """The frames since the last call."""

    def wait(self, seconds: float) -> bool:
        """Wait until a frame can be taken."""

    def drops(self) -> int:
        """Frames lost since the last call."""

    def close(self) -> None:
        """End the capture."""


class Boundary(Protocol):
    """An object that knows when a source has given all frames which were sent before a moment."""

    behind: Sequence[Frame]
    """The frames taken from the source that were sent after that moment."""

    def owns(self, raw: bytes) -> bool:
        """Whether this frame was sent only to mark the moment."""

    def read_up_to(self, source: Source, frames: list[Frame], wait: float = WAIT) -> bool:
        """Move the frames sent before this call from the source to the list; returns whether all have come."""


class Marker:
    """A UDP socket on 127.0.0.1 that sends to itself. The capture's filter must pass its port."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind(("127.0.0.1", 0))
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._target: bytes = b"\x11" + self.port.to_bytes(2, "big") * 2

    def send(self) -> list[bytes]:
        """Send one marker from every processor that this process may use; returns the data of each.

        Loopback has one queue for each processor, in order. So only a marker from the same processor is sure to come
        after a frame that waits in its queue.
        """
        tags: list[bytes] = []
        if not hasattr(os, "sched_setaffinity"):
            return [self._send_one()]
        # A thread of its own, because a thread's affinity changes: ours must keep its affinity.
        thread = threading.Thread(target=self._send_each, args=(tags,), name="labkit marker")
        thread.start()
        thread.join()
        return tags

    def _send_each(self, tags: list[bytes]) -> None:
        for processor in sorted(os.sched_getaffinity(0)):
            try:
                os.sched_setaffinity(0, {processor})
            except OSError:
                continue  # we may not use this processor any more: then its queue holds no frame of ours either
            tags.append(self._send_one())
        if not tags:
            tags.append(self._send_one())

    def _send_one(self) -> bytes:
        tag = b"labkit marker " + os.urandom(16)
        self._socket.sendto(tag, self._socket.getsockname())
        return tag

    def owns(self, raw: bytes) -> bool:
        """Whether this frame is one of our markers."""
        return b"labkit marker " in raw[:90] and raw[-30:].startswith(b"labkit marker ")

    def read_up_to(self, source: Source, frames: list[Frame], wait: float = WAIT, again: float | None = None) -> bool:
        """Send markers and move frames from the source to the list, up to the last marker; markers are left out.

        wait: seconds at most. again: send new ones after so many seconds (for a capture that may not have begun yet).
        Returns whether the markers came; frames behind the last marker are not moved.
        """
        tags = set(self.send())
        deadline = time.monotonic() + wait
        resend = time.monotonic() + (again or wait)
        while True:
            fresh = source.take()
            for position, frame in enumerate(fresh):
                if self.owns(frame[1]):
                    tags.discard(frame[1][-30:])
                    if not tags:
                        self._discard_received()
                        self.behind = [each for each in fresh[position + 1 :] if not self.owns(each[1])]
                        return True
                else:
                    frames.append(frame)
            now = time.monotonic()
            if now >= deadline or source.full:
                return False
            if now >= resend:
                tags, resend = set(self.send()), now + (again or wait)
            source.wait(min(deadline, resend) - now)

    behind: Sequence[Frame] = ()
    """The frames taken from the source behind the last marker."""

    def _discard_received(self) -> None:
        """Empty our own socket, so that many markers never fill its buffer."""
        try:
            while True:
                self._socket.recv(64)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
