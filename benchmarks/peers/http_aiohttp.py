"""HTTP server on aiohttp: ``http_aiohttp.py asyncio|uvloop plain|chunked|headers|post``.

Rule: as aiohttp's documentation shows it; only the access log is off, and the backlog as long as everybody's.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web

LOOP, KIND = sys.argv[1:]
TEXT = "Hello World\n"


async def plain(request: web.Request) -> web.Response:
    return web.Response(text=TEXT)


async def chunked(request: web.Request) -> web.Response:
    response = web.Response(text=TEXT)
    response.enable_chunked_encoding()
    return response


async def headers(request: web.Request) -> web.Response:
    return web.Response(text=TEXT, status=200 if request.headers.get("user-agent") else 400)


async def post(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def main() -> None:
    application = web.Application()
    application.router.add_route("*", "/", {"plain": plain, "chunked": chunked, "headers": headers, "post": post}[KIND])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print("PORT", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


(uvloop if LOOP == "uvloop" else asyncio).run(main())
