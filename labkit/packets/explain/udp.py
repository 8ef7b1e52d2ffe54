"""The UDP header.

Rule: names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Chooser, Context, Row, Table, Value, as_number, number_at
from labkit.packets.explain.internet import checksum_meaning, is_ephemeral

_RFC = "RFC 768"


def _length(value: Value, context: Context) -> str:
    number = as_number(value)
    if number >= 8:
        return f"8 bytes of header, {number - 8} of data"
    if not number and context.pseudo is not None and context.pseudo[0] == 6:
        return "0: more than 65,535, which only IPv6 can carry"
    return "too small: the header alone has 8"


UDP = Table(
    "UDP",
    "User Datagram Protocol",
    _RFC,
    64,
    (
        Row(
            "udp.srcport",
            "Source Port",
            16,
            "Where an answer would go; a sender that wants none may put 0.",
            _RFC,
            volatile=is_ephemeral,
        ),
        Row(
            "udp.dstport",
            "Destination Port",
            16,
            "Says which program on the receiving machine the datagram is for.",
            _RFC,
            volatile=is_ephemeral,
        ),
        Row(
            "udp.length",
            "Length",
            16,
            "Header and data in bytes: 8 at least. IP knows it already, but the checksum covers this copy.",
            _RFC,
            meaning=_length,
        ),
        Row(
            "udp.checksum",
            "Checksum",
            16,
            "Guards ports, data and the IP addresses; optional over IPv4 (0 is none), required over IPv6.",
            "RFC 768, RFC 8200 §8.1",
            "hex",
            checksum_meaning(17, 6),
            volatile=lambda value: value != 0,
        ),
    ),
)

_UP_TO_LENGTH = Table(UDP.name, UDP.title, UDP.rfc, 48, UDP.rows[:3])


def _udp(raw: bytes, start: int, stop: int) -> Table:
    """The whole header, or what comes up to a length that cannot be."""
    if stop < start + 8:
        return UDP
    # Carried by IPv6, a UDP header with length 0 lasts as long as its packet: then the walk gave it more than 8 bytes.
    length = number_at(raw, (start + 4) * 8, 16)
    return _UP_TO_LENGTH if length < 8 and (length or stop == start + 8) else UDP


TABLES: dict[str, Table | Chooser] = {"UDP": _udp}
