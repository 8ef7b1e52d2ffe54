"""What the walk through the headers of a frame says: a `Quick` in numbers, and a `Step` for each header.

Rule: plain data only.
"""

from __future__ import annotations

from typing import NamedTuple

Step = tuple[str, int, int, int]
"""One header: (name of its layer, first byte, the byte after its last, the byte after what it carries).

The third is -1 if only the header's table knows it. The last goes by the header's own length, as far as that was
captured. A plain tuple, since every frame of a capture makes some.
"""

class Quick(NamedTuple):
    """What the headers of one frame say, in numbers.

    protocol: the innermost protocol found, ``"TCP"`` or ``"IPv4 (truncated)"``.
    src, dst: addresses as bytes, of 4 (IPv4), 16 (IPv6) or 6 bytes (Ethernet), of the innermost IP header.
    sport, dport: port numbers, 0 where there are none.
    flags, seq, ack, window: of a TCP header, else 0.
    network, transport: where the innermost IP header and the header after it start, in bytes; -1 if there is none.
    payload, end: first byte of the TCP or UDP payload, and the byte after its last one by the IP header's length.
    fragment: where the header stands that makes the packet a fragment, in bytes; -1 if the packet is whole.
    """

    protocol: str
    src: bytes
    dst: bytes
    sport: int
    dport: int
    flags: int
    seq: int
    ack: int
    window: int
    network: int
    transport: int
    payload: int
    end: int
    fragment: int = -1
