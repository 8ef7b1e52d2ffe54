"""Streams in memory, and a player of scenarios: the same steps that node/play.js takes with Node's own streams.

Rule: a scenario is data. A step is a list of operations, ``[who, verb, ...]``; all that is due is done before the next.
"""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

from labkit.core import loop
from labkit.core.errors import LabError
from labkit.streams import HIGH_WATER_MARK, READING, WRITING, Duplex, Readable, Writable
from tests.needs import need_tool

Operation = list[Any]
Scenario = list[list[Operation]]
Story = dict[str, list[str]]

CAST = "abc"
TURNS = 8
"""Turns of the loop after which all that a step set off has happened."""


class Taking(Writable):
    """The half of a stream in memory that is written. stuck: what is taken waits until `release`."""

    __slots__ = ()

    stuck: bool
    taken: list[bytes]
    waiting: int

    def _open(self) -> None:
        self.stuck, self.taken, self.waiting = False, [], 0
        self._may_flow(self._take)

    def _take(self, data: bytes) -> None:
        self.taken.append(data)
        if self.stuck:
            self.waiting += len(data)
            if self.waiting > self.high_water_mark:
                self._fill()

    def _below(self) -> int:
        return self.waiting

    def release(self) -> None:
        """What waits has gone."""
        self.stuck, self.waiting = False, 0
        self._empty()


class Memory(Duplex, Taking):
    """A stream in both directions: pushed into by a test, and what is written is kept."""

    __slots__ = ("stuck", "taken", "waiting")

    def __init__(self, *, high_water_mark: int = HIGH_WATER_MARK) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self._open()


class Source(Readable):
    """A stream that can only be read."""

    __slots__ = READING


class Sink(Taking):
    """A stream that can only be written."""

    __slots__ = (*WRITING, "stuck", "taken", "waiting")

    def __init__(self, *, high_water_mark: int = HIGH_WATER_MARK) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self._open()


class Play:
    """One scenario on our streams. The story is what each of the cast emitted: of reading (``a.read``), of writing."""

    def __init__(self, scenario: Scenario, mark: int) -> None:
        self.story: Story = {f"{who}.{side}": [] for who in CAST for side in ("read", "write")}
        self.streams = {who: self._watched(who, Memory(high_water_mark=mark)) for who in CAST}
        self.names = {id(stream): who for who, stream in self.streams.items()}
        self._steps = list(scenario)
        self.done = threading.Event()
        self.listening: dict[str, Any] = {}

    def _watched(self, who: str, stream: Memory) -> Memory:
        for side, events in (("read", ("end",)), ("write", ("drain", "finish"))):
            for event in events:
                stream.on(event, lambda event=event, side=side: self.note(f"{who}.{side}", event))
            stream.on("error", lambda error, side=side: self.note(f"{who}.{side}", f"error {error.code}"))
            stream.on("close", lambda failed, side=side: self.note(f"{who}.{side}", "close"))
        take = stream._take

        def noted(data: bytes) -> None:
            if not stream.stuck:  # Node's streams keep pieces for themselves while one is on its way
                self.note(f"{who}.write", f"takes {data.decode('latin-1')}")
            take(data)

        stream._may_flow(noted)
        return stream

    def note(self, where: str, what: str) -> None:
        self.story[where].append(what)

    def heard(self, who: str, data: bytes | str) -> None:
        """Node delivers in pieces what labkit joins: data in a row counts once."""
        text = f"text {data}" if isinstance(data, str) else f"data {data.decode('latin-1')}"
        story = self.story[f"{who}.read"]
        if story and story[-1].split(" ")[0] == text.split(" ")[0]:
            story[-1] += text[5:]
        else:
            story.append(text)

    def run(self) -> None:
        """Take the next step, on the loop; after the last one, `done` is set."""
        if not self._steps:
            self.done.set()
            return
        for operation in self._steps.pop(0):
            self.do(*operation)
        self._turn(TURNS)

    def _turn(self, left: int) -> None:
        loop.get().call_soon(self._turn, left - 1) if left else self.run()

    def do(self, who: str, verb: str, *args: Any) -> None:
        """One operation; what it raises belongs to the story."""
        stream = self.streams[who]
        raw = [each.encode("latin-1") if isinstance(each, str) else each for each in args]
        if verb == "push":
            stream._push(raw[0])
        elif verb == "eof":
            stream._push_end()
        elif verb == "listen" and who not in self.listening:
            self.listening[who] = lambda data: self.heard(who, data)
            stream.on("data", self.listening[who])
        elif verb == "unlisten":
            stream.off("data", self.listening.pop(who, print))
        elif verb == "listen":
            pass  # two listeners would take turns piece by piece
        elif verb in ("pipe", "unpipe"):
            destination = self.streams[args[0]]
            stream.pipe(destination, end=args[1]) if verb == "pipe" else stream.unpipe(destination)
        elif verb == "when":
            stream.once(args[0], lambda *_: [self.do(*each) for each in args[1]])
        elif verb == "stick":
            stream.stuck = True
        elif verb == "destroy" and args:
            stream.destroy(LabError("enough", code=args[0]))
        elif verb == "encoding":
            stream.set_encoding(args[0])
        elif verb == "unshift_text":
            stream.unshift(args[0])
        elif verb == "write":
            self.note(f"{who}.write", f"wrote {stream.write(raw[0])}".lower())
        elif verb == "facts" and stream.closed:
            self.note(f"{who}.read", "closed")
            self.note(f"{who}.write", f"closed {stream.writable_finished}".lower())
        elif verb == "facts":
            self.note(f"{who}.read", "over" if stream.readable_ended else f"flowing {stream.readable_flowing}".lower())
            facts = (
                stream.writable_length, stream.writable_corked, stream.writable_ended, stream.writable_finished
            )  # fmt: skip
            self.note(f"{who}.write", " ".join(map(str, facts)).lower())
        else:
            getattr(stream, verb)(*raw)


def ours(scenario: Scenario, mark: int = HIGH_WATER_MARK) -> Story:
    """The story that our streams tell."""
    play: Play = loop.call(Play, scenario, mark)
    loop.call(play.run)
    assert play.done.wait(20), "the loop does not go on"
    return play.story


class Node:
    """One Node process, which plays one scenario after the other."""

    def __init__(self) -> None:
        script = Path(__file__).parent / "node" / "play.js"
        self._process = subprocess.Popen(
            [need_tool("node"), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def story(self, scenario: Scenario, mark: int = HIGH_WATER_MARK) -> Story:
        """The story that Node's streams tell."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"scenario": scenario, "mark": mark}) + "\n")
        self._process.stdin.flush()
        story: Story = json.loads(self._process.stdout.readline())
        return story

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)
