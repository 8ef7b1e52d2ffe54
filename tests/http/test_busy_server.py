"""A busy server takes the short paths: all of Node's scenarios once more on it, and what must not differ there.

Rule: every server of this file is busy from its first request on; the scenarios are those of test_node.py, unchanged.
"""

from __future__ import annotations

import socket as system
from typing import Any

import pytest

from labkit import http as labhttp
from labkit.core import endpoint, watching
from labkit.core.errors import LabError
from labkit.http import IncomingMessage, ServerResponse
from tests.http.test_node import SCENARIOS, tell_the_same
from tests.nodes import LOCAL

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(autouse=True)
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No endpoint is young: nothing is remembered beyond what a busy one remembers."""
    monkeypatch.setattr(endpoint, "YOUNG", 0)


@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_the_same_on_a_busy_server(name: str) -> None:
    tell_the_same(name)


def talk(server: labhttp.Server, data: bytes) -> bytes:
    with system.create_connection((LOCAL, server.port), timeout=20) as client:
        client.sendall(data)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_pipelined_requests_end_after_their_handlers_and_are_answered_in_order() -> None:
    told: list[str] = []

    def handler(req: IncomingMessage, res: ServerResponse) -> None:
        pieces: list[bytes] = []

        def end() -> None:
            told.append("end")
            res.end(b"".join(pieces) or req.url)

        req.on("data", pieces.append)
        req.on("end", end)
        told.append("handler")

    with labhttp.create_server(handler).listen(0) as server:
        answers = talk(server, POST + GET + POST + LAST)
    assert told == ["handler", "handler", "handler", "handler", "end", "end", "end", "end"]
    bodies = [each.partition(b"\r\n\r\n")[2] for each in answers.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [b"hello", b"/", b"hello", b"/last"]


def test_what_was_not_heard_can_be_waited_for() -> None:
    kept: list[IncomingMessage] = []

    def handler(req: IncomingMessage, res: ServerResponse) -> None:
        kept.append(req)
        req.on("data", lambda data: None)
        req.on("end", lambda: res.end("done"))

    with labhttp.create_server(handler).listen(0) as server:
        talk(server, POST + LAST)
    request = kept[0]
    assert request.quiet
    assert request.bytes_read == 5
    with pytest.raises(LabError, match="was not kept"):
        request.wait_for("data", timeout=30)
    assert request.wait_for("end", timeout=30) is None
    assert request.wait_for("close", timeout=30) is False


def test_a_capture_that_begins_in_a_handler_sees_the_rest() -> None:
    records: list[Any] = []

    def handler(req: IncomingMessage, res: ServerResponse) -> None:
        if req.url == "/last":
            records.append(watching.watch())
        res.set_header("Content-Type", "text/plain")
        res.end("seen")

    with labhttp.create_server(handler).listen(0) as server:
        try:
            assert talk(server, GET + LAST).count(b"\r\n\r\nseen") == 2
        finally:
            watching.unwatch(records[0])
    assert ("end", "call") in [(each.name, each.kind) for each in records[0]]


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\0"])
def test_a_field_is_checked_however_often_others_were_good(value: str) -> None:
    refused: list[str] = []

    def handler(req: IncomingMessage, res: ServerResponse) -> None:
        res.set_header("A", "good")
        for call in (lambda: res.set_header("A", value), lambda: res.write_head(200, {"A": value})):
            with pytest.raises(labhttp.BadHeader):
                call()
            refused.append(value)
        res.end("ok")

    with labhttp.create_server(handler).listen(0) as server:
        answers = talk(server, GET + GET + LAST)
    assert refused == [value] * 6
    assert answers.count(b"\r\nA: good\r\n") == 3


def test_an_async_listener_is_refused_here_too() -> None:
    refused: list[bool] = []

    async def late(*_: Any) -> None:
        """Nobody would await it."""

    def handler(req: IncomingMessage, res: ServerResponse) -> None:
        with pytest.raises(LabError, match="async"):
            req.on("data", late)
        refused.append(True)
        res.end()

    with labhttp.create_server(handler).listen(0) as server:
        talk(server, GET + LAST)
    assert refused == [True, True]


def test_chunks_that_the_program_has_set_are_not_sent_to_head() -> None:
    def handler(req: IncomingMessage, res: ServerResponse) -> None:
        res.set_header("Transfer-Encoding", "chunked")
        res.end("body")

    with labhttp.create_server(handler).listen(0) as server:
        answer = talk(server, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.partition(b"\r\n\r\n")[2] == b""
