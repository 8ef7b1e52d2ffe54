"""Regular expressions for ``matches``, in time that grows with the length of the text alone.

Rule: Thompson's construction, run as a set of states; there is no going back, so no pattern can make it slow.
Known: literals, ``.``, ``[a-z]``, ``\\d \\w \\s``, ``\\xhh``, ``(…)``, ``|``, ``* + ? {m,n}``, ``^`` and ``$``.
Case does not count, as in Wireshark.
"""

from __future__ import annotations

import string

_LARGEST_COUNT = 100
_MOST_STATES = 1000
_MOST_SETS = 2000  # sets of states that are remembered
_DEEPEST = 50
_ALL = frozenset(range(256))
_CLASSES = {
    "d": frozenset(map(ord, string.digits)),
    "w": frozenset(map(ord, string.ascii_letters + string.digits + "_")),
    "s": frozenset(b" \t\n\r\f\v"),
}
_ESCAPES = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}
_Part = tuple[int, int]
_BEGIN, _END = 256, 257  # symbols in front of and behind the text


class BadPattern(ValueError):
    """The pattern has no meaning, or asks for too much. place: index in the pattern."""

    def __init__(self, what: str, place: int) -> None:
        super().__init__(what)
        self.place = place


class Pattern:
    """A regular expression. text: the pattern. Raises `BadPattern`."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._moves: list[tuple[frozenset[int], int]] = []  # of state i: symbols, next state
        self._free: list[list[int]] = []  # of state i: next states without a symbol
        start, self._final = self._either()
        if self._at < len(text):
            raise BadPattern("this parenthesis closes nothing", self._at)
        self._start = self._closed({start})
        self._known: dict[frozenset[int], dict[int, frozenset[int]]] = {}

    def found_in(self, data: bytes) -> bool:
        """Whether it matches somewhere in data."""
        now = self._step(self._start, _BEGIN) | self._start
        if self._final in now:
            return True
        known = self._known
        for symbol in data:
            row = known.get(now)
            if row is None:
                if len(known) > _MOST_SETS:
                    known.clear()
                row = known[now] = {}
            after = row.get(symbol)
            if after is None:
                after = row[symbol] = self._step(now, symbol) | self._start
            now = after
            if self._final in now:
                return True
        return self._final in self._step(now, _END)

    def _step(self, now: frozenset[int], symbol: int) -> frozenset[int]:
        moves = self._moves
        return self._closed({moves[each][1] for each in now if symbol in moves[each][0]})

    def _closed(self, states: set[int]) -> frozenset[int]:
        todo = list(states)
        while todo:
            for each in self._free[todo.pop()]:
                if each not in states:
                    states.add(each)
                    todo.append(each)
        return frozenset(states)

    # -- from text to states

    def _state(self) -> int:
        if len(self._moves) >= _MOST_STATES:
            raise BadPattern("this pattern is too large", self._at)
        self._moves.append((frozenset(), 0))
        self._free.append([])
        return len(self._moves) - 1

    def _symbols(self, symbols: frozenset[int]) -> _Part:
        first, last = self._state(), self._state()
        self._moves[first] = symbols, last
        return first, last

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _either(self) -> _Part:
        first, last = self._state(), self._state()
        while True:
            begin, end = self._sequence()
            self._free[first].append(begin)
            self._free[end].append(last)
            if self._next() != "|":
                return first, last
            self._at += 1

    def _sequence(self) -> _Part:
        first = last = self._state()
        while self._next() and self._next() not in "|)":
            begin, end = self._repeated()
            self._free[last].append(begin)
            last = end
        return first, last

    def _repeated(self) -> _Part:
        place = self._at
        part = self._one()
        least, most = self._counts()
        if (least, most) == (1, 1):
            return part
        pieces = [part]
        wanted = least + 1 if most is None else most
        behind = self._at
        while len(pieces) < wanted:  # the same text once more makes states of its own
            self._at = place
            pieces.append(self._one())
        self._at = behind
        first = last = self._state()
        for number, (begin, end) in enumerate(pieces[:wanted]):
            self._free[last].append(begin)
            if number >= least:
                self._free[last].append(end)
            if most is None and number == least:
                self._free[end].append(begin)
            last = end
        return first, last

    def _counts(self) -> tuple[int, int | None]:
        sign, place = self._next(), self._at
        if not sign or sign not in "*+?{":
            return 1, 1
        self._at += 1
        counts: tuple[int, int | None] = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign, (0, 0))
        if sign == "{":
            inside, closed, _ = self._text[self._at :].partition("}")
            low, comma, high = inside.partition(",")
            if not closed or not _small(low) or (high and not _small(high)):
                raise BadPattern(f"a count is {{m}}, {{m,}} or {{m,n}}, of numbers up to {_LARGEST_COUNT}", place)
            self._at += len(inside) + 1
            counts = int(low), int(high) if high else None if comma else int(low)
            if counts[1] is not None and counts[1] < counts[0]:
                raise BadPattern("the first count is larger than the second", place)
        if self._next() and self._next() in "*+{":
            raise BadPattern("nothing to repeat", self._at)
        self._at += self._next() == "?"  # whether there is a match does not depend on who is greedy
        return counts

    def _one(self) -> _Part:
        sign, place = self._next(), self._at
        self._at += 1
        if sign == "(":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise BadPattern("too many parentheses inside each other", place)
            if self._next() == "?":
                if self._text[self._at : self._at + 2] != "?:":
                    raise BadPattern("of groups with a question mark, only (?:…) is known", place)
                self._at += 2
            part = self._either()
            if self._next() != ")":
                raise BadPattern("this parenthesis is not closed", place)
            self._at += 1
            self._depth -= 1
            return part
        if sign in "*+?{":
            raise BadPattern("nothing to repeat", place)
        if sign == "^":
            return self._symbols(frozenset((_BEGIN,)))
        if sign == "$":
            return self._symbols(frozenset((_END,)))
        if sign == ".":
            return self._symbols(_ALL - {10})
        if sign == "[":
            return self._symbols(self._set(place))
        if sign == "\\":
            return self._symbols(_folded(self._escape()))
        first = last = self._state()
        for byte in sign.encode("utf-8", "surrogatepass"):
            begin, end = self._symbols(_folded(frozenset((byte,))))
            self._free[last].append(begin)
            last = end
        return first, last

    def _escape(self) -> frozenset[int]:
        sign, place = self._next(), self._at - 1
        self._at += 1
        if not sign:
            raise BadPattern("a backslash stands before a sign", place)
        if sign.lower() in _CLASSES:
            return _CLASSES[sign] if sign.islower() else _ALL - _CLASSES[sign.lower()]
        if sign == "x":
            digits = self._text[self._at : self._at + 2]
            if len(digits) != 2 or set(digits) - set(string.hexdigits):
                raise BadPattern("\\x stands before two hexadecimal digits", place)
            self._at += 2
            return frozenset((int(digits, 16),))
        if sign in _ESCAPES:
            return frozenset((_ESCAPES[sign],))
        if sign.isalnum() or ord(sign) > 127:
            raise BadPattern(f"\\{sign} is not known here", place)
        return frozenset((ord(sign),))

    def _set(self, place: int) -> frozenset[int]:
        found: set[int] = set()
        negative = self._next() == "^"
        self._at += negative
        begin = self._at
        while self._next() != "]" or self._at == begin:
            low = self._member(place)
            if self._next() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._member(place)
                if len(low) != 1 or len(high) != 1 or min(low) > min(high):
                    raise BadPattern("this range goes from nothing to nothing", place)
                low = frozenset(range(min(low), min(high) + 1))
            found |= low
        self._at += 1
        folded = _folded(frozenset(found))
        return _ALL - folded if negative else folded

    def _member(self, place: int) -> frozenset[int]:
        sign = self._next()
        self._at += 1
        if not sign:
            raise BadPattern("this bracket is not closed", place)
        if sign == "\\":
            return self._escape()
        if ord(sign) > 127:
            raise BadPattern("inside brackets, only ASCII is known", self._at - 1)
        return frozenset((ord(sign),))


def _small(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 3 and int(digits) <= _LARGEST_COUNT


def _folded(symbols: frozenset[int]) -> frozenset[int]:
    """With the other case of each letter."""
    return symbols | {ord(chr(each).swapcase()) for each in symbols if each < 128}
