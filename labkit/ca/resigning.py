"""Certificates that no library makes any more: signed with SHA-1, or of version 1.

Rule: takes a sound certificate apart as DER, changes exactly what is asked, signs again with the issuer's key.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from labkit.ca.keys import PrivateKey
from labkit.core.errors import BadArgument

_SEQUENCE, _BIT_STRING, _VERSION, _EXTENSIONS = 0x30, 0x03, 0xA0, 0xA3
# AlgorithmIdentifier, whole (RFC 3279 section 2.2): sha1WithRSAEncryption with its NULL, ecdsa-with-SHA1 without one
_RSA_SHA1 = bytes.fromhex("300d06092a864886f70d0101050500")
_EC_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


def elements(data: bytes) -> list[bytes]:
    """The elements that lie one after another in DER, each whole, with its tag and its length."""
    found, at = [], 0
    while at < len(data):
        first = data[at + 1]
        head, length = 2, first
        if first & 0x80:
            head = 2 + (first & 0x7F)
            length = int.from_bytes(data[at + 2 : at + head], "big")
        found.append(data[at : at + head + length])
        at += head + length
    return found


def content(element: bytes) -> bytes:
    """What is inside an element: without its tag and its length."""
    first = element[1]
    return element[2 + (first & 0x7F) :] if first & 0x80 else element[2:]


def element(tag: int, inside: bytes) -> bytes:
    """An element with the shortest length (X.690 section 10.1)."""
    size = len(inside)
    if size < 0x80:
        return bytes((tag, size)) + inside
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + inside


def signed_again(
    made: x509.Certificate, key: PrivateKey, *, weak: bool = False, version_1: bool = False
) -> x509.Certificate:
    """The same certificate with another signature. weak: by SHA-1. version_1: without version and extensions.

    Raises `BadArgument` if the key cannot sign with SHA-1 (Ed25519 has a digest of its own).
    """
    parts = elements(content(made.tbs_certificate_bytes))
    algorithm = elements(content(_der(made)))[1]
    digest: hashes.HashAlgorithm = made.signature_hash_algorithm or hashes.SHA256()
    if weak:
        if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise BadArgument("an Ed25519 key does not sign with SHA-1", 'Use a CA with key_type="rsa" or "ec".')
        digest = hashes.SHA1()
        algorithm = _RSA_SHA1 if isinstance(key, rsa.RSAPrivateKey) else _EC_SHA1
        parts[2] = algorithm  # version, serial, algorithm
    if version_1:
        parts = [part for part in parts if part[0] not in (_VERSION, _EXTENSIONS)]
    signed = element(_SEQUENCE, b"".join(parts))
    signature = element(_BIT_STRING, b"\0" + _sign(key, signed, digest))
    return x509.load_der_x509_certificate(element(_SEQUENCE, signed + algorithm + signature))


def _sign(key: PrivateKey, data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digest)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(digest))
    return key.sign(data)


def _der(made: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return made.public_bytes(Encoding.DER)
