"""An exercise on sequence numbers: the acks of one connection, computed from its first number and its bytes.

Rule: a wrong answer that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Form, numbers
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

MODULUS = 1 << 32
"""Sequence numbers are 32 bits wide and start again at 0. Source: RFC 9293 §3.4."""


class FinalAck(Seeded):
    """Which ack does the server send last?"""

    name = "tcp.final_ack"
    lesson = "01a-tcp-connection"
    title = "compute the last ack number"
    steps = ("a number from 0 to 2³² - 1, or three of them", "the ack after the SYN", "the ack after the data",
             "the ack after the FIN")
    stub = "answer = [None, None, None]  # after SYN, after data, after FIN\nexercises.tcp.final_ack.check(answer)"
    asks = "Give check() the three acks, [after the SYN, after the data, after the FIN], or the last one alone."
    praise = "Every byte takes one number, and SYN and FIN take one each, so that they can be acknowledged too."
    stretch = "suppose that the first segment is lost and repeated at the end. Which of the three acks come later?"
    hints = (
        "An ack names the next number that is expected. How many numbers has the client used up?",
        "Each byte of payload takes one number. So does the SYN, and so does the FIN; a plain ACK takes none.",
        "Modulo 2³² the three acks are: `isn + 1`, `isn + 1 + bytes`, `isn + 1 + bytes + 1`.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return numbers("ack after the SYN", "ack after the data", "ack after the FIN")

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        self.sizes = [chance.randint(1, 99), 1460, chance.randint(100, 1459)]
        # Every third problem passes 2³².
        lowest = MODULUS - sum(self.sizes) if seed % 3 == 0 else 1_000_000_000
        self.isn = chance.randint(lowest, MODULUS - 1 if seed % 3 == 0 else MODULUS - 1_000_000)

    @property
    def task(self) -> str:
        sizes = ", ".join(str(size) for size in self.sizes[:-1]) + f" and {self.sizes[-1]}"
        return (
            f"A client opens a connection; the raw sequence number of its SYN is {self.isn}.\n"
            f"It sends segments of {sizes} bytes, then a FIN. Nothing is lost.\n"
            "What are the raw acknowledgment numbers in the server's answers: to the SYN, to the last byte, to the FIN?"
        )

    def examine(self, answer: Any, run: Run) -> None:
        single = type(answer) is int
        given = [answer] if single else answer
        if type(given) not in (list, tuple) or len(given) not in (1, 3) or not all(type(part) is int for part in given):
            raise NotYet("one whole number, or a list of three", show(answer), self.asks)
        outside = [number for number in given if not 0 <= number < MODULUS]
        if outside:
            raise NotYet(
                "a number from 0 to 4294967295", show(outside[0]),
                "The field has 32 bits: after 4294967295 comes 0, so count modulo 2³²." if outside[0] > 0
                else "A sequence number is never negative.",
            )
        after_syn, after_data, after_fin = self._acks()
        if len(given) == 3:
            run.step(2)
            self._compare(given[0], after_syn, "")
            run.step(3)
            self._compare(given[1], after_data, "")
            run.step(4)
            if given[2] == given[1]:
                raise NotYet("a number more than after the data", f"{given[2]}, the same as after the data",
                             "The FIN is forgotten: it takes one sequence number, though it carries no byte.")
            self._compare(given[2], after_fin, "")
        else:
            run.step(4)
            self._compare(given[0], after_fin, "Give the three acks as a list, and the first wrong one is named.")

    def _compare(self, given: int, right: int, more: str) -> None:
        if given == right:
            return
        relative = (right - self.isn) % MODULUS
        distance = (given - right) % MODULUS
        total = sum(self.sizes)
        if relative - 2 <= given <= relative:  # with SYN and FIN counted, or one of them, or none
            seen, why = f"{given}, a relative number", f"Raw numbers start at the SYN's own, {self.isn}, not at 0."
        elif given == self.isn and relative == 1:
            seen, why = f"{given}, the SYN's own number", (
                "The SYN is forgotten: it takes one sequence number. An ack names the next number expected.")
        elif distance == MODULUS - 1 and relative == total + 2:
            seen, why = f"{given}, one too low", "SYN or FIN is forgotten: each of them takes one sequence number."
        elif distance == MODULUS - 2 and relative == total + 2:
            seen, why = f"{given}, two too low", "SYN and FIN are forgotten: each of them takes one sequence number."
        elif distance == MODULUS - 1:
            seen, why = f"{given}, one too low", (
                "An ack names the next number expected, not the last one received; and the SYN took one.")
        elif distance == 1:
            seen, why = f"{given}, one too high", "SYN, FIN and every byte take one number each; an ACK takes none."
        elif relative > 1 and (given - self.isn) % MODULUS in self._counted(relative, len(self.sizes)):
            seen, why = str(given), (
                "This counts segments. TCP numbers bytes: a segment takes as many numbers as it has bytes.")
        elif relative > 1 and (given - self.isn) % MODULUS in self._counted(relative, self.sizes[-1]):
            seen, why = str(given), (
                "This counts the last segment alone. An ack covers all bytes from the start of the connection on.")
        else:
            seen, why = str(given), (
                "Start with the SYN's number. Add 1 for the SYN, 1 for each byte of data, and 1 for the FIN if it has "
                "come.")
        parts = {1: "the SYN", total + 1: f"the SYN and {total} bytes"}.get(relative, f"the SYN, {total} bytes and the "
                                                                            "FIN")
        raise NotYet(f"the number after {parts}, counted from the SYN's own", seen, f"{why}\n{more}".strip())

    def _counted(self, relative: int, data: int) -> set[int]:
        """The ack from the SYN's number on, if the data took so many numbers; also with the SYN forgotten."""
        fin = relative == sum(self.sizes) + 2
        return {data, data + 1} if not fin else {data, data + 1, data + 2}

    def _acks(self) -> tuple[int, int, int]:
        total = sum(self.sizes)
        return (self.isn + 1) % MODULUS, (self.isn + 1 + total) % MODULUS, (self.isn + 2 + total) % MODULUS

    @property
    def worked(self) -> str:
        return (
            "SYN and FIN count one each, like a byte.\n\n"
            f"```python\nisn = {self.isn}\nsize = {' + '.join(map(str, self.sizes))}\n"
            "answer = [(isn + 1) % 2**32, (isn + 1 + size) % 2**32, (isn + 1 + size + 1) % 2**32]\n"
            "exercises.tcp.final_ack.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        return list(self._acks())
