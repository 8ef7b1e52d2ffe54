"""Stand-ins for a tape and its packets: what the drawing code reads of them, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from labkit.packets.frames import FLAG_NAMES
from labkit.packets.model import Field, Layer, SocketEvent, Verdict
from labkit.packets.notes import Follower

MS = 1_000_000
CLIENT = ("127.0.0.1", 52814)
SERVER = ("127.0.0.1", 8124)


@dataclass
class FakePacket:
    number: int
    time_ns: int | None
    sender: str
    flags: str
    seq: int = 0
    ack: int = 0
    payload: bytes = b""
    client: tuple[str, int] = CLIENT
    server: tuple[str, int] = SERVER
    protocol: str = "TCP"
    layers: tuple[Layer, ...] = ()
    raw: bytes = b""
    origin: str = ""
    verdict: Verdict | None = None
    window: int = 65535
    sack: tuple[tuple[int, int], ...] = ()
    fragment: tuple[int, int, bool] | None = None
    talk: tuple[tuple[str, int], tuple[str, int]] | None = None
    note: str = ""

    @property
    def what(self) -> str:
        return self.protocol

    @property
    def length(self) -> int:
        return len(self.payload)

    @property
    def raw_seq(self) -> int:
        return (self.seq + (1000 if self.sender == "client" else 7000)) % 2**32

    @property
    def src(self) -> tuple[str, int]:
        return self.client if self.sender == "client" else self.server

    @property
    def dst(self) -> tuple[str, int]:
        return self.server if self.sender == "client" else self.client


@dataclass
class FakeConnection:
    client: tuple[str, int]
    server: tuple[str, int]
    packets: list[FakePacket]


@dataclass
class FakeTape:
    packets: list[FakePacket]
    events: tuple[SocketEvent, ...] = ()
    origin: str = "live from lo (AF_PACKET ring)"
    ports: tuple[int, ...] = ()
    connections: tuple[FakeConnection, ...] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[tuple[tuple[str, int], tuple[str, int]], list[FakePacket]] = {}
        for packet in self.packets:
            if packet.protocol == "TCP":
                found.setdefault((packet.client, packet.server), []).append(packet)
        self.connections = tuple(FakeConnection(*pair, packets) for pair, packets in found.items())
        for connection in self.connections:
            follower = Follower()
            for packet in connection.packets:
                flags = sum(1 << bit for bit, name in enumerate(FLAG_NAMES) if name in packet.flags.split(", "))
                client = packet.sender == "client"
                packet.note = follower.note(
                    client, packet.time_ns, packet.seq, packet.ack, flags, packet.length, packet.window, packet.sack
                )

    def __len__(self) -> int:
        return len(self.packets)

    def __iter__(self) -> Iterator[FakePacket]:
        return iter(self.packets)


class Script:
    """Writes a tape step by step: ``Script().send(0, "client", "SYN").event(30, "client", "connect").tape()``."""

    def __init__(self) -> None:
        self.packets: list[FakePacket] = []
        self.events: list[SocketEvent] = []
        self.next: dict[tuple[int, str], int] = {}

    def send(
        self,
        at_us: float,
        sender: str,
        flags: str,
        payload: bytes = b"",
        port: int = CLIENT[1],
        seq: int | None = None,
        verdict: Verdict | None = None,
    ) -> Script:
        other = "server" if sender == "client" else "client"
        own = self.next.get((port, sender), 0) if seq is None else seq
        self.packets.append(
            FakePacket(
                len(self.packets) + 1,
                int(at_us * 1000),
                sender,
                flags,
                own,
                self.next.get((port, other), 0) if "ACK" in flags else 0,
                payload,
                (CLIENT[0], port),
                verdict=verdict,
            )
        )
        taken = len(payload) + ("SYN" in flags) + ("FIN" in flags)
        self.next[port, sender] = max(self.next.get((port, sender), 0), own + taken)
        return self

    def open(self, at_us: float = 0, port: int = CLIENT[1]) -> Script:
        return (
            self.send(at_us, "client", "SYN", port=port)
            .send(at_us + 18, "server", "SYN, ACK", port=port)
            .send(at_us + 31, "client", "ACK", port=port)
        )

    def event(
        self,
        at_us: float,
        who: str,
        name: str,
        size: int | None = None,
        kind: str = "event",
        port: int | None = CLIENT[1],
    ) -> Script:
        client = None if port is None else (CLIENT[0], port)
        near, far = (client, SERVER) if who == "client" else (SERVER, client)
        self.events.append(SocketEvent(int(at_us * 1000), who, name, size, kind, near, far))
        return self

    def tape(self, origin: str = "live from lo (AF_PACKET ring)") -> FakeTape:
        return FakeTape(self.packets, tuple(self.events), origin)


def greeting() -> FakeTape:
    """A short conversation: greeting, Nagle's stall, end."""
    run = Script().event(-400, "client", "connect", None, "call").open()
    run.event(60, "client", "connect").event(80, "server", "connection").event(110, "server", "write", 9, "call")
    run.send(150, "server", "PSH, ACK", "您好！".encode()).send(165, "client", "ACK")
    run.event(240, "client", "data", 9)
    run.event(300, "client", "write", 1, "call").event(310, "client", "write", 6, "call")
    run.send(330, "client", "PSH, ACK", b"H").send(41_530, "server", "ACK")
    run.send(41_560, "client", "PSH, ACK", b"ello\r\n").send(41_580, "server", "ACK")
    run.event(41_600, "server", "data", 1).event(41_610, "server", "data", 6)
    run.event(41_640, "client", "end", None, "call")
    run.send(41_700, "client", "FIN, ACK").send(41_740, "server", "FIN, ACK").send(41_755, "client", "ACK")
    run.event(41_760, "server", "end").event(41_770, "server", "close").event(41_790, "client", "end")
    return run.event(41_800, "client", "close").tape()


def table(name: str, title: str, start: int, data: bytes, rows: list[tuple], packet: int = 1) -> Layer:
    """A Layer from (filter name, label, bits, meaning, volatile, rows of parts) rows; values are read from the data."""
    whole = int.from_bytes(data, "big")
    total = len(data) * 8

    def build(rows: list[tuple], at: int) -> tuple[list[Field], int]:
        out = []
        for row in rows:
            short, label, bits, meaning, volatile, parts = (*row, "", False, [])[:6] if len(row) < 6 else row
            value: int | bytes = whole >> (total - at - bits) & ((1 << bits) - 1)
            if bits > 32:
                value = data[at // 8 : (at + bits) // 8]
                shown = f"{bits // 8} bytes"
            else:
                shown = str(value)
            children = tuple(build(parts, at)[0])
            out.append(
                Field(
                    f"{name.lower()}.{short}",
                    label,
                    start + at,
                    bits,
                    value,
                    shown,
                    meaning,
                    f"Why {label} exists.",
                    "RFC 9293 §3.1",
                    volatile,
                    children,
                )
            )
            at += bits
        return out, at

    return Layer(name, title, start, total, tuple(build(rows, 0)[0]), data, packet, "RFC 9293 §3.1")


FLAGS = ["cwr", "ece", "urg", "ack", "push", "reset", "syn", "fin"]


def syn() -> Layer:
    """The TCP header of a SYN with its options."""
    data = bytes.fromhex(
        "ce4e1fbc 1a2b3c4d 00000000 a002 ffd7 fe30 0000 0204ffd7 0402 080a 3a5c91d0 00000000 01 030307"
    )
    return table(
        "TCP",
        "Transmission Control Protocol",
        272,
        data,
        [
            ("srcport", "Source Port", 16, "picked by the kernel", True, []),
            ("dstport", "Destination Port", 16, "the greeter", False, []),
            ("seq", "Sequence Number", 32, "where this side starts counting", True, []),
            ("ack", "Acknowledgment Number", 32, "", False, []),
            ("hdr_len", "Data Offset", 4, "10 words of 32 bits: 40 bytes", False, []),
            (
                "flags",
                "Flags",
                12,
                "SYN: the sender wants to open a connection",
                False,
                [("flags.res", "Reserved", 4), *[(f"flags.{flag}", flag.upper(), 1) for flag in FLAGS]],
            ),
            ("window", "Window", 16, "bytes it will take", False, []),
            ("checksum", "Checksum", 16, "not filled in by the kernel", True, []),
            ("urgent", "Urgent Pointer", 16, "", False, []),
            (
                "options",
                "Options",
                160,
                "",
                False,
                [
                    (
                        "options.mss",
                        "Maximum Segment Size",
                        32,
                        "",
                        False,
                        [("option_kind", "Kind", 8), ("option_len", "Length", 8), ("options.mss_val", "MSS Value", 16)],
                    ),
                    (
                        "options.sack_perm",
                        "SACK Permitted",
                        16,
                        "",
                        False,
                        [("option_kind", "Kind", 8), ("option_len", "Length", 8)],
                    ),
                    (
                        "options.timestamp",
                        "Timestamps",
                        80,
                        "",
                        False,
                        [
                            ("option_kind", "Kind", 8),
                            ("option_len", "Length", 8),
                            ("options.timestamp.tsval", "Timestamp value", 32, "", True, []),
                            ("options.timestamp.tsecr", "Timestamp echo reply", 32, "", True, []),
                        ],
                    ),
                    ("options.nop", "No-Operation", 8, "fills up to a whole word", False, []),
                    (
                        "options.wscale",
                        "Window Scale",
                        24,
                        "times 128",
                        False,
                        [
                            ("option_kind", "Kind", 8),
                            ("option_len", "Length", 8),
                            ("options.wscale.shift", "Shift count", 8),
                        ],
                    ),
                ],
            ),
        ],
    )


def payload(data: bytes, start: int = 528) -> Layer:
    """A payload layer."""
    field = Field(
        "data.data",
        "Payload",
        start,
        len(data) * 8,
        data,
        f"{len(data)} bytes",
        "what the program wrote",
        "The reason for all the rest.",
    )
    return Layer("Payload", "Payload", start, len(data) * 8, (field,), data, 1)


def packet(data: bytes = "您好！\r\n".encode()) -> FakePacket:
    """A packet of two layers."""
    layers = (syn(), payload(data, 272 + 320))
    return FakePacket(1, 0, "client", "SYN", payload=data, layers=layers, origin="live from lo (AF_PACKET ring)")
