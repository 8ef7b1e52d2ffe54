"""One frame sent onto a wire as it is, and what came back: the packets that the other host sent meanwhile.

Rule: knows headers up to ports, to tell an answer from other traffic; the wire sends and captures.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.lab.addresses import MACS
from labkit.lab.crafting import waiting
from labkit.packets.frames import IPV4, quick, quoted
from labkit.packets.match import SENDERS
from labkit.packets.names import ETHERNET, LINKTYPE_NAMES
from labkit.packets.packet import Packet
from labkit.packets.tape import Tape

_HEADER = 14  # bytes of Ethernet's
_TYPE_IPV4, _TYPE_ARP = 0x0800, 0x0806
_ICMP, _PORTS = 1, (6, 17)  # protocol numbers: ICMP; those of TCP and UDP, whose headers begin with ports
_REPLY = {8: 0, 13: 14, 15: 16, 17: 18}  # ICMP: the type that answers a type (RFC 792, RFC 950)


class Cable(Protocol):
    """What an exchange needs of a wire: its hosts and a capture."""

    client: Any
    server: Any

    def capture(self, *, name: str | None, wait_closed: bool) -> AbstractContextManager[Tape]:
        """Capture while the body runs."""


@dataclass(frozen=True)
class Exchange:
    """What came of a frame. sent: its bytes. tape: all that passed meanwhile. back: its packets from the other end.

    sender: the host that sent it. waited: seconds at most. answered: whether something came that answers it.
    """

    sent: bytes
    tape: Tape
    back: Sequence[Packet]
    sender: str
    waited: float
    answered: bool

    def __repr__(self) -> str:
        size = f"{len(self.sent)} bytes sent by the {self.sender}"
        if not self.answered:
            return f"{size}; nothing came back in {self.waited:g} s"
        return "\n".join([f"{size}; this came back:", *(f"  {each!r}" for each in self.back)])


@functools.partial(in_words, name="wire.exchange")
def exchange(
    wire: Cable,
    frame: bytes,
    *,
    linktype: int = ETHERNET,
    sender: str = "client",
    timeout: float = 1.0,
    name: str | None = None,
) -> Exchange:
    """Send a frame as it is, wait for the first packet that answers it, and return both with all that passed meanwhile.

    frame: its bytes. Every field of it may be wrong, but an IPv4 packet must be for the other host. linktype: 1 for an
    Ethernet frame, 101 for an IP packet, which gets a usual Ethernet header. sender: ``"client"`` or ``"server"``.
    timeout: seconds to wait, 60 at most. name: of the recording, which answers where no wire can be had.
    Raises `LabError` for what must not be sent, and `CaptureUnavailable` if there is neither wire nor recording.
    """
    if sender not in SENDERS:
        raise LabError(f"sender={shown(sender)} is no host of a wire", 'Give "client" or "server".')
    waiting(timeout)
    header, packet = b"", bytes(frame)
    if linktype == ETHERNET:
        header, packet = packet[:_HEADER], packet[_HEADER:]
        if len(header) < _HEADER:
            raise LabError(f"{len(frame)} bytes are no Ethernet frame", "Its header alone has 14.")
    elif LINKTYPE_NAMES.get(linktype) != "raw IP":
        raise LabError("a wire carries Ethernet frames and IP packets, nothing else", "Begin with one of these.")
    kind = int.from_bytes(header[12:14], "big") if header else _TYPE_IPV4
    host = wire.client if sender == "client" else wire.server
    with wire.capture(name=name, wait_closed=False) as tape:
        found = host.crafting.exchange(packet, timeout, lambda came: answers(kind, packet, came), header)
    back = [each for each in tape if each.raw[:6] == MACS[SENDERS.index(sender)]]
    return Exchange(bytes(frame), tape, back, sender, timeout, found is not None)


def answers(kind: int, sent: bytes, came: bytes) -> bool:
    """Whether a packet answers another one. kind: the EtherType of both. sent, came: what is behind Ethernet's header.

    Over IPv4 addresses and ports have to fit; an ICMP error answers the packet that it quotes.
    """
    if kind == _TYPE_ARP:
        return came[6:8] == b"\0\2" and came[14:18] == sent[24:28]
    if kind != _TYPE_IPV4:
        return True
    back = quick(came, IPV4)
    inner = quoted(came, back)
    if inner is not None:
        about = quick(sent, IPV4)
        return (inner.src, inner.dst) == (sent[12:16], sent[16:20]) and (
            (inner.sport, inner.dport) == (about.sport, about.dport)
        )
    if (back.src, back.dst) != (sent[16:20], sent[12:16]) or came[9] != sent[9]:
        return False
    at = (sent[0] & 15) * 4
    if sent[9] == _ICMP:
        start = back.transport
        same = sent[at + 4 : at + 8] == came[start + 4 : start + 8]  # identifier and number
        return same and _REPLY.get(_byte(sent, at)) == _byte(came, start)
    if sent[9] in _PORTS and len(sent) >= at + 4:
        ports: tuple[int, int] = struct.unpack_from("!HH", sent, at)
        return (back.dport, back.sport) == ports
    return True


def _byte(data: bytes, at: int) -> int:
    return data[at] if at < len(data) else -1
