"""Which table describes which layer.

Rule: the names are those of the walk through the headers (`labkit.packets.walk`); a name without a table is a layer
with one field.
"""

from __future__ import annotations

from labkit.packets.explain import arp, icmp, icmpv6, ip, ip_protocols, ipv6, link, llc, tcp, udp
from labkit.packets.explain.base import Chooser, Table

TABLES: dict[str, Table | Chooser] = {
    name: table
    for module in (link, llc, arp, ip, ipv6, ip_protocols, tcp, udp, icmp, icmpv6)
    for name, table in module.TABLES.items()
}


def table_of(name: str, raw: bytes, start: int, stop: int) -> Table | None:
    """The table of a header, or None if there is none for this name.

    raw: the frame. start: the header's first byte. stop: the byte after the last that may belong to it.
    """
    found = TABLES.get(name)
    return found if found is None or isinstance(found, Table) else found(raw, start, stop)
