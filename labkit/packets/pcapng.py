"""pcapng files: the writer, the reader, and the labkit block for the socket events and the wire's verdicts.

Rule: bytes in, frames out, no files; whatever the bytes are, the answer is frames or `BadCapture`, in bounded memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from struct import Struct
from types import MappingProxyType
from typing import Any

from labkit.core.errors import BadCapture
from labkit.packets.frames import ETHERNET, Frame
from labkit.packets.model import SocketEvent, Verdict

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET, SECRETS = 0x0A0D0D0A, 1, 2, 3, 6, 10
LABKIT = 0x80004C4B
"""Our own block. Types with the highest bit set are left to local use, and other readers skip them."""

BYTE_ORDER = 0x1A2B3C4D
_LABKIT_MARK = b"labkit/1"
_BLOCK = Struct("<II")
_SECONDS = 10**9
_UNTOUCHED: Mapping[int, Verdict] = MappingProxyType({})
TODO = "Save it again, or open it in Wireshark and save it as pcapng from there."


@dataclass(frozen=True, slots=True)
class Recording:
    """What a capture file holds.

    frames: in file order. events: what our sockets did meanwhile. drops: frames the kernel lost during the capture.
    ports: the ports that were captured, () for all. platform: the system it was captured on.
    secrets: (type, data) of each Decryption Secrets Block. verdicts: index of a frame → what a wire did to it.
    """

    frames: Sequence[Frame] = ()
    events: tuple[SocketEvent, ...] = ()
    drops: int = 0
    ports: tuple[int, ...] = ()
    platform: str = ""
    secrets: tuple[tuple[int, bytes], ...] = field(default=())
    verdicts: Mapping[int, Verdict] = field(default_factory=lambda: _UNTOUCHED)


# ---------------------------------------------------------------- writing


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, data: bytes) -> bytes:
    return Struct("<HH").pack(code, len(data)) + _padded(data)


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return _BLOCK.pack(kind, size) + body + Struct("<I").pack(size)


def encode(recording: Recording) -> bytes:
    """Return a recording as a pcapng file: little-endian, times in nanoseconds, one interface for each link type.

    Source: the pcapng specification (draft-ietf-opsawg-pcapng), sections 4.1 to 4.3.
    """
    application = _option(4, b"labkit") + _option(0, b"")
    if recording.platform:
        application = _option(3, recording.platform.encode()) + application
    blocks = [_block(SECTION, Struct("<IHHq").pack(BYTE_ORDER, 1, 0, -1) + application)]
    interfaces: dict[int, int] = {}
    for linktype in dict.fromkeys(frame[2] for frame in recording.frames) or (ETHERNET,):
        interfaces[linktype] = len(interfaces)
        # if_tsresol 9: the times count nanoseconds
        options = _option(9, b"\x09") + _option(0, b"")
        blocks.append(_block(INTERFACE, Struct("<HHI").pack(linktype, 0, 0) + options))
    blocks.extend(
        _block(SECRETS, Struct("<II").pack(kind, len(data)) + _padded(data)) for kind, data in recording.secrets
    )
    header = Struct("<IIIIIII").pack
    tail = Struct("<I").pack
    verdicts = recording.verdicts
    for index, (time_ns, raw, linktype, _status, length) in enumerate(recording.frames):
        captured = len(raw)
        time_ns = time_ns if 0 <= time_ns < 1 << 64 else 0  # a damaged clock must not keep the packets from being saved
        padding = bytes(-captured % 4)
        if index in verdicts:
            padding += _comment(verdicts[index])
        size = 32 + captured + len(padding)
        blocks.append(
            header(ENHANCED_PACKET, size, interfaces[linktype], time_ns >> 32, time_ns & 0xFFFFFFFF, captured, length)
            + raw
            + padding
            + tail(size)
        )
    text = json.dumps(_facts(recording), separators=(",", ":")).encode()
    blocks.append(_block(LABKIT, _LABKIT_MARK + Struct("<I").pack(len(text)) + _padded(text)))
    return b"".join(blocks)


def _comment(verdict: Verdict) -> bytes:
    """The options of a packet block that say in Wireshark what the wire did. Source: section 3.5, opt_comment."""
    words = f"wire: {verdict.kind}" + (f", {verdict.detail}" if verdict.detail else "")
    return _option(1, words.encode()) + _option(0, b"")


def _runs(values: Iterable[int]) -> list[list[int]]:
    """Run lengths: [[value, count], ...]."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    return runs


def _facts(recording: Recording) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "drops": recording.drops,
        "ports": list(recording.ports),
        "platform": recording.platform,
        # One number a packet, as TPACKET gives it; bit 8: the checksum was not filled in.
        "status": _runs(frame[3] for frame in recording.frames),
        "events": [
            [event.time_ns, event.who, event.name, event.size, event.kind, event.local, event.remote, event.detail]
            for event in recording.events
        ],
    }
    if recording.verdicts:
        facts["verdicts"] = [
            [index, verdict.kind, verdict.detail, list(verdict.arrivals)]
            for index, verdict in sorted(recording.verdicts.items())
        ]
    return facts


# ---------------------------------------------------------------- reading


class _Reader:
    """One pass over the bytes of a file; holds what the section so far has declared."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = data, name
        self.frames: list[Frame] = []
        self.interfaces: list[tuple[int, int, int, int]] = []  # link type, snap length, units a second, offset in ns
        self.order = "<"
        self.facts: dict[str, Any] = {}
        self.facts_at = 0
        self.secrets: list[tuple[int, bytes]] = []

    def bad(self, offset: int, what: str, todo: str = TODO) -> BadCapture:
        return BadCapture(f"{self.name} at byte {offset}: {what}", todo)

    def read(self) -> Recording:
        data, size, offset = self.data, len(self.data), 0
        frames, append = self.frames, self.frames.append
        head, packet, tail = self._structs()
        while offset < size:
            if size - offset < 12:
                raise self.bad(
                    offset,
                    f"the file ends inside a block ({size - offset} bytes left, a block has at least 12)",
                    "The capture was cut off while it was written: record it again.",
                )
            kind, length = head(data, offset)
            if kind == SECTION:  # reads the same in both byte orders
                self._section(offset)
                head, packet, tail = self._structs()
                kind, length = head(data, offset)
            if length < 12 or length % 4:
                raise self.bad(offset, f"a block of {length} bytes (12 or more, in steps of 4, are possible)")
            if length > size - offset:
                raise self.bad(
                    offset,
                    f"a block of {length} bytes, but the file ends after {size - offset}",
                    "The capture was cut off while it was written: record it again.",
                )
            if tail(data, offset + length - 4)[0] != length:
                raise self.bad(offset, "the two lengths of the block differ")
            if kind == ENHANCED_PACKET:
                if length < 32:
                    raise self.bad(offset, f"a packet block of {length} bytes, at least 32 are needed")
                interface, high, low, captured, original = packet(data, offset + 8)
                if captured > length - 32:
                    raise self.bad(offset, f"a packet of {captured} bytes in a block of {length}")
                try:
                    linktype, _, units, shift = self.interfaces[interface]
                except IndexError:
                    raise self.bad(
                        offset, f"a packet of interface {interface}, which the file never describes"
                    ) from None
                time_ns = (high << 32) | low
                if units != _SECONDS:
                    time_ns = time_ns * _SECONDS // units
                start = offset + 28
                append((time_ns + shift, data[start : start + captured], linktype, 0, original))
            elif kind != SECTION:
                self._other(kind, offset, length)
            offset += length
        return self._recording(frames)

    def _structs(self) -> tuple[Any, Any, Any]:
        order = self.order
        return Struct(order + "II").unpack_from, Struct(order + "IIIII").unpack_from, Struct(order + "I").unpack_from

    def _section(self, offset: int) -> None:
        if len(self.data) - offset < 28:
            raise self.bad(
                offset,
                "the file ends inside its section header",
                "The capture was cut off while it was written: record it again.",
            )
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
        self.interfaces = []

    def _other(self, kind: int, offset: int, length: int) -> None:
        data, order = self.data, self.order
        if kind == INTERFACE:
            if length < 20:
                raise self.bad(offset, f"an interface block of {length} bytes, at least 20 are needed")
            linktype, _, snap = Struct(order + "HHI").unpack_from(data, offset + 8)
            self.interfaces.append((linktype, snap, *self._clock(offset + 16, offset + length - 4)))
        elif kind == SIMPLE_PACKET:
            if not self.interfaces:
                raise self.bad(offset, "a packet before any interface is described")
            if length < 16:
                raise self.bad(offset, f"a packet block of {length} bytes, at least 16 are needed")
            original = Struct(order + "I").unpack_from(data, offset + 8)[0]
            linktype, snap, _, _ = self.interfaces[0]
            captured = min(original, snap or original)
            if captured > length - 16:
                raise self.bad(offset, f"a packet of {captured} bytes in a block of {length}")
            self.frames.append((0, data[offset + 12 : offset + 12 + captured], linktype, 0, original))
        elif kind == OLD_PACKET:
            if length < 32:
                raise self.bad(offset, f"a packet block of {length} bytes, at least 32 are needed")
            interface, _, high, low, captured, original = Struct(order + "HHIIII").unpack_from(data, offset + 8)
            if interface >= len(self.interfaces) or captured > length - 32:
                raise self.bad(offset, f"a packet of {captured} bytes of interface {interface} in a block of {length}")
            linktype, _, units, shift = self.interfaces[interface]
            time_ns = ((high << 32) | low) * _SECONDS // units + shift
            self.frames.append((time_ns, data[offset + 28 : offset + 28 + captured], linktype, 0, original))
        elif kind == SECRETS and length >= 20:
            secret, count = Struct(order + "II").unpack_from(data, offset + 8)
            if count > length - 20:
                raise self.bad(offset, f"{count} bytes of secrets in a block of {length}")
            self.secrets.append((secret, data[offset + 16 : offset + 16 + count]))
        elif kind == LABKIT and data[offset + 8 : offset + 16] == _LABKIT_MARK and length >= 24:
            self._labkit(offset, length)

    def _clock(self, offset: int, end: int) -> tuple[int, int]:
        """The interface options that say how to read times: (units a second, shift in ns)."""
        units, shift = 1_000_000, 0
        while offset + 4 <= end:
            code, size = Struct(self.order + "HH").unpack_from(self.data, offset)
            offset += 4
            if code == 0:
                break
            if size > end - offset:
                raise self.bad(offset - 4, f"an option of {size} bytes that reaches past its block")
            if code == 9 and size >= 1:  # if_tsresol: a negative power of 10, or with the highest bit of 2
                exponent = self.data[offset] & 0x7F
                units = 2**exponent if self.data[offset] & 0x80 else 10**exponent
                if units >= 1 << 64:
                    raise self.bad(offset, f"times in units of 1/{units} s")
            elif code == 14 and size >= 8:  # if_tsoffset, seconds
                shift = Struct(self.order + "q").unpack_from(self.data, offset)[0] * _SECONDS
                if not 0 <= shift < 1 << 63:
                    raise self.bad(offset, f"times that start {shift // _SECONDS} s from 1970")
            offset += size + (-size % 4)
        return units, shift

    def _labkit(self, offset: int, length: int) -> None:
        size = Struct(self.order + "I").unpack_from(self.data, offset + 16)[0]
        if size > length - 24:
            raise self.bad(offset, f"{size} bytes of labkit's notes in a block of {length}")
        try:
            facts = json.loads(self.data[offset + 20 : offset + 20 + size])
        except (ValueError, RecursionError) as error:
            raise self.bad(offset, f"labkit's notes about the capture are damaged ({error})") from None
        self.facts, self.facts_at = facts, offset

    def _recording(self, frames: list[Frame]) -> Recording:
        recording = Recording(frames, secrets=tuple(self.secrets))
        if not self.facts_at:
            return recording
        try:
            facts = self.facts
            _apply_status(frames, facts.get("status", []))
            return replace(
                recording,
                events=tuple(_event(entry) for entry in facts.get("events", [])),
                drops=int(facts.get("drops", 0)),
                ports=tuple(int(port) for port in facts.get("ports", [])),
                platform=str(facts.get("platform", "")),
                verdicts=_verdicts(facts.get("verdicts", []), len(frames)),
            )
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            raise self.bad(self.facts_at, f"labkit's notes about the capture are damaged ({error})") from None


def _apply_status(frames: list[Frame], runs: list[list[int]]) -> None:
    position = 0
    for status, count in runs:
        if not isinstance(status, int) or not isinstance(count, int) or not 0 <= count <= len(frames) - position:
            raise ValueError("the status of more packets than there are")
        if status:
            for index in range(position, position + count):
                time_ns, raw, linktype, _, length = frames[index]
                frames[index] = (time_ns, raw, linktype, status, length)
        position += count


def _event(entry: list[Any]) -> SocketEvent:
    time_ns, who, name, size, kind, local, remote, detail = entry
    return SocketEvent(
        int(time_ns),
        str(who),
        str(name),
        None if size is None else int(size),
        str(kind),
        _endpoint(local),
        _endpoint(remote),
        str(detail),
    )


def _verdicts(entries: list[list[Any]], count: int) -> Mapping[int, Verdict]:
    """What a wire did to the frames of a file, from its notes. Raises ValueError or TypeError for damaged ones."""
    found: dict[int, Verdict] = {}
    for index, kind, detail, arrivals in entries:
        if type(index) is not int or not 0 <= index < count or index in found:
            raise ValueError(f"a verdict on frame {index!r:.20}")
        if not isinstance(kind, str) or not isinstance(detail, str) or not isinstance(arrivals, list):
            raise TypeError(f"the verdict on frame {index} is not told as it should be")
        if not all(type(time_ns) is int for time_ns in arrivals):
            raise TypeError(f"frame {index} arrived at what is no time")
        found[index] = Verdict(kind, detail, tuple(arrivals))
    return MappingProxyType(found) if found else _UNTOUCHED


def _endpoint(entry: list[Any] | None) -> tuple[str, int] | None:
    if entry is None:
        return None
    host, port = entry
    return str(host), int(port)


def decode(data: bytes, name: str = "capture") -> Recording:
    """Read the bytes of a pcapng file.

    name: what to call it in an error. Raises `BadCapture`, saying at which byte it goes wrong and what to do.
    """
    return _Reader(data, name).read()
