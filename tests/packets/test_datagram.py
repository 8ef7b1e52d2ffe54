"""labkit.packets.datagram: frames written around data, and what a host's kernel makes of frames.

Rule: the frames made by hand for the tests are the oracle, and Wireshark is the judge of what is written.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.datagram import (
    HEADERS,
    LARGEST,
    UNDER_WAY,
    Datagram,
    Reassembly,
    frames_of,
    refusal_of,
    refused_by,
)
from tests.needs import need_tool
from tests.packets import made

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 8124)
NO_SUM = b"\xff\xff"  # the checksum that is sent where the sum's complement is 0
ETHERNET = bytes(12) + b"\x08\x00"


def datagram(data: bytes) -> Datagram:
    return Datagram(CLIENT, SERVER, data)


def taken(*frames: bytes) -> list[Datagram]:
    """What sockets of a host are given when these frames reach it."""
    host = Reassembly()
    return [found for frame in frames if (found := host.take(frame)) is not None]


def sum_of_zero() -> bytes:
    """Two bytes of data that make the complement of the sum 0."""
    return next(
        data for data in (number.to_bytes(2, "big") for number in range(1 << 16))
        if made.udp(data)[6:8] == NO_SUM
    )  # fmt: skip


def tshark(tmp_path: Path, frames: list[bytes], *fields: str) -> list[list[str]]:
    """These fields of the frames, as Wireshark has them."""
    program = need_tool("tshark")
    recording = Recording([(number, frame, 1, 0, len(frame)) for number, frame in enumerate(frames)])
    path = Tape(recording).save(tmp_path / "made.pcapng")
    check = [item for name in ("ip", "udp") for item in ("-o", f"{name}.check_checksum:TRUE")]
    named = [item for name in fields for item in ("-e", name)]
    said = subprocess.run(
        [program, "-r", str(path), *check, "-T", "fields", *named], capture_output=True, text=True, check=True
    ).stdout
    return [line.split("\t") for line in said.split("\n")[:-1]]


class TestWhole:
    @given(st.binary(max_size=300))
    def test_it_is_the_frame_that_is_made_by_hand(self, data: bytes) -> None:
        expected = ETHERNET + made.ipv4(made.udp(data), 17, ident=0)
        assert frames_of(datagram(data)) == [expected]
        assert taken(expected) == [datagram(data)]

    def test_a_sum_of_zero_is_sent_as_ones(self) -> None:
        (frame,) = frames_of(datagram(sum_of_zero()))
        assert frame[HEADERS - 2 : HEADERS] == NO_SUM
        assert taken(frame) == [datagram(sum_of_zero())]

    def test_wireshark_finds_every_checksum_right(self, tmp_path: Path) -> None:
        pieces = (b"", b"a", b"ab", bytes(1472), bytes(range(256)) * 3, sum_of_zero())
        frames = [frame for data in pieces for frame in frames_of(datagram(data))]
        assert tshark(tmp_path, frames, "ip.checksum.status", "udp.checksum.status", "udp.length", "ip.len") == [
            ["1", "1", str(8 + len(data)), str(28 + len(data))] for data in pieces
        ]

    @pytest.mark.parametrize("byte", range(14, HEADERS + 5))
    @pytest.mark.parametrize("bit", range(8))
    def test_one_bit_changed_anywhere_and_it_is_thrown_away(self, byte: int, bit: int) -> None:
        frame = bytearray(frames_of(datagram(b"hello"))[0])
        frame[byte] ^= 1 << bit
        assert taken(bytes(frame)) == []

    def test_without_a_checksum_it_is_taken_as_it_is(self) -> None:
        assert taken(ETHERNET + made.ipv4(made.udp(b"plain", checksum=0), 17)) == [datagram(b"plain")]

    @pytest.mark.parametrize(
        "frame",
        [
            pytest.param(ETHERNET + made.ipv4(made.tcp()), id="TCP"),
            pytest.param(ETHERNET[:12] + b"\x86\xdd" + made.ipv6(made.udp(version=6), 17), id="IPv6"),
            pytest.param(ETHERNET + made.ipv4(made.udp(b"first"), 17, fragment=0x2000), id="the first fragment"),
            pytest.param(ETHERNET + made.ipv4(made.udp(b"later"), 17, fragment=0x0001), id="a later fragment"),
            pytest.param(ETHERNET + made.ipv4(b"", 17, fragment=0x0001), id="a fragment of nothing"),
            pytest.param(ETHERNET + made.ipv4(b"\0" * 7, 17), id="half a header"),
            pytest.param(frames_of(datagram(b"cut short"))[0][:-1], id="cut short"),
            pytest.param(b"", id="nothing"),
        ],
    )
    def test_anything_else_is_not_for_a_socket(self, frame: bytes) -> None:
        assert taken(frame) == []

    @given(st.lists(st.binary(max_size=80), max_size=5))
    def test_no_bytes_make_it_raise(self, pieces: list[bytes]) -> None:
        taken(*pieces, *(ETHERNET + b"\x45" + raw for raw in pieces))
        for raw in pieces:
            refused_by(raw)
            refused_by(ETHERNET + b"\x45" + raw)


class TestFragments:
    @pytest.mark.parametrize("mtu", [576, 1400, 1500, 9000])
    @pytest.mark.parametrize("over", [0, 1, 8, 5000])
    def test_cut_where_it_is_larger_than_a_packet_and_put_together(self, mtu: int, over: int) -> None:
        data = random.Random(over).randbytes(mtu - 28 + over)
        frames = frames_of(datagram(data), mtu, 77)
        assert all(len(frame) <= 14 + mtu for frame in frames)
        assert (len(frames) == 1) == (over == 0)
        assert taken(*frames) == [datagram(data)]
        assert taken(*reversed(frames)) == [datagram(data)]
        assert taken(*frames[:-1]) == ([] if over else taken())
        if over:
            assert taken(*frames[1:]) == []
            assert taken(*frames[:1] * 2, *frames[1:]) == [datagram(data)]

    def test_they_are_those_made_by_hand(self) -> None:
        data = bytes(range(250)) * 16
        by_hand = made.fragments(data, (1480, 1480), ident=77)
        assert [frame[14:] for frame in frames_of(datagram(data), 1500, 77)] == [frame[14:] for frame in by_hand]

    def test_wireshark_puts_them_together(self, tmp_path: Path) -> None:
        frames = frames_of(datagram(bytes(4000)), 1500, 77)
        wanted = ("ip.id", "ip.flags.mf", "ip.flags.df", "ip.frag_offset", "ip.reassembled.length", "udp.length")
        told = tshark(tmp_path, frames, *wanted)
        assert [line[:3] for line in told] == [["0x004d", "1", "0"], ["0x004d", "1", "0"], ["0x004d", "0", "0"]]
        assert told[-1][4:] == ["4008", "4008"]

    def test_as_much_as_a_packet_holds_and_no_more(self) -> None:
        data = bytes(LARGEST)
        assert taken(*frames_of(datagram(data), 1500, 1)) == [datagram(data)]
        (whole,) = frames_of(datagram(data), 65535)
        assert len(whole) == 14 + 65535
        assert taken(whole) == [datagram(data)]
        with pytest.raises(OverflowError):
            frames_of(datagram(bytes(LARGEST + 1)))

    def test_one_that_is_damaged_spoils_the_whole(self) -> None:
        frames = frames_of(datagram(bytes(4000)), 1500, 77)
        frames[1] = frames[1][:-1] + b"\x01"
        assert taken(*frames) == []

    def test_what_never_becomes_whole_takes_little_room(self) -> None:
        host = Reassembly()
        for number in range(10_000):
            frames = frames_of(datagram(bytes(2000)), 1500, number)
            host.take(frames[number % 2])
        assert len(host._pieces) == UNDER_WAY
        assert [host.take(frame) for frame in frames_of(datagram(bytes(2000)), 1500, 77)][-1] == datagram(bytes(2000))


class TestRefusal:
    def test_it_is_the_message_made_by_hand(self) -> None:
        caused = made.ipv4(made.udp(b"anybody?"), 17, ident=0)
        error = made.icmp(3, 3, bytes(4) + caused)
        by_hand = ETHERNET + made.ipv4(error, 1, ident=0, fragment=0, src="10.0.0.2", dst="10.0.0.1")
        assert refusal_of(datagram(b"anybody?")) == by_hand
        assert refused_by(by_hand) == (CLIENT, SERVER)

    @pytest.mark.parametrize("size", [0, 1, 547, 548, 5000])
    def test_it_quotes_no_more_than_it_may(self, size: int) -> None:
        frame = refusal_of(datagram(bytes(size)))
        assert len(frame) - 14 <= 576
        assert refused_by(frame) == (CLIENT, SERVER)

    def test_wireshark_reads_it(self, tmp_path: Path) -> None:
        fields = ("icmp.type", "icmp.code", "icmp.checksum.status", "udp.dstport")
        assert tshark(tmp_path, [refusal_of(datagram(b"anybody?"))], *fields) == [["3", "3", "1", "8124"]]

    def test_other_frames_refuse_nothing(self) -> None:
        frame = refusal_of(datagram(b"hello"))
        network = ETHERNET + made.ipv4(made.icmp(3, 1, bytes(4) + made.ipv4(made.udp(), 17)), 1)
        about_tcp = ETHERNET + made.ipv4(made.icmp(3, 3, bytes(4) + made.ipv4(made.tcp())), 1)
        for other in (frame[:-1], frame[:-1] + b"?", network, about_tcp, *frames_of(datagram(b"hello"))):
            assert refused_by(other) is None
