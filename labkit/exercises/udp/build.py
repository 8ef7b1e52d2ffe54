"""An exercise on the UDP header: eight bytes, two of which are a checksum over more than the datagram.

Rule: a wrong answer that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import random
from struct import pack
from typing import Any

from labkit.exercises.building import (
    COMPLEMENT,
    FOLD,
    IN_ORDER,
    SUM,
    check_bytes,
    checksum,
    pseudo_header_in_words,
    words,
)
from labkit.exercises.engine import Seeded
from labkit.exercises.running import NotYet, Run

SIZE = 8
"""Bytes of a UDP header. Source: RFC 768."""

PROTOCOL = 17
"""UDP's number in the IP header. Source: RFC 768."""

TCP = 6

_QUESTIONS = (b"time?", b"who is there?", b"lab", b"up 9 days", b"hello")  # all of an odd number of bytes


class Header(Seeded):
    """Build the header of a UDP datagram by hand."""

    name = "udp.header"
    title = "build the 8 bytes of a UDP header"
    steps = ("8 bytes", "source port", "destination port", "length", "checksum")
    stub = 'header = b""\nexercises.udp.header.check(header)'
    asks = 'Give check() 8 bytes: struct.pack("!HHHH", …) makes them.'
    praise = (
        "Ports, a length and a checksum: that is all UDP adds to IP. In IPv4 even the checksum may be left out, as 0.\n"
        "exercises.udp.header.another() makes a new datagram; the checksum of every third one is 0 before it is sent."
    )

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        self.source = bytes((10, 0, chance.randint(1, 250), chance.randint(1, 99)))
        self.destination = bytes((10, 0, self.source[2], chance.randint(100, 250)))
        self.ports = (chance.randint(40000, 60000), chance.randint(1024, 9999))
        self.payload = chance.choice(_QUESTIONS)
        if seed % 3 == 0:
            # Two more bytes of payload, which bring the sum to 0xffff: its complement, the checksum, is then 0.
            even = self.payload[:-1]
            self.payload = even + b"\0\0"
            self.payload = even + pack("!H", checksum(self._covered()))

    @property
    def task(self) -> str:
        return (
            "Build the UDP header of this datagram: 8 bytes, and not the payload.\n\n"
            "```text\n"
            f"from     {_dotted(self.source)}, port {self.ports[0]}\n"
            f"to       {_dotted(self.destination)}, port {self.ports[1]}\n"
            f"payload  {self.payload!r}, {len(self.payload)} bytes\n"
            "```\n\n"
            "Four numbers of 2 bytes, most significant byte first: source port, destination port, length, checksum. "
            "The length counts header and payload. The checksum covers a pseudo-header, the header with the checksum "
            f"itself at 0, and the payload. {SUM} For the sum alone, a zero byte is put behind an odd number of bytes. "
            "A checksum of 0 would mean that there is none: one that comes out as 0 is sent as 0xffff.\n"
            f"{pseudo_header_in_words(PROTOCOL, 'datagram')}"
        )

    def examine(self, answer: Any, run: Run) -> None:
        header = check_bytes(answer, SIZE, self.asks)
        if len(header) != SIZE:
            whole = header[SIZE:] == self.payload
            raise NotYet("8 bytes", f"{len(header)} byte{'s' if len(header) != 1 else ''}",
                         "The payload is not part of the header: give check() the first 8 bytes alone." if whole
                         else "Each of the four numbers takes 2 bytes.")
        for number, (name, right) in enumerate(zip(self.steps[1:4], (*self.ports, self.length), strict=True)):
            run.step(number + 2)
            self._compare(header, number, name, right)
        run.step(5)
        self._check_sum(header[6:])

    @property
    def length(self) -> int:
        """Bytes of the datagram: what belongs into the length field."""
        return SIZE + len(self.payload)

    def _compare(self, header: bytes, number: int, name: str, right: int) -> None:
        raw = header[2 * number : 2 * number + 2]
        given = int.from_bytes(raw, "big")
        if given == right:
            return
        if raw == right.to_bytes(2, "little"):
            why = f"The bytes are {IN_ORDER}"
        elif number < 2 and given == self.ports[1 - number]:
            why = "The two ports are the wrong way round: the sender's own comes first."
        elif number == 2 and given == len(self.payload):
            why = f"This is the length without the header. UDP counts the header's {SIZE} bytes too."
        elif number == 2 and given == self.length + 20:
            why = "The IP header is not counted here; it has a length field of its own."
        else:
            why = f"This field is in bytes {2 * number} and {2 * number + 1}, the first of them the more significant."
        raise NotYet(f"{name}: {right}, bytes {right.to_bytes(2, 'big').hex(' ')}",
                     f"{name}: {given}, bytes {raw.hex(' ')}", why)

    def _check_sum(self, raw: bytes) -> None:
        right = self.right_sum()
        given = int.from_bytes(raw, "big")
        if given == right:
            return
        known = self._mistakes()
        swapped = int.from_bytes(raw, "little")
        if given in known:
            why = known[given]
        elif swapped in (right, checksum(self._covered())):
            why = f"The two bytes are {IN_ORDER}"
        else:
            why = SUM
        added = checksum(self._covered(filled=given)) ^ 0xFFFF
        raise NotYet("pseudo-header, header and payload add up to 0xffff, checksum included",
                     f"0x{added:04x}, with the checksum 0x{given:04x}", why)

    def _mistakes(self) -> dict[int, str]:
        """What each known mistake makes of the checksum, and how to say so; the first that fits is meant."""
        pseudo, rest = self._covered()[:12], self._covered()[12:]
        plain = checksum(pseudo + rest)
        odd = "The payload has an odd number of bytes: its last byte is the upper half of a word, and a zero byte " \
              "follows it in the sum (it is never sent)."
        found: dict[int, str] = {}
        if plain == 0:
            found[0] = "The sum comes out as 0, and 0 would say that there is no checksum: send 0xffff in its place."
        else:
            found[0] = "A checksum of 0 says that there is none. IPv4 allows that; this exercise asks for it."
        found.setdefault(plain ^ 0xFFFF, COMPLEMENT)
        found.setdefault(checksum(rest), "The pseudo-header is forgotten: the addresses belong to the sum.")
        found.setdefault(checksum(self._covered(protocol=TCP)[:12] + rest),
                         f"The pseudo-header holds the protocol of TCP, {TCP}; UDP's number is {PROTOCOL}.")
        found.setdefault(checksum(self._covered(protocol=0)[:12] + rest),
                         f"The protocol is missing in the pseudo-header; UDP's number is {PROTOCOL}.")
        found.setdefault(checksum(pseudo[:10] + pack("!H", len(self.payload)) + rest),
                         "The length in the pseudo-header is that of the whole datagram too, header and payload.")
        found.setdefault(checksum(pseudo + rest[:SIZE]), "The payload is forgotten: it belongs to the sum.")
        if len(self.payload) % 2:
            # The last byte left out, taken for the lower half of a word, or everything moved by the zero byte in front.
            found.setdefault(checksum(pseudo + rest[:-1]), odd)
            found.setdefault(checksum(pseudo + rest[:-1] + b"\0" + rest[-1:]), odd)
            found.setdefault(checksum(pseudo + rest[:SIZE] + b"\0" + rest[SIZE:]), odd)
        found.setdefault(sum(words(pseudo + rest)) & 0xFFFF ^ 0xFFFF,
                         "What overflows 16 bits was cut off. It is added again at the bottom.")
        found.pop(self.right_sum(), None)
        return found

    def _covered(self, protocol: int = PROTOCOL, filled: int = 0) -> bytes:
        """The pseudo-header, the header and the payload."""
        pseudo = self.source + self.destination + pack("!BBH", 0, protocol, self.length)
        return pseudo + pack("!HHHH", *self.ports, self.length, filled) + self.payload

    def right_sum(self) -> int:
        """What belongs into the checksum field. Source: RFC 768."""
        return checksum(self._covered()) or 0xFFFF

    @property
    def hints(self) -> tuple[str, ...]:
        return (
            '`struct.pack("!HHHH", …)` packs four numbers of 2 bytes; "!" is network order. Which two of the four do '
            "you know without computing?",
            f"The length is {SIZE} + {len(self.payload)}. Pack the header with a checksum of 0 first, put the "
            "pseudo-header before it and the payload behind it, and sum that up.",
            "The checksum, with a zero byte behind an odd number of bytes:\n\n"
            "```python\n"
            "data = pseudo + header + payload\n"
            "data += bytes(len(data) % 2)\n"
            "total = sum(int.from_bytes(data[i : i + 2], \"big\") for i in range(0, len(data), 2))\n"
            f"{FOLD}"
            "checksum = (total ^ 0xFFFF) or 0xFFFF\n"
            "```",
        )

    @property
    def worked(self) -> str:
        return (
            "The header once without its checksum, for the sum, and once with it.\n\n"
            "```python\n"
            "import struct\n\n"
            f"payload = {self.payload!r}\n"
            f"length = {SIZE} + len(payload)\n"
            f"source, destination = bytes({list(self.source)}), bytes({list(self.destination)})\n"
            f"pseudo = source + destination + struct.pack(\"!BBH\", 0, {PROTOCOL}, length)\n"
            f"data = pseudo + struct.pack(\"!HHHH\", {self.ports[0]}, {self.ports[1]}, length, 0) + payload\n"
            "data += bytes(len(data) % 2)  # a zero byte if the number of bytes is odd\n"
            "total = sum(int.from_bytes(data[i : i + 2], \"big\") for i in range(0, len(data), 2))\n"
            f"{FOLD}"
            "checksum = (total ^ 0xFFFF) or 0xFFFF  # 0 would say that there is none\n"
            f"header = struct.pack(\"!HHHH\", {self.ports[0]}, {self.ports[1]}, length, checksum)\n"
            "exercises.udp.header.check(header)\n"
            "```"
        )

    @property
    def reference(self) -> Any:
        return pack("!HHHH", *self.ports, self.length, self.right_sum())


def _dotted(address: bytes) -> str:
    return ".".join(map(str, address))
