"""The settings of one side of TLS, checked once: versions, ciphers, key and certificate, whom to trust.

Rule: values in, a context of OpenSSL out, which writes its key log to core/secrets.py; no connection here.
"""

from __future__ import annotations

import ssl
from typing import Any

from labkit.core import checks, secrets
from labkit.core.errors import BadArgument
from labkit.tls.credentials import Material, as_file, authorities, material
from labkit.tls.errors import BadPEM

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip
"""Node's names of the versions."""

SERVER_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, what a server takes by default: with forward secrecy, and authenticated. TLS 1.3 has nothing else."""


class Settings:
    """What a program asked of one side. Made once for all connections of a server.

    context: of Python's ssl. ca: the CAs in PEM, or None for those of the system.
    """

    __slots__ = ("ca", "context", "has_certificate", "request_cert", "verifies")

    def __init__(
        self,
        is_server: bool,
        *,
        key: Any,
        cert: Any,
        ca: Any,
        passphrase: Any,
        alpn_protocols: Any,
        min_version: Any,
        max_version: Any,
        ciphers: Any,
        request_cert: bool,
        verifies: bool,
        checks_name: bool,
    ) -> None:
        self.request_cert, self.verifies = request_cert, verifies
        kind = ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT
        context = self.context = ssl.SSLContext(kind)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        if is_server:
            context.set_ciphers(SERVER_CIPHERS)
        low, high = _version(min_version, "min_version"), _version(max_version, "max_version")
        if low > high:
            raise BadArgument(f"min_version {min_version} is above max_version {max_version}", "Swap them.")
        context.minimum_version, context.maximum_version = low, high
        if ciphers is not None:
            _set_ciphers(context, ciphers)
        if alpn_protocols:
            context.set_alpn_protocols(protocols(alpn_protocols))
        if is_server:
            context.verify_mode = ssl.CERT_REQUIRED if request_cert and verifies else ssl.CERT_NONE
        else:
            context.check_hostname = verifies and checks_name
            context.verify_mode = ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE
        self.ca = None if ca is None else authorities(ca)
        if self.ca is not None:
            for each in self.ca:
                _trust(context, each)
        elif context.verify_mode is not ssl.CERT_NONE:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH if is_server else ssl.Purpose.SERVER_AUTH)
        self.has_certificate = cert is not None
        if cert is not None or key is not None:
            _load(context, key, cert, passphrase)
        secrets.log_by(lambda name: setattr(context, "keylog_filename", name))


def _version(given: Any, argument: str) -> ssl.TLSVersion:
    found = VERSIONS.get(given) if isinstance(given, str) else None
    if found is None:
        raise BadArgument(
            f"{argument}={checks.shown(given)} is not a version of TLS", f"Give one of {', '.join(VERSIONS)}.",
            code="ERR_TLS_INVALID_PROTOCOL_VERSION",
        )  # fmt: skip
    return found


def _set_ciphers(context: ssl.SSLContext, given: Any) -> None:
    try:
        context.set_ciphers(checks.text(given, "a list of ciphers"))
    except ssl.SSLError:
        raise BadArgument(
            f"ciphers={checks.shown(given)} names no cipher that OpenSSL has",
            'Give names of TLS 1.2 with a colon between, such as "ECDHE-ECDSA-AES128-GCM-SHA256".',
        ) from None


def protocols(given: Any) -> list[str]:
    """The names for ALPN: each has 1 to 255 bytes (RFC 7301 §3.1). Raises `BadArgument`."""
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise BadArgument(f"alpn_protocols={checks.shown(given)} is not a list", 'Give one such as ["http/1.1"].')
    names = list(given)
    for each in names:
        if not isinstance(each, str) or not each.isascii() or not 1 <= len(each) <= 255:
            raise BadArgument(f"{checks.shown(each)} is not the name of a protocol", 'Give one such as "http/1.1".')
    return names


def _trust(context: ssl.SSLContext, ca: Material) -> None:
    try:
        context.load_verify_locations(cadata=ca.pem.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise BadPEM(f"{ca.name} has no certificate of a CA that can be read", "Give a file in PEM.") from error


def _load(context: ssl.SSLContext, key: Any, cert: Any, passphrase: Any) -> None:
    if cert is None:
        raise BadArgument("a key was given without its certificate", "Give cert=, too.")
    certificate = material(cert, "cert", "cert_pem")
    private = material(cert if key is None else key, "key", "key_pem")
    secret = passphrase if isinstance(passphrase, (bytes, type(None))) else checks.text(passphrase, "a passphrase")
    try:
        with as_file(certificate.pem) as certificates, as_file(private.pem) as keys:
            context.load_cert_chain(certificates, keys, lambda: secret or "")
    except ssl.SSLError as error:
        raise BadPEM(f"{private.name} and {certificate.name} cannot be used: {error.reason}") from error
