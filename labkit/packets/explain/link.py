"""Ethernet, Linux cooked and BSD loopback headers, and VLAN tags.

Rule: one table for each header; loopback's addresses are all zero, so only real ones are volatile.
"""

from __future__ import annotations

from labkit.packets.explain.base import Chooser, Context, OfValue, Row, Table, Value, number_at, one_of, read_field
from labkit.packets.model import Field

ETHERTYPES = {
    0x0800: "IPv4",
    0x0806: "ARP",
    0x8035: "RARP",
    0x8100: "VLAN tag",
    0x86DD: "IPv6",
    0x8863: "PPPoE discovery",
    0x8864: "PPPoE session",
    0x88A8: "provider VLAN tag",
    0x88CC: "LLDP",
    0x9000: "loop test",
}
_FAMILIES = {2: "IPv4", 10: "IPv6 (Linux)", 24: "IPv6 (NetBSD, OpenBSD)", 28: "IPv6 (FreeBSD)", 30: "IPv6 (macOS)"}
HARDWARE = {1: "Ethernet", 512: "PPP", 768: "IP-in-IP tunnel", 772: "loopback", 801: "Wi-Fi", 65534: "none (tun)"}
_DIRECTIONS = {
    0: "to us",
    1: "broadcast by somebody else",
    2: "multicast by somebody else",
    3: "between others",
    4: "sent by us",
}


@OfValue
def mac_meaning(value: Value) -> str:
    """The kind of a hardware address: one station, a group, all, none."""
    if value == "00:00:00:00:00:00":
        return "none: loopback has no network card"
    if value == "ff:ff:ff:ff:ff:ff":
        return "all stations on this network (broadcast)"
    first = int(str(value)[:2], 16) if value else 0
    group = "a group of stations (multicast)" if first & 1 else "one station (unicast)"
    return f"{group}, address {'set by software' if first & 2 else 'given by the manufacturer'}"


def is_real(value: Value) -> bool:
    """Whether a hardware address belongs to a station, so that it differs between machines."""
    return value not in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "")


def _mac(name: str, label: str, why: str) -> Row:
    return Row(name, label, 48, why, "IEEE 802.3 §3.2", "mac", mac_meaning, volatile=is_real)


def ethertype(name: str, why: str) -> Row:
    """A row for an EtherType."""
    return Row(
        name, "EtherType", 16, why, "RFC 9542 §3", "hex", one_of(ETHERTYPES, "not a protocol labkit knows")
    )


_TYPE_WHY = (
    "Tells the receiver which protocol gets the rest; values up to 1500 are a length, because Ethernet and "
    "IEEE 802.3 chose differently and now share the wire."
)
_DST = _mac(
    "eth.dst",
    "Destination Address",
    "Comes first, so that a card can decide from the first 6 bytes whether the frame is for it.",
)
_SRC = _mac("eth.src", "Source Address", "Lets the receiver answer, and switches learn behind which port a station is.")

ETHERNET = Table(
    "Ethernet", "Ethernet II", "IEEE 802.3 §3", 112, (_DST, _SRC, ethertype("eth.type", _TYPE_WHY))
)

ETHERNET_LENGTH = Table(
    "Ethernet",
    "IEEE 802.3 Ethernet",
    "IEEE 802.3 §3",
    112,
    (
        _DST,
        _SRC,
        Row(
            "eth.len",
            "Length",
            16,
            "In IEEE 802.3 the length of the data, so that padding can be told from it.",
            "IEEE 802.3 §3.2.6",
        ),
    ),
)

ETHERNET_NEITHER = Table(
    "Ethernet",
    "Ethernet with a number that is neither type nor length",
    "IEEE 802.3 §3.2.6",
    112,
    (_DST, _SRC, Row("eth.invalid_lentype", "Neither length nor type", 16,
                     "1501 to 1535 are left between the largest length and the smallest type, so both can be told.",
                     "IEEE 802.3 §3.2.6", "hex")),
)  # fmt: skip


def _tag(prefix: str, rfc: str) -> tuple[Row, ...]:
    return (
        Row(f"{prefix}.priority", "Priority", 3, "Lets switches send urgent frames first.", rfc),
        Row(f"{prefix}.dei", "Drop Eligible", 1, "Marks frames to drop first under congestion.", rfc, "flag"),
        Row(f"{prefix}.id", "VLAN Identifier", 12, "Lets one cable carry several separate networks.", rfc),
    )


_VLAN_TAG = _tag("vlan", "IEEE 802.1Q §9.6")
VLAN = Table("VLAN", "802.1Q Virtual LAN", "IEEE 802.1Q §9", 32, (
    *_VLAN_TAG, ethertype("vlan.etype", "The EtherType that the tag pushed 4 bytes further."),
))  # fmt: skip
VLAN_LENGTH = Table("VLAN", "802.1Q Virtual LAN", "IEEE 802.1Q §9", 32, (
    *_VLAN_TAG, Row("vlan.len", "Length", 16, "The length that the tag pushed 4 bytes further.", "IEEE 802.3 §3.2.6"),
))  # fmt: skip
PROVIDER = Table("802.1ad", "802.1ad Provider Bridge", "IEEE 802.1ad §9", 32, (
    *_tag("ieee8021ad", "IEEE 802.1ad §9.5"),
    ethertype("ieee8021ah.etype", "What follows: most often the customer's own VLAN tag, left as it is."),
))  # fmt: skip

_SLL_ADDRESS = Row(
    "sll.src.eth",
    "Source",
    48,
    "The sender's hardware address, as in an Ethernet header.",
    "pcap-linktype: LINUX_SLL",
    "mac",
    mac_meaning,
    volatile=is_real,
)
_SLL_UNUSED = Row(
    "sll.unused",
    "Unused",
    16,
    "An Ethernet address fills only 6 of the 8 bytes.",
    "pcap-linktype: LINUX_SLL",
    "bytes",
)


def _cooked_address(context: Context, start: int, end: int) -> tuple[Field, ...]:
    """The 8 address bytes. In both versions the byte before them is the low byte of their length."""
    length = context.raw[start - 1]
    if length != 6 or end - start != 8:
        return ()
    return read_field(_SLL_ADDRESS, context, start * 8), read_field(_SLL_UNUSED, context, start * 8 + 48)


COOKED = Table(
    "Linux cooked",
    "Linux cooked capture v1",
    "pcap-linktype: LINUX_SLL",
    128,
    (
        Row(
            "sll.pkttype",
            "Packet type",
            16,
            "Says which way the packet went, because the capture on all interfaces keeps no frame header that would.",
            "pcap-linktype: LINUX_SLL",
            meaning=one_of(_DIRECTIONS),
        ),
        Row(
            "sll.hatype",
            "Link-layer address type",
            16,
            "Says what kind of interface has the address below.",
            "pcap-linktype: LINUX_SLL",
            meaning=one_of(HARDWARE),
        ),
        Row(
            "sll.halen",
            "Link-layer address length",
            16,
            "Says how many of the 8 address bytes count.",
            "pcap-linktype: LINUX_SLL",
        ),
        Row(
            "sll.src",
            "Link-layer address",
            64,
            "The sender's hardware address; there is no destination, because the kernel does not know it here.",
            "pcap-linktype: LINUX_SLL",
            "bytes",
            split=_cooked_address,
        ),
        ethertype("sll.etype", "Tells which protocol gets the rest, as in an Ethernet header."),
    ),
)

COOKED2 = Table(
    "Linux cooked v2",
    "Linux cooked capture v2",
    "pcap-linktype: LINUX_SLL2",
    160,
    (
        ethertype("sll.etype", "Tells which protocol gets the rest; version 2 moved it to the front."),
        Row(
            "sll.reserved",
            "Reserved",
            16,
            "Keeps the interface number aligned to 32 bits.",
            "pcap-linktype: LINUX_SLL2",
        ),
        Row(
            "sll.ifindex",
            "Interface index",
            32,
            "Names the interface, which version 1 could not: the reason for version 2.",
            "pcap-linktype: LINUX_SLL2",
            volatile=True,
        ),
        Row(
            "sll.hatype",
            "Link-layer address type",
            16,
            "Says what kind of interface has the address below.",
            "pcap-linktype: LINUX_SLL2",
            meaning=one_of(HARDWARE),
        ),
        Row(
            "sll.pkttype",
            "Packet type",
            8,
            "Says which way the packet went.",
            "pcap-linktype: LINUX_SLL2",
            meaning=one_of(_DIRECTIONS),
        ),
        Row(
            "sll.halen",
            "Link-layer address length",
            8,
            "Says how many of the 8 address bytes count.",
            "pcap-linktype: LINUX_SLL2",
        ),
        Row(
            "sll.src",
            "Link-layer address",
            64,
            "The sender's hardware address.",
            "pcap-linktype: LINUX_SLL2",
            "bytes",
            split=_cooked_address,
        ),
    ),
)


def _family_number(value: Value) -> int:
    number = int(value) if isinstance(value, int) else 0
    return number if number <= 0xFFFF else int.from_bytes(number.to_bytes(4, "big"), "little")


LOOPBACK = Table(
    "BSD loopback",
    "BSD loopback",
    "pcap-linktype: NULL",
    32,
    (
        Row(
            "null.family",
            "Address family",
            32,
            "All that BSD and macOS put before a loopback packet: the number their own sockets use for the "
            "protocol, in the byte order of the machine.",
            "pcap-linktype: NULL",
            "hex",
            lambda value, context: _FAMILIES.get(_family_number(value), "unknown"),
            shown=lambda value, context: str(_family_number(value)),
        ),
    ),
)

TABLES: dict[str, Table | Chooser] = {
    "Ethernet": lambda raw, start, stop: _by_type(raw, start + 12, ETHERNET, ETHERNET_LENGTH, ETHERNET_NEITHER),
    "VLAN": lambda raw, start, stop: _by_type(raw, start + 2, VLAN, VLAN_LENGTH, VLAN),
    "802.1ad": PROVIDER,
    "Linux cooked": COOKED,
    "Linux cooked v2": COOKED2,
    "BSD loopback": LOOPBACK,
}


def _by_type(raw: bytes, at: int, named: Table, counted: Table, neither: Table) -> Table:
    """The table, by the number after the addresses: up to 1500 a length, from 1536 on an EtherType (RFC 9542 §3)."""
    kind = number_at(raw, at * 8, 16) if len(raw) >= at + 2 else 0x600
    return named if kind >= 0x600 else counted if kind <= 1500 else neither
