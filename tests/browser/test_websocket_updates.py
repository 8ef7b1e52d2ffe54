"""T-4.1: the page sends an update every 50 ms while nothing waits in its socket, from a real Chromium, captured.

Rule: what the page did is read from the tape and from the server, not from the page alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

import labkit
from labkit import http, servers, websocket
from labkit.core import loop
from tests.needs import need_live_capture, need_tool

COUNT = 10
EXPECTED = [f"update {number}: pointer at 0,0" for number in range(1, COUNT + 1)]


def test_as_the_lesson_runs_it() -> None:
    need_tool("chromium")
    need_live_capture()
    seen: list[str] = []
    with servers.updates.create(seen).listen(0) as server:
        url = f"http://127.0.0.1:{server.port}/?updates={COUNT}"
        ran = labkit.chromium(url, server.port, name="x", until="window.done")
    assert seen == EXPECTED
    assert ran.lines == (
        "Move the pointer over this page.",
        f"closed, code 1000: {COUNT} updates sent, the server has seen {COUNT}",
    )
    asked, answered = (each for each in ran.tape.messages if each.headers.get("upgrade") == "websocket")
    assert asked.target == "/updates"
    assert asked.headers["origin"] == f"http://127.0.0.1:{server.port}"
    # Chromium offers compression; declined, or nobody could read the frames.
    assert asked.headers["sec-websocket-extensions"].startswith("permessage-deflate")
    assert "sec-websocket-extensions" not in answered.headers

    frames = [each for each in ran.tape.messages if each.protocol == "WebSocket"]
    updates = [each for each in frames if each.kind == "text" and each.sender == "client"]
    assert [each.text for each in updates] == EXPECTED
    assert all(each.masked for each in updates)
    answers = [each for each in frames if each.kind == "text" and each.sender == "server"]
    assert [each.text for each in answers] == [f"seen {number}" for number in range(1, COUNT + 1)]
    assert not any(each.masked for each in answers)
    assert [each.sender for each in frames if each.kind == "close"] == ["client", "server"]


class Watched:
    """The server, with its WebSockets. ws: the one that the page opened."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.enough = threading.Event()
        self.server = http.create_server(self._page)
        self.ws: Any = None
        self.seen = 0
        websocket.create_server(self._connected, server=self.server, path="/updates")

    def _page(self, _: http.IncomingMessage, response: http.ServerResponse) -> None:
        response.set_header("Content-Type", "text/html; charset=utf-8")
        response.end(servers.updates.PAGE)

    def _connected(self, ws: websocket.WebSocket, _: http.IncomingMessage) -> None:
        self.ws = ws
        ws.on("message", self._count)
        ws.pause()
        self.came.set()

    def _count(self, data: str | bytes) -> None:
        if str(data).startswith("update"):
            self.seen += 1
            self.enough.set()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    yield page
    page.close()


def test_it_holds_back_while_something_waits(page: Page) -> None:
    """The server reads nothing; what it was sent fills all buffers; then no update is sent until it reads again."""
    watched = Watched()
    with watched.server.listen(0):
        page.goto(f"http://127.0.0.1:{watched.server.port}/")
        assert watched.came.wait(30)
        page.wait_for_function("socket.readyState === 1")
        page.evaluate("for (let n = 0; n < 64; n++) socket.send('x'.repeat(2 ** 20))")
        assert page.evaluate("socket.bufferedAmount") > 0
        before = page.evaluate("sent")
        page.wait_for_function("waited >= 5")
        assert page.evaluate("sent") == before
        loop.call(watched.ws.resume)
        page.wait_for_function("(before) => sent >= before + 5 && socket.bufferedAmount === 0", arg=before)
        assert watched.enough.wait(30)


def test_it_asks_for_an_update_each_50_ms(page: Page) -> None:
    """As the browser is told: how well it keeps a timer depends on the machine."""
    page.add_init_script(
        "window.timers = []; const real = setInterval;"
        "window.setInterval = (call, time) => { timers.push([call.name, time]); return real(call, time); }"
    )
    with servers.updates.create().listen(0) as server:
        page.goto(f"http://127.0.0.1:{server.port}/?updates=3")
        page.wait_for_function("window.done")
        assert page.evaluate("timers") == [["update", 50]]
        assert page.evaluate("sent") == 3


def test_it_says_where_the_pointer_is_and_stops_when_told(page: Page) -> None:
    seen: list[str] = []
    with servers.updates.create(seen).listen(0) as server:
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_function("sent >= 1")
        page.mouse.move(120, 44)
        page.wait_for_function("pointer === '120,44'")
        number = page.evaluate("sent")
        page.wait_for_function("(number) => seen > number", arg=number)
        page.click("text=Stop")
        page.wait_for_function("window.done")
        last = page.evaluate("sent")
    assert f"update {number + 1}: pointer at 120,44" in seen
    assert len(seen) <= last
    assert page.inner_text("#state").startswith("closed, code 1000: ")
