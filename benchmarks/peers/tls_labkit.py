"""TLS servers on labkit: an echo, or HTTPS. tls_labkit.py echo|https CERT KEY

Rule: the public API only and no settings of its own; the main thread sleeps, as a notebook's does between cells.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from labkit import http, https, tls

kind, cert, key = sys.argv[1:]


def hello(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    response.set_header("Content-Type", "text/plain")
    response.end("Hello World\n")


if kind == "https":
    server: Any = https.create_server(hello, cert=cert, key=key)
else:
    server = tls.create_server(lambda socket: socket.pipe(socket), cert=cert, key=key)
server.listen(0)
print("PORT", server.port, flush=True)
threading.Event().wait()
