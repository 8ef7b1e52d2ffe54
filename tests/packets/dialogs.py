"""TCP connections made by hand: what each side says, segment by segment, as frames with right numbers and checksums.

Rule: built with struct from `made`; a tape made here is the same in every run.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from tests.packets import made

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
Turn = tuple[str, bytes | list[bytes]]
"""(``"c"`` or ``"s"``, what that side says: bytes in one segment, or a list with the bytes of each segment)."""


class Dialog:
    """A connection from port `sport` to `port`. isn: the initial sequence numbers of the two sides."""

    def __init__(self, *, port: int = 8080, sport: int = 40000, isn: tuple[int, int] = (1000, 5000)) -> None:
        self.ports = {"c": (sport, port), "s": (port, sport)}
        self.next = {"c": isn[0] % 2**32, "s": isn[1] % 2**32}
        self.frames: list[bytes] = []

    def segment(self, who: str, flags: int, data: bytes = b"", *, seq: int | None = None) -> bytes:
        """A frame from this side; without seq, its next bytes."""
        other = "s" if who == "c" else "c"
        at = self.next[who] if seq is None else seq % 2**32
        sport, dport = self.ports[who]
        body = made.tcp(
            b"", data, flags=flags, seq=at, ack=self.next[other] if flags & ACK else 0, sport=sport, dport=dport
        )
        src, dst = (CLIENT, SERVER) if who == "c" else (SERVER, CLIENT)
        if seq is None:
            self.next[who] = (at + len(data) + bool(flags & SYN) + bool(flags & FIN)) % 2**32
        return made.ethernet(made.ipv4(body, src=src, dst=dst))

    def send(self, who: str, flags: int, data: bytes = b"", *, seq: int | None = None) -> None:
        self.frames.append(self.segment(who, flags, data, seq=seq))

    def open(self) -> None:
        self.send("c", SYN)
        self.send("s", SYN | ACK)
        self.send("c", ACK)

    def say(self, who: str, *parts: bytes) -> None:
        """Send these bytes, one segment each, with an ACK for each."""
        for part in parts:
            self.send(who, PSH | ACK, part)
            self.send("s" if who == "c" else "c", ACK)

    def close(self, *, first: str = "s", reset: bool = False) -> None:
        if reset:
            self.send(first, RST | ACK)
            return
        other = "c" if first == "s" else "s"
        self.send(first, FIN | ACK)
        self.send(other, FIN | ACK)
        self.send(first, ACK)

    def tape(self) -> Tape:
        return tape_of(self.frames)


def exactly(source: socket.socket, size: int) -> bytes:
    """The next bytes of a socket, so many or more; fewer if it ends."""
    data = b""
    while len(data) < size and (part := source.recv(65536)):
        data += part
    return data


def tape_of(frames: Iterable[bytes]) -> Tape:
    """A tape of Ethernet frames, one each millisecond."""
    return Tape(
        Recording(
            [
                (1_700_000_000_000_000_000 + at * 1_000_000, frame, 1, 0, len(frame))
                for at, frame in enumerate(frames)
            ]
        )
    )


def talk(
    turns: Iterable[Turn], *, port: int = 8080, sport: int = 40000, reset: bool = False, end: bool = True
) -> Dialog:
    """A whole connection, closed by the server (or reset by it; end=False: not at all)."""
    dialog = Dialog(port=port, sport=sport)
    dialog.open()
    for who, said in turns:
        dialog.say(who, *([said] if isinstance(said, bytes) else said))
    if end:
        dialog.close(reset=reset)
    return dialog
