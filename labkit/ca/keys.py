"""Key pairs: made, written as PEM, read again, told in words.

Rule: a private key leaves this module as an object or as PEM, and is never part of a message.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from labkit.ca.damage import DAMAGE
from labkit.core.checks import shown
from labkit.core.errors import BadArgument, LabError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

KINDS = ("ec", "ec-p384", "ed25519", "rsa", "rsa-3072", "rsa-4096", "rsa-1024")
"""What ``key_type`` may be. ``"ec"``: P-256. ``"rsa"``: 2,048 bits. ``"rsa-1024"`` is too weak: to be refused."""
_EXPONENT = 65537
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def make(kind: str = "ec") -> PrivateKey:
    """Make a key pair. kind: one of `KINDS`. Raises `BadArgument` for another."""
    if kind not in KINDS:
        raise BadArgument(f"{shown(kind)} is not a kind of key", f"Give one of {', '.join(KINDS)}.")
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ec-p384":
        return ec.generate_private_key(ec.SECP384R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    bits = int(kind.partition("-")[2] or 2048)
    return rsa.generate_private_key(_EXPONENT, bits)


def in_words(key: object) -> str:
    """``"EC P-256"``, ``"RSA 2048"``, ``"Ed25519"``: of a private or a public key."""
    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        return f"RSA {key.key_size}"
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return f"EC {_CURVES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)):
        return "Ed25519"
    if isinstance(key, (ed448.Ed448PrivateKey, ed448.Ed448PublicKey)):
        return "Ed448"
    if isinstance(key, (dsa.DSAPrivateKey, dsa.DSAPublicKey)):
        return f"DSA {key.key_size}"
    return type(key).__name__.strip("_")


def private_pem(key: PrivateKey, passphrase: str | bytes | None = None) -> bytes:
    """A private key as PEM (PKCS #8, RFC 5958). passphrase: encrypts it; None: it stays readable."""
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        hidden = serialization.BestAvailableEncryption(_bytes(passphrase))
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


def public_pem(key: PrivateKey | PublicKey) -> bytes:
    """The public half as PEM (SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7), of a private or a public key."""
    public: Any = key.public_key() if hasattr(key, "public_key") else key
    pem: bytes = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem


def read(pem: bytes, where: str, passphrase: str | bytes | None = None) -> PrivateKey:
    """A private key from PEM. where: the file, for the message. Raises `LabError` that names it and the cause."""
    try:
        key = serialization.load_pem_private_key(pem, None if passphrase is None else _bytes(passphrase))
    except TypeError as error:  # a passphrase is missing, or is one too many
        if passphrase is None:
            raise LabError(f"the key in {where} is encrypted", "Give its passphrase.") from error
        raise LabError(f"the key in {where} is not encrypted", "Leave the passphrase out.") from error
    except DAMAGE as error:
        cause = "the passphrase is wrong" if passphrase is not None and b"ENCRYPTED" in pem else _why_not(pem)
        raise LabError(f"{where}: {cause}", "A key file begins with -----BEGIN PRIVATE KEY-----.") from error
    if not isinstance(key, PrivateKey):
        raise LabError(f"{where} holds a key of the kind {in_words(key)}", "labkit signs with EC, RSA and Ed25519.")
    return key


def _why_not(pem: bytes) -> str:
    if b"-----BEGIN" not in pem:
        return "there is no PEM in it" if pem else "the file is empty"
    if b"PRIVATE KEY-----" not in pem:
        kind = pem.partition(b"-----BEGIN ")[2].partition(b"-----")[0].decode("ascii", "replace")
        return f"it holds a {kind}, and no private key"
    return "the private key in it is damaged or cut off"


def _bytes(passphrase: str | bytes) -> bytes:
    return passphrase.encode() if isinstance(passphrase, str) else bytes(passphrase)
