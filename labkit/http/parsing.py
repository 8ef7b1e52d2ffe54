"""Requests from bytes, by llhttp, with everything closed that llhttp lets through. No I/O.

Rule: `RequestParser.feed` takes bytes in any pieces and tells a `Taker` what they are; the same bytes tell the same,
however they are cut. Nothing that comes behind a malformed message is ever taken for a message.

llhttp reads each byte of a message. Beside it this module finds where the head and the body end: so a message can be
left alone until the one before it is answered, a head has a limit, and a body is read also where llhttp would skip it
(a request that asks for an upgrade and has a body).
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from labkit.http import request_head as head
from labkit.http import shapes
from labkit.http.framing import Chunks, Length, Malformed
from labkit.http.headers import Raw
from labkit.http.request_head import hosts as _hosts
from labkit.http.request_head import lines as _lines
from labkit.http.shapes import known as _shapes


class Limits(NamedTuple):
    """What a request may have at most; each limit has its answer.

    head: bytes from the request line to the empty line (431). fields: header fields (431). target: bytes of the
    request's target (414). body: bytes (413). trailers: bytes (431).
    """

    head: int = 16384
    fields: int = 2000
    target: int = 8192
    body: int = 2**30
    trailers: int = 16384


class Taker(Protocol):
    """Whom a parser tells what it finds, in the order of the bytes."""

    def on_head(
        self, method: str, target: str, version: str, raw: Raw, keep_alive: bool, upgrade: bool, expects: bytes
    ) -> bool:
        """A head is whole. Returns whether to read no further: the connection is another protocol's from here on.

        raw: the fields. upgrade: it asks for another protocol. keep_alive: the connection may stand afterwards.
        expects: the value of Expect, in lower case, or b"".
        """

    def on_body(self, data: bytes) -> None:
        """Bytes of the body."""

    def on_end(self, trailers: Raw | None) -> bool:
        """The message is whole. Returns whether to read on: the next message may begin."""


_CRLF2 = b"\r\n\r\n"


class RequestParser:
    """The requests of one connection."""

    __slots__ = (
        "_completed", "_fields", "_framing", "_fresh", "_head", "_is_reading", "_keeps", "_limits", "_llhttp", "_rest",
        "_side", "_taker", "_upgrades", "alone", "on_body", "on_header", "over", "started",
    )  # fmt: skip

    def __init__(self, taker: Taker, limits: Limits) -> None:
        self._taker, self._limits = taker, limits
        self._fields: dict[bytes, bytes] = {}  # of a name that comes again, the first one: see `_begin`
        self.on_body, self.on_header = taker.on_body, self._fields.setdefault  # llhttp calls these
        self._llhttp = HttpRequestParser(self)
        self._head = b""  # a head that is not whole yet
        self._framing: Length | Chunks | None = None  # of the body that is being read
        self._side: HttpRequestParser | None = None  # reads a body that llhttp would skip
        self._completed = False
        self._keeps = self._upgrades = False
        self._rest = b""  # not read yet: the taker has stopped
        self._is_reading = False
        self.alone = False  # behind what is read, or was read last, nothing has come
        self._fresh = True  # a new message begins with the next byte, and nothing waits to be read
        self.over = False  # nothing that comes is a request any more
        self.started = False  # the first bytes of a message have come, and it is not whole

    def feed(self, data: bytes) -> None:
        """Read on; raises `Malformed`, after which nothing is read any more."""
        if self.over:
            return  # what waits is kept: it is the next protocol's
        end = data.find(_CRLF2) + 4 if self._fresh else 0
        if self._is_reading:  # a listener runs, further up
            self._rest += data
            return
        self._is_reading, self._fresh = True, False
        self.alone = end == len(data)
        try:
            if 3 < end <= self._limits.head and data[0] > 32:  # the usual case: one head, whole, and perhaps its body
                if self.alone:
                    if self._begin(data, True) and self._rest:  # it came in while the listeners ran
                        data, self._rest = self._rest, b""
                        self._read_pieces(data, 0)
                elif self._begin(data[:end], True):
                    self._read_pieces(data, end)
                else:
                    self._rest = data[end:] + self._rest
            else:
                data, self._rest = self._rest + data, b""
                self._read_pieces(data, 0)
        except Malformed:
            self.over = True
            self._rest = b""
            raise
        finally:
            self._is_reading = False
        self._fresh = self._framing is None and not self._head and not self._rest

    def _read_pieces(self, data: bytes, at: int) -> None:
        end = len(data)
        while at < end:
            at = self._read_head(data, at) if self._framing is None else self._read_body(data, at)
            if at < 0:  # stopped, with so much left
                self._rest = data[~at:] + self._rest
                return
            if self._rest:  # came in while the listeners ran
                data, self._rest = data[at:] + self._rest, b""
                at, end = 0, len(data)

    def keep(self, data: bytes) -> None:
        """Take bytes without reading them: `feed` does so."""
        self._rest += data
        self._fresh = False

    def take_rest(self) -> bytes:
        """What came and was not read: it belongs to the next protocol."""
        rest, self._rest = self._rest, b""
        self.over = True
        return rest

    @property
    def waits(self) -> int:
        """Bytes that came and were not read yet."""
        return len(self._rest)

    # -- the head

    def _read_head(self, data: bytes, at: int) -> int:
        """Read a head, or a part of it; returns where to go on, or ~where if the taker has stopped."""
        limits = self._limits
        before = self._head
        if not before:
            while data[at : at + 2] == b"\r\n":  # RFC 9112 section 2.2: empty lines before a request are ignored
                at += 2
            if data[at:] in (b"", b"\r"):  # half of an empty line is kept until the other half comes
                return at if at == len(data) else ~at
            stop = data.find(_CRLF2, at)
            if stop < 0:
                return self._read_part(data, at)
            end = stop + 4
            whole = data if end == len(data) and not at else data[at:end]
            if len(whole) > limits.head:
                return self._read_part(data, at)
        else:
            joint = len(before) - 3 if len(before) > 3 else 0
            tail = before[joint:]
            found = (tail + data[at : at + limits.head + 4]).find(_CRLF2)
            size = len(data) - at if found < 0 else found + 4 - len(tail)
            if found < 0 or len(before) + size > limits.head:
                return self._read_part(data, at)
            end = at + size
            whole = before + data[at:end]
        self._parse(whole[len(before) :])
        self._head = b""
        return end if self._begin(whole, False) else ~end

    def _read_part(self, data: bytes, at: int) -> int:
        """Read the first part of a head, so that what is wrong in it is answered now."""
        limit = self._limits.head
        piece = data[at : at + limit - len(self._head)]
        self.started = True
        self._head += piece
        self._parse(piece)
        line = self._head.partition(b"\r\n")[0]
        if len(line.partition(b" ")[2].partition(b" ")[0]) > self._limits.target:
            raise Malformed("the target of the request is too long", 414, "HPE_HEADER_OVERFLOW")
        if at + len(piece) < len(data) or len(self._head) >= limit:
            raise Malformed("the head of the request is too large", 431, "HPE_HEADER_OVERFLOW")
        return len(data)

    def _parse(self, data: bytes) -> None:
        try:
            self._llhttp.feed_data(data)
        except HttpParserUpgrade:
            pass  # it would read no body: `_begin` looks whether there is one
        except HttpParserError as error:
            raise self._refused(error) from None

    def _refused(self, error: HttpParserError) -> Malformed:
        words = str(error)
        status = 505 if words == "Invalid HTTP version" or "PRI" in words else 400
        return Malformed(words, status, "HPE_" + re.sub(r"\W+", "_", words).upper().strip("_"))

    def _begin(self, line: bytes, is_new: bool) -> bool:
        """A head is whole: look at all that llhttp lets through; returns whether to read on.

        line: the head, to its last byte. is_new: llhttp has not read it yet.
        """
        llhttp, limits = self._llhttp, self._limits
        if is_new:
            try:
                llhttp.feed_data(line)
            except HttpParserUpgrade:
                pass  # see `_parse`
            except HttpParserError as error:
                raise self._refused(error) from None
        first = line[: line.find(b"\r\n")]
        known = _lines.get(first)
        if known is None or known[3] > limits.target:
            known = head.read_line(first, llhttp.get_method(), limits.target)
        verb, target, version, _ = known
        fields = self._fields
        names = (*fields,)
        raw: Raw = fields.copy()
        fields.clear()
        host, special, _ = _shapes.get(names) or shapes.of(names)
        if len(names) != line.count(b"\n") - 2:  # a name came twice
            raw = head.Exact(line).raw
            host, special, _ = shapes.of(tuple(name for name, _ in raw))
        if len(raw) > limits.fields:
            raise Malformed("the request has too many header fields", 431, "HPE_HEADER_OVERFLOW")
        if not host:
            head.check_no_host(raw, version)
        elif (value := raw[host] if isinstance(raw, dict) else head.first(raw, host)) not in _hosts:
            head.check_host(value)
        upgrade, expects = self._upgrades, b""
        if special or upgrade:
            upgrade, expects = self._look(raw, special, verb, version)
        framing = self._framing
        completed, self._completed = self._completed, False
        if completed != (framing is None or self._side is not None):
            raise Malformed("the framing of the message is in doubt")
        self.started = framing is not None
        if self._taker.on_head(verb, target, version, raw, self._keeps, upgrade, expects):
            self.over = True
            return False
        if framing is not None:
            return True
        more = self._taker.on_end(None)  # as in `_read_body`
        if not self._keeps:
            self.over = True
            return False
        return more

    def _look(
        self, raw: Raw, special: tuple[tuple[bytes, bytes], ...], verb: str, version: str
    ) -> tuple[bool, bytes]:
        """Find how the body is framed. Returns whether the request asks for another protocol, and what it expects."""
        limits, upgrade = self._limits, self._upgrades
        length, coding, expects = head.special_fields(raw, special)
        framing: Length | Chunks | None = None
        if coding:
            head.check_coding(coding, version, length)
            framing = Chunks(limits.body, limits.trailers)
        elif length > 0:
            if length > limits.body:
                raise Malformed("the body is too large", 413, "ERR_BODY_TOO_LARGE")
            framing = Length(length)
        if verb == "CONNECT" and (framing is not None or length >= 0):
            raise Malformed("a CONNECT request has no body (RFC 9110 section 9.3.6)", code="HPE_CONNECT_BODY")
        if upgrade and framing is not None:
            self._side = HttpRequestParser(self)
            framed = b"Transfer-Encoding: chunked" if coding else b"Content-Length: %d" % length
            self._side.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framed)
            self._fields.clear()
            upgrade = False  # a server may ignore it (RFC 9110 section 7.8), and there is a body to be read first
        self._framing = framing
        return upgrade, expects

    # -- the body

    def _read_body(self, data: bytes, at: int) -> int:
        framing = self._framing
        assert framing is not None
        if type(framing) is Length:  # as `Length.take`
            left, came = framing.left, len(data) - at
            size, ended = (left, True) if left <= came else (came, False)
            framing.left = left - size
        else:
            size, ended = framing.take(data, at)
        end = at + size
        parser = self._side or self._llhttp
        try:
            parser.feed_data(data if not at and end == len(data) else data[at:end])
        except HttpParserError as error:
            raise self._refused(error) from None
        if self._completed != ended:
            raise Malformed("the framing of the message is in doubt")
        if not ended:
            return end
        self._completed = self.started = False
        self._framing = self._side = None
        self.alone = end == len(data)
        trailers: Raw | None = None
        if self._fields:
            self._fields.clear()
            if type(framing) is Chunks:
                trailers = framing.fields()
        more = self._taker.on_end(trailers)
        if not self._keeps:
            self.over = True  # RFC 9112 section 9.6: what comes behind "Connection: close" is not processed
        return end if more and not self.over else ~end

    # -- from llhttp

    def on_headers_complete(self) -> None:
        """What llhttp knows only now."""
        if self._side is None:
            self._keeps, self._upgrades = self._llhttp.should_keep_alive(), self._llhttp.should_upgrade()

    def on_message_complete(self) -> None:
        """The end, as llhttp sees it."""
        self._completed = True
