"""permessage-deflate: messages are compressed before they are cut into frames, and inflated as they come.

Rule: bytes in, bytes out, and never more than the room that there is; what was agreed on is extensions.py.
"""

from __future__ import annotations

import zlib
from typing import Any

from labkit.websocket.codes import ProtocolError
from labkit.websocket.extensions import PerMessageDeflate

TAIL = b"\x00\x00\xff\xff"
"""How a flushed DEFLATE stream ends; it is not sent. Source: RFC 7692 section 7.2.1."""

FINALS = 16
"""DEFLATE blocks marked as the last one that a message may have: each costs a new inflater."""


class Deflate:
    """Both directions of one connection. agreed: see `labkit.websocket.extensions`. threshold: see there.

    is_sending: a compressed message was begun and not ended.
    """

    __slots__ = (
        "_deflater", "_finals", "_fresh_in", "_fresh_out", "_inflater", "_level", "_memory", "_window_in",
        "_window_out", "is_sending", "threshold",
    )  # fmt: skip

    def __init__(self, agreed: PerMessageDeflate, *, is_server: bool) -> None:
        mine, theirs = ("server", "client") if is_server else ("client", "server")
        self._fresh_out: bool = getattr(agreed, f"{mine}_no_context_takeover")
        self._fresh_in: bool = getattr(agreed, f"{theirs}_no_context_takeover")
        # zlib has no raw window of 8 bits. One of 9 looks back 512 - 262 bytes at most, which is less than 256.
        self._window_out: int = max(9, getattr(agreed, f"{mine}_max_window_bits"))
        self._window_in: int = getattr(agreed, f"{theirs}_max_window_bits")
        self._level, self._memory, self.threshold = agreed.level, agreed.memory, agreed.threshold
        self._deflater: Any = None
        self._inflater: Any = None
        self._finals = 0
        self.is_sending = False

    def deflate(self, data: bytes, last: bool) -> bytes:
        """Compress the next bytes of a message. last: no more follow. Source: RFC 7692 section 7.2.1."""
        deflater = self._deflater
        if deflater is None:
            deflater = self._deflater = zlib.compressobj(self._level, zlib.DEFLATED, -self._window_out, self._memory)
        self.is_sending = not last
        packed: bytes = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
        if last:
            packed = packed[:-4] if packed.endswith(TAIL) else packed + b"\x00"  # section 7.2.3.6: nothing to flush
            if self._fresh_out:
                self._deflater = None
        return packed

    def inflate(self, data: bytes, last: bool, room: int) -> bytes:
        """Inflate the next bytes of a message. last: no more follow. room: bytes that there may be.

        Raises `ProtocolError`: 1007 for what is not DEFLATE, 1009 for more than room. Source: RFC 7692 section 7.2.2.
        """
        found: bytes = self._inflated(data + TAIL if last else data, room)
        if last:
            self._finals = 0
            if self._fresh_in:
                self._inflater = None
        return found

    def _inflated(self, data: bytes, room: int) -> bytes:
        found: bytes = b""
        while True:
            if self._inflater is None:
                self._inflater = zlib.decompressobj(-self._window_in)
            try:
                found += self._inflater.decompress(data, room + 1 - len(found))
            except zlib.error as error:
                raise ProtocolError(1007, f"a compressed message cannot be inflated: {error}") from None
            if len(found) > room:
                raise ProtocolError(1009, "a compressed message inflates to more bytes than are allowed")
            if not self._inflater.eof:
                return found
            # A block said that it is the last one (section 7.2.3.4); what follows begins a new stream.
            data, self._inflater = self._inflater.unused_data, None
            self._finals += 1
            if data in (TAIL, b"\x00" + TAIL):  # nothing does: RFC 7692's example appends one byte of 0
                return found
            if self._finals > FINALS:
                raise ProtocolError(1007, f"a compressed message has more than {FINALS} last DEFLATE blocks")
