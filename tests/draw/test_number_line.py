"""The line of sequence numbers: what takes a number, who carried it, what was asked for next."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import draw
from labkit.core.errors import LabError
from labkit.draw.number_line import _broken, _levels
from labkit.packets import Tape
from labkit.packets.model import Verdict
from tests.draw.fakes import FakePacket, Script
from tests.draw.markup import SVG, check_layout, parse, texts
from tests.draw.pages import places

GREETING = Tape.load("data/01a-tcp-connection/greeting.pcapng")


def test_a_syn_and_a_fin_take_a_number_and_each_byte_takes_one() -> None:
    assert repr(draw.number_line(GREETING)).splitlines() == [
        "The bytes of the client, by their sequence numbers: 0 to 6",
        "  0: SYN, packet 1",
        "  1-5: 5 bytes “hello”, packet 6",
        "  6: FIN, packet 9",
        "  ack=1 from the server: everything before 1 has arrived, packets 2, 4",
        "  ack=6 from the server: everything before 6 has arrived, next the FIN, packets 7, 8",
        "  ack=7 from the server: all of it has arrived, packet 10",
        "tape: recorded from data/01a-tcp-connection/greeting.pcapng",
    ]


def test_the_numbers_are_those_of_the_packets() -> None:
    """Every number of the picture against the packets themselves."""
    for name in ("client", "server"):
        carried: dict[int, set[int]] = {}
        for packet in GREETING:
            if packet.sender == name:
                size = packet.length + ("SYN" in packet.flags) + ("FIN" in packet.flags)
                for number in range(packet.seq, packet.seq + size):
                    carried.setdefault(number, set()).add(packet.number)
        drawn = texts(parse(draw.number_line(GREETING, sender=name).svg))
        assert {str(number) for number in carried} <= set(drawn)
        for line in repr(draw.number_line(GREETING, sender=name)).splitlines()[1:]:
            if line.startswith("  ") and "ack=" not in line:
                first, _, last = line.split(":")[0].strip().partition("-")
                for number in range(int(first), int(last or first) + 1):
                    assert carried.pop(number) == {int(line.rsplit(" ", 1)[1])}
        assert not carried


def test_each_letter_is_above_its_number_and_each_ack_above_the_next_one() -> None:
    svg = draw.number_line(GREETING).svg
    check_layout(parse(svg))
    for number, letter in enumerate(["SYN", *"hello", "FIN"]):
        ((x, y),) = places(parse(svg), str(number))
        assert (x, y - 27) in [(left, top) for left, top in places(parse(svg), letter)]
    tips = [node.get("d", "") for node in parse(svg).iter(f"{SVG}path") if node.get("class") == "as"]
    for ack in (1, 6, 7):
        ((x, _),) = places(parse(svg), str(ack))
        assert any(tip.startswith(f"M{x:.0f} ") for tip in tips)


def test_what_was_lost_and_sent_again_is_one_piece_of_two_packets() -> None:
    tape = Script().send(0, "client", "SYN").send(10, "server", "SYN, ACK").send(20, "client", "ACK")
    tape.send(30, "client", "PSH, ACK", b"ab", verdict=Verdict("dropped"))
    tape.send(40, "client", "PSH, ACK", b"ab", seq=1).send(50, "server", "ACK")
    picture = draw.number_line(tape.tape())
    assert "  1-2: 2 bytes “ab”, packets 4 (lost), 5" in repr(picture).splitlines()
    assert "packets 4 (lost), 5" in texts(parse(picture.svg))


def test_a_long_transfer_is_shortened_and_the_loss_stays() -> None:
    picture = draw.number_line(Tape.load("data/01d-tcp-loss/lost-segment.pcapng"))
    drawn = texts(parse(picture.svg))
    check_layout(parse(picture.svg))
    assert "…" in drawn
    assert {"0", "1", "2921", "4380", "11681", "11682"} <= set(drawn)
    assert "packets 6 (lost), 21" in drawn
    assert any(text.startswith("not drawn: ") and "more segments" in text for text in drawn)
    whole = repr(picture)
    assert "  2921-4380: 1,460 bytes, packets 6 (lost), 21" in whole.splitlines()  # its text leaves nothing out
    assert whole.count(" bytes, packet") == 8


@pytest.mark.parametrize("sizes", [[1], [22], [23], [3, 400, 3], [1] * 60, [5] * 40, [100_000, 2_000_000]])
def test_it_fits_a_screen_whatever_its_length(sizes: list[int]) -> None:
    script = Script().send(0, "client", "SYN").send(1, "server", "SYN, ACK")
    for number, size in enumerate(sizes):
        script.send(2 + number, "client", "ACK", bytes(size)).send(2.5 + number, "server", "ACK")
    picture = draw.number_line(script.send(999, "client", "FIN, ACK").tape())
    root = parse(picture.svg)
    check_layout(root)
    assert float(root.get("height", "0")) <= 500
    assert repr(picture).splitlines()[0].endswith(f"0 to {sum(sizes) + 1}")


def test_hostile_bytes_become_text() -> None:
    data = b"<b>&\0\x1b\xff\r\n \x7f\\" + "您".encode()
    script = Script().send(0, "client", "SYN").send(1, "server", "SYN, ACK").send(2, "client", "ACK", data)
    picture = draw.number_line(script.tape(), title="<script>\x1b\u202e")
    drawn = texts(parse(picture.svg))
    check_layout(parse(picture.svg))
    assert {"<", "&", "\\0", "1b", "ff", "\\r", "\\n", "␣", "7f", "e6"} <= set(drawn)
    assert all(char.isprintable() for line in repr(picture).split("\n") for char in line)


def test_of_several_connections_the_first_is_drawn_and_that_is_said() -> None:
    script = Script()
    for port in (40001, 40002):
        script.send(0, "client", "SYN", port=port).send(1, "server", "SYN, ACK", port=port)
    picture = draw.number_line(script.send(3, "client", "ACK", b"second", port=40002).tape())
    assert repr(picture).splitlines()[1] == "  the first of 2 connections"
    assert any("the first of 2 connections" in text for text in texts(parse(picture.svg)))
    assert "second" not in repr(picture)


def test_a_list_of_packets_and_a_part_of_a_tape() -> None:
    assert repr(draw.number_line(list(GREETING))) == repr(draw.number_line(GREETING)).rsplit("\n", 1)[0]
    assert "hello" in repr(draw.number_line(GREETING[3:]))


@pytest.mark.parametrize("thing", [5, "x", b"x", None, {}, [1], GREETING[0], object()])
def test_what_is_no_row_of_packets_is_refused(thing: Any) -> None:
    with pytest.raises(LabError, match=r"cannot draw the numbers of|there is no TCP segment"):
        draw.number_line(thing)


def test_packets_without_numbers_are_refused() -> None:
    with pytest.raises(LabError, match="no TCP segment on this tape"):
        draw.number_line([])
    with pytest.raises(LabError, match="no TCP segment on this tape"):
        draw.number_line([FakePacket(1, 0, "client", "", protocol="UDP")])
    with pytest.raises(LabError, match="the client sent no TCP segment with a number"):
        draw.number_line([FakePacket(1, 0, "client", "ACK")])
    for sender in ("peer", None, 1):
        with pytest.raises(LabError, match="is no side"):
            draw.number_line(GREETING, sender=sender)  # type: ignore[arg-type]


def test_numbers_left_out_leave_a_gap() -> None:
    assert _broken([1, 2, 5, 6, 9]) == [1, 2, None, 5, 6, None, 9]


def test_labels_that_would_lie_on_each_other_get_levels() -> None:
    assert _levels([(0, 10), (5, 15), (10, 20), (12, 30)]) == ([0, 1, 0, 2], 3)
    assert _levels([(0, 10)] * 6) == ([0, 1, 2, 3, -1, -1], 4)
