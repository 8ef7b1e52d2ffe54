"""The echo server: handlers as students write them, each tried on real connections and refused for its own reason."""

from __future__ import annotations

import signal
import threading
from socket import SO_RCVBUF, SOL_SOCKET
from time import sleep
from typing import Any

import pytest

from labkit import net
from labkit.core import loop
from labkit.exercises import Outcome
from labkit.exercises.running import Interrupted
from labkit.exercises.tcp import echo_bug
from labkit.exercises.tcp.echo import BUGGY
from labkit.net import server as servers


def buggy() -> Any:
    names: dict[str, Any] = {}
    exec(BUGGY, names)
    return names["serve"]


def by_hand(socket: net.Socket) -> None:
    """Right, without pipe."""

    @socket.on("data")
    def answer(data: bytes) -> None:
        if not socket.write(data):
            socket.pause()
            socket.once("drain", socket.resume)


def keeps_order_itself(socket: net.Socket) -> None:
    """Right, with end() of its own."""
    by_hand(socket)
    socket.on("end", lambda: socket.end())


def decodes(socket: net.Socket) -> None:
    socket.on("data", lambda data: socket.write(data.decode()))


def asks_for_text(socket: net.Socket) -> None:
    socket.set_encoding("utf8")
    socket.on("data", lambda text: socket.write(text))


def reads_on(socket: net.Socket) -> None:
    socket.on("data", lambda data: socket.write(data))


def keeps_a_list(socket: net.Socket) -> None:
    """As bad as reads_on, but the bytes wait in the handler."""
    waiting: list[bytes] = []

    def pump() -> None:
        while waiting and socket.write(waiting.pop(0)):
            pass

    @socket.on("data")
    def answer(data: bytes) -> None:
        waiting.append(data)
        if not socket.writable_length:
            pump()

    @socket.on("drain")
    def go_on() -> None:
        pump()

    @socket.on("end")
    def rest() -> None:
        socket.write(b"".join(waiting))
        waiting.clear()


def cuts_at_the_end(socket: net.Socket) -> None:
    reads_on(socket)
    socket.on("end", lambda: socket.destroy())


def cuts_at_the_end_slowly(socket: net.Socket) -> None:
    """As on a busy machine: the client has sent all, and FIN, while the server still reads."""
    channel = socket._channel()
    assert channel is not None
    channel.setsockopt(SOL_SOCKET, SO_RCVBUF, 16384)

    @socket.on("data")
    def answer(data: bytes) -> None:
        sleep(0.002)
        socket.write(data)

    socket.on("end", lambda: socket.destroy())


def never_resumes(socket: net.Socket) -> None:
    @socket.on("data")
    def answer(data: bytes) -> None:
        if not socket.write(data):
            socket.pause()


def answers_at_the_end(socket: net.Socket) -> None:
    came: list[bytes] = []
    socket.on("data", came.append)
    socket.on("end", lambda: socket.write(b"".join(came)))


def shouts(socket: net.Socket) -> None:
    socket.on("data", lambda data: socket.write(data.upper()))


def takes_nothing() -> None:
    pass


def hangs_in_data(socket: net.Socket) -> None:
    @socket.on("data")
    def answer(data: bytes) -> None:
        while True:
            pass


def hangs_at_once(socket: net.Socket) -> None:
    while True:
        pass


async def is_awaited(socket: net.Socket) -> None:
    pass


@pytest.mark.parametrize("handler", [by_hand, keeps_order_itself, lambda socket: socket.pipe(socket)])
def test_right(handler: Any) -> None:
    assert echo_bug.check(handler).correct


@pytest.mark.parametrize(("handler", "step", "message"), [
    (buggy(), 2, "The cut is inside the character 您."),
    (decodes, 2, "UnicodeDecodeError: "),
    (asks_for_text, 3, "Not every byte is part of a text"),
    (reads_on, 5, "What does write() return?"),
    (keeps_a_list, 5, "What does write() return?"),
    (cuts_at_the_end, 4, "destroy() drops it"),
    (cuts_at_the_end_slowly, 4, "destroy() drops it"),
    (never_resumes, 4, "A socket that was paused must be resumed"),
    (answers_at_the_end, 1, "sends back what it gets, at once"),
    (shouts, 1, "sends back what it gets, at once"),
    (takes_nothing, 1, "TypeError: "),
    (hangs_in_data, 1, "A handler keeps the event loop"),
    (hangs_at_once, 1, "A handler keeps the event loop"),
    (is_awaited, 1, "use def"),
    (net.create_server, 1, "BadArgument: "),
    (net.Server, 1, "Give check() your handler"),
    ("echo", 1, "Give check() your handler"),
])  # fmt: skip
def test_wrong_answers(handler: Any, step: int, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = echo_bug.check(handler)
    assert result.outcome is Outcome.NOT_YET, result
    assert result.step.startswith(f"step {step} of 5"), result
    assert message in f"{result.seen}\n{result.why}", result
    assert "Your code raised" not in repr(result), "the error itself says more"
    assert capfd.readouterr().err == "", "the finding says it all"


def test_the_first_mend_alone_is_not_enough() -> None:
    names: dict[str, Any] = {}
    exec(BUGGY.replace('data.decode("utf8", "replace")', "data"), names)
    assert echo_bug.check(names["serve"]).step.startswith("step 5 of 5")


def test_an_exception_shows_the_handlers_own_line() -> None:
    result = echo_bug.check(decodes)
    assert len(result.frames) == 1
    assert result.frames[0].endswith('in <lambda>: socket.on("data", lambda data: socket.write(data.decode()))')


def test_a_hanging_handler_is_ended() -> None:
    assert echo_bug.check(hangs_in_data).seen == "your function did not return within 2 s"
    assert loop.call(lambda: 7, timeout=30) == 7


@pytest.mark.parametrize("handler", [by_hand, reads_on, decodes, hangs_in_data])
def test_nothing_is_left_listening(handler: Any) -> None:
    before = set(servers._running)
    echo_bug.check(handler)
    assert set(servers._running) == before


def test_a_handler_that_prints_makes_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    def talks(socket: net.Socket) -> None:
        print("somebody is there")
        socket.on("data", lambda data: print("got", data))
        socket.on("close", lambda failed: print("gone"))
        socket.pipe(socket)

    assert echo_bug.check(talks).correct
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[:2] == ["somebody is there", "got b'hello\\n'"]
    assert lines[5].startswith("… and ")
    loop.call(lambda: None)
    assert capsys.readouterr().out == "", "a handler printed after the check"


def test_stopped_while_a_handler_keeps_the_loop() -> None:
    def hangs(socket: net.Socket) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        while True:
            pass

    before = set(servers._running)
    with pytest.raises(Interrupted):
        echo_bug.check(hangs)
    assert loop.call(lambda: 7, timeout=30) == 7
    assert set(servers._running) == before


def test_the_handler_is_called_serve_everywhere() -> None:
    """A cell that defines `echo` would overwrite a server of that name in the lesson."""
    texts = [repr(echo_bug), echo_bug.stub, echo_bug.asks, echo_bug.worked, *echo_bug.hints, BUGGY]
    assert not any("def echo" in text or "check(echo)" in text for text in texts)
    assert "def serve(socket):" in repr(echo_bug)
    assert "def serve(socket):" in echo_bug.stub
    assert echo_bug.worked.count("def serve(socket):") == 2
    assert "check(serve)" in echo_bug.asks


@pytest.mark.parametrize("name", ["Server._socket", "Server._report", "Socket._report", "Socket._channel",
                                  "Socket._push"])  # fmt: skip
def test_net_still_has_the_hooks_of_the_trial(name: str) -> None:
    kind, method = name.split(".")
    assert callable(getattr(getattr(net, kind), method, None)), "serving.py or echo.py overrides or calls it"
