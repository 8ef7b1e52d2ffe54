"""Display filters: which packets of a tape to look at, in the language of Wireshark.

Rule: a text is compiled once, and every mistake in it is told then; no packet makes a filter raise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from labkit.core.checks import shown
from labkit.core.errors import BadArgument
from labkit.packets.filters.parsing import parsed
from labkit.packets.filters.seen import Around, Seen, looked_at
from labkit.packets.filters.words import FilterError

if TYPE_CHECKING:
    from labkit.packets.packet import Packet
    from labkit.packets.tape_shared import Shared

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

        A packet alone knows neither when its tape began nor what its SYNs said: ``frame.time_relative``,
        ``frame.time_delta`` and ``tcp.window_size`` need the tape: `Tape.filter`.
        """
        return self._test(Seen(packet))

    def of(self, packets: Iterable[Packet], shared: Shared | None = None) -> Iterator[Packet]:
        """Yield the packets that match. shared: what their tape knows of all its packets."""
        for seen in looked_at(packets, Around(shared)):
            if self._test(seen):
                yield seen.packet

    def __repr__(self) -> str:
        return f"Filter({self.text!r})"


def compile(text: str) -> Filter:
    """Compile a display filter: ``compile("tcp.flags.syn == 1 && tcp.port == 8124").matches(packet)``.

    text: at most 10,000 characters, as in Wireshark 4: ``eq ne gt lt ge le contains matches in {..}`` and their signs,
    ``and or xor not``, slices ``[first:count]``, ``any`` and ``all``, ``+ - * / % &`` with braces around what belongs
    together, ``len count lower upper max min abs``. ``!=`` means that all values differ. A name alone asks whether the
    packet has the field; the empty text matches every packet.
    Raises `FilterError` with the place of what is wrong. Source: Wireshark's manual page wireshark-filter(4).
    """
    return Filter(text)


def chosen(text: str, packets: Iterable[Packet], shared: Shared) -> list[int]:
    """The indices of those packets of a tape that match. shared: what the tape knows of all its packets.

    The times between packets are those between the packets given. Raises `FilterError`.
    """
    return [packet.number - 1 for packet in compile(text).of(packets, shared)]
