"""Plots of one connection and of several: sequence numbers, windows, transfers, two runs, and the kernel's samples."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from labkit import draw
from labkit.core.errors import BadCapture, LabError
from labkit.draw.acknowledged import _steps
from labkit.draw.compared import _together, ticks
from labkit.draw.segments import acks_of, segments_of
from labkit.packets import Tape
from labkit.packets.model import Verdict
from labkit.packets.samples import Samples, TcpSample
from tests.draw.fakes import MS, FakePacket, Script
from tests.draw.markup import check_layout, parse, texts

DATA = Path(__file__).resolve().parents[2] / "data"


def recorded(name: str) -> Tape:
    return Tape.load(DATA / f"{name}.pcapng")


def lossy() -> Any:
    """Three segments of 10 bytes; the second is lost, and sent again after the third was acknowledged in vain."""
    run = Script().open()
    for place in range(3):
        lost = Verdict("dropped") if place == 1 else None
        run.send(100 + place, "client", "ACK", b"x" * 10, seq=1 + 10 * place, verdict=lost)
    for at, ack in ((200, 11), (210, 11), (400, 31)):
        if at == 400:
            run.send(300, "client", "ACK", b"x" * 10, seq=11)
        run.send(at, "server", "ACK")
        run.packets[-1].ack = ack
    return run.tape()


def samples(*rows: tuple[int, int, int | None, int, int | None, int]) -> Samples:
    """Samples of (ms, congestion window, threshold, in flight, peer's window, acknowledged)."""
    found = Samples("live from a wire", live=True)
    found.algorithm = "reno"
    for at, window, threshold, flight, peer, done in rows:
        state = "open" if threshold is None else "recovery"
        found.add(TcpSample(at * MS, window, threshold, flight, peer, done, 0, 0.04, 1460, 0.0, state))
    return found


GROWS = samples(
    (0, 14600, None, 0, 64000, 0), (50, 29200, None, 29200, 64000, 14600), (99, 20000, 15000, 9, None, 40000)
)


class TestSequence:
    def test_segments_of_a_loss(self) -> None:
        found = segments_of(lossy().packets, "client")
        assert [(each.first, each.after, each.lost, each.again) for each in found] == [
            (1, 11, False, False),
            (11, 21, True, False),
            (21, 31, False, False),
            (11, 21, False, True),
        ]
        assert [ack for _, ack in acks_of(lossy().packets, "server")][-3:] == [11, 11, 31]

    def test_the_text_names_what_was_lost_and_sent_again(self) -> None:
        picture = draw.sequence(recorded("01d-tcp-loss/lost-segment"))
        assert repr(picture).split("\n")[1:4] == [
            "  bytes 1 to 11680 of the client, over time",
            "  lost: bytes 2921 to 4380",
            "  sent again: bytes 2921 to 4380",
        ]
        assert "acknowledged up to byte 11680" in picture.alt

    def test_nothing_lost_is_not_mentioned(self) -> None:
        assert "lost" not in repr(draw.sequence(recorded("01d-tcp-loss/overtaken"), theme="dark"))

    def test_many_repetitions_are_counted(self) -> None:
        run = Script().open().send(50, "client", "ACK", b"x" * 10)
        for number in range(9):
            run.send(100 + number, "client", "ACK", b"x" * 10, seq=1)
        assert "and 3 more" in repr(draw.sequence(run.tape()))

    def test_a_tape_of_several_connections_is_refused(self) -> None:
        tape = Script().open().open(500, port=999).tape()
        with pytest.raises(LabError, match=r"2 connections.*connections\[0\]"):
            draw.sequence(tape)


class TestWindow:
    def test_it_falls_and_opens(self) -> None:
        picture = draw.window(recorded("01d-tcp-loss/no-room"))
        assert "it falls to 0 and opens again" in repr(picture)
        assert "Room that the server told the client" in repr(picture)

    def test_never_closed(self) -> None:
        assert "it is never 0" in repr(draw.window(recorded("01d-tcp-loss/twice")))

    def test_it_is_scaled_as_both_syns_say(self) -> None:
        tape = recorded("01d-tcp-loss/twice")
        shift = int(tape.where(only="SYN, ACK")[0]["TCP"]["options.wscale.shift"].value)
        high = max(each.window << shift for each in tape.where(sender="server") if "SYN" not in each.flags)
        assert shift > 0
        assert f"most room {high:,} bytes" in draw.window(tape).alt
        cut = [each for each in tape if "SYN" not in each.flags]  # without the handshake nobody knows the scale
        high = max(each.window for each in cut if each.sender == "server")
        assert f"most room {high:,} bytes" in draw.window(cut).alt

    def test_it_stays_closed(self) -> None:
        run = Script().open().send(50, "client", "ACK", b"x").send(60, "server", "ACK")
        run.packets[-1].window = 0
        assert "it falls to 0 and stays there" in repr(draw.window(run.tape()))


class TestCompare:
    def test_two_runs(self) -> None:
        one, two = recorded("01c-tcp-stream/nagle-on"), recorded("01c-tcp-stream/nagle-off")
        picture = draw.compare(one, two, names=("Nagle on", "Nagle off"), title="Three writes", twin="one waits")
        lines = repr(picture).split("\n")
        assert lines[0] == "Comparison: Three writes"
        assert lines[1:3] == ["  Nagle on:", "    → 4 bytes “GET ”"]
        assert "    → 8 bytes “the time”" in lines
        assert "  one waits" in lines
        assert lines[-1].startswith("tape: recorded from data/")
        assert "SYN" not in repr(picture)
        root = parse(picture.svg)
        check_layout(root)
        assert any(text.endswith("ms: nothing") for text in texts(root))
        assert int(root.get("height", "0")) <= 800

    def test_all_packets(self) -> None:
        tape = lossy()
        picture = draw.compare(tape, tape, only=None)
        assert "    → SYN" in repr(picture)
        check_layout(parse(picture.svg))

    def test_equal_heights_are_equal_times(self) -> None:
        slow = Script().open().send(1000, "client", "ACK", b"a").send(51_000, "client", "ACK", b"b").tape()
        fast = Script().open().send(1000, "client", "ACK", b"a").send(26_000, "client", "ACK", b"b").tape()
        root = parse(draw.compare(slow, fast).svg)
        starts = [
            float(node.get("d", "").split("L")[0].split(" ")[1])
            for node in root.iter("{http://www.w3.org/2000/svg}path")
            if node.get("class") == "ac" and "L" in node.get("d", "") and "v8z" not in node.get("d", "")
        ]
        assert starts[1] - starts[0] == pytest.approx(2 * (starts[3] - starts[2]), abs=0.3)

    def test_ticks_are_round(self) -> None:
        assert ticks(47 * MS) == [0, 10 * MS, 20 * MS, 30 * MS, 40 * MS]
        assert all(len(ticks(span)) <= 9 for span in (1, 999, 12345, 7 * MS, 10**12))

    def test_hostile_payload_and_names(self) -> None:
        run = Script().open().send(50, "client", "ACK", b"<script>\x1b")
        picture = draw.compare(run.tape(), run.tape(), names=("<b>\u202e", "x" * 300))
        check_layout(parse(picture.svg))
        assert "\u202e" not in repr(picture)


class TestAcknowledged:
    def test_stop_and_wait_and_tcp(self) -> None:
        by_waiting, by_tcp = recorded("02b-udp-network/stop-and-wait"), recorded("02b-udp-network/by-tcp")
        picture = draw.acknowledged({"stop-and-wait": by_waiting, "TCP": by_tcp})
        assert "stop-and-wait: 50,000 bytes in" in picture.alt
        assert "TCP: 50,000 bytes in" in picture.alt
        assert repr(picture).split("\n")[1] == "  stop-and-wait, TCP; in bytes, over time"
        sizes = {two - one for (_, one), (_, two) in pairwise(_steps(by_waiting, "", 0))}
        assert sizes == {1000}  # a staircase

    def test_neither_syn_nor_fin_is_data(self) -> None:
        run = Script().open().send(50, "client", "ACK", b"x" * 10).send(60, "server", "ACK")
        run.send(70, "client", "FIN, ACK").send(80, "server", "ACK")
        assert _steps(run.tape().packets, "", 0)[-1][1] == 10

    def test_samples(self) -> None:
        picture = draw.acknowledged({"one": GROWS, "two": GROWS[1:]})
        assert "one: 40,000 bytes in 99 ms" in picture.alt
        assert "two: 25,400 bytes in 99 ms" in picture.alt  # counted from a common start

    def test_a_lost_acknowledgment_does_not_count(self) -> None:
        run = Script().open().send(50, "client", "ACK", b"x" * 10)
        run.send(60, "server", "ACK", verdict=Verdict("dropped"))
        with pytest.raises(LabError, match="nothing is acknowledged"):
            draw.acknowledged({"x": run.tape()})


class TestCongestion:
    def test_what_it_says(self) -> None:
        picture = draw.congestion(GROWS, rate=1e6, twin="it grows")
        assert repr(picture).split("\n") == [
            "Plot: Two windows, and the bytes in flight",
            "  bytes in flight, congestion window, peer's window; in bytes, over time",
            "  congestion control: reno",
            "  it grows",
            "tape: live from a wire",
        ]
        assert "most in flight 29,200 bytes" in picture.alt
        assert "1 losses told by duplicate ACKs, 0 timeouts" in picture.alt

    def test_without_a_twin_it_says_which_losses_were_seen(self) -> None:
        assert "\n  duplicate ACKs tell of a loss\n" in repr(draw.congestion(GROWS))

    def test_no_loss_and_no_peer(self) -> None:
        quiet = samples((0, 14600, None, 0, None, 0), (9, 14600, None, 14600, None, 9))
        assert "no duplicate ACKs tell of a loss" in repr(draw.congestion(quiet))

    def test_samples_in_a_file(self, tmp_path: Path) -> None:
        again = Samples()
        again.load(GROWS.save(tmp_path / "a.samples.json"), "recorded from data/a")
        assert list(again) == list(GROWS)
        assert (again.algorithm, again.origin, again.live) == ("reno", "recorded from data/a", False)

    @pytest.mark.parametrize("said", ["", "[]", "{}", '{"algorithm":"","names":[],"samples":[]}', None])
    def test_a_file_that_is_none(self, tmp_path: Path, said: str | None) -> None:
        path = tmp_path / "a.samples.json"
        if said is None:
            said = GROWS.save(path).read_text().replace("[0,", '["x",', 1)
        path.write_text(said)
        with pytest.raises(BadCapture, match="cannot be read"):
            Samples().load(path, "")


@pytest.mark.parametrize(
    "call",
    [
        lambda: draw.sequence(3),  # type: ignore[arg-type]
        lambda: draw.sequence([1]),  # type: ignore[list-item]
        lambda: draw.sequence([]),
        lambda: draw.sequence(lossy(), sender="me"),
        lambda: draw.sequence(lossy(), sender="server"),
        lambda: draw.window([FakePacket(1, None, "client", "SYN")]),  # type: ignore[list-item]
        lambda: draw.compare(lossy(), lossy(), names="ab"),
        lambda: draw.compare(lossy(), lossy(), only="acks"),
        lambda: draw.compare(lossy(), []),
        lambda: draw.acknowledged({}),
        lambda: draw.acknowledged([lossy()]),  # type: ignore[arg-type]
        lambda: draw.congestion(lossy()),
        lambda: draw.congestion(Samples()),
        lambda: draw.congestion(GROWS, rate=0),
        lambda: draw.congestion(GROWS, theme="blue"),
    ],
)
def test_what_cannot_be_drawn_is_said(call: Callable[[], object]) -> None:
    with pytest.raises(LabError):
        call()


def test_packets_close_together_are_named_together() -> None:
    from labkit.draw.compared import _Mark

    marks = [_Mark(at, FakePacket(1, at, "client", "ACK")) for at in (0, 1, 2, 400)]  # type: ignore[arg-type]
    assert [len(group) for group in _together(marks, 1.0)] == [3, 1]
