"""Exercises on lost packets: how long a SYN waits, and which bytes are missing by what the other side says.

Rule: a wrong answer that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from labkit.core.checks import is_number
from labkit.exercises.engine import Exercise, Seeded
from labkit.exercises.form import Form, numbers
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run, check_callable

LESSON = "01d-tcp-loss"

RETRIES = 6
"""How often Linux repeats a SYN (net.ipv4.tcp_syn_retries)."""


class SynWait(Exercise):
    """When does the SYN leave that arrives, if the first ones are lost?"""

    name = "tcp.syn_wait"
    lesson = LESSON
    title = "how long a connection takes when SYNs are lost"
    steps = ("a function of one number", "no SYN is lost", "one is lost", "more are lost")
    stub = (
        "def seconds_until_sent(lost):\n    ...\n\n"
        "exercises.tcp.syn_wait.check(seconds_until_sent)"
    )  # fmt: skip
    asks = "Give check() the function itself: check(seconds_until_sent)."
    praise = (
        "1 + 2 + 4 + … + 2ⁿ⁻¹ is 2ⁿ − 1. With six repetitions that is 127 seconds: about then Linux gives up.\n"
        "Doubling soon gives a busy network rest, and a first wait of 1 s is longer than nearly every round trip."
    )
    task = (
        "A kernel sends a SYN and waits 1 second for the answer before it sends the same SYN again. After each "
        "repetition it waits twice as long as before.\n\n"
        "Write the function `seconds_until_sent(lost)`: the first `lost` SYNs are lost, and the next one arrives. "
        "How many seconds after the first SYN is that one sent?\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "How many waits are there if 3 SYNs are lost? How long is each of them?",
        "With 3 lost the waits are 1, 2 and 4 seconds.",
        "`sum(1 << number for number in range(lost))` adds them up; there is a shorter way.",
    )
    worked = (
        "The waits are 1, 2, 4, …, one for each SYN that was lost.\n\n"
        "```python\ndef seconds_until_sent(lost):\n    return 2**lost - 1\n\n"
        "exercises.tcp.syn_wait.check(seconds_until_sent)\n```"
    )
    reference = staticmethod(lambda lost: 2**lost - 1)

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the function seconds_until_sent", self.asks)
        given = []
        for lost in range(RETRIES + 1):
            run.step(2 if lost == 0 else 3 if lost == 1 else 4)
            given.append(self._called(run, answer, lost))
        # All values are looked at together: the value for 0 alone would hide which mistake it is.
        for lost, seconds in enumerate(given):
            if seconds != 2**lost - 1:
                run.step(2 if lost == 0 else 3 if lost == 1 else 4)
                raise NotYet(f"{2**lost - 1} s from seconds_until_sent({lost})", f"{seconds:g} s", _mistake(given))

    def _called(self, run: Run, answer: Any, lost: int) -> float:
        call = f"seconds_until_sent({lost})"
        given = run.call(call, answer, lost, first=True)
        if not is_number(given):
            raise NotYet(f"a number of seconds from {call}", show(given), "Return a number.")
        return given


_LOST = range(1, RETRIES + 1)

# What each known mistake returns for 1, 2, … lost SYNs, and how to say so. The first one that fits is meant.
_MISTAKES: tuple[tuple[list[float], str], ...] = (
    (list(_LOST),
     "This waits 1 second each time. The wait doubles: 1, 2, 4, … seconds."),
    ([lost + 1 for lost in _LOST],
     "This waits 1 second each time, and counts one wait more than SYNs were lost. The wait doubles: 1, 2, 4, … "
     "seconds."),
    ([2 ** (lost - 1) for lost in _LOST], "This is the last wait alone. The waits before it count too."),
    ([2 * lost - 1 for lost in _LOST], "This adds 2 seconds each time. The wait doubles: 1, 2, 4, … seconds."),
    ([2**lost for lost in _LOST],
     "One second too many: the waits are 1, 2, 4, …, and the first of them is 1, not 2."),
    ([2 ** (lost + 1) - 1 for lost in _LOST],
     "This counts one wait more than SYNs were lost: after the one that arrives, nobody waits any more."),
    ([2 ** (lost + 1) - 2 for lost in _LOST], "The waits begin with 1 second, not with 2: 1, 2, 4, …"),
)


def _mistake(given: list[float]) -> str:
    """What most likely went wrong. given: what the function returned for 0, 1, 2, … lost SYNs."""
    for values, words in _MISTAKES:
        if given[1:] == values or given[3:] == values[2:]:
            return words
    if given[0] != 0 and all(given[lost] == 2**lost - 1 for lost in _LOST):
        return "The first SYN is sent at once: its time is 0."
    return "Add up the waits: 1 second after the first SYN, 2 after the second, 4 after the third."


COUNT = 7
"""Segments of a problem."""


class MissingBytes(Seeded):
    """Which bytes have not arrived, if two segments are lost?"""

    name = "tcp.missing_bytes"
    lesson = LESSON
    title = "find the bytes of two lost segments"
    steps = ("four whole numbers", "the first gap", "the second gap")
    stub = (
        "answer = (None, None, None, None)  # first byte of gap 1, byte after it; the same of gap 2\n"
        "exercises.tcp.missing_bytes.check(answer)"
    )  # fmt: skip
    asks = "Give check() four numbers: (first byte of gap 1, byte after gap 1, first byte of gap 2, byte after gap 2)."
    praise = (
        "The server's ack stays at the first byte of the first gap, however many segments arrive behind it.\n"
        "Its SACK blocks name the bytes between and behind the gaps, so the client repeats two segments and no more."
    )
    hints = (
        "The SYN took number 0, so the first byte has number 1. Which numbers do the bytes of segment 1 have?",
        "Write the number of the first byte beside each segment: it is 1 and the sizes of all segments before it.",
        "A gap begins with the first byte of the lost segment. The byte after the gap is the first byte of the next "
        "segment.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return numbers("first byte of gap 1", "byte after gap 1", "first byte of gap 2", "byte after gap 2")

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        self.sizes = [chance.randint(200, 1460) for _ in range(COUNT)]
        first = chance.randint(2, 3)
        self.lost = (first, chance.randint(first + 2, COUNT - 1))  # numbers of segments, from 1; never neighbours
        self.edges = [1]
        for size in self.sizes:
            self.edges.append(self.edges[-1] + size)

    @property
    def task(self) -> str:
        lines = "\n".join(
            f"segment {number}  {size:>5} bytes  {'lost' if number in self.lost else 'arrives'}"
            for number, size in enumerate(self.sizes, 1)
        )
        return (
            f"A client has sent its first {COUNT} segments, right after the handshake. Two of them are lost:\n\n"
            f"```text\n{lines}\n```\n\n"
            "Which bytes does the server miss? Use relative numbers, and give for each of the two gaps the number of "
            "its first byte, and the number of the byte after it."
        )

    def examine(self, answer: Any, run: Run) -> None:
        given = self._numbers(answer)
        if given == [*self.reference[2:], *self.reference[:2]]:
            raise NotYet("the gap with the lower numbers first", show(answer), "The two gaps are right, but swapped.")
        for gap in range(2):
            run.step(gap + 2)
            first, after = given[2 * gap : 2 * gap + 2]
            start, end = self.reference[2 * gap : 2 * gap + 2]
            if first != start:
                raise NotYet(f"the first missing byte of gap {gap + 1}", show(first), self._about_first(gap, first))
            if after != end:
                raise NotYet(f"the byte after gap {gap + 1}", show(after), self._about_after(gap, first, after))

    def _numbers(self, answer: Any) -> list[int]:
        given = answer
        if type(given) in (tuple, list) and len(given) == 2 and all(type(part) in (tuple, list) for part in given):
            given = [*given[0], *given[1]]
        if type(given) not in (tuple, list) or len(given) != 4 or not all(type(part) is int for part in given):
            raise NotYet("four whole numbers", show(answer), self.asks)
        return list(given)

    def _about_first(self, gap: int, first: int) -> str:
        number = self.lost[gap]
        start, end = self.edges[number - 1 : number + 1]
        if first == number:
            return "This is the number of the segment. TCP numbers bytes: add up the sizes of the segments before it."
        if first == start - 1:
            return ("One too low. The SYN took number 0, so the first byte has number 1. Or did you give the last byte "
                    "that arrived before the gap?")
        if first == end:
            return "This is where the gap ends. It begins with the first byte of the lost segment."
        if first == self.edges[number - 2]:
            return "This is the first byte of the segment before the lost one, and that segment has arrived."
        if gap == 1 and first == start - self.sizes[self.lost[0] - 1]:
            return "The bytes of the first lost segment have numbers too, though they have not arrived."
        if first == start + 1:
            return "One too high: the first byte has number 1, and only the SYN comes before it."
        return "Start with 1 and add the sizes of all segments before the lost one, the first lost one included."

    def _about_after(self, gap: int, first: int, after: int) -> str:
        number = self.lost[gap]
        size = self.sizes[number - 1]
        if after == first + size - 1:
            return "This is the last missing byte; the number after it is asked, as SACK counts."
        if after == size:
            return "This is how many bytes are missing. The number of the byte after them is asked."
        if after == self.edges[-1]:
            return "This is the end of all bytes. Segments behind the gap have arrived: the gap ends where they begin."
        if after == first + size + 1:
            return "One too high: the gap has as many numbers as the segment has bytes."
        return "Add the size of the lost segment to the number of its first byte."

    @property
    def worked(self) -> str:
        begins = "\n".join(f"segment {number}  bytes {start} to {end - 1}" for number, (start, end) in enumerate(
            pairwise(self.edges), 1) if number <= self.lost[1] + 1)
        return (
            "Each segment begins with 1 and the sizes of all segments before it:\n\n"
            f"```text\n{begins}\n```\n\n"
            f"```python\nanswer = {tuple(self.reference)}\nexercises.tcp.missing_bytes.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        return [edge for number in self.lost for edge in self.edges[number - 1 : number + 1]]
