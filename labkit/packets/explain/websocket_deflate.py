"""permessage-deflate on a tape: what the handshake agreed on, and one direction's messages, inflated in order.

Rule: bounded, whatever the bytes are; a message that cannot be inflated has a sentence that says why.
Source: RFC 7692.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

MOST_OF_ONE = 1 << 24
"""Bytes that one inflated message may have."""

MOST = 1 << 26
"""Bytes that the inflated messages of one direction may have together."""

_TAIL = b"\0\0\xff\xff"  # the sender leaves it out behind each message (RFC 7692 §7.2.1)
_PARAMETER = re.compile(r'[ \t]*([^ \t;,="]+)[ \t]*(?:=[ \t]*"?([^ \t;,"]*)"?)?[ \t]*')


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both sides agreed on in the handshake.

    seen: the handshake was captured. deflate: permessage-deflate. fresh: (client, server): each message of this sender
    begins with an empty window. bits: (client, server): the window of this sender has 2**bits bytes. others: names of
    other extensions, whose bits and opcodes are not known here.
    """

    seen: bool = True
    deflate: bool = False
    fresh: tuple[bool, bool] = (False, False)
    bits: tuple[int, int] = (15, 15)
    others: tuple[str, ...] = ()


def agreed(value: str) -> Agreed:
    """Read the value of the answer's Sec-WebSocket-Extensions. Source: RFC 6455 §9.1, RFC 7692 §7.1."""
    deflate: dict[str, str] | None = None
    others: list[str] = []
    for extension in value.split(","):
        name, *rest = extension.split(";")
        name = name.strip().lower()
        if name == "permessage-deflate" and deflate is None:
            parameters = [found for each in rest if (found := _PARAMETER.fullmatch(each))]
            deflate = {found[1].lower(): found[2] or "" for found in parameters}
        elif name:
            others.append(name)
    if deflate is None:
        return Agreed(others=tuple(others))
    client, server = (f"{side}_no_context_takeover" in deflate for side in ("client", "server"))
    bits = _bits(deflate, "client"), _bits(deflate, "server")
    return Agreed(True, True, (client, server), bits, tuple(others))


def _bits(said: dict[str, str], side: str) -> int:
    value = said.get(f"{side}_max_window_bits", "")
    return int(value) if value.isdecimal() and value.isascii() and len(value) < 3 and 8 <= int(value) <= 15 else 15


class Inflating:
    """The compressed messages of one direction. fresh: each begins with an empty window. bits: of the window.

    guessed: the handshake was not captured, so earlier messages may be missing.
    """

    __slots__ = ("_bits", "_fresh", "_guessed", "_messages", "_results", "_stopped", "_total", "_z")

    def __init__(self, fresh: bool, bits: int, guessed: bool = False) -> None:
        self._fresh, self._bits, self._guessed = fresh, bits, guessed
        self._messages: list[Callable[[], bytes | None]] = []
        self._results: list[tuple[bytes, str]] = []
        self._z: zlib._Decompress | None = None
        self._stopped = ""
        self._total = 0

    def add(self, payload: Callable[[], bytes | None]) -> int:
        """Add the next message; returns its number. payload: gives its bytes, None if some of them are missing."""
        self._messages.append(payload)
        return len(self._messages) - 1

    def lost(self) -> None:
        """Messages may be missing here."""
        self.add(lambda: None)

    def result(self, number: int) -> tuple[bytes, str]:
        """(the message inflated, ``""``), or (what was inflated, why it is not all)."""
        while len(self._results) <= number:
            data, note = self._next(self._messages[len(self._results)]())
            self._total += len(data)
            if note and not self._fresh:
                self._stopped = self._stopped or "a message before it could not be inflated, and it builds on it"
            self._results.append((data, note))
        return self._results[number]

    def _next(self, packed: bytes | None) -> tuple[bytes, str]:
        if self._stopped:
            return b"", self._stopped
        if packed is None:
            return b"", "bytes of it are missing"
        room = min(MOST_OF_ONE, MOST - self._total)
        if room <= 0:
            return b"", f"the messages before it have more than {MOST:,} bytes together"
        if self._z is None or self._fresh:
            self._z = zlib.decompressobj(-self._bits)
        try:
            data = self._z.decompress(packed + _TAIL, room)
            if self._z.unconsumed_tail:
                return data, f"it has more than {room:,} bytes"
            if self._z.eof:  # a last block is allowed at the end of a message (RFC 7692 §7.2.3.4)
                self._z = None
        except zlib.error as error:
            words = str(error).rpartition(": ")[2]
            if self._guessed and "distance" in words:
                return b"", "it builds on messages from before the capture"
            return b"", f"its bytes are not DEFLATE data ({words})"
        return data, ""
