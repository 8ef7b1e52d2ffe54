"""Capture files that come from a page and go to it, in pieces: no message of a page is as large as a file can be.

Rule: a file has a limit that is checked before anything is kept; what comes out of order is refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from struct import Struct
from tempfile import TemporaryDirectory

from labkit.core.errors import BadCapture, LabError
from labkit.draw.text import visible
from labkit.packets import pcap
from labkit.packets.compressed import unpacked
from labkit.packets.tape import Tape

LARGEST = 64 << 20
"""Bytes of a file that a page may give."""
MOST_PACKETS = 500_000
"""Packets of a file that a page may give, which take about 300 MB."""
PIECE = 1 << 20
"""Bytes of a file that travel at once."""
_BLOCKS, _LITTLE, _BACKWARDS = b"\n\r\r\n", b"\x4d\x3c\x2b\x1a", b"\xb2\xa1"
_LONGEST_NAME = 80  # characters


class Taken:
    """A file that comes from a page."""

    def __init__(self) -> None:
        self._name = ""
        self._size = 0
        self._data = bytearray()

    def piece(self, name: str, size: int, first: int, content: bytes) -> Tape | None:
        """Take the bytes from first on; returns the tape when all of the file has come, else None.

        size: of the whole file. Raises LabError for a file that is too large and for a piece that does not follow the
        last one, `BadCapture` for a file that is no capture.
        """
        shown = visible(name[:_LONGEST_NAME]) or "this file"
        if not 0 <= size <= LARGEST:
            raise BadCapture(
                f"{shown} has {size:,} bytes; from a page a file may have {LARGEST:,}",
                "Put it beside the notebook and run labkit.inspect with its name.",
            )
        if first == 0:
            self._name, self._size, self._data = name, size, bytearray()
        if (name, size, first) != (self._name, self._size, len(self._data)) or first + len(content) > size:
            self._data = bytearray()
            raise LabError(f"the pieces of {shown} did not come in order", "Give the file again.")
        self._data += content
        if len(self._data) < size:
            return None
        data, self._data = bytes(self._data), bytearray()
        data, missing = unpacked(data, shown, LARGEST)
        if has_more(data, MOST_PACKETS):
            raise BadCapture(
                f"{shown} has more than {MOST_PACKETS:,} packets, which is the most that a page may give",
                "Put it beside the notebook and run labkit.inspect with its name.",
            )
        recording = pcap.decode(data, shown)
        if missing:
            recording = replace(recording, missing="; ".join(filter(None, (recording.missing, missing))))
        return Tape(recording, origin=f"recorded from {shown}")


def has_more(data: bytes, most: int) -> bool:
    """Whether a capture file has more packets, by the lengths of its parts alone; of pcapng each block counts.

    A packet takes much more memory than its bytes: read whole, a file of empty ones takes forty times its size.
    """
    blocks = data.startswith(_BLOCKS)
    little = data[8:12] == _LITTLE if blocks else data[2:4] == _BACKWARDS
    read = Struct("<I" if little else ">I").unpack_from
    at, head, place, extra = (0, 12, 4, 0) if blocks else (24, 16, 8, 16)
    for _ in range(most + 1):
        if at + head > len(data):
            return False
        size = read(data, at + place)[0] + extra
        if size < head:
            return False  # the file is damaged from here on
        at += size
    return True


class Given:
    """A file that goes to a page."""

    def __init__(self) -> None:
        self._data = b""

    def piece(self, tape: Tape, first: int, *, secrets: bool) -> tuple[int, bytes]:
        """(bytes of the whole file, those from first on). The file is made for its first piece, and kept to its last.

        secrets: with the key log lines of its TLS connections.
        """
        if first <= 0:
            with TemporaryDirectory() as folder:
                self._data = tape.save(Path(folder, "capture.pcapng"), secrets=secrets).read_bytes()
        data, piece = self._data, self._data[max(0, first) : max(0, first) + PIECE]
        if first + PIECE >= len(data):
            self._data = b""
        return len(data), piece
