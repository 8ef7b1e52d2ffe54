"""A handler and a slow client: handlers as students write them, each refused for what it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from labkit import http
from labkit.core import loop
from labkit.exercises import Outcome
from labkit.exercises.http import slow_reader
from labkit.exercises.http.slow_reader import send
from tests.exercises.answers import refused

Response = http.ServerResponse
Source = Iterator[bytes]


def does_not_look(response: Response, pieces: Source) -> None:
    for piece in pieces:
        response.write(piece)
    response.end()


def all_at_once(response: Response, pieces: Source) -> None:
    response.end(b"".join(pieces))


def from_a_list(response: Response, pieces: Source) -> None:
    """Writes with care, but holds everything itself."""
    kept = list(pieces)

    def go_on() -> None:
        while kept:
            if not response.write(kept.pop(0)):
                response.once("drain", go_on)
                return
        response.end()

    go_on()


def stops(response: Response, pieces: Source) -> None:
    for piece in pieces:
        if not response.write(piece):
            return
    response.end()


def ends_when_full(response: Response, pieces: Source) -> None:
    for piece in pieces:
        if not response.write(piece):
            break
    response.end()


def forgets_the_end(response: Response, pieces: Source) -> None:
    def go_on() -> None:
        for piece in pieces:
            if not response.write(piece):
                response.once("drain", go_on)
                return

    go_on()


def writes_again(response: Response, pieces: Source) -> None:
    def go_on(again: bytes = b"") -> None:
        if again:
            response.write(again)
        for piece in pieces:
            if not response.write(piece):
                response.once("drain", partial(go_on, piece))
                return
        response.end()

    go_on()


def drops_one(response: Response, pieces: Source) -> None:
    def go_on() -> None:
        for piece in pieces:
            if not response.write(piece):
                next(pieces, None)
                response.once("drain", go_on)
                return
        response.end()

    go_on()


def waits(response: Response, pieces: Source) -> None:
    for piece in pieces:
        if not response.write(piece):
            response.wait_for("drain")
    response.end()


def sleeps(response: Response, pieces: Source) -> None:
    while True:
        time.sleep(0.01)


def by_timer(response: Response, pieces: Source) -> None:
    """Writes a piece a turn of the loop, whatever the client does."""
    def go_on() -> None:
        for _ in range(20):
            piece = next(pieces, None)
            if piece is None:
                response.end()
                return
            response.write(piece)
        loop.get().call_soon(go_on)

    go_on()


def shared() -> Callable[[Response, Source], None]:
    """What belongs to one call is kept outside."""
    kept: dict[str, Any] = {}

    def go_on() -> None:
        for piece in kept["pieces"]:
            if not kept["response"].write(piece):
                kept["response"].once("drain", go_on)
                return
        kept["response"].end()

    def answer(response: Response, pieces: Source) -> None:
        kept.update(response=response, pieces=pieces)
        go_on()

    return answer


def fails_later(response: Response, pieces: Source) -> None:
    for piece in pieces:
        if not response.write(piece):
            response.once("drain", lambda: response.wirte(b"more"))  # type: ignore[attr-defined]
            return
    response.end()


def decodes(response: Response, pieces: Source) -> None:
    for piece in pieces:
        response.write(piece.decode())
    response.end()


def with_a_listener_for_good(response: Response, pieces: Source) -> None:
    """Right, with on() in place of once()."""
    def go_on() -> None:
        for piece in pieces:
            if not response.write(piece):
                return
        if not response.writable_ended:
            response.end()

    response.on("drain", go_on)
    go_on()


def with_its_length(response: Response, pieces: Source) -> None:
    """Right, with a head of its own."""
    response.write_head(200, {"Content-Type": "application/octet-stream"})
    send(response, pieces)


@pytest.mark.parametrize("answer", [send, with_a_listener_for_good, with_its_length])
def test_right(answer: Any) -> None:
    result = slow_reader.check(answer)
    assert result.correct, result


@pytest.mark.parametrize(("answer", "step", "message"), [
    (does_not_look, 2, "more than 1 MB"),
    (all_at_once, 2, "more than 1 MB"),
    (from_a_list, 2, "more than 1 MB"),
    (by_timer, 2, "more than 1 MB"),
    (stops, 3, "Something must go on when there is room again"),
    (ends_when_full, 3, "end() comes after the last piece"),
    (forgets_the_end, 1, "end() says so"),
    (writes_again, 3, "it is not to be written again"),
    (drops_one, 3, "must be written"),
    (waits, 2, "LabError"),
    (sleeps, 1, "did not return within"),
    (shared(), 4, "belong to one call"),
    (fails_later, 2, "has no attribute 'wirte'"),
    (decodes, 1, "UnicodeDecodeError"),
    (lambda response: None, 1, "TypeError"),
    (lambda response, pieces: response.end(), 1, "end() comes after the last piece"),
    (Response, 1, "Give check() the function itself"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = slow_reader.check(answer)
    assert result.outcome is Outcome.NOT_YET
    assert result.step.startswith(f"step {step} of 4"), result
    assert message in f"{result.seen}\n{result.why}", result
    assert capfd.readouterr().err == "", "the finding says it all"


def test_nothing_written_is_not_attempted() -> None:
    assert slow_reader.check(lambda response, pieces: None).outcome is Outcome.NOT_ATTEMPTED


def test_a_better_answer_is_told_that_it_got_further() -> None:
    refused(slow_reader, does_not_look, 2, "What does write() return")
    refused(slow_reader, stops, 3, "You got further: your best answer before failed at step 2.")
