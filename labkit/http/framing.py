"""Where a body ends: by length, or by chunks (RFC 9112 sections 6 and 7). Finds the end; keeps nothing of the body.

Rule: no I/O; each of the two is given bytes and says how many of them belong to the message. What is inside is llhttp's
business (parsing.py): it reads the same bytes, and both must agree.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_CHUNK_LINE = 4096
"""Bytes of one chunk's size line, extensions included (RFC 9112 section 7.1.1 asks for a limit)."""

MAX_EXTENSIONS = 16384
"""Bytes of all extensions of one body, as in Node: one byte of data in each chunk would carry 4 kB of them."""

MAX_DIGITS = 16
"""Hexadecimal digits of a chunk's size, without zeros in front: 64 bits."""


class Malformed(Exception):
    """The message breaks HTTP's grammar, or a limit. status: the answer. code: Node's, or the parser's, name for it."""

    def __init__(self, words: str, status: int = 400, code: str = "HPE_INVALID") -> None:
        super().__init__(words)
        self.words, self.status, self.code = words, status, code


class Taken(NamedTuple):
    """size: how many of the bytes given belong to the body. ended: whether the body ends with them."""

    size: int
    ended: bool


class Length:
    """A body of a known number of bytes."""

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, data: bytes, start: int) -> Taken:
        """How much of data, from start on, belongs to the body."""
        size = min(self.left, len(data) - start)
        self.left -= size
        return Taken(size, not self.left)


class Chunks:
    """A body in chunks, with its trailers. most: bytes of the body; trailers: bytes of the trailer section."""

    __slots__ = ("_extensions", "_left", "_line", "_most", "_state", "_trailer_left", "_trailers", "size")

    def __init__(self, most: int, trailers: int) -> None:
        self._most, self._trailer_left = most, trailers
        self._state = "size"
        self._line = b""  # a line that is not whole yet
        self._left = 0  # bytes of the present chunk, with its CRLF
        self._extensions = 0
        self._trailers: list[bytes] = []  # their lines
        self.size = 0  # bytes of the body so far

    def take(self, data: bytes, start: int) -> Taken:
        """How much of data, from start on, belongs to the body; raises `Malformed`."""
        at, end = start, len(data)
        while at < end:
            if self._state == "data":
                step = min(self._left, end - at)
                self._left -= step
                at += step
                if not self._left:
                    self._state = "size"
                continue
            limit = MAX_CHUNK_LINE if self._state == "size" else self._trailer_left
            stop = data.find(b"\n", at)
            at, line = (end, data[at:]) if stop < 0 else (stop + 1, data[at : stop + 1])
            self._line += line
            if len(self._line) > limit:
                if self._state == "size":
                    raise Malformed("a chunk's size line is too long", 413, "HPE_CHUNK_EXTENSIONS_OVERFLOW")
                raise Malformed("the trailers are too large", 431, "HPE_HEADER_OVERFLOW")
            if stop < 0:
                digits = self._line.partition(b";")[0].rstrip(b"\r")
                if self._state == "size" and len(digits.lstrip(b"0")) > MAX_DIGITS:
                    self._begin(digits + b"\r\n")  # refused now, whatever follows
                break
            line, self._line = self._line, b""
            if not line.endswith(b"\r\n"):
                raise Malformed("a line of a chunked body ends without CR")
            if self._state == "size":
                self._begin(line)
            elif line == b"\r\n":
                return Taken(at - start, True)
            else:
                self._trailer_left -= len(line)
                self._trailers.append(line)
        return Taken(at - start, False)

    def fields(self) -> list[tuple[bytes, bytes]]:
        """The trailers: name and value. For a body that has ended, and whose bytes a parser has found good."""
        parts = [line.partition(b":") for line in self._trailers]
        return [(name, value.strip(b" \t\r\n")) for name, _, value in parts]

    def _begin(self, line: bytes) -> None:
        digits = line[:-2].partition(b";")[0].rstrip(b" \t")
        if not digits or digits.strip(b"0123456789abcdefABCDEF"):
            raise Malformed("a chunk's size is not a hexadecimal number", code="HPE_INVALID_CHUNK_SIZE")
        self._extensions += len(line) - 2 - len(digits)
        if self._extensions > MAX_EXTENSIONS:
            raise Malformed("the extensions of the chunks are too long", 413, "HPE_CHUNK_EXTENSIONS_OVERFLOW")
        size = int(digits, 16)
        self.size += size
        if self.size > self._most:
            raise Malformed("the body is too large", 413, "ERR_BODY_TOO_LARGE")
        if size:
            self._state, self._left = "data", size + 2
        else:
            self._state = "trailers"
