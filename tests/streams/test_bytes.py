"""No byte is lost, repeated or put out of order, whatever a program does with a stream; and all are counted.

Rule: a model of ten lines says who is to get which bytes; the operations are any, the short paths included.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.core import loop
from labkit.core.endpoint import YOUNG
from tests.streams.memory import Memory, Source

SIZE = 4
"""Bytes of a token. A piece holds whole tokens, and no token comes twice."""


class Model:
    """Who is to get which tokens. inbox: what waits for read; heard: how many of its first ones listeners have got."""

    def __init__(self) -> None:
        self.flowing: bool | None = None
        self.held: list[int] = []
        self.inbox: list[int] | None = None
        self.heard = 0
        self.again = 0
        self.listening: dict[str, list[int]] = {}
        self.got: dict[str, list[int]] = {"listener": [], "b": [], "c": []}
        self.counted: set[int] = set()
        self.pushed: set[int] = set()

    def flow(self) -> None:
        self.flowing = True
        tokens, self.held = self.held, []
        self.deliver(tokens)

    def deliver(self, tokens: list[int]) -> None:
        self.counted |= set(tokens) & self.pushed
        for got in self.listening.values():
            got.extend(tokens)
        if self.inbox is not None:
            here_already = min(self.again, len(tokens))
            self.again -= here_already
            self.inbox += tokens[here_already:]
            if self.listening:
                self.heard = len(self.inbox)

    def push(self, tokens: list[int]) -> None:
        self.pushed |= set(tokens)
        if self.flowing and not self.held:
            self.deliver(tokens)
        else:
            self.held += tokens

    def unshift(self, tokens: list[int]) -> None:
        back = list(tokens)
        if self.inbox is not None and self.listening:
            self.inbox[:0] = tokens
            self.heard += len(tokens)
            self.again += len(tokens)
        elif self.inbox is not None:
            back += self.inbox
            self.inbox, self.heard = [], 0
        self.held[:0] = back
        if self.flowing:
            self.flow()

    def listen(self, who: str) -> None:
        self.listening[who] = self.got[who]
        if self.inbox is not None and self.heard < len(self.inbox):
            self.held[:0] = self.inbox[self.heard :]
            del self.inbox[self.heard :]
            if self.flowing:
                self.flow()
        if self.flowing is None:
            self.flow()

    def read(self, count: int) -> list[int] | None:
        """The tokens; None if they are not there."""
        if count > len(self.inbox or ()) + len(self.held):
            return None
        if self.inbox is None:
            self.inbox = []
            self.flow()
        if count > len(self.inbox):
            self.flow()
        taken, self.inbox = self.inbox[:count], self.inbox[count:]
        self.heard = max(0, self.heard - count)
        return taken


OPERATIONS = st.one_of(
    st.tuples(st.just("push"), st.integers(1, 3), st.sampled_from([1, 1, 1, 2, YOUNG + 8])),
    st.tuples(st.just("push"), st.integers(1, 3), st.sampled_from([1, YOUNG + 8])),
    st.tuples(st.sampled_from(["unshift", "read"]), st.integers(1, 3)),
    st.tuples(st.sampled_from(["pause", "resume", "listen", "unlisten"])),
    st.tuples(st.sampled_from(["pipe", "unpipe"]), st.sampled_from("bc")),
)


class Trial:
    """The same operations on a stream and on the model."""

    def __init__(self) -> None:
        self.model = Model()
        self.source = Memory()
        self.sinks = {"b": Memory(), "c": Memory()}
        self.got: list[int] = []
        self.tokens = 0

    def new(self, count: int) -> list[int]:
        self.tokens += count
        return list(range(self.tokens - count, self.tokens))

    def listener(self, data: bytes) -> None:
        self.got += numbers(data)

    def do(self, verb: str, *args: Any) -> None:
        model, source = self.model, self.source
        if verb == "push":
            for _ in range(args[1]):
                tokens = self.new(args[0])
                model.push(tokens)
                loop.call(source._push, raw(tokens))
        elif verb == "unshift":
            tokens = self.new(args[0])
            model.unshift(tokens)
            source.unshift(raw(tokens))
        elif verb == "read":
            if (expected := model.read(args[0])) is not None:
                assert numbers(source.read(args[0] * SIZE, timeout=20)) == expected
        elif verb == "pause":
            model.flowing = False
            source.pause()
        elif verb == "resume":
            model.flow()
            source.resume()
        elif verb == "listen" and "listener" not in model.listening:
            model.listen("listener")
            source.on("data", self.listener)
        elif verb == "unlisten":
            model.listening.pop("listener", None)
            source.off("data", self.listener)
        elif verb == "pipe" and args[0] not in model.listening:
            model.listen(args[0])
            model.flow()
            source.pipe(self.sinks[args[0]])
        elif verb == "unpipe" and args[0] in model.listening:
            del model.listening[args[0]]
            if not {"b", "c"} & set(model.listening):
                model.flowing = False
            source.unpipe(self.sinks[args[0]])
        self.compare()

    def compare(self) -> None:
        for _ in range(4):  # what is due on the loop
            loop.call(lambda: None)
        model = self.model
        assert self.got == model.got["listener"]
        for who, sink in self.sinks.items():
            assert numbers(b"".join(sink.taken)) == model.got[who]
            assert sink.bytes_written == SIZE * len(model.got[who])
        assert self.source.bytes_read == SIZE * len(model.counted)
        assert self.source.readable_length == SIZE * (len(model.held) + len(model.inbox or ()))


def raw(tokens: list[int]) -> bytes:
    return b"".join(each.to_bytes(SIZE, "big") for each in tokens)


def numbers(data: bytes) -> list[int]:
    assert len(data) % SIZE == 0
    return [int.from_bytes(data[at : at + SIZE], "big") for at in range(0, len(data), SIZE)]


@settings(max_examples=150, deadline=None)
@given(st.lists(OPERATIONS, max_size=25))
def test_every_byte_comes_once_and_in_order(operations: list[tuple[Any, ...]]) -> None:
    trial = Trial()
    for each in operations:
        trial.do(*each)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3), st.booleans()), max_size=60))
def test_a_handler_that_puts_back_hears_it_again_and_nothing_else(steps: list[tuple[int, int, bool]]) -> None:
    """A parser: of each piece it takes a part, puts the rest back, and now and then pauses."""
    source, taken, plans = Source(), [], iter(steps)

    def parse(data: bytes) -> None:
        _, back, pauses = next(plans, (0, 0, False))
        tokens = numbers(data)
        kept = tokens[: max(1, len(tokens) - back)]
        taken.extend(kept)
        if pauses:
            source.pause()
        source.unshift(raw(tokens[len(kept) :]))

    source.on("data", parse)
    pushed = 0
    for count, _, _ in steps:
        loop.call(source._push, raw(list(range(pushed, pushed + count))))
        pushed += count
    while len(taken) < pushed:
        source.resume()
        loop.call(lambda: None)
    assert taken == list(range(pushed))
    assert source.bytes_read == pushed * SIZE
