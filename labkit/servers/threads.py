"""The echo server as it was written before event loops: one thread for each connection, and calls that wait (C-6.1).

Rule: sockets of the standard library alone; short enough to be read in a lesson.
"""

from __future__ import annotations

import contextlib
import socket
import threading


def echo(connection: socket.socket) -> None:
    """Serve one connection: wait for bytes, send them back, until the other side ends it."""
    with connection, contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            connection.sendall(data)


def serve(listener: socket.socket) -> None:
    """Accept connections for ever, and give each of them a thread of its own."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=echo, args=(connection,), daemon=True).start()
