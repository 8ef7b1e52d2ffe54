"""Conditions on packets, given by name: flags, sender, port, payload, protocol. Tapes and wires use the same ones.

Rule: a condition is checked when it is made, so that a mistake is an error at once; a packet never changes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from labkit.core.calls import nearest
from labkit.core.checks import is_whole, shown
from labkit.core.errors import LabError
from labkit.packets.frames import FLAG_LETTERS, FLAG_NAMES, FLAGS_IN_WORDS, Quick
from labkit.packets.names import LINKTYPE_NAMES, OPAQUE_ETHERTYPES, OPAQUE_PROTOCOLS

SENDERS = ("client", "server")
PROTOCOLS = (
    "TCP", "UDP", "ICMP", "ICMPv6", "ARP", "IPv4", "IPv6", "IPv4 (fragment)", "IPv6 (fragment)", "IGMP", "SCTP", "GRE",
    "ESP", "AH", "VLAN", "802.1ad", "MPLS", "LLC", "SNAP", "STP", "PPPoE", "Ethernet",
)  # fmt: skip
"""The most frequent names of whole frames; `labkit.packets.names` has the rarer ones."""

APPLICATIONS = ("HTTP", "DNS", "WebSocket", "TLS")
"""The protocols inside TCP and UDP whose packets a tape can find; a wire sees only frames."""

_RARE = (*OPAQUE_ETHERTYPES.values(), *OPAQUE_PROTOCOLS.values(), *LINKTYPE_NAMES.values())
_CASELESS = {name.lower(): name for name in (*_RARE, *PROTOCOLS)}
_BITS = {words: bits for bits, words in enumerate(FLAGS_IN_WORDS)}
_OTHERS = re.compile(r"IP protocol \d+|link type \d+|(.+) \((?:truncated|malformed)\)")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions that select packets; None: no condition.

    sender: ``"client"`` or ``"server"``. has: at least these TCP flags, by name (``"SYN, ACK"``). only: these and
    no others. payload: with (True) or without (False) payload. port: source or destination. protocol: one of
    `PROTOCOLS`, in small or capital letters. Raises `LabError` for a value that no packet can have.
    """

    sender: str | None = None
    has: str | None = None
    only: str | None = None
    payload: bool | None = None
    port: int | None = None
    protocol: str | None = None

    def __post_init__(self) -> None:
        if self.sender is not None and self.sender not in SENDERS:
            near = nearest(self.sender, SENDERS) if isinstance(self.sender, str) else ""
            raise LabError(f"no frame is sent by {shown(self.sender)}", near + 'sender is "client" or "server".')
        for name, flags in (("has", self.has), ("only", self.only)):
            if flags is not None:
                object.__setattr__(self, name, _flags(name, flags))  # sets a field of a frozen dataclass
        if self.payload is not None and not isinstance(self.payload, bool):
            what = f"payload={shown(self.payload)} is neither True nor False"
            raise LabError(what, "payload=True: packets that carry data; payload=False: packets that carry none.")
        if self.port is not None and not (is_whole(self.port) and 0 < self.port < 65536):
            raise LabError(f"{shown(self.port)} is not a port", "Give a number from 1 to 65535.")
        if self.protocol is not None:
            object.__setattr__(self, "protocol", protocol_name(self.protocol))

    def fits(self, packet: Quick, sender: str, payload: int) -> bool:
        """Whether all conditions hold for this packet. sender: who sent it. payload: bytes that TCP or UDP carries."""
        return not (
            (self.has is not None and (packet.protocol != "TCP" or _BITS[self.has] & ~packet.flags))
            or (self.only is not None and (packet.protocol != "TCP" or packet.flags != _BITS[self.only]))
            or (self.port is not None and self.port not in (packet.sport, packet.dport))
            or (self.protocol is not None and packet.protocol != self.protocol)
            or (self.sender is not None and sender != self.sender)
            or (self.payload is not None and bool(payload) != self.payload)
        )

    def __str__(self) -> str:
        words = []
        if self.sender is not None:
            words.append(f"from the {self.sender}")
        if self.has is not None:
            words.append(f"with {self.has}")
        if self.only is not None:
            words.append(f"with only {self.only}")
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


def _flags(condition: str, given: Any) -> str:
    """Flags as packets have them: ``"ack syn"`` gives ``"SYN, ACK"``. Raises `LabError` for what is no flag."""
    names = re.findall(r"[^\W_]+", given.upper()) if isinstance(given, str) else []
    if names and set(names) <= set(FLAG_NAMES):
        return FLAGS_IN_WORDS[sum(1 << FLAG_NAMES.index(name) for name in set(names))]
    todo = f'Give their names, of {", ".join(FLAG_NAMES)}: {condition}="SYN, ACK".'
    if isinstance(given, str) and given and set(given.upper()) <= set(FLAG_LETTERS):
        bits = sum(1 << FLAG_LETTERS.index(letter) for letter in set(given.upper()))
        todo = f'Did you mean {condition}="{FLAGS_IN_WORDS[bits]}"? {todo}'
    elif names and (near := nearest(names[0], FLAG_NAMES)):
        todo = f"{near}{todo}"
    raise LabError(f"{shown(given)} are not TCP flags", todo)
