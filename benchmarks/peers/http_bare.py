"""HTTP server on uvloop and httptools, the floor in Python: ``http_bare.py plain|chunked|headers|post``.

Rule: no object for a message, no event, no limit, no check; an answer is one constant, or head and body in one write.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import httptools
import uvloop

KIND = (sys.argv[1:] or ["plain"])[-1]
BODY = b"Hello World\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
PLAIN = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


class Bare(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        """The connection stands."""
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []
        self.fields: dict[bytes, bytes] = {}

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field."""
        self.fields[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self.body.append(data)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if KIND == "post":
            body = b"".join(self.body)
            self.body.clear()
            self.transport.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        elif KIND == "headers":
            self.transport.write(PLAIN if self.fields.get(b"user-agent") else BAD)
            self.fields = {}
        else:
            self.transport.write(CHUNKED if KIND == "chunked" else PLAIN)


async def main() -> None:
    """Serve until a signal ends it."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = await loop.create_server(Bare, sock=listener)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
