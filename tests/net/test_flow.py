"""The flow of data: who starts it, pause, pipe, back-pressure, read; on both loops.

Rule: memory is bounded by what the test measures; waits are for events, never for time.
"""

from __future__ import annotations

import hashlib
import os
import socket as system
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit import net, streams
from labkit.core import loop, watching
from labkit.core.endpoint import YOUNG
from labkit.core.errors import LabError, TimedOut
from tests.net.peers import Holder, Place, Story, names, pair, plain_client, plain_server, read_all, read_exactly

KERNEL = 16_000_000
"""More bytes than the two kernel buffers of a loopback connection hold."""


def send_in_background(plain: system.socket, data: bytes, *, end: bool = True) -> threading.Thread:
    def send() -> None:
        plain.sendall(data)
        if end:
            plain.shutdown(system.SHUT_WR)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def fill(plain: system.socket) -> None:
    """Send until the kernel takes no more; fails if that never happens."""
    plain.setblocking(False)
    sent = 0
    while sent < 10 * KERNEL:
        try:
            sent += plain.send(bytes(100_000))
        except BlockingIOError:
            return
    pytest.fail(f"{sent} bytes were taken although nobody reads")


class TestStart:
    """Nothing is delivered until somebody asks, and then nothing is missing."""

    @pytest.mark.parametrize("way", ["on", "once", "decorator", "wait_for", "read", "pipe", "resume"])
    def test_what_starts_it(self, place: Place, way: str) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"early")
            while not accepted.readable_length:
                loop.call(lambda: None)
            assert (names(accepted), accepted.bytes_read) == ([], 0)
            story, ways = Story(accepted, ()), {}
            note = story.noting("data")
            ways["on"] = lambda: accepted.on("data", note)
            ways["once"] = lambda: accepted.once("data", note)
            ways["decorator"] = lambda: accepted.on("data")(note)
            ways["wait_for"] = lambda: note(accepted.wait_for("data"))
            ways["read"] = lambda: note(accepted.read(5))
            ways["pipe"] = lambda: (accepted.pipe(accepted), note(read_exactly(plain, 5)))
            ways["resume"] = lambda: (accepted.resume(), note(b"early"))  # thrown away: there is no listener
            ways[way]()
            story.wait(lambda: story.received == b"early")
            accepted.wait_for("data") if way == "resume" else None
            assert accepted.bytes_read == 5

    @pytest.mark.parametrize("event", ["end", "close", "error", "drain", "timeout", "connect"])
    def test_what_does_not(self, place: Place, event: str) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"early")
            while not accepted.readable_length:
                loop.call(lambda: None)
            accepted.on(event, lambda *_: None)
            loop.call(lambda: None)
            assert accepted.bytes_read == 0
            accepted.on("data", accepted.write)
            assert read_exactly(plain, 5) == b"early"

    def test_without_a_reader_the_peer_is_slowed_down(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            fill(plain)
            while not accepted.readable_length:
                loop.call(lambda: None)
            fill(plain)
            assert accepted.readable_length <= 1_000_000

    def test_an_explicit_pause_holds_against_a_listener(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.pause()
            story = Story(accepted)
            plain.sendall(b"x")
            loop.call(lambda: None)
            assert story.events == []
            accepted.resume()
            assert story.until("data") == ["data"]

    def test_pause_on_connect_holds_the_data_until_resume(self, place: Place) -> None:
        with plain_client(place, pause_on_connect=True) as (plain, accepted):
            plain.sendall(b"waiting")
            story = Story(accepted)
            loop.call(lambda: None)
            assert (story.events, accepted.bytes_read) == ([], 0)
            accepted.resume()
            story.wait(lambda: story.received == b"waiting")

    def test_a_listener_added_after_much_was_thrown_away_gets_the_rest(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.resume()
            plain.sendall(b"lost")
            while loop.call(lambda: accepted.bytes_read) < 4:
                pass
            story = Story(accepted)
            plain.sendall(b"found")
            story.wait(lambda: story.received == b"found")


class TestPause:
    """pause and resume."""

    def test_data_in_the_kernel_survives_a_pause(self, place: Place) -> None:
        data = os.urandom(2_000_000)
        with plain_client(place) as (plain, accepted):
            story = Story(accepted)
            pauses: list[int] = []

            def breathe(piece: bytes) -> None:
                accepted.pause()
                pauses.append(len(piece))
                loop.get().call_soon(accepted.resume)

            accepted.on("data", breathe)
            send_in_background(plain, data).join(0)
            story.until("end")
            assert story.received == data
            assert len(pauses) > 3

    def test_no_data_event_while_paused(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            story = Story(accepted)
            plain.sendall(b"1")
            story.wait(lambda: story.received == b"1")
            accepted.pause()
            plain.sendall(b"2")
            loop.call(lambda: None)
            loop.call(lambda: None)
            assert story.received == b"1"
            accepted.resume()
            story.wait(lambda: story.received == b"12")

    def test_resume_pause_resume_in_one_handler_keeps_order(self, place: Place) -> None:
        """What waits when reading begins is delivered before anything that arrives later, however often one asks."""
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"early")
            while not accepted.readable_length:
                loop.call(lambda: None)
            plain.sendall(b" and more")  # already in the kernel when reading begins
            story = Story(accepted, ())
            accepted.pause()
            accepted.on("data", story.noting("data")).on("end", story.noting("end"))

            def handler() -> None:
                accepted.resume()
                accepted.pause()
                accepted.resume().resume()

            loop.call(handler)
            plain.sendall(b" late")
            plain.shutdown(system.SHUT_WR)
            story.until("end")
            assert story.received == b"early and more late"

    def test_pause_and_resume_after_the_close_do_nothing(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.close()
            accepted.wait_for("close")
            accepted.pause().resume().pause()
            assert names(accepted) == ["end", "finish", "close"]


class TestPipe:
    """pipe: everything arrives, at the pace the destination takes. T-1.6."""

    def test_a_socket_into_itself_is_an_echo(self, place: Place) -> None:
        data = os.urandom(3_000_000)
        with place.listen(net.create_server(lambda s: s.pipe(s))), place.plain() as plain:
            sender = send_in_background(plain, data)
            assert hashlib.sha256(read_all(plain)).digest() == hashlib.sha256(data).digest()
            sender.join(20)

    def test_it_returns_the_destination_and_passes_the_end_on(self, place: Place) -> None:
        with pair(place) as (client, accepted), plain_server(Place("127.0.0.1", Path("x"))) as (onward, served):
            assert accepted.pipe(onward) is onward
            client.end(b"through")
            assert read_all(served) == b"through"

    def test_a_slow_reader_bounds_the_memory_and_loses_nothing(self, place: Place) -> None:
        data = os.urandom(KERNEL)
        holder, highest = Holder(), [0]

        def serve(socket: net.Socket) -> None:
            socket.pipe(socket)
            socket.on("data", lambda piece: highest.__setitem__(0, max(highest[0], socket.writable_length)))
            holder(socket)

        with place.listen(net.create_server(serve)), place.plain() as plain:
            accepted = holder.take()
            sender = send_in_background(plain, data)
            story = Story(accepted, ("drain", "end"))
            while loop.call(lambda: accepted.writable_need_drain) is False:  # nobody reads: it fills up
                pass
            assert sender.is_alive()
            assert read_all(plain) == data
            sender.join(20)
            assert "drain" in story.events
        assert 0 < highest[0] <= streams.HIGH_WATER_MARK + 1_000_000

    def test_into_a_socket_that_is_still_connecting(self, place: Place) -> None:
        """A proxy: what comes before the connection onward stands is bounded, and arrives."""
        data = os.urandom(1_000_000)

        with net.create_server(lambda s: s.pipe(s)).listen(0) as target:

            def proxy(socket: net.Socket) -> None:
                onward = net.connect(target.port, allow_half_open=True)
                socket.pipe(onward)
                onward.pipe(socket)

            with place.listen(net.create_server(proxy, allow_half_open=True)), place.plain() as plain:
                sender = send_in_background(plain, data)
                assert read_all(plain) == data
                sender.join(20)

    def test_into_something_that_is_not_a_socket(self, place: Place) -> None:
        class Collector:
            def __init__(self) -> None:
                self.story, self.pieces, self.waiting = threading.Event(), [], []

            def write(self, data: bytes) -> bool:
                self.pieces.append(data)
                return False

            def once(self, event: str, listener: Callable[[], None]) -> None:
                assert event == "drain"
                loop.get().call_soon(listener)

            def end(self) -> None:
                self.story.set()

        data = os.urandom(500_000)
        with plain_client(place) as (plain, accepted):
            collector = Collector()
            accepted.pipe(collector)  # type: ignore[arg-type]
            sender = send_in_background(plain, data)
            assert collector.story.wait(20)
            sender.join(20)
            assert b"".join(collector.pieces) == data

    def test_the_destination_goes_away(self, place: Place) -> None:
        with pair(place) as (client, accepted), plain_server(Place("127.0.0.1", Path("x"))) as (onward, _served):
            accepted.pipe(onward)
            onward.destroy()
            onward.wait_for("close")
            client.write(b"into the void")
            client.end()
            loop.call(lambda: None)
            assert accepted.is_paused  # as in Node: nobody takes what comes
            assert accepted.read() == b"into the void"
            accepted.wait_for("end")
            assert "error" not in names(accepted)


def warmed(plain: system.socket, accepted: net.Socket, answers: system.socket) -> None:
    """Talk until what arrives takes the short path: sent from here, with no listener called in between."""
    for _ in range(YOUNG + 5):
        plain.sendall(b"warm")
        read_exactly(answers, 4)
    assert loop.call(lambda: accepted._shortcut is not None and accepted._fast is not None)


class TestBusyPipe:
    """A pipe that has long been busy keeps to what a young one does."""

    def test_a_slow_reader_bounds_the_memory_and_loses_nothing(self, place: Place) -> None:
        data = os.urandom(KERNEL)
        with plain_client(place) as (plain, accepted):
            accepted.pipe(accepted)
            warmed(plain, accepted, plain)
            sender = send_in_background(plain, data)
            while loop.call(lambda: accepted.writable_need_drain) is False:  # nobody reads: it fills up
                pass
            assert loop.call(lambda: accepted.is_paused)
            assert accepted.writable_length <= streams.HIGH_WATER_MARK + 1_000_000
            assert read_all(plain) == data
            sender.join(20)
            assert "drain" in names(accepted)

    def test_bytes_are_counted_at_both_ends(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted), plain_server(Place("127.0.0.1", Path("x"))) as (onward, served):
            accepted.pipe(onward)
            warmed(plain, accepted, served)
            read, written = accepted.bytes_read, onward.bytes_written
            plain.sendall(b"12345")
            assert read_exactly(served, 5) == b"12345"
            loop.call(lambda: None)
            assert (accepted.bytes_read - read, onward.bytes_written - written) == (5, 5)

    def test_a_destination_that_is_full_from_elsewhere_holds_the_source(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted), plain_server(Place("127.0.0.1", Path("x"))) as (onward, served):
            accepted.pipe(onward)
            warmed(plain, accepted, served)
            filling = os.urandom(KERNEL)
            assert onward.write(filling) is False
            assert loop.call(lambda: accepted.is_paused)
            plain.sendall(b"after")
            assert read_exactly(served, KERNEL) == filling
            assert read_exactly(served, 5) == b"after"

    def test_idle_time_of_the_destination_starts_anew(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted), plain_server(Place("127.0.0.1", Path("x"))) as (onward, served):
            accepted.pipe(onward)
            warmed(plain, accepted, served)
            onward.set_timeout(30)
            before = loop.call(lambda: onward._idle.active)
            plain.sendall(b"through")
            assert read_exactly(served, 7) == b"through"
            assert loop.call(lambda: onward._idle.active) > before

    def test_a_write_after_the_destinations_end_is_an_error_there(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted), plain_server(Place("127.0.0.1", Path("x"))) as (onward, served):
            accepted.pipe(onward)
            story = Story(onward, ("error", "close"))
            warmed(plain, accepted, served)
            # before finish: after it the pipe is off, as in Node (tests/streams)
            loop.call(lambda: (onward.end(), accepted._push(b"too late")))
            story.until("close")
            assert story.arguments["error"][0][0].code == "ERR_STREAM_WRITE_AFTER_END"
            assert read_all(served) == b""

    def test_a_second_listener_gets_every_piece(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.pipe(accepted)
            warmed(plain, accepted, plain)
            story = Story(accepted, ("data",))
            for _ in range(YOUNG):
                plain.sendall(b"two")
                assert read_exactly(plain, 3) == b"two"
            story.wait(lambda: story.received == b"two" * YOUNG)


class TestRead:
    """read(n), for cells."""

    def test_exact_sizes_however_tcp_cuts(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"abcdefgh")
            assert accepted.read(3) == b"abc"
            assert accepted.read(0) == b""
            assert accepted.read(4) == b"defg"
            assert accepted.read() == b"h"

    def test_it_waits_for_the_rest(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"ab")
            result: list[bytes] = []
            thread = threading.Thread(target=lambda: result.append(accepted.read(4)))
            thread.start()
            while loop.call(lambda: accepted.readable_length) < 2:
                pass
            plain.sendall(b"cd")
            thread.join(20)
            assert result == [b"abcd"]

    def test_fewer_only_at_the_end(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"abc")
            plain.shutdown(system.SHUT_WR)
            assert [accepted.read(2), accepted.read(2), accepted.read(2), accepted.read()] == [b"ab", b"c", b"", b""]

    def test_the_timeout_says_what_did_come_and_keeps_it(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"ab")
            with pytest.raises(TimedOut, match=r"only 2 bytes came within 0\.1 s, and 5 were asked for"):
                accepted.read(5, timeout=0.1)
            assert accepted.read(2) == b"ab"

    def test_a_negative_size(self, place: Place) -> None:
        with plain_client(place) as (_, accepted), pytest.raises(LabError, match="-1 is not a number of bytes to read"):
            accepted.read(-1)

    def test_more_than_the_buffer(self, place: Place) -> None:
        data = os.urandom(3_000_000)
        with plain_client(place) as (plain, accepted):
            sender = send_in_background(plain, data)
            assert accepted.read(2_000_000) == data[:2_000_000]
            assert accepted.read(1_000_000) == data[2_000_000:]
            sender.join(20)  # it still ends its side of the connection

    def test_what_nobody_reads_is_bounded(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"x")
            assert accepted.read(1) == b"x"
            fill(plain)
            while not loop.call(lambda: accepted.is_paused):
                pass
            fill(plain)
            assert accepted.readable_length <= 1_000_000

    def test_a_listener_after_a_read_gets_everything(self, place: Place) -> None:
        data = os.urandom(2_000_000)
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"first")
            assert accepted.read(5) == b"first"
            story = Story(accepted)
            send_in_background(plain, data)
            story.until("end")
            assert story.received == data


class TestHistoryOfData:
    """What the history says of data, on the fast path of a busy socket too."""

    def test_sizes_add_up_to_what_was_read(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.pipe(accepted)
            for size in (10, 20, 30):
                plain.sendall(bytes(size))
                read_exactly(plain, size)
            assert sum(entry.size or 0 for entry in accepted.history) == 60

    def test_also_when_something_ends_the_fast_path(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.pipe(accepted)
            for step, size in enumerate((10, 20, 30, 40, 50)):
                if step == 3:
                    accepted.set_timeout(30)  # from here on every piece is noted by itself
                plain.sendall(bytes(size))
                read_exactly(plain, size)
            sizes = [entry.size for entry in accepted.history if entry.name == "data"]
            assert sum(size or 0 for size in sizes) == 150
            assert sizes[-2:] == [40, 50]

    def test_a_listener_taken_off_or_added_is_noticed_at_once(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            first, second = Story(accepted, ()), Story(accepted, ())
            note_first, note_second = first.noting("data"), second.noting("data")
            accepted.on("data", note_first)
            for piece in (b"1", b"2", b"3"):
                plain.sendall(piece)
                first.wait(lambda piece=piece: first.received.endswith(piece))  # type: ignore[misc]
            accepted.on("data", note_second)
            plain.sendall(b"4")
            second.wait(lambda: second.received == b"4")
            accepted.off("data", note_first)
            plain.sendall(b"5")
            second.wait(lambda: second.received == b"45")
            assert first.received == b"1234"

    def test_a_once_listener_gets_one(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            once, always = Story(accepted, ()), Story(accepted, ())
            accepted.once("data", once.noting("data")).on("data", always.noting("data"))
            for piece in (b"1", b"2", b"3"):
                plain.sendall(piece)
                always.wait(lambda piece=piece: always.received.endswith(piece))  # type: ignore[misc]
            assert once.received == b"1"

    def test_a_run_of_data_is_one_entry_that_says_how_many(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            story = Story(accepted, ("data",))
            accepted.pipe(accepted)
            for _ in range(YOUNG + 20):  # only a busy connection joins its pieces
                plain.sendall(b"12345")
                read_exactly(plain, 5)
            plain.shutdown(system.SHUT_WR)
            accepted.wait_for("close")
            entries = [entry for entry in accepted.history if entry.name == "data"]
            assert sum(entry.times for entry in entries) == len(story.arguments["data"])
            assert len(entries) < len(story.arguments["data"])
            assert [entry.name for entry in accepted.history][-3:] == ["end", "finish", "close"]

    def test_a_capture_that_starts_later_sees_every_piece(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.pipe(accepted)
            for _ in range(3):
                plain.sendall(b"before")
                read_exactly(plain, 6)
            records = watching.watch()
            try:
                for size in (1, 2, 3):
                    plain.sendall(bytes(size))
                    read_exactly(plain, size)
                loop.call(lambda: None)
            finally:
                watching.unwatch(records)
            plain.sendall(b"after")
            read_exactly(plain, 5)
            noted = [(name, size, what) for _, source, name, size, what, _ in records if source is accepted]
            assert noted == [
                step for size in (1, 2, 3) for step in (("data", size, "event"), ("write", size, "call"))
            ]  # fmt: skip

    def test_waiting_for_data_that_a_busy_connection_did_not_keep_says_so(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.pipe(accepted)
            for _ in range(YOUNG + 5):
                plain.sendall(bytes(10))
                read_exactly(plain, 10)
            with pytest.raises(LabError, match=r"was not kept.*read\(\)"):
                accepted.wait_for("data")
            arrived: list[bytes] = []
            waiting = threading.Thread(target=lambda: arrived.append(accepted.wait_for("data", timeout=20)))
            waiting.start()
            while not accepted._tickets:
                loop.call(lambda: None)
            plain.sendall(bytes(10_000))  # while somebody waits, every piece is handed over
            waiting.join(20)
            assert len(read_exactly(plain, 10_000)) == 10_000
            assert len(arrived[0]) > 0

    def test_a_young_connection_keeps_the_last_piece(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.pipe(accepted)
            for piece in (b"one", b"two"):
                plain.sendall(piece)
                read_exactly(plain, 3)
            assert accepted.wait_for("data") == b"two"
