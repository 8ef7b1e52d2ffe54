"""A UDP datagram as the frame in which a network carries it: written around given data, and judged by its checksum.

Rule: struct only; for what has no frame of its own, never for a packet that was captured.
"""

from __future__ import annotations

import socket
from struct import Struct

from labkit.packets.explain.base import ones_sum
from labkit.packets.frames import ETHERNET, Quick, quick

_ETHERNET = bytes(12) + b"\x08\x00"  # no hardware addresses: what a frame on Linux's loopback has
_IPV4 = Struct("!BBHHHBBH4s4s")
_RIGHT = 0xFFFF  # the sum over data that has a right checksum in it (RFC 1071)
_PSEUDO = Struct("!4s4sBBH")
_UDP = Struct("!HHHH")
_NONE = b"\0\0"  # in the place of UDP's checksum: the sender has left it out
_UDP_PROTOCOL, _TTL, _DONT_FRAGMENT = 17, 64, 0x4000

HEADERS = len(_ETHERNET) + _IPV4.size + _UDP.size
"""Bytes before the data: 14 of Ethernet, 20 of IPv4, 8 of UDP."""

LARGEST = 65535 - _IPV4.size - _UDP.size
"""Bytes of data that an IPv4 packet has room for."""


def frame_of(source: tuple[str, int], destination: tuple[str, int], data: bytes) -> bytes:
    """Return an Ethernet frame with this datagram, its lengths and checksums right.

    source, destination: (IPv4 address, port). data: `LARGEST` bytes at most; OverflowError beyond.
    The Identification is 0, as Linux has it in what may not be fragmented.
    Source: RFC 791 §3.1, RFC 768.
    """
    if len(data) > LARGEST:
        raise OverflowError(f"{len(data)} bytes do not fit into one IPv4 packet")
    src, dst = socket.inet_aton(source[0]), socket.inet_aton(destination[0])
    size = _UDP.size + len(data)
    header = _IPV4.pack(0x45, 0, _IPV4.size + size, 0, _DONT_FRAGMENT, _TTL, _UDP_PROTOCOL, 0, src, dst)
    header = header[:10] + _complement(header) + header[12:]
    ports = _UDP.pack(source[1], destination[1], size, 0)
    checksum = _complement(_PSEUDO.pack(src, dst, 0, _UDP_PROTOCOL, size) + ports + data)
    if checksum == _NONE:
        checksum = b"\xff\xff"
    return b"".join((_ETHERNET, header, ports[:6], checksum, data))


def datagram_in(raw: bytes) -> tuple[tuple[bytes, int], tuple[bytes, int], bytes] | None:
    """Return (source, destination, data) of an Ethernet frame that a host would hand to a UDP socket, else None.

    source, destination: (IPv4 address of 4 bytes, port). None: no UDP over IPv4, a fragment, cut short, or a checksum
    that is wrong, of either header.
    """
    packet = quick(raw, ETHERNET)
    start, at = packet.network, packet.transport
    if packet.protocol != "UDP" or len(packet.src) != 4 or packet.end > len(raw):
        return None
    if ((raw[start + 6] << 8) | raw[start + 7]) & 0x3FFF or ones_sum(raw[start:at]) != _RIGHT:
        return None
    if not _sum_is_right(raw, packet):
        return None
    return (packet.src, packet.sport), (packet.dst, packet.dport), raw[packet.payload : packet.end]


def _sum_is_right(raw: bytes, packet: Quick) -> bool:
    at, size = packet.transport, packet.end - packet.transport
    if raw[at + 6 : at + 8] == _NONE:
        return True
    if int.from_bytes(raw[at + 4 : at + 6], "big") != size:
        return False
    covered = _PSEUDO.pack(packet.src, packet.dst, 0, _UDP_PROTOCOL, size) + raw[at : packet.end]
    return ones_sum(covered) == _RIGHT


def _complement(data: bytes) -> bytes:
    return (ones_sum(data) ^ 0xFFFF).to_bytes(2, "big")

