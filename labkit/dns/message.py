"""A DNS message: from bytes to values and back.

Rule: no sockets; for any bytes, `Message.decode` soon returns a message or raises `BadMessage`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import Struct

from labkit.core.calls import made_in_words, nearest
from labkit.core.checks import shown as given
from labkit.core.errors import LabError
from labkit.dns import names, records
from labkit.dns.codes import Class, Opcode, Rcode, Type, named, number, word
from labkit.dns.names import BadMessage, Writer
from labkit.dns.records import Options, Record, fits

HEADER = 12
"""Bytes of the header. Source: RFC 1035 §4.1.1."""

SMALLEST, LARGEST = 512, 65535
"""Bytes that every reader of UDP accepts (RFC 1035 §4.2.1), and the most that TCP's length field holds (§4.2.2)."""

_HEADER = Struct("!6H")
_QUESTION = Struct("!HH")


@made_in_words
@dataclass(frozen=True, slots=True)
class Question:
    """A question: a name, the type of the wanted records, and the class. Source: RFC 1035 §4.1.2.

    type, qclass: as in `Type` and `Class`, or the name as text: ``"AAAA"``. Raises `BadMessage` for other values.
    """

    name: str
    type: int = Type.A
    qclass: int = Class.IN

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise BadMessage(f"{self.name!r} is not a name", 'A name is text: "www.lab.example".')
        object.__setattr__(self, "type", number(Type, self.type))  # sets a field of a frozen dataclass
        object.__setattr__(self, "qclass", number(Class, self.qclass))

    def __str__(self) -> str:
        return f"{self.name} {word(Class, self.qclass)} {word(Type, self.type)}"


@made_in_words
@dataclass(frozen=True, slots=True)
class Edns:
    """The content of the OPT record, which is about the message's sender. Source: RFC 6891 §6.1.2, §6.1.3.

    udp_size: bytes that the sender accepts in one datagram. version: 0. dnssec_ok: the sender wants signatures
    (RFC 3225 §3). rcode_high: the upper eight bits of the outcome. options: pairs of number and bytes.
    """

    udp_size: int = 1232
    version: int = 0
    dnssec_ok: bool = False
    rcode_high: int = 0
    options: Options = ()

    def record(self) -> Record:
        """The OPT record with this content. Raises `BadMessage` for a number that does not fit its field."""
        for name, most in (("udp_size", 0xFFFF), ("version", 0xFF), ("rcode_high", 0xFF)):
            fits(name, getattr(self, name), most)
        ttl = self.rcode_high << 24 | self.version << 16 | bool(self.dnssec_ok) << 15
        return Record(".", Type.OPT, self.options, ttl, self.udp_size)


@made_in_words
@dataclass(frozen=True, slots=True)
class Message:
    """A query or a response; its fields have the order of the wire. Source: RFC 1035 §4.1.

    id: the client chooses it, and the server copies it. is_response: QR. authoritative: AA, the server holds the zone
    itself. truncated: TC, records were left out. recursion_desired, recursion_available: RD and RA. zero: Z, always 0.
    authentic_data, checking_disabled: AD and CD (RFC 4035 §3.2). rcode: the four bits of the header.
    """

    id: int = 0
    is_response: bool = False
    opcode: int = Opcode.QUERY
    authoritative: bool = False
    truncated: bool = False
    recursion_desired: bool = False
    recursion_available: bool = False
    zero: bool = False
    authentic_data: bool = False
    checking_disabled: bool = False
    rcode: int = Rcode.NOERROR
    questions: tuple[Question, ...] = ()
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "opcode", number(Opcode, self.opcode))
        object.__setattr__(self, "rcode", number(Rcode, self.rcode))
        for name in ("questions", "answers", "authority", "additional"):
            object.__setattr__(self, name, _all(Question if name == "questions" else Record, name, getattr(self, name)))

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """Read a message from its bytes; no byte may follow the last record.

        Raises `BadMessage`, which names the first byte that is wrong; `LabError` if data is not bytes.
        """
        data = as_bytes(data)
        if len(data) < HEADER:
            raise BadMessage(f"{len(data)} bytes are not a DNS message: the header alone has {HEADER}")
        number_of_message, flags, *counts = _HEADER.unpack_from(data)
        at, questions = HEADER, []
        sections: list[tuple[Record, ...]] = []
        for _ in range(counts[0]):
            name, at = names.read(data, at)
            if at + _QUESTION.size > len(data):
                raise BadMessage(f"the question {name!r} runs past the end of the message")
            kind, qclass = _QUESTION.unpack_from(data, at)
            at += _QUESTION.size
            questions.append(Question(name, named(Type, kind), named(Class, qclass)))
        for count in counts[1:]:
            found = []
            for _ in range(count):
                record, at = records.read(data, at)
                found.append(record)
            sections.append(tuple(found))
        if at != len(data):
            raise BadMessage(f"{len(data) - at} bytes follow the last record that the header counts")
        return cls._of(number_of_message, flags, tuple(questions), sections)

    @classmethod
    def _of(
        cls, number: int, flags: int, questions: tuple[Question, ...], sections: list[tuple[Record, ...]]
    ) -> Message:
        return cls(
            id=number,
            is_response=bool(flags & 0x8000),
            opcode=named(Opcode, flags >> 11 & 15),
            authoritative=bool(flags & 0x0400),
            truncated=bool(flags & 0x0200),
            recursion_desired=bool(flags & 0x0100),
            recursion_available=bool(flags & 0x0080),
            zero=bool(flags & 0x0040),
            authentic_data=bool(flags & 0x0020),
            checking_disabled=bool(flags & 0x0010),
            rcode=named(Rcode, flags & 15),
            questions=questions,
            answers=sections[0],
            authority=sections[1],
            additional=sections[2],
        )

    @property
    def flags(self) -> int:
        """The second 16 bits of the header. Raises `BadMessage` if a number does not fit."""
        if not (0 <= self.opcode < 16 and 0 <= self.rcode < 16):
            raise BadMessage(
                f"opcode {self.opcode} or rcode {self.rcode} does not fit its four bits",
                "The upper bits of an rcode stand in the OPT record: Edns(rcode_high=...).",
            )
        bits = (
            bool(self.is_response) << 15, self.opcode << 11, bool(self.authoritative) << 10, bool(self.truncated) << 9,
            bool(self.recursion_desired) << 8, bool(self.recursion_available) << 7, bool(self.zero) << 6,
            bool(self.authentic_data) << 5, bool(self.checking_disabled) << 4, self.rcode,
        )  # fmt: skip
        return int(sum(bits))

    @property
    def edns(self) -> Edns | None:
        """The content of the OPT record; None without one. Raises `BadMessage` for two, or one not of the root.

        Source: RFC 6891 §6.1.1.
        """
        found = [each for each in self.additional if each.type == Type.OPT]
        if not found:
            return None
        opt = found[0]
        if len(found) > 1 or opt.name != ".":
            raise BadMessage("more than one OPT record, or one with a name", "Give one; its name is the root.")
        options: Options = opt.data  # type: ignore[assignment]  # records.read gives OPT nothing else
        return Edns(int(opt.rclass), opt.ttl >> 16 & 0xFF, bool(opt.ttl & 0x8000), opt.ttl >> 24, options)

    def encode(self, max_size: int | None = None) -> bytes:
        """Make the bytes of the message.

        max_size: bytes at most; None: no limit. Records that do not fit are left out, from the end, but not the OPT
        record. TC is set if a record of answers or authority is left out.
        Raises `BadMessage` if a value does not fit its field, or the message does not fit into 65,535 bytes.
        Source: RFC 1035 §4.1, RFC 2181 §9.
        """
        if max_size is not None and (isinstance(max_size, bool) or not isinstance(max_size, int)):
            raise BadMessage(f"max_size={max_size!r} is not a size", "Give a whole number of bytes, or None: no limit.")
        limit = LARGEST if max_size is None else min(max_size, LARGEST)
        sections = (self.answers, self.authority, self.additional)
        reserved = sum(_size(each) for each in self.additional if each.type == Type.OPT)
        writer = Writer()
        writer.data += bytes(HEADER)
        for question in self.questions:
            writer.name(question.name)
            writer.data += _pack(_QUESTION, question.type, question.qclass)
        counts, full = [0, 0, 0], False
        for index, section in enumerate(sections):
            for record in section:
                is_opt = index == 2 and record.type == Type.OPT
                if full and not is_opt:
                    continue
                reserved -= _size(record) if is_opt else 0
                before = len(writer.data)
                records.write(writer, record)
                if is_opt or len(writer.data) + reserved <= limit:
                    counts[index] += 1
                else:
                    writer.cut(before)
                    full = True
        missing = counts[0] < len(self.answers) or counts[1] < len(self.authority)  # additional records do not count
        if len(writer.data) > limit or (max_size is None and full):
            raise BadMessage(f"the message does not fit into {limit} bytes", "Ask or answer less at a time.")
        flags = self.flags | (0x0200 if missing else 0)
        writer.data[:HEADER] = _pack(_HEADER, self.id, flags, len(self.questions), *counts)
        return bytes(writer.data)

    def reply(self, rcode: int = Rcode.NOERROR, **values: object) -> Message:
        """A response to this query: same id, operation, questions and RD. values: further fields to set."""
        for name in values:
            if name not in self.__slots__:
                raise LabError(f"a message has no {name!r}", f"{nearest(name, self.__slots__)}See dns.Message.")
        reply = Message(self.id, True, self.opcode, recursion_desired=self.recursion_desired, rcode=rcode)
        return replace(reply, questions=self.questions, **values)  # type: ignore[arg-type]  # Message checks the values


def as_bytes(data: object) -> bytes:
    """The bytes of a message; raises `LabError` for other values, with a guess what the student meant."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, tuple) and data and isinstance(data[0], bytes):
        todo = 'Take [0] of it: wait_for("message") gives the data first, then its sender.'
    elif isinstance(data, str):
        todo = "Use bytes.fromhex(...) if the text holds hexadecimal digits. No other text is a message."
    else:
        todo = "Give the data of a datagram, or the result of Message.encode()."
    kind = "text" if isinstance(data, str) else type(data).__name__
    raise LabError(f"a DNS message is made of bytes, and this is not ({kind}): {repr(data)[:60]}", todo)


def _all(kind: type, name: str, given: object) -> tuple[object, ...]:
    """The parts of a section, as a tuple; raises `BadMessage` if one of them is of another kind."""
    if not isinstance(given, (tuple, list)):
        raise BadMessage(f"{name}={repr(given)[:60]} is not a tuple", f"A tuple of one has a comma: {name}=(one,).")
    parts = tuple(given)
    for each in parts:
        if not isinstance(each, kind):
            made = f"dns.{kind.__name__}"
            raise BadMessage(f"{repr(each)[:60]} in {name} is not a {made}", f"Make one: {made}(…).")
    return parts


def _size(record: Record) -> int:
    """Bytes of a record outside a message; in a message, compressed, it can have fewer."""
    writer = Writer()
    records.write(writer, record)
    return len(writer.data)


def _pack(form: Struct, *numbers: int) -> bytes:
    try:
        return form.pack(*numbers)
    except Exception:
        raise BadMessage(f"one of {', '.join(map(given, numbers))} does not fit into 16 bits") from None
