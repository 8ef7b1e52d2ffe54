"""What the reader of `websocket.reader` is fed: frames of a client, what they say, and frames that must be refused.

Rule: bytes and facts only; what an answer does with them is judged in `reading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import Any

from labkit.exercises.websocket.masking import mask

Message = tuple[int, bytes]
"""The opcode of a message or of a control frame, and its payload, unmasked."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

NAMES = {CONTINUATION: "continuation", TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}
"""Source: RFC 6455 §11.8."""

KEYS = (bytes.fromhex("37fa213d"), bytes.fromhex("00ff817e"), bytes.fromhex("81800a0d"))
"""Keys of the frames, in turn: their bytes look like other parts of a frame."""


def frame(opcode: int, payload: bytes, *, fin: bool = True, key: bytes | None = KEYS[0], rsv: int = 0,
          form: int | None = None) -> bytes:
    """One frame. key: None for a frame without a mask. form: 7, 16 or 64 bits of length; None: the shortest that fits.

    Source: RFC 6455 §5.2.
    """
    first = fin << 7 | rsv << 4 | opcode
    size = len(payload)
    form = form or (7 if size < 126 else 16 if size < 1 << 16 else 64)
    masked = 0x80 if key is not None else 0
    head = {7: lambda: pack("!BB", first, masked | size), 16: lambda: pack("!BBH", first, masked | 126, size),
            64: lambda: pack("!BBQ", first, masked | 127, size)}[form]()  # fmt: skip
    return head + (payload if key is None else key + mask(payload, key))


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes of a connection, and what is in them.

    about: what is special here, said if a reader gets it wrong. ends: where each frame ends, in bytes.
    """

    raw: bytes
    messages: tuple[Message, ...]
    about: str
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """Frames that must be refused. before: what is complete before the rule is broken.

    named: what is wrong, in few words. why: the rule.
    """

    raw: bytes
    named: str
    why: str
    before: tuple[Message, ...] = ()


def _sent(frames: list[bytes], messages: tuple[Message, ...], about: str) -> Sent:
    ends, at = [], 0
    for each in frames:
        at += len(each)
        ends.append(at)
    return Sent(b"".join(frames), messages, about, tuple(ends))


def _f(opcode: int, payload: bytes, number: int = 0, *, fin: bool = True) -> bytes:
    return frame(opcode, payload, fin=fin, key=KEYS[number % len(KEYS)])


HELLO = _sent([_f(TEXT, b"hello world!")], ((TEXT, b"hello world!"),),
              "Byte 0 has FIN and the opcode, byte 1 MASK and the length. Then come 4 bytes of key, and the payload.")

SMALL = (
    HELLO,
    _sent([_f(BINARY, b"\x81\x85\x00\xff\r\n", 1)], ((BINARY, b"\x81\x85\x00\xff\r\n"),),
          "A payload is bytes. Here they look like the head of a frame."),
    _sent([_f(TEXT, b"")], ((TEXT, b""),), "A payload may have 0 bytes. The key is there all the same."),
    _sent([_f(TEXT, "您好！".encode(), 2)], ((TEXT, "您好！".encode()),),
          "The length counts bytes, not characters. The payload is returned as bytes, without decoding."),
)
"""One frame each."""

SEVERAL = (
    _sent([_f(TEXT, b"one"), _f(TEXT, b"two", 1), _f(BINARY, b"3", 2)],
          ((TEXT, b"one"), (TEXT, b"two"), (BINARY, b"3")),
          "Three frames can come in one piece. feed() returns them all."),
    _sent([_f(PING, b"ping?"), _f(TEXT, b""), _f(PONG, b"", 1), _f(CLOSE, b"\x03\xe8bye", 2)],
          ((PING, b"ping?"), (TEXT, b""), (PONG, b""), (CLOSE, b"\x03\xe8bye")),
          "Control frames (close 8, ping 9, pong 10) are returned like messages, with their payload."),
)
"""Several frames in one piece."""

LENGTHS = tuple(
    _sent([_f(BINARY, bytes((size + at) % 251 for at in range(size)), size), _f(TEXT, b"next", 1)],
          ((BINARY, bytes((size + at) % 251 for at in range(size))), (TEXT, b"next")), about)
    for size, about in (
        (125, "125 is the largest length that the 7 bits hold themselves."),
        (300, "126 in the 7 bits says: the length is in the next 2 bytes, the most significant byte first."),
        (126, "126 in the 7 bits says: the length is in the next 2 bytes, the most significant byte first."),
        (65535, "65535 is the largest length that 2 bytes hold."),
        (65536, "127 in the 7 bits says: the length is in the next 8 bytes, the most significant byte first."),
    )
)
"""Lengths in 7, 16 and 64 bits, each with a frame behind it."""

FRAGMENTS = (
    _sent([_f(TEXT, b"hello ", fin=False), _f(CONTINUATION, b"world!", 1)], ((TEXT, b"hello world!"),),
          "FIN is 0 in the first frame: the message goes on in a frame with opcode 0, which has FIN."),
    _sent([_f(BINARY, b"\x01", fin=False), _f(CONTINUATION, b"", 1, fin=False), _f(CONTINUATION, b"\x02", 2, fin=False),
           _f(CONTINUATION, b""), _f(TEXT, b"next")], ((BINARY, b"\x01\x02"), (TEXT, b"next")),
          "A message can have many frames, some of them without a payload. Its opcode stands in the first one."),
    _sent([_f(TEXT, "您好！".encode()[:4], fin=False), _f(CONTINUATION, "您好！".encode()[4:], 1)],
          ((TEXT, "您好！".encode()),), "A frame may end inside a character."),
)
"""Messages of several frames. Source: RFC 6455 §5.4."""

BETWEEN = (
    _sent([_f(TEXT, b"hello ", fin=False), _f(PING, b"still there?", 1), _f(CONTINUATION, b"world!", 2)],
          ((PING, b"still there?"), (TEXT, b"hello world!")),
          "A ping may come between the frames of a message. It is returned at once, and the message goes on after it."),
    _sent([_f(TEXT, b"a", fin=False), _f(PONG, b"", 1), _f(CONTINUATION, b"b", 2, fin=False), _f(PING, b"x"),
           _f(CONTINUATION, b"c", 1), _f(CLOSE, b"\x03\xe9", 2)],
          ((PONG, b""), (PING, b"x"), (TEXT, b"abc"), (CLOSE, b"\x03\xe9")),
          "Several control frames may come between, and each is returned at once. They are no part of the message."),
)
"""Control frames between the frames of a message. Source: RFC 6455 §5.4, §5.5."""

SHORT = (*SMALL, *SEVERAL, *FRAGMENTS, *BETWEEN)
"""What is cut at every byte; of `LENGTHS` only the heads are."""

_PART = frame(TEXT, b"hello ", fin=False)

BROKEN = (
    Broken(frame(TEXT, b"hello", key=None), "a frame without a mask",
           "Each frame of a client is masked (RFC 6455, section 5.1)."),
    Broken(frame(TEXT, b"hello", rsv=4), "RSV1 = 1",
           "The three reserved bits are 0, unless an extension was agreed on (section 5.2)."),
    Broken(frame(TEXT, b"hello", rsv=1), "RSV3 = 1",
           "The three reserved bits are 0, unless an extension was agreed on (section 5.2)."),
    Broken(frame(3, b"hello"), "opcode 3", "The opcodes 3 to 7 are not defined (section 5.2)."),
    Broken(frame(11, b""), "opcode 11", "The opcodes 11 to 15 are not defined (section 5.2)."),
    Broken(frame(PING, b"hello", fin=False), "a ping with FIN = 0", "A control frame has no fragments (section 5.5)."),
    Broken(frame(PING, bytes(126)), "a ping of 126 bytes", "A control frame has at most 125 bytes (section 5.5)."),
    Broken(frame(CONTINUATION, b"world!"), "a continuation of nothing",
           "Opcode 0 continues a message. Here none was begun (section 5.4)."),
    Broken(_PART + frame(CONTINUATION, b"world!") + frame(CONTINUATION, b"!"), "a continuation after the last frame",
           "The frame with FIN has ended the message. After it, opcode 0 continues nothing (section 5.4).",
           ((TEXT, b"hello world!"),)),
    Broken(_PART + frame(TEXT, b"world!"), "a new message inside a message",
           "Until a frame with FIN has come, only opcode 0 continues the message (section 5.4)."),
    Broken(frame(BINARY, bytes(125), form=16), "the length 125 in 16 bits",
           "A length has the shortest form that fits (section 5.2)."),
    Broken(frame(BINARY, bytes(300), form=64), "the length 300 in 64 bits",
           "A length has the shortest form that fits (section 5.2)."),
    Broken(pack("!BBQ", 0x82, 0xFF, 1 << 63) + KEYS[0], "a length of 2**63",
           "The most significant of the 64 bits is 0 (section 5.2)."),
)
"""Each must be refused. Source: RFC 6455 §5."""


def difference(right: tuple[Message, ...], given: list[Any]) -> tuple[int, Message | None, Any] | None:
    """The first message that differs: (its number from 1, the right one, the given one); None if nothing does.

    The right one is None if a message is too many, the given one if it is missing.
    """
    for number in range(max(len(right), len(given))):
        one = right[number] if number < len(right) else None
        other = given[number] if number < len(given) else None
        if one is None or other is None or one != tuple(other):
            return number + 1, one, other
    return None
