"""A zone: the names one server answers for, and its answer to the bytes of any query.

Rule: `Zone.answer` never raises and never answers an answer; what it does not hold it refuses.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from labkit.core.errors import LabError
from labkit.dns import names, records
from labkit.dns.codes import Class, Opcode, Rcode, Type, word
from labkit.dns.message import HEADER, LARGEST, SMALLEST, Edns, Message, Question
from labkit.dns.names import BadMessage, Writer
from labkit.dns.records import Data, Mx, Record, Soa

UDP_SIZE = 1232
"""Bytes of a datagram that pass every network in one piece: IPv6's smallest MTU of 1280 without 48 of headers."""

QUERY_SIZE = 4096
"""Bytes of a query at most: one question with all its options is far shorter."""

_ALIKE = 3  # records of one name and type that are shown
_CHAIN = 8  # CNAMEs followed for one question
_FORMAT = "A line has a name, a type and its data: www.lab.example A 192.0.2.1"

_EXAMPLE = """
lab.example       SOA    ns.lab.example hostmaster.lab.example 1 7200 900 1209600 300
lab.example       NS     ns.lab.example
lab.example       A      192.0.2.1
lab.example       AAAA   2001:db8::1
lab.example       MX     10 mail.lab.example
ns.lab.example    A      192.0.2.53
ns.lab.example    AAAA   2001:db8::53
mail.lab.example  A      192.0.2.25
www.lab.example   CNAME  web.lab.example
web.lab.example   A      192.0.2.80
web.lab.example   A      192.0.2.81
web.lab.example   AAAA   2001:db8::80
shop.lab.example  CNAME  www.lab.example
away.lab.example  CNAME  www.elsewhere.example
txt.lab.example   TXT    "one text" "and another"
v4only.lab.example  A    192.0.2.4
deep.down.lab.example  A  192.0.2.7
"""


class Records(tuple[Record, ...]):
    """Records that show themselves a line each, as a zone file has them; of many alike, the first few."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = []
        for (name, kind), alike in groupby(self, lambda record: (record.name, record.type)):
            same = [str(record) for record in alike]
            lines += same[:_ALIKE]
            if len(same) > _ALIKE:
                lines.append(f"{name} … {word(Type, kind)} … {len(same) - _ALIKE} more of these")
        return "\n".join(lines) or "no records"


class Zone:
    """The records of a domain and of all names below it.

    origin: the domain. ttl: seconds a record may be kept. udp_size: bytes of a datagram at most, whoever asks for more.
    `names` and `records` list what it holds.
    The first record must be the origin's SOA. Raises LabError for records that no zone can have.
    """

    def __init__(self, origin: str, found: Iterable[Record], *, udp_size: int = UDP_SIZE) -> None:
        self.origin = origin
        self.udp_size = max(SMALLEST, min(udp_size, LARGEST))
        self._origin = names.key(origin)
        self._names: dict[tuple[bytes, ...], list[Record]] = {}
        for record in found:
            self._add(record)
        soa = [each for each in self._names.get(self._origin, ()) if each.type == Type.SOA]
        if len(soa) != 1 or not isinstance(soa[0].data, Soa):
            raise LabError(f"the zone {origin} needs one SOA record", f"Add: {origin} SOA ns.{origin} …")
        # How long "there is none" may be kept is the smaller of the two (RFC 2308 §3).
        self.soa = replace(soa[0], ttl=min(soa[0].ttl, soa[0].data.minimum))

    def __repr__(self) -> str:
        return f"<Zone {self.origin}: {len(self._names)} names, {sum(map(len, self._names.values()))} records>"

    @property
    def names(self) -> tuple[str, ...]:
        """The names that exist in this zone, in the order they were given."""
        return tuple(here[0].name if here else names.text_of(key) for key, here in self._names.items())

    def records(self, name: str | None = None) -> Records:
        """The records of a name (None: of all names); shown as in a zone file. Of a name that is not here: none."""
        if name is not None:
            return Records(self._names.get(names.key(name), ()))
        return Records(record for here in self._names.values() for record in here)

    @classmethod
    def parse(cls, text: str, *, ttl: int = 300, udp_size: int = UDP_SIZE) -> Zone:
        """Make a zone of lines such as ``www.lab.example A 192.0.2.1``; the first is the SOA, # begins a comment.

        ttl: seconds every record may be kept. Raises LabError that names the line.
        """
        found = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                words = shlex.split(line, comments=True)
                if words:
                    found.append(_record(words, ttl))
            except (LabError, ValueError, KeyError, TypeError, IndexError) as error:
                what = f"line {number} of the zone is no record: {line.strip()[:100]!r} ({error})"
                raise LabError(what, _FORMAT) from None
        if not found:
            raise LabError("a zone without any record", _FORMAT)
        return cls(found[0].name, found, udp_size=udp_size)

    def _add(self, record: Record) -> None:
        key = names.key(record.name)
        if key[-len(self._origin) :] != self._origin and self._origin:
            raise LabError(f"{record.name} is not in the zone {self.origin}", "Give it a zone of its own.")
        records.write(Writer(), record)  # what cannot be sent is told now, not to the first who asks
        here = self._names.setdefault(key, [])
        if here and (record.type == Type.CNAME or here[0].type == Type.CNAME):
            raise LabError(f"{record.name} is a CNAME and something else", "A CNAME stands alone (RFC 1034 §3.6.2).")
        here.append(record)
        # A name with names below it exists, though it may hold nothing (RFC 8020 §2).
        for depth in range(1, len(key) - len(self._origin)):
            self._names.setdefault(key[depth:], [])

    def answer(self, query: bytes, transport: str = "udp") -> bytes | None:
        """The response to a query, as bytes; None where there is to be none.

        query: the bytes as they came. transport: ``"udp"``, where a long answer is cut and says so, or ``"tcp"``.
        None is for what is no query at all: fewer bytes than a header, or a response. Two servers would otherwise
        answer each other for ever.
        """
        if len(query) < HEADER or query[2] & 0x80:
            return None
        # What the header alone forbids is answered before anything else is read: a flood of it costs little.
        if query[2] >> 3 & 15 != Opcode.QUERY:
            return _refusal(query, Rcode.NOTIMP)
        if len(query) > QUERY_SIZE or query[4:10] != b"\0\1\0\0\0\0":
            return _refusal(query, Rcode.FORMERR)
        limit = SMALLEST if transport == "udp" else LARGEST
        try:
            asked = Message.decode(query)
            edns = asked.edns
        except BadMessage:
            return _refusal(query, Rcode.FORMERR)
        if edns is None:
            return self._respond(asked).encode(limit)
        if transport == "udp":
            limit = max(SMALLEST, min(edns.udp_size, self.udp_size))
        own = Edns(self.udp_size, dnssec_ok=edns.dnssec_ok)
        if edns.version > 0:
            own = replace(own, rcode_high=Rcode.BADVERS >> 4)
            return asked.reply(Rcode.BADVERS & 15, additional=(own.record(),)).encode(limit)
        response = self._respond(asked)
        return replace(response, additional=(*response.additional, own.record())).encode(limit)

    def _respond(self, asked: Message) -> Message:
        question = asked.questions[0]
        if question.qclass != Class.IN or question.type in (Type.AXFR, Type.IXFR) or not self._holds(question.name):
            return asked.reply(Rcode.REFUSED)
        return self._look_up(asked, question)

    def _holds(self, name: str) -> bool:
        key = names.key(name)
        return len(key) >= len(self._origin) and key[len(key) - len(self._origin) :] == self._origin

    def _look_up(self, asked: Message, question: Question) -> Message:
        answers: list[Record] = []
        name = question.name
        for _ in range(_CHAIN):
            here = self._names.get(names.key(name))
            if here is None:
                return self._nothing(asked, Rcode.NXDOMAIN, answers)
            found = [each for each in here if question.type in (each.type, Type.ANY)]
            if question.type == Type.ANY:  # one type is enough, or a small question would have a huge answer (RFC 8482)
                found = [each for each in found if each.type == found[0].type]
            alias = next((each for each in here if each.type == Type.CNAME), None)
            # The owner is written as it was asked for, capital letters included: some resolvers insist on it.
            if found:
                answers.extend(replace(each, name=name) for each in found)
                return asked.reply(authoritative=True, answers=tuple(answers))
            if alias is None:
                return self._nothing(asked, Rcode.NOERROR, answers)
            answers.append(replace(alias, name=name))
            name = str(alias.data)
            if not self._holds(name):
                break
        return asked.reply(authoritative=True, answers=tuple(answers))

    def _nothing(self, asked: Message, rcode: Rcode, answers: list[Record]) -> Message:
        """There is no such name, or nothing of this type: the SOA says for how long that holds. Source: RFC 2308 §2."""
        return asked.reply(rcode, authoritative=True, answers=tuple(answers), authority=(self.soa,))


def _refusal(query: bytes, rcode: Rcode) -> bytes:
    """The answer to a query of which only the first four bytes are looked at: it has no question."""
    number, flags = int.from_bytes(query[:2], "big"), int.from_bytes(query[2:4], "big")
    return Message(number, True, flags >> 11 & 15, recursion_desired=bool(flags & 0x100), rcode=rcode).encode()


def _record(words: list[str], ttl: int) -> Record:
    name, kind, *rest = words
    number = Type[kind.upper()]
    data: Data
    if number == Type.TXT:
        data = tuple(each.encode("utf8") for each in rest)
    elif number == Type.SOA:
        mname, rname, *numbers = rest
        data = Soa(mname, rname, *map(int, numbers))
    elif number == Type.MX:
        data = Mx(int(rest[0]), rest[1])
    elif len(rest) == 1:
        data = rest[0]
    else:
        raise LabError(f"{kind} takes one word of data, not {len(rest)}")
    return Record(name, number, data, ttl)


def _example() -> Zone:
    # 12 texts of 60 bytes: more than 512 bytes can hold, and less than EDNS allows.
    verses = "".join(f'many.lab.example TXT "{f"text {number:2} of 12, ":.<60}"\n' for number in range(1, 13))
    # 40 of them: more than any datagram of ours.
    flood = "".join(f'huge.lab.example TXT "{f"text {number:2} of 40, ":.<60}"\n' for number in range(1, 41))
    return Zone.parse(_EXAMPLE + verses + flood)


EXAMPLE = _example()
"""The made-up zone ``lab.example``; its addresses are those that RFC 5737 and RFC 3849 keep for documents."""
