"""Capture files that come from a page and go to it, in pieces: no message of a page is as large as a file can be.

Rule: a file has a limit that is checked before anything is kept; what comes out of order is refused.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from labkit.core.errors import BadCapture, LabError
from labkit.draw.text import visible
from labkit.packets import pcap
from labkit.packets.tape import Tape

LARGEST = 64 << 20
"""Bytes of a file that a page may give."""
PIECE = 1 << 20
"""Bytes of a file that travel at once."""
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
        return Tape(pcap.decode(data, shown), origin=f"recorded from {shown}")


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
