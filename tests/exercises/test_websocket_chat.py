"""The chat room: rooms as students write them, each refused for what it does to its members."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import pytest

from labkit import websocket
from labkit.exercises import Outcome
from labkit.exercises.websocket import chat
from labkit.exercises.websocket.chat import HELD, Members, room
from tests.exercises.answers import refused

WebSocket = websocket.WebSocket
FAR = 500_000


def with_a_handler(ws: WebSocket, members: Members) -> None:
    """Right, in the browser's way; the one who is cut off is told why, if it reads on."""
    def say(event: Any) -> None:
        for member in list(members):
            if member.buffered_amount > FAR:
                member.close(1013, "too slow")
                members.discard(member)
            else:
                member.send(event.data)

    ws.on_message = say


def by_attempt(ws: WebSocket, members: Members) -> None:
    """Right: counts what waits after sending."""
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            if not member.send(line) and member.buffered_amount > FAR:
                member.terminate()


def does_not_look(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in members:
            member.send(line)


def cuts_off_when_full(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            if not member.send(line):
                member.terminate()


def leaves_out(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            if member.buffered_amount < FAR:
                member.send(line)


def pauses_the_talker(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            if not member.send(line) and member.buffered_amount > FAR:
                ws.pause()
                member.once("drain", ws.resume)


def waits(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            if not member.send(line):
                member.wait_for("drain")


def sleeps(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        while True:
            time.sleep(0.01)


def drops_the_oldest() -> Any:
    """Keeps the last lines for a member who is far behind, and sends them when there is room again."""
    kept: dict[WebSocket, deque[str]] = {}

    def answer(ws: WebSocket, members: Members) -> None:
        def go_on() -> None:
            for line in kept.pop(ws, ()):
                ws.send(line)

        @ws.on("message")
        def say(line: str) -> None:
            for member in tuple(members):
                if member.buffered_amount > FAR:
                    kept.setdefault(member, deque(maxlen=10)).append(line)
                else:
                    member.send(line)

        ws.on("drain", go_on)

    return answer


def only_the_others(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            if member is not ws:
                member.send(line)


def only_back(ws: WebSocket, members: Members) -> None:
    ws.on("message", ws.send)


def as_bytes(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            member.send(line.encode())


def with_the_name(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            member.send(f"somebody: {line}")


def twice(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in (*members, *members):
            member.send(line)


def first_member_only() -> Any:
    """Members are copied when the room is made."""
    known: list[Any] = []

    def answer(ws: WebSocket, members: Members) -> None:
        known[:] = known or list(members)
        ws.on("message", lambda line: [member.send(line) for member in known])

    return answer


def hangs_up(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        if any(member.buffered_amount > FAR for member in members):
            ws.terminate()
            return
        for member in tuple(members):
            member.send(line)


def fails_when_full(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in members:
            if not member.send(line) and member.buffered_amount > FAR:
                member.terminat()  # type: ignore[attr-defined]


def misspelt(ws: WebSocket, members: Members) -> None:
    ws.on("message", lambda line: [member.sned(line) for member in members])  # type: ignore[attr-defined]


def cuts_off_too_late(ws: WebSocket, members: Members) -> None:
    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            if member.buffered_amount > 2 * HELD:
                member.terminate()
            else:
                member.send(line)


@pytest.mark.parametrize("answer", [room, with_a_handler, by_attempt])
def test_right(answer: Any, capfd: pytest.CaptureFixture[str]) -> None:
    result = chat.check(answer)
    assert result.correct, result
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("answer", "step", "message"), [
    (only_the_others, 1, "members has all, ws itself as well"),
    (only_back, 1, "goes to all that are in members"),
    (as_bytes, 1, "Bytes go out as a binary message"),
    (with_the_name, 1, "The line goes out as it came"),
    (twice, 1, "once, and in the order"),
    (first_member_only(), 1, "goes to all that are in members"),
    (misspelt, 1, "has no attribute 'sned'"),
    (sleeps, 1, "did not return within"),
    (cuts_off_when_full, 2, "is not cut off"),
    (waits, 2, "LabError"),
    (pauses_the_talker, 3, "They need not wait for Dan"),
    (hangs_up, 3, ""),
    (fails_when_full, 3, "has no attribute 'terminat'"),
    (does_not_look, 4, "Which attribute of a WebSocket"),
    (cuts_off_too_late, 4, "more than 1 MB"),
    (leaves_out, 5, "and is still connected"),
    (drops_the_oldest(), 5, "Cut him off instead"),
    (lambda ws: None, 1, "TypeError"),
    (WebSocket, 1, "Give check() the function itself"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = chat.check(answer)
    assert result.outcome is Outcome.NOT_YET, result
    assert result.step.startswith(f"step {step} of 5"), result
    assert message in f"{result.seen}\n{result.why}", result
    assert capfd.readouterr().err == "", "the finding says it all"


def test_nothing_written_is_not_attempted() -> None:
    assert chat.check(lambda ws, members: None).outcome is Outcome.NOT_ATTEMPTED


def test_a_better_answer_is_told_that_it_got_further() -> None:
    refused(chat, only_back, 1, "goes to all")
    refused(chat, does_not_look, 4, "You got further: your best answer before failed at step 1.")
