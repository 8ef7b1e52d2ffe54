"""The chapter's page that sends an update every 50 ms by WebSocket, and the server for both (T-4.1).

Rule: short enough to be read in a lesson; the page is the file updates.html beside this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labkit import http, websocket

PORT = 12010
PATH = "/updates"
PAGE = Path(__file__).with_suffix(".html").read_bytes()


def create(seen: list[str] | None = None, origins: str | Iterable[str] = websocket.SAME) -> http.Server:
    """Make the server: ``/`` is the page, ``/updates`` the WebSocket, which answers each update by ``seen N``.

    seen: gets each update. origins: pages of which origins may connect, see `labkit.websocket.create_server`. With
    ``/?updates=20`` the page sends so many, and then closes the WebSocket and sets ``window.done``.
    """

    def page(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        found = request.url.partition("?")[0] == "/"
        response.write_head(200 if found else 404, {"Content-Type": "text/html; charset=utf-8"})
        response.end(PAGE if found else b"")

    def connected(ws: websocket.WebSocket, request: http.IncomingMessage) -> None:
        count = 0

        @ws.on("message")
        def answer(update: str | bytes) -> None:
            nonlocal count
            count += 1
            if seen is not None:
                seen.append(str(update))
            ws.send(f"seen {count}")

    server = http.create_server(page)
    websocket.create_server(connected, server=server, path=PATH, origins=origins)
    return server
