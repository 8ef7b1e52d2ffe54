"""A CA of one's own: a root or an intermediate that issues certificates, signs requests and revokes.

Rule: what it issues passes the strict check of Python 3.13, unless a call asks for a deviation by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from labkit.ca import keys, lifetimes, profile
from labkit.ca.damage import told
from labkit.ca.holder import Holder
from labkit.core import checks
from labkit.core.calls import in_words, made_in_words
from labkit.core.checks import is_number, shown
from labkit.core.errors import BadArgument

CA_USAGE = ("key_cert_sign", "crl_sign", "digital_signature")
"""What the key of a CA may do: sign certificates, lists of revoked ones, and answers about them."""


class Identity(Holder):
    """A certificate of a server or a client, with its private key and its issuers."""


@made_in_words
class CA(Holder):
    """A certificate authority. With ``issuer`` it is an intermediate of that CA, without one a self-signed root.

    name: its common name. key_type: a word of `keys.KINDS`. days: how long it is valid. path_length: how many CAs may
    stand between it and a server's certificate; None: any number. permitted, excluded: names that it may, or may not,
    issue for. The rest are deviations: see `profile.Profile`.
    """

    def __init__(
        self, name: str = "labkit CA", *, key_type: str = "ec", issuer: CA | None = None,
        days: float | None = None, path_length: int | None = None, permitted: Sequence[str] = (),
        excluded: Sequence[str] = (), starts: datetime | None = None, ends: datetime | None = None,
        key: keys.PrivateKey | None = None, organization: str | None = profile.ORGANIZATION, is_ca: bool | None = True,
        usage: Sequence[str] | None = CA_USAGE, purposes: Sequence[str] | None = None, identifiers: bool = True,
        hash: str = "sha256", version: int = 3, hosts: Sequence[str] = (),
    ) -> None:  # fmt: skip
        if issuer is not None and not isinstance(issuer, CA):
            raise BadArgument(f"{shown(issuer)} is not a CA", "Give one, such as CA(), or leave issuer out for a root.")
        if path_length is not None:
            checks.whole(path_length, "path_length")
        first, last = _dates(lifetimes.ROOT if days is None else days, starts, ends, issuer)
        mine = key or keys.make(key_type)
        wanted = profile.Profile(
            subject=profile.name(name, organization), starts=first, ends=last, is_ca=is_ca, path_length=path_length,
            usage=usage, purposes=purposes, identifiers=identifiers, permitted=permitted, excluded=excluded,
            hash=hash, version=version, hosts=hosts,
        )  # fmt: skip
        above = () if issuer is None else issuer.chain
        parent = None if issuer is None else issuer.certificate
        made = profile.certificate(
            wanted, mine.public_key(), parent.subject if parent else wanted.subject, parent,
            issuer.key if issuer else mine,
        )  # fmt: skip
        super().__init__(made, mine, above)
        self._revoked: list[x509.RevokedCertificate] = []

    @classmethod
    def of(cls, certificate: x509.Certificate, key: keys.PrivateKey, above: tuple[x509.Certificate, ...] = ()) -> CA:
        """A CA of a certificate and a key that exist already. above: its issuers, the root last."""
        made = cls.__new__(cls)
        Holder.__init__(made, certificate, key, above)
        made._revoked = []
        return made

    @in_words
    def issue(
        self, *hosts: str, client: bool = False, days: float | None = None, common_name: str | None = None,
        key_type: str = "ec", key: keys.PrivateKey | None = None, starts: datetime | None = None,
        ends: datetime | None = None, alternative_names: Sequence[str] | None = None,
        organization: str | None = profile.ORGANIZATION, is_ca: bool | None = False,
        usage: Sequence[str] | None = ("auto",), purposes: Sequence[str] | None = ("auto",), identifiers: bool = True,
        hash: str = "sha256", version: int = 3, crl: Sequence[str] = (), self_signed: bool = False,
    ) -> Identity:  # fmt: skip
        """Issue a certificate with a new key, for a server's names and addresses, or for a client.

        hosts: ``"localhost", "127.0.0.1"``; all of them stand in subjectAltName, and the first is the common name too.
        client: for a client, whose only host is its own name (``"Ada"``): that is a common name alone. days: default,
        `lifetimes.LEAF`, but never longer than this CA. The rest are deviations: dates, names, usages, purposes, key
        identifiers, hash, version; self_signed: signed by its own key, and not by this CA. Raises `BadArgument`.
        """
        checks.flag(client, "client")
        if not hosts and common_name is None:
            raise BadArgument("a certificate needs a name", 'Give one or more: issue("localhost", "127.0.0.1").')
        for host in hosts:
            if not isinstance(host, str) or not host:
                raise BadArgument(f"{shown(host)} is not a host", 'Give one such as "localhost" or "127.0.0.1".')
        first, last = _dates(lifetimes.LEAF if days is None else days, starts, ends, None if days or ends else self)
        mine = key or keys.make(key_type)
        if alternative_names is None:
            alternative_names = () if client else hosts
        wanted = profile.Profile(
            subject=profile.name(hosts[0] if common_name is None else common_name, organization),
            starts=first, ends=last, is_ca=is_ca, hosts=alternative_names, usage=_usage_of(usage, mine),
            purposes=_purposes_of(purposes, client),
            identifiers=identifiers, hash=hash, version=version, crl=crl,
        )  # fmt: skip
        if self_signed:
            return Identity(profile.certificate(wanted, mine.public_key(), wanted.subject, None, mine), mine)
        return Identity(self._signed(wanted, mine.public_key()), mine, self.chain)

    @in_words
    def sign(self, request: bytes | str | x509.CertificateSigningRequest, *, client: bool = False,
             days: float | None = None) -> Identity:  # fmt: skip
        """Sign a request (CSR, RFC 2986), as PEM: name, host names and public key are taken from it, and nothing else.

        The identity that comes back has no private key: a CA never sees it. Raises `BadArgument` if this is not a
        request, or if its signature is wrong: then who made it does not have the private key.
        """
        with told("this certificate signing request is damaged", "Make it again.", BadArgument):
            subject, hosts, public = _asked_for(_request_of(request))
        first, last = _dates(lifetimes.LEAF if days is None else days, None, None, None if days else self)
        wanted = profile.Profile(
            subject=subject, starts=first, ends=last, hosts=hosts, usage=_usage_of(("auto",), public),
            purposes=_purposes_of(("auto",), client),
        )  # fmt: skip
        return Identity(self._signed(wanted, public), None, self.chain)

    def _signed(self, wanted: profile.Profile, public: keys.PublicKey) -> x509.Certificate:
        return profile.certificate(wanted, public, self.certificate.subject, self.certificate, self.key)

    def revoke(self, identity: Holder) -> None:
        """Put a certificate of this CA on its list of revoked ones. Raises `BadArgument` for one of another CA."""
        if identity.certificate.issuer != self.certificate.subject:
            raise BadArgument(f"{identity.name} was not issued by {self.name}", "Only the issuer can revoke.")
        entry = x509.RevokedCertificateBuilder().serial_number(identity.certificate.serial_number)
        entry = entry.revocation_date(lifetimes.now()).add_extension(
            x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False
        )
        self._revoked.append(entry.build())

    def crl_pem(self, days: float = 7) -> bytes:
        """The list of revoked certificates (CRL, RFC 5280 section 5), signed, as PEM. days: until the next one."""
        first, last = lifetimes.span(days)
        draft = (
            x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
            .last_update(first).next_update(last).add_extension(x509.CRLNumber(len(self._revoked) + 1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )  # fmt: skip
        for entry in self._revoked:
            draft = draft.add_revoked_certificate(entry)
        digest = None if isinstance(self.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return draft.sign(self.key, digest).public_bytes(Encoding.PEM)


@in_words
def request(*hosts: str, key: keys.PrivateKey, common_name: str | None = None,
            organization: str | None = profile.ORGANIZATION) -> bytes:  # fmt: skip
    """A certificate signing request (RFC 2986) as PEM: name, host names, public key, signed with the private key.

    hosts: as in `CA.issue`. common_name: default, the first of them. Raises `BadArgument` if there is neither.
    """
    if not isinstance(key, keys.PrivateKey):
        raise BadArgument(f"{shown(key)} is not a private key", "Make one by keys.make().")
    if not hosts and not common_name:
        raise BadArgument("a request needs a name", 'Give one or more: request("localhost", key=key).')
    draft = x509.CertificateSigningRequestBuilder().subject_name(profile.name(common_name or hosts[0], organization))
    if hosts:
        names = x509.SubjectAlternativeName([profile.general(host) for host in hosts])
        draft = draft.add_extension(names, critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return draft.sign(key, digest).public_bytes(Encoding.PEM)


def _request_of(given: bytes | str | x509.CertificateSigningRequest) -> x509.CertificateSigningRequest:
    if isinstance(given, x509.CertificateSigningRequest):
        asked = given
    else:
        pem = given.encode() if isinstance(given, str) else given
        if not isinstance(pem, bytes):
            raise BadArgument(f"{shown(given)} is not a request", "Give PEM, as ca.request(...) makes it.")
        todo = "A request begins with -----BEGIN CERTIFICATE REQUEST-----."
        with told("this is not a certificate signing request", todo, BadArgument):
            asked = x509.load_pem_x509_csr(pem)
    if not asked.is_signature_valid:
        raise BadArgument("the signature of this request is wrong", "Make it with the key that belongs to it.")
    return asked


def _asked_for(request: x509.CertificateSigningRequest) -> tuple[x509.Name, tuple[str, ...], keys.PublicKey]:
    """The name, the host names and the public key in a request."""
    if not isinstance(public := request.public_key(), keys.PublicKey):
        raise BadArgument(f"the request has a key of the kind {keys.in_words(public)}", "Use EC, RSA or Ed25519.")
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return request.subject, (), public
    return request.subject, tuple(str(each.value) for each in names), public


def _dates(
    days: float, starts: datetime | None, ends: datetime | None, within: Holder | None
) -> tuple[datetime, datetime]:
    """First and last second; never later than what is given as ``within``, unless dates were asked for."""
    if not is_number(days) or not 0 < days < 36_500:
        raise BadArgument(f"days={shown(days)} is not a time", "Give the number of days that it is valid, such as 47.")
    first, last = lifetimes.span(days, starts)
    for moment in (starts, ends):
        if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
            raise BadArgument(f"{shown(moment)} is not a time", "Give a datetime with its zone: datetime.now(UTC).")
    if ends is not None:
        return (starts or min(first, ends - timedelta(days=1))), ends
    if within is not None:
        last = min(last, within.certificate.not_valid_after_utc)
    return first, max(last, first)


def _usage_of(words: Sequence[str] | None, key: keys.PrivateKey | keys.PublicKey) -> Sequence[str] | None:
    if words is None or tuple(words) != ("auto",):
        return words
    # An RSA key may also be asked to decrypt the secret of TLS 1.2's old key exchange.
    is_rsa = isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey))
    return ("digital_signature", "key_encipherment") if is_rsa else ("digital_signature",)


def _purposes_of(words: Sequence[str] | None, client: bool) -> Sequence[str] | None:
    if words is None or tuple(words) != ("auto",):
        return words
    return ("client",) if client else ("server",)
