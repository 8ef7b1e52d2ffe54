"""Wrong arguments for the doors of public calls: what a student may give by mistake, by the kind that was wanted.

Rule: values and one check; which call wants what is told by the tests of each part.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from labkit.core import loop
from labkit.core.errors import BadArgument, LabError

LONE = "half a pair: \ud800"
ZERO = "zero\0byte"
HUGE = 10**5000
"""Python refuses to write it out: more than 4,300 digits."""
NAN, INF = float("nan"), float("inf")


class Secret:
    """Something that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


async def asynchronous(*_: Any) -> None:
    """Nobody would await it."""


async def asynchronous_generator(*_: Any) -> Any:
    """Nobody would iterate it."""
    yield


def generator(*_: Any) -> Any:
    """Calling it runs nothing."""
    yield


class Caller:
    """Can be called, but its call is asynchronous."""

    async def __call__(self, *_: Any) -> None:
        """Nobody would await it."""


def handler(*_: Any) -> None:
    """What a student calls in place of naming it."""


ODD: list[Any] = [b"bytes", [], {}, object(), Secret(), range(3), 1j, "x" * 100_000]
WHOLE: list[Any] = [None, "5", True, 2.0, NAN, INF, -1, HUGE, -HUGE, *ODD]
SECONDS: list[Any] = [None, "5", True, NAN, INF, -INF, -1, -0.1, HUGE, -HUGE, 1e300, *ODD]
PORT: list[Any] = [*WHOLE, 65536]
FLAG: list[Any] = [None, 0, 1, "no", NAN, *ODD]
TEXT: list[Any] = [None, 5, True, NAN, INF, HUGE, *ODD[:-1]]
DATA: list[Any] = [None, 5, True, NAN, LONE, HUGE, [1, 2], {}, object(), Secret(), range(3)]
EVENT: list[Any] = [*TEXT, "", "dat", "DATA", LONE, ZERO]
FUNCTION: list[Any] = [
    None, handler(), 5, True, NAN, "handler", LONE, b"x", [], Secret(), HUGE, asynchronous, asynchronous_generator,
    generator, functools.partial(asynchronous, 1), Caller(),
]  # fmt: skip
PATH: list[Any] = [5, True, NAN, HUGE, [], {}, object(), Secret(), "", b"", ZERO, b"zero\0byte", "x" * 5000, b"x" * 200]


def optional(values: list[Any]) -> list[Any]:
    """Without None, which stands for "not given"."""
    return [each for each in values if each is not None]


def label(value: Any) -> str:
    """A short name for a test, the same in every process."""
    if type(value) is object:  # its text has its address
        return "object"
    try:
        return f"{type(value).__name__}-{value!r}"[:30].encode("ascii", "backslashreplace").decode()
    except (RuntimeError, ValueError):
        return f"{type(value).__name__}-unshown"


def is_refused(call: Callable[[], Any], *, in_handler: bool = False) -> LabError:
    """The call raises a LabError with words, in a cell as in a handler; one for a kind is a TypeError as well."""
    with pytest.raises(LabError) as caught:
        loop.call(call) if in_handler else call()
    error = caught.value
    assert error.what
    assert error.todo, "it says what to do"
    assert len(str(error)) < 600
    assert isinstance(error, (TypeError, ValueError)) == isinstance(error, BadArgument)
    return error
