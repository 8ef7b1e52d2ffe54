"""The messages of a tape's connections: what programs said to each other, wherever the bytes lie.

Rule: boundaries are found once a connection, when somebody asks; a message's fields when somebody looks at them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from labkit.core.checks import shown
from labkit.core.errors import LabError, NoSuchPart
from labkit.packets.conversations import Conversation, Side
from labkit.packets.explain.found import Found, Switch
from labkit.packets.frames import address
from labkit.packets.match import SENDERS
from labkit.packets.model import Field, Layer, named
from labkit.packets.streams import ByteStream

if TYPE_CHECKING:
    from labkit.packets.explain.applications import Application, Detail
    from labkit.packets.tls_messages import TLSMessage
    from labkit.packets.tls_records import Record
    from labkit.packets.tls_spoken import Spoken

_MOST_CONTENT = 1 << 26  # bytes that a compressed body may become
_SEPARATORS = {"cookie": "; "}  # of fields that come several times; others have a comma (RFC 9110 §5.3, RFC 6265 §5.4)


class Message:
    """One message of an application, in a stream of its connection.

    It has the names of its start line (`method`, `target`, `version`, `status`, `phrase`; ``""`` and 0 in messages
    without them), its header (`headers`), its content (`body`, `content`), its place (`start`, `stop`, `packets`), the
    message that it answers (`answers`) or that answers it (`answered_by`), and its bytes by name (`fields`).
    """

    __slots__ = ("_application", "_detail", "_found", "_talk", "answered_by", "answers")

    def __init__(self, application: Application, found: Found, talk: Source) -> None:
        self._application, self._found, self._talk = application, found, talk
        self.answers: Message | None = None
        self.answered_by: list[Message] = []
        self._detail: Detail | None = None

    # -- what it is

    @property
    def protocol(self) -> str:
        """``"HTTP"``, ``"DNS"``, ``"WebSocket"``."""
        return self._application.name

    @property
    def kind(self) -> str:
        """``"request"`` or ``"response"``; ``"preface"``: the first bytes of HTTP/2; ``"query"`` in DNS."""
        return self._found.kind

    @property
    def sender(self) -> str:
        """``"client"`` or ``"server"``, as of the packets."""
        return "client" if self._found.from_client else "server"

    @property
    def connection(self) -> Sides:
        """The connection that it belongs to."""
        return self._talk.connection()

    @property
    def state(self) -> str:
        """``""`` if it is whole, ``"cut"`` if bytes are missing, ``"malformed"`` if its form is wrong."""
        return self._found.state

    @property
    def reason(self) -> str:
        """Why it is cut or malformed, in words; ``""`` if it is whole."""
        return self._found.reason

    # -- what it says

    @property
    def start_line(self) -> str:
        """The first line without its end: ``"GET / HTTP/1.1"``; ``""`` in a protocol whose messages do not have one."""
        found, data = self._found, self.buffer.data
        if self.protocol != "HTTP":
            return ""
        begin = found.start
        while begin < found.stop and data[begin] in b"\r\n":
            begin += 1
        end = data.find(b"\n", begin, found.stop)
        return data[begin : end if end >= 0 else found.stop].rstrip(b"\r").decode("latin-1")

    @property
    def method(self) -> str:
        """Of a request: ``"GET"``."""
        return self._found.method

    @property
    def target(self) -> str:
        """Of a request, as sent: ``"/shop?page=2"``."""
        return self._found.target

    @property
    def version(self) -> str:
        """``"HTTP/1.1"``."""
        return self._found.version

    @property
    def status(self) -> int:
        """Of a response: 200."""
        return self._found.status

    @property
    def phrase(self) -> str:
        """Of a response: ``"OK"``."""
        return self._found.phrase

    @property
    def headers(self) -> dict[str, str]:
        """The header fields by name, in lower case. Fields that come several times are joined by a comma."""
        return _joined(self._details().headers)

    @property
    def raw_headers(self) -> list[str]:
        """The header fields as sent: name, value, name, value, …"""
        return [each for field in self._details().headers for each in field]

    @property
    def trailers(self) -> dict[str, str]:
        """The fields behind a chunked body, as `headers`."""
        return _joined(self._details().trailers)

    @property
    def raw_trailers(self) -> list[str]:
        """The fields behind a chunked body, as `raw_headers`."""
        return [each for field in self._details().trailers for each in field]

    @property
    def body(self) -> bytes:
        """The body without the sizes of its chunks, as far as it is there; zeros in place of missing bytes."""
        data = self.buffer.data
        return b"".join(data[start:stop] for start, stop in self._found.parts or ())

    @property
    def content(self) -> bytes | None:
        """The body without its compression; None if it cannot be undone. Source: RFC 9110 §8.4.1."""
        coding, body = self._found.coding, self.body
        if coding in ("", "identity"):
            return body
        if coding not in ("gzip", "x-gzip", "deflate"):
            return None
        bits = 47 if coding != "deflate" or body[:1] == b"\x78" else -15  # some send deflate without zlib's header
        try:
            return zlib.decompressobj(bits).decompress(body, _MOST_CONTENT)
        except zlib.error:
            return None

    # -- where it is

    @property
    def buffer(self) -> ByteStream:
        """The stream in which its bytes lie: `start`, `stop` and its fields count there."""
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
    def packets(self) -> tuple[int, ...]:
        """The numbers of the packets that brought its bytes."""
        return self.buffer.packets(self.start, self.stop)

    @property
    def completed_by(self) -> int:
        """The number of the packet with which its receiver had all of it: the one in which Wireshark shows it.

        A message that ends with the connection is complete with FIN.
        """
        stream, found = self.buffer, self._found
        if found.closes and not found.state and stream.fin == found.stop:
            return max(stream.fin_packet, stream.delivered(found.stop))
        return stream.delivered(found.stop)

    @property
    def encrypted(self) -> bool:
        """Whether it was inside TLS; then `buffer` is what was decrypted."""
        return self._talk.outer is not None

    @property
    def records(self) -> tuple[Record, ...]:
        """The TLS records that brought it; () without TLS."""
        return self._talk.outer.bringing(self.buffer, self.start, self.stop) if self._talk.outer is not None else ()

    @property
    def began_ns(self) -> int | None:
        """The time of its first packet, ns since the epoch; None if the file gives no times."""
        return self._talk.time_ns(min(self.packets, default=0))

    @property
    def ended_ns(self) -> int | None:
        """The time of the packet with which it was complete, ns since the epoch."""
        return self._talk.time_ns(self.completed_by)

    time_ns = began_ns

    # -- its bytes by name

    def _details(self) -> Detail:
        if self._detail is None:
            stream, found = self.buffer, self._found
            self._detail = self._application.detail(stream.data, found.start, found.stop, stream.holes, found)
        return self._detail

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its bytes by name, without gaps or overlaps; positions count from the first bit of `buffer`."""
        return self._details().fields

    def __getitem__(self, name: str) -> Field:
        """The first field with this name: ``message["http.host"]``, in short ``message["host"]``; or `NoSuchPart`."""
        if (found := named(self.fields, name)) is None:
            raise NoSuchPart(f"this message ({self}) does not have a field {name!r}")
        return found

    def layer_in(self, number: int) -> Layer | None:
        """The message as a layer of this packet; None if it does not lie whole in it. Positions count in the frame."""
        from labkit.packets.explain.applications import layer

        found = self._found
        spans = self.buffer.spans(found.start, found.stop)
        if self.encrypted or found.state == "cut" or len(spans) != 1 or spans[0][0] != number:
            return None
        if spans[0][2] != found.stop - found.start:
            return None
        raw, first = self._talk.raw(number), spans[0][1]
        stop = first + spans[0][2]
        fields = self._application.detail(raw, first, stop, (), found).fields
        return layer(self._application, fields, raw, first, stop, number)

    def __len__(self) -> int:
        return self.stop - self.start

    def __bool__(self) -> bool:
        return True

    @property
    def _placed(self) -> str:
        """Its bytes, its packets and its state, for people."""
        size = len(self)
        numbers = self.packets
        where = f"packet {numbers[0]}" if len(numbers) == 1 else f"packets {_listed(numbers)}"
        state = f", {self.state}" if self.state else ""
        return f"{size} {'byte' if size == 1 else 'bytes'}, {where}{state}"

    def __repr__(self) -> str:
        line = self.start_line[:100] or f"{self.kind} {self._found.words}".rstrip()
        line = "".join(each if each.isprintable() else "·" for each in line)
        return f"{line} ({self._placed})"


def _listed(numbers: tuple[int, ...]) -> str:
    if len(numbers) > 3:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}" if numbers else "none"


def _joined(fields: tuple[tuple[str, str], ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        found[key] = f"{found[key]}{_SEPARATORS.get(key, ', ')}{value}" if key in found else value
    return found


class Source(Protocol):
    """What messages ask of the connection in which they were said."""

    @property
    def flow(self) -> Conversation:
        """Who speaks to whom."""

    @property
    def connection(self) -> Callable[[], Sides]:
        """How to get it from the tape."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of its messages."""

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Where it has become another protocol's."""

    @property
    def tls(self) -> Spoken | None:
        """The TLS in it, if there is some."""

    @property
    def outer(self) -> Spoken | None:
        """The TLS around it, if there is some."""

    def stream(self, sender: str) -> ByteStream:
        """What one side has sent."""

    def time_ns(self, number: int) -> int | None:
        """When the packet with this number was captured."""

    def raw(self, number: int) -> bytes:
        """The bytes of the packet with this number."""


class Sides:
    """What the two sides of a connection sent. client, server: (address, port)."""

    __slots__ = ("_talk",)

    def __init__(self, talk: Source) -> None:
        self._talk = talk

    @property
    def client(self) -> tuple[str, int]:
        """(address, port) of the side that opened the connection."""
        return _endpoint(self._talk.flow.client)

    @property
    def server(self) -> tuple[str, int]:
        """(address, port) of the side that was called."""
        return _endpoint(self._talk.flow.server)

    def stream(self, sender: str) -> ByteStream:
        """The bytes that one side sent, put together: ``connection.stream("client")``.

        sender: ``"client"`` or ``"server"``. A stream has all bytes, also if the tape has only some of the packets.
        Raises LabError for another sender.
        """
        if sender not in SENDERS:
            raise LabError(f"no stream is sent by {shown(sender)}", 'sender is "client" or "server".')
        return self._talk.stream(sender)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages in both streams, in the order of the packets that completed them."""
        return self._talk.messages

    def decrypted(self, sender: str) -> ByteStream | None:
        """What one side said inside TLS, put together; None without TLS, or if all of it stays closed.

        sender: ``"client"`` or ``"server"``. Raises LabError for another sender.
        """
        if sender not in SENDERS:
            raise LabError(f"nothing is sent by {shown(sender)}", 'sender is "client" or "server".')
        tls = self._talk.tls
        return tls.plain[sender == "server"] if tls is not None and tls.has_data else None

    @property
    def records(self) -> tuple[Record, ...]:
        """The TLS records in both streams, in the order in which they could be read; () without TLS."""
        return self._talk.tls.records if self._talk.tls is not None else ()

    @property
    def handshake(self) -> tuple[TLSMessage, ...]:
        """The handshake messages of TLS, and its alerts, in the order in which they could be read."""
        return self._talk.tls.messages if self._talk.tls is not None else ()

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Where the connection goes over to another protocol, and at which byte of both streams: CONNECT, Upgrade."""
        return self._talk.switches

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sides) and self._talk is other._talk

    def __hash__(self) -> int:
        return hash(id(self._talk))

    def __repr__(self) -> str:
        return "<Connection of {}:{} to {}:{}>".format(*self.client, *self.server)


def _endpoint(side: Side) -> tuple[str, int]:
    return address(side[0]), side[1]
