"""Jupyter's cookies, taken out of what a browser sends to a published port; everything else passes, and at once.

Rule: each stream of bytes is fed whole, byte by byte, and in random pieces; the result is the same.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.lab.jupyter_cookies import LONGEST, JupyterCookies

SIGNED = b'"2|1:0|10:1700000000|4:name|8:c2VjcmV0|0123456789abcdef"'
JUPYTER = (
    b"_xsrf=2|secret|x|1700000000", b"username-127-0-0-1-8888=" + SIGNED, b"jupyterhub-session-id=secret",
    b"jupyterhub-user-ada=" + SIGNED, b"JupyterHub-hub-login=secret", b"renamed=" + SIGNED, b"_xsrf=",
    b"other=" + SIGNED.strip(b'"'),
)  # fmt: skip
OWN = (b"session=1", b"a=b=c", b"x_xsrf=1", b"_xsrfs=1", b"myusername-x=1", b"flag", b"", b"v=2|1:0", b"n=jupyter")


def request(*lines: bytes, first: bytes = b"GET / HTTP/1.1", body: bytes = b"") -> bytes:
    return b"\r\n".join([first, b"Host: x", *lines, b"", b""]) + body


def fed(data: bytes, *cuts: int) -> bytes:
    cookies = JupyterCookies()
    ends = [*sorted(cuts), len(data)]
    return b"".join(cookies.feed(data[begin:end]) for begin, end in zip([0, *ends], ends, strict=False))


def passes(data: bytes) -> bytes:
    """What passes of it, which is the same whole and byte by byte."""
    whole = fed(data)
    assert fed(data, *range(len(data))) == whole
    return whole


@pytest.mark.parametrize("cookie", JUPYTER)
@pytest.mark.parametrize("name", [b"Cookie: ", b"cookie:", b"COOKIE:\t", b"Cookie : "])
def test_a_cookie_of_jupyter_is_taken_out(name: bytes, cookie: bytes) -> None:
    assert passes(request(name + cookie, b"Accept: x")) == request(b"Accept: x")
    among = request(name + b"a=1; " + cookie + b"; b=2", b"Accept: x")
    assert passes(among) == request(name + b"a=1; b=2", b"Accept: x")


@pytest.mark.parametrize("cookie", OWN)
def test_others_stay(cookie: bytes) -> None:
    data = request(b"Cookie: " + cookie + b";  other=1 ")
    assert passes(data) == data


@pytest.mark.parametrize(
    ("field", "stays"),
    [
        (b"Authorization: token 0123456789abcdef", False),
        (b"authorization:TOKEN x", False),
        (b"Authorization: Basic dXNlcjpwYXNz", True),
        (b"Authorization: tokens", True),
        (b"Cookies: _xsrf=1", True),
        (b"Set-Cookie: _xsrf=1", True),
        (b"X-Cookie: _xsrf=1", True),
        (b"Cook", True),
        (b": _xsrf=1", True),
    ],
)
def test_other_fields(field: bytes, stays: bool) -> None:
    assert passes(request(field, b"Accept: x")) == (
        request(field, b"Accept: x") if stays else request(b"Accept: x")
    )


SECRET = b"Cookie: _xsrf=secret"
BODIES = {
    "no body": (b"", b""),
    "a length": (b"Content-Length: 30", b"x\r\nCookie: _xsrf=body\r\n\r\n12345"),
    "a length of 0": (b"Content-Length: 0", b""),
    "chunks": (b"Transfer-Encoding: chunked", b"A;ext=1\r\nCookie: _x\r\n3\r\n\r\n\r\r\n0\r\nTrailer: 1\r\n\r\n"),
    "chunks and a length": (b"Content-Length: 3\r\nTransfer-Encoding: gzip, chunked", b"1\r\nx\r\n0\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BODIES)
def test_every_request_of_a_connection_is_looked_at(kind: str) -> None:
    field, body = BODIES[kind]
    fields = [field] if field else []
    seen = passes(request(*fields, SECRET, body=body) + b"\r\n" + request(SECRET, first=b"POST /a HTTP/1.0") * 2)
    assert seen == request(*fields, body=body) + b"\r\n" + request(first=b"POST /a HTTP/1.0") * 2


def test_a_length_names_all_of_its_body() -> None:
    assert len(BODIES["a length"][1]) == 30


def test_a_folded_cookie_goes_whole() -> None:
    assert passes(request(SECRET, b" ; username-x=secret", b"\t; c=d", b"Accept: x")) == request(b"Accept: x")
    other = request(b"Accept: x", b" Cookie: _xsrf=1")
    assert passes(other) == other


def test_a_line_that_is_too_long_is_dropped_and_takes_no_memory() -> None:
    cookies = JupyterCookies()
    assert cookies.feed(request()[:-2] + b"Cookie: a=") == request()[:-2]
    for _ in range(100):
        assert cookies.feed(b"x" * 10_000) == b""
        assert len(cookies._line) <= LONGEST + 1
    assert cookies.feed(b"; _xsrf=secret\r\n\r\n") == b"\r\n"
    assert cookies.feed(request(SECRET)) == request()


def test_an_upgrade_makes_it_another_protocol() -> None:
    """What follows are frames; if the server has not agreed, what follows is the next request."""
    asks = request(b"Upgrade: websocket", b"Connection: Upgrade", SECRET)
    frames = b"\x81\x85\x00\x00\x00\x00hello\n" + request(SECRET)
    assert passes(asks + frames) == request(b"Upgrade: websocket", b"Connection: Upgrade") + frames
    assert passes(asks + request(SECRET)) == request(b"Upgrade: websocket", b"Connection: Upgrade") + request()


@pytest.mark.parametrize(
    "data",
    [
        b"hello\nCookie: _xsrf=1\n",
        b"GET / HTTP/2.0\r\nCookie: _xsrf=1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\nCookie: _xsrf=1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HTTP/1.1 200 OK\r\nCookie: _xsrf=1\r\n\r\n",
        bytes(range(256)) * 3,
    ],
)
def test_what_is_no_request_passes_untouched(data: bytes) -> None:
    assert passes(data) == data


@pytest.mark.parametrize("begun", [b"c", b"GE", b"GET / HT", request()[:-2] + b"Ac", request()[:-2] + b"Cookies", b""])
def test_nothing_waits_that_cannot_be_a_secret(begun: bytes) -> None:
    assert JupyterCookies().feed(begun) == begun


@given(st.binary(max_size=300), st.sets(st.integers(0, 300)))
def test_any_bytes_in_any_pieces(data: bytes, cuts: set[int]) -> None:
    assert fed(data, *(cut for cut in cuts if cut <= len(data))) == fed(data)


FIELDS = st.lists(
    st.sampled_from([
        b"Accept: x", SECRET, b"Cookie: a=1; _xsrf=secret;b=2", b"Authorization: token secret", b"C: 1", b" folded",
    ]),
    max_size=6,
)  # fmt: skip


@given(st.lists(st.tuples(FIELDS, st.sampled_from(sorted(BODIES))), max_size=4), st.sets(st.integers(0, 2000)))
def test_no_secret_passes_in_any_pieces(requests: list[tuple[list[bytes], str]], cuts: set[int]) -> None:
    data = b"".join(
        request(*fields, *filter(None, [BODIES[kind][0]]), body=BODIES[kind][1]) for fields, kind in requests
    )
    seen = fed(data, *(cut for cut in cuts if cut <= len(data)))
    assert b"secret" not in seen
    assert seen.count(b"HTTP/1.1") == len(requests)
    # Of what is left nothing is taken out any more, and all that was no secret is there, in its order.
    assert fed(seen) == seen
    rest = re.sub(rb"(Cookie|Authorization): [^\r]*secret[^\r]*\r\n( folded\r\n)*", b"", data)
    assert re.sub(rb"Cookie: a=1; b=2\r\n( folded\r\n)*", b"", seen) == rest
