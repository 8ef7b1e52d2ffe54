"""What the parser of `http.parser` is fed: whole streams with what they say, and heads that must be refused.

Rule: bytes and facts only; what an answer does with them is judged in `parsing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Request = tuple[str, str, dict[str, str], bytes]
"""Method, target, fields by lower-case name, body."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes of a connection, and what is in them. about: what is special here, said if a parser gets it wrong."""

    raw: bytes
    requests: tuple[Request, ...]
    about: str


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A request that must be refused. named: what is wrong, in few words. why: what could go wrong. Source: RFC."""

    raw: bytes
    named: str
    why: str


def _head(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"


NO_BODY = (
    Sent(_head("GET /hello HTTP/1.1", "Host: lab.example"),
         (("GET", "/hello", {"host": "lab.example"}, b""),), "The empty line ends the request: it has no body."),
    Sent(_head("GET /a HTTP/1.1", "Host: lab.example:1337", "ACCEPT:text/plain", "X-Note:  two  words \t"),
         (("GET", "/a", {"host": "lab.example:1337", "accept": "text/plain", "x-note": "two  words"}, b""),),
         "The first colon ends the name. Space and tab around the value do not belong to it."),
    Sent(_head("GET /a HTTP/1.1", "Host: lab", "Accept: text/html", "accept: text/plain"),
         (("GET", "/a", {"host": "lab", "accept": "text/html, text/plain"}, b""),),
         "A field that comes twice is one list: both values, in order, with a comma and a space between."),
    Sent(_head("GET /1 HTTP/1.1", "Host: lab") + _head("GET /2 HTTP/1.1", "Host: lab"),
         (("GET", "/1", {"host": "lab"}, b""), ("GET", "/2", {"host": "lab"}, b"")),
         "Two requests can come in one piece. feed() returns them all."),
)
"""Requests without a body. Source: RFC 9112 §3, §5; RFC 9110 §5.3 for fields that come twice."""

WITH_BODY = (
    Sent(_head("POST /save HTTP/1.1", "Host: lab", "Content-Length: 5") + b"hello",
         (("POST", "/save", {"host": "lab", "content-length": "5"}, b"hello"),),
         "Content-Length says how many bytes after the empty line belong to the body."),
    Sent(_head("POST /save HTTP/1.1", "Host: lab", "CONTENT-LENGTH: 6") + b"a\r\n\r\nb" + _head("GET /2 HTTP/1.1"),
         (("POST", "/save", {"host": "lab", "content-length": "6"}, b"a\r\n\r\nb"), ("GET", "/2", {}, b"")),
         "An empty line inside the body is data. The next request begins right after the body."),
    Sent(_head("PUT /picture HTTP/1.1", "Content-Length: 8") + b"\x89PNG\xff\x00\r\n" + _head("GET /2 HTTP/1.1"),
         (("PUT", "/picture", {"content-length": "8"}, b"\x89PNG\xff\x00\r\n"), ("GET", "/2", {}, b"")),
         "A body is bytes: it need not be text."),
    Sent(_head("GET /search HTTP/1.1", "Content-Length: 3") + b"tcp" + _head("POST /none HTTP/1.1", "Content-Length: 0")
         + _head("GET /2 HTTP/1.1"),
         (("GET", "/search", {"content-length": "3"}, b"tcp"), ("POST", "/none", {"content-length": "0"}, b""),
          ("GET", "/2", {}, b"")), "Content-Length decides, whatever the method is: a GET can have a body."),
    Sent(_head("PUT /cities HTTP/1.1", "Content-Length: 9") + "北京\n上".encode()[:9] + _head("GET /2 HTTP/1.1"),
         (("PUT", "/cities", {"content-length": "9"}, "北京\n上".encode()[:9]), ("GET", "/2", {}, b"")),
         "Content-Length counts bytes, not characters."),
)
"""Requests with a body. Source: RFC 9112 §6.2, §6.3."""

_HIDDEN = b"GET /admin HTTP/1.1\r\nHost: lab\r\n\r\n"  # what a second reader would take for the next request


def _post(*fields: str, body: bytes = b"hello") -> bytes:
    return _head("POST /save HTTP/1.1", "Host: lab", *fields) + body


_DIGITS = "Content-Length is digits and nothing else (0 to 9)."

DOUBTFUL = (
    Doubtful(_post("Content-Length: 5", "Content-Length: 38", body=b"hello" + _HIDDEN),
             "two different Content-Lengths",
             "One server may take the first and another the last: then they disagree where the next request begins."),
    Doubtful(_post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + _HIDDEN),
             "Content-Length and Transfer-Encoding together",
             "One server may go by the length and another by the chunks: that is how a request is smuggled."),
    Doubtful(_post("Content-Length: +5"), "a Content-Length with a sign", f"{_DIGITS} int() takes a sign too."),
    Doubtful(_post("Content-Length: -5"), "a Content-Length with a sign", f"{_DIGITS} int() takes a sign too."),
    Doubtful(_post("Content-Length: 1_0", body=b"hello" * 2), "a Content-Length with an underscore",
             f"{_DIGITS} int() takes an underscore too."),
    Doubtful(_post("Content-Length: 0x5"), "a Content-Length in hexadecimal", _DIGITS),
    Doubtful(_post("Content-Length:"), "an empty Content-Length", f"{_DIGITS} Here it has none."),
    Doubtful(_post("Content-Length: five"), "a Content-Length without digits", _DIGITS),
    Doubtful(_post("Content-Length: \xd9\xa5"), "a Content-Length in other digits (bytes d9 a5)",
             f"{_DIGITS} These two bytes are the Arabic digit five in UTF-8; int() and isdigit() take it."),
    Doubtful(_post("Content-Length : 5"), "white space before the colon",
             "One server may take this for Content-Length, and another for a field of another name. So nobody may "
             "accept it (RFC 9112, section 5.1)."),
    Doubtful(_post("X-Note: a", " Content-Length: 5"), "a line that begins with white space",
             "It may continue the field before it, or be a field of its own: two servers may differ."),
    Doubtful(_post("Content-Length 5"), "a line without a colon",
             "It is no field. Another server may see a length in it."),
    Doubtful(_head("GET /a b HTTP/1.1", "Host: lab"), "a request line of four parts",
             "A request line has three parts, with one space between them: where does the target end here?"),
)
"""Each must be refused. Source: RFC 9112 §3, §5.1, §5.2, §6.1, §6.3; RFC 9110 §8.6."""

_CHUNKED = ("POST /up HTTP/1.1", "Host: lab", "Transfer-Encoding: chunked")
_CHUNKED_FIELDS = {"host": "lab", "transfer-encoding": "chunked"}

CHUNKED = (
    Sent(_head(*_CHUNKED) + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" + _head("GET /2 HTTP/1.1"),
         (("POST", "/up", _CHUNKED_FIELDS, b"hello world"), ("GET", "/2", {}, b"")),
         "Each chunk is its size in hexadecimal, CR LF, that many bytes, CR LF. The chunk of size 0 is the last."),
    Sent(_head(*_CHUNKED) + b"A;note=x\r\n0\r\n\r\nabcde\r\n0\r\nX-Sum: 1\r\n\r\n" + _head("GET /2 HTTP/1.1"),
         (("POST", "/up", _CHUNKED_FIELDS, b"0\r\n\r\nabcde"), ("GET", "/2", {}, b"")),
         "After a size there may be an extension, after the last chunk there may be fields, and a chunk may hold "
         "what looks like the end."),
)
"""Bodies in chunks. Source: RFC 9112 §7.1."""

DOUBTFUL_CHUNKS = (
    Doubtful(_head(*_CHUNKED) + b"-5\r\nhello\r\n0\r\n\r\n", "a chunk size with a sign",
             "A chunk size is hexadecimal digits and nothing else."),
    Doubtful(_head(*_CHUNKED) + b"0x5\r\nhello\r\n0\r\n\r\n", "a chunk size with 0x",
             "A chunk size is hexadecimal digits and nothing else. int(size, 16) takes 0x too."),
    Doubtful(_head(*_CHUNKED) + b"5\r\nhelloXX0\r\n\r\n", "a chunk without CR LF at its end",
             "After the bytes of a chunk come CR and LF. Other bytes say that the size was wrong."),
)
"""For parsers that read chunks: each must be refused. Source: RFC 9112 §7.1."""

OTHER_CODING = Doubtful(
    _head("POST /up HTTP/1.1", "Host: lab", "Transfer-Encoding: gzip") + b"hello",
    "a Transfer-Encoding that is not chunked",
    "Nothing says where this body ends (RFC 9112, section 6.3).",
)


def difference(right: tuple[Request, ...], given: list[Any]) -> tuple[int, str, Any, Any] | None:
    """The first thing that differs: (number of the request from 1, what of it, right, given); None if nothing does.

    A missing request is (number, "request", the right one, None), one too many has None in place of the right one.
    """
    names = ("method", "target", "fields", "body")
    for number in range(max(len(right), len(given))):
        if number >= len(given):
            return number + 1, "request", right[number], None
        if number >= len(right):
            return number + 1, "request", None, given[number]
        for name, one, other in zip(names, right[number], given[number], strict=True):
            if one != other:
                return number + 1, name, one, other
    return None
