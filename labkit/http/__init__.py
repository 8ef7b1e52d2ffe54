"""HTTP/1.1 servers and clients with the events of Node's http module (chapter 7.3).

Rule: messages on a stream; what carries the stream (TCP, a Unix socket, later TLS) is not known here.

    server = http.create_server(lambda request, response: response.end("Hello World\\n")).listen(1337)

Called from a notebook cell, calls return when they are done, or raise in that cell. Called from a handler they never
block, and events tell of failure.
"""

from labkit.http.agent import Agent, close_everything, global_agent
from labkit.http.asking import get, request
from labkit.http.client import ClientRequest
from labkit.http.headers import BadHeader, HeadersSent
from labkit.http.incoming import IncomingMessage
from labkit.http.outgoing import OutgoingMessage
from labkit.http.response import ServerResponse
from labkit.http.response_chunks import BadResponse
from labkit.http.server import Server, create_server
from labkit.http.serving import ClientError
from labkit.http.status import PHRASES

STATUS_CODES = PHRASES
"""Status code -> phrase, as in Node (RFC 9110 section 15)."""

__all__ = [
    "STATUS_CODES", "Agent", "BadHeader", "BadResponse", "ClientError", "ClientRequest", "HeadersSent",
    "IncomingMessage", "OutgoingMessage", "Server", "ServerResponse", "close_everything", "create_server", "get",
    "global_agent", "request",
]  # fmt: skip
