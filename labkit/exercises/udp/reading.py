"""An exercise on what UDP leaves to the program: datagrams lost, doubled and out of order.

Rule: the datagrams are made from a seed and drawn as the ladder's text does; a known mistake is told by its name.
"""

from __future__ import annotations

import random
import re
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

COUNT = 8
"""Datagrams in a problem."""

DROPPED, DUPLICATED, REORDERED = "dropped", "duplicated", "reordered"


class WhichReached(Seeded):
    """What does the program get, if this is what the wire did?"""

    name = "udp.which_reached"
    title = "which datagrams reach the program, and in which order"
    steps = ("numbers of datagrams, in order", "the dropped ones", "the duplicated ones", "the overtaken ones",
             "the whole list")
    stub = "answer = []\nexercises.udp.which_reached.check(answer)"
    asks = "Give check() the numbers in the order in which the program gets them: [1, 2, 3]."
    praise = (
        "UDP hands over what arrives, when it arrives, as often as it arrives. A program that needs "
        "more puts numbers into its datagrams.\n"
        "exercises.udp.which_reached.another() makes a new problem of the same kind."
    )

    def _make(self, seed: int) -> None:
        """Make some of each fate. The datagram after an overtaken one passes untouched, so that there is one answer."""
        chance = random.Random(seed)
        overtaken = chance.randint(1, COUNT - 1)
        free = [number for number in range(1, COUNT + 1) if number not in (overtaken, overtaken + 1)]
        fates = [DROPPED, DUPLICATED, *chance.choices((DROPPED, DUPLICATED), k=1)]
        self.fates = dict(zip(chance.sample(free, len(fates)), fates, strict=True))
        self.fates[overtaken] = REORDERED
        self.sizes = [chance.randint(1, 500) for _ in range(COUNT)]

    @property
    def task(self) -> str:
        lines = []
        for number, size in enumerate(self.sizes, 1):
            fate = f"  {self.fates[number]} on the wire" if number in self.fates else ""
            lines.append(f"{number:>3}  client → server  UDP       {size} byte{'s' if size != 1 else ''}{fate}")
        text = "\n".join(lines)
        return (
            f"A client sends {COUNT} datagrams to a server, in the order of their numbers. This is what the wire did "
            "to them; *reordered* means that the next one overtook it, and a duplicate comes right behind the "
            f"first.\n\n```text\n{text}\n```\n\n"
            "The server's program reads until nothing more comes. Which datagrams does it get, in which order?"
        )

    def examine(self, answer: Any, run: Run) -> None:
        given = self._numbers(answer)
        right = self.reference
        run.step(2)
        for number in self._with(DROPPED):
            if number in given:
                raise NotYet(f"no {number}: it was dropped on the wire", f"{number} in your list",
                             "A dropped datagram never arrives, and UDP sends nothing again.")
        run.step(3)
        for number in self._with(DUPLICATED):
            if number in given and given.count(number) != 2:
                raise NotYet(f"{number} twice: it was duplicated on the wire", _times(number, given),
                             "Nobody removes duplicates in UDP: the program gets both.")
        run.step(4)
        for number in self._with(REORDERED):
            if number in given and number + 1 in given and given.index(number) < given.index(number + 1):
                raise NotYet(f"{number + 1} before {number}", f"{number} before {number + 1}",
                             "This is the order of sending. The program gets datagrams in the order in which they "
                             "arrive: UDP has no numbers to sort them by.")
        run.step(5)
        if given == right:
            return
        missing = sorted(set(right) - set(given))
        more = [number for number in right if given.count(number) > right.count(number)]
        if missing:
            expected, seen = f"{missing[0]} in your list", f"no {missing[0]}"
            why = "This one arrives: a datagram is not lost because it is late or small."
        elif more:
            expected, seen = f"{more[0]} once", _times(more[0], given)
            why = "The wire duplicated others, not this one, and UDP itself sends nothing twice."
        else:
            at = next(place for place in range(len(right)) if given[place] != right[place])
            expected = f"another datagram than {given[at]} in place {at + 1}"
            seen = f"{given[at]} in place {at + 1}"
            why = "All the right datagrams, in another order. An overtaken one comes right after the one that " \
                  "overtook it, a duplicate right after its twin; the rest keep their order."
        raise NotYet(expected, seen, why)

    def _numbers(self, answer: Any) -> list[int]:
        if type(answer) is str and re.fullmatch(r"[\d\s,]+", answer):
            answer = [int(part[:9]) for part in re.findall(r"\d+", answer)]
        if type(answer) not in (list, tuple) or not all(type(part) is int for part in answer):
            raise NotYet("a list of whole numbers", show(answer), self.asks)
        unknown = [number for number in answer if not 1 <= number <= COUNT]
        if unknown:
            raise NotYet(f"numbers from 1 to {COUNT}", show(unknown[0]), "No datagram has this number.")
        return list(answer)

    def _with(self, fate: str) -> list[int]:
        return sorted(number for number, mine in self.fates.items() if mine == fate)

    @property
    def hints(self) -> tuple[str, ...]:
        return (
            "Go down the list as the wire did: what does it hand on, and when?",
            "Is there anybody in UDP who sends a lost datagram again, throws away a second copy, or sorts?",
            f"Leave out {_all(self._with(DROPPED))}, write {_all(self._with(DUPLICATED))} twice, and swap "
            f"{self._with(REORDERED)[0]} with the one after it.",
        )

    @property
    def worked(self) -> str:
        return (
            "Dropped ones are missing, duplicated ones come twice, an overtaken one comes after the next.\n\n"
            f"```python\nanswer = {self.reference}\nexercises.udp.which_reached.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
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


def _times(number: int, given: list[int]) -> str:
    count = given.count(number)
    return f"{number} {'once' if count == 1 else f'{count} times'}"


def _all(numbers: list[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
