"""The steps of a replay as its page gets them: packets, what both ends know, the bits of each packet, in one JSON.

Rule: what a peer has sent passes through `visible` and is cut; the page gets numbers and text, never markup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from labkit.draw.short_names import key, short_names
from labkit.draw.text import count, preview, visible
from labkit.packets.courses import Course
from labkit.packets.model import Field, Layer
from labkit.packets.packet import Packet
from labkit.packets.states import WHY as WHY
from labkit.packets.states import End

AHEAD = 24
"""Steps that a page gets with the view; it asks for more before it needs them."""
MOST = 60
"""Steps that a page may ask for at once."""
ROWS = (
    ("next", "Next number it sends", "SND.NXT: the sequence number of the next new byte"),
    ("flight", "Not acknowledged", "SND.NXT less SND.UNA: numbers sent for which no ACK has come; SYN and FIN count 1"),
    ("allowed", "May send", "SND.WND: the window that the other end has told, scaled"),
    ("expects", "Expects", "RCV.NXT: the next number from the other end"),
    ("window", "Window it told", "bytes that it is ready to receive from the number it acknowledged on, scaled"),
    ("room", "Room in its buffer", "RCV.WND: what is left of that window, less the bytes that have come since"),
    ("held", "Behind a hole", "numbers that came out of order and wait for the missing ones"),
)
"""The numbers of an end: (name in `End`, label, what it is)."""

_TEXT = 160  # characters of a value that are shown
_FIELDS = 150  # of a layer
_BYTES = 128  # of a layer whose bits are drawn


def named(courses: Sequence[Course]) -> list[dict[str, Any]]:
    """The exchanges as a page offers them."""
    return [
        {
            "name": f"{course.protocol} {_end(course.client)} → {_end(course.server)}, {count(len(course), 'packet')}",
            "client": f"client {_end(course.client)}", "server": f"server {_end(course.server)}",
            "count": len(course), "tcp": course.protocol == "TCP",
        }
        for course in courses
    ]  # fmt: skip


def _end(side: tuple[str, int]) -> str:
    address, port = side
    return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}") if port else address


def encoded(course: Course, first: int, last: int) -> bytes:
    """These steps as JSON in UTF-8. kinds: what is the same of a field in every packet; steps refer to them."""
    kinds: dict[tuple[str, ...], int] = {}
    began = course.tape[0].time_ns if len(course) else None
    steps = [_step(course, index, began, kinds) for index in range(first, last)]
    found = {"first": first, "steps": steps, "kinds": list(kinds)}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _step(course: Course, index: int, began: int | None, kinds: dict[tuple[str, ...], int]) -> dict[str, Any]:
    packet = course.tape[index]
    moment = course.moment(index)
    since = None if packet.time_ns is None or began is None else (packet.time_ns - began) / 1e6
    warnings = [packet.note, packet.verdict.words if packet.verdict is not None else ""]
    found: dict[str, Any] = {
        "n": packet.number, "t": since, "r": packet.sender == "client", "f": label(packet), "z": packet.length,
        "w": visible(", ".join(filter(None, warnings))), "p": preview(packet.payload, 40),
        "l": packet.verdict is not None and packet.verdict.kind == "dropped",
        "b": [_layer(layer, kinds) for layer in packet.layers if layer.bits],
    }  # fmt: skip
    found["a"] = [[each.protocol, *_words(each.client), *_words(each.server)] for each in course.above(index)]
    if moment is not None:
        found["c"], found["s"] = _told(moment.client), _told(moment.server)
    return found


def _words(state: tuple[str, str]) -> tuple[str, str]:
    return visible(state[0]), state[1]


def label(packet: Packet) -> str:
    """A packet in a few words: ``"SYN, ACK seq=0 ack=1"``, ``"UDP"``."""
    if packet.protocol != "TCP":
        return visible(packet.what)
    words = f"{packet.flags or 'no flags'} seq={packet.seq}"
    return f"{words} ack={packet.ack}" if "ACK" in packet.flags else words


def _told(end: End) -> list[Any]:
    """An end: its state, what was assumed for it, and each number with what was assumed for that."""
    return [end.state, end.assumed, *([fact.value, fact.assumed] for fact in (getattr(end, row[0]) for row in ROWS))]


def _layer(layer: Layer, kinds: dict[tuple[str, ...], int]) -> list[Any]:
    """A layer: its title, its bits, its first bytes, and its undivided fields."""
    leaves: list[Field] = []
    for field in layer.fields:
        leaves += field.leaves()
        if len(leaves) > _FIELDS:
            break
    del leaves[_FIELDS:]
    short = short_names(leaves)
    fields: list[list[Any]] = []
    for leaf in leaves:
        if leaf.start - layer.start >= _BYTES * 8 and fields:
            break
        kind = (visible(leaf.label)[:_TEXT], short[key(leaf)], visible(leaf.name), visible(leaf.why), leaf.rfc)
        number = kinds.setdefault(kind, len(kinds))
        shown, meaning = visible(leaf.shown[:_TEXT]), visible(leaf.meaning[:_TEXT])
        fields.append([number, leaf.start - layer.start, leaf.bits, shown, meaning])
    return [visible(layer.name), visible(layer.title), layer.bits, layer.data[:_BYTES].hex(), fields]
