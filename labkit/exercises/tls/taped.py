"""Tapes of TLS connections that were never on a wire: two ends talk in memory, and what they say is put into packets.

Rule: no socket and no capture; each call makes new keys.
"""

from __future__ import annotations

import ssl
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from labkit import ca
from labkit.exercises.building import checksum
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.frames import ACK, FIN, PSH, RAW, SYN, Frame
from labkit.packets.walk_ip import TCP_PROTOCOL
from labkit.tls.context import CLIENT_CIPHERS

CLIENT, SERVER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
HOST = "bank.example"
REQUEST = f"GET /balance HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n42\n"
_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Taped:
    """A connection. tape: its packets, without keys. log: the lines of its key log."""

    tape: Tape
    log: tuple[str, ...]


def connection(identity: ca.Identity, root: ca.CA, version: str = "TLSv1.3") -> Taped:
    """A request and its answer over TLS, as somebody on the way has seen it. version: ``"TLSv1.2"``, ``"TLSv1.3"``."""
    with tempfile.TemporaryDirectory(prefix="labkit-taped-") as place:
        files = identity.save(place, "server")
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        server.load_cert_chain(files.cert, files.key)
        client.load_verify_locations(cadata=root.cert_pem.decode("ascii"))
        client.set_ciphers(CLIENT_CIPHERS)  # the same ClientHello by every Python
        client.minimum_version = client.maximum_version = _VERSIONS[version]
        log = Path(place) / "log"
        server.keylog_filename = str(log)
        said = _talk(client, server)
        lines = [line for line in log.read_text("ascii").splitlines() if line and not line.startswith("#")]
    return Taped(Tape(Recording(_frames(said)), origin="made in memory, no wire"), tuple(lines))


def _talk(client: ssl.SSLContext, server: ssl.SSLContext) -> list[tuple[bool, bytes]]:
    """What the two ends send, in turn: (whether it is the client's, bytes)."""
    coming, going = [ssl.MemoryBIO(), ssl.MemoryBIO()], [ssl.MemoryBIO(), ssl.MemoryBIO()]  # of the client, the server
    ends = (
        client.wrap_bio(coming[0], going[0], server_hostname=HOST),
        server.wrap_bio(coming[1], going[1], server_side=True),
    )  # fmt: skip
    said: list[tuple[bool, bytes]] = []

    def carry(side: int) -> None:
        if data := going[side].read():
            said.append((side == 0, data))
            coming[1 - side].write(data)

    waiting = [True, True]
    while any(waiting):
        for side in (0, 1):
            if waiting[side]:
                try:
                    ends[side].do_handshake()
                    waiting[side] = False
                except ssl.SSLWantReadError:
                    pass
                carry(side)
    for side, text in ((0, REQUEST), (1, ANSWER)):
        ends[side].write(text)
        carry(side)
        ends[1 - side].read(len(text))
    return said


def _frames(said: list[tuple[bool, bytes]]) -> list[Frame]:
    """The packets of a TCP connection in which this is said; times are counted in milliseconds."""
    numbers = [1000, 5000]  # of the next byte: the client's, the server's
    frames: list[Frame] = []

    def send(from_client: bool, flags: int, data: bytes = b"") -> None:
        mine, other = (0, 1) if from_client else (1, 0)
        acknowledged = numbers[other] if flags & ACK else 0
        packet = _packet(from_client, numbers[mine], acknowledged, flags, data)
        frames.append((len(frames) * 1_000_000, packet, RAW, 0, len(packet)))
        numbers[mine] += len(data) + (flags & (SYN | FIN) != 0)

    send(True, SYN)
    send(False, SYN | ACK)
    send(True, ACK)
    for from_client, data in said:
        for start in range(0, len(data), 1400):
            send(from_client, PSH | ACK, data[start : start + 1400])
            send(not from_client, ACK)
    for from_client in (True, False):
        send(from_client, FIN | ACK)
    send(True, ACK)
    return frames


def _packet(from_client: bool, seq: int, ack: int, flags: int, data: bytes) -> bytes:
    source, target = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
    ports = (40000, 443) if from_client else (443, 40000)
    bare = struct.pack("!HHIIBBHHH", *ports, seq, ack, 5 << 4, flags, 64240, 0, 0) + data
    pseudo = source + target + struct.pack("!BBH", 0, TCP_PROTOCOL, len(bare))
    segment = bare[:16] + struct.pack("!H", checksum(pseudo + bare)) + bare[18:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, TCP_PROTOCOL, 0) + source + target
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + segment
