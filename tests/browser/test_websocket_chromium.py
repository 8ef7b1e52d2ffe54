"""labkit's WebSocket server and a real Chromium: each kind of message, each way to end, compression.

Rule: what the server sends and what the page says are compared; each test waits for what the other side sees.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from labkit import http, websocket
from labkit.core import loop

# The page keeps all that comes: texts as they are, bytes as a list of numbers.
HTML = """<!doctype html><link rel=icon href='data:,'><script>
const seen = [];
function open(protocols) {
    window.socket = new WebSocket(location.href.replace("http", "ws"), protocols);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => seen.push("open");
    socket.onmessage = ({data}) => seen.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
    socket.onerror = () => seen.push("error");
    socket.onclose = ({code, reason, wasClean}) => seen.push(`close ${code} ${reason} ${wasClean}`);
}
</script>"""


class Server:
    """A server of the page, and of WebSockets. ws: the last one; heard: what its events told."""

    def __init__(self, **how: Any) -> None:
        self.http = http.create_server(self._page)
        self.websockets = websocket.create_server(self._connected, server=self.http, **how)
        self.ws: Any = None
        self.heard: list[tuple[Any, ...]] = []
        self.came, self.closed, self.ponged = threading.Event(), threading.Event(), threading.Event()

    def _page(self, _: http.IncomingMessage, response: http.ServerResponse) -> None:
        response.set_header("Content-Type", "text/html")
        response.end(HTML)

    def _connected(self, ws: websocket.WebSocket, _: http.IncomingMessage) -> None:
        self.ws = ws
        ws.on("message", self._echo)
        for name in ("ping", "pong", "error"):
            ws.on(name, lambda data, name=name: self.heard.append((name, data)))
        ws.on("pong", lambda _: self.ponged.set())
        ws.on("close", self._close)
        self.came.set()

    def _echo(self, data: str | bytes) -> None:
        self.heard.append(("message", data))
        self.ws.send(data)

    def _close(self, code: int, reason: str) -> None:
        self.heard.append(("close", code, reason))
        self.closed.set()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with the settings that a test asks for."""
    made = Server(**getattr(request, "param", {}))
    with made.http.listen(0):
        yield made


@pytest.fixture
def page(chromium: Browser, server: Server) -> Iterator[Page]:
    """The page, with an open WebSocket."""
    page = chromium.new_page()
    page.goto(f"http://127.0.0.1:{server.http.port}/")
    page.evaluate("open(['news', 'chat'].filter((each) => location.hash.includes(each)))")
    page.wait_for_function("seen.length === 1")
    assert page.evaluate("seen") == ["open"]
    assert server.came.wait(30)
    yield page
    page.close()


SIZES = (0, 1, 125, 126, 65_535, 65_536, 300_000)  # either side of where the length takes 7, 16 and 64 bits


def test_texts_and_bytes_of_each_size_come_back(page: Page, server: Server) -> None:
    for size in SIZES:
        same = page.evaluate(
            """(size) => new Promise((done) => {
                const text = "é".repeat(size / 2) + "x".repeat(size % 2), back = [];
                const bytes = new Uint8Array(size).map((_, index) => index * 7);
                socket.onmessage = ({data}) => {
                    back.push(data);
                    if (back.length < 2) return;
                    const numbers = new Uint8Array(back[1]);
                    done([back[0] === text, numbers.length === size, numbers.every((each, i) => each === bytes[i])]);
                };
                socket.send(text);
                socket.send(bytes);
            })""",
            size,
        )
        assert same == [True, True, True], size
    got = [data for name, data in server.heard if name == "message"]
    assert [len(each.encode()) if isinstance(each, str) else len(each) for each in got] == [
        size for size in SIZES for _ in range(2)
    ]


def test_chromium_answers_a_ping_and_the_page_sees_nothing_of_it(page: Page, server: Server) -> None:
    loop.call(server.ws.ping, b"are you there?")
    assert server.ponged.wait(30)
    assert server.heard == [("pong", b"are you there?")]
    loop.call(server.ws.send, "now")
    page.wait_for_function("seen.length === 2")
    assert page.evaluate("seen") == ["open", "now"]


def test_a_message_in_fragments_with_a_ping_between(page: Page, server: Server) -> None:
    def send() -> None:
        server.ws.send("hel", fin=False)
        server.ws.ping(b"x")
        server.ws.send("lo ", fin=False)
        server.ws.send("world!")

    loop.call(send)
    page.wait_for_function("seen.length === 2")
    assert page.evaluate("seen") == ["open", "hello world!"]
    assert server.ponged.wait(30)


@pytest.mark.parametrize(
    ("code", "reason", "told"), [(1000, "", "1000  true"), (1001, "bye 您好", "1001 bye 您好 true"),
                                 (4999, "r" * 123, f"4999 {'r' * 123} true"), (None, "", "1005  true")],
)  # fmt: skip
def test_the_server_closes(page: Page, server: Server, code: int | None, reason: str, told: str) -> None:
    loop.call(server.ws.close, code, reason)
    assert server.closed.wait(30)
    assert server.heard == [("close", code or 1005, reason)]  # Chromium answers with the same code
    page.wait_for_function("seen.length === 2")
    assert page.evaluate("seen") == ["open", f"close {told}"]


@pytest.mark.parametrize(
    ("call", "heard", "told"),
    [
        ("socket.close()", (1005, ""), "1005  true"),
        ("socket.close(1000, 'enough')", (1000, "enough"), "1000 enough true"),
        ("socket.close(3000, '您好')", (3000, "您好"), "3000 您好 true"),
    ],
)
def test_the_page_closes(page: Page, server: Server, call: str, heard: tuple[int, str], told: str) -> None:
    page.evaluate(call)
    assert server.closed.wait(30)
    assert server.heard == [("close", *heard)]
    page.wait_for_function("seen.length === 2")
    assert page.evaluate("seen") == ["open", f"close {told}"]


def test_a_page_that_is_left_goes_away(page: Page, server: Server) -> None:
    page.goto("about:blank")
    assert server.closed.wait(30)
    assert server.heard == [("close", 1001, "")]


def test_a_connection_that_is_cut_is_1006(page: Page, server: Server) -> None:
    loop.call(server.ws.terminate)
    assert server.closed.wait(30)
    assert server.heard == [("close", 1006, "")]
    page.wait_for_function("seen.length >= 2 && seen.at(-1).startsWith('close')")
    assert page.evaluate("seen") == ["open", "close 1006  false"]


@pytest.mark.parametrize("server", [{"max_message_size": 1000}], indirect=True)
def test_a_message_that_is_too_large_is_1009(page: Page, server: Server) -> None:
    page.evaluate("socket.send('x'.repeat(1001))")
    page.wait_for_function("seen.length >= 2")
    assert page.evaluate("seen.at(-1)").startswith("close 1009 ")
    assert server.closed.wait(30)
    assert not any(name == "message" for name, *_ in server.heard)


@pytest.mark.parametrize("server", [{"protocols": ["chat", "other"]}], indirect=True)
def test_a_subprotocol_that_both_have(chromium: Browser, server: Server) -> None:
    page = chromium.new_page()
    page.goto(f"http://127.0.0.1:{server.http.port}/")
    page.evaluate("open(['news', 'chat'])")
    page.wait_for_function("seen.length === 1")
    assert page.evaluate("[seen[0], socket.protocol]") == ["open", "chat"]
    assert server.came.wait(30)
    assert server.ws.protocol == "chat"
    page.close()


def test_compression_is_declined(page: Page, server: Server) -> None:
    assert page.evaluate("socket.extensions") == ""
    assert server.ws.extensions == ""


COMPRESSIBLE = "a line that comes again and again\n" * 3000


@pytest.mark.parametrize(
    "server",
    [{"per_message_deflate": True}, {"per_message_deflate": {"server_no_context_takeover": True}},
     {"per_message_deflate": {"client_no_context_takeover": True, "server_max_window_bits": 9}}],
    indirect=True,
)  # fmt: skip
def test_compression_is_agreed_on_if_the_server_wants_it(page: Page, server: Server) -> None:
    assert page.evaluate("socket.extensions").startswith("permessage-deflate")
    for _ in range(3):  # the second and third go by what the window holds
        page.evaluate("(text) => socket.send(text)", COMPRESSIBLE)
    page.wait_for_function("seen.length === 4")
    assert page.evaluate("seen") == ["open", *[COMPRESSIBLE] * 3]
    assert server.ws.socket.bytes_read < len(COMPRESSIBLE)
    assert server.ws.socket.bytes_written < len(COMPRESSIBLE)
