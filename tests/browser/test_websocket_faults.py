"""A real Chromium, and WebSocket servers that break a rule: what it does, what the page sees, what it tells in words.

Rule: the servers are made of bytes, on `labkit.net` alone, so nothing of labkit's own WebSocket decides here.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from labkit import http, net

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BOOKS_GUID = "258EAFA5-E914-47DA-95CA-C5ABODC85B11"  # with a letter O: C-4.5

OPEN = """([url, protocols]) => new Promise((done) => {
    const seen = [], socket = new WebSocket(url, protocols);
    socket.onopen = () => seen.push(`open ${socket.protocol}`.trim());
    socket.onmessage = (event) => seen.push(`message ${event.data}`);
    socket.onerror = () => seen.push("error");
    socket.onclose = (event) => { seen.push(`close ${event.code} ${event.reason}`.trim()); done(seen); };
})"""


def accept(key: str, guid: str = GUID) -> str:
    return base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()


class Raw:
    """A server that answers a handshake with these lines and bytes, and keeps what comes then; ended: nothing more."""

    def __init__(self, lines: str = "", then: bytes = b"", answer: Callable[[str], str] = accept) -> None:
        self.asked = self.got = b""
        self.ended = threading.Event()
        self._lines, self._then, self._answer = lines, then, answer
        self.server = net.create_server(self._serve)

    def _serve(self, socket: net.Socket) -> None:
        @socket.on("data")
        def read(data: bytes) -> None:
            if b"\r\n\r\n" in self.asked:
                self.got += data
                return
            head, end, self.got = (self.asked + data).partition(b"\r\n\r\n")
            self.asked = head + end
            if end:
                key = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])["Sec-WebSocket-Key"]
                answer = (
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Accept: {self._answer(key)}\r\n{self._lines}\r\n"
                )
                socket.write(answer.encode() + self._then)

        socket.on("end", self.ended.set)


def close_frame(data: bytes) -> tuple[int, str]:
    """The code and the reason of a client's close frame, which must be all of these bytes (RFC 6455 section 5.5.1)."""
    assert data[0] == 0x88
    assert data[1] & 0x80, "a client's frame is masked"
    key, masked = data[2:6], data[6:]
    assert len(masked) == data[1] & 0x7F
    payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(masked))
    return struct.unpack("!H", payload[:2])[0], payload[2:].decode()


class Visit:
    """A page of another server. `said`: what Chromium writes to its console."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))

    def open(self, raw: Raw, *protocols: str) -> list[str]:
        """Open a WebSocket; returns its events, when it is closed and the server has seen the end."""
        with raw.server.listen(0) as server:
            seen: list[str] = self.page.evaluate(OPEN, [f"ws://127.0.0.1:{server.port}/", protocols])
            assert raw.ended.wait(30)
        return seen


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    def answer(_: http.IncomingMessage, response: http.ServerResponse) -> None:
        response.set_header("Content-Type", "text/html")
        response.end("<!doctype html><link rel=icon href='data:,'>")

    with http.create_server(answer).listen(0) as server:
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        yield page
        page.close()


@pytest.fixture
def visit(page: Page) -> Visit:
    return Visit(page)


def test_a_server_that_keeps_the_rules(visit: Visit) -> None:
    """Else the rest of this file would show nothing."""
    raw = Raw(then=b"\x81\x05hello\x88\x06\x03\xe8done")
    assert visit.open(raw) == ["open", "message hello", "close 1000 done"]
    assert close_frame(raw.got) == (1000, "done")
    assert visit.said == []
    assert b"\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" in raw.asked


MASKED = bytes([0x81, 0x85, *b"abcd", *(a ^ b for a, b in zip(b"hello", b"abcda", strict=True))])


@pytest.mark.parametrize(
    ("then", "words"),
    [
        pytest.param(MASKED, "A server must not mask any frames that it sends to the client.", id="C-4.4"),
        pytest.param(b"\xc1\x05hello", "One or more reserved bits are on: reserved1 = 1", id="RSV1"),
        pytest.param(b"\x83\x00", "Unrecognized frame opcode: 3", id="opcode 3"),
        pytest.param(b"\x80\x00", "Received unexpected continuation frame", id="continuation"),
        pytest.param(b"\x09\x00", "Invalid frame header", id="fragmented ping"),
        pytest.param(b"\x81\x02\xc3\x28", "Could not decode a text frame as UTF-8", id="UTF-8"),
    ],
)
def test_a_broken_frame(visit: Visit, then: bytes, words: str) -> None:
    """Chromium sends a close frame with 1002, for UTF-8 too (RFC 6455 section 8.1 has 1007). Its page is told 1006."""
    raw = Raw(then=then)
    assert visit.open(raw) == ["open", "error", "close 1006"]
    code, _ = close_frame(raw.got)
    assert code == 1002
    (said,) = visit.said
    assert words in said


@pytest.mark.parametrize("guid", [BOOKS_GUID, "", GUID.lower()])
def test_c_4_5_a_wrong_accept_value(visit: Visit, guid: str) -> None:
    """The connection is closed without a frame, and never open for the page."""
    raw = Raw(answer=lambda key: accept(key, guid))
    assert visit.open(raw) == ["error", "close 1006"]
    assert raw.got == b""
    assert visit.said[0].endswith("Error during WebSocket handshake: Incorrect 'Sec-WebSocket-Accept' header value")


@pytest.mark.parametrize(
    ("offered", "chosen", "words"),
    [
        ((), "chat", "Response must not include 'Sec-WebSocket-Protocol' header if not present in request: chat"),
        (("news",), "chat", "header value 'chat' in response does not match any of sent values"),
        (("news", "chat"), "", "Sent non-empty 'Sec-WebSocket-Protocol' header but no response was received"),
    ],
)
def test_c_4_15_a_subprotocol_that_was_not_offered(
    visit: Visit, offered: tuple[str, ...], chosen: str, words: str
) -> None:
    raw = Raw(lines=f"Sec-WebSocket-Protocol: {chosen}\r\n" if chosen else "")
    assert visit.open(raw, *offered) == ["error", "close 1006"]
    assert raw.got == b""
    assert visit.said[0].endswith(words)


def test_one_that_was_offered(visit: Visit) -> None:
    raw = Raw(lines="Sec-WebSocket-Protocol: chat\r\n", then=b"\x88\x02\x03\xe8")
    assert visit.open(raw, "news", "chat") == ["open chat", "close 1000"]
    assert b"\r\nSec-WebSocket-Protocol: news, chat\r\n" in raw.asked
