"""The process that lab/crowds.py measures: an echo server, with a thread for each connection or on an event loop.

Rule: writes its port as a line, and ends when its standard input does.
"""

from __future__ import annotations

import resource
import socket
import sys
import threading

from labkit.servers import threads


def main(way: str) -> None:
    """Serve until nobody holds the other end of the standard input."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if way == "loop":
        from labkit import net

        port = net.create_server(lambda connection: connection.pipe(connection)).listen(0, backlog=4096).port
    else:
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        port = listener.getsockname()[1]
        threading.Thread(target=threads.serve, args=(listener,), daemon=True).start()
    print(port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
