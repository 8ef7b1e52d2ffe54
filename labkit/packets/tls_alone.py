"""The TLS records in one frame that has no tape: what can be read without the rest of its connection.

Rule: evidence first: a hello, or records one behind the other up to the end of the payload; whole records only.
"""

from __future__ import annotations

from collections.abc import Iterator

from labkit.packets.explain import tls
from labkit.packets.model import Layer
from labkit.packets.streams import ByteStream
from labkit.packets.tls_keys import KeyLog
from labkit.packets.tls_records import RFC, TITLE
from labkit.packets.tls_scan import evidence, header_at, hello_at
from labkit.packets.tls_session import Session

_ANSWER = 2


def layers(raw: bytes, start: int, end: int, number: int = 0) -> Iterator[Layer]:
    """Yield the whole records in these bytes of a frame, as layers.

    start, end: first byte of the payload, and the byte after its last one. number: of the packet.
    """
    if not header_at(raw, start):
        return
    hello = hello_at(raw, start)
    stream, nothing = (
        ByteStream(who, [(None, raw, 1, 0, len(raw))])
        for who in (("server", "client") if hello == _ANSWER else ("client", "server"))
    )
    stream.segments, stream.size, stream.began = [(0, 1, start, end - start)], end - start, bool(hello)
    if not hello and not evidence(stream, 0):
        return
    both = (nothing, stream) if hello == _ANSWER else (stream, nothing)
    session = Session(*both, (-1, 0) if hello == _ANSWER else (0, -1), KeyLog())
    for found in session.records:
        if found.state:
            return
        first, last = start + found.start, start + found.stop
        fields = tls.record(raw, first, found)
        yield Layer("TLS", TITLE, first * 8, (last - first) * 8, fields, raw[first:last], number, RFC)
