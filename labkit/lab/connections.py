"""Settings of one TCP connection that a lesson tries: how it congests, and whether its kernel asks when all is silent.

Rule: each call sets one thing of one socket; a kernel that does not have it is told of with words.
"""

from __future__ import annotations

import re
import socket
from typing import Any

from labkit.core.checks import is_whole, shown
from labkit.core.errors import LabError
from labkit.lab.sampling import own_descriptor


def use_congestion_control(connection: Any, name: str) -> None:
    """Tell the kernel by which rules one connection shall change its congestion window: ``"reno"``, ``"cubic"``.

    connection: a connected socket of `labkit.net` or of the standard library. Raises `LabError` if this kernel does
    not have these rules.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_-]{1,15}", name):
        raise LabError(f"{shown(name)} is not the name of a congestion control", 'Give "reno" or "cubic".')
    with own_descriptor(connection) as own:
        try:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
        except (OSError, AttributeError) as error:
            reason = getattr(error, "strerror", None) or "it is not Linux"
            raise LabError(
                f"this system does not let us use {name} ({reason})",
                "/proc/sys/net/ipv4/tcp_available_congestion_control lists what this kernel has.",
            ) from None


def keep_alive(connection: Any, *, after: int = 1, every: int = 1, times: int = 2) -> None:
    """Switch keepalive on: the kernel asks the other side if the connection has been silent.

    connection: as above. after: seconds of silence before the first question. every: seconds between two questions.
    times: questions without an answer after which the kernel gives the connection up. Whole numbers from 1.
    Raises `LabError` for other values. Source: RFC 9293 §3.8.4, tcp(7).
    """
    given = (("after", after), ("every", every), ("times", times))
    for name, value in given:
        if not is_whole(value) or not 1 <= value <= 120:
            raise LabError(f"{name}={shown(value)} is not possible", "Give a whole number from 1 to 120.")
    options = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    with own_descriptor(connection) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, (_, value) in zip(options, given, strict=True):
            own.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
