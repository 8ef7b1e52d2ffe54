"""Server of https on labkit: ``https_labkit.py KEY CERTIFICATE``.

Rule: the public API only and no settings of its own; the main thread sleeps, as a notebook's does between cells.
"""

from __future__ import annotations

import sys
import threading

from labkit import http, https


def hello(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    response.set_header("Content-Type", "text/plain")
    response.end("Hello World\n")


server = https.create_server(hello, key=sys.argv[1], cert=sys.argv[2]).listen(0)
print("PORT", server.port, flush=True)
threading.Event().wait()
