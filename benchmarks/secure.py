"""What the benchmarks of TLS share: one key and certificate for every server, and the load's argument that checks it.

Rule: they are made for each run, in a folder that is deleted at its end; `labkit.ca` makes them, ECDSA on P-256.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from typing import NamedTuple


class Files(NamedTuple):
    """Paths: a server's private key and its certificate, and the certificate of the CA that signed it."""

    key: str
    certificate: str
    ca: str


@cache
def files() -> Files:
    """Of this run."""
    from labkit.ca import CA

    folder = tempfile.mkdtemp(prefix="labkit-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ca = CA("benchmarks")
    server = ca.issue("localhost", "127.0.0.1").save(folder, "server")
    return Files(str(server.key), str(server.cert), str(ca.save(folder, "ca").cert))


def own() -> tuple[str, str]:
    """A server's arguments: its key and its certificate."""
    return files().key, files().certificate


def trust() -> tuple[str, str]:
    """The load's arguments by which it checks every server."""
    return "--ca", files().ca
