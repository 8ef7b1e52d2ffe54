"""An exercise on ICMP: an echo request with its checksum, byte by byte.

Rule: the answer is bytes from the student's function; each known mistake in the sum is told by its name.
"""

from __future__ import annotations

import struct
from typing import Any

from labkit.exercises.building import COMPLEMENT, FOLD, SUM, checksum, words
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run, check_callable

_TYPES = {0: "an echo reply, the answer to a ping", 3: "destination unreachable", 11: "time exceeded"}


def ping(number: int, data: bytes) -> bytes:
    """An echo request; the reference answer. Source: RFC 792, RFC 1071 §1."""
    start = struct.pack("!BBHHH", 8, 0, 0, 7, number)
    return start[:2] + struct.pack("!H", checksum(start + data)) + start[4:] + data


class Ping(Exercise):
    """Build a ping."""

    name = "crafting.ping"
    lesson = "02d-crafting"
    title = "build a ping with its checksum"
    steps = ("bytes, 8 more than the data", "type and code", "identifier and sequence number", "the data",
             "the checksum", "data of odd length", "a sum with two carries")  # fmt: skip
    stub = "def ping(number, data):\n    ...\n\nexercises.crafting.ping.check(ping)"
    asks = "Give check() the function itself: check(ping)."
    praise = (
        "ICMP's checksum covers its own message and nothing else. TCP and UDP add the addresses by a pseudo-header."
    )
    task = (
        "Write the function `ping(number, data)`, without Scapy. It returns an ICMP echo request as bytes: type 8 "
        "(1 byte), code 0 (1 byte), the checksum (2 bytes), the identifier 7 (2 bytes), the sequence number "
        "`number` (2 bytes), then `data`. The checksum covers the whole message; the field itself counts as 0. "
        f"{SUM} If the number of bytes is odd, a zero byte is added for the sum, and it is not sent.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        'Build the message with 0 in the place of the checksum first: `struct.pack("!BBHHH", 8, 0, 0, 7, number)`, '
        "then the data. No pseudo-header belongs to ICMP.",
        'Add a zero byte if the length is odd. `struct.unpack(f"!{len(padded) // 2}H", padded)` gives the words.',
        f"The carry goes back in until nothing overflows:\n\n```python\n{FOLD}```\n\nThen `total ^ 0xffff` is the "
        "checksum.",
    )
    reference = staticmethod(ping)

    @property
    def worked(self) -> str:
        """The whole function, without labkit."""
        fold = FOLD.rstrip("\n").replace("\n", "\n    ")
        return (
            "The message is built twice: with 0 for the sum, then with the sum.\n\n```python\nimport struct\n\n"
            "def ping(number, data):\n"
            '    rest = struct.pack("!HH", 7, number) + data\n'
            '    padded = b"\\x08\\x00\\x00\\x00" + rest + bytes(len(data) % 2)\n'
            '    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))\n'
            f"    {fold}\n"
            '    return b"\\x08\\x00" + struct.pack("!H", total ^ 0xffff) + rest\n```'
        )

    def examine(self, answer: Any, run: Run) -> None:
        """As `Exercise.examine`."""
        check_callable(answer, "the function ping", self.asks)
        _try(answer, run, 1, b"are you there?", first=True)
        _try(answer, run, 2, b"odd", step=6)
        _try(answer, run, 0xFFFF, b"\xff\xff" * 3 + b"\xf7\xfc", step=7)  # the sum 0x4ffff overflows again


def _try(answer: Any, run: Run, number: int, data: bytes, *, first: bool = False, step: int = 0) -> None:
    doing = f"ping({number}, {show(data)})"

    def at(own: int) -> None:
        run.step(step or own)

    at(1)
    given = run.call(doing, answer, number, data, first=first)
    if type(given) not in (bytes, bytearray):
        raise NotYet(f"{doing} returns bytes", show(given), "Put the parts together with struct.pack and +.")
    message, size = bytes(given), 8 + len(data)
    if len(message) != size:
        more = " The zero byte for the sum is not sent." if len(message) == size + 1 else ""
        raise NotYet(f"{size} bytes: 8, and {len(data)} of data", f"{len(message)} bytes: {message[:16].hex(' ')}",
                     f"Type and code have 1 byte each, the three other fields 2 bytes each.{more}")  # fmt: skip
    at(2)
    if message[:2] != b"\x08\x00":
        what = _TYPES.get(message[0], "no echo request")
        raise NotYet("type 8, code 0: bytes 08 00", f"bytes {message[:2].hex(' ')}", f"Type {message[0]} is {what}.")
    at(3)
    fields = struct.pack("!HH", 7, number)
    if message[4:8] != fields:
        swapped = message[4:8] == struct.pack("<HH", 7, number)
        raise NotYet(
            f"identifier 7, number {number}: bytes {fields.hex(' ')}", f"bytes {message[4:8].hex(' ')}",
            'In a network the most significant byte comes first ("!" in struct).' if swapped
            else "The identifier is in bytes 4 and 5, the sequence number in bytes 6 and 7.",
        )  # fmt: skip
    at(4)
    if message[8:] != data:
        raise NotYet(f"the data {show(data)} from byte 8 on", show(message[8:]), "The data follow the header as is.")
    at(5)
    blank = message[:2] + b"\0\0" + message[4:]
    right, found = checksum(blank), int.from_bytes(message[2:4], "big")
    if found != right:
        raise NotYet(f"checksum 0x{right:04x}", f"checksum 0x{found:04x}", _why(found, right, blank))


def _why(found: int, right: int, blank: bytes) -> str:
    """The mistake that leads to this sum."""
    plain = sum(words(blank))
    if found == 0:
        return "The field is still 0."
    if found == right ^ 0xFFFF:
        return COMPLEMENT
    if found == int.from_bytes(right.to_bytes(2, "big"), "little"):
        return 'The two bytes are in the wrong order: the most significant one comes first ("!" in struct).'
    if found == plain & 0xFFFF ^ 0xFFFF:
        return "The carry is lost: what overflows 16 bits is added again at the bottom."
    if found == (plain & 0xFFFF) + (plain >> 16) & 0xFFFF ^ 0xFFFF:
        return "The carry was added once, and the sum overflowed again: repeat until nothing overflows."
    if found == checksum(blank[:8]):
        return "That is the sum of the header alone. ICMP's checksum covers the data too."
    if len(blank) % 2 and found == checksum(blank[:-1]):
        return "The last byte is missing in the sum: add a zero byte behind an odd one."
    if len(blank) % 2 and found == checksum(blank[:-1] + b"\0" + blank[-1:]):
        return "The zero byte belongs behind the last byte, not before it."
    return "Add all 16-bit words of the message, with 0 in the checksum's place. No pseudo-header belongs to ICMP."
