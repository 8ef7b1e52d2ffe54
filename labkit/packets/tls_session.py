"""One TLS connection: its records in the order in which they could be read, opened if the tape has the keys.

Rule: whatever the bytes are, nothing raises; a record that does not open says why. Source: RFC 8446 §2, RFC 5246 §7.3.
"""

from __future__ import annotations

from typing import NamedTuple

from labkit.packets.explain.tls_form import Said
from labkit.packets.explain.tls_names import CIPHERS, MESSAGES, VERSIONS
from labkit.packets.streams import ByteStream
from labkit.packets.tls_keys import KeyLog, Opener, openers
from labkit.packets.tls_scan import (
    ALERT,
    CHANGE,
    DATA,
    HANDSHAKE,
    HEADER,
    RETRY,
    FoundMessage,
    FoundRecord,
    Piece,
    records_in,
)
from labkit.packets.tls_suites import SUITES, Suite, exchange_of

_NEW, _OLD = 0x0304, 0x0303
_AHEAD = 64  # records that may be missing before one, at most
_TRIES = 2048  # records tried in vain, in one direction
_EARLY, _VERSIONS, _ETM = 42, 43, 22
_HEAD = 4  # bytes before a handshake message's content


class Hello(NamedTuple):
    """The facts of a hello: version as it stands there, or in supported_versions. suite: of a ServerHello, else 0."""

    version: int
    random: bytes
    suite: int
    extensions: dict[int, bytes]


def hello_of(data: bytes) -> Hello:
    """The facts of a ClientHello or ServerHello, as far as they are there."""
    client, at = data[0] == 1, _HEAD + 34
    at += 1 + (data[at] if at < len(data) else 0)
    suite = 0 if client else int.from_bytes(data[at : at + 2], "big")
    at += 2 + int.from_bytes(data[at : at + 2], "big") if client else 3
    if client:
        at += 1 + (data[at] if at < len(data) else 0)
    end = min(len(data), at + 2 + int.from_bytes(data[at : at + 2], "big"))
    at += 2
    extensions = {}
    while at + 4 <= end:
        stop = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        extensions[int.from_bytes(data[at : at + 2], "big")] = data[at + 4 : min(stop, end)]
        at = stop
    version = int.from_bytes(data[_HEAD : _HEAD + 2], "big")
    if not client and len(extensions.get(_VERSIONS, b"")) == 2:
        version = int.from_bytes(extensions[_VERSIONS], "big")
    return Hello(version, data[_HEAD + 2 : _HEAD + 34], suite, extensions)


class _Side:
    """What is known of one direction.

    opener: of the next record, None without a key. next: others that may fit from now on.
    sealed: records are encrypted from here on. ahead: records that may be missing. tries: that are left. message: the
    one that has begun, parts: its bytes, there: how many these are.
    """

    __slots__ = (
        "ahead", "began", "finished", "message", "name", "next", "opener", "parts", "sealed", "there", "tries",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.opener: Opener | None = None
        self.next: tuple[Opener, ...] = ()
        self.message: FoundMessage | None = None
        self.sealed = self.finished = self.began = False
        self.ahead, self.tries = 0, _TRIES
        self.parts: list[bytes] = []
        self.there = 0

    def take(self, content: bytes, at: int, size: int) -> int:
        """Add bytes to the message until it has so many; returns the byte behind them."""
        stop = min(len(content), at + size - self.there)
        self.parts.append(content[at:stop])
        self.there += stop - at
        return stop


class Session:
    """The TLS of one connection. log: the key log. at: where records begin in both streams.

    records, messages: in the order in which they could be read. randoms: of the ClientHellos. said: what was agreed on.
    """

    def __init__(self, client: ByteStream, server: ByteStream, at: tuple[int, int], log: KeyLog) -> None:
        self._streams, self._log = (client, server), log
        self._secrets: dict[str, bytes] = {}
        self.at = at
        self.records: list[FoundRecord] = []
        self.messages: list[FoundMessage] = []
        self.randoms: list[bytes] = []
        self.said = Said()
        self._client, self._server = _Side("CLIENT"), _Side("SERVER")
        self._suite: Suite | None = None
        self._number = 0
        self._random = self._server_random = b""
        self._etm = False
        self._read()

    def _read(self) -> None:
        found = []
        for stream, begin in zip(self._streams, self.at, strict=True):
            if begin >= 0:
                found += [(stream.delivered(each.stop), each.start, each) for each in records_in(stream, begin)]
        found.sort(key=lambda each: each[:2])
        for _, _, record in found:
            self._take(record)
            self.records.append(record)
        for record in self.records:  # early data: their version was chosen only behind them
            if record.said.version or record.type != DATA or self.said.version < _NEW:
                continue
            record.said = self.said
        for side in (self._client, self._server):
            self._cut(side)

    # -- one record

    def _take(self, record: FoundRecord) -> None:
        side = self._client if record.from_client else self._server
        record.said = self.said
        if record.lost:
            side.ahead = _AHEAD
            self._cut(side)
        if record.type < 0:
            side.ahead = max(side.ahead, 1)
            return
        stream = self._streams[not record.from_client]
        record.sealed = self._is_sealed(side, record, stream)
        if record.missing:
            if record.sealed and side.opener is not None:
                side.opener.count += 1
            self._cut(side)
            record.kind = record.type if not record.sealed else -1
            return
        if not record.sealed:
            record.kind = record.type
            self._content(side, record, stream.data[record.start + HEADER : record.stop])
            return
        raw = stream.data[record.start : record.stop]
        if self._open(side, record, raw):
            assert record.opened is not None
            record.kind = record.opened.kind
            self._content(side, record, record.opened.plain[: record.opened.size])
        else:
            record.reason = self._why_closed(side)
            self._cut(side)

    def _is_sealed(self, side: _Side, record: FoundRecord, stream: ByteStream) -> bool:
        kind, length = record.type, record.length
        if kind == DATA:
            return True
        if self.said.version >= _NEW or kind == CHANGE:
            # TLS 1.3 seals nothing but application_data on the outside; a record of 1 byte cannot be sealed
            return side.sealed and length > 1 and self.said.version < _NEW
        if side.sealed:
            return True
        if kind == ALERT:
            return length != 2
        if kind == HANDSHAKE and not side.began and side.message is None:
            head = stream.data[record.start + HEADER : record.stop][:_HEAD]
            return bool(head) and not (
                head[0] in MESSAGES and int.from_bytes(head[1:], "big") < 1 << 17 and length >= _HEAD
            )
        return False

    def _open(self, side: _Side, record: FoundRecord, raw: bytes) -> bool:
        """Open a record with the keys that this side may use now."""
        ahead = side.ahead if side.tries > 0 else 0
        for opener in (side.opener, *side.next, self._guessed(side)):
            if opener is None:
                continue
            record.opened = opener.open(raw, ahead)
            if record.opened is not None:
                if opener is not side.opener:
                    side.opener, side.next = opener, tuple(each for each in side.next[-1:] if each is not opener)
                side.ahead = 0
                return True
        if side.opener is not None or side.next:
            side.tries -= 1 + ahead
            side.ahead = min(side.ahead + 1, _AHEAD)
        return False

    def _guessed(self, side: _Side) -> Opener | None:
        """The opener of application data, if the end of the handshake is missing, or its secrets are."""
        if self.said.version < _NEW or side.finished or (side.opener is not None and not side.ahead):
            return None
        return self._of(f"{side.name}_TRAFFIC_SECRET_0")

    def _why_closed(self, side: _Side) -> str:
        if not self._random or not self._number:
            return "the handshake was not captured, so nobody can tell which key fits"
        if self.said.version < _OLD:
            return f"records of {VERSIONS.get(self.said.version, 'an unknown version')} cannot be opened here"
        if self._suite is None:
            return f"records of {CIPHERS.get(self._number, 'an unknown suite')} cannot be opened here"
        if side.opener is None and not side.next:
            return "the tape does not have its key"
        return "it does not open with the key: a byte was changed, or the key is that of another connection"

    # -- what a record carries

    def _content(self, side: _Side, record: FoundRecord, content: bytes) -> None:
        if record.kind == HANDSHAKE:
            self._handshake(side, record, content)
        elif record.kind == ALERT and content:
            message = FoundMessage(record.from_client, -1, record.said, [(record, 0, len(content))], content, 2)
            record.pieces.append(Piece(message, 0, len(content), True))
            self.messages.append(message)
        elif record.kind == CHANGE and self.said.version < _NEW:
            self._changed(side)

    def _handshake(self, side: _Side, record: FoundRecord, content: bytes) -> None:
        """Divide the content into messages, of which the first and the last may have parts in other records."""
        at, end = 0, len(content)
        while at < end:
            message = side.message
            if message is None:
                message = side.message = FoundMessage(record.from_client, content[at], self.said)
                side.parts, side.there = [], 0
            first = at
            if side.there < _HEAD:
                at = side.take(content, at, _HEAD)
                if side.there == _HEAD:
                    message.size = _HEAD + int.from_bytes(b"".join(side.parts)[1:], "big")
            if side.there >= _HEAD and side.there < message.size:
                at = side.take(content, at, message.size)
            ends = side.there >= _HEAD and side.there == message.size
            message.parts.append((record, first, at))
            record.pieces.append(Piece(message, first, at, ends))
            if ends:
                message.data, message.said = b"".join(side.parts), self.said
                side.message, side.began = None, True
                self.messages.append(message)
                self._heard(side, message)

    def _cut(self, side: _Side) -> None:
        """A message of this side does not go on."""
        if side.message is not None:
            message, side.message = side.message, None
            message.data = b"".join(side.parts)
            message.state, message.reason = "cut", "its last part is not there"
            self.messages.append(message)

    # -- what it changes

    def _heard(self, side: _Side, message: FoundMessage) -> None:
        kind, data = message.type, message.data
        if kind == 1 and len(data) >= _HEAD + 34:
            hello = hello_of(data)
            self._random, self._secrets = hello.random, self._log.secrets(hello.random)
            self.randoms.append(hello.random)
            if _EARLY in hello.extensions and self.said.version == 0:
                self._early()
        elif kind == 2 and len(data) >= _HEAD + 37:
            self._chosen(hello_of(data))
            message.said = self.said
        elif self.said.version >= _NEW and kind == 20 and not side.finished:
            side.finished = True
            side.opener, side.next = self._of(f"{side.name}_TRAFFIC_SECRET_0"), ()
        elif self.said.version >= _NEW and kind == 24 and side.opener is not None:
            side.opener = side.opener.updated()

    def _early(self) -> None:
        """Early data are encrypted before anybody has chosen a suite: the one that fits is found by trying."""
        secret = self._secrets.get("CLIENT_EARLY_TRAFFIC_SECRET")
        if secret is not None:
            digest = "sha384" if len(secret) == 48 else "sha256"
            fits = [each for number, each in SUITES.items() if number >> 8 == 0x13 and each.hash == digest]
            self._client.next = tuple(Opener.of_secret(each, secret, "CLIENT_EARLY_TRAFFIC_SECRET") for each in fits)

    def _chosen(self, hello: Hello) -> None:
        version = hello.version
        self.said = Said(version, exchange_of(hello.suite))
        self._number, self._suite, self._server_random = hello.suite, SUITES.get(hello.suite), hello.random
        self._etm = _ETM in hello.extensions
        if version < _NEW or hello.random == RETRY:
            if hello.random == RETRY:
                self._client.opener, self._client.next = None, ()  # the server takes no early data then
            return
        opener = self._of("CLIENT_HANDSHAKE_TRAFFIC_SECRET")
        if opener is not None:
            self._client.next = (*self._client.next, opener)  # early data may still come before
        self._server.opener = self._of("SERVER_HANDSHAKE_TRAFFIC_SECRET")

    def _changed(self, side: _Side) -> None:
        """ChangeCipherSpec of TLS 1.2: this side's records are encrypted with the new keys from here on."""
        if not self.said.version:
            return
        side.sealed, side.opener, side.next = True, None, ()
        master = self._secrets.get("CLIENT_RANDOM")
        if self._suite is not None and master is not None and self.said.version == _OLD:
            both = openers(self._suite, master, self._random, self._server_random, self._etm)
            side.opener = both[side is self._server]

    def _of(self, label: str) -> Opener | None:
        secret = self._secrets.get(label)
        if secret is None or self._suite is None:
            return None
        return Opener.of_secret(self._suite, secret, label)

