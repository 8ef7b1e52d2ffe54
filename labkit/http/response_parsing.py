"""What a client reads: responses, taken apart by llhttp, with everything refused that llhttp lets through.

Rule: bytes in, parts of a response out; no socket. How a body ends is decided here, once, by RFC 9112 section 6.3.

llhttp (by httptools) reads the head, as in Node. The body is counted here, because llhttp cannot be told that a
response answers HEAD, and does not say where a message ended: what stands behind it would go unseen.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple, Protocol

import httptools

from labkit.http.headers import Pairs, tokens
from labkit.http.response_chunks import BadResponse, Chunks

MAX_HEAD = 16 * 1024
"""Bytes of a response's head, as in Node; a longer one is refused."""

MOST_INTERIM = 100
"""Interim responses (1xx) before one final response."""

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search

_CODES = (
    ("Expected HTTP/", "HPE_INVALID_CONSTANT"),
    ("Duplicate Content-Length", "HPE_UNEXPECTED_CONTENT_LENGTH"),
    ("Content-Length can't", "HPE_UNEXPECTED_CONTENT_LENGTH"),
    ("Transfer-Encoding can't", "HPE_INVALID_TRANSFER_ENCODING"),
    ("Content-Length overflow", "HPE_INVALID_CONTENT_LENGTH"),
    ("Empty Content-Length", "HPE_INVALID_CONTENT_LENGTH"),
    ("Invalid character in Content-Length", "HPE_INVALID_CONTENT_LENGTH"),
    ("Invalid HTTP version", "HPE_INVALID_VERSION"),
    ("Invalid status code", "HPE_INVALID_STATUS"),
    ("Invalid response status", "HPE_INVALID_STATUS"),
    ("Missing expected CR", "HPE_CR_EXPECTED"),
    ("Missing expected LF", "HPE_LF_EXPECTED"),
    ("Expected LF", "HPE_STRICT"),
    ("Unexpected whitespace", "HPE_INVALID_HEADER_TOKEN"),
    ("Unexpected space", "HPE_INVALID_HEADER_TOKEN"),
    ("Invalid header", "HPE_INVALID_HEADER_TOKEN"),
)
"""Of what llhttp says, the beginning, and Node's code for it."""


class Head(NamedTuple):
    """The head of a response. version: ``"1.1"``. raw: the fields as they came. stays: the connection may be kept."""

    version: str
    status: int
    phrase: str
    raw: Pairs
    stays: bool


class Taker(Protocol):
    """Who is given the parts of a response."""

    def interim(self, head: Head) -> None:
        """A 1xx response, after which the final one comes."""

    def begins(self, head: Head) -> None:
        """The head of the final response."""

    def piece(self, data: bytes) -> None:
        """A piece of its body."""

    def ends(self, trailers: Pairs, surplus: bool) -> None:
        """All of it has come. surplus: bytes stand behind it, which answer nothing."""

    def switches(self, head: Head, rest: bytes) -> None:
        """The connection belongs to another protocol now (101), or to a tunnel. rest: what stands behind the head."""


class _In(IntEnum):
    HEAD = 0
    LENGTH = 1
    CHUNKS = 2
    REST = 3
    OVER = 4


_HEAD, _LENGTH, _CHUNKS, _REST, _OVER = _In  # a name of the module costs less than a member of the class


class ResponseParser:
    """Takes one response apart, with the interim ones before it, and after `restart` another one.

    method: of the request that it answers. has_begun: something has come. stopped: set it, and nothing more is given to
    the taker.
    """

    __slots__ = (
        "_all_read", "_chunks", "_fields", "_head_done", "_in", "_interim", "_left", "_llhttp", "_method", "_phrase",
        "_seen", "_tail", "_taker", "has_begun", "stopped",
    )  # fmt: skip

    def __init__(self, taker: Taker, method: str) -> None:
        self._taker = taker
        self._all_read = False  # llhttp has read this message to its end, and expects the next one
        self.restart(method)

    def restart(self, method: str) -> None:
        """Forget what has come: the next bytes begin the answer to another request on the same connection."""
        self._method = method
        if not self._all_read:
            self._llhttp = httptools.HttpResponseParser(self)
        self._all_read = False
        self._in = _HEAD
        self._chunks: Chunks | None = None
        self._left = 0  # bytes of a body with a length that have not come
        self._interim = 0
        self.has_begun = False
        self.stopped = False
        self._fields: Pairs = []
        self._phrase = b""
        self._tail = b""  # the last bytes of what has come of the head
        self._seen = 0
        self._head_done = False

    def _next_head(self) -> None:
        self._fields = []
        self._phrase = self._tail = b""
        self._seen = 0
        self._head_done = False

    @property
    def is_over(self) -> bool:
        """Whether the whole response has come."""
        return self._in is _OVER

    # -- what llhttp calls

    def on_status(self, phrase: bytes) -> None:
        """A piece of the reason phrase."""
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The empty line has come."""
        self._head_done = True

    def on_message_complete(self) -> None:
        """The end, as llhttp sees it."""
        self._all_read = True

    # -- what the connection calls

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises `BadResponse` once; nothing may be fed after that."""
        self.has_begun = True
        place, end = 0, len(data)
        while place < end and not self.stopped:
            if self._in is _HEAD:
                place = self._feed_head(data, place)
            elif self._in is _REST:
                self._taker.piece(data[place:] if place else data)
                return
            elif self._in is _LENGTH:
                piece = data[place : place + self._left]
                place += len(piece)
                self._left -= len(piece)
                self._skip(piece)
                self._taker.piece(piece)
                if not self._left:
                    self._end([], place < end)
            elif self._in is _CHUNKS:
                assert self._chunks is not None
                place = self._chunks.feed(data, place)
                if self._chunks.is_over:
                    self._end(self._chunks.trailers, place < end)
            else:
                return  # surplus: it was told of

    def _skip(self, piece: bytes) -> None:
        """Have llhttp pass over a piece of the body, only so that it can read the next response, too."""
        try:
            self._llhttp.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._all_read = False  # `restart` makes another one

    def finish(self) -> bool:
        """The server has ended; returns whether the response is whole. A body without a length ends so."""
        if self._in is _REST and not self.stopped:
            self._end([], False)
        return self._in is _OVER

    def _end(self, trailers: Pairs, surplus: bool) -> None:
        self._in = _OVER
        if not self.stopped:
            self._taker.ends(trailers, surplus)

    def _feed_head(self, data: bytes, start: int) -> int:
        """Feed llhttp up to the empty line; returns where the head ends in data."""
        if not self._seen and data[start] != 0x48:  # "H": llhttp would pass over line ends, and takes RTSP and ICE
            raise BadResponse(
                f"this is no HTTP: the answer begins with {data[start : start + 20]!r}", code="HPE_INVALID_CONSTANT"
            )
        tail = self._tail
        joint = (tail + data[start : start + 3]).find(b"\r\n\r\n") if tail else -1
        if joint >= 0:
            end = start + joint + 4 - len(tail)
        else:
            found = data.find(b"\r\n\r\n", start)
            end = found + 4 if found >= 0 else len(data)
        self._seen += end - start
        if self._seen > MAX_HEAD:
            raise BadResponse(
                f"the head of the answer is longer than {MAX_HEAD} bytes", "Send fewer or shorter fields.",
                code="HPE_HEADER_OVERFLOW",
            )  # fmt: skip
        part = data if not start and end == len(data) else data[start:end]
        try:
            self._llhttp.feed_data(part)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._head_done:
                raise _told(error) from None
        if self._head_done:
            self._take_head(data, end, not tail and data.startswith(b"HTTP/1.1 ", start))
        else:
            self._tail = (tail + part)[-3:]
        return end

    def _take_head(self, data: bytes, end: int, is_usual: bool) -> None:
        """Check the head, and decide how the body ends. is_usual: it is known to be of HTTP/1.1."""
        parser = self._llhttp
        version = "1.1" if is_usual else parser.get_http_version()
        status = parser.get_status_code()
        raw = self._fields
        if version not in ("1.1", "1.0"):
            raise BadResponse(f"the answer is of HTTP/{version}", "This client speaks 1.1.", code="HPE_INVALID_VERSION")
        if status < 100:
            raise BadResponse(f"{status:03} is no status code", code="HPE_INVALID_STATUS")
        if _CONTROL(self._phrase):
            raise BadResponse(f"the reason phrase holds a control character: {self._phrase!r}", code="HPE_STRICT")
        length, coding, options = -1, "", ""
        for name, value in raw:
            size = len(name)  # most names can be told from these by their length alone
            if size == 14:
                if name.lower() == b"content-length":
                    length = int(value)
            elif size == 17:
                if name.lower() == b"transfer-encoding":
                    coding += ("," if coding else "") + value.decode("latin-1").strip(" \t").lower()
            elif size == 10 and name.lower() == b"connection":
                options += "," + value.decode("latin-1")
        if coding and (coding != "chunked" or version == "1.0"):
            raise BadResponse(
                f"the answer says Transfer-Encoding: {coding} (HTTP/{version}), so its end is in doubt",
                "This client understands chunked alone, in HTTP/1.1 (RFC 9112 section 6.1).",
                code="HPE_INVALID_TRANSFER_ENCODING",
            )
        if options and options != ",keep-alive":
            said = tokens(options)
            stays = "close" not in said and (version == "1.1" or "keep-alive" in said)
        else:
            stays = bool(options) or version == "1.1"
        head = Head(version, status, self._phrase.decode("latin-1"), raw, stays)
        if status == 101 or (self._method == "CONNECT" and status >= 200):
            self._in = _OVER
            self._taker.switches(head, data[end:])
        elif status < 200:
            self._take_interim(head)
        else:
            self._take_final(head, length, bool(coding), end < len(data))

    def _take_interim(self, head: Head) -> None:
        self._interim += 1
        if self._interim > MOST_INTERIM:
            raise BadResponse(f"more than {MOST_INTERIM} interim answers came, and no final one", code="HPE_STRICT")
        self._llhttp = httptools.HttpResponseParser(self)
        self._all_read = False
        self._next_head()
        self._taker.interim(head)

    def _take_final(self, head: Head, length: int, chunked: bool, more: bool) -> None:
        bare = self._method == "HEAD" or head.status in (204, 304)  # RFC 9112 section 6.3, rule 1
        if not bare and not chunked and length < 0:
            self._in = _REST
            head = head._replace(stays=False)
        elif bare or (not chunked and not length):
            self._in = _OVER
        elif chunked:
            self._in = _CHUNKS
            self._chunks = Chunks(self._taker.piece)
        else:
            self._in, self._left = _LENGTH, length
        self._taker.begins(head)
        if self._in is _OVER:
            self._end([], more)


def _told(error: Exception) -> BadResponse:
    words = str(error)
    code = next((code for begin, code in _CODES if words.startswith(begin)), None)
    return BadResponse(f"the head of the answer is not well formed: {words}", code=code)
