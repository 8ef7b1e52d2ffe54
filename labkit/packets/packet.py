"""One captured packet: the values of its headers at once, and its layers and fields on demand.

Rule: the quick parse answers everything but `layers`; only `layers`, `fields` and ``packet["TCP"]`` touch Scapy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from labkit.core.errors import NoSuchPart
from labkit.packets import frames
from labkit.packets.frames import FLAG_LETTERS, FLAGS_IN_WORDS, Frame, Quick
from labkit.packets.model import Field, Layer, Verdict
from labkit.packets.names import ICMP6_WORDS, ICMP_WORDS, OPAQUE_PROTOCOLS

if TYPE_CHECKING:
    from labkit.packets.conversations import Place
    from labkit.packets.explain.base import Context
    from labkit.packets.messages import Message
    from labkit.packets.tls_records import Record

_CARRIED = {**OPAQUE_PROTOCOLS, 1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 51: "AH",
            58: "ICMPv6", 132: "SCTP"}  # fmt: skip
_ALIASES = {"IP": ("IPv4", "IPv6"), "Ether": ("Ethernet",), "Raw": ("Payload",)}


class Packet:
    """A packet of a tape.

    number: its place in the capture, from 1. time_ns: nanoseconds since the epoch, None if its file gives none.
    raw: the bytes of the frame. fcs_length: bytes of frame check sequence at its end, as its file says.
    linktype: how the frame starts, as numbered in pcap files (1: Ethernet). status: what the kernel noted about it
    (bit 8: it never filled in the TCP or UDP checksum). wire_length: bytes on the wire; raw may be cut shorter.
    origin: where its tape comes from, as in `Tape.origin`. verdict: what a wire did to it, or None.
    """

    __slots__ = (
        "_layers", "_messages", "_notes", "_place", "_quick", "_records", "fcs_length", "linktype", "number", "origin",
        "raw", "status", "time_ns", "verdict", "wire_length",
    )  # fmt: skip

    def __init__(
        self,
        frame: Frame,
        number: int = 1,
        place: Place | None = None,
        quick: Quick | None = None,
        origin: str = "",
        verdict: Verdict | None = None,
        fcs_length: int | None = None,
        notes: Callable[[], Mapping[int, str]] | None = None,
        messages: Callable[[int], tuple[Message, ...]] | None = None,
        records: Callable[[int], tuple[Record, ...]] | None = None,
    ) -> None:
        self.time_ns, self.raw, self.linktype, self.status, self.wire_length = frame
        self.number = number
        self.origin = origin
        self.verdict = verdict
        self._place = place
        self._notes = notes
        self._messages, self._records = messages, records
        self.fcs_length = fcs_length
        self._quick = (
            quick
            if quick is not None
            else frames.quick(self.raw, self.linktype, fcs_length or 0, self.wire_length)
        )
        self._layers: tuple[Layer, ...] | None = None

    @property
    def protocol(self) -> str:
        """The innermost protocol: ``"TCP"``, ``"UDP"``, ``"ICMP"``, ``"ARP"``, ``"IPv4 (truncated)"``, …"""
        return self._quick.protocol

    @property
    def src(self) -> tuple[str, int]:
        """(address, port) of the sender; port 0 if the protocol has no ports."""
        return frames.address(self._quick.src), self._quick.sport

    @property
    def dst(self) -> tuple[str, int]:
        """(address, port) of the receiver; port 0 if the protocol has no ports."""
        return frames.address(self._quick.dst), self._quick.dport

    @property
    def sender(self) -> str:
        """``"client"`` or ``"server"``: in TCP the client sent the first SYN, in other protocols the first packet."""
        return "client" if self._place is None or self._place.from_client else "server"

    @property
    def flags(self) -> str:
        """The TCP flags that are set, in words: ``"SYN, ACK"``; ``""`` in other protocols."""
        return FLAGS_IN_WORDS[self._quick.flags & 0x1FF]

    @property
    def flag_letters(self) -> str:
        """The TCP flags that are set, one letter each: ``"SA"``, ``"PA"``, ``"R"``."""
        return "".join(letter for bit, letter in enumerate(FLAG_LETTERS) if self._quick.flags >> bit & 1)

    @property
    def raw_seq(self) -> int:
        """The sequence number in the TCP header, as sent."""
        return self._quick.seq

    @property
    def raw_ack(self) -> int:
        """The acknowledgment number in the TCP header, as sent; 0 without the ACK flag."""
        return self._quick.ack if self._quick.flags & frames.ACK else 0

    @property
    def seq(self) -> int:
        """The sequence number counted from the connection's first, which Wireshark shows: a SYN has 0."""
        return self._place.relative_seq if self._place is not None else self.raw_seq

    @property
    def ack(self) -> int:
        """The acknowledgment number counted from the other side's first sequence number; 0 without the ACK flag."""
        return self._place.relative_ack if self._place is not None else self.raw_ack

    @property
    def sack(self) -> tuple[tuple[int, int], ...]:
        """The blocks that arrived beyond the acknowledgment number, by the SACK option: (first, one after the last) of
        each, counted as `ack`; () without the option. Source: RFC 2018 §3.
        """
        quick = self._quick
        if quick.protocol != "TCP" or quick.payload - quick.transport <= 20 or quick.flags & frames.SYN:
            return ()
        shift = self.ack - quick.ack
        blocks = frames.sack_blocks(self.raw, quick.transport + 20, min(quick.payload, len(self.raw)))
        return tuple(((left + shift) % (1 << 32), (right + shift) % (1 << 32)) for left, right in blocks)

    @property
    def window(self) -> int:
        """The window field of the TCP header, as sent: not yet scaled by the Window Scale option."""
        return self._quick.window

    @property
    def note(self) -> str:
        """What TCP means by it: ``"duplicate ACK 2"``, ``"fast retransmit"``, ``"window probe"``; ``""`` if nothing.

        Worked out from the whole tape that it was captured in; all names are in `labkit.packets.notes`.
        """
        return "" if self._notes is None else self._notes().get(self.number - 1, "")

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages (of HTTP, DNS over TCP, WebSocket frames) of which this packet brought bytes, as completed."""
        return self._messages(self.number - 1) if self._messages is not None else ()

    @property
    def records(self) -> tuple[Record, ...]:
        """The TLS records of which this packet brought bytes, in order."""
        return self._records(self.number - 1) if self._records is not None else ()

    def carries(self, application: str) -> bool:
        """Whether it brings bytes of a message of this protocol: ``"HTTP"``, ``"TLS"``, …"""
        if application == "TLS":
            return bool(self.records)
        if self._quick.protocol == "TCP":
            return any(each.protocol == application for each in self.messages)
        return self._quick.protocol == "UDP" and application in self

    @property
    def fragment(self) -> tuple[int, int, bool] | None:
        """Of an IP fragment: (first byte, byte after the last, whether more follow), counted in the packet's payload.

        None for a whole packet. Source: RFC 791 §3.2, RFC 8200 §4.5.
        """
        return frames.fragment_of(self.raw, self._quick)

    @property
    def what(self) -> str:
        """The kind of packet in a few words: ``"UDP"``, ``"UDP fragment"``, ``"ICMP port unreachable"``, ``"TCP"``."""
        name = self._quick.protocol
        if name in ("ICMP", "ICMPv6"):
            words = ICMP_WORDS if name == "ICMP" else ICMP6_WORDS
            return f"{name} {words.get(frames.icmp_kind(self.raw, self._quick), '')}".rstrip()
        if self.fragment is None:
            return name
        number = frames.fragment_carries(self.raw, self._quick)
        return f"{_CARRIED.get(number, f'IP protocol {number}')} fragment"

    @property
    def talk(self) -> tuple[tuple[str, int], tuple[str, int]] | None:
        """(client, server), each (address, port), of its exchange of datagrams; None for TCP and unknown packets.

        A fragment and an ICMP error belong to the exchange that they are about.
        """
        if self._place is None or self._place.talk is None:
            return None
        client, server = self._place.talk
        return (frames.address(client[0]), client[1]), (frames.address(server[0]), server[1])

    @property
    def payload(self) -> bytes:
        """The bytes that TCP or UDP carries, as far as they were captured; ``b""`` in other protocols."""
        if self._quick.protocol not in ("TCP", "UDP"):
            return b""
        return self.raw[self._quick.payload : min(self._quick.end, self._size)]

    @property
    def length(self) -> int:
        """Bytes of payload on the wire (those of `payload`, unless the frame was cut short)."""
        quick = self._quick
        if quick.payload >= quick.end or quick.protocol not in ("TCP", "UDP"):
            return 0
        size = self._size
        return max(0, (quick.end if quick.end < size else size) - quick.payload)

    @property
    def _size(self) -> int:
        """Bytes on the wire without a frame check sequence."""
        return max(self.wire_length, len(self.raw)) - (self.fcs_length or 0)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The packet taken apart: a `Layer` for each protocol, outermost first, then the payload."""
        if self._layers is None:
            from labkit.packets.dissector import dissect_frame

            layers = dissect_frame(self._context(), self.number, self.fcs_length, self.wire_length)
            self._layers = tuple(replace(layer, origin=self.origin) for layer in layers)
        return self._layers

    def _context(self) -> Context:
        """The facts that its tape knows: relative numbers, the sender, whether the kernel filled in checksums."""
        from labkit.packets.explain.base import Context

        context, place = Context(self.raw, self.linktype, status=self.status, sender=self.sender), self._place
        if place is not None and place.connection >= 0:
            context.in_tape = True
            context.relative_seq, context.relative_ack = place.relative_seq, place.relative_ack
            if self._messages is not None and self.length:
                context.inside, context.parts = self._inside()
            if self._quick.flags & frames.ACK:
                context.sack_base = (self._quick.ack - place.relative_ack) % (1 << 32)
        return context

    def _inside(self) -> tuple[tuple[Layer, ...], tuple[tuple[int, int, str], ...]]:
        """The messages that lie whole in this frame, as layers, and where parts of other messages are."""
        layers, parts = [], []
        said: list[Message | Record] = [each for each in self.messages if not each.encrypted]
        said += self.records  # what was encrypted is in one of them
        for message in said:
            layer = message.layer_in(self.number)
            if layer is not None:
                layers.append(layer)
                continue
            for number, first, size in message.buffer.spans(message.start, message.stop):
                if number == self.number:
                    parts.append((first, first + size, repr(message)))
        return tuple(sorted(layers, key=lambda each: each.start)), tuple(parts)

    def __getitem__(self, name: str) -> Layer:
        """The layer with this name: ``packet["TCP"]``; raises `NoSuchPart` that names the packet's layers.

        ``"IP"`` means either version, and Scapy's names (``"Ether"``, ``"Raw"``) work too.
        """
        wanted = _ALIASES.get(name, (name,))
        for layer in self.layers:
            if layer.name in wanted:
                return layer
        raise NoSuchPart(
            f"packet {self.number} has no layer {name!r}, only {', '.join(each.name for each in self.layers)}"
        )

    def __contains__(self, name: object) -> bool:
        wanted = _ALIASES.get(name, (name,)) if isinstance(name, str) else ()
        return any(layer.name in wanted for layer in self.layers)

    def fields(self) -> Iterator[Field]:
        """Yield every field without parts of every layer, in wire order."""
        for layer in self.layers:
            for item in layer.fields:
                yield from item.leaves()

    def __len__(self) -> int:
        return len(self.raw)

    def __bool__(self) -> bool:
        return True

    def __bytes__(self) -> bytes:
        return self.raw

    def __repr__(self) -> str:
        parts = [f"<Packet {self.number}: {self.protocol}"]
        if self._place is not None:
            parts.append("client → server" if self.sender == "client" else "client ← server")
        if self._quick.protocol == "TCP":
            parts.append(f"{self.flags or 'no flags'} seq={self.seq}")
            if self._quick.flags & frames.ACK:
                parts.append(f"ack={self.ack}")
        if self.length:
            parts.append(f"{self.length} bytes" if self.length != 1 else "1 byte")
        if self.verdict is not None:
            parts[-1] += f", {self.verdict.words}"
        return " ".join(parts) + ">"
