"""What tshark says of WebSocket, frame by frame, beside what labkit says: names, order, bits, places and bytes.

Rule: whatever is left out, or put in another form, is listed with the reason; no test here.
"""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from labkit.packets import Field, Tape
from labkit.packets.websocket_frame import WebSocketFrame
from tests.needs import need_tool

OURS = {
    "websocket.rsv1": "tshark shows the three reserved bits as one field",
    "websocket.rsv2": "part of the three reserved bits",
    "websocket.rsv3": "part of the three reserved bits",
    "websocket.payload.binary": "tshark hands binary data to another dissector",
    "websocket.payload.continue": "tshark shows a part of a message as bare payload",
    "websocket.payload.compressed": "tshark shows the inflated message alone",
}
_BITS = re.compile(r"([01. ]+) = ")


class Entry(NamedTuple):
    """A field. first: its first bit, counted from the frame's or the payload's first. data: hex, "" if not given."""

    name: str
    first: int
    bits: int
    data: str


class Theirs(NamedTuple):
    """A frame as tshark shows it.

    packet: in which. at: its first byte there, or in what was put together of several packets. begins: the first of
    these packets, 0 if it lies in one. wire: its fields on the wire. inside: what the payload, or the message, says.
    """

    packet: int
    at: int
    begins: int
    wire: list[Entry]
    inside: list[Entry]


def theirs(path: Path) -> list[Theirs]:
    """The frames that tshark finds in a capture file, in order."""
    command = [need_tool("tshark"), "-n", "-r", str(path), "-T", "pdml"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=100)
    found = []
    for packet in ET.fromstring(done.stdout):
        number = int(packet.find("proto/field[@name='num']").get("show"))  # type: ignore[union-attr, arg-type]
        begins = 0
        for proto in packet.findall("proto"):
            if proto.get("name") == "fake-field-wrapper":
                segment = proto.find("field[@name='tcp.segments']/field[@name='tcp.segment']")
                begins = int(segment.get("show", 0)) if segment is not None else begins
            elif proto.get("name") == "websocket":
                found.append(Theirs(number, int(proto.get("pos", 0)), begins, *_entries(proto)))
    return found


def _entries(proto: ET.Element) -> tuple[list[Entry], list[Entry]]:
    base, wire, inside = int(proto.get("pos", 0)), list[Entry](), list[Entry]()
    masked = False
    for item in proto.iter("field"):
        name, at, size = item.get("name", ""), int(item.get("pos", 0)), int(item.get("size", 0))
        if not name.startswith("websocket.") or not size or name.startswith("websocket.fragment"):
            continue
        if name.startswith("websocket.payload."):
            if not inside:
                start = at
            inside.append(Entry(name, (at - start) * 8, size * 8, item.get("value", "")))
        elif name == "websocket.payload" and masked:
            continue  # of the payload without its mask; its position is the frame's
        elif bits := _BITS.match(item.get("showname", "")):
            dots = bits[1].replace(" ", "")
            before = len(dots) - len(dots.lstrip("."))
            wire.append(Entry(name, (at - base) * 8 + before, len(dots.strip(".")), item.get("value", "").lower()))
        else:
            masked = masked or name == "websocket.masked_payload"
            wire.append(Entry(name, (at - base) * 8, size * 8, item.get("value", "")))
    return wire, inside


def _ours(fields: Sequence[Field], data: bytes, base: int) -> list[Entry]:
    found = []
    for part in (part for item in fields for part in item.walk()):
        if part.name in OURS:
            continue
        raw = data[part.start // 8 : (part.end + 7) // 8]
        value = f"{int(part.value):x}" if part.bits < 8 else raw.hex()  # type: ignore[arg-type]
        found.append(Entry(part.name, part.start - base * 8, part.bits, value))
    return found


def ours(frame: WebSocketFrame) -> tuple[list[Entry], list[Entry]]:
    """A frame as tshark would show it."""
    wire = [
        each
        for each in _ours(frame.fields, frame.buffer.data, frame.start)
        if not each.name.startswith(("websocket.payload.", "malformed"))
    ]
    # tshark shows no message whose last frame is empty
    inside = _ours(frame.whole.fields, frame.whole.data, 0) if frame.payload else []
    if inside and inside[-1].name == "malformed":
        # tshark shows text that is not UTF-8 as text, and the one byte of a close frame as its payload
        *head, wrong = inside
        if head and head[-1].name == "websocket.payload.text":
            inside = [Entry(head[-1].name, 0, head[-1].bits + wrong.bits, head[-1].data + wrong.data)]
        elif not head:
            inside = [wrong._replace(name=f"websocket.payload.{frame.kind}")]
    return wire, inside


def compare(tape: Tape, path: Path) -> int:
    """Compare all frames of a tape with tshark's reading of it; returns how many fields were compared."""
    wire = theirs(tape.save(path))
    mine = sorted(tape.frames, key=lambda each: (each.completed_by, each.start))
    assert [each.completed_by for each in mine] == [each.packet for each in wire]
    compared = 0
    for frame, their in zip(mine, wire, strict=True):
        if frame.buffer.place(frame.start) != (their.packet, their.at):
            # counted in what was put together, whose first byte is the first one of a frame in an earlier packet
            first = frame.buffer.place(frame.start - their.at)
            assert first is not None
            assert first[0] == their.begins, frame
        for one, other in zip(ours(frame), (their.wire, their.inside), strict=True):
            assert [each[:3] for each in one] == [each[:3] for each in other], (frame, one, other)
            for each, value in zip(one, other, strict=True):
                assert not value.data or each.data == value.data, (frame, each, value)
            compared += len(one)
    return compared
