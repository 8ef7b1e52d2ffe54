"""How many connections Chromium opens: six for each host and port, and one for each WebSocket besides.

Rule: the server holds its answers back and counts; that no more comes is known from an answer that was asked for later.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from labkit import http, websocket
from labkit.core import loop

PICTURES = 10
LIMIT = 6
HTML = "<!doctype html><link rel=icon href='data:,'>"


class Holding:
    """A server whose answers to /held/N wait until `release`. `full`: as many as Chromium's limit are held."""

    def __init__(self) -> None:
        self.held: list[http.ServerResponse] = []
        self.sockets: set[Any] = set()
        self.most = 0
        self.full = threading.Event()
        self.server = http.create_server(self._answer)
        websocket.create_server(lambda ws, _: ws.send("hello"), server=self.server)

    def _answer(self, request: http.IncomingMessage, response: http.ServerResponse) -> None:
        if not request.url.startswith("/held/"):
            response.set_header("Content-Type", "text/html")
            response.end(HTML)
            return
        self.held.append(response)
        self.sockets.add(request.socket)
        self.most = max(self.most, len(self.held))
        if len(self.held) == LIMIT:
            self.full.set()

    def release(self) -> None:
        """Answer one."""
        self.held.pop(0).end("x")


@pytest.fixture
def holding() -> Iterator[Holding]:
    made = Holding()
    with made.server.listen(0):
        yield made


@pytest.fixture
def page(chromium: Browser, holding: Holding) -> Iterator[Page]:
    """A page of the server that has asked for more than Chromium's limit, none of which is answered."""
    page = chromium.new_page()
    page.goto(f"http://127.0.0.1:{holding.server.port}/")
    page.evaluate(
        """(count) => {
            window.answers = 0;
            for (let number = 0; number < count; number++) {
                fetch(`/held/${number}`).then((response) => response.text()).then(() => { window.answers += 1; });
            }
        }""",
        PICTURES,
    )
    yield page
    page.close()


def test_six_requests_at_once_and_the_next_when_one_is_answered(page: Page, holding: Holding) -> None:
    assert holding.full.wait(30)
    for answered in range(1, PICTURES + 1):
        loop.call(holding.release)
        page.wait_for_function("(count) => window.answers === count", arg=answered)
    assert holding.most == LIMIT
    assert len(holding.sockets) == LIMIT


def test_a_websocket_is_not_one_of_the_six(page: Page, holding: Holding) -> None:
    """It was asked for after the requests; so once it has an answer, those that are missing wait in the browser."""
    assert holding.full.wait(30)
    said = page.evaluate(
        """() => new Promise((done) => {
            const socket = new WebSocket(location.href.replace("http", "ws"));
            socket.onmessage = (event) => done(event.data);
        })"""
    )
    assert said == "hello"
    assert len(holding.held) == LIMIT


def test_another_port_of_the_same_host_has_six_of_its_own(page: Page, holding: Holding) -> None:
    assert holding.full.wait(30)
    other = Holding()
    with other.server.listen(0):
        page.evaluate(
            """([port, count]) => {
                for (let number = 0; number < count; number++) {
                    fetch(`http://127.0.0.1:${port}/held/${number}`, {mode: "no-cors"}).catch(() => 0);
                }
            }""",
            [other.server.port, PICTURES],
        )
        assert other.full.wait(30)
        assert len(holding.held) == LIMIT
