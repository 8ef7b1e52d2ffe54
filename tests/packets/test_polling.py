"""Captures that are looked at while they run: nothing is taken from the capture, and nothing grows without bound.

Rule: a source that is played gives the frames; that the kernel's own do the same is tried at the end.
"""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Sequence

import pytest

import labkit
from labkit import net
from labkit.core.errors import CaptureUnavailable
from labkit.packets import conversations, polling
from labkit.packets.capture_file import Recording
from labkit.packets.following import Following, tape_of
from labkit.packets.frames import ETHERNET, Frame
from labkit.packets.marker import Marker
from labkit.packets.ring import Ring
from labkit.packets.tape import Tape
from tests.needs import need_live_capture
from tests.packets import made


class Played:
    """A source that gives what it was given."""

    origin, full = "played", False

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.came = threading.Event()
        self.broken = False

    def give(self, frames: Sequence[Frame]) -> None:
        """Let these come."""
        self.frames += frames
        self.came.set()

    def take(self) -> list[Frame]:
        """What came."""
        if self.broken:
            raise CaptureUnavailable("the capture broke off", "Run the cell again.")
        frames, self.frames = self.frames, []
        self.came.clear()
        return frames

    def wait(self, seconds: float) -> bool:
        """Wait until something can be taken."""
        return self.came.wait(seconds)

    def drops(self) -> int:
        """Nothing is lost."""
        return 0

    def close(self) -> None:
        """Nothing to end."""


def frame(number: int, *, port: int = 40000, flags: int = 0x10, seq: int = 101, data: bytes = b"") -> Frame:
    """A segment from a client to port 8124, as a source gives it."""
    raw = made.ethernet(
        made.ipv4(
            made.tcp(b"", data, sport=port, dport=8124, flags=flags, seq=seq, ack=1), src="10.0.0.1", dst="10.0.0.2"
        )
    )
    return 1_000_000 * number, raw, ETHERNET, 0, len(raw)


class TestLook:
    """Those who look, beside the capture."""

    def test_the_capture_gets_every_frame_once_and_so_does_a_look(self) -> None:
        source = Played()
        polled = polling.Polled(source, ports=[8124])
        source.give([frame(1)])
        first = polled.look(10)
        first.pull()
        source.give([frame(2)])
        second = polled.look(10)  # later: it sees the first packet all the same
        first.pull()
        second.pull()
        source.give([frame(3)])
        polled.take_over()
        assert [each[0] for each in polled.take()] == [1_000_000, 2_000_000, 3_000_000]
        source.give([frame(4)])
        first.pull()  # takes nothing from the source any more
        assert [each[0] for each in polled.take()] == [4_000_000]
        for look in (first, second):
            look.pull()
            assert [packet.number for packet in look.newest.packets] == [1, 2, 3, 4]
        first.close()
        source.give([frame(5)])
        polled.take()
        first.pull()
        second.pull()
        assert (first.newest.total, second.newest.total) == (4, 5)

    def test_without_a_look_the_source_is_left_alone(self) -> None:
        source = Played()
        polled = polling.Polled(source)
        source.give([frame(1)])
        assert polled.wait(0)
        assert len(source.frames) == 1
        assert len(polled.take()) == 1

    def test_a_capture_that_broke_off_says_so_to_who_looks(self) -> None:
        source = Played()
        look = polling.Polled(source).look(10)
        source.broken = True
        with pytest.raises(CaptureUnavailable, match="broke off"):
            look.pull()

    def test_who_waits_is_woken_by_packets_and_by_the_end(self) -> None:
        source = Played()
        polled = polling.Polled(source)
        look = polled.look(10)
        for act in (lambda: source.give([frame(1)]), polled.take_over, polled.close):
            woken = threading.Event()
            thread = threading.Thread(target=lambda done=woken: (look.wait(30), done.set()))
            thread.start()
            act()
            if act == polled.take_over:
                source.give([])  # whoever waits at the source is woken there
            assert woken.wait(10)
            thread.join()
            look.pull()
        assert look.ended

    def test_of_too_many_at_once_the_newest_are_looked_at_and_all_are_counted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(polling, "MOST", 20)
        source, marker = Played(), Marker()
        look = polling.Polled(source, marker, [8124]).look(10)
        source.give([frame(1, flags=0x02, seq=100)])
        look.pull()
        source.give([frame(number, seq=99 + number) for number in range(2, 101)])
        look.pull()
        marker.close()
        assert look.newest.total == 100
        assert [(each.number, each.seq) for each in look.newest.packets] == [(at, at - 1) for at in range(91, 101)]

    def test_a_capture_without_a_source_has_nothing_before_its_end(self) -> None:
        with polling.Polled() as polled:
            look = polled.look(10)
            look.pull()
            assert look.newest.total == 0
        look.wait(30)
        assert look.ended


class TestNewest:
    """The newest packets: numbers as of the whole capture, memory as of the newest."""

    def test_they_are_what_a_tape_of_all_would_say(self) -> None:
        frames = [frame(1, flags=0x02, seq=100)]
        frames += [frame(number, seq=101 + 5 * (number - 2), flags=0x18, data=b"12345") for number in range(2, 40)]
        frames.append(frame(40, seq=101, flags=0x18, data=b"12345"))  # once more
        tape = Tape(Recording(frames, ports=(8124,)))
        for size in (1, 7, 40):  # however they are cut into batches
            newest = polling.Newest([8124], 12)
            for start in range(0, 40, size):
                newest.feed(frames[start : start + size], {})
            assert newest.total == 40
            assert [repr(each) for each in newest.packets] == [repr(each) for each in tape][-12:]
            assert [each.note for each in newest.packets] == [each.note for each in tape][-12:]
            assert newest.packets[-1].note != ""
        assert [each.number for each in newest.since(38)] == [39, 40]
        assert [each.number for each in newest.since(3)] == list(range(29, 41))
        assert newest.since(40) == []

    def test_memory_does_not_grow_with_packets_or_connections(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(polling, "FLOWS", 50)
        newest = polling.Newest([8124], 100)

        def run(first: int) -> int:
            for number in range(first, first + 3000, 100):
                batch = [
                    frame(each, port=20000 + each % 30000, flags=(0x02, 0x18, 0x04)[each % 3], seq=each, data=b"x")
                    for each in range(number, number + 100)
                ]
                newest.feed(batch, {})
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            run(0)
            before = run(3000)
            after = run(6000)
        finally:
            tracemalloc.stop()
        assert newest.total == 9000
        assert after - before < 20_000  # bytes; one connection alone has 1,000

    def test_a_forgotten_connection_begins_anew(self) -> None:
        known = conversations.Conversations([8124])
        known.feed([frame(1, port=port, flags=0x02, seq=9) for port in (1, 2, 3)])
        known.forget(2)
        known.feed([frame(2, port=port, seq=10) for port in (3, 1)])
        places = [each for each in known.places if each is not None]
        assert [each.connection for each in places] == [2, 3]
        assert [each.relative_seq for each in places] == [1, 1]
        assert [each.number for each in known.connections] == [3]


class TestFollowing:
    """A capture of its own, without an end."""

    def test_it_ends_with_all_that_was_sent_before(self) -> None:
        need_live_capture()
        with net.create_server(lambda socket: socket.on("data", socket.write)).listen(0) as server:
            following = Following(server.port, keep=100)
            with net.connect(server.port) as socket:
                socket.write(b"hello")
                socket.wait_for("data")
                socket.end()
                socket.wait_for("close")
            following.close()
            following.close()
        following.pull()
        assert following.newest.total == 10
        assert following.ended
        assert following.lost() == 0
        assert [packet.flags for packet in tape_of(following)][:3] == ["SYN", "SYN, ACK", "ACK"]

    def test_the_limit_is_of_what_was_not_taken(self) -> None:
        need_live_capture()
        with net.create_server(lambda socket: socket.on("data", socket.write)).listen(0) as server:
            ring = Ring("lo", (server.port,), 6000, endless=True)
            ended = Ring("lo", (server.port,), 6000)
            try:
                for _ in range(4):
                    with net.connect(server.port) as socket:
                        socket.write(b"x" * 1000)
                        socket.wait_for("data")
                        socket.end()
                        socket.wait_for("close")
                    assert ring.wait(10)
                    while not ring.full and len(ring.take()) and ring.wait(0.05):
                        pass
                assert not ring.full
                assert ring.drops() == 0
                assert ended.full
            finally:
                ring.close()
                ended.close()

    def test_a_machine_that_cannot_capture_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labkit.packets.probe.best_tier", lambda: "recorded")
        with pytest.raises(CaptureUnavailable, match="cannot capture, so there is nothing to follow"):
            Following(8124)

    def test_a_tape_knows_its_capture_while_that_runs(self) -> None:
        need_live_capture()
        with labkit.capture(8124) as tape:
            running = tape.running
            assert running is not None
            assert not running.ended.is_set()
        assert tape.running is None
        assert running.ended.is_set()
