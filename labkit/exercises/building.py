"""What exercises share that ask for a header built by hand: the answer is bytes, and a checksum is in it.

Rule: the recipe for the checksum stands here once, as a function and in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.exercises.result import show
from labkit.exercises.running import NotYet

SUM = "Add all 16-bit words; what overflows 16 bits is added again at the bottom; then turn every bit over."
"""How the checksum is computed, in words. Source: RFC 1071 §1."""

FOLD = """\
while total >> 16:
    total = (total & 0xFFFF) + (total >> 16)
"""
"""The middle of that, as a hint and a solution show it; before it, ``total`` is the sum of the words."""

IN_ORDER = 'in the wrong order: the most significant one comes first ("!" in struct).'
COMPLEMENT = "That is the sum; the field holds its complement (every bit turned over)."


def pseudo_header_in_words(protocol: int, unit: str) -> str:
    """What a pseudo-header is. protocol: its number in IP. unit: whose length is in it, ``"segment"``."""
    return (
        "The pseudo-header is 12 bytes that are summed and never sent: source address, destination address "
        f"(4 bytes each), a zero byte, the protocol ({protocol}), the length of the {unit} (2 bytes)."
    )


def checksum(data: bytes) -> int:
    """The Internet checksum: the complement of the ones' complement sum of 16-bit words. Source: RFC 1071 §1."""
    total = sum(words(data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def words(data: bytes) -> list[int]:
    """The 16-bit words of some bytes; a zero byte follows an odd number of bytes."""
    padded = data + bytes(len(data) % 2)
    return [int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2)]


def sum_mistakes(pseudo: bytes, rest: bytes, other: int) -> dict[int, str]:
    """What each known mistake makes of a checksum, and how to say so; two may make the same number.

    pseudo: the pseudo-header, 12 bytes. rest: header and payload, with 0 in place of the checksum, an even number of
    bytes. other: a protocol number that is easily taken for the right one.
    """
    total = sum(words(pseudo + rest))
    right, protocol, length = checksum(pseudo + rest), pseudo[9], pseudo[10:]
    found: dict[int, str] = {}

    def mistake(value: int, why: str) -> None:
        if value == right:
            return
        found[value] = f"{found[value]} Or another slip gave the same number: {why}" if value in found else why

    def instead(changed: bytes) -> int:
        return checksum(changed + rest)

    mistake(right ^ 0xFFFF, COMPLEMENT)
    mistake(checksum(rest), "The pseudo-header is forgotten: the addresses, the protocol and the length belong to the "
                            "sum.")
    mistake(total & 0xFFFF ^ 0xFFFF, "The carry was cut off: what overflows 16 bits is added again at the bottom.")
    mistake(total & 0xFFFF, "The carry was cut off, and the bits were not turned over.")
    mistake((total & 0xFFFF ^ 0xFFFF) + (total >> 16) & 0xFFFF,
            "The bits were turned over before the carry was added. Fold first, and turn the bits over last.")
    mistake(right + 1 & 0xFFFF, "One too high: turn the bits over and add nothing. It is not the negative number.")
    mistake(instead(pseudo[:9] + bytes((other,)) + length), f"The protocol in the pseudo-header is {other}. Here it is "
                                                            f"{protocol}.")
    mistake(instead(pseudo[:9] + b"\0" + length), f"The protocol in the pseudo-header is missing: it is {protocol}.")
    mistake(instead(pseudo[:8] + bytes((protocol, 0)) + length),
            f"Protocol and zero byte are swapped: the zero comes first, then the protocol {protocol}.")
    mistake(instead(pseudo[:10] + length[::-1]), "The length in the pseudo-header is in the wrong byte order.")
    mistake(instead(pseudo[:10] + b"\0\0"), f"The length in the pseudo-header is missing: {len(rest)} bytes.")
    mistake(instead(pseudo[:10] + (len(rest) + len(pseudo)).to_bytes(2, "big")),
            "The length in the pseudo-header is that of header and payload alone. The pseudo-header does not count.")
    mistake(instead(pseudo[:10] + (len(rest) + 20).to_bytes(2, "big")),
            "The length in the pseudo-header does not count the IP header.")
    mistake(instead(pseudo[:4] + bytes(4) + pseudo[8:]), "Only one of the two addresses is in the sum.")
    return found


def partial_sums(parts: Sequence[tuple[str, bytes]]) -> str:
    """The sum after each part, not folded, as text. parts: name and bytes, each an even number of bytes."""
    total, shown = 0, []
    for name, data in parts:
        total += sum(words(data))
        shown.append(f"with {name} 0x{total:04x}")
    return ", ".join(shown)


def check_bytes(answer: Any, size: int, asks: str) -> bytes:
    """Return the answer as bytes. Raises `NotYet` for another kind. size: bytes asked for. asks: what to give."""
    if type(answer) in (bytes, bytearray):
        return bytes(answer)
    about = ""
    if type(answer) in (list, tuple):
        about = (f"That is a {type(answer).__name__}. bytes() makes bytes of the numbers in it, one byte each: "
                 "bytes([188, 230, …]).\n")
    elif type(answer) is str:
        about = 'That is text. bytes.fromhex("bc e6 …") makes bytes of hexadecimal digits.\n'
    raise NotYet(f"{size} bytes", show(answer), about + asks)
