"""An exercise on the man in the middle: what two captures of one connection say, at the client's end and the server's.

Rule: real handshakes, made in memory; how the function compares them is never read.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit import ca
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import check_plain
from labkit.exercises.tls import taped
from labkit.packets import Tape
from labkit.packets.capture_file import Recording


def in_the_middle(at_client: Tape, at_server: Tape) -> bool:
    """Whether the two ends have spoken with somebody else; the reference answer."""

    def hellos(tape: Tape) -> list[bytes]:
        return [each.data for each in tape.handshake if each.kind in ("ClientHello", "ServerHello")]

    return hellos(at_client) != hellos(at_server)


class Middle(Exercise):
    """Find somebody in the middle, by two tapes."""

    name = "tls.middle"
    lesson = "05e-https"
    title = "is there somebody in the middle?"
    steps = ("two tapes of a connection that nobody has touched", "somebody with a CA of their own",
             "somebody with a certificate of the right CA", "somebody with the key and the certificate of the server",
             "the capture at the client has ended early", "the same in TLS 1.2")
    stub = "def in_the_middle(at_client, at_server):\n    ...\n\nexercises.tls.middle.check(in_the_middle)"
    asks = "Give check() the function itself: check(in_the_middle)."
    praise = (
        "Both ends of one connection see the same two hellos: each has 32 new random bytes and a new key share. "
        "Somebody in the middle needs a connection to each side, so there are two of each.\n"
        "You had both tapes. A client has its own alone, and must trust the certificate: this is what it is for."
    )
    stretch = (
        "each side can compute one value from its own connection that differs if there are two (RFC 9266, channel "
        "binding). Which secret of the key log would you make it from, and how would the two sides compare it?"
    )
    task = (
        "A connection was captured twice, at the client and at the server. Both tapes have their keys. If nobody is in "
        "the middle, it is one connection of TLS. (A router may have cut the bytes into other packets.) If somebody "
        "is, the client has one connection with them, and they have another one with the server.\n\n"
        "Write the function `in_the_middle(at_client, at_server)`, which returns True or False. "
        "`tape.handshake` has the messages of a tape; each has `kind` (`\"ClientHello\"`, `\"ServerHello\"`, "
        "`\"Certificate\"`, …) and `data`, its bytes."
    )
    hints = (
        "Which messages must be the same at both ends of one connection? Which of them can somebody in the middle not "
        "pass on as they are?",
        "A certificate can be stolen together with its key. What is new in each handshake, whatever the certificate "
        "is?",
        "Compare `each.data` of the ClientHello and of the ServerHello: they have Random and the key share. Do not "
        "compare all that is on the tapes: one of them may end earlier.",
    )
    reference = staticmethod(in_the_middle)

    @property
    def worked(self) -> str:
        return (
            "Random and the key share are new in each handshake, and stand in the hellos.\n\n"
            "```python\ndef in_the_middle(at_client, at_server):\n"
            "    def hellos(tape):\n"
            '        return [each.data for each in tape.handshake if each.kind in ("ClientHello", "ServerHello")]\n'
            "    return hellos(at_client) != hellos(at_server)\n\n"
            "exercises.tls.middle.check(in_the_middle)\n```"
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function in_the_middle", self.asks)
        root, bank = _people()
        other = ca.CA("Eve's CA")
        honest = _opened(bank, root)
        self._ask(answer, honest, _through_a_router(honest), False, run, first=True)
        for step, identity, trusted in (
            (2, other.issue(taped.HOST), other), (3, root.issue(taped.HOST), root), (4, bank, root),
        ):  # fmt: skip
            run.step(step)
            run.beat(5)
            self._ask(answer, _opened(identity, trusted), _opened(bank, root), True, run)
        run.step(5)
        self._ask(answer, _handshake_alone(honest), honest, False, run)
        self._ask(answer, _handshake_alone(_opened(bank, root)), honest, True, run)
        run.step(6)
        older = _opened(bank, root, "TLSv1.2")
        self._ask(answer, older, _through_a_router(older), False, run)
        self._ask(answer, older, _opened(bank, root, "TLSv1.2"), True, run)

    def _ask(
        self, answer: Any, at_client: Tape, at_server: Tape, right: bool, run: Run, *, first: bool = False
    ) -> None:
        returned = run.call("in_the_middle(at_client, at_server)", answer, at_client, at_server, first=first)
        if type(returned) is not bool:
            raise NotYet("True or False", show(returned), "Compare with == or !=, and return what comes out.")
        if returned is not right:
            raise NotYet(show(right), show(returned), _WHY[run.number, right])


_WHY = {
    (1, False): "It is one connection: a router has cut its bytes into other packets. Compare messages of TLS, and not "
                "packets or records.",
    (2, True): "The client has got the certificate of somebody else's CA. Compare what it got with what the server "
               "sent.",
    (3, True): "The name and the issuer are the right ones: the CA was deceived, or its key was stolen. The bytes of "
               "the certificate are not those that the server sent.",
    (4, True): "The certificate is the server's own: its key was stolen. So the certificate does not tell. What is new "
               "in each handshake?",
    (5, False): "It is one connection. The capture at the client has ended behind the handshake, so it has fewer "
                "messages. Compare those that decide.",
    (5, True): "The capture at the client is short, and its hellos are not those of the server.",
    (6, False): "It is one connection, in TLS 1.2.",
    (6, True): "In TLS 1.2 the hellos have Random, too; the key shares are in other messages.",
}  # fmt: skip


@cache
def _people() -> tuple[ca.CA, ca.Identity]:
    root = ca.CA("Exercise CA")
    return root, root.issue(taped.HOST)


def _opened(identity: ca.Identity, root: ca.CA, version: str = "TLSv1.3") -> Tape:
    """A new connection, with its keys."""
    made = taped.connection(identity, root, version)
    return made.tape.with_secrets(made.log)


def _through_a_router(tape: Tape) -> Tape:
    """The same connection, each record in a packet of its own."""
    said = [(each.sender == "client", each.data) for each in tape.records]
    return Tape(Recording(taped._frames(said)), origin="made in memory, no wire").with_secrets(tape.secrets)


def _handshake_alone(tape: Tape) -> Tape:
    """The tape up to the client's last message of the handshake."""
    last = next(each for each in tape.handshake if each.kind == "Finished" and each.sender == "client")
    return tape[: last.completed_by]


