"""The check at the door of the public calls of this part: wrong arguments get words, never a raw Python error.

Rule: checks one call's arguments and changes nothing; every refusal is a `LabError`.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from labkit.core.errors import LabError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def arguments_in_words(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorator: a call with a misspelt, missing or misplaced argument raises `LabError` with the right names."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as misfit:
                raise _misfit(function.__name__, signature, args, kwargs, misfit) from None
            raise error

    return call


def _misfit(name: str, signature: inspect.Signature, args: Any, kwargs: Any, misfit: TypeError) -> LabError:
    names = [each for each in signature.parameters if each not in ("self", "cls")]
    for given in kwargs:
        if given not in names:
            near = difflib.get_close_matches(given, names, 1, 0.5)
            todo = f"Did you mean {near[0]}=? " if near else ""
            return LabError(f"{name}() has no argument {given!r}", f"{todo}It takes {', '.join(names)}.")
    what = str(misfit)
    if what == "too many positional arguments":
        what = "more arguments without a name than it takes"
    return LabError(f"{name}(): {what}", f"Give arguments by name: {', '.join(f'{each}=' for each in names)}.")


def whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    """Return the value if it is a whole number from least to most (None: no limit). name: of the argument."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        raise LabError(
            f"{name}={value!r} is not possible",
            f"Give a whole number from {least}" + ("." if most is None else f" to {most}."),
        )
    return value


def seconds(value: Any, name: str) -> float:
    """Return the value if it is a number of seconds, 0 or more and finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise LabError(f"{name}={value!r} is not a length of time", "Give a number of seconds, 0 or more.")
    return value


def truth(value: Any, name: str) -> bool:
    """Return the value if it is True or False."""
    if not isinstance(value, bool):
        raise LabError(f"{name}={value!r} is neither True nor False", f"Give {name}=True or {name}=False.")
    return value


def text(value: Any, name: str) -> str | None:
    """Return the value if it is a text that is not empty, or None."""
    if value is not None and (not isinstance(value, str) or not value):
        raise LabError(f"{name}={value!r} is not possible", f'Give a text in quotes, such as {name}="lo", or None.')
    return value


def path(value: Any) -> Path:
    """Return the value as a path if it is one, or a text that can be one."""
    if isinstance(value, (str, os.PathLike)) and str(value) and "\0" not in str(value):
        found = os.fspath(value)
        if isinstance(found, str):
            return Path(found)
    raise LabError(f"{value!r} is not the path of a file", 'Give a text in quotes, such as "capture.pcapng".')
