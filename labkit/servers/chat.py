"""A small chat on one port: its page over https, its lines over wss (T-6.1).

Rule: short enough to be read in a lesson; the page is the file chat.html beside this one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labkit import http, https, websocket

PORT = 8443
PATH = "/room"
PAGE = Path(__file__).with_suffix(".html").read_bytes()
LONGEST = 1000
"""Bytes of a line, at most; a longer one ends its sender's connection with the code 1009."""
BEHIND = 1 << 20
"""Bytes that may wait for a member who does not read; then the connection is cut."""


def create(identity: Any) -> https.Server:
    """Make the server: ``/`` is the page, ``/room`` the WebSocket. Each line goes to all members, as it was said.

    identity: key and certificate, as `labkit.ca` issues them. Only a page of this server may connect (origin), and any
    program that is no browser. The page takes ``/?name=ada&say=hello&hear=2``: it says this by itself, and sets
    ``window.done`` and leaves when it has heard so many lines.
    """

    def page(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        found = request.url.partition("?")[0] == "/"
        response.write_head(200 if found else 404, {"Content-Type": "text/html; charset=utf-8"})
        response.end(PAGE if found else b"")

    def joined(ws: websocket.WebSocket, _: http.IncomingMessage) -> None:
        ws.on("message", say)

    def say(line: str | bytes) -> None:
        for member in room.clients:
            if member.buffered_amount > BEHIND:
                member.terminate()
            else:
                member.send(line)

    server = https.create_server(page, key=identity, cert=identity)
    room = websocket.create_server(joined, server=server, path=PATH, max_message_size=LONGEST)
    return server
