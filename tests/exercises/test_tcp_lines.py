"""The line reader: readers as students write them, each refused for its own reason."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

import pytest

from labkit.exercises import Outcome
from labkit.exercises.tcp import line_reader
from labkit.exercises.tcp.lines import LineReader


class Ends:
    """The part that most of them have right."""

    rest: Any = b""

    def end(self) -> list[str]:
        rest, self.rest = self.rest, type(self.rest)()
        return [rest if isinstance(rest, str) else rest.decode()] if rest else []


class KeepsNothing(Ends):
    def feed(self, data: bytes) -> list[str]:
        return data.decode().splitlines()


class TakesTheRestForALine(Ends):
    def feed(self, data: bytes) -> list[str]:
        return data.decode().split("\n")


class KeepsNothingAndDropsTheRest(Ends):
    def feed(self, data: bytes) -> list[str]:
        return [line.removesuffix("\r") for line in data.decode().split("\n")[:-1]]


class DecodesTooEarly(Ends):
    rest = ""

    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + data.decode()).split("\n")
        return [line.removesuffix("\r") for line in lines]


class ReplacesHalves(Ends):
    rest = ""

    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + data.decode(errors="replace")).split("\n")
        return [line.removesuffix("\r") for line in lines]


class SplitsLines(Ends):
    def feed(self, data: bytes) -> list[str]:
        head, found, self.rest = (self.rest + data).rpartition(b"\n")
        return (head + found).decode().splitlines()


class KeepsTheCR(Ends):
    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.decode() for line in lines]


class TakesTheCROffTheChunk(Ends):
    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + data.replace(b"\r\n", b"\n")).split(b"\n")
        return [line.decode() for line in lines]


class Strips(Ends):
    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.decode().strip() for line in lines]


class StripsBytes(Ends):
    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.strip().decode() for line in lines]


class StripsTheEnd(Ends):
    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.decode().rstrip() for line in lines]


class ForgetsEmptyLines(Ends):
    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [text for line in lines if (text := line.removesuffix(b"\r").decode())]


class KeepsTheLast(Ends):
    def feed(self, data: bytes) -> list[str]:
        *complete, self.rest = (self.rest + data).splitlines()
        return [line.decode() for line in complete]


class OneLineAtMost(Ends):
    def feed(self, data: bytes) -> list[str]:
        line, found, self.rest = (self.rest + data).partition(b"\n")
        if not found:
            self.rest = line
            return []
        return [line.removesuffix(b"\r").decode()]


class Shares(Ends):
    kept = bytearray()

    def feed(self, data: bytes) -> list[str]:
        self.kept += data
        *lines, rest = self.kept.split(b"\n")
        self.kept[:] = rest
        return [line.removesuffix(b"\r").decode() for line in lines]

    def end(self) -> list[str]:
        return [self.kept.decode()] if self.kept else []


class EndSaysNothing(LineReader):
    def end(self) -> list[str]:
        return []


class EndSaysTooMuch(LineReader):
    def end(self) -> list[str]:
        return [self.rest.decode()]


class EndReturnsText(LineReader):
    def end(self) -> Any:
        return self.rest.decode()


class ReturnsBytes(Ends):
    def feed(self, data: bytes) -> Any:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.removesuffix(b"\r") for line in lines]


class ReturnsText(Ends):
    def feed(self, data: bytes) -> Any:
        return data.decode()


class NoneWhenNothing(LineReader):
    def feed(self, data: bytes) -> Any:
        return super().feed(data) or None


class NoEnd:
    def feed(self, data: bytes) -> list[str]:
        return []


class NeedsAnArgument(LineReader):
    def __init__(self, size: int) -> None:
        super().__init__()


class Loops(LineReader):
    def feed(self, data: bytes) -> list[str]:
        while not data.endswith(b"\n"):
            pass
        return super().feed(data)


class Yields(Ends):
    """Right, as a generator."""

    def feed(self, data: bytes) -> Iterator[str]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode()


class Incremental(Ends):
    """Right, with an incremental decoder."""

    def __init__(self) -> None:
        self.decoder = codecs.getincrementaldecoder("utf8")()
        self.rest = ""

    def feed(self, data: bytes) -> list[str]:
        *lines, self.rest = (self.rest + self.decoder.decode(data)).split("\n")
        return [line.removesuffix("\r") for line in lines]


@pytest.mark.parametrize("answer", [LineReader, Yields, Incremental])
def test_right(answer: type) -> None:
    assert line_reader.check(answer).correct


@pytest.mark.parametrize(("answer", "step", "message"), [
    (KeepsNothing, 1, "str.splitlines() also cuts at CR"),
    (TakesTheRestForALine, 1, "only end() says that nothing does"),
    (KeepsNothingAndDropsTheRest, 2, "must not share"),
    (DecodesTooEarly, 3, "The cut is inside the character 您, 1 of its 3 bytes before it."),
    (ReplacesHalves, 3, "A character was decoded before all its bytes were there. The cut is inside the character 您"),
    (SplitsLines, 1, "str.splitlines() also cuts at CR"),
    (KeepsTheCR, 1, "A CR before the LF belongs to the line end."),
    (TakesTheCROffTheChunk, 3, "The cut is between CR and LF."),
    (Strips, 1, "strip() takes too much: it also removes spaces that belong to the line"),
    (StripsBytes, 1, "strip() takes too much: it also removes spaces that belong to the line"),
    (StripsTheEnd, 1, "rstrip() takes too much: it also removes spaces that belong to the line"),
    (ForgetsEmptyLines, 1, "Empty lines are lines too"),
    (OneLineAtMost, 1, "feed() may bring several lines at once. It must return them all: here it returns 1 of 4"),
    (KeepsTheLast, 1, "The last line is kept back, though its line end has come"),
    (Shares, 2, "must not share"),
    (EndSaysNothing, 5, "only end() can tell that it is complete"),
    (EndSaysTooMuch, 5, "nothing is left"),
    (EndReturnsText, 5, "An empty list says"),
    (ReturnsBytes, 1, "line.decode()"),
    (ReturnsText, 1, "An empty list says"),
    (NoneWhenNothing, 2, "An empty list says"),
    (NoEnd, 1, "Give check() the class itself"),
    (NeedsAnArgument, 1, "TypeError: "),
    (LineReader(), 1, "Give check() the class itself"),
    (Loops, 1, "a loop that never ends"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    result = line_reader.check(answer)
    assert result.outcome is Outcome.NOT_YET
    assert result.step.startswith(f"step {step} of 5"), result
    assert message in f"{result.seen}\n{result.why}"


def test_the_cut_is_shown() -> None:
    result = line_reader.check(TakesTheCROffTheChunk)
    assert result.expected == r"['EHLO lab', 'QUIT']" + "\n" + r"of b'EHLO lab\r' + b'\nQUIT\r\n'"
    assert result.seen == r"['EHLO lab\r', 'QUIT']"


def test_an_exception_is_shown_with_the_cut_and_the_line() -> None:
    result = line_reader.check(DecodesTooEarly)
    assert result.seen.startswith("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe6")
    assert "of b'\\xe6' + b'" in result.expected
    assert len(result.frames) == 1
    assert "in feed: " in result.frames[0]


def test_a_loop_names_the_call() -> None:
    assert line_reader.check(Loops).expected == r"feed(b'first\nlast') returns"
