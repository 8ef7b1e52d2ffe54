"""Server of https as ASGI under uvicorn with httptools and uvloop: ``https_uvicorn.py KEY CERTIFICATE``.

Rule: an ASGI application without a framework, as uvicorn's documentation shows it; only the access log is off, and the
backlog as long as everybody's. Its TLS is that of the loop.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def hello(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"12")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"Hello World\n"})


listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print("PORT", listener.getsockname()[1], flush=True)
uvicorn.Server(
    uvicorn.Config(
        hello, http="httptools", loop="uvloop", lifespan="off", access_log=False, log_level="warning", backlog=4096,
        ssl_keyfile=sys.argv[1], ssl_certfile=sys.argv[2],
    )
).run(sockets=[listener])  # fmt: skip
