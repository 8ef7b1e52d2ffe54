"""What the tests of labkit.tls share: both loops, certificates of this run, and no stray error message.

Rule: every test here runs on uvloop and on asyncio, and ends with nothing listening and nothing on stderr.
"""

from __future__ import annotations

import pytest

from tests.net.conftest import kind, nothing_left
from tests.tls.people import Pair, people

__all__ = ["good", "kind", "nothing_left", "version"]


@pytest.fixture(params=["TLSv1.2", "TLSv1.3"])
def version(request: pytest.FixtureRequest) -> str:
    """The version of TLS that both sides speak."""
    return str(request.param)


@pytest.fixture
def good() -> Pair:
    """A server's key and certificate, for localhost and 127.0.0.1, of a CA that is `people().root`."""
    return people().server
