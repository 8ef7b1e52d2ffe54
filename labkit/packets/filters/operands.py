"""What stands on a side of a comparison in a display filter: fields, values, slices, functions and sums of them.

Rule: types and names are checked here, so that a mistake is told at once, with its place.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from labkit.core.calls import nearest
from labkit.packets.filters import comparing
from labkit.packets.filters.names import PROTOCOLS, TYPES
from labkit.packets.filters.reading import reader_of
from labkit.packets.filters.seen import Reader, Seen, Values
from labkit.packets.filters.values import EXAMPLES, BadValue, Network, Value, as_bytes, value_of
from labkit.packets.filters.words import FilterError, Word, printable, words

_DEEPEST = 50  # parentheses, braces and functions inside each other
_LONGEST = 100  # signs of sums, products and masks in one filter
_JOINERS = ("or", "||", "and", "&&", "xor", "^^", "not", "!")
_SLICE = re.compile(r"(-?\d{1,5})(?:([:-])(-?\d{1,5})?)?|:(\d{1,5})")
_SUM = re.compile(r"[A-Za-z][\w.]*\.[\w.]*[-/][\w.]+")
_LESS = re.compile(r"-\d[\w.]*")
_OF_TEXT = {"lower": str.lower, "upper": str.upper}
_OF_ALL: dict[str, Callable[[list[Value]], Value]] = {"max": max, "min": min}
_FUNCTIONS = ("len", "count", "abs", *_OF_TEXT, *_OF_ALL)
_ORDERED = ("number", "time", "date", "ipv4", "ipv6", "mac")  # what has a largest one
_SUMS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul,
    "/": lambda one, two: abs(one) // abs(two) * (-1 if (one < 0) != (two < 0) else 1),
    "%": lambda one, two: abs(one) % abs(two) * (-1 if one < 0 else 1),
}  # fmt: skip
"""As C and Wireshark count: what is left of a division is cut off."""


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: a field (kind, read), or a word that gets its type from the other side (kind "").

    masked: what an ``&`` has left, which alone asks whether a bit is set. plain: all of a field, as its name says.
    """

    word: Word
    kind: str = ""
    read: Reader | None = None
    masked: bool = False
    plain: bool = False


class Operands:
    """Reads the words of a filter one after the other. text: the filter."""

    def __init__(self, text: str) -> None:
        self._text, self._words, self._at, self._depth, self._signs = text, words(text), 0, 0, 0

    @property
    def _now(self) -> Word:
        return self._words[self._at]

    def _take(self, *said: str, kinds: tuple[str, ...] = ("sign", "word")) -> Word | None:
        word = self._now
        if word.kind not in kinds or (said and word.said not in said):
            return None
        self._at += 1
        return word

    def _wrong(self, what: str, place: int | None = None, todo: str = "") -> FilterError:
        return FilterError(what, self._text, self._now.place if place is None else place, todo)

    def _deeper(self, opened: Word) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong(f"more than {_DEEPEST} parentheses are inside each other", opened.place)

    def _one_more(self, sign: Word) -> None:
        self._signs += 1
        if self._signs > _LONGEST:
            raise self._wrong(f"more than {_LONGEST} signs of sums and products", sign.place)

    # -- &, then + and -, then * / and %: each binds closer than the one before

    def _operand(self) -> Operand:
        left = self._sum()
        while sign := self._take("&", "bitwise_and"):
            left = self._masked(left, sign, self._sum())
        return left

    def _sum(self) -> Operand:
        left = self._product()
        while True:
            if sign := self._take("+", "-", kinds=("sign",)):
                left = self._counted(left, sign, self._product())
            elif self._now.kind == "word" and _LESS.fullmatch(self._now.said):  # tcp.len -1
                left = self._counted(left, Word("sign", "+", self._now.place), self._product())
            else:
                return left

    def _product(self) -> Operand:
        left = self._factor()
        while sign := self._take("*", "/", "%", kinds=("sign",)):
            left = self._counted(left, sign, self._factor())
        return left

    def _factor(self) -> Operand:
        sign = self._take("-", "{", kinds=("sign",))
        if sign is None:
            return self._single()
        self._deeper(sign)
        if sign.said == "-":
            found = self._counted(Operand(Word("word", "0", sign.place)), sign, self._factor())
        else:
            found = self._operand()
            if not self._take("}"):
                raise self._wrong("this brace is not closed", sign.place, "Put a } behind what it should hold.")
        self._depth -= 1
        return found

    def _counted(self, left: Operand, sign: Word, right: Operand) -> Operand:
        """A sum, a difference, a product."""
        self._one_more(sign)
        count = _SUMS[sign.said]
        kind = next((each.kind for each in (left, right) if each.read is not None), "number")
        for each in (left, right):
            if each.read is not None and (each.kind != kind or kind not in ("number", "time")):
                raise self._wrong(f"{sign.said} needs numbers, and {each.word.said} is {each.kind}", each.word.place)
        if kind == "time" and sign.said not in "+-":
            raise self._wrong("times are added and subtracted, nothing else", sign.place)
        ones, twos = self._numbers(left, kind), self._numbers(right, kind)
        cut = sign.said in "/%"
        if isinstance(ones, int) and isinstance(twos, int):
            if cut and not twos:
                raise self._wrong("nothing can be divided by 0", right.word.place)
            return Operand(Word("word", str(count(ones, twos)), left.word.place))
        first = _constant(ones) if isinstance(ones, int) else ones
        second = _constant(twos) if isinstance(twos, int) else twos
        return Operand(
            left.word if left.read else right.word,
            kind,
            lambda seen: [count(int(one), int(two)) for one in first(seen) for two in second(seen) if two or not cut],
        )

    def _numbers(self, one: Operand, kind: str) -> int | Reader:
        if one.read is not None:
            return one.read
        value = self._value(one.word, Operand(one.word, kind))
        assert isinstance(value, int)
        return value

    def _masked(self, left: Operand, sign: Word, right: Operand) -> Operand:
        """The bits that both have."""
        self._one_more(sign)
        field, other = (left, right) if left.read is not None else (right, left)
        if field.read is None:
            raise self._no_name(left.word)
        for each in (field, other):
            if each.read is not None and each.kind not in ("number", "boolean", "bytes"):
                raise self._wrong(f"& needs a number or bytes, and {each.word.said} is {each.kind}", sign.place)
        read = field.read
        if other.read is not None:
            if (field.kind == "bytes") != (other.kind == "bytes"):
                what = f"{field.word.said} is {field.kind} and {other.word.said} is {other.kind}"
                raise self._wrong(what, sign.place, "Both sides of & have one type.")
            mask = other.read
        else:
            value = self._value(other.word, field)
            assert isinstance(value, (int, bytes))
            mask = _constant(value)
        kind = "bytes" if field.kind == "bytes" else "number"
        return Operand(
            field.word,
            kind,
            lambda seen: [both for one in read(seen) for two in mask(seen) if (both := _common(one, two)) is not None],
            masked=True,
        )

    # -- fields, values, functions

    def _single(self) -> Operand:
        word = self._now
        if word.kind == "text":
            self._at += 1
            return Operand(word)
        if word.kind != "word" or word.said in _JOINERS:
            ends = word.kind == "end"
            raise self._wrong("a field or a value is missing here" if ends else f"{word.said!r} cannot stand here")
        self._at += 1
        if self._now.said == "(" and self._now.kind == "sign":
            if word.said in _FUNCTIONS:
                return self._function(word)
            if word.said not in TYPES and word.said not in PROTOCOLS:
                known = f"Functions are {', '.join(_FUNCTIONS)}."
                raise self._wrong(f"no function is called {printable(word.said)[:60]!r}", word.place, known)
        if word.said in TYPES or word.said in PROTOCOLS:
            kind = TYPES.get(word.said, "bytes")
            if self._now.said == "[" and self._now.kind == "sign":
                if kind in ("none", "number", "boolean", "time", "date"):
                    raise self._wrong(f"{word.said} is {kind}: it has no slices", self._now.place)
                return Operand(word, "bytes", comparing.sliced(reader_of(word.said, header=True), self._slices()))
            return Operand(word, kind, reader_of(word.said), plain=True)
        return Operand(word)

    def _function(self, word: Word) -> Operand:
        """A function of a field; `max` and `min` of several fields and values."""
        self._deeper(self._now)
        self._at += 1
        name, given = word.said, [self._operand()]
        while name in _OF_ALL and self._take(","):
            given.append(self._operand())
        if not self._take(")"):
            raise self._wrong("this parenthesis is not closed", word.place + len(word.said))
        self._depth -= 1
        inner = next((each for each in given if each.read is not None), None)
        if inner is None:
            raise self._no_name(given[0].word)
        assert inner.read is not None
        read, said, place = inner.read, inner.word.said, inner.word.place
        if name == "count":
            return Operand(word, "number", lambda seen: (len(read(seen)),) if read(seen) else ())
        if name in _OF_ALL:
            return self._largest(word, inner, given)
        wanted = {"len": ("text", "bytes"), "abs": ("number", "time")}.get(name, ("text",))
        if inner.kind not in wanted:
            raise self._wrong(f"{name} needs {' or '.join(wanted)}, and {said} is {inner.kind}", place)
        if name == "len":
            if said in PROTOCOLS and said != "tcp" and inner.plain:  # its header alone: so Wireshark counts
                read = reader_of(said, header=True)
            return Operand(word, "number", lambda seen: [len(as_bytes(each)) for each in read(seen)])
        if name == "abs":
            return Operand(word, inner.kind, lambda seen: [abs(int(each)) for each in read(seen)])
        turn = _OF_TEXT[name]
        return Operand(word, "text", lambda seen: [turn(str(each)) for each in read(seen)])

    def _largest(self, word: Word, field: Operand, given: list[Operand]) -> Operand:
        """The largest or least of all values that are there."""
        reads: list[Reader] = []
        for each in given:
            if each.read is None:
                value = self._value(each.word, field)
                if isinstance(value, Network):
                    raise self._wrong(f"{word.said} is not for networks", each.word.place)
                reads.append(_constant(value))
                continue
            if each.kind != field.kind or each.kind not in _ORDERED:
                what = f"{word.said} needs numbers, times or addresses of one type, and {each.word.said} is {each.kind}"
                raise self._wrong(what, each.word.place)
            reads.append(each.read)
        best = _OF_ALL[word.said]

        def read(seen: Seen) -> Values:
            found = [value for each in reads for value in each(seen)]
            return (best(found),) if found else ()

        return Operand(word, field.kind, read)

    def _slices(self) -> list[tuple[int, int | None]]:
        opened = self._now
        self._at += 1
        parts: list[tuple[int, int | None]] = []
        while not parts or self._take(","):
            word = self._now
            match = _SLICE.fullmatch(word.said) if word.kind == "word" else None
            if match is None:
                todo = "Write [first:count], [first-last], [first:], [:count] or [byte]."
                raise self._wrong("this is no slice", word.place, todo)
            self._at += 1
            parts.append(self._slice(match, word))
        if not self._take("]"):
            raise self._wrong("this bracket is not closed", opened.place)
        return parts

    def _slice(self, match: re.Match[str], word: Word) -> tuple[int, int | None]:
        if match[4]:
            first, after = 0, int(match[4])
        else:
            first = int(match[1])
            if not match[2]:
                after = first + 1
            elif match[3] is None:
                return first, None
            else:
                after = first + int(match[3]) if match[2] == ":" else int(match[3]) + 1
        if first < 0 <= after and after == 0:
            return first, None
        if after <= first or (first < 0 < after):
            raise self._wrong("this slice is empty", word.place)
        return first, after

    def _value(self, word: Word, field: Operand, *, contained: bool = False) -> Value | Network:
        try:
            if contained and field.kind == "bytes" and word.kind == "word":
                return value_of(word.said, "bytes", quoted=False)
            return value_of(word.said, field.kind, quoted=word.kind == "text")
        except BadValue:
            if word.kind == "word" and "." in word.said and word.said[0].isalpha():
                raise self._no_name(word) from None
            what = f"{printable(word.said)[:40]!r} is no value of {field.word.said}"
            raise self._wrong(what, word.place, f"Give {EXAMPLES[field.kind]}.") from None

    def _no_name(self, word: Word) -> FilterError:
        said = printable(word.said)[:60]
        if word.kind == "text":
            return self._wrong("a test has a field on one side", word.place)
        if _SUM.fullmatch(said):
            return self._wrong(f"no field is called {said!r}", word.place, "Put a space on each side of - and /.")
        near = nearest(said, [*TYPES, *PROTOCOLS])
        return self._wrong(
            f"no field is called {said!r}", word.place, near or "Names are those of Wireshark: tcp.port."
        )


def _constant(value: Value) -> Reader:
    return lambda seen: (value,)


def _common(one: Value, two: Value) -> Value | None:
    """The bits that both have; None for bytes that are not as many."""
    if isinstance(one, int) and isinstance(two, int):
        return one & two
    if isinstance(one, bytes) and isinstance(two, bytes) and len(one) == len(two):
        return bytes(first & second for first, second in zip(one, two, strict=True))
    return None
