"""An exercise on the Internet checksum: three words are added, folded and turned over, one step at a time.

Rule: a wrong answer that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Form, numbers
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run, check_parts


class Checksum(Seeded):
    """Compute a checksum of three words, step by step."""

    name = "tcp.checksum"
    lesson = "01a-tcp-connection"
    title = "compute a checksum in three steps"
    steps = ("three whole numbers", "the sum", "the sum folded to 16 bits", "the complement")
    stub = "answer = [None, None, None]  # sum, folded sum, checksum\nexercises.tcp.checksum.check(answer)"
    asks = "Give check() three numbers: [sum, folded sum, checksum]. Python reads 0x1a2b as a number."
    praise = (
        "A receiver adds the same words and the checksum. If nothing was damaged, the folded sum is 0xffff.\n"
        "That is why the bits are turned over: a receiver needs no special case for the checksum field."
    )
    hints = (
        "`hex(0x1234 + 0x5678)` shows a sum in hexadecimal digits. Four digits are 16 bits.",
        "The fifth digit of the sum is the carry. Take it away in front, and add it to the four digits that are left: "
        "`(total & 0xffff) + (total >> 16)`.",
        "To turn all 16 bits over, take the number from 0xffff: `0xffff - folded`, or `folded ^ 0xffff`.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return numbers("sum", "folded sum", "checksum")

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        first, second = chance.randint(0x9000, 0xEFFF), chance.randint(0x9000, 0xEFFF)
        # The sum is above 0x1ffff; of every third problem it is 0x1ffff, and so the carry overflows once more.
        third = 0x1FFFF - first - second if seed % 3 == 0 else chance.randint(0x9000, 0xEFFF)
        self.words = (first, second, third)

    @property
    def task(self) -> str:
        words = "  ".join(f"0x{word:04x}" for word in self.words)
        return (
            "A checksum is computed from words of 16 bits, in three steps. Do them for these three words:\n\n"
            f"```text\n{words}\n```\n\n"
            "1. Add the words. The sum may need more than 16 bits.\n"
            "2. Fold: what is above 16 bits (the carry) is added again at the bottom, until nothing is above. So no "
            "bit is lost.\n"
            "3. Turn all 16 bits over (the complement). Then the receiver can add everything, the checksum too, and "
            "always gets 0xffff.\n\n"
            "Give the three numbers that you get."
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_parts(answer, 3, (int,), "three whole numbers", self.asks)
        total, folded, complement = self.reference
        for step, (given, right, mistakes, rule) in enumerate((
            (answer[0], total, self._sums(), "Add the three numbers; nothing is cut off or turned over yet."),
            (answer[1], folded, self._folds(),
             "Take away what is above 16 bits, and add it to the rest; repeat that while something is above."),
            (answer[2], complement, self._complements(), "A bit that is 0 becomes 1, and a bit that is 1 becomes 0."),
        ), 2):
            run.step(step)
            if given != right:
                raise NotYet(f"another number as {self.steps[step - 1]}", _hex(given), mistakes.get(given, rule))

    def _sums(self) -> dict[int, str]:
        total = sum(self.words)
        found = {total & 0xFFFF: "What is above 16 bits is cut off. Keep the whole sum here: step 2 needs the carry."}
        for word in self.words:
            found[total - word] = f"The word 0x{word:04x} is missing in this sum."
        found[int("".join(f"{word:04x}" for word in self.words), 16)] = "The words are put in a row, not added."
        return found

    def _folds(self) -> dict[int, str]:
        total = sum(self.words)
        once = (total & 0xFFFF) + (total >> 16)
        found = {
            total & 0xFFFF: "The carry is thrown away. It is added again at the bottom.",
            total: "This is the sum of step 1. Something is still above 16 bits.",
            once + 1: "The carry is added twice.",
        }
        if once > 0xFFFF:
            found[once] = "Adding the carry gave a new carry: fold once more."
            found[once & 0xFFFF] = "Adding the carry gave a new carry, and this one was thrown away: fold once more."
        found.pop(self.reference[1], None)
        return found

    def _complements(self) -> dict[int, str]:
        total, folded, _ = self.reference
        negative = "It is the negative number in 16 bits; only the bits are turned over here, and nothing is added."
        found = {
            folded: "This is the folded sum. Its bits are not turned over yet.",
            ~folded: "In Python ~ turns over more than 16 bits, so the number is negative: keep 16 bits, & 0xffff.",
            0x10000 - folded: f"This is one too high. {negative}",
        }
        cut = (total & 0xFFFF) ^ 0xFFFF
        if cut in found:  # the carry was 1: two mistakes give the same number
            found[cut] = ("This is one too high. Did you turn over the sum without its carry? Take the folded sum, "
                          "turn its bits over, and add nothing.")
        else:
            found[cut] = "This is made from the sum without its carry. Take the folded sum."
        return found

    @property
    def worked(self) -> str:
        total, folded, complement = map(_hex, self.reference)
        return (
            f"The sum is {total}. Folded it is {folded}. With all bits turned over it is {complement}.\n\n"
            f"```python\ntotal = {' + '.join(map(_hex, self.words))}\n"
            "folded = total\nwhile folded >> 16:\n    folded = (folded & 0xffff) + (folded >> 16)\n"
            "answer = [total, folded, folded ^ 0xffff]\nexercises.tcp.checksum.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        total = folded = sum(self.words)
        while folded >> 16:
            folded = (folded & 0xFFFF) + (folded >> 16)
        return [total, folded, folded ^ 0xFFFF]


def _hex(number: int) -> str:
    if abs(number) >= 1 << 64:
        return show(number)
    return f"0x{number:04x}" if number >= 0 else f"-0x{-number:04x}"
