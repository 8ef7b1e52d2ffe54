"""A certificate with its private key and the certificates above it: what a server or a client needs to show who it is.

Rule: shows and saves what it was given; it signs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from labkit.ca import keys, profile
from labkit.core.checks import shown
from labkit.core.errors import BadArgument, LabError, from_oserror
from labkit.core.files import write_whole


@dataclass(frozen=True)
class Files:
    """Where `Holder.save` has put things. cert: the certificate and the intermediates. key: the private key (0600)."""

    cert: Path
    key: Path


class Holder:
    """A certificate, its private key, and what is above it.

    certificate: an object of the package cryptography. key: the private key; None if only the one who asked has it.
    above: the certificates of the issuers, the nearest first, the root last, as far as they are known.
    """

    def __init__(
        self, certificate: x509.Certificate, key: keys.PrivateKey | None, above: tuple[x509.Certificate, ...] = ()
    ) -> None:
        self.certificate = certificate
        self._key = key
        self._above = above

    @property
    def key(self) -> keys.PrivateKey:
        """The private key. Raises `LabError` if it is not here: a CA that signs a request never sees it."""
        if self._key is None:
            raise LabError(
                f"the private key of {self.name} is not here",
                "Who made the request has it: with_key(key) puts both together.",
            )
        return self._key

    def with_key(self, key: keys.PrivateKey) -> Self:
        """The same, together with its private key. Raises `BadArgument` if the two do not belong together."""
        if keys.public_pem(key) != keys.public_pem(self.certificate.public_key()):  # type: ignore[arg-type]
            raise BadArgument(
                f"this key does not belong to the certificate of {self.name}", "Give that of its request."
            )
        return type(self)(self.certificate, key, self._above)

    @property
    def name(self) -> str:
        """The common name of the subject; if there is none, the first host name."""
        return profile.common_name(self.certificate.subject) if list(self.certificate.subject) else self.hosts[0]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names and addresses in subjectAltName, as text."""
        try:
            found = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ()
        return tuple(str(each.value) for each in found)

    @property
    def der(self) -> bytes:
        """The certificate as the bytes that are sent in TLS."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pin(self) -> str:
        """The SHA-256 digest of the public key, in base64: a short name for this key (RFC 7469 §2.4)."""
        key = self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(key).digest()).decode("ascii")

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificate, then its issuers up to the root, as far as they are known."""
        return (self.certificate, *self._above)

    @property
    def sent(self) -> tuple[x509.Certificate, ...]:
        """What goes to the peer: the chain without the root, which the peer has or does not trust."""
        above = self._above
        return (self.certificate, *(above[:-1] if above and above[-1].issuer == above[-1].subject else above))

    @property
    def cert_pem(self) -> bytes:
        """`sent` as PEM: the certificate and the intermediates."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.sent)

    @property
    def key_pem(self) -> bytes:
        """The private key as PEM, not encrypted."""
        return keys.private_pem(self.key)

    def save(self, folder: str | Path, stem: str | None = None, *, passphrase: str | None = None) -> Files:
        """Write ``<stem>.pem`` and ``<stem>.key`` (only this user may read it) into a folder, which is made if needed.

        stem: default, the name in small letters. passphrase: encrypts the key. Raises `LabError` if that fails.
        """
        if stem is not None and (not isinstance(stem, str) or not stem or "/" in stem or "\0" in stem):
            raise BadArgument(f"{shown(stem)} is not the beginning of a file name", 'Give one such as "server".')
        if not isinstance(folder, (str, os.PathLike)):
            raise BadArgument(f"{shown(folder)} is not a folder", 'Give its path, such as "my-ca".')
        start = stem or re.sub(r"[^a-z0-9.]+", "-", self.name.lower()).strip("-.") or "certificate"
        files = Files(Path(folder) / f"{start}.pem", Path(folder) / f"{start}.key")
        try:
            write_whole(files.key, keys.private_pem(self.key, passphrase), private=True)
            write_whole(files.cert, self.cert_pem)
        except OSError as error:
            raise from_oserror(error, str(folder)) from error
        return files

    def __repr__(self) -> str:
        days = self.certificate.not_valid_after_utc - self.certificate.not_valid_before_utc + timedelta(seconds=1)
        issuer = profile.common_name(self.certificate.issuer)
        who = "self-signed" if self.certificate.issuer == self.certificate.subject else f"issued by {issuer}"
        names = [self.name, *(host for host in self.hosts if host != self.name)]
        shown_names = ", ".join(names[:4]) + (f" and {len(names) - 4} more names" if len(names) > 4 else "")
        kind = keys.in_words(self.certificate.public_key())
        return f"{type(self).__name__} {shown_names}: {who}, {kind}, {days.days} days"
