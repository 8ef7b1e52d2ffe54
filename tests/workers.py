"""Several processes for one run of the tests (`pytest -n 2`): what each of them gets, in which order, and where.

Rule: a worker has a network of its own, so that no port, listener or packet of another worker reaches its tests.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

from labkit.lab import links, namespaces

MTU = 65536
"""Bytes in a packet on the loopback of a machine. (A notebook's own network has Ethernet's.)"""

# Each test of these is long and needs no other test of its file: two workers can share the file.
APART = (
    "tests/notebooks/test_any_order.py", "tests/notebooks/test_changes.py", "tests/notebooks/test_recorded.py",
    "tests/notebooks/test_tiers.py", "tests/lab/test_inside.py",
)  # fmt: skip

# What takes longest goes first, so that at the end no worker waits long for the other one.
FIRST = (
    "tests/notebooks/test_tiers.py", "tests/notebooks/test_recorded.py", "tests/notebooks/test_any_order.py",
    "tests/notebooks/test_changes.py", "tests/lab/test_inside.py", "tests/browser/", "tests/packets/", "tests/lab/",
    "notebooks/",
)  # fmt: skip


def unit(nodeid: str) -> str:
    """What one worker runs from its first test to its last: a file, or a single test of the files in `APART`."""
    file = nodeid.partition("::")[0]
    return nodeid if file in APART else file


def order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests in the order in which workers take them; within a file they stay as they are."""

    def place(item: pytest.Item) -> int:
        return next((number for number, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST))

    return sorted(items, key=place)


class Units(LoadScopeScheduling):
    """Gives each worker the next unit when it has nearly done the one before."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def enter_own_network() -> None:
    """Give this worker a network with nothing but a loopback interface. Raises `pytest.UsageError` if it may not."""
    try:
        namespaces.unshare(namespaces.CLONE_NEWNET)
        links.up("lo", MTU)
    except OSError as error:
        raise pytest.UsageError(
            f"-n gives each of several processes a network of its own, and this user may not make one ({error}). "
            "Leave -n out."
        ) from None
