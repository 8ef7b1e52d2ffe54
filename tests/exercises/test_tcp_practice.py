"""Exercises that ask for numbers: checksum, TIME-WAIT, Nagle, windows, congestion; each slip has its own words."""

from __future__ import annotations

import pytest

from labkit.exercises.tcp import checksum, cwnd_curve, in_flight, nagle, sample, throughput, time_wait
from tests.exercises.answers import refused

SEEDS = range(1, 31)


class TestChecksum:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        checksum.another(seed)
        total, folded, right = checksum.reference
        refused(checksum, [total & 0xFFFF, folded, right], 2, "step 2 needs the carry")
        refused(checksum, [total - checksum.words[1], folded, right], 2, "is missing in this sum")
        refused(checksum, [total + 1, folded, right], 2, "Add the three numbers")
        refused(checksum, [total, total & 0xFFFF, right], 3, "The carry is thrown away")
        refused(checksum, [total, total, right], 3, "Something is still above 16 bits")
        refused(checksum, [total, folded ^ 0xFFFF, right], 3, "Take away what is above 16 bits")
        refused(checksum, [total, folded, folded], 4, "not turned over yet")
        refused(checksum, [total, folded, ~folded], 4, "so the number is negative")
        refused(checksum, [total, folded, 0x10000 - folded], 4, "one too high")
        refused(checksum, [total, folded, total & 0xFFFF ^ 0xFFFF], 4, "sum without its carry")

    def test_some_carries_overflow_again(self) -> None:
        checksum.another(3)
        total, folded, right = checksum.reference
        assert total == 0x1FFFF
        assert folded == 1
        refused(checksum, [total, 0x10000, right], 3, "gave a new carry: fold once more")
        refused(checksum, [total, 0, right], 3, "this one was thrown away")

    def test_it_is_the_checksum(self) -> None:
        for seed in SEEDS:
            checksum.another(seed)
            data = b"".join(word.to_bytes(2, "big") for word in checksum.words)
            assert checksum.reference[2] == sample.checksum(data)

    def test_a_huge_number_is_shown_short(self) -> None:
        assert len(checksum.check([10**5000, 1, 1]).seen) < 120


class TestTimeWait:
    def test_each_problem(self) -> None:
        assert [time_wait.another(seed).reference for seed in (1, 2, 3)] == [
            ("server", "no"), ("client", "yes"), ("nobody", "yes"),
        ]  # fmt: skip

    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        time_wait.another(seed)
        right, free = time_wait.reference
        other = {"server": "client", "client": "server"}.get(right, "server")
        refused(time_wait, (other, free), 2, "Look who sent the first FIN" if right != "nobody" else "A RST ends")
        if right != "nobody":
            refused(time_wait, ("nobody", free), 2, "Both sides sent a FIN")
        words = {"server": "uses port 8124", "client": "with a port of its own", "nobody": "Nobody keeps"}[right]
        refused(time_wait, (right, "no" if free == "yes" else "yes"), 3, words)

    @pytest.mark.parametrize("answer", [("both", "yes"), ("server", "maybe"), ("server",), "server", (True, False)])
    def test_no_such_answer(self, answer: object) -> None:
        assert time_wait.check(answer).step.startswith("step 1 of 3")


class TestNagle:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        nagle.another(seed)
        slow, fast, one = nagle.reference
        way = nagle.way
        for wrong, message in {
            way: "So nothing would wait", 40: "only the delay of the ACK", way + 40: "At this time the server sends",
            2 * way + 40: "At this time the ACK reaches", 3 * way: "does not leave at once",
            2 * way: "Count also the delay", 4 * way + 40: "One way too many", 999: "Follow the second part",
        }.items():  # fmt: skip
            if wrong != slow:
                refused(nagle, [wrong, fast, one], 2, message)
        refused(nagle, [slow, slow, one], 3, "does not wait for an ACK")
        refused(nagle, [slow, 2 * way, one], 3, "under way at the same time")
        refused(nagle, [slow, 0, one], 3, "needs time")
        refused(nagle, [slow, fast, slow], 4, "only one segment")
        refused(nagle, [slow, fast, way + 40], 4, "what is not acknowledged")
        refused(nagle, [slow, fast, 2 * way], 4, "travels once")

    def test_a_fraction_is_a_number_too(self) -> None:
        assert nagle.check([float(part) for part in nagle.reference]).correct


class TestThroughput:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        throughput.another(seed)
        rate, amount = throughput.reference
        bits, window = throughput.window * 8000 / throughput.round_trip, throughput._amount()
        for wrong, message in {
            bits / 8: "Bits and bytes are mixed up", bits * 8: "8 times too much", bits / 1000: "look at the thousands",
            bits * 2: "a whole round trip", bits / 2: "One round trip is enough", bits * 3.3: "Divide the window",
        }.items():  # fmt: skip
            refused(throughput, [f"{wrong} bit/s", amount], 2, message)
        for wrong, message in {
            window * 8: "the number of bits", window / 8: "Divided by 8 twice", window * 1000: "thousands",
            throughput.wanted * 1e6 / 8: "in a whole second", window / 2: "not half", window * 3.3: "Multiply",
        }.items():  # fmt: skip
            if abs(wrong - window) > 0.02 * window:
                refused(throughput, [rate, f"{wrong} bytes"], 3, message)

    def test_known_numbers(self) -> None:
        throughput.window, throughput.round_trip, throughput.wanted = 65_536, 100, 100
        for rate in ("5.24 Mbit/s", "5242.88 kbit/s", "655 kB/s", "640 KiB/s", "5.24 Mbps", "5,242,880 bit/s"):
            assert throughput.check([rate, "1.25 MB"]).correct, rate
        for amount in ("1250000 bytes", "1250 kB", "1 250 000 B", "10 Mbit", "1.19 MiB", "1.25e6 B"):
            assert throughput.check(["5.2429 Mbit/s", amount]).correct, amount

    @pytest.mark.parametrize(("answer", "message"), [
        ([5.24, "1 MB"], "bits or bytes?"), (["5.24", "1 MB"], "a space and a unit"),
        (["5 apples", "1 MB"], "a space and a unit"), (["5 MB", "1 MB"], "a rate"),
        (["5 Mbit/s", "1 MB/s"], "not for a rate"), (["fast", "1 MB"], "a space and a unit"),
        ([b"5 Mbit/s", "1 MB"], "a space and a unit"), (["1" * 500 + " B", "1 MB"], "a space and a unit"),
    ])  # fmt: skip
    def test_without_a_unit(self, answer: object, message: str) -> None:
        refused(throughput, answer, 1, message)


class TestInFlight:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        in_flight.another(seed)
        flight, more = in_flight.reference
        small, large = sorted((in_flight.congestion, in_flight.peer))
        assert flight < small
        wrong = {
            in_flight.sent * in_flight.size: "all bytes that were sent",
            in_flight.acked * in_flight.size: "the acknowledged bytes",
            in_flight.sent - in_flight.acked: "counts segments",
            flight + 1: "One byte beside it", flight + 7: "Take the last ack",
        }  # fmt: skip
        if 2 * in_flight.size not in (flight, in_flight.acked * in_flight.size):
            wrong[2 * in_flight.size] = "look at its number"
        for answer, message in wrong.items():
            if answer != flight:
                refused(in_flight, [answer, more], 2, message)
        refused(in_flight, [flight, small], 3, "the whole window")
        refused(in_flight, [flight, large], 3, "The smaller of the two windows counts")
        if large - flight != small:
            refused(in_flight, [flight, large - flight], 3, "The smaller of the two windows counts")
        refused(in_flight, [flight, small + large - flight], 3, "not added")
        refused(in_flight, [flight, 7], 3, "subtract the bytes in flight")

    def test_both_windows_limit_in_turn(self) -> None:
        limits = {seed: in_flight.another(seed).congestion < in_flight.peer for seed in (1, 2)}
        assert limits == {1: True, 2: False}


class TestCwndCurve:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_curve_is_renos(self, seed: int) -> None:
        cwnd_curve.another(seed)
        curve, (slow, halved, timed_out, threshold) = cwnd_curve.curve, cwnd_curve.reference
        assert all(curve[at] == 2 * curve[at - 1] for at in range(1, slow))
        assert curve[slow] == curve[slow - 1] + 1
        assert curve[halved - 1] == 2 * curve[halved]
        assert curve[timed_out] == 1
        assert curve[timed_out - 1] == 2 * threshold
        at = curve.index(threshold, timed_out)
        assert all(curve[place] == 2 * curve[place - 1] for place in range(timed_out + 1, at + 1))
        assert curve[at + 1] == threshold + 1

    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        cwnd_curve.another(seed)
        curve, right = cwnd_curve.curve, cwnd_curve.reference
        slow, halved, timed_out, threshold = right
        refused(cwnd_curve, [slow + 1, *right[1:]], 2, "ended one round before")
        if curve[slow - 1] != slow + 1:
            refused(cwnd_curve, [curve[slow - 1], *right[1:]], 2, "the window in segments")
        refused(cwnd_curve, [1, *right[1:]], 2, "still doubles")
        refused(cwnd_curve, [slow, halved + 1, timed_out, threshold], 3, "loss was told in the round before")
        refused(cwnd_curve, [slow, timed_out, halved, threshold], 3, "that is what the timer does")
        refused(cwnd_curve, [slow, slow, timed_out, threshold], 3, "Nothing is lost")
        refused(cwnd_curve, [slow, halved, halved, threshold], 4, "that is what duplicate ACKs do")
        refused(cwnd_curve, [slow, halved, timed_out + 1, threshold], 4, "timer ran out in the round before")
        refused(cwnd_curve, [slow, halved, timed_out, 2 * threshold], 5, "The threshold is half of it")
        refused(cwnd_curve, [slow, halved, timed_out, 1], 5, "starts again")
        refused(cwnd_curve, [slow, halved, timed_out, curve[halved]], 5, "at the first loss")
        refused(cwnd_curve, [slow, halved, timed_out, 99], 5, "up to which window")
