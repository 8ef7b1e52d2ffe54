"""Three judges of one chain: the package cryptography, `openssl verify -x509_strict`, Python's `ssl` at its strictest.

Rule: each judges alone, the same certificates for the same name at the same time; who is right is not decided here.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification

from labkit.ca import commands, keys, profile
from labkit.ca.holder import Holder
from labkit.core.calls import in_words

JUDGES = ("cryptography", "openssl", "python")
_LEVEL = "2"
"""OpenSSL's security level, as Debian's and Python's own TLS have it: at least 112 bits (2,048 of RSA), no SHA-1."""


@dataclass(frozen=True)
class Verdict:
    """What one judge says. good: whether it takes the chain. why: its own words if not, else ``""``."""

    judge: str
    good: bool
    why: str

    def __repr__(self) -> str:
        return f"{self.judge:12}  {'good' if self.good else 'bad:  ' + self.why}"


@dataclass(frozen=True)
class Verdicts:
    """What all of them say; openssl is not among them if it is not installed."""

    each: tuple[Verdict, ...]

    @property
    def agree(self) -> bool:
        """Whether all take the chain, or none does."""
        return len({verdict.good for verdict in self.each}) == 1

    @property
    def good(self) -> bool:
        """Whether all of them take the chain."""
        return all(verdict.good for verdict in self.each)

    def __getitem__(self, judge: str) -> Verdict:
        return next(verdict for verdict in self.each if verdict.judge == judge)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.each))


@in_words
def verdicts(
    identity: Holder, trusted: Holder, host: str = "localhost", *, client: bool = False,
    sent: Sequence[x509.Certificate] | None = None,
) -> Verdicts:  # fmt: skip
    """Have a server's certificate judged as a strict client does: for this name, now, if that one CA is trusted.

    identity: needs its private key, because Python judges in a handshake. trusted: the CA. client: the certificate is a
    client's, which a server judges, and no name is looked at. sent: what goes to the judge; default: ``identity.sent``.
    """
    chain = tuple(identity.sent if sent is None else sent)
    found = [_by_cryptography(chain, trusted, host, client)]
    with tempfile.TemporaryDirectory(prefix="labkit-verdict-") as place:
        folder = Path(place)
        (folder / "ca.pem").write_bytes(_pem((trusted.certificate,)))
        (folder / "leaf.pem").write_bytes(_pem(chain[:1]))
        (folder / "chain.pem").write_bytes(_pem(chain))
        (folder / "key.pem").touch(0o600)
        (folder / "key.pem").write_bytes(keys.private_pem(identity.key))
        if commands.find("openssl") is not None:
            found.append(_by_openssl(folder, host, client))
        found.append(_by_python(folder, host, client))
    return Verdicts(tuple(found))


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def _by_cryptography(chain: Sequence[x509.Certificate], trusted: Holder, host: str, client: bool) -> Verdict:
    try:
        builder = verification.PolicyBuilder().store(verification.Store([trusted.certificate]))
        if client:
            builder.build_client_verifier().verify(chain[0], list(chain[1:]))
        else:
            name = profile.general(host)
            assert isinstance(name, (x509.DNSName, x509.IPAddress))
            builder.build_server_verifier(name).verify(chain[0], list(chain[1:]))
    except verification.VerificationError as error:
        return Verdict("cryptography", False, _short(str(error)))
    except ValueError as error:  # what it cannot even read
        return Verdict("cryptography", False, _short(str(error)))
    return Verdict("cryptography", True, "")


def _short(text: str) -> str:
    """Its message without the certificate that it shows inside."""
    return re.sub(r"\s*\(encountered processing .*\)$", "", re.sub(r"<Certificate\(.*?\)>", "", text)).strip()


def _by_openssl(folder: Path, host: str, client: bool) -> Verdict:
    words = [
        "verify",
        "-x509_strict",
        "-partial_chain",
        "-auth_level",
        _LEVEL,
        "-CAfile",
        "ca.pem",
        "-untrusted",
        "chain.pem",
    ]
    # No CA of the machine's own list.
    words += ["-no-CApath", "-no-CAstore", "-purpose", "sslclient" if client else "sslserver"]
    if not client:
        words += ["-verify_hostname" if profile.address(host) is None else "-verify_ip", host]
    done = commands.run("openssl", [*words, "leaf.pem"], folder=folder)
    if done.code == 0:
        return Verdict("openssl", True, "")
    said = re.search(r"error (\d+ at \d+ depth lookup: .*)", done.err)
    return Verdict("openssl", False, said[1] if said else done.err.strip())


def _by_python(folder: Path, host: str, client: bool) -> Verdict:
    """In a handshake without a network: the bytes go from one memory to the other."""
    judge = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if client else ssl.PROTOCOL_TLS_CLIENT)
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if client else ssl.PROTOCOL_TLS_SERVER)
    judge.load_verify_locations(str(folder / "ca.pem"))
    judge.verify_mode = ssl.CERT_REQUIRED
    judge.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN  # as Python 3.13 does by default
    judge.set_ciphers(f"DEFAULT:@SECLEVEL={_LEVEL}")
    shows.set_ciphers("DEFAULT:@SECLEVEL=0")
    shows.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    shows.check_hostname = False
    if client:
        # The judge is a server here, and needs a certificate of its own; nobody looks at it.
        shows.verify_mode = ssl.CERT_NONE
        judge.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        shows.wrap_bio(there, back, server_side=not client),
        judge.wrap_bio(back, there, server_side=client, server_hostname=None if client else host),
    )
    open_ends = set(ends)
    while open_ends:
        for end in ends:
            if end not in open_ends:
                continue
            try:
                end.do_handshake()
                open_ends.discard(end)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                return Verdict("python", False, str(getattr(error, "verify_message", "") or error.reason))
    return Verdict("python", True, "")
