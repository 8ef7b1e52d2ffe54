"""IPv6 with its extension headers.

Rule: one table a header; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Chooser, Context, Row, Table, as_number, flag, one_of
from labkit.packets.explain.ip import PROTOCOLS, differentiated_services
from labkit.packets.explain.ipv6_options import home_address, options

IPV6 = Table(
    "IPv6",
    "Internet Protocol version 6",
    "RFC 8200 §3",
    320,
    (
        Row(
            "ipv6.version",
            "Version",
            4,
            "The same place as in IPv4, so that both can share a wire; 5 was an experiment with streams (RFC 1819).",
            "RFC 8200 §3",
        ),
        Row(
            "ipv6.tclass",
            "Traffic Class",
            8,
            "The Differentiated Services byte of IPv4 under another name.",
            "RFC 8200 §7",
            "hex",
            parts=differentiated_services("ipv6.tclass"),
        ),
        Row(
            "ipv6.flow",
            "Flow Label",
            20,
            "The same number on all packets of a conversation lets a router keep them on one path without "
            "reading further.",
            "RFC 6437 §2",
            "hex",
            volatile=lambda value: value != 0,
        ),
        Row(
            "ipv6.plen",
            "Payload Length",
            16,
            "Bytes after this header; unlike IPv4's it does not count the header, which always has 40.",
            "RFC 8200 §3",
        ),
        Row(
            "ipv6.nxt",
            "Next Header",
            8,
            "Like IPv4's Protocol, but may name an extension header, which again names the next: options became "
            "a chain.",
            "RFC 8200 §3",
            meaning=one_of(PROTOCOLS, "not known to labkit"),
        ),
        Row(
            "ipv6.hlim",
            "Hop Limit",
            8,
            "IPv4's Time to Live with the name that says what it always was.",
            "RFC 8200 §3",
            meaning=lambda value, context: f"{as_number(value)} more routers at most",
        ),
        Row(
            "ipv6.src",
            "Source Address",
            128,
            "128 bits: enough that no address has to be shared.",
            "RFC 4291 §2",
            "ipv6",
        ),
        Row(
            "ipv6.dst",
            "Destination Address",
            128,
            "All that a router looks at to choose the next hop.",
            "RFC 4291 §2",
            "ipv6",
        ),
    ),
)


def _next(name: str, why: str = "Names what comes after this extension header.", rfc: str = "RFC 8200 §4") -> Row:
    return Row(
        name,
        "Next Header",
        8,
        why,
        rfc,
        meaning=one_of(PROTOCOLS, "not known to labkit"),
    )


def _length_row(prefix: str, rfc: str) -> Row:
    return Row(
        f"{prefix}.len",
        "Length",
        8,
        "In units of 8 bytes, not counting the first 8: an extension header is never shorter.",
        rfc,
        meaning=lambda value, context: f"{(as_number(value) + 1) * 8} bytes",
    )


def _extension(name: str, title: str, prefix: str, rfc: str) -> Table:
    why = "Type, length, value; the type's first bits say what to do if it is unknown."
    rows = (
        _next(f"{prefix}.nxt"),
        _length_row(prefix, rfc),
        Row("ipv6.options", "Options", 0, why, "RFC 8200 §4.2", "bytes", split=options),
    )
    return Table(name, title, rfc, 16, rows)


HOP_BY_HOP = _extension("IPv6 hop-by-hop", "IPv6 Hop-by-Hop Options", "ipv6.hopopts", "RFC 8200 §4.3")
DESTINATION = _extension("IPv6 destination", "IPv6 Destination Options", "ipv6.dstopts", "RFC 8200 §4.6")

_ROUTING_TYPES = {
    0: "source route (forbidden since RFC 5095)", 2: "home address of a mobile host", 3: "route in a sensor network",
    4: "segment routing",
}  # fmt: skip
_ROUTING = (
    _next("ipv6.routing.nxt"),
    _length_row("ipv6.routing", "RFC 8200 §4.4"),
    Row("ipv6.routing.type", "Routing Type", 8, "What the rest looks like.", "RFC 8200 §4.4",
        meaning=one_of(_ROUTING_TYPES, "not known to labkit")),
    Row("ipv6.routing.segleft", "Segments Left", 8, "How many stops are still ahead; 0 at the last.", "RFC 8200 §4.4"),
)  # fmt: skip


def _routing(*rows: Row) -> Table:
    bits = 32 + sum(row.bits for row in rows)
    return Table("IPv6 routing", "IPv6 Routing Header", "RFC 8200 §4.4", bits, (*_ROUTING, *rows))


_SEGMENT_RFC = "RFC 8754 §2"
_SEGMENTS = (
    Row("ipv6.routing.srh.last_entry", "Last Entry", 8, "The index of the last address in the list.", _SEGMENT_RFC),
    Row("ipv6.routing.srh.flags", "Flags", 8, "Kept free for later.", _SEGMENT_RFC, "hex"),
    Row("ipv6.routing.srh.tag", "Tag", 16, "Marks packets that belong together.", _SEGMENT_RFC, "bytes"),
)
_SEGMENT = Row("ipv6.routing.srh.addr", "Segment", 128, "A stop: the list begins with the last.", _SEGMENT_RFC, "ipv6")
_SOURCE_FREE = Row("ipv6.routing.src.reserved", "Reserved", 32, "Keeps addresses aligned.", "RFC 2460 §4.4", "bytes")
_STOP = Row("ipv6.routing.src.addr", "Address", 128, "A stop on the way.", "RFC 2460 §4.4", "ipv6")
_HOME_FREE = Row("ipv6.routing.mipv6.reserved", "Reserved", 32, "Keeps the address aligned.", "RFC 6275 §6.4", "bytes")
_HOME = Row("ipv6.routing.mipv6.home_address", "Home Address", 128, "The address that never changes.", "RFC 6275 §6.4",
            "ipv6")  # fmt: skip
_UNKNOWN = _routing(
    Row("ipv6.routing.unknown_data", "Type-specific data", 0, "As its type asks for.", "RFC 8200 §4.4", "bytes")
)
_EXTRA = Row("ipv6.routing.srh.tlv", "Further parts", 0, "Type, length, value.", "RFC 8754 §2.1", "bytes")


def _routing_of(raw: bytes, start: int, stop: int) -> Table:
    """The table of a routing header by its type and by how many addresses fit into its length."""
    if stop < start + 8:
        return _routing()
    kind, addresses = raw[start + 2], raw[start + 1] // 2
    if kind == 4:
        listed = min(addresses, raw[start + 4] + 1)
        return _routing(*_SEGMENTS, *[_SEGMENT] * listed, _EXTRA)
    if kind == 0:
        return _routing(_SOURCE_FREE, *[_STOP] * addresses)
    return _routing(_HOME_FREE, _HOME) if kind == 2 and addresses == 1 else _UNKNOWN


def pseudo(context: Context, name: str, start: int, end: int) -> tuple[int, bytes, bytes] | None:
    """The addresses that checksums cover, as an extension header changes them.

    With segments left, the destination is the last stop (RFC 8200 §8.1); with a home address option, the source is
    that (RFC 6275 §6.3). name: of the layer. start, end: its bytes in the frame.
    """
    known, raw = context.pseudo, context.raw
    if known is None or end < start + 8:
        return known
    version, src, dst = known
    if name == "IPv6 destination":
        return version, home_address(raw, start + 2, end) or src, dst
    if name == "IPv6 routing" and raw[start + 3]:
        if raw[start + 2] == 4 and end >= start + 24:  # the list begins with the last stop
            return version, src, raw[start + 8 : start + 24]
        if raw[start + 2] in (0, 2) and end >= start + 24:
            return version, src, raw[end - 16 : end]
        return None  # nobody knows where a route of another type ends
    return known


FRAGMENT = Table(
    "IPv6 fragment",
    "IPv6 Fragment Header",
    "RFC 8200 §4.5",
    64,
    (
        _next(
            "ipv6.fraghdr.nxt",
            "Names the first header of what was cut up: only the first fragment has it in it.",
            "RFC 8200 §4.5",
        ),
        Row(
            "ipv6.fraghdr.reserved_octet",
            "Reserved",
            8,
            "Other extension headers have their length here; this one always has 8 bytes.",
            "RFC 8200 §4.5",
        ),
        Row(
            "ipv6.fraghdr.offset",
            "Fragment Offset",
            13,
            "Where this fragment's data belongs, in units of 8 bytes: every fragment but the last is cut at one.",
            "RFC 8200 §4.5",
            meaning=lambda value, context: f"{as_number(value) * 8} bytes into the data" if value else "",
        ),
        Row(
            "ipv6.fraghdr.reserved_bits",
            "Reserved",
            2,
            "Fills the 16 bits, so that they are the offset in bytes once the last three are taken for 0.",
            "RFC 8200 §4.5",
        ),
        Row(
            "ipv6.fraghdr.more",
            "More Fragments",
            1,
            "Set on every fragment but the last, so the receiver knows when it has all.",
            "RFC 8200 §4.5",
            "flag",
            meaning=flag("more fragments follow", "the last fragment, or the only one"),
        ),
        Row(
            "ipv6.fraghdr.ident",
            "Identification",
            32,
            "Tells which fragments belong together; no router cuts in IPv6, so only what its sender cut up needs one.",
            "RFC 8200 §4.5",
            "hex",
            volatile=True,
        ),
    ),
)

def _ipv6(raw: bytes, start: int, stop: int) -> Table:
    """The whole header, or the version alone if it is none of IPv6's."""
    return IPV6 if start < stop and raw[start] >> 4 == 6 else _VERSION


_VERSION = Table(IPV6.name, IPV6.title, IPV6.rfc, 4, IPV6.rows[:1])
TABLES: dict[str, Table | Chooser] = {
    "IPv6": _ipv6,
    "IPv6 hop-by-hop": HOP_BY_HOP,
    "IPv6 destination": DESTINATION,
    "IPv6 routing": _routing_of,
    "IPv6 fragment": FRAGMENT,
}
