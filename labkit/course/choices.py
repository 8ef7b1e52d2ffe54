"""The options of a question as an author writes them, checked.

Rule: knows no page and no student.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from labkit.core.checks import shown, text
from labkit.core.errors import LabError


def choices_of(options: Sequence[Any] | Set[Any] | Mapping[Any, str]) -> dict[Any, str]:
    """The options in their order, each with the words for a student who chose it wrongly, ``""`` if there are none.

    Raises `LabError` for what is neither a list nor such a mapping, and for one option, or two that look alike.
    """
    if isinstance(options, (str, bytes)) or not isinstance(options, (Sequence, Set, Mapping)):
        raise LabError(f"options={shown(options)} is not a list of answers", 'Give several: options=["yes", "no"].')
    found = dict(options) if isinstance(options, Mapping) else dict.fromkeys(options, "")
    names = [str(option) for option in options]
    if len(names) == 1 or len(set(names)) < len(names):
        raise LabError(f"options={shown(list(options))} is no choice", "Give two answers or more, each another one.")
    for words in found.values():
        text(words, "the words for an answer")
    return found


def listed(options: Iterable[str]) -> str:
    """The options in one line; if one of them has a comma, semicolons stand between them."""
    names = list(options)
    return ("; " if any("," in name for name in names) else ", ").join(names)
