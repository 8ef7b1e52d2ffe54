"""What a server on the open internet meets: each malformed request, its answer, and the section that says so.

Rule: every case runs whole, byte by byte, and with a further request behind it, which must never be taken for one.
"""

from __future__ import annotations

import socket as system
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import http
from labkit.http.framing import Malformed
from labkit.http.parsing import Limits, RequestParser

H = b"Host: x\r\n"
POST = b"POST / HTTP/1.1\r\n" + H
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
SMALL = Limits(head=1024, fields=20, target=256, body=1000, trailers=256)

BAD: list[tuple[str, bytes, int]] = [
    # RFC 9112 section 2.2: lines end in CRLF
    ("2.2 bare LF after the request line", b"GET / HTTP/1.1\n" + H + b"\r\n", 400),
    ("2.2 bare LF after a field line", b"GET / HTTP/1.1\r\nHost: x\n\r\n", 400),
    ("2.2 bare LF as the empty line", b"GET / HTTP/1.1\r\n" + H + b"\n", 400),
    ("2.2 bare LF before the request line", b"\nGET / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("2.2 bare CR in a value", b"GET / HTTP/1.1\r\n" + H + b"A: b\rc\r\n\r\n", 400),
    ("2.2 bare CR in the request line", b"GET /\r HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("2.2 white space before the first field", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
    # section 2.3 and 3: version, method, target
    ("2.3 HTTP/2.0", b"GET / HTTP/2.0\r\n" + H + b"\r\n", 505),
    ("2.3 HTTP/0.9", b"GET / HTTP/0.9\r\n" + H + b"\r\n", 505),
    ("2.3 HTTP/1.2", b"GET / HTTP/1.2\r\n" + H + b"\r\n", 505),
    ("2.3 http/1.1", b"GET / http/1.1\r\n" + H + b"\r\n", 400),
    ("2.3 no version, which was HTTP/0.9", b"GET /\r\n\r\n", 505),
    ("2.3 HTTP/1.1x", b"GET / HTTP/1.1x\r\n" + H + b"\r\n", 400),
    ("3 two spaces before the target", b"GET  / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3 two spaces behind the target", b"GET /  HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3 a space in the target", b"GET /a b HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3 a tab for a space", b"GET\t/ HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.1 method in lower case", b"get / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.1 unknown method", b"FROB / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.1 no method", b" / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 * with GET", b"GET * HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 authority-form with GET", b"GET x:80 HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 origin-form with CONNECT", b"CONNECT / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 CONNECT without a port", b"CONNECT x HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 a fragment", b"GET /a#b HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 a target that is nothing", b"GET a/b HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 control byte in the target", b"GET /\x01 HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 bytes above 0x7f in the target", b"GET /\xe6\x82\xa8 HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("3.2 no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("3.2 two Hosts", b"GET / HTTP/1.1\r\n" + H + H + b"\r\n", 400),
    ("3.2 two Hosts that differ", b"GET / HTTP/1.1\r\n" + H + b"host: y\r\n\r\n", 400),
    ("3.2 a Host that is a list", b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400),
    ("3.2 a Host with a path", b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    # section 5: fields
    ("5.1 space before the colon", b"GET / HTTP/1.1\r\n" + H + b"A : b\r\n\r\n", 400),
    ("5.1 Content-Length with a space before the colon", POST + b"Content-Length : 5\r\n\r\nhello", 400),
    ("5.1 no colon", b"GET / HTTP/1.1\r\n" + H + b"A\r\n\r\n", 400),
    ("5.1 empty name", b"GET / HTTP/1.1\r\n" + H + b": b\r\n\r\n", 400),
    ("5.1 ( in a name", b"GET / HTTP/1.1\r\n" + H + b"A(: b\r\n\r\n", 400),
    ("5.1 0xff in a name", b"GET / HTTP/1.1\r\n" + H + b"\xff: b\r\n\r\n", 400),
    ("5.2 obs-fold", b"GET / HTTP/1.1\r\n" + H + b"A: b\r\n c\r\n\r\n", 400),
    ("5.2 obs-fold with a tab", b"GET / HTTP/1.1\r\n" + H + b"A: b\r\n\tc\r\n\r\n", 400),
    ("5.5 NUL in a value", b"GET / HTTP/1.1\r\n" + H + b"A: b\x00c\r\n\r\n", 400),
    ("5.5 a control byte in a value", b"GET / HTTP/1.1\r\n" + H + b"A: b\x01c\r\n\r\n", 400),
    # section 6: framing
    ("6.1 Content-Length with Transfer-Encoding",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("6.1 Transfer-Encoding with Content-Length",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    ("6.1 Transfer-Encoding in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("6.1 gzip, chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("6.1 gzip and chunked in two fields",
        POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ("6.1 chunked, identity", POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    ("6.1 chunked twice", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("6.3 identity", POST + b"Transfer-Encoding: identity\r\n\r\n", 400),
    ("6.3 gzip alone", POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    ("6.3 xchunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    ("6.2 two lengths", POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    ("6.2 the same length twice", POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    ("6.2 a list of lengths", POST + b"Content-Length: 2, 2\r\n\r\nhi", 400),
    ("6.2 +2", POST + b"Content-Length: +2\r\n\r\nhi", 400),
    ("6.2 -1", POST + b"Content-Length: -1\r\n\r\n", 400),
    ("6.2 0x2", POST + b"Content-Length: 0x2\r\n\r\nhi", 400),
    ("6.2 no digits", POST + b"Content-Length:\r\n\r\n", 400),
    ("6.2 digits in two parts", POST + b"Content-Length: 1 1\r\n\r\nhi", 400),
    ("6.2 more than 64 bits", POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    # section 7: chunks
    ("7.1 0x2", CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1 +2", CHUNKED + b"+2\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1 -2", CHUNKED + b"-2\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1 a space before the size", CHUNKED + b" 2\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1 a space behind the size", CHUNKED + b"2 \r\nhi\r\n0\r\n\r\n", 400),
    ("7.1 no size", CHUNKED + b"\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1 no hexadecimal digit", CHUNKED + b"g\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1 bare LF after the size", CHUNKED + b"2\nhi\r\n0\r\n\r\n", 400),
    ("7.1 bare LF after the data", CHUNKED + b"2\r\nhi\n0\r\n\r\n", 400),
    ("7.1 more data than the size", CHUNKED + b"2\r\nhix\r\n0\r\n\r\n", 400),
    ("7.1 less data than the size", CHUNKED + b"4\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1 more than 64 bits", CHUNKED + b"11111111111111111\r\nhi\r\n0\r\n\r\n", 413),
    ("7.1.1 a long extension", CHUNKED + b"2;" + b"a" * 5000 + b"\r\nhi\r\n0\r\n\r\n", 413),
    ("7.1.1 bare CR in an extension", CHUNKED + b"2;a\rb\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1.1 bare LF in an extension", CHUNKED + b"2;a\nb\r\nhi\r\n0\r\n\r\n", 400),
    ("7.1.2 obs-fold in the trailers", CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n", 400),
    ("7.1.2 a trailer without a colon", CHUNKED + b"0\r\nA\r\n\r\n", 400),
    ("7.1.2 large trailers", CHUNKED + b"0\r\nA: " + b"b" * 1100 + b"\r\n\r\n", 431),
    # limits
    ("limit: the head", b"GET / HTTP/1.1\r\n" + H + b"A: " + b"b" * 1024 + b"\r\n\r\n", 431),
    ("limit: padding in the head", b"GET / HTTP/1.1\r\n" + H + b"A:" + b" " * 1024 + b"b\r\n\r\n", 431),
    ("limit: fields", b"GET / HTTP/1.1\r\n" + H + b"A: b\r\n" * 20 + b"\r\n", 431),
    ("limit: the target", b"GET /" + b"a" * 256 + b" HTTP/1.1\r\n" + H + b"\r\n", 414),
    ("limit: a target larger than the head may be", b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n" + H + b"\r\n", 414),
    ("limit: the body, by length", POST + b"Content-Length: 1001\r\n\r\n", 413),
    ("limit: the body, in chunks", CHUNKED + b"1f4\r\n" + b"a" * 500 + b"\r\n1f5\r\n" + b"a" * 501 + b"\r\n", 413),
    # RFC 9110 sections 7.8 and 9.3.6
    ("9110 9.3.6 CONNECT with a body", b"CONNECT x:80 HTTP/1.1\r\n" + H + b"Content-Length: 3\r\n\r\nabc", 400),
    ("9110 9.3.6 CONNECT in chunks", b"CONNECT x:80 HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400),
    ("HTTP/2's preface (RFC 9113 section 3.4)", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("a TLS ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
]  # fmt: skip

GOOD: list[tuple[str, bytes, tuple[str, bytes]]] = [
    ("plain", b"GET / HTTP/1.1\r\n" + H + b"\r\n", ("GET /", b"")),
    ("2.2 empty lines before the request", b"\r\n\r\n\r\nGET / HTTP/1.1\r\n" + H + b"\r\n", ("GET /", b"")),
    ("HTTP/1.0 without Host", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ("GET /", b"")),
    ("3.2.2 absolute-form", b"GET http://x/a HTTP/1.1\r\n" + H + b"\r\n", ("GET http://x/a", b"")),
    ("3.2.4 asterisk-form", b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n", ("OPTIONS *", b"")),
    ("3.2 an empty Host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", ("GET /", b"")),
    ("3.2 an IPv6 Host", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", ("GET /", b"")),
    ("5.1 white space around a length", POST + b"Content-Length: \t5 \r\n\r\nhello", ("POST /", b"hello")),
    ("6.2 length 0", POST + b"Content-Length: 0\r\n\r\n", ("POST /", b"")),
    ("7.1 chunks", CHUNKED + b"2\r\nhi\r\n00A\r\n0123456789\r\n0\r\n\r\n", ("POST /", b"hi0123456789")),
    ("7.1 CHUNKED", POST + b"Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n", ("POST /", b"a")),
    ("7.1.1 an extension", CHUNKED + b'1;a="b";c\r\na\r\n0;d\r\n\r\n', ("POST /", b"a")),
    ("7.1.2 trailers", CHUNKED + b"1\r\na\r\n0\r\nA: b\r\n\r\n", ("POST /", b"a")),
    ("9110 7.8 an upgrade with a body", POST + b"Upgrade: y\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\nabc",
        ("POST /", b"abc")),
    ("9110 7.8 an upgrade in chunks",
        POST + b"Upgrade: y\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ("POST /", b"abc")),
    ("an upgrade that nobody hears", b"GET / HTTP/1.1\r\n" + H + b"Upgrade: y\r\nConnection: upgrade\r\n\r\n",
        ("GET /", b"")),
    ("a head of exactly the limit", b"GET / HTTP/1.1\r\n" + H + b"A: " + b"b" * (1024 - 16 - 9 - 3 - 4) + b"\r\n\r\n",
        ("GET /", b"")),
]  # fmt: skip


class Taken:
    """What a parser has told: (method and target, body) of each whole request, and the status of the refusal."""

    def __init__(self, limits: Limits = SMALL) -> None:
        self.parser = RequestParser(self, limits)
        self.heads: list[str] = []
        self.body = b""
        self.whole: list[tuple[str, bytes]] = []
        self.trailers: list[Any] = []
        self.refused = 0

    def on_head(self, method: str, target: str, *facts: Any) -> bool:
        self.heads.append(f"{method} {target}")
        self.body = b""
        return method == "CONNECT"

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_end(self, trailers: Any) -> bool:
        self.whole.append((self.heads[-1], self.body))
        self.trailers.append(trailers)
        return True

    def feed(self, data: bytes) -> None:
        try:
            self.parser.feed(data)
        except Malformed as error:
            assert not self.refused, "a parser that has refused reads on"
            self.refused = error.status


def ways(data: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and cut in two at every place."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, min(len(data), 400)):
        yield [data[:at], data[at:]]


def taken(pieces: list[bytes]) -> Taken:
    all_of_it = Taken()
    for piece in pieces:
        all_of_it.feed(piece)
    return all_of_it


@pytest.mark.parametrize(("data", "status"), [pytest.param(data, status, id=name) for name, data, status in BAD])
def test_a_malformed_request_is_refused_however_it_is_cut_and_nothing_behind_is_read(data: bytes, status: int) -> None:
    for pieces in ways(data + SMUGGLED):
        told = taken(pieces)
        assert told.refused == status, pieces[:3]
        assert told.whole == []
        assert not any("smuggled" in head for head in told.heads)


@pytest.mark.parametrize(("data", "request_"), [pytest.param(data, told, id=name) for name, data, told in GOOD])
def test_a_good_request_is_read_however_it_is_cut_and_so_is_the_next(data: bytes, request_: tuple[str, bytes]) -> None:
    for pieces in ways(data + SMUGGLED):
        told = taken(pieces)
        assert (told.refused, told.whole) == (0, [request_, ("GET /smuggled", b"")]), pieces[:3]


def test_trailers_are_told_apart_from_the_fields_of_the_next_head() -> None:
    for pieces in ways(CHUNKED + b"1\r\na\r\n0\r\nA: b\r\n\r\n" + SMUGGLED):
        assert taken(pieces).trailers == [[(b"A", b"b")], None]


@pytest.mark.parametrize("behind", [SMUGGLED, b"garbage"])
def test_what_comes_behind_connection_close_is_not_read(behind: bytes) -> None:
    """RFC 9112 section 9.6."""
    for pieces in ways(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + behind):
        told = taken(pieces)
        assert (told.refused, told.whole) == (0, [("GET /", b"")])


def test_what_comes_behind_connect_belongs_to_the_next_protocol() -> None:
    for pieces in ways(b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED):
        told = Taken()
        for at, piece in enumerate(pieces):
            told.feed(piece)
            if told.heads:
                rest = told.parser.take_rest() + b"".join(pieces[at + 1 :])
                break
        assert (told.heads, rest) == (["CONNECT x:80"], SMUGGLED)


PIECES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n", b"POST /a HTTP/1.1\r\n", b"HTTP/1.0", b"Host: x\r\n", b"\r\n", b"\n", b"\r", b" ", b"\t",
        b":", b"0\r\n\r\n", b"5\r\nhello\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"hello",
        b"Upgrade: x\r\nConnection: upgrade\r\n", b"CONNECT a:1 HTTP/1.1\r\n", b"Connection: close\r\n", b"\x00",
        b"\xff", b"Expect: 100-continue\r\n", b"ffffffffffffffff\r\n", b";a=b", b"HEAD * HTTP/1.1\r\n",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=4)), max_size=14).map(b"".join), st.randoms(use_true_random=False))
def test_whatever_comes_it_is_read_the_same_however_it_is_cut(data: bytes, random: Any) -> None:
    whole, cut = Taken(), Taken()
    whole.feed(data)
    at = 0
    while at < len(data):
        step = random.randint(1, 9)
        cut.feed(data[at : at + step])
        at += step
    assert (whole.whole, whole.refused, whole.heads) == (cut.whole, cut.refused, cut.heads)


# -- at a server


def answer_to(server: http.Server, data: bytes) -> bytes:
    """All that the server sends until it ends the connection."""
    with system.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(data)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize(("data", "status"), [pytest.param(data, status, id=name) for name, data, status in BAD])
def test_the_server_answers_and_ends_the_connection(data: bytes, status: int) -> None:
    seen: list[str] = []

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        seen.append(req.url)
        req.on("end", res.end).resume()

    limits = {"max_header_size": 1024, "max_headers": 20, "max_target_size": 256, "max_body_size": 1000}
    with http.create_server(serve, **limits).listen(0) as server:
        answer = answer_to(server, data + SMUGGLED)
    line = f"HTTP/1.1 {status} {http.STATUS_CODES[status]}\r\n".encode()
    assert answer == line + b"Connection: close\r\n\r\n"
    assert "/smuggled" not in seen


def test_a_malformed_request_behind_good_ones_is_answered_after_them() -> None:
    held: list[http.ServerResponse] = []

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        held.append(res)
        if len(held) == 2:
            held[1].end("second")
            held[0].end("first")

    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with http.create_server(serve).listen(0) as server:
        answer = answer_to(server, get + get + b"nonsense\r\n\r\n" + get)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400"]
    assert answer.index(b"first") < answer.index(b"second")
    assert len(held) == 2


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (b"", "headers_timeout"),
        (b"GET / HTTP/1.1\r\nHo", "headers_timeout"),
        (POST + b"Content-Length: 5\r\n\r\nhe", "request_timeout"),
        (CHUNKED + b"5\r\nhe", "request_timeout"),
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
def test_a_slow_sender_is_answered_408(data: bytes, limit: str) -> None:
    """RFC 9110 section 15.5.9."""
    options: dict[str, Any] = {limit: 0.05}
    with http.create_server(lambda q, r: q.resume(), **options).listen(0) as server:
        answer = answer_to(server, data)
    assert answer == b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"
