"""The connections of `websocket.close_code`: what each side sent, as packets and as lines of text.

Rule: bytes and facts only; why a connection was closed is said in `closing`.
"""

from __future__ import annotations

from struct import pack

from labkit.exercises.tcp import sample
from labkit.exercises.websocket.accept import SAMPLE, accept
from labkit.exercises.websocket.streams import BINARY, CLOSE, CONTINUATION, KEYS, TEXT, frame
from labkit.packets.frames import ACK, FIN, PSH, SYN

PORT = 12034

_KEY = KEYS[0]

SENT: tuple[tuple[bytes, ...], ...] = (
    (frame(TEXT, b"Hello", key=None),),
    (frame(TEXT, b"one"), frame(CONTINUATION, b"two")),
    (frame(TEXT, b"Hello", rsv=4),),
    (frame(TEXT, b"\xc3("),),
    (pack("!BBQ", 0x80 | BINARY, 0xFF, 1 << 35) + _KEY,),
    (frame(TEXT, b"Hello"), frame(CLOSE, pack("!H", 1000))),
    (frame(TEXT, b"Hello"),),
)
"""The frames of the client, for each case."""

CODES: tuple[int | None, ...] = (1002, 1002, 1002, 1007, 1009, 1000, None)
"""The code in the server's close frame; None: neither side sends one, and the client ends TCP."""


def script(number: int) -> sample.Script:
    """The packets of the case of this number, from 0."""
    request = (
        "GET /chat HTTP/1.1\r\nHost: lab.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {SAMPLE}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    response = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept(SAMPLE)}\r\n\r\n"
    )
    packets = [
        ("client", SYN, b""), ("server", SYN | ACK, b""), ("client", ACK, b""),
        ("client", PSH | ACK, request.encode()), ("server", PSH | ACK, response.encode()), ("client", ACK, b""),
    ]  # fmt: skip
    for wire in SENT[number]:
        packets += [("client", PSH | ACK, wire), ("server", ACK, b"")]
    code = CODES[number]
    first, second = ("client", "server") if code is None else ("server", "client")
    if code is not None:
        packets += [("server", PSH | ACK, frame(CLOSE, pack("!H", code), key=None)), ("client", ACK, b"")]
        if _answers(number):
            packets += [("client", PSH | ACK, frame(CLOSE, pack("!H", code))), ("server", ACK, b"")]
    return (*packets, (first, FIN | ACK, b""), (second, FIN | ACK, b""), (first, ACK, b""))


def lines(number: int) -> str:
    """A case as lines of text."""
    made = [f"client → server  {_frame(wire)}" for wire in SENT[number]]
    if number == CODES.index(1000):
        made[-1] += "  (close, 1000)"
    code = CODES[number]
    if code is None:
        made += ["client → server  TCP: FIN, ACK", "client ← server  TCP: FIN, ACK",
                 "(the server's program is told 1006)"]  # fmt: skip
    else:
        made.append(f"client ← server  {_frame(frame(CLOSE, pack('!H', code), key=None))}  (close, {code})")
        if _answers(number):
            made.append(f"client → server  {_frame(frame(CLOSE, pack('!H', code)))}  (close, {code})")
    return "\n".join(made)


def _answers(number: int) -> bool:
    """Whether the client answers the close frame: it has not sent one, and is not in the middle of another frame."""
    return CODES[number] not in (1000, 1009)


def _frame(wire: bytes) -> str:
    """Head, bar, payload without its mask."""
    masked, size = wire[1] >= 0x80, {126: 2, 127: 8}.get(wire[1] & 127, 0)
    head = wire[: 2 + size + 4 * masked]
    payload = wire[len(head) :]
    if masked:
        payload = bytes(byte ^ head[-4 + place % 4] for place, byte in enumerate(payload))
    return f"{head.hex(' ')} | {payload.hex(' ')}".rstrip()
