"""What the tests of labkit.dgram share: both loops, both families, and no stray error message.

Rule: every test here runs on uvloop and on asyncio, and ends with no socket open and nothing on stderr.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.dgram import binding, close_everything
from tests import loops


@pytest.fixture(params=loops.LOOPS, autouse=True, scope="module")
def loop_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of event loop."""
    yield from loops.swap_loop(request.param)


@pytest.fixture(autouse=True)
def nothing_left(loop_kind: str, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What goes wrong in a handler is printed: a test that expects it reads it; anything else fails the test."""
    yield from loops.nothing_left(binding._running, close_everything, capsys)


@pytest.fixture(params=["udp4", "udp6"])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of socket."""
    return str(request.param)
