"""Cross-site WebSocket hijacking, by a real page in a real Chromium: a page of another origin uses the user's cookie.

Rule: both servers are those that lesson 04b shows, and each page is run as the lesson runs it, by `labkit.chromium`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import labkit
from labkit import servers
from labkit.servers.account import PRIVATE
from labkit.websocket import SAME
from tests.lab.kernels import free_ports
from tests.needs import need_tool

REFUSED = "Error during WebSocket handshake: Unexpected response code: 403"


@pytest.fixture(autouse=True)
def _needs() -> None:
    need_tool("chromium")


class Sites:
    """A server with accounts, and a page that is none of it. urls: both, in the order in which the user opens them."""

    def __init__(
        self, running: ExitStack, origins: str | Iterable[str], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.account = running.enter_context(servers.account.create(origins).listen(0))
        visitor = servers.visitor.create(f"ws://127.0.0.1:{self.account.port}/")
        self.other = f"http://{host}:{running.enter_context(visitor.listen(port)).port}"
        self.asked: list[dict[str, Any]] = []
        self.account.on("upgrade", lambda request, *_: self.asked.append(dict(request.headers)))
        self.urls = (f"http://127.0.0.1:{self.account.port}/", f"{self.other}/")

    def visit(self, *urls: str) -> tuple[list[str], dict[str, Any]]:
        """What the page of the other origin writes, and the header fields of its handshake."""
        ran = labkit.chromium(urls or self.urls, None, name="x", until="window.done")
        (asked,) = self.asked
        return list(ran.lines), asked


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_by_default_a_page_of_another_origin_is_refused(running: ExitStack) -> None:
    sites = Sites(running, SAME)
    lines, headers = sites.visit()
    assert headers["cookie"].startswith("session=")  # the browser sends the cookie, whosever page it is
    assert headers["origin"] == sites.other
    assert lines[:2] == ["error", "close: code 1006"]
    assert lines[2].endswith(REFUSED)


def test_with_every_origin_allowed_it_gets_what_is_private(running: ExitStack) -> None:
    lines, headers = Sites(running, "*").visit()
    assert headers["cookie"].startswith("session=")
    assert lines == ["open", f"message: {PRIVATE}", "close: code 1000"]


def test_a_user_who_is_not_logged_in_loses_nothing(running: ExitStack) -> None:
    sites = Sites(running, "*")
    lines, headers = sites.visit(sites.urls[1])
    assert "cookie" not in headers
    assert lines == ["open", "message: who are you?", "close: code 1000"]


def test_a_list_names_who_may(running: ExitStack) -> None:
    (port,) = free_ports(1)
    origins = [f"http://127.0.0.1:{port}"]
    assert Sites(running, origins, port=port).visit()[0][:2] == ["open", f"message: {PRIVATE}"]
    assert Sites(running, origins).visit()[0][2].endswith(REFUSED)


def test_of_another_host_chromium_keeps_the_cookie_back(running: ExitStack) -> None:
    """A cookie without SameSite counts as Lax there. That is no help against a page of the same host, as above."""
    sites = Sites(running, "*", host="localhost")
    lines, headers = sites.visit()
    assert headers["origin"] == sites.other
    assert "cookie" not in headers
    assert lines == ["open", "message: who are you?", "close: code 1000"]
