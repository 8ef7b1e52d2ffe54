"""Wildcards, delegations and aliases: the answers of a zone are those of NSD, a server that many domains run.

Rule: NSD's answers are recorded in nsd_answers.txt; what no zone can have is refused with the line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit import dns, servers
from labkit.core.errors import LabError

TEXT, _, ROWS = Path(__file__).with_name("nsd_answers.txt").read_text(encoding="utf8").partition("----\n")
ZONE = dns.Zone.parse(TEXT)
SOA = "lab.example SOA ns.lab.example me.lab.example 1 2 3 4 5\n"
DS = 43


def ask(zone: dns.Zone, name: str, kind: int = dns.Type.A) -> dns.Message:
    raw = zone.answer(dns.Message(id=7, questions=(dns.Question(name, kind),)).encode(), "tcp")
    assert raw is not None
    return dns.Message.decode(raw)


def shown(records: tuple[dns.Record, ...]) -> str:
    """A section as nsd_answers.txt writes it."""
    lines = set()
    for each in records:
        data = "" if each.type == dns.Type.SOA else f" {str(each).split(' ', 4)[4].lower()}"
        lines.add((each.name.lower(), int(each.type), f"{each.name.lower()} {dns.Type(each.type).name}{data}"))
    return "; ".join(line for _, _, line in sorted(lines, key=lambda line: (line[0] + ".", *line[1:]))) or "-"


@pytest.mark.parametrize("kind", ["A", "TXT", "NS", "CNAME", "DS"])
def test_the_same_as_nsd(kind: str) -> None:
    rows = [row for row in (line.split(" | ") for line in ROWS.splitlines()) if row[1] == kind]
    assert len(rows) > 90
    for name, _, rcode, authoritative, answer, authority, glue in rows:
        said = ask(ZONE, name, DS if kind == "DS" else dns.Type[kind])
        found = [dns.Rcode(said.rcode).name, "AA" if said.authoritative else "-", shown(said.answers),
                 shown(said.authority), shown(said.additional) if not said.authoritative else "-"]  # fmt: skip
        assert found == [rcode, authoritative, answer, authority, glue], (name, kind)


class TestWildcards:
    """RFC 4592."""

    def test_the_owner_is_the_name_that_was_asked_for(self) -> None:
        assert [each.name for each in ask(ZONE, "AnyThing.lab.example").answers] == ["AnyThing.lab.example"]

    def test_none_below_a_name_that_is_there(self) -> None:
        """RFC 4592 §2.2.2: the closest encloser decides, and www.lab.example has no wildcard below it."""
        assert ask(ZONE, "x.www.lab.example").rcode == dns.Rcode.NXDOMAIN
        assert ask(ZONE, "deep.lab.example").answers == ()  # a name with names below it is there: no wildcard for it

    def test_any_has_one_type(self) -> None:
        assert {each.type for each in ask(ZONE, "x.lab.example", dns.Type.ANY).answers} == {dns.Type.A}


class TestDelegations:
    """RFC 1034 §4.3.2, step 3b."""

    @pytest.mark.parametrize("name", ["sub.lab.example", "www.sub.lab.example", "a.b.c.sub.lab.example"])
    @pytest.mark.parametrize("kind", [dns.Type.A, dns.Type.NS, dns.Type.TXT, dns.Type.ANY, dns.Type.SOA])
    def test_a_referral(self, name: str, kind: int) -> None:
        said = ask(ZONE, name, kind)
        assert (said.rcode, said.authoritative, said.answers) == (dns.Rcode.NOERROR, False, ())
        servers = ["ns.sub.lab.example", "ns.elsewhere.example", "ns.lab.example"]
        assert [each.data for each in said.authority] == servers
        assert [each.data for each in said.additional] == ["192.0.2.54", "192.0.2.53"]

    def test_an_alias_into_it(self) -> None:
        said = ask(ZONE, "into.lab.example")
        assert (said.authoritative, [each.data for each in said.answers]) == (True, ["www.sub.lab.example"])
        assert len(said.authority) == 3


class TestAliases:
    def test_a_circle_is_told_once(self) -> None:
        for name, count in (("c1.lab.example", 2), ("self.lab.example", 1), ("q.loop.lab.example", 2)):
            assert len(ask(ZONE, name).answers) == count

    def test_a_long_chain_is_followed_to_its_end(self) -> None:
        assert ask(ZONE, "x1.lab.example").answers[-1].data == "192.0.2.10"


class TestLines:
    """RFC 1035 §5.1, as far as a line goes."""

    def test_an_escaped_dot_is_in_a_label(self) -> None:
        zone = dns.Zone.parse(SOA + r"a\.b.lab.example A 192.0.2.7" + "\n" + r"p.lab.example MX 5 a\.b.lab.example")
        assert [each.data for each in ask(zone, r"a\.b.lab.example").answers] == ["192.0.2.7"]
        assert ask(zone, "a.b.lab.example").rcode == dns.Rcode.NXDOMAIN
        assert zone.records("p.lab.example")[0].data == dns.Mx(5, r"a\.b.lab.example")

    @pytest.mark.parametrize(
        ("written", "texts"),
        [
            ('"x y" z', (b"x y", b"z")), (r'"say \"hi\""', (b'say "hi"',)), (r'"\010\\"', (b"\n\\",)), ('""', (b"",)),
            ('"a;b#c"', (b"a;b#c",)), ("x # more", (b"x",)), ("x ; more", (b"x",)), ("x#more", (b"x",)),
            ('"您好！"', ("您好！".encode(),)), (r"a\ b", (b"a b",)), (r'"a\;b"', (b"a;b",)), ("it's", (b"it's",)),
        ],
    )  # fmt: skip
    def test_texts(self, written: str, texts: tuple[bytes, ...]) -> None:
        assert dns.Zone.parse(f"{SOA}t.lab.example TXT {written}").records("t.lab.example")[0].data == texts

    @pytest.mark.parametrize("between", ["60", "60 IN", "IN 60", "in", ""])
    def test_as_records_show_themselves(self, between: str) -> None:
        record = dns.Zone.parse(f"{SOA}a.lab.example {between} A 192.0.2.1").records("a.lab.example")[0]
        assert record == dns.Record("a.lab.example", "A", "192.0.2.1", 60 if "60" in between else 300)
        assert dns.Zone.parse("\n".join(map(str, ZONE.records()))).records() == ZONE.records()

    def test_the_same_twice_is_one(self) -> None:
        zone = dns.Zone.parse(SOA + "a.lab.example A 192.0.2.1\nA.lab.example A 192.0.2.1\n")
        assert len(zone.records("a.lab.example")) == 1

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("lab.example", "no type and no data"),
            ("a.lab.example WHAT 1", "'WHAT' is not a type of record"),
            ("a.lab.example AAA 1", "Did you mean 'AAAA'"),
            ("a.lab.example A 192.0.2.256", "192.0.2.256"),
            ("a.lab.example A", "A takes one word of data, not 0). In this order: address"),
            ("a.lab.example A 192.0.2.1 192.0.2.2", "A takes one word of data, not 2"),
            ("a.lab.example MX mail.lab.example", "MX takes 2 words of data, not 1"),
            ("a.lab.example MX ten mail.lab.example", "'ten' is not a valid preference"),
            ("a.lab.example MX 70000 mail.lab.example", "'70000' is not a valid preference"),
            ("lab.example SOA a b 1 2 3 x 5", "'x' is not a valid expire"),
            ("a.lab.example 99999999999 A 192.0.2.1", "is not a valid TTL"),
            ('a.lab.example TXT "open', "a quotation mark has no closing one"),
            ("a.lab.example TXT v=1;a=2", "';' follows 'v=1' without a blank"),
            ('a.lab.example TXT "a"b', "'b' follows '\"a\"' without a blank"),
            (r'a.lab.example TXT "\999"', "has a wrong backslash"),
            ("a.lab.example TXT", "TXT needs a text"),
            ('a.lab.example A "192.0.2.1"', "Only the texts of TXT stand in quotation marks"),
            ("a.lab.example CNAME b..lab.example", "has an empty label"),
            ("a..lab.example A 192.0.2.1", "has an empty label"),
            ("a.lab.example\\ A 192.0.2.1", ""),
            ("elsewhere.example A 192.0.2.1", "elsewhere.example is not in the zone lab.example"),
            ("lab.example CNAME www.lab.example", "is a CNAME and something else"),
            ("www.lab.example A 192.0.2.1", "is a CNAME and something else"),
            ("www.lab.example CNAME other.lab.example", "is a CNAME of two names"),
            ("a.lab.example SOA a b 1 2 3 4 5", "has a second SOA"),
            ("lab.example SOA a b 1 2 3 4 5", "has a second SOA"),
            ("*.lab.example NS ns.other.example", "RFC 4592 §4.2"),
            ("sub.lab.example TXT no", "sub.lab.example has NS records"),
            ("x.sub.lab.example MX 1 mail.example", "sub.lab.example has NS records"),
            ("x.sub.lab.example NS ns.other.example", "sub.lab.example has NS records"),
            ("x.sub.lab.example CNAME y.example", "sub.lab.example has NS records"),
            ("$ORIGIN lab.example", "Write each name in full"),
            ("@ A 192.0.2.1", "Write each name in full"),
            (f"{'x' * 64}.lab.example A 192.0.2.1", "longer than 63 bytes"),
        ],
    )
    def test_what_is_refused_names_the_line(self, line: str, words: str) -> None:
        before = SOA + "www.lab.example CNAME web.lab.example\n\n# a comment\nsub.lab.example NS ns.sub.lab.example\n"
        with pytest.raises(LabError) as caught:
            dns.Zone.parse(f"{before}{line}\nb.lab.example A 192.0.2.9\n")
        assert str(caught.value).startswith("line 6 of the zone is not a record: ")
        assert words in str(caught.value)
        assert caught.value.todo

    def test_the_first_line_is_the_soa(self) -> None:
        with pytest.raises(LabError, match=r"line 2 of the zone .*the first record is A, and not SOA"):
            dns.Zone.parse("\nlab.example A 192.0.2.1\n" + SOA)


class TestTheDoor:
    """Arguments of the wrong kind, misspelt or missing: words, and never a raw Python error."""

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: dns.Record("a.x", "B", "192.0.2.1"), "'B' is not a DNS type"),
            (lambda: dns.Record(5, "A", "192.0.2.1"), "5 is not a name"),
            (lambda: dns.Record("a.x", "A"), r"Record\(\): missing a required argument: 'data'"),
            (lambda: dns.Record("a.x", "A", "192.0.2.1", tll=5), "Did you mean 'ttl'"),
            (lambda: dns.Record("a.x", "A", "192.0.2.1", 5, "XX"), "'XX' is not a DNS class"),
            (lambda: dns.Question("a.x", qtype="A"), "no argument 'qtype'"),
            (lambda: dns.Question(), "missing a required argument: 'name'"),
            (lambda: dns.Message(questions=dns.Question("a.x")), "is not a tuple"),
            (lambda: dns.Message(questions=("a.x",)), "'a.x' in questions is not a dns.Question"),
            (lambda: dns.Message(answers=(dns.Question("a.x"),)), "in answers is not a dns.Record"),
            (lambda: dns.Message(rcode="WRONG"), "'WRONG' is not a DNS rcode"),
            (lambda: dns.Message(recursion=True), "Did you mean 'recursion_desired'"),
            (lambda: dns.Message(id="x").encode(), "does not fit into 16 bits"),
            (lambda: dns.Message().encode("x"), "max_size='x' is not a size"),
            (lambda: dns.Message().reply(answer=()), "Did you mean 'answers'"),
            (lambda: dns.Message().reply("WRONG"), "'WRONG' is not a DNS rcode"),
            (lambda: dns.Edns("big").record(), "udp_size='big' does not fit its field"),
            (lambda: dns.Zone.parse(5), "a zone is made of text"),
            (lambda: dns.Zone.parse(SOA, ttl="x"), "ttl='x' does not fit its field"),
            (lambda: dns.Zone.parse(SOA, udp_size="x"), "udp_size='x' is not a size"),
            (lambda: dns.Zone("lab.example", SOA), "is not a list of records"),
            (lambda: dns.Zone("lab.example", 5), "is not a list of records"),
            (lambda: dns.Zone("lab.example", [5]), "5 is not a dns.Record"),
            (lambda: dns.Zone(5, []), "5 is not a name"),
            (lambda: dns.Zone("lab.example"), "missing a required argument: 'found'"),
            (lambda: dns.Zone("lab.example", []), "needs one SOA"),
            (lambda: ZONE.answer("text"), "is made of bytes"),
            (lambda: ZONE.answer(None), "is made of bytes"),
            (lambda: ZONE.answer(bytes(12), "sctp"), "'sctp' is not a transport"),
            (lambda: ZONE.records(5), "5 is not a name"),
            (lambda: servers.dns.create(SOA), "is not a zone"),
        ],
    )  # fmt: skip
    def test_words(self, call: Any, words: str) -> None:
        with pytest.raises(LabError, match=words):
            call()

    @pytest.mark.parametrize(
        "record",
        [("A", b"x"), ("A", 5), ("A", None), ("TXT", "text"), ("TXT", ("text",)), ("TXT", [b"x"]), ("MX", (10, "a")),
         ("MX", dns.Mx("10", "a")), ("MX", dns.Mx(10, 5)), ("SOA", "x"), ("CNAME", b"x"), ("OPT", ((1,),)), (999, "x")],
    )  # fmt: skip
    def test_data_of_the_wrong_kind(self, record: tuple[Any, Any]) -> None:
        with pytest.raises(dns.BadMessage, match=r" is not .* data") as caught:
            dns.Message(answers=(dns.Record("a.x", *record),)).encode()
        assert caught.value.todo

    def test_names_of_numbers_are_taken(self) -> None:
        record = dns.Record("a.lab.example", "a", "192.0.2.1", rclass="IN")
        assert (record.type, record.rclass) == (dns.Type.A, dns.Class.IN)
        message = dns.Message(opcode="QUERY", rcode="nxdomain", answers=[record])
        assert dns.Message.decode(message.encode()) == message
        assert dns.Message().reply("REFUSED").rcode == dns.Rcode.REFUSED
