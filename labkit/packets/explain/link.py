"""Ethernet, Linux cooked and BSD loopback headers, VLAN tags, and ARP.

Rule: one table a header; addresses of loopback are all zero, so only real ones are volatile.
"""

from __future__ import annotations

from labkit.packets.explain.base import Context, Row, Table, Value, build, one_of
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
_ARPHRD = {1: "Ethernet", 512: "PPP", 768: "IP-in-IP tunnel", 772: "loopback", 801: "Wi-Fi", 65534: "none (tun)"}
_DIRECTIONS = {
    0: "to us",
    1: "broadcast by somebody else",
    2: "multicast by somebody else",
    3: "between others",
    4: "sent by us",
}


def _mac_meaning(value: Value, context: Context) -> str:
    if value == "00:00:00:00:00:00":
        return "none: loopback has no network card"
    if value == "ff:ff:ff:ff:ff:ff":
        return "everybody on this network (broadcast)"
    first = int(str(value)[:2], 16) if value else 0
    group = "a group of stations (multicast)" if first & 1 else "one station (unicast)"
    return f"{group}, address {'set by software' if first & 2 else 'given by the manufacturer'}"


def _is_real(value: Value) -> bool:
    return value not in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "")


def _mac(name: str, label: str, why: str, covers: str) -> Row:
    return Row(name, label, 48, why, "IEEE 802.3 §3.2", (covers,), "mac", _mac_meaning, volatile=_is_real)


def _ethertype(name: str, covers: str, why: str) -> Row:
    return Row(
        name, "EtherType", 16, why, "RFC 9542 §3", (covers,), "hex", one_of(ETHERTYPES, "not a protocol labkit knows")
    )


_TYPE_WHY = (
    "Tells the receiver whom to hand the rest to; values up to 1500 are a length instead, because Ethernet and "
    "IEEE 802.3 chose differently and share the wire since."
)
_DST = _mac(
    "eth.dst",
    "Destination Address",
    "Comes first, so that a card can decide from the first 6 bytes whether the frame is for it.",
    "dst",
)
_SRC = _mac(
    "eth.src", "Source Address", "Lets the receiver answer, and switches learn behind which port a station is.", "src"
)

ETHERNET = Table(
    "Ethernet", "Ethernet II", "IEEE 802.3 §3", 112, (_DST, _SRC, _ethertype("eth.type", "type", _TYPE_WHY))
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
            ("len",),
        ),
    ),
)

VLAN = Table(
    "VLAN",
    "802.1Q Virtual LAN",
    "IEEE 802.1Q §9",
    32,
    (
        Row("vlan.priority", "Priority", 3, "Lets switches send urgent frames first.", "IEEE 802.1Q §9.6", ("prio",)),
        Row(
            "vlan.dei",
            "Drop Eligible",
            1,
            "Marks frames to drop first under congestion.",
            "IEEE 802.1Q §9.6",
            ("dei",),
            "flag",
        ),
        Row(
            "vlan.id",
            "VLAN Identifier",
            12,
            "Lets one cable carry several separate networks.",
            "IEEE 802.1Q §9.6",
            ("vlan",),
        ),
        _ethertype("vlan.etype", "type", "The EtherType that the tag pushed 4 bytes further."),
    ),
)

_SLL_ADDRESS = Row(
    "sll.src.eth",
    "Source",
    48,
    "The sender's hardware address, as in an Ethernet header.",
    "pcap-linktype: LINUX_SLL",
    (),
    "mac",
    _mac_meaning,
    volatile=_is_real,
)
_SLL_UNUSED = Row(
    "sll.unused",
    "Unused",
    16,
    "An Ethernet address fills only 6 of the 8 bytes.",
    "pcap-linktype: LINUX_SLL",
    (),
    "bytes",
)


def _cooked_address(context: Context, start: int, end: int) -> tuple[Field, ...]:
    """The 8 address bytes: the low byte of their length stands right before them, in both versions."""
    length = context.raw[start - 1]
    if length != 6 or end - start != 8:
        return ()
    return build(_SLL_ADDRESS, context, start * 8), build(_SLL_UNUSED, context, start * 8 + 48)


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
            ("pkttype",),
            meaning=one_of(_DIRECTIONS),
        ),
        Row(
            "sll.hatype",
            "Link-layer address type",
            16,
            "Says of what kind of interface the address below is.",
            "pcap-linktype: LINUX_SLL",
            ("lladdrtype",),
            meaning=one_of(_ARPHRD),
        ),
        Row(
            "sll.halen",
            "Link-layer address length",
            16,
            "Says how many of the 8 address bytes count.",
            "pcap-linktype: LINUX_SLL",
            ("lladdrlen",),
        ),
        Row(
            "sll.src",
            "Link-layer address",
            64,
            "The sender's hardware address; there is no destination, the kernel no longer knows it here.",
            "pcap-linktype: LINUX_SLL",
            ("src",),
            "bytes",
            split=_cooked_address,
        ),
        _ethertype("sll.etype", "proto", "Tells whom to hand the rest to, as in an Ethernet header."),
    ),
)

COOKED2 = Table(
    "Linux cooked v2",
    "Linux cooked capture v2",
    "pcap-linktype: LINUX_SLL2",
    160,
    (
        _ethertype("sll.etype", "proto", "Tells whom to hand the rest to; version 2 moved it to the front."),
        Row(
            "sll.reserved",
            "Reserved",
            16,
            "Keeps the interface number aligned to 32 bits.",
            "pcap-linktype: LINUX_SLL2",
            ("reserved",),
        ),
        Row(
            "sll.ifindex",
            "Interface index",
            32,
            "Names the interface, which version 1 could not: the reason for version 2.",
            "pcap-linktype: LINUX_SLL2",
            ("ifindex",),
            volatile=True,
        ),
        Row(
            "sll.hatype",
            "Link-layer address type",
            16,
            "Says of what kind of interface the address below is.",
            "pcap-linktype: LINUX_SLL2",
            ("lladdrtype",),
            meaning=one_of(_ARPHRD),
        ),
        Row(
            "sll.pkttype",
            "Packet type",
            8,
            "Says which way the packet went.",
            "pcap-linktype: LINUX_SLL2",
            ("pkttype",),
            meaning=one_of(_DIRECTIONS),
        ),
        Row(
            "sll.halen",
            "Link-layer address length",
            8,
            "Says how many of the 8 address bytes count.",
            "pcap-linktype: LINUX_SLL2",
            ("lladdrlen",),
        ),
        Row(
            "sll.src",
            "Link-layer address",
            64,
            "The sender's hardware address.",
            "pcap-linktype: LINUX_SLL2",
            ("src",),
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
            ("type",),
            "hex",
            lambda value, context: _FAMILIES.get(_family_number(value), "unknown"),
            shown=lambda value, context: str(_family_number(value)),
        ),
    ),
)

_ARP_RFC = "RFC 826"
ARP = Table(
    "ARP",
    "Address Resolution Protocol",
    "RFC 826",
    64,
    (
        Row(
            "arp.hw.type",
            "Hardware type",
            16,
            "ARP was made for any kind of network; 1 is Ethernet.",
            _ARP_RFC,
            ("hwtype",),
            meaning=one_of(_ARPHRD),
        ),
        Row(
            "arp.proto.type",
            "Protocol type",
            16,
            "…and for any protocol above it, by its EtherType.",
            _ARP_RFC,
            ("ptype",),
            "hex",
            one_of(ETHERTYPES),
        ),
        Row(
            "arp.hw.size",
            "Hardware size",
            8,
            "How long a hardware address is, so that unknown kinds can be skipped.",
            _ARP_RFC,
            ("hwlen",),
        ),
        Row("arp.proto.size", "Protocol size", 8, "How long a protocol address is.", _ARP_RFC, ("plen",)),
        Row(
            "arp.opcode",
            "Opcode",
            16,
            "Tells a question from an answer; both have the same form, so an answer is a question turned round.",
            _ARP_RFC,
            ("op",),
            meaning=one_of(
                {1: "request: who has the target address?", 2: "reply: it is at the sender's hardware address"}
            ),
        ),
        Row(
            "arp.src.hw_mac",
            "Sender MAC address",
            0,
            "Whoever hears the question learns at once where the asker is.",
            _ARP_RFC,
            ("hwsrc",),
            "mac",
            volatile=_is_real,
        ),
        Row(
            "arp.src.proto_ipv4",
            "Sender IP address",
            0,
            "The address that goes with it; nothing proves it, hence ARP spoofing.",
            _ARP_RFC,
            ("psrc",),
            "ipv4",
        ),
        Row(
            "arp.dst.hw_mac",
            "Target MAC address",
            0,
            "What is asked for: empty in a request.",
            _ARP_RFC,
            ("hwdst",),
            "mac",
            volatile=_is_real,
        ),
        Row(
            "arp.dst.proto_ipv4",
            "Target IP address",
            0,
            "The address somebody wants to reach.",
            _ARP_RFC,
            ("pdst",),
            "ipv4",
        ),
    ),
)

# The Scapy layers that these tables describe.
TABLES = {
    "Ether": ETHERNET,
    "Dot3": ETHERNET_LENGTH,
    "Dot1Q": VLAN,
    "CookedLinux": COOKED,
    "CookedLinuxV2": COOKED2,
    "Loopback": LOOPBACK,
    "LoopbackOpenBSD": LOOPBACK,
    "ARP": ARP,
}
