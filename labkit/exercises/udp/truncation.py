"""An exercise on buffers: what recvfrom(n) returns, if datagrams are longer or shorter than n.

Rule: what is right is what a kernel does (the tests ask one); a known mistake is told by its name.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

_WORDS = (b"temperature", b"pressure", b"humidity", b"wind", b"rain", b"snow", b"cloudy", b"up", b"ok", b"fog")


class Truncation(Seeded):
    """What does each call return?"""

    name = "udp.truncation"
    lesson = "02a-udp"
    title = "what does recvfrom(n) return?"
    steps = ("a list of bytes, one for each call", "the first call", "the second call", "the third call")
    stub = "answer = []  # the bytes that each call returns\nexercises.udp.truncation.check(answer)"
    asks = 'Give check() what the three calls return, as a list of bytes: [b"…", b"…", b"…"].'
    praise = (
        "One call returns one datagram; what does not fit is lost, and no error tells of it.\n"
        "So give recvfrom room for the largest datagram that may come: 65535 bytes are always enough."
    )
    hints = (
        "In UDP the borders between messages are kept. To which datagram does the second call belong?",
        "The number is the room in the buffer. What happens to bytes for which there is no room?",
        "Call number k returns the first n bytes of datagram k. The rest of this datagram is lost.",
    )

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        long = [word for word in _WORDS if len(word) >= 6]
        short = [word for word in _WORDS if len(word) <= 4]
        first = chance.choice(long)
        rest = [chance.choice([word for word in long if word != first]), chance.choice(short)]
        chance.shuffle(rest)
        self.datagrams = [first, *rest]
        self.rooms = [4, chance.choice((4, 5)), 100]

    @property
    def task(self) -> str:
        sent = "\n".join(
            f"datagram {number}  {word!r}, {len(word)} bytes" for number, word in enumerate(self.datagrams, 1)
        )
        calls = "\n".join(f"data, peer = plain.recvfrom({room})" for room in self.rooms)
        return (
            "Three datagrams have arrived at a socket of the standard library, in this order:\n\n"
            f"```text\n{sent}\n```\n\nThe program has read none of them, and now it calls\n\n"
            f"```python\n{calls}\n```\n\nWhat is `data` after each call?"
        )

    def examine(self, answer: Any, run: Run) -> None:
        if type(answer) in (list, tuple) and answer and all(type(part) is str for part in answer):
            raise NotYet("a list of bytes", show(answer), 'These are texts. Bytes have a b in front: b"ok".')
        if type(answer) not in (list, tuple) or not all(type(part) in (bytes, bytearray) for part in answer):
            raise NotYet("a list of bytes", show(answer), self.asks)
        if len(answer) != 3:
            raise NotYet("three parts, one for each call", f"{len(answer)}", self.asks)
        given = [bytes(part) for part in answer]
        stream = self._as_stream()
        for number, (mine, right) in enumerate(zip(given, self.reference, strict=True)):
            run.step(number + 2)
            if mine != right:
                raise NotYet(f"what call {number + 1} returns", show(mine), self._why(number, mine, stream))

    def _as_stream(self) -> list[bytes]:
        """What the calls would return if the datagrams were a stream of bytes."""
        rest, parts = b"".join(self.datagrams), []
        for room in self.rooms:
            parts.append(rest[:room])
            rest = rest[room:]
        return parts

    def _why(self, number: int, mine: bytes, stream: list[bytes]) -> str:
        datagram, room = self.datagrams[number], self.rooms[number]
        if len(mine) > room:
            return f"recvfrom({room}) returns {room} bytes at most."
        if number and mine == stream[number]:
            return ("This is how a stream of TCP is read: it goes on where the last call ended. In UDP each call takes "
                    "the next datagram.")
        if mine and datagram.startswith(mine):
            return f"This datagram has more bytes, and there is room for {room}."
        if number and mine and self.datagrams[number - 1][self.rooms[number - 1] :].startswith(mine):
            return "This is the rest of the datagram before. What did not fit is lost: nobody keeps it."
        if not mine:
            return "The call returns something: a datagram that is too long is cut, and not thrown away as a whole."
        if datagram.endswith(mine):
            return "The first bytes are returned, not the last ones."
        if any(other.startswith(mine) for other in self.datagrams):
            return "This belongs to another datagram: call number 1 takes datagram 1, and so on."
        return f"The call takes datagram {number + 1}, and has room for {room} bytes."

    @property
    def worked(self) -> str:
        return (
            "Each call takes the next datagram, and cuts it if there is too little room.\n\n"
            f"```python\nanswer = {self.reference!r}\nexercises.udp.truncation.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        return [datagram[:room] for datagram, room in zip(self.datagrams, self.rooms, strict=True)]
