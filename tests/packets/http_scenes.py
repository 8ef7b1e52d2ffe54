"""HTTP connections made by hand, each for one question: bodies, framing, pipelining, other protocols, wrong forms.

Rule: data only. A scene is what the two sides say, as in `dialogs.talk`.
"""

from __future__ import annotations

import gzip
import zlib

from tests.packets.dialogs import Turn

OK = b"HTTP/1.1 200 OK\r\n"
GET = b"GET /a/b?x=1&y=2 HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: t\r\nAccept: */*\r\n\r\n"
HELLO = OK + b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
POST = (
    b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\n"
    b"a=1&b=hello"
)
CHUNKED = (
    OK + b"Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
)
CHUNKED_POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
ZIPPED, DEFLATED = gzip.compress(b"hello " * 50, mtime=0), zlib.compress(b"hello " * 50)
BIG = OK + b"Content-Type: application/octet-stream\r\nContent-Length: 60000\r\n\r\n" + bytes(60000)
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes.fromhex("000000040000000000")
MANY_FIELDS = (
    b"GET /p;q=1/%7Ea?n HTTP/1.1\r\nHost:a\r\nCookie: a=1; b=2\r\nAccept-Language:  de, en \r\nX-Empty:\r\n"
    b"X-Mine: \xc3\xa4\r\nAuthorization: Basic dXNlcjpwYXNz\r\nReferer: http://a/\r\nDNT: 1\r\n"
    b"X-Forwarded-For: 192.0.2.1\r\nx-mine: again\r\nConnection: keep-alive\r\n\r\n"
)
MANY_ANSWERED = (
    OK + b"Date: Thu, 26 Nov 2026 12:00:00 GMT\r\nServer: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\n"
    b"Cache-Control: no-store\r\nLast-Modified: x\r\nWWW-Authenticate: Basic\r\nVary: a\r\nVary: b\r\n"
    b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nETag: \"x\"\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"
)


def each(data: bytes, size: int = 1) -> list[bytes]:
    """Segments of so many bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


SCENES: dict[str, list[Turn]] = {
    "one request": [("c", GET), ("s", HELLO)],
    "in pieces": [("c", [GET[:9], GET[9:40], GET[40:]]), ("s", [HELLO[:20], HELLO[20:-3], HELLO[-3:]])],
    "byte by byte": [("c", each(GET)), ("s", each(HELLO))],
    "one connection, three requests": [("c", GET), ("s", HELLO)] * 3,
    "pipelined": [("c", GET * 3), ("s", HELLO * 3)],
    "pipelined, in pieces": [
        ("c", [GET + GET[:30], GET[30:] + GET]), ("s", [HELLO + HELLO[:11], HELLO[11:] + HELLO]),
    ],
    "HEAD": [
        ("c", b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), ("s", OK + b"Content-Length: 500\r\n\r\n"),
        ("c", GET), ("s", HELLO),
    ],
    "204 and 304": [
        ("c", GET), ("s", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("c", GET), ("s", b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n"),
        ("c", GET), ("s", HELLO),
    ],
    "POST": [("c", POST), ("s", HELLO)],
    "POST, in pieces": [("c", [POST[:-11], POST[-11:-5], POST[-5:]]), ("s", HELLO)],
    "100-continue": [
        ("c", b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
        ("s", b"HTTP/1.1 100 Continue\r\n\r\n"), ("c", b"abcd"),
        ("s", b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
    ],
    "103 Early Hints": [
        ("c", GET), ("s", b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"), ("s", HELLO),
    ],
    "chunked": [("c", GET), ("s", CHUNKED), ("c", GET), ("s", HELLO)],
    "chunked, in pieces": [("c", GET), ("s", [CHUNKED[:70], CHUNKED[70:85], CHUNKED[85:88], CHUNKED[88:]])],
    "extension and trailers": [
        ("c", GET),
        ("s", OK + b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n"),
    ],
    "chunked POST": [("c", CHUNKED_POST), ("s", HELLO)],
    "until close": [
        ("c", b"GET / HTTP/1.0\r\n\r\n"),
        ("s", [b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", b" more", b" and more"]),
    ],
    "CONNECT": [
        ("c", b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
        ("s", b"HTTP/1.1 200 Connection established\r\n\r\n"), ("c", b"\x05tunnel"), ("s", b"\x06back"),
    ],
    "Upgrade": [
        ("c", UPGRADE % b"echo"), ("s", SWITCHING % b"echo"), ("c", b"hi there"), ("s", b"hi there"),
    ],
    "Upgrade, declined": [("c", UPGRADE % b"websocket"), ("s", HELLO), ("c", GET), ("s", HELLO)],
    "many fields": [("c", MANY_FIELDS), ("s", MANY_ANSWERED)],
    "line feeds alone": [("c", b"GET / HTTP/1.1\nHost: a\n\n"), ("s", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")],
    "no phrase": [
        ("c", GET), ("s", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
        ("c", GET), ("s", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
    ],
    "other targets": [
        ("c", b"GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n"), ("s", HELLO),
        ("c", b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), ("s", HELLO),
    ],
    "gzip": [("c", GET), ("s", sized(OK + b"Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", ZIPPED))],
    "deflate": [("c", GET), ("s", sized(OK + b"Content-Type: text/plain\r\nContent-Encoding: deflate\r\n", DEFLATED))],
    "gzip, chunked": [
        ("c", GET),
        ("s", OK + b"Content-Type: text/plain\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
              + chunk(ZIPPED[:10]) + chunk(ZIPPED[10:]) + b"0\r\n\r\n"),
    ],
    "60 kB": [("c", GET), ("s", each(BIG, 1460))],
    "line ends before a request": [("c", POST + b"\r\n" + GET), ("s", HELLO * 2)],
    "extension methods": [
        ("c", b"PROPFIND / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n<a>"),
        ("s", b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 0\r\n\r\n"),
    ],
    "length and chunked": [
        ("c", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"3\r\nabc\r\n0\r\n\r\n"),
        ("s", HELLO),
    ],
    "no HTTP": [("c", b"\x16\x03\x01hello\r\n\r\n"), ("s", b"bye")],
}  # fmt: skip
"""Scenes in which tshark and labkit find the same messages."""
