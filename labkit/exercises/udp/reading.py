"""An exercise on what UDP leaves to the program: from what arrived, tell what the wire did.

Rule: the datagrams are made from a seed; a known mistake is told by its name.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Field, Form
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

COUNT = 8
"""Datagrams in a problem."""

DROPPED, DUPLICATED, REORDERED = "dropped", "duplicated", "reordered"
FATES = (DROPPED, DUPLICATED, REORDERED)


class WhatHappened(Seeded):
    """What did the wire do, if this is what arrived?"""

    name = "udp.what_happened"
    lesson = "02b-udp-network"
    title = "from what arrived, tell what the wire did"
    steps = ("numbers for dropped, duplicated and reordered", "the dropped ones", "the duplicated ones",
             "the overtaken ones")
    stub = (
        'answer = {"dropped": [], "duplicated": [], "reordered": []}\n'
        "exercises.udp.what_happened.check(answer)"
    )  # fmt: skip
    asks = 'Give check() a dictionary: {"dropped": [1], "duplicated": [2, 3], "reordered": [4]}.'
    praise = (
        "You could tell since the datagrams have numbers. UDP itself has none, so the program must put them in.\n"
        "With numbers a receiver sees losses, copies and order. To repair a loss, it must also answer."
    )
    hints = (
        "Write down 1 to 8, and mark each number that arrived. Which one is missing? Which one is there twice?",
        "Numbers should grow. Look for the place where a smaller number comes after a larger one.",
        "A datagram that is overtaken arrives after one that was sent later. The datagram that overtook it was not "
        "delayed.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("dict", tuple(Field(fate, "numbers") for fate in FATES))

    def _make(self, seed: int) -> None:
        """Make some of each fate. The datagram after an overtaken one passes untouched, so that there is one answer."""
        chance = random.Random(seed)
        overtaken = chance.randint(1, COUNT - 1)
        free = [number for number in range(1, COUNT + 1) if number not in (overtaken, overtaken + 1)]
        fates = [DROPPED, DUPLICATED, *chance.choices((DROPPED, DUPLICATED), k=1)]
        self.fates = dict(zip(chance.sample(free, len(fates)), fates, strict=True))
        self.fates[overtaken] = REORDERED

    @property
    def arrived(self) -> list[int]:
        """The numbers in the order in which they arrive."""
        arrived: list[int] = []
        held: list[int] = []
        for number in range(1, COUNT + 1):
            fate = self.fates.get(number)
            if fate == REORDERED:
                held = [number]
                continue
            arrived += {DROPPED: [], DUPLICATED: [number, number]}.get(fate or "", [number])
            arrived += held
            held = []
        return arrived

    @property
    def task(self) -> str:
        arrived = "  ".join(map(str, self.arrived))
        return (
            f"A client sends {COUNT} datagrams; the program writes a number into each, from 1 to {COUNT}, in the "
            "order of "
            "sending. These numbers arrive at the server:\n\n"
            f"```text\n{arrived}\n```\n\n"
            "Which datagrams did the wire drop, which did it duplicate, and which were overtaken (reordered)? It did "
            "one "
            "thing at most to each of them."
        )

    def examine(self, answer: Any, run: Run) -> None:
        given = self._given(answer)
        explained = (self._about_dropped, self._about_duplicated, self._about_reordered)
        for step, (fate, explain) in enumerate(zip(FATES, explained, strict=True), 2):
            run.step(step)
            right = set(self.reference[fate])
            wrong = sorted(given[fate] ^ right)
            if wrong:
                number = wrong[0]
                more = number in given[fate]
                raise NotYet(f"{'no ' if more else ''}{number} in {fate}", f"{fate}: {sorted(given[fate])}",
                             explain(number, more))

    def _given(self, answer: Any) -> dict[str, set[int]]:
        if type(answer) is not dict or not set(answer) <= set(FATES):
            raise NotYet("a dictionary with dropped, duplicated and reordered", show(answer), self.asks)
        given = {}
        for fate in FATES:
            part = answer.get(fate)
            numbers = [part] if type(part) is int else [] if part in (None, ...) else part
            if type(numbers) not in (list, tuple, set) or not all(type(number) is int for number in numbers):
                raise NotYet(f"a list of whole numbers for {fate}", show(part), self.asks)
            outside = [number for number in numbers if not 1 <= number <= COUNT]
            if outside:
                raise NotYet(f"numbers from 1 to {COUNT}", show(outside[0]), "No datagram has this number.")
            given[fate] = set(numbers)
        return given

    def _about_dropped(self, number: int, more: bool) -> str:
        if not more:
            return f"{number} was sent and is nowhere in the list."
        if self.fates.get(number) == REORDERED:
            return f"{number} is late, but it arrives: look further down the list."
        return f"{number} is in the list, so it arrived."

    def _about_duplicated(self, number: int, more: bool) -> str:
        if not more:
            return f"{number} arrives twice. UDP sends nothing again, so the wire made the copy."
        return f"{number} arrives once." if number in self.arrived else f"{number} does not arrive at all."

    def _about_reordered(self, number: int, more: bool) -> str:
        if not more:
            return f"{number} arrives after {number + 1}, which was sent later."
        if self.fates.get(number - 1) == REORDERED:
            return f"{number} is early, since it overtook {number - 1}. The one that was overtaken is asked."
        if self.fates.get(number) == DUPLICATED:
            return f"The copy of {number} comes right behind it. Nothing that was sent later came before."
        return f"Nothing that was sent after {number} arrives before it. A gap before it is a loss."

    @property
    def worked(self) -> str:
        return (
            "A number that is missing was dropped, one that comes twice was duplicated, and one that comes after a "
            "larger "
            "number was overtaken.\n\n"
            f"```python\nanswer = {self.reference}\nexercises.udp.what_happened.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        return {fate: sorted(number for number, mine in self.fates.items() if mine == fate) for fate in FATES}
