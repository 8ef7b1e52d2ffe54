"""The grammar of display filters: words become one test.

Rule: types and names are checked here, so that a mistake is told at once, with its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from labkit.core.calls import nearest
from labkit.packets.filters import comparing
from labkit.packets.filters.comparing import SIGNS, Member, Test
from labkit.packets.filters.names import PROTOCOLS, TYPES
from labkit.packets.filters.patterns import BadPattern, Pattern
from labkit.packets.filters.reading import Reader, reader_of
from labkit.packets.filters.values import EXAMPLES, BadValue, Network, Value, as_bytes, value_of
from labkit.packets.filters.words import FilterError, Word, printable, words

_DEEPEST = 50
_OR, _XOR, _AND, _NOT = ("or", "||"), ("xor", "^^"), ("and", "&&"), ("not", "!")
_ORDERED = (">", "<", ">=", "<=")
_SLICE = re.compile(r"(-?\d{1,5})(?:([:-])(-?\d{1,5})?)?|:(\d{1,5})")
_FUNCTIONS = {"len": "number", "count": "number", "lower": "text", "upper": "text"}
_RANGES = ("number", "time", "text", "ipv4", "ipv6", "mac", "bytes", "boolean")


@dataclass(frozen=True, slots=True)
class _Operand:
    """One side of a comparison: a field (kind, read), or a word that gets its type from the other side (kind "")."""

    word: Word
    kind: str = ""
    read: Reader | None = None
    plain: bool = False


def parsed(text: str) -> Test:
    """The test that this filter asks for. Raises `FilterError`."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._words, self._at, self._depth = text, words(text), 0, 0

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

    def whole(self) -> Test:
        if self._now.kind == "end":
            return lambda seen: True
        test = self._either()
        if self._now.kind != "end":
            todo = "Between two tests stands && or ||."
            raise self._wrong(f"the filter should end before {printable(self._now.said)[:40]!r}", todo=todo)
        return test

    # -- or, xor, and, not: each binds closer than the one before

    def _either(self) -> Test:
        tests = [self._unequal()]
        while self._take(*_OR):
            tests.append(self._unequal())
        return tests[0] if len(tests) == 1 else lambda seen: any(test(seen) for test in tests)

    def _unequal(self) -> Test:
        tests = [self._both()]
        while self._take(*_XOR):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda seen: sum(test(seen) for test in tests) % 2 == 1

    def _both(self) -> Test:
        tests = [self._negative()]
        while self._take(*_AND):
            tests.append(self._negative())
        return tests[0] if len(tests) == 1 else lambda seen: all(test(seen) for test in tests)

    def _negative(self) -> Test:
        turned = False
        while self._take(*_NOT):
            turned = not turned
        test = self._one()
        return _not(test) if turned else test

    def _one(self) -> Test:
        opened = self._take("(")
        if opened is None:
            return self._comparison()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong(f"more than {_DEEPEST} parentheses are inside each other", opened.place)
        test = self._either()
        if not self._take(")"):
            raise self._wrong("this parenthesis is not closed", opened.place, "Put a ) behind what it should hold.")
        self._depth -= 1
        return test

    # -- comparisons

    def _comparison(self) -> Test:
        quantifier = ""
        if self._now.said in ("any", "all") and self._words[self._at + 1].kind == "word":
            quantifier, self._at = self._now.said, self._at + 1
        left = self._operand()
        if self._sign() is None:
            if left.read is None:
                raise self._no_name(left.word)
            return comparing.exists(left.read)
        tests = []
        while (sign := self._sign()) is not None:
            place, turned = self._now.place, self._now.said == "not"
            self._at += 1 + turned
            if sign == "in":
                tests.append(self._member(left, quantifier))
                if turned:
                    tests.append(_not(tests.pop()))
                break
            right = self._operand()
            tests.append(self._relation(left, sign, right, quantifier, place))
            left = right
        return tests[0] if len(tests) == 1 else lambda seen: all(test(seen) for test in tests)

    def _sign(self) -> str | None:
        word = self._now
        if word.kind == "word" and word.said == "not" and self._words[self._at + 1][:2] == ("word", "in"):
            return "in"
        return SIGNS.get(word.said) if word.kind in ("sign", "word") else None

    def _relation(self, left: _Operand, sign: str, right: _Operand, quantifier: str, place: int) -> Test:
        if left.read is None:
            if right.read is None:
                raise self._no_name(left.word)
            if sign in ("contains", "matches"):
                raise self._wrong(f"before {sign} stands a field, not a value", left.word.place)
            turned = {">": "<", "<": ">", ">=": "<=", "<=": ">="}.get(sign, sign)
            return self._relation(right, turned, left, quantifier, place)
        if left.kind == "none":
            raise self._wrong(f"{left.word.said} has no value", left.word.place, "Write its name alone.")
        if sign == "matches":
            return self._matches(left, right, quantifier)
        if sign == "&" and left.kind not in ("number", "boolean"):
            raise self._wrong(f"& needs a number, and {left.word.said} is {left.kind}", place)
        if sign == "contains" and left.kind not in ("text", "bytes"):
            raise self._wrong(f"{left.word.said} contains nothing: it is {left.kind}", place)
        if right.read is not None:
            if _family(left.kind) != _family(right.kind):
                what = f"{left.word.said} is {left.kind} and {right.word.said} is {right.kind}"
                raise self._wrong(what, right.word.place, "Compare fields of one type.")
            return comparing.compared(left.read, sign, right.read, quantifier)
        value = self._value(right.word, left, contained=sign == "contains")
        if isinstance(value, Network) and sign in (*_ORDERED, "contains"):
            raise self._wrong(f"a network is not compared by {sign}", right.word.place)
        if sign == "&" and self._sign() is not None:
            return self._masked(left.read, value, quantifier)
        return comparing.compared(left.read, sign, value, quantifier)

    def _masked(self, read: Reader, mask: Value | Network, quantifier: str) -> Test:
        """What follows ``field & mask``: a comparison with what the mask leaves."""
        assert isinstance(mask, int)
        place, sign = self._now.place, SIGNS[self._now.said]
        if sign not in ("==", "!=", "===", "~=", *_ORDERED):
            raise self._wrong("behind & and its number stands ==, != or another comparison", place)
        self._at += 1
        word = self._operand().word
        number = _Operand(word, "number", lambda seen: [int(each) & mask for each in read(seen)])
        assert number.read is not None
        return comparing.compared(number.read, sign, self._value(word, number), quantifier)

    def _matches(self, left: _Operand, right: _Operand, quantifier: str) -> Test:
        if left.kind not in ("text", "bytes"):
            raise self._wrong(f"matches needs text, and {left.word.said} is {left.kind}", left.word.place)
        if right.word.kind != "text":
            raise self._wrong("behind matches stands a pattern in quotes", right.word.place)
        try:
            pattern = Pattern(right.word.said)
        except BadPattern as error:
            place = min(right.word.place + 1 + error.place, len(self._text))
            raise self._wrong(f"the pattern is wrong: {error}", place) from None
        assert left.read is not None
        return comparing.matched(left.read, pattern, quantifier)

    def _member(self, left: _Operand, quantifier: str) -> Test:
        if left.read is None:
            raise self._no_name(left.word)
        opened = self._take("{")
        if opened is None:
            raise self._wrong("behind in stands a set", todo="Write it in braces: tcp.port in {80, 8000..8100}.")
        members: list[Member] = []
        while not self._take("}"):
            if members and not self._take(",") and self._now.kind == "end":
                raise self._wrong("this set is not closed", opened.place, "Put a } behind it.")
            members.append(self._range(left))
        if not members:
            raise self._wrong("this set is empty", opened.place)
        return comparing.member(left.read, members, quantifier)

    def _range(self, left: _Operand) -> Member:
        word = self._now
        if word.kind not in ("word", "text"):
            raise self._wrong("a value is missing in this set", todo="Write it so: {80, 8000..8100}.")
        self._at += 1
        low, dots, high = word.said.partition("..") if word.kind == "word" else (word.said, "", "")
        first = self._value(Word(word.kind, low, word.place), left)
        if not dots:
            return first
        last = self._value(Word("word", high, word.place + len(low) + 2), left)
        if isinstance(first, Network) or isinstance(last, Network):
            raise self._wrong("a range goes from one value to another one", word.place)
        if first > last:  # type: ignore[operator]  # both have the type of the field
            raise self._wrong("this range ends before it begins", word.place)
        return first, last

    # -- fields and values

    def _operand(self) -> _Operand:
        word = self._now
        if word.kind == "text":
            self._at += 1
            return _Operand(word)
        if word.kind != "word" or word.said in (*_OR, *_AND, *_XOR, *_NOT):
            ends = word.kind == "end"
            raise self._wrong("a field or a value is missing here" if ends else f"{word.said!r} cannot stand here")
        self._at += 1
        if word.said in _FUNCTIONS and self._now.said == "(":
            return self._function(word)
        if word.said in TYPES or word.said in PROTOCOLS:
            kind = TYPES.get(word.said, "bytes")
            read = reader_of(word.said)
            if self._now.said == "[" and self._now.kind == "sign":
                if kind in ("none", "number", "boolean", "time"):
                    raise self._wrong(f"{word.said} is {kind}: it has no slices", self._now.place)
                return _Operand(word, "bytes", comparing.sliced(reader_of(word.said, header=True), self._slices()))
            return _Operand(word, kind, read, plain=True)
        return _Operand(word)

    def _function(self, word: Word) -> _Operand:
        self._at += 1
        if self._now.said in _FUNCTIONS:
            raise self._wrong("a function is not asked about a function: give it a field")
        inner = self._operand()
        if inner.read is None:
            raise self._no_name(inner.word)
        if not self._take(")"):
            raise self._wrong("this parenthesis is not closed", word.place + len(word.said))
        read, name = inner.read, word.said
        if name == "count":
            return _Operand(word, "number", lambda seen: (len(read(seen)),) if read(seen) else ())
        if name == "len":
            if inner.kind not in ("text", "bytes"):
                raise self._wrong(f"len needs text or bytes, and {inner.word.said} is {inner.kind}", inner.word.place)
            return _Operand(word, "number", lambda seen: [len(as_bytes(each)) for each in read(seen)])
        if inner.kind != "text":
            raise self._wrong(f"{name} needs text, and {inner.word.said} is {inner.kind}", inner.word.place)
        turn = str.lower if name == "lower" else str.upper
        return _Operand(word, "text", lambda seen: [turn(str(each)) for each in read(seen)])

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

    def _value(self, word: Word, field: _Operand, *, contained: bool = False) -> Value | Network:
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
        near = nearest(said, [*TYPES, *PROTOCOLS])
        return self._wrong(
            f"no field is called {said!r}", word.place, near or "Names are those of Wireshark: tcp.port."
        )


def _not(test: Test) -> Test:
    return lambda seen: not test(seen)


def _family(kind: str) -> str:
    return {"boolean": "number", "mac": "bytes"}.get(kind, kind)
