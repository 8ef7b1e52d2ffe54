"""Who talks to whom: TCP connections and their relative sequence numbers, and which side is the client.

Rule: one pass over the quick parses in capture order; numbers agree with what Wireshark shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from labkit.packets.frames import ACK, FIN, RST, SYN, Frame, Quick, fragment_key, fragment_of, icmp_kind, quick, quoted

Side = tuple[bytes, int]
"""(address as bytes, port)."""

_MODULUS = 1 << 32
_EPHEMERAL = 32768


class Place(NamedTuple):
    """Where a packet stands: its connection (number, or -1), who sent it, its relative numbers.

    talk: (client, server) of the datagrams it belongs to, where it is no TCP segment.
    """

    connection: int
    from_client: bool
    relative_seq: int = 0
    relative_ack: int = 0
    talk: tuple[Side, Side] | None = None


@dataclass(slots=True, eq=False)
class Flow:
    """One TCP connection, or one exchange of datagrams between two ports.

    client, server: (address, port), the address as bytes. packets: indices of its frames.
    syn: its first SYN was seen. closing: a FIN was seen.
    """

    client: Side
    server: Side
    packets: list[int] = field(default_factory=list)
    syn: bool = False
    closing: bool = False
    reset: bool = False
    base: dict[Side, int] = field(default_factory=dict)
    fin: dict[Side, int] = field(default_factory=dict)
    acked: dict[Side, int] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        """RST was seen, or FIN and its ACK on both sides."""
        if self.reset:
            return True
        if len(self.fin) < 2:
            return False
        return all(
            side in self.acked and (self.acked[side] - last) % _MODULUS < _MODULUS // 2
            for side, last in self.fin.items()
        )


class Conversations:
    """Follows the conversations of a capture; feed it frames in capture order.

    ports: the ports the servers of this capture listen on, where known: they tell who is the server of a
    connection whose SYN was not captured.
    """

    def __init__(self, ports: Sequence[int] = ()) -> None:
        self.ports = frozenset(ports)
        self.quick: list[Quick] = []
        self.places: list[Place | None] = []
        self.connections: list[Flow] = []
        self._number: dict[int, int] = {}  # id of a flow -> its number, in order of first packet
        self._open: dict[tuple[str, Side, Side], Flow] = {}
        self._fragmented: dict[bytes, Place] = {}  # of first fragments: to whom the others belong

    def feed(self, frames: Sequence[Frame]) -> None:
        """Take the next frames."""
        for frame in frames:
            packet = quick(frame[1], frame[2])
            self.quick.append(packet)
            self.places.append(self._place(len(self.places), frame, packet))

    def _place(self, index: int, frame: Frame, packet: Quick) -> Place | None:
        if packet.protocol == "TCP":
            return self._tcp(index, packet)
        if packet.protocol in ("IPv4 (fragment)", "IPv6 (fragment)"):
            first = self._fragmented.get(fragment_key(frame[1], packet))
            return first if first is not None else self._datagram(frame, packet)
        place = self._datagram(frame, packet)
        if place is not None and fragment_of(frame[1], packet) is not None:
            self._fragmented[fragment_key(frame[1], packet)] = place
        return place

    def _datagram(self, frame: Frame, packet: Quick) -> Place | None:
        if packet.protocol == "UDP":
            flow = self._flow("UDP", (packet.src, packet.sport), (packet.dst, packet.dport))
            return Place(-1, flow.client == (packet.src, packet.sport), talk=(flow.client, flow.server))
        if packet.protocol in ("ICMP", "ICMPv6"):
            inner = quoted(frame[1], packet)
            if inner is not None and inner.protocol.startswith(("TCP", "UDP")):
                # The error goes back to whoever sent what it quotes.
                sender, receiver = (inner.src, inner.sport), (inner.dst, inner.dport)
                flow = self._flow(inner.protocol[:3], sender, receiver)
                talk = (flow.client, flow.server) if inner.protocol.startswith("UDP") else None
                return Place(-1, flow.client != sender, talk=talk)
            kind, _ = icmp_kind(frame[1], packet)
            if kind in (0, 129):
                return Place(-1, False)
            return Place(-1, True)
        if packet.src and len(packet.src) == len(packet.dst):
            flow = self._flow(packet.protocol, (packet.src, 0), (packet.dst, 0))
            return Place(-1, flow.client == (packet.src, 0))
        return None

    def _flow(self, protocol: str, sender: Side, receiver: Side) -> Flow:
        key = (protocol, *sorted((sender, receiver)))
        flow = self._open.get(key)  # type: ignore[arg-type]  # sorted() forgets that there are two
        if flow is None:
            flow = self._open[key] = Flow(sender, receiver)  # type: ignore[index]
        return flow

    def _tcp(self, index: int, packet: Quick) -> Place:
        sender, receiver = (packet.src, packet.sport), (packet.dst, packet.dport)
        key = ("TCP", sender, receiver) if sender <= receiver else ("TCP", receiver, sender)
        flow = self._open.get(key)
        first_syn = packet.flags & (SYN | ACK | RST) == SYN
        if flow is None or (
            first_syn and flow.base.get(sender) != packet.seq and (flow.closing or flow.reset or flow.acked)
        ):
            client, server = (sender, receiver) if self._opened(packet) else (receiver, sender)
            flow = self._open[key] = Flow(client, server, syn=bool(packet.flags & SYN))
            self._number[id(flow)] = len(self.connections)
            self.connections.append(flow)
        flow.packets.append(index)
        self._follow(flow, packet, sender, receiver)
        has_ack = packet.flags & ACK
        return Place(
            self._number[id(flow)],
            sender == flow.client,
            (packet.seq - flow.base[sender]) % _MODULUS,
            (packet.ack - flow.base[receiver]) % _MODULUS if has_ack else 0,
        )

    def _opened(self, packet: Quick) -> bool:
        """Whether the sender of the first packet seen is the client."""
        if packet.flags & SYN:
            return not packet.flags & ACK
        if (packet.dport in self.ports) != (packet.sport in self.ports):
            return packet.dport in self.ports
        if (packet.sport >= _EPHEMERAL) != (packet.dport >= _EPHEMERAL):
            return packet.sport >= _EPHEMERAL
        return True

    @staticmethod
    def _follow(flow: Flow, packet: Quick, sender: Side, receiver: Side) -> None:
        if sender not in flow.base:
            # Without its SYN a side's first packet counts as 1, as Wireshark has it.
            flow.base[sender] = packet.seq if packet.flags & SYN else (packet.seq - 1) % _MODULUS
        if packet.flags & ACK:
            flow.base.setdefault(receiver, (packet.ack - 1) % _MODULUS)
            flow.acked[receiver] = packet.ack
        if packet.flags & FIN:
            flow.closing = True
            syn = 1 if packet.flags & SYN else 0
            flow.fin[sender] = (packet.seq + max(0, packet.end - packet.payload) + syn + 1) % _MODULUS
        if packet.flags & RST:
            flow.reset = True
