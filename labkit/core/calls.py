"""Calls whose arguments have the wrong name or number: told with the names that there are.

Rule: knows signatures, not values; a call that fits costs nothing more than it did.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ParamSpec, TypeVar

from labkit.core.errors import LabError

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def in_words(function: Callable[P, R], name: str = "") -> Callable[P, R]:
    """Decorator: a misspelt, missing or misplaced argument raises `LabError` with the right names.

    name: what the function is called in the message; default, its own name.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as misfit:
                error = _told(name or function.__name__, signature, kwargs, misfit)
            else:
                raise  # the call fits: this came out of the function
        raise error

    return call


def made_in_words(cls: C) -> C:
    """Decorator of a class: as `in_words`, for the arguments with which objects of this class are made."""
    kind: Any = cls
    kind.__init__ = in_words(kind.__init__, cls.__name__)
    return cls


def _told(name: str, signature: inspect.Signature, kwargs: Mapping[str, Any], misfit: TypeError) -> LabError:
    parameters = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    names = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
    takes = f"{name}() takes {', '.join(names)}." if names else f"{name}() takes no argument."
    for given in kwargs:
        if given not in names:
            return LabError(f"{name}() has no argument {given!r}", nearest(given, names) + takes)
    if "too many positional" in str(misfit):
        what = f"{name}() was given more arguments without a name than it takes"
        by_name = [f"{each.name}=…" for each in parameters if each.kind is each.KEYWORD_ONLY]
        return LabError(what, f"Give these by their name: {', '.join(by_name)}." if by_name else takes)
    return LabError(f"{name}(): {misfit}", takes)


def nearest(given: str, known: Sequence[str]) -> str:
    """``"Did you mean 'drop'? "``, if one of the known words is near to the given one; ``""`` if none is."""
    small = {each.lower(): each for each in known}
    found = get_close_matches(given.lower(), small, 1, 0.6)
    return f"Did you mean {small[found[0]]!r}? " if found else ""
