"""HTTP/1 in two streams: where each message lies, which request it answers, where HTTP ends; every byte has a name.

Rule: one grammar finds boundaries and makes fields. Lenient if a reader only has to see what is there (a line feed
alone, folded lines), strict if two readings are possible (sizes, Content-Length): then the rest of that direction is
malformed.
"""

from __future__ import annotations

import re

from labkit.packets.explain import http_rows as rows
from labkit.packets.explain.base import Row
from labkit.packets.explain.found import Exchange, Found, Switch
from labkit.packets.explain.reader import Bad, Cut, Reader, whole
from labkit.packets.streams import ByteStream

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST = re.compile(rb"(" + _TOKEN + rb")( +)([^ \t\r\n]+)( +)(HTTP/\d\.\d)")
_STATUS = re.compile(rb"(HTTP/\d\.\d)( +)(\d{3})(?:( )([^\r\n]*))?")
# At most 64 characters of a method: else a search for a request in each segment would read all that follows each time.
_ASKS = re.compile(rb"(?:\r?\n)*" + _TOKEN[:-1] + rb"{1,64} +[^ \t\r\n]+ +HTTP/\d\.\d\r?\n")
_ANSWERS = re.compile(rb"(?:\r?\n)*HTTP/\d\.\d +\d{3}[ \r\n]")
_NAME = re.compile(_TOKEN)
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
_LENGTH = re.compile(r"[0-9]{1,18}")
_LF, _CR = 10, 13
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# The fields that say how the message goes on: a search for boundaries keeps only these.
_FRAMING = frozenset(
    {"content-length", "transfer-encoding", "upgrade", "content-encoding", "sec-websocket-extensions"}
)


def asks(data: bytes, at: int) -> bool:
    """Whether a request begins here, or the preface of HTTP/2."""
    return _ASKS.match(data, at) is not None or data.startswith(PREFACE, at)


def answers(data: bytes, at: int) -> bool:
    """Whether a response begins here."""
    return _ANSWERS.match(data, at) is not None


# -- the grammar


def message(reader: Reader, found: Found, method: str = "", ended: bool = True) -> None:
    """Read one message, and say in found what it is.

    method: of the request, if this is an answer. ended: the stream's end is known, for a body that goes up to it.
    """
    if found.kind == "request" and reader.peek(len(PREFACE)) == PREFACE:
        found.kind, found.method, found.target, found.version = "preface", "PRI", "*", "HTTP/2.0"
        reader.text(rows.PREFACE, len(PREFACE))
        return
    while (following := reader.peek(2)) == b"\r\n" or following[:1] == b"\n":
        reader.text(rows.LEADING, 1 if following[:1] == b"\n" else 2)
    (_request_line if found.kind == "request" else _status_line)(reader, found)
    found.headers = []
    end = _fields(reader, found.kind, found.headers)
    _line_end(reader, end, rows.END_OF_HEADER)
    found.coding = _all(found.headers, "content-encoding").lower()
    _body(reader, found, method, ended)


def _line(reader: Reader) -> tuple[int, int]:
    """(bytes of the line that begins here, bytes of its end)."""
    stop = reader.data.find(b"\n", reader.at, reader.end)
    if stop < 0:
        raise Cut
    if stop > reader.at and reader.data[stop - 1] == _CR:
        return stop - 1 - reader.at, 2
    return stop - reader.at, 1


def _line_end(reader: Reader, size: int, row: Row = rows.CRLF) -> None:
    reader.text(row, size, meaning="" if size == 2 else "a line feed alone, which RFC 9112 §2.2 lets a receiver accept")


def _request_line(reader: Reader, found: Found) -> None:
    size, end = _line(reader)
    match = _REQUEST.fullmatch(reader.data, reader.at, reader.at + size)
    if match is None:
        raise Bad("a request line is a method, a target and a version")
    method, space, target, gap, version = match.groups()
    found.method, found.target, found.version = method.decode(), target.decode("latin-1"), version.decode()
    if not reader.keep:
        reader.at += size + end
        return
    with reader.group(rows.REQUEST_LINE, match.group().decode("latin-1")):
        reader.text(rows.METHOD, len(method), meaning=rows.METHODS.get(found.method, "a method of an extension"))
        reader.text(rows.SPACE, len(space))
        _target(reader, target)
        reader.text(rows.SPACE, len(gap))
        reader.text(rows.REQUEST_VERSION, len(version))
        _line_end(reader, end)


def _target(reader: Reader, target: bytes) -> None:
    """The request target; path and query are told apart where it has both."""
    path, mark, query = target.partition(b"?")
    if target[:1] != b"/" or not mark:
        reader.text(rows.TARGET, len(target))
        return
    with reader.group(rows.TARGET, target.decode("latin-1")):
        reader.text(rows.PATH, len(path))
        reader.text(rows.MARK, 1)
        with reader.group(rows.QUERY, query.decode("latin-1")):
            for place, one in enumerate(query.split(b"&")):
                if place:
                    reader.text(rows.AND, 1)
                reader.text(rows.PARAMETER, len(one))


def _status_line(reader: Reader, found: Found) -> None:
    size, end = _line(reader)
    match = _STATUS.fullmatch(reader.data, reader.at, reader.at + size)
    if match is None:
        raise Bad("a status line is a version, a status code and a phrase")
    version, gap, code, space, phrase = match.groups()
    found.version, found.status, found.phrase = version.decode(), int(code), (phrase or b"").decode("latin-1")
    if not reader.keep:
        reader.at += size + end
        return
    known = rows.PHRASES.get(found.status, "")
    kind = rows.CLASSES.get(found.status // 100, "no class of RFC 9110")
    with reader.group(rows.STATUS_LINE, match.group().decode("latin-1")):
        reader.text(rows.RESPONSE_VERSION, len(version))
        reader.text(rows.SPACE, len(gap))
        reader.text(rows.CODE, 3, found.status, f"{known}: {kind}" if known else kind)
        reader.text(rows.SPACE, len(space or b""))
        reader.text(rows.PHRASE, len(phrase or b""))
        _line_end(reader, end)


def _fields(reader: Reader, kind: str, headers: list[tuple[str, str]]) -> int:
    """Field lines up to the empty line, which stays; returns the bytes of its line end. Source: RFC 9112 §5."""
    data = reader.data
    while True:
        size, end = _line(reader)
        if not size:
            return end
        start = reader.at
        name = _NAME.match(data, start, start + size)
        colon = data.find(b":", start, start + size)
        if name is None or colon < 0 or data[name.end() : colon].strip(b" \t"):
            raise Bad("a field line is a name, a colon and a value")
        stop = start + size + end
        while stop < reader.end and data[stop] in b" \t":  # obs-fold: the value goes on in the next line
            more = data.find(b"\n", stop, reader.end)
            if more < 0:
                raise Cut
            stop = more + 1
        end = 2 if data[stop - 2 : stop] == b"\r\n" else 1
        key = name.group().decode().lower()
        if not reader.keep:
            reader.at = stop
            if key in _FRAMING:
                headers.append((key, data[colon + 1 : stop - end].strip(b" \t").decode("latin-1")))
            continue
        after = data[colon + 1 : stop - end]
        value = after.strip(b" \t")
        before = len(after) - len(after.lstrip(b" \t")) if value else 0
        said = value.decode("latin-1")
        with reader.group(rows.field_row(kind, key), said, said or "(empty)"):
            sent = reader.text(rows.FIELD_NAME, name.end() - start)
            reader.text(rows.OWS, colon - name.end(), meaning="RFC 9112 §5.1 forbids white space before the colon")
            reader.text(rows.COLON, 1)
            reader.text(rows.OWS, before)
            folded = "folded: RFC 9112 §5.2 has made this an error" if b"\n" in value else ""
            reader.text(rows.VALUE, len(value), meaning=folded)
            reader.text(rows.OWS, stop - end - reader.at)
            _line_end(reader, end)
        headers.append((sent, said))


# -- the body


def _all(headers: list[tuple[str, str]], wanted: str) -> str:
    return ",".join(value for name, value in headers if name.lower() == wanted)


def _body(reader: Reader, found: Found, method: str, ended: bool) -> None:
    """The cases of RFC 9112 §6.3, in their order."""
    assert found.headers is not None
    status = found.status
    if found.kind == "response" and (
        method == "HEAD" or status // 100 == 1 or status in (204, 304) or (method == "CONNECT" and status // 100 == 2)
    ):
        return
    coding = _all(found.headers, "transfer-encoding").lower()
    if coding:
        if coding.rpartition(",")[2].strip(" \t") == "chunked":
            _chunks(reader, found)
            return
        if found.kind == "request":
            raise Bad("the last transfer coding of a request is chunked, or nobody knows where its body ends")
    elif (size := _length(found.headers)) is not None:
        _sized(reader, found, size)
        return
    elif found.kind == "request":
        return
    found.closes = True
    _sized(reader, found, reader.last - reader.at)
    if not ended:
        found.state, found.reason = "cut", "the body goes up to the end of the connection, which was not captured"


def _length(headers: list[tuple[str, str]]) -> int | None:
    """The number in Content-Length; None without one. Raises Bad if it means nothing, or two things (RFC 9110 §8.6)."""
    said = _all(headers, "content-length")
    if not said and not any(name.lower() == "content-length" for name, _ in headers):
        return None
    values = {value.strip(" \t") for value in said.split(",")}
    value = values.pop()
    if values or not _LENGTH.fullmatch(value):
        raise Bad("Content-Length is one number of at most 18 digits")
    return int(value)


def _sized(reader: Reader, found: Found, size: int) -> None:
    """A body of so many bytes, as far as it is there; a known length leads over holes."""
    there = min(size, reader.last - reader.at)
    if not there and size:
        raise Cut(f"Content-Length says {size} bytes, and they")
    found.parts = [(reader.at, reader.at + there)] if there else None
    missing = reader.across(rows.BODY, there)
    if missing:
        found.state, found.reason = "cut", f"{missing} bytes of the body are missing"
    if there < size:
        raise Cut(f"Content-Length says {size} bytes, and {size - there} of them")


def _chunks(reader: Reader, found: Found) -> None:
    """A chunked body with its trailers. Source: RFC 9112 §7.1."""
    found.parts = []
    while _chunk(reader, found):
        pass
    size, end = _line(reader)
    if size:
        found.trailers = []
        with reader.group(rows.TRAILER):
            end = _fields(reader, found.kind, found.trailers)
    _line_end(reader, end, rows.END_OF_CHUNKS)


def _chunk(reader: Reader, found: Found) -> int:
    """One chunk; returns the size of its data."""
    with reader.group(rows.CHUNK):
        size, end = _line(reader)
        start, stop = reader.at, reader.at + size
        digits = _SIZE.match(reader.data, start, stop)
        if digits is None or (digits.end() < stop and reader.data[digits.end()] not in b"; \t"):
            raise Bad("a chunk begins with its size: up to 16 hexadecimal digits")
        count = int(digits.group(), 16)
        meaning = f"{count} bytes follow" if count else "no more data: the body ends"
        with reader.group(rows.SIZE_LINE, count, digits.group().decode()):
            reader.text(rows.SIZE, digits.end() - start, count, meaning)
            reader.text(rows.EXTENSION, stop - digits.end())
            _line_end(reader, end)
        if count:
            _data(reader, found, count)
    return count


def _data(reader: Reader, found: Found, count: int) -> None:
    assert found.parts is not None
    there = min(count, reader.last - reader.at)
    found.parts.append((reader.at, reader.at + there))
    missing = reader.across(rows.CHUNK_DATA, there)
    if missing:
        found.state, found.reason = "cut", f"{missing} bytes of a chunk are missing"
    if there < count:
        raise Cut(f"this chunk says {count} bytes, and {count - there} of them")
    behind = reader.peek(2)
    if len(behind) == 2 and behind != b"\r\n":
        raise Bad("CR LF follows the data of a chunk")
    reader.take(rows.BOUNDARY, 2, "CR LF")


# -- messages one after the other


class _Side:
    """Finds the messages of one stream, front to back."""

    def __init__(self, stream: ByteStream, other: ByteStream, at: int, kind: str) -> None:
        self.stream, self.other, self.at, self.kind = stream, other, at, kind
        self.over = not (asks if kind == "request" else answers)(stream.data, at)

    def next(self, waiting: list[Found]) -> Found | None:
        """The next message, or None. waiting: the requests without an answer; the first one is the one it answers."""
        stream = self.stream
        reader = self.reader()
        if reader is not None and reader.at == reader.end:  # a hole is next
            self.resume()
            reader = self.reader()
        if reader is None:
            return None
        found = Found(self.kind, stream.sender == "client", self.at)
        if waiting and self.kind == "response" and self.follows(waiting[0]):
            found.answers = waiting[0]
        method = found.answers.method if found.answers is not None else ""
        state, reason = whole(reader, message, found, method, stream.fin is not None)
        found.stop = reader.at
        if state:
            found.state, found.reason = state, reason
        self.at, self.over = reader.at, bool(state)
        if state == "cut" and reader.at_hole:
            self.resume()
        return found

    def reader(self) -> Reader | None:
        """Reads from the next byte on; None if there is nothing to read."""
        if self.over or self.at >= self.stream.size:
            return None
        return Reader(self.stream.data, self.at, self.stream.size, self.stream.holes, keep=False)

    def follows(self, request: Found) -> bool:
        """Whether the next message begins after this request, as an answer does."""
        mine, its = self.stream.place(self.at), self.other.place(request.start)
        return mine is None or its is None or mine[0] > its[0]

    def resume(self) -> bool:
        """Behind a hole, HTTP goes on with the next segment that begins a message. Returns whether there is one."""
        stream, begins = self.stream, asks if self.kind == "request" else answers
        self.over = True
        for offset, *_ in stream._touching(self.at + 1, stream.size):
            if offset > self.at and begins(stream.data, offset):
                self.at, self.over = offset, False
                return True
        return False


def exchange(client: ByteStream, server: ByteStream, at: tuple[int, int]) -> Exchange:
    """The messages in both streams of a connection, from these offsets on.

    Requests up to one that may end HTTP (CONNECT, or with Upgrade), then the answers up to its answer. An interim
    response (1xx) leaves its request unanswered. Source: RFC 9112 §9.3.2, RFC 9110 §7.8 and §9.3.6.
    """
    turned = not asks(client.data, at[0]) and (asks(server.data, at[1]) or answers(client.data, at[0]))
    sides = _Side(client, server, at[0], "response" if turned else "request"), _Side(
        server, client, at[1], "request" if turned else "response"
    )
    asking, answering = reversed(sides) if turned else sides
    result = Exchange()
    waiting: list[Found] = []

    def switch(protocol: str) -> Exchange:
        result.switch = Switch(protocol, sides[0].at, sides[1].at)
        return result

    while True:
        request = asking.next(waiting)
        if request is not None:
            result.messages.append(request)
            if request.kind == "preface":
                return switch("h2")
            waiting.append(request)
            if request.method != "CONNECT" and not _all(request.headers or [], "upgrade"):
                continue
        while waiting or request is None:
            response = answering.next(waiting)
            if response is None:
                break
            result.messages.append(response)
            of = response.answers
            if response.status == 101:
                return switch(_all(response.headers or [], "upgrade").lower().split(",")[0].strip() or "unknown")
            if of is not None and of.method == "CONNECT" and response.status // 100 == 2:
                return switch("tunnel")
            if of is not None and response.status // 100 != 1:
                waiting.pop(0)
        if request is None:
            return result

