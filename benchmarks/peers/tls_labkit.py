"""Echo server on labkit's tls: ``tls_labkit.py KEY CERTIFICATE``.

Rule: the public API only and no settings of its own; the main thread sleeps, as a notebook's does between cells.
"""

from __future__ import annotations

import sys
import threading

from labkit import tls

server = tls.create_server(lambda socket: socket.pipe(socket), key=sys.argv[1], cert=sys.argv[2]).listen(0)
print("PORT", server.port, flush=True)
threading.Event().wait()
