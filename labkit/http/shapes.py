"""What the names of a request's fields say, found out once: clients send the same names again and again.

Rule: looks at names alone, never at a value; what is remembered is bounded, since the names come from anybody.
"""

from __future__ import annotations

from typing import NamedTuple

SHAPES, LONGEST_SHAPE = 256, 1024
"""Lists of names that are remembered, and the bytes of one of them."""


class Shape(NamedTuple):
    """What the names of a head's fields say.

    host: the name of the one Host field, as it came; b"" if there is none, or more than one. special: the fields that
    say how the message is framed, or what it expects: what they are in lower case, and their names as they came.
    keys: the names in lower case, if each field has a value of its own; else None (`labkit.http.headers.joined`).
    """

    host: bytes
    special: tuple[tuple[bytes, bytes], ...]
    keys: tuple[str, ...] | None


_SPECIAL = frozenset({b"content-length", b"transfer-encoding", b"expect"})
known: dict[tuple[bytes, ...], Shape] = {}
"""The shapes that are remembered; `of` adds to them."""


def of(names: tuple[bytes, ...]) -> Shape:
    """The shape of these names. Look in `known` first: that costs less than a call."""
    lower = [name.lower() for name in names]
    hosts = [name for name, low in zip(names, lower, strict=True) if low == b"host"]
    special = tuple(dict.fromkeys((low, name) for name, low in zip(names, lower, strict=True) if low in _SPECIAL))
    is_plain = len(set(lower)) == len(lower) and b"set-cookie" not in lower
    keys = tuple(low.decode("latin-1") for low in lower) if is_plain else None
    shape = Shape(hosts[0] if len(hosts) == 1 else b"", special, keys)
    if sum(map(len, names)) <= LONGEST_SHAPE:
        if len(known) >= SHAPES:
            known.clear()
        known[names] = shape
    return shape
