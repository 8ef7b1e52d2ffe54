"""What link types, protocols and ICMP messages are called, by their numbers.

Rule: data only; a name that has no table in `explain` is still the name of a layer.
"""

from __future__ import annotations

NULL, ETHERNET, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
"""Link types, as numbered in pcap files."""

LINKTYPE_NAMES = {
    NULL: "BSD loopback",
    ETHERNET: "Ethernet",
    12: "raw IP",
    14: "raw IP",
    RAW: "raw IP",
    LOOP: "BSD loopback",
    SLL: "Linux cooked",
    IPV4: "raw IP",
    IPV6: "raw IP",
    SLL2: "Linux cooked v2",
}
"""What a frame of a link type begins with, if labkit can read it."""

_OTHER_LINKTYPES = {
    3: "AX.25", 6: "Token Ring", 7: "ARCNET", 8: "SLIP", 9: "PPP", 10: "FDDI", 11: "ATM (RFC 1483)",
    15: "BSD/OS SLIP", 16: "BSD/OS PPP", 19: "ATM (Classical IP)", 50: "PPP in HDLC frames", 51: "PPP over Ethernet",
    100: "ATM (RFC 1483)", 104: "Cisco HDLC", 105: "IEEE 802.11", 107: "Frame Relay", 109: "IPsec of OpenBSD",
    114: "LocalTalk", 117: "log of OpenBSD's packet filter", 119: "IEEE 802.11 with a Prism header",
    122: "IP over Fibre Channel", 123: "SunATM", 127: "IEEE 802.11 with radiotap", 129: "ARCNET of Linux",
    138: "IP over IEEE 1394", 139: "MTP2", 140: "MTP2", 141: "MTP3", 142: "SCCP", 143: "DOCSIS", 144: "IrDA of Linux",
    163: "IEEE 802.11 with an AVS header", 166: "PPP of Linux, with direction", 169: "GPRS LLC", 177: "LAPD of Linux",
    187: "Bluetooth HCI", 189: "USB of Linux", 192: "PPI", 195: "IEEE 802.15.4", 196: "SITA", 197: "ERF",
    201: "Bluetooth HCI of Linux", 202: "AX.25 with KISS", 203: "LAPD", 204: "PPP with direction",
    205: "Cisco HDLC with direction", 209: "IPMB of Linux", 215: "IEEE 802.15.4 without its preamble", 219: "MPLS",
    220: "USB of Linux, mapped", 224: "Fibre Channel", 225: "Fibre Channel", 226: "IP of Solaris", 227: "CAN",
    230: "IEEE 802.15.4 without FCS", 231: "D-Bus", 235: "DVB-CI", 236: "MUX27010", 239: "log of Linux's netfilter",
    240: "netANALYZER", 242: "IP over InfiniBand", 243: "MPEG-2", 245: "NFC", 247: "InfiniBand", 248: "SCTP",
    249: "USB of Windows", 251: "Bluetooth low energy", 252: "Wireshark's upper PDU", 253: "netlink of Linux",
    254: "Bluetooth of Linux", 255: "Bluetooth", 256: "Bluetooth low energy", 258: "PKTAP of macOS",
    259: "Ethernet passive optical network", 264: "ISO 14443", 266: "USB of macOS", 270: "vsock of Linux",
    272: "Zigbee", 274: "Ethernet with its preamble", 278: "OpenVizsla USB", 288: "USB 2.0",
    290: "EtherType and payload",
}  # fmt: skip


def linktype_name(linktype: int) -> str:
    """The name of a link type: ``"PPP"``; ``"reserved for private use"`` from 147 to 162; ``""`` if there is none."""
    if 147 <= linktype <= 162:
        return f"USER{linktype - 147}, reserved for private use"
    return LINKTYPE_NAMES.get(linktype) or _OTHER_LINKTYPES.get(linktype, "")


OPAQUE_ETHERTYPES = {
    0x0842: "Wake-on-LAN", 0x809B: "AppleTalk", 0x80F3: "AARP", 0x8137: "IPX", 0x8808: "MAC control",
    0x8809: "slow protocols", 0x8863: "PPPoE discovery", 0x888E: "EAPOL", 0x88CC: "LLDP", 0x88E5: "MACsec",
    0x88E7: "802.1ah", 0x88F7: "PTP", 0x8902: "CFM", 0x8906: "FCoE", 0x9000: "loop test",
}  # fmt: skip
"""EtherTypes of protocols that have a name here and no table: their layer is one field."""

OPAQUE_PROTOCOLS = {
    8: "EGP", 9: "IGRP", 33: "DCCP", 46: "RSVP", 88: "EIGRP", 89: "OSPF", 94: "IPIP", 97: "EtherIP", 103: "PIM",
    108: "IPComp", 112: "VRRP", 115: "L2TP", 124: "IS-IS", 135: "Mobile IPv6", 136: "UDP-Lite", 139: "HIP",
    140: "Shim6",
}  # fmt: skip
"""The same of IP's protocol numbers."""

PROTOCOLS = (
    "TCP", "UDP", "ICMP", "ICMPv6", "ARP", "IPv4", "IPv4 (fragment)", "IPv6", "IPv6 (fragment)", "GRE", "AH", "ESP",
    "IGMP", "SCTP", "LLC", "STP", "MPLS", "PPPoE", "PPP", "VLAN", "802.1ad",
    *dict.fromkeys((*LINKTYPE_NAMES.values(), *OPAQUE_PROTOCOLS.values(), *OPAQUE_ETHERTYPES.values())),
)  # fmt: skip
"""All that a whole frame can be called: the name of its innermost layer. A frame of another link is "link type 9"; one
that is cut short or cannot be has " (truncated)" or " (malformed)" behind its name.
"""

ICMP_WORDS = {
    (0, 0): "echo reply", (3, 0): "network unreachable", (3, 1): "host unreachable", (3, 2): "protocol unreachable",
    (3, 3): "port unreachable", (3, 4): "fragmentation needed", (5, 0): "redirect", (5, 1): "redirect",
    (8, 0): "echo request", (9, 0): "router advertisement", (10, 0): "router solicitation", (11, 0): "time exceeded",
    (11, 1): "reassembly time exceeded", (12, 0): "parameter problem", (13, 0): "timestamp request",
    (14, 0): "timestamp reply", (42, 0): "extended echo request", (43, 0): "extended echo reply",
}  # fmt: skip
"""(type, code) of ICMP messages in words. Source: RFC 792, RFC 1256, RFC 8335."""
ICMP6_WORDS = {
    (1, 0): "no route", (1, 3): "address unreachable", (1, 4): "port unreachable", (2, 0): "packet too big",
    (3, 0): "hop limit exceeded", (3, 1): "reassembly time exceeded", (128, 0): "echo request", (129, 0): "echo reply",
    (133, 0): "router solicitation", (134, 0): "router advertisement", (135, 0): "neighbour solicitation",
    (136, 0): "neighbour advertisement", (137, 0): "redirect", (143, 0): "multicast listener report",
    (160, 0): "extended echo request", (161, 0): "extended echo reply",
}  # fmt: skip
"""The same of ICMPv6. Source: RFC 4443, RFC 4861, RFC 3810, RFC 8335."""
