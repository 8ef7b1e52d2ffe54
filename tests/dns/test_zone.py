"""The answers of a zone: what it holds, what it does not, and what it says to what is no query.

Rule: no sockets; `Zone.answer` never raises.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import dns
from labkit.core.errors import LabError

SOA = "lab.example SOA ns.lab.example me.lab.example 1 2 3 4 5\n"


def query(name: str, kind: int = dns.Type.A, edns: dns.Edns | None = None, **fields: object) -> dns.Message:
    additional = () if edns is None else (edns.record(),)
    message = dns.Message(id=7, recursion_desired=True, questions=(dns.Question(name, kind),), additional=additional)
    return replace(message, **fields)  # type: ignore[arg-type]


def ask(name: str, kind: int = dns.Type.A, transport: str = "udp", edns: dns.Edns | None = None) -> dns.Message:
    asked = query(name, kind, edns)
    raw = dns.EXAMPLE.answer(asked.encode(), transport)
    assert raw is not None
    answer = dns.Message.decode(raw)
    assert (answer.id, answer.is_response, answer.recursion_desired) == (7, True, True)
    assert not answer.recursion_available
    assert answer.questions == asked.questions
    return answer


def data(answer: dns.Message) -> list[object]:
    return [each.data for each in answer.answers]


class TestAnswers:
    """RFC 1034 §4.3.2: the server's algorithm, as far as one zone needs it."""

    @pytest.mark.parametrize(
        ("name", "kind", "expected"),
        [
            ("lab.example", "A", ["192.0.2.1"]),
            ("lab.example", "AAAA", ["2001:db8::1"]),
            ("LAB.Example", "A", ["192.0.2.1"]),
            ("web.lab.example", "A", ["192.0.2.80", "192.0.2.81"]),
            ("www.lab.example", "A", ["web.lab.example", "192.0.2.80", "192.0.2.81"]),
            ("shop.lab.example", "AAAA", ["www.lab.example", "web.lab.example", "2001:db8::80"]),
            ("shop.lab.example", "CNAME", ["www.lab.example"]),
            ("away.lab.example", "A", ["www.elsewhere.example"]),
            ("txt.lab.example", "TXT", [(b"one text", b"and another")]),
            ("lab.example", "NS", ["ns.lab.example"]),
            ("lab.example", "MX", [dns.Mx(10, "mail.lab.example")]),
        ],
    )
    def test_what_is_there(self, name: str, kind: str, expected: list[object]) -> None:
        answer = ask(name, dns.Type[kind])
        assert (answer.rcode, answer.authoritative, answer.authority) == (dns.Rcode.NOERROR, True, ())
        assert data(answer) == expected
        assert answer.answers[0].name == name  # with the capital letters of the question

    @pytest.mark.parametrize(
        ("name", "kind", "rcode", "answers"),
        [
            ("nowhere.lab.example", "A", "NXDOMAIN", 0),
            ("nowhere.www.lab.example", "A", "NXDOMAIN", 0),
            ("v4only.lab.example", "AAAA", "NOERROR", 0),
            ("down.lab.example", "A", "NOERROR", 0),
            ("www.lab.example", "TXT", "NOERROR", 2 - 1),
        ],
    )
    def test_what_is_not(self, name: str, kind: str, rcode: str, answers: int) -> None:
        answer = ask(name, dns.Type[kind])
        assert (answer.rcode, answer.authoritative, len(answer.answers)) == (dns.Rcode[rcode], True, answers)
        (soa,) = answer.authority
        assert (soa.name, soa.type, soa.ttl) == ("lab.example", dns.Type.SOA, 300)

    @pytest.mark.parametrize("name", ["elsewhere.example", "example", ".", "xlab.example", "lab.example.org"])
    def test_outside_the_zone(self, name: str) -> None:
        answer = ask(name)
        assert (answer.rcode, answer.authoritative, answer.answers) == (dns.Rcode.REFUSED, False, ())

    @pytest.mark.parametrize("kind", [dns.Type.AXFR, dns.Type.IXFR])
    def test_nobody_gets_the_whole_zone(self, kind: dns.Type) -> None:
        assert ask("lab.example", kind, "tcp").rcode == dns.Rcode.REFUSED

    def test_any_is_one_type(self) -> None:
        assert {each.type for each in ask("lab.example", dns.Type.ANY).answers} == {dns.Type.SOA}

    def test_a_circle_of_aliases_ends(self) -> None:
        zone = dns.Zone.parse(SOA + "a.lab.example CNAME b.lab.example\nb.lab.example CNAME a.lab.example\n")
        raw = zone.answer(query("a.lab.example").encode())
        assert raw is not None
        assert len(dns.Message.decode(raw).answers) == 2  # each of them once

    def test_an_alias_to_nothing(self) -> None:
        zone = dns.Zone.parse(SOA + "a.lab.example CNAME b.lab.example\n")
        raw = zone.answer(query("a.lab.example").encode())
        assert raw is not None
        answer = dns.Message.decode(raw)
        assert (answer.rcode, len(answer.answers), len(answer.authority)) == (dns.Rcode.NXDOMAIN, 1, 1)


class TestSizes:
    """RFC 1035 §4.2.1, RFC 6891 §6.2.3: how long an answer may be."""

    @pytest.mark.parametrize(
        ("size", "limit", "whole"),
        [(None, 512, False), (0, 512, False), (512, 512, False), (1232, 1232, True), (65535, 1232, True)],
    )
    def test_udp(self, size: int | None, limit: int, whole: bool) -> None:
        edns = None if size is None else dns.Edns(size)
        raw = dns.EXAMPLE.answer(query("many.lab.example", dns.Type.TXT, edns).encode())
        assert raw is not None
        assert len(raw) <= limit
        answer = dns.Message.decode(raw)
        assert (answer.truncated, len(answer.answers) == 12) == (not whole, whole)
        assert (answer.edns is None) == (edns is None)

    def test_more_than_any_datagram(self) -> None:
        assert ask("huge.lab.example", dns.Type.TXT, edns=dns.Edns(65535)).truncated
        answer = ask("huge.lab.example", dns.Type.TXT, "tcp")
        assert (answer.truncated, len(answer.answers)) == (False, 40)

    def test_edns_is_answered_in_kind(self) -> None:
        edns = ask("lab.example", edns=dns.Edns(4096, dnssec_ok=True, options=((10, b"12345678"),))).edns
        assert edns == dns.Edns(1232, dnssec_ok=True)

    def test_a_newer_edns(self) -> None:
        answer = ask("lab.example", edns=dns.Edns(version=1))
        assert answer.edns is not None
        assert (answer.edns.rcode_high << 4 | answer.rcode, answer.answers) == (dns.Rcode.BADVERS, ())


class TestNoQuery:
    """FORMERR, NOTIMP, or nothing."""

    def refused(self, raw: bytes) -> int:
        answer = dns.EXAMPLE.answer(raw)
        assert answer is not None
        message = dns.Message.decode(answer)
        assert message == dns.Message(
            id=int.from_bytes(raw[:2], "big"), is_response=True, opcode=raw[2] >> 3 & 15,
            recursion_desired=bool(raw[2] & 1), rcode=message.rcode,
        )  # fmt: skip
        return message.rcode

    def test_a_response_is_not_answered(self) -> None:
        for raw in (query("lab.example", is_response=True).encode(), b"\0\1\x80" + bytes(30)):
            assert dns.EXAMPLE.answer(raw) is None
        own = dns.EXAMPLE.answer(query("lab.example").encode())
        assert own is not None
        assert dns.EXAMPLE.answer(own) is None

    def test_less_than_a_header(self) -> None:
        assert [dns.EXAMPLE.answer(bytes(size)) for size in range(12)] == [None] * 12

    @pytest.mark.parametrize("opcode", [1, 2, 4, 5, 15])
    def test_other_operations(self, opcode: int) -> None:
        assert self.refused(query("lab.example", opcode=opcode).encode()) == dns.Rcode.NOTIMP

    def test_malformed(self) -> None:
        good = query("lab.example").encode()
        record = dns.Record("lab.example", dns.Type.A, "192.0.2.1")
        wrong = [
            good[:-1],
            good + b"\0",
            good[:12],
            good[:12] + b"\xc0\x0c\0\1\0\1",
            query("lab.example", questions=()).encode(),
            query("lab.example", questions=(dns.Question("lab.example"),) * 2).encode(),
            query("lab.example", answers=(record,)).encode(),
            query("lab.example", additional=(dns.Edns().record(),) * 2).encode(),
            query("lab.example", additional=(replace(dns.Edns().record(), name="a"),)).encode(),
            query("lab.example", additional=(dns.Record("a", 999, bytes(5000)),)).encode(),
        ]
        assert [self.refused(raw) for raw in wrong] == [dns.Rcode.FORMERR] * len(wrong)

    @settings(max_examples=500)
    @given(st.one_of(st.binary(max_size=100), st.binary(max_size=100).map(lambda rest: b"\0\7\1\0\0\1" + rest)))
    def test_any_bytes(self, raw: bytes) -> None:
        for transport in ("udp", "tcp"):
            answer = dns.EXAMPLE.answer(raw, transport)
            if answer is not None:
                message = dns.Message.decode(answer)
                assert message.is_response
                assert raw[:2] == answer[:2]
                assert dns.EXAMPLE.answer(answer) is None

    def test_the_worst_is_answered_soon(self) -> None:
        name = b"\1a" * 126 + b"\0"
        record = b"\xc0\x0c" + struct.pack("!HHIH", 999, 1, 0, 0)
        head = struct.pack("!6H", 1, 0, 1, 0, 0, 318)
        raw = head + name + b"\0\1\0\1" + record * 318
        assert len(raw) <= dns.QUERY_SIZE
        before = process_time()
        assert dns.EXAMPLE.answer(raw) is not None
        for _ in range(100):
            assert self.refused(raw + bytes(61440 - len(raw))) == dns.Rcode.FORMERR
        assert process_time() - before < 1


class TestMaking:
    """Zones from lines and records."""

    def test_lines(self) -> None:
        zone = dns.Zone.parse("# a zone\n" + SOA + '\na.lab.example txt "x y" z  # two texts\n', ttl=9)
        raw = zone.answer(query("a.lab.example", dns.Type.TXT).encode())
        assert raw is not None
        assert dns.Message.decode(raw).answers == (dns.Record("a.lab.example", dns.Type.TXT, (b"x y", b"z"), 9),)
        assert zone.soa.ttl == 5

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "lab.example A 192.0.2.1",
            SOA + "lab.example",
            SOA + "lab.example WHAT 1",
            SOA + "lab.example A 192.0.2.256",
            SOA + "lab.example A 192.0.2.1 192.0.2.2",
            SOA + "lab.example MX mail.lab.example",
            SOA + 'lab.example TXT "open',
            SOA + "elsewhere.example A 192.0.2.1",
            SOA + "a..lab.example A 192.0.2.1",
            SOA + "lab.example CNAME www.lab.example",
            SOA + "a.lab.example CNAME b.lab.example\na.lab.example A 192.0.2.1",
            SOA + SOA,
        ],
    )
    def test_what_is_no_zone(self, text: str) -> None:
        with pytest.raises(LabError):
            dns.Zone.parse(text)

    def test_only_a_line_feed_ends_a_line(self) -> None:
        """Form feeds and Unicode's line separators stand inside texts; editors of Windows end and begin files so."""
        text = "\ufefflab.example SOA a b 1 2 3 4 5\r\n" + 'lab.example TXT "a\x0cb\u2028c"\r\n'
        zone = dns.Zone.parse(text)
        assert zone.names == ("lab.example",)
        assert [each.data for each in zone.records() if each.type == dns.Type.TXT] == [("a\x0cb\u2028c".encode(),)]
        with pytest.raises(LabError, match=r"line 3 "):
            dns.Zone.parse(text + "lab.example A")

    @pytest.mark.parametrize("data", ["fe80::1%eth0", "fe80::1%1"])
    def test_an_interface_is_no_data(self, data: str) -> None:
        """It would be lost in the answer without a word."""
        for make in (lambda: dns.Message(answers=(dns.Record("lab.example", "AAAA", data),)).encode(),
                     lambda: dns.Zone.parse(f"lab.example SOA a b 1 2 3 4 5\nlab.example AAAA {data}")):  # fmt: skip
            with pytest.raises(LabError, match=r"names an interface.*Give the address alone: fe80::1\."):
                make()

    def test_a_number_of_thousands_of_digits(self) -> None:
        """Python neither reads nor writes it."""
        digits, soa = "9" * 5000, "lab.example SOA a b 1 2 3 4 5\n"
        for line in (f"lab.example {digits} A 192.0.2.1", f"lab.example MX {digits} lab.example"):
            with pytest.raises(LabError, match=r"line 2 .*is not a valid"):
                dns.Zone.parse(soa + line)
        assert dns.Zone.parse(soa + f"lab.example {'0' * 5000}7 A 192.0.2.1").records("lab.example")[1].ttl == 7
        record = dns.Record("lab.example", "MX", dns.Mx(10**5000, "lab.example"))
        for message in (dns.Message(id=10**5000), dns.Message(answers=(record,))):
            with pytest.raises(LabError, match="does not fit"):
                message.encode()
        with pytest.raises(LabError, match="ttl=this int does not fit"):
            dns.Zone.parse(soa, ttl=10**5000)

    def test_no_name_outside_what_is_kept_for_examples(self) -> None:
        assert dns.EXAMPLE.origin == "lab.example"
        for found in dns.EXAMPLE._names.values():
            for record in found:
                if record.type == dns.Type.A:
                    assert str(record.data).startswith("192.0.2.")
                if record.type == dns.Type.AAAA:
                    assert str(record.data).startswith("2001:db8:")


class TestWhatAZoneHolds:
    """Names and records listed, so that a student finds something to ask for."""

    def test_names(self) -> None:
        assert dns.EXAMPLE.names[:3] == ("lab.example", "ns.lab.example", "mail.lab.example")
        assert "down.lab.example" in dns.EXAMPLE.names  # it exists, for there is a name below it
        assert repr(dns.EXAMPLE) == f"<Zone lab.example: {len(dns.EXAMPLE.names)} names, 69 records>"

    def test_every_record_is_there(self) -> None:
        records = dns.EXAMPLE.records()
        assert len(records) == 69
        assert {record.name for record in records} < set(dns.EXAMPLE.names)
        assert all(isinstance(record, dns.Record) for record in records)

    def test_the_records_of_a_name(self) -> None:
        assert repr(dns.EXAMPLE.records("WWW.lab.example")) == "www.lab.example 300 IN CNAME web.lab.example"
        assert [record.data for record in dns.EXAMPLE.records("web.lab.example")][:2] == ["192.0.2.80", "192.0.2.81"]
        assert dns.EXAMPLE.records("down.lab.example") == dns.EXAMPLE.records("elsewhere.example") == ()
        assert repr(dns.EXAMPLE.records("nobody.lab.example")) == "no records"

    def test_many_alike_are_counted(self) -> None:
        shown = repr(dns.EXAMPLE.records("many.lab.example")).splitlines()
        assert len(shown) == 4
        assert shown[-1] == "many.lab.example … TXT … 9 more of these"
        assert len(repr(dns.EXAMPLE.records()).splitlines()) < 30
