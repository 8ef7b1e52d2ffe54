"""How a draft begins: from a packet or a WebSocket frame of a tape, Scapy's layers, bytes, or a protocol's name.

Rule: what is given stays as it is; a draft has its own bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.packets import walk
from labkit.packets.drafts import templates
from labkit.packets.drafts.draft import Draft
from labkit.packets.drafts.forms import Form, FrameForm, HeaderForm, OwnForm
from labkit.packets.drafts.websocket_form import WebSocketForm
from labkit.packets.model import Layer
from labkit.packets.names import ETHERNET, RAW
from labkit.packets.packet import Packet
from labkit.packets.steps import Step
from labkit.packets.websocket_frame import WebSocketFrame

_SHORT = 64  # bytes of the shortest Ethernet frame with its frame check sequence: it may end in padding
_WAYS = (
    "Give a packet or a frame of a tape (tape[0], tape.frames[0]), layers of Scapy (IP(…) / TCP(…)), bytes, "
    'or the name of a protocol ("TCP").'
)


def start(thing: Any) -> tuple[bytes, Form, bool]:
    """What a `Draft` is made of: the bytes, their form, and whether wrong checksums were only never filled in.

    Raises LabError for what is none of the things that a frame can begin with.
    """
    if isinstance(thing, Draft):
        return thing.raw, thing.form, False
    if isinstance(thing, str):
        if thing.strip().lower() == "websocket":
            return templates.WEBSOCKET, WebSocketForm(), False
        return templates.frame(thing), FrameForm(), True
    if isinstance(thing, Packet):
        return _of_packet(thing)
    if isinstance(thing, WebSocketFrame):
        form = WebSocketForm(thing.sender == "client", thing.compressed)
        return thing.buffer.data[thing.start : thing.stop], form, False
    if isinstance(thing, (bytes, bytearray, memoryview)):
        raw = bytes(thing)
        return raw, FrameForm(ETHERNET, _tail(raw, ETHERNET, 0)), False
    if isinstance(thing, Layer):
        return _known(thing.data, thing.name)
    if hasattr(type(thing), "fields_desc"):
        return _of_scapy(thing)
    raise LabError(f"a frame cannot begin with {shown(thing)}", _WAYS)


def _of_packet(packet: Packet) -> tuple[bytes, Form, bool]:
    unfilled = any(field.meaning.startswith("not filled in") for layer in packet.layers for field in layer.fields)
    tail = _tail(packet.raw, packet.linktype, packet.fcs_length or 0)
    return packet.raw, FrameForm(packet.linktype, tail), unfilled


def _tail(raw: bytes, linktype: int, fcs: int) -> int:
    """Bytes behind the packet: a short frame of Ethernet has padding there."""
    if len(raw) > _SHORT and not fcs:
        return 0
    steps: list[Step] = []
    walk.quick(raw, linktype, fcs, steps=steps)
    return next((len(raw) - stop for name, *_, stop in steps if name in ("IPv4", "IPv6")), 0)


def _known(raw: bytes, name: str) -> tuple[bytes, Form, bool]:
    if name == "Ethernet" or name in ("IPv4", "IPv6"):
        return raw, FrameForm(ETHERNET if name == "Ethernet" else RAW), False
    form = HeaderForm(name)
    if not raw or not form.layers(raw):
        raise LabError(f"a frame cannot begin with {name}", _WAYS)
    return raw, form, False


def _of_scapy(layer: Any) -> tuple[bytes, Form, bool]:
    from labkit.packets.scapy_layers import chain, is_own, name_of

    try:
        raw = bytes(layer)
    except Exception as error:
        raise LabError(f"Scapy cannot build this packet: {error}", "Check the value of each field.") from None
    name = name_of(layer)
    if name:
        known, form, unfilled = _known(raw, name)
        if isinstance(form, FrameForm):
            form = replace(form, own=next((type(each) for each in chain(layer) if is_own(type(each))), None))
        return known, form, unfilled
    form = OwnForm(type(layer))
    if not raw or not form.layers(raw):
        raise LabError(f"labkit cannot read the layer {type(layer).__name__} of Scapy", _WAYS)
    return raw, form, False
