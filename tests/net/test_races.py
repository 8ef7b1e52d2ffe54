"""Errors of failing calls while threads wait: a short run of `make races`, on both loops.

Rule: the long run is the make target; here each kind of failure is tried a few times.
"""

from __future__ import annotations

import pytest

from tests import races


@pytest.mark.parametrize("threads", [1, 4])
def test_every_error_reaches_its_caller(threads: int) -> None:
    assert races.run(tries=48, threads=threads) == 0
