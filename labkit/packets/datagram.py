"""UDP datagrams as frames: written around given data, cut into fragments, put together again, judged by checksums.

Rule: struct only; for what has no frame of its own, never for a packet that was captured.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from struct import Struct
from typing import NamedTuple

from labkit.packets.explain.internet import ones_sum
from labkit.packets.fragments import Part, Pieces
from labkit.packets.frames import ETHERNET, fragment_key, fragment_of, quick

_ETHERNET = bytes(12) + b"\x08\x00"  # no hardware addresses: what a frame on Linux's loopback has
_IPV4 = Struct("!BBHHHBBH4s4s")
_RIGHT = 0xFFFF  # the sum over data that has a right checksum in it (RFC 1071)
_PSEUDO = Struct("!4s4sBBH")
_UDP = Struct("!HHHH")
_NONE = b"\0\0"  # in the place of UDP's checksum: the sender has left it out
_ICMP_PROTOCOL, _UDP_PROTOCOL, _TTL = 1, 17, 64
_DONT_FRAGMENT, _MORE_FRAGMENTS = 0x4000, 0x2000
_UNREACHABLE, _PORT = 3, 3  # type and code
_QUOTED = 576 - _IPV4.size - 8  # bytes of the packet that an ICMP error quotes at most (RFC 1812 §4.3.2.3)

HEADERS = len(_ETHERNET) + _IPV4.size + _UDP.size
"""Bytes before the data of a whole datagram: 14 of Ethernet, 20 of IPv4, 8 of UDP."""

LARGEST = 65535 - _IPV4.size - _UDP.size
"""Bytes of data that an IPv4 packet has room for."""

UNDER_WAY = 64
"""Packets in pieces that `Reassembly` keeps; the oldest goes first."""


class Datagram(NamedTuple):
    """What a UDP socket is given. source, destination: (IPv4 address as text, port)."""

    source: tuple[str, int]
    destination: tuple[str, int]
    data: bytes


def frames_of(datagram: Datagram, mtu: int = 1500, identification: int = 0) -> list[bytes]:
    """Return the Ethernet frames that carry this datagram: one, or where it is larger than mtu the fragments.

    mtu: bytes of the largest IP packet. identification: 16 bits that the fragments have in common; what need not be
    cut has 0 and "don't fragment", as on Linux. Lengths and checksums are right. Raises OverflowError for more than
    `LARGEST` bytes of data. Source: RFC 768, RFC 791 §3.1 and §3.2 (An Example Fragmentation Procedure).
    """
    if len(datagram.data) > LARGEST:
        raise OverflowError(f"{len(datagram.data)} bytes do not fit into one IPv4 packet")
    src, dst = socket.inet_aton(datagram.source[0]), socket.inet_aton(datagram.destination[0])
    size = _UDP.size + len(datagram.data)
    ports = _UDP.pack(datagram.source[1], datagram.destination[1], size, 0)
    checksum = _complement(_PSEUDO.pack(src, dst, 0, _UDP_PROTOCOL, size) + ports + datagram.data)
    # A sum of 0 is sent as 0xFFFF, since 0 says that there is none.
    body = ports[:6] + (checksum if checksum != _NONE else b"\xff\xff") + datagram.data
    if _IPV4.size + size <= mtu:
        return [_packet(_UDP_PROTOCOL, src, dst, body, _DONT_FRAGMENT, 0)]
    step = (mtu - _IPV4.size) // 8 * 8  # the offset counts in units of 8 bytes
    return [
        _packet(
            _UDP_PROTOCOL, src, dst, body[at : at + step],
            at // 8 | (_MORE_FRAGMENTS if at + step < size else 0), identification,
        )
        for at in range(0, size, step)
    ]  # fmt: skip


def refusal_of(datagram: Datagram) -> bytes:
    """Return the frame in which the receiver's kernel says that nobody has this port: ICMP, port unreachable.

    It quotes the datagram. Source: RFC 792 (Destination Unreachable Message).
    """
    src, dst = socket.inet_aton(datagram.destination[0]), socket.inet_aton(datagram.source[0])
    caused = frames_of(datagram)[0][len(_ETHERNET) :]
    body = bytes((_UNREACHABLE, _PORT)) + bytes(6) + caused[:_QUOTED]
    return _packet(_ICMP_PROTOCOL, src, dst, body[:2] + _complement(body) + body[4:], 0, 0)


def _packet(protocol: int, src: bytes, dst: bytes, body: bytes, fragment: int, identification: int) -> bytes:
    """An Ethernet frame with an IPv4 packet. fragment: flags and offset, 16 bits."""
    header = _IPV4.pack(
        0x45, 0, _IPV4.size + len(body), identification, fragment, _TTL, protocol, 0, src, dst
    )  # fmt: skip
    return b"".join((_ETHERNET, header[:10], _complement(header), header[12:], body))


def refused_by(raw: bytes) -> tuple[tuple[str, int], tuple[str, int]] | None:
    """Return (source, destination) of the datagram that an ICMP "port unreachable" is about; None for other frames."""
    packet = quick(raw, ETHERNET)
    start, at = packet.network, packet.transport
    if packet.protocol != "ICMP" or len(packet.src) != 4 or packet.end > len(raw):
        return None
    if raw[at : at + 2] != bytes((_UNREACHABLE, _PORT)):
        return None
    if ones_sum(raw[start:at]) != _RIGHT or ones_sum(raw[at : packet.end]) != _RIGHT:
        return None
    inner = quick(_ETHERNET + raw[at + 8 : packet.end], ETHERNET)
    if not inner.protocol.startswith("UDP") or len(inner.src) != 4:
        return None
    return (socket.inet_ntoa(inner.src), inner.sport), (socket.inet_ntoa(inner.dst), inner.dport)


class Reassembly:
    """What a host does with the frames that reach it: it puts fragments together and throws away what is damaged."""

    def __init__(self) -> None:
        self._pieces: OrderedDict[bytes, Pieces] = OrderedDict()

    def take(self, raw: bytes) -> Datagram | None:
        """Take an Ethernet frame; returns the datagram that a socket is given now, if any.

        None: no UDP over IPv4, cut short, a wrong checksum of either header, or pieces are missing still.
        Source: RFC 791 §3.2 (An Example Reassembly Procedure), RFC 768.
        """
        packet = quick(raw, ETHERNET)
        start = packet.network
        if start < 0 or len(packet.src) != 4 or len(raw) < start + _IPV4.size:
            return None
        header, end = (raw[start] & 15) * 4, start + int.from_bytes(raw[start + 2 : start + 4], "big")
        if not start + header <= end <= len(raw) or raw[start + 9] != _UDP_PROTOCOL:
            return None
        if ones_sum(raw[start : start + header]) != _RIGHT:
            return None
        body: bytes | None = raw[start + header : end]
        part = fragment_of(raw, packet)
        if part is not None and body:
            body = self._put(fragment_key(raw, packet), part, body)
        return _datagram(packet.src, packet.dst, body) if body else None

    def _put(self, key: bytes, part: Part, data: bytes) -> bytes | None:
        """Keep a fragment; returns what the packet carries once all of it is there."""
        pieces = self._pieces.setdefault(key, Pieces())
        while len(self._pieces) > UNDER_WAY:
            self._pieces.popitem(last=False)
        pieces.add(part, data)
        if not pieces.whole:
            return None
        del self._pieces[key]
        return pieces.joined()


def _datagram(src: bytes, dst: bytes, body: bytes) -> Datagram | None:
    """What UDP's header and data say; None where the length or the checksum is wrong."""
    if len(body) < _UDP.size:
        return None
    sport, dport, size, _ = _UDP.unpack_from(body)
    if not _UDP.size <= size <= len(body):
        return None
    body = body[:size]
    if body[6:8] != _NONE and ones_sum(_PSEUDO.pack(src, dst, 0, _UDP_PROTOCOL, size) + body) != _RIGHT:
        return None
    return Datagram((socket.inet_ntoa(src), sport), (socket.inet_ntoa(dst), dport), body[_UDP.size :])


def _complement(data: bytes) -> bytes:
    return (ones_sum(data) ^ 0xFFFF).to_bytes(2, "big")
