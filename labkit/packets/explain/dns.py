"""DNS messages: the header bit by bit, then each question and record, with the labels and pointers of its names.

Rule: names, order and spans are Wireshark's; fields without a name there get one here; no bytes make it raise.
"""

from __future__ import annotations

from collections.abc import Callable

from labkit.packets.explain.base import Context, Row, Table, as_number, flag, number_at, one_of, read_field
from labkit.packets.explain.dns_data import CLASSES, DATA, OPT, OPT_ROWS, OPTION, TYPES, UNKNOWN, Piece
from labkit.packets.model import Field, Layer

PORT, OURS = 53, 5300
OTHERS = frozenset({137, 5353, 5355})  # NetBIOS names, mDNS, LLMNR: nearly the same format, but not DNS
_HEADER_RFC, _NAME_RFC, _UPDATE_RFC = "RFC 1035 §4.1.1", "RFC 1035 §4.1.4", "RFC 2136 §2.2"
_UPDATING = 5  # the opcode of an update, whose sections have other meanings
_HEADER, _LONGEST, _HOPS = 12, 255, 127  # bytes of a header and of a name, pointers in a name

_OPCODES = {0: "a standard query", 1: "an inverse query (obsolete)", 2: "server status", 4: "notify", 5: "update"}
_RCODES = {
    0: "no error",
    1: "FORMERR: the server could not read the query",
    2: "SERVFAIL: the server has a problem of its own",
    3: "NXDOMAIN: the name does not exist",
    4: "NOTIMP: the server cannot do that",
    5: "REFUSED: the server will not",
}


def _bit(name: str, label: str, why: str, set_: str, clear: str = "", rfc: str = _HEADER_RFC) -> Row:
    return Row(f"dns.flags.{name}", label, 1, why, rfc, kind="flag", meaning=flag(set_, clear))


def _rcode(value: object, context: Context) -> str:
    response = number_at(context.raw, context.start * 8 + 16, 1)
    return _RCODES.get(value if isinstance(value, int) else -1, "unknown") if response else "means nothing in a query"


_FLAGS = (
    _bit("response", "QR", "Query and response have the same form: this bit tells them apart.", "a response",
         "a query"),
    Row("dns.flags.opcode", "Opcode", 4, "Says what is asked of the server.", _HEADER_RFC,
        meaning=one_of(_OPCODES, "unknown")),
    _bit("authoritative", "AA", "Set if the server holds the zone itself, and not a copy in a cache.",
         "the server itself is responsible for this name"),
    _bit("truncated", "TC", "A datagram has little room: if records are left out, the client can ask again over TCP.",
         "there was more than fits: ask again over TCP"),
    _bit("recdesired", "RD", "A program wants the whole answer; a resolver asks one server after the other itself.",
         "ask other servers for me, if you must"),
    _bit("recavail", "RA", "Says whether this server asks other servers for its clients.",
         "the server does ask others", ""),
    _bit("z", "Z", "Reserved, and must be 0; AD and CD were once part of it.", "must be 0"),
    _bit("authenticated", "AD", "Lets a resolver say that it has checked the signatures.", "the data was verified",
         rfc="RFC 4035 §3.2.3"),
    _bit("checkdisable", "CD", "Lets the client check the signatures itself.", "do not verify for me",
         rfc="RFC 4035 §3.2.2"),
    Row("dns.flags.rcode", "RCODE", 4, "Says how it went.", _HEADER_RFC, meaning=_rcode),
)  # fmt: skip


def _count(name: str, label: str, why: str, rfc: str = _HEADER_RFC) -> Row:
    return Row(f"dns.count.{name}", label, 16, why, rfc)


DNS = Table(
    "DNS",
    "Domain Name System",
    "RFC 1035 §4.1",
    96,
    (
        Row("dns.id", "ID", 16, "Tells which query a response answers; hard to guess, so that nobody else can answer.",
            "RFC 1035 §4.1.1, RFC 5452 §9", kind="hex", volatile=True),
        Row("dns.flags", "Flags", 16, "The kind of message, and the outcome.", _HEADER_RFC, kind="hex",
            parts=_FLAGS),
        _count("queries", "QDCOUNT", "How many questions follow: in practice one."),
        _count("answers", "ANCOUNT", "How many records answer the question."),
        _count("auth_rr", "NSCOUNT", "How many records say who is responsible."),
        _count("add_rr", "ARCOUNT", "How many records were added unasked, such as the addresses of servers."),
    ),
)  # fmt: skip
UPDATE = Table(
    DNS.name,
    DNS.title,
    "RFC 2136 §2",
    96,
    (
        *DNS.rows[:2],
        _count("zones", "ZOCOUNT", "How many zones are to be changed: one.", _UPDATE_RFC),
        _count("prerequisites", "PRCOUNT", "How many conditions must hold for the change to be made.", _UPDATE_RFC),
        _count("updates", "UPCOUNT", "How many records are to be added or deleted.", _UPDATE_RFC),
        _count("add_rr", "ADCOUNT", "How many records were added, such as the addresses of servers.", _UPDATE_RFC),
    ),
)  # fmt: skip
_LENGTH = Row("dns.length", "Length", 16, "TCP has no message boundaries, so a length stands before each message.",
              "RFC 1035 §4.2.2")  # fmt: skip
_MALFORMED = Row("malformed", "Malformed", 0, "These bytes do not have the form that their protocol requires.",
                 kind="bytes", meaning="no valid part of DNS")  # fmt: skip
_SECTIONS = ("Answer record", "Authority record", "Additional record")
_UPDATE_SECTIONS = ("Prerequisite", "Update", "Additional record")


class Cut(Exception):
    """The message ends, or becomes malformed, before the current part is whole."""


class _Reader:
    """Reads one message. context.start: its first byte in the frame. end: the byte after it."""

    def __init__(self, context: Context, end: int) -> None:
        self.context, self.raw, self.base, self.end = context, context.raw, context.start, end
        self.updating = end >= self.base + _HEADER and self.raw[self.base + 2] >> 3 & 15 == _UPDATING

    def need(self, at: int, size: int) -> int:
        """The position after size more bytes; raises if the message has fewer."""
        if at + size > self.end:
            raise Cut
        return at + size

    def row(self, row: Row, at: int, bits: int | None = None) -> Field:
        self.need(at, ((row.bits if bits is None else bits) + 7) // 8)
        return read_field(row, self.context, at * 8, bits)

    # -- names

    def labels(self, at: int) -> tuple[list[bytes], int]:
        """The labels of the name at this byte of the frame, with its pointers followed, and the byte behind it."""
        found: list[bytes] = []
        begin, behind, size, hops = at, 0, 1, 0
        while True:
            self.need(at, 1)
            length = self.raw[at]
            if length >= 0xC0:
                self.need(at, 2)
                behind, hops = behind or at + 2, hops + 1
                at = self.base + (number_at(self.raw, at * 8, 16) & 0x3FFF)
                if at >= begin or hops > _HOPS:  # the pointer leads forwards or in a circle
                    raise Cut
                begin = at
                continue
            at, size = self.need(at, 1 + length), size + 1 + length
            if length > 63 or size > _LONGEST:
                raise Cut
            if not length:
                return found, behind or at
            found.append(self.raw[at - length : at])

    def name(self, name: str, label: str, why: str, rfc: str, at: int) -> tuple[Field, int]:
        """The field of a name, with a part for each label and for the pointer or the root that ends it."""
        labels, behind = self.labels(at)
        text, start, parts = text_of(labels), at, []
        while at < behind:
            parts.append(self.pointer(at) if self.raw[at] >= 0xC0 else self.label(at))
            at = parts[-1].end // 8
        meaning = f"{len(labels)} label{'' if len(labels) == 1 else 's'}" if labels else "the root of all names"
        if parts[-1].name == "dns.name.pointer":
            meaning += ", all by pointer" if len(parts) == 1 else f", {len(labels) - len(parts) + 1} of them by pointer"
        bits = (behind - start) * 8
        return Field(name, label, start * 8, bits, text, text, meaning, why, rfc, children=tuple(parts)), behind

    def label(self, at: int) -> Field:
        """One label: its length, then its characters; length 0 is the root."""
        size = self.raw[at]
        if not size:
            return Field("dns.name.root", "Root", at * 8, 8, 0, "0", "the name ends here",
                         "A label without characters is the root, which ends every name.", "RFC 1035 §3.1")  # fmt: skip
        text = text_of([self.raw[at + 1 : at + 1 + size]])
        parts = (
            Field("dns.name.label.length", "Label length", at * 8, 8, size, str(size), "",
                  "Saves the dot; the two upper bits are 0, or this would be a pointer.", "RFC 1035 §3.1"),
            Field("dns.name.label.text", "Label", at * 8 + 8, size * 8, text, text, "",
                  "One step of the path from the root to the name, 63 bytes at most.", "RFC 1035 §2.3.4"),
        )  # fmt: skip
        return Field("dns.name.label", "Label", at * 8, size * 8 + 8, text, text, "", "A name is a row of labels.",
                     "RFC 1035 §3.1", children=parts)  # fmt: skip

    def pointer(self, at: int) -> Field:
        """A pointer: two bits 1, then the place in the message where the rest of the name stands."""
        target = number_at(self.raw, at * 8 + 2, 14)
        rest = text_of(self.labels(at)[0])
        says = f"the rest of the name is at byte {target} of the message: {rest}"
        parts = (
            Field("dns.name.pointer.mark", "Pointer mark", at * 8, 2, 3, "11", "a pointer, no label",
                  "A label's length never begins with two bits 1, so they can mark a pointer.", _NAME_RFC),
            Field("dns.name.pointer.offset", "Offset", at * 8 + 2, 14, target, str(target), says,
                  "Counts from the first byte of the message, the ID.", _NAME_RFC),
        )  # fmt: skip
        return Field("dns.name.pointer", "Pointer", at * 8, 16, 0xC000 | target, f"→ byte {target}", says,
                     "A name often stands in a message several times: two bytes replace a repeated one.", _NAME_RFC,
                     children=parts)  # fmt: skip

    # -- questions and records

    def question(self, at: int) -> tuple[Field, int]:
        start = at
        rfc, letter, label = "RFC 1035 §4.1.2", "Q", "Question"
        whys = "What is asked about.", "What is asked about it.", "What the sender wants to know."
        if self.updating:
            rfc, letter, label = "RFC 2136 §2.3", "Z", "Zone"
            whys = "The zone to change.", "Always SOA, of which every zone has one.", "What the sender wants to change."
        name, at = self.name("dns.qry.name", f"{letter}NAME", whys[0], rfc, at)
        kind = self.row(_kind("dns.qry.type", f"{letter}TYPE", whys[1], rfc), at)
        cls = self.row(_class("dns.qry.class", f"{letter}CLASS", rfc), at + 2)
        shown = f"{name.shown} {kind.meaning} {cls.meaning}"
        bits = (at + 4 - start) * 8
        return Field("dns.question", label, start * 8, bits, shown, shown, "", whys[2], rfc,
                     children=(name, kind, cls)), at + 4  # fmt: skip

    def record(self, at: int, section: str) -> tuple[Field, int]:
        start = at
        rfc = "RFC 1035 §4.1.3"
        name, at = self.name("dns.resp.name", "NAME", "What the record is about.", rfc, at)
        kind = self.row(_kind("dns.resp.type", "TYPE", "What the data is, and so how to read it.", rfc), at)
        number = as_number(kind.value)
        parts = [name, kind]
        at += 2
        for row in OPT_ROWS if number == OPT else (_class("dns.resp.class", "CLASS", rfc), _TTL):
            parts.append(self.row(row, at))
            at += row.bits // 8
        length = self.row(_RDLENGTH, at)
        at += 2
        behind = self.need(at, as_number(length.value))
        data = self.data(number, at, behind) if behind > at else []
        parts += [length, *data]
        shown = f"{name.shown} {kind.meaning}" + (f" {' '.join(each.shown for each in data)}"[:120] if data else "")
        why = "Tells about the sender, not about a name." if number == OPT else "One thing that is known about a name."
        return Field("dns.record", section, start * 8, (behind - start) * 8, shown, shown, "", why,
                     "RFC 6891 §6.1" if number == OPT else rfc, children=tuple(parts)), behind  # fmt: skip

    def data(self, number: int, at: int, end: int) -> list[Field]:
        """The parts of a record's data; data that does not have the form of its type is one malformed field."""
        start, found = at, []
        try:
            while at < end:
                for piece in (OPTION,) if number == OPT else DATA.get(number, (UNKNOWN,)):
                    field, at = self.piece(piece, at, end)
                    if field.bits:  # an empty text has no bytes
                        found.append(field)
                if number not in (OPT, 16):  # options and texts repeat
                    break
            if at != end:
                raise Cut
        except Cut:
            return [read_field(_MALFORMED, self.context, start * 8, (end - start) * 8)]
        return found

    def piece(self, piece: Piece, at: int, end: int) -> tuple[Field, int]:
        row = piece.row
        if piece.is_name:
            field, behind = self.name(row.name, row.label, row.why, row.rfc, at)
        elif piece is OPTION:
            if at + 4 > end:
                raise Cut
            size = 4 + number_at(self.raw, at * 8 + 16, 16)
            field, behind = self.row(row, at, min(size, end - at) * 8), at + size
        else:
            bits = row.bits
            if not bits:  # a text: the byte before gives its length, or it takes the rest
                bits = 8 * (self.raw[at - 1] if piece.counted else end - at)
            field, behind = self.row(row, at, bits), at + bits // 8
        if behind > end:
            raise Cut
        return field, behind

    def all(self) -> tuple[list[Field], bool]:
        """The fields of the message, and whether all of it is well formed."""
        found, at = [], self.base
        counts = [0, 0, 0, 0]
        try:
            for row in (UPDATE if self.updating else DNS).rows:
                found.append(self.row(row, at))
                at += row.bits // 8
            counts = [as_number(field.value) for field in found[2:]]
            readers: list[Callable[[int], tuple[Field, int]]] = [self.question]
            sections = _UPDATE_SECTIONS if self.updating else _SECTIONS
            readers += [lambda at, section=section: self.record(at, section) for section in sections]  # type: ignore[misc]
            for count, read in zip(counts, readers, strict=True):
                for _ in range(count):
                    field, at = read(at)
                    found.append(field)
        except Cut:
            whole = False
        else:
            whole = at == self.end and not any(part.name == "malformed" for field in found for part in field.children)
        if at < self.end:
            found.append(read_field(_MALFORMED, self.context, at * 8, (self.end - at) * 8))
        return found, whole


def text_of(labels: list[bytes]) -> str:
    """Labels as text, as Wireshark shows them; ``"<Root>"`` for none."""
    words = ("".join(chr(each) if 32 < each < 127 else f"\\{each:03}" for each in label) for label in labels)
    return ".".join(words) or "<Root>"


def _kind(name: str, label: str, why: str, rfc: str) -> Row:
    return Row(name, label, 16, why, rfc,
               meaning=lambda value, context: TYPES.get(as_number(value), f"TYPE{value!r}"))  # fmt: skip


def _class(name: str, label: str, rfc: str) -> Row:
    return Row(name, label, 16, "Made for networks other than the Internet too; today always IN.", rfc, kind="hex",
               meaning=lambda value, context: CLASSES.get(as_number(value), f"CLASS{value!r}"))  # fmt: skip


_TTL = Row("dns.resp.ttl", "TTL", 32, "For how many seconds a resolver may keep and use this.", "RFC 1035 §4.1.3",
           meaning=lambda value, context: f"may be kept for {value!r} s")  # fmt: skip
_RDLENGTH = Row("dns.resp.len", "RDLENGTH", 16, "Counts the data, so that records of unknown types can be skipped.",
                "RFC 1035 §4.1.3")  # fmt: skip


def layer(context: Context, below: Layer, start: int, end: int, number: int = 0) -> Layer | None:
    """The DNS message in these bytes of the frame; None if they are not one.

    below: the UDP or TCP layer that carries it. number: of the packet. Over TCP a message must be whole in its segment.
    Port 53 is always DNS. On 5300, the port of labkit's server, a possible header is enough, so that malformed
    messages are shown. On other ports the whole datagram must be one well-formed query or response.
    """
    ports = {each.value for each in below.fields[:2]}
    tcp = below.name == "TCP"
    begin = start + 2 if tcp else start
    if tcp:
        end = min(end, begin + number_at(context.raw, start * 8, 16)) if begin + _HEADER <= end else begin
        if end - begin != number_at(context.raw, start * 8, 16):
            return None  # a part of a message
    if end - begin < _HEADER or ports & OTHERS:
        return None
    if PORT not in ports and not plausible(context.raw[begin : begin + _HEADER]):
        return None
    found, whole = fields(context, begin, end)
    if not whole and PORT not in ports and OURS not in ports:
        return None
    if tcp:
        found.insert(0, length_field(context, start))
    data = context.raw[start:end]
    return Layer(DNS.name, DNS.title, start * 8, len(data) * 8, tuple(found), data, number, DNS.rfc)


def fields(context: Context, begin: int, end: int) -> tuple[list[Field], bool]:
    """The fields of the message in these bytes, and whether all of it is well formed."""
    before, context.start = context.start, begin
    found = _Reader(context, end).all()
    context.start = before
    return found


def length_field(context: Context, start: int) -> Field:
    """The length that stands before a message in TCP."""
    return read_field(_LENGTH, context, start * 8)


def in_words(found: list[Field]) -> str:
    """What a message asks, as far as it can be read: ``"A shop.lab.example"``."""
    for each in found:
        if each.name == "dns.question":
            name, kind, _ = each.children
            return f"{kind.meaning} {name.shown}"
    return ""


def plausible(header: bytes) -> bool:
    """Whether these bytes can begin a query or a response: one question, a known operation, nothing in a free bit."""
    one_question = header[4:6] == b"\0\1"
    answered = header[2] & 0x80 or header[6:8] == b"\0\0"
    return bool(one_question and answered and header[2] >> 3 & 15 in _OPCODES and not header[3] & 0x40)
