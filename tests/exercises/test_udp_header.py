"""The UDP header: Scapy agrees with the reference, and each known mistake is told by its name."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

import pytest
from scapy.layers.inet import IP, UDP

from labkit.exercises import Outcome
from labkit.exercises.tcp.sample import checksum
from labkit.exercises.udp import header

SEEDS = range(1, 31)
ODD = 1
ZERO = 3  # the checksum comes out as 0


@pytest.fixture(autouse=True)
def first_problem() -> Iterator[None]:
    header.another(1)
    yield
    header.another(1)


def filled(total: int) -> bytes:
    """The header with this checksum."""
    return bytes(header.reference[:6]) + pack("!H", total)


def pseudo(protocol: int = 17, length: int | None = None) -> bytes:
    size = header.length if length is None else length
    return header.source + header.destination + pack("!BBH", 0, protocol, size)


def body() -> bytes:
    return bytes(header.reference[:6]) + b"\0\0" + header.payload


def refused(answer: object, step: str, message: str) -> None:
    result = header.check(answer)
    assert result.outcome is Outcome.NOT_YET
    assert result.step.endswith(f": {step}")
    assert message in result.why, result


@pytest.mark.parametrize("seed", SEEDS)
def test_scapy_builds_the_same(seed: int) -> None:
    header.another(seed)
    addresses = [".".join(map(str, each)) for each in (header.source, header.destination)]
    built = bytes(IP(src=addresses[0], dst=addresses[1]) / UDP(sport=header.ports[0], dport=header.ports[1])
                  / header.payload)  # fmt: skip
    assert built[20:28] == header.reference
    assert header.check(bytearray(built[20:28])).correct


@pytest.mark.parametrize("seed", SEEDS)
def test_every_third_checksum_is_zero_before_it_is_sent(seed: int) -> None:
    header.another(seed)
    assert (checksum(pseudo() + body()) == 0) == (seed % 3 == 0)
    assert (len(header.payload) % 2 == 1) == (seed % 3 != 0)


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed % 3])
def test_mistakes_in_the_checksum(seed: int) -> None:
    header.another(seed)
    right = checksum(pseudo() + body())
    words = (pseudo() + body() + b"\0")
    unfolded = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2)) & 0xFFFF ^ 0xFFFF
    wrong = {
        0: "says that there is none",
        right ^ 0xFFFF: "holds its complement",
        int.from_bytes(right.to_bytes(2, "little"), "big"): "in the wrong order",
        checksum(body()): "pseudo-header is forgotten",
        checksum(pseudo(6) + body()): "UDP's number is 17",
        checksum(pseudo(0) + body()): "protocol is missing",
        checksum(pseudo(length=len(header.payload)) + body()): "the whole datagram too",
        checksum(pseudo() + body()[:8]): "payload is forgotten",
        checksum(pseudo() + body()[:-1]): "odd number of bytes",
        checksum(pseudo() + body()[:-1] + b"\0" + body()[-1:]): "odd number of bytes",
        checksum(pseudo() + body()[:8] + b"\0" + header.payload): "odd number of bytes",
        unfolded: "cut off",
    }
    assert len(wrong) == 12, "two mistakes give the same checksum"
    for total, message in wrong.items():
        refused(filled(total), "checksum", message)


def test_zero_is_sent_as_ones() -> None:
    header.another(ZERO)
    refused(filled(0), "checksum", "send 0xffff in its place")
    assert header.reference[6:] == b"\xff\xff"


@pytest.mark.parametrize("seed", SEEDS)
def test_mistakes_before_the_checksum(seed: int) -> None:
    header.another(seed)
    source, destination = header.ports
    size = len(header.payload)
    refused(pack("<HHHH", source, destination, size + 8, 0), "source port", "in the wrong order")
    refused(pack("!HHHH", destination, source, size + 8, 0), "source port", "wrong way round")
    refused(pack("!HHHH", source, 1, size + 8, 0), "destination port", "bytes 2 and 3")
    refused(pack("!HHHH", source, destination, size, 0), "length", "without the header")
    refused(pack("!HHHH", source, destination, size + 28, 0), "length", "IP header is not counted")
    refused(pack("!HHHH", source, destination, 8, 0), "length", "bytes 4 and 5")


def test_no_eight_bytes() -> None:
    refused(header.reference + header.payload, "8 bytes", "not part of the header")
    refused(header.reference[:7], "8 bytes", "takes 2 bytes")
    refused(header.reference.hex(), "8 bytes", "struct.pack")
    refused(header.reference.hex(), "8 bytes", "That is text")
    refused(list(header.reference), "8 bytes", "That is a list. bytes() makes bytes of the numbers in it")
    refused(tuple(header.reference), "8 bytes", "That is a tuple.")


def test_shows_what_is_in_the_field() -> None:
    right = header.length
    result = header.check(header.reference[:4] + pack("!HH", right - 8, 0))
    assert result.expected == f"length: {right}, bytes 00 {right:02x}"
    assert result.seen == f"length: {right - 8}, bytes 00 {right - 8:02x}"


@pytest.mark.parametrize("seed", [ODD, ZERO])
def test_the_last_hint_computes_the_checksum(seed: int) -> None:
    header.another(seed)
    code = header.hints[2].split("```python\n")[1].split("```")[0]
    names = {"pseudo": pseudo(), "header": body()[:8], "payload": header.payload}
    exec(code, names)
    assert names["checksum"] == header.right_sum()


def test_the_solution_of_a_zero_checksum_is_right_too() -> None:
    header.another(ZERO)
    names: dict[str, object] = {}
    code = header.worked.split("```python\n")[1].split("exercises.udp")[0]
    exec(code, names)
    assert names["header"] == header.reference


def test_the_same_seed_is_the_same_problem() -> None:
    first = repr(header)
    assert repr(header.another()) != first
    assert repr(header.another(1)) == first
