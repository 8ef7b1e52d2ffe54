"""Echo server on the standard library's socketserver: a thread for each connection.

Rule: as the documentation shows it, but for the backlog (5 would make 500 clients wait for SYN retransmissions).
"""

from __future__ import annotations

import socketserver


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while chunk := self.request.recv(65536):
            self.request.sendall(chunk)


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 4096
    daemon_threads = True
    block_on_close = False


with Server(("127.0.0.1", 0), Echo) as server:
    print("PORT", server.server_address[1], flush=True)
    server.serve_forever()
