"""Captured packets, live or from a file: a tape of packets, each divided into named fields.

Rule: knows nothing of servers or pictures; only this package imports Scapy, and only if a packet needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core import lazy

if TYPE_CHECKING:
    from labkit.packets.capturing import capture, recording
    from labkit.packets.dissector import dissect, layer_of
    from labkit.packets.messages import Message
    from labkit.packets.model import Field, Layer, SocketEvent, Verdict
    from labkit.packets.packet import Packet
    from labkit.packets.probe import Status, status
    from labkit.packets.recorded import set_lesson
    from labkit.packets.tape import Connection, Tape

__all__ = [
    "Connection",
    "Field",
    "Layer",
    "Message",
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
    "Message": "messages",
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
