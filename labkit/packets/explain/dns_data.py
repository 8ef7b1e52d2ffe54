"""The data of DNS records: its pieces, by the record's type.

Rule: one entry for each type; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit.packets.explain.base import Context, Row, as_number, number_at, read_field, shown_bytes
from labkit.packets.model import Field

OPT = 41
TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", OPT: "OPT",
    43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 64: "SVCB", 65: "HTTPS", 251: "IXFR", 252: "AXFR", 255: "ANY",
}  # fmt: skip
CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
_EDNS = "RFC 6891 §6.1.3"
_OPTIONS = {3: "NSID", 8: "client subnet", 10: "COOKIE", 11: "TCP keepalive", 12: "padding", 15: "extended error"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a record's data. is_name: a domain name, of any width. counted: the byte before gives the width."""

    row: Row
    is_name: bool = False
    counted: bool = False


def _name(name: str, label: str, why: str, rfc: str) -> Piece:
    return Piece(Row(name, label, 0, why, rfc), is_name=True)


def _soa(name: str, label: str, why: str) -> Piece:
    return Piece(Row(f"dns.soa.{name}", label, 32, why, "RFC 1035 §3.3.13"))


_SOA_RFC = "RFC 1035 §3.3.13"
DATA: dict[int, tuple[Piece, ...]] = {
    1: (Piece(Row("dns.a", "ADDRESS", 32, "Where the name is, in IPv4.", "RFC 1035 §3.4.1", kind="ipv4")),),
    2: (_name("dns.ns", "NSDNAME", "The server to ask about this domain.", "RFC 1035 §3.3.11"),),
    5: (_name("dns.cname", "CNAME", "The name is an alias of this one.", "RFC 1035 §3.3.1"),),
    6: (
        _name("dns.soa.mname", "MNAME", "The server that holds the original of the zone.", _SOA_RFC),
        _name("dns.soa.rname", "RNAME", "Whom to write to: the first dot stands for an @.", _SOA_RFC),
        _soa("serial_number", "SERIAL", "Grows with each change, so that a copy knows whether it is old."),
        _soa("refresh_interval", "REFRESH", "How often copies look for a change, in seconds."),
        _soa("retry_interval", "RETRY", "How long they wait if that failed, in seconds."),
        _soa("expire_limit", "EXPIRE", "After how many seconds without the original a copy must not answer any more."),
        Piece(Row("dns.soa.minimum_ttl", "MINIMUM", 32, "For how many seconds 'there is none' may be kept.",
                  "RFC 2308 §4")),
    ),
    12: (_name("dns.ptr.domain_name", "PTRDNAME", "The name that belongs to an address.", "RFC 1035 §3.3.12"),),
    15: (
        Piece(Row("dns.mx.preference", "PREFERENCE", 16, "The lowest number is tried first.", "RFC 1035 §3.3.9")),
        _name("dns.mx.mail_exchange", "EXCHANGE", "The machine that takes the domain's mail.", "RFC 1035 §3.3.9"),
    ),
    16: (
        Piece(Row("dns.txt.length", "Text length", 8, "A record can hold several texts: each says its length.",
                  "RFC 1035 §3.3")),
        Piece(Row("dns.txt", "TXT-DATA", 0, "Free text; today mostly a proof of who holds the domain.",
                  "RFC 1035 §3.3.14", kind="bytes"), counted=True),
    ),
    28: (Piece(Row("dns.aaaa", "ADDRESS", 128, "Where the name is, in IPv6.", "RFC 3596 §2.2", kind="ipv6")),),
}  # fmt: skip
UNKNOWN = Piece(Row("dns.data", "RDATA", 0, "labkit does not know this type, so its data stays bytes.", "RFC 3597 §3",
                    kind="bytes"))  # fmt: skip

OPT_ROWS = (
    Row("dns.rr.udp_payload_size", "UDP payload size", 16,
        "Every host accepts 512 bytes; this says how many the sender accepts. It stands in the place of the class.",
        "RFC 6891 §6.2.3", meaning=lambda value, context: f"up to {as_number(value)} bytes in a datagram are welcome"),
    Row("dns.resp.ext_rcode", "EXTENDED-RCODE", 8, "Four bits of outcome in the header were too few: eight more.",
        _EDNS, kind="hex", meaning=lambda value, context: "the upper bits of 16, BADVERS" if value == 1 else ""),
    Row("dns.resp.edns0_version", "VERSION", 8, "The version of EDNS that the sender knows; only 0 exists.", _EDNS),
    Row("dns.resp.z", "Flags", 16, "Room for bits that the header has no room for.", _EDNS, kind="hex", parts=(
        Row("dns.resp.z.do", "DO", 1, "Asks for signatures too (DNSSEC).", "RFC 3225 §3", kind="flag"),
        Row("dns.resp.z.reserved", "Z", 15, "Kept free for later.", _EDNS, kind="hex"),
    )),
)  # fmt: skip

_CODE = Row("dns.opt.code", "OPTION-CODE", 16, "Says which option this is.", "RFC 6891 §6.1.2",
            meaning=lambda value, context: _OPTIONS.get(as_number(value), "unknown"))  # fmt: skip
_SIZE = Row("dns.opt.len", "OPTION-LENGTH", 16, "Counts its data, so that unknown options can be skipped.",
            "RFC 6891 §6.1.2")  # fmt: skip
_BYTES = Row("dns.opt.data", "OPTION-DATA", 0, "What the option carries.", "RFC 6891 §6.1.2", kind="bytes",
             volatile=True)  # fmt: skip


def _split(context: Context, start: int, end: int) -> tuple[Field, ...]:
    found = [read_field(_CODE, context, start * 8), read_field(_SIZE, context, start * 8 + 16)]
    if end - start > 4:
        found.append(read_field(_BYTES, context, start * 8 + 32, (end - start - 4) * 8))
    return tuple(found)


OPTION = Piece(
    Row("dns.opt", "Option", 0, "Options extend EDNS without a new message format.", "RFC 6891 §6.1.2", kind="bytes",
        meaning=lambda value, context: _named(value), split=_split, volatile=True),
)  # fmt: skip


def _named(value: object) -> str:
    if not isinstance(value, bytes) or len(value) < 4:
        return ""
    return f"{_OPTIONS.get(number_at(value, 0, 16), 'an option')}: {shown_bytes(value[4:])}"
