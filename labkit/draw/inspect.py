"""`inspect`: every packet, message and record of a capture in the hand: fields beside the bytes in which they lie.

Rule: the object is plain, and its text is the same everywhere; a page asks for what it shows, and is told that alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labkit import widgets
from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw.inspect_files import Given, Taken
from labkit.draw.inspect_items import PIECE, item, parts_of, whys
from labkit.draw.inspect_rows import KINDS, Lists, said_in, told
from labkit.draw.inspect_static import ROOM, static
from labkit.draw.text import count, given, visible
from labkit.packets import filters
from labkit.packets.tape import Connection, Tape

_HEAD = 30  # rows that a page has at once, which are more than it shows; it asks for the others
_TWIN = 20  # packets in the text


class Inspector:
    """What `inspect` returns: a capture to be looked at, packet by packet, bit by bit.

    tape: what it shows; a file that a reader drops on it takes its place. Its text is a list of the first packets.
    folded: a page shows the list alone until its reader chooses a packet. room: characters of HTML for packets with
    their fields, where no kernel runs.
    """

    def __init__(self, tape: Tape, *, folded: bool = False, room: int = ROOM) -> None:
        self.tape = tape
        self._folded, self._room = folded, room
        self._lists = Lists(tape)
        self._panel: widgets.Panel | None = None
        self._taken, self._given = Taken(), Given()
        self._shown = 0  # how many tapes: so a page hears of the next one, even if it looks the same

    def __repr__(self) -> str:
        lines = [f"Inspector of {count(len(self.tape), 'packet')}"]
        for packet in self.tape[:_TWIN]:
            way = "client → server" if packet.sender == "client" else "client ← server"
            lines.append(f"{packet.number:>3}  {way}  {visible(packet.protocol)}  {told(packet, content=False)}")
        if len(self.tape) > _TWIN:
            lines.append(f"     ({count(len(self.tape) - _TWIN, 'packet')} more)")
        if self.tape.origin:
            lines.append(f"tape: {visible(self.tape.origin)}")
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        controls = (self.panel,) if widgets.available() else ()
        return widgets.mimebundle(repr(self), static(self.tape, self._room), *controls)

    @property
    def panel(self) -> widgets.Panel:
        """What the pages that show it follow and ask."""
        if self._panel is None:
            part: dict[str, type] = {"flow": int, "shown": str}
            scope: dict[str, type] = {"kind": str, **part}
            asks = {
                "rows": widgets.Ask(self._rows, **scope, first=int, last=int),
                "item": widgets.Ask(self._item, **scope, index=int),
                "why": widgets.Ask(self._why, **scope, index=int),
                "bytes": widgets.Ask(self._bytes, **scope, index=int, part=int, first=int),
                "find": widgets.Ask(self._find, **scope, packet=int, place=int),
                "filter": widgets.Ask(self._filter, text=str),
                "follow": widgets.Ask(self._follow, packet=int),
                "secrets": widgets.Ask(self._secrets, **part),
                "save": widgets.Ask(self._save, **part, secrets=bool, first=int),
                "file": widgets.Ask(self._file, name=str, size=int, first=int, content=bytes),
            }
            self._panel = widgets.Panel("inspector", asks, self._state(), self._head())
        return self._panel

    def _state(self) -> dict[str, Any]:
        self._shown += 1
        return {"count": len(self.tape), "origin": visible(self.tape.origin), "shown": self._shown,
                "folded": self._folded}  # fmt: skip

    def _head(self) -> bytes:
        """The first rows; then, each behind a NUL, the first packet as JSON and its bytes, if it is shown at once."""
        rows = "\n".join(self._lists.rows("packets", -1, "", 0, _HEAD)).encode()
        if not len(self.tape) or self._folded:
            return rows
        told, parts = item(self.tape[0])
        words = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        return b"\0".join((rows, words.encode(), b"".join(parts)))

    # -- what a page asks

    def _rows(self, kind: str, flow: int, shown: str, first: int, last: int) -> widgets.Answer:
        rows = "\n".join(self._lists.rows(kind, flow, shown, first, last))
        there = len(self._lists.of(kind, flow, shown))
        return widgets.Answer({"first": max(0, first), "count": there}, [rows.encode()])

    def _item(self, kind: str, flow: int, shown: str, index: int) -> widgets.Answer:
        return widgets.Answer(*item(self._lists.one(kind, flow, shown, index)))

    def _why(self, kind: str, flow: int, shown: str, index: int) -> widgets.Answer:
        return widgets.Answer({"why": whys(self._lists.one(kind, flow, shown, index))})

    def _bytes(self, kind: str, flow: int, shown: str, index: int, part: int, first: int) -> widgets.Answer:
        parts = parts_of(self._lists.one(kind, flow, shown, index))
        if not 0 <= part < len(parts):
            raise LabError("there are no such bytes", "Run the cell again.")
        first = max(0, first)
        return widgets.Answer({"first": first}, [parts[part].data[first : first + PIECE]])

    def _find(self, kind: str, flow: int, shown: str, packet: int, place: int) -> widgets.Answer:
        """Where something stands in its list: as that is narrowed now if it is there, else in a wider one."""
        for there in dict.fromkeys(((flow, shown), (flow, ""), (-1, ""))):
            if kind == "packets":
                numbers = (each.number for each in self._lists.part(*there))
                index = next((at for at, number in enumerate(numbers) if number == packet), None)
            else:
                index = self._index(kind, *there, packet, place)
            if index is not None:
                return widgets.Answer({"flow": there[0], "shown": there[1], "index": index})
        raise LabError(f"packet {packet} does not lead there", "Run the cell again.")

    def _index(self, kind: str, flow: int, shown: str, packet: int, place: int) -> int | None:
        found = next((each for each in self.tape if each.number == packet), None)
        said = said_in(found, kind) if found is not None and kind in KINDS else ()
        wanted = said[place] if 0 <= place < len(said) else None
        return next((at for at, each in enumerate(self._lists.of(kind, flow, shown)) if each is wanted), None)

    def _filter(self, text: str) -> widgets.Answer:
        """What is wrong with a display filter, and where; place -1: nothing."""
        try:
            filters.compile(text)
        except filters.FilterError as error:
            return widgets.Answer({"place": error.place, "fault": visible(error.what), "todo": visible(error.todo)})
        return widgets.Answer({"place": -1})

    def _follow(self, packet: int) -> widgets.Answer:
        flow = self._lists.flow_of(packet)
        there = self.tape.connections[flow]
        ends = "{}:{} → {}:{}".format(*there.client, *there.server)
        return widgets.Answer({"flow": flow, "words": f"connection {flow + 1}: {ends}"})

    def _secrets(self, flow: int, shown: str) -> widgets.Answer:
        return widgets.Answer({"count": len(self._lists.part(flow, shown).secrets)})

    def _save(self, flow: int, shown: str, secrets: bool, first: int) -> widgets.Answer:
        size, piece = self._given.piece(self._lists.part(flow, shown), first, secrets=secrets)
        return widgets.Answer({"size": size, "first": first}, [piece])

    def _file(self, name: str, size: int, first: int, content: bytes) -> widgets.Answer:
        tape = self._taken.piece(name, size, first, content)
        if tape is None:
            return widgets.Answer({"whole": False})
        self.tape, self._lists = tape, Lists(tape)
        self.panel.update(data=self._head(), **self._state())
        return widgets.Answer({"whole": True})


@in_words
def inspect(capture: Any) -> Inspector:
    """Look at a capture with the mouse or the keys: its packets, their fields, and the bytes in which they lie.

    capture: a tape, a connection of one, or the path of a capture file (pcapng or pcap): ``inspect("mine.pcapng")``.
    Raises LabError for anything else, and `BadCapture` for a file that cannot be read.
    """
    if isinstance(capture, (str, Path)):
        return Inspector(Tape.load(capture))
    if isinstance(capture, Connection):
        return Inspector(capture.packets)
    if isinstance(capture, Tape):
        return Inspector(capture)
    raise LabError(
        f"cannot inspect {given(capture)}", 'Give the tape of a capture, or the path of a file: "mine.pcapng".'
    )
