"""Certificates for TLS scenes, minted once a run: an authority, its leaves, an intermediate, a stranger.

Rule: only what the scenes of this folder need; lessons and servers take those of labkit.ca.
"""

from __future__ import annotations

import atexit
import datetime as dt
import ipaddress
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOSTS = ("localhost", "127.0.0.1", "::1")
_UNUSED = ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
_NO = dict.fromkeys(_UNUSED, False)
Pair = tuple[x509.Certificate, Any]


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "AT"),
                      x509.NameAttribute(NameOID.ORGANIZATION_NAME, "labkit"),
                      x509.NameAttribute(NameOID.COMMON_NAME, common)])  # fmt: skip


def issue(
    common: str, key: Any, issuer: Pair | None = None, *, ca: bool = False, hosts: tuple[str, ...] = (),
    client: bool = False, more: tuple[x509.ExtensionType, ...] = (), end: dt.datetime = NOW + 9000 * DAY,
    subject: x509.Name | None = None,
) -> Pair:  # fmt: skip
    """(certificate, key). issuer: the same of who signs; None: it signs itself."""
    above, signer = issuer or (None, key)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    build = (
        x509.CertificateBuilder().subject_name(subject or name(common))
        .issuer_name(above.subject if above else name(common))
        .public_key(key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(NOW)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=1 if ca and above is None else None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca,
                                     key_encipherment=isinstance(key, rsa.RSAPrivateKey) and not ca, **_NO),
                       critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )  # fmt: skip
    if not ca:
        use = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        build = build.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if hosts:
        names = [x509.IPAddress(ipaddress.ip_address(each)) if ":" in each or each[0].isdigit() else x509.DNSName(each)
                 for each in hosts]  # fmt: skip
        build = build.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for each in more:
        build = build.add_extension(each, critical=False)
    return build.sign(signer, digest), key


_OID = x509.ObjectIdentifier
LONG_NAME = x509.Name(
    [x509.NameAttribute(kind, text) for kind, text in (
        (NameOID.COUNTRY_NAME, "AT"), (NameOID.STATE_OR_PROVINCE_NAME, "Wien"), (NameOID.LOCALITY_NAME, "Wien"),
        (NameOID.ORGANIZATION_NAME, "Käse & Söhne"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "network"),
        (NameOID.SERIAL_NUMBER, "17"), (NameOID.DOMAIN_COMPONENT, "example"), (NameOID.EMAIL_ADDRESS, "a@example.org"),
        (NameOID.TITLE, "Dr."), (NameOID.SURNAME, "Lovelace"), (NameOID.GIVEN_NAME, "Ada"),
        (NameOID.COMMON_NAME, "localhost"))]
)  # fmt: skip
RICH: tuple[x509.ExtensionType, ...] = (
    x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier("http://a.example/crl")], None,
                                                       None, None)]),
    x509.AuthorityInformationAccess([
        x509.AccessDescription(x509.AuthorityInformationAccessOID.OCSP,
                               x509.UniformResourceIdentifier("http://a.example/ocsp"))]),
    x509.CertificatePolicies([x509.PolicyInformation(_OID("2.23.140.1.2.1"), None)]),
    x509.TLSFeature([x509.TLSFeatureType.status_request]),
    x509.IssuerAlternativeName([x509.RFC822Name("a@example.org"), x509.UniformResourceIdentifier("http://a.example/"),
                                x509.DirectoryName(LONG_NAME), x509.RegisteredID(_OID("1.2.3.4"))]),
    x509.UnrecognizedExtension(_OID("1.2.3.4.5"), b"\x0c\x05hello"),
)  # fmt: skip
"""Extensions that a public authority puts into a leaf, and one that nobody knows."""

RICH_CA: tuple[x509.ExtensionType, ...] = (
    x509.NameConstraints([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_network("127.0.0.0/8"))],
                         [x509.DNSName("evil.example")]),
)  # fmt: skip


def curve() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def pairs() -> dict[str, tuple[Pair, ...]]:
    """Each leaf with what stands above it in its file: ``"good"``, ``"rsa"``, ``"chain"``, ``"client"``, …"""
    root = issue("labkit CA", curve(), ca=True)
    stranger = issue("Somebody's CA", curve(), ca=True)
    middle = issue("labkit intermediate", curve(), root, ca=True)
    many = tuple(f"host-{number:04}.example" for number in range(900))
    rich = issue("rich authority", rsa.generate_private_key(65537, 2048), root, ca=True, more=RICH_CA)
    return {
        "rich": (issue("localhost", curve(), rich, hosts=HOSTS, more=RICH, subject=LONG_NAME), rich),
        "ca": (root,), "strangerca": (stranger,),
        "good": (issue("localhost", curve(), root, hosts=HOSTS),),
        "rsa": (issue("localhost", rsa.generate_private_key(65537, 2048), root, hosts=HOSTS),),
        "ed25519": (issue("localhost", ed25519.Ed25519PrivateKey.generate(), root, hosts=HOSTS),),
        "chain": (issue("localhost", curve(), middle, hosts=HOSTS), middle),
        "huge": (issue("localhost", curve(), root, hosts=HOSTS + many),),
        "client": (issue("Ada", curve(), root, client=True),),
        "stranger": (issue("localhost", curve(), stranger, hosts=HOSTS),),
    }  # fmt: skip


@cache
def folder() -> Path:
    """NAME.pem and NAME.key of each pair, below a directory of this run."""
    where = Path(mkdtemp(prefix="labkit-tls-"))
    atexit.register(shutil.rmtree, where)
    for stem, found in pairs().items():
        (where / f"{stem}.pem").write_bytes(
            b"".join(each.public_bytes(serialization.Encoding.PEM) for each, _ in found)
        )  # fmt: skip
        (where / f"{stem}.key").write_bytes(
            found[0][1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())
        )  # fmt: skip
    (where / "dh.pem").write_text(FFDHE2048)
    return where


FFDHE2048 = """\
-----BEGIN X9.42 DH PARAMETERS-----
MIICDAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAgKCAQB//////////9b8KixRXaVN
V+4rEBOennjsXOLB5xabStTwmyCKMhn95knO5xJNn3y+l/GxsYY67HtA2QFXYjC9
ae+Paur+srCSGfqPr4M3aEKxsqqe9o152quJrz+r5JrMJ4Y4cHNFu/FTRO159/Q5
DvisUJtW85qYVmUnpB08vV4FWMFZkn2w6IRUpdlkcf3ctW1bsGv6NA6noVHvHKb6
Vyt287G5XYyFg9PkdwU2uE8BfnDm+/F2YBoCZpQaF7DIuX9OdMLB/8cniRl3eUDB
4f8djaY31rmd2v5eF2EQAuLHeMG+i0HZY3mlE2DZd/1ENaEcMJQuS///////////
-----END X9.42 DH PARAMETERS-----
"""
"""The parameters of the group ffdhe2048. Source: RFC 7919 §A.1."""
