"""What the tests of labkit.websocket share: both loops, raw peers, and no stray error message.

Rule: every test of a socket runs on uvloop and on asyncio; each test ends with nothing listening and nothing on stderr.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.net import server as servers
from tests import loops

WITHOUT_LOOP = {"test_frames", "test_autobahn", "test_extensions", "test_masks"}
"""Files whose tests have nothing to do with the loop."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both kinds of loop, where there is one."""
    if metafunc.module.__name__.rpartition(".")[2] not in WITHOUT_LOOP:
        metafunc.parametrize("kind", loops.LOOPS, indirect=True, scope="module")


@pytest.fixture(autouse=True, scope="module")
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of event loop."""
    kind: str | None = getattr(request, "param", None)
    if kind is None:
        yield ""
    else:
        yield from loops.swap_loop(kind)


@pytest.fixture(autouse=True)
def nothing_left(kind: str, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What goes wrong in a handler is printed: a test that expects it reads it; anything else fails the test."""
    yield from loops.nothing_left(servers._running, servers.close_everything, capsys)
