"""Why a key, a certificate or a CA cannot be used, in words that name the file and the cause.

Rule: asked after OpenSSL has refused; reads PEM, and raises or returns `BadPEM` and nothing else.
"""

from __future__ import annotations

import re
import ssl
from typing import Any

from labkit.tls.credentials import Material
from labkit.tls.errors import BadPEM

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_LINE = re.compile(rb"^-----(?:BEGIN|END) [A-Z0-9 ]+-----\s*$", re.MULTILINE)
_CERTIFICATES = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")


def trust(context: ssl.SSLContext, ca: Material) -> None:
    """Have a context trust these certificates. Raises `BadPEM`."""
    if b"-----BEGIN " not in ca.pem:
        raise _no_pem(ca, "a certificate of a CA")
    certificates(ca)
    kept = b"\n".join(each[0] for each in _BLOCK.finditer(ca.pem) if each[1] in _CERTIFICATES)
    try:
        context.load_verify_locations(cadata=kept.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        _look_at_lines(ca)
        raise BadPEM(f"{ca.name}: OpenSSL cannot use this certificate ({error})", "Make it anew.") from None


def _no_pem(given: Material, what: str) -> BadPEM:
    if not given.pem.strip():
        return BadPEM(f"{given.name} is empty", f"It should have {what}, in PEM.")
    if given.pem[:1] == b"\x30":
        kind = "pkey" if "key" in what else "x509"
        return BadPEM(
            f"{given.name} is DER, not PEM", f"Convert it: openssl {kind} -inform der -in FILE -out FILE.pem.",
        )  # fmt: skip
    return BadPEM(f"{given.name} has no line -----BEGIN …-----", f"It should have {what}, in PEM.")


def _blocks(given: Material, what: str) -> list[tuple[bytes, bytes]]:
    """(label, whole text) of each block. Raises `BadPEM` if one is cut off."""
    found = [(each[1], each[0]) for each in _BLOCK.finditer(given.pem)]
    begun = given.pem.count(b"-----BEGIN ")
    if not begun:
        raise _no_pem(given, what)
    if len(found) < begun:
        raise BadPEM(f"{given.name} is cut off: a line -----BEGIN …----- has no -----END …----- after it",
                     "Copy the whole file.")  # fmt: skip
    return found


def certificates(given: Material) -> list[bytes]:
    """The certificates, in PEM. Raises `BadPEM` if there is none, or one that cannot be read."""
    from cryptography import x509

    blocks = _blocks(given, "a certificate")
    found = [text for label, text in blocks if label in _CERTIFICATES]
    if not found:
        kinds = ", ".join(sorted({label.decode("ascii", "replace") for label, _ in blocks}))
        todo = "Did you swap key and cert?" if "PRIVATE KEY" in kinds else "Give the certificate that belongs to it."
        raise BadPEM(f"{given.name} has {kinds} in it, but no certificate", todo)
    for number, each in enumerate(found, 1):
        try:
            x509.load_pem_x509_certificate(each)
        except (ValueError, TypeError) as error:
            which = "the certificate" if len(found) == 1 else f"certificate {number} of {len(found)}"
            raise BadPEM(
                f"{given.name}: {which} cannot be read ({_short(error)})", "It is damaged: make it or copy it anew."
            ) from None
    return found


def _look_at_lines(given: Material) -> None:
    """Raise `BadPEM` if a line of PEM has something before it or behind it, which OpenSSL does not take."""
    alone = len(_LINE.findall(given.pem.removeprefix(b"\xef\xbb\xbf")))
    if alone < given.pem.count(b"-----BEGIN ") + given.pem.count(b"-----END "):
        raise BadPEM(f"{given.name}: a line -----BEGIN …----- or -----END …----- does not stand alone in its line",
                     "Take out the spaces before it, or begin a new line.")  # fmt: skip


def _short(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")[:120]


def why(certificate: Material, key: Material, passphrase: bytes, error: Exception) -> BadPEM:
    """Why this certificate and this key cannot be used together. error: what OpenSSL said."""
    try:
        _look(certificate, key, passphrase)
        _look_at_lines(certificate)
        _look_at_lines(key)
    except BadPEM as found:
        return found
    reason = getattr(error, "reason", None) or str(error)
    if reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
        words = reason.replace("_", " ").lower().replace("ee ", "").replace("md", "digest")
        return BadPEM(
            f"OpenSSL refuses {certificate.name}: {words}",
            "RSA needs 2048 bits or more, a signature SHA-256 or better. To show the weak ones: ciphers=\"DEFAULT@SECLEVEL=0\".",  # noqa: E501
        )  # fmt: skip
    return BadPEM(f"OpenSSL cannot use {certificate.name} with {key.name}: {reason}", "Make both anew.")


def _look(certificate: Material, key: Material, passphrase: bytes) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    own = x509.load_pem_x509_certificate(certificates(certificate)[0])
    loaded = private_key(key, passphrase)
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if loaded.public_key().public_bytes(*der) != own.public_key().public_bytes(*der):
        raise BadPEM(
            f"the key in {key.name} does not belong to the certificate in {certificate.name}: their public keys differ",
            "Give the key that this certificate was made for.",
        )


def private_key(key: Material, passphrase: bytes) -> Any:
    """The private key, as an object of the package cryptography. Raises `BadPEM`."""
    from cryptography.hazmat.primitives import serialization

    blocks = _blocks(key, "a private key")
    private = next((text for label, text in blocks if label.endswith(b"PRIVATE KEY")), None)
    if private is None:
        kinds = ", ".join(sorted({label.decode("ascii", "replace") for label, _ in blocks}))
        todo = "A public key is not enough: the server has to sign." if "PUBLIC" in kinds else "Give key=, too."
        raise BadPEM(f"{key.name} has {kinds} in it, but no private key", todo)
    locked = b"ENCRYPTED" in private
    try:
        return serialization.load_pem_private_key(private, passphrase if locked and passphrase else None)
    except TypeError:
        raise BadPEM(f"{key.name} is encrypted, and no passphrase was given", "Give passphrase=.") from None
    except ValueError as error:
        if locked:
            raise BadPEM(f"the passphrase does not open {key.name}", "Give the one it was encrypted with.") from None
        raise BadPEM(
            f"{key.name} cannot be read ({_short(error)})", "It is damaged: make it or copy it anew."
        ) from None
