"""Echo server on asyncio streams with TLS: ``tls_asyncio.py KEY CERTIFICATE asyncio|uvloop``.

Rule: what the standard library's documentation shows; prints ``PORT n`` when it listens.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import uvloop

KEY, CERTIFICATE, LOOP = sys.argv[1:]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def main() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, KEY)
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096, ssl=context)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


(uvloop if LOOP == "uvloop" else asyncio).run(main())
