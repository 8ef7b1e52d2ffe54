"""The chapter's first HTTP server: Hello World (T-3.1).

Rule: short enough to be read in a lesson.
"""

from __future__ import annotations

from labkit import http

PORT = 1337
HELLO = "Hello World\n"


def hello(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    """Answer one request, whatever it asks for."""
    response.write_head(200, {"Content-Type": "text/plain"})
    response.end(HELLO)


def create() -> http.Server:
    """Make the server; it serves after ``listen(1337)``."""
    return http.create_server(hello)
