"""What the tests of labkit.http share: both loops, and no stray error message.

Rule: every test here runs on uvloop and on asyncio, and ends with nothing listening and nothing on stderr.
"""

from tests.net.conftest import kind, nothing_left

__all__ = ["kind", "nothing_left"]
