"""What does the cryptography of one connection: bytes of the wire in and out, and what a program reads and writes.

Rule: no socket, no event; errors of `labkit.tls.errors` alone. `Engine` is on Python's ssl, lenient.py on pyOpenSSL.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

from labkit.tls.errors import TLSError, from_ssl

RECORD = 16384
"""Bytes that a record can carry. Source: RFC 8446 section 5.1."""


class Engine:
    """One end of one connection. take: returns what is to be sent. waits: whether something is.

    peer: the other side, in words.
    """

    __slots__ = ("_in", "_out", "object", "peer", "take")

    def __init__(self, context: ssl.SSLContext, is_server: bool, name: str | None = None, session: Any = None) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(
            self._in, self._out, server_side=is_server, server_hostname=name, session=session
        )  # fmt: skip
        self.peer = "the peer"
        self.take = self._out.read

    def feed(self, data: bytes) -> None:
        """Bytes came from the wire."""
        self._in.write(data)

    @property
    def waits(self) -> int:
        """Bytes that are to be sent."""
        return self._out.pending

    def handshake(self) -> bool:
        """Go on with the handshake; returns whether it is done. Raises `TLSError`."""
        try:
            self.object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise from_ssl(error, self.peer) from None
        return True

    def read(self) -> bytes | None:
        """What the peer has written: at most a record; None: nothing yet; ``b""``: it has said close_notify.

        Raises `TLSError`.
        """
        try:
            return self.object.read(RECORD)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as error:
            raise from_ssl(error, self.peer) from None

    def is_drained(self) -> bool:
        """Whether nothing lies here that could be read without new bytes."""
        return not self._in.pending and not self.object.pending()

    def write(self, data: bytes) -> None:
        """Encrypt."""
        try:
            self.object.write(data)
        except ssl.SSLError as error:
            raise from_ssl(error, self.peer) from None

    def close_notify(self) -> None:
        """Say that nothing more will be written. Reading goes on."""
        # OpenSSL would go on to look for the peer's close_notify, and take data in front of it for a fault.
        unread = self._in.read()
        with suppress(ssl.SSLError, OSError):  # the peer's has not come: that is no fault
            self.object.unwrap()
        self._in.write(unread)

    # -- what was agreed on

    @property
    def version(self) -> str | None:
        """``"TLSv1.3"``."""
        return self.object.version()

    @property
    def cipher(self) -> tuple[str, str, int] | None:
        """(name, version that it came with, bits)."""
        return self.object.cipher()

    @property
    def alpn(self) -> str | None:
        """The protocol chosen by ALPN."""
        return self.object.selected_alpn_protocol()

    def chain(self) -> list[bytes]:
        """The certificates that the peer sent, in DER, its own first."""
        found = self.object._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]
        return [each.public_bytes(ssl._ssl.ENCODING_DER) for each in found]  # type: ignore[attr-defined]


__all__ = ["RECORD", "Engine", "TLSError"]
