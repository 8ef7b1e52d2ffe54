"""The TCP header and what each field is for.

Rule: one table for the header; the options are in `tcp_options`; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import (
    Chooser,
    Context,
    OfValue,
    Row,
    Table,
    Value,
    as_number,
    flag,
    number_at,
    shown_bytes,
)
from labkit.packets.explain.internet import checksum_meaning, is_ephemeral
from labkit.packets.explain.tcp_options import options


def _port(value: Value, context: Context) -> str:
    return "picked by the system for this connection" if is_ephemeral(value) else ""


def _seq_shown(value: Value, context: Context) -> str:
    return str(context.relative_seq) if context.in_tape else str(value)


def _seq(value: Value, context: Context) -> str:
    return f"relative to the connection's first; on the wire {as_number(value)}" if context.in_tape else ""


def _ack_shown(value: Value, context: Context) -> str:
    return str(context.relative_ack) if context.in_tape and _flags(context) & 0x10 else str(value)


def _ack(value: Value, context: Context) -> str:
    if not _flags(context) & 0x10:
        return "no meaning: the ACK flag is not set"
    return (
        f"the next byte expected, relative; on the wire {as_number(value)}"
        if context.in_tape
        else "the next byte expected"
    )


def _flags(context: Context) -> int:
    return number_at(context.raw, (context.start + 12) * 8 + 4, 12) if context.start + 14 <= len(context.raw) else 0


def _words(value: Value) -> str:
    count = as_number(value)
    if count < 5:
        return f"{count * 4} bytes: too few, a TCP header has 20 at least"
    return f"{count * 4} bytes" + (f", {count * 4 - 20} of them options" if count > 5 else "")


def _window(value: Value, context: Context) -> str:
    if value == 0:
        return "stop: the receive buffer is full"
    if _flags(context) & 0x02:
        return "bytes the sender of this packet will take; never scaled in a SYN"
    return "bytes the sender of this packet will take, before Window Scale"


def _names(value: Value) -> str:
    names = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
    number = as_number(value)
    return ", ".join(name for bit, name in enumerate(names) if number >> bit & 1) or "none"


_RFC = "RFC 9293 §3.1"


def _flag(name: str, label: str, why: str, set_: str, rfc: str = _RFC) -> Row:
    return Row(f"tcp.flags.{name}", label, 1, why, rfc, kind="flag", meaning=flag(set_))


_FLAGS = Row(
    "tcp.flags",
    "Control Bits",
    12,
    "What kind of segment this is: one bit each, so they can be combined.",
    _RFC,
    "hex",
    OfValue(_names),
    parts=(
        Row(
            "tcp.flags.res",
            "Reserved",
            3,
            "Zero until somebody needs them; ECN and AccECN took theirs from here.",
            _RFC,
            kind="flag",
        ),
        _flag(
            "ae",
            "AE",
            "Accurate ECN counts congestion marks with it; before that it was NS, the nonce of an experiment "
            "nobody deployed (RFC 8311).",
            "part of the counter of congestion marks",
            "RFC 9768 §3.1",
        ),
        _flag(
            "cwr",
            "CWR",
            "Tells the receiver that its ECE arrived and the sender slowed down.",
            "the sender has reduced its congestion window",
            "RFC 3168 §6.1",
        ),
        _flag(
            "ece",
            "ECE",
            "Carries a router's congestion mark back to the sender; in a SYN it asks whether the peer can do so.",
            "a congestion mark arrived (in a SYN: ECN is offered)",
            "RFC 3168 §6.1",
        ),
        _flag(
            "urg",
            "URG",
            "Says that the Urgent Pointer counts; a leftover of Telnet's interrupt key, discouraged since RFC 6093.",
            "the Urgent Pointer is valid",
            "RFC 6093 §5",
        ),
        _flag(
            "ack",
            "ACK",
            "Says that the Acknowledgment Number counts: always, but in the very first segment.",
            "the Acknowledgment Number is valid",
        ),
        _flag(
            "push",
            "PSH",
            "Asks the receiver to hand the data over now; it marks no message border, and receivers mostly ignore it.",
            "the sender has nothing more to send just now",
        ),
        _flag(
            "reset",
            "RST",
            "Ends the connection at once, without agreement: nobody listens, or something went wrong.",
            "the connection is aborted, or nobody listens here",
        ),
        _flag(
            "syn",
            "SYN",
            "Synchronises sequence numbers: only the first segment of each side has it, and it counts as one byte.",
            "the sender opens the connection and announces its first sequence number",
        ),
        _flag(
            "fin",
            "FIN",
            "Ends one direction; the other side may go on sending. It counts as one byte, so that it is "
            "acknowledged too.",
            "the sender will send no more data",
        ),
    ),
)


def _all(value: Value, context: Context) -> str:
    return (
        shown_bytes(value)
        if isinstance(value, bytes) and not value
        else f"{len(value)} bytes"
        if isinstance(value, bytes)
        else ""
    )


TCP = Table(
    "TCP",
    "Transmission Control Protocol",
    _RFC,
    160,
    (
        Row(
            "tcp.srcport",
            "Source Port",
            16,
            "With the address it names the sending socket; a connection is known by both addresses and both ports.",
            _RFC,
            meaning=_port,
            volatile=is_ephemeral,
        ),
        Row(
            "tcp.dstport",
            "Destination Port",
            16,
            "Says which program on the receiving machine the segment is for.",
            _RFC,
            meaning=_port,
            volatile=is_ephemeral,
        ),
        Row(
            "tcp.seq",
            "Sequence Number",
            32,
            "The place of the first data byte in the stream, so that the receiver can put bytes in order and drop "
            "duplicates; it starts at a random number, or strangers could guess it.",
            "RFC 9293 §3.4",
            meaning=_seq,
            shown=_seq_shown,
            volatile=True,
        ),
        Row(
            "tcp.ack",
            "Acknowledgment Number",
            32,
            "The next byte expected: everything before it has arrived.",
            "RFC 9293 §3.4",
            meaning=_ack,
            shown=_ack_shown,
            volatile=lambda value: value != 0,
        ),
        Row(
            "tcp.hdr_len",
            "Data Offset",
            4,
            "Tells where the data starts, since options make the header longer: in 32-bit words, so 60 bytes at most.",
            _RFC,
            meaning=OfValue(_words),
        ),
        _FLAGS,
        Row(
            "tcp.window_size_value",
            "Window",
            16,
            "Flow control: how many bytes beyond the acknowledged one the receiver has room for.",
            "RFC 9293 §3.8.6",
            meaning=_window,
        ),
        Row(
            "tcp.checksum",
            "Checksum",
            16,
            "Guards header, data and the IP addresses against damage on the way; weak, but on the whole path.",
            _RFC,
            "hex",
            checksum_meaning(6, 16),
            volatile=True,
        ),
        Row(
            "tcp.urgent_pointer",
            "Urgent Pointer",
            16,
            "Marks the end of urgent data when URG is set; RFCs and systems disagree by one byte where that is.",
            "RFC 6093 §2",
            meaning=lambda value, context: "" if _flags(context) & 0x20 else "no meaning: the URG flag is not set",
        ),
        Row(
            "tcp.options",
            "Options",
            0,
            "What TCP learned since 1981 without a new header: each a kind, a length and its data.",
            "RFC 9293 §3.2",
            "bytes",
            shown=_all,
            split=options,
            volatile=False,
        ),
    ),
)

_BEFORE_OFFSET = Table(TCP.name, TCP.title, TCP.rfc, 100, TCP.rows[:5])


def _tcp(raw: bytes, start: int, stop: int) -> Table:
    """The whole header, or what comes up to a Data Offset that cannot be: then nobody knows where the data begins."""
    return TCP if stop < start + 13 or raw[start + 12] >= 0x50 else _BEFORE_OFFSET


TABLES: dict[str, Table | Chooser] = {"TCP": _tcp}
