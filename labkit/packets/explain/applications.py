"""The protocols that TCP and UDP carry: which bytes are whose, in a stream and in one frame alone.

Rule: a protocol needs evidence in the bytes; all other bytes stay payload. Frames and streams ask the same list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labkit.packets.buffers import Hole
from labkit.packets.explain import dns, dns_stream, http, websocket, websocket_stream
from labkit.packets.explain.base import Context
from labkit.packets.explain.found import Exchange, Found, FoundFrame, Switch
from labkit.packets.explain.reader import Reader, whole
from labkit.packets.model import Field, Layer
from labkit.packets.streams import ByteStream


class Detail(NamedTuple):
    """One message in full. headers, trailers: (name, value) as sent."""

    fields: tuple[Field, ...]
    headers: tuple[tuple[str, str], ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Application:
    """A protocol on a stream.

    name, title, rfc: as of a `Layer`. claims: whether its bytes begin here; takes the stream's data, an offset, and the
    ports of the connection. read: finds the messages in both streams of a connection from these offsets on; the last
    argument is the exchange that ended with a switch to this protocol, or None. detail: makes the fields of one; takes
    the bytes, the first one, the one behind the last, the holes, and what was found.
    """

    name: str
    title: str
    rfc: str
    claims: Callable[[bytes, int, frozenset[int]], bool]
    read: Callable[[ByteStream, ByteStream, tuple[int, int], frozenset[int], Exchange | None], Exchange]
    detail: Callable[[bytes, int, int, Sequence[Hole], Found], Detail]


def _http_detail(data: bytes, start: int, stop: int, holes: Sequence[Hole], found: Found) -> Detail:
    again = Found("request" if found.kind == "preface" else found.kind, found.from_client, start)
    reader = Reader(data, start, stop, holes)
    whole(reader, http.message, again, found.answers.method if found.answers is not None else "")
    return Detail(tuple(reader.fields), tuple(again.headers or ()), tuple(again.trailers or ()))


def _dns_detail(data: bytes, start: int, stop: int, holes: Sequence[Hole], found: Found) -> Detail:
    reader = Reader(data, start, stop, holes)
    whole(reader, dns_stream.message, Found(found.kind, found.from_client, start))
    return Detail(tuple(reader.fields))


def _frame_detail(data: bytes, start: int, stop: int, holes: Sequence[Hole], found: Found) -> Detail:
    assert isinstance(found, FoundFrame)
    again = FoundFrame("", found.from_client, start, fault=found.fault, packed=found.packed, masks=found.masks,
                       agreed=found.agreed)  # fmt: skip
    reader = Reader(data, start, stop, holes)
    whole(reader, websocket.frame, again)
    return Detail(tuple(reader.fields))


def _frames(
    client: ByteStream, server: ByteStream, at: tuple[int, int], ports: frozenset[int], before: Exchange | None
) -> Exchange:
    """Frames behind a handshake; the last message before them is the answer to it."""
    headers = (before.messages[-1].headers or []) if before is not None else []
    extensions = ",".join(value for name, value in headers if name == "sec-websocket-extensions")
    return websocket_stream.exchange(client, server, at, extensions if before is not None else None)


HTTP = Application(
    "HTTP",
    "Hypertext Transfer Protocol",
    "RFC 9112",
    lambda data, at, ports: http.asks(data, at) or http.answers(data, at),
    lambda client, server, at, ports, before: http.exchange(client, server, at),
    _http_detail,
)
DNS = Application(
    dns.DNS.name,
    dns.DNS.title,
    dns.DNS.rfc,
    dns_stream.claims,
    lambda client, server, at, ports, before: dns_stream.exchange(client, server, at, ports),
    _dns_detail,
)
WEBSOCKET = Application("WebSocket", "WebSocket", "RFC 6455", lambda data, at, ports: False, _frames, _frame_detail)
APPLICATIONS = (HTTP, DNS)
"""The protocols that claim their bytes; frames of a WebSocket stand behind a handshake."""

_BY_NAME = {"websocket": WEBSOCKET}


def exchanges_in(
    client: ByteStream, server: ByteStream, ports: frozenset[int]
) -> list[tuple[Application, Exchange]]:
    """What the streams of a connection hold: one exchange, and one more behind each switch to a protocol known here."""
    result: list[tuple[Application, Exchange]] = []
    after: Switch | None = None
    before: Exchange | None = None
    while (claimed := _claimed(client, server, ports, after)) is not None:
        application, at = claimed
        before = application.read(client, server, at, ports, before)
        result.append((application, before))
        if before.switch is None or before.switch == after:
            break
        after = before.switch
    asked = _unanswered(result[-1][1]) if result else None
    behind = None if asked is None else (asked.stop, 0)
    if (asked is not None or not result) and (begins := websocket_stream.begins(client, server, behind)) is not None:
        if asked is not None:  # what follows the request was taken for a request
            result[-1][1].messages[:] = [each for each in result[-1][1].messages if each.start < asked.stop]
        result.append((WEBSOCKET, WEBSOCKET.read(client, server, begins, ports, None)))
    return result


def _unanswered(exchange: Exchange) -> Found | None:
    """The only request, if it asks for a WebSocket and its answer was not captured."""
    messages = [each for each in exchange.messages if not each.state]
    if exchange.switch is not None or len(messages) != 1 or not messages[0].from_client:
        return None
    wanted = any(name == "upgrade" and "websocket" in value.lower() for name, value in messages[0].headers or ())
    return messages[0] if wanted else None


def _claimed(
    client: ByteStream, server: ByteStream, ports: frozenset[int], after: Switch | None
) -> tuple[Application, tuple[int, int]] | None:
    """The application whose bytes these are, and the offsets at which it begins; None if it is none of ours.

    after: where another protocol has ended. Without a SYN, a stream begins in the middle of anything, and a hole can
    hide its beginning: then the first segment that begins a message is looked for.
    """
    if after is not None and after.protocol in _BY_NAME:
        return _BY_NAME[after.protocol], (after.client, after.server)
    for application in APPLICATIONS:
        if after is not None:
            at = after.client, after.server
        else:
            at = _begin(application, client, ports), _begin(application, server, ports)
        if any(application.claims(each.data, at[each is server], ports) for each in (client, server)):
            return application, at
    return None


def _begin(application: Application, stream: ByteStream, ports: frozenset[int]) -> int:
    if stream.began and (not stream.holes or application.claims(stream.data, 0, ports)):
        return 0
    first = stream.holes[0][1] if stream.began else 0
    begins = (offset for offset, *_ in stream.segments if offset >= first)
    return next((offset for offset in begins if application.claims(stream.data, offset, ports)), 0)


def layers(context: Context, below: Layer, start: int, end: int, number: int = 0) -> Iterator[Layer]:
    """Yield the whole messages in these bytes of a frame that has no tape, front to back.

    below: the UDP or TCP layer that carries them. start, end: first byte of its payload, and the byte after the last.
    number: of the packet.
    """
    while start < end:
        found = dns.layer(context, below, start, end, number)
        if found is None and below.name == "TCP":
            found = _http_layer(context.raw, start, end, number)
        if found is None:
            if below.name == "TCP" and context.raw[start + 1 : start + 2] == b"\3":
                from labkit.packets import tls_alone

                yield from tls_alone.layers(context.raw, start, end, number)
            return
        yield found
        start = found.end // 8


def _http_layer(raw: bytes, start: int, end: int, number: int) -> Layer | None:
    """The whole HTTP message that begins with this byte of the frame, or None."""
    asked = http.asks(raw, start)
    if not asked and not http.answers(raw, start):
        return None
    reader, found = Reader(raw, start, end), Found("request" if asked else "response", asked, start)
    state, _ = whole(reader, http.message, found, "", False)
    if state or found.state:
        return None
    return layer(HTTP, tuple(reader.fields), raw, start, reader.at, number)


def layer(application: Application, fields: tuple[Field, ...], raw: bytes, start: int, stop: int, number: int) -> Layer:
    """A message that lies whole in one frame, as a layer of it."""
    data = raw[start:stop]
    return Layer(
        application.name, application.title, start * 8, len(data) * 8, fields, data, number, application.rfc
    )  # fmt: skip
