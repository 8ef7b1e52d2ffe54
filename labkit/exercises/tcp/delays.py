"""An exercise on Nagle's algorithm and the delayed ACK: when is a request there, for three ways to send it?

Rule: a wrong answer that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Form, numbers
from labkit.exercises.running import NotYet, Run, check_parts

DELAY = 40
"""Milliseconds for which Linux may hold back an ACK."""


class Nagle(Seeded):
    """How long does a request take that is written in two parts?"""

    name = "tcp.nagle"
    lesson = "01c-tcp-stream"
    title = "when has the whole request arrived?"
    steps = ("three numbers", "with Nagle's algorithm", "without Nagle's algorithm", "in one write")
    stub = (
        "answer = [None, None, None]  # milliseconds: with Nagle, without, in one write\n"
        "exercises.tcp.nagle.check(answer)"
    )  # fmt: skip
    asks = "Give check() three numbers of milliseconds: [with Nagle, without, in one write]."
    praise = (
        "Two rules that each save packets cost 40 ms and a round trip together, in every request.\n"
        "One write for one message needs neither to be switched off, and sends one packet instead of two."
    )
    hints = (
        "Write down who waits for whom. The first part leaves at once. What does the second part wait for?",
        "The ACK of the first part leaves the server 40 ms after that part has arrived, since the server has nothing "
        "to "
        "send that could carry it.",
        "With Nagle's algorithm there are four times to add: the way of the first part, the delay, the way of the ACK, "
        "the way of the second part. Without it, nobody waits.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return numbers("ms with Nagle's algorithm", "ms without it", "ms in one write")

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        self.way = chance.choice((3, 4, 6, 7, 8, 9, 11, 12))
        self.head, self.body = chance.randint(40, 120), chance.randint(130, 600)

    @property
    def task(self) -> str:
        return (
            f"A client writes a request in two parts, one right after the other: a head of {self.head} bytes and a "
            "body "
            f"of {self.body} bytes. Everything sent before has been acknowledged. A packet needs {self.way} ms from "
            "one "
            "side to the other.\n\n"
            f"The server answers only if it has the whole request. Its kernel delays an ACK by {DELAY} ms if no data "
            "goes back that could carry the ACK.\n\n"
            "How many milliseconds after the first write has the whole request arrived\n\n"
            "1. with Nagle's algorithm,\n2. without Nagle's algorithm (`no_delay=True`),\n"
            "3. with Nagle's algorithm, if head and body are one write?"
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_parts(answer, 3, (int, float), "three numbers of milliseconds", self.asks)
        way = self.way
        slow = {
            way: "So nothing would wait. With Nagle's algorithm the small second part waits for an ACK.",
            DELAY: f"The {DELAY} ms are only the delay of the ACK. The packets need time on their way too.",
            way + DELAY: "At this time the server sends the ACK. The ACK and then the second part are still to travel.",
            2 * way + DELAY: "At this time the ACK reaches the client. The second part leaves only now.",
            3 * way: f"The ACK does not leave at once: no data goes back, so the kernel delays it by {DELAY} ms.",
            2 * way: "The second part waits for the ACK of the first. Count also the delay of that ACK.",
            4 * way + DELAY: "One way too many: when the second part arrives, the request is complete.",
        }
        fast = {
            2 * way: "Both parts are under way at the same time. Nobody waits for an ACK.",
            way + DELAY: "The delay is about the ACK. Without Nagle's algorithm nothing waits for an ACK.",
            3 * way + DELAY: "Without Nagle's algorithm the second part does not wait for an ACK.",
            3 * way: "Without Nagle's algorithm the second part does not wait for an ACK, whether it is delayed or "
                     "not.",
            0: "A packet needs time from one side to the other.",
        }
        one = {
            3 * way + DELAY: "There is only one segment, and nothing before it is waiting for an ACK: it leaves at "
                             "once.",
            way + DELAY: "Nagle's algorithm looks at what is not acknowledged. That is nothing here: the segment "
                         "leaves "
                         "at once.",
            2 * way: "Head and body are in one segment, which travels once.",
            0: "A packet needs time from one side to the other.",
        }
        rules = (
            "Follow the second part: it waits for the ACK of the first, and that ACK is delayed.",
            "Each write leaves at once. When has the second part arrived?",
            "One write of this size is one segment. What does the segment have to wait for?",
        )
        for number, (given, right, mistakes) in enumerate(zip(answer, self.reference, (slow, fast, one), strict=True)):
            run.step(number + 2)
            if given != right:
                raise NotYet(f"another time {self.steps[number + 1]}", f"{given:g} ms",
                             mistakes.get(given, rules[number]))

    @property
    def worked(self) -> str:
        way = self.way
        return (
            f"With Nagle's algorithm: {way} ms until the head is there, {DELAY} ms until its ACK leaves, {way} ms for "
            f"the ACK, {way} ms for the body. In the other two cases nobody waits.\n\n"
            f"```python\nanswer = [{way} + {DELAY} + {way} + {way}, {way}, {way}]\n"
            "exercises.tcp.nagle.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        return [3 * self.way + DELAY, self.way, self.way]
