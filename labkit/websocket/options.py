"""What a program may ask of a WebSocket: sizes and times, checked once; and the four states.

Rule: values in, values out.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from labkit.core import checks
from labkit.websocket.frames import MAX_MESSAGE_SIZE

MAX_QUEUE = 2**26
"""Bytes that may wait to be sent before a connection is cut, if a program does not say otherwise."""

CLOSE_TIMEOUT = 30.0
"""Seconds that the other side has to finish the closing handshake; as in Node's ``ws``."""

HANDSHAKE_TIMEOUT = 10.0
"""Seconds that the opening handshake may take."""


class ReadyState(IntEnum):
    """The state of a WebSocket, with the browser's numbers. Source: the WebSockets standard (WHATWG), section 3.1."""

    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3


class Options(NamedTuple):
    """Of one connection, or of all those of a server. Sizes in bytes, times in seconds (0: no limit)."""

    max_message_size: int
    max_frame_size: int | None
    max_queue: int
    close_timeout: float


def options(
    max_message_size: Any = MAX_MESSAGE_SIZE,
    max_frame_size: Any = None,
    max_queue: Any = MAX_QUEUE,
    close_timeout: Any = CLOSE_TIMEOUT,
) -> Options:
    """Put the options together. Raises `BadArgument`."""
    most = 2**40
    return Options(
        checks.whole(max_message_size, "max_message_size", 0, most),
        None if max_frame_size is None else checks.whole(max_frame_size, "max_frame_size", 0, most),
        checks.whole(max_queue, "max_queue", 0, most),
        checks.seconds(close_timeout, "close_timeout"),
    )
