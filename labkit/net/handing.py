"""A connection that changes hands: another socket takes over what carries it (TLS on a connection that stands).

Rule: runs on the loop; afterwards the first socket writes and reads nothing, and closes when the connection does.
"""

from __future__ import annotations

from typing import Any

from labkit.core.errors import LabError
from labkit.net.socket import Socket
from labkit.streams.states import IDLE, OPEN, WRITE_ENDED


def hand_over(socket: Socket) -> tuple[Any, bytes]:
    """Take a socket's connection from it. The new owner calls its ``_detach`` when the connection is gone.

    Returns the transport, and the bytes that came and that nobody has read. Raises `LabError` if it is not open.
    """
    transport = socket._transport
    if transport is None or socket._writing is not OPEN or socket._source_ended or socket._is_going():
        raise LabError(f"{socket!r} cannot be handed over", "It must be open, in both directions.")
    unread = bytes(socket._held or b"")
    if socket._inbox is not None:
        unread = socket._inbox.take_unheard() + unread
    socket._held = socket._inbox = None
    socket._take_off_pipes()
    socket._take_long_way()
    socket._writing, socket._reading = WRITE_ENDED, IDLE
    socket._sink = socket._fast = None
    socket._stop_timer()
    return transport, unread
