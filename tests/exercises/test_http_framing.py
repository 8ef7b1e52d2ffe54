"""Where eight messages end: the exercise says what h11 does with the same heads."""

from __future__ import annotations

from typing import Any

import h11
import pytest

from labkit.exercises.http import framing
from tests.exercises.answers import refused

BODY = b"5\r\nhello\r\n0\r\n\r\n"  # whole as chunks; 12 and 9 bytes can be cut from it

CASES = list(zip("ABCDEFGH", framing.cases, strict=True))


def events(connection: h11.Connection) -> list[Any]:
    """All that h11 finds in what it was fed."""
    found: list[Any] = []
    while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        found.append(event)
        if isinstance(event, (h11.ConnectionClosed, h11.EndOfMessage)):
            break
    return found


def judged(shown: str) -> tuple[str, bytes]:
    """Where h11 ends the body of a case when `BODY` follows its head, and the body."""
    first, *lines = shown.split("\n")
    head = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
    connection: h11.Connection
    if first == "request":
        connection = h11.Connection(h11.SERVER)
    else:
        connection = h11.Connection(h11.CLIENT)
        method, target = first.removeprefix("answer to ").split(",")[0].split(" ")
        connection.send(h11.Request(method=method, target=target, headers=[("Host", "lab"), ("Content-Length", "0")]))
        connection.send(h11.EndOfMessage())
    connection.receive_data(head + BODY)
    found = events(connection)
    if connection.their_state is h11.SWITCHED_PROTOCOL:  # what follows is no HTTP
        assert connection.trailing_data[0] == BODY
        return "no body", b""
    body = b"".join(bytes(event.data) for event in found if isinstance(event, h11.Data))
    if not any(isinstance(event, h11.EndOfMessage) for event in found):
        connection.receive_data(b"")
        assert any(isinstance(event, h11.EndOfMessage) for event in events(connection))
        return "at the close", body
    if not body:
        return "no body", body
    return ("chunked" if body == b"hello" else "content length"), body


@pytest.mark.parametrize(("letter", "case"), CASES)
def test_h11_agrees(letter: str, case: Any) -> None:
    where, body = judged(case.shown)
    assert where == case.right
    if where == "content length":
        length = int(case.shown.split("Content-Length: ")[1].split("\n")[0])
        assert body == BODY[:length]


def test_the_stretch_is_true() -> None:
    """Bytes behind a request without framing fields are taken for the next request."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: lab\r\n\r\nhello\r\n\r\n")
    assert any(isinstance(event, h11.EndOfMessage) for event in events(connection))
    assert connection.trailing_data[0] == b"hello\r\n\r\n"


def test_typical_mistakes_have_their_own_words() -> None:
    right = framing.reference
    refused(framing, right | {"A": "at the close"}, 2, "so the client notices if the close comes too early")
    refused(framing, right | {"B": "no body"}, 3, "the fields decide, not the method")
    refused(framing, right | {"D": "content length"}, 5, "in an answer to GET. Look at the request")
    refused(framing, right | {"E": "no body"}, 6, "What is left?")
    refused(framing, right | {"G": "content length"}, 8, "the client already has")
    refused(framing, right | {"H": "at the close"}, 9, "they are no body")


def test_a_better_answer_is_told_that_it_got_further() -> None:
    right = framing.reference
    refused(framing, right | {"B": "no body"}, 3, "")
    refused(framing, right | {"E": "no body"}, 6, "You got further: your best answer before failed at step 3.")
    refused(framing, right | {"B": "no body"}, 3, "Your best answer so far failed at step 6.")
