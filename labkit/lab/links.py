"""Network interfaces by ioctl and netlink: up, MTU, address, neighbour, offloads, IPv6, a pair of virtual cables.

Rule: acts in the calling thread's network namespace; raises OSError naming the call and the interface. Source:
netdevice(7), arp(7), rtnetlink(7), the kernel's if_link.h and ethtool.h.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFMTU = 0x8913, 0x8914, 0x8916, 0x891C, 0x8922
_SIOCETHTOOL, _SIOCSARP = 0x8946, 0x8955
_IFF_UP = 1
_ATF_COM, _ATF_PERM = 2, 4
_ARPHRD_ETHER = 1

# Features that leave work of the kernel, checksums and segmentation, to a network card. A virtual cable has no card.
_OFFLOADS = {"transmit checksums": 0x17, "TSO": 0x1F, "GSO": 0x24, "GRO": 0x2C}

_RTM_NEWLINK, _NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_EXCL, _NLM_F_CREATE = 16, 1, 4, 0x200, 0x400
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_AF_SPEC, _IFLA_NET_NS_FD = 1, 3, 18, 26, 28
_IFLA_INET6_ADDR_GEN_MODE, _ADDR_GEN_MODE_NONE = 8, 1
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1


def _request(name: str, content: bytes = b"") -> bytes:
    """struct ifreq: 16 bytes of name, 24 of content."""
    return struct.pack("=16s24s", name.encode(), content)


def _ioctl(number: int, name: str, content: bytes, what: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        try:
            return fcntl.ioctl(channel, number, _request(name, content))
        except OSError as error:
            raise OSError(error.errno, f"{what} of {name}: {error.strerror}") from None


def _address(ip: str) -> bytes:
    """struct sockaddr_in."""
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(ip))


def up(name: str, mtu: int | None = None) -> None:
    """Switch an interface on. mtu: bytes of the largest IP packet."""
    if mtu is not None:
        _ioctl(_SIOCSIFMTU, name, struct.pack("=i", mtu), "the MTU")
    flags = struct.unpack_from("=H", _ioctl(_SIOCGIFFLAGS, name, b"", "the flags"), 16)[0]
    _ioctl(_SIOCSIFFLAGS, name, struct.pack("=H", flags | _IFF_UP), "switching on")


def set_address(name: str, ip: str, mask: str = "255.255.255.0") -> None:
    """Give an interface its IPv4 address."""
    _ioctl(_SIOCSIFADDR, name, _address(ip), "the address")
    _ioctl(_SIOCSIFNETMASK, name, _address(mask), "the netmask")


def set_neighbour(name: str, ip: str, mac: bytes) -> None:
    """Set the hardware address of an IPv4 neighbour permanently, so that no host asks by ARP. mac: 6 bytes."""
    hardware = struct.pack("=H6s8x", _ARPHRD_ETHER, mac)
    entry = _address(ip) + hardware + struct.pack("=i16s16s", _ATF_COM | _ATF_PERM, b"", name.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        try:
            fcntl.ioctl(channel, _SIOCSARP, entry)
        except OSError as error:
            raise OSError(error.errno, f"the neighbour {ip} of {name}: {error.strerror}") from None


def offloads_off(name: str) -> list[str]:
    """Make the kernel itself fill in checksums and cut segments; returns what the interface does not switch off."""
    refused = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        for what, command in _OFFLOADS.items():
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
            try:
                fcntl.ioctl(channel, _SIOCETHTOOL, _request(name, struct.pack("@P", ctypes.addressof(value))))
            except OSError:
                refused.append(what)
    return refused


def _attribute(kind: int, data: bytes) -> bytes:
    packed = struct.pack("=HH", 4 + len(data), kind) + data
    return packed + bytes(-len(packed) % 4)


def add_cable(name: str, far_name: str, far_namespace: int, far_mac: bytes) -> None:
    """Make a pair of connected Ethernet interfaces: one here, the other in another namespace.

    far_namespace: open descriptor of that namespace. far_mac: 6 bytes.
    """
    header = struct.pack("=BxHiII", 0, 0, 0, 0, 0)  # struct ifinfomsg
    far = header + _attributes(
        (_IFLA_IFNAME, far_name.encode() + b"\0"),
        (_IFLA_NET_NS_FD, struct.pack("=i", far_namespace)),
        (_IFLA_ADDRESS, far_mac),
    )
    link = _attributes((_IFLA_INFO_KIND, b"veth\0"), (_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, far)))
    body = header + _attributes((_IFLA_IFNAME, name.encode() + b"\0"), (_IFLA_LINKINFO, link))
    number = _exchange(_NLM_F_CREATE | _NLM_F_EXCL, body)
    if number:
        raise OSError(number, f"making the interfaces {name} and {far_name}: {os.strerror(number)}")


def no_ipv6_address(name: str) -> None:
    """Keep the kernel from giving an interface an IPv6 address; call it before the interface is switched on.

    Without an address the kernel sends no IPv6 packet of its own: no router solicitation, no test for a second owner
    of the address, no report of groups. A kernel without IPv6 sends none anyway, and that is not an error.
    It uses netlink and not /proc/sys (disable_ipv6), because containers keep /proc/sys read-only.
    Source: the kernel's if_link.h, IFLA_INET6_ADDR_GEN_MODE.
    """
    mode = _attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes((_ADDR_GEN_MODE_NONE,)))
    body = struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(name), 0, 0)
    number = _exchange(0, body + _attribute(_IFLA_AF_SPEC, _attribute(socket.AF_INET6, mode)))
    if number not in (0, errno.EAFNOSUPPORT):
        raise OSError(number, f"switching off IPv6 of {name}: {os.strerror(number)}")


def _exchange(flags: int, body: bytes) -> int:
    """Send one RTM_NEWLINK message; returns the error number of the answer, 0 for success."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as channel:
        channel.bind((0, 0))
        flags |= _NLM_F_REQUEST | _NLM_F_ACK
        channel.send(struct.pack("=IHHII", 16 + len(body), _RTM_NEWLINK, flags, 1, 0) + body)
        return -int(struct.unpack_from("=i", channel.recv(65536), 16)[0])  # nlmsgerr: 0, or a negative errno


def _attributes(*pairs: tuple[int, bytes]) -> bytes:
    return b"".join(_attribute(kind, data) for kind, data in pairs)


