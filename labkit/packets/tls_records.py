"""One TLS record of a tape: what its header says, whether it opens, and its bytes by name.

Rule: what was found is there at once; fields are made when somebody looks at them. A record knows its messages by name
alone: `tls_messages` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from labkit.core.errors import NoSuchPart
from labkit.packets.buffers import Payload
from labkit.packets.explain import tls
from labkit.packets.explain import tls_names as names
from labkit.packets.model import Field, Layer, named
from labkit.packets.streams import ByteStream
from labkit.packets.tls_scan import CHANGE, DATA, HEADER, FoundRecord

TITLE = "Transport Layer Security"
RFC = "RFC 8446"


class Carrier(Protocol):
    """What records ask of their connection."""

    def stream(self, sender: str) -> ByteStream:
        """What one side has sent."""

    def time_ns(self, number: int) -> int | None:
        """When the packet with this number was captured."""

    def raw(self, number: int) -> bytes:
        """The bytes of the packet with this number."""


class Said:
    """What a record and a message have in common: a sender, a place, and bytes by name."""

    __slots__ = ("_fields", "_talk", "connection", "sender")

    def __init__(self, talk: Carrier, connection: object, *, from_client: bool) -> None:
        self._talk, self.connection = talk, connection
        self.sender = "client" if from_client else "server"
        self._fields: tuple[Field, ...] | None = None

    protocol = "TLS"
    noun = "record"
    apart = True
    status = 0
    answers = None
    start_line = ""

    @property
    def packets(self) -> tuple[int, ...]:
        """The numbers of the packets that brought its bytes."""
        raise NotImplementedError

    @property
    def completed_by(self) -> int:
        """The number of the packet with which its receiver had all of it."""
        raise NotImplementedError

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its bytes by name, without gaps or overlaps."""
        if self._fields is None:
            self._fields = self._made()
        return self._fields

    def _made(self) -> tuple[Field, ...]:
        raise NotImplementedError

    @property
    def began_ns(self) -> int | None:
        """The time of its first packet, ns since the epoch; None if the file gives no times."""
        return self._talk.time_ns(min(self.packets, default=0))

    @property
    def ended_ns(self) -> int | None:
        """The time of the packet with which it was complete, ns since the epoch."""
        return self._talk.time_ns(self.completed_by)

    time_ns = began_ns

    def _parts(self) -> Sequence[Field]:
        return self.fields

    def __getitem__(self, name: str) -> Field:
        """The first field with this name: ``record["tls.record.length"]``, in short ``record["record.length"]``.

        Also one of what was decrypted. Raises `NoSuchPart`.
        """
        if (found := named(self._parts(), name)) is None:
            raise NoSuchPart(f"{self!r} does not have a field {name!r}")
        return found

    def __bool__(self) -> bool:
        return True


class Record(Said):
    """One TLS record. Source: RFC 8446 §5.

    content_type, version, length: as its header says. encrypted: whether its content is. `kind` says what it carries,
    `inside` is what was encrypted, `messages` are the handshake messages and alerts that end in it.
    """

    __slots__ = ("_found", "_inside", "_messages")

    def __init__(
        self, talk: Carrier, connection: object, found: FoundRecord,
        messages: Callable[[FoundRecord], tuple[Any, ...]],
    ) -> None:  # fmt: skip
        super().__init__(talk, connection, from_client=found.from_client)
        self._found, self._messages = found, messages
        self._inside: Payload | None = None

    # -- what it is

    @property
    def content_type(self) -> str:
        """As the header says, for everybody to read: ``"handshake"``, ``"application_data"``; ``""`` without one."""
        return names.CONTENT_TYPES.get(self._found.type, "")

    @property
    def kind(self) -> str:
        """What it really carries: in TLS 1.3 the type in the header only hides that. ``""`` if nobody can tell."""
        found = self._found
        return names.CONTENT_TYPES.get(found.kind, "unknown" if found.kind >= 0 else "")

    @property
    def version(self) -> str:
        """As the header says: ``"TLS 1.2"``, also in TLS 1.3."""
        data, start = self.buffer.data, self.start
        number = int.from_bytes(data[start + 1 : start + 3], "big")
        return names.VERSIONS.get(number, f"0x{number:04x}") if self._found.type >= 0 else ""

    @property
    def length(self) -> int:
        """Bytes of its content, as the header says."""
        return self._found.length

    @property
    def encrypted(self) -> bool:
        """Whether its content is encrypted."""
        return self._found.sealed

    @property
    def opened(self) -> bool:
        """Whether it is encrypted and the tape has the key for it."""
        return self._found.opened is not None

    @property
    def sequence(self) -> int | None:
        """Its number under its keys, from 0, of which its nonce is made; None if it was not opened.

        Source: RFC 8446 §5.3.
        """
        return self._found.opened.number if self._found.opened is not None else None

    @property
    def secret(self) -> str:
        """The label of the secret that opened it, as in the key log: ``"SERVER_TRAFFIC_SECRET_0"``; else ``""``."""
        return self._found.opened.label if self._found.opened is not None else ""

    @property
    def state(self) -> str:
        """``""`` if it is whole, ``"cut"`` if bytes are missing, ``"malformed"`` if these bytes are no record."""
        return self._found.state

    @property
    def reason(self) -> str:
        """Why it is cut or malformed, or stays closed, in words."""
        return self._found.reason

    @property
    def messages(self) -> tuple[Any, ...]:
        """The handshake messages and alerts that end in it."""
        return self._messages(self._found) if self._found.pieces else ()

    @property
    def content(self) -> bytes | None:
        """What it carries, without header and protection; None if it stays closed."""
        found = self._found
        if found.sealed:
            return None if found.opened is None else found.opened.plain[: found.opened.size]
        return self.buffer.data[found.start + HEADER : found.stop]

    # -- where it is

    @property
    def buffer(self) -> ByteStream:
        """The stream in which its bytes lie: `start`, `stop` and `fields` count there."""
        return self._talk.stream(self.sender)

    @property
    def start(self) -> int:
        """Its first byte in the stream."""
        return self._found.start

    @property
    def stop(self) -> int:
        """The byte after its last one in the stream."""
        return self._found.stop

    @property
    def data(self) -> bytes:
        """The record as it was sent."""
        return self.buffer.data[self.start : self.stop]

    @property
    def packets(self) -> tuple[int, ...]:
        return self.buffer.packets(self.start, self.stop)

    @property
    def completed_by(self) -> int:
        return self.buffer.delivered(self.stop)

    # -- its bytes by name

    def _made(self) -> tuple[Field, ...]:
        return tls.record(self.buffer.data, self.start, self._found)

    def _parts(self) -> Sequence[Field]:
        return (*self.fields, *(self.inside.fields if self.inside is not None else ()))

    @property
    def inside(self) -> Payload | None:
        """What was encrypted, as a buffer of its own with its own `fields`; None if nothing was, or it stays closed."""
        found = self._found
        if self._inside is None and found.opened is not None:
            first = found.start + HEADER + found.opened.head
            place = first, first + len(found.opened.plain)
            self._inside = Payload("decrypted", self.buffer, [place], found.opened.plain)
            self._inside.fields = tls.inside(found)
        return self._inside

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The record as layers: as it was sent, and decrypted. Each is counted from its own first byte."""
        found, stream = self._found, self.buffer
        data = stream.data[found.start : found.stop]
        layers = [self._layer("TLS", "The record as it was sent", tls.record(data, 0, found), data)]
        if self.inside is not None:
            layers.append(self._layer("Decrypted", "What was encrypted", self.inside.fields, self.inside.data))
        return tuple(layers)

    def _layer(self, name: str, title: str, fields: tuple[Field, ...], data: bytes) -> Layer:
        number = self.packets[0] if len(self.packets) == 1 else 0
        return Layer(name, title, 0, len(data) * 8, fields, data, number, RFC)

    def layer_in(self, number: int) -> Layer | None:
        """The record as a layer of this packet; None if it does not lie whole in it. Positions count in the frame."""
        found = self._found
        spans = self.buffer.spans(found.start, found.stop) if self.buffer.kind == "stream" else []
        if found.state or len(spans) != 1 or spans[0][0] != number or spans[0][2] != found.stop - found.start:
            return None
        raw, first = self._talk.raw(number), spans[0][1]
        data = raw[first : first + spans[0][2]]
        return Layer("TLS", TITLE, first * 8, len(data) * 8, tls.record(raw, first, found), data, number, RFC)

    # -- in words

    @property
    def carries_a_part(self) -> bool:
        """Whether it carries nothing but a part of a message that ends in a later record."""
        return bool(self._found.pieces) and not any(piece.ends for piece in self._found.pieces)

    @property
    def title(self) -> str:
        """What it carries, in a few words: ``"ServerHello"``, ``"application data"``."""
        found = self._found
        if self.messages:
            return ", ".join(each.title for each in self.messages)
        if found.kind == DATA:
            return "application data"
        if found.kind == CHANGE:
            return "ChangeCipherSpec"
        if found.pieces:
            return f"part of {found.pieces[-1].message.name}"
        if found.kind < 0 and found.sealed:
            said = self.content_type.replace("_", " ")
            return f"{said} (encrypted)" if self.content_type != "application_data" else "encrypted record"
        return "bytes that are no record" if found.state == "malformed" else self.kind.replace("_", " ") or "record"

    @property
    def _placed(self) -> str:
        size, where = self.stop - self.start, placed(self.packets)
        closed = "" if not self.encrypted else ", decrypted" if self.opened else ", encrypted"
        return f"{size:,} bytes, {where}{closed}{', ' + self.state if self.state else ''}"

    def __len__(self) -> int:
        return self.stop - self.start

    def __repr__(self) -> str:
        return f"{self.content_type or 'no record'}: {self.title} ({self._placed})"


def placed(numbers: Sequence[int]) -> str:
    """Packets in words: ``"packet 4"``, ``"packets 4 to 9"``."""
    if len(numbers) < 2:
        return f"packet {numbers[0]}" if numbers else "no packet"
    return f"packets {numbers[0]} to {numbers[-1]}"
