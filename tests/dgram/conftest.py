"""What the tests of labkit.dgram share: both loops, both families, and no stray error message.

Rule: every test here runs on uvloop and on asyncio, and ends with no socket open and nothing on stderr.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.core import loop
from labkit.dgram import binding, close_everything
from tests.loops import LOOPS, swap_loop


@pytest.fixture(params=LOOPS, autouse=True, scope="module")
def loop_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of event loop."""
    yield from swap_loop(request.param)


@pytest.fixture(autouse=True)
def nothing_left(loop_kind: str, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What goes wrong in a handler is printed: a test that expects it reads it; anything else fails the test."""
    yield
    loop.call(lambda: None)  # what was due on the loop has been done
    left = list(binding._running)
    close_everything()
    assert not left, f"the test leaves sockets on {left}"
    assert capsys.readouterr().err == ""


@pytest.fixture(params=["udp4", "udp6"])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of socket."""
    return str(request.param)
