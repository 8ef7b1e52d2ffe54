"""Exercises on buffers and fragments: what a real kernel does is right, and each slip is told by its name."""

from __future__ import annotations

import socket

import pytest

from labkit.exercises.udp import fragments, truncation
from tests.exercises.answers import refused

SEEDS = range(1, 31)


class TestTruncation:
    @pytest.mark.parametrize("seed", range(1, 6))
    def test_a_kernel_does_the_same(self, seed: int) -> None:
        truncation.another(seed)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            receiver.bind(("127.0.0.1", 0))
            receiver.settimeout(5)
            for datagram in truncation.datagrams:
                sender.sendto(datagram, receiver.getsockname())
            assert [receiver.recvfrom(room)[0] for room in truncation.rooms] == truncation.reference

    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        truncation.another(seed)
        one, two, three = truncation.reference
        first, second, third = truncation.datagrams
        stream = truncation._as_stream()
        refused(truncation, [first, two, three], 2, "returns 4 bytes at most")
        refused(truncation, [one[:2], two, three], 2, "there is room for 4")
        refused(truncation, [first[-4:], two, three], 2, "not the last ones")
        refused(truncation, [second[:2], two, three], 2, "another datagram")
        refused(truncation, [b"", two, three], 2, "not thrown away as a whole")
        refused(truncation, stream, 3, "how a stream of TCP is read")
        refused(truncation, [one, first[4:6], three], 3, "What did not fit is lost")
        refused(truncation, [one, b"zz", three], 3, "takes datagram 2")
        refused(truncation, [one, two, third[:-1]], 4, "there is room for 100")

    @pytest.mark.parametrize("answer", [["time"], "time", [b"a", b"b"], [1, 2, 3], b"abc"])
    def test_no_list_of_bytes(self, answer: object) -> None:
        assert truncation.check(answer).step.startswith("step 1 of 4")

    def test_text_is_told_apart_from_bytes(self) -> None:
        refused(truncation, ["a", "b", "c"], 1, "Bytes have a b in front")


class TestFragments:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_parts_are_the_whole(self, seed: int) -> None:
        fragments.another(seed)
        count, last, offset = fragments.reference
        assert offset * 8 + last == fragments.payload + 8
        assert offset * 8 % (count - 1) == 0
        assert offset * 8 // (count - 1) + 20 <= fragments.mtu
        assert 0 < last <= fragments.mtu - 20

    def test_known_numbers(self) -> None:
        fragments.mtu, fragments.payload = 1500, 2960  # two full fragments and eight bytes
        assert fragments.reference == [3, 8, 370]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        fragments.another(seed)
        count, last, offset = fragments.reference
        assert fragments.check([count, last, offset]).correct
        if seed % 2:
            refused(fragments, [count - 1, last, offset], 2, "needs 8 bytes too")
        else:
            refused(fragments, [count - 1, last, offset], 2, "one more")
        refused(fragments, [count + 1, last, offset], 2, "One too many")
        refused(fragments, [99, last, offset], 2, "round up")
        refused(fragments, [count, last - 8, offset], 3, "The header of UDP")
        refused(fragments, [count, last + 20, offset], 3, "The IP header is not counted")
        refused(fragments, [count, fragments.mtu - 20, offset], 3, "what is left")
        refused(fragments, [count, last + 1, offset], 3, "Take from payload")
        refused(fragments, [count, last, offset * 8], 4, "in bytes")
        refused(fragments, [count, last, count - 1], 4, "counts fragments")
        refused(fragments, [count, last, offset + 1000], 4, "divide by 8")
