"""Display filters: which packets of a tape to look at, in the language of Wireshark.

Rule: a text is compiled once, and every mistake in it is told then; no packet makes a filter raise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from labkit.core.checks import shown
from labkit.core.errors import BadArgument
from labkit.packets.filters.parsing import parsed
from labkit.packets.filters.reading import Seen, looked_at
from labkit.packets.filters.words import FilterError
from labkit.packets.frames import Frame

if TYPE_CHECKING:
    from labkit.packets.packet import Packet

__all__ = ["Filter", "FilterError", "chosen", "compile"]


class Filter:
    """A compiled display filter. text: as it was written."""

    __slots__ = ("_test", "text")

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise BadArgument(f"{shown(text)} is not a display filter", 'Give text: "tcp.port == 8124".')
        self.text = text
        self._test = parsed(text)

    def matches(self, packet: Packet) -> bool:
        """Whether this packet is one of those that the filter asks for.

        A packet alone does not know when its tape began: ``frame.time_relative`` and ``frame.time_delta`` need `of`.
        """
        return self._test(Seen(packet))

    def of(self, packets: Iterable[Packet], start_ns: int | None = None) -> Iterator[Packet]:
        """Yield the packets that match. start_ns: the time from which ``frame.time_relative`` counts."""
        for seen in looked_at(packets, start_ns):
            if self._test(seen):
                yield seen.packet

    def __repr__(self) -> str:
        return f"Filter({self.text!r})"


def compile(text: str) -> Filter:
    """Compile a display filter: ``compile("tcp.flags.syn == 1 && tcp.port == 8124").matches(packet)``.

    text: at most 10,000 characters, as in Wireshark 4: ``eq ne gt lt ge le contains matches in {..}`` and their signs,
    ``and or xor not``, slices ``[first:count]``, ``any`` and ``all``, ``len count lower upper``. ``!=`` means that all
    values differ. A name alone asks whether the packet has the field; the empty text matches every packet.
    Raises `FilterError` with the place of what is wrong. Source: Wireshark's manual page wireshark-filter(4).
    """
    return Filter(text)


def chosen(text: str, packets: Iterable[Packet], frames: Sequence[Frame]) -> list[int]:
    """The indices of those packets of a tape that match. frames: all of the tape, whose first one begins its time.

    The times between packets are those between the packets given. Raises `FilterError`.
    """
    return [packet.number - 1 for packet in compile(text).of(packets, frames[0][0] if frames else None)]
