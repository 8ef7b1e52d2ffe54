"""A body in chunks, as a client reads it: the sizes, the data, and the trailers behind it.

Rule: the grammar of RFC 9112 section 7.1 and nothing beside it; knows where the body ends, to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum

from labkit.core.errors import NetError
from labkit.http.headers import Pairs

LONGEST_SIZE_LINE = 4096
"""Bytes of a line with a chunk's size and its extensions."""

MOST_EXTENSIONS = 16 * 1024
"""Bytes of extensions in one body, all chunks together: they say nothing that anybody reads."""

LONGEST_TRAILERS = 16 * 1024
"""Bytes of all trailers together."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(;[\t\x20-\x7e\x80-\xff]*)?").fullmatch
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)").fullmatch


class BadResponse(NetError):
    """What a server sent is not an answer that a client may trust; the connection is closed.

    code: as Node names it (``HPE_...``).
    """

    code = "HPE_INVALID"

    def __init__(self, what: str, todo: str = "", *, code: str | None = None) -> None:
        super().__init__(what, todo or "The fault is the server's: look at its bytes on the tape.", code=code)


class _At(IntEnum):
    SIZE = 0
    DATA = 1
    AFTER_DATA = 2
    TRAILERS = 3
    END = 4


_SIZE, _DATA, _AFTER_DATA, _TRAILERS, _END = _At  # a name of the module costs less than a member of the class


class Chunks:
    """Takes the chunks apart. push: called with each piece of data.

    trailers: the fields behind the last chunk. is_over: the body has ended.
    """

    __slots__ = ("_at", "_extensions", "_left", "_line", "_push", "_size", "trailers")

    def __init__(self, push: Callable[[bytes], None]) -> None:
        self._push = push
        self._at = _SIZE
        self._left = 0  # bytes of the present chunk that have not come
        self._line = b""  # the beginning of a line that is not whole
        self._extensions = 0
        self._size = 0  # bytes of trailers
        self.trailers: Pairs = []

    @property
    def is_over(self) -> bool:
        """Whether all of the body, its trailers included, has come."""
        return self._at is _END

    def feed(self, data: bytes, start: int) -> int:
        """Take what comes from data[start]; returns where the body ends in it, or its length. Raises `BadResponse`."""
        place, end = start, len(data)
        while place < end and self._at is not _END:
            if self._at is _DATA:
                piece = data[place : place + self._left]
                place += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._at = _AFTER_DATA
                self._push(piece)
                continue
            limit = LONGEST_TRAILERS if self._at is _TRAILERS else LONGEST_SIZE_LINE
            feed = data.find(b"\n", place)
            if feed < 0:
                self._line += data[place:]
                if len(self._line) > limit or (self._at is _AFTER_DATA and not b"\r\n".startswith(self._line)):
                    raise self._bad(self._line)
                return end
            line = self._line + data[place : feed + 1]
            self._line = b""
            place = feed + 1
            if not line.endswith(b"\r\n") or len(line) > limit + 2:
                raise self._bad(line)
            self._take_line(line[:-2])
        return place

    def _take_line(self, line: bytes) -> None:
        if self._at is _SIZE:
            found = _SIZE_LINE(line)
            if found is None:
                raise self._bad(line)
            self._left = int(found[1], 16)
            self._extensions += len(found[2] or b"")
            if self._extensions > MOST_EXTENSIONS:
                words = "the extensions of this body's chunks are too long"
                raise BadResponse(words, code="HPE_CHUNK_EXTENSIONS_OVERFLOW")
            self._at = _DATA if self._left else _TRAILERS
        elif self._at is _AFTER_DATA:
            if line:
                raise self._bad(line)
            self._at = _SIZE
        elif not line:
            self._at = _END
        else:
            field = _FIELD(line)
            self._size += len(line) + 2
            if field is None or self._size > LONGEST_TRAILERS:
                raise self._bad(line)
            self.trailers.append((field[1], field[2].rstrip(b" \t")))

    def _bad(self, line: bytes) -> BadResponse:
        shown = line[:40]
        if self._at is _TRAILERS:
            return BadResponse(f"a trailer of this response is none: {shown!r}", code="HPE_INVALID_HEADER_TOKEN")
        if self._at is _AFTER_DATA:
            return BadResponse(
                f"a chunk does not end where its size says: {shown!r} stands there, not CR LF", code="HPE_STRICT"
            )
        return BadResponse(f"the size of a chunk is no hexadecimal number: {shown!r}", code="HPE_INVALID_CHUNK_SIZE")
