"""Responses as a client reads them: those it accepts, and those it refuses, whole, byte by byte and at every split.

Rule: bytes in, parts out; no socket. Each refused one names the section of the RFC that it breaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.http.headers import Raw
from labkit.http.response_chunks import BadResponse
from labkit.http.response_parsing import MAX_HEAD, MOST_INTERIM, Head, ResponseParser


class Told:
    """What a parser has told."""

    def __init__(self) -> None:
        self.interims: list[int] = []
        self.heads: list[Head] = []
        self.body = b""
        self.trailers: Raw | None = None
        self.ends_told = 0
        self.surplus = False
        self.rest: bytes | None = None

    def interim(self, head: Head) -> None:
        self.interims.append(head.status)

    def begins(self, head: Head) -> None:
        self.heads.append(head)

    def piece(self, data: bytes) -> None:
        assert data
        self.body += data

    def ends(self, trailers: Raw, surplus: bool) -> None:
        self.ends_told += 1
        self.trailers, self.surplus = trailers, surplus

    def switches(self, head: Head, rest: bytes) -> None:
        self.heads.append(head)
        self.rest = rest


def fed(pieces: Iterable[bytes], method: str = "GET", *, finish: bool = False) -> tuple[Told, ResponseParser]:
    told = Told()
    parser = ResponseParser(told, method)
    for piece in pieces:
        parser.feed(piece)
    if finish:
        parser.finish()
    return told, parser


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The bytes whole, one by one, and cut at each place."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for place in range(1, len(data)):
        yield [data[:place], data[place:]]


LINE = b"HTTP/1.1 200 OK\r\n"
SMUGGLED = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"
CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"

CODING = "HPE_INVALID_TRANSFER_ENCODING"

BAD = {
    "9112-4 no HTTP": (b"hello\r\n\r\n", "HPE_INVALID_CONSTANT"),
    "9112-4 RTSP": (b"RTSP/1.0 200 OK\r\n\r\n", "HPE_INVALID_CONSTANT"),
    "9112-4 ICE": (b"ICE/1.0 200 OK\r\n\r\n", "HPE_INVALID_CONSTANT"),
    "9112-4 a request": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HPE_INVALID_CONSTANT"),
    "9112-4 lower case": (b"http/1.1 200 OK\r\n\r\n", "HPE_INVALID_CONSTANT"),
    "9112-4 empty lines before it": (b"\r\n\r\n" + LINE + b"\r\n", "HPE_INVALID_CONSTANT"),
    "9112-4 line feed before it": (b"\n" + LINE + b"\r\n", "HPE_INVALID_CONSTANT"),
    "9110-2.5 HTTP/2.0": (b"HTTP/2.0 200 OK\r\n\r\n", "HPE_INVALID_VERSION"),
    "9110-2.5 HTTP/0.9": (b"HTTP/0.9 200 OK\r\n\r\n", "HPE_INVALID_VERSION"),
    "9110-2.5 HTTP/1.2": (b"HTTP/1.2 200 OK\r\n\r\n", "HPE_INVALID_VERSION"),
    "9110-15 status 099": (b"HTTP/1.1 099 X\r\n\r\n", "HPE_INVALID_STATUS"),
    "9110-15 status 1000": (b"HTTP/1.1 1000 X\r\n\r\n", "HPE_INVALID_STATUS"),
    "9110-15 status 20": (b"HTTP/1.1 20 X\r\n\r\n", "HPE_INVALID_STATUS"),
    "9112-4 two spaces": (b"HTTP/1.1  200 OK\r\n\r\n", "HPE_INVALID_STATUS"),
    "9112-4 NUL in the phrase": (b"HTTP/1.1 200 O\0K\r\n\r\n", "HPE_STRICT"),
    "9112-4 control byte in the phrase": (b"HTTP/1.1 200 O\x01K\r\n\r\n", "HPE_STRICT"),
    "9112-2.2 bare CR in the phrase": (b"HTTP/1.1 200 O\rK\r\n\r\n", "HPE_STRICT"),
    "9112-2.2 bare LF after the status line": (b"HTTP/1.1 200 OK\nA: b\r\n\r\n", "HPE_CR_EXPECTED"),
    "9112-2.2 bare LF after a field": (LINE + b"A: b\nC: d\r\n\r\n", "HPE_CR_EXPECTED"),
    "9112-2.2 bare LF as the empty line": (LINE + b"A: b\r\n\nhi", "HPE_INVALID_HEADER_TOKEN"),
    "9112-2.2 bare CR in a value": (LINE + b"A: b\rc\r\n\r\n", "HPE_LF_EXPECTED"),
    "9112-5.2 obs-fold": (LINE + b"A: b\r\n c\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9112-2.2 space before the first field": (LINE + b" A: b\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9112-5.1 space before the colon": (LINE + b"A : b\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9112-5 no colon": (LINE + b"A\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9112-5 no name": (LINE + b": b\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9110-5.5 NUL in a value": (LINE + b"A: b\0\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9110-5.5 control byte in a value": (LINE + b"A: b\x01\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9112-6.3 two lengths": (
        LINE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi" + SMUGGLED, "HPE_UNEXPECTED_CONTENT_LENGTH",
    ),
    "9112-6.3 the same length twice": (
        LINE + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi" + SMUGGLED, "HPE_UNEXPECTED_CONTENT_LENGTH",
    ),
    "9112-6.3 a list of lengths": (LINE + b"Content-Length: 2, 2\r\n\r\nhi", "HPE_INVALID_CONTENT_LENGTH"),
    "9110-8.6 +2": (LINE + b"Content-Length: +2\r\n\r\nhi", "HPE_INVALID_CONTENT_LENGTH"),
    "9110-8.6 -1": (LINE + b"Content-Length: -1\r\n\r\nhi", "HPE_INVALID_CONTENT_LENGTH"),
    "9110-8.6 0x2": (LINE + b"Content-Length: 0x2\r\n\r\nhi", "HPE_INVALID_CONTENT_LENGTH"),
    "9110-8.6 2 3": (LINE + b"Content-Length: 2 3\r\n\r\nhi", "HPE_INVALID_CONTENT_LENGTH"),
    "9110-8.6 empty": (LINE + b"Content-Length: \r\n\r\nhi", "HPE_INVALID_CONTENT_LENGTH"),
    "9110-8.6 too large": (LINE + b"Content-Length: 99999999999999999999\r\n\r\nhi", "HPE_INVALID_CONTENT_LENGTH"),
    "9112-6.1 a length and chunks": (
        LINE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        CODING,
    ),
    "9112-6.1 chunks and a length": (
        LINE + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "HPE_UNEXPECTED_CONTENT_LENGTH",
    ),
    "9112-6.1 gzip, chunked": (LINE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", CODING),
    "9112-6.1 chunked, gzip": (LINE + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", CODING),
    "9112-6.1 xchunked": (LINE + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", CODING),
    "9112-6.1 identity": (LINE + b"Transfer-Encoding: identity\r\n\r\nhi", CODING),
    "9112-7.1 chunked twice": (
        LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", CODING,
    ),
    "9112-6.1 chunks in HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", CODING,
    ),
    "9112-7.1 no size": (CHUNKED + b"\r\nhi\r\n0\r\n\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "9112-7.1 size 0x2": (CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "9112-7.1 size +2": (CHUNKED + b"+2\r\nhi\r\n0\r\n\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "9112-7.1 space before the size": (CHUNKED + b" 2\r\nhi\r\n0\r\n\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "9112-7.1 space behind the size": (CHUNKED + b"2 \r\nhi\r\n0\r\n\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "9112-7.1 17 digits": (CHUNKED + b"0" * 16 + b"2\r\nhi\r\n0\r\n\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "9112-7.1 bare LF behind the size": (CHUNKED + b"2\nhi\r\n0\r\n\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "9112-7.1 bare CR in an extension": (CHUNKED + b"2;a\rb\r\nhi\r\n0\r\n\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "9112-7.1 a longer chunk than its size": (CHUNKED + b"2\r\nhid\r\n0\r\n\r\n", "HPE_STRICT"),
    "9112-7.1 a shorter chunk than its size": (CHUNKED + b"3\r\nhi\r\n0\r\n\r\n", "HPE_STRICT"),
    "9112-7.1 bare LF behind the data": (CHUNKED + b"2\r\nhi\n0\r\n\r\n", "HPE_STRICT"),
    "9112-7.1.2 a trailer without a colon": (CHUNKED + b"0\r\nA\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9112-7.1.2 a folded trailer": (CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9112-7.1.2 NUL in a trailer": (CHUNKED + b"0\r\nA: \0\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9112-7.1.2 bare LF behind a trailer": (CHUNKED + b"0\r\nA: b\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "9110-15.2 bytes behind a 100": (b"HTTP/1.1 100 C\r\nContent-Length: 3\r\n\r\nbad" + LINE, "HPE_INVALID_CONSTANT"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_in_doubt_is_refused_however_it_is_cut(name: str) -> None:
    data, code = BAD[name]
    for pieces in cuts(data):
        told, error = Told(), None
        parser = ResponseParser(told, "GET")
        try:
            for piece in pieces:
                parser.feed(piece)
        except BadResponse as refused:
            error = refused
        assert error is not None, f"accepted, cut as {[len(each) for each in pieces][:3]}: {told.heads} {told.body!r}"
        assert error.code == code
        assert told.ends_told == 0
        assert b"bad" not in told.body


def chunks(*parts: str) -> bytes:
    return CHUNKED + "".join(parts).encode()


AB = [(b"A", b"b"), (b"C", b"d")]

GOOD: dict[str, tuple[bytes, dict[str, Any]]] = {
    "a length": (LINE + b"Content-Length: 2\r\n\r\nhi", {"body": b"hi"}),
    "a length with a space behind": (LINE + b"Content-Length: 2 \r\n\r\nhi", {"body": b"hi"}),
    "no phrase": (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", {}),
    "no space behind the status": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", {}),
    "chunks": (chunks("2\r\nhi\r\n", "0\r\n\r\n"), {"body": b"hi"}),
    "a line end in a chunk": (chunks("4\r\n\r\n\r\n\r\n", "0\r\n\r\n"), {"body": b"\r\n\r\n"}),
    "an extension": (chunks('2;a="b"\r\nhi\r\n', "0;c\r\n\r\n"), {"body": b"hi"}),
    "trailers": (chunks("2\r\nhi\r\n", "0\r\nA: b \r\nC:d\r\n\r\n"), {"body": b"hi", "trailers": AB}),
    "CHUNKED": (LINE + b"Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", {}),
    "204": (b"HTTP/1.1 204 No\r\n\r\n", {"status": 204}),
    "304 with a length": (b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", {"status": 304}),
    "interim": (
        b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\n" + LINE + b"Content-Length: 0\r\n\r\n",
        {"interims": [100, 103]},
    ),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", {"stays": False}),
    "1.0 kept": (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", {}),
    "close": (LINE + b"Connection: a, Close\r\nContent-Length: 0\r\n\r\n", {"stays": False}),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_is_well_formed_is_taken_however_it_is_cut(name: str) -> None:
    data, wanted = GOOD[name]
    for pieces in cuts(data):
        told, parser = fed(pieces)
        assert parser.is_over
        assert told.ends_told == 1
        assert len(told.heads) == 1
        assert not told.surplus
        assert told.heads[0].status == wanted.get("status", 200)
        assert told.heads[0].stays is wanted.get("stays", True)
        assert told.body == wanted.get("body", b"")
        assert told.trailers == wanted.get("trailers", [])
        assert told.interims == wanted.get("interims", [])


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("behind", [b"\r\n", b"x", SMUGGLED], ids=["line end", "x", "a response"])
def test_bytes_behind_a_response_are_told_of_and_never_taken_for_another(name: str, behind: bytes) -> None:
    data = GOOD[name][0]
    told, _ = fed([data + behind])
    assert told.surplus
    assert len(told.heads) == 1
    assert told.ends_told == 1
    assert told.body == GOOD[name][1].get("body", b"")


def test_an_answer_to_head_has_no_body_whatever_it_says() -> None:
    for fields in (b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n", b""):
        told, parser = fed([LINE + fields + b"\r\n"], "HEAD")
        assert parser.is_over
        assert told.ends_told == 1
        assert told.heads[0].stays


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    for pieces in cuts(LINE + b"\r\nall of it"):
        told, parser = fed(pieces)
        assert not parser.is_over
        assert told.body == b"all of it"
        assert not told.heads[0].stays
        assert parser.finish()
        assert told.ends_told == 1


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 2", LINE + b"Content-Length: 9\r\n\r\nhi", chunks("2\r\nh"), chunks("0\r\n")]
)
def test_an_end_in_the_middle_leaves_the_response_unfinished(data: bytes) -> None:
    told, parser = fed([data] if data else [], finish=True)
    assert not parser.finish()
    assert told.ends_told == 0


@pytest.mark.parametrize(("method", "status"), [("GET", 101), ("CONNECT", 200), ("CONNECT", 407)])
def test_a_connection_that_is_another_protocols_keeps_the_bytes_behind_the_head(method: str, status: int) -> None:
    head = f"HTTP/1.1 {status} X\r\nUpgrade: a\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\n".encode()
    for place in range(len(head), len(head) + 5):
        told, parser = fed([(head + b"first")[:place]], method)
        assert told.rest == b"first"[: place - len(head)]
        assert parser.is_over
        assert told.ends_told == 0


def test_an_interim_answer_to_connect_does_not_open_the_tunnel() -> None:
    told, _ = fed([b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx"], "CONNECT")
    assert told.interims == [100]
    assert told.rest == b"x"


def test_an_endless_head_is_refused_at_its_limit() -> None:
    fits = LINE + b"A: " + b"b" * (MAX_HEAD - len(LINE) - 7) + b"\r\n\r\n"
    assert len(fits) == MAX_HEAD
    assert fed([fits], "HEAD")[1].is_over
    for size in (1, 1000):
        with pytest.raises(BadResponse) as refused:
            fed([LINE, *[b"A: " + b"b" * size + b"\r\n"] * MAX_HEAD])
        assert refused.value.code == "HPE_HEADER_OVERFLOW"


def test_endless_interim_answers_extensions_and_trailers_are_refused() -> None:
    interim = b"HTTP/1.1 103 E\r\n\r\n"
    assert fed([interim * MOST_INTERIM + LINE + b"\r\n"])[0].heads
    for data in (
        interim * (MOST_INTERIM + 1), CHUNKED + b"1;" + b"a" * 5000, CHUNKED + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 5,
        CHUNKED + b"0\r\n" + b"A: b\r\n" * 3000, CHUNKED + b"0\r\n" + b"a" * 20_000,
    ):  # fmt: skip
        with pytest.raises(BadResponse):
            fed([data])


def test_a_stopped_parser_tells_nothing_more() -> None:
    told = Told()
    parser = ResponseParser(told, "GET")
    parser.feed(LINE + b"Content-Length: 4\r\n\r\nhi")
    parser.stopped = True
    parser.feed(b"gh")
    assert told.body == b"hi"
    assert told.ends_told == 0
    assert not parser.finish()


PARTS = st.sampled_from(
    [
        LINE, b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.0 200 OK\r\n", b"Content-Length: 2\r\n", b"Content-Length: 3\r\n",
        b"\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"hi", b"2\r\nhi\r\n", b"0\r\n\r\n",
        b"\n", b"\r", b"\0", b" ", b"A: b\r\n", SMUGGLED,
    ]
)  # fmt: skip


@given(st.lists(st.one_of(PARTS, st.binary(max_size=6)), max_size=9), st.randoms(use_true_random=False))
def test_whatever_comes_the_story_does_not_depend_on_the_cuts(parts: list[bytes], random: Any) -> None:
    data = b"".join(parts)

    def story(pieces: list[bytes]) -> tuple[Any, ...]:
        told, code = Told(), None
        parser = ResponseParser(told, "GET")
        for piece in pieces:
            if piece:
                try:
                    parser.feed(piece)
                except BadResponse as error:
                    code = error.code
                    break
        return (told.heads, told.interims, told.body, told.trailers, told.rest if told.rest is None else "", code)

    places = sorted(random.randrange(len(data) + 1) for _ in range(4))
    cut = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    assert story([data]) == story(cut) == story([data[i : i + 1] for i in range(len(data))])


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.booleans())
def test_a_body_comes_back_as_it_was_sent(pieces: list[bytes], in_chunks: bool) -> None:
    body = b"".join(pieces)
    if in_chunks:
        data = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"
    else:
        data = LINE + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for size in (1, 7, len(data)):
        told, parser = fed([data[i : i + size] for i in range(0, len(data), size)])
        assert parser.is_over
        assert told.body == body
        assert not told.surplus


WHOLE = [
    LINE + b"Content-Length: 2\r\n\r\nhi", LINE + b"Content-Length: 0\r\n\r\n", CHUNKED + b"2\r\nhi\r\n0\r\n\r\n",
    b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 304 N\r\nContent-Length: 7\r\n\r\n",
    b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n" + LINE + b"Content-Length: 1\r\n\r\nx",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
]  # fmt: skip


@given(
    st.sampled_from(WHOLE), st.booleans(), st.lists(st.one_of(PARTS, st.binary(max_size=6)), max_size=9),
    st.sampled_from(["GET", "HEAD", "CONNECT"]), st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_restarted_parser_tells_what_a_new_one_tells(
    first: bytes, by_bytes: bool, parts: list[bytes], method: str, random: Any
) -> None:
    data = b"".join(parts)
    places = sorted(random.randrange(len(data) + 1) for _ in range(2))
    pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if b > a]

    def story(parser: ResponseParser, told: Told) -> tuple[Any, ...]:
        code = None
        try:
            for piece in pieces:
                parser.feed(piece)
        except BadResponse as error:
            code = error.code
        else:
            parser.finish()
        return (told.heads, told.interims, told.body, told.trailers, told.ends_told, told.surplus, told.rest, code)

    told = Told()
    new = story(ResponseParser(told, method), told)
    told = Told()
    parser = ResponseParser(told, "GET")
    for piece in [first[i : i + 1] for i in range(len(first))] if by_bytes else [first]:
        parser.feed(piece)
    assert parser.is_over
    told.__init__()  # type: ignore[misc]  # forget the first answer
    parser.restart(method)
    assert story(parser, told) == new
