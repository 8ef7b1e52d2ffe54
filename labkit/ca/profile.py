"""What stands in a certificate, as one record of plain values; and the certificate that is made from it.

Rule: leaves out and puts in exactly what the record says, also if that is wrong; whether it is right, others decide.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labkit.ca.keys import PrivateKey, PublicKey
from labkit.ca.resigning import signed_again
from labkit.core.checks import shown
from labkit.core.errors import BadArgument

USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
"""The bits of keyUsage, in their order (RFC 5280 section 4.2.1.3)."""
PURPOSES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code": ExtendedKeyUsageOID.CODE_SIGNING,
    "email": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}
"""Our words for what extKeyUsage allows (RFC 5280 section 4.2.1.12)."""
HASHES: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512(),
}  # fmt: skip
"""The digests that are signed. No library signs with ``"sha1"`` any more: see `resigning`."""
ORGANIZATION = "labkit"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What stands in a certificate. A value of None: the extension is left out.

    hosts: names and addresses for subjectAltName. usage: words of `USAGES`. purposes: words of `PURPOSES`.
    identifiers: whether the key identifiers of issuer and subject stand in it. permitted, excluded: names that a CA
    may, or may not, issue for (``".example"``, ``"10.0.0.0/8"``). hash: a word of `HASHES`, or ``"sha1"``.
    version: 3, or 1 for one without any extension. crl: URLs of the list of revoked certificates.
    """

    subject: x509.Name
    starts: datetime
    ends: datetime
    is_ca: bool | None = False
    path_length: int | None = None
    hosts: Sequence[str] = ()
    usage: Sequence[str] | None = None
    purposes: Sequence[str] | None = None
    identifiers: bool = True
    permitted: Sequence[str] = ()
    excluded: Sequence[str] = ()
    crl: Sequence[str] = ()
    hash: str = "sha256"
    version: int = 3
    serial: int = field(default_factory=x509.random_serial_number)

    def __post_init__(self) -> None:
        if self.hash not in (*HASHES, "sha1"):
            raise BadArgument(f"{shown(self.hash)} is not a digest", f"Give one of {', '.join(HASHES)}, sha1.")
        if self.version not in (1, 3):
            raise BadArgument(f"version={shown(self.version)} is not made here", "Give 3, or 1 for an old root.")


def name(common_name: str, organization: str | None = ORGANIZATION) -> x509.Name:
    """A subject's name: organization and common name, in this order; without what is empty."""
    if not isinstance(common_name, str):
        raise BadArgument(f"{shown(common_name)} is not a name", "Give text, in quotes.")
    pairs = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name))
    try:
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs if text])
    except ValueError as error:  # longer than 64 characters
        raise BadArgument(f"{shown(common_name)} cannot be a name in a certificate: {error}", "Shorten it.") from error


def common_name(of: x509.Name) -> str:
    """The common name in a subject or an issuer; if there is none, all of it as text."""
    found = of.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else of.rfc4514_string() or "(no name)"


def address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, or None if it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def general(host: str) -> x509.GeneralName:
    """A host as it stands in subjectAltName (RFC 5280 section 4.2.1.6): a DNS name, or an IP address."""
    if not isinstance(host, str) or not host:
        raise BadArgument(f"{shown(host)} is not a host", 'Give one such as "localhost" or "127.0.0.1".')
    if (number := address(host)) is not None:
        return x509.IPAddress(number)
    if re.search(r"[\s/:\[\]\0]", host):
        raise BadArgument(f"{shown(host)} is not a host", "Give a name or an address alone, without port, / or [].")
    try:
        ascii_form = host if host.isascii() else host.encode("idna").decode("ascii")
        return x509.DNSName(ascii_form)
    except ValueError as error:
        raise BadArgument(f"{shown(host)} is not a host: {error}", "Write it in its xn-- form.") from error


def _area(text: str) -> x509.GeneralName:
    """What a constraint speaks of (RFC 5280 section 4.2.1.10): ``"example"``, ``".example"``, ``"10.0.0.0/8"``."""
    try:
        return x509.IPAddress(ipaddress.ip_network(text))
    except ValueError:
        return x509.DNSName(text)


def certificate(wanted: Profile, public_key: PublicKey, issuer: x509.Name, parent: x509.Certificate | None,
                issuer_key: PrivateKey) -> x509.Certificate:  # fmt: skip
    """Make the certificate and sign it.

    issuer: the name that stands in it. parent: the issuer's certificate, from which its key identifier comes; None for
    a self-signed one. Raises `BadArgument` if a value cannot stand in a certificate.
    """
    try:
        draft = (
            x509.CertificateBuilder().subject_name(wanted.subject).issuer_name(issuer).public_key(public_key)
            .serial_number(wanted.serial).not_valid_before(wanted.starts).not_valid_after(wanted.ends)
        )  # fmt: skip
    except ValueError as error:
        raise BadArgument(f"this cannot stand in a certificate: {error}", "Look at its dates.") from error
    for extension, critical in _extensions(wanted, public_key, parent, issuer_key):
        draft = draft.add_extension(extension, critical=critical)
    weak = wanted.hash == "sha1"
    digest = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else HASHES["sha256" if weak else wanted.hash]
    made = draft.sign(issuer_key, digest)
    if weak or wanted.version == 1:
        return signed_again(made, issuer_key, weak=weak, version_1=wanted.version == 1)
    return made


def _extensions(
    wanted: Profile, public_key: PublicKey, parent: x509.Certificate | None, issuer_key: PrivateKey
) -> list[tuple[x509.ExtensionType, bool]]:
    """Each extension, and whether it is critical."""
    found: list[tuple[x509.ExtensionType, bool]] = []
    if wanted.is_ca is not None:
        found.append((x509.BasicConstraints(wanted.is_ca, wanted.path_length if wanted.is_ca else None), True))
    if wanted.usage is not None:
        found.append((_usage(wanted.usage), True))
    if wanted.purposes is not None:
        found.append((x509.ExtendedKeyUsage([_purpose(word) for word in wanted.purposes]), False))
    if wanted.identifiers:
        found.append((x509.SubjectKeyIdentifier.from_public_key(public_key), False))
        found.append((_issuers_identifier(parent, issuer_key), False))
    if wanted.hosts:
        # If the subject is empty, subjectAltName is all there is, and must be understood.
        empty = not list(wanted.subject)
        found.append((x509.SubjectAlternativeName([general(host) for host in wanted.hosts]), empty))
    if wanted.permitted or wanted.excluded:
        permitted, excluded = ([_area(text) for text in texts] or None for texts in (wanted.permitted, wanted.excluded))
        found.append((x509.NameConstraints(permitted, excluded), True))
    if wanted.crl:
        points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in wanted.crl]
        found.append((x509.CRLDistributionPoints(points), False))
    return found


def _issuers_identifier(parent: x509.Certificate | None, issuer_key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    if parent is not None:
        try:
            known = parent.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)
        except x509.ExtensionNotFound:
            pass
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())


def _usage(words: Sequence[str]) -> x509.KeyUsage:
    for word in words:
        if word not in USAGES:
            raise BadArgument(f"{shown(word)} is not a key usage", f"Give words of these: {', '.join(USAGES)}.")
    return x509.KeyUsage(**{word: word in words for word in USAGES})


def _purpose(word: str) -> x509.ObjectIdentifier:
    if word not in PURPOSES:
        raise BadArgument(f"{shown(word)} is not a purpose", f"Give words of these: {', '.join(PURPOSES)}.")
    return PURPOSES[word]
