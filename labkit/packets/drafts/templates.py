"""A small whole frame for each protocol, to begin with: between the two hosts of a wire.

Rule: lengths and checksums are right, and every other number is a usual one, the same each time.
"""

from __future__ import annotations

from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.packets.drafts.forms import FrameForm
from labkit.packets.drafts.rights import mended

_MACS = bytes.fromhex("020000000002 020000000001")  # to the server, from the client
_ADDRESSES = bytes((10, 0, 0, 1, 10, 0, 0, 2))
_ADDRESSES_6 = bytes.fromhex("fd00 0000 0000 0000 0000 0000 0000 0001 fd00 0000 0000 0000 0000 0000 0000 0002")
_TCP = bytes.fromhex("9c40 1fbc 000003e8 00000000 5002 fa00 0000 0000")  # 40000 to 8124, a SYN with number 1000
_UDP = bytes.fromhex("9c41 1fbc 0000 0000") + b"hello"
_DNS = bytes.fromhex("9c41 14b4 0000 0000") + bytes.fromhex("0007 0100 0001 0000 0000 0000") + (
    b"\3www\3lab\7example\0" + bytes.fromhex("0001 0001")
)  # 40001 to 5300
_ICMP = bytes.fromhex("0800 0000 0007 0001") + b"are you there?"
_ICMPV6 = bytes.fromhex("8000 0000 0007 0001") + b"are you there?"
_ARP = bytes.fromhex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002")
_BROADCAST = bytes.fromhex("ffffffffffff 020000000001")

_OVER_IPV4 = {"TCP": (6, _TCP), "UDP": (17, _UDP), "DNS": (17, _DNS), "ICMP": (1, _ICMP), "IPv4": (253, b"hello")}
_OVER_IPV6 = {"ICMPv6": (58, _ICMPV6), "IPv6": (253, b"hello"), "IPv6/TCP": (6, _TCP), "IPv6/UDP": (17, _UDP)}
WEBSOCKET = bytes.fromhex("8185 37fa213d 7f9f4d5158")
"""A WebSocket frame of a client: the text Hello, masked. Source: RFC 6455 §5.7."""
NAMES = ("Ethernet", "ARP", *_OVER_IPV4, *_OVER_IPV6)
"""The names of protocols that a frame can begin with. 253 is the protocol number for experiments (RFC 3692)."""


def frame(name: str) -> bytes:
    """A frame with the protocol of this name. Raises LabError for a name that is none of `NAMES`."""
    wanted = {each.lower(): each for each in NAMES}.get(name.lower().strip())
    if wanted is None:
        todo = f"There is one for {', '.join(NAMES)}, WebSocket."
        raise LabError(f"there is no frame for {shown(name)} to begin with", todo)
    if wanted == "Ethernet":
        return _MACS + bytes.fromhex("88b5") + b"hello"  # the EtherType for experiments (IEEE 802)
    if wanted == "ARP":
        return _BROADCAST + bytes.fromhex("0806") + _ARP
    if wanted in _OVER_IPV4:
        number, data = _OVER_IPV4[wanted]
        head = bytes((0x45, 0, 0, 0, 0, 1, 0, 0, 64, number, 0, 0)) + _ADDRESSES
        return mended(_MACS + bytes.fromhex("0800") + head + data, FrameForm().rights)
    number, data = _OVER_IPV6[wanted]
    head = bytes((0x60, 0, 0, 0, 0, len(data), number, 64)) + _ADDRESSES_6
    return mended(_MACS + bytes.fromhex("86dd") + head + data, FrameForm().rights)
