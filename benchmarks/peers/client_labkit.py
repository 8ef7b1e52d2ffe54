"""HTTP client on labkit's http over one agent: ``client_labkit.py PORT REQUESTS SOCKETS WARM_UP``.

Rule: says WARM, waits for a line, makes the requests, says DONE n, as every client_* peer; the public API only.
"""

from __future__ import annotations

import os
import sys
import threading

from labkit import http

port, requests, sockets, warm_up = map(int, sys.argv[1:])
agent = http.Agent(max_sockets=sockets)


class Run:
    """So many requests, as many under way at once as there are sockets."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.begun = self.ended = 0
        self.done = threading.Event()
        for _ in range(sockets):
            self.next()
        self.done.wait()

    def next(self) -> None:
        self.begun += 1
        http.get(port=port, agent=agent, on_response=self.answered)

    def answered(self, response: http.IncomingMessage) -> None:
        pieces: list[bytes] = []

        def ended() -> None:
            if response.status_code != 200 or b"".join(pieces) != b"Hello World\n":
                print("wrong answer", file=sys.stderr, flush=True)
                os._exit(1)
            self.ended += 1
            if self.begun < self.total:
                self.next()
            elif self.ended == self.total:
                self.done.set()

        response.on("data", pieces.append)
        response.on("end", ended)


Run(warm_up)
print("WARM", flush=True)
sys.stdin.readline()
Run(requests)
print("DONE", requests, flush=True)
sys.stdin.read()
agent.destroy()
