"""A real Chromium as the client of our server: keep-alive, a form, and a download that it breaks off.

Rule: the browser resolves no name and reaches nothing but this machine; each test waits for what the server sees.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from labkit import http
from tests.needs import need_tool

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need_tool("chromium"), args=FLAGS)
        yield browser
        browser.close()


def test_chromium_loads_a_page_over_connections_that_it_keeps_and_sends_a_form(chromium: Browser) -> None:
    connections: list[Any] = []
    asked: list[str] = []
    bodies: list[bytes] = []

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        if req.url == "/favicon.ico":
            res.end()
            return
        asked.append(f"{req.method} {req.url}")
        if req.socket not in connections:
            connections.append(req.socket)
        if req.method == "POST":
            pieces: list[bytes] = []
            req.on("data", pieces.append)
            req.on("end", lambda: (bodies.append(b"".join(pieces)), res.end("<p id=done>thanks</p>")))
            return
        if req.url != "/":
            res.set_header("Content-Type", "text/javascript")
            res.end(f"window.loaded = (window.loaded || 0) + 1; // {req.url}")
            return
        res.set_header("Content-Type", "text/html; charset=utf-8")
        res.write("<!doctype html><title>t</title><link rel=icon href='data:,'>")
        res.write("".join(f"<script src=/{number}.js></script>" for number in range(20)))
        res.end("<form method=post action=/form><input name=a value='x y&z'><button>go</button></form>")

    with http.create_server(serve).listen(0) as server:
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        assert page.evaluate("window.loaded") == 20
        page.click("button")
        page.wait_for_selector("#done")
        page.close()
    assert sorted(asked) == sorted(["GET /", "POST /form", *(f"GET /{number}.js" for number in range(20))])
    assert bodies == [b"a=x+y%26z"]
    assert len(connections) <= 6


def test_a_download_that_chromium_breaks_off_closes_the_response_and_harms_nothing(chromium: Browser) -> None:
    closed, begun = threading.Event(), threading.Event()
    finished: list[bool] = []

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        if req.url != "/endless":
            res.set_header("Content-Type", "text/html")
            res.end("<!doctype html><link rel=icon href='data:,'>")
            return
        res.on("finish", lambda: finished.append(True))
        res.on("close", lambda *_: closed.set())
        res.on("drain", lambda: res.write(b"x" * 100_000))
        while res.write(b"x" * 100_000):
            pass
        begun.set()

    with http.create_server(serve).listen(0) as server:
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.evaluate(
            "{ window.stop = new AbortController();"
            " fetch('/endless', {signal: window.stop.signal}).catch((error) => window.name = error.name) }"
        )
        assert begun.wait(20)
        page.evaluate("window.stop.abort()")
        assert closed.wait(20)
        assert not finished
        assert page.goto(f"http://127.0.0.1:{server.port}/again").status == 200  # type: ignore[union-attr]
        page.close()
