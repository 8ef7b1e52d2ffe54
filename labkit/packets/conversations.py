"""TCP connections and exchanges of datagrams: which packets belong to them, which side is the client, relative numbers.

Rule: one pass over the quick parses in capture order; numbers are equal to Wireshark's.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from labkit.packets.capture_file import NO_FCS
from labkit.packets.fragments import Part, Pieces
from labkit.packets.frames import (
    ACK,
    EPHEMERAL,
    FIN,
    IPV4,
    IPV6,
    RST,
    SYN,
    TCP_PROTOCOL,
    Frame,
    Quick,
    fragment_key,
    fragment_of,
    icmp_kind,
    quick,
    quoted,
)

Side = tuple[bytes, int]
"""(address as bytes, port)."""

_MODULUS = 1 << 32
_tuple = tuple.__new__  # a Place without the call of its own __new__, which takes longer than all the rest
_NEAR = 1000  # how many packets back a fragment is looked for before it is added to a connection


class Place(NamedTuple):
    """The place of a packet: its connection (number, or -1), its sender, its relative numbers.

    talk: (client, server) of its exchange of datagrams; None for a TCP segment.
    """

    connection: int
    from_client: bool
    relative_seq: int = 0
    relative_ack: int = 0
    talk: tuple[Side, Side] | None = None


@dataclass(slots=True, eq=False)
class Conversation:
    """One TCP connection, or one exchange of datagrams between two ports.

    client, server: (address, port), the address as bytes. packets: indices of its frames.
    syn: its first SYN was seen. closing: a FIN was seen. reset: a RST was seen. replaced: a new connection has begun
    with the same addresses and ports.
    base, fin, acked: of each side, the sequence number that counts as 0, the number behind its FIN, and the last
    acknowledgment from the other side. number: of a connection, in the order of their first packets.
    """

    client: Side
    server: Side
    packets: list[int] = field(default_factory=list)
    syn: bool = False
    closing: bool = False
    reset: bool = False
    replaced: bool = False
    base: dict[Side, int] = field(default_factory=dict)
    fin: dict[Side, int] = field(default_factory=dict)
    acked: dict[Side, int] = field(default_factory=dict)
    number: int = -1

    @property
    def closed(self) -> bool:
        """Whether RST was seen, or FIN and its ACK on both sides, or a newer connection has the ports."""
        if self.reset or self.replaced:
            return True
        if len(self.fin) < len({self.client, self.server}):  # one side only if a socket has connected to itself
            return False
        return all(
            side in self.acked and (self.acked[side] - last) % _MODULUS < _MODULUS // 2
            for side, last in self.fin.items()
        )


class _Cut:
    """One packet that came in fragments. first: its first fragment, which has the ports. place: of the packet.

    indices: of its fragments, in the order in which they came.
    """

    __slots__ = ("first", "indices", "pieces", "place")

    def __init__(self) -> None:
        self.pieces = Pieces()
        self.indices: list[int] = []
        self.first: Quick | None = None
        self.place: Place | None = None


class Conversations:
    """Follows the conversations of a capture; takes frames in capture order.

    ports: the known ports of servers in this capture: they tell which side is the server of a connection whose SYN
    was not captured.
    """

    def __init__(self, ports: Sequence[int] = ()) -> None:
        self.ports = frozenset(ports)
        self.quick: list[Quick] = []
        self.places: list[Place | None] = []
        self.connections: list[Conversation] = []
        self._open: dict[tuple[str, Side, Side], Conversation] = {}
        self._cut: dict[bytes, _Cut] = {}  # packets in fragments, by the key that their fragments share
        self._forgotten = 0  # connections

    def feed(self, frames: Sequence[Frame], fcs_lengths: Mapping[int, int] = NO_FCS) -> None:
        """Take the next frames. fcs_lengths: index in frames → bytes of frame check sequence, as in `Recording`."""
        for number, frame in enumerate(frames):
            packet = quick(frame[1], frame[2], fcs_lengths.get(number, 0), frame[4])
            self.quick.append(packet)
            index = len(self.places)
            self.places.append(None)
            if packet.fragment < 0:
                self.places[index] = self._place(index, frame, packet)
            elif (part := fragment_of(frame[1], packet)) is not None:
                self._fragment(index, frame, packet, part)

    def forget(self, keep: int) -> None:
        """Forget the packets so far; for a capture without an end. Later ones still get their places.

        keep: most conversations that are remembered, the newest ones that are not closed; a packet of another one
        begins a new one. Numbers of connections go on; `connections` has those that begin after this. A packet of which
        only some fragments have come is forgotten too.
        """
        self.quick, self.places, self._cut = [], [], {}
        self._forgotten += len(self.connections)
        self.connections = []
        if len(self._open) > keep:
            living = [(key, flow) for key, flow in self._open.items() if not flow.closed]
            self._open = dict(living[-keep:])
        for flow in self._open.values():
            flow.packets.clear()

    def _place(self, index: int, frame: Frame, packet: Quick) -> Place | None:
        return self._tcp(index, packet) if packet.protocol == "TCP" else self._datagram(frame, packet)

    def _fragment(self, index: int, frame: Frame, packet: Quick, part: Part) -> None:
        """Give a fragment the place of its packet. The first fragment has the ports, and may come later."""
        key = fragment_key(frame[1], packet)
        start = packet.transport if part[0] == 0 else packet.payload
        data = frame[1][start : start + part[1] - part[0]]
        cut = self._cut.get(key)
        if cut is None or (cut.pieces.whole and not cut.pieces.has(part, data)):
            # After a whole packet, its Identification may be used again. The same fragment once more is a duplicate.
            cut = self._cut[key] = _Cut()
        if part[0] == 0 and cut.first is None:
            cut.first, cut.place = packet, self._place(index, frame, packet)
            self.places[index] = cut.place
            self._join(cut)
        elif cut.first is None:
            self.places[index] = self._datagram(frame, packet)  # until its first fragment comes
        cut.indices.append(index)
        was_whole = cut.pieces.whole
        cut.pieces.add(part, data)
        if cut.first is not None and cut.first.protocol == "TCP (truncated)" and cut.pieces.whole and not was_whole:
            # The first fragment is shorter than TCP's header (RFC 1858 §2.1): only now is the header whole.
            whole = quick(_as_packet(cut), IPV4 if len(packet.src) == 4 else IPV6)
            cut.place = self._tcp(index, whole) if whole.protocol == "TCP" else cut.place
            self._join(cut)
        elif cut.first is not None and cut.first is not packet:
            self._belongs(index, cut.place)

    def _join(self, cut: _Cut) -> None:
        """Give the fragments that came so far the place of their packet."""
        for index in cut.indices:
            self._belongs(index, cut.place)

    def _belongs(self, index: int, place: Place | None) -> None:
        self.places[index] = place
        if place is not None and place.connection >= self._forgotten:
            packets = self.connections[place.connection - self._forgotten].packets
            if index not in packets[-_NEAR:]:
                packets.append(index)
                packets.sort()

    def _datagram(self, frame: Frame, packet: Quick) -> Place | None:
        if packet.protocol == "UDP":
            flow = self._conversation("UDP", (packet.src, packet.sport), (packet.dst, packet.dport))
            return Place(-1, flow.client == (packet.src, packet.sport), talk=(flow.client, flow.server))
        if packet.protocol in ("ICMP", "ICMPv6"):
            inner = quoted(frame[1], packet)
            if inner is not None and inner.protocol.startswith(("TCP", "UDP")):
                # The error goes to the sender of the packet that it quotes.
                sender, receiver = (inner.src, inner.sport), (inner.dst, inner.dport)
                flow = self._conversation(inner.protocol[:3], sender, receiver)
                talk = (flow.client, flow.server) if inner.protocol.startswith("UDP") else None
                return Place(-1, flow.client != sender, talk=talk)
            kind, _ = icmp_kind(frame[1], packet)
            if kind in (0, 129):
                return Place(-1, False)
            return Place(-1, True)
        if packet.src and len(packet.src) == len(packet.dst):
            flow = self._conversation(packet.protocol, (packet.src, 0), (packet.dst, 0))
            return Place(-1, flow.client == (packet.src, 0))
        return None

    def _conversation(self, protocol: str, sender: Side, receiver: Side) -> Conversation:
        key = (protocol, *sorted((sender, receiver)))
        flow = self._open.get(key)  # type: ignore[arg-type]  # mypy: sorted() does not keep the number of items
        if flow is None:
            flow = self._open[key] = Conversation(sender, receiver)  # type: ignore[index]
        return flow

    def _tcp(self, index: int, packet: Quick) -> Place:
        sender, receiver = (packet.src, packet.sport), (packet.dst, packet.dport)
        key = ("TCP", sender, receiver) if sender <= receiver else ("TCP", receiver, sender)
        flow = self._open.get(key)
        flags = packet.flags
        if flow is not None and flags & SYN and self._begins(flow, packet, sender):
            flow.replaced = True
            flow = None
        if flow is None:
            client, server = (sender, receiver) if self._opened(packet) else (receiver, sender)
            flow = self._open[key] = Conversation(client, server, syn=bool(flags & SYN))
            flow.number = self._forgotten + len(self.connections)
            self.connections.append(flow)
        flow.packets.append(index)
        if sender == receiver:
            receiver = packet.dst, -1  # a socket that is connected to itself counts both directions separately
        self._follow(flow, packet, sender, receiver)
        has_ack = flags & ACK
        base = flow.base
        return _tuple(Place, (
            flow.number,
            sender == flow.client,
            (packet.seq - base[sender]) % _MODULUS,
            (packet.ack - base[receiver]) % _MODULUS if has_ack else 0,
            None,
        ))  # fmt: skip

    @staticmethod
    def _begins(flow: Conversation, packet: Quick, sender: Side) -> bool:
        """Whether this segment begins a new connection with the ports of an earlier one, by Wireshark's rule.

        A SYN begins one if its number differs from its sender's first number. The same number is a retransmission.
        """
        return packet.flags & (SYN | ACK) == SYN and flow.base.get(sender, packet.seq) != packet.seq

    def _opened(self, packet: Quick) -> bool:
        """Whether the sender of the first packet seen is the client."""
        if packet.flags & SYN:
            return not packet.flags & ACK
        if (packet.dport in self.ports) != (packet.sport in self.ports):
            return packet.dport in self.ports
        if (packet.sport >= EPHEMERAL) != (packet.dport >= EPHEMERAL):
            return packet.sport >= EPHEMERAL
        return True

    @staticmethod
    def _follow(flow: Conversation, packet: Quick, sender: Side, receiver: Side) -> None:
        if sender not in flow.base or packet.flags & (SYN | ACK) == SYN | ACK:
            # A SYN-ACK with a new number is a new answer: its side counts from this number on.
            # If its SYN is missing, a side's first packet counts as 1, as in Wireshark.
            flow.base[sender] = packet.seq if packet.flags & SYN else (packet.seq - 1) % _MODULUS
        flags = packet.flags
        if flags & ACK:
            if receiver not in flow.base:
                flow.base[receiver] = (packet.ack - 1) % _MODULUS
            flow.acked[sender if receiver[1] < 0 else receiver] = packet.ack
        if not flags & (FIN | RST):
            return
        if flags & FIN:
            flow.closing = True
            syn = 1 if packet.flags & SYN else 0
            flow.fin[sender] = (packet.seq + max(0, packet.end - packet.payload) + syn + 1) % _MODULUS
        if flags & RST:
            flow.reset = True


def _as_packet(cut: _Cut) -> bytes:
    """The reassembled packet behind an IP header of its kind. Only for reading: the checksum is not filled in."""
    first, data = cut.first, cut.pieces.joined()
    assert first is not None
    if len(first.src) == 4:
        return struct.pack("!BBHIBBH", 0x45, 0, 20 + len(data), 0, 64, TCP_PROTOCOL, 0) + first.src + first.dst + data
    return struct.pack("!IHBB", 6 << 28, len(data), TCP_PROTOCOL, 64) + first.src + first.dst + data
