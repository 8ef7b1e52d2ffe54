"""Classic pcap files and pipes, in both byte orders, with microseconds or nanoseconds; and reading any capture file.

Rule: whatever the bytes are, the answer is frames or `BadCapture`, in bounded memory.
"""

from __future__ import annotations

from pathlib import Path
from struct import Struct

from labkit.core.errors import BadCapture
from labkit.packets import pcapng
from labkit.packets.frames import Frame
from labkit.packets.pcapng import Recording

FILE_LIMIT = 256 << 20
"""Bytes of a capture file that are read at most; a larger one has to be cut first."""

PACKET_LIMIT = 1 << 20
"""Bytes of one packet in a pcap file at most; more is damage (the largest IP packet has 65,535)."""

_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}


class PcapStream:
    """Turns the bytes of a pcap file, fed in pieces of any size, into frames."""

    def __init__(self, name: str = "capture") -> None:
        self.name = name
        self.offset = 0
        self.linktype = -1
        self._kept = b""
        self._unit = 1000
        self._record = Struct("<IIII")

    @property
    def rest(self) -> int:
        """Bytes that were fed and belong to no complete record yet."""
        return len(self._kept)

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; returns the frames they complete. Raises `BadCapture`."""
        data = self._kept + data if self._kept else data
        position = 0
        frames: list[Frame] = []
        if self.linktype < 0:
            if len(data) < 24:
                self._kept = data
                return frames
            self._header(data)
            position = 24
        unpack, unit, linktype, size = self._record.unpack_from, self._unit, self.linktype, len(data)
        append = frames.append
        while size - position >= 16:
            seconds, fraction, captured, original = unpack(data, position)
            if captured > PACKET_LIMIT:
                raise BadCapture(
                    f"{self.name} at byte {self.offset + position}: a packet of {captured} bytes", pcapng.TODO
                )
            end = position + 16 + captured
            if end > size:
                break
            append((seconds * 1_000_000_000 + fraction * unit, data[position + 16 : end], linktype, 0, original))
            position = end
        self._kept = data[position:]
        self.offset += position
        return frames

    def _header(self, data: bytes) -> None:
        if data[:4] not in _MAGIC:
            raise BadCapture(f"{self.name} at byte 0: 0x{data[:4].hex()} is not how a pcap file starts", pcapng.TODO)
        order, self._unit = _MAGIC[data[:4]]
        major, network = Struct(order + "H").unpack_from(data, 4)[0], Struct(order + "I").unpack_from(data, 20)[0]
        if major != 2:
            raise BadCapture(f"{self.name} at byte 4: version {major} of pcap; only 2 is known", pcapng.TODO)
        self.linktype = network & 0xFFFF  # the bits above it tell the length of a frame check sequence
        self._record = Struct(order + "IIII")


def decode(data: bytes, name: str = "capture") -> Recording:
    """Read the bytes of a capture file, pcapng or pcap by its first four bytes.

    name: what to call it in an error. Raises `BadCapture`, saying at which byte it goes wrong and what to do.
    """
    if not data:
        raise BadCapture(f"{name} is empty", "The capture was never written: record it again.")
    if data[:4] == pcapng.SECTION.to_bytes(4, "big"):
        return pcapng.decode(data, name)
    if data[:4] not in _MAGIC:
        raise BadCapture(
            f"{name} at byte 0: it starts with 0x{data[:4].hex()}, so it is neither pcapng nor pcap",
            "Give the path of a capture file, as Wireshark, tcpdump or tape.save() write them.",
        )
    stream = PcapStream(name)
    frames = stream.feed(data)
    if stream.linktype < 0 or stream.rest:
        raise BadCapture(
            f"{name} at byte {stream.offset}: the file ends inside a packet",
            "The capture was cut off while it was written: record it again.",
        )
    return Recording(frames)


def load(path: str | Path) -> Recording:
    """Read a capture file of at most `FILE_LIMIT` bytes. Raises `BadCapture`, or `OSError` for no file."""
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise BadCapture(
            f"{path.name} has more than {FILE_LIMIT >> 20} MB",
            "Cut it first: editcap -r in.pcapng out.pcapng 1-100000.",
        )
    return decode(data, path.name)
