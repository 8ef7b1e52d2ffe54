"""What a client receives: the final response, and what an interim one said.

Rule: an `IncomingMessage` whose end frees its connection; the connection itself is client_connection.py.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, NamedTuple

from labkit.http import headers as header_fields
from labkit.http.incoming import IncomingMessage
from labkit.http.response_parsing import Head
from labkit.net import Socket
from labkit.streams import Readable

MARGIN = 1.0
"""Seconds that a connection is closed before the time that the server has announced, as in Node."""

_HINT = re.compile(rb"timeout=(\d{1,7})").match


class Information(NamedTuple):
    """An interim response (1xx), as the ``information`` event tells it. Source: RFC 9110 section 15.2."""

    status_code: int
    status_message: str
    http_version: str
    headers: dict[str, Any]
    raw_headers: list[str]

    @classmethod
    def of(cls, head: Head) -> Information:
        """What a head says."""
        return cls(head.status, head.phrase, head.version, header_fields.joined(head.raw), header_fields.flat(head.raw))


class ClientResponse(IncomingMessage):
    """The answer to a request; see `IncomingMessage`. ``timeout``: nothing has come for as long as the request said."""

    EVENTS: ClassVar[frozenset[str]] = IncomingMessage.EVENTS | {"timeout"}

    __slots__ = ()

    def __init__(self, source: Any, socket: Socket, head: Head) -> None:
        super().__init__(source, socket, head.raw, head.version)
        self.status_code, self.status_message = head.status, head.phrase

    @property
    def keep_alive_hint(self) -> float:
        """Seconds for which the server says that it keeps an idle connection, less a margin; -1: it says nothing."""
        for name, value in header_fields.each(self._raw):  # not by `headers`, which many programs never ask for
            if len(name) == 10 and name.lower() == b"keep-alive":
                hint = _HINT(value.strip(b" \t"))
                return -1.0 if hint is None else max(0.0, int(hint[1]) - MARGIN)
        return -1.0

    def _after_end(self) -> None:
        if self._source is None:
            self._close_soon()
        else:
            self._source.response_ended(self)  # type: ignore[attr-defined]  # a ClientConnection

    def _close_soon(self) -> None:
        self._close_if_over()

    def _close_now(self) -> None:
        if not self.closed and not self.destroyed:
            self.closed = True
            self._fast = None
            self._tell_closed()

    def _push_end(self) -> None:
        # Not later, as at a server: then the server's FIN could be told of in between.
        Readable._push_end(self)

    def _cut_off(self, cause: Exception | None = None) -> None:
        self._due = False  # what waits is dropped, as in Node
        super()._cut_off(cause)
