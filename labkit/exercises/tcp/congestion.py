"""Exercises on congestion control: bytes in flight under two windows, and a curve of the congestion window.

Rule: the curve is Reno's by the rules of RFC 5681, counted in segments and round trips; a known mistake is named.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Form, numbers
from labkit.exercises.running import NotYet, Run, check_parts

LESSON = "01e-tcp-congestion"


class InFlight(Seeded):
    """How many bytes are under way, and how many more may follow?"""

    name = "tcp.in_flight"
    lesson = LESSON
    title = "count the bytes in flight"
    steps = ("two whole numbers", "the bytes in flight", "the bytes that may still be sent")
    stub = (
        "answer = [None, None]  # bytes in flight, bytes that may still be sent\n"
        "exercises.tcp.in_flight.check(answer)"
    )  # fmt: skip
    asks = "Give check() two numbers: [bytes in flight, bytes that may still be sent]."
    praise = (
        "In flight is what was sent and is not acknowledged. It may reach the smaller of the two windows, and no "
        "more.\n"
        "The peer's window is in the header; the congestion window is only in the sender's kernel."
    )
    hints = (
        "The last ack names the first byte that is not acknowledged. Which byte will be sent next?",
        "In flight = number of the next byte to send − the last ack.",
        "The limit is the smaller of the two windows. Take from it what is already in flight.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return numbers("bytes in flight", "bytes that may still be sent")

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        self.size = chance.choice((500, 1000, 1200, 1460))
        self.sent, self.acked = chance.randint(7, 9), chance.randint(2, 4)  # segments
        flight = (self.sent - self.acked) * self.size
        small, large = flight + chance.randint(1, 3) * self.size, flight + chance.randint(6, 20) * self.size
        self.congestion, self.peer = (small, large) if seed % 2 else (large, small)

    @property
    def task(self) -> str:
        lines = [f"client → server  seq={1 + number * self.size:<6} {self.size} bytes" for number in range(self.sent)]
        lines.insert(self.sent - 2, f"client ← server  ack={1 + self.acked * self.size:<6} window={self.peer}")
        text = "\n".join(lines)
        return (
            "A client sends. These are its segments and the last acknowledgment that it received, with relative "
            f"numbers:\n\n```text\n{text}\n```\n\n"
            f"The client's congestion window is {self.congestion} bytes. How many bytes are in flight at the end, and "
            "how "
            "many more may the client send now?"
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_parts(answer, 2, (int,), "two whole numbers", self.asks)
        flight, more = answer
        right = self.reference
        run.step(2)
        if flight != right[0]:
            raise NotYet("what was sent and is not acknowledged", f"{flight} bytes", self._about_flight(flight))
        run.step(3)
        if more != right[1]:
            raise NotYet("what the smaller window leaves", f"{more} bytes", self._about_more(more))

    def _about_flight(self, flight: int) -> str:
        size = self.size
        if flight == self.sent * size:
            return "These are all bytes that were sent. The acknowledged ones have arrived: they are not in flight."
        if flight == self.acked * size:
            return "These are the acknowledged bytes. The others are in flight."
        if flight == self.sent - self.acked:
            return "This counts segments. Windows count bytes."
        if flight == 2 * size:
            return ("These are the segments after the ACK in the list. It may acknowledge less than all before it: "
                    "look "
                    "at its number.")
        if abs(flight - self.reference[0]) == 1:
            return "One byte beside it: an ack names the next byte expected, so that byte is not acknowledged yet."
        return "Take the last ack from the number of the byte that would be sent next."

    def _about_more(self, more: int) -> str:
        flight = self.reference[0]
        small, large = sorted((self.congestion, self.peer))
        which = "congestion window" if self.congestion == small else "peer's window"
        if more == small:
            return "This is the whole window. What is in flight already uses a part of it."
        if more in (large - flight, large):
            return f"The smaller of the two windows counts, and here it is the {which}."
        if more == self.congestion + self.peer - flight:
            return "The two windows are not added: both limit, and so the smaller one counts."
        return "Take the smaller window, and subtract the bytes in flight."

    @property
    def worked(self) -> str:
        return (
            f"The next byte to send has number {1 + self.sent * self.size}, the last ack is "
            f"{1 + self.acked * self.size}; the smaller window is {min(self.congestion, self.peer)}.\n\n"
            f"```python\nflight = {1 + self.sent * self.size} - {1 + self.acked * self.size}\n"
            f"answer = [flight, min({self.congestion}, {self.peer}) - "
            "flight]\nexercises.tcp.in_flight.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        flight = (self.sent - self.acked) * self.size
        return [flight, min(self.congestion, self.peer) - flight]


class CwndCurve(Seeded):
    """What happened to this connection, by its congestion window?"""

    name = "tcp.cwnd_curve"
    lesson = LESSON
    title = "read a curve of the congestion window"
    steps = ("four whole numbers", "the end of slow start", "the loss told by duplicate ACKs", "the timer that ran out",
             "the threshold after it")
    stub = (
        "answer = [None, None, None, None]  # slow start ends, duplicate ACKs, timer: rounds; then the threshold\n"
        "exercises.tcp.cwnd_curve.check(answer)"
    )  # fmt: skip
    asks = "Give check() four numbers: [round, round, round, segments]."
    praise = (
        "Doubling, then one more a round; half after duplicate ACKs, one segment after the timer: that is Reno.\n"
        "All of it is decided by the sender alone, from acks. The network has not said a word."
    )
    hints = (
        "Compare each round with the one before. Where does the window double, grow by one, fall to half, fall to one?",
        "Slow start doubles. It ends in the round from which the window only grows by one.",
        "After duplicate ACKs Reno goes on with half the window; after its timer it starts again with one segment. In "
        "both cases the new threshold is half of the window before.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return numbers(
            "last round of slow start", "round of the duplicate ACKs", "round of the timer", "threshold in segments"
        )

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        window, threshold = chance.choice((1, 2)), chance.choice((8, 16))
        self.curve: list[int] = [window]
        while window < threshold:
            window = min(2 * window, threshold)
            self.curve.append(window)
        self.slow = len(self.curve)  # rounds are counted from 1
        self._grow(chance.choice((2, 4)))
        self.halved = len(self.curve)
        self.curve.append(self.curve[-1] // 2)
        self._grow(threshold - self.curve[-1])  # up to a power of two, so that the second slow start doubles to the end
        self.timed_out = len(self.curve)
        self.threshold = self.curve[-1] // 2
        self.curve.append(1)
        while self.curve[-1] < self.threshold:
            self.curve.append(min(2 * self.curve[-1], self.threshold))
        self._grow(2)

    def _grow(self, rounds: int) -> None:
        """Grow by one segment a round."""
        for _ in range(rounds):
            self.curve.append(self.curve[-1] + 1)

    @property
    def task(self) -> str:
        rows = "\n".join(
            f"round {number:>2}  {window:>2}  {'#' * window}" for number, window in enumerate(self.curve, 1)
        )
        return (
            "This is the congestion window of a sender that uses Reno, in segments, for each round trip:\n\n"
            f"```text\n{rows}\n```\n\n"
            "1. Which round is the last one of the first slow start? (After it the window grows by one only.)\n"
            "2. In which round did duplicate ACKs tell of a loss? (The window falls after this round.)\n"
            "3. In which round did the sender's timer run out?\n"
            "4. How large is the threshold after that, in segments: up to where does the second slow start double?"
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_parts(answer, 4, (int,), "four whole numbers", self.asks)
        for number, (given, right) in enumerate(zip(answer, self.reference, strict=True)):
            run.step(number + 2)
            if given != right:
                seen = f"{given} segments" if number == 3 else f"round {given}"
                raise NotYet(f"another number for question {number + 1}", seen, self._why(number, given))

    def _why(self, number: int, given: int) -> str:
        if number == 3:
            before = self.curve[self.timed_out - 1]
            return {
                before: "This is the window itself, when the timer ran out. The threshold is half of it.",
                1: "This is the window with which the sender starts again. The threshold is where doubling ends.",
                self.curve[self.halved]: "This is half of the window at the first loss. Look at the second one.",
            }.get(given, "Follow the second slow start: up to which window does it double?")
        right = self.reference[number]
        if number and given == self.reference[3 - number]:
            return ("After this round the window falls to one segment: that is what the timer does." if number == 1
                    else "After this round the window falls to half: that is what duplicate ACKs do.")
        if number and given == self.slow:
            return "In this round slow start ends, since the threshold is reached. Nothing is lost: the window grows."
        if given == right + 1:
            return ("This round is the first one that grew by one. Slow start ended one round before." if number == 0
                    else "This is the first round with the smaller window. The loss was told in the round before."
                    if number == 1
                    else "This is the first round after the timer. The timer ran out in the round before.")
        if given == self.curve[right - 1]:
            return "This is the window in segments. The question asks for the number of the round."
        if number == 0:
            return ("After this round the window still doubles." if given < right
                    else "Before this round the window already grows by one only.")
        return "Look for the round after which the window " + ("is half." if number == 1 else "is one segment.")

    @property
    def worked(self) -> str:
        return (
            f"The window doubles up to round {self.slow}; after round {self.halved} it is half; after round "
            f"{self.timed_out} it is one segment, and the threshold is half of {self.curve[self.timed_out - 1]}.\n\n"
            f"```python\nanswer = {self.reference}\nexercises.tcp.cwnd_curve.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        return [self.slow, self.halved, self.timed_out, self.threshold]
