"""HTTP server as ASGI under uvicorn with httptools and uvloop: ``http_uvicorn.py plain|chunked|headers|post``.

Rule: an ASGI application without a framework, as uvicorn's documentation shows it; only the access log is off, and the
backlog as long as everybody's.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

KIND = (sys.argv[1:] or ["plain"])[0]
BODY = b"Hello World\n"


async def respond(
    send: Send, body: bytes, length: int | None, *, media: bytes = b"text/plain", status: int = 200
) -> None:
    fields = [(b"content-type", media)]
    if length is not None:
        fields.append((b"content-length", b"%d" % length))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def plain(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await respond(send, BODY, len(BODY))


async def chunked(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await respond(send, BODY, None)


async def headers(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    fields = dict(scope["headers"])
    await respond(send, BODY, len(BODY), status=200 if fields.get(b"user-agent") else 400)


async def post(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    pieces = []
    more = True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(pieces)
    await respond(send, body, len(body), media=b"application/octet-stream")


listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print("PORT", listener.getsockname()[1], flush=True)
uvicorn.Server(
    uvicorn.Config(
        {"plain": plain, "chunked": chunked, "headers": headers, "post": post}[KIND],
        http="httptools", loop="uvloop", lifespan="off", access_log=False, log_level="warning", backlog=4096,
    )
).run(sockets=[listener])  # fmt: skip
