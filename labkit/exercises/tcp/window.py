"""An exercise on the window: how fast a transfer can be at most, and how large the window must be for more.

Rule: answers are numbers with a unit; a wrong one that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Field, Form
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.units import Quantity, quantity


class Throughput(Seeded):
    """How fast can a transfer be, if the window is this large and the other side this far away?"""

    name = "tcp.throughput"
    lesson = "01d-tcp-loss"
    title = "how fast a window lets you send"
    steps = ("two answers with units", "the rate", "the window")
    stub = (
        'answer = [None, None]  # the rate, such as "2.5 Mbit/s", and the window, such as "90 kB"\n'
        "exercises.tcp.throughput.check(answer)"
    )  # fmt: skip
    asks = 'Give check() two texts, a rate and an amount with their units: ["2.5 Mbit/s", "90 kB"].'
    praise = (
        "At most one window can be sent in each round trip: rate = window / round trip.\n"
        "A faster line does not help a small window. That is why TCP got the option of window scale."
    )
    hints = (
        "The sender may have one window of bytes under way. When does it learn that it may send more?",
        "One window a round trip: divide the window by the round trip in seconds. That is bytes per second.",
        "A byte has 8 bits. For the second answer turn it round: window = rate × round trip, in bytes.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("list", (Field("rate, with its unit", "text"), Field("window, with its unit", "text")))

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        self.window = chance.choice((16_384, 32_768, 65_535))
        self.round_trip = chance.choice((20, 40, 50, 80, 100, 150, 200))  # milliseconds
        self.wanted = chance.choice((50, 100, 200, 400))  # Mbit/s

    @property
    def task(self) -> str:
        return (
            f"A receiver's window is {self.window} bytes. A round trip takes {self.round_trip} ms. Nothing is lost, "
            "and "
            "the line is faster than you can use.\n\n"
            "1. How fast can the transfer be at most? Give a rate with its unit (Mbit/s, kB/s, …).\n"
            f"2. How large must the window be for {self.wanted} Mbit/s? Give an amount with its unit (bytes, kB, "
            "…).\n\n"
            "Write each answer as text; one in a hundred more or less is right too."
        )

    def examine(self, answer: Any, run: Run) -> None:
        if type(answer) not in (list, tuple) or len(answer) != 2:
            raise NotYet("two answers", show(answer), self.asks)
        rate = quantity(answer[0], "rate", "2.5 Mbit/s")
        amount = quantity(answer[1], "amount", "90 kB")
        run.step(2)
        if not rate.near(self._rate()):
            raise NotYet("one window in each round trip", rate.text, self._about_rate(rate))
        run.step(3)
        if not amount.near(self._amount()):
            raise NotYet(f"what {self.wanted} Mbit/s send in one round trip", amount.text, self._about_amount(amount))

    def _about_rate(self, rate: Quantity) -> str:
        right = self._rate()
        if rate.near(right / 8):
            return "Bits and bytes are mixed up: the number of bytes in a second is 8 times as large in bits."
        if rate.near(right * 8):
            return "Bits and bytes are mixed up: this is 8 times too much."
        if rate.near(right / 1000) or rate.near(right / 1e6) or rate.near(right * 1000):
            return f"{self.round_trip} ms are {self.round_trip / 1000:g} s: look at the thousands."
        if rate.near(2 * right):
            return "The way of the acknowledgment back counts too: a whole round trip, not half of it."
        if rate.near(right / 2):
            return "One round trip is enough: the window is sent, and its acknowledgment comes back."
        return "Divide the window by the time of a round trip."

    def _about_amount(self, amount: Quantity) -> str:
        right = self._amount()
        if amount.near(right * 8):
            return "This is the number of bits. A window counts bytes."
        if amount.near(right / 8):
            return "Divided by 8 twice: Mbit/s are bits, and a byte has 8 of them."
        if amount.near(self.wanted * 1e6 / 8):
            return "This is sent in a whole second. Only one round trip counts."
        if amount.near(right / 1000) or amount.near(right * 1000):
            return f"{self.round_trip} ms are {self.round_trip / 1000:g} s: look at the thousands."
        if amount.near(right / 2):
            return "The way of the acknowledgment back counts too: a whole round trip, not half of it."
        return f"Multiply {self.wanted} Mbit/s by the time of a round trip, and turn bits into bytes."

    def _rate(self) -> float:
        return self.window * 8 * 1000 / self.round_trip

    def _amount(self) -> float:
        return self.wanted * 1e6 * self.round_trip / 1000 / 8

    @property
    def worked(self) -> str:
        seconds = self.round_trip / 1000
        return (
            f"One window a round trip: {self.window} bytes × 8 / {seconds:g} s. And turned round: {self.wanted} "
            "Mbit/s × "
            f"{seconds:g} s / 8.\n\n"
            f"```python\nrate = {self.window} * 8 / {seconds:g} / 1e6  # Mbit/s\n"
            f"window = {self.wanted}e6 * {seconds:g} / 8  # bytes\n"
            'answer = [f"{rate:.2f} Mbit/s", f"{window:.0f} bytes"]\nexercises.tcp.throughput.check(answer)\n```'
        )

    @property
    def reference(self) -> Any:
        return [f"{self._rate() / 1e6:.2f} Mbit/s", f"{self._amount():.0f} bytes"]
