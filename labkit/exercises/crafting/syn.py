"""An exercise on numbers: which packet answers a SYN.

Rule: the answer is called with SYNs of several ports and numbers; what it returns is compared field by field.
"""

from __future__ import annotations

from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, source
from labkit.exercises.running import NotYet, Run, check_callable

FIELDS = ("sport", "dport", "flags", "seq", "ack")
"""The fields that are compared, by Scapy's names."""

ISN = 5000
"""The server's own first sequence number in this exercise."""


def answer_syn(syn: dict[str, Any]) -> dict[str, Any]:
    """The fields of the answer to a SYN; the reference answer. Source: RFC 9293 §3.5."""
    return {
        "sport": syn["dport"],
        "dport": syn["sport"],
        "flags": "SA",
        "seq": 5000,
        "ack": (syn["seq"] + 1) % 2**32,
    }


class AnswerSyn(Exercise):
    """Answer a SYN as a server's kernel does."""

    name = "crafting.answer_syn"
    lesson = "02d-crafting"
    title = "answer a SYN"
    steps = ("a function that returns five fields", "the ports", "the flags", "the server's number", "the ack",
             "a SYN with the largest number")  # fmt: skip
    stub = "def answer_syn(syn):\n    ...\n\nexercises.crafting.answer_syn.check(answer_syn)"
    asks = "Give check() the function itself: check(answer_syn)."
    praise = (
        "The ack proves that the answer comes from somebody who has seen the SYN. Others would have to guess it."
    )
    task = (
        "Write the function `answer_syn(syn)`. It gets the TCP fields of a SYN as a dictionary, "
        '`{"sport": 40000, "dport": 8124, "flags": "S", "seq": 1000, "ack": 0}`, and returns the five fields of the '
        f"SYN, ACK that a server sends back. The server's own first number is {ISN}. With it you could build the "
        "packet: `TCP(**answer_syn(syn))`.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "Which port does the answer come from, and to which port does it go?",
        "The flags are two letters of Scapy: `S` for SYN and `A` for ACK.",
        "The SYN takes one sequence number. The ack names the next number that the server expects, and a sequence "
        "number has 32 bits: after 4294967295 comes 0.",
    )
    reference = staticmethod(answer_syn)

    @property
    def worked(self) -> str:
        """The reference with its reason."""
        return (
            "The ports change places. The server has a number of its own, and acknowledges the SYN, which takes one "
            f"number.\n\n{source(answer_syn)}"
        )

    def examine(self, answer: Any, run: Run) -> None:
        """As `Exercise.examine`."""
        check_callable(answer, "the function answer_syn", self.asks)
        self._try(answer, run, {"sport": 40000, "dport": 8124, "flags": "S", "seq": 1000, "ack": 0}, first=True)
        self._try(answer, run, {"sport": 51515, "dport": 80, "flags": "S", "seq": 7_000_000, "ack": 0})
        self._try(answer, run, {"sport": 40001, "dport": 8124, "flags": "S", "seq": 2**32 - 1, "ack": 0}, step=6)

    def _try(self, answer: Any, run: Run, syn: dict[str, Any], *, first: bool = False, step: int = 0) -> None:
        doing = f"answer_syn({show(syn)})"
        run.step(step or 1)
        given = run.call(doing, answer, dict(syn), first=first)
        if type(given) is not dict or set(given) != set(FIELDS):
            raise NotYet(
                f"{doing} returns a dictionary with {', '.join(FIELDS)}", show(given),
                "Return all five fields by Scapy's names, and no others.",
            )  # fmt: skip
        right = answer_syn(syn)
        for number, names in ((2, ("sport", "dport")), (3, ("flags",)), (4, ("seq",)), (5, ("ack",))):
            run.step(step or number)
            for name in names:
                value = given[name]
                fits = _flags(value) == {"S", "A"} if name == "flags" else value == right[name]
                if not fits:
                    expected = "SYN and ACK" if name == "flags" else f"{name} = {right[name]}"
                    raise NotYet(f"{expected}, for the SYN {show(syn)}", f"{name} = {show(value)}",
                                 _why(name, value, syn, right))  # fmt: skip


def _flags(value: Any) -> set[str]:
    """The letters of flags, if they are written as Scapy writes them."""
    return set(value) if type(value) is str else set()


def _why(name: str, value: Any, syn: dict[str, Any], right: dict[str, Any]) -> str:
    """The mistake behind this value."""
    if name in ("sport", "dport"):
        if value == syn[name]:
            return "The answer goes back: the port it comes from is the port that the SYN was sent to."
        return "The answer uses the two ports of the SYN, and no other."
    if name == "flags":
        if value == "S":
            return "A SYN alone opens a second connection. The answer must also acknowledge: one flag is missing."
        if value == "A":
            return "An ACK alone does not tell the server's own number. The server opens its direction too."
        if type(value) is not str or not _flags(value) <= set("FSRPAU"):
            return "Write the flags as Scapy does: one text, with one letter for each flag."
        return "Two flags are set in this answer, and no others."
    if name == "seq":
        if value == syn["seq"]:
            return "That is the client's number. Each side counts its own bytes, so the server has a number of its own."
        if value in (ISN + 1, 0):
            return f"The server's first number is {ISN}, and its SYN carries exactly this number."
        return f"Nothing was sent before this packet, so its number is the server's first one, {ISN}."
    if value == syn["seq"]:
        return "The SYN takes one sequence number. The ack names the next number that is expected."
    if value == ISN + 1:
        return "That is what the client will acknowledge. The server acknowledges the client's number."
    if value == syn["seq"] + 1:
        return "This number does not fit into 32 bits: after 4294967295 comes 0. Count modulo 2**32."
    if value == 0:
        return "With the flag ACK the field counts. 0 would acknowledge another SYN."
    return "The ack is the number of the SYN, and what the SYN has used up."
