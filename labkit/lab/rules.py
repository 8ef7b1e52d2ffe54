"""What a wire does to which frames: rules, and the sentences that describe them.

Rule: decides and sends nothing; uses neither clock nor socket. Only the wire's own thread asks a rule.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ParamSpec, TypeVar

from labkit.core.calls import in_words
from labkit.core.checks import is_number, is_whole, shown
from labkit.core.errors import LabError
from labkit.packets import frames
from labkit.packets.frames import ETHERNET, Quick
from labkit.packets.match import SENDERS, Conditions

P = ParamSpec("P")
R = TypeVar("R")

ETHERNET_HEADER = 14
"""Bytes before the IP packet in each frame."""

_MOST = 10**9  # frames that a rule counts at most; nobody waits for more


class Passing:
    """A frame on its way, as a rule sees it. sender: ``"client"`` or ``"server"``. raw: all its bytes."""

    __slots__ = ("_quick", "raw", "sender")

    def __init__(self, sender: str, raw: bytes) -> None:
        self.sender, self.raw = sender, raw
        self._quick: Quick | None = None

    @property
    def quick(self) -> Quick:
        """The numbers in its headers."""
        if self._quick is None:
            self._quick = frames.quick(self.raw, ETHERNET)
        return self._quick

    @property
    def protocol(self) -> str:
        """``"TCP"``, ``"UDP"``, ``"ICMP"``, ``"ARP"``, …"""
        return self.quick.protocol

    @property
    def flags(self) -> str:
        """Its TCP flags, by name: ``"SYN, ACK"``; ``""`` in other protocols."""
        return frames.FLAGS_IN_WORDS[self.quick.flags & 0x1FF]

    @property
    def ports(self) -> tuple[int, int]:
        """(source port, destination port); zeros if the protocol has no ports."""
        return self.quick.sport, self.quick.dport

    @property
    def payload(self) -> bytes:
        """The bytes that TCP or UDP carries."""
        quick = self.quick
        return self.raw[quick.payload : quick.end] if quick.protocol in ("TCP", "UDP") else b""

    def __repr__(self) -> str:
        size = len(self.payload)
        return f"<{self.protocol} {self.flags}".rstrip() + f" from the {self.sender}, {size} bytes of payload>"


@dataclass(frozen=True, slots=True)
class Action:
    """What happens to one frame. kind, detail: as in `labkit.packets.Verdict`.

    deliveries: (delay in seconds, bytes) of each delivery, in order; the frame is lost if there is none. behind: the
    frame waits until the next frame of the same sender has passed.
    """

    kind: str
    detail: str = ""
    deliveries: tuple[tuple[float, bytes], ...] = ()
    behind: bool = False


class Match(Conditions):
    """Which frames a rule applies to, by the conditions of `labkit.packets.match`."""

    __slots__ = ()

    def __call__(self, frame: Passing) -> bool:
        return self.fits(frame.quick, frame.sender, len(frame.payload))


def about_packets(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a method of `Wire` that makes a rule: its ``**which`` are the conditions of `Match`.

    An error about a wrong argument names the right ones, and an editor shows all of them.
    """
    given = inspect.signature(method)
    own = [each for each in given.parameters.values() if each.kind is not each.VAR_KEYWORD]
    conditions = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=each.type)
        for each in fields(Match)
        if each.name not in given.parameters
    ]
    told: Any = method
    told.__signature__ = given.replace(parameters=[*own, *conditions])
    return in_words(method, f"wire.{method.__name__}")


class Rule:
    """One rule of a wire, as `Wire.drop` and similar methods return it; `off` ends it.

    seen: frames that it applied to so far. acted: frames that it did something to.
    """

    def __init__(
        self, verb: str, act: Callable[[Passing], Action | None], match: Match, nth: int = 1, times: int | None = None,
        *, which: str = "",
    ) -> None:  # fmt: skip
        for name, value in (("nth", nth), ("times", times)):
            counts = is_whole(value) and value is not None and 1 <= value <= _MOST
            if not counts and (value is not None or name == "nth"):
                todo = f"Give a whole number from 1 to {_MOST}"
                todo += ", or None for all of them." if name == "times" else "."
                raise LabError(f"{name}={shown(value)} is not a count", todo)
        self.verb, self.match, self.nth, self.times = verb, match, nth, times
        self._which = which or _which(nth, times)
        self.seen = self.acted = 0
        self.on = True
        self._act = act

    def decide(self, frame: Passing) -> Action | None:
        """What to do to this frame; None: do nothing and ask the next rule."""
        if not self.on or not self.match(frame):
            return None
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.acted >= self.times):
            return None
        action = self._act(frame)
        if action is not None:
            self.acted += 1
        return action

    def pass_over(self, frame: Passing) -> None:
        """Count a frame that an earlier rule has decided about: the n-th frame stays the n-th, even if it was lost."""
        if self.on and self.match(frame):
            self.seen += 1

    def off(self) -> None:
        """Switch this rule off: it does nothing to later frames."""
        self.on = False

    def __str__(self) -> str:
        return f"{self.verb} {self._which} {self.match}".rstrip()

    def __repr__(self) -> str:
        return f"<{self}: {self.acted} so far{'' if self.on else ', off'}>"


def _which(nth: int, times: int | None) -> str:
    if times is None:
        return "every packet" if nth == 1 else f"every packet from the {_ordinal(nth)} on"
    if times == 1:
        return f"the {_ordinal(nth)} packet"
    return f"the first {times} packets" if nth == 1 else f"packets {nth} to {nth + times - 1}"


def _ordinal(number: int) -> str:
    if number == 1:
        return "first"
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# ---------------------------------------------------------------- what can be done to a frame


def drop(frame: Passing) -> Action:
    """Lose the frame."""
    return Action("dropped")


def duplicate(frame: Passing) -> Action:
    """Deliver the frame twice."""
    return Action("duplicated", "", ((0.0, frame.raw), (0.0, frame.raw)))


def reorder(frame: Passing) -> Action:
    """Let the next frame of the same sender overtake it."""
    return Action("reordered", "", ((0.0, frame.raw),), behind=True)


def delayed(seconds: float) -> Callable[[Passing], Action]:
    """Deliver the frame later. seconds: the delay."""
    if not is_number(seconds) or not 0 < seconds < 3600:
        raise LabError(f"a delay of {shown(seconds)} s is not possible", "Give seconds: more than 0, below 3600.")

    def act(frame: Passing) -> Action:
        return Action("delayed", f"by {seconds * 1000:g} ms", ((seconds, frame.raw),))

    return act


def corrupted(byte: int) -> Callable[[Passing], Action | None]:
    """Flip the lowest bit of one byte of the frame. byte: its number from 0; a negative one counts from the end."""
    if not is_whole(byte):
        raise LabError(f"{shown(byte)} is not the number of a byte", "Count from 0, or from the end: -1 is the last.")

    def act(frame: Passing) -> Action | None:
        position = byte if byte >= 0 else len(frame.raw) + byte
        # The Ethernet header stays: a host ignores a frame for another address, and no checksum of IP covers it.
        if not ETHERNET_HEADER <= position < len(frame.raw):
            return None
        raw = bytearray(frame.raw)
        raw[position] ^= 1
        return Action("corrupted", f"one bit of byte {position}", ((0.0, bytes(raw)),))

    return act


def lost(probability: float, seed: int) -> Callable[[Passing], Action | None]:
    """Lose frames by chance. With the same seed, every run loses the same frames of each sender."""
    if not is_number(probability) or not 0 <= probability <= 1:
        raise LabError(f"{shown(probability)} is not a probability", "Give 0 to 1; 0.1 loses 1 frame in 10.")
    if not is_whole(seed):
        raise LabError(f"seed={shown(seed)} is not a seed", "Give a whole number; the same one loses the same packets.")
    # One row of chances for each sender: a sender's own order is fixed, but which sender comes first is a race.
    chances = {sender: random.Random(f"{seed} {sender}") for sender in SENDERS}

    def act(frame: Passing) -> Action | None:
        return Action("dropped", "by chance") if chances[frame.sender].random() < probability else None

    return act


def by_function(function: Callable[[Passing], Any]) -> Callable[[Passing], Action | None]:
    """The action for a student's answer: None, ``"drop"``, ``"duplicate"``, ``"reorder"``, seconds, or other bytes."""
    named = {"drop": drop, "duplicate": duplicate, "reorder": reorder}

    def act(frame: Passing) -> Action | None:
        answer = function(frame)
        if answer is None:
            return None
        if isinstance(answer, str) and answer in named:
            return named[answer](frame)
        if is_number(answer):
            return delayed(answer)(frame)
        if isinstance(answer, (bytes, bytearray)) and len(answer) >= ETHERNET_HEADER:
            return Action("corrupted", "by a function", ((0.0, bytes(answer)),))
        raise LabError(
            f"a rule cannot return {shown(answer)}",
            'Return None to let it pass, "drop", "duplicate", "reorder", seconds of delay, or the '
            "bytes to deliver: the whole frame, from packet.raw on, not only the payload.",
        )

    return act
