"""UDP echo server on labkit's dgram, as lesson 02 writes it.

Rule: the public API only and no settings of its own; the main thread sleeps, as a notebook's does between cells.
"""

from __future__ import annotations

import threading

from labkit import dgram

server = dgram.create_socket("udp4", lambda data, sender: server.send(data, sender.port, sender.address))
print("PORT", server.bind(0).port, flush=True)
threading.Event().wait()
