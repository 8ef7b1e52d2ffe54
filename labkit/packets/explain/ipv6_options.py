"""The options of IPv6's hop-by-hop and destination headers, one by one.

Rule: one entry an option; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Context, Row, build, one_of
from labkit.packets.model import Field

_RFC = "RFC 8200 §4.2"
_HOME = 0xC9
_ADDRESS = 16  # bytes

_NAMES = {
    0x00: ("Pad1", "One byte of nothing, so that the header is a multiple of 8 bytes long.", _RFC),
    0x01: ("PadN", "Bytes of nothing, so that the header is a multiple of 8 bytes long.", _RFC),
    0x04: ("Tunnel Encapsulation Limit", "How often this packet may still be put into another one.", "RFC 2473 §4.1"),
    0x05: ("Router Alert", "Asks each router to look inside although the packet is not for it.", "RFC 2711 §2"),
    0x07: ("CALIPSO", "Carries the secrecy level of the packet.", "RFC 5570 §5"),
    0x08: ("SMF_DPD", "Lets routers see a multicast packet that they have had before.", "RFC 6621 §6"),
    0x26: ("Quick-Start", "Asks the routers on the way how fast the sender may begin.", "RFC 4782 §3"),
    0x31: ("IOAM", "Collects what routers measure on the way.", "RFC 9486 §3"),
    0x11: ("IOAM", "Collects what routers measure on the way.", "RFC 9486 §3"),
    0x63: ("RPL", "Where the packet is in a network of sensors.", "RFC 6553 §3"),
    0x6D: ("MPL", "Spreads multicast in a network of sensors.", "RFC 7731 §6"),
    0xC2: ("Jumbo Payload", "The length of a packet with more than 65,535 bytes.", "RFC 2675 §2"),
    0xC9: ("Home Address", "Where a mobile host is at home: checksums and connections go by this address.",
           "RFC 6275 §6.3"),
    0x1E: ("Experimental", "Shared by experiments until they get a type of their own.", "RFC 4727 §3"),
    0x3E: ("Experimental", "Shared by experiments until they get a type of their own.", "RFC 4727 §3"),
}  # fmt: skip
_TYPE = Row("ipv6.opt.type", "Type", 8, "Which option this is, and what to do if it is unknown.", _RFC, "hex", parts=(
    Row("ipv6.opt.type.action", "Action", 2, "What a host does that does not know the option.", _RFC,
        meaning=one_of({0: "skip it", 1: "discard the packet", 2: "discard it and report that by ICMP",
                        3: "discard it and report that, but not for multicast"})),
    Row("ipv6.opt.type.change", "May change", 1, "Whether routers may change the data: then no signature covers it.",
        _RFC, "flag"),
    Row("ipv6.opt.type.rest", "Number", 5, "The rest of the type.", _RFC, "hex"),
))  # fmt: skip
_LENGTH = Row("ipv6.opt.length", "Length", 8, "Counts the data alone.", _RFC)
_DATA = Row("ipv6.opt.unknown", "Data", 0, "What the option carries.", _RFC, "bytes")
_MALFORMED = Row("ipv6.opt.malformed", "Malformed option", 0, "Its length does not fit into the header.", _RFC, "bytes")


def _row(name: str, label: str, bits: int, why: str, rfc: str, kind: str = "number", **more: object) -> Row:
    return Row(f"ipv6.opt.{name}", label, bits, why, rfc, kind, **more)  # type: ignore[arg-type]


_EXPERIMENT = (_row("experimental", "Data", 0, "What the experiment carries.", "RFC 4727 §3", "bytes"),)
_IOAM = (
    _row("ioam.rsv", "Reserved", 8, "Kept free for later.", "RFC 9486 §3"),
    _row("ioam.opt_type", "IOAM type", 8, "What is collected.", "RFC 9486 §3"),
)
_ROWS: dict[int, tuple[Row, ...]] = {
    0x01: (_row("padn", "Padding", 0, "Zeros.", _RFC, "bytes"),),
    0x04: (_row("tel", "Limit", 8, "0: it must not be put into another packet.", "RFC 2473 §4.1"),),
    0x05: (_row("router_alert", "Value", 16, "What the packet is about.", "RFC 2711 §2",
                meaning=one_of({0: "multicast listeners", 1: "RSVP", 2: "active networks"}, "")),),
    0x07: (
        _row("calipso.doi", "Domain", 32, "Whose levels these are.", "RFC 5570 §5"),
        _row("calipso.cmpt.length", "Compartment Length", 8, "In 32-bit words.", "RFC 5570 §5"),
        _row("calipso.sens_level", "Sensitivity Level", 8, "How secret it is.", "RFC 5570 §5"),
        _row("calipso.checksum", "Checksum", 16, "Guards this option.", "RFC 5570 §5", "hex"),
        _row("calipso.cmpt_bitmap", "Compartments", 0, "Who may see it.", "RFC 5570 §5", "bytes"),
    ),
    0x26: (
        _row("qs_func", "Function", 4, "A request, or a report of what was used.", "RFC 4782 §3"),
        _row("qs_rate", "Rate", 4, "40 kbit/s times two to the power of this.", "RFC 4782 §3"),
        _row("qs_ttl", "QS TTL", 8, "Counted down by each router that takes part.", "RFC 4782 §3"),
        _row("qs_nonce", "Nonce", 30, "Proves that no router raised the rate.", "RFC 4782 §3"),
        _row("qs_reserved", "Reserved", 2, "Kept free for later.", "RFC 4782 §3"),
    ),
    0x11: _IOAM,
    0x31: _IOAM,
    0xC2: (_row("jumbo", "Jumbo Payload Length", 32, "Bytes behind the IPv6 header, 65,536 at least.", "RFC 2675 §2"),),
    0xC9: (_row("mipv6.home_address", "Home Address", 128, "The address that stays.", "RFC 6275 §6.3", "ipv6"),),
    0x1E: _EXPERIMENT,
    0x3E: _EXPERIMENT,
}  # fmt: skip


def options(context: Context, start: int, end: int) -> tuple[Field, ...]:
    """The options in these bytes of the frame, each with its parts; data beyond the end is malformed."""
    found, raw = [], context.raw
    while start < end:
        kind = raw[start]
        size = 1 if kind == 0 else raw[start + 1] + 2 if start + 2 <= end else 2
        whole = size <= end - start
        size = min(size, end - start)
        parts = [build(_TYPE, context, start * 8)]
        at, stop = start * 8 + 8, (start + size) * 8
        if size > 1:
            parts.append(build(_LENGTH, context, at))
            at += 8
        for row in _ROWS.get(kind, ()) if whole else ():
            bits = row.bits or stop - at
            if not bits or at + bits > stop:
                break
            parts.append(build(row, context, at, bits))
            at += bits
        if at < stop:
            parts.append(build(_DATA if whole else _MALFORMED, context, at, stop - at))
        label, why, rfc = _NAMES.get(kind, (f"Unknown (0x{kind:02x})", "Not an option labkit knows.", _RFC))
        data = raw[start : start + size]
        shown = label if len(parts) < 3 else f"{label}: " + ", ".join(part.shown for part in parts[2:])
        found.append(Field("ipv6.opt", label, start * 8, size * 8, data, shown, "", why, rfc, children=tuple(parts)))
        start += size
    return tuple(found)


def home_address(raw: bytes, start: int, end: int) -> bytes:
    """The home address among the options in these bytes; b"" without one. Source: RFC 6275 §6.3."""
    while start < end:
        size = 1 if raw[start] == 0 else raw[start + 1] + 2 if start + 2 <= end else end
        if raw[start] == _HOME and size == _ADDRESS + 2 and start + size <= end:
            return raw[start + 2 : start + size]
        start += size
    return b""
