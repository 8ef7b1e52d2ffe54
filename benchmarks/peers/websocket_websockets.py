"""WebSocket server on the package websockets: ``websocket_websockets.py asyncio|uvloop echo|deflate|broadcast``.

Rule: as its documentation shows it; only the backlog is as long as everybody's, and compression off if the kind is not
deflate.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.speedups import apply_mask  # without it websockets would look slower than it is

LOOP, KIND = sys.argv[1:]
assert apply_mask


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def to_all(connection: ServerConnection) -> None:
    async for message in connection:
        broadcast(connection.server.connections, message)


async def main() -> None:
    handler = to_all if KIND == "broadcast" else echo
    compression = "deflate" if KIND == "deflate" else None
    async with serve(handler, "127.0.0.1", 0, backlog=4096, compression=compression) as server:
        print("PORT", next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Event().wait()


(uvloop if LOOP == "uvloop" else asyncio).run(main())
