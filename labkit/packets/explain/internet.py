"""Shared by the Internet's protocols: the checksum of RFC 1071, its pseudo-header, ports, lengths of options.

Rule: only this module computes and checks an Internet checksum.
"""

from __future__ import annotations

from collections.abc import Callable

from labkit.packets.explain.base import Context, Value
from labkit.packets.frames import EPHEMERAL


def is_ephemeral(value: Value) -> bool:
    """Whether a port number is one that the system chose."""
    return isinstance(value, int) and value >= EPHEMERAL


def ones_sum(data: bytes) -> int:
    """The 16-bit ones' complement sum of RFC 1071, not yet complemented; an odd last byte is padded with zero."""
    if len(data) % 2:
        data += b"\0"
    # The remainder by 0xffff is the sum of the 16-bit digits with end-around carry (RFC 1071, section 2).
    number = int.from_bytes(data, "big")
    remainder = number % 0xFFFF
    return 0xFFFF if number and not remainder else remainder


def checksum(data: bytes) -> int:
    """The Internet checksum of these bytes, whose checksum field is 0: the complement of their sum (RFC 1071 §1)."""
    return ones_sum(data) ^ 0xFFFF


def verdict(value: Value, data: bytes, offset: int) -> str:
    """The verdict on a checksum over these bytes. offset: of its two bytes in data."""
    expected = checksum(data[:offset] + b"\0\0" + data[offset + 2 :])
    # 0 and 0xFFFF are the same number in ones' complement. 0xFFFF means a sum of 0, which no packet has.
    if value == expected or (expected == 0xFFFF and value == 0):
        return "good"
    return f"bad: the bytes add up to 0x{expected:04x}"


def pseudo_header(context: Context, protocol: int, length: int) -> bytes:
    """The bytes that checksums of TCP, UDP and ICMPv6 cover before the header (RFC 9293 §3.1, RFC 8200 §8.1)."""
    assert context.pseudo is not None
    version, src, dst = context.pseudo
    if version == 4:
        # Four bytes for the length: the sum is the same, and offload makes packets of more than 65,535 bytes.
        return src + dst + bytes((0, protocol)) + length.to_bytes(4, "big")
    return src + dst + length.to_bytes(4, "big") + bytes((0, 0, 0, protocol))


def checksum_meaning(protocol: int, offset: int) -> Callable[[Value, Context], str]:
    """The verdict on a checksum over pseudo-header, header and data. offset: of the checksum in its header, bytes."""

    def meaning(value: Value, context: Context) -> str:
        if protocol == 17 and value == 0 and context.pseudo is not None and context.pseudo[0] == 6:
            return "none: UDP over IPv6 must have one, and the receiver drops a datagram without"
        if protocol == 17 and value == 0:
            return "none: the sender did not compute one, which UDP over IPv4 allows"
        if context.quoted:
            return "not verified: an ICMP error quotes only the start of the packet"
        if context.fragment:
            return "not verified: this is one fragment of the packet"
        if context.pseudo is None:
            return "not verified: it covers IP addresses, and there is no IP header here"
        segment = context.raw[context.start : context.end]
        counted = int.from_bytes(segment[4:6], "big") if protocol == 17 else 0  # bytes, by UDP's own header
        if context.truncated and not (protocol == 17 and counted == len(segment)):
            return "not verified: the packet is here only in part"
        if counted > len(segment):  # the sum covers bytes that do not exist
            return f"not verified: the header counts {counted} bytes, and IP carries {len(segment)}"
        covered = pseudo_header(context, protocol, len(segment))
        blank = segment[:offset] + b"\0\0" + segment[offset + 2 :]
        expected = checksum(covered + blank)
        if protocol == 17 and expected == 0:
            expected = 0xFFFF  # 0 means "none", so a sum of 0 is sent as 0xFFFF
        if value == expected:
            return "good"
        # If a network card shall complete the checksum, the kernel fills in the sum of the pseudo-header only.
        if context.status & 8 or value == ones_sum(covered):
            return "not filled in by the kernel: it leaves the sum to the network card, and loopback has none"
        return f"bad: the bytes add up to 0x{expected:04x}"

    return meaning


def option_size(raw: bytes, start: int, end: int) -> int:
    """Bytes of the option of IPv4 or TCP that starts here; 0 if its length does not fit before end.

    Kinds 0 and 1 are a single byte in both; a length follows every other kind and counts both bytes.
    Source: RFC 791 §3.1, RFC 9293 §3.2.
    """
    if raw[start] in (0, 1):
        return 1
    if start + 1 < end and 2 <= raw[start + 1] <= end - start:
        return raw[start + 1]
    return 0
