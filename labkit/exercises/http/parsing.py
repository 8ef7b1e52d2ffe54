"""An exercise on HTTP's grammar: a parser that takes requests as TCP brings them, and refuses framing in doubt.

Rule: the answer is fed every split point there is; a finding names the bytes and the cut that broke it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.feeding import REFUSED, chunks, feed, feed_pieces, pieces
from labkit.exercises.http.messages import (
    CHUNKED,
    DOUBTFUL,
    DOUBTFUL_CHUNKS,
    NO_BODY,
    OTHER_CODING,
    WITH_BODY,
    Doubtful,
    Request,
    Sent,
    difference,
)
from labkit.exercises.result import show, source
from labkit.exercises.running import NotYet, Run, check_callable

_KINDS = (("the method", str), ("the target", str), ("the fields", dict), ("the body", bytes))


class RequestParser:
    """Cuts the bytes of a connection into requests; the reference answer."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[tuple[str, str, dict[str, str], bytes]]:
        """Take the next bytes; return the requests that are complete now."""
        self.rest += data
        requests = []
        while (request := self.cut()) is not None:
            requests.append(request)
        return requests

    def cut(self) -> tuple[str, str, dict[str, str], bytes] | None:
        """Take the first request out of the bytes that are here; None if it is not complete."""
        head, empty_line, after = self.rest.partition(b"\r\n\r\n")
        if not empty_line:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")  # ValueError if there are more or fewer
        fields: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ValueError(f"no field: {line!r}")
            name, value = name.lower(), value.strip(" \t")
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
        if "transfer-encoding" in fields:
            raise ValueError("bodies in chunks are not read here")
        length = fields.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise ValueError(f"no length: {length!r}")
        if len(after) < int(length):
            return None
        self.rest = after[int(length) :]
        return method, target, fields, after[: int(length)]


class Parser(Exercise):
    """Write a parser for requests that survives every split point, and refuses framing in doubt."""

    name = "http.parser"
    lesson = "03a-http-messages"
    title = "write a parser for requests"
    steps = ("requests without a body", "requests with a body", "every stream cut in two, at every byte",
             "every stream byte by byte", "two parsers side by side", "framing in doubt is refused",
             "a body in chunks is refused, or read whole")
    stub = '''class RequestParser:
    def feed(self, data: bytes) -> list:
        """Take the next bytes; return the requests that are complete now.

        Each of them is (method, target, fields, body). Raise ValueError for bad framing.
        """
        ...

exercises.http.parser.check(RequestParser)'''
    asks = "Give check() the class itself: check(RequestParser)."
    praise = (
        "A parser keeps bytes until the head is complete, and then until the body is: TCP says nothing about either.\n"
        "If it is in doubt where a message ends, refuse it and close the connection. Two programs that read the same "
        "bytes differently let a request through that one of them has never seen."
    )
    stretch = (
        "read bodies in chunks instead of refusing them. check() tries that too: extensions, fields after the last "
        "chunk, bad sizes."
    )
    task = (
        "Write the class `RequestParser`. Each connection has one. Its method `feed(data)` takes the next bytes of the "
        "connection, cut anywhere, and returns the list of the requests that are complete now. A request is a tuple "
        "of four:\n\n"
        '- the method and the target, as text: `"POST"`, `"/save"`\n'
        "- the fields, a dictionary of text: names in lower case, values without the space and tab around them; if a "
        'field comes twice, both values with `", "` between them\n'
        '- the body, as bytes: as many as Content-Length says, `b""` if there is no such field\n\n'
        "If it is in doubt where a request ends, `feed` raises `ValueError`: two lengths that differ, a length that "
        "is not digits alone, a length together with Transfer-Encoding, white space before a colon or at the start of "
        "a line, a line without a colon, a request line that has not three parts. A body in chunks may be refused "
        "too.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        'The first `b"\\r\\n\\r\\n"` ends the head. Until it is there, keep all bytes and return an empty list.',
        "With the whole head you know the length of the body. If fewer bytes are here, keep everything, the head too, "
        "and look again at the next `feed`. After a request look for another one: two may have come together.",
        "`int()` takes `+5`, `1_0`, and digits of other scripts, so look at the text first: `length.isascii() and "
        "length.isdigit()`. If you join fields that come twice, two lengths become `5, 38`, which is not digits "
        "alone. White space before the colon: `name != name.strip()`.",
    )
    reference = RequestParser

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the class RequestParser", self.asks)
        for number, streams in ((1, NO_BODY), (2, WITH_BODY)):
            run.step(number)
            for sent in streams:
                self._compare(run, answer, sent, (), first=sent is NO_BODY[0])
        self._cut(run, answer, (*NO_BODY, *WITH_BODY))
        run.step(5)
        self._side_by_side(run, answer)
        run.step(6)
        for doubtful in DOUBTFUL:
            self._refused(run, answer, doubtful)
        run.step(7)
        self._chunks(run, answer)

    def _cut(self, run: Run, answer: Any, streams: Sequence[Sent], step: int = 0) -> None:
        """Feed each stream cut in two at every byte, then byte by byte. step: the one of both; 0: their own."""
        run.step(step or 3)
        for sent in streams:
            for cut in range(1, len(sent.raw)):
                self._compare(run, answer, sent, (cut,))
        run.step(step or 4)
        for sent in streams:
            self._compare(run, answer, sent, range(1, len(sent.raw)))

    def _compare(self, run: Run, answer: Any, sent: Sent, cuts: Sequence[int], first: bool = False) -> None:
        """Feed the stream cut at these bytes; what was returned by then must be its requests."""
        parser = self._new(run, answer)
        fed, about = f"of {pieces(sent.raw, cuts)}", _about(sent, cuts)
        given = feed_pieces(partial(_feed, run, parser), sent.raw, cuts, fed, about, first)
        self._check_same(sent.requests, given, fed, about)

    def _check_same(self, right: tuple[Request, ...], given: list[Any], fed: str, about: str) -> None:
        differs = difference(right, given)
        if differs is None:
            return
        number, what, one, other = differs
        if other is None:
            raise NotYet(f"request {number}: {one[0]} {one[1]}\n{fed}", f"{len(given)} of {len(right)} requests", about)
        if one is None:
            raise NotYet(f"{len(right)} requests\n{fed}", f"request {number}: {show(other)}",
                         f"Bytes that belong to another request were taken for one of their own. {about}".strip())
        raise NotYet(f"request {number}, {what}: {show(one)}\n{fed}", f"{what}: {show(other)}",
                     _why(what, one, other) or about)

    def _new(self, run: Run, answer: Any) -> Any:
        parser = run.call("RequestParser()", answer)
        if not callable(getattr(parser, "feed", None)):
            raise NotYet("an object with a method feed()", show(parser), self.asks)
        return parser

    def _side_by_side(self, run: Run, answer: Any) -> None:
        one, two = self._new(run, answer), self._new(run, answer)
        first, second = NO_BODY[0], WITH_BODY[0]
        why = ("Each connection has a parser of its own, and two parsers must not share what they keep: set it in "
               "__init__.")
        try:
            given = [*_feed(run, one, first.raw[:10]), *_feed(run, two, second.raw)]
            self._check_same(second.requests, given, "from the second parser, while the first waits for more", why)
            given = _feed(run, one, first.raw[10:])
            self._check_same(first.requests, given, "from the first parser", why)
        except NotYet as found:
            found.why = found.why or why
            raise

    # -- what must be refused

    def _refused(self, run: Run, answer: Any, doubtful: Doubtful) -> None:
        """The request must be refused, whole and byte by byte, and before anything is returned of it."""
        expected = f"ValueError for {doubtful.named}\nin {_in_short(doubtful.raw)}"
        for cuts in ((), range(1, len(doubtful.raw))):
            came, refused = self._attempted(run, answer, doubtful.raw, cuts, expected)
            if came:
                seen = f"request 1: {show(came[0])}"
                more = "It was returned, and the error came after that.\n" if refused else ""
                raise NotYet(expected, seen, more + doubtful.why)
            if not refused:
                raise NotYet(expected, "feed() returned no request, and raised nothing",
                             f"So the parser waits for more. {doubtful.why}")

    def _attempted(
        self, run: Run, answer: Any, raw: bytes, cuts: Sequence[int], expected: str
    ) -> tuple[list[Any], bool]:
        """What was returned, and whether feed raised ValueError."""
        parser = self._new(run, answer)
        came: list[Any] = []
        for chunk in chunks(raw, cuts):
            try:
                given = _feed(run, parser, chunk, may_refuse=True)
            except NotYet as found:
                if " returns" in found.expected:
                    found.expected, found.why = expected, "Refuse what is in doubt by ValueError."
                raise
            if given is REFUSED:
                return came, True
            came += given
        return came, False

    def _chunks(self, run: Run, answer: Any) -> None:
        """A body in chunks is refused from the start, or read rightly at every cut."""
        first = CHUNKED[0]
        expected = f"ValueError, or the whole body\nof {_in_short(first.raw)}"
        came, refused = self._attempted(run, answer, first.raw, range(1, len(first.raw)), expected)
        if refused and came:
            raise NotYet(expected, f"{show(came[0])}, and then ValueError",
                         "Transfer-Encoding says that a body in chunks follows. Who does not look at it takes the "
                         "chunks for the next request.")
        if not refused:
            for sent in CHUNKED:
                self._compare(run, answer, sent, ())
            self._cut(run, answer, CHUNKED, step=7)
            for doubtful in DOUBTFUL_CHUNKS:
                self._refused(run, answer, doubtful)
        self._refused(run, answer, OTHER_CODING)

    @property
    def worked(self) -> str:
        return (
            "Nothing is taken out of the kept bytes before a request is complete. Then it is cut off, and the rest is "
            f"looked at again.\n\n{source(RequestParser)}"
        )


def _feed(run: Run, parser: Any, chunk: bytes, first: bool = False, *, may_refuse: bool = False) -> Any:
    """What feed returned, a list of requests; `REFUSED` for ValueError if it may refuse, else a `NotYet`."""
    return feed(run, parser, chunk, "requests", _check_request, first, may_refuse=may_refuse)


def _check_request(doing: str, request: Any) -> None:
    """Raise `NotYet` if it is no tuple of method, target, fields and body."""
    if not isinstance(request, (tuple, list)) or len(request) != len(_KINDS):
        raise NotYet("requests of four parts: method, target, fields, body", f"{doing} returned {show(request)}",
                     "Return a list, and in it a tuple for each request.")
    for part, (what, kind) in zip(request, _KINDS, strict=True):
        if not isinstance(part, kind):
            why = ""
            if kind is str and isinstance(part, bytes):
                why = 'The head can be decoded: head.decode("latin-1"). The body stays bytes.'
            elif kind is bytes:
                why = 'A body is bytes: it need not be text. Without a body it is b"".'
            raise NotYet(f"{what} as {kind.__name__}", show(part), why)


def _why(what: str, right: Any, given: Any) -> str:
    """What most likely went wrong with a part of a request; "" if that is not known."""
    if what == "fields":
        lower = {str(name).lower(): value for name, value in given.items()}
        if lower == right:
            return "Content-Length and content-length are the same field. Keep the names in lower case."
        if {name: str(value).strip() for name, value in lower.items()} == right:
            return "Space and tab around a value do not belong to it. Inside it they do."
        if any(right[name].startswith(f"{value}:") for name, value in lower.items() if name in right):
            return "The first colon ends the name. What follows is the value, other colons too."
        if any(name in right and right[name].startswith(f"{value}, ") for name, value in lower.items()):
            return "The field comes twice. Here only its first value is left."
        if any(name in right and right[name].endswith(f", {value}") for name, value in lower.items()):
            return "The field comes twice. Here only its last value is left."
    if what == "body" and len(given) > len(right):
        return f"The body ends after {len(right)} bytes, as Content-Length says. What follows is the next request."
    if what == "target" and right in given:
        return "The request line has three parts: method, target, version."
    return ""


def _about(sent: Sent, cuts: Sequence[int]) -> str:
    """What is special in the stream, or where its one cut is."""
    if len(cuts) != 1:
        return sent.about
    if sent in CHUNKED:
        return f"The cut is after {cuts[0]} bytes. {sent.about}"
    return _place(sent, cuts[0])


def _place(sent: Sent, cut: int) -> str:
    """Where the cut is, in words. Source: RFC 9112 §2.1 for the parts of a message."""
    start = 0
    for number, request in enumerate(sent.requests, 1):
        head = sent.raw.index(b"\r\n\r\n", start) + 4
        start = head + len(request[3])
        if cut < head:
            inside = sent.raw[cut - 1 : cut + 1] == b"\r\n"
            if cut > head - 4:
                return f"The cut is inside the four bytes CR LF CR LF that end head {number}."
            return f"The cut is {'between CR and LF' if inside else 'inside a line'} of head {number}: keep the bytes."
        if cut < start or (cut == head and request[3]):
            return (f"The head of request {number} is complete, and {cut - head} of the {len(request[3])} bytes of its "
                    "body are here: keep them all.")
        if cut == start:
            return f"The cut is right after request {number}: it is complete, and nothing is left of it."
    return ""


def _in_short(raw: bytes) -> str:
    """A request as text; the lines before the one that matters, which are always the same, are left out."""
    _, same, rest = raw.partition(b"Host: lab\r\n")
    return f"...{show(rest)}" if same and len(rest) > 2 else show(raw)
