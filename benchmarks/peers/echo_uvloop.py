"""Echo server as a bare ``asyncio.Protocol`` on uvloop: no events, no history, no half-close.

Rule: nothing but the loop labkit stands on, so that the distance to it is what labkit's own code costs.
"""

from __future__ import annotations

import asyncio

import uvloop


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = transport.write  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.write(data)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=4096)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


uvloop.run(main())
