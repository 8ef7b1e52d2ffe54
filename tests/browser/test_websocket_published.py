"""T-4.1 from a notebook's own network: by its published port, and behind jupyter-server-proxy, in a real Chromium.

Rule: the server and the capture are in a kernel with a network of its own; the browser has the cookies of a JupyterLab
that runs, and none of them may be in the kernel's capture.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import nbformat
import pytest
import trustme
from jupyter_client.blocking.client import BlockingKernelClient
from playwright.sync_api import Browser, BrowserContext

from labkit import servers
from labkit.core import loop
from tests.browser.conftest import Lab, Notebook
from tests.lab.kernels import ask, managed
from tests.needs import need_private_network

COUNT = 10
SERVE = """
import json, labkit
from labkit import lab, servers
seen = []
server = servers.updates.create(seen).listen(12010)
published = lab.publish(12010, outside=0)
print(published.port)
"""
BEGIN = "seen.clear()\ncapture = labkit.capture(12010)\ntape = capture.__enter__()"
END = """
capture.__exit__(None, None, None)
asked = [each for each in tape.messages if each.kind == "request"]
frames = [each.text for each in tape.messages if each.protocol == "WebSocket" and each.kind == "text"]
print(json.dumps({
    "seen": seen, "targets": [each.target for each in asked], "fields": [each.headers for each in asked],
    "texts": frames, "packets": [bytes(packet).decode("latin-1") for packet in tape],
}))
"""


@dataclass
class Taped:
    """What the kernel's server and its capture saw of a visit."""

    seen: list[str]
    targets: list[str]
    fields: list[dict[str, str]]
    texts: list[str]
    packets: list[str] = field(repr=False)


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    need_private_network()
    with managed() as (_, client):
        yield client


@pytest.fixture(scope="module")
def port(kernel: BlockingKernelClient) -> int:
    """The port at which the machine reaches the kernel's server."""
    return int(ask(kernel, SERVE))


@pytest.fixture
def browser(chromium: Browser, lab: Lab) -> Iterator[BrowserContext]:
    """A browser that has what JupyterLab gives it to keep, and a cookie of the notebook's own server."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{lab.url}/lab")
    page.close()
    context.add_cookies([{"name": "own", "value": "mine", "url": "http://127.0.0.1/"}])
    yield context
    context.close()


def jupyters(browser: BrowserContext) -> list[Any]:
    """The cookies of Jupyter that the browser keeps."""
    kept = [each for each in browser.cookies("http://127.0.0.1/") if each.get("name") != "own"]
    names = [each.get("name", "") for each in kept]
    assert "_xsrf" in names
    assert any(name.startswith("username-127-0-0-1") for name in names)
    return kept


def visit(kernel: BlockingKernelClient, browser: BrowserContext, url: str) -> Taped:
    """Open the page, wait until it has sent its updates and is closed, and close the browser."""
    ask(kernel, BEGIN)
    page = browser.new_page()
    page.goto(f"{url}?updates={COUNT}")
    page.wait_for_function("window.done")
    assert page.inner_text("#state") == f"closed, code 1000: {COUNT} updates sent, the server has seen {COUNT}"
    browser.close()  # with the connections that it keeps
    return Taped(**json.loads(ask(kernel, END)))


def assert_taped(taped: Taped, cookies: list[Any]) -> None:
    """The updates and the answers are on the tape, the server's own cookie too, and nothing of Jupyter's cookies."""
    updates = [f"update {number}: pointer at 0,0" for number in range(1, COUNT + 1)]
    assert taped.seen == updates
    assert sorted(taped.texts) == sorted(updates + [f"seen {number}" for number in range(1, COUNT + 1)])
    assert taped.targets == [f"/?updates={COUNT}", "/updates"]
    assert [each.get("cookie") for each in taped.fields] == ["own=mine", "own=mine"]
    for each in cookies:
        for packet in taped.packets:
            assert each["name"] not in packet
            assert each["value"] not in packet


def test_by_the_published_port(kernel: BlockingKernelClient, browser: BrowserContext, port: int) -> None:
    """The browser sends Jupyter's cookies to every port of the host, so they come here, too."""
    cookies = jupyters(browser)
    taped = visit(kernel, browser, f"http://127.0.0.1:{port}/")
    assert_taped(taped, cookies)
    assert taped.fields[1]["origin"] == f"http://127.0.0.1:{port}"


def test_behind_jupyter_server_proxy(
    kernel: BlockingKernelClient, browser: BrowserContext, lab: Lab, port: int
) -> None:
    """The page's WebSocket goes by the page's address, with the proxy's path; the server sees its own path."""
    cookies = jupyters(browser)
    taped = visit(kernel, browser, f"{lab.url}/proxy/{port}/")
    assert_taped(taped, cookies)
    assert taped.fields[1]["origin"] == lab.url
    assert taped.fields[1]["host"] == lab.url.removeprefix("http://")  # so origins=SAME holds behind the proxy


SHOWN = (
    """
import threading, labkit
from labkit import lab, servers
class Seen(list):
    def append(self, update):
        super().append(update)
        if len(self) == 5:
            enough.set()
enough, seen = threading.Event(), Seen()
server = servers.updates.create(seen).listen(12010)
published = lab.publish(12010, outside=0)
""",
    "published.show(proxied=PROXIED)",
    "print(enough.wait(30), seen[0])",
)


@pytest.mark.parametrize("proxied", [False, True])
def test_in_the_notebook(window: BrowserContext, lab: Lab, proxied: bool) -> None:
    """The page stands in an output, and sends its updates from there."""
    need_private_network()
    name = f"shown-{proxied}.ipynb"
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.replace("PROXIED", repr(proxied))) for cell in SHOWN]
    )
    book.metadata["kernelspec"] = {"name": "labkit", "display_name": "labkit", "language": "python"}
    nbformat.write(book, lab.notebooks / name)
    notebook = Notebook(window, lab, name)
    try:
        notebook.run_all()
        assert notebook.errors() == []
        frame = notebook.page.frame_locator("iframe[title^='page ']")
        frame.locator("#state").filter(has_text="open: ").wait_for()
        assert notebook.page.locator("text=True update 1: pointer at 0,0").is_visible()
    finally:
        notebook.close()


class ByTls:
    """What a proxy with a certificate is for a browser: TLS outside, the same bytes inside. Its port is `port`."""

    def __init__(self, inside: int) -> None:
        self._inside = inside
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(self._context)
        self._server = loop.run(asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._context))
        self.port = self._server.sockets[0].getsockname()[1]

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner = await asyncio.open_connection("127.0.0.1", self._inside)
        await asyncio.gather(self._copy(reader, inner), self._copy(inner_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    def close(self) -> None:
        loop.call(self._server.close)


def test_by_https_it_asks_for_wss(chromium: Browser) -> None:
    """A page that came by https may open wss alone: the address goes by the page's, and the origin is the same."""
    seen: list[str] = []
    context = chromium.new_context(ignore_https_errors=True)
    page = context.new_page()
    opened: list[str] = []
    page.on("websocket", lambda socket: opened.append(socket.url))
    with servers.updates.create(seen).listen(0) as server, contextlib.closing(ByTls(server.port)) as outside:
        page.goto(f"https://127.0.0.1:{outside.port}/?updates={COUNT}")
        page.wait_for_function("window.done")
        assert page.inner_text("#state") == f"closed, code 1000: {COUNT} updates sent, the server has seen {COUNT}"
        context.close()
    assert opened == [f"wss://127.0.0.1:{outside.port}/updates"]
    assert len(seen) == COUNT
