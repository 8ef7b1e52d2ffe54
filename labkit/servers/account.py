"""A server that knows its user by a cookie, and sends what is private by WebSocket (RFC 6455, section 10.2).

Rule: it trusts the cookie alone, so what protects the user is `origins`; short enough to be read in a lesson.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from labkit import http, websocket

PORT = 12030
PRIVATE = "the key is under the mat"


def create(origins: str | Iterable[str] = websocket.SAME) -> http.Server:
    """Make the server. ``/`` logs the user in: it sets the cookie. A WebSocket, at any path, gets `PRIVATE`.

    A WebSocket without the cookie of a user gets ``who are you?``. Both are closed then. origins: pages of which
    origins may connect, see `labkit.websocket.create_server`.
    """
    users: set[str] = set()

    def log_in(_: http.IncomingMessage, response: http.ServerResponse) -> None:
        session = secrets.token_hex(8)
        users.add(session)
        response.write_head(200, {"Content-Type": "text/html", "Set-Cookie": f"session={session}; HttpOnly"})
        response.end('<!doctype html><link rel="icon" href="data:,">You are logged in.\n')

    def connected(ws: websocket.WebSocket, request: http.IncomingMessage) -> None:
        cookies = str(request.headers.get("cookie", "")).split("; ")
        ws.send(PRIVATE if any(f"session={user}" in cookies for user in users) else "who are you?")
        ws.close()

    server = http.create_server(log_in)
    websocket.create_server(connected, server=server, origins=origins)
    return server
