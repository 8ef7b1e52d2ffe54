"""labkit.packets.datagram: a frame written around data, and what a host's kernel makes of one.

Rule: the frames made by hand for the tests are the oracle, and Wireshark is the judge of the checksums.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.packets import Tape
from labkit.packets.datagram import HEADERS, LARGEST, datagram_in, frame_of
from labkit.packets.pcapng import Recording
from tests.needs import need_tool
from tests.packets import made

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 8124)
PACKED = ((b"\x0a\0\0\1", 40000), (b"\x0a\0\0\2", 8124))
NO_SUM = b"\xff\xff"  # the checksum that is sent where the sum's complement is 0

ETHERNET = bytes(12) + b"\x08\x00"


def sum_of_zero() -> bytes:
    """Two bytes of data that make the complement of the sum 0."""
    return next(
        data for data in (number.to_bytes(2, "big") for number in range(1 << 16))
        if made.udp(data)[6:8] == NO_SUM
    )  # fmt: skip


@given(st.binary(max_size=300))
def test_it_is_the_frame_that_is_made_by_hand(data: bytes) -> None:
    expected = ETHERNET + made.ipv4(made.udp(data), 17, ident=0)
    assert frame_of(CLIENT, SERVER, data) == expected
    assert datagram_in(expected) == (*PACKED, data)


def test_a_sum_of_zero_is_sent_as_ones() -> None:
    data = sum_of_zero()
    frame = frame_of(CLIENT, SERVER, data)
    assert frame[HEADERS - 2 : HEADERS] == NO_SUM
    assert datagram_in(frame) == (*PACKED, data)


def test_as_much_as_a_packet_holds_and_no_more() -> None:
    frame = frame_of(CLIENT, SERVER, bytes(LARGEST))
    assert len(frame) == 14 + 65535
    assert datagram_in(frame) == (*PACKED, bytes(LARGEST))
    with pytest.raises(OverflowError):
        frame_of(CLIENT, SERVER, bytes(LARGEST + 1))


def test_wireshark_finds_every_checksum_right(tmp_path: Path) -> None:
    tshark = need_tool("tshark")
    pieces = (b"", b"a", b"ab", bytes(1472), bytes(range(256)) * 3, sum_of_zero())
    frames = [frame_of(CLIENT, SERVER, data) for data in pieces]
    path = Tape(Recording([(number, frame, 1, 0, len(frame)) for number, frame in enumerate(frames)])).save(
        tmp_path / "made.pcapng"
    )
    wanted = ("ip.checksum.status", "udp.checksum.status", "udp.length", "ip.len")
    check = [item for name in ("ip", "udp") for item in ("-o", f"{name}.check_checksum:TRUE")]
    said = subprocess.run(
        [tshark, "-r", str(path), *check, "-T", "fields", *(item for name in wanted for item in ("-e", name))],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.split("\n")[:-1] == [f"1\t1\t{8 + len(data)}\t{28 + len(data)}" for data in pieces]


@pytest.mark.parametrize("byte", range(14, HEADERS + 5))
@pytest.mark.parametrize("bit", range(8))
def test_one_bit_changed_anywhere_and_it_is_thrown_away(byte: int, bit: int) -> None:
    frame = bytearray(frame_of(CLIENT, SERVER, b"hello"))
    frame[byte] ^= 1 << bit
    assert datagram_in(bytes(frame)) is None


def test_without_a_checksum_it_is_taken_as_it_is() -> None:
    assert datagram_in(ETHERNET + made.ipv4(made.udp(b"plain", checksum=0), 17)) == (*PACKED, b"plain")


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(ETHERNET + made.ipv4(made.tcp()), id="TCP"),
        pytest.param(ETHERNET[:12] + b"\x86\xdd" + made.ipv6(made.udp(version=6), 17), id="IPv6"),
        pytest.param(ETHERNET + made.ipv4(made.udp(b"first"), 17, fragment=0x2000), id="the first fragment"),
        pytest.param(ETHERNET + made.ipv4(made.udp(b"later"), 17, fragment=0x0001), id="a later fragment"),
        pytest.param(frame_of(CLIENT, SERVER, b"cut short")[:-1], id="cut short"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_anything_else_is_not_for_a_socket(frame: bytes) -> None:
    assert datagram_in(frame) is None


@given(st.binary(max_size=80))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    datagram_in(raw)
    datagram_in(ETHERNET + b"\x45" + raw)
