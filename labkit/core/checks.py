"""The check at the door of each public call: an argument of the wrong kind is refused with words.

Rule: looks at one value and returns it; `BadArgument` says what was given, and what may be given.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeGuard

from labkit.core.errors import BadArgument

# inspect.CO_COROUTINE, CO_ASYNC_GENERATOR and CO_GENERATOR, without the import
_COROUTINE, _ASYNC_GENERATOR, _GENERATOR = 0x80, 0x200, 0x20


def shown(value: Any) -> str:
    """What was given, for a message: short, also if it is long, or cannot be shown."""
    try:
        text = repr(value)
    except Exception:  # a student's own class, or a number of more digits than Python writes
        return f"this {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}\u2026"


SHOWN = 80
"""Characters of a value that a message shows."""


def is_whole(value: object) -> TypeGuard[int]:
    """Whether this is a whole number; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether this is a number, whole or not; True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def whole(value: Any, what: str, least: int = 0, most: int | None = None) -> int:
    """Return the value if it is a whole number from least to most (None: no limit).

    what: the name of the argument in words, ``"a backlog"``.
    """
    if not is_whole(value):
        raise BadArgument(f"{shown(value)} is not {what}", f"Give a whole number{_bounds(least, most)}.")
    if value < least or (most is not None and value > most):
        raise BadArgument(f"{shown(value)} is not {what}", f"Give a whole number{_bounds(least, most)}.", code=_RANGE)
    return value


def _bounds(least: int, most: int | None) -> str:
    return f" from {least}" + ("" if most is None else f" to {most}")


def seconds(value: Any, what: str = "a timeout") -> float:
    """Return the value if it is a number of seconds: 0 or more, and finite."""
    if not is_number(value):
        raise BadArgument(f"{shown(value)} is not {what}", "Give a number of seconds, such as 2.5.")
    if not 0 <= value <= LONGEST or math.isnan(value):
        todo = f"Give a number of seconds from 0 to {LONGEST}."
        raise BadArgument(f"{shown(value)} s is not {what}", todo, code=_RANGE)
    return value


LONGEST = 2_000_000
"""Seconds that labkit waits at most (23 days); Node's timers end at about the same length."""

_RANGE = "ERR_OUT_OF_RANGE"


def flag(value: Any, name: str) -> bool:
    """Return the value if it is True or False. name: the argument's name."""
    if not isinstance(value, bool):
        raise BadArgument(f"{name}={shown(value)} is neither True nor False", f"Give {name}=True or {name}=False.")
    return value


def function(value: Any, what: str) -> Callable[..., Any]:
    """Return the value if it can be called and is not an async function. what: ``"the listener of 'data'"``."""
    if not callable(value):
        todo = "Give its name, uncalled."
        if value is None:
            todo = "None is what a function without return gives: did you call it? " + todo
        raise BadArgument(f"{what} must be a function, not {shown(value)}", todo)
    flags = _code_flags(value)
    if flags & _GENERATOR:
        raise BadArgument(
            f"{what} has a yield inside: to call it runs nothing of it", "Use a plain function, without yield."
        )
    if flags & (_COROUTINE | _ASYNC_GENERATOR):
        raise BadArgument(
            f"{what} is an async function, and nobody would await it",
            "Use a plain function; inside, asyncio.get_running_loop().create_task(...) starts a coroutine.",
        )
    return value  # type: ignore[no-any-return]  # callable() tells mypy nothing of its result


def _code_flags(value: Any) -> int:
    while isinstance(value, partial):
        value = value.func
    code = getattr(value, "__code__", None)
    if code is None and not isinstance(value, type):
        code = getattr(type(value).__call__, "__code__", None)
    return getattr(code, "co_flags", 0)


def text(value: Any, what: str) -> str:
    """Return the value if it is text."""
    if not isinstance(value, str):
        raise BadArgument(f"{shown(value)} is not {what}", "Give text, in quotes.")
    return value


def encoding(value: Any) -> str:
    """Return the value if it names an encoding of text that Python knows."""
    if not isinstance(value, str):
        raise BadArgument(f"{shown(value)} is not an encoding", 'Use "utf8".')
    try:
        b"a".decode(value, "replace")  # also fails for encodings that are not of text, such as "hex"
        codecs.getincrementaldecoder(value)
    except (LookupError, ValueError):  # ValueError: a zero byte in the name
        raise BadArgument(f"{shown(value)} is not an encoding", 'Use "utf8".') from None
    return value


def data(value: Any, verb: str) -> bytes:
    """Return the value as bytes if it is bytes or text (text becomes UTF-8). verb: ``"written"``, ``"sent"``."""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise BadArgument(
                "this text holds half of a surrogate pair, and UTF-8 has no bytes for that",
                "Encode it yourself, or take the character out.",
            ) from None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise BadArgument(f"only bytes or text can be {verb}, not {shown(value)}", 'Give b"..." or "...".')
