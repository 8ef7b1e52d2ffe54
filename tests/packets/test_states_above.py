"""The states of TLS, HTTP and WebSocket at both ends, and what a tape without keys leaves open.

Rule: tapes are the recordings of the lessons, or made by hand; each test says which packet changes what.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.packets import Tape
from labkit.packets.courses import Course, courses_of
from labkit.packets.states import ARRIVED, MIDDLE, SEALED, WHY
from tests.packets import made
from tests.packets.dialogs import talk, tape_of

DATA = Path(__file__).resolve().parents[2] / "data"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


def recorded(name: str) -> Tape:
    """A recording of a lesson."""
    return Tape.load(DATA / f"{name}.pcapng")


def changes(found: Course, protocol: str) -> list[tuple[int, str, str]]:
    """The packets after which an end of this protocol is in another state, with both states."""
    seen: list[tuple[int, str, str]] = []
    for index in range(len(found)):
        for each in found.above(index):
            if each.protocol == protocol and (not seen or seen[-1][1:] != (each.client[0], each.server[0])):
                seen.append((found.tape[index].number, each.client[0], each.server[0]))
    return seen


def assumed(found: Course, index: int, protocol: str) -> tuple[str, str]:
    """What was assumed of both ends' states after a packet."""
    (each,) = (each for each in found.above(index) if each.protocol == protocol)
    return each.client[1], each.server[1]


class TestTLS:
    """By the names of RFC 8446 Appendix A; TLS 1.2 has words."""

    def test_tls_1_3(self) -> None:
        (found,) = courses_of(recorded("05c-tls-handshake/handshake-13"))
        assert changes(found, "TLS") == [
            (1, "START", "START"), (4, "WAIT_SH", "RECVD_CH"), (6, "WAIT_FINISHED", "WAIT_FINISHED"),
            (8, "CONNECTED", "CONNECTED"), (9, "has got close_notify", "has sent close_notify"),
            (11, "closed", "closed"),
        ]  # fmt: skip

    def test_another_share_is_asked_for(self) -> None:
        (found,) = courses_of(recorded("05c-tls-handshake/another-share"))
        assert changes(found, "TLS")[1:5] == [
            (4, "WAIT_SH", "RECVD_CH"), (6, "START", "START"), (8, "WAIT_SH", "RECVD_CH"),
            (10, "WAIT_FINISHED", "WAIT_FINISHED"),
        ]  # fmt: skip

    def test_a_certificate_of_the_client(self) -> None:
        (found, *_) = courses_of(recorded("05d-mutual-tls/both-show"))
        assert changes(found, "TLS")[2] == (6, "WAIT_FINISHED", "WAIT_CERT")

    def test_tls_1_2(self) -> None:
        (found, *_) = courses_of(recorded("05c-tls-handshake/trips-12"))
        assert changes(found, "TLS")[1:6] == [
            (4, "waits for ServerHello", "has to answer ClientHello"),
            (6, "has to answer ServerHelloDone", "waits for ClientKeyExchange"),
            (8, "waits for Finished", "waits for Finished"), (9, "CONNECTED", "CONNECTED"),
            (11, "has sent close_notify", "has got close_notify"),
        ]  # fmt: skip

    def test_an_alert_ends_it(self) -> None:
        (found, *_) = courses_of(recorded("05c-tls-handshake/alert-ca"))
        assert changes(found, "TLS")[-1][1:] == ("closed by the alert unknown_ca",) * 2
        (found, *_) = courses_of(recorded("05c-tls-handshake/alert-ca").without_secrets())
        assert changes(found, "TLS")[-1][1:] == ("closed by the alert unknown_ca",) * 2

    def test_without_the_keys_the_end_of_the_handshake_is_assumed(self) -> None:
        (found, *_) = courses_of(recorded("05e-https/agent").without_secrets())
        assert changes(found, "TLS")[2:] == [
            (6, "handshake, encrypted", "handshake, encrypted"), (8, "CONNECTED", "CONNECTED"),
        ]  # fmt: skip
        assert assumed(found, 5, "TLS") == ("", "")
        assert assumed(found, 8, "TLS") == (SEALED, SEALED)
        assert changes(found, "HTTP") == []

    def test_http_inside_tls(self) -> None:
        (found, *_) = courses_of(recorded("05e-https/agent"))
        assert changes(found, "HTTP")[:3] == [
            (1, "idle", "idle"), (10, "waits for the answer to GET /", "has to answer GET /"), (11, "idle", "idle"),
        ]  # fmt: skip


class TestHTTP:
    """In words."""

    def test_a_request_in_two_segments_and_its_answer_in_two(self) -> None:
        (found,) = courses_of(talk([("c", [GET[:10], GET[10:]]), ("s", [OK[:30], OK[30:]])]).tape())
        assert changes(found, "HTTP") == [
            (1, "idle", "idle"), (4, "sends GET /", "receives GET /"),
            (6, "waits for the answer to GET /", "has to answer GET /"),
            (8, "receives 200 OK", "sends 200 OK"), (10, "idle", "idle"),
        ]  # fmt: skip

    def test_pipelined_requests_are_answered_in_turn(self) -> None:
        second = GET.replace(b"GET /", b"GET /two")
        (found,) = courses_of(talk([("c", GET + second), ("s", OK), ("s", OK)]).tape())
        assert changes(found, "HTTP")[1:] == [
            (4, "waits for the answer to GET /two", "has to answer GET /"),
            (6, "waits for the answer to GET /two", "has to answer GET /two"), (8, "idle", "idle"),
        ]  # fmt: skip

    def test_what_has_not_been_acknowledged_is_assumed(self) -> None:
        tape = talk([("c", GET)], end=False).tape()
        (found,) = courses_of(tape_of([each.raw for each in tape[:4]]))
        assert assumed(found, 3, "HTTP") == ("", ARRIVED)

    def test_a_hostile_target_is_cut(self) -> None:
        (found,) = courses_of(talk([("c", GET.replace(b"/ ", b"/" + b"x" * 60000 + b" "))]).tape())
        assert max(len(words) for _, *ends in changes(found, "HTTP") for words in ends) < 100


class TestWebSocket:
    """By the names of RFC 6455."""

    def test_from_the_handshake_to_the_end(self) -> None:
        (found, *_) = courses_of(recorded("04d-websocket-endings/ends"))
        assert changes(found, "WebSocket") == [
            (1, "CONNECTING", "CONNECTING"), (6, "OPEN", "OPEN"), (8, "CLOSING", "CLOSING"),
            (11, "CLOSING", "CLOSED"), (12, "CLOSED", "CLOSED"),
        ]  # fmt: skip
        assert changes(found, "HTTP")[-1][1:] == ("over: another protocol",) * 2

    def test_a_tape_that_begins_behind_the_handshake(self) -> None:
        frames = [each.raw for each in recorded("04d-websocket-endings/ends")]
        (found,) = courses_of(tape_of(frames[6:]))
        assert changes(found, "WebSocket")[:2] == [(1, "OPEN", "OPEN"), (2, "CLOSING", "CLOSING")]
        assert assumed(found, 0, "WebSocket") == (MIDDLE, MIDDLE)


def test_datagrams_are_counted() -> None:
    there = made.ethernet(made.ipv4(made.udp(b"hi", sport=41000, dport=5353), protocol=17))
    back = made.ethernet(
        made.ipv4(made.udp(b"hello", sport=5353, dport=41000), protocol=17, src="10.0.0.2", dst="10.0.0.1")
    )
    (found,) = courses_of(tape_of([there, back, there]))
    assert changes(found, "Datagrams") == [
        (1, "1 sent, 2 bytes", "0 sent, 0 bytes"), (2, "1 sent, 2 bytes", "1 sent, 5 bytes"),
        (3, "2 sent, 4 bytes", "1 sent, 5 bytes"),
    ]  # fmt: skip


@pytest.mark.parametrize("path", sorted(DATA.glob("0[345]*/*.pcapng")), ids=lambda path: path.stem)
def test_whatever_is_recorded_has_states(path: Path) -> None:
    for tape in (Tape.load(path), Tape.load(path).without_secrets()):
        for found in courses_of(tape):
            for index in range(len(found)):
                for each in found.above(index):
                    assert each.client[0]
                    assert each.server[0]
                    assert {each.client[1], each.server[1]} <= {"", *WHY}
