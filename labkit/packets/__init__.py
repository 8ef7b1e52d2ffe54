"""Captured packets: taken off the wire or from a file, as a tape of packets, each divided into named fields.

Rule: knows nothing of servers or pictures; the only package that imports Scapy, and only when a packet is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core import lazy

if TYPE_CHECKING:
    from labkit.packets.capturing import capture, recording
    from labkit.packets.dissector import dissect, layer_of
    from labkit.packets.model import Field, Layer, SocketEvent, Verdict
    from labkit.packets.packet import Packet
    from labkit.packets.probe import Status, status
    from labkit.packets.recorded import set_lesson
    from labkit.packets.tape import Connection, Tape

__all__ = [
    "Connection",
    "Field",
    "Layer",
    "Packet",
    "SocketEvent",
    "Status",
    "Tape",
    "Verdict",
    "capture",
    "dissect",
    "layer_of",
    "recording",
    "set_lesson",
    "status",
]

_HOMES = {
    "Connection": "tape",
    "Field": "model",
    "Layer": "model",
    "Packet": "packet",
    "SocketEvent": "model",
    "Status": "probe",
    "Tape": "tape",
    "Verdict": "model",
    "capture": "capturing",
    "dissect": "dissector",
    "layer_of": "dissector",
    "recording": "capturing",
    "set_lesson": "recorded",
    "status": "probe",
}

__getattr__, __dir__ = lazy.names(__name__, _HOMES)
