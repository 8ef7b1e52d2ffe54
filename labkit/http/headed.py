"""What a program sets on a message before it is sent: its header fields, and its trailers.

Rule: collects and checks; when they are sent, and beside which others, is outgoing.py.
"""

from __future__ import annotations

from typing import Any, Self

from labkit.http.headers import BadHeader, Fields, Given, HeadersSent, Value, pairs
from labkit.streams import Writable
from labkit.streams.stream import NO_SLOTS

NOT_IN_TRAILERS = frozenset(
    {"content-length", "transfer-encoding", "host", "trailer", "connection", "keep-alive", "te", "upgrade"}
)
"""Fields that say how a message is framed or where it goes: too late behind the body (RFC 9110 section 6.5.1)."""


class Headed(Writable):
    """A message with header fields; none can be set once the head is made."""

    __slots__ = NO_SLOTS

    _composed: bool
    _fields: Fields | None
    _trailers: Fields | None

    def set_header(self, name: str, value: Any) -> Self:
        """Set a header field; a list sets several fields of this name. What was set before is replaced.

        Raises `BadHeader` for what would split the message, and `HeadersSent` after the head was made.
        """
        if self._composed:
            self._check_open("set_header")
        fields = self._fields
        if fields is None:
            fields = self._fields = Fields()
        fields.set(name, value)
        return self

    def append_header(self, name: str, value: Any) -> Self:
        """Add one more field of this name. Raises as `set_header`."""
        self._check_open("append_header")
        if self._fields is None:
            self._fields = Fields()
        self._fields.append(name, value)
        return self

    def get_header(self, name: str) -> Value | None:
        """The value that was set for this name, however its letters are written; None if none was."""
        return None if self._fields is None else self._fields.get(name)

    def has_header(self, name: str) -> bool:
        """Whether a field of this name was set."""
        return self._fields is not None and name in self._fields

    def remove_header(self, name: str) -> None:
        """Take a header field off. Raises `HeadersSent` after the head was made."""
        self._check_open("remove_header")
        if self._fields is not None:
            self._fields.remove(name)

    def get_header_names(self) -> list[str]:
        """The names that were set, in lower case."""
        return [] if self._fields is None else list(self._fields.as_dict())

    def get_headers(self) -> dict[str, Value]:
        """Lower-case name -> value that was set."""
        return {} if self._fields is None else self._fields.as_dict()

    @property
    def headers_sent(self) -> bool:
        """Whether the head was made: no field can be set any more. As in Node, it may still wait for the body."""
        return self._composed

    def _check_open(self, call: str) -> None:
        if self._composed:
            raise HeadersSent(
                f"{call}() came too late: the head of this message is already made",
                "Set header fields before write_head(), write() and end(). Behind the body there are trailers.",
            )

    def add_trailers(self, fields: Given) -> None:
        """Set fields that are sent behind the body, if it is sent in chunks (else they are dropped, as in Node).

        Raises `BadHeader`, also for fields that must stand before the body. Source: RFC 9110 section 6.5.
        """
        trailers = Fields()
        for name, value in [*([] if self._trailers is None else self._trailers.pairs()), *pairs(fields)]:
            if isinstance(name, str) and name.lower() in NOT_IN_TRAILERS:
                raise BadHeader(f"{name} cannot be a trailer", "The receiver needs it before the body: set_header().")
            trailers.set(name, value)
        self._trailers = trailers
