"""HTTP client on httpx, with as many connections: ``client_httpx.py asyncio|uvloop PORT REQUESTS SOCKETS WARM_UP``.

Rule: says WARM, waits for a line, makes the requests, says DONE n, as every client_* peer; one AsyncClient.
"""

from __future__ import annotations

import asyncio
import sys

import httpx
import uvloop

LOOP = sys.argv[1]
PORT, REQUESTS, SOCKETS, WARM_UP = map(int, sys.argv[2:])


async def run(client: httpx.AsyncClient, total: int) -> None:
    left = iter(range(total))

    async def worker() -> None:
        for _ in left:
            response = await client.get(f"http://127.0.0.1:{PORT}/")
            if response.status_code != 200 or response.content != b"Hello World\n":
                raise SystemExit("wrong answer")

    await asyncio.gather(*(worker() for _ in range(SOCKETS)))


async def main() -> None:
    limits = httpx.Limits(max_connections=SOCKETS, max_keepalive_connections=SOCKETS)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
        await run(client, WARM_UP)
        print("WARM", flush=True)
        sys.stdin.readline()
        await run(client, REQUESTS)
        print("DONE", REQUESTS, flush=True)
        sys.stdin.read()


(uvloop if LOOP == "uvloop" else asyncio).run(main())
