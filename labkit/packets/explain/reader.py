"""A cursor that names every byte it passes: a grammar for bytes without fixed places is a function over a `Reader`.

Rule: each call that moves the cursor makes a field of exactly the bytes that it passes: no gaps, no overlaps.
`Cut` (bytes run out) and `Bad` (they have the wrong form) become fields in one place: `whole`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import itemgetter
from types import TracebackType
from typing import Concatenate, ParamSpec

from labkit.packets.buffers import Hole
from labkit.packets.explain.base import Row, Value
from labkit.packets.model import Field

_Rest = ParamSpec("_Rest")
_STOP = itemgetter(1)


class Cut(Exception):
    """More bytes are needed, and the buffer ends here, or a hole begins. Its text says which ones, if that is known."""


class Bad(Exception):
    """The bytes do not have the form that their protocol requires. Its text says what is wrong."""


NOT_THERE = "were not sent, or not captured"
"""Said of bytes behind the end of a stream; those of a hole are known to have been sent."""

MALFORMED = Row("malformed", "Malformed", 0, "These bytes do not have the form that their protocol requires.")
INCOMPLETE = Row("incomplete", "Incomplete", 0, "These bytes begin something whose other bytes are not there.")


class Reader:
    """Reads data[at:end]. Positions of its fields are bits, counted from the first bit of data.

    holes: the missing bytes, of which each run ends what can be read. keep: False finds boundaries alone, and makes no
    fields, which is five times faster. at: the next byte. last: where the bytes end. end: the same, or where a hole
    begins before. fields: those made so far.
    """

    __slots__ = ("at", "data", "end", "fields", "holes", "keep", "last")

    def __init__(
        self, data: bytes, at: int = 0, end: int | None = None, holes: Sequence[Hole] = (), *, keep: bool = True
    ) -> None:
        self.data, self.at, self.holes, self.keep = data, at, holes, keep
        self.end = self.last = len(data) if end is None else end
        self.fields: list[Field] = []
        if holes:
            self._look()

    @property
    def at_hole(self) -> bool:
        """Whether bytes end here because the next ones are missing."""
        index = bisect_right(self.holes, self.end, key=_STOP)
        return index < len(self.holes) and self.holes[index][0] <= self.end

    def _look(self) -> None:
        """Find where the next hole begins."""
        index = bisect_right(self.holes, self.at, key=_STOP)
        self.end = self.last
        if index < len(self.holes):
            self.end = min(self.last, max(self.holes[index][0], self.at))

    def _add(
        self, row: Row, start: int, value: Value, shown: str, meaning: str, children: tuple[Field, ...] = ()
    ) -> None:
        said = meaning or (row.meaning if isinstance(row.meaning, str) else "")
        self.fields.append(
            Field(row.name, row.label, start * 8, (self.at - start) * 8, value, shown, said, row.why, row.rfc,
                  row.volatile is True, children)
        )  # fmt: skip

    def take(
        self, row: Row, size: int, shown: str = "", meaning: str = "", *, value: Value | None = None
    ) -> bytes:
        """Pass so many bytes and return them; no bytes make no field. value: of the field, if it is not the bytes."""
        start, stop = self.at, self.at + size
        if stop > self.end:
            raise Cut
        data = self.data[start:stop]
        self.at = stop
        if size and self.keep:
            said = data if value is None else value
            self._add(row, start, said, shown or (said if isinstance(said, str) else _counted(size)), meaning)
        return data

    def text(self, row: Row, size: int, value: Value | None = None, meaning: str = "") -> str:
        """Pass so many bytes and return them as text, one character a byte.

        value: of the field, if it is not the text.
        """
        start, stop = self.at, self.at + size
        if stop > self.end:
            raise Cut
        said = self.data[start:stop].decode("latin-1")
        self.at = stop
        if size and self.keep:
            self._add(row, start, said if value is None else value, said, meaning)
        return said

    def across(self, row: Row, size: int, shown: Callable[[bytes], str] | None = None) -> int:
        """Pass so many bytes, also over holes, if a length says how it goes on behind. Returns how many are missing.

        shown: the bytes for people, in place of their number.
        """
        start, stop = self.at, self.at + size
        if stop > self.last:
            raise Cut
        missing, holes = 0, self.holes
        for index in range(bisect_right(holes, start, key=_STOP), len(holes)):
            if holes[index][0] >= stop:
                break
            missing += min(holes[index][1], stop) - max(holes[index][0], start)
        self.at = stop
        if size and self.keep:
            meaning = f"{missing} of these bytes are missing" if missing else ""
            data = self.data[start:stop]
            self._add(row, start, data, _counted(size) if shown is None else shown(data), meaning)
        if holes:
            self._look()
        return missing

    def find(self, mark: bytes) -> int:
        """Where this mark stands next, as an offset in data; -1 if it does not."""
        return self.data.find(mark, self.at, self.end)

    def peek(self, size: int = 1) -> bytes:
        """The next bytes, fewer if there are fewer; the cursor stays."""
        return self.data[self.at : min(self.at + size, self.end)]

    def group(self, row: Row, value: Value | None = None, shown: str = "", meaning: str = "") -> Group:
        """What is read in its ``with`` block becomes the parts of one field."""
        return Group(self, row, value, shown, meaning)

    def rest(self, row: Row, meaning: str = "") -> None:
        """Pass all bytes that are left."""
        start = self.at
        if start < self.end:
            self.at = self.end
            if self.keep:
                self._add(row, start, self.data[start : self.end], _counted(self.end - start), meaning)


class Group:
    """The ``with`` block of `Reader.group`; if the bytes end inside, what was read is in the group all the same."""

    __slots__ = ("meaning", "outer", "reader", "row", "shown", "start", "value")

    def __init__(self, reader: Reader, row: Row, value: Value | None, shown: str, meaning: str) -> None:
        self.reader, self.row, self.value, self.shown, self.meaning = reader, row, value, shown, meaning

    def __enter__(self) -> None:
        reader = self.reader
        self.start = reader.at
        if reader.keep:
            self.outer, reader.fields = reader.fields, []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reader = self.reader
        if not reader.keep:
            return
        inner, reader.fields = reader.fields, self.outer
        if reader.at > self.start:
            raw = reader.data[self.start : reader.at]
            value: Value = raw if self.value is None else self.value
            shown = self.shown or (value if isinstance(value, str) else _counted(len(raw)))
            reader._add(self.row, self.start, value, shown, self.meaning, tuple(inner))


def whole(
    reader: Reader, grammar: Callable[Concatenate[Reader, _Rest], object], *args: _Rest.args, **named: _Rest.kwargs
) -> tuple[str, str]:
    """Read by a grammar; nothing raises, and every byte up to the cursor has a field. Returns (state, reason).

    state: ``""`` if all was there, ``"cut"`` if bytes are missing, ``"malformed"`` if they have the wrong form.
    """
    try:
        grammar(reader, *args, **named)
    except Cut as missing:
        which = str(missing) or "the other bytes"
        reason = "bytes are missing here" if reader.at_hole else f"{which} {NOT_THERE}"
        reader.rest(INCOMPLETE, reason)
        return "cut", reason
    except Bad as error:
        reader.rest(MALFORMED, str(error))
        return "malformed", str(error)
    return "", ""


def _counted(size: int) -> str:
    return "1 byte" if size == 1 else f"{size} bytes"
