"""An exercise on the header's format: the first segment of a connection, built byte by byte.

Rule: the bytes are read by the same dissector as captured ones; it decides what a field says.
"""

from __future__ import annotations

from struct import pack
from typing import Any

from labkit.exercises.building import (
    FOLD,
    IN_ORDER,
    SUM,
    check_bytes,
    checksum,
    partial_sums,
    pseudo_header_in_words,
    sum_mistakes,
)
from labkit.exercises.engine import Exercise
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp import sample
from labkit.packets.frames import FLAGS_IN_WORDS

SEQ = 1_000_000
WINDOW = 64240
SIZE = 20

UDP = 17
"""UDP's number in the IP header: students take it for TCP's."""

_RAW_IP = 101  # link type of a frame that starts with the IP header

# What is asked for: field name of the dissector, words, value, first byte and size of the field.
_FIELDS = (
    ("tcp.srcport", "source port", sample.CLIENT, 0, 2),
    ("tcp.dstport", "destination port", sample.SERVER, 2, 2),
    ("tcp.seq", "sequence number", SEQ, 4, 4),
    ("tcp.ack", "acknowledgment number", 0, 8, 4),
    ("tcp.hdr_len", "data offset", 5, 12, 1),
    ("tcp.flags", "flags", 2, 13, 1),
    ("tcp.window_size_value", "window", WINDOW, 14, 2),
    ("tcp.urgent_pointer", "urgent pointer", 0, 18, 2),
)


def _filled(segment: bytes) -> bytes:
    """The segment with the right checksum."""
    zeroed = segment[:16] + b"\0\0" + segment[18:]
    return segment[:16] + pack("!H", checksum(sample.pseudo_header(SIZE) + zeroed)) + segment[18:]


def _wanted(name: str, value: int) -> str:
    """A value as the task writes it."""
    if name == "tcp.flags":
        return FLAGS_IN_WORDS[value & 0x1FF] or "none"
    if name == "tcp.hdr_len":
        return f"{value} words of 32 bits"
    return str(value) if name else "computed by you"


def _bytes(name: str, value: int, size: int) -> str:
    return (value << 4 if name == "tcp.hdr_len" else value).to_bytes(size, "big").hex(" ")


def _place(start: int, size: int) -> str:
    return f"byte {start}" if size == 1 else f"bytes {start} to {start + size - 1}"


def _rows() -> str:
    """The fields as the task lists them, in the order of their bytes."""
    return "\n".join(
        f"{_place(start, size):<14}  {words:<22} {_wanted(name, value)}"
        for name, words, value, start, size in (*_FIELDS[:-1], ("", "checksum", 0, 16, 2), _FIELDS[-1])
    )


class BuildSyn(Exercise):
    """Build the header of a SYN by hand."""

    name = "tcp.build_syn"
    lesson = "01a-tcp-connection"
    title = "build the 20 bytes of a SYN"
    steps = ("20 bytes", *(words for _, words, *_ in _FIELDS), "checksum")
    stub = "segment = b\"\"\nexercises.tcp.build_syn.check(segment)"
    asks = "Give check() 20 bytes: struct.pack(\"!HHIIBBHHH\", …) makes them."
    praise = (
        "Built by hand, and every field is where the dissector looks for it.\n"
        "Sent by a kernel, it would carry options too: then the data offset is larger than 5."
    )
    task = (
        "Build the TCP header that asks for a connection: 20 bytes, no options, no payload, "
        "from 127.0.0.1 to 127.0.0.1.\n\n"
        f"```text\n{_rows()}\n```\n\n"
        "Numbers go most significant byte first. The checksum covers a pseudo-header, then the 20 bytes with the "
        f"checksum itself at 0. {SUM}\n{pseudo_header_in_words(6, 'segment')}"
    )
    hints = (
        "`struct.pack(\"!HHIIBBHHH\", …)` packs the fields in order: H is 2 bytes, I is 4, B is 1, and \"!\" is "
        "network order.",
        "Byte 12 holds the data offset in its upper four bits: `5 << 4`. Byte 13 holds the flags: SYN is 2. "
        "Pack with a checksum of 0 first, and put the right one into bytes 16 and 17 afterwards.",
        "The checksum, for an even number of bytes:\n\n"
        "```python\n"
        "words = struct.unpack(\"!16H\", pseudo + segment)  # 12 + 20 bytes\n"
        "total = sum(words)\n"
        f"{FOLD}"
        "checksum = total ^ 0xFFFF\n"
        "```",
    )
    worked = (
        "The header once without its checksum, for the sum, and once with it.\n\n"
        "```python\n"
        "import struct\n\n"
        "def header(checksum):\n"
        f"    return struct.pack(\"!HHIIBBHHH\", {sample.CLIENT}, {sample.SERVER}, {SEQ}, 0, 5 << 4, 2, {WINDOW}, "
        "checksum, 0)\n\n"
        f"pseudo = bytes([127, 0, 0, 1, 127, 0, 0, 1, 0, 6, 0, {SIZE}])\n"
        "total = sum(struct.unpack(\"!16H\", pseudo + header(0)))\n"
        f"{FOLD}"
        "segment = header(total ^ 0xFFFF)\n"
        "exercises.tcp.build_syn.check(segment)\n"
        "```"
    )
    reference = _filled(pack("!HHIIBBHHH", sample.CLIENT, sample.SERVER, SEQ, 0, 5 << 4, 2, WINDOW, 0, 0))

    def examine(self, answer: Any, run: Run) -> None:
        segment = check_bytes(answer, SIZE, self.asks)
        if len(segment) != SIZE:
            raise NotYet("20 bytes", f"{len(segment)} byte{'s' if len(segment) != 1 else ''}",
                         "Ports, window, checksum and urgent pointer take 2 bytes each, seq and ack 4, the rest 1.")
        found = _values(segment)
        for number, (name, words, value, start, size) in enumerate(_FIELDS, 2):
            run.step(number)
            self._compare(segment, name, words, value, found[name], start, size)
        run.step(len(self.steps))
        self._check_sum(segment)

    def _compare(self, segment: bytes, name: str, words: str, value: int, given: int, start: int, size: int) -> None:
        if given == value:
            return
        raw = segment[start : start + size]
        swapped = size > 1 and int.from_bytes(raw, "little") == value
        if swapped:
            why = f"The bytes are {IN_ORDER}"
        elif name == "tcp.hdr_len" and raw == b"\x05":
            why = "The data offset is the upper half of byte 12; the lower half is reserved: shift it left by 4."
        elif name == "tcp.hdr_len" and raw in (bytes((SIZE,)), bytes((SIZE << 4 & 0xFF,))):
            why = (f"The data offset counts words of 32 bits, not bytes, and it is the upper half of byte 12. "
                   f"{SIZE} << 4 does not even fit into a byte.")
        elif name == "tcp.flags" and given >> 8:
            why = "The lower four bits of byte 12 stay 0: three are reserved, and the last is the flag AE."
        elif name == "tcp.flags" and given & 0x10:
            why = "ACK is set, yet there is nothing to acknowledge: a connection's first segment is the one without it."
        elif name == "tcp.flags":
            why = "From the lowest bit up: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR."
        elif name == "tcp.ack":
            why = "Without the ACK flag the field says nothing; senders put 0 there."
        else:
            why = f"This field is in {_place(start, size)}; if the values before it are right, count its bytes."
        unit = "byte" if size == 1 else "bytes"
        raise NotYet(f"{words}: {_wanted(name, value)}, {unit} {_bytes(name, value, size)}",
                     f"{words}: {_wanted(name, given)}, {unit} {raw.hex(' ')}", why)

    def _check_sum(self, segment: bytes) -> None:
        right = _filled(segment)[16:18]
        given = segment[16:18]
        if given == right:
            return
        zeroed = segment[:16] + b"\0\0" + segment[18:]
        pseudo = sample.pseudo_header(SIZE)
        if given == b"\0\0":
            why = "It is still 0: sum up the pseudo-header and the segment, then fill it in."
        elif given == right[::-1]:
            why = f"The two bytes are {IN_ORDER}"
        else:
            why = sum_mistakes(pseudo, zeroed, UDP).get(int.from_bytes(given, "big"), SUM)
            why += f"\nThe sums on the way, nothing folded yet: {partial_sums(_parts(pseudo, zeroed))}."
        added = checksum(pseudo + segment) ^ 0xFFFF
        raise NotYet("pseudo-header and segment add up to 0xffff, checksum included",
                     f"0x{added:04x}, with the checksum 0x{given.hex()}", why)


def _parts(pseudo: bytes, segment: bytes) -> list[tuple[str, bytes]]:
    """The parts of the sum, in the order of their bytes: name and bytes of each."""
    rest = [("ports", 0, 4), ("seq", 4, 8), ("ack", 8, 12), ("offset and flags", 12, 14), ("window", 14, 16),
            ("urgent pointer", 18, 20)]
    return [("addresses", pseudo[:8]), ("protocol and length", pseudo[8:]),
            *((name, segment[start:end]) for name, start, end in rest)]


def _values(segment: bytes) -> dict[str, int]:
    """What the dissector finds in the header, by field name: behind a data offset that cannot be it finds nothing."""
    from labkit import packets

    layer = next(layer for layer in packets.dissect(sample.ip_packet(segment), _RAW_IP) if layer.name == "TCP")
    there = {field.name for field in layer.fields}
    return {name: int(layer[name].value) for name, *_ in _FIELDS if name in there}
