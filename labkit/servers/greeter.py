"""The chapter's first server: it greets with a line, and answers everything with 您好！ (T-1.3, T-1.4).

Rule: short enough to be read in a lesson.
"""

from __future__ import annotations

from labkit import net

PORT = 8124
PATH = "/tmp/echo.sock"
WELCOME = "Welcome!\n"
"""Ends in a newline, so that telnet shows it as a line of its own."""
GREETING = "您好！"
"""Three characters; nine bytes in UTF-8, three for each."""


def greet(socket: net.Socket) -> None:
    """Serve one connection: a line when it opens, and 您好！ for each piece of data that arrives."""
    socket.write(WELCOME)

    @socket.on("data")
    def answer(data: bytes) -> None:
        socket.write(GREETING)

    @socket.on("end")
    def goodbye() -> None:
        print("The client has disconnected.", flush=True)


def create() -> net.Server:
    """Make the greeter; it serves after ``listen(8124)`` or ``listen(path="/tmp/echo.sock")``."""
    return net.create_server(greet)
