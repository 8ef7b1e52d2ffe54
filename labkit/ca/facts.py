"""What is in a file of a key, a request or a certificate, as lines of name and value; and two such files compared.

Rule: says everything that is in the file but the secret of a private key; equal lines mean equal content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from labkit.ca import keys, profile
from labkit.ca.damage import told
from labkit.core.errors import from_oserror

DIFFERS = ("serial number", "signature", "first second", "last second", "secret number")
"""What differs between two files that were made separately and mean the same."""
_SHORT = 44


@dataclass(frozen=True)
class Row:
    """One line of a comparison. must: whether the two values have to differ."""

    file: str
    what: str
    ours: str
    theirs: str
    must: bool

    @property
    def verdict(self) -> str:
        """``"equal"``, ``"differs, as it must"``, or what is wrong in capitals."""
        if self.must:
            return "differs, as it must" if self.ours != self.theirs else "EQUAL, AND MUST NOT BE"
        return "equal" if self.ours == self.theirs else "DIFFERENT"

    @property
    def right(self) -> bool:
        """Whether it is as it must be."""
        return (self.ours != self.theirs) == self.must


def of(path: Path) -> list[tuple[str, str]]:
    """Name and value of everything in a file of PEM. Raises `LabError` that names the file."""
    try:
        pem = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise from_oserror(error, str(path)) from error
    with told(f"{path} holds no key, request or certificate", "It may be damaged: make it again."):
        if b"PRIVATE KEY-----" in pem:
            return _of_key(keys.read(pem, str(path)), pem, mode)
        if b"CERTIFICATE REQUEST-----" in pem:
            return _of_request(x509.load_pem_x509_csr(pem))
        return _of_certificate(x509.load_pem_x509_certificate(pem))


def compared(file: str, theirs: Path, ours: Path, may_differ: Sequence[str] = DIFFERS) -> list[Row]:
    """Each line of two files beside the other. file: their name. A line that one of them lacks is shown as ``-``."""
    left, right = dict(of(theirs)), dict(of(ours))
    names = [*left, *(name for name in right if name not in left)]
    return [Row(file, name, right.get(name, "-"), left.get(name, "-"), name in may_differ) for name in names]


def _of_key(key: keys.PrivateKey, pem: bytes, mode: int) -> list[tuple[str, str]]:
    secret = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return [
        ("format", pem.splitlines()[0].decode().strip("-").removeprefix("BEGIN ")),
        ("kind", keys.in_words(key)),
        ("who may read it", f"{mode & 0o777:04o}"),
        ("secret number", f"(its digest) {_digest(secret)}"),
    ]


def _of_request(asked: x509.CertificateSigningRequest) -> list[tuple[str, str]]:
    return [
        ("subject", asked.subject.rfc4514_string()),
        ("public key", _public(asked.public_key())),
        *_extensions(asked.extensions),
        ("signed with", asked.signature_algorithm_oid._name),
        ("signature is right", "yes" if asked.is_signature_valid else "no"),
        ("signature", asked.signature.hex()),
    ]


def _of_certificate(found: x509.Certificate) -> list[tuple[str, str]]:
    first, last = found.not_valid_before_utc, found.not_valid_after_utc
    return [
        ("version", found.version.name),
        ("serial number", f"{found.serial_number:x}"),
        ("signed with", found.signature_algorithm_oid._name),
        ("issuer", found.issuer.rfc4514_string()),
        ("first second", _second(first)),
        ("last second", _second(last)),
        ("days", str(round((last - first).total_seconds() / 86_400))),
        ("subject", found.subject.rfc4514_string()),
        ("public key", _public(found.public_key())),
        *_extensions(found.extensions),
        ("signature", found.signature.hex()),
    ]


def _extensions(found: x509.Extensions) -> list[tuple[str, str]]:
    """Each extension, sorted by name: their order means nothing."""
    lines = []
    for each in found:
        critical = " (critical)" if each.critical else ""
        lines.append((each.oid._name, in_words(each.value) + critical))
    return sorted(lines)


def in_words(value: x509.ExtensionType) -> str:
    """What an extension says, in a few words; one that is not known here, as hexadecimal."""
    if isinstance(value, x509.BasicConstraints):
        most = "" if value.path_length is None else f", at most {value.path_length} CAs below"
        return f"CA: {'yes' if value.ca else 'no'}{most}"
    if isinstance(value, x509.KeyUsage):
        return ", ".join(word.replace("_", " ") for word in profile.USAGES if _has(value, word)) or "nothing"
    if isinstance(value, x509.ExtendedKeyUsage):
        words = {oid: word for word, oid in profile.PURPOSES.items()}
        return ", ".join(words.get(oid, oid.dotted_string) for oid in value)
    if isinstance(value, x509.SubjectAlternativeName):
        return ", ".join(str(each.value) for each in value)
    if isinstance(value, x509.SubjectKeyIdentifier):
        return value.digest.hex()
    if isinstance(value, x509.AuthorityKeyIdentifier):
        return (value.key_identifier or b"").hex() or "no key identifier"
    return value.public_bytes().hex()


def _has(usage: x509.KeyUsage, word: str) -> bool:
    # Two of the bits mean something only beside key agreement; to ask for them otherwise is an error.
    if word in ("encipher_only", "decipher_only") and not usage.key_agreement:
        return False
    return bool(getattr(usage, word))


def _public(key: object) -> str:
    return f"{keys.in_words(key)}, digest {_digest(keys.public_pem(key))}"  # type: ignore[arg-type]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _second(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def shortened(text: str) -> str:
    """A value for a table: its beginning, if it is long."""
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
