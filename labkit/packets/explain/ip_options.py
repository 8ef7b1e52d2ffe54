"""The options of the IPv4 header.

Rule: one entry for each option; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Context, Row, one_of, read_field
from labkit.packets.explain.internet import option_size
from labkit.packets.model import Field

_OPTIONS = {
    0: (
        "ip.options.eol",
        "End of Options List",
        "Ends the list if it is shorter than the header, which has whole 32-bit words.",
    ),
    1: ("ip.options.nop", "No-Operation", "A spare byte that aligns the next option."),
    2: (
        "ip.options.security",
        "Security",
        "Carried the secrecy level of a military packet; RFC 1108 defines it anew.",
    ),
    7: (
        "ip.options.record_route",
        "Record Route",
        "Asks each router to note its address; 9 fit, too few for today's paths.",
    ),
    68: ("ip.options.timestamp", "Internet Timestamp", "Asks each router to note the time."),
    130: (
        "ip.options.security",
        "Security",
        "Carried the secrecy level of a military packet; RFC 1108 defines it anew.",
    ),
    131: (
        "ip.options.route",
        "Loose Source Route",
        "Lists routers to pass; today most routers drop it, because it leads past firewalls.",
    ),
    137: (
        "ip.options.source_route",
        "Strict Source Route",
        "Lists exactly the routers to pass; today most routers drop it.",
    ),
    148: (
        "ip.options.routeralert",
        "Router Alert",
        "Asks each router to look inside although the packet is not for it (RSVP, IGMP).",
    ),
}
_WHY_TYPE = "Says which option this is; its first bit says whether fragments have to repeat it."

_OPTION_TYPE = Row(
    "ip.opt.type",
    "Type",
    8,
    _WHY_TYPE,
    "RFC 791 §3.1",
    parts=(
        Row(
            "ip.opt.type.copy",
            "Copy on fragmentation",
            1,
            "Options that every fragment needs (a source route) have it set.",
            "RFC 791 §3.1",
            kind="flag",
        ),
        Row(
            "ip.opt.type.class",
            "Class",
            2,
            "Control, or debugging and measurement.",
            "RFC 791 §3.1",
            meaning=one_of({0: "control", 2: "debugging and measurement"}, "reserved"),
        ),
        Row("ip.opt.type.number", "Number", 5, "The option's number within its class.", "RFC 791 §3.1"),
    ),
)
_OPTION_LENGTH = Row(
    "ip.opt.len", "Length", 8, "Counts type and length too, so that unknown options can be skipped.", "RFC 791 §3.1"
)
_POINTER = Row(
    "ip.opt.ptr",
    "Pointer",
    8,
    "Where the next router writes or reads, counted from 1 at the option's type.",
    "RFC 791 §3.1",
)
_ALERT = Row(
    "ip.opt.ra",
    "Router Alert",
    16,
    "0 asks the router to examine the packet; other values are reserved.",
    "RFC 2113 §2.1",
)
_RECORDED = Row("ip.rec_rt", "Recorded Route", 32, "A router the packet has passed.", "RFC 791 §3.1", kind="ipv4")
_EMPTY = Row("ip.empty_rt", "Empty Route", 32, "Room for a router further on.", "RFC 791 §3.1", kind="ipv4")
_STOP = Row("ip.src_rt", "Source Route", 32, "A router that the packet still has to pass.", "RFC 791 §3.1", kind="ipv4")
_FINAL = Row(
    "ip.dst",
    "Destination Address",
    32,
    "Where the route ends. Until then, the address in the header is only the next stop.",
    "RFC 791 §3.1",
    kind="ipv4",
)
_DATA = Row("ip.opt.data", "Data", 0, "What the option carries.", "RFC 791 §3.1", kind="bytes")
_REST = Row("ip.opt.padding", "Padding", 0, "Fills the header up to a whole 32-bit word.", "RFC 791 §3.1", kind="bytes")
_MALFORMED = Row(
    "ip.opt.malformed", "Malformed option", 0, "Its length does not fit into the header.", "RFC 791 §3.1", kind="bytes"
)
_ROUTES = (131, 137)


def final_destination(raw: bytes, start: int, end: int) -> bytes | None:
    """Where a source route among these options ends; None without one, and if its last stop is reached.

    start, end: the options in the frame. Until then, the address in the header is the next stop, and the checksums of
    TCP and UDP cover this one. Source: RFC 791 §3.1, RFC 1122 §3.2.1.8.
    """
    while start < end and raw[start]:
        size = option_size(raw, start, end)
        if not size:
            break
        if raw[start] in _ROUTES and size >= 7:
            last = start + 3 + (size - 3) // 4 * 4 - 4
            pointer = raw[start + 2]  # one into the middle of an address points to none
            return raw[last : last + 4] if 4 <= pointer <= last - start + 1 and pointer % 4 == 0 else None
        start += size
    return None


def options(context: Context, start: int, end: int) -> tuple[Field, ...]:
    """The options in these bytes of the frame, with their parts; a rest with a wrong length is one malformed field."""
    found: list[Field] = []
    raw = context.raw
    while start < end:
        kind = raw[start]
        name, label, why = _OPTIONS.get(
            kind, ("ip.options.unknown", f"Unknown (option {kind})", "Not an option labkit knows.")
        )
        size = option_size(raw, start, end)
        if not size:
            found.append(read_field(_MALFORMED, context, start * 8, (end - start) * 8))
            break
        children = [read_field(_OPTION_TYPE, context, start * 8)]
        position = start + 1
        if size > 1:
            children.append(read_field(_OPTION_LENGTH, context, position * 8))
            position += 1
        if kind in (7, 68, 131, 137) and size > 2:
            children.append(read_field(_POINTER, context, position * 8))
            position += 1
        if kind == 148 and size == 4:
            children.append(read_field(_ALERT, context, position * 8))
            position += 2
        pointer = raw[start + 2] if size > 2 else 0
        if kind == 7 or (kind in _ROUTES and pointer >= 4 and pointer % 4 == 0):
            while position + 4 <= start + size:
                ahead = _EMPTY if kind == 7 else _FINAL if position + 8 > start + size else _STOP
                row = _RECORDED if position - start + 1 < pointer else ahead
                children.append(read_field(row, context, position * 8))
                position += 4
        if position < start + size:
            children.append(read_field(_DATA, context, position * 8, (start + size - position) * 8))
        found.append(
            Field(
                name,
                label,
                start * 8,
                size * 8,
                raw[start : start + size],
                label,
                "",
                why,
                "RFC 791 §3.1",
                False,
                tuple(children),
            )
        )
        start += size
        if kind == 0 and start < end:
            found.append(read_field(_REST, context, start * 8, (end - start) * 8))
            break
    return tuple(found)
