"""What the tests of labkit.tls share: both loops, certificates of this run, and no stray error message.

Rule: every test here runs on uvloop and on asyncio, and ends with nothing listening and nothing on stderr.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.net import server as servers
from tests import loops
from tests.tls.people import Pair, people


@pytest.fixture(params=loops.LOOPS, autouse=True, scope="module")
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of event loop."""
    yield from loops.swap_loop(request.param)


@pytest.fixture(autouse=True)
def nothing_left(kind: str, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What goes wrong in a handler is printed: a test that expects it reads it; anything else fails the test."""
    yield from loops.nothing_left(servers._running, servers.close_everything, capsys)


@pytest.fixture(params=["TLSv1.2", "TLSv1.3"])
def version(request: pytest.FixtureRequest) -> str:
    """The version of TLS that both sides speak."""
    return str(request.param)


@pytest.fixture
def good() -> Pair:
    """A server's key and certificate, for localhost and 127.0.0.1, of a CA that is `people().root`."""
    return people().server
