"""Echo server on stock asyncio streams over TLS. tls_asyncio.py echo CERT KEY

Rule: what the standard library's documentation shows, on the standard event loop; prints ``PORT n`` when it listens.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import suppress

_, _, cert, key = sys.argv


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # of clients that leave
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096, ssl=context)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
