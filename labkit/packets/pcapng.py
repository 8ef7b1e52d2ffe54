"""pcapng files: the writer and the reader, and a block of labkit's own for facts without a field in the format.

Rule: bytes in, frames out, no files; from any bytes come frames or `BadCapture`, in bounded memory.
"""

from __future__ import annotations

from itertools import groupby
from struct import Struct
from typing import Any, NamedTuple

from labkit.core.errors import BadCapture, LabError
from labkit.packets.capture_file import NO_FCS, Recording, notes_of, with_notes
from labkit.packets.frames import ETHERNET, Frame
from labkit.packets.model import Verdict

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, STATISTICS, ENHANCED_PACKET, SECRETS = 0x0A0D0D0A, 1, 2, 3, 5, 6, 10
LABKIT = 0x80004C4B
"""Our own block. Types with the highest bit set are for local use, and other readers skip them."""

BYTE_ORDER = 0x1A2B3C4D
_LABKIT_MARK = b"labkit/1"
_BLOCK = Struct("<II")
_SECONDS = 10**9
_ERA = 9_000_000_000
"""Seconds of the offset for a time that does not fit into 64 bits of nanoseconds since 1970."""

END_OF_OPTIONS, COMMENT = 0, 1  # in every block
HARDWARE_OR_FLAGS = 2  # epb_flags in a packet block
SYSTEM, APPLICATION = 3, 4  # shb_os, shb_userappl
RESOLUTION, FCS_LENGTH, TIME_OFFSET = 9, 13, 14  # if_tsresol, if_fcslen, if_tsoffset
DROPPED_BY_INTERFACE, DROPPED_BY_SYSTEM = 5, 7  # isb_ifdrop, isb_osdrop

TODO = "Save it again, or open it in Wireshark and save it as pcapng from there."
CUT = "The file is not whole: copy or download it again. If there is no other copy, nothing can be read of it."


# ---------------------------------------------------------------- writing

_packet_head, _size_tail = Struct("<IIIIIII").pack, Struct("<I").pack


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, data: bytes) -> bytes:
    return Struct("<HH").pack(code, len(data)) + _padded(data)


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return _BLOCK.pack(kind, size) + body + Struct("<I").pack(size)


class _Port(NamedTuple):
    """The facts in an interface block, which hold for its frames. era: of their times, see `_ERA`."""

    linktype: int
    fcs: int = 0
    era: int = 0
    snap: int = 0

    def block(self) -> bytes:
        options = _option(RESOLUTION, b"\x09")  # the times count nanoseconds
        if self.fcs:
            # a number from 16 on is read as bits, see _declared
            options += _option(FCS_LENGTH, bytes((self.fcs if self.fcs < 16 else self.fcs * 8 & 0xFF,)))
        if self.era:
            options += _option(TIME_OFFSET, Struct("<q").pack(self.era * _ERA))
        return _block(INTERFACE, Struct("<HHI").pack(self.linktype, 0, self.snap) + options + _option(0, b""))


def _port_of(frame: Frame, fcs: int) -> tuple[int, int, int, int]:
    """The values of a `_Port` for this frame; a plain tuple, because every frame of a capture needs one."""
    time_ns, raw, linktype, _, length = frame
    if time_ns is None:  # a Simple Packet Block has no captured length: the interface's limit gives it
        return linktype, fcs, 0, len(raw) if len(raw) < length else 0
    return linktype, fcs, 0 if 0 <= time_ns < 1 << 64 else time_ns // (_ERA * _SECONDS), 0


def _writable(frame: Frame) -> Frame:
    """The frame, without its time if no file can hold it: a damaged clock must not prevent saving."""
    time_ns = frame[0]
    if time_ns is None or 0 <= time_ns < 1 << 64 or abs(time_ns // (_ERA * _SECONDS) * _ERA) < 1 << 63:
        return frame
    return (None, *frame[1:])


def encode(recording: Recording) -> bytes:
    """Return a recording as a pcapng file: little-endian, times in nanoseconds, one interface for each kind of frame.

    Frames without a time become Simple Packet Blocks. Such a block always belongs to the first interface of its
    section, so these frames get sections of their own.
    Source: the pcapng specification (draft-ietf-opsawg-pcapng), sections 4.1 to 4.4.
    """
    options = _option(APPLICATION, b"labkit") + _option(END_OF_OPTIONS, b"")
    if recording.platform:
        options = _option(SYSTEM, recording.platform.encode()) + options
    section = _block(SECTION, Struct("<IHHq").pack(BYTE_ORDER, 1, 0, -1) + options)
    secrets = [_block(SECRETS, Struct("<II").pack(kind, len(data)) + _padded(data)) for kind, data in recording.secrets]
    frames = [_writable(frame) for frame in recording.frames]
    verdicts, fcs_lengths = recording.verdicts, recording.fcs_lengths
    ports = [_port_of(frame, fcs_lengths.get(index, 0)) for index, frame in enumerate(frames)]
    kinds = [port if frame[0] is None else None for port, frame in zip(ports, frames, strict=True)]
    blocks: list[bytes] = []
    for timeless, indices in groupby(range(len(frames)), kinds.__getitem__):
        members = list(indices)
        blocks.append(section)
        numbers: dict[tuple[int, int, int, int], int] = {}
        for port in dict.fromkeys(ports[index] for index in members):
            if port[0] > 0xFFFF:  # a damaged pcap file can name one: its field has 26 bits
                raise LabError(
                    f"frames of link type {port[0]} cannot be saved: pcapng has room for numbers up to 65535",
                    "No such link type is known to anybody: the file that the frames come from is damaged.",
                )
            numbers[port] = len(numbers)
            blocks.append(_Port(*port).block())
        blocks += secrets
        secrets = []  # a file has each secret once
        if timeless is not None:
            blocks += [_simple(frames[index]) for index in members]
        else:
            for index in members:
                time_ns, raw, _, _, length = frames[index]
                port = ports[index]
                ticks = (time_ns or 0) - port[2] * _ERA * _SECONDS if port[2] else time_ns or 0
                captured = len(raw)
                end = bytes(-captured % 4) + (_comment(verdicts[index]) if index in verdicts else b"")
                size = 32 + captured + len(end)
                head = (ENHANCED_PACKET, size, numbers[port], ticks >> 32, ticks & 0xFFFFFFFF, captured, length)
                blocks.append(_packet_head(*head) + raw + end + _size_tail(size))
    if not frames:
        blocks += [section, _Port(ETHERNET).block(), *secrets]
    notes = notes_of(recording)
    blocks.append(_block(LABKIT, _LABKIT_MARK + Struct("<I").pack(len(notes)) + _padded(notes)))
    return b"".join(blocks)


def _simple(frame: Frame) -> bytes:
    _, raw, _, _, length = frame
    return _block(SIMPLE_PACKET, Struct("<I").pack(max(length, len(raw))) + _padded(raw))


def _comment(verdict: Verdict) -> bytes:
    """The options of a packet block from which Wireshark shows what the wire did. Source: section 3.5, opt_comment."""
    words = f"wire: {verdict.kind}" + (f", {verdict.detail}" if verdict.detail else "")
    return _option(COMMENT, words.encode()) + _option(END_OF_OPTIONS, b"")


# ---------------------------------------------------------------- reading


class _Interface(NamedTuple):
    """What an interface block declares. snap: most bytes kept of a packet, 0 for all. units: in a second.

    shift: ns to add to its times. fcs: bytes of frame check sequence at the end of each frame.
    """

    linktype: int
    snap: int
    units: int = 1_000_000
    shift: int = 0
    fcs: int = 0


class _CutOff(Exception):
    """The file ends inside a block. what: a sentence about that block and its present bytes."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class _Reader:
    """One pass over the bytes of a file; holds the declarations of the current section."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = data, name
        self.frames: list[Frame] = []
        self.interfaces: list[_Interface] = []
        self.order = "<"
        self.notes: tuple[int, bytes] | None = None  # their place in the file, and their bytes
        self.secrets: list[tuple[int, bytes]] = []
        self.fcs: dict[int, int] = {}
        self.drops: dict[tuple[int, int], int] = {}  # (section, interface) → frames lost, by its last statistics
        self.lost_between = 0
        self.sections = 0

    def bad(self, offset: int, what: str, todo: str = TODO) -> BadCapture:
        return BadCapture(f"{self.name} at byte {offset}: {what}", todo)

    def read(self) -> Recording:
        missing = ""
        try:
            self._blocks()
        except _CutOff as cut:
            missing = f"{cut.what}; what followed is missing"
        except BadCapture as error:
            if not self.frames:
                raise
            # Keep the packets before the damage, as Wireshark does.
            missing = f"{error.what.removeprefix(self.name + ' ')}; the packets behind this byte are missing"
        recording = Recording(
            self.frames, drops=sum(self.drops.values()) + self.lost_between, secrets=tuple(self.secrets),
            fcs_lengths=self.fcs or NO_FCS, missing=missing,
        )  # fmt: skip
        if self.notes is None:
            return recording
        try:
            return with_notes(recording, self.notes[1])
        except ValueError as error:
            raise self.bad(self.notes[0], str(error)) from None

    def _blocks(self) -> None:
        data, size, offset = self.data, len(self.data), 0
        append = self.frames.append
        head, packet, tail = self._structs()
        while offset < size:
            if size - offset < 12:
                raise self._cut(offset, 0, 12)
            kind, length = head(data, offset)
            if kind == SECTION:  # reads the same in both byte orders
                self._section(offset)
                head, packet, tail = self._structs()
                kind, length = head(data, offset)
            if length < 12 or length % 4:
                raise self.bad(offset, f"a block of {length} bytes (12 or more, in steps of 4, are possible)")
            if length > size - offset:
                raise self._cut(offset, kind, length)
            if tail(data, offset + length - 4)[0] != length:
                raise self.bad(offset, "the two lengths of the block differ")
            if kind == ENHANCED_PACKET:
                if length < 32:
                    raise self.bad(offset, f"a packet block of {length} bytes, at least 32 are needed")
                number, high, low, captured, original = packet(data, offset + 8)
                if captured > length - 32:
                    raise self.bad(offset, f"a packet of {captured} bytes in a block of {length}")
                linktype, _, units, shift, fcs = self._interface(offset, number)
                time_ns = (high << 32) | low
                if units != _SECONDS:
                    time_ns = time_ns * _SECONDS // units
                start = offset + 28
                if length - captured >= 36 or fcs:
                    self._note_fcs(fcs, start + captured + (-captured % 4), offset + length - 4)
                append((time_ns + shift, data[start : start + captured], linktype, 0, original))
            elif kind != SECTION:
                self._other(kind, offset, length)
            offset += length

    def _structs(self) -> tuple[Any, Any, Any]:
        order = self.order
        return Struct(order + "II").unpack_from, Struct(order + "IIIII").unpack_from, Struct(order + "I").unpack_from

    def _cut(self, offset: int, kind: int, length: int) -> _CutOff | BadCapture:
        """The error if the file ends inside the block at this offset."""
        there = len(self.data) - offset
        if length > len(self.data) + (1 << 24):
            # No writer makes such blocks (a packet of a capture has at most 256 kB), so the length is damaged.
            return self.bad(offset, f"a block of {length} bytes, but the file ends after {there}")
        if not self.sections:
            return self.bad(offset, f"the file ends inside its first block ({there} bytes are there)", CUT)
        names = {ENHANCED_PACKET: "", SIMPLE_PACKET: "", OLD_PACKET: "", LABKIT: "labkit's notes (the socket events)"}
        what = names.get(kind, "a block") or f"packet {len(self.frames) + 1}"
        return _CutOff(f"the file ends inside {what}: {there} of the {length} bytes of its block are there")

    def _interface(self, offset: int, number: int) -> _Interface:
        if number >= len(self.interfaces):
            raise self.bad(offset, f"a packet of interface {number}, which the file never describes")
        return self.interfaces[number]

    def _section(self, offset: int) -> None:
        if len(self.data) - offset < 28:
            raise self._cut(offset, SECTION, 28)
        magic = self.data[offset + 8 : offset + 12]
        orders = {BYTE_ORDER.to_bytes(4, "little"): "<", BYTE_ORDER.to_bytes(4, "big"): ">"}
        if magic not in orders:
            raise self.bad(offset + 8, f"0x{magic.hex()} where 0x1a2b3c4d should tell the byte order")
        self.order = orders[magic]
        length = Struct(self.order + "I").unpack_from(self.data, offset + 4)[0]
        if length < 28:
            raise self.bad(offset, f"a section header of {length} bytes, at least 28 are needed")
        major = Struct(self.order + "H").unpack_from(self.data, offset + 12)[0]
        if major != 1:
            raise self.bad(offset + 12, f"version {major} of pcapng; only 1 is known")
        if length > len(self.data) - offset:
            raise self._cut(offset, SECTION, length)
        self.interfaces = []
        self.sections += 1

    def _other(self, kind: int, offset: int, length: int) -> None:
        data, order = self.data, self.order
        if kind == INTERFACE:
            if length < 20:
                raise self.bad(offset, f"an interface block of {length} bytes, at least 20 are needed")
            linktype, _, snap = Struct(order + "HHI").unpack_from(data, offset + 8)
            self.interfaces.append(self._declared(_Interface(linktype, snap), offset + 16, offset + length - 4))
        elif kind == SIMPLE_PACKET:
            if length < 16:
                raise self.bad(offset, f"a packet block of {length} bytes, at least 16 are needed")
            original = Struct(order + "I").unpack_from(data, offset + 8)[0]
            linktype, snap, _, _, fcs = self._interface(offset, 0)
            captured = min(original, snap or original)
            if captured > length - 16:
                raise self.bad(offset, f"a packet of {captured} bytes in a block of {length}")
            if fcs:
                self._note_fcs(fcs, 0, 0)
            self.frames.append((None, data[offset + 12 : offset + 12 + captured], linktype, 0, original))
        elif kind == OLD_PACKET:
            if length < 32:
                raise self.bad(offset, f"a packet block of {length} bytes, at least 32 are needed")
            number, drops, high, low, captured, original = Struct(order + "HHIIII").unpack_from(data, offset + 8)
            if captured > length - 32:
                raise self.bad(offset, f"a packet of {captured} bytes in a block of {length}")
            linktype, _, units, shift, fcs = self._interface(offset, number)
            time_ns = ((high << 32) | low) * _SECONDS // units + shift
            self.lost_between += drops if drops != 0xFFFF else 0  # 0xFFFF: unknown
            start = offset + 28
            self._note_fcs(fcs, start + captured + (-captured % 4), offset + length - 4)
            self.frames.append((time_ns, data[start : start + captured], linktype, 0, original))
        elif kind == STATISTICS and length >= 24:
            self._statistics(offset, length)
        elif kind == SECRETS and length >= 20:
            secret, count = Struct(order + "II").unpack_from(data, offset + 8)
            if count > length - 20:
                raise self.bad(offset, f"{count} bytes of secrets in a block of {length}")
            self.secrets.append((secret, data[offset + 16 : offset + 16 + count]))
        elif kind == LABKIT and data[offset + 8 : offset + 16] == _LABKIT_MARK and length >= 24:
            size = Struct(order + "I").unpack_from(data, offset + 16)[0]
            # A size larger than the block leaves text that is not JSON, which is reported as damage later.
            self.notes = offset, data[offset + 20 : offset + 20 + size] if size <= length - 24 else b""

    def _options(self, offset: int, end: int) -> dict[int, tuple[int, bytes]]:
        """The options of a block: code → (position of its data, the data)."""
        found: dict[int, tuple[int, bytes]] = {}
        pair = Struct(self.order + "HH").unpack_from
        while offset + 4 <= end:
            code, size = pair(self.data, offset)
            offset += 4
            if code == END_OF_OPTIONS:
                break
            if size > end - offset:
                raise self.bad(offset - 4, f"an option of {size} bytes that reaches past its block")
            found.setdefault(code, (offset, self.data[offset : offset + size]))
            offset += size + (-size % 4)
        return found

    def _declared(self, interface: _Interface, offset: int, end: int) -> _Interface:
        """The interface with the values of its options. Source: the pcapng specification, section 4.2."""
        options = self._options(offset, end)
        at, resolution = options.get(RESOLUTION, (0, b""))
        if resolution:  # a negative power of 10, or of 2 if the highest bit is set
            exponent = resolution[0] & 0x7F
            units = 2**exponent if resolution[0] & 0x80 else 10**exponent
            if units >= 1 << 64:
                raise self.bad(at, f"times in units of 1/{units} s")
            interface = interface._replace(units=units)
        _, shift = options.get(TIME_OFFSET, (0, b""))
        if len(shift) >= 8:  # in seconds; it may be negative
            seconds = Struct(self.order + "q").unpack_from(shift)[0]
            interface = interface._replace(shift=seconds * _SECONDS)
        _, length = options.get(FCS_LENGTH, (0, b""))
        if length:  # the specification says bits, its example and all writers use bytes: only 16 and more can be bits
            interface = interface._replace(fcs=length[0] if length[0] < 16 else length[0] // 8)
        return interface

    def _note_fcs(self, fcs: int, offset: int, end: int) -> None:
        """Note the length of the next packet's frame check sequence.

        offset, end: its options; their flags override the interface's value. Source: section 4.3.1.
        """
        if end - offset >= 4:
            _, flags = self._options(offset, end).get(HARDWARE_OR_FLAGS, (0, b""))
            if len(flags) >= 4:
                fcs = Struct(self.order + "I").unpack_from(flags)[0] >> 5 & 0xF or fcs
        if fcs:
            self.fcs[len(self.frames)] = fcs

    def _statistics(self, offset: int, length: int) -> None:
        """How many frames the interface lost, by its own count. Source: section 4.6."""
        number = Struct(self.order + "I").unpack_from(self.data, offset + 8)[0]
        options = self._options(offset + 20, offset + length - 4)
        counts = [options.get(code, (0, b""))[1] for code in (DROPPED_BY_INTERFACE, DROPPED_BY_SYSTEM)]
        self.drops[self.sections, number] = sum(
            Struct(self.order + "Q").unpack_from(count)[0] for count in counts if len(count) >= 8
        )


def decode(data: bytes, name: str = "capture") -> Recording:
    """Read the bytes of a pcapng file.

    name: of the file, for an error. A file that ends inside a block, or is damaged behind its first packet, gives the
    packets before, and `Recording.missing` says what is missing. Raises `BadCapture` if nothing can be read, and if
    labkit's notes are damaged; it says which byte is wrong and what to do.
    """
    return _Reader(data, name).read()
