"""Feeding a student's reader with pieces of a stream: its feed() is called, and the cut is shown in the finding.

Rule: knows no protocol; a feed() may return a list or yield, and ValueError is its way to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import GeneratorType
from typing import Any

from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

REFUSED = object()
"""What a feed is worth that raised ValueError."""

_AROUND = 24  # bytes shown on each side of a cut


def feed(
    run: Run, reader: Any, chunk: bytes, what: str, check: Callable[[str, Any], None], first: bool = False, *,
    may_refuse: bool = False,
) -> Any:
    """Call reader.feed(chunk) and return the list that it returned; `REFUSED` for ValueError if it may refuse.

    what: what is in the list, ``"requests"``. check: called with the call in words and each item; raises `NotYet`.
    first: as for `Run.call`. Raises what `Run.call` raises, and `NotYet` if no list comes.
    """
    doing = f"feed({show(chunk)})"
    returned = run.call(doing, _refusing if may_refuse else _collecting, reader.feed, chunk, first=first)
    if returned is REFUSED:
        return REFUSED
    if type(returned) not in (list, tuple):
        raise NotYet(f"a list of {what}", f"{doing} returned {show(returned)}",
                     "An empty list says: none is complete.")
    for item in returned:
        check(doing, item)
    return list(returned)


def feed_pieces(
    feed_one: Callable[[bytes, bool], list[Any]], raw: bytes, cuts: Sequence[int], fed: str, about: str, first: bool
) -> list[Any]:
    """Feed a stream cut at these bytes; returns all that came of it. What is found wrong tells fed, the cut stream.

    feed_one: called with each piece, and whether it is the first call of all. about: why, if a finding does not say.
    """
    given: list[Any] = []
    for chunk in chunks(raw, cuts):
        try:
            given += feed_one(chunk, first)
        except NotYet as found:
            found.expected = f"{found.expected}\n{fed}"
            found.why = found.why or about
            raise
        first = False
    return given


def _collecting(feed: Callable[[bytes], Any], chunk: bytes) -> Any:
    returned = feed(chunk)
    return list(returned) if type(returned) is GeneratorType else returned


def _refusing(feed: Callable[[bytes], Any], chunk: bytes) -> Any:
    try:
        return _collecting(feed, chunk)
    except ValueError:
        return REFUSED


def chunks(raw: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """The pieces of a stream that is cut after so many bytes."""
    for one, other in zip((0, *cuts), (*cuts, len(raw)), strict=True):
        yield raw[one:other]


def pieces(raw: bytes, cuts: Sequence[int], form: Callable[[bytes], str] = show) -> str:
    """A stream and its cuts as a short text: the whole, the bytes around the one cut, or "byte by byte".

    form: how some bytes are written.
    """
    if not cuts:
        return form(raw)
    if len(cuts) > 1:
        return f"{form(raw)}, byte by byte"
    cut = cuts[0]
    before = "" if cut <= _AROUND else "..."
    after = "" if len(raw) - cut <= _AROUND else "..."
    return f"{before}{form(raw[max(0, cut - _AROUND) : cut])} + {form(raw[cut : cut + _AROUND])}{after}"


def in_hex(raw: bytes) -> str:
    """Bytes in hexadecimal, the first 32 and the last 8 if there are many; no bytes are called so."""
    if len(raw) <= 48:
        return raw.hex(" ") or "no bytes"
    return f"{raw[:32].hex(' ')} … {raw[-8:].hex(' ')}"
