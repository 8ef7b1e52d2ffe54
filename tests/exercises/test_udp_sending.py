"""Stop-and-wait: senders as students write them, each refused for its own reason; the network they are tried on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit.exercises import Outcome
from labkit.exercises.udp import stop_and_wait
from labkit.exercises.udp.network import TIMEOUT, Network, by_chance, by_script
from labkit.exercises.udp.sending import FLOOD, PIECES, SEEDS, Sender

Send = Callable[[int, bytes], None]


class SendsAllAtOnce(Sender):
    def start(self) -> None:
        for number, piece in enumerate(self.pieces):
            self.send(number, piece)


class TakesAnyAck(Sender):
    def acked(self, number: int) -> None:
        if not self.done:
            self.current += 1
            self.start()


class TakesItsNumber(Sender):
    def acked(self, number: int) -> None:
        if not self.done:
            self.current = number + 1
            self.start()


class ResendsOnAnOldAck(Sender):
    def acked(self, number: int) -> None:
        self.current += number == self.current
        self.start()


class NeverResends(Sender):
    def timed_out(self) -> None:
        pass


class GoesOnAfterATimeout(Sender):
    def timed_out(self) -> None:
        self.current += 1
        self.start()


class ResendsEverything(Sender):
    def timed_out(self) -> None:
        for number in range(self.current + 1):
            self.send(number, self.pieces[number])


class ResendsTheFirst(Sender):
    def timed_out(self) -> None:
        self.send(0, self.pieces[0])


class ResendsAfterDone(Sender):
    def acked(self, number: int) -> None:
        self.current += number == self.current
        last = min(self.current, len(self.pieces) - 1)
        if number >= last - 1:
            self.send(last, self.pieces[last])


class ResendsAfterALateAck(Sender):
    def acked(self, number: int) -> None:
        if self.done:
            self.send(number, self.pieces[number])
        super().acked(number)


class ResendsTheLastAfterDone(Sender):
    def timed_out(self) -> None:
        if self.pieces:
            last = min(self.current, len(self.pieces) - 1)
            self.send(last, self.pieces[last])


class FailsAfterDone(Sender):
    def timed_out(self) -> None:
        self.send(self.current, self.pieces[self.current])


class FailsAfterNothing(Sender):
    def timed_out(self) -> None:
        if not self.pieces:
            raise ValueError("nothing to send")
        self.start()


class RemembersTheTimer(Sender):
    again = False

    def timed_out(self) -> None:
        self.again = True
        super().timed_out()

    def acked(self, number: int) -> None:
        if self.done and self.again:
            self.send(number, self.pieces[number])
        self.again = False
        super().acked(number)


class SendsTwice(Sender):
    def start(self) -> None:
        super().start()
        super().start()


class CountsFromOne(Sender):
    def start(self) -> None:
        if not self.done:
            self.send(self.current + 1, self.pieces[self.current])


class SkipsOne(Sender):
    def acked(self, number: int) -> None:
        if number == self.current:
            self.current += 2
            self.start()


class StaysWhereItIs(Sender):
    def acked(self, number: int) -> None:
        self.start()


class WaitsForATimeout(Sender):
    def acked(self, number: int) -> None:
        self.current += number == self.current


class SendsTheWrongPiece(Sender):
    def start(self) -> None:
        if not self.done:
            self.send(self.current, self.pieces[-1])


class SendsTextFirst(Sender):
    def start(self) -> None:
        if not self.done:
            self.send(self.pieces[self.current], self.current)  # type: ignore[arg-type]


class RunsPastTheEnd(Sender):
    def start(self) -> None:
        self.send(self.current, self.pieces[self.current])


class RunsPastNothing(Sender):
    def acked(self, number: int) -> None:
        if number == self.current:
            self.current += 1
            if not self.done:
                self.start()

    def start(self) -> None:
        self.send(self.current, self.pieces[self.current])


class StartsInInit(Sender):
    def __init__(self, pieces: list[bytes], send: Send) -> None:
        super().__init__(pieces, send)
        self.start()


class WaitsInStart(Sender):
    def start(self) -> None:
        while not self.done:
            self.send(self.current, self.pieces[self.current])


class WaitsInStartAndSwallows(Sender):
    def start(self) -> None:
        while not self.done:
            try:
                self.send(self.current, self.pieces[self.current])
            except Exception:
                continue


class NeverDone(Sender):
    done = False  # type: ignore[assignment]

    def start(self) -> None:
        if self.current < len(self.pieces):
            self.send(self.current, self.pieces[self.current])


class DoneOneEarly(Sender):
    @property
    def done(self) -> bool:
        return self.current >= len(self.pieces) - 1

    def start(self) -> None:
        if self.current < len(self.pieces):
            self.send(self.current, self.pieces[self.current])


class DoneIsAMethod(Sender):
    def done(self) -> bool:  # type: ignore[override]
        return self.current == len(self.pieces)

    def start(self) -> None:
        self.send(self.current, self.pieces[self.current])


class DoneIsANumber(Sender):
    done = 0  # type: ignore[assignment]


class DoneFails(Sender):
    @property
    def done(self) -> bool:
        return self.current == self.total  # type: ignore[attr-defined, no-any-return]

    def start(self) -> None:
        self.send(self.current, self.pieces[self.current])


class NoDone:
    def __init__(self, pieces: list[bytes], send: Send) -> None:
        self.pieces, self.send = pieces, send

    def start(self) -> None:
        self.send(0, self.pieces[0])

    def acked(self, number: int) -> None: ...

    def timed_out(self) -> None: ...


class NoStart(NoDone):
    start = None  # type: ignore[assignment]


class StartsNothing(NoDone):
    def start(self) -> None: ...


class Pops:
    """Right, in another way: pieces are taken off the list."""

    def __init__(self, pieces: list[bytes], send: Send) -> None:
        self.left, self.send, self.number = pieces, send, 0
        self.done = not pieces

    def start(self) -> None:
        if self.left:
            self.send(self.number, self.left[0])

    def acked(self, number: int) -> None:
        if self.left and number == self.number:
            self.left.pop(0)
            self.number += 1
            self.done = not self.left
            self.start()

    timed_out = start


class TestWrongAnswers:
    @pytest.mark.parametrize(("answer", "step", "message"), [
        (SendsAllAtOnce, 1, "one piece at a time"),
        (StartsNothing, 1, "Somebody must begin"),
        (SendsTwice, 1, "Once is enough"),
        (CountsFromOne, 1, "numbered from 0"),
        (SkipsOne, 1, "Count one on"),
        (StaysWhereItIs, 1, "the next one is 1"),
        (WaitsForATimeout, 1, "the next one may leave"),
        (SendsTheWrongPiece, 1, "piece number n is pieces[n]"),
        (SendsTextFirst, 1, "The number comes first"),
        (RunsPastTheEnd, 1, "There is no piece after the last one"),
        (StartsInInit, 1, "Only prepare in __init__"),
        (WaitsInStart, 1, "A loop inside cannot see an ack come"),
        (WaitsInStartAndSwallows, 1, "a loop that never ends"),
        (ResendsAfterDone, 1, "after that nothing is sent"),
        (NeverDone, 1, "waits until done is True"),
        (DoneOneEarly, 1, "need not have arrived"),
        (DoneIsAMethod, 1, "Put @property above it"),
        (DoneFails, 1, "AttributeError"),
        (DoneIsANumber, 1, "Stuck?"),
        (NoDone, 1, "Set self.done in __init__"),
        (NoStart, 1, "Give check() the class itself"),
        (NeverResends, 2, "both sides wait for ever"),
        (GoesOnAfterATimeout, 2, "would leave it out"),
        (ResendsEverything, 2, "one piece at a time"),
        (ResendsTheFirst, 2, "send the one under way"),
        (TakesAnyAck, 4, "look at the number in the ack"),
        (ResendsOnAnOldAck, 4, "the traffic doubles"),
        (TakesItsNumber, 4, "must not take you back"),
        (ResendsAfterALateAck, 4, "after that nothing is sent"),
        (RunsPastNothing, 6, "With no pieces there is nothing to send"),
        (ResendsTheLastAfterDone, 7, "A timer that was set before may still go off"),
        (FailsAfterDone, 7, "There is no piece after the last one"),
        (FailsAfterNothing, 7, "ValueError: nothing to send"),
        (RemembersTheTimer, 7, "after that nothing is sent, whatever comes"),
    ])  # fmt: skip
    def test_each_has_its_message(self, answer: Any, step: int, message: str) -> None:
        result = stop_and_wait.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert message in f"{result.seen}\n{result.why}", result
        assert result.step.startswith(f"step {step} of 7"), result

    def test_says_what_happened_on_the_network(self) -> None:
        result = stop_and_wait.check(TakesItsNumber)
        assert "On the network so far: " in result.why
        result = stop_and_wait.check(NeverResends)
        assert result.expected == "timed_out() sends piece 0, once"
        assert result.seen == "it sent nothing"
        assert "On the network so far: send 0 (lost); timed out." in result.why

    def test_an_error_shows_the_students_line(self) -> None:
        result = stop_and_wait.check(RunsPastTheEnd)
        assert result.expected == f"acked({len(PIECES) - 1}) returns"
        assert result.seen == "IndexError: list index out of range"
        assert "in start: self.send(self.current, self.pieces[self.current])" in result.frames[-1]

    def test_a_flood_is_counted_not_kept(self) -> None:
        assert stop_and_wait.check(WaitsInStart).seen == f"it sent more than {FLOOD} datagrams"


class TestOtherRightWays:
    def test_pieces_taken_off_the_list(self) -> None:
        assert stop_and_wait.check(Pops).correct

    def test_a_function_that_makes_one(self) -> None:
        assert stop_and_wait.check(lambda pieces, send: Sender(pieces, send)).correct

    def test_what_raises_not_implemented_is_no_attempt(self) -> None:
        class Stub(Sender):
            def start(self) -> None:
                raise NotImplementedError

        assert stop_and_wait.check(Stub).outcome is Outcome.NOT_ATTEMPTED


class TestNetwork:
    def carry(self, network: Network, pieces: list[bytes]) -> int:
        """Let the reference send these pieces; returns how many datagrams it took."""
        sent = 0

        def send(number: int, piece: bytes) -> None:
            nonlocal sent
            sent += 1
            network.send(number, piece)

        sender = Sender(pieces, send)
        sender.start()
        while (what := network.next(timer=not sender.done)) is not None:
            sender.timed_out() if what.kind == "timed out" else sender.acked(what.number)
        assert sender.done
        return sent

    @pytest.mark.parametrize("seed", [*SEEDS, *range(100, 120)])
    def test_everything_arrives_once_and_in_order(self, seed: int) -> None:
        pieces = [bytes((number,)) for number in range(50)]
        network = Network(by_chance(seed))
        assert self.carry(network, pieces) > 50
        assert network.pieces == pieces
        assert network.thrown_away > 0

    def test_the_seeds_of_the_exercise_lose_double_and_delay(self) -> None:
        for seed in SEEDS:
            network = Network(by_chance(seed))
            self.carry(network, [b""] * 12)
            told = " ".join(network.history)
            assert "send" in told
            assert "(lost)" in told
            assert "arrives again" in told

    def test_the_same_seed_is_the_same_network(self) -> None:
        histories = []
        for _ in range(2):
            network = Network(by_chance(7))
            self.carry(network, [b"x"] * 20)
            histories.append(network.history)
        assert histories[0] == histories[1]

    def test_nothing_lost(self) -> None:
        network = Network(by_script({}))
        assert self.carry(network, [b"a", b"b"]) == 2
        assert network.history == ["send 0", "ack 0 arrives", "send 1", "ack 1 arrives"]

    def test_a_lost_ack_brings_the_piece_twice(self) -> None:
        network = Network(by_script({("ack", 0, 0): ()}))
        assert self.carry(network, [b"a"]) == 2
        assert network.thrown_away == 1
        assert network.history == [
            "send 0", "ack 0 (lost)", "timed out", "send 0", "piece 0 arrives again", "ack 0 arrives",
        ]  # fmt: skip

    def test_a_piece_out_of_turn_is_neither_kept_nor_acknowledged(self) -> None:
        network = Network(by_script({}))
        network.send(1, b"b")
        assert network.next(timer=False) is None
        assert network.pieces == []

    def test_the_timer_counts_from_the_last_datagram(self) -> None:
        network = Network(by_script({("data", 0, 0): (), ("ack", 0, 0): (TIMEOUT - 2,)}))
        assert self.carry(network, [b"a"]) == 2
        network = Network(by_script({("data", 0, 0): (), ("ack", 0, 0): (TIMEOUT,)}))
        assert self.carry(network, [b"a"]) == 3
