"""What an application's grammar finds in two streams: messages, and where another protocol begins.

Rule: offsets and short texts only; the bytes stay in the streams, and fields are made when somebody looks at them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labkit.packets.explain.websocket_deflate import Agreed, Inflating


@dataclass(slots=True, eq=False)
class Found:
    """A message in a stream.

    kind: ``"request"``, ``"response"``, … from_client: which of the two streams it lies in. start, stop: its first byte
    in the stream, and the byte after the last. state: ``""`` whole, ``"cut"``, ``"malformed"``; reason: why, in words.
    method, target, version, status, phrase: of the start line, empty in protocols without one. parts: where its body
    lies: (first byte, byte after the last) of each run. coding: the content coding. closes: its body ends where the
    connection does. answers: the request. words: what it says, in a protocol without a start line.
    headers, trailers: (name, value) as sent; a search for boundaries keeps only those that it needs.
    """

    kind: str
    from_client: bool
    start: int
    stop: int = 0
    state: str = ""
    reason: str = ""
    method: str = ""
    target: str = ""
    version: str = ""
    status: int = 0
    phrase: str = ""
    parts: list[tuple[int, int]] | None = None
    coding: str = ""
    closes: bool = False
    answers: Found | None = None
    words: str = ""
    headers: list[tuple[str, str]] | None = None
    trailers: list[tuple[str, str]] | None = None


@dataclass(slots=True, eq=False)
class FoundFrame(Found):
    """A WebSocket frame.

    length: of its payload, as it says. payload: (first byte, byte after the last) of what is there. fault: (name of a
    field, words): the rule that it breaks, and the field that shows it. pieces: the data frames of the message that
    ends here, in order; empty if none does. of_text: it is a part of a text message. packed: the message is
    compressed. inflating: (the messages of its direction, number of this one). masks: its sender is a client. agreed:
    in the handshake.
    """

    fin: bool = True
    rsv: int = 0
    opcode: int = 0
    masked: bool = False
    key: bytes = b""
    length: int = 0
    payload: tuple[int, int] = (0, 0)
    fault: tuple[str, str] | None = None
    pieces: tuple[FoundFrame, ...] = ()
    of_text: bool = False
    packed: bool = False
    inflating: tuple[Inflating, int] | None = None
    masks: bool = False
    agreed: Agreed | None = None


class Switch(NamedTuple):
    """Where a connection goes over to another protocol.

    protocol: ``"websocket"``, ``"h2c"``, ``"h2"``, or ``"tunnel"`` behind CONNECT. client, server: the first byte of it
    in the client's stream and in the server's.
    """

    protocol: str
    client: int
    server: int


@dataclass(slots=True)
class Exchange:
    """What was found in the two streams of a connection. switch: where another protocol begins, or None."""

    messages: list[Found] = field(default_factory=list)
    switch: Switch | None = None
