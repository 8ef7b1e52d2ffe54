"""Exercises on ends and failures: what happened to six connections, and who remembers one that is over.

Rule: only packets and what the program was told are shown; a wrong answer is told what speaks against it.
"""

from __future__ import annotations

import random
from typing import Any, ClassVar

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Field, Form
from labkit.exercises.matching import Case, Matching
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run, check_parts

LESSON = "01b-tcp-endings"


class WhichEnd(Matching):
    """What happened to these connections?"""

    name = "tcp.which_end"
    lesson = LESSON
    title = "six connections: what happened to them?"
    praise = (
        "The packets tell more than the error: RST to a SYN, RST to data and silence are three different causes.\n"
        "If a program only waits, look whether its last packet was acknowledged."
    )
    intro = (
        "A client tries six servers. These are the packets of each connection, from a capture on the client's "
        "machine. What happened?"
    )
    looks: ClassVar[dict[str, str]] = {
        "refused": "Refused means: the SYN is answered with RST, since nothing listens on the port.",
        "reset": "Reset means: a connection was open, and one RST ended it.",
        "silence": "Silence means: the SYN is repeated, and nothing at all comes back.",
        "ordinary end": "In an ordinary end each side sends a FIN, and each FIN is acknowledged.",
        "half-closed": "Half-closed means: one side has sent its FIN, and the other side still sends data.",
        "still open": "Still open means: the handshake is complete, and nobody has sent FIN or RST.",
    }
    cases = (
        Case("client → server  SYN\nclient ← server  RST, ACK", "refused",
             "Here the very first answer is a RST.",
             {"reset": "A RST came, but no connection was open yet: it answers the SYN."}),
        Case("(handshake)\nclient → server  PSH, ACK  20 bytes\nclient ← server  ACK\n"
             "client → server  FIN, ACK\nclient ← server  ACK\nclient ← server  PSH, ACK  300 bytes\n"
             "client → server  ACK", "half-closed",
             "Here the client's FIN has come, and after it the server sends 300 bytes.",
             {"ordinary end": "Only the client has sent a FIN. For an ordinary end, the server's FIN is missing."}),
        Case("client → server  SYN\nclient → server  SYN  1 s later\nclient → server  SYN  2 s later", "silence",
             "Here three SYNs leave, and no packet comes from the server.",
             {"refused": "A refusal is a packet, a RST. Here no packet comes from the server."}),
        Case("(handshake)\nclient → server  PSH, ACK  20 bytes\nclient ← server  ACK\n(nothing for 10 minutes)",
             "still open", "Here the data was acknowledged, and then nobody sent anything.",
             {"silence": "The server's kernel has answered: handshake and ACK are there. It is the server's program "
                         "that says nothing."}),
        Case("(handshake)\nclient ← server  FIN, ACK\nclient → server  FIN, ACK\nclient ← server  ACK", "ordinary end",
             "Here both sides send a FIN; the client's also acknowledges the server's.",
             {"half-closed": "Both directions have ended: there is a FIN from the server and a FIN from the client."}),
        Case("(handshake)\nclient → server  PSH, ACK  20 bytes\nclient ← server  RST, ACK", "reset",
             "Here the handshake was complete, and the client had sent data before the RST came.",
             {"refused": "The server had accepted: the handshake is complete. The RST came later."}),
    )
    hints = (
        "Ask three questions of each: Is there a handshake? Which packet is the last one? Who has not ended yet?",
        "RST and FIN both end something. RST ends the whole connection at once, FIN ends one direction.",
        "A and F both have a RST. In one of them no connection was open yet. B and E both have a FIN: count them.",
    )


_ENDS = ("server", "client", "reset")


class TimeWait(Seeded):
    """Who keeps TIME-WAIT, and can the server start again?"""

    name = "tcp.time_wait"
    lesson = LESSON
    title = "who remembers the connection, and can the server restart?"
    steps = ("two answers", "who keeps TIME-WAIT", "whether the server can start again")
    stub = (
        'answer = (None, None)  # who keeps TIME-WAIT, and "yes" or "no"\n'
        "exercises.tcp.time_wait.check(answer)"
    )  # fmt: skip
    asks = 'Give check() two answers: ("client", "server" or "nobody"; "yes" or "no"), such as ("nobody", "no").'
    praise = (
        "The side that sent its FIN first keeps TIME-WAIT, on its own port.\n"
        "So a server that ends first blocks its own port; SO_REUSEADDR, which labkit sets, lets it start again."
    )
    hints = (
        "Who sent the last ACK? That side cannot know whether its ACK arrived.",
        "TIME-WAIT belongs to the side that sent its FIN first. A RST ends everything at once, and nobody waits.",
        "The port is busy if the server's side keeps TIME-WAIT: then the connection still uses port 8124.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("list", (
            Field("who keeps TIME-WAIT", "choice", ("client", "server", "nobody")),
            Field("can the server listen at once", "choice", ("yes", "no")),
        ))

    def _make(self, seed: int) -> None:
        self.end = _ENDS[(seed - 1) % 3] if seed <= 3 else random.Random(seed).choice(_ENDS)
        self.size = random.Random(seed).randint(3, 900)

    @property
    def task(self) -> str:
        arrow = {"client": "client → server", "server": "client ← server"}
        first = "server" if self.end == "server" else "client"
        second = "client" if first == "server" else "server"
        lines = [("client", f"PSH, ACK  {self.size} bytes"), ("server", "ACK")]
        if self.end == "reset":
            lines.append(("server", "RST, ACK"))
        else:
            lines += [(first, "FIN, ACK"), (second, "FIN, ACK"), (first, "ACK")]
        text = "\n".join(f"{arrow[who]}  {what}" for who, what in lines)
        return (
            "A connection to a server on port 8124 ends like this:\n\n"
            f"```text\n{text}\n```\n\n"
            "Right after that, the server's program ends too, and is started again. It does not set SO_REUSEADDR.\n\n"
            '1. Who keeps the connection in TIME-WAIT: `"client"`, `"server"` or `"nobody"`?\n'
            '2. Can the server listen on port 8124 at once: `"yes"` or `"no"`?'
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_parts(answer, 2, (str,), "two answers", self.asks)
        who, free = (part.strip().lower() for part in answer)
        if who not in ("client", "server", "nobody") or free not in ("yes", "no"):
            raise NotYet("who (client, server, nobody), then yes or no", show(answer), self.asks)
        run.step(2)
        right, port = self.reference
        if who != right:
            raise NotYet("another answer to question 1", who, self._about_who(who))
        run.step(3)
        if free != port:
            raise NotYet("another answer to question 2", free, self._about_port())

    def _about_who(self, who: str) -> str:
        if self.end == "reset":
            return "A RST ends the connection on both sides at once. No ACK is expected, so nobody has to wait."
        if who == "nobody":
            return "Both sides sent a FIN, so this is an ordinary end. The side that sent the last ACK cannot know " \
                   "whether it arrived."
        return f"The {who} received the last ACK, so it knows that all is over. Look who sent the first FIN."

    def _about_port(self) -> str:
        return {
            "server": "The server's side keeps the connection for about one minute, and this connection uses port "
                      "8124.",
            "client": "The client's side waits, with a port of its own. At the server nothing is left of the "
                      "connection.",
            "reset": "Nobody keeps the connection, so nothing uses port 8124 any more.",
        }[self.end]

    @property
    def worked(self) -> str:
        ended = {"reset": "A RST ends everything at once."}.get(
            self.end, f"The {self.end} sent its FIN first, and so also the last ACK.")
        return (
            f"{ended} {self._about_port()}\n\n"
            f"```python\nanswer = {self.reference!r}\nexercises.tcp.time_wait.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        return {"server": ("server", "no"), "client": ("client", "yes"), "reset": ("nobody", "yes")}[self.end]
