"""An exercise on frames: a reader that takes them as TCP brings them, and refuses frames that break a rule.

Rule: the answer is fed every split point there is; a finding names the bytes and the cut that broke it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.feeding import REFUSED, chunks, feed, feed_pieces, in_hex, pieces
from labkit.exercises.result import show, source
from labkit.exercises.running import NotYet, Run, check_callable
from labkit.exercises.websocket.streams import (
    BETWEEN,
    BROKEN,
    FRAGMENTS,
    HELLO,
    LENGTHS,
    NAMES,
    SEVERAL,
    SHORT,
    SMALL,
    Broken,
    Message,
    Sent,
    difference,
)

_SHARED = (
    "Each connection has a reader of its own, and two readers must not share what they keep: set it in __init__."
)


class FrameReader:
    """Makes messages of the bytes of a client; the reference answer."""

    def __init__(self) -> None:
        self.rest = b""
        self.opcode = 0  # of the message that is not complete; 0: there is none
        self.parts = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take the next bytes; return the messages and control frames that are complete now."""
        self.rest += data
        complete = []
        while (frame := self.cut()) is not None:
            fin, opcode, payload = frame
            if opcode >= 8:  # a control frame: the message before it may go on after it
                complete.append((opcode, payload))
                continue
            if (opcode == 0) != (self.opcode != 0):
                raise ValueError("a continuation of nothing, or a new message inside a message")
            self.opcode, self.parts = opcode or self.opcode, self.parts + payload
            if fin:
                complete.append((self.opcode, self.parts))
                self.opcode, self.parts = 0, b""
        return complete

    def cut(self) -> tuple[bool, int, bytes] | None:
        """Take the first frame out of the bytes that are here; None if it is not complete."""
        data = self.rest
        if len(data) < 2:
            return None
        fin, reserved, opcode = data[0] >= 128, data[0] & 0x70, data[0] & 15
        masked, length = data[1] >= 128, data[1] & 127
        if reserved or opcode not in (0, 1, 2, 8, 9, 10) or not masked:
            raise ValueError(f"no frame of a client: {data[:2]!r}")
        if opcode >= 8 and (length > 125 or not fin):
            raise ValueError("a control frame has at most 125 bytes, and no fragments")
        size = {126: 2, 127: 8}.get(length, 0)  # bytes of the longer length
        if len(data) < 2 + size + 4:
            return None
        if size:
            length = int.from_bytes(data[2 : 2 + size], "big")
            if length < (126 if size == 2 else 65536) or length >= 2**63:
                raise ValueError(f"a length in a wrong form: {length}")
        start = 2 + size + 4
        if len(data) < start + length:
            return None
        key, payload = data[start - 4 : start], data[start : start + length]
        self.rest = data[start + length :]
        return fin, opcode, bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


class Reader(Exercise):
    """Write a frame reader that survives every split point, and refuses frames that break a rule."""

    name = "websocket.reader"
    lesson = "04c-websocket-frames"
    title = "write a reader for frames"
    steps = ("one small frame", "several frames in one piece", "lengths in 7, 16 and 64 bits",
             "messages of several frames", "control frames between them", "every stream cut in two, at every byte",
             "every stream byte by byte", "two readers side by side", "frames that break a rule are refused")
    stub = '''class FrameReader:
    def feed(self, data: bytes) -> list:
        """Take the next bytes; return the messages and control frames that are complete now.

        Each of them is (opcode, payload).
        Raise ValueError for a broken rule.
        """
        ...

exercises.websocket.reader.check(FrameReader)'''
    asks = "Give check() the class itself: check(FrameReader)."
    praise = (
        "Three boundaries that do not fall together: pieces of TCP, frames, and messages. A reader keeps bytes until a "
        "frame is complete, and payloads until a message is.\n"
        "A frame that breaks a rule is not guessed at: the connection is closed with code 1002."
    )
    stretch = (
        "a client can announce a length of many gigabytes, and a server that waits for them all keeps what comes. Give "
        "your reader a limit, and look which close code fits."
    )
    task = (
        "Write the class `FrameReader`. A server has one for each connection. Its method `feed(data)` takes the next "
        "bytes that came from the client, after the handshake, cut anywhere. It returns the list of what is complete "
        "now, in order. Each item is a tuple of two:\n\n"
        "- a message: its opcode, 1 (text) or 2 (binary), and its whole payload, unmasked, as bytes; all frames of a "
        "message make one item\n"
        "- a control frame: its opcode, 8 (close), 9 (ping) or 10 (pong), and its payload, unmasked; it is returned at "
        "once, also between the frames of a message\n\n"
        "`feed` raises `ValueError` as soon as a frame breaks a rule: no mask, a reserved bit, an unknown opcode, a "
        "control frame with FIN 0 or with more than 125 bytes, a continuation of nothing, a new message inside a "
        "message, a length in a longer form than it needs or with its most significant bit set. The text need not be "
        "checked.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "Two bytes tell how long the head is: 2, then 0, 2 or 8 more for the length, then 4 for the key. Until head "
        "and payload are all there, keep every byte and return what you have. Then look for the next frame.",
        "`data[0] >> 7` is FIN, `data[0] & 15` the opcode, `data[1] & 127` the length: 126 says that 2 bytes of length "
        'follow, 127 says 8. `int.from_bytes(data[2:4], "big")` reads them. Byte number i of the payload is unmasked '
        "by `byte ^ key[i % 4]`.",
        "Keep three things in `__init__`: the bytes that are not a frame yet, the opcode of the message that is not "
        "complete, and its payload so far. A frame with opcode 8 or more goes into the list at once, and leaves the "
        "last two alone. Of the others, opcode 0 must find a message begun, and 1 and 2 must find none.",
    )
    reference = FrameReader

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the class FrameReader", self.asks)
        for number, streams in enumerate((SMALL, SEVERAL, LENGTHS, FRAGMENTS, BETWEEN), 1):
            run.step(number)
            for sent in streams:
                self._compare(run, answer, sent, (), first=sent is SMALL[0])
        run.step(6)
        for sent in SHORT:
            for cut in range(1, len(sent.raw)):
                self._compare(run, answer, sent, (cut,))
        for sent in LENGTHS:
            for cut in (*range(1, 16), sent.ends[0] - 1, sent.ends[0], sent.ends[0] + 1):
                self._compare(run, answer, sent, (cut,))
        run.step(7)
        for sent in (*SHORT, *LENGTHS[:3]):
            self._compare(run, answer, sent, range(1, len(sent.raw)))
        run.step(8)
        self._side_by_side(run, answer)
        run.step(9)
        for broken in BROKEN:
            self._refused(run, answer, broken)

    def _compare(self, run: Run, answer: Any, sent: Sent, cuts: Sequence[int], first: bool = False) -> None:
        """Feed the stream cut at these bytes; what was returned by then must be its messages."""
        reader = self._new(run, answer)
        fed, about = f"of {pieces(sent.raw, cuts, in_hex)}", _about(sent, cuts)
        given = feed_pieces(partial(_feed, run, reader), sent.raw, cuts, fed, about, first)
        _check_same(sent.messages, given, fed, about)

    def _new(self, run: Run, answer: Any) -> Any:
        reader = run.call("FrameReader()", answer)
        if not callable(getattr(reader, "feed", None)):
            raise NotYet("an object with a method feed()", show(reader), self.asks)
        return reader

    def _side_by_side(self, run: Run, answer: Any) -> None:
        one, two = self._new(run, answer), self._new(run, answer)
        first, second = FRAGMENTS[0], HELLO
        cut = first.ends[0] + 3
        try:
            given = [*_feed(run, one, first.raw[:cut]), *_feed(run, two, second.raw)]
            _check_same(second.messages, given, "from the second reader, while the first waits for more", _SHARED)
            _check_same(first.messages, _feed(run, one, first.raw[cut:]), "from the first reader", _SHARED)
        except NotYet as found:
            found.why = found.why or _SHARED
            raise

    def _refused(self, run: Run, answer: Any, broken: Broken) -> None:
        """The frames must be refused, whole and byte by byte, and nothing may be returned of the broken one."""
        expected = f"ValueError for {broken.named}\nin {in_hex(broken.raw)}"
        for cuts in ((), range(1, len(broken.raw))):
            reader = self._new(run, answer)
            came: list[Any] = []
            refused = False
            for chunk in chunks(broken.raw, cuts):
                try:
                    given = _feed(run, reader, chunk, may_refuse=True)
                except NotYet as found:
                    if " returns" in found.expected:
                        found.expected, found.why = expected, f"{broken.why} Refuse it by ValueError."
                    raise
                if given is REFUSED:
                    refused = True
                    break
                came += given
            wrong = difference(broken.before, came)
            if wrong is not None and wrong[1] is None:
                raise NotYet(expected, f"{_named(wrong[2])} was returned", broken.why)
            if not refused:
                raise NotYet(expected, "feed() raised nothing", broken.why)

    @property
    def worked(self) -> str:
        return (
            "`cut` takes one frame out of the kept bytes, or nothing if the frame is not all there. `feed` puts the "
            f"frames of a message together.\n\n{source(FrameReader)}"
        )


def _check_same(right: tuple[Message, ...], given: list[Any], fed: str, about: str) -> None:
    differs = difference(right, given)
    if differs is None:
        return
    number, one, other = differs
    if one is None:
        raise NotYet(f"nothing after item {len(right)}\n{fed}", f"item {number}: {_named(other)}", about)
    if other is None:
        raise NotYet(f"item {number}: {_named(one)}\n{fed}", f"{len(given)} of {len(right)} items", about)
    raise NotYet(f"item {number}: {_named(one)}\n{fed}", f"item {number}: {_named(other)}",
                 _why(one, other, right) or about)


def _feed(run: Run, reader: Any, chunk: bytes, first: bool = False, *, may_refuse: bool = False) -> Any:
    """What feed returned, a list of messages; `REFUSED` for ValueError if it may refuse, else a `NotYet`."""
    return feed(run, reader, chunk, "messages", _check_message, first, may_refuse=may_refuse)


def _check_message(doing: str, message: Any) -> None:
    """Raise `NotYet` if it is not a tuple of opcode and payload."""
    if not isinstance(message, (tuple, list)) or len(message) != 2:
        raise NotYet("items of two parts: opcode, payload", f"{doing} returned {show(message)}",
                     "Return a list, and in it a tuple for each message.")
    opcode, payload = message
    if type(opcode) is not int:
        raise NotYet("an opcode, a number: 1, 2, 8, 9 or 10", show(opcode), "The opcode is data[0] & 15.")
    if type(payload) not in (bytes, bytearray):
        raise NotYet("a payload as bytes", show(payload),
                     "The payload stays bytes, that of a text too: a frame may end inside a character."
                     if type(payload) is str else "bytes() makes bytes of a list of numbers.")


def _named(message: Any) -> str:
    opcode, payload = message
    return f"({opcode}, {show(bytes(payload))})" + (f", {NAMES[opcode]}" if opcode in NAMES else "")


def _why(right: Message, given: Any, all_right: tuple[Message, ...]) -> str:
    """What most likely went wrong with a message; "" if that is not known."""
    opcode, payload = given
    if opcode > 15:
        return "The opcode is only the lower four bits of byte 0: data[0] & 15. FIN and the reserved bits are above."
    if opcode == 0:
        return "Opcode 0 is no message of its own: the opcode of the message stands in its first frame."
    if opcode != right[0]:
        return ""
    if right[1].startswith(payload) and len(all_right) == 1 and len(payload) < len(right[1]):
        return "The message is not complete: it ends with the frame that has FIN."
    if len(payload) == len(right[1]):
        if payload[:4] == right[1][:4]:
            return "The first four bytes are right: after byte 3, the key starts again from its byte 0."
        return "The payload has the right length and other bytes: look at the mask, and where the key stands."
    if len(payload) > len(right[1]) and payload.startswith(right[1]):
        return f"The payload ends after {len(right[1])} bytes, as its length says. What follows is the next frame."
    if payload and len(payload) < len(right[1]) and right[1].endswith(payload):
        return "The beginning of the message is missing: keep the payloads of its earlier frames."
    return ""


def _about(sent: Sent, cuts: Sequence[int]) -> str:
    """What is special in the stream, or where its one cut is."""
    if len(cuts) != 1:
        return sent.about
    cut, start = cuts[0], 0
    for number, end in enumerate(sent.ends, 1):
        if cut < end:
            size = {126: 2, 127: 8}.get(sent.raw[start + 1] & 127, 0)
            inside = cut - start
            if inside == 0:
                return f"The cut is right before frame {number}: nothing is left of the frame before it."
            if inside < 2:
                return f"The cut is inside the first two bytes of frame {number}: keep what has come."
            if inside < 2 + size:
                return f"The cut is before the end of the longer length of frame {number}: keep what has come."
            if inside < 6 + size:
                return f"The cut is before the end of the key of frame {number}: keep what has come."
            whole = end - start - 6 - size
            return (f"The head of frame {number} is complete, and {inside - 6 - size} of the {whole} bytes of its "
                    "payload are here: keep them all, the head too.")
        start = end
    return ""

