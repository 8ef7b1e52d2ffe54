"""Echo server of TLS on uvloop and ssl.MemoryBIO, the floor in Python: ``tls_bare.py KEY CERTIFICATE``.

Rule: no event, no flow control, no fault told; as few calls for a message as the two interfaces allow.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

import uvloop

KEY, CERTIFICATE = sys.argv[1:3]
CONTEXT = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
CONTEXT.load_cert_chain(CERTIFICATE, KEY)


class Bare(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        """The connection stands."""
        self.transport = transport
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = CONTEXT.wrap_bio(self.incoming, self.outgoing, server_side=True)
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
                tls.write(said)
        except ssl.SSLWantReadError:
            pass
        if self.outgoing.pending:
            self.transport.write(self.outgoing.read())
        if ended:
            self.transport.close()


async def main() -> None:
    """Serve until a signal ends it."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, backlog=4096)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
