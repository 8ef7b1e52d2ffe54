"""What Wireshark works out for a packet under a name of its own: it stands in no header.

Rule: each name here is one that Wireshark has; the values are compared in `tests/packets/test_filters_oracle.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from labkit.packets.filters.names import NOTES
from labkit.packets.filters.seen import Reader, Seen, Values
from labkit.packets.filters.values import as_bytes
from labkit.packets.frames import FIN, RST, SYN
from labkit.packets.messages import Message
from labkit.packets.notes import AGAIN, SPURIOUS
from labkit.packets.packet import Packet

_LETTERS = "RRRACEUAPRSF"
_NOTED = tuple(dict.fromkeys(note for notes in NOTES.values() for note in notes))


def _tcp(read: Callable[[Packet], Any]) -> Reader:
    """Of a packet that is TCP."""
    return lambda seen: (read(seen.packet),) if seen.packet.protocol == "TCP" else ()


def _when(holds: Callable[[Seen], object]) -> Reader:
    """A name without a value: whether this holds."""
    return lambda seen: (b"",) if holds(seen) else ()


# -- times


def _time(seen: Seen, since: int | None) -> Values:
    now = seen.packet.time_ns
    return (now - since,) if now is not None and since is not None else ()


# -- TCP


def _note(seen: Seen) -> str:
    return seen.packet.note if seen.packet.protocol == "TCP" else ""


def noted(name: str) -> Reader:
    """Whether `Packet.note` says this. name: one of `NOTES`."""
    notes = NOTES[name]
    return _when(lambda seen: _note(seen).startswith(notes))


def _closed(seen: Seen) -> bool:
    """Whether it says that there is no room, which only SYN, FIN and RST do not mean."""
    packet = seen.packet
    return packet.protocol == "TCP" and not packet.window and not packet._quick.flags & (SYN | FIN | RST)


def _stream(seen: Seen) -> Values:
    place = seen.packet._place
    return (place.connection,) if place is not None and place.connection >= 0 else ()


def _duplicate(seen: Seen) -> Values:
    note = _note(seen)
    return (int(note.rpartition(" ")[2]),) if note.startswith("duplicate ACK ") else ()


def _next(packet: Packet) -> int:
    """The number behind its last byte; SYN and FIN take one each."""
    flags = packet._quick.flags
    return (packet.seq + packet.length + bool(flags & SYN) + bool(flags & FIN)) % (1 << 32)


def _letters(packet: Packet) -> str:
    """Its flags as Wireshark prints them: a letter, or a dot, for each bit."""
    quick, raw = packet._quick, packet.raw
    bits = int.from_bytes(raw[quick.transport + 12 : quick.transport + 14], "big") & 0xFFF
    return "".join(letter if bits >> 11 - at & 1 else "·" for at, letter in enumerate(_LETTERS))


def _factor(seen: Seen) -> Values:
    packet = seen.packet
    return (seen.around.factor(packet),) if packet.protocol == "TCP" and not packet._quick.flags & SYN else ()


def _window(seen: Seen) -> Values:
    factors = _factor(seen)
    return _tcp(lambda packet: packet.window * max(1, int(factors[0]) if factors else 1))(seen)


# -- payloads


def _payload(protocol: str) -> Reader:
    return lambda seen: (seen.packet.payload,) if seen.packet.protocol == protocol and seen.packet.payload else ()


def _data(seen: Seen) -> Values:
    """What no protocol claims: a payload, or the body of a message of HTTP that does not say what it is.

    Of a segment that was sent before Wireshark shows none, unless it is a fast retransmit.
    """
    packet = seen.packet
    if packet.protocol == "TCP" and packet.payload:
        if packet.note in (AGAIN, SPURIOUS):
            return ()
        if packet.messages or packet.records:
            return [each.content or each.body for each in _http(seen) if each.body and not _says_type(each)]
        return (packet.payload,)
    return [as_bytes(field.value) for layer in seen.lower if layer.name == "Payload" for field in layer.fields]


# -- HTTP, DNS, TLS


def _http(seen: Seen) -> Iterator[Message]:
    """The messages of HTTP that are whole with this packet."""
    packet = seen.packet
    for message in packet.messages:
        if message.protocol == "HTTP" and message.completed_by == packet.number:
            yield message


def _says_type(message: Message) -> bool:
    return "content-type" in message.headers


def _lines(kind: str) -> Reader:
    """The field lines of the header of a request or a response, each with its end."""

    def read(seen: Seen) -> Values:
        return [
            f"{name}: {value}\r\n"
            for message in _http(seen)
            if message.kind == kind
            for name, value in zip(message.raw_headers[::2], message.raw_headers[1::2], strict=True)
        ]

    return read


def _bodies(seen: Seen) -> Values:
    """The bodies, without chunks and compression."""
    return [(each.content or each.body).decode("utf-8", "replace") for each in _http(seen) if each.body]


def _asked_in(seen: Seen) -> Values:
    """Of a response: the packet of its request."""
    return [each.answers.completed_by for each in _http(seen) if each.answers is not None]


def _answered_in(seen: Seen) -> Values:
    """Of a request: the packet of its last response."""
    return [each.answered_by[-1].completed_by for each in _http(seen) if each.answered_by]


def _content_length(seen: Seen) -> Values:
    return [digits(str(each.value)) for each in seen.fields("http.content_length_header")]


def digits(value: int | str) -> int:
    """The number that these digits say, -1 if they are none."""
    return value if isinstance(value, int) else int(value) if value.isascii() and value.isdigit() else -1


def _whether(name: str) -> Reader:
    return lambda seen: [1] * bool(seen.fields(name))


def _answers_only(name: str) -> Reader:
    """A flag of DNS that says something in answers alone, though its bits stand in questions too."""

    def read(seen: Seen) -> Values:
        found = zip(seen.fields(name), seen.fields("dns.flags.response"), strict=False)
        return [int(each.value) for each, response in found if response.value]

    return read


def _application_data(seen: Seen) -> Values:
    """The data of records that carry an application's, or are closed and say so."""
    packet = seen.packet
    return [
        each.buffer.data[each.start + 5 : each.stop]
        for each in packet.records
        if each.completed_by == packet.number
        and (each.kind if each.opened else each.content_type) == "application_data"
    ]


COMPUTED: dict[str, Reader] = {
    "frame.number": lambda seen: (seen.packet.number,),
    "frame.len": lambda seen: (max(seen.packet.wire_length, len(seen.packet.raw)),),
    "frame.cap_len": lambda seen: (len(seen.packet.raw),),
    "frame.time": lambda seen: _time(seen, 0),
    "frame.time_epoch": lambda seen: _time(seen, 0),
    "frame.time_relative": lambda seen: _time(seen, seen.around.start_ns),
    "frame.time_delta": lambda seen: _time(seen, seen.before_ns),
    "tcp.stream": _stream,
    "tcp.len": _tcp(lambda packet: packet.length),
    "tcp.seq": _tcp(lambda packet: packet.seq),
    "tcp.ack": _tcp(lambda packet: packet.ack),
    "tcp.seq_raw": _tcp(lambda packet: packet._quick.seq),
    "tcp.ack_raw": _tcp(lambda packet: packet._quick.ack),
    "tcp.nxtseq": _tcp(_next),
    "tcp.flags.str": _tcp(_letters),
    "tcp.window_size": _window,
    "tcp.window_size_scalefactor": _factor,
    "tcp.payload": _payload("TCP"),
    "udp.payload": _payload("UDP"),
    "tcp.analysis.duplicate_ack_num": _duplicate,
    "tcp.analysis.flags": _when(lambda seen: _closed(seen) or _note(seen).startswith(_NOTED)),
    "tcp.analysis.zero_window": _when(_closed),
    "data.data": _data,
    "data.len": lambda seen: [len(as_bytes(each)) for each in _data(seen)],
    "http.content_length": _content_length,
    "http.file_data": _bodies,
    "http.request": _whether("http.request.method"),
    "http.request.line": _lines("request"),
    "http.request_in": _asked_in,
    "http.response": _whether("http.response.code"),
    "http.response.line": _lines("response"),
    "http.response_in": _answered_in,
    "tls.app_data": _application_data,
    "websocket.payload": _when(
        lambda seen: seen.fields("websocket.payload") or seen.fields("websocket.masked_payload")
    ),
    **{
        f"dns.flags.{name}": _answers_only(f"dns.flags.{name}")
        for name in ("rcode", "authoritative", "recavail", "authenticated")
    },
}
"""How to get the values of each such name."""
