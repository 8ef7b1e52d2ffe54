"""Display filters: what they mean, what is wrong with them and where, and that no text makes them slow.

Rule: what Wireshark says of the same filters is in test_filters_oracle.py.
"""

from __future__ import annotations

import re
import time
from itertools import product

import pytest

import labkit
from labkit.core.errors import BadArgument
from labkit.packets import Tape
from labkit.packets.filters import Filter, FilterError, compile
from labkit.packets.filters.names import NOTES, PROTOCOLS, TYPES
from labkit.packets.filters.patterns import BadPattern, Pattern


@pytest.fixture(scope="module")
def tape() -> Tape:
    return labkit.recording("greeting", lesson="01a-tcp-connection")


def numbers(tape: Tape, text: str) -> list[int]:
    return [packet.number for packet in tape.filter(text)]


class TestMeaning:
    def test_a_filtered_tape_keeps_numbers_and_origin(self, tape: Tape) -> None:
        data, later = tape.filter("tcp.len > 0"), "frame.number > 4"
        assert [packet.number for packet in data] == [packet.number for packet in tape.where(payload=True)]
        assert data.origin == tape.origin
        assert numbers(data, later) == numbers(tape, f"tcp.len > 0 && {later}") != []

    def test_one_packet(self, tape: Tape) -> None:
        syn = compile("tcp.flags.syn == 1 && tcp.flags.ack == 0")
        assert [syn.matches(packet) for packet in tape[:3]] == [True, False, False]
        assert repr(syn) == "Filter('tcp.flags.syn == 1 && tcp.flags.ack == 0')"

    def test_the_empty_filter_takes_every_packet(self, tape: Tape) -> None:
        assert len(tape.filter("  ")) == len(tape)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("0 < tcp.len < 20", "tcp.len > 0 && tcp.len < 20"),
            ("tcp.flags.syn == 1 xor tcp.flags.ack == 1", "tcp.flags.syn != tcp.flags.ack"),
            ("tcp.len == 0 or tcp.len > 0 and udp", "tcp.len == 0 or (tcp.len > 0 and udp)"),
            ("! tcp.len == 0", "tcp.len != 0"),
            ("frame.number not in {1..3}", "frame.number > 3"),
            ("5 == frame.number", "frame.number == 5"),
            ("frame.number in {1 2, 0x3}", "frame.number <= 3"),
            ("1 + tcp.len > 5", "tcp.len > 4"),
            ("frame.number - 4 == -2", "frame.number == 2"),
            ("frame.number / 4 == 2", "frame.number in {8..11}"),
            ("{frame.number - 5} / 2 == 0", "frame.number in {4..6}"),
            ("len(lower(tcp.flags.str)) > 12", "tcp"),
        ],
    )  # fmt: skip
    def test_two_ways_to_say_it(self, tape: Tape, one: str, other: str) -> None:
        assert numbers(tape, one) == numbers(tape, other) != []

    def test_a_packet_alone_does_not_know_by_what_its_window_is_multiplied(self, tape: Tape) -> None:
        data = tape.where(payload=True)[0]
        assert compile(f"tcp.window_size == {data.window}").matches(data)
        assert compile("tcp.window_size_scalefactor == -1").matches(data)
        assert numbers(tape, "tcp.window_size_scalefactor > 1 && tcp.window_size > 65535")
        assert numbers(tape[4:], "tcp.window_size_scalefactor > 1")  # its SYNs are not among these packets

    def test_any_and_all(self, tape: Tape) -> None:
        port = tape[0].dst[1]
        every = [packet.number for packet in tape]
        assert numbers(tape, f"tcp.port == {port}") == numbers(tape, f"any tcp.port != {port}") == every
        assert numbers(tape, f"tcp.port != {port}") == numbers(tape, f"all tcp.port == {port}") == []
        assert numbers(tape, f"udp.port != {port}") == []  # what is not there does not differ


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "place", "words"),
        [
            ("tcp && tcp.prot == 1", 7, "Did you mean 'tcp.port'?"),
            ("tcp.port = 80", 9, "Write =="),
            ("tcp.port == abc", 12, "Give a number"),
            ("ip.addr == 300.1.1.1", 11, "an IPv4 address"),
            ("ip.addr == 10.0.0.0/33", 11, "an IPv4 address"),
            ("eth.src == 02:00", 11, "a MAC address"),
            ("tcp.port ==", 11, "missing here"),
            ("tcp && (udp", 7, "not closed"),
            ("tcp)", 3, "should end"),
            ("tcp.port in {80", 12, "not closed"),
            ("tcp.port in {}", 12, "empty"),
            ("tcp.port in {9..2}", 13, "ends before it begins"),
            ('http.host == "x', 13, "does not end"),
            ("tcp.flags.syn contains 1", 14, "contains nothing"),
            ('tcp.port matches "8"', 0, "matches needs text"),
            ('frame matches "a(b"', 16, "not closed"),
            ("tcp.analysis.retransmission == 1", 0, "has no value"),
            ("ip.src == tcp.port", 10, "Compare fields of one type"),
            ("frame[4:0]", 6, "empty"),
            ("frame[x]", 6, "no slice"),
            ("tcp.port == 089", 12, "Give a number"),
            ("tcp tcp", 4, "&&"),
            ("1 == 1", 0, "no field"),
            ("1 + 1 == 2", 0, "no field"),
            ("tcp.len-1 == 5", 0, "Put a space on each side"),
            ("(tcp.len + 1) * 2 > 6", 14, "in braces"),
            ("tcp.len + http.host > 6", 10, "needs numbers"),
            ("tcp.len + abc > 6", 10, "Give a number"),
            ("tcp.len > 5 / 0", 14, "divided by 0"),
            ("frame.time_delta * 2 > 1", 17, "nothing else"),
            ("{tcp.len + 1 > 2", 0, "brace is not closed"),
            ("ip.src & 1", 7, "& needs a number or bytes"),
            ("1 & 1", 0, "no field"),
            ("tcp.port & tcp[0:2]", 9, "one type"),
            ("max(tcp.len, ip.src) > 3", 13, "of one type"),
            ('max(http.host, "a") == "a"', 4, "needs numbers, times or addresses"),
            ("max(1, 2) > 3", 4, "no field"),
            ("max(ip.src, 10.0.0.0/8) == 10.0.0.1", 12, "not for networks"),
            ("abs(ip.src) > 3", 4, "abs needs number or time"),
            ("most(tcp.len) > 3", 0, "Functions are len"),
            ("frame.time > 2026", 13, "a date in quotes"),
            ('frame.time > "2026-13-01"', 13, "a date in quotes"),
            ('frame.time > "Foo 1, 2026"', 13, "a date in quotes"),
            ('frame.time in {"2026-01-01".. 5}', 30, "a value in quotes"),
            ("ip[0] == 0x455", 9, "Give bytes"),
        ],
    )
    def test_told_with_the_place(self, text: str, place: int, words: str) -> None:
        with pytest.raises(FilterError, match=re.escape(words)) as caught:
            compile(text)
        assert caught.value.place == place
        message, line, caret = str(caught.value).rsplit("\n", 2)
        assert message
        assert line.index(text) + place == caret.index("^")

    def test_no_text(self) -> None:
        with pytest.raises(BadArgument):
            Filter(8124)  # type: ignore[arg-type]


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "x" * 100_000, "(" * 5_000, "tcp.port in {" + "1," * 4_000, '"' * 9_999, "frame[" * 1_500, "len(" * 2_000,
            'frame matches "' + "(" * 5_000, 'frame matches "((((a{100}){100}){100}){100}"', "tcp\0", "\ud800 == 1",
            "\x1b[31mtcp", "\u202etcp == 1", "1 < " * 2_000,
            "- " * 4_000, "{" * 5_000, "max(" * 2_000, "tcp.len" + " + 1" * 2_000, "tcp.flags" + " & 1" * 2_000,
            "tcp.len > 1" + " * 99" * 1_500,
        ],
    )  # fmt: skip
    def test_refused_quickly(self, text: str) -> None:
        began = time.process_time()
        with pytest.raises(FilterError) as caught:
            compile(text)
        assert time.process_time() - began < 1
        assert len(str(caught.value)) < 1_000
        assert all(each.isprintable() or each == "\n" for each in str(caught.value))

    @pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a?){50}a{50}b", ".*.*.*.*b", "(.*a.{30})*b"])
    def test_no_pattern_goes_back(self, pattern: str) -> None:
        began = time.process_time()
        assert not Pattern(pattern).found_in(b"a" * 3_000)
        assert time.process_time() - began < 5


class TestPatterns:
    @pytest.mark.parametrize(
        "pattern",
        ["a", "ab|c", "(ab)*c", "a+b?", "a{2}", "a{2,}b", "a{1,2}c", "a{0}b", "^a", "b$", "^$", "[ab]c", "[^a]",
         r"\w\s", r"\x61", "(a|b)+c$", "^(a|bc)*$", "a.c", "(a+b)?c", "((a|b){2}){1,2}$", r"\.", "[a-b]{3}", "(?:a)b",
         "a??b", "[]a]b", "|a"],
    )  # fmt: skip
    def test_as_python_does(self, pattern: str) -> None:
        mine, known = Pattern(pattern), re.compile(pattern.encode(), re.IGNORECASE)
        for size in range(5):
            for signs in product(b"aBc. ", repeat=size):
                data = bytes(signs)
                assert mine.found_in(data) == bool(known.search(data)), data

    @pytest.mark.parametrize(
        "pattern", ["*a", "a**", "(", ")", "[a", "a{2", "a{2,1}", "a{999}", r"\q", "\\", "(?=a)", "[b-a]"]
    )
    def test_refused(self, pattern: str) -> None:
        with pytest.raises(BadPattern):
            Pattern(pattern)


def test_each_name_is_readable(tape: Tape) -> None:
    for name in (*TYPES, *PROTOCOLS):
        found = [packet.number for packet in tape.filter(name)]
        assert found == sorted(found)
    assert set(NOTES) <= set(TYPES)


def test_each_field_of_a_packet_has_a_name_here() -> None:
    """Every field of recorded packets can be asked for, and then that packet is found."""
    for lesson, name in (("01a-tcp-connection", "greeting"), ("02c-dns", "cached"), ("03a-http-messages", "at-once"),
                         ("04c-websocket-frames", "by-hand")):  # fmt: skip
        recorded = labkit.recording(name, lesson=lesson)
        fields = [each for packet in recorded for layer in packet.layers for each in layer.fields]
        names = {part.name for each in fields for part in each.walk()}
        assert not names - set(TYPES) - {"malformed"}
        for each in names:
            assert len(recorded.filter(each)), each
