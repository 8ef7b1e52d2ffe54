"""A certificate as the bytes that it is: what it says, which of its bytes are signed, and every value by name.

Rule: reads DER by `explain.x509` alone; the package cryptography is asked only whether a signature is right.
Source: RFC 5280 §4.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from labkit.core.checks import shown
from labkit.core.errors import LabError, NoSuchPart
from labkit.packets.explain import x509
from labkit.packets.model import Field, Layer

_SHORT = {
    "commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C",
    "stateOrProvinceName": "ST", "localityName": "L", "domainComponent": "DC",
}  # fmt: skip
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_KEYS = {"id-ecPublicKey": "EC", "rsaEncryption": "RSA"}
_MOST = 1 << 20  # bytes of a certificate


class Certificate:
    """An X.509 certificate. der: its bytes.

    subject, issuer: ``"CN=localhost, O=labkit"``. names: the hosts and addresses for which it is good. not_before,
    not_after: ``"2026-01-01 00:00:00 UTC"``. key: ``"EC, prime256v1"``. signature_algorithm: ``"ecdsa-with-SHA256"``.
    is_ca: whether its key may sign others. extensions: by name. signed: the bytes that the signature covers.
    state: ``""``, or ``"malformed"`` if its bytes do not have the form of DER; reason: why.
    """

    noun = "certificate"
    apart = True
    protocol = "X.509"

    def __init__(self, der: bytes, packets: tuple[int, ...] = ()) -> None:
        """packets: numbers of those that brought it."""
        self.der, self.packets = der, packets

    @classmethod
    def of(cls, given: Any) -> Certificate:
        """A certificate from what a student has: this, DER or PEM, or an object that has ``der`` or ``cert_pem``.

        Raises LabError for anything else.
        """
        if isinstance(given, cls):
            return given
        data = given
        for name in ("der", "cert_pem", "certificate"):
            if isinstance(found := getattr(given, name, None), (bytes, str)):
                data = found
                break
        if isinstance(data, str):
            data = data.encode("utf-8", "replace")
        if not isinstance(data, bytes) or not 0 < len(data) < _MOST:
            raise LabError(f"{shown(given)} is not a certificate", "Give one of a tape, its PEM text, or DER bytes.")
        if (found_pem := _PEM.search(data)) is not None:
            try:
                data = base64.b64decode(found_pem[1])
            except binascii.Error as error:
                raise LabError(f"the PEM text of this certificate is damaged ({error})", "Copy it again.") from None
        return cls(data)

    # -- its bytes by name

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Every value by name, without gaps or overlaps; positions count from its first bit."""
        return x509.certificate(self.der, 0, len(self.der))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The certificate as a layer."""
        number = self.packets[0] if len(self.packets) == 1 else 0
        return (Layer("X.509", "Certificate", 0, len(self.der) * 8, self.fields, self.der, number, "RFC 5280"),)

    def __getitem__(self, name: str) -> Field:
        """The first field with this name or label: ``cert["subject"]``, ``cert["x509ce.dNSName"]``; or `NoSuchPart`."""
        for top in self.fields:
            for part in top.walk():
                if name in (part.name, part.label):
                    return part
        raise NoSuchPart(f"this certificate ({self.subject}) does not have a field {name!r}")

    def _find(self, label: str) -> Field | None:
        return next((part for top in self.fields for part in top.walk() if part.label == label), None)

    @property
    def _faulty(self) -> Field | None:
        return next((part for top in self.fields for part in top.walk() if part.name == "malformed"), None)

    @property
    def state(self) -> str:
        """``"malformed"`` if its bytes do not have the form of DER, else ``""``."""
        return "malformed" if self._faulty is not None else ""

    @property
    def reason(self) -> str:
        """Why it is malformed, or ``""``."""
        return self._faulty.meaning if self._faulty is not None else ""

    # -- what it says

    @cached_property
    def version(self) -> int:
        """3 in all certificates of today; one without a version is of version 1."""
        number = next((x.value for top in self.fields for x in top.walk() if x.name == "x509af.version"), 0)
        return number + 1 if isinstance(number, int) else 1

    @cached_property
    def serial_number(self) -> int:
        """A number that no other certificate of this issuer has."""
        found = self._find("serialNumber")
        return int.from_bytes(_content(self.der, found), "big", signed=True) if found is not None else 0

    @property
    def subject(self) -> str:
        """Whose public key it is."""
        return in_words(self._find("subject"))

    @property
    def issuer(self) -> str:
        """Who signed it."""
        return in_words(self._find("issuer"))

    @property
    def not_before(self) -> str:
        """From when on it is good."""
        found = self._find("notBefore")
        return found.shown if found is not None else ""

    @property
    def not_after(self) -> str:
        """Until when it is good."""
        found = self._find("notAfter")
        return found.shown if found is not None else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts and addresses for which it is good, as its subjectAltName says."""
        found = self.extensions.get("subjectAltName")
        wanted = ("dNSName", "iPAddress")
        parts = found.walk() if found is not None else ()
        return tuple(part.shown for part in parts if part.label in wanted and part.name == "x509.generalName")

    @property
    def key(self) -> str:
        """The kind of its public key, and its size: ``"EC, prime256v1"``, ``"RSA, 2048 bits"``."""
        info = self._find("subjectPublicKeyInfo")
        if info is None:
            return ""
        parts = list(info.walk())
        kind = _first(parts, "x509.algorithm")
        name = _KEYS.get(kind, kind)
        curve = _first(parts, "pkcs1.ECParameters")
        modulus = next((part for part in parts if part.name == "pkcs1.modulus"), None)
        if modulus is not None:
            return f"{name}, {int.from_bytes(self.der[modulus.start // 8 : modulus.end // 8], 'big').bit_length()} bits"
        return f"{name}, {curve}" if curve else name

    @property
    def signature_algorithm(self) -> str:
        """How it is signed."""
        found = self._find("signatureAlgorithm")
        return _first(list(found.walk()), "x509.algorithm") if found is not None else ""

    @cached_property
    def extensions(self) -> dict[str, Field]:
        """Its extensions by name: ``"basicConstraints"``, ``"subjectAltName"``; a dotted number for unknown ones."""
        found = {}
        for top in self.fields:
            for part in top.walk():
                if part.name == "x509af.Extension_element":
                    found[_first(list(part.walk()), "x509.extensionId")] = part
        return found

    def critical(self, name: str) -> bool:
        """Whether an extension is critical: who does not understand it must refuse the certificate."""
        part = self.extensions.get(name)
        return part is not None and any(x.name == "x509af.critical" and x.value == 1 for x in part.walk())

    @property
    def is_ca(self) -> bool:
        """Whether its key may sign other certificates, as basicConstraints says."""
        found = self.extensions.get("basicConstraints")
        return found is not None and any(part.name == "x509ce.cA" and part.value == 1 for part in found.walk())

    # -- its signature

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers: all of tbsCertificate, with its tag and length."""
        found = self._find("tbsCertificate")
        return self.der[found.start // 8 : found.end // 8] if found is not None else b""

    @property
    def signature(self) -> bytes:
        """The signature."""
        found = self._find("signatureValue")
        return _content(self.der, found)[1:] if found is not None else b""

    def signed_by(self, issuer: Certificate) -> bool:
        """Whether its signature is right under the public key of another certificate. Names are not compared."""
        from cryptography import x509 as library

        try:
            mine, above = (library.load_der_x509_certificate(each.der) for each in (self, issuer))
        except Exception:  # whatever its bytes are, it is not a certificate that the package reads
            return False
        return _verified(above, mine)

    @property
    def title(self) -> str:
        """Whose it is, and who signed it."""
        return f"{self.subject or 'nobody'}, signed by {self.issuer or 'nobody'}"

    def __repr__(self) -> str:
        return f"<Certificate of {self.subject or 'nobody'}, signed by {self.issuer or 'nobody'}>"


def _verified(issuer: Any, certificate: Any) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    signature, data = certificate.signature, certificate.tbs_certificate_bytes
    try:
        key = issuer.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(certificate.signature_hash_algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            how = certificate.signature_algorithm_parameters
            how = how if isinstance(how, (padding.PSS, padding.PKCS1v15)) else padding.PKCS1v15()
            key.verify(signature, data, how, certificate.signature_hash_algorithm)
        else:
            key.verify(signature, data)
    except Exception:  # a wrong signature, or an algorithm that does not belong to this key
        return False
    return True


def in_words(found: Field | None) -> str:
    """A distinguished name in short: ``"CN=localhost, O=labkit"``, the most special part first."""
    said = []
    for part in found.walk() if found is not None else ():
        if part.name == "x509if.RelativeDistinguishedName_item_element" and len(part.children) == 3:
            kind = part.children[1].shown.partition(" (")[0]
            said.append(f"{_SHORT.get(kind, kind)}={part.children[2].shown}")
    return ", ".join(reversed(said))


def _first(parts: list[Field], name: str) -> str:
    """What the first field of this name says, without the number behind a name."""
    return next((part.shown.partition(" (")[0] for part in parts if part.name == name), "")


def _content(der: bytes, found: Field) -> bytes:
    """The content of a value: its bytes behind tag and length."""
    head = found.children[0].bits if found.children else 0
    return der[(found.start + head) // 8 : found.end // 8]


def certificates_in(field: Field, data: bytes, packets: tuple[int, ...] = ()) -> Iterator[Certificate]:
    """The certificates of a Certificate message. data: the buffer in which its fields lie."""
    for part in field.walk():
        if part.name == "tls.handshake.certificate":
            yield Certificate(data[part.start // 8 : part.end // 8], packets)
