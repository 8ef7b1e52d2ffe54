"""The rows of a live ladder: a line of text for each packet, as its view in a page takes it.

Rule: no page here. What a peer sent is made visible first, so that no tab and no line feed of its own is in a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labkit.draw import ladder_model
from labkit.draw.text import visible

if TYPE_CHECKING:
    from labkit.packets.packet import Packet

COLUMNS = ("number", "ms", "right", "between", "what", "size", "kind", "note", "text")
"""What a line has, with tabs between: the number in the capture; milliseconds since the first packet, ``""`` without a
time; ``1`` if the client sent it; client and server port; flags or protocol, and relative numbers; bytes of payload;
``lost``, ``again``, ``reset`` or ``""``; what TCP means by it, or what a wire did; the start of the payload."""


def lines(packets: Iterable[Packet], began_ns: int | None) -> bytes:
    """The rows of these packets, as UTF-8, one line each. began_ns: when the first packet of the capture was sent."""
    ladder = ladder_model.read(list(packets), events=False, limit=None)
    return "\n".join(_line(rung, ladder.groups[rung.group], began_ns) for rung in ladder.rungs).encode()


def _line(rung: ladder_model.Rung, group: ladder_model.Group, began_ns: int | None) -> str:
    ms = "" if rung.time_ns is None or began_ns is None else f"{(rung.time_ns - began_ns) / 1e6:.3f}"
    kind = "lost" if rung.lost else "reset" if rung.reset else "again" if rung.again else ""
    between = f"{group.client[1]} → {group.server[1]}" if group.server[1] else visible(group.server[0])
    note, text = rung.below
    what = f"{rung.flags} {rung.numbers}" if rung.numbers else rung.flags
    return "\t".join(
        (str(rung.number), ms, "1" if rung.right else "0", between, what, str(rung.size), kind, note, text)
    )
