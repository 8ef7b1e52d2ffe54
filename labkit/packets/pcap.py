"""Classic pcap files and pipes, in both byte orders, with microseconds or nanoseconds; and reading any capture file.

Rule: whatever the bytes are, the answer is frames or `BadCapture`, in bounded memory.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from struct import Struct

from labkit.core.errors import BadCapture
from labkit.packets import pcapng
from labkit.packets.capture_file import NO_FCS, Recording
from labkit.packets.compressed import too_large, unpacked
from labkit.packets.frames import Frame

FILE_LIMIT = 256 << 20
"""Bytes of a capture file that are read at most, also after unpacking it; a larger one has to be cut first."""

PACKET_LIMIT = 1 << 20
"""Bytes of one packet in a pcap file at most; more is damage (the largest IP packet has 65,535)."""

HEADER = 24
"""Bytes before the first record of a file."""

_MAGIC = {
    # (byte order, ns in a unit of the fraction, bytes before the data of each packet)
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    # "Modified" pcap of old Linux systems: interface, protocol and packet type follow the two lengths, 8 bytes.
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
}
_FCS_TOLD = 1 << 26  # of the header's last field: its four highest bits count 16-bit words of frame check sequence
_LINKTYPE = (1 << 26) - 1


class PcapStream:
    """Turns the bytes of a pcap file, fed in pieces of any size, into frames.

    linktype: of all its frames, -1 until the header has come. fcs_length: bytes of frame check sequence at the end of
    each frame, 0 if the header tells of none.
    """

    def __init__(self, name: str = "capture") -> None:
        self.name = name
        self.offset = 0
        self.linktype = -1
        self.fcs_length = 0
        self.frames = 0
        self._kept = b""
        self._unit = 1000
        self._record = Struct("<IIII")
        self._head = 16
        self._swapped = self._perhaps_swapped = False

    @property
    def rest(self) -> int:
        """Bytes that were fed and belong to no complete record yet."""
        return len(self._kept)

    @property
    def missing(self) -> str:
        """What is not there if the stream ends now, as a sentence; ``""`` if it ends behind a whole packet."""
        there = len(self._kept)
        if not there:
            return ""
        what = f"the file ends inside packet {self.frames + 1}"
        if there < self._head:
            return f"{what}: {there} of the {self._head} bytes of its header are there"
        captured, _ = self._lengths(self._kept, 0)
        return f"{what}: {there - self._head} of its {captured} bytes are there"

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; returns the frames they complete. Raises `BadCapture`."""
        data = self._kept + data if self._kept else data
        position = 0
        frames: list[Frame] = []
        if self.linktype < 0:
            if len(data) < HEADER:
                self._kept = data
                return frames
            self._header(data)
            position = HEADER
        unpack, unit, linktype, size, head = self._record.unpack_from, self._unit, self.linktype, len(data), self._head
        append, swaps = frames.append, self._swapped or self._perhaps_swapped
        while size - position >= head:
            seconds, fraction, captured, original = unpack(data, position)
            if swaps:
                captured, original = self._lengths(data, position)
            if captured > PACKET_LIMIT:
                self._kept, self.frames = data[position:], self.frames + len(frames)
                self.offset += position
                if frames:  # the error is told when these have been taken
                    return frames
                raise BadCapture(f"{self.name} at byte {self.offset}: a packet of {captured} bytes", pcapng.TODO)
            end = position + head + captured
            if end > size:
                break
            append((seconds * 1_000_000_000 + fraction * unit, data[position + head : end], linktype, 0, original))
            position = end
        self._kept = data[position:]
        self.offset += position
        self.frames += len(frames)
        return frames

    def _lengths(self, data: bytes, position: int) -> tuple[int, int]:
        """(bytes captured, bytes on the wire) of the record at this position."""
        _, _, captured, original = self._record.unpack_from(data, position)
        if self._swapped or (self._perhaps_swapped and captured > original):
            return original, captured
        return captured, original

    def _header(self, data: bytes) -> None:
        if data[:4] not in _MAGIC:
            raise BadCapture(f"{self.name} at byte 0: 0x{data[:4].hex()} is not how a pcap file starts", pcapng.TODO)
        order, self._unit, self._head = _MAGIC[data[:4]]
        major, minor = Struct(order + "HH").unpack_from(data, 4)
        network = Struct(order + "I").unpack_from(data, 20)[0]
        if major != 2:
            raise BadCapture(f"{self.name} at byte 4: version {major} of pcap; only 2 is known", pcapng.TODO)
        # The two lengths stand in the other order before version 2.3, and in 2.3 in whichever order the writer had.
        self._swapped, self._perhaps_swapped = minor < 3, minor == 3
        self.linktype = network & _LINKTYPE
        self.fcs_length = (network >> 28) * 2 if network & _FCS_TOLD else 0
        self._record = Struct(order + "IIII")


def decode(data: bytes, name: str = "capture") -> Recording:
    """Read the bytes of a capture file, pcapng or pcap by its first four bytes, also compressed by gzip.

    name: what to call it in an error. A file that is cut off, or damaged behind its first packet, gives what stands
    before, and `Recording.missing` says what is not there. Raises `BadCapture` if nothing can be read, saying at which
    byte it goes wrong and what to do.
    """
    if not data:
        raise BadCapture(f"{name} is empty", "Nothing was ever written into it: give another file, or record again.")
    data, missing = unpacked(data, name, FILE_LIMIT)
    if data[:4] == pcapng.SECTION.to_bytes(4, "big"):
        recording = pcapng.decode(data, name)
    elif data[:4] in _MAGIC:
        recording = _classic(data, name)
    else:
        raise BadCapture(
            f"{name} at byte 0: it starts with 0x{data[:4].hex()}, so it is neither pcapng nor pcap",
            "Give the path of a capture file, as Wireshark, tcpdump or tape.save() write them.",
        )
    if missing:
        recording = replace(recording, missing="; ".join(filter(None, (recording.missing, missing))))
    return recording


def _classic(data: bytes, name: str) -> Recording:
    """Read the bytes of a pcap file."""
    stream = PcapStream(name)
    frames = stream.feed(data)
    if stream.linktype < 0:
        raise BadCapture(
            f"{name} at byte 0: the file ends inside its header ({len(data)} of {HEADER} bytes are there)", pcapng.CUT
        )
    missing = stream.missing
    if frames and stream.rest:
        try:
            stream.feed(b"")
        except BadCapture as error:  # damage behind whole packets: Wireshark shows those, too
            missing = f"{error.what.removeprefix(name + ' ')}; the packets behind this byte are missing"
    fcs = stream.fcs_length
    return Recording(frames, fcs_lengths=dict.fromkeys(range(len(frames)), fcs) if fcs else NO_FCS, missing=missing)


def load(path: str | Path) -> Recording:
    """Read a capture file of at most `FILE_LIMIT` bytes. Raises `BadCapture`, or `OSError` for no file."""
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise too_large(path.name, FILE_LIMIT)
    return decode(data, path.name)
