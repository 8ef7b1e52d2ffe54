"""dnspython as the judge: it reads what `labkit.dns` writes, and `labkit.dns` reads what it writes.

Rule: where the two differ, the reason stands here; nothing but `BadMessage` ever comes out of `labkit.dns`.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

import dns.edns as their_edns
import dns.exception as their_exception
import dns.message as their_message
import dns.name as their_name
import dns.rdata as their_rdata
import dns.rrset as their_rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import dns  # in place of dnspython's package, which is called dns as well
from labkit.dns import names

IN = int(dns.Class.IN)
PRIVATE_TYPE, PRIVATE_OPTION = 0xFF00, 65001
"""From here on neither of the two knows a record type, or an EDNS option. Source: RFC 6895 §3.1, RFC 6891 §9."""


# --- one form for what a message says, made from either side's message ------------------------------------------------


def said_by_ours(message: dns.Message) -> dict[str, Any]:
    """What a message of ours says; names as their labels, the OPT record apart."""
    plain = [[each for each in section if each.type != dns.Type.OPT] for section in sections(message)]
    edns = message.edns
    return {
        "id": message.id,
        "flags": message.flags,
        "questions": [(names.labels_of(each.name), int(each.type), int(each.qclass)) for each in message.questions],
        "records": [[our_record(each) for each in section] for section in plain],
        "edns": edns and (edns.udp_size, edns.version, edns.dnssec_ok, edns.rcode_high, edns.options),
    }


def sections(message: dns.Message) -> tuple[tuple[dns.Record, ...], ...]:
    return message.answers, message.authority, message.additional


def our_record(record: dns.Record) -> tuple[Any, ...]:
    data: Any = record.data
    if record.type in (dns.Type.CNAME, dns.Type.NS, dns.Type.PTR):
        data = names.labels_of(data)
    elif isinstance(data, dns.Mx):
        data = (data.preference, names.labels_of(data.exchange))
    elif isinstance(data, dns.Soa):
        data = (names.labels_of(data.mname), names.labels_of(data.rname), *data[2:])
    return names.labels_of(record.name), int(record.type), int(record.rclass), record.ttl, data


def said_by_theirs(message: their_message.Message) -> dict[str, Any]:
    """What a message of dnspython's says, in the same form."""
    edns = None
    if message.edns >= 0:
        flags, options = message.ednsflags, tuple((int(each.otype), each.to_wire()) for each in message.options)
        edns = (message.payload, message.edns, bool(flags & 0x8000), flags >> 24, options)
    return {
        "id": message.id,
        "flags": int(message.flags),
        "questions": [(each.name.labels[:-1], int(each.rdtype), int(each.rdclass)) for each in message.question],
        "records": [
            [their_record(rrset, rdata) for rrset in section for rdata in rrset] for section in message.sections[1:]
        ],
        "edns": edns,
    }


def their_record(rrset: their_rrset.RRset, rdata: Any) -> tuple[Any, ...]:
    kind = int(rrset.rdtype)
    if kind in (dns.Type.A, dns.Type.AAAA):
        data = str(ip_address(rdata.address))
    elif kind in (dns.Type.CNAME, dns.Type.NS, dns.Type.PTR):
        data = rdata.target.labels[:-1]
    elif kind == dns.Type.MX:
        data = (rdata.preference, rdata.exchange.labels[:-1])
    elif kind == dns.Type.SOA:
        numbers = (rdata.serial, rdata.refresh, rdata.retry, rdata.expire, rdata.minimum)
        data = (rdata.mname.labels[:-1], rdata.rname.labels[:-1], *numbers)
    elif kind == dns.Type.TXT:
        data = tuple(rdata.strings)
    else:
        data = rdata.data
    return rrset.name.labels[:-1], kind, int(rrset.rdclass), rrset.ttl, data


def made_by_theirs(message: dns.Message) -> their_message.Message:
    """The same message, built of dnspython's own classes."""
    made = their_message.QueryMessage(id=message.id)
    made.flags = message.flags
    for question in message.questions:
        made.question.append(their_rrset.RRset(absolute(question.name), question.qclass, question.type))
    for section, found in zip(made.sections[1:], sections(message), strict=True):
        for record in found:
            if record.type != dns.Type.OPT:
                section.append(their_rrset.from_rdata(absolute(record.name), record.ttl, their_data(record)))
    if message.edns is not None:
        options = [their_edns.GenericOption(*each) for each in message.edns.options]
        flags = message.edns.rcode_high << 24 | message.edns.dnssec_ok << 15
        made.use_edns(message.edns.version, flags, message.edns.udp_size, options=options)
    return made


def absolute(name: str) -> their_name.Name:
    return their_name.Name((*names.labels_of(name), b""))


def their_data(record: dns.Record) -> their_rdata.Rdata:
    kind, data = int(record.type), record.data
    values: Any = (data,)
    if kind in (dns.Type.CNAME, dns.Type.NS, dns.Type.PTR):
        values = (absolute(data),)
    elif isinstance(data, dns.Mx):
        values = (data.preference, absolute(data.exchange))
    elif isinstance(data, dns.Soa):
        values = (absolute(data.mname), absolute(data.rname), *data[2:])
    return their_rdata.get_rdata_class(IN, kind)(IN, kind, *values)


# --- messages of which both know everything ---------------------------------------------------------------------------

# Few labels, some of them alike but for capital letters: most names then end as others do, and are compressed.
_labels = st.one_of(
    st.sampled_from([b"lab", b"LAB", b"example", b"a", b"a.b", b"\\", b"\0", b"\xc0\x0c", b"x" * 63]),
    st.binary(min_size=1, max_size=12),
)
_fits = lambda labels: sum(map(len, labels)) + len(labels) < 255  # noqa: E731
_names = st.lists(_labels, max_size=6).filter(_fits).map(tuple).map(names.text_of)
_u16, _u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
_data = st.one_of(
    st.tuples(st.just(dns.Type.A), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just(dns.Type.AAAA), st.ip_addresses(v=6).map(str)),
    st.tuples(st.sampled_from([dns.Type.NS, dns.Type.CNAME, dns.Type.PTR]), _names),
    st.tuples(st.just(dns.Type.TXT), st.lists(st.binary(max_size=255), min_size=1, max_size=3).map(tuple)),
    st.tuples(st.just(dns.Type.MX), st.builds(dns.Mx, _u16, _names)),
    st.tuples(st.just(dns.Type.SOA), st.builds(dns.Soa, _names, _names, _u32, _u32, _u32, _u32, _u32)),
    st.tuples(st.integers(PRIVATE_TYPE, 0xFFFE), st.binary(max_size=40)),
)
_ttl = st.integers(0, 0x7FFFFFFF)
_records = st.builds(lambda name, data, ttl: dns.Record(name, *data, ttl), _names, _data, _ttl)
_sections = st.lists(_records, max_size=5).map(tuple)
_options = st.lists(st.tuples(st.integers(PRIVATE_OPTION, 65534), st.binary(max_size=9)), max_size=3).map(tuple)
_edns = st.builds(dns.Edns, _u16, st.integers(0, 255), st.booleans(), st.integers(0, 255), _options)
_messages = st.builds(
    lambda message, edns: message if edns is None else dns.Message(
        **{name: getattr(message, name) for name in dns.Message.__slots__ if name != "additional"},
        additional=(*message.additional, edns.record()),
    ),
    st.builds(
        dns.Message,
        id=_u16,
        opcode=st.integers(0, 15).filter(lambda opcode: opcode != dns.Opcode.UPDATE),  # other sections, other rules
        rcode=st.integers(0, 15),
        **dict.fromkeys(
            ("is_response", "authoritative", "truncated", "recursion_desired", "recursion_available", "zero",
             "authentic_data", "checking_disabled"),
            st.booleans(),
        ),
        questions=st.lists(st.builds(dns.Question, _names, _u16, _u16), max_size=3).map(tuple),
        answers=_sections,
        authority=_sections,
        additional=_sections,
    ),
    st.none() | _edns,
)  # fmt: skip


def read_by_theirs(raw: bytes) -> their_message.Message:
    """dnspython's reading, each record for itself, signatures not verified."""
    return their_message.from_wire(raw, keyring=False, one_rr_per_rrset=True)


def lower(said: Any) -> Any:
    """The same with small letters: dnspython points to a name that has other capitals (RFC 4343 §3 allows it)."""
    if isinstance(said, bytes):
        return said.lower()
    if isinstance(said, dict):
        return {name: lower(each) for name, each in said.items()}
    return [lower(each) for each in said] if isinstance(said, (tuple, list)) else said


class TestSameMessages:
    """What one writes the other reads."""

    @settings(max_examples=300)
    @given(_messages)
    def test_it_reads_ours(self, message: dns.Message) -> None:
        assert said_by_theirs(read_by_theirs(message.encode())) == said_by_ours(message)

    @settings(max_examples=300)
    @given(_messages)
    def test_we_read_its(self, message: dns.Message) -> None:
        raw = made_by_theirs(message).to_wire(max_size=0xFFFF)
        assert lower(said_by_ours(dns.Message.decode(raw))) == lower(said_by_ours(message))

    @settings(max_examples=100)
    @given(_messages, st.integers(12, 600))
    def test_it_reads_ours_cut_to_size(self, message: dns.Message, room: int) -> None:
        try:
            raw = message.encode(room)
        except dns.BadMessage:
            return  # not even the questions have room
        assert said_by_theirs(read_by_theirs(raw)) == said_by_ours(dns.Message.decode(raw))

    @pytest.mark.parametrize("depth", [*range(1, 30), 127])
    @pytest.mark.parametrize("backwards", [False, True])
    def test_names_that_grow_by_a_label(self, depth: int, backwards: bool) -> None:
        """Each name could point to the one before it: a chain that is longer than readers follow (names.CHAIN)."""
        labels = tuple(bytes([97 + at % 26]) for at in range(depth))
        grown = [names.text_of(labels[at:]) for at in reversed(range(depth))]
        found = tuple(dns.Record(name, dns.Type.NS, name) for name in (grown[::-1] if backwards else grown))
        message = dns.Message(answers=found)
        raw = message.encode()
        assert said_by_theirs(read_by_theirs(raw)) == said_by_ours(message)
        if depth < names.CHAIN:  # nothing is lost where no chain is too long
            assert len(raw) <= len(made_by_theirs(message).to_wire(max_size=0xFFFF))


# --- bytes that are no message, or a strange one ----------------------------------------------------------------------


def why_only_we_read_it(message: dns.Message, error: Exception) -> str | None:
    """The reason for which it is right to read a message that dnspython refuses; None if there is none."""
    records = [each for section in sections(message) for each in section]
    if isinstance(error, their_message.BadEDNS):
        # We read the record all the same: it is `edns` that knows the rule, and answers with FORMERR follow from it.
        misplaced = [each for each in (*message.answers, *message.authority) if each.type == dns.Type.OPT]
        try:
            return "an OPT record where none belongs" if misplaced or message.edns is None else None
        except dns.BadMessage:
            return "an OPT record with a name, or a second one"
    if isinstance(error, their_name.PointerChainTooLong):
        return "a chain of pointers longer than it follows; it ends all the same"
    if message.opcode == dns.Opcode.UPDATE:
        return "an update: it reads the sections by RFC 2136, and we as of any message"
    if any(each.type == dns.Type.OPT and any(code < PRIVATE_OPTION for code, _ in each.data) for each in records):
        return "an option that it knows and we leave as bytes"
    if any(strange(each) for each in records):
        return "data of a type or class that it knows and we leave as bytes"
    return None


def strange(record: dns.Record) -> bool:
    """Whether dnspython may read more into the record's data than we do."""
    if record.type == dns.Type.OPT:
        return any(code < PRIVATE_OPTION for code, _ in record.data)  # type: ignore[misc, union-attr]
    known = isinstance(record.type, dns.Type) and record.type < dns.Type.IXFR
    return (not known and record.type < PRIVATE_TYPE) or record.rclass != IN


def compare(raw: bytes) -> None:
    """Both read the message, and find the same in it, or both refuse it; else there must be a reason."""
    ours = theirs = refused = error = None
    try:
        theirs = read_by_theirs(raw)
    except their_exception.DNSException as raised:
        error = raised
    try:
        ours = dns.Message.decode(raw)
    except dns.BadMessage as raised:
        refused = raised
    if ours is None:
        assert theirs is None, f"dnspython reads what we refuse: {refused}"
    elif theirs is None:
        assert why_only_we_read_it(ours, error), f"we read what dnspython refuses: {error!r}"
    elif not any(strange(each) for section in sections(ours) for each in section):
        found, expected = said_by_ours(ours), said_by_theirs(theirs)
        for section in found["records"]:  # a TTL has 31 bits; with the 32nd set dnspython makes it 0 (RFC 2181 §8)
            section[:] = [(*each[:3], each[3] if each[3] < 1 << 31 else 0, each[4]) for each in section]
        assert found == expected


class TestMalformed:
    """Whatever the bytes are: two readers, one opinion, or a reason."""

    @settings(max_examples=600)
    @given(_messages, st.data())
    def test_damaged(self, message: dns.Message, data: st.DataObject) -> None:
        raw = bytearray(message.encode())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(raw) - 1))
            pointer = (0xC000 | data.draw(st.integers(0, len(raw)))).to_bytes(2, "big")
            new = data.draw(st.sampled_from([pointer, b"\0", b"\x3f", b"\1", b""]) | st.binary(max_size=3))
            raw[at : at + data.draw(st.integers(0, 3))] = new
            if not raw:
                break
        compare(bytes(raw))

    @settings(max_examples=300)
    @given(st.lists(st.integers(0, 3), min_size=4, max_size=4), st.binary(max_size=120))
    def test_noise_with_a_header(self, counts: list[int], rest: bytes) -> None:
        compare(struct.pack("!6H", 1, 0x8400, *counts) + rest)

    @settings(max_examples=600)
    @given(st.lists(st.one_of(
        st.integers(8, 60).map(lambda to: struct.pack("!H", 0xC000 | to)),
        st.sampled_from([b"\0", b"\1a", b"\2bc", b"\3\0\0\0"]),
        st.integers(1, 9).map(lambda length: bytes([length])),  # a label of whatever follows
    ), max_size=12), st.integers(8, 40))  # fmt: skip
    def test_names_of_labels_and_pointers(self, parts: list[bytes], to: int) -> None:
        """A name that points into bytes which are pointers and labels, also into the middle of each other."""
        data = b"".join(parts)
        record = struct.pack("!BHHIH", 0, PRIVATE_TYPE, IN, 0, len(data)) + data
        name = struct.pack("!HHHIH", 0xC000 | to, PRIVATE_TYPE, IN, 0, 0)
        compare(struct.pack("!6H", 1, 0, 0, 2, 0, 0) + record + name)

    def test_cut_anywhere(self) -> None:
        for name, kind in (("shop.lab.example", dns.Type.A), ("lab.example", dns.Type.SOA), ("x.lab.example", 255)):
            asked = dns.Message(id=1, questions=(dns.Question(name, kind),), additional=(dns.Edns().record(),))
            whole = dns.EXAMPLE.answer(asked.encode())
            assert whole is not None
            for size in range(len(whole) + 1):
                compare(whole[:size])

    OPT = struct.pack("!BHHIH", 0, 41, 1232, 0, 0)

    @pytest.mark.parametrize(
        ("counts", "rest", "reason"),
        [
            ((0, 0, 0, 2), OPT + OPT, "an OPT record with a name, or a second one"),
            ((0, 0, 0, 1), b"\1a" + OPT, "an OPT record with a name, or a second one"),
            ((0, 1, 0, 0), OPT, "an OPT record where none belongs"),
            # client subnet, too short
            ((0, 0, 0, 1), struct.pack("!BHHIHHHB", 0, 41, 1232, 0, 5, 8, 1, 0),
             "an option that it knows and we leave as bytes"),
            # SRV, of one byte
            ((0, 1, 0, 0), struct.pack("!BHHIHB", 0, 33, 1, 0, 1, 0),
             "data of a type or class that it knows and we leave as bytes"),
            # A of the class CH is a name and a number
            ((0, 1, 0, 0), struct.pack("!BHHIHB", 0, 1, 3, 0, 1, 0),
             "data of a type or class that it knows and we leave as bytes"),
        ],
    )  # fmt: skip
    def test_only_we_read(self, counts: tuple[int, ...], rest: bytes, reason: str) -> None:
        raw = struct.pack("!6H", 1, 0x8000, *counts) + rest
        with pytest.raises(their_exception.DNSException) as caught:
            read_by_theirs(raw)
        message = dns.Message.decode(raw)
        assert why_only_we_read_it(message, caught.value) == reason
        assert dns.Message.decode(message.encode()) == message

    @pytest.mark.parametrize("pointers", [1, 16, 17, 127])
    def test_a_long_chain(self, pointers: int) -> None:
        """dnspython follows 16 pointers, we as many as a name can have labels. What we write has ten at most."""
        places = [23, *range(26, 26 + 4 * pointers, 4)]  # of the names with no pointer, one, two, …
        data = b"\1a\0" + b"".join(b"\1b" + struct.pack("!H", 0xC000 | place) for place in places[: pointers - 1])
        record = struct.pack("!BHHIH", 0, PRIVATE_TYPE, IN, 0, len(data)) + data
        name = struct.pack("!H", 0xC000 | places[pointers - 1])
        raw = struct.pack("!6H", 1, 0, 0, 2, 0, 0) + record + name + struct.pack("!HHIH", PRIVATE_TYPE, IN, 0, 0)
        message = dns.Message.decode(raw)
        assert message.answers[1].name == ".".join(["b"] * (pointers - 1) + ["a"])
        compare(raw)
        if pointers > 16:
            with pytest.raises(their_name.PointerChainTooLong):
                read_by_theirs(raw)
        assert said_by_theirs(read_by_theirs(message.encode())) == said_by_ours(message)
