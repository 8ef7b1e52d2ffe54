"""The requests of a busy server, and their responses, as they are made: asleep, with the parts that are always needed.

Rule: makes them; how they wake is asleep.py, what their parts mean is incoming.py and response.py.
"""

from __future__ import annotations

from typing import Any

from labkit.http.asleep import asleep
from labkit.http.headers import Raw
from labkit.http.incoming import NEW, IncomingMessage, Source
from labkit.http.response import ServerResponse
from labkit.net import Socket
from labkit.streams import READING
from labkit.streams.states import OPENING

_new = object.__new__
_Request = asleep(
    IncomingMessage, "_listeners", "_tickets", "_history", "_spent", "_failure", "_context", "_fast", "_pieces",
    "_since", "closed", "destroyed", "_failed", "_raw_trailers", "_encoding", "status_code", "status_message",
    "complete", *READING,
)  # fmt: skip


def request(source: Source, socket: Socket, raw: Raw, version: str, method: str, url: str) -> IncomingMessage:
    """A request of a busy server; it is quiet, and asleep. Not by ``__init__``, which costs as much as all of this."""
    made: Any = _new(_Request)
    made._source = source
    made.socket = socket
    made._raw = raw
    made._headers = None
    made.http_version = version
    made.method = method
    made.url = url
    made.quiet = True
    made._asleep = NEW
    return made  # type: ignore[no-any-return]


_Response = asleep(
    ServerResponse, "_listeners", "_tickets", "_history", "_spent", "_failure", "_context", "_fast", "_pieces",
    "_since", "closed", "destroyed", "_failed", "_queued", "_queued_size", "_blocked", "_corked", "_written", "_pipes",
    "_mark", "_left", "closes", "socket",
)  # fmt: skip


def response(carrier: Any, request: IncomingMessage, keep_alive: bool) -> ServerResponse:
    """A response of a busy server; it is quiet, and asleep. As `request`."""
    made: Any = _new(_Response)
    made._carrier = carrier
    made.req = request
    made._status = 200
    made._message = ""
    made._unsent = b""
    made._given = made._fields = made._trailers = made._sink = None
    made._composed = made._chunked = False
    made.quiet = made.send_date = True
    made._has_body = True
    if request.method == "HEAD":
        made._has_body = False
    made._writing = OPENING
    made.should_keep_alive = keep_alive
    made._asleep = 0  # above 0: it was sent whole, in so many bytes
    return made  # type: ignore[no-any-return]
