"""The options of the TCP header.

Rule: one entry an option; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Context, OptionKind, Row, Value, as_number, build, one_of, shown_bytes
from labkit.packets.explain.internet import option_size
from labkit.packets.model import Field

_MODULUS = 1 << 32
_OPTIONS_RFC = "RFC 9293 §3.2"

_KIND_NAMES = {
    0: "End of Option List",
    1: "No-Operation",
    2: "Maximum Segment Size",
    3: "Window Scale",
    4: "SACK Permitted",
    5: "SACK",
    6: "Echo (obsolete)",
    7: "Echo Reply (obsolete)",
    8: "Timestamps",
    19: "MD5 Signature",
    27: "Quick-Start",
    28: "User Timeout",
    29: "Authentication (TCP-AO)",
    30: "Multipath TCP",
    34: "Fast Open Cookie",
    253: "Experiment 1",
    254: "Experiment 2",
}
_KIND = Row(
    "tcp.option_kind",
    "Kind",
    8,
    "Says which option this is; kinds 0 and 1 are a single byte, all others have a length.",
    _OPTIONS_RFC,
    meaning=one_of(_KIND_NAMES),
)
_LENGTH = Row(
    "tcp.option_len", "Length", 8, "Counts kind and length too, so that unknown options can be skipped.", _OPTIONS_RFC
)
_PADDING = Row(
    "tcp.options.padding", "Padding", 0, "Fills the header up to a whole 32-bit word.", _OPTIONS_RFC, kind="bytes"
)
_MALFORMED = Row(
    "tcp.options.malformed",
    "Malformed option",
    0,
    "Its length does not fit into the header.",
    _OPTIONS_RFC,
    kind="bytes",
)


def _word(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _edge_shown(value: Value, context: Context) -> str:
    return str((as_number(value) - context.sack_base) % _MODULUS)


def _edge(name: str, label: str, why: str) -> Row:
    return Row(
        name,
        label,
        32,
        why,
        "RFC 2018 §3",
        shown=_edge_shown,
        volatile=True,
        meaning=lambda value, context: f"relative; on the wire {as_number(value)}" if context.in_tape else "",
    )


_SACK_ROWS = (
    _edge("tcp.options.sack_le", "Left Edge", "The first byte of a run that did arrive."),
    _edge("tcp.options.sack_re", "Right Edge", "The byte after its last one."),
)


def _edges(data: bytes, context: Context) -> str:
    blocks = []
    for at in range(0, len(data) - 7, 8):
        left, right = ((_word(data[at + step : at + step + 4]) - context.sack_base) % _MODULUS for step in (0, 4))
        blocks.append((left, right))
    said = []
    if blocks and _is_duplicate(blocks, context.relative_ack if context.in_tape else None):
        left, right = blocks.pop(0)
        said.append(f"received a second time: {left}-{right} (D-SACK)")
    if blocks:
        said.append("received out of order: " + ", ".join(f"{left}-{right}" for left, right in blocks))
    return "; ".join(said)


def _is_duplicate(blocks: list[tuple[int, int]], ack: int | None) -> bool:
    """Whether the first block tells of bytes that came twice: acknowledged already, or within the second block.

    Source: RFC 2883 §4.
    """
    left, right = blocks[0]
    if ack is not None and 0 < (ack - left) % _MODULUS < _MODULUS // 2 and (ack - right) % _MODULUS < _MODULUS // 2:
        return True
    return len(blocks) > 1 and blocks[1][0] <= left and right <= blocks[1][1]


OPTIONS: dict[int, OptionKind] = {
    0: OptionKind(
        "tcp.options.eol",
        "End of Option List",
        "Ends the list where it does not end with the header, which comes in 32-bit words.",
        _OPTIONS_RFC,
        lambda data, context: "what follows is padding",
    ),
    1: OptionKind(
        "tcp.options.nop",
        "No-Operation",
        "A spare byte: senders put it before an option so that its numbers start at a multiple of 4.",
        _OPTIONS_RFC,
        lambda data, context: "aligns the next option",
    ),
    2: OptionKind(
        "tcp.options.mss",
        "Maximum Segment Size",
        "Announces how much data fits into one segment here, so that IP need not fragment; only in a SYN.",
        "RFC 9293 §3.7.1",
        lambda data, context: f"at most {_word(data)} bytes of data in a segment to me",
        (
            Row(
                "tcp.options.mss_val",
                "MSS Value",
                16,
                "The MTU minus 20 bytes of IPv4 (40 of IPv6) and 20 of TCP header, options not counted.",
                "RFC 6691 §2",
            ),
        ),
        4,
    ),
    3: OptionKind(
        "tcp.options.wscale",
        "Window Scale",
        "16 bits of window are too few for fast long paths, so later windows are shifted left by this; only in a SYN.",
        "RFC 7323 §2",
        lambda data, context: f"multiply my windows by {1 << min(data[0], 14)}" if data else "",
        (
            Row(
                "tcp.options.wscale.shift",
                "Shift count",
                8,
                "14 at most, so that a window stays below a quarter of the sequence space.",
                "RFC 7323 §2.3",
            ),
        ),
        3,
    ),
    4: OptionKind(
        "tcp.options.sack_perm",
        "SACK Permitted",
        "Allows the peer to send selective acknowledgments; both sides have to, in their SYN.",
        "RFC 2018 §2",
        lambda data, context: "selective acknowledgments are welcome",
        (),
        2,
    ),
    5: OptionKind(
        "tcp.options.sack",
        "SACK",
        "Lists what arrived beyond a gap, so that only the gap is sent again: a plain ACK cannot say that.",
        "RFC 2018 §3",
        _edges,
        _SACK_ROWS,
    ),
    6: OptionKind(
        "tcp.options.echo",
        "Echo",
        "Asked for the value to be sent back; Timestamps took its place in 1992.",
        "RFC 1072 §3",
        lambda data, context: "",
        (
            Row(
                "tcp.options.echo_value",
                "Echo value",
                32,
                "What the peer shall send back.",
                "RFC 1072 §3",
                volatile=True,
            ),
        ),
        6,
    ),
    7: OptionKind(
        "tcp.options.echo_reply",
        "Echo Reply",
        "Sent a value back; Timestamps took its place in 1992.",
        "RFC 1072 §3",
        lambda data, context: "",
        (
            Row(
                "tcp.options.echo_reply",
                "Echo reply value",
                32,
                "What the peer had sent.",
                "RFC 1072 §3",
                volatile=True,
            ),
        ),
        6,
    ),
    8: OptionKind(
        "tcp.options.timestamp",
        "Timestamps",
        "Lets the sender measure the round trip on every ACK, and tell old duplicates once numbers wrap.",
        "RFC 7323 §3",
        lambda data, context: (
            "the sender's clock, and the latest one it got back"
            if _word(data[4:8])
            else "the sender's clock; nothing to echo yet"
        ),
        (
            Row(
                "tcp.options.timestamp.tsval",
                "Timestamp Value",
                32,
                "The sender's clock, from a random start and with ticks of its own choosing.",
                "RFC 7323 §3.2",
                volatile=True,
            ),
            Row(
                "tcp.options.timestamp.tsecr",
                "Timestamp Echo Reply",
                32,
                "The peer's latest TSval, sent back: now minus this is the round trip.",
                "RFC 7323 §3.2",
                volatile=lambda value: value != 0,
            ),
        ),
        10,
    ),
    19: OptionKind(
        "tcp.options.md5",
        "MD5 Signature",
        "Signs segments with a shared secret; made for BGP routers, replaced by TCP-AO.",
        "RFC 2385 §3",
        lambda data, context: "",
        (
            Row(
                "tcp.options.md5.digest",
                "Digest",
                128,
                "MD5 over header, data and the secret.",
                "RFC 2385 §2",
                kind="bytes",
                volatile=True,
            ),
        ),
        18,
    ),
    28: OptionKind(
        "tcp.options.user_to",
        "User Timeout",
        "Tells the peer how long unacknowledged data is kept before giving up.",
        "RFC 5482 §2",
        lambda data, context: "",
        (
            Row(
                "tcp.options.user_to_granularity",
                "Granularity",
                1,
                "Seconds, or minutes.",
                "RFC 5482 §2",
                kind="flag",
                shown=lambda value, context: "minutes" if value else "seconds",
            ),
            Row("tcp.options.user_to_val", "User Timeout", 15, "The time, in that unit.", "RFC 5482 §2"),
        ),
        4,
    ),
    34: OptionKind(
        "tcp.options.tfo",
        "TCP Fast Open",
        "Carries a cookie from an earlier connection, so that data may already travel in the SYN.",
        "RFC 7413 §4.1.1",
        lambda data, context: "here is the cookie" if data else "asks for a cookie",
        (
            Row(
                "tcp.options.tfo.cookie",
                "Cookie",
                0,
                "Proves that the client really received packets at its address before.",
                "RFC 7413 §4.1.1",
                kind="bytes",
                volatile=True,
            ),
        ),
    ),
    253: OptionKind(
        "tcp.options.experimental",
        "Experimental",
        "Shared by experiments until they get a kind of their own.",
        "RFC 6994 §3",
        lambda data, context: "",
        (
            Row(
                "tcp.options.experimental.exid",
                "Experiment Identifier",
                16,
                "Tells the experiments apart.",
                "RFC 6994 §3",
                kind="hex",
            ),
            Row(
                "tcp.options.experimental.data", "Data", 0, "What the experiment carries.", "RFC 6994 §3", kind="bytes"
            ),
        ),
    ),
}
OPTIONS[254] = OPTIONS[253]
_UNKNOWN = OptionKind(
    "tcp.options.unknown",
    "Unknown",
    "Not an option labkit knows; TCP skips by its length what it does not know.",
    _OPTIONS_RFC,
    lambda data, context: "skipped by whoever does not know it",
    (Row("tcp.options.unknown.payload", "Payload", 0, "What the option carries.", _OPTIONS_RFC, kind="bytes"),),
)


def options(context: Context, start: int, end: int) -> tuple[Field, ...]:
    """The options in these bytes of the frame, each with its parts; what has no valid length is one malformed field."""
    found: list[Field] = []
    raw = context.raw
    while start < end:
        kind = raw[start]
        known = OPTIONS.get(kind, _UNKNOWN)
        size = option_size(raw, start, end)
        if not size:
            found.append(build(_MALFORMED, context, start * 8, (end - start) * 8))
            break
        found.append(_option(known, kind, context, start, size))
        start += size
        # Senders fill up with several End of Option List; anything else behind one is padding nobody reads.
        if kind == 0 and start < end and any(raw[start:end]):
            found.append(build(_PADDING, context, start * 8, (end - start) * 8))
            break
    return tuple(found)


def _option(known: OptionKind, kind: int, context: Context, start: int, size: int) -> Field:
    raw, end = context.raw, start + size
    children = [build(_KIND, context, start * 8)]
    position = (start + 1) * 8
    if size > 1:
        children.append(build(_LENGTH, context, position))
        position += 8
    data = raw[start + 2 : end]
    meaning = f"its length should be {known.length}, not {size}"
    if not known.length or known.length == size:
        meaning = known.meaning(data, context)
        rows = known.rows
        while rows and position < end * 8:
            for row in rows:
                width = row.bits or end * 8 - position
                if width <= 0 or position + width > end * 8:
                    break
                children.append(build(row, context, position, width))
                position += width
            else:
                continue
            break
    if position < end * 8:
        wrong = known is not _UNKNOWN
        children.append(build(_MALFORMED if wrong else _UNKNOWN.rows[0], context, position, end * 8 - position))
    label = known.label if known is not _UNKNOWN else f"Unknown (kind {kind})"
    shown = (
        label
        if size == 1 or not data
        else f"{label}: {shown_bytes(data)}"
        if len(children) < 3
        else _short(label, children[2:])
    )
    return Field(
        known.name,
        label,
        start * 8,
        size * 8,
        raw[start:end],
        shown,
        meaning,
        known.why,
        known.rfc,
        any(child.volatile for child in children),
        tuple(children),
    )


def _short(label: str, parts: list[Field]) -> str:
    return f"{label}: " + ", ".join(part.shown for part in parts)
