"""T-4.1 from a notebook's own network: by its published port, and behind jupyter-server-proxy, in a real Chromium.

Rule: the server and the capture are in a kernel with a network of its own; the browser has the cookies of a JupyterLab
that runs, and none of them may be in the kernel's capture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from playwright.sync_api import BrowserContext

from tests.browser.conftest import Lab
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
def cookies(window: BrowserContext, lab: Lab) -> list[Any]:
    """What the browser keeps of JupyterLab, and a cookie of the notebook's own server."""
    page = window.new_page()
    page.goto(f"{lab.url}/lab")
    page.close()
    window.add_cookies([{"name": "own", "value": "mine", "url": "http://127.0.0.1/"}])
    kept = [each for each in window.cookies("http://127.0.0.1/") if each.get("name") != "own"]
    names = [each.get("name", "") for each in kept]
    assert "_xsrf" in names
    assert any(name.startswith("username-127-0-0-1") for name in names)
    return kept


def visit(kernel: BlockingKernelClient, window: BrowserContext, url: str) -> Taped:
    """Open the page, wait until it has sent its updates and is closed."""
    ask(kernel, BEGIN)
    page = window.new_page()
    page.goto(f"{url}?updates={COUNT}")
    page.wait_for_function("window.done")
    shown = page.inner_text("#state")
    page.close()
    assert shown == f"closed, code 1000: {COUNT} updates sent, the server has seen {COUNT}"
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


def test_by_the_published_port(
    kernel: BlockingKernelClient, window: BrowserContext, port: int, cookies: list[Any]
) -> None:
    """The browser sends Jupyter's cookies to every port of the host, so they come here, too."""
    taped = visit(kernel, window, f"http://127.0.0.1:{port}/")
    assert_taped(taped, cookies)
    assert taped.fields[1]["origin"] == f"http://127.0.0.1:{port}"


def test_behind_jupyter_server_proxy(
    kernel: BlockingKernelClient, window: BrowserContext, lab: Lab, port: int, cookies: list[Any]
) -> None:
    """The page's WebSocket goes by the page's address, with the proxy's path; the server sees its own path."""
    taped = visit(kernel, window, f"{lab.url}/proxy/{port}/")
    assert_taped(taped, cookies)
    assert taped.fields[1]["origin"] == lab.url
    assert taped.fields[1]["host"] == lab.url.removeprefix("http://")  # so origins=SAME holds behind the proxy


def test_by_https_it_asks_for_wss(window: BrowserContext) -> None:
    """A page that came by https may only open wss: the address goes by the page's."""
    from labkit.servers import updates

    page = window.new_page()
    page.route("https://**", lambda route: route.fulfill(body=updates.PAGE, content_type="text/html"))
    opened: list[str] = []
    page.on("websocket", lambda socket: opened.append(socket.url))
    page.goto("https://127.0.0.1/user/ada/proxy/12010/?updates=3")
    page.wait_for_function("window.done")
    page.close()
    assert opened == ["wss://127.0.0.1/user/ada/proxy/12010/updates"]
