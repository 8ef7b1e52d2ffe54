"""Run tests on both kinds of event loop that labkit can stand on.

Rule: one process, one loop at a time; the one before is stopped and closed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from labkit.core import loop

LOOPS = ("uvloop", "asyncio")


def stop_loop() -> None:
    """End the background loop, as at the end of the process, and forget it, so that the next use starts a new one."""
    ended = loop._loop
    loop._shutdown()
    if ended is not None and loop._thread is not None:
        assert not loop._thread.is_alive(), "the loop did not stop: a handler blocks it"
    loop._loop = loop._thread = None
    if ended is not None:
        with warnings.catch_warnings(record=True) as left:
            warnings.simplefilter("always", ResourceWarning)  # as an error it keeps uvloop from closing what is open
            ended.close()
        assert not left, f"left open on the loop: {', '.join(str(warning.message) for warning in left)}"


def nothing_left(
    running: Mapping[Any, Any], close_everything: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """The body of a fixture: afterwards nothing may be open, and nothing stand on stderr.

    running: what is open, by its address. What goes wrong in a handler is printed: a test that expects it reads it.
    """
    yield
    loop.call(lambda: None)  # what was due on the loop has been done
    left = list(running)
    close_everything()
    assert not left, f"the test leaves open: {left}"
    assert capsys.readouterr().err == ""


def swap_loop(kind: str) -> Iterator[str]:
    """The body of a fixture: from here on, until it ends, the background loop is of this kind."""
    before = os.environ.get("LABKIT_LOOP")
    stop_loop()
    os.environ["LABKIT_LOOP"] = kind
    try:
        yield kind
    finally:
        stop_loop()
        if before is None:
            del os.environ["LABKIT_LOOP"]
        else:
            os.environ["LABKIT_LOOP"] = before
