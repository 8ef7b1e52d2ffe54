"""Exercises on lost packets: how long a SYN waits, and which bytes are missing by what the other side says.

Rule: a wrong answer that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Exercise, Seeded
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run, check_callable

RETRIES = 6
"""How often Linux repeats a SYN (net.ipv4.tcp_syn_retries)."""


class SynWait(Exercise):
    """When does the SYN leave that arrives, if the first ones are lost?"""

    name = "tcp.syn_wait"
    title = "how long a connection takes when SYNs are lost"
    steps = ("a function of one number", "no SYN is lost", "one is lost", "more are lost")
    stub = (
        "def seconds_until_sent(lost):\n    ...\n\n"
        "exercises.tcp.syn_wait.check(seconds_until_sent)"
    )  # fmt: skip
    asks = "Give check() the function itself: check(seconds_until_sent)."
    praise = (
        "1 + 2 + 4 + … + 2ⁿ⁻¹ is 2ⁿ − 1. With six repetitions Linux gives up after 127 seconds.\n"
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
        for lost in range(RETRIES + 1):
            run.step(2 if lost == 0 else 3 if lost == 1 else 4)
            self._compare(run, answer, lost)

    def _compare(self, run: Run, answer: Any, lost: int) -> None:
        call = f"seconds_until_sent({lost})"
        given = run.call(call, answer, lost, first=True)
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise NotYet(f"a number of seconds from {call}", show(given), "Return a number.")
        right = 2**lost - 1
        if given == right:
            return
        if lost == 0:
            why = "The first SYN is sent at once: its time is 0."
        elif given == lost:
            why = "This waits 1 second each time. The wait doubles: 1, 2, 4, … seconds."
        elif given == 2 ** (lost - 1):
            why = "This is the last wait alone. The waits before it count too."
        elif given == right + 1:
            why = "One second too many: the waits are 1, 2, 4, …, and the first of them is 1, not 2."
        elif given == 2 ** (lost + 1) - 1:
            why = "This counts one wait more than SYNs were lost: after the one that arrives, nobody waits any more."
        else:
            why = "Add up the waits: 1 second after the first SYN, 2 after the second, 4 after the third."
        raise NotYet(f"{right} s from {call}", f"{given:g} s", why)


class MissingBytes(Seeded):
    """Which bytes have not arrived, by the receiver's acknowledgments alone?"""

    name = "tcp.missing_bytes"
    title = "find the lost segment by its acknowledgments"
    steps = ("two numbers", "the first missing byte", "the byte after the last missing one")
    stub = (
        "answer = (None, None)  # first missing byte, the one after the last\n"
        "exercises.tcp.missing_bytes.check(answer)"
    )  # fmt: skip
    asks = "Give check() two numbers: (first missing byte, the one after the last missing byte)."
    praise = (
        "The ack number is where the gap begins, and the lowest SACK block is where it ends.\n"
        "exercises.tcp.missing_bytes.another() makes a new problem of the same kind."
    )
    hints = (
        "Which acknowledgment number comes more than once? What does it ask for?",
        "The bytes in the SACK block have arrived. What lies between them and the acknowledgment number?",
        "The first number is the one after `ack=`, the second is the one between `sack=` and the dash.",
    )

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        before = chance.randint(1, 3)
        sizes = [chance.randint(200, 1460) for _ in range(before + 5)]
        edges = [1]
        for size in sizes:
            edges.append(edges[-1] + size)
        self.first, self.after = edges[before], edges[before + 1]
        self.acks = [f"ack={edge}" for edge in edges[1 : before + 1]]
        self.acks += [f"ack={self.first} sack={self.after}-{edge}" for edge in edges[before + 2 :]]
        self.end = edges[-1]

    @property
    def task(self) -> str:
        lines = "\n".join(f"client ← server  ACK  seq=1 {numbers}" for numbers in self.acks)
        return (
            "A client has sent a row of segments, and one of them is lost. These are the server's answers, with "
            f"relative numbers:\n\n```text\n{lines}\n```\n\n"
            "Which bytes are missing? Give the number of the first, and the number after the last."
        )

    def examine(self, answer: Any, run: Run) -> None:
        if type(answer) not in (tuple, list) or len(answer) != 2 or not all(type(part) is int for part in answer):
            raise NotYet("two whole numbers", show(answer), self.asks)
        first, after = answer
        run.step(2)
        if first != self.first:
            if first == self.first - 1:
                why = "An acknowledgment number names the next byte expected, not the last one received."
            elif first == self.after:
                why = "A SACK block begins with a byte that has arrived. The gap lies before it."
            else:
                why = "The server repeats one number again and again: the byte it waits for."
            raise NotYet("the byte that the server waits for", show(first), why)
        run.step(3)
        if after != self.after:
            if after == self.after - 1:
                why = "This is the last missing byte; asked is the number after it, as SACK counts."
            elif after == self.end:
                why = "This is the end of the bytes that have arrived. The gap ends at the start of the SACK block."
            elif after == self.after - self.first:
                why = "This is how many bytes are missing; asked is the number after the last of them."
            else:
                why = "`sack=a-b` says that the bytes from a up to, but not with, b have arrived."
            raise NotYet("the first byte behind the gap that has arrived", show(after), why)

    @property
    def worked(self) -> str:
        return (
            f"The server goes on asking for byte {self.first}; everything from {self.after} on has arrived.\n\n"
            f"```python\nanswer = ({self.first}, {self.after})\nexercises.tcp.missing_bytes.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        return (self.first, self.after)
