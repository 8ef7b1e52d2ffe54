"""The exercises made of numbers: acks computed, a header built; each known mistake is told by its name."""

from __future__ import annotations

import re
import struct
from struct import pack

import pytest

from labkit.exercises import Outcome
from labkit.exercises.tcp import build_syn, final_ack, sample

MODULUS = 1 << 32


class TestFinalAck:
    def test_the_last_ack_alone_is_enough(self) -> None:
        assert final_ack.check(final_ack.reference[2]).correct

    @pytest.mark.parametrize("seed", range(1, 40))
    def test_each_mistake_has_its_own_message(self, seed: int) -> None:
        final_ack.another(seed)
        isn, size = final_ack.isn, sum(final_ack.sizes)
        syn, data, fin = final_ack.reference
        assert final_ack.check([syn, data, fin]).correct
        wrong = {
            "The SYN is forgotten": [isn, (isn + size) % MODULUS, (isn + size + 1) % MODULUS],
            "The FIN is forgotten": [syn, data, data],
            "Raw numbers start at the SYN's own": [1, 1 + size, 2 + size],
            "not the last one received": [syn, (data - 1) % MODULUS, (fin - 1) % MODULUS],
            "SYN or FIN is forgotten": (fin - 1) % MODULUS,
            "SYN and FIN are forgotten": (fin - 2) % MODULUS,
            "an ACK takes none": (fin + 1) % MODULUS,
            "count modulo 2³²": MODULUS + 5,
            "never negative": -1,
            "Add 1 for the SYN": (fin + 77) % MODULUS,
            "This counts segments": [syn, (syn + 3) % MODULUS, (syn + 4) % MODULUS],
            "the last segment alone": [syn, (syn + final_ack.sizes[-1]) % MODULUS, fin],
        }
        for message, answer in wrong.items():
            result = final_ack.check(answer)
            assert result.outcome is Outcome.NOT_YET
            assert message in result.why, answer
        assert "This counts segments" in final_ack.check((syn + 4) % MODULUS).why
        assert "This counts segments" in final_ack.check((isn + 5) % MODULUS).why
        assert "the last segment alone" in final_ack.check((isn + 2 + final_ack.sizes[-1]) % MODULUS).why
        assert "a relative number" in final_ack.check(2 + size).seen
        assert "a relative number" in final_ack.check(size).seen

    def test_the_same_seed_is_the_same_problem(self) -> None:
        first = repr(final_ack)
        assert repr(final_ack.another()) != first
        assert repr(final_ack.another(1)) == first

    def test_some_problems_pass_two_to_the_32(self) -> None:
        final_ack.another(3)
        assert final_ack.reference[2] < final_ack.isn

    def test_steps_are_named(self) -> None:
        syn, data, fin = final_ack.reference
        assert final_ack.check([0, data, fin]).step == "step 2 of 4: the ack after the SYN"
        assert final_ack.check([syn, 0, fin]).step == "step 3 of 4: the ack after the data"
        assert final_ack.check([syn, data, 0]).step == "step 4 of 4: the ack after the FIN"

    @pytest.mark.parametrize("answer", [True, "1", [1, 2], [1.0, 2.0, 3.0], {1, 2, 3}])
    def test_no_numbers(self, answer: object) -> None:
        assert final_ack.check(answer).step.startswith("step 1 of 4")


def header(
    source: int = sample.CLIENT, destination: int = sample.SERVER, seq: int = 1_000_000, ack: int = 0,
    offset: int = 0x50, flags: int = 2, window: int = 64240, checksum: int | None = None, urgent: int = 0,
    order: str = "!",
) -> bytes:  # fmt: skip
    """A header as a student would pack it; checksum None: the right one."""
    fields = (source, destination, seq, ack, offset, flags, window)
    start = pack(order + "HHIIBBH", *fields)
    end = pack(order + "H", urgent)
    if checksum is None:
        checksum = sample.checksum(sample.pseudo_header(20) + start + b"\0\0" + end)
    return start + pack(order + "H", checksum) + end


RIGHT = int.from_bytes(header()[16:18], "big")


def sum_of(segment: bytes) -> int:
    """The sum of all words, the pseudo-header's too, with nothing folded."""
    return sum(struct.unpack("!16H", sample.pseudo_header(20) + segment))


def with_pseudo(protocol: int = 6, length: int = 20, swapped: bool = False) -> int:
    """The checksum with another pseudo-header."""
    numbers = bytes((protocol, 0)) if swapped else bytes((0, protocol))
    return sample.checksum(bytes((127, 0, 0, 1)) * 2 + numbers + pack("!H", length) + header(checksum=0))


class TestBuildSyn:
    @pytest.mark.parametrize("kind", [bytes, bytearray])
    def test_right(self, kind: type) -> None:
        assert build_syn.check(kind(header())).correct

    @pytest.mark.parametrize(("answer", "step", "message"), [
        (header(order="<"), "source port", "the most significant one comes first"),
        (header(source=sample.SERVER, destination=sample.CLIENT), "source port", "bytes 0 to 1"),
        (header(seq=0), "sequence number", "bytes 4 to 7"),
        (header(ack=1_000_001), "acknowledgment number", "Without the ACK flag"),
        (header(offset=5), "data offset", "shift it left by 4"),
        (header(offset=0), "data offset", "byte 12"),
        (header(offset=20), "data offset", "counts words of 32 bits, not bytes"),
        (header(offset=20 << 4 & 0xFF), "data offset", "does not even fit into a byte"),
        (header(offset=0x52), "flags", "reserved"),
        (header(flags=0x12), "flags", "nothing to acknowledge"),
        (header(flags=1), "flags", "From the lowest bit up"),
        (header(window=0), "window", "bytes 14 to 15"),
        (header(urgent=1), "urgent pointer", "bytes 18 to 19"),
        (header(checksum=0), "checksum", "still 0"),
        (header(checksum=RIGHT ^ 0xFFFF), "checksum", "holds its complement"),
        (header(checksum=sample.checksum(header(checksum=0))), "checksum", "The pseudo-header is forgotten"),
        (header(checksum=int.from_bytes(header()[16:18], "little")), "checksum", "two bytes are in the wrong order"),
        (header(checksum=1), "checksum", "turn every bit over"),
        (header()[:19], "20 bytes", "take 2 bytes each"),
        (header() + b"\0" * 20, "20 bytes", "take 2 bytes each"),
        (header().hex(), "20 bytes", "struct.pack"),
        (list(header()), "20 bytes", "That is a list. bytes() makes bytes of the numbers in it"),
    ])  # fmt: skip
    def test_wrong_answers(self, answer: object, step: str, message: str) -> None:
        result = build_syn.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert result.step.endswith(f": {step}")
        assert message in result.why

    @pytest.mark.parametrize(("checksum", "message"), [
        (sum_of(header(checksum=0)) & 0xFFFF ^ 0xFFFF, "The carry was cut off: what overflows"),
        (sum_of(header(checksum=0)) & 0xFFFF, "and the bits were not turned over"),
        ((sum_of(header(checksum=0)) & 0xFFFF ^ 0xFFFF) + (sum_of(header(checksum=0)) >> 16), "turned over before"),
        (RIGHT + 1, "It is not the negative number"),
        (with_pseudo(protocol=17), "The protocol in the pseudo-header is 17. Here it is 6"),
        (with_pseudo(protocol=0), "The protocol in the pseudo-header is missing"),
        (with_pseudo(swapped=True), "Protocol and zero byte are swapped"),
        (with_pseudo(length=20 << 8), "wrong byte order"),
        (with_pseudo(length=0), "length in the pseudo-header is missing"),
        (with_pseudo(length=32), "does not count"),
        (with_pseudo(length=40), "does not count the IP header"),
    ])  # fmt: skip
    def test_each_slip_of_the_checksum_has_its_words(self, checksum: int, message: str) -> None:
        result = build_syn.check(header(checksum=checksum))
        assert message in result.why

    def test_the_sums_on_the_way_are_shown(self) -> None:
        why = build_syn.check(header(checksum=1)).why
        assert "with addresses 0xfe02, with protocol and length 0xfe1c, with ports 0x1e128" in why
        assert f"0x{sum_of(header(checksum=0)):04x}" in why

    def test_the_carry_is_folded_until_nothing_overflows(self) -> None:
        code = re.findall(r"```python\n(.*?)```", build_syn.hints[2], re.S)[0]
        words = pack("!16H", 0xFFFF, 0xFFFF, 1, *[0] * 13)  # 0x1ffff: the first fold overflows again
        names = {"struct": struct, "pseudo": words[:12], "segment": words[12:]}
        exec(code, names)
        assert names["checksum"] == sample.checksum(words) == 0xFFFE
        fold = "while total >> 16:\n    total = (total & 0xFFFF) + (total >> 16)\n"
        assert fold in code
        assert fold in build_syn.worked

    def test_the_task_says_how_to_sum(self) -> None:
        shown = repr(build_syn)
        assert ("Add all 16-bit words; what overflows 16 bits is added again at the bottom; "
                "then turn every bit over.") in shown  # fmt: skip
        assert "The pseudo-header is 12 bytes that are summed and never sent: source address" in shown

    def test_ae_is_a_flag(self) -> None:
        result = build_syn.check(header(offset=0x51))
        assert result.seen == "flags: SYN, AE, byte 02"
        assert "the last is the flag AE" in result.why

    def test_shows_the_bytes_as_they_should_be(self) -> None:
        result = build_syn.check(header(seq=1))
        assert result.expected == "sequence number: 1000000, bytes 00 0f 42 40"
        assert result.seen == "sequence number: 1, bytes 00 00 00 01"
