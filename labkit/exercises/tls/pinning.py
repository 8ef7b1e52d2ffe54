"""An exercise on a check without a CA: a client knows the digest of the right public key before it connects.

Rule: channels as `servers.sealed` has them, without a socket; what was sent on them decides.
"""

from __future__ import annotations

import hashlib
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import check_plain

HONEST, EVE = bytes(range(32)), bytes(range(100, 132))
"""Two public keys."""

TEXT = "10 to Ada"


class Socket:
    """The connection of a channel. ended: whether the student has ended it."""

    def __init__(self) -> None:
        self.ended = False

    def end(self, *_: Any) -> Socket:
        """End it."""
        self.ended = True
        return self

    destroy = close = end


class Channel:
    """A channel whose keys have been exchanged. peer: the public key that came. sent: what was sent."""

    def __init__(self, peer: bytes) -> None:
        self.peer, self.public, self.socket = peer, bytes(32), Socket()
        self.sent: list[str] = []

    def send(self, text: str) -> None:
        """Seal a message and send it."""
        self.sent.append(text)


def fingerprint(public: bytes) -> str:
    """The digest of a public key, as people compare it."""
    return hashlib.sha256(public).hexdigest()


def pay_if_known(channel: Any, fingerprint: str, text: str) -> bool:
    """Send only to the one whose public key has this digest; the reference answer."""
    if hashlib.sha256(channel.peer).hexdigest() != fingerprint:
        channel.socket.end()
        return False
    channel.send(text)
    return True


class Pin(Exercise):
    """Send to a known public key only."""

    name = "tls.pin"
    lesson = "05a2-in-the-middle"
    title = "pay only if the public key is known"
    steps = ("the honest bank gets the order, and pay_if_known returns True", "a stranger gets nothing",
             "the connection to a stranger is ended, and pay_if_known returns False",
             "a stranger whose digest begins with the same digits gets nothing")
    stub = "def pay_if_known(channel, fingerprint, text):\n    ...\n\nexercises.tls.pin.check(pay_if_known)"
    asks = "Give check() the function itself: check(pay_if_known)."
    praise = (
        "You compared before you sent. To know a public key before is called pinning: ssh does so, and apps that talk "
        "to one server only.\n"
        "Its price: if the bank gets a new key, each client must be told. A CA saves that."
    )
    stretch = (
        "people compare the first eight digits of a fingerprint, and trust the rest. How many key pairs must Eve make, "
        "on average, until one of them has the same eight digits?"
    )
    task = (
        "Write the function `pay_if_known(channel, fingerprint, text)`. `channel` is as in this lesson: `channel.peer` "
        "is the public key that has come (32 bytes), `channel.send(text)` sends, `channel.socket.end()` ends the "
        "connection. `fingerprint` is the SHA-256 digest of the bank's public key, in hexadecimal: 64 digits that the "
        "bank has printed on paper.\n\n"
        "If the digest of `channel.peer` is this one, send the text and return True. If it is not, send nothing, end "
        f"the connection, and return False.\n\n```python\n{stub}\n```"
    )
    hints = (
        "What do you have of the other end, and what do you have of the bank? Make the same kind of thing of both.",
        "`hashlib.sha256(channel.peer).hexdigest()` is the fingerprint of the key that has come.",
        "Compare it with `fingerprint`. If they differ: `channel.socket.end()` and `return False`. Else "
        "`channel.send(text)` and `return True`.",
    )
    worked = (
        "The check comes before the first byte of the order.\n\n"
        "```python\n"
        "import hashlib\n\n"
        "def pay_if_known(channel, fingerprint, text):\n"
        "    if hashlib.sha256(channel.peer).hexdigest() != fingerprint:\n"
        "        channel.socket.end()\n"
        "        return False\n"
        "    channel.send(text)\n"
        "    return True\n"
        "```"
    )
    reference = staticmethod(pay_if_known)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function pay_if_known", self.asks)
        known = fingerprint(HONEST)
        bank = Channel(HONEST)
        returned = run.call("pay_if_known(channel of the bank, fingerprint, text)", answer, bank, known, TEXT)
        if returned is None and not bank.sent:
            run.call("pay_if_known(…)", answer, bank, known, TEXT, first=True)
        _paid(bank, returned)
        run.step(2)
        stranger = Channel(EVE)
        returned = run.call("pay_if_known(channel of Eve, fingerprint, text)", answer, stranger, known, TEXT)
        _not_paid(stranger)
        run.step(3)
        if not stranger.socket.ended:
            raise NotYet("the connection is ended", "it is open", "channel.socket.end() ends it.")
        if returned is not False:
            raise NotYet("False", show(returned), "The caller must know that nothing was paid.")
        run.step(4)
        near = Channel(HONEST)
        run.call("pay_if_known(…)", answer, near, known[:56] + "00000000", TEXT)
        _not_paid(near)


def _paid(bank: Channel, returned: Any) -> None:
    if bank.sent != [TEXT]:
        why = "The key of the bank has this digest: hashlib.sha256(channel.peer).hexdigest() == fingerprint."
        if len(bank.sent) > 1:
            why = "The order was sent more than once."
        elif bank.socket.ended:
            why += " What do you compare with what? channel.public is the key of this side."
        raise NotYet(f"the bank gets {show([TEXT])}", show(bank.sent), why)
    if returned is not True:
        raise NotYet("True", show(returned), "The caller must know that the order was sent.")


def _not_paid(stranger: Channel) -> None:
    if stranger.sent:
        raise NotYet("nothing is sent to a key with another digest", show(stranger.sent),
                     "Compare first, and send then. All 64 digits count: whoever compares some of them can be deceived "
                     "by a key that was searched for.")
