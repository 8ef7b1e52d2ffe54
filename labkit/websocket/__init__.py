"""WebSocket clients and servers, with the names of browsers and the events of Node's package ``ws`` (chapter 7.4).

Rule: frames on a stream that HTTP has handed over; what carries the stream is not known here.

    server = websocket.create_server(lambda ws, request: ws.on("message", ws.send)).listen(12010)
    ws = websocket.WebSocket("ws://127.0.0.1:12010/")
    ws.wait_for("open")
    ws.send("hello world!")
    ws.wait_for("message")

Called from a notebook cell, calls return when they are done, or raise in that cell. Called from a handler they never
block, and events tell of failure.
"""

from labkit.websocket.accepting import accept
from labkit.websocket.client import WebSocket
from labkit.websocket.codes import CLOSE_CODES, OPCODES, ProtocolError
from labkit.websocket.handlers import Event
from labkit.websocket.handshake import GUID, SAME, BadHandshake, accept_value
from labkit.websocket.options import ReadyState
from labkit.websocket.server import Server, create_server

__all__ = [
    "CLOSE_CODES", "GUID", "OPCODES", "SAME", "BadHandshake", "Event", "ProtocolError", "ReadyState", "Server",
    "WebSocket", "accept", "accept_value", "create_server",
]  # fmt: skip
