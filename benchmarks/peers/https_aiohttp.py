"""Server of https on aiohttp: ``https_aiohttp.py KEY CERTIFICATE asyncio|uvloop``.

Rule: as aiohttp's documentation shows it; only the access log is off, and the backlog as long as everybody's.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import uvloop
from aiohttp import web

KEY, CERTIFICATE, LOOP = sys.argv[1:]


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello World\n")


async def main() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, KEY)
    application = web.Application()
    application.router.add_get("/", hello)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096, ssl_context=context)
    await site.start()
    print("PORT", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


(uvloop if LOOP == "uvloop" else asyncio).run(main())
