"""TLS connections made by hand, from secrets that we choose: what no library sends, and what one only seldom sends.

Rule: records and messages are packed here with struct; keys come from the schedule of RFC 8446 §7 and RFC 5246 §6.3.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from labkit.packets.tls_keys import expand_label, prf
from tests.packets.dialogs import Turn
from tests.packets.tls_scenes import ANSWER, ASK, Scene

RANDOM, ANSWERED = bytes(range(32)), bytes(range(64, 96))
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
SIZES = {0x1301: 16, 0x1302: 32, 0x1303: 32, 0x1304: 16, 0x1305: 16}
LABELS = (
    "CLIENT_EARLY_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0",
)  # fmt: skip


def record(kind: int, data: bytes, version: int = 0x0303) -> bytes:
    return struct.pack("!BHH", kind, version, len(data)) + data


def message(kind: int, body: bytes = b"") -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size, "big") + data


def extension(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("!H", kind) + vector(2, data)


NAMED = extension(0, vector(2, b"\0" + vector(2, b"localhost")))
SHARES = extension(51, vector(2, struct.pack("!H", 29) + vector(2, bytes(32))))
CA_NAME = bytes.fromhex("300d310b300906035504030c024341")  # CN=CA
NEWEST = extension(43, vector(1, b"\3\4\3\3"))


def client_hello(
    *more: bytes, random: bytes = RANDOM, suites: Sequence[int] = (0x1301, 0x1302), session: bytes = b""
) -> bytes:
    """more: extensions, after the usual ones."""
    body = b"\3\3" + random + vector(1, session) + vector(2, b"".join(struct.pack("!H", each) for each in suites))
    return message(1, body + b"\1\0" + vector(2, b"".join((NAMED, NEWEST, SHARES, *more))))


def server_hello(*more: bytes, suite: int = 0x1301, random: bytes = ANSWERED, new: bool = True) -> bytes:
    share = struct.pack("!H", 29) + (vector(2, bytes(32)) if random != RETRY else b"")
    usual = (extension(43, b"\3\4"), extension(51, share)) if new else ()
    body = b"\3\3" + random + vector(1, b"") + struct.pack("!HB", suite, 0)
    return message(2, body + vector(2, b"".join((*usual, *more))))


class Sealing:
    """Seals the records of one direction of TLS 1.3."""

    def __init__(self, suite: int, secret: bytes) -> None:
        self.suite, self.secret, self.count = suite, secret, 0
        self.hash = "sha384" if suite == 0x1302 else "sha256"
        key = expand_label(secret, b"key", SIZES[suite], self.hash)
        self.iv = expand_label(secret, b"iv", 12, self.hash)
        if suite in (0x1301, 0x1302):
            self.aead: AESGCM | ChaCha20Poly1305 | AESCCM = AESGCM(key)
        elif suite == 0x1303:
            self.aead = ChaCha20Poly1305(key)
        else:
            self.aead = AESCCM(key, 8 if suite == 0x1305 else 16)

    def seal(self, kind: int, content: bytes, zeros: int = 0) -> bytes:
        inner = content + bytes([kind]) + bytes(zeros)
        header = struct.pack("!BHH", 23, 0x0303, len(inner) + (8 if self.suite == 0x1305 else 16))
        nonce = (int.from_bytes(self.iv, "big") ^ self.count).to_bytes(12, "big")
        self.count += 1
        return header + self.aead.encrypt(nonce, inner, header)

    def updated(self) -> Sealing:
        return Sealing(self.suite, expand_label(self.secret, b"traffic upd", len(self.secret), self.hash))


class New:
    """A connection of TLS 1.3 whose secrets are chosen: one `Sealing` a secret."""

    def __init__(self, suite: int = 0x1301, random: bytes = RANDOM) -> None:
        size = 48 if suite == 0x1302 else 32
        self.secrets = {label: bytes([number + 1]) * size for number, label in enumerate(LABELS)}
        self.early, self.shaking_c, self.shaking_s, self.data_c, self.data_s = (
            Sealing(suite, each) for each in self.secrets.values()
        )
        self.random = random

    def keys(self, *without: str) -> bytes:
        return b"".join(
            f"{label} {self.random.hex()} {secret.hex()}\n".encode()
            for label, secret in self.secrets.items()
            if label not in without
        )  # fmt: skip


def finished(size: int = 32) -> bytes:
    return message(20, bytes(range(size)))


ENCRYPTED = message(8, vector(2, b""))


def opening(made: New, suite: int = 0x1301, *, retry: bool = False) -> list[Turn]:
    """The handshake up to both Finished messages."""
    again: list[Turn] = [
        ("s", record(22, server_hello(suite=suite, random=RETRY)) + record(20, b"\1")),
        ("c", record(20, b"\1") + record(22, client_hello())),
    ] if retry else []  # fmt: skip
    return [
        ("c", record(22, client_hello(), 0x0301)),
        *again,
        ("s", record(22, server_hello(suite=suite)) + made.shaking_s.seal(22, ENCRYPTED + finished())),
        ("c", made.shaking_c.seal(22, finished())),
    ]


def several_in_one() -> Scene:
    """Four messages in one record, with padding behind them."""
    made = New()
    turns: list[Turn] = [
        ("c", record(22, client_hello(), 0x0301)),
        ("s", record(22, server_hello()) + made.shaking_s.seal(22, ENCRYPTED + message(11, b"\0" + vector(3, b""))
                                                              + ENCRYPTED + finished(), 100)),
        ("c", made.shaking_c.seal(22, finished(), 7)),
        ("c", made.data_c.seal(23, ASK, 300)), ("s", made.data_s.seal(23, ANSWER, 1)),
    ]  # fmt: skip
    return Scene([turns], made.keys(), [])


def key_update() -> Scene:
    """Both sides change their keys, twice, and data go on."""
    made = New(0x1303)
    turns = opening(made, 0x1303)
    client, server = made.data_c, made.data_s
    turns += [("c", client.seal(23, ASK)), ("s", server.seal(23, ANSWER))]
    for asked in (1, 0):
        turns.append(("c", client.seal(22, message(24, bytes([asked])))))
        client = client.updated()
        turns.append(("s", server.seal(22, message(24, b"\0"))))
        server = server.updated()
        turns += [("c", client.seal(23, ASK)), ("s", server.seal(23, ANSWER))]
    return Scene([turns], made.keys(), [])


def early_data() -> Scene:
    """Data before the handshake, which the server takes."""
    made = New()
    binder = extension(41, vector(2, vector(2, b"a ticket") + bytes(4)) + vector(2, vector(1, bytes(32))))
    turns: list[Turn] = [
        ("c", record(22, client_hello(extension(42), extension(45, b"\1\1"), binder), 0x0301) + record(20, b"\1")
              + made.early.seal(23, ASK)),
        ("s", record(22, server_hello(extension(41, b"\0\0")))
              + made.shaking_s.seal(22, message(8, vector(2, extension(42)))) + made.shaking_s.seal(22, finished())),
        ("c", made.early.seal(22, message(5)) + made.shaking_c.seal(22, finished())),
        ("s", made.data_s.seal(23, ANSWER)), ("c", made.data_c.seal(23, ASK)),
    ]  # fmt: skip
    return Scene([turns], made.keys(), [])


def early_refused() -> Scene:
    """Data before the handshake that the server does not take: they stay for nobody, and come again."""
    scene = early_data()
    made = New()
    turns = scene.turns[0]
    turns[1:] = [
        ("s", record(22, server_hello()) + made.shaking_s.seal(22, ENCRYPTED + finished())),
        ("c", made.shaking_c.seal(22, finished())),
        ("c", made.data_c.seal(23, ASK)), ("s", made.data_s.seal(23, ANSWER)),
    ]  # fmt: skip
    return Scene([turns], made.keys(), [])


def in_pieces() -> Scene:
    """Each message in records of 20 bytes, on the wire in segments of 7."""
    made = New(0x1302)
    hello, answer = client_hello(), server_hello(suite=0x1302)
    flight = ENCRYPTED + finished(48)

    def cut(data: bytes, size: int) -> list[bytes]:
        return [data[at : at + size] for at in range(0, len(data), size)]

    turns: list[Turn] = [
        ("c", cut(b"".join(record(22, each) for each in cut(hello, 20)), 7)),
        ("s", cut(b"".join(record(22, each) for each in cut(answer, 20))
                  + b"".join(made.shaking_s.seal(22, each) for each in cut(flight, 20)), 7)),
        ("c", b"".join(made.shaking_c.seal(22, each) for each in cut(finished(48), 20))),
        ("c", b"".join(made.data_c.seal(23, each) for each in cut(ASK, 9))),
        ("s", b"".join(made.data_s.seal(23, each) for each in cut(ANSWER, 9))),
    ]  # fmt: skip
    return Scene([turns], made.keys(), [])


def retry_and_ccm() -> Scene:
    """HelloRetryRequest with an AES-CCM suite."""
    made = New(0x1304)
    turns = opening(made, 0x1304, retry=True)
    turns += [("c", made.data_c.seal(23, ASK)), ("s", made.data_s.seal(23, ANSWER) + made.data_s.seal(21, b"\1\0"))]
    return Scene([turns], made.keys(), [])


def later_certificate() -> Scene:
    """After the handshake the server asks for a certificate; the client has none."""
    made = New()
    turns = opening(made)
    asked = message(13, vector(1, b"later") + vector(2, extension(13, vector(2, b"\4\3\x08\4"))))
    turns += [
        ("s", made.data_s.seal(22, asked)),
        ("c", made.data_c.seal(22, message(11, vector(1, b"later") + vector(3, b"")) + finished())),
        ("c", made.data_c.seal(23, ASK)), ("s", made.data_s.seal(23, ANSWER)),
    ]  # fmt: skip
    return Scene([turns], made.keys(), [])


def extensions() -> Scene:
    """A hello with the extensions that our libraries do not send, two of which mean nothing (GREASE)."""
    more = (
        extension(0x0A0A), extension(1, b"\4"), extension(5, b"\1\0\0\0\0"), extension(18), extension(21, bytes(20)),
        extension(27, b"\2\0\2"), extension(65037, bytes(9)), extension(17613, b"\0\3\2h2"),
        extension(28, b"\x40\1"), extension(44, vector(2, b"cookie")),
        extension(47, vector(2, vector(2, CA_NAME))),
        extension(49), extension(50, vector(2, b"\4\3")), extension(0x7A7A, b"?"),
    )  # fmt: skip
    made = New()
    turns = opening(made)
    turns[0] = "c", record(22, client_hello(*more, suites=(0x2A2A, 0x1301, 0x00FF)), 0x0301)
    return Scene([turns], made.keys(), [])


def old(suite: int = 0xC02F, *, again: bool = False) -> Scene:
    """TLS 1.2 with AES-GCM; again: a second handshake inside the first one (renegotiation)."""
    key, master = 16, b"\7" * 48
    keys = f"CLIENT_RANDOM {RANDOM.hex()} {master.hex()}\n".encode()
    sealing = _Old(master, RANDOM, ANSWERED, key)
    hello, answer = client_hello(suites=(suite,)), server_hello(suite=suite, new=False)
    point = message(16, vector(1, bytes(33)))
    turns: list[Turn] = [
        ("c", record(22, hello, 0x0301)), ("s", record(22, answer) + record(22, message(14))),
        ("c", record(22, point) + record(20, b"\1") + sealing.seal("c", 22, finished(12))),
        ("s", record(20, b"\1") + sealing.seal("s", 22, finished(12))),
        ("c", sealing.seal("c", 23, ASK)), ("s", sealing.seal("s", 23, ANSWER)),
    ]  # fmt: skip
    if again:
        random, answered, second = bytes(reversed(RANDOM)), bytes(reversed(ANSWERED)), b"\x08" * 48
        keys += f"CLIENT_RANDOM {random.hex()} {second.hex()}\n".encode()
        after = _Old(second, random, answered, key)
        hello = client_hello(extension(65281, vector(1, bytes(12))), random=random, suites=(suite,))
        answer = server_hello(extension(65281, vector(1, bytes(24))), suite=suite, random=answered, new=False)
        turns += [
            ("s", sealing.seal("s", 22, message(0))), ("c", sealing.seal("c", 22, hello)),
            ("s", sealing.seal("s", 22, answer) + sealing.seal("s", 22, message(14))),
            ("c", sealing.seal("c", 22, point) + sealing.seal("c", 20, b"\1") + after.seal("c", 22, finished(12))),
            ("s", sealing.seal("s", 20, b"\1") + after.seal("s", 22, finished(12))),
            ("c", after.seal("c", 23, ASK)), ("s", after.seal("s", 23, ANSWER) + after.seal("s", 21, b"\1\0")),
        ]  # fmt: skip
    return Scene([turns], keys, [])


class _Old:
    """Seals the records of TLS 1.2 with AES-128-GCM."""

    def __init__(self, master: bytes, random: bytes, answered: bytes, key: int) -> None:
        block = prf(master, b"key expansion", answered + random, 2 * key + 8, "sha256")
        self.keys = {"c": block[:key], "s": block[key : 2 * key]}
        self.ivs = {"c": block[2 * key : 2 * key + 4], "s": block[2 * key + 4 :]}
        self.counts = {"c": 0, "s": 0}

    def seal(self, who: str, kind: int, content: bytes) -> bytes:
        number = self.counts[who].to_bytes(8, "big")
        self.counts[who] += 1
        more = number + struct.pack("!BHH", kind, 0x0303, len(content))
        return record(kind, number + AESGCM(self.keys[who]).encrypt(self.ivs[who] + number, content, more))


def long_padding() -> Scene:
    """TLS 1.2 in CBC mode without encrypt-then-MAC, padded with more blocks than needed (RFC 5246 §6.2.3.2)."""
    suite, master = 0xC013, b"\7" * 48
    block = prf(master, b"key expansion", ANSWERED + RANDOM, 72, "sha256")
    macs, keys, counts = {"c": block[:20], "s": block[20:40]}, {"c": block[40:56], "s": block[56:72]}, {"c": 0, "s": 0}

    def seal(who: str, kind: int, content: bytes, blocks: int = 0) -> bytes:
        signed = counts[who].to_bytes(8, "big") + struct.pack("!BHH", kind, 0x0303, len(content)) + content
        counts[who] += 1
        plain = content + hmac.digest(macs[who], signed, "sha1")
        pad = 15 - len(plain) % 16 + 16 * blocks
        plain += bytes([pad]) * (pad + 1)
        iv = bytes(range(16))
        sealing = Cipher(algorithms.AES(keys[who]), modes.CBC(iv)).encryptor()
        return record(kind, iv + sealing.update(plain) + sealing.finalize())

    turns: list[Turn] = [
        ("c", record(22, client_hello(suites=(suite,)), 0x0301)),
        ("s", record(22, server_hello(suite=suite, new=False)) + record(22, message(14))),
        ("c", record(22, message(16, vector(1, bytes(33)))) + record(20, b"\1") + seal("c", 22, finished(12))),
        ("s", record(20, b"\1") + seal("s", 22, finished(12))),
        ("c", seal("c", 23, b"") + seal("c", 23, ASK, 14)), ("s", seal("s", 23, ANSWER, 1)),
    ]  # fmt: skip
    return Scene([turns], f"CLIENT_RANDOM {RANDOM.hex()} {master.hex()}\n".encode(), [])


def plain_alert() -> Scene:
    """A server that wants no TLS 1.3: an alert that nothing protects."""
    return Scene([[("c", record(22, client_hello(), 0x0301)), ("s", record(21, b"\2\x46"))]], b"", [])


SCENES = {
    "several-in-one": several_in_one, "key-update": key_update, "early-data": early_data,
    "early-refused": early_refused, "in-pieces": in_pieces, "retry-and-ccm": retry_and_ccm,
    "later-certificate": later_certificate, "extensions": extensions, "old": old,
    "renegotiation": lambda: old(again=True), "long-padding": long_padding, "plain-alert": plain_alert,
}  # fmt: skip
