"""Certificates for the tests of TLS, made once a run by trustme: independent of labkit.ca.

Rule: PEM bytes; who trusts whom stands in the names.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import trustme


class Pair(NamedTuple):
    """A certificate (with its intermediates) and its key, in PEM."""

    cert_pem: bytes
    key_pem: bytes


class People(NamedTuple):
    """root: the CA that signed server and client. stranger: of another CA, whose root is other_root."""

    root: bytes
    server: Pair
    client: Pair
    stranger: Pair
    other_root: bytes


def _pair(made: trustme.LeafCert) -> Pair:
    return Pair(b"".join(each.bytes() for each in made.cert_chain_pems), made.private_key_pem.bytes())


@cache
def people() -> People:
    """All of them."""
    ca, other = trustme.CA(), trustme.CA()
    return People(
        ca.cert_pem.bytes(), _pair(ca.issue_cert("localhost", "127.0.0.1", "::1")),
        _pair(ca.issue_cert("client@labkit.test")), _pair(other.issue_cert("localhost", "127.0.0.1")),
        other.cert_pem.bytes(),
    )  # fmt: skip
