"""The names and types of display filters beside those that tshark knows.

Rule: a name of Wireshark has the type that it has there.
"""

from __future__ import annotations

import subprocess

from labkit.packets.filters.names import EITHER, NOTES, PROTOCOLS, TYPES
from tests.needs import need_tool

KINDS = {
    "FT_BOOLEAN": "boolean", "FT_STRING": "text", "FT_OID": "text", "FT_BYTES": "bytes", "FT_NONE": "none",
    "FT_IPv4": "ipv4", "FT_IPv6": "ipv6", "FT_ETHER": "mac", "FT_ABSOLUTE_TIME": "time", "FT_RELATIVE_TIME": "time",
}  # fmt: skip
OURS = {
    "tcp.payload": "of each segment that brings data",
    "x509af.utcTime": "as written in the certificate",
    "x509af.generalizedTime": "as written in the certificate",
    "frame.time_epoch": "in seconds",
    "frame.time": "a date",
}
"""Names whose type differs, and how they are meant."""


def test_types_are_wiresharks() -> None:
    need_tool("tshark")
    done = subprocess.run(["tshark", "-G", "fields"], capture_output=True, text=True, check=True, errors="replace")
    known: dict[str, set[str]] = {}
    protocols = set()
    for line in done.stdout.splitlines():
        parts = line.split("\t")
        if parts[0] == "F":
            known.setdefault(parts[2], set()).add(
                "number" if "INT" in parts[3] or parts[3] == "FT_FRAMENUM" else KINDS.get(parts[3], parts[3])
            )
        elif parts[0] == "P":
            protocols.add(parts[2])
    assert not set(PROTOCOLS) - protocols
    wrong = {name: (kind, known[name]) for name, kind in TYPES.items() if name in known and kind not in known[name]}
    assert not {name: both for name, both in wrong.items() if name not in OURS}
    assert not set(EITHER) - set(known)
    assert not set(NOTES) - set(known)
    assert len(set(TYPES) & set(known)) > 500
