"""What exercises share that ask for a header built by hand: the answer is bytes, and a checksum is in it.

Rule: the recipe for the checksum stands here once, as a function and in words.
"""

from __future__ import annotations

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
