"""The client of tls_servers.py: handshakes, echoes or requests over TLS, as many as a core can.

Rule: nothing of labkit's; it need not be fast, since the CPU of the server is what is measured.

    tls_load.py PORT handshake|echo|request|idle CONNECTIONS SIZE SECONDS WARMUP CA

Prints ``WARM``, waits for a line, works for SECONDS, prints a line of JSON: ops, seconds, errors.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from typing import Any

import uvloop

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Client(asyncio.Protocol):
    """One connection; TLS over two memory BIOs."""

    ops = 0
    errors = 0
    standing = 0
    mode = ""
    message = b""
    over = False
    context: ssl.SSLContext

    def connection_made(self, transport: Any) -> None:
        self.tcp = transport
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.stands = False
        self.missing = 0
        self.step()

    def data_received(self, data: bytes) -> None:
        self.incoming.write(data)
        self.step()

    def step(self) -> None:
        try:
            if not self.stands:
                self.tls.do_handshake()
                self.stands = True
                Client.standing += 1
                if Client.mode != "idle":
                    self.ask()
            while True:
                data = self.tls.read(65536)
                if self.missing == 0 and Client.mode == "request":
                    head, _, _ = data.partition(b"\r\n\r\n")
                    length = next(
                        int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                    )
                    self.missing = len(head) + 4 + length
                self.missing -= len(data)
                if self.missing <= 0:
                    Client.ops += 1
                    if Client.mode == "handshake" or Client.over:
                        self.tcp.abort()
                        return
                    self.ask()
        except ssl.SSLWantReadError:
            pass
        except Exception as error:
            Client.errors += 1
            print(repr(error), file=sys.stderr)
            self.tcp.abort()
            return
        if self.outgoing.pending:
            self.tcp.write(self.outgoing.read())

    def ask(self) -> None:
        self.missing = 0 if Client.mode == "request" else len(Client.message)
        self.tls.write(Client.message)
        if self.outgoing.pending:
            self.tcp.write(self.outgoing.read())

    def connection_lost(self, exc: BaseException | None) -> None:
        if Client.mode == "handshake" and not Client.over:
            self.again()

    @classmethod
    def again(cls) -> None:
        task = asyncio.get_running_loop().create_task(connect())
        tasks.add(task)
        task.add_done_callback(tasks.discard)


tasks: set[Any] = set()
port = 0


async def connect() -> None:
    await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)


async def main(mode: str, connections: int, size: int, seconds: float, warmup: float, ca: str) -> None:
    Client.mode = mode
    Client.message = REQUEST if mode == "request" else bytes(1 if mode == "handshake" else size)
    Client.context = ssl.create_default_context(cafile=ca)
    for _ in range(connections):
        await connect()
    while Client.standing < connections:
        await asyncio.sleep(0.01)
    await asyncio.sleep(warmup)
    print("WARM", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    before, began = Client.ops, time.perf_counter()
    await asyncio.sleep(seconds)
    done, took = Client.ops - before, time.perf_counter() - began
    print(json.dumps({"ops": done, "seconds": took, "errors": Client.errors}), flush=True)
    Client.over = True


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvloop.run(
        main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), float(sys.argv[6]), sys.argv[7])
    )
