"""When a server stops to read from a connection, and how long it waits for the other side.

Rule: looks at one `serving.Connection` and decides; what is said on it is serving.py.
"""

from __future__ import annotations

from typing import Any

from labkit.http.framing import Malformed

PIPELINED = 64
"""Requests of one connection that may wait for their answers; further ones are not read until some are answered."""

LINGER = 5.0
"""Seconds that a connection stands after its last answer, so that the client can read it (RFC 9112 section 9.6)."""


def is_held(connection: Any) -> bool:
    """Whether no further request may begin now: too many wait, the client does not read, or it is to be a tunnel."""
    if connection._turning is not None:
        return True
    if connection._parser.started:
        return False  # the rest of this one; whoever reads its body sets the pace
    return len(connection._queue) >= PIPELINED or connection.socket._blocked


def hold(connection: Any) -> None:
    """Stop reading from the socket while no request may begin, so that the bytes wait at the client; else go on."""
    if connection._parser.over and connection._turning is None:
        return
    held = is_held(connection)
    if held is not connection._held:
        connection._held = held
        if held:
            connection.socket._pause_now()
        elif not connection._paused:
            connection.socket._resume_now()
            connection._go_on_soon()


def look_at_clock(connection: Any, now: float) -> None:
    """Close what is idle for too long, and answer 408 to what takes too long. now: by the server's clock.

    As long as the client reads what was sent, no time is counted. If it reads nothing, ``request_timeout`` is the end.
    """
    server, parser, age = connection.server, connection._parser, now - connection.since
    unread = connection.socket.writable_length
    if unread and not parser.started:
        if unread != connection._unread:
            connection.since = now
        elif server.request_timeout and age > server.request_timeout:
            connection.socket.destroy()
        connection._unread = unread
    elif connection._ending:
        if age > LINGER:
            connection.socket.destroy()
    elif parser.over or connection._held:
        pass  # refused, or to be a tunnel: the answers before it are due
    elif parser.started:
        limit = server.headers_timeout if connection._request is None else server.request_timeout
        if limit and age > limit:
            connection._refuse(Malformed("the request did not come in time", 408, "ERR_HTTP_REQUEST_TIMEOUT"))
    elif not connection._queue and connection.answered:
        if server.keep_alive_timeout and age > server.keep_alive_timeout:
            connection._finish()
    elif not connection._queue and server.headers_timeout and age > server.headers_timeout:
        connection._refuse(Malformed("no request came in time", 408, "ERR_HTTP_REQUEST_TIMEOUT"))
