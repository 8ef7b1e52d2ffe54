"""Server of https on uvloop, ssl.MemoryBIO and httptools, the floor in Python: ``https_bare.py KEY CERTIFICATE``.

Rule: tls_bare.py and http_bare.py in one: no object for a message, no event, no limit, no check; one constant answer.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

import httptools
import uvloop

KEY, CERTIFICATE = sys.argv[1:3]
CONTEXT = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
CONTEXT.load_cert_chain(CERTIFICATE, KEY)
HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nHello World\n"


class Bare(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        """The connection stands."""
        self.transport = transport
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = CONTEXT.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.parser = httptools.HttpRequestParser(self)
        self.stands = False

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        incoming, tls, ended = self.incoming, self.tls, False
        incoming.write(data)
        try:
            if not self.stands:
                tls.do_handshake()
                self.stands = True
            while incoming.pending:
                said = tls.read(16384)
                if not said:
                    ended = True
                    tls.unwrap()
                    break
                self.parser.feed_data(said)
        except ssl.SSLWantReadError:
            pass
        if self.outgoing.pending:
            self.transport.write(self.outgoing.read())
        if ended:
            self.transport.close()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.tls.write(HELLO)


async def main() -> None:
    """Serve until a signal ends it."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, backlog=4096)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
