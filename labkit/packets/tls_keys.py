"""The keys of TLS: a key log read, keys made of its secrets, records opened with them.

Rule: bytes in, bytes out; what does not open gives None, never an error. It takes no TLS library, only ciphers.
Source: RFC 8446 §5 and §7, RFC 5246 §5 and §6, RFC 5288, RFC 6655, RFC 7366, RFC 7905, RFC 9850 (the key log).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.packets.paths import as_path
from labkit.packets.tls_suites import Suite

KEY_LOG = 0x544C534B
"""The type of a pcapng Decryption Secrets Block that holds a key log: "TLSK"."""

_MOST_LINES = 1 << 16
_LONGEST = 128  # digits of a secret: it has the size of a digest, and keys made of a longer one have no end
_IVS = {"GCM": 4, "ChaCha20": 12, "CCM": 4, "CCM_8": 4, "CBC": 0}
_DIGESTS = {20: "sha1", 32: "sha256", 48: "sha384"}
_BLOCK = 16


def lines_of(text: bytes) -> list[bytes]:
    """The lines of a key log that have a label, a client random and a secret; others are passed over."""
    found = []
    for line in text.splitlines()[:_MOST_LINES]:
        words = line.split()
        if len(words) == 3 and len(words[1]) == 64 and len(words[2]) <= _LONGEST and not line.startswith(b"#"):
            try:
                bytes.fromhex(words[1].decode("ascii") + words[2].decode("ascii"))
                words[0].decode("ascii")
            except ValueError:
                continue
            found.append(b" ".join(words))
    return found


def key_log(given: Any) -> list[bytes]:
    """The lines of a key log that a student gives: the path of a file, or lines.

    Raises LabError if the file cannot be read, or no line has the form of a key log's.
    """
    if isinstance(given, (str, os.PathLike)) and "\n" not in str(given) and not lines_of(str(given).encode()):
        path = as_path(given)
        try:
            text = path.read_bytes()
        except OSError as error:
            raise LabError(f"{path} cannot be read ({error.strerror})", "Check the path of the key log.") from None
    elif isinstance(given, str):
        text = given.encode("utf-8", "replace")
    elif isinstance(given, Iterable) and not isinstance(given, bytes):
        text = b"\n".join(each if isinstance(each, bytes) else str(each).encode("utf-8", "replace") for each in given)
    else:
        raise LabError(f"{shown(given)} is not a key log", "Give the path of its file, or its lines.")
    found = lines_of(text)
    if not found:
        raise LabError("no line of this key log has a label, a client random and a secret",
                       "A program writes one if SSLKEYLOGFILE names a file.")  # fmt: skip
    return found


class KeyLog:
    """Lines of a key log, found by their client random; a line is read when its connection asks for it."""

    __slots__ = ("_by_random", "_given")

    def __init__(self, lines: Iterable[bytes] = ()) -> None:
        self._given = lines
        self._by_random: dict[bytes, dict[bytes, None]] | None = None

    def lines(self, random: bytes) -> list[bytes]:
        """The lines of the connection with this client random, each once."""
        if self._by_random is None:  # thousands of lines, of which a tape needs five
            self._by_random = {}
            for line in self._given:
                words = line.split(None, 2)
                if len(words) == 3:
                    self._by_random.setdefault(words[1].lower(), {})[line] = None
        return lines_of(b"\n".join(self._by_random.get(random.hex().encode("ascii"), ())))

    def secrets(self, random: bytes) -> dict[str, bytes]:
        """The secrets of that connection, by their labels."""
        found = {}
        for line in self.lines(random):
            label, _, secret = line.split()
            found[label.decode("ascii")] = bytes.fromhex(secret.decode("ascii"))
        return found


def expand_label(secret: bytes, label: bytes, size: int, digest: str) -> bytes:
    """HKDF-Expand-Label with an empty context. Source: RFC 8446 §7.1, RFC 5869 §2.3."""
    full = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    out = block = b""
    count = 1
    while len(out) < size:
        block = hmac.digest(secret, block + info + bytes([count]), digest)
        out, count = out + block, count + 1
    return out[:size]


def prf(secret: bytes, label: bytes, seed: bytes, size: int, digest: str) -> bytes:
    """The pseudorandom function of TLS 1.2. Source: RFC 5246 §5."""
    seed = chain = label + seed
    out = b""
    while len(out) < size:
        chain = hmac.digest(secret, chain, digest)
        out += hmac.digest(secret, chain + seed, digest)
    return out[:size]


class Opened(NamedTuple):
    """A record without its protection.

    plain: what was encrypted, all of it. size: bytes of it that are content; behind them stand, in TLS 1.3, the content
    type and zeros, in a CBC suite a MAC and padding. kind: the content type. head: bytes before the ciphertext. tail:
    bytes behind it. inner: the content type stands in plain. number: the record's one under its keys, from 0. label:
    of the secret, as in the key log.
    """

    plain: bytes
    size: int
    kind: int
    head: int
    tail: int
    inner: bool = False
    number: int = 0
    label: str = ""


class Opener:
    """Opens the records of one direction that are protected with the same keys. count: of the next record."""

    __slots__ = ("_aead", "_etm", "_iv", "_key", "_mac_key", "_new", "count", "label", "secret", "suite")

    def __init__(
        self, suite: Suite, key: bytes, iv: bytes, *, new: bool, mac_key: bytes = b"", etm: bool = False,
        secret: bytes = b"", label: str = "CLIENT_RANDOM",
    ) -> None:  # fmt: skip
        """new: TLS 1.3. etm: encrypt-then-MAC was agreed on. secret: the traffic secret of TLS 1.3, label: its name."""
        self.suite, self._key, self._iv, self._new, self._mac_key, self._etm = suite, key, iv, new, mac_key, etm
        self.secret, self.label, self.count = secret, label, 0
        self._aead: Any = _aead(suite, key)

    @classmethod
    def of_secret(cls, suite: Suite, secret: bytes, label: str = "") -> Opener:
        """Of a traffic secret of TLS 1.3. Source: RFC 8446 §7.3."""
        key = expand_label(secret, b"key", suite.key, suite.hash)
        return cls(suite, key, expand_label(secret, b"iv", 12, suite.hash), new=True, secret=secret,
                   label=label)  # fmt: skip

    def updated(self) -> Opener:
        """The opener behind a KeyUpdate. Source: RFC 8446 §7.2."""
        return self.of_secret(
            self.suite, expand_label(self.secret, b"traffic upd", len(self.secret), self.suite.hash), self.label
        )  # fmt: skip

    def open(self, record: bytes, ahead: int = 0) -> Opened | None:
        """Open a record, which has its header; None if it does not open, and the count stays.

        ahead: how many records may be missing before it.
        """
        for count in range(self.count, self.count + ahead + 1):
            opened = self._open(record[:5], record[5:], count)
            if opened is not None:
                self.count = count + 1
                return opened
        return None

    def _open(self, header: bytes, body: bytes, count: int) -> Opened | None:
        suite = self.suite
        if suite.cipher == "CBC":
            return self._open_cbc(header, body, count)
        head = 0 if self._new or suite.cipher == "ChaCha20" else 8
        size = len(body) - head - suite.tag
        if size < (1 if self._new else 0):
            return None
        nonce = self._iv + body[:8] if head else (int.from_bytes(self._iv, "big") ^ count).to_bytes(12, "big")
        more = header if self._new else count.to_bytes(8, "big") + header[:3] + size.to_bytes(2, "big")
        try:
            plain: bytes = self._aead.decrypt(nonce, body[head:], more)
        except Exception:  # InvalidTag; importing its class would load the package for tapes without TLS
            return None
        if not self._new:
            return Opened(plain, len(plain), header[0], head, suite.tag, number=count, label=self.label)
        content = len(plain.rstrip(b"\0")) - 1
        if content < 0:  # all zeros: RFC 8446 §5.4 forbids it
            return None
        return Opened(plain, content, plain[content], 0, suite.tag, True, count, self.label)

    def _open_cbc(self, header: bytes, body: bytes, count: int) -> Opened | None:
        """A suite in CBC mode: MAC, then padding, inside; the MAC outside after encrypt-then-MAC (RFC 7366)."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        tail = self.suite.mac if self._etm else 0
        sealed = body[_BLOCK : len(body) - tail]
        if not sealed or len(sealed) % _BLOCK:
            return None
        number, digest = count.to_bytes(8, "big"), _DIGESTS[self.suite.mac]
        if tail:
            signed = number + header[:3] + (len(body) - tail).to_bytes(2, "big") + body[:-tail]
            if hmac.digest(self._mac_key, signed, digest) != body[-tail:]:
                return None
        reading = Cipher(algorithms.AES(self._key), modes.CBC(body[:_BLOCK])).decryptor()
        plain = reading.update(sealed) + reading.finalize()
        size = len(plain) - plain[-1] - 1 - (0 if tail else self.suite.mac)
        if size < 0:
            return None
        if not tail:
            signed = number + header[:3] + size.to_bytes(2, "big") + plain[:size]
            if hmac.digest(self._mac_key, signed, digest) != plain[size : size + self.suite.mac]:
                return None
        return Opened(plain, size, header[0], _BLOCK, tail, number=count, label=self.label)


def openers(
    suite: Suite, master: bytes, client_random: bytes, server_random: bytes, etm: bool
) -> tuple[Opener, Opener]:
    """The client's and the server's opener of TLS 1.2. Source: RFC 5246 §6.3."""
    iv = _IVS[suite.cipher]
    sizes = (suite.mac, suite.mac, suite.key, suite.key, iv, iv)
    block = prf(master, b"key expansion", server_random + client_random, sum(sizes), suite.hash)
    parts = []
    for size in sizes:
        parts.append(block[:size])
        block = block[size:]
    client, server = (
        Opener(suite, parts[2 + side], parts[4 + side], new=False, mac_key=parts[side], etm=etm) for side in (0, 1)
    )
    return client, server


def _aead(suite: Suite, key: bytes) -> Any:
    """The cipher of a suite; None for CBC, whose cipher has another IV in each record."""
    from cryptography.hazmat.primitives.ciphers import aead

    if suite.cipher == "CBC":
        return None
    if suite.cipher == "GCM":
        return aead.AESGCM(key)
    if suite.cipher == "ChaCha20":
        return aead.ChaCha20Poly1305(key)
    return aead.AESCCM(key, suite.tag)
