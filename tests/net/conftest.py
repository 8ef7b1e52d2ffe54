"""What the tests of labkit.net share: both loops, every kind of address, and no stray error message.

Rule: every test here runs on uvloop and on asyncio, and ends with nothing listening and nothing on stderr.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.net import server as servers
from tests import loops
from tests.net.peers import Place


@pytest.fixture(params=loops.LOOPS, autouse=True, scope="module")
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of event loop."""
    yield from loops.swap_loop(request.param)


@pytest.fixture(autouse=True)
def nothing_left(kind: str, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What goes wrong in a handler is printed: a test that expects it reads it; anything else fails the test."""
    yield from loops.nothing_left(servers._running, servers.close_everything, capsys)


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
