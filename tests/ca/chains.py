"""Chains of certificates of our own, and what each of three judges has to say to it.

Rule: a row in which the judges differ says why. Sources: RFC 5280, RFC 9525; the sources of OpenSSL and cryptography.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509

from labkit.ca import CA, Identity, keys, lifetimes
from labkit.ca.holder import Holder
from labkit.ca.resigning import content, element, elements

DAY = timedelta(days=1)
NOW = lifetimes.now()
LOCAL = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Chain:
    """What the judges get. sent: what the server sends; None: the certificate and its intermediates."""

    identity: Holder
    trusted: Holder
    host: str = "localhost"
    client: bool = False
    sent: Sequence[x509.Certificate] | None = None


@dataclass(frozen=True)
class Row:
    """A chain by its name. says: of cryptography, openssl and Python in this order, + for good and - for bad.

    why: why they differ; empty if they agree.
    """

    name: str
    make: Callable[[], Chain]
    says: str
    why: str = ""


def middle(issuer: CA, **deviations: object) -> CA:
    """An intermediate CA."""
    return CA("labkit intermediate", issuer=issuer, **deviations)  # type: ignore[arg-type]


def direct(host: str = "localhost", **deviations: object) -> Chain:
    """A root, and a server's certificate below it with these deviations."""
    root = CA()
    return Chain(root.issue(*LOCAL, **deviations), root, host)  # type: ignore[arg-type]


def named(*names: str, host: str) -> Chain:
    """A certificate for these names, asked for as this host."""
    root = CA()
    return Chain(root.issue(*names), root, host)


def under(**deviations: object) -> Chain:
    """A root with these deviations, and a right certificate below it."""
    root = CA(**deviations)  # type: ignore[arg-type]
    return Chain(root.issue(*LOCAL), root)


def below(**deviations: object) -> Chain:
    """A root, an intermediate with these deviations, a right certificate."""
    root = CA()
    return Chain(middle(root, **deviations).issue(*LOCAL), root)


def long(number: int, *lengths: int | None) -> Chain:
    """So many intermediates. lengths: the path lengths of the root and the intermediates; missing: none."""
    limits = [*lengths, *[None] * (number + 1 - len(lengths))]
    root = CA(path_length=limits[0])
    last = root
    for place in range(1, number + 1):
        last = CA(f"intermediate {place}", issuer=last, path_length=limits[place])
    return Chain(last.issue(*LOCAL), root)


Certificates = list[x509.Certificate]


def resent(number: int, change: Callable[[Certificates], Certificates]) -> Chain:
    """So many intermediates. change: takes the whole chain, the root last; returns what is sent."""
    chain = long(number)
    return Chain(chain.identity, chain.trusted, sent=change(list(chain.identity.chain)))


def constrained(host: str, *, on_root: bool = False, **constraints: object) -> Chain:
    """An intermediate (or the root) that may issue for some names only; asked for as host."""
    root = CA(**constraints) if on_root else CA()  # type: ignore[arg-type]
    issuer = root if on_root else middle(root, **constraints)
    return Chain(issuer.issue(host), root, host)


def for_client(root: CA | None = None, **deviations: object) -> Chain:
    """A client's certificate, which a server judges."""
    root = root or CA()
    return Chain(root.issue("Ada", **{"client": True, **deviations}), root, client=True)  # type: ignore[arg-type]


def pretender() -> Chain:
    """A server signs with its key, as if it were a CA."""
    root = CA()
    server = root.issue("example.org")
    false = CA.of(server.certificate, server.key, server.chain[1:])
    return Chain(false.issue(*LOCAL), root)


def impostor() -> Chain:
    """Another CA has the same name as the one that is trusted."""
    return Chain(CA().issue(*LOCAL), CA())


def damaged() -> Chain:
    """One bit of the signature is another one."""
    root = CA()
    good = root.issue(*LOCAL, key_type="ed25519", key=None)
    parts = elements(content(good.der))
    bits = bytearray(content(parts[2]))
    bits[-1] ^= 1
    der = element(0x30, parts[0] + parts[1] + element(0x03, bytes(bits)))
    return Chain(Identity(x509.load_der_x509_certificate(der), good.key, root.chain), root)


def changed() -> Chain:
    """The name in it was changed after it was signed."""
    root = CA()
    good = root.issue("localhosx", "127.0.0.1")
    der = good.der.replace(b"localhosx", b"localhost")
    return Chain(Identity(x509.load_der_x509_certificate(der), good.key, root.chain), root)


def own_anchor(**deviations: object) -> Chain:
    """The server's self-signed certificate is itself trusted."""
    identity = CA().issue(*LOCAL, self_signed=True, **deviations)  # type: ignore[arg-type]
    return Chain(identity, identity)


def anchored_between() -> Chain:
    """The intermediate is trusted, and the root is not."""
    root = CA()
    between = middle(root)
    return Chain(between.issue(*LOCAL), between)


def anchored_below() -> Chain:
    """The server's certificate is trusted, and the CA that signed it is not."""
    identity = CA().issue(*LOCAL)
    return Chain(identity, identity)


def cross_signed(last: bool) -> Chain:
    """One key, two certificates of an intermediate: the client trusts the second root, the server sends both."""
    old, new = CA("old root"), CA("new root")
    key = keys.make()
    first, second = CA("labkit intermediate", issuer=old, key=key), CA("labkit intermediate", issuer=new, key=key)
    identity = first.issue(*LOCAL)
    both = [second.certificate, first.certificate]
    return Chain(identity, new, sent=[identity.certificate, *(reversed(both) if last else both)])


_IDENTIFIERS = (
    "RFC 5280 asks CAs for key identifiers (sections 4.2.1.1, 4.2.1.2), and OpenSSL's strict check for them; "
    "cryptography does without them above the server's certificate"
)
ROWS = (
    # -- how long the chain is, and what is sent of it
    Row("no intermediate", lambda: long(0), "+++"),
    Row("one intermediate", lambda: long(1), "+++"),
    Row("two intermediates", lambda: long(2), "+++"),
    Row("seven intermediates", lambda: long(7), "+++"),
    Row("twelve intermediates", lambda: long(12), "-++",
        "cryptography follows at most 8 CAs below the root, unless it is told otherwise; OpenSSL 100"),
    Row("the intermediates in the wrong order", lambda: resent(3, lambda c: [c[0], c[3], c[1], c[2]]), "+++"),
    Row("the root is sent too", lambda: resent(1, lambda c: c), "+++"),
    Row("another CA in between", lambda: resent(1, lambda c: [c[0], CA("x").certificate, c[1]]), "+++"),
    Row("the same intermediate twice", lambda: resent(1, lambda c: [c[0], c[1], c[1]]), "+++"),
    Row("the intermediate is not sent", lambda: resent(1, lambda c: c[:1]), "---"),
    Row("one of two intermediates is not sent", lambda: resent(2, lambda c: [c[0], c[1]]), "---"),
    Row("two certificates of one intermediate, the one of the trusted root first", lambda: cross_signed(False), "+++"),
    Row("two certificates of one intermediate, that one last", lambda: cross_signed(True), "+--",
        "OpenSSL takes the first certificate that fits, and does not come back to try the other one"),
    # -- whom the client trusts
    Row("another root", lambda: Chain(CA("other").issue(*LOCAL), CA()), "---"),
    Row("another root of the same name", impostor, "---"),
    Row("the intermediate is trusted, the root is not", anchored_between, "+++"),
    Row("only the certificate itself is trusted", anchored_below, "+++"),
    Row("self-signed, and not trusted", lambda: direct(self_signed=True), "---"),
    Row("self-signed, and itself trusted", own_anchor, "+++"),
    # -- path length (RFC 5280 section 4.2.1.9)
    Row("root with path length 0, no intermediate", lambda: long(0, 0), "+++"),
    Row("root with path length 0, one intermediate", lambda: long(1, 0), "---"),
    Row("root with path length 1, one intermediate", lambda: long(1, 1), "+++"),
    Row("root with path length 1, two intermediates", lambda: long(2, 1), "---"),
    Row("intermediate with path length 0, another below it", lambda: long(2, None, 0), "---"),
    Row("intermediate with more path length than its root", lambda: long(1, 1, 5), "+++"),
    Row("path length that gets smaller by one each", lambda: long(3, 3, 2, 1, 0), "+++"),
    # -- who is a CA
    Row("a server signed it", pretender, "---"),
    Row("intermediate says that it is not a CA", lambda: below(is_ca=False), "---"),
    Row("intermediate without basicConstraints", lambda: below(is_ca=None), "---"),
    Row("intermediate that may not sign certificates", lambda: below(usage=("crl_sign",)), "---"),
    Row("intermediate without keyUsage", lambda: below(usage=None), "---"),
    Row("root says that it is not a CA", lambda: under(is_ca=False), "---"),
    Row("root without basicConstraints", lambda: under(is_ca=None), "---"),
    Row("root that may not sign certificates", lambda: under(usage=("crl_sign",)), "---"),
    Row("root without keyUsage", lambda: under(usage=None), "---"),
    Row("root that may only sign certificates", lambda: under(usage=("key_cert_sign",)), "+++"),
    Row("server's certificate says that it is a CA", lambda: direct(is_ca=True), "-++",
        "RFC 5280 does not forbid it; the rules of public CAs do, and cryptography keeps to them"),
    Row("server's certificate without basicConstraints", lambda: direct(is_ca=None), "+++"),
    Row("server's key may sign certificates", lambda: direct(usage=("digital_signature", "key_cert_sign")), "---"),
    # -- key identifiers and versions
    Row("root without key identifiers", lambda: under(identifiers=False), "+--",
        _IDENTIFIERS),
    Row("intermediate without key identifiers", lambda: below(identifiers=False), "+--",
        _IDENTIFIERS),
    Row("server's certificate without key identifiers", lambda: direct(identifiers=False), "---"),
    Row("root of version 1", lambda: under(version=1), "---"),
    Row("intermediate of version 1", lambda: below(version=1), "---"),
    Row("server's certificate of version 1", lambda: direct(version=1), "-++",
        "a certificate of version 1 has no subjectAltName; OpenSSL takes the common name"),
    # -- what it is for
    Row("for servers and clients", lambda: direct(purposes=("server", "client")), "+++"),
    Row("for clients only", lambda: direct(purposes=("client",)), "---"),
    Row("for signing code only", lambda: direct(purposes=("code",)), "---"),
    Row("for any purpose", lambda: direct(purposes=("any",)), "---"),
    Row("without extKeyUsage", lambda: direct(purposes=None), "+++"),
    Row("intermediate for servers", lambda: below(purposes=("server",)), "+++"),
    Row("intermediate for clients only", lambda: below(purposes=("client",)), "---"),
    Row("root for e-mail only", lambda: under(purposes=("email",)), "---"),
    Row("without keyUsage", lambda: direct(usage=None), "+++"),
    Row("key that may only agree on keys", lambda: direct(usage=("key_agreement",)), "+++"),
    Row("key that may only encrypt data", lambda: direct(usage=("data_encipherment",)), "+--",
        "cryptography does not look at the key usage of a server's certificate"),
    # -- dates
    Row("ended yesterday", lambda: direct(starts=NOW - 9 * DAY, ends=NOW - DAY), "---"),
    Row("begins tomorrow", lambda: direct(starts=NOW + DAY, ends=NOW + 9 * DAY), "---"),
    Row("intermediate ended yesterday", lambda: below(starts=NOW - 9 * DAY, ends=NOW - DAY), "---"),
    Row("intermediate begins tomorrow", lambda: below(starts=NOW + DAY, ends=NOW + 99 * DAY), "---"),
    Row("root ended yesterday", lambda: under(starts=NOW - 99 * DAY, ends=NOW - DAY), "---"),
    Row("root begins tomorrow", lambda: under(starts=NOW + DAY, ends=NOW + 99 * DAY), "---"),
    Row("ends after its CA", lambda: direct(ends=NOW + 900 * DAY), "+++"),
    Row("began before its CA", lambda: direct(starts=NOW - 900 * DAY, ends=NOW + DAY), "+++"),
    Row("thirty years", lambda: direct(days=30 * 365), "+++"),
    Row("year 2050 and later", lambda: direct(ends=NOW + 25 * 365 * DAY), "+++"),
    # -- names (RFC 9525)
    Row("address, IPv4", lambda: named("127.0.0.1", host="127.0.0.1"), "+++"),
    Row("address, IPv6", lambda: named("::1", host="::1"), "+++"),
    Row("another address", lambda: named("192.0.2.7", host="127.0.0.1"), "---"),
    Row("another name", lambda: named("example.org", host="localhost"), "---"),
    Row("the end of the name is the same", lambda: named("host", host="localhost"), "---"),
    Row("name in capitals", lambda: named("LocalHost", host="localhost"), "+++"),
    Row("wildcard, one label", lambda: named("*.example.org", host="www.example.org"), "+++"),
    Row("wildcard, two labels", lambda: named("*.example.org", host="a.b.example.org"), "---"),
    Row("wildcard, no label", lambda: named("*.example.org", host="example.org"), "---"),
    Row("wildcard inside a label", lambda: named("w*.example.org", host="www.example.org"), "-+-",
        "openssl verify takes it; Python asks OpenSSL not to, and RFC 9525 forbids it"),
    Row("wildcard in the second label", lambda: named("www.*.org", host="www.example.org"), "---"),
    Row("wildcard alone", lambda: named("*", host="localhost"), "---"),
    Row("name beyond ASCII", lambda: named("bücher.example", host="xn--bcher-kva.example"), "+++"),
    Row("hundred names", lambda: named(*(f"host-{n}.example" for n in range(100)), host="host-99.example"), "+++"),
    Row("name without subjectAltName", lambda: direct(alternative_names=()), "-++",
        "OpenSSL takes the common name if there is no subjectAltName; cryptography does not, as RFC 9525 says"),
    Row("right common name, other subjectAltName", lambda: direct(alternative_names=("example.org",)), "---"),
    Row("other common name, right subjectAltName", lambda: direct(common_name="example.org"), "+++"),
    Row("empty subject", lambda: direct(common_name="", organization=None), "+++"),
    # -- name constraints (RFC 5280 section 4.2.1.10)
    Row("permitted name", lambda: constrained("www.example.org", permitted=("example.org",)), "+++"),
    Row("name that is not permitted", lambda: constrained("localhost", permitted=("example.org",)), "---"),
    Row("excluded name", lambda: constrained("www.example.org", excluded=("example.org",)), "---"),
    Row("name that is not excluded", lambda: constrained("localhost", excluded=("example.org",)), "+++"),
    Row("permitted address", lambda: constrained("127.0.0.1", permitted=("127.0.0.0/8",)), "+++"),
    Row("address that is not permitted", lambda: constrained("127.0.0.1", permitted=("10.0.0.0/8",)), "---"),
    Row("excluded address", lambda: constrained("127.0.0.1", excluded=("127.0.0.0/8",)), "---"),
    Row("the root permits it", lambda: constrained("www.example.org", on_root=True, permitted=("org",)), "+++"),
    Row("the root does not permit it", lambda: constrained("localhost", on_root=True, permitted=("org",)), "---"),
    # -- algorithms
    Row("P-384", lambda: under(key_type="ec-p384"), "+++"),
    Row("P-384 in the server's certificate", lambda: direct(key_type="ec-p384"), "+++"),
    Row("RSA 2048", lambda: direct(key_type="rsa"), "+++"),
    Row("root with RSA 2048", lambda: under(key_type="rsa"), "+++"),
    Row("Ed25519", lambda: direct(key_type="ed25519"), "+++"),
    Row("root with Ed25519", lambda: under(key_type="ed25519"), "-++",
        "public CAs may not use it, and cryptography keeps to their rules for the keys of CAs"),
    Row("RSA 1024", lambda: direct(key_type="rsa-1024"), "+--",
        "cryptography looks at the strength of a CA's key, and not at that of the server's"),
    Row("root with RSA 1024", lambda: under(key_type="rsa-1024"), "---"),
    Row("SHA-384", lambda: direct(hash="sha384"), "+++"),
    Row("SHA-512", lambda: direct(hash="sha512"), "+++"),
    Row("SHA-1", lambda: direct(hash="sha1"), "---"),
    Row("intermediate signed with SHA-1", lambda: below(hash="sha1"), "---"),
    Row("root signed with SHA-1", lambda: under(hash="sha1"), "+++"),
    Row("signature with one wrong bit", damaged, "---"),
    Row("name changed after signing", changed, "---"),
    # -- clients
    Row("client", for_client, "-++",
        "cryptography wants a subjectAltName, of a client too"),
    Row("client with a subjectAltName", lambda: for_client(alternative_names=("ada.example",)), "+++"),
    Row("client ended yesterday", lambda: for_client(starts=NOW - 9 * DAY, ends=NOW - DAY), "---"),
    Row("client of another CA", lambda: Chain(CA("x").issue("Ada", client=True), CA(), client=True), "---"),
    Row("server's certificate as a client's", lambda: for_client(client=False), "---"),
)  # fmt: skip
