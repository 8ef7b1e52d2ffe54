"""The DNS layer: where it is seen and where not, its pointers, what is malformed, and any bytes at all.

Rule: names, order and spans are compared with Wireshark's in test_oracle.py; here is what Wireshark does not say.
"""

from __future__ import annotations

import struct
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labkit.packets.dissector import dissect
from labkit.packets.explain import dns as explained
from labkit.packets.explain import dns_data
from labkit.packets.model import Field, Layer
from tests.packets import kinds, made

GOOD = made.dns_messages()
QUERY = dict(GOOD)["a query"]


def datagram(message: bytes, port: int = 5300, version: int = 4, **changes: int) -> bytes:
    segment = made.udp(message, dport=port, version=version)
    if version == 6:
        return made.ethernet(made.ipv6(segment, 17), 0x86DD)
    return made.ethernet(made.ipv4(segment, 17, **changes))  # type: ignore[arg-type]


def segment(data: bytes, port: int = 53) -> bytes:
    return made.ethernet(made.ipv4(made.tcp(b"", data, flags=0x18, dport=port)))


def names(frame: bytes) -> list[str]:
    return [layer.name for layer in dissect(frame)]


def layer(message: bytes, port: int = 5300) -> Layer:
    found = dissect(datagram(message, port))[-1]
    assert found.name == "DNS"
    return found


def gapless(fields: tuple[Field, ...], start: int, end: int) -> None:
    for field in fields:
        assert (field.start, field.bits > 0) == (start, True), field
        if field.children:
            gapless(field.children, field.start, field.end)
        start = field.end
    assert start == end


class TestWhereItIsSeen:
    """Nothing else is ever called DNS."""

    @pytest.mark.parametrize(("what", "message"), GOOD, ids=[what for what, _ in GOOD])
    def test_on_any_port_where_it_is_whole(self, what: str, message: bytes) -> None:
        strange = what in ("every flag", "two of each")
        for port in (5300, 9999, 41234):
            assert (names(datagram(message, port))[-1] == "DNS") == (not strange)
        assert names(datagram(message, 53, 6)) == ["Ethernet", "IPv6", "UDP", "DNS"]
        assert names(segment(len(message).to_bytes(2, "big") + message)) == ["Ethernet", "IPv4", "TCP", "DNS"]

    @pytest.mark.parametrize("port", [137, 5353, 5355])
    def test_its_relatives_are_not_called_so(self, port: int) -> None:
        assert names(datagram(QUERY, port))[-1] == "Payload"

    @pytest.mark.parametrize(
        "data",
        [b"hello, world: 20 bytes", bytes(12), bytes(40), b"\xff" * 60, QUERY[:-1], QUERY + b"\0", QUERY * 2, b"x"],
    )
    def test_other_datagrams_are_not(self, data: bytes) -> None:
        assert names(datagram(data, 9999))[-1] == "Payload"

    def test_on_the_servers_port_a_header_that_makes_sense_is_enough(self) -> None:
        for data in (QUERY[:-1], QUERY + b"\0", QUERY[:12]):
            assert names(datagram(data, 5300))[-1] == "DNS"
            assert names(datagram(data, 53))[-1] == "DNS"
        for data in (b"hello, world: 20 bytes", bytes(40)):
            assert names(datagram(data, 5300))[-1] == "Payload"
            assert names(datagram(data, 53))[-1] == "DNS"

    def test_whatever_scapy_has_loaded(self) -> None:
        import scapy.layers.dns  # noqa: F401  # it binds ports for all that follows

        assert names(datagram(QUERY, 5353))[-1] == "Payload"
        assert names(datagram(QUERY, 53))[-1] == "DNS"

    def test_not_in_a_fragment_nor_a_part_of_a_segment(self) -> None:
        assert names(datagram(QUERY, 53, fragment=0x2000))[-1] == "Payload"
        framed = len(QUERY).to_bytes(2, "big") + QUERY
        for data in (framed[:-1], framed[1:], QUERY):
            assert names(segment(data))[-1] == "Payload"

    def test_several_in_a_segment_are_a_layer_each(self) -> None:
        framed = b"".join(len(message).to_bytes(2, "big") + message for _, message in GOOD)
        assert names(segment(framed))[3:] == ["DNS"] * len(GOOD)
        assert names(segment(framed[:-1]))[3:] == ["DNS"] * (len(GOOD) - 1) + ["Payload"]
        first, second = dissect(segment(framed))[3:5]
        assert (first["dns.id"].start, second.start) == (first.start + 16, first.end)

    def test_padding_stays_padding(self) -> None:
        short = dict(GOOD)["the root"]
        assert names(datagram(short, 53) + bytes(1))[-2:] == ["DNS", "Padding"]

    def test_scapys_own_layer_changes_nothing(self) -> None:
        before = [dissect(datagram(message, 53)) for _, message in GOOD]
        pytest.importorskip("scapy.layers.dns")  # binds itself to port 53
        assert [dissect(datagram(message, 53)) for _, message in GOOD] == before


class TestFields:
    """What the fields say."""

    def test_the_sections_of_an_update(self) -> None:
        found = dissect(kinds.named("a DNS update"))[-1]
        assert [item.label for item in found.fields] == [
            "ID", "Flags", "ZOCOUNT", "PRCOUNT", "UPCOUNT", "ADCOUNT", "Zone", "Prerequisite", "Update",
        ]  # fmt: skip
        assert "query" not in " ".join(f"{item.label} {item.why}" for item in found.fields[2:]).lower()

    def test_a_pointer_says_where_and_what(self) -> None:
        record = layer(dict(GOOD)["CNAME"]).fields[-1]
        owner, data = record.children[0], record.children[-1]
        assert (owner.value, data.value) == ("www.lab.example", "web.lab.example")
        assert [part.name for part in data.children] == ["dns.name.label", "dns.name.pointer"]
        pointer = data.children[1]
        assert pointer.meaning == "the rest of the name is at byte 16 of the message: lab.example"
        assert [(part.bits, part.value) for part in pointer.children] == [(2, 3), (14, 16)]
        assert owner.meaning == "3 labels, all by pointer"
        assert data.meaning == "3 labels, 2 of them by pointer"

    def test_a_pointer_over_tcp_counts_from_the_id(self) -> None:
        message = dict(GOOD)["CNAME"]
        found = dissect(segment(len(message).to_bytes(2, "big") + message))[-1]
        assert found.fields[0].name == "dns.length"
        assert found["dns.cname"].value == "web.lab.example"

    def test_only_the_id_and_options_change_from_run_to_run(self) -> None:
        for _, message in GOOD:
            changing = {part.name for item in layer(message, 53).fields for part in item.walk() if part.volatile}
            assert changing <= {"dns.id", "dns.opt", "dns.opt.data"}
            assert "dns.id" in changing

    def test_header(self) -> None:
        found = layer(dict(GOOD)["SOA"])
        assert (found.name, found.title, found.rfc) == ("DNS", "Domain Name System", "RFC 1035 §4.1")
        assert found["flags.rcode"].meaning.startswith("NXDOMAIN")
        assert found["flags.response"].meaning == "a response"
        assert layer(QUERY)["flags.rcode"].meaning == "means nothing in a query"
        assert found["soa.rname"].value == "me.lab.example"

    def test_edns(self) -> None:
        found = layer(dict(GOOD)["a query with EDNS"])
        assert found["rr.udp_payload_size"].meaning == "up to 1232 bytes in a datagram are welcome"
        assert found["resp.z.do"].value == 1

    def test_every_row_says_why_and_where(self) -> None:
        rows = [*explained.DNS.rows, *explained._FLAGS, *dns_data.OPT_ROWS, explained._LENGTH, dns_data.UNKNOWN.row]
        rows += [piece.row for pieces in dns_data.DATA.values() for piece in pieces]
        assert [row.name for row in rows if not row.why.endswith(".") or not row.rfc] == []
        for _, message in GOOD:
            for field in layer(message, 53).fields:
                assert [part.name for part in field.walk() if not part.why or not part.rfc] == []


def damaged(message: bytes, at: int, byte: int) -> bytes:
    return message[: at % len(message)] + bytes([byte]) + message[at % len(message) + 1 :]


class TestAnything:
    """Every byte belongs to a field, whatever the bytes are."""

    @settings(max_examples=300)
    @given(
        st.one_of(
            st.binary(min_size=12, max_size=300),
            st.builds(damaged, st.sampled_from([each for _, each in GOOD]), st.integers(0, 200), st.integers(0, 255)),
        )
    )
    @example(QUERY[:12] + b"\xc0\x0c\0\1\0\1")
    @example(QUERY[:12] + b"\1a\xc0\x0c\0\1\0\1")
    @example(QUERY[:12] + b"\xc0")
    @example(QUERY[:12] + b"\x7f" + bytes(200))
    def test_gapless(self, message: bytes) -> None:
        found = layer(message, 53)
        gapless(found.fields, found.start, found.end)

    def test_cut_anywhere(self) -> None:
        for _, message in GOOD:
            for size in range(12, len(message)):
                found = layer(message[:size], 53)
                gapless(found.fields, found.start, found.end)
                assert names(datagram(message[:size], 9999))[-1] == "Payload"

    def test_the_worst_is_read_soon(self) -> None:
        name = b"\1a" * 126 + b"\0"
        record = b"\xc0\x0c" + struct.pack("!HHIH", 999, 1, 0, 0)
        message = struct.pack("!6H", 1, 0, 1, 0, 0, 5000) + name + b"\0\1\0\1" + record * 5000
        before = process_time()
        assert layer(message, 53).bits == len(message) * 8
        assert process_time() - before < 10
