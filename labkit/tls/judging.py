"""Whether a server is who it says: the chain of its certificates, and the name in the first of them.

Rule: certificates in, a verdict in words out. Used where OpenSSL has refused, and where a program told it not to.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from typing import Any

from labkit.tls.certificate import PeerCertificate, in_words
from labkit.tls.context import SecureContext
from labkit.tls.errors import NAME_MISMATCH, NUMBERS, CertificateError

LOCAL_ISSUER, LEAF_SIGNATURE, PURPOSE, HOSTNAME, ADDRESS = 20, 21, 26, 62, 64


def refused(number: int, words: str, ders: Sequence[bytes], peer: str, name: str) -> CertificateError:
    """The error for one of OpenSSL's numbers. words: OpenSSL's. ders: what the peer sent. name: that was asked for."""
    if number == LOCAL_ISSUER and len(ders) == 1:
        number = LEAF_SIGNATURE  # as in Node: there is nothing but the peer's own certificate
    said, todo = _explained(number, ders, name)
    return CertificateError(
        f"the certificate of {peer} was not accepted: {words.rstrip('.')}{said}", todo,
        code=NUMBERS.get(number, "CERT_UNTRUSTED"), number=number,
    )  # fmt: skip


def _explained(number: int, ders: Sequence[bytes], name: str) -> tuple[str, str]:
    """(what more there is to say, what to do)."""
    try:
        certificate = PeerCertificate(ders)
        if number == 18:
            return " (it is signed by itself)", "If you have it from somebody you trust, give ca= this certificate."
        if number == 19:
            root = in_words(PeerCertificate(ders[-1:]).subject)
            return f" ({root} is not one of your CAs)", "Give ca= the root, if you have it from somebody you trust."
        if number in (2, LOCAL_ISSUER, LEAF_SIGNATURE):
            issuer = in_words(PeerCertificate(ders[-1:]).issuer)
            return f" (it needs {issuer}, which is not one of your CAs)", "Give ca= the certificate of that CA."
        if number == 10:
            return f" (it was valid until {certificate.valid_to:%Y-%m-%d %H:%M} UTC)", "The server needs a new one."
        if number == 9:
            return f" (it is valid from {certificate.valid_from:%Y-%m-%d %H:%M} UTC)", "Is your clock right?"
        if number in (HOSTNAME, ADDRESS):
            return f" (it is for {_names(certificate)})", "Ask for one of its names: servername=, or another host."
        if number == PURPOSE:
            return " (its extendedKeyUsage does not have this use)", "It needs a certificate made for this use."
    except (ValueError, IndexError):
        pass  # the peer sent something that is not a certificate
    return "", "reject_unauthorized=False would go on, and protect against nobody in the middle."


def _names(certificate: PeerCertificate) -> str:
    common = certificate.subject.get("CN")
    return ", ".join(certificate.names) or (f"CN={common}" if common else "no name at all")


# -- without OpenSSL's verdict


def judge(ders: Sequence[bytes], context: SecureContext, peer: str, name: str) -> CertificateError | None:
    """Why the peer's certificates are not to be trusted, or None. name: whom the first one is to be for, or ``""``.

    As OpenSSL judges them in a handshake, in its order: the chain first, then the purpose, then the name.
    """
    from OpenSSL import crypto

    try:
        sent = [crypto.load_certificate(crypto.FILETYPE_ASN1, each) for each in ders]
        crypto.X509StoreContext(_store(context), sent[0], sent[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        number, _, words = error.errors
        return refused(number, words, ders, peer, name)
    except (crypto.Error, IndexError):
        return CertificateError(f"{peer} sent something that is not a certificate", code="CERT_UNTRUSTED")
    certificate = PeerCertificate(ders)
    if not _serves(certificate):
        return refused(PURPOSE, "unsuitable certificate purpose", ders, peer, name)
    return check_server_identity(name, certificate) if name else None


def _store(context: SecureContext) -> Any:
    from OpenSSL import crypto

    from labkit.tls import pem

    store = crypto.X509Store()
    if context.asked.ca is None:
        paths = ssl.get_default_verify_paths()
        store.load_locations(paths.cafile, paths.capath)
        return store
    for each in context.asked.ca:
        for text in pem.certificates(each):
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, text))
    return store


def _serves(certificate: PeerCertificate) -> bool:
    """Whether it may be used by a server. Source: RFC 5280 section 4.2.1.12."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Use

    try:
        uses = certificate.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False
    return Use.SERVER_AUTH in uses


def check_server_identity(name: str, certificate: Any) -> CertificateError | None:
    """Why a certificate is not for this host name or address, or None; Node's tls.checkServerIdentity.

    A name with ``*`` as its first label is for one label there. The CN counts only if there is no DNS name at all, as
    in Node, OpenSSL and Python; browsers never look at it. Source: RFC 9525 section 6.
    """
    wanted = name.rstrip(".").lower()
    found = certificate.names
    address = _address(wanted)
    if address is not None:
        good = any(kind == "IP" and _address(value) == address for kind, _, value in map(_split, found))
    else:
        hosts = [value for kind, _, value in map(_split, found) if kind == "DNS"]
        if not hosts and (common := certificate.subject.get("CN")):
            hosts = [common]
        good = any(_matches(each.rstrip(".").lower(), wanted) for each in hosts)
    if good:
        return None
    return CertificateError(
        f"the certificate is not for {name}: it is for {_names(certificate)}",
        "Ask for one of its names: servername=, or another host.", code=NAME_MISMATCH,
        number=HOSTNAME if address is None else ADDRESS,
    )  # fmt: skip


def _split(name: str) -> tuple[str, str, str]:
    return name.partition(":")


def _address(text: str) -> Any:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _matches(pattern: str, host: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == host
    first, _, rest = host.partition(".")
    return bool(first) and rest == pattern[2:] and "." in rest
