"""A network that exists only in numbers: it loses, doubles and delays datagrams, and moves a clock of its own.

Rule: no socket, no thread, no real time; the same seed gives the same fates in every run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

TIMEOUT = 10
"""Ticks after the last datagram until the sender's timer goes off. A round trip takes 2 when nothing delays it."""

Fate = Callable[[str, int, int], Sequence[int]]
"""From a datagram (``"data"`` or ``"ack"``, its number, how often it was sent before) to the ticks until each copy of
it arrives; no ticks if it is lost."""


def by_script(changed: dict[tuple[str, int, int], Sequence[int]]) -> Fate:
    """Every datagram arrives once after a tick, but for these: (kind, number, times before) to ticks."""
    return lambda kind, number, before: changed.get((kind, number, before), (1,))


def by_chance(seed: int, loss: float = 0.3) -> Fate:
    """Loss in both directions; of the datagrams that are left, one in five comes twice and one in five late.

    seed: of the random numbers. loss: part of the datagrams that never arrives, 0 to 1.
    """
    chance = random.Random(seed)

    def fate(kind: str, number: int, before: int) -> Sequence[int]:
        if chance.random() < loss:
            return ()
        copies = 2 if chance.random() < 0.2 else 1
        return [chance.randint(TIMEOUT, 3 * TIMEOUT) if chance.random() < 0.2 else 1 for _ in range(copies)]

    return fate


@dataclass(frozen=True, slots=True)
class Happening:
    """What the sender is told next. kind: ``"acked"`` or ``"timed out"``. number: of the piece acknowledged."""

    kind: str
    number: int = -1


class Network:
    """The datagrams under way, the sender's timer, and a receiver that acknowledges.

    pieces: what the receiver has kept, in order. thrown_away: copies of what it had. history: what happened, in words.
    """

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.pieces: list[bytes] = []
        self.thrown_away = 0
        self.history: list[str] = []
        self._now = 0
        self._timer = TIMEOUT
        self._order = 0  # of two that arrive in the same tick, the one sent first comes first
        self._sent: dict[tuple[str, int], int] = {}
        self._under_way: list[tuple[int, int, str, int, bytes]] = []

    def send(self, number: int, piece: bytes) -> None:
        """The sender sends a piece; its timer starts anew."""
        self._timer = self._now + TIMEOUT
        self._put("data", number, piece)

    def next(self, *, timer: bool) -> Happening | None:
        """Go on until the sender is told something; returns that, or None if nothing more comes.

        timer: the sender waits for an ack, so that its timer may go off.
        """
        while self._under_way or timer:
            if timer and (not self._under_way or self._timer < self._under_way[0][0]):
                self._now = self._timer
                self._timer += TIMEOUT
                self.history.append("timed out")
                return Happening("timed out")
            self._now, _, kind, number, piece = heappop(self._under_way)
            if kind == "ack":
                self.history.append(f"ack {number} arrives")
                return Happening("acked", number)
            self._receive(number, piece)
        return None

    def _receive(self, number: int, piece: bytes) -> None:
        """The receiver keeps what it waits for, throws away what it has, and acknowledges both."""
        if number == len(self.pieces):
            self.pieces.append(piece)
        elif number < len(self.pieces):
            self.thrown_away += 1
            self.history.append(f"piece {number} arrives again")
        else:
            return
        self._put("ack", number, b"")

    def _put(self, kind: str, number: int, piece: bytes) -> None:
        before = self._sent.get((kind, number), 0)
        self._sent[kind, number] = before + 1
        copies = self.fate(kind, number, before)
        words = f"send {number}" if kind == "data" else f"ack {number}"
        if not copies:
            self.history.append(f"{words} (lost)")
        elif kind == "data":
            self.history.append(words)
        for ticks in copies:
            self._order += 1
            heappush(self._under_way, (self._now + ticks, self._order, kind, number, piece))
