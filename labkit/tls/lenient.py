"""The engine of a server that asks for a client's certificate and lets the client in, whatever it is.

Rule: the same as `Engine`, on pyOpenSSL, because Python's ssl cannot go on after a certificate that was not verified.

Sessions are not resumed: a resumed session has no certificate that could be judged anew.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from cryptography import x509
from OpenSSL import SSL, crypto

from labkit.core import secrets
from labkit.core.errors import BadArgument, LabError
from labkit.tls import pem
from labkit.tls.context import SERVER_CIPHERS, SecureContext
from labkit.tls.engine import FIRST, RECORD
from labkit.tls.errors import NUMBERS, CertificateError, from_reason

_BUFFER = 1 << 16

UNRECOGNIZED_NAME = bytes((21, 3, 3, 0, 2, 2, 112))
"""The alert in a record, as it stands before anything is encrypted. Source: RFC 8446 sections 5.1 and 6.2."""


def context_of(made: SecureContext) -> Any:
    """The context of pyOpenSSL for the same options."""
    if made.other is not None:
        return made.other
    asked = made.asked
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_min_proto_version(int(asked.low))
    context.set_max_proto_version(int(asked.high))
    try:
        context.set_cipher_list((asked.ciphers or SERVER_CIPHERS).encode())
    except SSL.Error:
        raise BadArgument(f"ciphers={asked.ciphers!r} names no cipher that OpenSSL has", "Give others.") from None
    if asked.certificate is not None and asked.key is not None:
        own, *others = pem.certificates(asked.certificate)
        context.use_certificate(x509.load_pem_x509_certificate(own))
        for each in others:
            context.add_extra_chain_cert(x509.load_pem_x509_certificate(each))
        context.use_privatekey(pem.private_key(asked.key, asked.passphrase))
    if asked.ca is None:
        context.set_default_verify_paths()
    store: Any = context.get_cert_store()
    for given in asked.ca or ():
        for text in pem.certificates(given):
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, text))
            context.add_client_ca(x509.load_pem_x509_certificate(text))
    if asked.alpn:
        names = [each.encode() for each in asked.alpn]

        def choose(_: Any, offered: list[bytes]) -> bytes:
            for each in names:
                if each in offered:
                    return each
            raise _NoProtocol  # pyOpenSSL sends the alert

        context.set_alpn_select_callback(choose)
    context.set_verify(SSL.VERIFY_PEER, _note)
    context.set_keylog_callback(lambda _, line: secrets.said(bytes(line)))
    made.other = context
    return context


class _NoProtocol(Exception):
    """The client speaks none of our protocols."""


def _note(connection: Any, certificate: Any, number: int, depth: int, ok: int) -> bool:
    """Keep OpenSSL's verdict, and go on. The last one counts, as in Node."""
    if not ok:
        connection.get_app_data()._number = number
    return True


class Count(NamedTuple):
    """How many bytes wait."""

    pending: int


class LenientEngine:
    """See `Engine`."""

    incoming = Count(1)  # perhaps: pyOpenSSL does not say how much lies in front of OpenSSL

    __slots__ = ("_number", "_out", "_tls", "first", "opens", "peer", "refused")

    def __init__(self, context: SecureContext, is_server: bool = True) -> None:
        self._tls = SSL.Connection(context_of(context), None)
        self._tls.set_app_data(self)
        self._tls.set_accept_state()
        self._number = 0
        self._out = b""
        self.refused = ""  # why, by `Securing._chosen_lenient`
        self.first = b""
        self.opens = False
        self.peer = "the peer"

    def feed(self, data: bytes) -> None:
        """See `Engine.feed`."""
        self._tls.bio_write(data)

    def feed_first(self, data: bytes) -> None:
        """See `Engine.feed_first`."""
        if len(self.first) < FIRST:
            self.first += data[:FIRST]
        self._tls.bio_write(data)

    def _collect(self) -> None:
        while True:
            try:
                self._out += self._tls.bio_read(_BUFFER)
            except SSL.WantReadError:
                return

    @property
    def outgoing(self) -> Count:
        """See `Engine`."""
        self._collect()
        return Count(len(self._out))

    def take(self) -> bytes:
        """See `Engine`."""
        self._collect()
        out, self._out = self._out, b""
        return out

    def handshake(self) -> bool:
        """See `Engine.handshake`."""
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            if not self.refused:
                return False
            self._collect()  # pyOpenSSL has answered the hello all the same: the alert leaves in place of that
            self._out = UNRECOGNIZED_NAME
            raise from_reason(self.refused, self.peer) from None
        except SSL.Error as error:
            raise self._translated(error) from None
        except _NoProtocol:
            raise from_reason("no application protocol", self.peer) from None
        return True

    def read(self) -> bytes | None:
        """See `Engine.read`."""
        try:
            return bytes(self._tls.recv(RECORD))
        except SSL.WantReadError:
            return None
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            raise self._translated(error) from None

    def write(self, data: bytes) -> None:
        """See `Engine.write`."""
        try:
            self._tls.sendall(data)
        except SSL.Error as error:
            raise self._translated(error) from None

    def close_notify(self) -> None:
        """See `Engine.close_notify`."""
        with suppress(SSL.Error):
            self._tls.shutdown()  # once: this only sends

    def _translated(self, error: Any) -> LabError:
        reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
        reason = next((each[2] for each in reasons if each[2]), "") or "the connection broke off"
        return from_reason(reason, self.peer, self.first)

    @property
    def version(self) -> str | None:
        """See `Engine.version`."""
        return str(self._tls.get_protocol_version_name())

    @property
    def cipher(self) -> tuple[str, str, int] | None:
        """See `Engine.cipher`."""
        name = self._tls.get_cipher_name()
        return None if name is None else (name, self._tls.get_cipher_version() or "", self._tls.get_cipher_bits() or 0)

    @property
    def alpn(self) -> str | None:
        """See `Engine.alpn`."""
        return bytes(self._tls.get_alpn_proto_negotiated()).decode("ascii") or None

    @property
    def asked_name(self) -> str | None:
        """See `Engine.asked_name`."""
        name = self._tls.get_servername()
        return None if name is None else bytes(name).decode("ascii", "replace")

    @property
    def session(self) -> Any:
        """See `Engine.session`."""
        return None

    @property
    def is_resumed(self) -> bool:
        """See `Engine.is_resumed`."""
        return False

    def chain(self) -> list[bytes]:
        """See `Engine.chain`."""
        own = self._tls.get_peer_certificate()
        if own is None:
            return []
        ders = [crypto.dump_certificate(crypto.FILETYPE_ASN1, own)]
        for each in self._tls.get_peer_cert_chain() or []:
            der = crypto.dump_certificate(crypto.FILETYPE_ASN1, each)
            if der not in ders:
                ders.append(der)
        return ders

    def verdict(self) -> LabError | None:
        """Why the client was not verified, or None."""
        if self._tls.get_peer_certificate() is None:
            return CertificateError(f"{self.peer} gave no certificate", code="UNABLE_TO_GET_ISSUER_CERT", number=2)
        if self._number:
            words = _words(self._number)
            return CertificateError(
                f"the certificate of {self.peer} was not verified: {words}",
                code=NUMBERS.get(self._number, "CERT_UNTRUSTED"), number=self._number,
            )  # fmt: skip
        return None


def _words(number: int) -> str:
    return NUMBERS.get(number, f"error {number}").replace("_", " ").lower()
