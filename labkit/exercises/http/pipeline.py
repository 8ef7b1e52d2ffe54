"""An exercise on a pipelined exchange: segments back in order, and each answer to its request.

Rule: segments go by their numbers, answers by the order of the requests; each known slip has its own words.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Field, Form
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

SEGMENTS = 5
"""Segments that the answers need; one more is a repetition."""

SHORTEST = 24
"""Bytes that a segment has at least."""

_LINE_IN_A_BODY = "HTTP/1.1 500 Oops\n"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, as the task names it, and the bytes of its answer. status: of the final answer."""

    request: str
    status: int
    answer: bytes


def _answer(*lines: str, body: str = "") -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body.encode()


_HEAD = Exchange("HEAD /big", 404, _answer("HTTP/1.1 404 Not Found", "Content-Length: 64"))
_LOG = Exchange("GET /log", 200, _answer("HTTP/1.1 103 Early Hints", "Link: </style.css>; rel=preload")
                + _answer("HTTP/1.1 200 OK", f"Content-Length: {len(_LINE_IN_A_BODY)}", body=_LINE_IN_A_BODY))
_OTHERS = (
    Exchange("PUT /notes/17, with a body of 4 bytes", 201,
             _answer("HTTP/1.1 201 Created", "Content-Length: 8", body="note 17\n")),
    Exchange("DELETE /old", 204, _answer("HTTP/1.1 204 No Content", "Server: lab")),
    Exchange('GET /page, with If-None-Match: "v7"', 304, _answer("HTTP/1.1 304 Not Modified", 'ETag: "v7"')),
    Exchange("GET /secret", 403,
             _answer("HTTP/1.1 403 Forbidden", "Transfer-Encoding: chunked", body="5\r\nNo!!\n\r\n0\r\n\r\n")),
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the server. seq: relative, the first byte of the stream is 1."""

    seq: int
    data: bytes

    @property
    def stop(self) -> int:
        """The number of the byte after it."""
        return self.seq + len(self.data)


class Pipeline(Seeded):
    """Put the answers to four pipelined requests back together."""

    name = "http.pipeline"
    lesson = "03b-http-connections"
    title = "put a pipelined exchange back together"
    steps = ("some letters, and four statuses", "the segments in order", "the final status for each request")
    stub = (
        'answer = ["", [None, None, None, None]]  # letters in order, and the status for each request\n'
        "exercises.http.pipeline.check(answer)"
    )  # fmt: skip
    asks = 'Give check() two parts: the letters of the segments in order, and four numbers: ["BA…", [200, …]].'
    praise = (
        "TCP puts bytes in order by their numbers. HTTP/1.1 has no numbers for requests: the order alone says which "
        "answer belongs to which.\n"
        "So one message whose end is misread makes all later answers wrong, and one slow answer makes all wait."
    )
    stretch = (
        "suppose that the server had forgotten that the request was HEAD, and had sent its body. Who notices, and when?"
    )
    hints = (
        "Sort the segments by `seq`. The number of a segment and its length give the number of the next one.",
        "Read the bytes as one text. An answer begins where the one before it ends, and framing says where that is: "
        "an answer to HEAD, a 204 and a 304 end at their empty line.",
        "A status 1xx is not the last word: the final answer to the same request follows. And a line inside a body is "
        "data, whatever it looks like.",
    )

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        self.exchanges = [_HEAD, _LOG, *chance.sample(_OTHERS, 2)]
        chance.shuffle(self.exchanges)
        stream = b"".join(each.answer for each in self.exchanges)
        self.order = _cut(stream, chance)
        repeated = chance.choice(self.order)
        while True:
            arrived = chance.sample(self.order, SEGMENTS)
            if arrived != self.order:
                break
        arrived.insert(chance.randint(arrived.index(repeated) + 1, SEGMENTS), repeated)
        self.arrived = dict(zip(ascii_uppercase, arrived, strict=False))

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("list", (Field("letters in order", "text"), Field("status for each request", "numbers")))

    @property
    def task(self) -> str:
        requests = "\n".join(f"{number}  {each.request}" for number, each in enumerate(self.exchanges, 1))
        segments = "\n".join(f"{letter}  seq={each.seq}  {len(each.data)} bytes\n{_shown(each.data)}"
                             for letter, each in self.arrived.items())
        return (
            "A client sends four requests over one connection, and waits for no answer between them:\n\n"
            f"```text\n{requests}\n```\n\n"
            "These are the segments of the server in the order in which they arrive. One of them comes twice. `seq` is "
            "relative: the first byte of the server's stream has number 1. A new line is shown after each `\\n`.\n\n"
            f"```text\n{segments}\n```\n\n"
            "1. Give the letters of the segments in the order of the stream. Leave out what brings nothing new.\n"
            "2. Give the status of the final answer to each request, in the order of the requests."
        )

    def examine(self, answer: Any, run: Run) -> None:
        letters, statuses = self._parts(answer)
        run.step(2)
        self._check_order(letters)
        run.step(3)
        for number, (given, each) in enumerate(zip(statuses, self.exchanges, strict=True), 1):
            if given != each.status:
                raise NotYet(f"another status for request {number} ({each.request})", show(given),
                             self._about(given, statuses))

    def _parts(self, answer: Any) -> tuple[str, list[int]]:
        if type(answer) not in (list, tuple) or len(answer) != 2:
            raise NotYet("letters, and a list of four statuses", show(answer), self.asks)
        letters, statuses = answer
        if type(letters) in (list, tuple) and all(type(each) is str for each in letters):
            letters = "".join(letters)
        if type(letters) is not str:
            raise NotYet("the letters of the segments as text", show(letters), self.asks)
        letters = re.sub(r"[\s,]", "", letters).upper()
        unknown = [letter for letter in letters if letter not in self.arrived]
        if unknown or not letters:
            raise NotYet(f"letters from A to {max(self.arrived)}", show(unknown[0] if unknown else letters),
                         "No segment has this letter." if unknown else self.asks)
        if type(statuses) not in (list, tuple) or len(statuses) != len(self.exchanges):
            raise NotYet("a list of four statuses", show(statuses), self.asks)
        numbers = [int(each) if type(each) is str and re.fullmatch("[0-9]{3}", each) else each for each in statuses]
        wrong = [each for each in numbers if type(each) is not int]
        if wrong:
            raise NotYet("a status of three digits for each request", show(wrong[0]), self.asks)
        return letters, numbers

    def _check_order(self, letters: str) -> None:
        """Follow the numbers from byte 1 on; the first segment that does not continue is the finding."""
        last = self.order[-1].stop
        if letters == "".join(self.arrived):
            raise NotYet("the segments in the order of the stream", letters,
                         "This is the order in which they arrived. Their numbers tell the order of the bytes.")
        expected, seen = 1, ""
        for letter in letters:
            segment = self.arrived[letter]
            if segment.seq != expected:
                twice = [other for other in seen if self.arrived[other] == segment]
                if twice:
                    why = f"{letter} carries the same bytes as {twice[0]}: they are there already."
                elif segment.seq > expected:
                    why = f"Bytes {expected} to {segment.seq - 1} would be missing before it."
                else:
                    why = f"Its bytes come earlier in the stream: {seen} ends with byte {expected - 1}."
                raise NotYet(f"a segment that begins with byte {expected}", f"{letter}, which begins with byte "
                             f"{segment.seq}", why)
            expected, seen = segment.stop, seen + letter
        if expected != last:
            raise NotYet(f"bytes 1 to {last - 1}", f"bytes 1 to {expected - 1}", "More segments follow after these.")

    def _about(self, given: int, statuses: list[int]) -> str:
        right = [each.status for each in self.exchanges]
        if given == 103:
            return "103 is an interim answer, as every 1xx: the final answer to the same request comes after it."
        if given == 500:
            return ("This line is inside a body. The Content-Length before it says that these bytes are data of the "
                    "answer that has begun.")
        if given not in right:
            return "No answer in the stream has this status."
        if sorted(statuses) == sorted(right):
            return ("These are the right answers in another order. The server answers in the order of the requests, "
                    "whichever it has finished first.")
        return "Count the final answers from the start of the stream: the first belongs to request 1, and so on."

    @property
    def worked(self) -> str:
        letters, statuses = self.reference
        lines = "\n".join(f"{each.status}  {each.request}" for each in self.exchanges)
        return (
            f"By their numbers the segments are {letters}. Read as one text, they hold four final answers, in the "
            f"order of the requests:\n\n```text\n{lines}\n```\n\n"
            "The 103 before the 200 is an interim answer, and `HTTP/1.1 500 Oops` is the body of the 200. The 404 has "
            "a Content-Length and no body, since the request was HEAD.\n\n"
            f"```python\nanswer = {[letters, statuses]!r}\nexercises.http.pipeline.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        letters = "".join(next(letter for letter, other in self.arrived.items() if other == each)
                          for each in self.order)
        return [letters, [each.status for each in self.exchanges]]


def _cut(stream: bytes, chance: random.Random) -> list[Segment]:
    """The stream in `SEGMENTS` segments, none of them shorter than `SHORTEST`."""
    while True:
        cuts = [0, *sorted(chance.sample(range(1, len(stream)), SEGMENTS - 1)), len(stream)]
        found = [Segment(1 + one, stream[one:other]) for one, other in pairwise(cuts)]
        if min(len(each.data) for each in found) >= SHORTEST:
            return found


def _shown(data: bytes) -> str:
    """Bytes as lines of text, with CR and LF written out."""
    text = data.decode("latin-1").replace("\r", "\\r").replace("\n", "\\n\n")
    return "\n".join(f"   {line}" for line in text.removesuffix("\n").split("\n"))
