"""The requests of a busy server, and their responses, as they are made: asleep, with the parts that are always needed.

Rule: makes them; how they wake is asleep.py, what their parts mean is incoming.py and response.py.
"""

from __future__ import annotations

from typing import Any

from labkit.http.asleep import asleep
from labkit.http.headers import Raw
from labkit.http.incoming import IncomingMessage, Source
from labkit.http.response import ServerResponse
from labkit.net import Socket
from labkit.streams import READING

_new = object.__new__
_Request = asleep(
    IncomingMessage, "_listeners", "_tickets", "_history", "_spent", "_failure", "_context", "_fast", "_pieces",
    "_since", "closed", "destroyed", "_failed", "_raw_trailers", "_encoding", "status_code", "status_message",
    "complete", *READING,
)  # fmt: skip


def request(source: Source, socket: Socket, raw: Raw, version: str, method: str, url: str) -> IncomingMessage:
    """A request of a busy server; it is quiet, and asleep. Not by ``__init__``, which costs as much as all of this."""
    made: Any = _new(_Request)
    made._set_first(source, socket, raw, version, method, url)
    made.quiet = True
    return made  # type: ignore[no-any-return]


_Response = asleep(
    ServerResponse, "_listeners", "_tickets", "_history", "_spent", "_failure", "_context", "_fast", "_pieces",
    "_since", "closed", "destroyed", "_failed", "_queued", "_queued_size", "_blocked", "_corked", "_written", "_pipes",
    "_mark", "_left", "closes", "socket",
)  # fmt: skip


def response(carrier: Any, request: IncomingMessage, keep_alive: bool) -> ServerResponse:
    """A response of a busy server; it is quiet, and asleep. As `request`."""
    made: Any = _new(_Response)
    made._set_first(carrier, request, keep_alive)
    made.quiet = True
    return made  # type: ignore[no-any-return]
