"""A reader that is slow on purpose, so that its peer meets back-pressure.

Rule: uses a socket's own `on`, `pause` and `resume`; does not look at the bytes.
"""

from __future__ import annotations

from typing import Any

from labkit.core import checks, loop
from labkit.core.calls import in_words
from labkit.core.errors import BadArgument


class _Pause:
    """A listener of ``data`` that pauses its socket for some seconds."""

    def __init__(self, reader: Any, seconds: float) -> None:
        self.reader, self.seconds = reader, seconds

    def __call__(self, data: object) -> None:
        self.reader.pause()
        loop.get().call_later(self.seconds, self.reader.resume)  # `data` is emitted on the loop


@in_words
def slow(reader: Any, seconds: float = 0.005) -> Any:
    """Make a socket read slowly: after each piece of data it pauses for this many seconds. Returns the socket.

    reader: a socket of `labkit.net`; its ``data`` events go on, and a paused socket begins to read. A second call for
    the same socket changes the seconds. Raises `BadArgument` if reader is not such a socket, or seconds not a time.
    """
    checks.seconds(seconds, "a pause")
    if not all(callable(getattr(reader, name, None)) for name in ("on", "pause", "resume", "listeners")):
        raise BadArgument(f"{checks.shown(reader)} is not a socket", "Give the socket that the server's handler got.")
    for listener in reader.listeners("data"):
        if isinstance(listener, _Pause):
            listener.seconds = seconds
            return reader.resume()
    return reader.on("data", _Pause(reader, seconds)).resume()
