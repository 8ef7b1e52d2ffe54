"""An exercise on hostile messages: the reader of DNS names is fed with bytes that were made to do harm.

Rule: a hostile name must be refused by the student's own ValueError; what Python happens to notice is not enough.
"""

from __future__ import annotations

from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, show_error, source
from labkit.exercises.running import NotYet, Run, check_callable, own_frames
from labkit.exercises.udp.messages import GOOD, HOSTILE, Case
from labkit.exercises.udp.names import ASKS, STUB, Raised, caught, check_right, doing, in_bytes, read_name

TRUST = "Who sent this message wants your parser to do just that. Check before you read."


class DnsHostile(Exercise):
    """Write the part of a DNS parser that every attacker tries first."""

    name = "udp.dns_hostile"
    lesson = "02c-dns"
    title = "read DNS names from hostile messages"
    steps = ("names that are in order", "the message ends too early", "lengths that do not exist", "loops",
             "pointers that go forwards, or not far enough back", "names that are too long")
    stub = f"{STUB}\n\nexercises.udp.dns_hostile.check(read_name)"
    asks = ASKS
    praise = (
        "A length that the other side sent is a claim: check it against what is there before you use it.\n"
        "If each pointer goes further back than the one before, no message can keep a parser for ever."
    )
    task = (
        "Take your `read_name` of exercises.udp.dns_name, and make it safe. Now it is fed with messages that somebody "
        "made to do harm. It raises `ValueError` for a name that is malformed:\n\n"
        "- the message ends before the name does\n"
        "- a length byte is from 64 to 191: this is neither a label nor a pointer\n"
        "- a pointer does not go backwards. A pointer must lead to a byte before the place where you began to read "
        "labels; the next pointer must lead further back again. So there is no loop.\n"
        "- the name has more than 255 bytes: the labels, a length byte for each, and the closing zero\n\n"
        "Names in order are read as before.\n\n"
        f"```python\n{STUB}\n```"
    )
    hints = (
        "Hostile messages lie in every number, not only in pointers. Which numbers does your function believe?",
        "Four questions, each before you read on: Is there a byte at this place, and a second one for a pointer? Does "
        "the label fit into what is left? Is the length byte from 64 to 191? How long is the name by now?",
        "Keep the lowest place where you began to read labels. A target that is not below it raises ValueError, and "
        "loops are gone.",
        "Compare `at + 1 + length` with `len(message)`, and add up `1 + length` for the limit of 255.",
    )
    reference = staticmethod(read_name)

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the function read_name", self.asks)
        for number, case in enumerate(GOOD):
            try:
                check_right(case, run.call(doing(case), caught, answer, case.message, case.offset, first=number == 0))
            except NotYet as found:
                found.why += "\nThis message is in order: exercises.udp.dns_name asks for nothing else."
                raise
        for case in HOSTILE:
            if case.step != run.number:
                run.step(case.step)
            returned = run.call(doing(case), caught, answer, case.message, case.offset)
            if case.name is None:
                check_refused(case, returned)
            else:
                check_right(case, returned)

    @property
    def worked(self) -> str:
        return (
            "Every length is checked before it is used, and every pointer must go further back than the one before.\n\n"
            f"{source(read_name)}"
        )


def check_refused(case: Case, returned: Any) -> None:
    """A hostile name must raise ValueError."""
    expected = f"ValueError from {doing(case)}\n{in_bytes(case)}"
    if not isinstance(returned, Raised):
        raise NotYet(expected, f"it returned {show(returned)}", f"{case.why}\n{TRUST}")
    error = returned.error
    if isinstance(error, ValueError):
        return
    if isinstance(error, RecursionError):
        why = "Your function calls itself until Python gives up. Count, or look where a pointer leads, before that."
    else:
        why = f"Python noticed, your function did not: raise ValueError yourself before that happens. {case.why}"
    raise NotYet(expected, show_error(error), why, own_frames(error))
