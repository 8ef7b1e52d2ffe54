"""Messages of a busy server are asleep until somebody touches them; of what was found good, so much is remembered."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from labkit import http
from labkit.core import endpoint
from labkit.http import request_head, shapes, sleeping
from labkit.http.asleep import AWAKE, wake
from labkit.http.incoming import ANSWERED, NEW, OVER, WHOLE, IncomingMessage
from labkit.http.parsing import Limits, RequestParser
from labkit.http.response import ServerResponse
from labkit.streams.states import OPEN, WRITE_ENDED


def a_request(stands: int = NEW) -> Any:
    made: Any = sleeping.request(None, None, {b"Host": b"x"}, "1.1", "GET", "/")  # type: ignore[arg-type]
    made._asleep = stands
    return made


def a_response(size: int = 0) -> Any:
    made: Any = sleeping.response(None, a_request(), True)
    made._asleep = size
    made._writing = WRITE_ENDED if size else OPEN
    return made


def slots(cls: type) -> set[str]:
    found = {name for each in cls.__mro__ for name in getattr(each, "__slots__", ())}
    return found - {"__weakref__", "_keeps"}  # that one is set by whoever asks for it


@pytest.mark.parametrize(("made", "cls"), [(a_request, IncomingMessage), (a_response, ServerResponse)])
class TestWaking:
    def test_it_has_the_name_and_the_class_of_one_that_is_awake(self, made: Any, cls: type) -> None:
        message = made()
        assert isinstance(message, cls)
        assert type(message).__name__ == cls.__name__
        wake(message)
        assert type(message) is cls
        assert message._asleep == AWAKE

    def test_no_part_is_missing_when_it_is_awake(self, made: Any, cls: type) -> None:
        message = made()
        wake(message)
        assert [name for name in slots(cls) if not hasattr(message, name)] == []

    def test_every_part_is_there_at_the_first_touch(self, made: Any, cls: type) -> None:
        message = made()
        wake(message)
        for name in slots(cls) - {"_asleep"}:
            asleep = made()
            told = getattr(asleep, name)
            if name not in ("req", "_raw", "_listeners"):  # made anew for each message
                assert told == getattr(message, name), name

    def test_a_part_that_is_set_first_stays_as_it_was_set(self, made: Any, cls: type) -> None:
        for name in slots(cls) - {"_asleep", "req"}:  # the response's socket is that of its request
            message = made()
            setattr(message, name, marker := object())
            assert getattr(message, name) is marker, name
            wake(message)
            assert getattr(message, name) is marker, name

    def test_many_threads_that_touch_it_at_once_see_the_same_message(self, made: Any, cls: type) -> None:
        for _ in range(200):
            message, seen = made(), []
            gate = threading.Barrier(4)

            def touch(message: Any = message, seen: list[Any] = seen, gate: Any = gate) -> None:
                gate.wait()
                seen.append((message._listeners, message._tickets, message.closed))

            threads = [threading.Thread(target=touch) for _ in range(4)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            assert len(seen) == 4
            assert all(each[0] is message._listeners for each in seen)


@pytest.mark.parametrize(
    ("stands", "complete", "ended", "flowing"),
    [(NEW, False, False, None), (WHOLE, True, False, None), (ANSWERED, False, False, True), (OVER, True, True, True)],
)
def test_a_request_that_wakes_knows_what_happened_meanwhile(
    stands: int, complete: bool, ended: bool, flowing: bool | None
) -> None:
    request = a_request(stands)
    assert (request.complete, request.readable_ended, request.readable_flowing) == (complete, ended, flowing)
    assert request.closed is ended


def test_a_response_that_wakes_knows_that_it_was_sent() -> None:
    response = a_response(120)
    assert (response.bytes_written, response.writable_finished, response.closed) == (120, True, True)
    assert (a_response().bytes_written, a_response().writable_finished, a_response().closed) == (0, False, False)


def talk(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(data)
        got = b""
        while piece := client.recv(65536):
            got += piece
    return got


LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FIELDS = b"Host: x\r\nAccept: a\r\naccept: b\r\nAccept: c\r\nAge: 1\r\nAge: 2\r\nCookie: d\r\nCookie: e \r\n"
REPEATED = b"GET /?%d HTTP/1.1\r\n" + FIELDS + b"\r\n"


@pytest.mark.parametrize("young", [0, endpoint.YOUNG])
def test_fields_that_come_again_are_all_told(young: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "YOUNG", young)
    seen: list[Any] = []

    def handler(request: IncomingMessage, response: ServerResponse) -> None:
        seen.append((request.headers, request.headers_distinct, request.raw_headers))
        response.end()

    with http.create_server(handler).listen(0) as server:
        talk(server.port, b"".join([REPEATED % each for each in range(3)]) + LAST)
    assert len(seen) == 4
    for headers, distinct, raw in seen[:3]:
        assert headers == {"host": "x", "accept": "a, b, c", "age": "1", "cookie": "d; e"}
        assert distinct == {"host": ["x"], "accept": ["a", "b", "c"], "age": ["1", "2"], "cookie": ["d", "e"]}
        assert raw == [
            "Host", "x", "Accept", "a", "accept", "b", "Accept", "c", "Age", "1", "Age", "2", "Cookie", "d", "Cookie",
            "e",
        ]  # fmt: skip


class Heads:
    """A taker of a parser that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.trailers: list[Any] = []

    def on_head(self, *facts: Any) -> bool:
        self.told.append(facts)
        return False

    def on_body(self, data: bytes) -> None:
        pass

    def on_end(self, trailers: Any) -> bool:
        self.trailers.append(trailers)
        return True


def test_trailers_that_come_again_are_all_told() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = head + b"1\r\na\r\n0\r\nA: b\r\nC:d \r\nA:  e\r\n\r\n"
    for at in range(1, len(body)):
        taker = Heads()
        parser = RequestParser(taker, Limits())
        parser.feed(body[:at])
        parser.feed(body[at:])
        assert taker.trailers == [[(b"A", b"b"), (b"C", b"d"), (b"A", b"e")]]


def test_the_same_names_with_other_values_are_not_taken_for_the_ones_before() -> None:
    taker = Heads()
    parser = RequestParser(taker, Limits())
    for length in (3, 0, 5):
        parser.feed(b"POST / HTTP/1.1\r\nHost: x%d\r\nContent-Length: %d\r\n\r\n%b" % (length, length, b"a" * length))
    assert [facts[3] for facts in taker.told] == [
        {b"Host": b"x%d" % each, b"Content-Length": b"%d" % each} for each in (3, 0, 5)
    ]
    assert taker.trailers == [None, None, None]


def test_a_limit_counts_also_for_a_line_that_a_server_with_another_limit_has_taken() -> None:
    line = b"GET /" + b"a" * 100 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    RequestParser(wide := Heads(), Limits()).feed(line)
    assert len(wide.told) == 1
    with pytest.raises(http.parsing.Malformed, match="too long"):
        RequestParser(Heads(), Limits(target=50)).feed(line)


def test_what_is_remembered_is_bounded() -> None:
    parser = RequestParser(Heads(), Limits())
    for each in range(max(shapes.SHAPES, request_head.LINES, request_head.HOSTS) + 50):
        parser.feed(b"GET /%d HTTP/1.1\r\nHost: x%d\r\nA%d: b\r\n\r\n" % (each, each, each))
        assert len(shapes.known) <= shapes.SHAPES
        assert len(request_head.lines) <= request_head.LINES
        assert len(request_head.hosts) <= request_head.HOSTS
    long = b"B" * shapes.LONGEST_SHAPE
    parser.feed(b"GET /%b HTTP/1.1\r\nHost: x%b\r\n%b: c\r\n\r\n" % (long, long, long))
    assert not any(long in names for names in shapes.known)
    assert not any(long in line for line in request_head.lines)
    assert not any(long in host for host in request_head.hosts)
