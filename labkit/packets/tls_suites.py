"""What a cipher suite says about records: which cipher, which digest, how many bytes of key; and how keys were agreed.

Rule: data only; the names come from `explain.tls_names`.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit.packets.explain.tls_names import CIPHERS

_MACS = {"SHA": 20, "SHA256": 32, "SHA384": 48}


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite that this package can open.

    name: IANA's. cipher: ``"GCM"``, ``"ChaCha20"``, ``"CCM"``, ``"CCM_8"``, ``"CBC"``. key: its bytes. hash: of the key
    schedule, as hashlib names it. exchange: ``"ECDHE"``, ``"DHE"``, ``"RSA"``; ``""`` in TLS 1.3, where it is no part
    of a suite. mac: bytes of a CBC suite's MAC, 0 in others.
    """

    name: str
    cipher: str
    key: int
    hash: str
    exchange: str = ""
    mac: int = 0

    @property
    def tag(self) -> int:
        """Bytes of the authentication tag of a record."""
        return {"CCM_8": 8, "CBC": 0}.get(self.cipher, 16)


def _suite(name: str) -> Suite | None:
    """What a suite's name says; None for ciphers that this package does not open (RC4, 3DES, NULL)."""
    keys, with_, rest = name.removeprefix("TLS_").partition("_WITH_")
    if not with_:
        keys, rest = "", keys
    exchange = "DHE" if keys == "DH_anon" else keys.partition("_")[0]
    if rest.startswith("CHACHA20"):
        return Suite(name, "ChaCha20", 32, "sha256", exchange)
    if not rest.startswith("AES_"):
        return None
    digest = rest.rpartition("_")[2]
    kind = rest[8:].removesuffix(f"_{digest}") if digest in _MACS else rest[8:]
    hashed = "sha384" if digest == "SHA384" else "sha256"
    return Suite(name, kind, int(rest[4:7]) // 8, hashed, exchange, _MACS[digest] if kind == "CBC" else 0)


SUITES = {number: found for number, name in CIPHERS.items() if (found := _suite(name)) is not None}
"""The suites whose records can be opened, by their number."""


def exchange_of(number: int) -> str:
    """How a suite of TLS 1.2 agrees on keys: ``"ECDHE"``, ``"DHE"``, ``"RSA"``; ``""`` if it is unknown."""
    keys, with_, _ = CIPHERS.get(number, "").removeprefix("TLS_").partition("_WITH_")
    return ("DHE" if keys == "DH_anon" else keys.partition("_")[0]) if with_ else ""
