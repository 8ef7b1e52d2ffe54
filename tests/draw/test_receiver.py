"""What a receiver says of itself, on the ladder: which bytes came out of order (SACK), and that it has no room.

Rule: frames are built by hand, byte by byte; the relative numbers are worked out here a second time.
"""

from __future__ import annotations

import struct

import pytest

from labkit import draw
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.frames import Frame, sack_blocks
from tests.packets import made

MS = 1_000_000
CLIENT, SERVER = 0xFFFFFF00, 1000  # the client's numbers pass 2^32 within the conversation
SYN, ACK, RST = 0x02, 0x10, 0x04


def segment(
    number: int, sport: int, dport: int, seq: int, ack: int, flags: int, *, window: int = 500, options: bytes = b""
) -> Frame:
    head = struct.pack(
        "!HHIIHHHH", sport, dport, seq % (1 << 32), ack % (1 << 32), (5 + len(options) // 4) << 12 | flags, window, 0, 0
    )
    source, target = ("10.0.0.1", "10.0.0.2") if sport > dport else ("10.0.0.2", "10.0.0.1")
    raw = made.ethernet(made.ipv4(head + options, src=source, dst=target))
    return (number * MS, raw, 1, 0, len(raw))


def sack(*blocks: tuple[int, int]) -> bytes:
    edges = b"".join(struct.pack("!I", (CLIENT + edge) % (1 << 32)) for block in blocks for edge in block)
    return b"\1\1" + bytes((5, 2 + len(edges))) + edges


def tape(*last: Frame) -> Tape:
    opening = (
        segment(0, 40000, 8124, CLIENT, 0, SYN),
        segment(1, 8124, 40000, SERVER, CLIENT + 1, SYN | ACK),
        segment(2, 40000, 8124, CLIENT + 1, SERVER + 1, ACK),
    )
    return Tape(Recording([*opening, *last]))


def last_line(recorded: Tape) -> str:
    return repr(draw.ladder(recorded)).splitlines()[-1]


class TestSack:
    def test_the_block_is_told_in_relative_numbers(self) -> None:
        recorded = tape(segment(3, 8124, 40000, SERVER + 1, CLIENT + 1, ACK, options=sack((1461, 2921))))
        assert recorded[3].sack == ((1461, 2921),)
        assert last_line(recorded) == (
            "  4  client ← server  ACK       seq=1 ack=1 sack=1461-2921  duplicate ACK 1"
        )

    def test_several_blocks(self) -> None:
        recorded = tape(segment(3, 8124, 40000, SERVER + 1, CLIENT + 1, ACK, options=sack((500, 600), (100, 200))))
        assert last_line(recorded).endswith("ack=1 sack=500-600,100-200  duplicate ACK 1")

    @pytest.mark.parametrize(
        ("ack", "blocks", "meaning"),
        [
            (1, ((500, 600),), "received out of order: 500-600"),
            (11, ((1, 11),), "received a second time: 1-11 (D-SACK)"),
            (11, ((1, 11), (20, 30)), "received a second time: 1-11 (D-SACK); received out of order: 20-30"),
            (1, ((22, 25), (20, 30)), "received a second time: 22-25 (D-SACK); received out of order: 20-30"),
            (1, ((20, 30), (40, 50)), "received out of order: 20-30, 40-50"),
        ],
    )
    def test_bytes_that_came_twice_are_told_apart(
        self, ack: int, blocks: tuple[tuple[int, int], ...], meaning: str
    ) -> None:
        recorded = tape(segment(3, 8124, 40000, SERVER + 1, CLIENT + ack, ACK, options=sack(*blocks)))
        assert recorded[3]["TCP"]["options.sack"].meaning == meaning

    def test_none(self) -> None:
        timestamps = b"\1\1\x08\x0a" + bytes(8)
        recorded = tape(segment(3, 8124, 40000, SERVER + 1, CLIENT + 1, ACK, options=timestamps))
        assert recorded[3].sack == ()
        assert "sack" not in last_line(recorded)

    @pytest.mark.parametrize(
        "options",
        [b"", b"\5", b"\5\0", b"\5\1", b"\5\x0a", b"\5\x0a\0\0\0\1", b"\0\5\x0a" + bytes(8), b"\x08\0", b"\1" * 40],
    )
    def test_damaged_options_have_none_and_raise_nothing(self, options: bytes) -> None:
        assert sack_blocks(options, 0, len(options)) == []

    def test_behind_another_option(self) -> None:
        options = b"\x08\x0a" + bytes(8) + b"\5\x0a" + struct.pack("!II", 7, 9)
        assert sack_blocks(b"xx" + options, 2, 2 + len(options)) == [(7, 9)]


class TestWindow:
    def test_a_closed_window_is_told(self) -> None:
        recorded = tape(segment(3, 8124, 40000, SERVER + 1, CLIENT + 1, ACK, window=0))
        assert last_line(recorded) == "  4  client ← server  ACK       seq=1 ack=1  zero window"
        assert "zero window: no room" in draw.ladder(recorded).svg

    def test_an_open_one_is_not(self) -> None:
        recorded = tape(segment(3, 8124, 40000, SERVER + 1, CLIENT + 1, ACK, window=1))
        assert "window" not in repr(draw.ladder(recorded))

    def test_a_reset_has_no_window_to_speak_of(self) -> None:
        recorded = tape(segment(3, 8124, 40000, SERVER + 1, CLIENT + 1, ACK | RST, window=0))
        assert "window" not in repr(draw.ladder(recorded))
