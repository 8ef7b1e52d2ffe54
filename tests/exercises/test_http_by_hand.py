"""A request written by hand: requests as students write them, judged by a live server."""

from __future__ import annotations

from typing import Any

import h11
import pytest

from labkit.exercises import Outcome
from labkit.exercises.http import by_hand
from labkit.exercises.http.by_hand import GET, POST
from tests.exercises.answers import refused


def changed(before: bytes, after: bytes, of: bytes = GET) -> bytes:
    assert of.count(before) >= 1
    return of.replace(before, after)


@pytest.mark.parametrize("raw", [
    GET, POST, bytearray(GET), changed(b"close\r\n", b"close\r\nAccept: */*\r\nUser-Agent: me\r\n"),
    changed(b"Host: lab.example\r\nConnection: close", b"connection:CLOSE\r\nHOST:lab.example"), b"\r\n" + GET,
    changed(b"Content-Length: 8", b"Transfer-Encoding: chunked", POST[:-8]) + b"8\r\nname=Ada\r\n0\r\n\r\n",
])  # fmt: skip
def test_right(raw: Any) -> None:
    result = by_hand.check(raw)
    assert result.correct, result


@pytest.mark.parametrize(("raw", "step", "seen", "message"), [
    ("GET / HTTP/1.1", 1, "'GET / HTTP/1.1'", "A b before the quotes"),
    ([b"GET / HTTP/1.1"], 1, "[b'GET", "joins them"),
    (GET * 2000, 1, "bytes", "Give check() the bytes"),
    (changed(b"\r\n", b"\n"), 2, "400 Bad Request", "Here a line ends in LF alone"),
    (changed(b"\r\n", b"\r"), 2, "400 Bad Request", "a CR stands without its LF"),
    (changed(b"\r\n", b"\\r\\n"), 2, "400 Bad Request", "a backslash and a letter"),
    (GET[:-2], 2, "400 Bad Request", "The empty line is missing"),
    (GET[:-4], 2, "400 Bad Request", "The last line is not ended"),
    (b"  " + GET, 2, "400 Bad Request", "The request line comes first"),
    (changed(b" HTTP/1.1", b""), 2, "", "Here are two of them"),
    (changed(b"GET", b"get"), 2, "400 Bad Request", "capital letters: GET"),
    (changed(b"HTTP/1.1", b"http/1.1"), 2, "400 Bad Request", "written HTTP/1.1"),
    (changed(b"HTTP/1.1", b"HTTP/2.0"), 2, "505", "Here it is HTTP/2.0"),
    (changed(b"/greeting", b"greeting"), 2, "400 Bad Request", "begins with a slash"),
    (changed(b"Host: lab.example\r\n", b""), 2, "400 Bad Request", "asks for the field Host"),
    (changed(b"Host: lab.example\r\n", b"Host: lab.example\r\n" * 2), 2, "400 Bad Request", "once only"),
    (changed(b"Host: lab", b"Host : lab"), 2, "400 Bad Request", "between name and colon"),
    (changed(b"Host: lab", b"Host lab"), 2, "400 Bad Request", "the colon is missing"),
    (POST[:-1], 2, "400 Bad Request", "Content-Length says 8, and behind the empty line come 7"),
    (changed(b"Connection: close\r\n", b"") * 2, 2, "200 OK, then 200 OK", "for the next request"),
    (changed(b"Connection: close\r\n", b"") + b"name=Ada", 2, "200 OK, then 400 Bad Request",
     "No field says that the request has a body, and 8 bytes come"),
    (changed(b"/greeting", b"/"), 3, "404 Not Found", "nothing at the target '/'"),
    (changed(b"GET", b"DELETE"), 3, "405 Method Not Allowed", "and not DELETE"),
    (changed(b"HTTP/1.1", b"HTTP/1.0"), 4, "HTTP/1.0", "Host came with HTTP/1.1"),
    (changed(b"lab.example", b"127.0.0.1"), 4, "Host: 127.0.0.1", "the site that is meant"),
    (changed(b"Connection: close\r\n", b""), 4, "host: lab.example", "stays open for the next request"),
    (changed(b"Connection:", b"Conection:"), 4, "conection: close", "A misspelt field is no error"),
    (GET + b"name=Ada", 4, "b'name=Ada'", "the connection closes before that"),
    (changed(b"Content-Length: 8\r\n", b"", POST), 4, "b'name=Ada'", "No field says that the request has a body"),
    (changed(b"Length: 8", b"Length: 4", POST), 4, "b'name=Ada'", "Content-Length says 4, and 8 bytes come"),
    (changed(b"Ada", b"Eve", POST), 4, "8 bytes: b'name=Eve'", "Content-Length says how many"),
    (changed(b"GET", b"POST"), 4, "0 bytes: b''", "Which field announces one?"),
])  # fmt: skip
def test_wrong_answers(raw: Any, step: int, seen: str, message: str) -> None:
    result = by_hand.check(raw)
    assert result.outcome is Outcome.NOT_YET
    assert result.step.startswith(f"step {step} of 4"), result
    assert seen in result.seen, result
    assert message in result.why, result


@pytest.mark.parametrize("raw", [GET, POST])
def test_h11_takes_the_references(raw: bytes) -> None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(raw)
    assert isinstance(connection.next_event(), h11.Request)
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
    assert connection.trailing_data == (b"", False)


def test_every_byte_that_is_missing_is_told() -> None:
    for raw in (GET, POST):
        for size in range(1, len(raw)):
            result = by_hand.check(raw[:size])
            assert result.outcome is Outcome.NOT_YET, raw[:size]
            assert result.step.startswith("step 2 of 4"), result
            assert not result.why.startswith("Stuck?"), result


def test_a_better_answer_is_told_that_it_got_further() -> None:
    refused(by_hand, GET[:-2], 2, "The empty line is missing")
    refused(by_hand, changed(b"/greeting", b"/"), 3, "You got further: your best answer before failed at step 2.")
