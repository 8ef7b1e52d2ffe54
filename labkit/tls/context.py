"""The settings of one side of TLS, for all its connections: a context of OpenSSL.

Rule: options in, contexts out, which write their key log to core/secrets.py; no connection here.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import Any

from labkit.core import secrets
from labkit.core.errors import BadArgument
from labkit.tls import pem
from labkit.tls.credentials import as_file
from labkit.tls.options import Asked, asked

SERVER_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, what a server takes by default: with forward secrecy, and authenticated. TLS 1.3 has nothing else."""

CLIENT_CIPHERS = "ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"
"""Of TLS 1.2, what a client offers by default: the list of Python itself, which Debian's Python leaves to OpenSSL."""


class SecureContext:
    """One side of TLS: key and certificate, whom it trusts, which versions and ciphers it takes.

    asked: the options that it was made of. context: of Python's ssl.
    """

    __slots__ = ("asked", "context", "other")

    def __init__(self, is_server: bool, options: Asked) -> None:
        self.asked = options
        self.other: Any = None  # the context of lenient.py, if it is needed
        context = self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.minimum_version, context.maximum_version = options.low, options.high
        _set_ciphers(context, options.ciphers or (SERVER_CIPHERS if is_server else CLIENT_CIPHERS))
        if options.alpn:
            context.set_alpn_protocols(list(options.alpn))
        if is_server:
            context.verify_mode = ssl.CERT_REQUIRED if options.request_cert and options.verifies else ssl.CERT_NONE
        else:
            context.check_hostname = options.verifies and options.checks_name
            context.verify_mode = ssl.CERT_REQUIRED if options.verifies else ssl.CERT_NONE
        if options.ca is not None:
            for each in options.ca:
                pem.trust(context, each)
        elif context.verify_mode is not ssl.CERT_NONE:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH if is_server else ssl.Purpose.SERVER_AUTH)
        if options.certificate is not None and options.key is not None:
            with as_file(options.certificate.pem) as certificate, as_file(options.key.pem) as key:
                try:
                    # A function, also for an empty one: otherwise OpenSSL would ask at the terminal.
                    context.load_cert_chain(certificate, key, lambda: options.passphrase)
                except (ssl.SSLError, ValueError) as error:
                    raise pem.why(options.certificate, options.key, options.passphrase, error) from None
        secrets.log_by(lambda name: setattr(context, "keylog_filename", name))

    @property
    def is_lenient(self) -> bool:
        """Whether it asks a client for a certificate, and lets the client in whatever that is."""
        return self.asked.request_cert and not self.asked.verifies

    def __repr__(self) -> str:
        options = self.asked
        whose = "no certificate" if options.certificate is None else options.certificate.name
        return f"<secure context, {options.low.name} to {options.high.name}, {whose}>"


def _set_ciphers(context: ssl.SSLContext, names: str) -> None:
    try:
        context.set_ciphers(names)
    except ssl.SSLError:
        raise BadArgument(
            f"ciphers={names!r} names no cipher that OpenSSL has",
            'Give names of TLS 1.2 with a colon between, such as "ECDHE-ECDSA-AES128-GCM-SHA256".',
        ) from None


_clients: dict[Asked, SecureContext] = {}
KEPT = 64
"""Contexts of clients that are kept: to make one costs some milliseconds, and a session belongs to its context."""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_clients.clear)  # they write to the parent's key log


def client_context(options: Asked) -> SecureContext:
    """The context for these options: the same one as before, if there was one."""
    found = _clients.get(options)
    if found is None:
        found = SecureContext(False, options)
        if len(_clients) >= KEPT:
            del _clients[next(iter(_clients))]
        _clients[options] = found
    return found


def create_secure_context(*, key: Any, cert: Any, passphrase: str | bytes | None = None) -> SecureContext:
    """A key and a certificate for `sni_callback` or `Server.add_context`; see `create_server`."""
    return SecureContext(True, asked(key=key, cert=cert, passphrase=passphrase))


Chooser = Callable[[str | None], "SecureContext | None"]
"""What a server asks for the context of a name: None means its own."""
