"""The CA of this machine: made once, kept in the user's directory, used by every lesson, renewed before it ends.

Rule: private keys lie in one directory that only this user may read; no program trusts this CA because of that.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from labkit.ca import keys, lifetimes
from labkit.ca.authority import CA, Identity
from labkit.ca.damage import DAMAGE, told
from labkit.core.errors import LabError, from_oserror

NAME = "labkit CA"
STEM = "ca"
NEAR = timedelta(days=2 * lifetimes.LEAF)
"""A CA that ends sooner than this is renewed: what it issues today shall not be shorter for it."""


def directory() -> Path:
    """Where the machine's CA lies: ``labkit/ca`` in XDG_DATA_HOME, or in ``~/.local/share``.

    Raises `LabError` for a user without a home directory.
    """
    given = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(given):  # the standard says that others are to be ignored
        return Path(given) / "labkit" / "ca"
    try:
        return Path.home() / ".local/share/labkit/ca"
    except RuntimeError as error:
        raise LabError("this user has no home directory", "Set XDG_DATA_HOME to a directory of yours.") from error


def mine() -> CA:
    """The CA of this machine. It is made at the first call, and again if it is damaged, or ends within 94 days.

    Two programs that make it at the same time agree on one of the two. Raises `LabError` if it cannot be written.
    """
    where = directory()
    known = _usable(where)
    if known is not None:
        return known
    made = CA(NAME)
    try:
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(where, 0o700)
        with _Lock(where):
            if (other := _usable(where)) is not None:
                return other
            made.save(where, STEM)
    except OSError as error:
        raise from_oserror(error, str(where)) from error
    return made


def path() -> Path:
    """The file of the machine's CA certificate, for ``curl --cacert`` and others; the CA is made if it is not there."""
    mine()
    return directory() / f"{STEM}.pem"


def _usable(where: Path) -> CA | None:
    try:
        known = load(where / f"{STEM}.pem", where / f"{STEM}.key")
    except LabError:
        return None
    certificate = known.certificate
    fresh = certificate.not_valid_before_utc <= lifetimes.now() < certificate.not_valid_after_utc - NEAR
    return known if isinstance(known, CA) and fresh else None


class _Lock:
    """One program at a time makes the CA."""

    def __init__(self, where: Path) -> None:
        self._path = where / "lock"
        self._handle = -1

    def __enter__(self) -> None:
        import fcntl

        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, *exc: object) -> None:
        os.close(self._handle)


def load(cert: str | Path, key: str | Path, *, passphrase: str | None = None) -> CA | Identity:
    """Read a certificate (with the intermediates and perhaps the root behind it) and its key from two files.

    Returns a `CA` if the certificate is one, else an `Identity`. Raises `LabError` that names the file and the cause.
    """
    certificates = read_certificates(cert)
    private = keys.read(_content(key), str(key), passphrase)
    first = certificates[0]
    if keys.public_pem(private) != keys.public_pem(first.public_key()):  # type: ignore[arg-type]
        raise LabError(f"the key in {key} does not belong to the certificate in {cert}", "Give the two of one pair.")
    above = tuple(certificates[1:])
    return CA.of(first, private, above) if is_ca(first) else Identity(first, private, above)


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether a certificate says of itself that it is a CA's (basicConstraints, RFC 5280 section 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *DAMAGE):
        return False


def read_certificates(path: str | Path) -> list[x509.Certificate]:
    """All certificates of a PEM file, in their order. Raises `LabError` that names the file and the cause."""
    pem = _content(path)
    with told(f"{path}: {_why_not(pem)}", "It begins with -----BEGIN CERTIFICATE-----."):
        found = x509.load_pem_x509_certificates(pem)
        for each in found:  # the package reads many parts only when they are asked for
            _ = each.public_key(), each.subject, each.issuer, each.not_valid_before_utc, each.not_valid_after_utc
            _ = each.extensions, each.version
    return found


def _why_not(pem: bytes) -> str:
    if not pem:
        return "the file is empty"
    if b"-----BEGIN CERTIFICATE-----" in pem:
        return "a certificate in it is damaged or cut off"
    if b"-----BEGIN " in pem:
        kind = pem.partition(b"-----BEGIN ")[2].partition(b"-----")[0].decode("ascii", "replace")
        return f"it holds a {kind}, and no certificate"
    return "there is no PEM in it"


def _content(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise from_oserror(error, str(path)) from error
