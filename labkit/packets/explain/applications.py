"""Which protocol of ours TCP or UDP carries: so far DNS, in TCP one message after the other.

Rule: a claim needs evidence in the bytes; what nobody claims stays payload.
"""

from __future__ import annotations

from collections.abc import Iterator

from labkit.packets.explain import dns
from labkit.packets.explain.base import Context
from labkit.packets.model import Layer


def layers(context: Context, below: Layer, start: int, end: int, number: int = 0) -> Iterator[Layer]:
    """Yield the messages in these bytes of the frame, front to back, as far as they are whole.

    below: the UDP or TCP layer that carries them. start, end: first byte of its payload, and the byte after the last.
    number: of the packet.
    """
    while start < end:
        found = dns.layer(context, below, start, end, number)
        if found is None:
            return
        yield found
        start = found.end // 8
