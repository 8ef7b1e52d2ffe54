"""The echo server: what arrives goes back where it came from (T-1.6).

Rule: short enough to be read in a lesson.
"""

from __future__ import annotations

from labkit import net

PORT = 1337


def echo(socket: net.Socket) -> None:
    """Serve one connection: pipe the socket into itself."""
    socket.pipe(socket)


def create() -> net.Server:
    """Make the echo server; it serves after ``listen(1337)``."""
    return net.create_server(echo)
