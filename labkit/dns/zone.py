"""A zone: the names that one server answers for, and its answer to the bytes of a query.

Rule: `Zone.answer` raises for no bytes, never answers a response, and refuses names outside the zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby

from labkit.core.calls import made_in_words
from labkit.core.errors import LabError
from labkit.dns import names, records
from labkit.dns.codes import Class, Opcode, Rcode, Type, word
from labkit.dns.lines import FORMAT, record_of, words_of
from labkit.dns.message import HEADER, LARGEST, SMALLEST, Edns, Message, Question, as_bytes
from labkit.dns.names import BadMessage, Key, Writer
from labkit.dns.records import Record, Soa

UDP_SIZE = 1232
"""Bytes of a datagram that no network cuts into fragments: IPv6's smallest MTU of 1280 without 48 of headers."""

QUERY_SIZE = 4096
"""Most bytes of a query; one question with all its options is far shorter."""

_ALIKE = 3  # shown records of one name and type
_DS = 43  # RFC 4034 §5

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
    """Records whose repr has one line each, as in a zone file; of many records of one name and type, only the first."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = []
        for (name, kind), alike in groupby(self, lambda record: (record.name, record.type)):
            same = [str(record) for record in alike]
            lines += same[:_ALIKE]
            if len(same) > _ALIKE:
                lines.append(f"{name} … {word(Type, kind)} … {len(same) - _ALIKE} more of these")
        return "\n".join(lines) or "no records"


class _Misfit(LabError):
    """A record that its zone cannot have. at: its index in the list of records."""

    at = 0


@made_in_words
class Zone:
    """The records of a domain and of all names below it.

    origin: the domain. found: its records, in any order; one is the origin's SOA. udp_size: most bytes of a datagram,
    also if a query allows more. `names` and `records` list the content.

    ``*.lab.example`` stands for every name that does not exist (RFC 4592). An NS record of a name below the origin
    gives that name, and all names below it, to other servers (RFC 1034 §4.3.2): the zone then has only the addresses
    that are needed to find these servers. Raises `LabError` for records that no zone can have.
    """

    def __init__(self, origin: str, found: Iterable[Record], *, udp_size: int = UDP_SIZE) -> None:
        self._origin = names.key(origin)  # raises BadMessage if it is not a name
        if isinstance(udp_size, bool) or not isinstance(udp_size, int):
            raise LabError(f"udp_size={udp_size!r} is not a size", "Give a whole number of bytes, such as 1232.")
        self.origin = origin
        self.udp_size = max(SMALLEST, min(udp_size, LARGEST))
        self._names: dict[Key, list[Record]] = {}
        self._cuts: set[Key] = set()
        self._said: set[tuple[Key, int, bytes]] = set()
        held = _as_records(found)
        for at, record in enumerate(held):
            self._checked(self._add, record, at)
        for at, record in enumerate(held):
            self._checked(self._check_cut, record, at)
        soa = [each for each in self._names.get(self._origin, ()) if each.type == Type.SOA]
        if not soa or not isinstance(soa[0].data, Soa):
            raise LabError(f"the zone {origin} needs one SOA record", f"Add: {origin} SOA ns.{origin} …")
        # A resolver may keep "no such name" for the smaller of these two times (RFC 2308 §3).
        self.soa = replace(soa[0], ttl=min(soa[0].ttl, soa[0].data.minimum))

    def __repr__(self) -> str:
        return f"<Zone {self.origin}: {len(self._names)} names, {sum(map(len, self._names.values()))} records>"

    @property
    def names(self) -> tuple[str, ...]:
        """The names that exist in this zone, in the order they were given."""
        return tuple(here[0].name if here else names.text_of(key) for key, here in self._names.items())

    def records(self, name: str | None = None) -> Records:
        """The records of a name (None: of all names), shown as in a zone file; empty if there is no such name."""
        if name is not None:
            return Records(self._names.get(names.key(name), ()))
        return Records(record for here in self._names.values() for record in here)

    @classmethod
    def parse(cls, text: str, *, ttl: int = 300, udp_size: int = UDP_SIZE) -> Zone:
        """Make a zone of lines such as ``www.lab.example A 192.0.2.1``; the first is the SOA, # or ; begins a comment.

        ttl: seconds that a resolver may keep a record, if its line does not say it: ``www.lab.example 60 A 192.0.2.1``.
        Raises `LabError` that names the line.
        """
        if not isinstance(text, str):
            raise LabError(f"a zone is made of text, and this is not: {repr(text)[:60]}", FORMAT)
        found: list[Record] = []
        places: list[tuple[int, str]] = []
        # Only a line feed ends a line, as in an editor; `splitlines` would divide a text at a form feed, too. Some
        # editors begin a file with a byte order mark, which is no part of its first name.
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
            try:
                words = words_of(line)
                if words:
                    found.append(record_of(words, ttl))
                    places.append((number, line))
            except LabError as error:
                raise _of_line(number, line, error) from None
        if not found:
            raise LabError("this zone has no record", FORMAT)
        if found[0].type != Type.SOA:
            first = LabError(f"the first record is {word(Type, found[0].type)}, and not SOA", "Begin with the SOA.")
            raise _of_line(*places[0], first)
        try:
            return cls(found[0].name, found, udp_size=udp_size)
        except _Misfit as error:
            raise _of_line(*places[error.at], error) from None

    @staticmethod
    def _checked(check: Callable[[Record], None], record: Record, at: int) -> None:
        try:
            check(record)
        except LabError as error:
            misfit = _Misfit(error.what, error.todo)
            misfit.at = at
            raise misfit from None

    def _add(self, record: Record) -> None:
        key = names.key(record.name)
        # Refuse now a record that cannot be sent, and not at the first query for it.
        data = _wire(record)
        records.fits("ttl", record.ttl, 0x7FFFFFFF)  # RFC 2181 §8
        if key[-len(self._origin) :] != self._origin and self._origin:
            raise LabError(f"{record.name} is not in the zone {self.origin}", "Give it a zone of its own.")
        here = self._names.setdefault(key, [])
        if record.type == Type.SOA and (key != self._origin or any(each.type == Type.SOA for each in here)):
            raise LabError(f"{record.name} has a second SOA", f"A zone has one SOA, at its top: {self.origin}.")
        if record.rclass != Class.IN or record.type in (Type.OPT, Type.ANY, Type.AXFR, Type.IXFR):
            raise LabError(f"{record.name} has a record that no zone has: {record}", "A zone holds data of class IN.")
        if here and (record.type == Type.CNAME) != (here[0].type == Type.CNAME):
            raise LabError(f"{record.name} is a CNAME and something else", "A CNAME stands alone (RFC 1034 §3.6.2).")
        said = (key, record.type, data)
        if said in self._said:
            return  # a zone keeps equal records once (RFC 2181 §5)
        self._said.add(said)
        if here and record.type == Type.CNAME:
            raise LabError(f"{record.name} is a CNAME of two names", "A CNAME stands alone (RFC 1034 §3.6.2).")
        if record.type == Type.NS and key[0:1] == (b"*",):
            raise LabError(
                f"{record.name} gives names that do not exist to other servers",
                "Take the NS record out: RFC 4592 §4.2 leaves its meaning open.",
            )
        here.append(record)
        if record.type == Type.NS and key != self._origin:
            self._cuts.add(key)
        # A name with names below it exists, also if it has no record (RFC 8020 §2).
        for depth in range(1, len(key) - len(self._origin)):
            self._names.setdefault(key[depth:], [])

    def _check_cut(self, record: Record) -> None:
        """Refuse a record that no answer would ever hold, because other servers answer for its name."""
        key = names.key(record.name)
        cut = self._cut_above(key)
        if cut is not None and record.type not in (Type.A, Type.AAAA) and (record.type != Type.NS or key != cut):
            given = names.text_of(cut)
            raise LabError(
                f"{given} has NS records, so its servers answer for {record.name}, and not this zone",
                f"Take the record out, or the NS records of {given}. Only addresses may stand there.",
            )

    def answer(self, query: bytes, transport: str = "udp") -> bytes | None:
        """The response to a query, as bytes; None if the server must not answer.

        query: the bytes as they came. transport: ``"udp"``, which cuts a long answer and sets TC, or ``"tcp"``.
        It is None for bytes that are not a query: fewer than a header, or a response. Otherwise two servers could
        answer each other for ever. Raises `LabError` for a query that is not bytes, or another transport.
        """
        if not isinstance(query, bytes):
            query = as_bytes(query)
        if transport not in ("udp", "tcp"):
            raise LabError(f"{transport!r} is not a transport of DNS", 'Give "udp" or "tcp".')
        if len(query) < HEADER or query[2] & 0x80:
            return None
        # If the header alone forbids the query, answer before reading more: a flood of such queries then costs little.
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
        """The algorithm of RFC 1034 §4.3.2, from step 3 on."""
        answers: list[Record] = []
        name, seen = question.name, set()
        while self._holds(name):
            key = names.key(name)
            if key in seen:  # the aliases lead in a circle: the answer has each of them once
                break
            seen.add(key)
            cut = self._cut_above(key)
            if cut is not None and (question.type != _DS or key != cut):  # DS is kept above the cut (RFC 4035 §3.1.4.1)
                return self._referral(asked, answers, cut)
            here = self._at(key)
            if here is None:
                return self._nothing(asked, Rcode.NXDOMAIN, answers)
            found = [each for each in here if question.type in (each.type, Type.ANY)]
            if question.type == Type.ANY:  # one type is enough: else a small question has a huge answer (RFC 8482)
                found = [each for each in found if each.type == found[0].type]
            alias = next((each for each in here if each.type == Type.CNAME), None)
            # The owner keeps the capital letters of the question: some resolvers check this.
            if found:
                answers.extend(replace(each, name=name) for each in found)
                break
            if alias is None:
                return self._nothing(asked, Rcode.NOERROR, answers)
            answers.append(replace(alias, name=name))
            name = str(alias.data)
        return asked.reply(authoritative=True, answers=tuple(answers))

    def _at(self, key: Key) -> list[Record] | None:
        """The records of a name, its own or a wildcard's; None if there is no such name. Source: RFC 4592 §3.3.1."""
        if key in self._names:
            return self._names[key]
        for depth in range(1, len(key) - len(self._origin) + 1):
            if key[depth:] in self._names:  # the closest encloser: the only place where a wildcard counts
                return self._names.get((b"*", *key[depth:]))
        return None

    def _cut_above(self, key: Key) -> Key | None:
        """The highest name, this one or above it, that NS records give to other servers; None if this zone answers."""
        if self._cuts:
            for depth in reversed(range(len(key) - len(self._origin))):
                if key[depth:] in self._cuts:
                    return key[depth:]
        return None

    def _referral(self, asked: Message, answers: list[Record], cut: Key) -> Message:
        """Refer to other servers: their names, and their addresses if this zone has them."""
        servers = [each for each in self._names[cut] if each.type == Type.NS]
        glue = [
            each
            for server in servers
            for each in self._names.get(names.key(str(server.data)), ())
            if each.type in (Type.A, Type.AAAA)
        ]
        # The zone is the authority for the aliases that led here; without an alias, for nothing in this answer.
        return asked.reply(
            authoritative=bool(answers), answers=tuple(answers), authority=tuple(servers), additional=tuple(glue)
        )

    def _nothing(self, asked: Message, rcode: Rcode, answers: list[Record]) -> Message:
        """Say that the name or the type does not exist; the SOA says how long that holds. Source: RFC 2308 §2."""
        return asked.reply(rcode, authoritative=True, answers=tuple(answers), authority=(self.soa,))


def _refusal(query: bytes, rcode: Rcode) -> bytes:
    """An answer without a question, made from only the first four bytes of a query."""
    number, flags = int.from_bytes(query[:2], "big"), int.from_bytes(query[2:4], "big")
    return Message(number, True, flags >> 11 & 15, recursion_desired=bool(flags & 0x100), rcode=rcode).encode()


def _as_records(found: Iterable[Record]) -> list[Record]:
    if isinstance(found, (str, bytes)) or not isinstance(found, Iterable):
        raise LabError(f"{repr(found)[:60]} is not a list of records", "Give dns.Record, or text to dns.Zone.parse.")
    held = list(found)
    for each in held:
        if not isinstance(each, Record):
            todo = 'Give dns.Record("www.lab.example", "A", "192.0.2.1").'
            raise LabError(f"{repr(each)[:60]} is not a dns.Record", todo)
    return held


def _wire(record: Record) -> bytes:
    """A key that is equal for two records with the same content."""
    writer = Writer()
    records.write(writer, replace(record, name=".", ttl=0))
    return bytes(writer.data)


def _of_line(number: int, line: str, error: LabError) -> LabError:
    what = f"line {number} of the zone is not a record: {line.strip()[:100]!r} ({error.what})"
    return LabError(what, error.todo or FORMAT)


def _example() -> Zone:
    # 12 texts of 60 bytes: more than 512 bytes, and less than EDNS allows.
    verses = "".join(f'many.lab.example TXT "{f"text {number:2} of 12, ":.<60}"\n' for number in range(1, 13))
    # 40 texts: more than any datagram of ours holds.
    flood = "".join(f'huge.lab.example TXT "{f"text {number:2} of 40, ":.<60}"\n' for number in range(1, 41))
    return Zone.parse(_EXAMPLE + verses + flood)


EXAMPLE = _example()
"""The made-up zone ``lab.example``; RFC 5737 and RFC 3849 keep its addresses for documents."""
