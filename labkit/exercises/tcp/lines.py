"""An exercise on the byte stream: a line reader that does not care where TCP cuts.

Rule: the answer is fed every split point there is; a finding names the cut that broke it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import GeneratorType
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, source
from labkit.exercises.running import NotYet, Run, check_callable

STREAMS = (
    "GET / HTTP/1.0\nHost: lab\n",
    "您好！\n€ 5\n🙂 ok\n",
    "  indented\nends in two spaces  \n",
    "EHLO lab\r\nQUIT\r\n",
    "one\n\n\r\ntwo\n",
    "50 %\r100 %\n",
    "page\x0cone\u2028page two\x85\n",
    "first\nlast",
)
"""What the reader is fed, as UTF-8."""


_SHARED = "Each connection has a reader of its own, and two readers must not share what they keep: set it in __init__."


class LineReader:
    """Cuts a stream of UTF-8 into lines; the reference answer."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes; return the lines that are complete now."""
        *complete, self.rest = (self.rest + data).split(b"\n")
        return [line.removesuffix(b"\r").decode() for line in complete]

    def end(self) -> list[str]:
        """The stream has ended: return the last line if it lacks its line end."""
        rest, self.rest = self.rest, b""
        return [rest.decode()] if rest else []


class Lines(Exercise):
    """Write a line reader that survives every split point."""

    name = "tcp.line_reader"
    lesson = "01c-tcp-stream"
    title = "write a line reader that survives every split"
    steps = ("each stream in one piece", "two readers side by side", "every stream cut in two, at every byte",
             "every stream byte by byte", "what end() returns")
    stub = '''class LineReader:
    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes; return the lines that are complete now."""
        ...

    def end(self) -> list[str]:
        """The stream has ended: return the last line if it lacks its line end."""
        ...

exercises.tcp.line_reader.check(LineReader)'''
    asks = "Give check() the class itself: check(LineReader)."
    praise = (
        "TCP carries bytes, not messages: a program that reads lines keeps the rest until it is complete.\n"
        "Cut at b'\\n' first, decode whole lines after: the byte 0x0a is part of no other UTF-8 character."
    )
    task = (
        "TCP may cut a stream anywhere: in a line, in a character, between CR and LF. Write the class `LineReader`:"
        "\n\n"
        "- `feed(data)` takes the next bytes (UTF-8) and returns the list of the lines complete now, as text, "
        "without their line ends\n"
        "- a line ends in LF or in CR LF; nothing else ends a line, and empty lines count\n"
        "- `end()` is called once the peer's FIN has come; it returns the last line if it lacks a line end, "
        "in a list, or an empty list\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "The bytes after the last line end are not a line yet. Where do they stay until the next `feed`?",
        "Keep bytes, not text: half a character cannot be decoded. Decode a line once it is complete.",
        "`*complete, self.rest = (self.rest + data).split(b\"\\n\")` gives the complete lines and the rest; "
        "then take one `b\"\\r\"` off each line's end and decode it.",
    )
    reference = LineReader

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the class LineReader", self.asks)
        for text in STREAMS:
            self._compare(run, answer, text, (len(text.encode()),), first=text is STREAMS[0])
        run.step(2)
        self._side_by_side(run, answer)
        run.step(3)
        for text in STREAMS:
            for cut in range(1, len(text.encode())):
                self._compare(run, answer, text, (cut,))
        run.step(4)
        for text in STREAMS:
            self._compare(run, answer, text, tuple(range(1, len(text.encode()))))
        run.step(5)
        for text in STREAMS:
            self._compare_end(run, answer, text)

    def _new(self, run: Run, answer: Any) -> Any:
        reader = run.call("LineReader()", answer)
        for method in ("feed", "end"):
            if not callable(getattr(reader, method, None)):
                raise NotYet(f"an object with a method {method}()", show(reader), self.asks)
        return reader

    def _compare(self, run: Run, answer: Any, text: str, cuts: Sequence[int], first: bool = False) -> None:
        """Feed the text cut at these bytes; every complete line must have come before end()."""
        expected = _complete(text)
        raw = text.encode()
        chunks = [raw[start:stop] for start, stop in zip((0, *cuts), (*cuts, len(raw)), strict=True) if stop > start]
        fed = f"of {_pieces(chunks)}"
        reader = self._new(run, answer)
        lines: list[str] = []
        for chunk in chunks:
            try:
                lines += _feed(run, reader, chunk, first)
            except NotYet as found:
                found.expected = f"{show(expected)}\n{fed}" if "returns" in found.expected else found.expected
                found.why = "\n".join(part for part in (found.why, _about(text, chunks)) if part)
                raise
            first = False
        if lines != expected:
            why = _diagnosis(text, expected, lines, chunks)
            if len(chunks) == 1 and len(lines) < len(expected) and "" not in expected:
                why = self._few(run, answer) or why
            raise NotYet(f"{show(expected)}\n{fed}", show(lines), why)

    def _few(self, run: Run, answer: Any) -> str:
        """Why lines are missing though all came in one piece, by what becomes of four lines; "" if they all come."""
        try:
            lines = _feed(run, self._new(run, answer), b"a\nb\nc\nd\n")
        except NotYet:
            return ""
        if len(lines) == 3:
            return ("The last line is kept back, though its line end has come. Look whether the piece ends in a line "
                    "end: "
                    "splitlines() does not tell you that.")
        return (f"feed() may bring several lines at once. It must return them all: here it returns {len(lines)} of 4 "
                "lines that come together.") if len(lines) < 3 else ""

    def _side_by_side(self, run: Run, answer: Any) -> None:
        one, two = self._new(run, answer), self._new(run, answer)
        _feed(run, one, b"left ")
        lines = _feed(run, two, b"right\n")
        if lines != ["right"]:
            raise NotYet("['right'] from the second reader, when the first was fed b'left '", show(lines),
                         _SHARED)
        lines = _feed(run, one, b"hand\n")
        if lines != ["left hand"]:
            raise NotYet("['left hand'] from the first reader", show(lines),
                         _SHARED)

    def _compare_end(self, run: Run, answer: Any, text: str) -> None:
        raw = text.encode()
        last = text.split("\n")[-1]
        expected = [last] if last else []
        for cut in range(1, len(raw)):
            reader = self._new(run, answer)
            for chunk in (raw[:cut], raw[cut:]):
                _feed(run, reader, chunk)
            lines = _list("end()", run.call("end()", reader.end), run)
            if lines != expected:
                why = ("The last line has no line end; only end() can tell that it is complete." if expected
                       else "Every line had its line end and was returned before: nothing is left.")
                raise NotYet(f"{show(expected)} from end(), after {_pieces([raw[:cut], raw[cut:]])}", show(lines), why)

    @property
    def worked(self) -> str:
        return f"Bytes are kept until their line is complete; then it is decoded.\n\n{source(LineReader)}"


def _complete(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.split("\n")[:-1]]


def _feed(run: Run, reader: Any, chunk: bytes, first: bool = False) -> list[str]:
    doing = f"feed({show(chunk)})"
    return _list(doing, run.call(doing, reader.feed, chunk, first=first), run)


def _list(doing: str, returned: Any, run: Run) -> list[str]:
    """What the student's method returned as a list of text; `NotYet` for anything else."""
    if type(returned) is GeneratorType:
        returned = run.call(doing, list, returned)
    if type(returned) not in (list, tuple):
        raise NotYet("a list of lines", f"{doing} returned {show(returned)}", "An empty list says: no line yet.")
    for line in returned:
        if type(line) is not str:
            raise NotYet("lines of text (str)", f"{doing} returned {show(returned)}",
                         "A complete line can be decoded: line.decode()." if type(line) is bytes else "")
    return list(returned)


def _pieces(chunks: Sequence[bytes]) -> str:
    return " + ".join(show(chunk) for chunk in chunks) if len(chunks) < 4 else f"{show(b''.join(chunks))}, byte by byte"


def _about(text: str, chunks: Sequence[bytes]) -> str:
    """Where the cut is, in words; ``""`` if the stream is not in two pieces."""
    if len(chunks) != 2:
        return ""
    cut = len(chunks[0])
    position = 0
    for character in text:
        size = len(character.encode())
        if position < cut < position + size:
            return f"The cut is inside the character {character}, {cut - position} of its {size} bytes before it."
        position += size
    if chunks[0].endswith(b"\r") and chunks[1].startswith(b"\n"):
        return "The cut is between CR and LF."
    if chunks[0].endswith(b"\n"):
        return "The cut is right after a line end."
    return "The cut is inside a line: its first part has to wait for the rest."


def _diagnosis(text: str, expected: list[str], lines: list[str], chunks: Sequence[bytes]) -> str:
    """What most likely went wrong."""
    if [line.rstrip("\r") for line in lines] == expected and any(line.endswith("\r") for line in lines):
        return f"A CR before the LF belongs to the line end. {_about(text, chunks)}".strip()
    if any("�" in line for line in lines):
        return f"A character was decoded before all its bytes were there. {_about(text, chunks)}".strip()
    for name in ("strip", "rstrip", "lstrip"):
        if lines == [getattr(line, name)() for line in expected]:
            return f"{name}() takes too much: it also removes spaces that belong to the line."
    if lines == [line for line in expected if line]:
        return "Empty lines are lines too: in HTTP the empty line ends the header."
    if len(lines) > len(expected) and "".join(lines).replace("\r", "") == "".join(text.splitlines()).replace("\r", ""):
        if lines == [*expected, text.split("\n")[-1]]:
            return "The last piece has no line end yet: more may follow, and only end() says that nothing does."
        if len(chunks) == 1 or lines == text.splitlines():
            return "Only LF and CR LF end a line; str.splitlines() also cuts at CR, U+2028, U+0085 and others."
    if len(lines) < len(expected):
        return f"A line is missing. {_about(text, chunks)}".strip()
    return _about(text, chunks) or "Look at the first line that differs."
