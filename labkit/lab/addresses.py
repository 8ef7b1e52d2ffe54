"""The addresses of a wire's hosts, and of the loopback that stands in for them if no wire is possible.

Rule: facts only; every wire has the same addresses, because each wire is a network of its own.
"""

from __future__ import annotations

Address = tuple[str, int]
"""(IPv4 address, port)."""

ADDRESSES = ("10.0.0.1", "10.0.0.2")
"""The IPv4 addresses of the client and the server of every wire."""

LOOPBACK = "127.0.0.1"
"""The address of both hosts if labkit's relay stands in for the wire."""

MACS = tuple(bytes((2, 0, 0, 0, 0, number)) for number in (1, 2))  # locally administered: bit 2 of the first byte
"""The hardware addresses of the client and of the server."""
