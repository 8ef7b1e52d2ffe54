"""HTTP server on labkit's http: ``http_labkit.py plain|chunked|headers|post [KEEP_ALIVE_SECONDS]``.

Rule: the public API only and no settings of its own; the main thread sleeps, as a notebook's does between cells.
"""

from __future__ import annotations

import sys
import threading

from labkit import http


def plain(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    response.set_header("Content-Type", "text/plain")
    response.end("Hello World\n")


def chunked(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    response.write_head(200, {"Content-Type": "text/plain"})
    response.end("Hello World\n")


def headers(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    if not request.headers.get("user-agent"):
        response.status_code = 400
    response.set_header("Content-Type", "text/plain")
    response.end("Hello World\n")


def post(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    pieces: list[bytes] = []

    def answer() -> None:
        response.set_header("Content-Type", "application/octet-stream")
        response.end(b"".join(pieces))

    request.on("data", pieces.append)
    request.on("end", answer)


KINDS = {"plain": plain, "chunked": chunked, "headers": headers, "post": post}
kind, *rest = sys.argv[1:] or ["plain"]
options = {"keep_alive_timeout": float(rest[0])} if rest else {}
server = http.create_server(KINDS[kind], **options).listen(0)
print("PORT", server.port, flush=True)
threading.Event().wait()
