"""What a display filter asks of a packet, made of small functions: comparisons of the values of a field.

Rule: everything is decided when the filter is compiled; these functions only look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from labkit.packets.filters.patterns import Pattern
from labkit.packets.filters.seen import Reader, Seen, Values
from labkit.packets.filters.values import Network, Value, as_bytes

Test = Callable[[Seen], bool]
Member = Value | Network | tuple[Value, Value]

SIGNS = {
    "==": "==", "eq": "==", "any_eq": "==", "!=": "!=", "ne": "!=", "all_ne": "!=", "===": "===", "all_eq": "===",
    "~=": "~=", "any_ne": "~=", "!==": "~=", ">": ">", "gt": ">", "<": "<", "lt": "<", ">=": ">=", "ge": ">=",
    "<=": "<=", "le": "<=", "contains": "contains", "matches": "matches", "~": "matches", "in": "in",
}  # fmt: skip
"""Every way to write a comparison, and how it is called here."""
_ALL = ("!=", "===")  # true if it is true of all values (and there is one), unless the filter says `any`
_SAME = {"===": "==", "~=": "!="}
_COMPARE: dict[str, Callable[[Value, Value], bool]] = {
    "==": lambda one, two: one == two,
    "!=": lambda one, two: one != two,
    ">": lambda one, two: one > two,  # type: ignore[operator]  # both have the type of the field
    "<": lambda one, two: one < two,  # type: ignore[operator]
    ">=": lambda one, two: one >= two,  # type: ignore[operator]
    "<=": lambda one, two: one <= two,  # type: ignore[operator]
    "contains": lambda one, two: as_bytes(two) in as_bytes(one),
}


def compared(read: Reader, sign: str, other: Value | Network | Reader, quantifier: str = "") -> Test:
    """A comparison of the values of two sides. quantifier: ``"any"``, ``"all"``, or ``""`` for what the sign means."""
    every = quantifier == "all" or (not quantifier and sign in _ALL)
    sign = _SAME.get(sign, sign)
    together = all if every else any
    if isinstance(other, Network):
        network, wanted = other, sign == "=="
        return _over(read, lambda value: isinstance(value, bytes) and network.has(value) == wanted, together)
    compare = _COMPARE[sign]
    if callable(other):
        second = other

        def test(seen: Seen) -> bool:
            ones, twos = read(seen), second(seen)
            return bool(ones) and bool(twos) and together(compare(one, two) for one in ones for two in twos)

        return test
    value = other
    return _over(read, lambda one: compare(one, value), together)


def _over(read: Reader, holds: Callable[[Value], bool], together: Callable[[Iterable[bool]], bool]) -> Test:
    def test(seen: Seen) -> bool:
        values = read(seen)
        return bool(values) and together(map(holds, values))

    return test


def matched(read: Reader, pattern: Pattern, quantifier: str = "") -> Test:
    """Whether a value matches a regular expression."""
    return _over(read, lambda value: pattern.found_in(as_bytes(value)), all if quantifier == "all" else any)


def member(read: Reader, members: list[Member], quantifier: str = "") -> Test:
    """Whether a value is one of these, or lies in one of the ranges or networks."""
    single = frozenset(each for each in members if isinstance(each, (int, str, bytes)))
    others = [each for each in members if not isinstance(each, (int, str, bytes))]

    def holds(value: Value) -> bool:
        return value in single or any(
            isinstance(value, bytes) and each.has(value) if isinstance(each, Network) else each[0] <= value <= each[1]  # type: ignore[operator]  # all have the type of the field
            for each in others
        )

    return _over(read, holds, all if quantifier == "all" else any)


def exists(read: Reader) -> Test:
    """Whether a packet has the field."""
    return lambda seen: bool(read(seen))


def some(read: Reader) -> Test:
    """Whether a value has a bit that is set, for what ``&`` leaves."""
    return lambda seen: any(any(each) if isinstance(each, bytes) else each for each in read(seen))


def sliced(read: Reader, parts: list[tuple[int, int | None]]) -> Reader:
    """Bytes of the values: (first, byte after the last) of each part, joined. A value that is shorter has none."""

    def cut(seen: Seen) -> Values:
        found = []
        for value in read(seen):
            data = as_bytes(value)
            pieces = [_piece(data, first, after) for first, after in parts]
            if None not in pieces:
                found.append(b"".join(filter(None, pieces)))
        return found

    return cut


def _piece(data: bytes, first: int, after: int | None) -> bytes | None:
    start = first + len(data) if first < 0 else first
    stop = len(data) if after is None else after + len(data) if after < 0 else after
    return data[start:stop] if 0 <= start < stop <= len(data) else None
