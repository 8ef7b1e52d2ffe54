"""A first exercise, of one minute: find one packet in a list. It shows how show, check and hint work.

Rule: each packet of the list that is not the right one has its own words.
"""

from __future__ import annotations

from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.form import Field, Form
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

_PACKETS = (
    ("50001 → 8124", "SYN", ""),
    ("50002 → 8124", "SYN", ""),
    ("8124 → 50001", "SYN, ACK", ""),
    ("50001 → 8124", "ACK", ""),
    ("8124 → 50002", "SYN, ACK", ""),
    ("50001 → 8124", "PSH, ACK", "'hello'"),
    ("50002 → 8124", "ACK", ""),
    ("50002 → 8124", "PSH, ACK", "'hi'"),
)

RIGHT = 7

_ASKED = "The ports tell: every packet of this client goes from 50002 to 8124, or from 8124 to 50002."

# What is said about the packets of the right client that are not the third of its handshake.
_WRONG = {
    2: "This is the first packet of its handshake: the client asks for a connection.",
    5: "This is the second packet of its handshake: the server agrees, and asks for the other direction.",
    8: "This packet carries data, so the handshake is over before it.",
}


class Handshake(Exercise):
    """Which packet ends the handshake?"""

    name = "start.handshake"
    lesson = "00-start-here"
    title = "find the packet that ends a handshake"
    steps = ("a number from 1 to 8", "a packet of this client", "the third of its handshake")
    stub = "answer = ...\nexercises.start.handshake.check(answer)"
    asks = "Give check() the number of the packet: exercises.start.handshake.check(1)."
    praise = "SYN, then SYN with ACK, then ACK: after the third packet both sides know that the connection is open."
    hints = (
        "Two clients connect at the same time, so their packets are mixed. Look at the ports first.",
        "The client on port 50002 has packets 2, 5, 7 and 8. Which of them are the handshake?",
        "A handshake is SYN; SYN, ACK; ACK. The packet with data comes after it.",
    )
    reference = RIGHT

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("one", (Field("number of the packet"),))

    @property
    def task(self) -> str:
        lines = "\n".join(f"{number}  {ports}  {flags:<8}  {data}".rstrip()
                          for number, (ports, flags, data) in enumerate(_PACKETS, 1))
        return (
            "Two clients connect to the same server at the same time. Each packet is shown with its two ports, from "
            f"and to:\n\n```text\n{lines}\n```\n\n"
            "Which packet is the third, and last, of the handshake of the client on port 50002? Give its number."
        )

    def examine(self, answer: Any, run: Run) -> None:
        if type(answer) is not int or not 1 <= answer <= len(_PACKETS):
            raise NotYet("a whole number from 1 to 8", show(answer), self.asks)
        ports, flags, _ = _PACKETS[answer - 1]
        run.step(2)
        if "50002" not in ports:
            third = " It is the third line of the list, but the list mixes the lines of two connections."
            raise NotYet("a packet of the client on port 50002", f"packet {answer}: {ports}",
                         _ASKED + (third if answer == 3 else ""))
        run.step(3)
        if answer != RIGHT:
            raise NotYet("the packet that ends the handshake", f"packet {answer}: {flags}", _WRONG[answer])

    @property
    def worked(self) -> str:
        return (
            "The packets of this client are 2 (SYN), 5 (SYN, ACK), 7 (ACK) and 8 (data). The third of the handshake "
            f"is the ACK.\n\n```python\nanswer = {RIGHT}\nexercises.start.handshake.check(answer)\n```"
        )
