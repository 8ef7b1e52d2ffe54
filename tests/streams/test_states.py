"""The table at the head of labkit/streams/states.py, row by row; and streams with one side only.

Rule: the table is read from the module, so that each row of it is tried, and none is tried that is not there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labkit.core import loop
from labkit.core.errors import LabError
from labkit.streams import states
from labkit.streams.states import Reading, Writing
from tests.streams.memory import Memory, Sink, Source


def rows() -> Iterator[tuple[str, str, str]]:
    """(state, what happens, new state), one of each a row."""
    assert states.__doc__ is not None
    for line in states.__doc__.splitlines():
        cells = [each.strip() for each in line.strip("| ").split("|")]
        if len(cells) != 3 or cells[0] in ("from", "---"):
            continue
        for before in cells[0].split(", "):
            for event in re.sub(r" \(.*\)", "", cells[1]).split(", "):
                yield before, event, before if cells[2] == "the same" else cells[2]


class Opening(Memory):
    """A stream whose bytes cannot flow yet."""

    __slots__ = ()

    def _open(self) -> None:
        super()._open()
        self._sink, self._writing = None, Writing.OPENING


def wait_in_a_thread(stream: Memory) -> None:
    thread = threading.Thread(target=lambda: stream.wait_for("close", timeout=20))
    thread.start()
    loop.call(lambda: None)
    while not stream._tickets:
        pass
    waiting.append((thread, stream))


waiting: list[tuple[threading.Thread, Memory]] = []


@pytest.fixture(autouse=True)
def nobody_waits() -> Iterator[None]:
    yield
    while waiting:
        thread, stream = waiting.pop()
        stream.destroy()
        thread.join(20)


def read_one(stream: Memory) -> None:
    loop.call(stream._push, b"x")
    assert stream.read(1, timeout=20) == b"x"


def fill(stream: Memory) -> None:
    sink = Memory(high_water_mark=1)
    sink.stuck = True
    stream.pipe(sink)
    loop.call(stream._push, b"more")


def drain(stream: Memory) -> None:
    sink = Memory(high_water_mark=1)
    sink.stuck = True
    sink.write(b"more")
    stream.pipe(sink)
    assert stream._reading is Reading.PAUSED
    loop.call(sink.release)


EVENTS: dict[str, Callable[[Memory], Any]] = {
    "a listener of data": lambda stream: stream.on("data", lambda data: None),
    "a thread waits": wait_in_a_thread,
    "pipe": lambda stream: stream.pipe(Memory()),
    "resume": lambda stream: stream.resume(),
    "read": read_one,
    "pause": lambda stream: stream.pause(),
    "the last pipe is taken off": lambda stream: stream.unpipe(stream.pipe(Memory())),
    "a pipe's destination is full": fill,
    "a pipe's destination drains": drain,
    "the source ends": lambda stream: loop.call(stream._push_end),
    "bytes can flow": lambda stream: loop.call(stream._may_flow, stream._take),
    "write": lambda stream: stream.write(b"x"),
    "cork": lambda stream: stream.cork(),
    "uncork": lambda stream: stream.uncork(),
    "end": lambda stream: stream.end(),
    "all is taken by what lies below": lambda stream: loop.call(stream.release),
}


def stuck() -> Memory:
    stream = Memory()
    stream.stuck = True
    stream.write(b"x")
    return stream


def in_state(name: str, writes: bool) -> Memory:
    """A new stream in this state of one of its sides."""
    if writes:
        stream = Opening() if name == "OPENING" else Memory() if name == "ENDED" else stuck()
        return stream.end() if name in ("ENDING", "ENDED") else stream
    stream = Memory()
    if name == "PAUSED":
        return stream.pause()
    if name != "IDLE":
        stream.resume()
    if name == "ENDED":
        loop.call(stream._push_end)
    return stream


WRITING_EVENTS = {"bytes can flow", "write", "cork", "uncork", "end", "all is taken by what lies below"}


@pytest.mark.parametrize(("before", "event", "after"), list(rows()))
def test_each_row(before: str, event: str, after: str) -> None:
    writes = event in WRITING_EVENTS
    stream = in_state(before, writes)

    def state() -> str:
        for _ in range(3):
            loop.call(lambda: None)
        return stream._writing.name if writes else stream._reading.name

    assert state() == before
    EVENTS[event](stream)
    assert state() == after


def test_every_event_of_the_test_is_in_the_table() -> None:
    assert {event for _, event, _ in rows()} == set(EVENTS)


def test_every_state_is_reached_and_left_in_the_table() -> None:
    names = {*Reading.__members__, *Writing.__members__}
    assert {before for before, _, _ in rows()} == names
    assert {after for before, _, after in rows() if before != after} == names - {"IDLE", "OPENING"}


class TestOneSide:
    """A stream that is only read, or only written."""

    def test_a_source_has_no_place_for_anything_else(self) -> None:
        for each in (Source(), Sink(), Memory()):
            assert not hasattr(each, "__dict__")

    def test_a_source_delivers_ends_and_closes(self) -> None:
        source, got = Source(), []
        source.on("data", got.append)
        source.on("end", lambda: got.append(b"end")).on("close", lambda failed: got.append(b"close"))
        loop.call(source._push, b"x")
        loop.call(source._push_end)
        source.wait_for("close", timeout=20)
        assert got == [b"x", b"end", b"close"]
        assert not hasattr(source, "write")

    def test_a_sink_takes_finishes_and_closes(self) -> None:
        sink, told = Sink(), []
        sink.on("finish", lambda: told.append("finish")).on("close", lambda bad: told.append("close"))
        assert sink.write("x")
        sink.end("y")
        sink.wait_for("close", timeout=20)
        assert (sink.taken, told, sink.bytes_written) == ([b"x", b"y"], ["finish", "close"], 2)
        assert not hasattr(sink, "pause")
        with pytest.raises(LabError) as caught:
            sink.write("late")
        assert caught.value.code == "EPIPE"

    def test_from_one_to_the_other(self) -> None:
        source, sink = Source(), Sink(high_water_mark=3)
        sink.stuck = True
        assert source.pipe(sink) is sink
        loop.call(source._push, b"four")
        assert source.is_paused
        loop.call(source._push, b"more")
        assert sink.taken == [b"four"]
        loop.call(sink.release)
        loop.call(source._push_end)
        sink.wait_for("close", timeout=20)
        assert sink.taken == [b"four", b"more"]

    @pytest.mark.parametrize("make", [Source, Sink, Memory])
    def test_destroy_with_an_error(self, make: Any) -> None:
        stream, told = make(), []
        error = LabError("enough", code="EBAD")
        stream.on("error", told.append).on("close", told.append)
        stream.destroy(error).destroy()
        stream.wait_for("close", timeout=20)
        assert told == [error, True]
        assert (stream.errored, stream.closed, stream.destroyed) == (error, True, True)


class TestRead:
    """Readable.read, which Node has not."""

    def test_what_is_put_back_comes_before_what_waits(self) -> None:
        source = Source()
        loop.call(source._push, b"head and body")
        assert source.read(8, timeout=20) == b"head and"
        source.unshift(b"and")
        assert source.read(8, timeout=20) == b"and body"

    def test_a_pipe_gets_what_was_not_read(self) -> None:
        source, sink = Source(), Sink()
        loop.call(source._push, b"name\nthe rest")
        assert source.read(5, timeout=20) == b"name\n"
        source.pipe(sink)
        loop.call(source._push_end)
        sink.wait_for("finish", timeout=20)
        assert b"".join(sink.taken) == b"the rest"

    def test_a_large_read_beside_a_listener_does_not_stop_the_listener(self) -> None:
        source, got = Source(), bytearray()
        source.on("data", got.extend)
        data = bytes(100_000)
        thread = threading.Thread(target=source.read, args=(len(data), 20))
        thread.start()
        while not source._tickets:
            pass
        for _ in range(2):
            loop.call(source._push, data)
        thread.join(20)
        loop.call(lambda: None)
        assert len(got) == 2 * len(data)
        assert source.readable_flowing

    def test_nothing_is_there_at_once(self) -> None:
        source = Source()
        assert source.read(0, timeout=0) == b""
        assert source.readable_flowing is None

    def test_a_full_inbox_stops_the_source_and_a_listener_starts_it_again(self) -> None:
        source, got = Source(), bytearray()
        loop.call(source._push, b"x")
        assert source.read(1, timeout=20) == b"x"
        loop.call(source._push, bytes(100_000))
        assert source.is_paused
        source.on("data", got.extend)
        loop.call(lambda: None)
        assert (len(got), source.is_paused) == (100_000, False)


def test_text_that_has_no_bytes_cannot_be_put_back() -> None:
    source = Source().set_encoding("ascii")
    with pytest.raises(LabError, match="ascii has no bytes for it"):
        source.unshift("\u2026")
    source.unshift("abc")
    assert source.read(3, timeout=20) == b"abc"
