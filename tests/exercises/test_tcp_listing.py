"""The listing with slips: each slip alone is found by its own step, and so is what students write in their place."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import pytest

from labkit import net
from labkit.core import loop
from labkit.exercises import Outcome
from labkit.exercises.tcp import listing
from labkit.exercises.tcp.listing import LISTING, SLIPS
from labkit.net import server as servers

GREETING = "您好！\n"


def made(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["create"]


def mended(*but: str) -> str:
    """The listing without its slips, but for these."""
    text = LISTING
    for slip, right in SLIPS.items():
        assert text.count(slip) == 1
        if slip not in but:
            text = text.replace(slip, right)
    return text


def with_handler(handler: Any) -> Any:
    return lambda: net.create_server(handler)


def by_argument() -> net.Server:
    """Right, in one function, with bytes, and the line printed when all is over."""

    def greet(socket: net.Socket) -> None:
        socket.write(GREETING.encode())
        socket.on("data", lambda data: socket.write(GREETING.encode()))
        socket.on("close", lambda failed: print("gone"))

    return net.create_server(greet)


def listens_itself() -> net.Server:
    """Right; the port is the student's own."""
    server: net.Server = made(mended())()
    return server.listen(0)


def echoes(socket: net.Socket) -> None:
    socket.write(GREETING)
    socket.on("data", socket.write)


def greets_without_line_end(socket: net.Socket) -> None:
    socket.write(GREETING.strip())


def hides_the_error(socket: net.Socket) -> None:
    with suppress(Exception):
        socket.write(GRETING)  # type: ignore[name-defined]  # noqa: F821


def greets_twice(socket: net.Socket) -> None:
    socket.write(GREETING)
    socket.on("data", lambda data: socket.write(GREETING * 2))
    socket.on("end", lambda: print("gone"))


def hangs(socket: net.Socket) -> None:
    while True:
        pass


def serves_one_client() -> net.Server:
    server = net.create_server(max_connections=1)
    return server.on("connection", by_argument().listeners("connection")[0])


def fails_when_it_listens() -> net.Server:
    return by_argument().on("listening", lambda: print(PROT))  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("create", [by_argument, listens_itself, made(mended())])
def test_right(create: Any) -> None:
    assert listing.check(create).correct


@pytest.mark.parametrize(("slip", "step", "seen"), [
    ("create_sever", 1, "AttributeError: module 'labkit.net' has no attribute 'create_sever'"),
    ("GRETING", 2, "the client got nothing, and its connection was cut"),
    ("wirte", 3, "the client got nothing, and its connection was cut"),
    ("pirnt", 4, "NameError: name 'pirnt' is not defined"),
])  # fmt: skip
def test_each_slip_is_found_by_its_own_step(slip: str, step: int, seen: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = listing.check(made(mended(slip)))
    assert result.outcome is Outcome.NOT_YET, result
    assert result.step.startswith(f"step {step} of 5"), result
    assert seen in result.seen, result
    assert slip in result.seen, result
    assert len(result.frames) == 1, result
    assert capfd.readouterr().err == "", "the finding says it all"


def test_slips_are_found_one_after_the_other() -> None:
    left = list(SLIPS)
    for step in range(1, 5):
        assert listing.check(made(mended(*left))).step.startswith(f"step {step} of 5")
        left.pop(0)


@pytest.mark.parametrize(("create", "step", "message"), [
    (made(mended().replace('print("The client has disconnected.")', "pass")), 4, "What should the handler of end do?"),
    (with_handler(echoes), 3, "The greeting is always the same"),
    (with_handler(greets_without_line_end), 2, "its last character is the line end"),
    (with_handler(hides_the_error), 2, "Does an except hide an error?"),
    (with_handler(greets_twice), 4, "once for each line"),
    (with_handler(hangs), 2, "A handler keeps the event loop"),
    (with_handler(None), 2, "Has the handler been registered"),
    (serves_one_client, 5, "The server's side raised no error"),
    (fails_when_it_listens, 1, "Python looks a name up"),
    (lambda: by_argument, 1, "return server"),
    (net.create_server(), 1, "Give check() the function"),
    (net.Server, 1, "Give check() the function"),
    (lambda: 1 / 0, 1, "ZeroDivisionError: division by zero"),
])  # fmt: skip
def test_wrong_answers(create: Any, step: int, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = listing.check(create)
    assert result.outcome is Outcome.NOT_YET, result
    assert result.step.startswith(f"step {step} of 5"), result
    assert message in f"{result.seen}\n{result.why}", result
    assert capfd.readouterr().err == "", "the finding says it all"


@pytest.mark.parametrize("create", [lambda: None, lambda: ...])
def test_nothing_returned_is_not_attempted(create: Any) -> None:
    assert listing.check(create).outcome is Outcome.NOT_ATTEMPTED


def test_a_handler_that_says_it_is_not_written_is_not_attempted() -> None:
    def later(socket: net.Socket) -> None:
        raise NotImplementedError

    assert listing.check(with_handler(later)).outcome is Outcome.NOT_ATTEMPTED


def test_what_the_listing_prints_appears(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    assert listing.check(made(mended())).correct
    assert sys.stdout is before
    assert capsys.readouterr().out.splitlines() == ["The client has disconnected."] * 3


@pytest.mark.parametrize("create", [by_argument, listens_itself, with_handler(echoes), with_handler(hangs)])
def test_nothing_is_left_listening(create: Any) -> None:
    before = set(servers._running)
    listing.check(create)
    assert set(servers._running) == before
    assert loop.call(lambda: 7, timeout=30) == 7
