"""Exercises that ask for a choice for each case: every wrong choice has its own words, in its own case."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import dgram, dns, exercises, servers
from labkit.core.errors import LabError
from labkit.exercises import Outcome
from labkit.exercises.matching import Matching
from labkit.exercises.tcp import which_end
from labkit.exercises.udp import dns_answers, tcp_or_udp, told

ALL = [each for each in exercises.every() if isinstance(each, Matching)]


@pytest.mark.parametrize("exercise", ALL, ids=lambda each: each.name)
class TestEvery:
    def test_each_wrong_choice_has_its_own_words(self, exercise: Matching) -> None:
        for number, (letter, right) in enumerate(exercise.reference.items(), 2):
            words = set()
            for choice in exercise.looks:
                if choice == right:
                    continue
                result = exercise.check(exercise.reference | {letter: choice})
                assert result.outcome is Outcome.NOT_YET
                assert result.step.startswith(f"step {number} of")
                assert result.seen == repr(choice)
                assert right not in result.expected
                words.add(result.why.split("\n")[0])
            assert len(words) == len(exercise.looks) - 1

    def test_every_choice_is_right_once(self, exercise: Matching) -> None:
        assert set(exercise.reference.values()) == set(exercise.looks)

    def test_ways_to_write_it(self, exercise: Matching) -> None:
        assert exercise.check(list(exercise.reference.values())).correct
        assert exercise.check({letter.lower(): choice.upper() for letter, choice in exercise.reference.items()}).correct
        assert exercise.check({f" {letter} ": choice.replace(" ", "-") for letter, choice in
                               exercise.reference.items()}).correct  # fmt: skip

    @pytest.mark.parametrize("answer", [["x"], {"A": "x"}, {1: 2}, "A", {"A": 3}])
    def test_no_answer_of_this_form(self, exercise: Matching, answer: Any) -> None:
        assert exercise.check(answer).step.startswith("step 1 of")

    def test_a_letter_that_is_missing_is_told(self, exercise: Matching) -> None:
        result = exercise.check(exercise.reference | {"B": ...})
        assert result.seen == "none for B"
        assert "choose what fits best" in result.why

    def test_another_word_is_told(self, exercise: Matching) -> None:
        result = exercise.check(exercise.reference | {"C": "whatever"})
        assert result.expected.startswith("one of ")
        assert "for C" in result.expected


def test_the_words_name_what_speaks_against_it() -> None:
    assert "it answers the SYN" in which_end.check(which_end.reference | {"A": "reset"}).why
    assert "For an ordinary end, the server's FIN is missing" in which_end.check(
        which_end.reference | {"B": "ordinary end"}).why  # fmt: skip
    assert "wait until a lost one" in tcp_or_udp.check(tcp_or_udp.reference | {"B": "TCP: complete"}).why


def test_the_kernel_says_what_the_exercise_says() -> None:
    """Cases C, D and E of `udp.told`, with real sockets; B is in lesson 02b."""
    errors: list[BaseException] = []
    asking = dgram.create_socket("udp4").on("error", errors.append)
    plain = dgram.create_socket("udp4")
    receiver = dgram.create_socket("udp4").bind(0)
    try:
        asking.send("anybody?", 41990)
        asking.send("anybody?", receiver.address()[1])  # when it is here, the ICMP message to the first one has come
        receiver.wait_for("message")
        with pytest.raises(LabError) as large:
            plain.send(bytes(70_000), 41990)
    finally:
        for socket in (asking, plain, receiver):
            socket.close()
    with pytest.raises(LabError) as closed:
        plain.send("late", 41990)
    assert told.reference["D"] == "too large"
    assert large.value.code == "EMSGSIZE"
    assert told.reference["C"] == "nothing"
    assert errors == []
    assert told.reference["E"] == "closed"
    assert closed.value.code == "ERR_SOCKET_DGRAM_NOT_RUNNING"


@pytest.mark.parametrize(("letter", "name", "kind"), [
    ("A", "www.lab.example", dns.Type.AAAA), ("B", "nowhere.lab.example", dns.Type.AAAA),
    ("C", "many.lab.example", dns.Type.TXT), ("D", "many.lab.example", dns.Type.AAAA),
    ("F", "www.example.com", dns.Type.AAAA),
])  # fmt: skip
def test_the_name_server_sends_such_headers(letter: str, name: str, kind: dns.Type) -> None:
    """The cases of `udp.dns_answers`, but E, which no server of labkit sends."""
    server = servers.dns.create().listen(0)
    client = dgram.create_socket("udp4")
    try:
        client.send(dns.Message(id=7, questions=(dns.Question(name, kind),)).encode(), server.port)
        data, _ = client.wait_for("message", timeout=30)
    finally:
        client.close()
        server.close()
    reply = dns.Message.decode(data)
    header = (f"ID {reply.id}, TC {reply.truncated:d}, RCODE {dns.Rcode(reply.rcode).name}, "
              f"ANCOUNT {len(reply.answers)}")  # fmt: skip
    assert dns_answers.cases["ABCDEF".index(letter)].shown == header
