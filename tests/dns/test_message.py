"""DNS messages as bytes: RFC 1035's own examples, vectors by hand, Scapy as the judge, and any bytes at all.

Rule: no sockets; what is malformed raises `BadMessage`, soon, and nothing else.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import dns
from labkit.core.errors import LabError
from labkit.dns import names
from labkit.dns.records import shown

HEADER = struct.pack("!6H", 0x1234, 0x0100, 1, 0, 0, 0)
ASKED = HEADER + b"\3www\3lab\7example\0\0\1\0\1"


def response(*counts: int, rest: bytes) -> bytes:
    return struct.pack("!6H", 1, 0x8400, *counts) + rest


class TestRfc1035Names:
    """RFC 1035 §4.1.4: F.ISI.ARPA at byte 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92."""

    MESSAGE = (
        bytes(20) + b"\1F\3ISI\4ARPA\0" + bytes(8) + b"\3FOO\xc0\x14" + bytes(18) + b"\xc0\x1a" + bytes(26) + b"\0"
    )

    @pytest.mark.parametrize(
        ("at", "name", "behind"),
        [(20, "F.ISI.ARPA", 32), (40, "FOO.F.ISI.ARPA", 46), (64, "ARPA", 66), (92, ".", 93)],
    )
    def test_the_example(self, at: int, name: str, behind: int) -> None:
        assert names.read(self.MESSAGE, at) == (name, behind)

    def test_it_is_written_the_same_way(self) -> None:
        writer = names.Writer()
        for name in ("F.ISI.ARPA", "FOO.F.ISI.ARPA", "ARPA", "."):
            writer.name(name)
        assert bytes(writer.data) == b"\1F\3ISI\4ARPA\0\3FOO\xc0\0\xc0\6\0"


class TestNames:
    """Text and labels."""

    @pytest.mark.parametrize(
        ("text", "labels"),
        [
            (".", ()),
            ("", ()),
            ("lab.example", (b"lab", b"example")),
            ("lab.example.", (b"lab", b"example")),
            (r"a\.b.c", (b"a.b", b"c")),
            (r"a\\b\032c\255", (b"a\\b c\xff",)),
            ("ä.example", ("ä".encode(), b"example")),
        ],
    )
    def test_labels(self, text: str, labels: tuple[bytes, ...]) -> None:
        assert names.labels_of(text) == labels

    @pytest.mark.parametrize(
        "text", ["..", ".a", "a..b", "a" * 64, ".".join(["a" * 63] * 4), "a\\", r"a\25", r"a\256", r"a\2x5"]
    )
    def test_what_is_no_name(self, text: str) -> None:
        with pytest.raises(dns.BadMessage):
            names.labels_of(text)

    def test_the_longest(self) -> None:
        longest = ".".join(["a" * 63] * 3 + ["a" * 61])
        message = dns.Message(questions=(dns.Question(longest),))
        assert len(message.encode()) == 12 + 255 + 4
        assert dns.Message.decode(message.encode()) == message

    @given(st.lists(st.binary(min_size=1, max_size=63), max_size=3))
    def test_any_bytes_in_a_label_come_back(self, labels: list[bytes]) -> None:
        text = names.text_of(tuple(labels))
        assert names.labels_of(text) == tuple(labels)
        assert text.isascii()
        assert text.isprintable()


class TestDecode:
    """From bytes to values."""

    def test_a_query(self) -> None:
        assert dns.Message.decode(ASKED) == dns.Message(
            id=0x1234, recursion_desired=True, questions=(dns.Question("www.lab.example", dns.Type.A),)
        )

    def test_every_bit_of_the_flags(self) -> None:
        plain = dns.Message.decode(bytes(12))
        seen = {}
        for bit in range(16):
            found = dns.Message.decode(struct.pack("!6H", 0, 1 << bit, 0, 0, 0, 0))
            assert found.flags == 1 << bit
            seen[bit] = [name for name in dns.Message.__slots__ if getattr(found, name) != getattr(plain, name)]
        assert [seen[bit] for bit in (15, 10, 9, 8, 7, 6, 5, 4)] == [
            ["is_response"],
            ["authoritative"],
            ["truncated"],
            ["recursion_desired"],
            ["recursion_available"],
            ["zero"],
            ["authentic_data"],
            ["checking_disabled"],
        ]
        assert all(seen[bit] == ["opcode"] for bit in (11, 12, 13, 14))
        assert all(seen[bit] == ["rcode"] for bit in (0, 1, 2, 3))

    @pytest.mark.parametrize(
        ("kind", "data", "value"),
        [
            (1, bytes([192, 0, 2, 1]), "192.0.2.1"),
            (28, bytes.fromhex("20010db8") + bytes(11) + b"\1", "2001:db8::1"),
            (5, b"\1a\0", "a"),
            (2, b"\0", "."),
            (12, b"\1a\1b\0", "a.b"),
            (16, b"\2hi\0", (b"hi", b"")),
            (15, b"\0\x0a\1a\0", dns.Mx(10, "a")),
            (6, b"\1a\0\1b\0" + struct.pack("!5I", 1, 2, 3, 4, 5), dns.Soa("a", "b", 1, 2, 3, 4, 5)),
            (0xFF00, b"\xc0\x0c", b"\xc0\x0c"),
            (41, b"\0\x0a\0\2hi\0\3\0\0", ((10, b"hi"), (3, b""))),
        ],
    )
    def test_data(self, kind: int, data: bytes, value: object) -> None:
        raw = response(0, 1, 0, 0, rest=b"\1x\0" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data)
        message = dns.Message.decode(raw)
        assert message.answers == (dns.Record("x", kind, value, 60),)  # type: ignore[arg-type]
        assert message.encode() == raw
        assert str(message.answers[0]).startswith("x 60 IN ")

    @pytest.mark.parametrize(
        ("what", "raw"),
        [
            ("nothing", b""),
            ("half a header", HEADER[:7]),
            ("a count that lies", HEADER),
            ("counts that lie much", struct.pack("!6H", 1, 0, 65535, 65535, 65535, 65535)),
            ("a name past the end", HEADER + b"\3ww"),
            ("a question cut short", ASKED[:-1]),
            ("bytes behind the end", ASKED + b"\0"),
            ("a pointer to itself", HEADER + b"\xc0\x0c\0\1\0\1"),
            ("a pointer forwards", HEADER + b"\xc0\x20\0\1\0\1" + bytes(20)),
            ("a pointer into a circle", HEADER + b"\1a\xc0\x0c\0\1\0\1"),
            ("a pointer into its own label", struct.pack("!6H", 0x0C00, 0, 1, 0, 0, 0) + b"\xc0\0\0\1\0\1"),
            ("half a pointer", HEADER + b"\xc0"),
            ("a label of the kind 01", HEADER + b"\x41" + bytes(80)),
            ("a label of the kind 10", HEADER + b"\x81" + bytes(200)),
            ("a name too long", HEADER + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1"),
            ("a record cut short", response(0, 1, 0, 0, rest=b"\0\0\1\0\1\0\0")),
            ("data past the end", response(0, 1, 0, 0, rest=b"\0\0\1\0\1\0\0\0\0\0\5\1\2\3\4")),
            ("an address of 3 bytes", response(0, 1, 0, 0, rest=b"\0\0\1\0\1\0\0\0\0\0\3\1\2\3")),
            ("a CNAME shorter than its data", response(0, 1, 0, 0, rest=b"\0\0\5\0\1\0\0\0\0\0\3\0\0\0")),
            ("a CNAME longer than its data", response(0, 1, 0, 0, rest=b"\0\0\5\0\1\0\0\0\0\0\1\1a\0")),
            ("a text past its record", response(0, 1, 0, 0, rest=b"\0\0\x10\0\1\0\0\0\0\0\2\5a")),
            ("no text", response(0, 1, 0, 0, rest=b"\0\0\x10\0\1\0\0\0\0\0\0")),
            ("a short MX", response(0, 1, 0, 0, rest=b"\0\0\x0f\0\1\0\0\0\0\0\1\0")),
            ("a short SOA", response(0, 1, 0, 0, rest=b"\0\0\6\0\1\0\0\0\0\0\4\0\0\0\0")),
            ("an option cut short", response(0, 0, 0, 1, rest=b"\0\0\x29\4\0\0\0\0\0\0\3\0\1\0")),
            ("an option past its record", response(0, 0, 0, 1, rest=b"\0\0\x29\4\0\0\0\0\0\0\4\0\1\0\1")),
        ],
    )
    def test_malformed(self, what: str, raw: bytes) -> None:
        with pytest.raises(dns.BadMessage) as caught:
            dns.Message.decode(raw)
        assert isinstance(caught.value, LabError)

    def test_cut_anywhere(self) -> None:
        question = dns.Message(id=1, questions=(dns.Question("shop.lab.example"),)).encode()
        whole = dns.EXAMPLE.answer(question)
        assert whole is not None
        for size in range(len(whole)):
            with pytest.raises(dns.BadMessage):
                dns.Message.decode(whole[:size])

    def test_chains_of_pointers_are_read_soon(self) -> None:
        # As many pointers as fit, each to the one before; then as many records as fit, each with the last of them.
        chain = b"\0" + b"".join(struct.pack("!H", 0xC000 | max(12, 11 + at)) for at in range(0, 16000, 2))
        start = 12 + len(chain) - 2
        before = process_time()
        for name in (struct.pack("!H", 0xC000 | min(start, 0x3FFF)), b"\xc0\x0d"):
            record = name + struct.pack("!HHIH", 0xFF00, 1, 0, 0)
            raw = struct.pack("!6H", 1, 0, 0, 5000, 0, 0) + chain + record * 4000
            with pytest.raises(dns.BadMessage):
                dns.Message.decode(raw)
        assert process_time() - before < 1


_names = st.lists(st.binary(min_size=1, max_size=20), max_size=4).map(lambda labels: names.text_of(tuple(labels)))
_u16, _u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
_data = st.one_of(
    st.tuples(st.just(1), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just(28), st.ip_addresses(v=6).map(str)),
    st.tuples(st.sampled_from([2, 5, 12]), _names),
    st.tuples(st.just(16), st.lists(st.binary(max_size=255), min_size=1, max_size=3).map(tuple)),
    st.tuples(st.just(15), st.builds(dns.Mx, _u16, _names)),
    st.tuples(st.just(6), st.builds(dns.Soa, _names, _names, _u32, _u32, _u32, _u32, _u32)),
    st.tuples(st.integers(256, 0xFFFF), st.binary(max_size=40)),
    st.tuples(st.just(41), st.lists(st.tuples(_u16, st.binary(max_size=9)), max_size=3).map(tuple)),
)
_records = st.builds(lambda name, data, ttl: dns.Record(name, *data, ttl), _names, _data, _u32)
_sections = st.lists(_records, max_size=4).map(tuple)
_messages = st.builds(
    dns.Message,
    id=_u16,
    is_response=st.booleans(),
    opcode=st.integers(0, 15),
    truncated=st.booleans(),
    zero=st.booleans(),
    rcode=st.integers(0, 15),
    questions=st.lists(st.builds(dns.Question, _names, _u16, _u16), max_size=3).map(tuple),
    answers=_sections,
    authority=_sections,
    additional=_sections,
)


class TestAnything:
    """Whatever the bytes or values are."""

    @settings(max_examples=500)
    @given(st.one_of(st.binary(max_size=600), st.binary(max_size=300).map(lambda rest: HEADER + rest)))
    def test_any_bytes(self, raw: bytes) -> None:
        try:
            message = dns.Message.decode(raw)
        except dns.BadMessage:
            return
        assert dns.Message.decode(message.encode()) == message

    @settings(max_examples=300)
    @given(_messages, st.data())
    def test_a_message_comes_back_and_damaged_ones_do_no_harm(self, message: dns.Message, data: st.DataObject) -> None:
        raw = message.encode()
        assert dns.Message.decode(raw) == message
        damaged = bytearray(raw)
        for _ in range(data.draw(st.integers(1, 3))):
            damaged[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        self.test_any_bytes.hypothesis.inner_test(self, bytes(damaged))  # type: ignore[attr-defined]

    @settings(max_examples=200)
    @given(_messages, st.integers(0, 700))
    def test_into_little_room(self, message: dns.Message, room: int) -> None:
        try:
            raw = message.encode(room)
        except dns.BadMessage:
            return
        assert len(raw) <= room
        got = dns.Message.decode(raw)
        for mine, whole in ((got.answers, message.answers), (got.authority, message.authority)):
            assert mine == whole[: len(mine)]
        missing = (got.answers, got.authority) != (message.answers, message.authority)
        assert got.truncated == (message.truncated or missing)
        assert [each for each in got.additional if each.type == 41] == [
            each for each in message.additional if each.type == 41
        ]


class TestEncode:
    """From values to bytes."""

    @pytest.mark.parametrize(
        "record",
        [
            dns.Record("a", dns.Type.A, "192.0.2.256"),
            dns.Record("a", dns.Type.A, b"\1\2\3"),
            dns.Record("a", dns.Type.AAAA, "192.0.2.1"),
            dns.Record("a", dns.Type.TXT, ()),
            dns.Record("a", dns.Type.TXT, (b"x" * 256,)),
            dns.Record("a", dns.Type.TXT, "text"),
            dns.Record("a", dns.Type.CNAME, b"x"),
            dns.Record("a", dns.Type.MX, "mail"),
            dns.Record("a", dns.Type.MX, dns.Mx(70000, "mail")),
            dns.Record("a", dns.Type.SOA, dns.Soa("a", "b", -1, 0, 0, 0, 0)),
            dns.Record("a", dns.Type.OPT, (b"x",)),
            dns.Record("a", dns.Type.OPT, ((1, b"x" * 65536),)),
            dns.Record("a", 65536, b""),
            dns.Record("a", 999, "text"),
            dns.Record("a", 999, b"x" * 65536),
            dns.Record("a", dns.Type.A, "192.0.2.1", ttl=-1),
            dns.Record("a", dns.Type.A, "192.0.2.1", ttl=1 << 32),
        ],
    )
    def test_what_fits_no_record(self, record: dns.Record) -> None:
        with pytest.raises(dns.BadMessage):
            dns.Message(answers=(record,)).encode()

    @pytest.mark.parametrize(
        "message",
        [
            dns.Message(id=65536),
            dns.Message(opcode=16),
            dns.Message(rcode=16),
            dns.Message(questions=(dns.Question("a", 65536),)),
            dns.Message(answers=(dns.Record("a", 999, b"x" * 60000),) * 2),
            dns.Message(additional=(dns.Record("a", 999, b"x" * 60000),) * 2),
        ],
    )
    def test_what_fits_no_message(self, message: dns.Message) -> None:
        with pytest.raises(dns.BadMessage):
            message.encode()

    def test_too_far_away_for_a_pointer(self) -> None:
        filler = dns.Record(".", 999, b"x" * 0x4000)
        records = (filler, *(dns.Record("far.example", dns.Type.CNAME, "far.example"),) * 2)
        message = dns.Message(answers=records)
        assert message.encode().count(b"\3far\7example\0") == 4
        assert dns.Message.decode(message.encode()) == message

    def test_records_on_one_line(self) -> None:
        assert shown((b'a "b" \\\xff',)) == r'"a \"b\" \\\255"'
        assert shown(b"\1\2") == r"\# 2 0102"
        assert shown(((10, b"abc"),)) == "option 10 (3 bytes)"
        assert str(dns.Question("a", 65, 1)) == "a IN TYPE65"
        assert str(dns.Record("a", dns.Type.MX, dns.Mx(10, "b"))) == "a 300 IN MX 10 b"

    def test_edns(self) -> None:
        edns = dns.Edns(4096, dnssec_ok=True, rcode_high=1, options=((10, b"x"),))
        message = dns.Message(additional=(edns.record(),))
        assert dns.Message.decode(message.encode()).edns == edns
        for twice in (replace(message, additional=(edns.record(),) * 2),
                      replace(message, additional=(replace(edns.record(), name="a"),))):  # fmt: skip
            with pytest.raises(dns.BadMessage):
                _ = twice.edns


class TestScapyAgrees:
    """Scapy reads what we write, and we read what it writes."""

    def test_it_reads_ours(self) -> None:
        layers = pytest.importorskip("scapy.layers.dns")
        for name, kind in (("shop.lab.example", 1), ("lab.example", 15), ("lab.example", 6), ("txt.lab.example", 16)):
            raw = dns.EXAMPLE.answer(dns.Message(id=9, questions=(dns.Question(name, kind),)).encode())
            assert raw is not None
            ours, scapys = dns.Message.decode(raw), layers.DNS(raw)
            assert (scapys.id, scapys.aa, scapys.qr, scapys.ancount) == (9, 1, 1, len(ours.answers))
            assert [each.rrname.decode().rstrip(".") for each in scapys.an] == [each.name for each in ours.answers]
            assert [each.type for each in scapys.an] == [each.type for each in ours.answers]

    def test_we_read_its(self) -> None:
        layers = pytest.importorskip("scapy.layers.dns")
        made = layers.DNS(
            id=7, rd=1, qr=1, aa=1,
            qd=layers.DNSQR(qname="www.lab.example", qtype="A"),
            an=[layers.DNSRR(rrname="www.lab.example", type="CNAME", rdata="web.lab.example", ttl=5),
                layers.DNSRR(rrname="web.lab.example", type="A", rdata="192.0.2.80", ttl=6)],
            ns=[], ar=[layers.DNSRROPT(rclass=1400)],
        )  # fmt: skip
        for packet in (made, made.compress()):
            message = dns.Message.decode(bytes(packet))
            assert message.answers == (
                dns.Record("www.lab.example", dns.Type.CNAME, "web.lab.example", 5),
                dns.Record("web.lab.example", dns.Type.A, "192.0.2.80", 6),
            )
            assert message.edns is not None
            assert message.edns.udp_size == 1400


class TestWordsOfAStudent:
    """What is often written in place of a type, a name or a message."""

    @pytest.mark.parametrize(("given", "kind"), [
        ("A", dns.Type.A), ("aaaa", dns.Type.AAAA), (dns.Type.MX, dns.Type.MX), (16, dns.Type.TXT), (65280, 65280),
    ])  # fmt: skip
    def test_a_type_may_be_given_by_its_name(self, given: Any, kind: int) -> None:
        question = dns.Question("www.lab.example", given)
        assert question.type == kind
        assert question == dns.Question("www.lab.example", kind)
        query = dns.Message(id=7, questions=(question,))
        assert dns.Message.decode(query.encode()) == query

    def test_a_class_too(self) -> None:
        assert dns.Question("lab.example", "NS", "in") == dns.Question("lab.example", dns.Type.NS)  # type: ignore[arg-type]

    @pytest.mark.parametrize("given", ["AAA", "", None, 1.0, True, b"A"])
    def test_what_is_no_type(self, given: Any) -> None:
        with pytest.raises(dns.BadMessage) as caught:
            dns.Question("www.lab.example", given)
        assert str(caught.value).startswith(f"{given!r} is not a DNS type. Give a dns.Type, such as dns.Type.A, or ")
        assert "AAAA" in str(caught.value)

    def test_what_is_no_name(self) -> None:
        with pytest.raises(dns.BadMessage, match=r"5 is not a name\. A name is text"):
            dns.Question(5)  # type: ignore[arg-type]

    @pytest.mark.parametrize(("given", "said"), [
        ("0007 0000", r"\(text\): '0007 0000'\. Use bytes\.fromhex"),
        ((b"abc", "sender"), r"\(tuple\): .*Take \[0\] of it"),
        (5, r"\(int\): 5\. Give the data of a datagram"),
        (None, r"\(NoneType\): None\."),
    ])  # fmt: skip
    def test_what_is_no_bytes(self, given: Any, said: str) -> None:
        with pytest.raises(LabError, match="a DNS message is made of bytes, and this is not " + said):
            dns.Message.decode(given)

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_every_kind_of_bytes(self, kind: Any) -> None:
        assert dns.Message.decode(kind(dns.Message(id=7).encode())).id == 7
