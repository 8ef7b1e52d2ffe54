"""The parser: parsers as students write them, each refused for its own reason; h11 agrees with what they are fed."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import h11
import pytest

from labkit import http
from labkit.exercises import Outcome
from labkit.exercises.http import parser
from labkit.exercises.http.messages import (
    CHUNKED,
    DOUBTFUL,
    DOUBTFUL_CHUNKS,
    NO_BODY,
    OTHER_CODING,
    WITH_BODY,
    Doubtful,
    Sent,
)
from labkit.exercises.http.parsing import RequestParser

EMPTY_LINE = b"\r\n\r\n"


class Base:
    """The parts that most of them have right, to be changed one at a time."""

    joins = ", "

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> Any:
        self.rest += data
        found = []
        while (request := self.cut()) is not None:
            found.append(request)
        return found

    def cut(self) -> Any:
        head, empty_line, after = self.rest.partition(EMPTY_LINE)
        if not empty_line:
            return None
        first, *lines = self.text(head).split("\r\n")
        method, target = self.start(first)
        fields: dict[str, str] = {}
        for line in lines:
            self.add(fields, *self.field(line))
        size = self.size(fields)
        if len(after) < size:
            return None
        self.rest = after[size:]
        return method, target, fields, after[:size]

    def text(self, head: bytes) -> str:
        return head.decode("latin-1")

    def start(self, line: str) -> tuple[str, str]:
        method, target, _ = line.split(" ")
        return method, target

    def field(self, line: str) -> tuple[str, str]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise ValueError(line)
        return name.lower(), value.strip()

    def add(self, fields: dict[str, str], name: str, value: str) -> None:
        fields[name] = f"{fields[name]}{self.joins}{value}" if name in fields else value

    def size(self, fields: dict[str, str]) -> int:
        if "transfer-encoding" in fields:
            raise ValueError("chunks")
        length = fields.get("content-length", "0")
        if not re.fullmatch("[0-9]+", length):
            raise ValueError(length)
        return int(length)


class KeepsNothing(Base):
    def feed(self, data: bytes) -> Any:
        self.rest = b""
        return super().feed(data)


class OneAtATime(Base):
    def feed(self, data: bytes) -> Any:
        self.rest += data
        request = self.cut()
        return [] if request is None else [request]


class SplitsAtEmptyLines(Base):
    def feed(self, data: bytes) -> Any:
        *heads, self.rest = (self.rest + data).split(EMPTY_LINE)
        found = []
        for head in heads:
            inner = Base()
            found += inner.feed(head + EMPTY_LINE)
        return found


class TakesAllThatIsThere(Base):
    def cut(self) -> Any:
        request = super().cut()
        if request is not None and request[3]:
            request = (*request[:3], request[3] + self.rest)
            self.rest = b""
        return request


class DoesNotWaitForTheBody(Base):
    def cut(self) -> Any:
        head, empty_line, after = self.rest.partition(EMPTY_LINE)
        if not empty_line:
            return None
        self.rest += bytes(max(0, self.missing(head, after)))
        request = super().cut()
        return request and (*request[:3], after[: len(request[3])])

    def missing(self, head: bytes, after: bytes) -> int:
        found = re.search(rb"(?i)content-length: *([0-9]+)", head)
        return int(found[1]) - len(after) if found else 0


class DropsTheHead(Base):
    """Takes the head out before the body is there."""

    head: Any = None

    def cut(self) -> Any:
        if self.head is None:
            head, empty_line, after = self.rest.partition(EMPTY_LINE)
            if not empty_line:
                return None
            self.head, self.rest = self.fields_only(head), after
        size = self.size(self.head[2])
        if len(self.rest) < size:
            self.head = None  # the slip
            return None
        body, self.rest = self.rest[:size], self.rest[size:]
        request, self.head = (*self.head, body), None
        return request

    def fields_only(self, head: bytes) -> Any:
        first, *lines = self.text(head).split("\r\n")
        fields: dict[str, str] = {}
        for line in lines:
            self.add(fields, *self.field(line))
        return (*self.start(first), fields)


class KeepsTheHead(DropsTheHead):
    """Right: the head is kept apart until its body is there."""

    def cut(self) -> Any:
        if self.head is None:
            head, empty_line, after = self.rest.partition(EMPTY_LINE)
            if not empty_line:
                return None
            self.head, self.rest = self.fields_only(head), after
        size = self.size(self.head[2])
        if len(self.rest) < size:
            return None
        body, self.rest = self.rest[:size], self.rest[size:]
        request, self.head = (*self.head, body), None
        return request


class KeepsCase(Base):
    def field(self, line: str) -> tuple[str, str]:
        _name, value = super().field(line)
        return line.partition(":")[0], value


class KeepsSpace(Base):
    def field(self, line: str) -> tuple[str, str]:
        name, _value = super().field(line)
        return name, line.partition(":")[2].removeprefix(" ")


class SplitsAtEachColon(Base):
    def field(self, line: str) -> tuple[str, str]:
        name, value, *_ = line.split(":")
        return name.lower(), value.strip()


class LastWins(Base):
    def add(self, fields: dict[str, str], name: str, value: str) -> None:
        fields[name] = value


class FirstWins(Base):
    def add(self, fields: dict[str, str], name: str, value: str) -> None:
        fields.setdefault(name, value)


class LastLengthWins(Base):
    def add(self, fields: dict[str, str], name: str, value: str) -> None:
        if name == "content-length":
            fields.pop(name, None)
        super().add(fields, name, value)


class NoBodyForGet(Base):
    method = ""

    def start(self, line: str) -> tuple[str, str]:
        self.method, target = super().start(line)
        return self.method, target

    def size(self, fields: dict[str, str]) -> int:
        return 0 if self.method == "GET" else super().size(fields)


class CountsCharacters(Base):
    def feed(self, data: bytes) -> Any:
        return [(*request[:3], request[3].decode()) for request in super().feed(data)]


class DecodesAll(Base):
    def feed(self, data: bytes) -> Any:
        return super().feed(data.decode().encode())


class BytesForText(Base):
    def feed(self, data: bytes) -> Any:
        return [(method.encode(), *more) for method, *more in super().feed(data)]


class ThreeParts(Base):
    def feed(self, data: bytes) -> Any:
        return [request[:3] for request in super().feed(data)]


class NotAList(Base):
    def feed(self, data: bytes) -> Any:
        return next(iter(super().feed(data)), None)


class NoneWhenNothing(Base):
    def feed(self, data: bytes) -> Any:
        return super().feed(data) or None


class ReturnsOne(Base):
    def feed(self, data: bytes) -> Any:
        return next(iter(super().feed(data)), ())


class Shares(Base):
    kept = bytearray()

    def __init__(self) -> None:
        pass

    @property
    def rest(self) -> bytes:  # type: ignore[override]
        return bytes(self.kept)

    @rest.setter
    def rest(self, value: bytes) -> None:
        self.kept[:] = value


class TrustsInt(Base):
    def size(self, fields: dict[str, str]) -> int:
        if "transfer-encoding" in fields:
            raise ValueError("chunks")
        return int(fields.get("content-length", "0"))


class NotNegative(TrustsInt):
    def size(self, fields: dict[str, str]) -> int:
        if fields.get("content-length", "0")[:1] in "+-":
            raise ValueError("sign")
        return super().size(fields)


class OtherDigits(TrustsInt):
    def text(self, head: bytes) -> str:
        return head.decode("utf8")

    def size(self, fields: dict[str, str]) -> int:
        if not fields.get("content-length", "0").isdigit():
            raise ValueError("no digits")
        return super().size(fields)


class ChunkedWins(Base):
    def size(self, fields: dict[str, str]) -> int:
        if "transfer-encoding" in fields:
            raise LookupError("chunks")
        return super().size(fields)


class StripsNames(Base):
    def field(self, line: str) -> tuple[str, str]:
        name, value = super().field(re.sub(r"[ \t]+:", ":", line, count=1))
        return name, value


class StripsLines(Base):
    def field(self, line: str) -> tuple[str, str]:
        return super().field(line.strip())


class SkipsBadLines(Base):
    def cut(self) -> Any:
        head, empty_line, after = self.rest.partition(EMPTY_LINE)
        lines = [line for number, line in enumerate(head.split(b"\r\n")) if b":" in line or not number]
        if empty_line:
            self.rest = b"\r\n".join(lines) + empty_line + after
        return super().cut()


class SplitsTheLineLoosely(Base):
    def start(self, line: str) -> tuple[str, str]:
        method, target, *_ = line.split()
        return method, target


class Assertion(Base):
    def size(self, fields: dict[str, str]) -> int:
        assert fields.get("content-length", "0").isdecimal()
        return super().size(fields)


class IgnoresChunks(Base):
    def size(self, fields: dict[str, str]) -> int:
        kept = dict(fields)
        if "content-length" not in kept:
            kept.pop("transfer-encoding", None)
        return super().size(kept)


class WaitsForTheBody(Base):
    """Refuses too late: only when the body is there."""

    def cut(self) -> Any:
        if b"transfer-encoding: gzip" in self.rest.lower():
            return None
        return super().cut()


class Loops(Base):
    def feed(self, data: bytes) -> Any:
        while not data.endswith(EMPTY_LINE):
            pass
        return super().feed(data)


class Yields(Base):
    """Right, as a generator."""

    def feed(self, data: bytes) -> Iterator[Any]:
        self.rest += data
        while (request := self.cut()) is not None:
            yield request


class Chunks(Base):
    """Right, with bodies in chunks."""

    strict = True

    def cut(self) -> Any:
        head, empty_line, after = self.rest.partition(EMPTY_LINE)
        if not empty_line or b"transfer-encoding" not in head.lower():
            return super().cut()
        first, *lines = self.text(head).split("\r\n")
        fields: dict[str, str] = {}
        for line in lines:
            self.add(fields, *self.field(line))
        if fields["transfer-encoding"] != "chunked" or "content-length" in fields:
            raise ValueError("coding")
        found = self.chunks(after)
        if found is None:
            return None
        body, self.rest = found
        return (*self.start(first), fields, body)

    def chunks(self, after: bytes) -> tuple[bytes, bytes] | None:
        body = b""
        while True:
            line, ended, rest = after.partition(b"\r\n")
            if not ended:
                return None
            digits = line.partition(b";")[0]
            if self.strict and not re.fullmatch(rb"[0-9A-Fa-f]+", digits):
                raise ValueError("size")
            size = int(digits, 16)
            if size == 0:
                break
            if len(rest) < size + 2:
                return None
            if self.strict and rest[size : size + 2] != b"\r\n":
                raise ValueError("end of a chunk")
            body, after = body + rest[:size], rest[size + 2 :]
        return self.trailers(body, rest)

    def trailers(self, body: bytes, rest: bytes) -> tuple[bytes, bytes] | None:
        while True:
            line, ended, rest = rest.partition(b"\r\n")
            if not ended:
                return None
            if not line:
                return body, rest


class LooseChunks(Chunks):
    strict = False


class NoTrailers(Chunks):
    def trailers(self, body: bytes, rest: bytes) -> tuple[bytes, bytes] | None:
        return (body, rest[2:]) if len(rest) >= 2 else None


class NoExtensions(Chunks):
    def chunks(self, after: bytes) -> tuple[bytes, bytes] | None:
        if b";" in after.partition(b"\r\n")[0]:
            raise ValueError("no size")
        return super().chunks(after)


class NeedsAnArgument(Base):
    def __init__(self, size: int) -> None:
        super().__init__()


class NoFeed:
    pass


@pytest.mark.parametrize("answer", [RequestParser, Base, KeepsTheHead, Yields, Chunks])
def test_right(answer: type) -> None:
    result = parser.check(answer)
    assert result.correct, result


@pytest.mark.parametrize(("answer", "step", "message"), [
    (OneAtATime, 1, "feed() returns them all"),
    (SplitsAtEmptyLines, 2, "Content-Length says how many bytes after the empty line"),
    (KeepsCase, 1, "Keep the names in lower case"),
    (KeepsSpace, 1, "Space and tab around a value"),
    (SplitsAtEachColon, 1, "The first colon ends the name"),
    (LastWins, 1, "Here only its last value is left"),
    (FirstWins, 1, "Here only its first value is left"),
    (ThreeParts, 1, "a tuple for each request"),
    (ReturnsOne, 1, "a tuple for each request"),
    (NotAList, 1, "Return a list, and in it a tuple for each request"),
    (NoneWhenNothing, 3, "An empty list says"),
    (BytesForText, 1, 'head.decode("latin-1")'),
    (CountsCharacters, 1, "A body is bytes"),
    (NeedsAnArgument, 1, "TypeError: "),
    (NoFeed, 1, "Give check() the class itself"),
    (Base(), 1, "Give check() the class itself"),
    (TakesAllThatIsThere, 2, "The body ends after 6 bytes"),
    (NoBodyForGet, 2, "whatever the method is"),
    (DecodesAll, 2, "it need not be text"),
    (KeepsNothing, 3, "The cut is inside a line of head 1: keep the bytes"),
    (DoesNotWaitForTheBody, 3, "0 of the 5 bytes of its body are here"),
    (DropsTheHead, 3, "of its body are here: keep them all"),
    (Shares, 5, "must not share"),
    (LastLengthWins, 6, "One server may take the first and another the last"),
    (TrustsInt, 6, "int() takes a sign too"),
    (NotNegative, 6, "int() takes an underscore too"),
    (OtherDigits, 6, "the Arabic digit five"),
    (ChunkedWins, 6, "by ValueError"),
    (StripsNames, 6, "One server may take this for Content-Length"),
    (StripsLines, 6, "It may continue the field before it"),
    (SkipsBadLines, 6, "Another server may see a length in it"),
    (SplitsTheLineLoosely, 6, "where does the target end here?"),
    (Assertion, 6, "by ValueError"),
    (IgnoresChunks, 7, "takes the chunks for the next request"),
    (LooseChunks, 7, "A chunk size is hexadecimal digits and nothing else"),
    (NoTrailers, 7, "after the last chunk there may be fields"),
    (NoExtensions, 7, "After a size there may be an extension"),
    (WaitsForTheBody, 7, "So the parser waits for more"),
    (Loops, 2, "a loop that never ends"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    result = parser.check(answer)
    assert result.outcome is Outcome.NOT_YET
    assert result.step.startswith(f"step {step} of 7"), result
    assert message in f"{result.seen}\n{result.why}", result


def test_the_cut_is_shown() -> None:
    result = parser.check(KeepsNothing)
    assert result.expected == ("request 1, method: 'GET'\n"
                               "of b'G' + b'ET /hello HTTP/1.1\\r\\nHost'...")  # fmt: skip
    assert result.seen == "method: 'ET'"


def test_what_is_wrong_with_a_head_is_shown() -> None:
    result = parser.check(TrustsInt)
    assert result.expected == ("ValueError for a Content-Length with a sign\n"
                               "in ...b'Content-Length: +5\\r\\n\\r\\nhello'")  # fmt: skip
    assert result.seen.startswith("request 1: ('POST', '/save', ")


def test_an_error_is_shown_with_the_students_line() -> None:
    result = parser.check(ChunkedWins)
    assert result.seen.startswith("LookupError")
    assert any("in size: " in frame for frame in result.frames)


def test_a_better_answer_is_told_that_it_got_further() -> None:
    parser.check(KeepsNothing)
    assert "You got further: your best answer before failed at step 3." in parser.check(TrustsInt).why


# -- what it is fed: h11 reads the same, and refuses what is in doubt


def by_h11(raw: bytes) -> list[tuple[str, str, bytes]]:
    """Method, target and body of each request that h11 finds. Raises `h11.RemoteProtocolError`."""
    found: list[tuple[str, str, bytes]] = []
    while raw:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(raw)
        method = target = ""
        body = b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA, raw
            if isinstance(event, h11.Request):
                method, target = event.method.decode(), event.target.decode()
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
        found.append((method, target, body))
        raw = connection.trailing_data[0]
    return found


@pytest.mark.parametrize("sent", [*NO_BODY, *WITH_BODY, *CHUNKED])
def test_h11_reads_the_same(sent: Sent) -> None:
    raw = re.sub(rb" HTTP/1.1\r\n(?!Host)", b" HTTP/1.1\r\nHost: lab\r\n", sent.raw)  # h11 asks for Host
    assert by_h11(raw) == [(method, target, body) for method, target, _, body in sent.requests]


# h11 goes by the chunks in the first of these two, and joins the lines in the second; RFC 9112 §6.1 and §5.2 let a
# server refuse both.
TAKEN_BY_H11 = {"Content-Length and Transfer-Encoding together", "a line that begins with white space"}

REFUSED = [each for each in (*DOUBTFUL, *DOUBTFUL_CHUNKS, OTHER_CODING) if each.named not in TAKEN_BY_H11]


@pytest.mark.parametrize("doubtful", REFUSED, ids=lambda each: each.named)
def test_h11_refuses_it_too(doubtful: Doubtful) -> None:
    with pytest.raises(h11.RemoteProtocolError):
        by_h11(doubtful.raw)


@pytest.mark.parametrize("doubtful", [*DOUBTFUL, *DOUBTFUL_CHUNKS, OTHER_CODING], ids=lambda each: each.named)
def test_the_server_of_the_lessons_refuses_it_too(doubtful: Doubtful) -> None:
    asked: list[str] = []

    def answer(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        request.on("end", lambda: (asked.append(request.url), response.end()))
        request.resume()

    server = http.create_server(answer).listen(0)
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            client.sendall(doubtful.raw)
            came = b""
            while part := client.recv(4096):
                came += part
    finally:
        server.close().close_all_connections()
    assert re.match(rb"HTTP/1.1 (400|501) ", came), came
    assert not asked
