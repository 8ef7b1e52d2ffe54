"""Conditions on packets, given by name: flags, sender, port, payload, protocol. Tapes and wires use the same ones.

Rule: a condition is checked when it is made, so that a mistake is an error at once; a packet never changes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from labkit.core.calls import nearest
from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.packets.frames import FLAG_LETTERS, FLAG_NAMES, Quick
from labkit.packets.names import LINKTYPE_NAMES, OPAQUE_ETHERTYPES, OPAQUE_PROTOCOLS

SENDERS = ("client", "server")
PROTOCOLS = (
    "TCP", "UDP", "ICMP", "ICMPv6", "ARP", "IPv4", "IPv6", "IPv4 (fragment)", "IPv6 (fragment)", "IGMP", "SCTP", "GRE",
    "ESP", "AH", "VLAN", "802.1ad", "MPLS", "LLC", "SNAP", "STP", "PPPoE", "Ethernet",
)  # fmt: skip
"""The most frequent names of whole frames; `labkit.packets.names` has the rarer ones."""

_RARE = (*OPAQUE_ETHERTYPES.values(), *OPAQUE_PROTOCOLS.values(), *LINKTYPE_NAMES.values())
_CASELESS = {name.lower(): name for name in (*_RARE, *PROTOCOLS)}
_OTHERS = re.compile(r"IP protocol \d+|link type \d+|(.+) \((?:truncated|malformed)\)")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions that select packets; None: no condition.

    sender: ``"client"`` or ``"server"``. flags: exactly these TCP flags, a letter each. payload: with (True) or without
    (False) payload. port: source or destination. protocol: one of `PROTOCOLS`, in small or capital letters.
    Raises `LabError` for a value that no packet can have.
    """

    sender: str | None = None
    flags: str | None = None
    payload: bool | None = None
    port: int | None = None
    protocol: str | None = None

    def __post_init__(self) -> None:
        if self.sender is not None and self.sender not in SENDERS:
            near = nearest(self.sender, SENDERS) if isinstance(self.sender, str) else ""
            raise LabError(f"no frame is sent by {shown(self.sender)}", near + 'sender is "client" or "server".')
        if self.flags is not None:
            _check_flags(self.flags)
        if self.payload is not None and not isinstance(self.payload, bool):
            what = f"payload={shown(self.payload)} is neither True nor False"
            raise LabError(what, "payload=True: packets that carry data; payload=False: packets that carry none.")
        if self.port is not None and not (_is_whole(self.port) and 0 < self.port < 65536):
            raise LabError(f"{shown(self.port)} is not a port", "Give a number from 1 to 65535.")
        if self.protocol is not None:
            object.__setattr__(self, "protocol", protocol_name(self.protocol))  # sets a field of a frozen dataclass

    def fits(self, packet: Quick, sender: str, payload: int) -> bool:
        """Whether all conditions hold for this packet. sender: who sent it. payload: bytes that TCP or UDP carries."""
        return not (
            (self.flags is not None and (packet.protocol != "TCP" or packet.flags != _bits(self.flags)))
            or (self.port is not None and self.port not in (packet.sport, packet.dport))
            or (self.protocol is not None and packet.protocol != self.protocol)
            or (self.sender is not None and sender != self.sender)
            or (self.payload is not None and bool(payload) != self.payload)
        )

    def __str__(self) -> str:
        words = []
        if self.sender is not None:
            words.append(f"from the {self.sender}")
        if self.flags is not None:
            words.append("with " + ", ".join(FLAG_NAMES[FLAG_LETTERS.index(letter)] for letter in self.flags))
        if self.payload is not None:
            words.append("with payload" if self.payload else "without payload")
        if self.port is not None:
            words.append(f"of port {self.port}")
        if self.protocol is not None:
            words.append(f"of {self.protocol}")
        return " ".join(words)


def protocol_name(given: Any) -> str:
    """The name of a protocol as frames have it: ``"tcp"`` gives ``"TCP"``. Raises `LabError` if there is none."""
    if isinstance(given, str):
        if given.lower() in _CASELESS:
            return _CASELESS[given.lower()]
        if _OTHERS.fullmatch(given):
            return given
    near = nearest(given, PROTOCOLS) if isinstance(given, str) else ""
    raise LabError(
        f"no frame is called {shown(given)}",
        f"{near}protocol is one of {', '.join(PROTOCOLS)}. "
        "For a protocol inside TCP or UDP, give its port: port=53 is DNS.",
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_flags(flags: Any) -> None:
    if isinstance(flags, str) and flags and set(flags) <= set(FLAG_LETTERS):
        return
    todo = f'Give their letters, of {FLAG_LETTERS}: "SA" is SYN with ACK.'
    if isinstance(flags, str):
        names = re.findall(r"\w+", flags.upper())
        letters = "".join(FLAG_LETTERS[FLAG_NAMES.index(name)] for name in names if name in FLAG_NAMES)
        if not letters and set(flags.upper()) <= set(FLAG_LETTERS):
            letters = flags.upper()
        todo = (f'Did you mean "{letters}"? ' if letters else "") + todo
    raise LabError(f"{shown(flags)} are not TCP flags", todo)


def _bits(flags: str) -> int:
    return sum(1 << FLAG_LETTERS.index(letter) for letter in set(flags))
