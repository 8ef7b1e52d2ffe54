"""The frames of WebSocket: made from opcode and payload, and found again in bytes, however they are cut.

Rule: bytes in, calls out; no socket, no thread, no clock. Whatever the bytes are: frames, or a `ProtocolError`.

    encode(TEXT, b"yakexi")                              # 81 06 79 61 6b 65 78 69
    parser = Parser(taker, is_server=True)
    parser.feed(data)                                    # calls taker.on_text("hello world!")
"""

from __future__ import annotations

import codecs
from struct import Struct
from typing import Any, Protocol

from labkit.core import checks
from labkit.core.calls import in_words
from labkit.core.errors import BadArgument
from labkit.websocket import masks
from labkit.websocket.codes import (
    BINARY,
    CLOSE,
    CLOSE_CODES,
    CONTINUATION,
    OPCODES,
    PING,
    PONG,
    TEXT,
    ProtocolError,
    close_payload,
    may_be_sent,
)

__all__ = [
    "BINARY", "CLOSE", "CLOSE_CODES", "CONTINUATION", "MAX_MESSAGE_SIZE", "OPCODES", "PING", "PONG", "TEXT", "Parser",
    "ProtocolError", "Taker", "close_payload", "encode", "frame", "head",
    "may_be_sent",
]  # fmt: skip

MAX_MESSAGE_SIZE = 2**24
"""Bytes of a message that are taken at most, if a program does not say otherwise."""

FIN = 0x80
MASK = 0x80

VIEW = 4096
"""Bytes from which on a view costs less than a copy."""

_medium = Struct("!BBH").pack
_large = Struct("!BBQ").pack
_SMALL = {first: [bytes((first, size)) for size in range(126)] for first in (FIN | TEXT, FIN | BINARY)}


@in_words
def encode(
    opcode: int, payload: bytes | str = b"", *, fin: bool = True, rsv: int = 0, key: bytes | None = None
) -> bytes:
    """One frame. Nothing is checked but the ranges of numbers: a lesson may break the rules.

    opcode: 0 to 15. payload: bytes (text becomes UTF-8). fin: the message ends with this frame. rsv: three bits, RSV1
    is 4. key: 4 bytes by which a client masks; None: unmasked, as a server sends. Raises `BadArgument`.
    Source: RFC 6455 section 5.2.
    """
    checks.whole(opcode, "an opcode", 0, 15)
    checks.whole(rsv, "a number of the bits RSV1, RSV2 and RSV3", 0, 7)
    data = checks.data(payload, "sent")
    if key is not None and not (isinstance(key, (bytes, bytearray)) and len(key) == 4):
        raise BadArgument(f"{checks.shown(key)} is not a masking key", 'Give 4 bytes: b"\\x01\\x02\\x03\\x04".')
    return frame((FIN if checks.flag(fin, "fin") else 0) | rsv << 4 | opcode, data, key)


def head(first: int, size: int, key: bytes | None) -> bytes:
    """All of a frame but its payload. first: its first byte. size: of the payload. key: 4 bytes, or None."""
    if key is None:
        if size < 126:
            return _SMALL[first][size] if first in _SMALL else bytes((first, size))
        return _medium(first, 126, size) if size < 65536 else _large(first, 127, size)
    if size < 126:
        return bytes((first, MASK | size)) + key
    return (_medium(first, MASK | 126, size) if size < 65536 else _large(first, MASK | 127, size)) + key


def frame(first: int, payload: bytes, key: bytes | None) -> bytes:
    """One frame, without checks. first: its first byte. key: 4 bytes, or None."""
    return head(first, len(payload), key) + (masks.apply(payload, key) if key and payload else payload)


class Taker(Protocol):
    """Who is told what a `Parser` finds. Its methods must not raise."""

    def on_text(self, text: str, /) -> Any:
        """A message of text."""

    def on_binary(self, data: bytes, /) -> Any:
        """A message of bytes."""

    def on_ping(self, data: bytes, /) -> Any:
        """A ping with this payload."""

    def on_pong(self, data: bytes, /) -> Any:
        """A pong with this payload."""

    def on_close(self, code: int, reason: str, /) -> Any:
        """A close frame; 1005: it has no code."""


class Inflater(Protocol):
    """What a `Parser` asks of an extension that compresses: see `labkit.websocket.deflate`."""

    def inflate(self, data: bytes, last: bool, room: int) -> bytes:
        """The next bytes of a message. last: no more follow. room: bytes that there may be; raises `ProtocolError`."""


class Parser:
    """Finds messages and control frames in what one side sends.

    taker: who is told. is_server: the other side is a client, and so must mask; a server must not. max_frame_size,
    max_message_size: bytes; more is answered 1009. deflate: what inflates compressed messages, if that was agreed on.
    stopped: feed keeps what comes, until `go_on`. over: a close frame or a fault has come; what follows is ignored.
    Source: RFC 6455 sections 5 and 7.
    """

    __slots__ = (
        "_decoder", "_deflate", "_fin", "_key", "_kind", "_left", "_mask", "_most", "_most_of_frame", "_packed",
        "_parts", "_rest", "_taker", "_usual", "over", "stopped",
    )  # fmt: skip

    def __init__(
        self,
        taker: Any,
        *,
        is_server: bool,
        max_frame_size: int | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
        deflate: Inflater | None = None,
    ) -> None:
        self._taker = taker
        self._mask = MASK if is_server else 0
        self._most = max_message_size
        self._most_of_frame = max_frame_size
        self._usual = max_message_size if max_frame_size is None else min(max_message_size, max_frame_size)
        self._deflate = deflate
        self._rest = b""  # bytes that are not enough for a header, or came while stopped
        self._left = 0  # bytes of the present frame's payload that are still to come
        self._key = b""  # for these bytes
        self._fin = True  # of the present frame
        self._kind = 0  # opcode of the message that is under way; 0: none
        self._packed = False  # it is compressed
        self._parts: bytearray | None = None  # what has come of it
        self._decoder: codecs.IncrementalDecoder | None = None  # checks its text as it comes
        self.stopped = self.over = False

    @property
    def waits(self) -> int:
        """Bytes that have come and are in no message that the taker was told."""
        return len(self._rest) + len(self._parts or ())

    def go_on(self) -> None:
        """Take up what came while stopped."""
        self.stopped = False
        self.feed(b"")

    def feed(self, data: bytes) -> None:
        """Take the next bytes, as they come; calls the taker. Raises `ProtocolError`; the parser is over then."""
        if type(data) is not bytes:
            if isinstance(data, str):
                raise BadArgument("a parser is fed with bytes, not with text", "Give what a socket has received.")
            data = bytes(data)
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if self.stopped or self.over:
            self._rest = b"" if self.over else data
            return
        at, end, mask = 0, len(data), self._mask
        try:
            if self._left:
                at = self._payload(data, 0, end)
            while end - at > 1:
                if self.stopped or self.over:
                    break
                # The usual frame is a whole message, and all of it is here; everything else goes through `_header`.
                first = data[at]
                size = data[at + 1] ^ mask
                start = at + 2
                if size == 126 and end - at > 3:
                    size = data[start] << 8 | data[at + 3]
                    start = at + 4
                    usual = size > 125
                elif size == 127 and end - at > 9:
                    size = int.from_bytes(data[start : at + 10], "big")
                    start = at + 10
                    usual = size > 65535
                else:
                    usual = size < 126
                if mask:
                    start += 4
                stop = start + size
                usual = usual and (first == 0x81 or first == 0x82) and not self._kind
                if usual and stop <= end and size <= self._usual:
                    if not mask:
                        payload = data[start:stop]
                    elif size < VIEW:
                        payload = masks.apply(data[start:stop], data[start - 4 : start])
                    else:
                        payload = masks.apply(memoryview(data)[start:stop], data[start - 4 : start])
                    at = stop
                    if first == 0x82:
                        self._tell_message(payload)
                        continue
                    try:
                        text = payload.decode()
                    except UnicodeDecodeError as error:
                        raise _no_utf8("a text message", error.reason) from None
                    self._tell_message(text)
                    continue
                stop = self._header(data, at, end)
                if stop < 0:
                    break
                at = stop
        except ProtocolError:
            self.over = True
            self._forget()
            raise
        if at < end and not self.over:
            self._rest = data[at:]

    def _header(self, data: bytes, at: int, end: int) -> int:
        """Read a frame, its payload as far as it is here; returns where it ends, -1 if the header is not all here."""
        first, second = data[at], data[at + 1]
        opcode, size = first & 15, second & 127
        self._check(first, second, opcode, size)
        at += 2
        if size > 125:
            wide = 2 if size == 126 else 8
            if end - at < wide:
                return -1
            size = int.from_bytes(data[at : at + wide], "big")
            if size < 126 or (wide == 8 and size < 65536):
                raise ProtocolError(1002, f"a length of {size} is written in {wide} bytes, and fewer are enough")
            if size >> 63:
                raise ProtocolError(1002, "the highest bit of a length in 8 bytes is set")
            at += wide
        if opcode < 8:
            self._check_size(size, bool(first & 0x40) if opcode else self._packed)
        key = data[at : at + 4] if self._mask else b""
        at += len(key)
        if self._mask and len(key) < 4:
            return -1
        if opcode >= 8:
            if end - at < size:
                return -1  # 125 bytes at most
            payload = data[at : at + size]
            self._control(opcode, masks.apply(payload, key) if key and size else payload)
            return at + size
        if opcode:
            self._kind, self._packed = opcode, bool(first & 0x40)
        self._left, self._key, self._fin = size, key, bool(first & FIN)
        return self._payload(data, at, end)

    def _check(self, first: int, second: int, opcode: int, size: int) -> None:
        """What the first two bytes of a frame may say; size: the 7 bits of the length."""
        reserved = first >> 4 & 7
        if reserved and not (reserved == 4 and self._deflate is not None and opcode in (TEXT, BINARY)):
            bits = " and ".join(name for bit, name in ((4, "RSV1"), (2, "RSV2"), (1, "RSV3")) if reserved & bit)
            raise ProtocolError(1002, f"{bits} set, and no extension that gives a meaning to that was agreed on")
        if opcode not in OPCODES:
            raise ProtocolError(1002, f"opcode {opcode} is reserved")
        if second & MASK != self._mask:
            if self._mask:
                raise ProtocolError(1002, "a frame of the client is not masked")
            raise ProtocolError(1002, "a frame of the server is masked")
        if opcode >= 8:
            if not first & FIN:
                raise ProtocolError(1002, f"a {OPCODES[opcode]} frame is fragmented: control frames must not be")
            if size > 125:
                raise ProtocolError(1002, f"a {OPCODES[opcode]} frame has more than 125 bytes")
            if opcode == CLOSE and size == 1:
                raise ProtocolError(1002, "a close frame has 1 byte: a close code has 2")
        elif not opcode and not self._kind:
            raise ProtocolError(1002, "a continuation frame continues nothing")
        elif opcode and self._kind:
            raise ProtocolError(1002, f"a {OPCODES[opcode]} frame comes before the last fragment of another message")

    def _check_size(self, size: int, packed: bool) -> None:
        """Refuse a frame that is too large, before its payload comes. packed: only what it inflates to counts."""
        most = self._most_of_frame
        if most is not None and size > most:
            raise ProtocolError(1009, f"a frame has {size} bytes, and {most} are allowed")
        if packed:
            return
        whole = size + len(self._parts or ())
        if whole > self._most:
            raise ProtocolError(1009, f"a message has at least {whole} bytes, and {self._most} are allowed")

    def _payload(self, data: bytes, at: int, end: int) -> int:
        """Take what is here of the present frame's payload; returns where that ends."""
        left = self._left
        stop = min(at + left, end)
        piece = data[at:stop]
        self._left = left = left - len(piece)
        if self._key and piece:
            piece = masks.apply(piece, self._key)
            if turn := len(piece) & 3:
                self._key = self._key[turn:] + self._key[:turn]
        last = not left and self._fin
        if self._packed:
            assert self._deflate is not None  # else RSV1 would have been refused
            piece = self._deflate.inflate(piece, last, self._most - len(self._parts or ()))
        if self._parts is None and last:
            self._message(piece)
            return stop
        if self._parts is None:
            self._parts = bytearray()
        self._parts += piece
        if last:
            self._message(self._parts)
        elif self._kind == TEXT and piece:
            self._look_at_text(piece)
        return stop

    def _look_at_text(self, piece: bytes) -> None:
        """Refuse text at its first wrong byte, also if the message, or its frame, is not whole yet."""
        if self._decoder is None:
            self._decoder = _decoder()
        try:
            self._decoder.decode(piece)
        except UnicodeDecodeError as error:
            raise _no_utf8("a text message", error.reason) from None
        waiting = self._decoder.getstate()[0]
        if len(waiting) == 2 and waiting[0] == 0xED and waiting[1] > 0x9F:  # Python would wait for the third byte
            raise _no_utf8("a text message", "half of a surrogate pair")

    def _message(self, whole: bytes | bytearray) -> None:
        kind = self._kind
        self._forget()
        if kind == BINARY:
            self._tell_message(bytes(whole))
            return
        try:
            text = whole.decode()
        except UnicodeDecodeError as error:
            raise _no_utf8("a text message", error.reason) from None
        self._tell_message(text)

    def _forget(self) -> None:
        """No message is under way."""
        self._kind, self._packed, self._parts, self._decoder = 0, False, None, None

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._tell_ping(payload)
        elif opcode == PONG:
            self._tell_pong(payload)
        else:
            code, reason = 1005, ""
            if payload:
                code = int.from_bytes(payload[:2], "big")
                if not may_be_sent(code):
                    name = CLOSE_CODES.get(code)
                    words = f"{code} ({name})" if name else str(code)
                    raise ProtocolError(1002, f"a close frame has the code {words}, which no frame may carry")
                try:
                    reason = payload[2:].decode()
                except UnicodeDecodeError as error:
                    raise _no_utf8("the reason of a close frame", error.reason) from None
            self.over = True
            self._forget()
            self._tell_close(code, reason)

    # -- what is told; a subclass may have other names for it

    def _tell_message(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._taker.on_text(message)
        else:
            self._taker.on_binary(message)

    def _tell_ping(self, data: bytes) -> None:
        self._taker.on_ping(data)

    def _tell_pong(self, data: bytes) -> None:
        self._taker.on_pong(data)

    def _tell_close(self, code: int, reason: str) -> None:
        self._taker.on_close(code, reason)


_decoder = codecs.getincrementaldecoder("utf-8")


def _no_utf8(where: str, why: str) -> ProtocolError:
    return ProtocolError(1007, f"{where} is not UTF-8: {why}")
