"""An exercise on a scan: from what came back, say whether a port is open, closed or silent.

Rule: the packets are data of the exercise; nothing is sent.
"""

from __future__ import annotations

from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.form import Form, choices
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

WORDS = ("open", "closed", "silent")
"""What a port can be."""

_SEEN = {
    "A": ("SYN to port 22", "SYN, ACK seq=5000 ack=1001", "open"),
    "B": ("SYN to port 23", "RST, ACK seq=0 ack=1001", "closed"),
    "C": ("SYN to port 80, sent three times", "nothing", "silent"),
    "D": ("SYN to port 443", "SYN, ACK seq=77 ack=1001, and then, from your own kernel, RST seq=1001", "open"),
    "E": ("UDP datagram to port 53", "ICMP port unreachable", "closed"),
}


class Ports(Exercise):
    """Read the result of a scan."""

    name = "crafting.ports"
    lesson = "02d-crafting"
    title = "read the answers of a scan"
    steps = ("five words", "the ports of TCP", "the port of UDP")
    stub = (
        'answer = {"A": ..., "B": ..., "C": ..., "D": ..., "E": ...}  # "open", "closed" or "silent"\n'
        "exercises.crafting.ports.check(answer)"
    )
    asks = 'Give check() a word for each letter: {"A": "open", "B": …}. The words are open, closed and silent.'
    praise = (
        "An answer of either kind tells that a machine is there. Silence can be a filter, a lost packet, or no machine."
    )
    hints = (
        "Who answers: a kernel with a program on this port, or a kernel without one?",
        "A SYN, ACK comes only from a port on which a program listens. What your own kernel sends afterwards says "
        "nothing about the other side.",
        "RST in TCP and port unreachable in UDP both mean: the machine is there, and nobody listens on this port.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return choices(dict.fromkeys(_SEEN, WORDS))

    @property
    def task(self) -> str:
        rows = "\n".join(f"| {letter} | {sent} | {back} |" for letter, (sent, back, _) in _SEEN.items())
        return (
            "You ask five ports of your server host, and note what comes back. Is each port **open** (a program "
            "listens), **closed** (the machine is there, and no program listens) or **silent** (you cannot know)?\n\n"
            f"| | sent | came back |\n| --- | --- | --- |\n{rows}"
        )

    @property
    def reference(self) -> Any:
        """The right words."""
        return {letter: word for letter, (_, _, word) in _SEEN.items()}

    @property
    def worked(self) -> str:
        """The answer as a cell."""
        return (
            "A SYN, ACK means open, whatever your kernel sends next. RST and port unreachable mean closed. "
            f"Silence means silent.\n\n```python\nanswer = {self.reference}\n"
            "exercises.crafting.ports.check(answer)\n```"
        )

    def examine(self, answer: Any, run: Run) -> None:
        """As `Exercise.examine`."""
        if type(answer) is not dict or set(answer) != set(_SEEN):
            raise NotYet("a word for each of A, B, C, D and E", show(answer), self.asks)
        given = {letter: word.strip().lower() if type(word) is str else word for letter, word in answer.items()}
        for letter, word in given.items():
            if word not in WORDS:
                raise NotYet(f"{letter}: open, closed or silent", f"{letter}: {show(word)}", self.asks)
        for letter, (sent, back, right) in _SEEN.items():
            run.step(3 if letter == "E" else 2)
            if given[letter] != right:
                raise NotYet(
                    f"the word for {letter}: {sent}; back came {back}", str(given[letter]), _why(letter, given[letter])
                )


def _why(letter: str, given: str) -> str:
    """What is wrong about this word for this port."""
    if letter == "D":
        return (
            "The RST came from your own kernel: it knows nothing of the connection that Scapy began. "
            "What did the other side say?"
        )
    if letter == "C":
        what = "A closed port answers with RST." if given == "closed" else "An open port answers with SYN, ACK."
        return f"{what} Here nothing came back: a filter, a lost packet and a machine that is off look the same."
    if letter == "A":
        return "A kernel sends SYN, ACK only if a program listens on this port."
    if given == "silent":
        return "Something came back, so the port is not silent."
    return (
        "A port that is open accepts the SYN. This answer refuses it."
        if letter == "B"
        else "An open UDP port takes the datagram. This answer says that no program has the port."
    )
