"""Settings in the environment for a while: what kernels and programs that are started meanwhile get.

Rule: what was there before is there again afterwards, also if the body raises.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

POLL = "LABKIT_POLL"
"""``0`` says that a notebook joins no poll: `labkit grade` runs what was answered before, perhaps during a lecture."""


@contextmanager
def settings(wanted: Mapping[str, str | None]) -> Iterator[None]:
    """Set these names in the environment while the body runs. wanted: value by name; None: unset."""
    before = {name: os.environ.get(name) for name in wanted}
    try:
        for name, value in wanted.items():
            _set(name, value)
        yield
    finally:
        for name, kept in before.items():
            _set(name, kept)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
