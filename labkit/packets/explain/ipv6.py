"""IPv6 with its extension headers.

Rule: one table a header; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Row, Table, as_number, flag, one_of
from labkit.packets.explain.ip import PROTOCOLS, differentiated_services

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
            ("version",),
        ),
        Row(
            "ipv6.tclass",
            "Traffic Class",
            8,
            "The Differentiated Services byte of IPv4 under another name.",
            "RFC 8200 §7",
            ("tc",),
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
            ("fl",),
            "hex",
            volatile=lambda value: value != 0,
        ),
        Row(
            "ipv6.plen",
            "Payload Length",
            16,
            "Bytes after this header; unlike IPv4's it does not count the header, which always has 40.",
            "RFC 8200 §3",
            ("plen",),
        ),
        Row(
            "ipv6.nxt",
            "Next Header",
            8,
            "Like IPv4's Protocol, but may name an extension header, which again names the next: options became "
            "a chain.",
            "RFC 8200 §3",
            ("nh",),
            meaning=one_of(PROTOCOLS, "not known to labkit"),
        ),
        Row(
            "ipv6.hlim",
            "Hop Limit",
            8,
            "IPv4's Time to Live with the name that says what it always was.",
            "RFC 8200 §3",
            ("hlim",),
            meaning=lambda value, context: f"{as_number(value)} more routers at most",
        ),
        Row(
            "ipv6.src",
            "Source Address",
            128,
            "128 bits: enough that no address has to be shared.",
            "RFC 4291 §2",
            ("src",),
            "ipv6",
        ),
        Row(
            "ipv6.dst",
            "Destination Address",
            128,
            "All that a router looks at to choose the next hop.",
            "RFC 4291 §2",
            ("dst",),
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
        ("nh",),
        meaning=one_of(PROTOCOLS, "not known to labkit"),
    )


def _extension(name: str, title: str, prefix: str, rfc: str) -> Table:
    return Table(
        name,
        title,
        rfc,
        16,
        (
            _next(f"{prefix}.nxt"),
            Row(
                f"{prefix}.len",
                "Length",
                8,
                "In units of 8 bytes, not counting the first 8: an extension header is never shorter.",
                rfc,
                ("len",),
                meaning=lambda value, context: f"{(as_number(value) + 1) * 8} bytes",
            ),
            Row(
                "ipv6.opt",
                "Options",
                0,
                "Type, length, value; the type's first bits say what to do if it is unknown.",
                "RFC 8200 §4.2",
                ("options",),
                "bytes",
            ),
        ),
    )


HOP_BY_HOP = _extension("IPv6 hop-by-hop", "IPv6 Hop-by-Hop Options", "ipv6.hopopts", "RFC 8200 §4.3")
DESTINATION = _extension("IPv6 destination", "IPv6 Destination Options", "ipv6.dstopts", "RFC 8200 §4.6")
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
            ("res1",),
        ),
        Row(
            "ipv6.fraghdr.offset",
            "Fragment Offset",
            13,
            "Where this fragment's data belongs, in units of 8 bytes: every fragment but the last is cut at one.",
            "RFC 8200 §4.5",
            ("offset",),
            meaning=lambda value, context: f"{as_number(value) * 8} bytes into the data" if value else "",
        ),
        Row(
            "ipv6.fraghdr.reserved_bits",
            "Reserved",
            2,
            "Fills the 16 bits, so that they are the offset in bytes once the last three are taken for 0.",
            "RFC 8200 §4.5",
            ("res2",),
        ),
        Row(
            "ipv6.fraghdr.more",
            "More Fragments",
            1,
            "Set on every fragment but the last, so the receiver knows when it has all.",
            "RFC 8200 §4.5",
            ("m",),
            "flag",
            meaning=flag("more fragments follow", "the last fragment, or the only one"),
        ),
        Row(
            "ipv6.fraghdr.ident",
            "Identification",
            32,
            "Tells which fragments belong together; no router cuts in IPv6, so only what its sender cut up needs one.",
            "RFC 8200 §4.5",
            ("id",),
            "hex",
            volatile=True,
        ),
    ),
)

TABLES = {
    "IPv6": IPV6,
    "IPv6ExtHdrHopByHop": HOP_BY_HOP,
    "IPv6ExtHdrDestOpt": DESTINATION,
    "IPv6ExtHdrFragment": FRAGMENT,
}
