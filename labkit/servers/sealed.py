"""Two ends that exchange bare public keys, and then send sealed messages (T-5.3). Nobody checks whose key it is.

Rule: short enough to be read in a lesson; what is missing here on purpose is what a certificate is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from labkit import net
from labkit.core import loop
from labkit.core.emitter import Emitter

PORT = 8000
KEY = 32
"""Bytes of a public key of X25519 (RFC 7748)."""


class Channel(Emitter):
    """One end. First it sends its public key, 32 bytes; then each message as two bytes of length and sealed bytes.

    begins: whether it sends its key first; the other end answers with its own. public, peer: the public keys, its own
    and the one that came (``b""`` until then).
    """

    EVENTS = frozenset({"keys", "message", "forged"})

    def __init__(self, socket: net.Socket, *, begins: bool) -> None:
        super().__init__()
        self.socket = socket
        self._private = X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()
        self.peer = b""
        self._came = b""
        self._unsaid: list[str] = []  # said before the peer's key was there
        self._sent = self._read = 0
        self._begins = begins
        if begins:
            socket.write(self.public)
        socket.on("data", self._feed)

    def send(self, text: str) -> None:
        """Seal a message and send it; it waits until the peer's public key has come."""
        loop.get().call_soon_threadsafe(self._send, text)  # from a cell, too: all else happens in the loop's thread

    def _send(self, text: str) -> None:
        if not self.peer:
            self._unsaid.append(text)
            return
        sealed = self._out.encrypt(_count(self._sent), text.encode(), None)
        self._sent += 1
        self.socket.write(len(sealed).to_bytes(2, "big") + sealed)

    def _feed(self, data: bytes) -> None:
        self._came += data
        if not self.peer and len(self._came) >= KEY:
            self.peer, self._came = self._came[:KEY], self._came[KEY:]
            if not self._begins:
                self.socket.write(self.public)
            self._agree()
        while self.peer and len(self._came) >= 2 + (size := int.from_bytes(self._came[:2], "big")):
            sealed, self._came = self._came[2 : 2 + size], self._came[2 + size :]
            self._open(sealed)

    def _agree(self) -> None:
        """My private key and the peer's public key give a secret; the peer's private key and mine give the same one."""
        secret = self._private.exchange(X25519PublicKey.from_public_bytes(self.peer))
        self._out, self._in = (
            ChaCha20Poly1305(hashlib.sha256(secret + sender).digest()) for sender in (self.public, self.peer)
        )
        self.emit("keys")
        unsaid, self._unsaid = self._unsaid, []
        for text in unsaid:
            self._send(text)

    def _open(self, sealed: bytes) -> None:
        try:
            text = self._in.decrypt(_count(self._read), sealed, None).decode()
        except InvalidTag:  # somebody without the key has changed it
            self.emit("forged")
            self.socket.destroy()
            return
        self._read += 1
        self.emit("message", text)


def _count(number: int) -> bytes:
    """A number that is used once with a key: messages are counted."""
    return number.to_bytes(12, "big")


def create(on_channel: Callable[[Channel], Any]) -> net.Server:
    """Make the server; on_channel gets the `Channel` of each client."""
    return net.create_server(lambda socket: on_channel(Channel(socket, begins=False)))


def connect(port: int = PORT, host: str = "127.0.0.1") -> Channel:
    """Connect to a server of this kind."""
    return Channel(net.connect(port, host), begins=True)
