"""Certificates for the tests of TLS, made once a run: by trustme, and by cryptography what trustme cannot do.

Rule: PEM bytes, independent of labkit.ca; who trusts whom stands in the names.
"""

from __future__ import annotations

import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import trustme


class Pair(NamedTuple):
    """A certificate (with its intermediates) and its key, in PEM."""

    cert_pem: bytes
    key_pem: bytes

    def save(self, folder: Path, name: str) -> tuple[str, str]:
        """Write both; returns the paths of the certificate and of the key."""
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        paths[0].write_bytes(self.cert_pem)
        paths[1].write_bytes(self.key_pem)
        return str(paths[0]), str(paths[1])


class People(NamedTuple):
    """root: the CA that signed server, other_server and client; expired: a client's certificate that has ended.

    stranger: of another CA, whose root is other_root. chained: a server's, with an intermediate.
    """

    root: bytes
    server: Pair
    other_server: Pair
    client: Pair
    expired: Pair
    chained: Pair
    stranger: Pair
    other_root: bytes


def _pair(made: trustme.LeafCert) -> Pair:
    return Pair(b"".join(each.bytes() for each in made.cert_chain_pems), made.private_key_pem.bytes())


@cache
def people() -> People:
    """All of them."""
    ca, other = trustme.CA(), trustme.CA()
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return People(
        ca.cert_pem.bytes(), _pair(ca.issue_cert("localhost", "127.0.0.1", "::1")),
        _pair(ca.issue_cert("other.test", "*.wild.test")), _pair(ca.issue_cert("client@labkit.test")),
        _pair(ca.issue_cert("old@labkit.test", not_after=past)),
        _pair(ca.create_child_ca().issue_cert("localhost", "127.0.0.1")),
        _pair(other.issue_cert("localhost", "127.0.0.1")), other.cert_pem.bytes(),
    )  # fmt: skip
