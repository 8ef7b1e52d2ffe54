"""The lengths and checksums of a frame, each with the value that would be right for the bytes as they are now.

Rule: computed from the bytes at each call; nothing is remembered. Header lengths are left out: they say themselves
where a header ends, so the bytes cannot tell a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from labkit.packets.explain import ip_options, ipv6
from labkit.packets.explain.base import Context, number_at
from labkit.packets.explain.internet import checksum, pseudo_header
from labkit.packets.steps import Step


class Right(NamedTuple):
    """One length or checksum. name: of its field. start, bits: its place. value: the right one."""

    name: str
    start: int
    bits: int
    value: int


_MOST = 200  # steps of mending; a frame has a few lengths and checksums, each of which may change those before it
_SUMS = {"TCP": (6, 16, "tcp.checksum"), "UDP": (17, 6, "udp.checksum"), "ICMPv6": (58, 2, "icmpv6.checksum")}
"""Checksums over the addresses, too: the protocol's number, the checksum's place in its header in bytes, its name."""


def mended(raw: bytes, rights: Callable[[bytes], Sequence[Right]], left: Collection[str] = ()) -> bytes:
    """The bytes with right lengths and checksums. rights: finds them. left: names of those that stay as they are."""
    for _ in range(_MOST):
        # The first that is wrong, then all anew: where a header ends decides what the next one and its checksum cover.
        wrong = (each for each in rights(raw) if number_at(raw, each.start, each.bits) != each.value)
        first = next((each for each in wrong if each.name not in left), None)
        if first is None:
            break
        raw = put(raw, first.start, first.bits, first.value)
    return raw


def put(raw: bytes, start: int, bits: int, value: int) -> bytes:
    """The bytes with another number in these bits."""
    first, last = start // 8, (start + bits + 7) // 8
    shift = last * 8 - start - bits
    mask = (1 << bits) - 1
    number = int.from_bytes(raw[first:last], "big")
    number = (number & ~(mask << shift)) | (value & mask) << shift
    return raw[:first] + number.to_bytes(last - first, "big") + raw[last:]


def of_headers(raw: bytes, steps: Sequence[Step], tail: int = 0) -> list[Right]:
    """The lengths and checksums of the headers that a walk found, outermost first.

    tail: bytes at the end of the frame that belong to no packet, such as Ethernet's padding.
    """
    found: list[Right] = []
    pseudo: tuple[int, bytes, bytes] | None = None
    fragment = False
    end = len(raw) - tail  # of the innermost IP packet so far
    for name, start, after, stop in steps:
        if name == "IPv4" and stop >= start + 20:
            routed = ip_options.final_destination(raw, start + 20, min(stop, start + (raw[start] & 15) * 4))
            pseudo = (4, raw[start + 12 : start + 16], routed or raw[start + 16 : start + 20])
            fragment = number_at(raw, (start + 6) * 8, 16) & 0x3FFF != 0
            found.extend(_ipv4(raw, start, stop, end))
            end = stop
        elif name == "IPv6" and stop >= start + 40:
            pseudo = (6, raw[start + 8 : start + 24], raw[start + 24 : start + 40])
            fragment = False
            found.append(Right("ipv6.plen", (start + 4) * 8, 16, min(0xFFFF, max(0, end - start - 40))))
            end = stop
        elif name in ("IPv6 destination", "IPv6 routing"):
            pseudo = ipv6.pseudo(Context(raw, start=start, end=stop, pseudo=pseudo), name, start, after)
        elif name == "IPv6 fragment":
            fragment = True
        elif name == "UDP" and stop >= start + 8:
            found.append(Right("udp.length", (start + 4) * 8, 16, min(0xFFFF, end - start)))
        if not fragment:
            found.extend(_sum(raw, name, start, stop, pseudo))
    return found


def _ipv4(raw: bytes, start: int, stop: int, end: int) -> Iterator[Right]:
    yield Right("ip.len", (start + 2) * 8, 16, min(0xFFFF, max(0, end - start)))
    size = (raw[start] & 15) * 4
    if size >= 20 and start + size <= stop:
        yield Right("ip.checksum", (start + 10) * 8, 16, _without(raw[start : start + size], 10))


def _sum(
    raw: bytes, name: str, start: int, stop: int, pseudo: tuple[int, bytes, bytes] | None
) -> Iterator[Right]:
    if name == "ICMP" and stop >= start + 4:
        yield Right("icmp.checksum", (start + 2) * 8, 16, _without(raw[start:stop], 2))
    if name not in _SUMS or pseudo is None:
        return
    protocol, offset, field = _SUMS[name]
    if stop < start + offset + 2 or (name == "TCP" and stop < start + 20):
        return
    if name == "UDP" and number_at(raw, (start + 4) * 8, 16) > stop - start:
        return  # it covers bytes that do not exist
    covered = pseudo_header(Context(raw, pseudo=pseudo), protocol, stop - start)
    value = _without(covered + raw[start:stop], len(covered) + offset)
    yield Right(field, (start + offset) * 8, 16, 0xFFFF if name == "UDP" and not value else value)


def _without(data: bytes, offset: int) -> int:
    """The checksum of these bytes, with zeros in its own place."""
    return checksum(data[:offset] + b"\0\0" + data[offset + 2 :])
