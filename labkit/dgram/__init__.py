"""UDP sockets with the methods and events of Node's dgram (chapter 7.2).

Rule: datagrams in, datagrams out; no protocol above UDP.

    server = dgram.create_socket("udp4", lambda data, sender: print(data, sender.port)).bind(41234)
    client = dgram.create_socket("udp4").send("hello", 41234)

Called from a notebook cell, `bind`, `send`, `connect` and `close` return when they are done, or raise in that cell.
Called from a handler they never block, and an ``error`` event tells of failure.
"""

from labkit.dgram.binding import close_everything
from labkit.dgram.receiving import QUEUE
from labkit.dgram.sender import LARGEST, Sender
from labkit.dgram.socket import Socket, create_socket

__all__ = ["LARGEST", "QUEUE", "Sender", "Socket", "close_everything", "create_socket"]
