"""Echo server on labkit's net, as lesson 01 writes it.

Rule: the public API only and no settings of its own; the main thread sleeps, as a notebook's does between cells.
"""

from __future__ import annotations

import threading

from labkit import net

server = net.create_server(lambda socket: socket.pipe(socket)).listen(0)
print("PORT", server.port, flush=True)
threading.Event().wait()
