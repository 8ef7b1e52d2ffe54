"""What the tests of labkit.net share: both loops, every kind of address, and no stray error message.

Rule: every test here runs on uvloop and on asyncio, and ends with nothing listening and nothing on stderr.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.core import loop
from labkit.net import server as servers
from tests.loops import LOOPS, swap_loop
from tests.net.peers import Place


@pytest.fixture(params=LOOPS, autouse=True, scope="module")
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of event loop."""
    yield from swap_loop(request.param)


@pytest.fixture(autouse=True)
def nothing_left(kind: str, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What goes wrong in a handler is printed: a test that expects it reads it; anything else fails the test."""
    yield
    loop.call(lambda: None)  # what was due on the loop has been done
    left = list(servers._running)
    for server in tuple(servers._running.values()):
        server.close_all_connections()
        server.close()
    assert not left, f"the test leaves servers on {left}"
    assert capsys.readouterr().err == ""


@pytest.fixture(params=["127.0.0.1", "::1", "unix"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where to listen: IPv4, IPv6 or a Unix socket path."""
    return Place(request.param, tmp_path / "s")


@pytest.fixture(params=["127.0.0.1", "::1"])
def tcp_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where to listen, for what only TCP has."""
    return Place(request.param, tmp_path / "s")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A short path for a Unix socket."""
    return tmp_path / "s"
