"""The grammar of display filters: words become one test.

Rule: types and names are checked here, so that a mistake is told at once, with its place.
"""

from __future__ import annotations

from labkit.packets.filters import comparing
from labkit.packets.filters.comparing import SIGNS, Member, Test
from labkit.packets.filters.operands import Operand, Operands
from labkit.packets.filters.patterns import BadPattern, Pattern
from labkit.packets.filters.values import Network
from labkit.packets.filters.words import Word, printable

_OR, _XOR, _AND, _NOT = ("or", "||"), ("xor", "^^"), ("and", "&&"), ("not", "!")
_ORDERED = (">", "<", ">=", "<=")


def parsed(text: str) -> Test:
    """The test that this filter asks for. Raises `FilterError`."""
    return _Parser(text).whole()


class _Parser(Operands):
    """Tests, made of comparisons."""

    def whole(self) -> Test:
        if self._now.kind == "end":
            return lambda seen: True
        test = self._either()
        if self._now.kind != "end":
            todo = "Between two tests stands && or ||."
            if self._now.said in (*SIGNS, "+", "-", "*", "/", "%", "&"):
                todo = "Sums that belong together stand in braces: {tcp.len + 1} * 2 > 6."
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
        self._deeper(opened)
        test = self._either()
        if not self._take(")"):
            raise self._wrong("this parenthesis is not closed", opened.place, "Put a ) behind what it should hold.")
        self._depth -= 1
        return test

    # -- comparisons

    def _comparison(self) -> Test:
        quantifier = ""
        after = self._words[min(self._at + 1, len(self._words) - 1)]
        if self._now.said in ("any", "all") and (after.kind == "word" or after[:2] == ("sign", "{")):
            quantifier, self._at = self._now.said, self._at + 1
        left = self._operand()
        if self._sign() is None:
            if left.read is None:
                raise self._no_name(left.word)
            return comparing.some(left.read) if left.masked else comparing.exists(left.read)
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

    def _relation(self, left: Operand, sign: str, right: Operand, quantifier: str, place: int) -> Test:
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
        return comparing.compared(left.read, sign, value, quantifier)

    def _matches(self, left: Operand, right: Operand, quantifier: str) -> Test:
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

    def _member(self, left: Operand, quantifier: str) -> Test:
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

    def _range(self, left: Operand) -> Member:
        word = self._now
        if word.kind not in ("word", "text"):
            raise self._wrong("a value is missing in this set", todo="Write it so: {80, 8000..8100}.")
        self._at += 1
        low, dots, high = word.said.partition("..") if word.kind == "word" else (word.said, "", "")
        first = self._value(Word(word.kind, low, word.place), left)
        end = Word("word", high, word.place + len(low) + 2)
        if word.kind == "text" and self._take(".."):
            dots, end = "..", self._now
            if self._take(kinds=("text",)) is None:
                raise self._wrong("behind .. stands a value in quotes")
        if not dots:
            return first
        last = self._value(end, left)
        if isinstance(first, Network) or isinstance(last, Network):
            raise self._wrong("a range goes from one value to another one", word.place)
        if first > last:  # type: ignore[operator]  # both have the type of the field
            raise self._wrong("this range ends before it begins", word.place)
        return first, last


def _not(test: Test) -> Test:
    return lambda seen: not test(seen)


def _family(kind: str) -> str:
    return {"boolean": "number", "mac": "bytes"}.get(kind, kind)
