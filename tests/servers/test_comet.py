"""The news of T-4.2: each way brings all updates once and in order; on the wire they cost what the lesson's table says.

Rule: what is counted are messages and packets with data, never times.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest

import labkit
from labkit import http, net, websocket
from labkit.core.errors import LabError
from labkit.servers import comet, comet_readers
from tests.needs import need_live_capture

FEW = 10
ALL = [comet.News.update(number) for number in range(1, FEW + 1)]


def news(count: int = FEW) -> comet.News:
    return comet.News(count=count, seconds=0.001)


class TestNews:
    """The source, without a server."""

    def test_nothing_before_the_start(self) -> None:
        source = news()
        assert (source.made, source.after(0)) == (0, [])

    def test_each_is_told_once_and_in_order(self) -> None:
        source, heard, over = news(), [], threading.Event()
        source.each(heard.append, over.set)
        source.start()
        assert over.wait(10)
        assert heard == ALL
        assert source.after(7) == ALL[7:]

    def test_one_that_is_there_is_told_at_once(self) -> None:
        source, heard, over = news(), [], threading.Event()
        source.when(3, heard.append)
        source.each(lambda update: None, over.set)
        source.start()
        assert over.wait(10)
        assert heard == ALL[2:3]
        source.when(5, heard.append)
        assert heard == [ALL[2], ALL[4]]


@pytest.mark.parametrize("way", comet.WAYS)
def test_every_way_brings_every_update(way: str) -> None:
    source = news()
    with comet.create(source).listen(0) as server:
        ages = comet_readers.read(way, source, server.port)
    assert len(ages) == FEW
    assert all(age >= 0 for age in ages)


@pytest.mark.parametrize(
    ("way", "how", "connections", "requests", "packets"),
    [
        ("poll", {"every": 5}, 1, 2, 4),
        ("poll", {"every": 1}, 1, 10, 20),
        ("poll", {"every": 5, "keep_alive": False}, 2, 2, 4),
        ("wait", {}, 1, 10, 20),
        ("wait", {"keep_alive": False}, 10, 10, 20),
        ("events", {}, 1, 1, 12),  # the request, the head, ten events; the last chunk comes with the last event
        ("frame", {}, 1, 1, 12),
        ("push", {}, 1, 1, 14),  # the handshake, ten updates, two close frames
    ],
)
def test_what_crosses_the_wire(way: str, how: dict[str, Any], connections: int, requests: int, packets: int) -> None:
    need_live_capture()
    source = news()
    with comet.create(source).listen(0) as server, labkit.capture(port=server.port) as tape:
        comet_readers.read(way, source, server.port, **how)
    assert len(tape.connections) == connections
    assert sum(each.kind == "request" for each in tape.messages) == requests
    assert len(tape.where(payload=True)) == packets


def test_ways_of_ones_own() -> None:
    def late(source: comet.News, request: http.IncomingMessage, response: http.ServerResponse) -> None:
        source.when(FEW, lambda update: response.end("\n".join(source.after(0))))

    source = news()
    with comet.create(source, {"wait": late}).listen(0) as server:
        assert len(comet_readers.read("wait", source, server.port)) == FEW


def test_a_way_that_the_server_does_not_have() -> None:
    source = news()
    with comet.create(source, {}).listen(0) as server, pytest.raises(LabError, match="answers 404 to /wait"):
        comet_readers.read("wait", source, server.port)
    with comet.create(news(), {}).listen(0) as server, pytest.raises(websocket.BadHandshake):
        websocket.WebSocket(f"ws://127.0.0.1:{server.port}/push").wait_for("open")


def test_a_way_that_nobody_knows() -> None:
    with pytest.raises(LabError, match="there is no way 'mail'"):
        comet_readers.read("mail", news(), 1)


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 50, "%00", "1&after=2"])
def test_a_number_that_is_none(after: str) -> None:
    source = news()
    with comet.create(source).listen(0) as server, net.connect(server.port) as client:
        client.write(f"GET /poll?after={after} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        assert client.read(100_000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_endless_news_for_the_command_line() -> None:
    with comet.create().listen(0) as server:
        answer = http.get(port=server.port, path="/wait", agent=False).wait_for("response", timeout=10)
        assert answer.set_encoding("utf8").body() == ALL[0]
