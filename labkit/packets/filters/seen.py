"""A packet while display filters look at it: what one test of it has found is there for the next one.

Rule: the headers alone are read if they answer; layers and messages are made only for names that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from labkit.packets import walk
from labkit.packets.dissector import dissect_frame
from labkit.packets.explain.base import Context
from labkit.packets.filters.values import Value
from labkit.packets.frames import SYN
from labkit.packets.model import Field, Layer
from labkit.packets.packet import Packet
from labkit.packets.states_read import window_shift
from labkit.packets.steps import Step

if TYPE_CHECKING:
    from labkit.packets.tape_shared import Shared

Values = Sequence[Value]

HIGHER = (
    "ber", "http", "http2", "pkcs1", "pkix1explicit", "pkix1implicit", "tls", "websocket", "x509", "x509af", "x509ce",
    "x509if", "x509sat",
)  # fmt: skip
"""The protocols on TCP streams, by the first word of their fields."""
_PLAIN = {("IPv4", "TCP"): 20, ("IPv4", "UDP"): 20, ("IPv6", "TCP"): 40, ("IPv6", "UDP"): 40}
NOT_SEEN, NOT_USED = -1, -2
"""Factors of a window: no SYN was captured that would say it; the SYNs of both sides do not say one."""


class Around:
    """What a tape knows beyond one packet. shared: of that tape; None for a packet alone."""

    def __init__(self, shared: Shared | None = None) -> None:
        self._shared = shared
        frames = shared.recording.frames if shared is not None else ()
        self.start_ns: int | None = frames[0][0] if frames else None
        self._shifts: dict[tuple[int, bool], int | None] | None = None

    def factor(self, packet: Packet) -> int:
        """By what its window field is multiplied, or `NOT_SEEN` or `NOT_USED`. Source: RFC 7323 §2."""
        if self._shifts is None:
            self._shifts = dict(self._read())
        place = packet._place
        if place is None:
            return NOT_SEEN
        both = [
            self._shifts.get((place.connection, side), NOT_SEEN) for side in (place.from_client, not place.from_client)
        ]
        if None in both:
            return NOT_USED
        return NOT_SEEN if both[0] == NOT_SEEN else 1 << (both[0] or 0)

    def _read(self) -> Iterator[tuple[tuple[int, bool], int | None]]:
        """The shift that each SYN says: (connection, whether from its client) → shift, None without one."""
        if self._shared is None:
            return
        known = self._shared.conversations
        for frame, packet, place in zip(self._shared.recording.frames, known.quick, known.places, strict=True):
            if packet.flags & SYN and packet.protocol == "TCP" and place is not None:
                first, after = packet.transport + 20, min(packet.payload, len(frame[1]))
                yield (place.connection, place.from_client), window_shift(frame[1], first, after)


class Seen:
    """One packet. around: what its tape knows. before_ns: time of the packet before it."""

    __slots__ = ("_fields", "_higher", "_lower", "_plain", "_steps", "around", "before_ns", "packet")

    def __init__(self, packet: Packet, around: Around | None = None, before_ns: int | None = None) -> None:
        self.packet, self.around, self.before_ns = packet, around or Around(), before_ns
        self._steps: list[Step] | None = None
        self._plain: str | None = None
        self._lower: tuple[Layer, ...] | None = None
        self._higher: tuple[Layer, ...] | None = None
        self._fields: dict[str, dict[str, list[Field]]] = {}

    @property
    def steps(self) -> list[Step]:
        """The headers of the frame."""
        if self._steps is None:
            packet = self.packet
            self._steps = []
            walk.quick(packet.raw, packet.linktype, packet.fcs_length or 0, packet.wire_length, self._steps)
        return self._steps

    @property
    def plain(self) -> str:
        """``"TCP"`` or ``"UDP"`` if the frame is this in IP without options, in Ethernet or nothing; else ``""``."""
        if self._plain is None:
            self._plain = self._plainly()
        return self._plain

    def _plainly(self) -> str:
        names = [step[0] for step in self.steps]
        if names[:1] == ["Ethernet"]:
            del names[0]
        size = _PLAIN.get(tuple(names)) if len(names) == 2 else None  # type: ignore[arg-type]  # of two names
        quick = self.packet._quick
        whole = size is not None and quick.transport - quick.network == size and quick.fragment < 0
        return names[1] if whole and quick.protocol == names[1] else ""

    @property
    def lower(self) -> tuple[Layer, ...]:
        """The layers of the headers, up to UDP's payload and TCP."""
        if self._lower is None:
            packet = self.packet
            context = Context(packet.raw, packet.linktype, status=packet.status)
            context.inside = ()
            self._lower = dissect_frame(context, packet.number, packet.fcs_length, packet.wire_length)
        return self._lower

    @property
    def higher(self) -> tuple[Layer, ...]:
        """The messages and records that are complete with this packet, decrypted if they can be."""
        if self._higher is None:
            packet = self.packet
            found: list[Layer] = []
            if packet.protocol == "TCP" and packet._messages is None:
                found = [layer for layer in packet.layers if layer.name in ("HTTP", "TLS", "WebSocket", "DNS")]
            elif packet.protocol == "TCP" and packet.length:
                for record in packet.records:
                    if record.completed_by == packet.number:
                        found += record.layers
                        for said in record.messages:
                            if len(said.records) > 1:
                                found += said.layers
                for message in packet.messages:
                    if message.completed_by == packet.number:
                        parts = getattr(message, "layers", None)
                        data = message.buffer.data[message.start : message.stop]
                        found += parts or [Layer(message.protocol, "", 0, 0, message.fields, data)]
            self._higher = tuple(found)
        return self._higher

    def fields(self, name: str) -> list[Field]:
        """The fields of this name."""
        protocol = name.partition(".")[0]
        group = "dns" if protocol == "dns" else "higher" if protocol in HIGHER else "lower"
        index = self._fields.get(group)
        if index is None:
            index = self._fields[group] = {}
            layers = () if group == "lower" else self.higher
            layers += () if group == "higher" or (group == "dns" and self.packet.protocol == "TCP") else self.lower
            for layer in layers:
                for field in layer.fields:
                    for part in field.walk():
                        index.setdefault(part.name, []).append(part)
        return index.get(name, [])


Reader = Callable[[Seen], Values]


def looked_at(packets: Iterable[Packet], around: Around) -> Iterator[Seen]:
    """Each packet as filters see it."""
    before = around.start_ns
    for packet in packets:
        yield Seen(packet, around, before)
        before = packet.time_ns
