"""What does the cryptography of one connection: bytes of the wire in and out, and what a program reads and writes.

Rule: no socket, no event; errors of `labkit.tls.errors` alone. `Engine` is on Python's ssl, lenient.py on pyOpenSSL.
"""

from __future__ import annotations

import _ssl
import ssl
from contextlib import suppress
from typing import Any, Protocol

from labkit.core.errors import LabError
from labkit.tls.context import SecureContext
from labkit.tls.errors import TLSError, from_reason, reason_of

RECORD = 16384
"""Bytes that a record can carry. Source: RFC 8446 section 5.1."""

FIRST = 64
"""Bytes of the first ones that came that are kept during the handshake: what is not TLS is shown by them."""


class Pending(Protocol):
    """What waits in front of an engine, or behind it."""

    @property
    def pending(self) -> int:
        """How many bytes."""


class AnyEngine(Protocol):
    """What a layer asks of an engine; `Engine` says what each of these does.

    opens: whether it says the first word of the handshake, as a client does.
    """

    first: bytes
    opens: bool
    peer: str

    def take(self) -> bytes:
        """Return what is to be sent."""

    def feed(self, data: bytes, /) -> Any:
        """Bytes came from the wire."""

    def feed_first(self, data: bytes) -> None:
        """The same, during the handshake."""

    def handshake(self) -> bool:
        """Go on with the handshake; returns whether it is done."""

    def read(self) -> bytes | None:
        """Return what the peer has said; b"" at its close_notify, None if there is nothing yet."""

    def write(self, data: bytes) -> None:
        """Encrypt what a program says."""

    def close_notify(self) -> None:
        """Say that nothing more follows."""

    def chain(self) -> list[bytes]:
        """Return the peer's certificates as DER, its own first."""

    def verdict(self) -> LabError | None:
        """Return why the peer's certificate is not accepted, or None."""

    @property
    def incoming(self) -> Pending:
        """What came and has not been read: if there is nothing, `read` gives nothing."""

    @property
    def outgoing(self) -> Pending:
        """What is to be sent."""

    @property
    def version(self) -> str | None:
        """The version agreed on."""

    @property
    def cipher(self) -> tuple[str, str, int] | None:
        """The cipher suite agreed on: its name, its version, its bits."""

    @property
    def alpn(self) -> str | None:
        """The protocol agreed on."""

    @property
    def asked_name(self) -> str | None:
        """The name that the client has asked for."""

    @property
    def session(self) -> Any:
        """What a client needs to resume."""

    @property
    def is_resumed(self) -> bool:
        """Whether the handshake was a resumption."""


class _Nothing:
    """Holds no bytes, and takes none."""

    __slots__ = ()
    pending = 0


class Ended:
    """What is left of a server's engine when its connection is gone: what was agreed on; it carries nothing.

    A server remembers its last connections; with what OpenSSL has for each of them that would be 40 kB a connection.
    """

    __slots__ = (
        "_chain", "_verdict", "alpn", "asked_name", "cipher", "first", "is_resumed", "opens", "peer", "version",
    )  # fmt: skip

    incoming = outgoing = _Nothing()
    session = None  # only a client has one

    def __init__(self, engine: AnyEngine, chain: list[bytes], stood: bool) -> None:
        """chain: the peer's certificates. stood: whether the handshake was done."""
        self.first, self.opens, self.peer = engine.first, engine.opens, engine.peer
        self.asked_name = engine.asked_name
        self.version = engine.version if stood else None
        self.cipher = engine.cipher if stood else None
        self.alpn = engine.alpn if stood else None
        self.is_resumed = stood and engine.is_resumed
        self._chain, self._verdict = chain, engine.verdict() if stood else None

    def take(self) -> bytes:
        """Nothing is to be sent."""
        return b""

    def feed(self, data: bytes) -> None:
        """Nothing comes any more."""

    feed_first = feed

    def handshake(self) -> bool:
        """There is none."""
        return False

    def read(self) -> None:
        """There is nothing."""

    def write(self, data: bytes) -> None:
        """Nobody would get it."""

    def close_notify(self) -> None:
        """Nobody would get it."""

    def chain(self) -> list[bytes]:
        """See `Engine.chain`."""
        return self._chain

    def verdict(self) -> LabError | None:
        """See `AnyEngine.verdict`."""
        return self._verdict


class Engine:
    """One end of one connection. peer: the other side, in words. name: of the server that a client wants.

    feed: bytes came from the wire. take: returns what is to be sent.
    incoming: what was fed and not read; `read` leaves nothing of a record behind. outgoing: what is to be sent.
    """

    __slots__ = (
        "_decrypt", "_encrypt", "_hello", "_name", "_shake", "_tls", "feed", "first", "incoming", "opens", "outgoing",
        "peer", "take",
    )  # fmt: skip

    def __init__(self, context: SecureContext, is_server: bool, name: str = "", session: Any = None) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.context.wrap_bio(
            self.incoming, self.outgoing, server_side=is_server, server_hostname=name or None, session=session
        )  # fmt: skip
        self._name = name
        self._hello: bytearray | None = None
        if is_server and context.asked.alpn:  # see `Securing._chosen`
            self._hello = bytearray()
            vars(self._tls).update(labkit_hello=self._hello)
        self.first = b""
        self.opens = not is_server
        self.peer = "the peer"
        # The path of every byte: the functions of OpenSSL themselves, which SSLObject only passes on to.
        inside: Any = getattr(self._tls, "_sslobj", self._tls)
        self._shake, self._decrypt, self._encrypt = inside.do_handshake, inside.read, inside.write
        self.feed, self.take = self.incoming.write, self.outgoing.read

    def feed_first(self, data: bytes) -> None:
        """The same, during the handshake."""
        if len(self.first) < FIRST:
            self.first += data[:FIRST]
        if self._hello is not None and len(self._hello) < 1 << 17:
            self._hello += data
        self.incoming.write(data)

    def handshake(self) -> bool:
        """Go on with the handshake; returns whether it is done. Raises `TLSError`."""
        try:
            self._shake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise self._translated(error) from None
        self._hello = None
        return True

    def read(self) -> bytes | None:
        """What the peer has written: at most a record; None: nothing yet; ``b""``: it has said close_notify.

        Raises `TLSError`.
        """
        try:
            return self._decrypt(RECORD)  # type: ignore[no-any-return]
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as error:
            raise self._translated(error) from None

    def write(self, data: bytes) -> None:
        """Encrypt. Raises `TLSError`."""
        try:
            self._encrypt(data)
        except ssl.SSLError as error:
            raise self._translated(error) from None

    def close_notify(self) -> None:
        """Say that nothing more will be written. Reading goes on."""
        # OpenSSL would go on to look for the peer's close_notify, and take data in front of it for a fault.
        unread = self.incoming.read()
        with suppress(ssl.SSLError, OSError):  # the peer's has not come yet: that is no fault
            self._tls.unwrap()
        self.incoming.write(unread)

    def _translated(self, error: ssl.SSLError) -> LabError:
        if isinstance(error, ssl.SSLCertVerificationError):
            from labkit.tls import judging

            return judging.refused(error.verify_code, error.verify_message, self.chain(), self.peer, self._name)
        refused = getattr(self._tls, "labkit_refused", None)
        if not self._tls.server_side and self.first[:1] == b"\x16" and self.first[5:6] == b"\x01":  # a ClientHello
            return TLSError(
                f"{self.peer} sent a ClientHello, as clients do: it sends back what it gets, or is a client itself",
                "Is there a server of TLS on this port?", code="ERR_SSL_UNEXPECTED_MESSAGE",
            )  # fmt: skip
        return from_reason(refused or reason_of(error.reason, str(error)), self.peer, self.first)

    # -- what was agreed on

    @property
    def version(self) -> str | None:
        """``"TLSv1.3"``."""
        return self._tls.version()

    @property
    def cipher(self) -> tuple[str, str, int] | None:
        """(name, version that it came with, bits)."""
        return self._tls.cipher()

    @property
    def alpn(self) -> str | None:
        """The protocol chosen by ALPN."""
        return self._tls.selected_alpn_protocol()

    @property
    def asked_name(self) -> str | None:
        """At a server: the name that the client asked for (SNI)."""
        return getattr(self._tls, "labkit_name", None)

    @property
    def session(self) -> Any:
        """What a later connection can resume, or None."""
        return self._tls.session

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier session was resumed."""
        return bool(self._tls.session_reused)

    def chain(self) -> list[bytes]:
        """The certificates that the peer sent, in DER, its own first; also after they were refused."""
        public = getattr(self._tls, "get_unverified_chain", None)
        if public is not None:  # Python 3.13
            found = [bytes(each) for each in public()]
        else:
            inside: Any = self._tls
            found = [each.public_bytes(_ssl.ENCODING_DER) for each in inside._sslobj.get_unverified_chain() or []]
        if not found and self.is_resumed:  # of an earlier handshake only the peer's own is kept
            own = self._tls.getpeercert(True)
            return [] if own is None else [own]
        return found

    def verdict(self) -> LabError | None:
        """Why a peer that was let in was not verified: never, since OpenSSL refuses it here."""
        return None
