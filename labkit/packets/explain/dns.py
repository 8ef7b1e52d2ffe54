"""DNS messages: the header bit by bit, then each question and record, with the labels and pointers of its names.

Rule: names, order and spans are Wireshark's, and what it leaves without a name is named here; nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable

from labkit.packets.explain.base import Context, Row, Table, as_number, build, flag, number_at, one_of
from labkit.packets.explain.dns_data import CLASSES, DATA, OPT, OPT_ROWS, OPTION, TYPES, UNKNOWN, Piece
from labkit.packets.model import Field, Layer

PORT, OURS = 53, 5300
_OTHERS = frozenset({137, 5353, 5355})  # NetBIOS names, mDNS, LLMNR: nearly the same format, but not DNS
_HEADER_RFC, _NAME_RFC, _UPDATE_RFC = "RFC 1035 §4.1.1", "RFC 1035 §4.1.4", "RFC 2136 §2.2"
_UPDATING = 5  # the opcode of an update, whose sections mean something else
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
    _bit("authoritative", "AA", "Tells first-hand knowledge from what a cache has kept.",
         "the server itself is responsible for this name"),
    _bit("truncated", "TC", "A datagram has little room: says that there is more, to be asked for over TCP.",
         "there was more than fits: ask again over TCP"),
    _bit("recdesired", "RD", "A program wants the whole answer, a resolver asks server after server itself.",
         "ask other servers for me, if you must"),
    _bit("recavail", "RA", "Says whether asking this server for recursion is of any use.",
         "the server does ask others", ""),
    _bit("z", "Z", "Kept free for later, and must be 0; AD and CD were cut from it.", "must be 0"),
    _bit("authenticated", "AD", "Lets a resolver say that it has checked the signatures.", "the data was verified",
         rfc="RFC 4035 §3.2.3"),
    _bit("checkdisable", "CD", "Lets who asks do the checking of signatures itself.", "do not verify for me",
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
        Row("dns.flags", "Flags", 16, "What kind of message it is, and how it went.", _HEADER_RFC, kind="hex",
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
_LENGTH = Row("dns.length", "Length", 16, "TCP keeps no boundaries: so each message says how long it is.",
              "RFC 1035 §4.2.2")  # fmt: skip
_MALFORMED = Row("malformed", "Malformed", 0, "These bytes do not have the form their protocol asks for.",
                 kind="bytes", meaning="no valid part of DNS")  # fmt: skip
_SECTIONS = ("Answer record", "Authority record", "Additional record")
_UPDATE_SECTIONS = ("Prerequisite", "Update", "Additional record")


class Cut(Exception):
    """The message ends, or stops making sense, before the part that was to be read is whole."""


class _Reader:
    """Reads one message. context.start: where it begins in the frame. end: the byte after it."""

    def __init__(self, context: Context, end: int) -> None:
        self.context, self.raw, self.base, self.end = context, context.raw, context.start, end
        self.updating = end >= self.base + _HEADER and self.raw[self.base + 2] >> 3 & 15 == _UPDATING

    def need(self, at: int, size: int) -> int:
        """The position size bytes on, if the message goes on that far."""
        if at + size > self.end:
            raise Cut
        return at + size

    def row(self, row: Row, at: int, bits: int | None = None) -> Field:
        self.need(at, ((row.bits if bits is None else bits) + 7) // 8)
        return build(row, self.context, at * 8, bits)

    # -- names

    def labels(self, at: int) -> tuple[list[bytes], int]:
        """The labels of the name at this byte of the frame, pointers followed; and the byte behind it."""
        found: list[bytes] = []
        begin, behind, size, hops = at, 0, 1, 0
        while True:
            self.need(at, 1)
            length = self.raw[at]
            if length >= 0xC0:
                self.need(at, 2)
                behind, hops = behind or at + 2, hops + 1
                at = self.base + (number_at(self.raw, at * 8, 16) & 0x3FFF)
                if at >= begin or hops > _HOPS:  # forwards, or in a circle
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
        """A pointer: two bits 1, then where in the message the rest of the name stands already."""
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
                     "The same name often stands in a message several times: two bytes then do for it.", _NAME_RFC,
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
        """The parts of a record's data; what does not have the form its type asks for is one malformed field."""
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
            return [build(_MALFORMED, self.context, start * 8, (end - start) * 8)]
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
            if not bits:  # a text, as long as the byte before says, or all that is left
                bits = 8 * (self.raw[at - 1] if piece.counted else end - at)
            field, behind = self.row(row, at, bits), at + bits // 8
        if behind > end:
            raise Cut
        return field, behind

    def all(self) -> tuple[list[Field], bool]:
        """The fields of the message, and whether all of it has the form it should."""
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
            found.append(build(_MALFORMED, self.context, at * 8, (self.end - at) * 8))
        return found, whole


def text_of(labels: list[bytes]) -> str:
    """Labels as text, as Wireshark has them; ``"<Root>"`` where there is none."""
    words = ("".join(chr(each) if 32 < each < 127 else f"\\{each:03}" for each in label) for label in labels)
    return ".".join(words) or "<Root>"


def _kind(name: str, label: str, why: str, rfc: str) -> Row:
    return Row(name, label, 16, why, rfc,
               meaning=lambda value, context: TYPES.get(as_number(value), f"TYPE{value!r}"))  # fmt: skip


def _class(name: str, label: str, rfc: str) -> Row:
    return Row(name, label, 16, "Was meant for other networks than the Internet; it is always IN.", rfc, kind="hex",
               meaning=lambda value, context: CLASSES.get(as_number(value), f"CLASS{value!r}"))  # fmt: skip


_TTL = Row("dns.resp.ttl", "TTL", 32, "For how many seconds this may be kept and told on.", "RFC 1035 §4.1.3",
           meaning=lambda value, context: f"may be kept for {value!r} s")  # fmt: skip
_RDLENGTH = Row("dns.resp.len", "RDLENGTH", 16, "Counts the data, so that records of unknown types can be skipped.",
                "RFC 1035 §4.1.3")  # fmt: skip


def layer(context: Context, below: Layer, start: int, end: int, number: int = 0) -> Layer | None:
    """The DNS message in these bytes of the frame; None where it is none.

    below: the UDP or TCP layer that carries it. number: of the packet. Over TCP a message must be whole in its segment.
    Port 53 is always DNS. On 5300, the port of labkit's server, a header that makes sense is enough, so that what is
    malformed can be looked at. Anywhere else the whole datagram must be one well-formed query or response.
    """
    ports = {each.value for each in below.fields[:2]}
    tcp = below.name == "TCP"
    begin = start + 2 if tcp else start
    if tcp:
        end = min(end, begin + number_at(context.raw, start * 8, 16)) if begin + _HEADER <= end else begin
        if end - begin != number_at(context.raw, start * 8, 16):
            return None  # the middle of a message, or its first part
    if end - begin < _HEADER or ports & _OTHERS:
        return None
    if PORT not in ports and not _plausible(context.raw[begin : begin + _HEADER]):
        return None
    before, context.start = context.start, begin
    fields, whole = _Reader(context, end).all()
    context.start = before
    if not whole and PORT not in ports and OURS not in ports:
        return None
    if tcp:
        fields.insert(0, build(_LENGTH, context, start * 8))
    data = context.raw[start:end]
    return Layer(DNS.name, DNS.title, start * 8, len(data) * 8, tuple(fields), data, number, DNS.rfc)


def _plausible(header: bytes) -> bool:
    """Whether these bytes can begin a query or a response: one question, a known operation, nothing in a free bit."""
    one_question = header[4:6] == b"\0\1"
    answered = header[2] & 0x80 or header[6:8] == b"\0\0"
    return bool(one_question and answered and header[2] >> 3 & 15 in _OPCODES and not header[3] & 0x40)
