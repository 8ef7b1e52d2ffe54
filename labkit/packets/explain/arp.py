"""ARP: which hardware address belongs to an address of the Internet.

Rule: one table for each pair of address lengths, made when it is first asked for; names and spans are Wireshark's.
"""

from __future__ import annotations

from functools import lru_cache

from labkit.packets.explain.base import Chooser, Row, Table, number_at, one_of
from labkit.packets.explain.link import ETHERTYPES, HARDWARE, is_real, mac_meaning

_RFC = "RFC 826"
_OPCODES = {
    1: "request: who has the target address?", 2: "reply: it is at the sender's hardware address",
    3: "reverse request: which address has this hardware?", 4: "reverse reply", 8: "inverse request",
    9: "inverse reply",
}  # fmt: skip
_ETHERNET, _ETHERNETS, _IPV4 = 6, (1, 6), 0x0800  # bytes of an address, hardware types that have those, EtherType

_HEAD = (
    Row("arp.hw.type", "Hardware type", 16, "ARP was made for any kind of network; 1 is Ethernet.", _RFC,
        meaning=one_of(HARDWARE)),
    Row("arp.proto.type", "Protocol type", 16, "It was made for any protocol above it, too: named by its EtherType.",
        _RFC, "hex", one_of(ETHERTYPES)),
    Row("arp.hw.size", "Hardware size", 8, "How long a hardware address is, so that unknown kinds can be skipped.",
        _RFC),
    Row("arp.proto.size", "Protocol size", 8, "How long a protocol address is.", _RFC),
    Row("arp.opcode", "Opcode", 16,
        "Tells a question from an answer; both have the same form, so an answer is a question turned round.", _RFC,
        meaning=one_of(_OPCODES)),
)  # fmt: skip
_WHYS = (
    ("src", "Sender", "Whoever hears the question learns at once where the asker is.",
     "The address that goes with it; nothing proves it, hence ARP spoofing."),
    ("dst", "Target", "What is asked for: empty in a request.", "The address somebody wants to reach."),
)  # fmt: skip


@lru_cache(maxsize=64)
def _table(hardware: int, protocol: int, macs: bool, ipv4: bool) -> Table:
    """The table for addresses of these lengths. macs: the hardware has Ethernet's addresses. ipv4: the protocol's."""
    rows: list[Row] = []
    for side, who, why_hardware, why_protocol in _WHYS:
        if hardware and macs:
            rows.append(Row(f"arp.{side}.hw_mac", f"{who} MAC address", 48, why_hardware, _RFC, "mac", mac_meaning,
                            volatile=is_real))  # fmt: skip
        elif hardware:
            rows.append(Row(f"arp.{side}.hw", f"{who} hardware address", 8 * hardware, why_hardware, _RFC, "bytes",
                            volatile=True))  # fmt: skip
        if protocol and ipv4:
            rows.append(Row(f"arp.{side}.proto_ipv4", f"{who} IP address", 32, why_protocol, _RFC, "ipv4"))
        elif protocol:
            rows.append(Row(f"arp.{side}.proto", f"{who} protocol address", 8 * protocol, why_protocol, _RFC, "bytes"))
    return Table("ARP", "Address Resolution Protocol", _RFC, 64 + sum(row.bits for row in rows), (*_HEAD, *rows))


def _arp(raw: bytes, start: int, stop: int) -> Table:
    if stop < start + 8:
        return _table(0, 0, False, False)
    kind, carried = number_at(raw, start * 8, 16), number_at(raw, start * 8 + 16, 16)
    hardware, protocol = raw[start + 4], raw[start + 5]
    macs = hardware == _ETHERNET and kind in _ETHERNETS
    return _table(hardware, protocol, macs, carried == _IPV4 and protocol == 4)


TABLES: dict[str, Table | Chooser] = {"ARP": _arp}
