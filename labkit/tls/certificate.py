"""A certificate that a peer has sent, as a program reads it: whose it is, for which names, by whom, until when.

Rule: DER in, values out; who is to be trusted is judging.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_SHORT = {
    NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATION_NAME: "O", NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C", NameOID.STATE_OR_PROVINCE_NAME: "ST", NameOID.LOCALITY_NAME: "L",
    NameOID.EMAIL_ADDRESS: "emailAddress",
}  # fmt: skip


def named(name: x509.Name) -> dict[str, str]:
    """``{"CN": "localhost"}``; an attribute that comes twice is joined by ``+``."""
    found: dict[str, str] = {}
    for each in name:
        label = _SHORT.get(each.oid, each.oid.dotted_string)
        text = each.value if isinstance(each.value, str) else each.value.hex()
        found[label] = f"{found[label]}+{text}" if label in found else text
    return found


def in_words(name: dict[str, str]) -> str:
    """``"CN=localhost"``."""
    return ", ".join(f"{label}={value}" for label, value in name.items()) or "no name"


class PeerCertificate:
    """A certificate. der: its bytes. chain: it, and those that the peer sent with it, in the peer's order."""

    def __init__(self, ders: Sequence[bytes]) -> None:
        self.der = ders[0]
        self._ders = tuple(ders)

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The same as an object of the package cryptography. Raises `ValueError` if the bytes are no certificate."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def chain(self) -> tuple[PeerCertificate, ...]:
        """This one, and those that the peer sent with it."""
        return tuple(PeerCertificate(self._ders[at:]) for at in range(len(self._ders)))

    @property
    def subject(self) -> dict[str, str]:
        """Whose it is: ``{"CN": "localhost"}``."""
        return named(self.certificate.subject)

    @property
    def issuer(self) -> dict[str, str]:
        """Who signed it."""
        return named(self.certificate.issuer)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in subjectAltName: ``("DNS:localhost", "IP:127.0.0.1")``. Source: RFC 5280 section 4.2.1.6."""
        try:
            found: Any = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (x509.ExtensionNotFound, ValueError):
            return ()
        kinds: dict[Any, str] = {
            x509.DNSName: "DNS",
            x509.IPAddress: "IP",
            x509.RFC822Name: "email",
            x509.UniformResourceIdentifier: "URI",
        }
        return tuple(f"{kinds.get(type(each), 'other')}:{each.value}" for each in found)

    @property
    def valid_from(self) -> datetime:
        """The first second at which it is valid."""
        return self.certificate.not_valid_before_utc

    @property
    def valid_to(self) -> datetime:
        """The last second at which it is valid."""
        return self.certificate.not_valid_after_utc

    @property
    def serial_number(self) -> str:
        """In hex, as in Node."""
        return f"{self.certificate.serial_number:X}"

    @property
    def fingerprint256(self) -> str:
        """The SHA-256 of its bytes, as in Node: ``"AB:CD:…"``."""
        return hashlib.sha256(self.der).digest().hex(":").upper()

    @property
    def public_key(self) -> str:
        """Which kind of key: ``"RSA 2048"``, ``"EC secp256r1"``, ``"Ed25519"``."""
        key = self.certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            return f"RSA {key.key_size}"
        if isinstance(key, ec.EllipticCurvePublicKey):
            return f"EC {key.curve.name}"
        return type(key).__name__.lstrip("_").removesuffix("PublicKey")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PeerCertificate) and other.der == self.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        names = ", ".join(self.names) or "no names"
        return f"<certificate of {in_words(self.subject)} for {names}, issued by {in_words(self.issuer)}>"
