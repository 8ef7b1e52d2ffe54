"""Frames become `Layer` and `Field` trees with exact bit spans; every byte of a frame ends up in a named field.

Rule: the walk finds the headers, and the tables of `explain` describe their fields. No bytes make it raise. Scapy reads
only layers of the student's own (`scapy_layers`).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from labkit.core.calls import in_words
from labkit.core.checks import shown, whole
from labkit.core.errors import BadArgument
from labkit.packets import walk
from labkit.packets.explain import applications, icmp, ip_options, ipv6, trailers
from labkit.packets.explain.base import Context, number_at, read, shown_bytes
from labkit.packets.explain.tables import table_of
from labkit.packets.frames import quotes
from labkit.packets.model import Field, Layer
from labkit.packets.names import ETHERNET, linktype_name
from labkit.packets.steps import Step

_WHY_PAYLOAD = "What the layers below carry for the program: they do not look at it."
_WHY_MALFORMED = "These bytes do not have the form that their protocol requires."
_WHY_CUT = "The frame goes on, but whoever captured it kept only its first bytes (a snapshot length)."
_WHY_OPAQUE = "labkit knows the name of this protocol and has no table of its fields."
_EXTENDED_ECHOES = (("ICMP", 42), ("ICMPv6", 160))
_RAW_IP = "raw IP"


@in_words
def dissect(raw: bytes, linktype: int = ETHERNET) -> tuple[Layer, ...]:
    """Take a frame apart.

    raw: its bytes. linktype: how it starts, as numbered in pcap files (1: Ethernet, 101: an IP packet).
    Returns its layers, outermost first; the payload is the last one. Their fields cover every byte.
    Raises `BadArgument` for a frame that is not bytes, or a link type that no file can name.
    """
    if not isinstance(raw, (bytes, bytearray, memoryview)):
        todo = "Give its bytes: bytes(packet), or bytes.fromhex(...) if you have its digits."
        raise BadArgument(f"{shown(raw)} is not a frame", todo)
    return dissect_frame(Context(bytes(raw), whole(linktype, "a link type", 0, 0xFFFF)))


def dissect_frame(
    context: Context, number: int = 0, fcs_length: int | None = None, wire_length: int = 0
) -> tuple[Layer, ...]:
    """Like `dissect`, with facts besides the bytes. number: of the packet in its tape.

    fcs_length: bytes of the frame check sequence, None if the file does not say. wire_length: bytes on the wire, if the
    capture may be shorter.
    """
    steps: list[Step] = []
    found = walk.quick(context.raw, context.linktype, fcs_length or 0, wire_length, steps)
    frame = _Frame(context, number)
    frame.take(steps)
    frame.after(steps, fcs_length, max(wire_length, len(context.raw)))
    there = len(context.raw)
    if wire_length > there and frame.layers:
        ends = found.payload if found.protocol == "TCP" else found.end
        if found.protocol.endswith("(truncated)") or (ends > there and not found.protocol.endswith("(malformed)")):
            last = frame.layers[-1]
            frame.layers[-1] = replace(last, fields=_cut_off(last.fields, there, wire_length))
    return tuple(frame.layers)


def _cut_off(fields: tuple[Field, ...], there: int, size: int) -> tuple[Field, ...]:
    """The fields of a header that goes on behind the captured bytes: what stands last has its form, as far as it goes.

    there: bytes captured. size: bytes on the wire.
    """
    if not fields or fields[-1].end != there * 8:
        return fields
    last = fields[-1]
    if last.children:
        last = replace(last, children=_cut_off(last.children, there, size))
    elif last.name.rpartition(".")[2] == "malformed":
        meaning = f"the capture has {there} of the {size} bytes of this frame"
        last = replace(last, label="Cut off", meaning=meaning, why=_WHY_CUT)
    return (*fields[:-1], last)


def dissect_from(name: str, raw: bytes) -> tuple[Layer, ...] | None:
    """Take apart bytes that begin with the header of the layer of this name. None if no walk begins there."""
    steps: list[Step] = []
    if walk.from_layer(raw, name, steps) is None:
        return None
    frame = _Frame(Context(raw), 0)
    frame.take(steps)
    frame.after(steps, 0, len(raw))
    return tuple(frame.layers)


def layer_of(scapy_layer: Any) -> Layer:
    """Take one Scapy layer apart, also one of the student's own: ``layer_of(Ether()/IP()/TCP())`` gives the Ethernet.

    Inside a packet (``layer_of(packet[TCP])``) the spans count from the start of that packet.
    """
    from labkit.packets.scapy_layers import layer_in_packet

    return layer_in_packet(scapy_layer, dissect_from)


class _Frame:
    """Makes the layers of one frame, front to back; `position` is the first byte that no layer has yet."""

    def __init__(self, context: Context, number: int) -> None:
        self.raw, self.context, self.number = context.raw, context, number
        self.layers: list[Layer] = []
        self.position = 0

    def take(self, steps: list[Step], quoted: str = "") -> None:
        """Add the headers that a walk found, and the payload of the innermost one. quoted: a suffix of their names."""
        for step in steps:
            self.header(step, quoted)
        if not steps:
            return
        name, start, _, stop = steps[-1]
        if self.position >= stop:
            return
        if quotes(name, self.raw[start]) and not quoted:
            self.quote(name, start, stop)
        elif (name, self.raw[start]) in _EXTENDED_ECHOES and icmp.is_extension(self.raw[self.position : stop]):
            self.extension(stop)
        elif not quoted:
            self.application(steps[-1])
        self.payload(name, stop)

    def header(self, step: Step, quoted: str) -> None:
        """Add the layer of one header."""
        name, start, end, stop = step
        context, raw = self.context, self.raw
        context.start, context.end = start, stop
        table = table_of(name, raw, start, stop)
        if table is None:
            self.opaque(name, start, end, quoted)
            return
        if name in ("IPv4", "IPv6"):
            self.enter(name, start, stop)
        if end < 0:
            end = stop if table.rows and not table.rows[-1].bits else min(stop, start + table.header // 8)
        fields = read(table, context, start, end)
        reached = fields[-1].end if fields else start * 8
        if reached < end * 8:
            fields.append(self.malformed(reached, end * 8, name))
        if name in ("IPv6 destination", "IPv6 routing"):
            context.pseudo = ipv6.pseudo(context, name, start, end)
        elif name == "IPv6 fragment" and end >= start + 8:
            context.fragment = number_at(raw, (start + 2) * 8, 16) & 0xFFF9 != 0
        title = table.title
        if quoted:
            title = f"{title}, quoted from the packet that caused the error"
        data = raw[start:end]
        self.layers.append(
            Layer(name + quoted, title, start * 8, len(data) * 8, tuple(fields), data, self.number, table.rfc)
        )
        self.position = end

    def enter(self, name: str, start: int, stop: int) -> None:
        """Keep the facts that headers inside an IP packet need: its addresses, whether it is a fragment."""
        context, raw = self.context, self.raw
        context.fragment, context.pseudo, context.truncated = False, None, False
        if name == "IPv4" and stop >= start + 20:
            context.truncated = start + number_at(raw, (start + 2) * 8, 16) > stop
            routed = ip_options.final_destination(raw, start + 20, min(stop, start + (raw[start] & 15) * 4))
            context.pseudo = (4, raw[start + 12 : start + 16], routed or raw[start + 16 : start + 20])
            context.fragment = number_at(raw, (start + 6) * 8, 16) & 0x3FFF != 0
        elif name == "IPv6" and stop >= start + 40:
            context.truncated = start + 40 + number_at(raw, (start + 4) * 8, 16) > stop
            context.pseudo = (6, raw[start + 8 : start + 24], raw[start + 24 : start + 40])

    def quote(self, name: str, start: int, stop: int) -> None:
        """Add the packet that an ICMP error quotes, and the extension that may follow it."""
        end = icmp.extension_at(self.raw, name, start, self.position, stop)
        steps: list[Step] = []
        walk.from_packet(self.raw, self.position, end, quotes(name, self.raw[start]), steps)
        self.context.quoted = True
        self.take(steps, " (quoted)")
        if steps:
            self.payload(steps[-1][0], end)
        self.context.quoted = False
        if end < stop:
            self.extension(stop)

    def extension(self, stop: int) -> None:
        self.header(("ICMP extension", self.position, stop, stop), "")

    def application(self, step: Step) -> None:
        """Add the payload of TCP or UDP as layers, if it is a protocol of ours or of the student's."""
        name, _, end, stop = step
        if name in ("TCP", "UDP") and not self.context.fragment:
            known = self.context.inside if name == "TCP" else None
            alone = applications.layers(self.context, self.layers[-1], end, stop, self.number)
            for layer in alone if known is None else known:
                self.payload(name, layer.start // 8)  # a part of a message that other packets bring, too
                self.layers.append(layer)
                self.position = layer.end // 8
        if self.position < stop and self.position == end and "scapy.packet" in sys.modules:
            from labkit.packets.scapy_layers import students_layers

            for layer in students_layers(self.raw, step, self.number):
                self.layers.append(layer)
                self.position = layer.end // 8

    def after(self, steps: list[Step], fcs_length: int | None, size: int) -> None:
        """Add the bytes behind the innermost packet: payload of the outer headers, then padding and trailers."""
        for name, _, _, stop in reversed(steps[1:]):
            if name not in ("VLAN", "802.1ad", "MPLS"):  # their trailers belong to the frame
                self.payload(name, stop, f"Payload of {name}")
        outer = [step[0] for step in steps]
        link = "VLAN" if "VLAN" in outer else "802.1ad" if "802.1ad" in outer else outer[0] if outer else ""
        for layer in trailers.layers(self.raw, self.position, link, fcs_length, size, self.number):
            self.layers.append(layer)
            self.position = layer.end // 8

    def payload(self, name: str, stop: int, title: str = "Payload") -> None:
        """Add the bytes up to stop that no layer has, as the payload of this layer."""
        start = self.position
        if start >= stop:
            return
        data = self.raw[start:stop]
        prefix = {"TCP": "tcp.payload", "UDP": "udp.payload"}.get(name, "data.data")
        parts = [said for first, after, said in self.context.parts if first < stop and after > start]
        meaning = f"part of {' and of '.join(parts)}" if parts else ""
        item = Field(prefix, title, start * 8, len(data) * 8, data, shown_bytes(data), meaning, _WHY_PAYLOAD)
        self.layers.append(Layer("Payload", title, start * 8, len(data) * 8, (item,), data, self.number))
        self.position = stop

    def opaque(self, name: str, start: int, end: int, quoted: str) -> None:
        """A layer without a table: it has one field."""
        data = self.raw[start:end]
        title, meaning, why = name, f"labkit has no table for {name}", _WHY_OPAQUE
        if name.startswith("link type "):
            linktype = int(name.removeprefix("link type "))
            known = linktype_name(linktype)
            title = meaning = f"labkit does not know this link type ({linktype}{', ' + known if known else ''})"
            why = "Says how a frame begins; labkit reads Ethernet, Linux cooked, BSD loopback and IP without a link."
        item = Field("data.data", "Data", start * 8, len(data) * 8, data, shown_bytes(data), meaning, why)
        if name == _RAW_IP:
            item, title = self.malformed(start * 8, end * 8, "IP: neither version 4 nor 6"), "IP without a link header"
        self.layers.append(Layer(name + quoted, title, start * 8, len(data) * 8, (item,), data, self.number))
        self.position = end

    def malformed(self, start: int, end: int, owner: str) -> Field:
        """The bytes of a header that is cut short or impossible, as one field."""
        data = self.raw[start // 8 : (end + 7) // 8]
        value = data if start % 8 == 0 == end % 8 else number_at(self.raw, start, end - start)
        meaning = f"no valid part of {owner}"
        return Field("malformed", "Malformed", start, end - start, value, shown_bytes(data), meaning, _WHY_MALFORMED)
