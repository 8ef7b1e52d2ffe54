"""Polls: what a room of students has answered, and what a stranger cannot do to it.

Rule: the students of a room are processes of their own; waits are for what the poll has, never for a time.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import labkit
from labkit.core import loop
from labkit.core.errors import BadArgument, ConnectionRefused, LabError, PortInUse
from labkit.course import joining, posting, room
from labkit.course.polling import Poll
from labkit.course.tally import (
    LONGEST_ANSWER,
    LONGEST_LINE,
    LONGEST_QUESTION,
    MOST_OF_ONE,
    MOST_OPTIONS,
    MOST_QUESTIONS,
    MOST_STUDENTS,
    Question,
    Refused,
    Tally,
    message_of,
)
from labkit.widgets import modules
from tests.needs import need_private_network

WHO = Question("Who closes first?", ("client", "server"))
TOKENS = [f"{number:032x}" for number in range(MOST_STUDENTS + 1)]


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    labkit.reset()


def when(happened: Callable[[], bool]) -> None:
    """Wait until this is so; the poll is looked at, for nobody calls when a page is not there."""
    for _ in range(3000):
        if happened():
            return
        threading.Event().wait(0.02)
    pytest.fail("it has not happened")


class TestTally:
    """Answers counted, and the limits of a room."""

    def test_one_answer_of_each_student(self) -> None:
        tally = Tally()
        for token, name in zip(TOKENS[:3], ("Ada", "", "Bob"), strict=True):
            tally.join(token, name)
            tally.take(token, WHO, "client")
        assert tally.counts(WHO) == {"client": 3, "server": 0}
        tally.take(TOKENS[0], WHO, "server")  # a changed mind
        assert tally.counts(WHO) == {"client": 2, "server": 1}
        assert tally.given(WHO) == [("Ada", "server"), ("", "client"), ("Bob", "client")]
        assert (tally.answered(WHO), tally.answer_of(TOKENS[0], WHO)) == (3, "server")
        tally.clear(WHO)
        assert (tally.counts(WHO), tally.answered(WHO)) == ({"client": 0, "server": 0}, 0)

    def test_free_answers_by_how_often_they_came(self) -> None:
        tally, free = Tally(), Question("How many?")
        for token, answer in zip(TOKENS, ("seven", "10", " 10", "TEN", "ten", "10"), strict=False):
            tally.join(token, "")
            tally.take(token, free, answer)
        assert list(tally.counts(free).items()) == [("10", 3), ("TEN", 2), ("seven", 1)]

    def test_what_is_no_answer(self) -> None:
        tally = Tally()
        tally.join(TOKENS[0], "")
        for answer in ("nobody", "", "Client", None, 1, ["client"], "client\ud800"):
            with pytest.raises(Refused, match="no answer to this question"):
                tally.take(TOKENS[0], WHO, answer)
        with pytest.raises(Refused):
            tally.take(TOKENS[0], Question("Free?"), "x" * (LONGEST_ANSWER + 1))
        assert tally.questions == ()

    def test_a_room_has_limits(self) -> None:
        tally = Tally()
        for token in TOKENS[:MOST_STUDENTS]:
            tally.join(token, "")
        tally.join(TOKENS[0], "again")
        with pytest.raises(Refused, match=str(MOST_STUDENTS)):
            tally.join(TOKENS[MOST_STUDENTS], "")
        for number in range(MOST_OF_ONE):
            tally.take(TOKENS[0], Question(f"q{number}"), "a")
        with pytest.raises(Refused, match=str(MOST_OF_ONE)):
            tally.take(TOKENS[0], Question("one more"), "a")
        for number in range(MOST_OF_ONE, MOST_QUESTIONS):
            tally.ask(Question(f"q{number}"))
        with pytest.raises(Refused, match=str(MOST_QUESTIONS)):
            tally.ask(Question("one more"))
        assert len(tally.questions) == MOST_QUESTIONS


def test_a_poll_as_text() -> None:
    poll = labkit.poll("Who closes first?", ["client", "server"])
    mine = labkit.join(poll.port)
    assert repr(mine) == (
        f"You have joined the poll at port {poll.port}.\nWho closes first?\nChoose from: client, server\n"
        "Answer by .answer(…)"
    )
    assert mine.answer("Server") == "Your answer is in the poll: server"
    assert repr(mine).endswith("Your answer: server")
    assert poll.counts == {"client": 0, "server": 1}
    assert repr(poll) == (
        "Who closes first?\n"
        "  client  ........................  0\n"
        "  server  ########################  1\n"
        f"1 answer. 1 student joined, by labkit.join({poll.port})."
    )
    poll.hide()
    assert "#" not in repr(poll)
    assert "bars are hidden" in repr(poll)
    assert poll._panel.state["bars"] == []
    poll.show()
    poll.clear()
    when(lambda: mine.mine == "")
    assert mine.answer("client") == "Your answer is in the poll: client"
    poll.close()
    assert "The poll has ended." in repr(poll)
    when(lambda: mine._ended)
    assert mine.answer("server").startswith("The poll has ended.")
    assert poll.counts == {"client": 1, "server": 0}


def test_predictions_count_before_and_after_joining() -> None:
    options = {"client": "", "server": "No."}
    assert repr(labkit.poll()).splitlines()[0] == "No question has an answer yet."
    labkit.predict("Who ends?", "client", options)
    poll = labkit.poll()
    assert (poll.question, poll.counts) == ("Who ends?", {"client": 0, "server": 0})
    labkit.join(poll.port, name="Ada")
    when(lambda: poll.answers == [("Ada", "client")])
    asked = labkit.predict("How many?", ..., [1, 2])
    assert (poll.question, poll.counts) == ("How many?", {"1": 0, "2": 0})  # its cell ran here
    asked._ask.choose(1)  # type: ignore[union-attr]
    when(lambda: poll.counts == {"1": 0, "2": 1})
    asked._ask.choose(0)  # type: ignore[union-attr]
    when(lambda: poll.counts == {"1": 1, "2": 0})
    labkit.predict("Who ends?", "nobody", options)  # is no choice, and counts as none
    assert poll.counts == {"client": 1, "server": 0}


def test_a_second_poll_has_the_same_room() -> None:
    first = labkit.poll("One?", ["a", "b"])
    mine = labkit.join(first.port)
    second = labkit.poll("Two?", hidden=True)
    assert second.port == first.port
    when(lambda: mine.question == Question("Two?"))
    assert mine.answer(" five ") == "Your answer is in the poll: five"
    assert (first.counts, second.counts) == ({"a": 0, "b": 0}, {"five": 1})
    again = labkit.join(first.port)  # the same notebook is the same student
    assert again.mine == "five"
    assert again.answer(6) == "Your answer is in the poll: 6"
    assert second.counts == {"6": 1}
    assert second._room.joined == 1


def test_many_free_answers_are_not_all_shown() -> None:
    poll = labkit.poll("How many?")
    with poll._room.lock:
        for number, token in enumerate(TOKENS[:40]):
            poll._room.tally.join(token, "")
            poll._room.tally.take(token, Question("How many?"), str(number))
    poll.refresh()
    assert (len(poll._panel.state["bars"]), poll._panel.state["bars"][-1]) == (13, ("28 other answers", 28))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: labkit.poll("", ["a", "b"]), "options without a question"),
        (lambda: labkit.poll("?", ["a"]), "is no choice"),
        (lambda: labkit.poll("?", "ab"), "not a list of answers"),
        (lambda: labkit.poll("?" * (LONGEST_QUESTION + 1)), f"text of 1 to {LONGEST_QUESTION} characters"),
        (lambda: labkit.poll("?", list(range(MOST_OPTIONS + 1))), f"2 to {MOST_OPTIONS}"),
        (lambda: labkit.poll(7), "is not a question"),
        (lambda: labkit.poll("?", hidden=1), "neither True nor False"),
        (lambda: labkit.poll("?", port="8700"), "is not a port"),
        (lambda: labkit.join("8700"), "is not a port"),
        (lambda: labkit.join(8700, name="x" * 41), "is no name"),
        (lambda: labkit.join(8700, name="a\nb"), "is no name"),
    ],
)
def test_refused_at_the_door(call: Callable[[], object], words: str) -> None:
    with pytest.raises(LabError, match=words):
        call()


def test_a_port_that_another_program_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse):
            labkit.poll("?", port=port)
    poll = labkit.poll("?", port=port)
    assert poll.port == port
    with pytest.raises(LabError, match="already"):
        labkit.poll("?", port=port - 1)


def test_without_a_number_any_free_port_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(room, "PORT", taken.getsockname()[1])
        assert labkit.poll("?").port != room.PORT


def test_no_poll_at_this_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefused):
        labkit.join(port)


STRANGE = (b"", b"HTTP/1.1 400 Bad Request\r\n", b"[]\n", b'{"asks": {"question": 5}}\n', b"{}\n")


@pytest.mark.parametrize("line", STRANGE)
def test_what_answers_is_no_poll(line: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as strange:

        def serve() -> None:
            visitor, _ = strange.accept()
            with visitor:
                visitor.recv(1000)
                visitor.sendall(line)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(LabError, match="says"):
            labkit.join(strange.getsockname()[1])
        thread.join()


class Stranger:
    """A program that speaks to a poll as it likes."""

    def __init__(self, poll: Poll) -> None:
        self.socket = socket.create_connection(("127.0.0.1", poll.port), 60)
        self.file = self.socket.makefile("rb")

    def says(self, line: bytes) -> dict[str, Any]:
        """Send a line; what is answered, `{}` for an end."""
        try:
            self.socket.sendall(line)
            return json.loads(self.file.readline() or b"{}")  # type: ignore[no-any-return]
        except (ConnectionResetError, BrokenPipeError):
            return {}

    def for_ever(self, lines: bytes) -> None:
        """Send this until the connection ends; reads nothing."""
        while True:
            self.socket.sendall(lines)

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()


JOIN = json.dumps({"join": TOKENS[1], "name": "x"}).encode() + b"\n"
DEEP = b"[" * 20_000 + b"\n"


class TestStrangers:
    """What is no message of a student's notebook ends its connection, or is refused; the room stays as it is."""

    @pytest.fixture
    def poll(self) -> Poll:
        return labkit.poll("Who closes first?", ["client", "server"])

    @pytest.mark.parametrize(
        "line",
        [
            b"POST / HTTP/1.1\r\n", b"\x16\x03\x01\n", b"\xff\xfe\n", b"null\n", DEEP, b'{"join": 5}\n',
            b'{"join": "../x"}\n', JOIN.replace(b'"x"', b'["x"]'), JOIN.replace(b'"x"', b'"\\ud800"'),
            JOIN.replace(b'"x"', b'"' + b"x" * 50 + b'"'), b"x" * (LONGEST_LINE + 10),
        ],
    )  # fmt: skip
    def test_who_does_not_join(self, poll: Poll, line: bytes) -> None:
        with Stranger(poll) as stranger:
            assert stranger.says(line).keys() <= {"refused"}
            assert stranger.file.readline() == b""
        assert (poll._room.joined, poll._room.tally.names) == (0, {})

    @pytest.mark.parametrize(
        "message",
        [
            {"question": "Who closes first?", "options": ["client", "server"], "answer": "both"},
            {"question": "Who closes first?", "options": ["client", "server"], "answer": ["client"]},
            {"question": "Who closes first?", "options": ["client"], "answer": "client"},
            {"question": "Who closes first?", "options": ["client", "client"], "answer": "client"},
            {"question": "Who closes first?", "options": {"client": 1}, "answer": "client"},
            {"question": "Who closes first?", "answer": "client"},
            {"question": "", "options": [], "answer": "x"},
            {"question": "x" * (LONGEST_QUESTION + 1), "options": [], "answer": "x"},
            {"question": "\ud800", "options": [], "answer": "x"},
            {"question": "q", "options": [str(each) for each in range(MOST_OPTIONS + 1)], "answer": "1"},
            {"join": TOKENS[2]},
            {},
        ],
    )
    def test_what_is_no_answer_is_refused(self, poll: Poll, message: dict[str, Any]) -> None:
        with Stranger(poll) as stranger:
            assert "asks" in stranger.says(JOIN)
            assert "refused" in stranger.says(json.dumps(message).encode() + b"\n")
            good = {"question": "Who closes first?", "options": ["client", "server"], "answer": "client"}
            assert stranger.says(json.dumps(good).encode() + b"\n") == {"taken": True}
        assert poll.counts == {"client": 1, "server": 0}
        assert poll._room.tally.questions == (WHO,)

    def test_what_is_written_is_shown_as_text(self, poll: Poll) -> None:
        with Stranger(poll) as stranger:
            stranger.says(JOIN)
            bad = {"question": "\u202e<b>\x1b[31m", "options": [], "answer": "\u202e<script>\0"}
            assert stranger.says(json.dumps(bad).encode() + b"\n") == {"taken": True}
        assert poll.question == "Who closes first?"  # no student decides what is shown
        free = labkit.poll()
        free._choose(1)
        assert repr(free).splitlines()[:2] == [
            "\\u202e<b>\\x1b[31m",
            "  \\u202e<script>\\0  ########################  1",
        ]

    def test_who_says_nothing_is_not_waited_for(self, poll: Poll, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room, "JOIN_WAIT", 0.05)
        with Stranger(poll) as stranger:
            assert stranger.file.readline() == b""

    def test_who_does_not_read_is_left(self, poll: Poll) -> None:
        """Its answers are taken until too many replies wait, and then its connection ends."""
        flood = b'{"question": 1}\n' * 1000
        with Stranger(poll) as stranger:
            stranger.says(JOIN)
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                stranger.for_ever(flood)
        when(lambda: poll._room.joined == 0)

    def test_a_line_that_is_no_message(self) -> None:
        for line in (DEEP, b"NaN", b"1e999", b'"\\ud800"', b"{" * 50_000):
            with pytest.raises(Refused):
                message_of(line)


def test_each_module_of_the_views_is_there() -> None:
    assert all(modules.style(name) and modules.module(name) for name in ("poll", "joined"))


CLASS = """
import os, sys
from labkit.course import joining, polling
from labkit.lab import namespaces, outside_process
import labkit

port, students, private = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "private"
start, go = os.pipe()
children = []
for number in range(students):
    child = os.fork()
    if child == 0:
        os.close(go)
        try:
            if private:
                outside_process.keep(outside_process.start())
                namespaces.enter_private_network()
            os.read(start, 1)  # ends when all have been started
            mine = labkit.join(port, name=f"student {number}")
            assert mine.answer(("client", "server")[number % 3 == 0]).startswith("Your answer is in the poll: ")
            prediction = labkit.predict("How many packets?", ..., [10, 11])
            prediction._ask.choose(number % 2)
            said = mine.answer(("client", "server")[number % 3 == 1])  # a changed mind
            assert said.startswith("Your answer is in the poll: "), said
        except BaseException as error:
            print(f"student {number}: {error!r}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


@pytest.mark.parametrize("network", ["direct", "private"])
def test_thirty_students_at_once(network: str) -> None:
    """Each is a process of its own, and in "private" each has left the network of the poll, as notebooks do."""
    if network == "private":
        need_private_network()
    poll = labkit.poll("Who closes first?", ["client", "server"])
    command = [sys.executable, "-c", CLASS, str(poll.port), "30", network]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert poll.counts == {"client": 20, "server": 10}
    assert sorted(name for name, _ in poll.answers) == sorted(f"student {number}" for number in range(30))
    assert labkit.poll()._room.tally.counts(Question("How many packets?", ("10", "11"))) == {"10": 15, "11": 15}
    when(lambda: poll._room.joined == 0)


def test_a_program_inside_a_network_cannot_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_NETWORK", "private")
    for call in (lambda: labkit.poll("?"), lambda: labkit.join(8700)):
        with pytest.raises(LabError, match="runs inside a notebook's network"):
            call()


def test_starting_over_forgets_it() -> None:
    labkit.predict("Who ends?", "client", ["client", "server"])
    poll = labkit.poll()
    labkit.join(poll.port)
    labkit.reset()
    assert poll._room.closed
    assert (posting.answers(), posting._hearers, joining._joined) == ({}, [], None)
    assert labkit.poll("?") is not poll


def test_of_a_wrong_kind() -> None:
    with pytest.raises(BadArgument):
        labkit.poll(hidden="no")  # type: ignore[arg-type]


def test_what_the_room_sees_the_instructor_decides() -> None:
    """A question that a student's program sends is counted, and is not shown because it came first."""
    poll = labkit.poll()
    tally = poll._room.tally
    tally.join("a" * 32, "eve")
    tally.take("a" * 32, Question.checked("Free pizza?", []), "now")
    assert (poll.question, poll.counts) == ("", {})
    labkit.predict("How many?", ..., [1, 2])
    assert poll.question == "How many?"
    poll._choose(0)
    assert poll.question == "Free pizza?"


def test_a_click_does_not_wait_for_the_loop() -> None:
    """A click holds the lock of its view, and the loop wants it when answers have come."""
    poll = labkit.poll("Who closes first?", ["client", "server"])
    clicked, in_time = threading.Event(), []

    def keep_the_loop() -> None:
        poll._room.plan()
        in_time.append(clicked.wait(30))

    loop.get().call_soon_threadsafe(keep_the_loop)
    with poll._panel.guard:
        for click in (poll.clear, poll._close_from_page):
            click()
        clicked.set()
    loop.call(lambda: None, timeout=30)
    assert in_time == [True]


def test_options_are_as_they_are_counted() -> None:
    poll = labkit.poll("Who?", ["yes ", " no"])
    assert poll.counts == {"yes": 0, "no": 0}
