"""TLS connections as scenes: two real TLS libraries talk in memory, and what they say becomes frames and a key log.

Rule: no socket and no capture; each scene is one question. A scene is (turns as in `dialogs.talk`, key log lines).
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.tls_keys import KEY_LOG
from tests.packets.dialogs import Turn, talk
from tests.packets.tls_certificates import folder

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SEGMENT = 1448


class Scene(NamedTuple):
    """turns: what the two sides send, each connection by itself. keys: the key log. told: what the libraries say."""

    turns: list[list[Turn]]
    keys: bytes
    told: list[str]


class End:
    """One end in memory: Python's ssl."""

    def __init__(self, context: ssl.SSLContext, *, server: bool, host: str = "localhost", session: Any = None) -> None:
        self.coming, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.coming, self.going, server_side=server, server_hostname=None if server else host, session=session
        )

    def give(self, data: bytes) -> None:
        self.coming.write(data)

    def take(self) -> bytes:
        return self.going.read()

    def shake(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def read(self) -> bytes:
        found = b""
        try:
            while part := self.tls.read(1 << 16):
                found += part
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return found

    def write(self, data: bytes) -> None:
        self.tls.write(data)

    def close(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()


class OtherEnd:
    """One end in memory: pyOpenSSL, whose OpenSSL is newer than that of many Pythons."""

    def __init__(self, context: Any, *, server: bool, host: str = "localhost") -> None:
        from OpenSSL import SSL

        self.wait, self.over = SSL.WantReadError, SSL.ZeroReturnError
        self.tls = SSL.Connection(context, None)
        if server:
            self.tls.set_accept_state()
        else:
            self.tls.set_tlsext_host_name(host.encode())
            self.tls.set_connect_state()

    def give(self, data: bytes) -> None:
        self.tls.bio_write(data)

    def take(self) -> bytes:
        found = b""
        try:
            while True:
                found += self.tls.bio_read(1 << 16)
        except self.wait:
            return found

    def shake(self) -> bool:
        try:
            self.tls.do_handshake()
        except self.wait:
            return False
        return True

    def read(self) -> bytes:
        found = b""
        try:
            while part := self.tls.recv(1 << 16):
                found += part
        except (self.wait, self.over):
            pass
        return found

    def write(self, data: bytes) -> None:
        self.tls.send(data)

    def close(self) -> None:
        self.tls.shutdown()


def exchange(client: Any, server: Any, steps: Sequence[tuple[str, Any]], told: list[str]) -> list[Turn]:
    """A connection: the handshake, then each step: (``"c"`` or ``"s"``, bytes to say, or a function of that end)."""
    ends, turns = {"c": client, "s": server}, []

    def move(who: str) -> bool:
        data = ends[who].take()
        if data:
            turns.append((who, [data[at : at + SEGMENT] for at in range(0, len(data), SEGMENT)]))
            ends["s" if who == "c" else "c"].give(data)
        return bool(data)

    done = {"c": False, "s": False}
    while not all(done.values()):
        moved = False
        for who in "cs":
            try:
                done[who] = done[who] or ends[who].shake()
            except Exception as error:
                told.append(f"{who}: {error}")
                move(who)
                return turns
            moved = move(who) or moved
        if not moved and not all(done.values()):
            told.append("stuck")
            return turns
    for who, step in steps:
        other = "s" if who == "c" else "c"
        try:
            if isinstance(step, bytes):
                ends[who].write(step)
            else:
                step(ends[who])
            move(who)
            ends[other].read()
            move(other)  # an alert, or an answer to a message of the handshake
        except Exception as error:
            told.append(f"{who}: {error}")
            move(who)
            move(other)
            return turns
    return turns


HTTP: tuple[tuple[str, Any], ...] = (
    ("c", ASK), ("s", ANSWER), ("s", lambda end: end.close()), ("c", lambda end: end.close()),
)  # fmt: skip


def context(
    *, server: bool, cert: str = "good", version: Any = None, ca: str = "ca", need: bool = False,
    alpn: Sequence[str] = (), groups: str = "", ciphers: str = "", mine: str = "", dh: bool = False, off: int = 0,
    keys: str = "", post: bool = False,
) -> ssl.SSLContext:  # fmt: skip
    """A context of Python's ssl. off: options. post: the client may be asked for a certificate later."""
    where = folder()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    if version:
        made.minimum_version = made.maximum_version = version
    if server:
        made.load_cert_chain(where / f"{cert}.pem", where / f"{cert}.key")
        made.verify_mode = ssl.CERT_REQUIRED if need else ssl.CERT_NONE
    elif mine:
        made.load_cert_chain(where / f"{mine}.pem", where / f"{mine}.key")
    made.load_verify_locations(where / f"{ca}.pem")
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if groups:
        made.set_ecdh_curve(groups)
    if ciphers:
        made.set_ciphers(ciphers)
    if dh:
        made.load_dh_params(str(where / "dh.pem"))
    if keys:
        made.keylog_filename = keys
    made.post_handshake_auth = post
    made.options |= off
    return made


_OLD_MAC = 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC
Options = dict[str, Any]
OPTIONS: dict[str, tuple[Options, Options, Options]] = {
    "t13": ({}, {}, {}),
    "t13-alpn": ({"alpn": ["h2", "http/1.1"]}, {"alpn": ["http/1.1"]}, {}),
    "t13-rsa": ({"cert": "rsa"}, {}, {}),
    "t13-ed25519": ({"cert": "ed25519"}, {}, {}),
    "t13-rich": ({"cert": "rich"}, {}, {}),
    "t13-chain": ({"cert": "chain"}, {}, {}),
    "t13-huge": ({"cert": "huge"}, {}, {}),
    "t12-huge": ({"version": V12, "cert": "huge"}, {}, {}),
    "t13-mutual": ({"need": True}, {"mine": "client"}, {}),
    "t13-nocert": ({"need": True}, {}, {}),
    "t12-nocert": ({"need": True, "version": V12}, {}, {}),
    "t13-hrr": ({"groups": "secp384r1"}, {}, {}),
    "t13-resume": ({}, {}, {"times": 2}),
    "t13-big": ({}, {}, {"answer": os.urandom(50000)}),
    "t13-unknownca": ({"cert": "stranger"}, {}, {}),
    "t13-wrongversion": ({"version": V12}, {"version": V13}, {}),
    "t12": ({"version": V12}, {}, {}),
    "t12-gcm128": ({"version": V12, "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}, {}, {}),
    "t12-chacha": ({"version": V12, "ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305"}, {}, {}),
    "t12-ccm": ({"version": V12, "ciphers": "ECDHE-ECDSA-AES128-CCM"}, {"ciphers": "ECDHE-ECDSA-AES128-CCM"}, {}),
    "t12-ccm8": (
        {"version": V12, "ciphers": "ECDHE-ECDSA-AES256-CCM8:@SECLEVEL=0"},
        {"ciphers": "ECDHE-ECDSA-AES256-CCM8:@SECLEVEL=0"}, {},
    ),
    "t12-rsa": ({"version": V12, "cert": "rsa"}, {}, {}),
    "t12-static": (
        {"version": V12, "cert": "rsa", "ciphers": "AES128-GCM-SHA256"}, {"ciphers": "AES128-GCM-SHA256"}, {},
    ),
    "t12-cbc": (
        {"version": V12, "cert": "rsa", "ciphers": "ECDHE-RSA-AES128-SHA256"},
        {"ciphers": "ECDHE-RSA-AES128-SHA256"}, {},
    ),
    "t12-cbc384": (
        {"version": V12, "cert": "rsa", "ciphers": "ECDHE-RSA-AES256-SHA384"},
        {"ciphers": "ECDHE-RSA-AES256-SHA384"}, {},
    ),
    "t12-cbc-mte": (
        {"version": V12, "cert": "rsa", "ciphers": "ECDHE-RSA-AES128-SHA", "off": _OLD_MAC},
        {"ciphers": "ECDHE-RSA-AES128-SHA"}, {},
    ),
    "t12-dhe": (
        {"version": V12, "cert": "rsa", "ciphers": "DHE-RSA-AES128-GCM-SHA256", "dh": True},
        {"ciphers": "DHE-RSA-AES128-GCM-SHA256"}, {},
    ),
    "t12-mutual": ({"version": V12, "need": True}, {"mine": "client"}, {}),
    "t12-resume": ({"version": V12}, {}, {"times": 2}),
    "t12-id": ({"version": V12, "off": ssl.OP_NO_TICKET}, {}, {"times": 2}),
    "t12-unknownca": ({"version": V12, "cert": "stranger"}, {}, {}),
}  # fmt: skip
"""(options of the server, of the client, of the talk) of the scenes between two ends of Python's ssl."""


def scene(name: str) -> Scene:
    """Play one scene."""
    if name in MADE:
        return MADE[name]()
    server, client, talking = OPTIONS[name]
    return between(server, client, **talking)


def between(
    server: Options, client: Options, *, answer: bytes = ANSWER, times: int = 1, steps: Any = None
) -> Scene:
    """Two ends of Python's ssl. times: connections, each later one with the session of the one before."""
    with TemporaryDirectory() as where:
        log = Path(where) / "keys"
        serving, calling = context(server=True, keys=str(log), **server), context(server=False, **client)
        turns, told, session = [], [], None
        for _ in range(times):
            ends = End(calling, server=False, session=session), End(serving, server=True)
            if steps is None:
                said: Any = (("c", ASK), ("s", answer), *HTTP[2:])
            else:
                said = steps
            turns.append(exchange(*ends, said, told))
            session = ends[0].tls.session if times > 1 else None
        told.append(str(ends[0].tls.version()))
        return Scene(turns, log.read_bytes() if log.exists() else b"", told)


def hybrid() -> Scene:
    """X25519MLKEM768, of which Python's own OpenSSL may know nothing: a ClientHello of two segments."""
    from OpenSSL import SSL

    keys: list[bytes] = []
    serving, calling = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    serving.use_certificate_chain_file(str(folder() / "good.pem"))
    serving.use_privatekey_file(str(folder() / "good.key"))
    serving.set_keylog_callback(lambda _, line: keys.append(line))
    told: list[str] = []
    client, server = OtherEnd(calling, server=False), OtherEnd(serving, server=True)
    turns = exchange(client, server, HTTP, told)
    return Scene([turns], b"".join(line + b"\n" for line in keys), told)


MADE: dict[str, Callable[[], Scene]] = {"hybrid": hybrid}
NAMES = (*OPTIONS, *MADE)


def tape_of(made: Scene, *, keys: bool = True, port: int = 8443) -> Tape:
    """The scene as a tape, one connection behind the other."""
    frames: list[bytes] = []
    for number, turns in enumerate(made.turns):
        frames += talk(turns, port=port, sport=40000 + number).frames
    recording = Recording(
        [(1_700_000_000_000_000_000 + at * 1_000_000, frame, 1, 0, len(frame)) for at, frame in enumerate(frames)],
        secrets=((KEY_LOG, made.keys),) if keys and made.keys else (),
    )
    return Tape(recording)
