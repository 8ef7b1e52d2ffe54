"""The packets that the TCP exercises are about: the student's, the recorded ones, or a connection made here.

Rule: the origin of the packets is told. A connection made here has valid checksums, and is not called captured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from struct import pack
from typing import TYPE_CHECKING, TypeVar

from labkit.core.errors import LabError
from labkit.exercises.building import checksum
from labkit.packets.frames import ACK, FIN, PSH, SYN

if TYPE_CHECKING:
    from labkit.packets import Packet, Tape

T = TypeVar("T")

CLIENT, SERVER = 50000, 8124
ADDRESS = bytes((127, 0, 0, 1))
GREETING = "您好！".encode()

MADE = "made by labkit's own code, never on a wire"
RECORDING = ("01a-tcp-connection", "greeting")
"""Lesson and name of the recorded capture that stands in for the student's."""

# MSS 1460, SACK permitted, timestamps, one byte of filling, window scale 7: what Linux puts into a SYN.
_SYN_OPTIONS = bytes.fromhex("020405b4 0402 080a 00000001 00000000 01 030307")

Script = Sequence[tuple[str, int, bytes]]
"""The packets of a connection: who sends ("client", "server"), flags, payload."""

# One connection of the greeter's, from SYN to the last ACK.
_SCRIPT: Script = (
    ("client", SYN, b""),
    ("server", SYN | ACK, b""),
    ("client", ACK, b""),
    ("server", PSH | ACK, GREETING),
    ("client", ACK, b""),
    ("client", FIN | ACK, b""),
    ("server", FIN | ACK, b""),
    ("client", ACK, b""),
)


def pseudo_header(length: int) -> bytes:
    """What TCP's checksum covers besides the segment, for two ends on 127.0.0.1. Source: RFC 9293 §3.1.

    length: bytes of the TCP header and payload.
    """
    return ADDRESS + ADDRESS + pack("!BBH", 0, 6, length)


def ip_packet(segment: bytes, number: int = 1) -> bytes:
    """An IPv4 packet from 127.0.0.1 to itself that carries this TCP segment. number: its identification."""
    header = pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), number, 0x4000, 64, 6, 0) + ADDRESS + ADDRESS
    return header[:10] + pack("!H", checksum(header)) + header[12:] + segment


def conversation(script: Script = _SCRIPT, port: int = SERVER) -> Tape:
    """One whole connection as a tape, the same every time; without a script, one of the greeter's.

    port: the server's.
    """
    from labkit.packets import Tape
    from labkit.packets.capture_file import Recording

    ports = {"client": CLIENT, "server": port}
    following = {"client": 0x10203040, "server": 0xA0B0C0D0}
    frames = []
    for number, (sender, flags, payload) in enumerate(script, 1):
        receiver = "server" if sender == "client" else "client"
        options = _SYN_OPTIONS if flags & SYN else b""
        ack = following[receiver] if flags & ACK else 0
        start = pack("!HHII", ports[sender], ports[receiver], following[sender], ack)
        segment = start + pack("!BBHHH", (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options + payload
        filled = pack("!H", checksum(pseudo_header(len(segment)) + segment))
        segment = segment[:16] + filled + segment[18:]
        frame = bytes(12) + b"\x08\x00" + ip_packet(segment, number)
        frames.append((number * 1_000_000, frame, 1, 0, len(frame)))
        following[sender] += len(payload) + (1 if flags & (SYN | FIN) else 0)
    return Tape(Recording(frames, ports=(port,)), origin=MADE)


def choose(tape: Tape | None, pick: Callable[[Tape], T | None], wanted: str) -> tuple[T, str]:
    """Pick what an exercise needs: from the tape, else from the recording, else from a connection made here.

    pick: returns None if a tape does not have it. wanted: its name. Returns what was picked, and the tape's origin.
    Raises `LabError` if the tape that was given does not have it.
    """
    if tape is not None:
        found = pick(tape)
        if found is None:
            raise LabError(f"this tape has no {wanted}",
                           "Capture from before connect() until both sides have closed, or leave out use().")
        return found, tape.origin
    for candidate in (_recorded(), conversation()):
        found = None if candidate is None else pick(candidate)
        if candidate is not None and found is not None:
            return found, candidate.origin
    raise AssertionError(f"the connection made here has no {wanted}")


def _recorded() -> Tape | None:
    from labkit.packets import Tape
    from labkit.packets.recorded import recording_path

    try:
        path = recording_path(RECORDING[1], RECORDING[0])
        return Tape.load(path) if path.is_file() else None
    except LabError:  # no data directory, or a damaged recording: the connection made here will do
        return None


def origin_line(origin: str) -> str:
    """The line that names the origin of the packets; no other line differs from machine to machine.

    It stands in Markdown, and a file's name may hold anything: a character that is not plain becomes a question mark.
    """
    return "tape: " + re.sub(r"[^\w ./(),'-]", "?", origin)


def line(packet: Packet) -> str:
    """A packet as a line of text without anything that changes from run to run."""
    arrow = "client → server" if packet.sender == "client" else "client ← server"
    ack = f"ack={packet.ack}" if "A" in packet.flag_letters else ""
    size = f"{packet.length} byte{'s' if packet.length != 1 else ''}"
    return f"{arrow}  {packet.flags:<8}  seq={packet.seq:<3} {ack:<7} {size}"
