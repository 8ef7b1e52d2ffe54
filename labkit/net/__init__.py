"""TCP and Unix-socket servers and clients with the events of Node's net module (chapter 7.1).

Rule: bytes in, bytes out; no protocol above TCP is known here.

    server = net.create_server(lambda socket: socket.pipe(socket)).listen(1337)
    client = net.connect(1337)

Called from a notebook cell, `listen`, `connect`, `write` and `close` return when they are done, or raise in that cell.
Called from a handler they never block, and an ``error`` event tells of failure.
"""

from labkit.core.kernel_table import kernel_table
from labkit.net.server import Server, close_everything, create_server
from labkit.net.socket import Socket, connect

__all__ = ["Server", "Socket", "close_everything", "connect", "create_server", "kernel_table"]
