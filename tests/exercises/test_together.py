"""The exercises of the last lesson: answers as students write them, each with the first step in which it is wrong."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from labkit.exercises.together import event_loop, first_layer, line_size
from labkit.exercises.together.event_loop import serve
from labkit.servers.chat import LONGEST
from tests.exercises.answers import refused

Done = Callable[[], bool]


def echo(client: socket.socket) -> None:
    with client:
        while data := client.recv(65536):
            client.sendall(data)


def one_by_one(listener: Any, done: Done) -> None:
    """Serve a client to its end, then the next one."""
    while not done():
        echo(listener.accept()[0])


def in_threads(listener: Any, done: Done) -> None:
    listener.settimeout(0.05)
    while not done():
        try:
            client, _ = listener.accept()
        except TimeoutError:
            continue
        client.setblocking(True)
        threading.Thread(target=echo, args=(client,), daemon=True).start()


def turning(
    closes: bool = True, blocking: bool = True, send: Callable[[Any, bytes], Any] = socket.socket.sendall
) -> Callable[[Any, Done], None]:
    """A loop that asks for EVENT_READ alone. closes: a client that has ended. blocking: send may wait. send: how."""

    def loop(listener: Any, done: Done) -> None:
        with selectors.DefaultSelector() as selector, ExitStack() as clients:
            selector.register(listener, selectors.EVENT_READ)
            while not done():
                for key, _ in selector.select(0.05):
                    client: Any = key.fileobj
                    if client is listener:
                        client, _ = listener.accept()
                        clients.enter_context(client)
                        client.setblocking(blocking)
                        selector.register(client, selectors.EVENT_READ)
                    elif data := client.recv(65536):
                        send(client, data)
                    else:
                        selector.unregister(client)
                        if closes:
                            client.close()

    return loop


def forget_the_rest(client: socket.socket, data: bytes) -> None:
    """What the kernel does not take is lost."""
    with suppress(BlockingIOError):
        client.send(data)


def returns_at_once(listener: Any, done: Done) -> int:
    return 3


@pytest.mark.parametrize(("answer", "step", "message"), [
    (returns_at_once, 1, "while not done()"),
    (one_by_one, 2, "Which call of yours waits for the silent one?"),
    (in_threads, 4, "in the thread that called serve()"),
    (turning(closes=False), 5, 'recv() returns b""'),
    (turning(), 6, "send() or sendall() waits"),
    (turning(blocking=False, send=forget_the_rest), 6, "Where are the others?"),
    ("serve", 1, "Give check() the function itself"),
])  # fmt: skip
def test_loops_that_are_wrong(answer: Any, step: int, message: str) -> None:
    refused(event_loop, answer, step, message)


def test_a_send_that_would_wait_is_an_error_of_the_answer() -> None:
    result = event_loop.check(turning(blocking=False))
    assert result.step.startswith("step 6 of")
    assert "BlockingIOError" in result.seen


def test_the_reference_serves_and_leaves_nothing_open() -> None:
    before = threading.active_count()
    assert event_loop.check(serve).correct
    until = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < until:  # the check's own thread ends after it
        time.sleep(0.01)
    assert threading.active_count() <= before


@pytest.mark.parametrize(("answer", "step", "message"), [
    (lambda line: len(line.encode()) + 27, 1, "its real type"),
    (lambda line: len(line.encode()) + 24, 1, "must it do to the text"),
    (lambda line: len(line.encode()) + 23, 1, "the header of the record"),
    (lambda line: len(line.encode()) + 12, 1, "the tag behind"),
    (lambda line: len(line.encode()) + 11, 1, "the tag, and the real type"),
    (lambda line: len(line) + 28, 3, "You have counted characters"),
    (lambda line: len(line.encode()) + 28, 4, "From which length on"),
    (lambda line: len(line.encode()) + 28 + 2 * (len(line.encode()) > 124), 4, "up to 125"),
    (lambda line: str(len(line)), 1, "Return the number of bytes"),
])  # fmt: skip
def test_sizes_that_are_wrong(answer: Any, step: int, message: str) -> None:
    refused(line_size, answer, step, message)


def test_size_holds_for_each_line_of_the_chat() -> None:
    assert line_size.check(lambda line: line_size.reference(line)).correct
    assert LONGEST == 1000  # as the task says


@pytest.mark.parametrize(("letter", "choice", "message"), [
    ("A", "HTTP", "No request was sent"), ("B", "TLS", "begins with the ClientHello"),
    ("C", "WebSocket", "it is 403"), ("D", "the program", "broke a rule"), ("E", "WebSocket", "nobody closes"),
    ("F", "TCP", "Who makes no room?"),
])  # fmt: skip
def test_layers_that_are_wrong(letter: str, choice: str, message: str) -> None:
    answer = {**first_layer.reference, letter: choice}
    refused(first_layer, answer, 2 + "ABCDEF".index(letter), message)
