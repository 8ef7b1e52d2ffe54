"""Who sent a datagram, and the checks of where one may go: addresses, ports and sizes of UDP in words.

Rule: looks and refuses; opens nothing but the socket it is asked to bind.
"""

from __future__ import annotations

import asyncio
import errno
import socket as system
from typing import Any, NamedTuple

from labkit.core import addresses, checks
from labkit.core.addresses import in_words
from labkit.core.errors import (
    AddressUnavailable,
    BadArgument,
    ConnectionRefused,
    NetError,
    PermissionDenied,
    PortInUse,
    from_oserror,
)

FAMILIES = {"udp4": system.AF_INET, "udp6": system.AF_INET6}
NAMES = {"udp4": "IPv4", "udp6": "IPv6"}
LOOPBACK = {"udp4": "127.0.0.1", "udp6": "::1"}

LARGEST = {"udp4": 65507, "udp6": 65527}
"""Bytes a datagram can carry: 65,535 less 8 of UDP's header and, for IPv4 alone, 20 of IP's (RFC 768, RFC 8200 §3)."""


class Sender(NamedTuple):
    """Who sent a datagram. address: text. port: number. family: ``"IPv4"`` or ``"IPv6"``. size: bytes of the data."""

    address: str
    port: int
    family: str
    size: int


def piece(data: Any, offset: int, length: int | None) -> bytes:
    """The bytes to send: length of them from offset on (None: all the rest); text is encoded as UTF-8 first.

    Raises `BadArgument` for something that is neither bytes nor text, and for a piece that is not inside.
    """
    data = checks.data(data, "sent")
    whole = len(data)
    length = whole - offset if length is None and isinstance(offset, int) else length
    for number in (offset, length):
        if isinstance(number, bool) or not isinstance(number, int):
            what = f"offset and length are whole numbers of bytes, not {checks.shown(number)}"
            raise BadArgument(what, "Count bytes from 0.")
    assert isinstance(length, int)
    if offset > whole or offset < 0:
        raise BadArgument(
            f"offset {checks.shown(offset)} is not inside the {whole} bytes given",
            f"The first byte has offset 0, and {whole} is the end. Offset and length count bytes, not characters.",
            code="ERR_BUFFER_OUT_OF_BOUNDS",
        )
    if length < 0 or offset + length > whole:
        raise BadArgument(
            f"{checks.shown(length)} bytes from offset {offset} are not inside the {whole} bytes given",
            "Offset and length count bytes, not characters.", code="ERR_BUFFER_OUT_OF_BOUNDS",
        )  # fmt: skip
    return bytes(data[offset : offset + length])


def check_size(kind: str, size: int) -> NetError | None:
    """The error for a datagram that no IP packet can hold, or None."""
    if size <= LARGEST[kind]:
        return None
    family = NAMES[kind]
    return NetError(
        f"{size:,} bytes do not fit into one datagram: over {family} it carries {LARGEST[kind]:,} at most",
        "Send several, and number them; or use TCP.", code="EMSGSIZE",
    )  # fmt: skip


def check_kind(kind: Any) -> str:
    """Return the kind of socket if it is one; raises `BadArgument` otherwise."""
    if not isinstance(kind, str) or kind not in FAMILIES:
        what = f"{checks.shown(kind)} is not a kind of UDP socket"
        raise BadArgument(what, 'Use "udp4" or "udp6".', code="ERR_SOCKET_BAD_TYPE")
    return kind


def check_port(port: Any) -> int:
    """Return the port to send to if it is one (1 to 65535); raises `LabError` otherwise."""
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        what = f"{checks.shown(port)} is not a port"
        if port is None:
            what = "no port was given, and the socket is not connected"
        raise BadArgument(what, "Send to a port from 1 to 65535.", code="ERR_SOCKET_BAD_PORT")
    return port


def is_numeric(kind: str, address: str) -> bool:
    """Whether this is an address of the socket's family, and needs no resolver."""
    plain, _, interface = address.partition("%")
    try:
        system.inet_pton(FAMILIES[kind], plain if interface and kind == "udp6" else address)
    except (OSError, ValueError):
        return False
    return True


def scoped(address: str, port: int) -> tuple[Any, ...]:
    """What the kernel wants for a numeric address; raises `AddressUnavailable` for an interface that is not there."""
    try:
        return addresses.sockaddr(address, port)
    except OSError as error:
        words = f"there is no interface {address.partition('%')[2]!r} for {address}"
        raise AddressUnavailable(words, "`ip address` in a terminal lists the interfaces.") from error


def check_family(kind: str, address: str) -> NetError | None:
    """The error for an address of the other family, or None. Names are left to the resolver."""
    other = "udp6" if kind == "udp4" else "udp4"
    if not is_numeric(other, address):
        return None
    return NetError(
        f"{address} is an {NAMES[other]} address, and this is a {kind} socket",
        f'Use create_socket("{other}"), or an {NAMES[kind]} address.', code="EINVAL",
    )  # fmt: skip


async def resolve(kind: str, address: str, port: int) -> tuple[Any, ...]:
    """The first address of the socket's family that a name has, as the kernel wants it; raises `AddressUnavailable`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            address, port, family=FAMILIES[kind], type=system.SOCK_DGRAM
        )
    except (OSError, ValueError) as error:  # ValueError: an empty or overlong part of a name, a zero byte
        raise _unknown(kind, address, error) from error
    return tuple(found[0][4])


def _unknown(kind: str, address: str, error: Exception) -> AddressUnavailable:
    hint = f"on this machine use {LOOPBACK[kind]}."
    if isinstance(error, system.gaierror) and error.errno == system.EAI_AGAIN:
        return AddressUnavailable(
            f"no name server says which address {checks.shown(address)} has",
            f"A network of a notebook's own has none; {hint}", code="EAI_AGAIN",
        )  # fmt: skip
    return AddressUnavailable(
        f"the host name {checks.shown(address)} has no {NAMES[kind]} address",
        f"Check its spelling; {hint}", code="ENOTFOUND",
    )  # fmt: skip


def local_sockaddr(kind: str, address: str, port: int) -> tuple[Any, ...]:
    """What to give to bind; raises `AddressUnavailable` for a name without an address of this family."""
    try:
        found = system.getaddrinfo(
            address, port, family=FAMILIES[kind], type=system.SOCK_DGRAM, flags=system.AI_PASSIVE
        )
    except (OSError, ValueError) as error:
        raise _unknown(kind, address, error) from error
    return tuple(found[0][4])


def bind(channel: system.socket, sockaddr: tuple[Any, ...]) -> None:
    """Bind; raises `PortInUse` (naming the holder), `PermissionDenied`, `AddressUnavailable`."""
    port = sockaddr[1]
    where = in_words(*sockaddr[:2])
    try:
        channel.bind(sockaddr)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            who = addresses.holder(port, "udp")
            taken = f"UDP port {where} is taken" + (f" by {who}" if who else "")
            raise PortInUse(taken, addresses.what_to_do(who, "bind")) from None
        raise from_oserror(error, where) from error


def translate(error: OSError, where: str) -> NetError:
    """The labkit error for what the system said about a datagram to (or from) this address."""
    if error.errno == errno.ECONNREFUSED:
        return ConnectionRefused(
            f"nobody listens on UDP port {where}: an ICMP message came back, port unreachable",
            "Start the server first, and check the port.",
        )
    if error.errno == errno.EMSGSIZE:
        return NetError(f"{where}: the datagram is too large to be sent", "Send less at once.", code="EMSGSIZE")
    if error.errno == errno.EINVAL:
        todo = "A socket bound to loopback reaches this machine only: bind it to another address, or make a new one."
        if where.startswith("[fe80"):
            todo = "A link-local address needs the interface that leads to it: write it behind a %, as in fe80::1%eth0."
        return NetError(f"{where} cannot be reached from this socket's own address", todo, code="EINVAL")
    if error.errno == errno.EACCES:  # of a datagram the kernel refuses nothing else
        return PermissionDenied(
            f"{where} is a broadcast address, and this socket may not send to one", "Call set_broadcast() first.",
            code="EACCES",
        )  # fmt: skip
    return from_oserror(error, where)
