"""The packets that the TCP exercises are about: the student's, the recorded ones, or a connection made here.

Rule: says where its packets come from; what is made here is valid to the last checksum, and never passed for captured.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from struct import pack
from typing import TYPE_CHECKING, Any, TypeVar

from labkit.core.errors import LabError

if TYPE_CHECKING:
    from labkit.packets import Packet, Tape

T = TypeVar("T")

CLIENT, SERVER = 50000, 8124
ADDRESS = bytes((127, 0, 0, 1))
GREETING = "您好！".encode()

MADE = "made by labkit's own code, never on a wire"
RECORDING = ("01a-tcp-connection", "greeting")
"""Lesson and name of the recorded capture that stands in for the student's."""

_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10

# MSS 1460, SACK permitted, timestamps, one byte of filling, window scale 7: what Linux puts into a SYN.
_SYN_OPTIONS = bytes.fromhex("020405b4 0402 080a 00000001 00000000 01 030307")

# Who sends, flags, payload: one connection of the greeter's, from SYN to the last ACK.
_SCRIPT = (
    ("client", _SYN, b""),
    ("server", _SYN | _ACK, b""),
    ("client", _ACK, b""),
    ("server", _PSH | _ACK, GREETING),
    ("client", _ACK, b""),
    ("client", _FIN | _ACK, b""),
    ("server", _FIN | _ACK, b""),
    ("client", _ACK, b""),
)


def checksum(data: bytes) -> int:
    """The Internet checksum: the complement of the ones' complement sum of 16-bit words. Source: RFC 1071 §1."""
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def about_kind(answer: Any) -> str:
    """What to say of an answer that is to be bytes and is not; ``""`` where there is nothing in particular to say."""
    if type(answer) in (list, tuple):
        kind = type(answer).__name__
        return f"That is a {kind}. bytes() makes bytes of the numbers in it, one byte each: bytes([188, 230, …])."
    if type(answer) is str:
        return 'That is text. bytes.fromhex("bc e6 …") makes bytes of hexadecimal digits.'
    return ""


def pseudo_header(length: int) -> bytes:
    """What TCP's checksum covers besides the segment, for two ends on 127.0.0.1. Source: RFC 9293 §3.1.

    length: bytes of the TCP header and payload.
    """
    return ADDRESS + ADDRESS + pack("!BBH", 0, 6, length)


def ip_packet(segment: bytes, number: int = 1) -> bytes:
    """An IPv4 packet from 127.0.0.1 to itself that carries this TCP segment. number: its identification."""
    header = pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), number, 0x4000, 64, 6, 0) + ADDRESS + ADDRESS
    return header[:10] + pack("!H", checksum(header)) + header[12:] + segment


def conversation() -> Tape:
    """One whole connection of the greeter's as a tape, the same every time."""
    from labkit.packets import Tape
    from labkit.packets.capture_file import Recording

    ports = {"client": CLIENT, "server": SERVER}
    following = {"client": 0x10203040, "server": 0xA0B0C0D0}
    frames = []
    for number, (sender, flags, payload) in enumerate(_SCRIPT, 1):
        receiver = "server" if sender == "client" else "client"
        options = _SYN_OPTIONS if flags & _SYN else b""
        ack = following[receiver] if flags & _ACK else 0
        start = pack("!HHII", ports[sender], ports[receiver], following[sender], ack)
        segment = start + pack("!BBHHH", (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options + payload
        filled = pack("!H", checksum(pseudo_header(len(segment)) + segment))
        segment = segment[:16] + filled + segment[18:]
        frame = bytes(12) + b"\x08\x00" + ip_packet(segment, number)
        frames.append((number * 1_000_000, frame, 1, 0, len(frame)))
        following[sender] += len(payload) + (1 if flags & (_SYN | _FIN) else 0)
    return Tape(Recording(frames, ports=(SERVER,)), origin=MADE)


def choose(tape: Tape | None, pick: Callable[[Tape], T | None], wanted: str) -> tuple[T, str]:
    """Pick what an exercise needs: from the tape, else from the recording, else from a connection made here.

    pick: returns None where a tape lacks it. wanted: that, in words. Returns it with the origin of its tape.
    Raises `LabError` if the tape that was given lacks it.
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
    """The line that says where the packets come from, and that alone differs from machine to machine.

    It stands in Markdown, and a file's name may hold anything: what is no plain text becomes a question mark.
    """
    return "tape: " + re.sub(r"[^\w ./(),'-]", "?", origin)


def line(packet: Packet) -> str:
    """A packet as a line of text without anything that changes from run to run."""
    arrow = "client → server" if packet.sender == "client" else "client ← server"
    ack = f"ack={packet.relative_ack}" if "A" in packet.flag_letters else ""
    size = f"{packet.length} byte{'s' if packet.length != 1 else ''}"
    return f"{arrow}  {packet.flags:<8}  seq={packet.relative_seq:<3} {ack:<7} {size}"
