"""What `curl -v` printed beside what crossed the wire: each line with its packets, and the bytes that no line shows.

Rule: a line belongs to a packet only if its bytes are found there, in the order of the stream; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from labkit.packets import Tape

OWN = "curl's own"
"""What stands beside a line that is in no packet."""
_SIDES = {"> ": "client", "< ": "server"}


@dataclass(frozen=True)
class Line:
    """A line that curl printed. packets: numbers of those in which its bytes were; empty: the line is curl's own."""

    text: str
    packets: tuple[int, ...]

    @property
    def place(self) -> str:
        """``"packet 4"``, ``"packets 4, 6"`` or ``"curl's own"``."""
        return _packets(self.packets) if self.packets else OWN


class _Side:
    """One direction of a connection, with those of its bytes that a line has shown."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.data = stream, bytes(stream.data)
        self.at = 0
        self.shown: list[tuple[int, int]] = []

    def take(self, wanted: bytes) -> tuple[int, ...]:
        """The packets of the next place at which these bytes are; nothing if they do not come any more."""
        start = self.data.find(wanted, self.at) if wanted else -1
        if start < 0:
            return ()
        self.at = start + len(wanted)
        self.shown.append((start, self.at))
        return tuple(dict.fromkeys(number for number, _, _ in self.stream.spans(start, self.at)))

    def rest(self) -> Iterator[tuple[tuple[int, ...], bytes]]:
        """The bytes that no line has shown, with their packets."""
        at = 0
        for start, stop in [*self.shown, (len(self.data), len(self.data))]:
            if start > at:
                packets = tuple(dict.fromkeys(number for number, _, _ in self.stream.spans(at, start)))
                yield packets, self.data[at:start]
            at = max(at, stop)


class Beside:
    """The lines of a run of ``curl -v``, each with its packets; as text and as a page, two columns.

    lines: what was printed. unprinted: the bytes that crossed the wire and that no line shows. silent: the numbers of
    the packets without data.
    """

    def __init__(self, text: str, tape: Tape) -> None:
        sides = [
            {sender: _Side(connection.stream(sender)) for sender in ("client", "server")}
            for connection in tape.connections
        ]
        current = 0
        lines = []
        for text_line in text.splitlines():
            sender = _SIDES.get(text_line[:2], "server")
            marked = text_line[:2] in _SIDES
            wanted = (text_line[2:].rstrip("\r") + "\r\n" if marked else text_line + "\n").encode()
            packets: tuple[int, ...] = ()
            if not text_line.startswith(("* ", "{ [", "} [")):
                for index in range(current, len(sides)):
                    if packets := sides[index][sender].take(wanted):
                        current = index
                        break
            lines.append(Line(text_line, packets))
        self.lines: Sequence[Line] = tuple(lines)
        left = [each for pair in sides for side in pair.values() for each in side.rest()]
        self._left = left
        self.unprinted = b"".join(data for _, data in left)
        self.silent = tuple(packet.number for packet in tape if not packet.length)

    def _rows(self) -> Iterator[tuple[str, str]]:
        for line in self.lines:
            yield line.place, line.text
        yield "", ""
        for packets, data in self._left:
            yield _packets(packets), f"{data!r}: no line shows these bytes"
        if self.silent:
            yield "the other packets", "no data, and no line: they are the kernels' own"

    def __repr__(self) -> str:
        rows = list(self._rows())
        width = max(len(place) for place, _ in rows)
        return "\n".join(f"{place:{width}}  {text}".rstrip() for place, text in rows)

    def _repr_html_(self) -> str:
        cell = '<td style="text-align:left; font-family:monospace; white-space:pre-wrap; padding:0 .8em">'
        rows = "".join(
            f"<tr>{cell}{escape(place)}</td>{cell}{escape(text) or '&nbsp;'}</td></tr>" for place, text in self._rows()
        )
        return f"<table>{rows}</table>"


def _packets(numbers: Sequence[int]) -> str:
    word = "packet" if len(numbers) == 1 else "packets"
    return f"{word} {', '.join(map(str, numbers))}"
