"""WebSocket server on labkit's websocket: ``websocket_labkit.py echo|deflate|broadcast``.

Rule: the public API only and no settings of its own; the main thread sleeps, as a notebook's does between cells.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from labkit import websocket

KIND = (sys.argv[1:] or ["echo"])[0]


def echo(socket: websocket.WebSocket, request: Any) -> None:
    socket.on("message", socket.send)


def to_all(socket: websocket.WebSocket, request: Any) -> None:
    socket.on("message", server.broadcast)


server = websocket.create_server(to_all if KIND == "broadcast" else echo, per_message_deflate=KIND == "deflate")
server.listen(0)
print("PORT", server.port, flush=True)
threading.Event().wait()
