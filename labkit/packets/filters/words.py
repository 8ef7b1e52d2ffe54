"""The text of a display filter, cut into words; and the error that shows a place in it.

Rule: every word knows its place; a text that is too long or has signs that mean nothing is refused here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from labkit.core.errors import LabError

LONGEST = 10_000
"""Most characters of a filter."""
_AROUND = 60  # characters of a long filter that are shown before and behind the place of an error

_WORD = re.compile(
    r'\s*(?:(?P<text>r?"(?:[^"\\]|\\.)*")|(?P<open>r?")|(?P<sign>===|!==|==|!=|~=|<=|>=|&&|\|\||\^\^|[<>!&~{}()\[\],+*%/]|-(?![\d:.-]))'
    r"|(?P<word>[\w.:/-]+)|(?P<end>$)|(?P<other>.))",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([0-7]{3})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "b": "\b", "0": "\0"}


class FilterError(LabError, ValueError):
    """A display filter has no meaning. place: index in its text of what is wrong."""

    def __init__(self, what: str, text: str, place: int, todo: str = "") -> None:
        self.place, self.text = place, text
        first = max(0, place - _AROUND)
        before, behind = printable(text[first:place]), printable(text[place : place + _AROUND])
        self.picture = f"  {before}{behind}\n  {' ' * len(before)}^"
        super().__init__(what, todo)

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.picture}"


class Word(NamedTuple):
    """kind: text (in quotes), sign, word or end. said: without quotes and escapes. place: index in the filter."""

    kind: str
    said: str
    place: int


def words(text: str) -> list[Word]:
    """The words of a filter, the last one of kind ``"end"``. Raises `FilterError`."""
    if len(text) > LONGEST:
        raise FilterError(f"this filter has {len(text)} characters, {LONGEST} are the most", text, LONGEST)
    found: list[Word] = []
    at = 0
    while not found or found[-1].kind != "end":
        match = _WORD.match(text, at)
        assert match is not None
        assert match.lastgroup is not None  # `other` takes every sign
        kind, said, place = match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
        if kind == "open":
            raise FilterError("the text that begins here does not end", text, place, 'Put a " behind it.')
        if kind == "other":
            todo = "Write == for equal." if said == "=" else 'Put text into "quotes".'
            raise FilterError(f"{printable(said)} means nothing in a filter", text, place, todo)
        if kind == "text":
            said = said[2:-1] if said[0] == "r" else _ESCAPE.sub(_unescaped, said[1:-1])
        found.append(Word(kind, said, place))
        at = match.end()
    return found


def _unescaped(match: re.Match[str]) -> str:
    if match[1] or match[2]:
        return chr(int(match[1], 16) if match[1] else int(match[2], 8) & 255)
    return _ESCAPED.get(match[3], match[3])


def printable(text: str) -> str:
    """The text with a sign of its own in place of each that cannot be printed; as many as before."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
