"""An exercise on reliability: the sender of stop-and-wait, without a socket and without a clock.

Rule: after each call, what was sent is compared with what stop-and-wait sends; the first difference is the finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, source
from labkit.exercises.running import NotAttempted, NotYet, Run, check_callable
from labkit.exercises.udp.network import Fate, Network, by_chance, by_script

PIECES = (b"stop", b"and", b"wait", b"over", b"UDP")

SEEDS = range(1, 9)
"""Of the networks that lose by chance."""

FLOOD = 1000
"""Datagrams in one call after which it is ended: nothing sends so much at once but a loop."""

_REMEMBERED = 9  # happenings that a finding tells
_NONE = "With no pieces there is nothing to send, and nothing to wait for: done is True after start()."


class Sender:
    """Sends pieces one at a time, each until it is acknowledged; the reference answer."""

    def __init__(self, pieces: list[bytes], send: Callable[[int, bytes], None]) -> None:
        self.pieces = pieces
        self.send = send
        self.current = 0

    def start(self) -> None:
        """Send the first piece."""
        if not self.done:
            self.send(self.current, self.pieces[self.current])

    def acked(self, number: int) -> None:
        """The receiver has this piece: go on to the next, unless the ack is an old one."""
        if number == self.current and not self.done:
            self.current += 1
            self.start()

    def timed_out(self) -> None:
        """No ack came for some time: send the same piece again."""
        self.start()

    @property
    def done(self) -> bool:
        """Whether every piece has been acknowledged."""
        return self.current == len(self.pieces)


class Flooded(Exception):
    """Raised inside the student's code by send() when one call sends without end."""


class StopAndWait(Exercise):
    """Write the sender's side of a reliable transfer over datagrams."""

    name = "udp.stop_and_wait"
    lesson = "02b-udp-network"
    title = "make a transfer reliable: stop-and-wait"
    steps = ("nothing is lost", "a piece is lost", "an ack is lost", "an old ack arrives late and twice",
             "30 % are lost in both directions, some come late or twice", "no pieces at all",
             "when all is done, a timer goes off and an ack comes again")
    stub = '''class Sender:
    def __init__(self, pieces: list[bytes], send):
        self.done = False
        ...

    def start(self):
        """Send the first piece: send(number, piece)."""
        ...

    def acked(self, number: int):
        """An ack has come for the piece with this number."""
        ...

    def timed_out(self):
        """No ack has come for some time."""
        ...

exercises.udp.stop_and_wait.check(Sender)'''
    asks = "Give check() the class itself: check(Sender)."
    praise = (
        "Number, ack, timer: with these three, what was lost is sent again and what came twice is thrown away.\n"
        "The price: one piece a round trip, however fast the wire. TCP's window is the way out."
    )
    task = (
        "A network may lose, duplicate and reorder datagrams. Write the class `Sender`: with it, every piece arrives. "
        "A sender has no socket and no clock. Its methods are called when something happens, and they call "
        "`send(number, piece)`, which puts one datagram on the network. The receiver acknowledges each piece by its "
        "number, and does so again if the piece comes again.\n\n"
        "- Pieces are numbered from 0, as in the list.\n"
        "- `start()` sends the first piece.\n"
        "- `acked(number)`: that piece has arrived. The next piece leaves only when the one under way is "
        "acknowledged, so two pieces are never under way. For an ack of an earlier piece, nothing is sent.\n"
        "- `timed_out()`: no ack came in time. The piece under way is sent again.\n"
        "- `done` is True once every piece is acknowledged, and False before. With no pieces it is True "
        "after `start()`. Once it is True, nothing is sent.\n\n"
        "None of these methods waits: each returns at once, and the next one is called when something happens.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "What must the sender remember between two calls? One number is enough.",
        "Keep the number of the piece under way. `start` and `timed_out` do the same: send that piece.",
        "In `acked`, compare: only `number == self.current` counts. Then `self.current += 1`, and send that piece "
        "if there is one. `done` is `self.current == len(self.pieces)`.",
    )
    reference = Sender

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the class Sender", self.asks)
        _Transfer(run, answer, by_script({}), first=True).play()
        run.step(2)
        for number in (0, 2, len(PIECES) - 1):
            _Transfer(run, answer, by_script({("data", number, 0): ()})).play()
        _Transfer(run, answer, by_script({("data", 1, 0): (), ("data", 1, 1): ()})).play()
        run.step(3)
        for number in (0, 2, len(PIECES) - 1):
            _Transfer(run, answer, by_script({("ack", number, 0): ()})).play()
        run.step(4)
        # The second copy of piece 0's ack comes when 2 is under way, and lost: whoever goes on leaves 2 out.
        _Transfer(run, answer, by_script({("ack", 0, 0): (1, 4), ("data", 2, 0): ()})).play()
        # The ack of piece 0 is late, so 0 is sent again, and acknowledged twice more when 1 is under way, and lost.
        _Transfer(run, answer, by_script({("ack", 0, 0): (11,), ("ack", 0, 1): (4, 6), ("data", 1, 0): ()})).play()
        last = len(PIECES) - 1
        _Transfer(run, answer, by_script({("ack", last, 0): (1, 3), ("data", last, 0): (1, 4)})).play()
        run.step(5)
        for seed in SEEDS:
            _Transfer(run, answer, by_chance(seed), [bytes((seed, number)) for number in range(12)]).play()
        run.step(6)
        _Transfer(run, answer, by_script({}), []).play()
        run.step(7)
        for pieces in (list(PIECES), []):
            transfer = _Transfer(run, answer, by_script({}), pieces)
            transfer.play()
            transfer.go_on_after_the_end()

    @property
    def worked(self) -> str:
        return f"One number says all: the piece under way.\n\n{source(Sender, 'from collections.abc import Callable')}"


class _Transfer:
    """One sender on one network, and what stop-and-wait would have sent so far. current: the piece under way."""

    def __init__(
        self, run: Run, answer: Any, fate: Fate, pieces: list[bytes] | None = None, *, first: bool = False
    ) -> None:
        self.run, self.first = run, first
        self.pieces = list(PIECES) if pieces is None else pieces
        self.network = Network(fate)
        self.sent: list[tuple[Any, Any]] = []
        self.current = 0
        self.sender = run.call("Sender(pieces, send)", answer, list(self.pieces), self._send)
        for method in ("start", "acked", "timed_out"):
            if not callable(getattr(self.sender, method, None)):
                raise NotYet(f"an object with a method {method}()", show(self.sender), StopAndWait.asks)
        if self.sent:
            raise NotYet("nothing is sent before start()", f"Sender(pieces, send) sent {self._numbers()}",
                         "Only prepare in __init__; the driver calls start() when the network is ready.")

    def play(self) -> None:
        """Let the transfer run to its end, and beyond it. Raises `NotYet` at the first wrong step."""
        self._call("start()", self.sender.start)
        while (what := self.network.next(timer=not self._done)) is not None:
            if what.kind == "timed out":
                self._call("timed_out()", self.sender.timed_out)
                continue
            news = what.number == self.current
            self.current += news
            self._call(f"acked({what.number})", self.sender.acked, what.number, news=news)

    def go_on_after_the_end(self) -> None:
        """A timer set before the last ack goes off all the same, and the ack comes again. Raises `NotYet`."""
        self.network.history.append("timed out")
        self._call("timed_out()", self.sender.timed_out)
        if self.pieces:
            last = len(self.pieces) - 1
            self.network.history.append(f"ack {last} arrives again")
            self._call(f"acked({last})", self.sender.acked, last, news=False)

    @property
    def _done(self) -> bool:
        return self.current == len(self.pieces)

    def _send(self, number: Any, piece: Any) -> None:
        """What the student's sender calls."""
        if len(self.sent) > FLOOD:
            raise Flooded
        self.sent.append((number, piece))

    def _call(self, doing: str, method: Callable[..., Any], *args: int, news: bool = True) -> None:
        """Call a method; compare what it sent, and whether it is done. news: false for an ack of an earlier piece."""
        self.sent.clear()
        try:
            self.run.call(doing, method, *args)
        except NotYet as found:
            if len(self.sent) > FLOOD:
                raise self._flood(doing) from None
            if found.seen.startswith("IndexError") and self._done:
                found.why += " " + (_NONE if not self.pieces else "There is no piece after the last one.")
            found.why = f"{found.why}\n{self._so_far()}".strip()
            raise
        if len(self.sent) > FLOOD:
            raise self._flood(doing)
        expected = [] if self._done or not news else [self.current]
        if self.first and doing == "start()" and not self.sent and _says_nothing(self.sender):
            raise NotAttempted
        self._compare(doing, expected, news)
        for number, piece in self.sent:
            self.network.send(number, piece)
        self._check_done(doing)

    def _compare(self, doing: str, expected: list[int], news: bool) -> None:
        for number, piece in self.sent:
            if type(number) is not int or type(piece) not in (bytes, bytearray):
                raise NotYet("send(number, piece): a whole number and bytes",
                             f"{doing} called send({show(number)}, {show(piece)})", "The number comes first.")
        if [number for number, _ in self.sent] == expected:
            for number, piece in self.sent:
                if piece != self.pieces[number]:
                    raise NotYet(f"send({number}, {show(self.pieces[number])})", f"send({number}, {show(piece)})",
                                 "Number and piece belong together: piece number n is pieces[n].")
            return
        wanted = f"{doing} sends piece {expected[0]}, once" if expected else f"{doing} sends nothing"
        why = self._why(doing, [number for number, _ in self.sent], news)
        raise NotYet(wanted, f"it sent {self._numbers()}", f"{why}\n{self._so_far()}".strip())

    def _why(self, doing: str, sent: list[int], news: bool) -> str:
        """What most likely went wrong."""
        count, now = len(self.pieces), self.current
        if not count:
            return _NONE
        if self._done:
            late = " A timer that was set before may still go off." if doing == "timed_out()" else ""
            return f"Every piece is acknowledged, so done is True: after that nothing is sent, whatever comes.{late}"
        if len(set(sent)) > 1:
            return ("Stop-and-wait: one piece at a time. The next one leaves when the one under way has been "
                    "acknowledged, and acked() will tell you.")
        if len(sent) > 1:
            return "Once is enough: whether it is lost, nobody knows before timed_out() is called."
        if doing == "timed_out()":
            if not sent:
                return ("The piece under way, or its ack, is lost. If you do not send it again, both sides wait for "
                        "ever.")
            if sent[0] > now:
                return f"No ack has come for piece {now}: going on to the next one would leave it out."
            return f"The pieces before {now} are acknowledged; send the one under way."
        if doing == "start()":
            return ("Somebody must begin: send the first piece." if not sent
                    else "Pieces are numbered from 0, as in the list.")
        if not news:
            if sent[0] > now:
                return (f"This is an old ack, of another piece than the one under way ({now}), which may be lost: "
                        "look at the number in the ack before you go on.")
            if sent[0] == now:
                return ("An old ack says nothing about the piece under way. If each old ack is answered with a "
                        "datagram, the traffic doubles from then on (RFC 1123 §4.2.3.1); the timer is there for that.")
            return f"An old ack must not take you back: the pieces before {now} are acknowledged."
        if not sent:
            return f"Piece {now - 1} has arrived, so the next one may leave. Only timed_out() would call you again."
        if sent[0] < now:
            return f"Piece {now - 1} is acknowledged: the next one is {now}. The ack names what arrived."
        return f"Count one on for each ack: after piece {now - 1} comes {now}."

    def _check_done(self, doing: str) -> None:
        try:
            done = self.run.call("sender.done", getattr, self.sender, "done")
        except NotYet as found:
            if found.frames:  # a property of the student's that fails
                raise
            raise NotYet("an attribute or a property done", "there is none",
                         "Set self.done in __init__, or write a property.") from None
        if callable(done):
            raise NotYet("done is True or False", "done is a method",
                         "Put @property above it, or set self.done: nobody will call it.")
        if type(done) is not bool:
            raise NotYet("done is True or False", f"done is {show(done)} after {doing}", "")
        if done == self._done:
            return
        left = len(self.pieces) - self.current
        if done:
            raise NotYet(f"done is False after {doing}: {left} of {len(self.pieces)} pieces are not acknowledged",
                         "done is True", "A piece that was sent need not have arrived: only an ack of the last one "
                         f"says that all are there.\n{self._so_far()}")
        raise NotYet(f"done is True after {doing}: every piece is acknowledged", "done is False",
                     "The program that drives the sender waits until done is True.\n" + self._so_far())

    def _flood(self, doing: str) -> NotYet:
        return NotYet(f"{doing} returns at once", f"it sent more than {FLOOD} datagrams",
                      "A loop inside cannot see an ack come: acked() is called only after this call has returned.")

    def _numbers(self) -> str:
        shown = ", ".join(show(number) for number, _ in self.sent[:8]) + (", …" if len(self.sent) > 8 else "")
        return f"piece {shown}" if len(self.sent) == 1 else f"pieces {shown}" if self.sent else "nothing"

    def _so_far(self) -> str:
        history = self.network.history
        if not history:
            return ""
        more = "… " if len(history) > _REMEMBERED else ""
        return f"On the network so far: {more}{'; '.join(history[-_REMEMBERED:])}."


def _says_nothing(sender: Any) -> bool:
    """Whether the object keeps nothing but `done`: then nobody has written __init__ yet."""
    kept = getattr(sender, "__dict__", None)
    return not kept or set(kept) <= {"done"}
