"""A session that a client keeps, to resume it on a later connection: a shorter handshake, without certificates.

Rule: belongs to the options it was made with; they are the same, or it is refused.
"""

from __future__ import annotations

from typing import Any

from labkit.core.checks import shown
from labkit.core.errors import BadArgument, LabError
from labkit.tls.context import SecureContext


class Session:
    """What `TLSSocket.get_session` returns, and `connect` takes. inner: of Python's ssl.

    name: whom the certificate was for. error: why the server was not trusted, or None. A resumed handshake has no
    certificate, so both still hold.
    """

    __slots__ = ("context", "error", "inner", "name")

    def __init__(self, inner: Any, context: SecureContext, name: str, error: LabError | None = None) -> None:
        self.inner, self.context, self.name, self.error = inner, context, name, error

    @property
    def id(self) -> bytes:
        """By which the server knows it; of a ticket, a digest of it."""
        return bytes(self.inner.id)

    @property
    def lifetime(self) -> int:
        """Seconds for which the server takes its ticket; 0 if it did not say (RFC 8446 section 4.6.1)."""
        return int(self.inner.ticket_lifetime_hint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Session) and self.inner == other.inner

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<session {self.id[:4].hex()}…>"


def checked(given: Any, context: SecureContext, name: str) -> Session | None:
    """The session that a program has given, for a connection to a server of this name. Raises `BadArgument`."""
    if given is None:
        return None
    if not isinstance(given, Session):
        raise BadArgument(f"{shown(given)} is not a session", "Give what get_session() returned.")
    if given.context is not context:
        raise BadArgument(
            "this session was made with other options of TLS", "Connect with the same ca, cert, key, versions, ciphers."
        )
    if given.name != name:  # otherwise a server that is known by one name could speak for all others
        raise BadArgument(
            f"this session was made with {given.name}, not with {name}", "Connect without it: the server is another."
        )
    return given
