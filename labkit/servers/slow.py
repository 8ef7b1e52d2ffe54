"""A server that answers each request late, and its page with pictures that all come late (T-3.6).

Rule: one timer a request, and no thread; short enough to be read in a lesson.
"""

from __future__ import annotations

from labkit import http
from labkit.core import loop

PORT = 1360
SECONDS = 0.2
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def page(pictures: int) -> str:
    """A page with some pictures, each at a target of its own; its icon is in the page, so nobody asks for one."""
    images = "".join(f'<img src="/{number}">' for number in range(pictures))
    return f'<!doctype html><link rel="icon" href="data:,"><title>Pictures</title>{images}\n'


def create(seconds: float = SECONDS, pictures: int = 10) -> http.Server:
    """Make the server. It answers ``/`` with the page at once, and everything else after these seconds."""

    def answer(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        if request.url == "/":
            response.set_header("Content-Type", "text/html")
            response.end(page(pictures))
        else:
            response.set_header("Content-Type", "image/svg+xml")
            loop.get().call_later(seconds, response.end, PICTURE)

    return http.create_server(answer)
