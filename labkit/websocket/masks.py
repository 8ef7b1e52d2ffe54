"""Masks: the exclusive or of a payload with a key of 4 bytes, and where new keys come from.

Rule: bytes in, bytes out; the only module that knows the C code which does it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

Apply = Callable[["bytes | bytearray | memoryview", "bytes | bytearray"], bytes]


def _apply_slowly(data: bytes | bytearray | memoryview, key: bytes | bytearray) -> bytes:
    """As `apply`, without C code: one exclusive or of two long numbers."""
    size = len(data)
    repeated = (bytes(key) * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")


try:
    from websockets.speedups import apply_mask as _apply
except ImportError:  # a machine for which there is no wheel
    _apply = _apply_slowly  # type: ignore[assignment]  # the names of its arguments differ

apply = _apply
"""``apply(data, key) -> bytes``: mask data, or unmask it. Byte i is data[i] ^ key[i % 4].

data: bytes, bytearray or memoryview. key: 4 bytes. Source: RFC 6455 section 5.3.
"""

POOL = 8192
"""Random bytes that are fetched from the system at once, because each fetch is a call of the system."""


def _keys() -> Iterator[bytes]:
    while True:
        pool = os.urandom(POOL)
        for start in range(0, POOL, 4):
            yield pool[start : start + 4]


new_key = _keys().__next__
"""``new_key() -> bytes``: 4 random bytes, which nobody can foresee (RFC 6455 section 10.3). Called on the loop only."""


def _after_fork() -> None:
    """A forked child must not use the keys that its parent will use."""
    global new_key
    new_key = _keys().__next__


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
