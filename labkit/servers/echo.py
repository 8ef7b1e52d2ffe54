"""The echo server: after a first line, what arrives goes back where it came from (T-1.6).

Rule: short enough to be read in a lesson.
"""

from __future__ import annotations

from labkit import net

PORT = 1337
WELCOME = "Echo server: say something.\n"


def echo(socket: net.Socket) -> None:
    """Serve one connection: write the first line, then pipe the socket into itself."""
    socket.write(WELCOME)
    socket.pipe(socket)


def create() -> net.Server:
    """Make the echo server; it serves after ``listen(1337)``."""
    return net.create_server(echo)
