"""An exercise on a format of one's own: a parser of the lesson's protocol that trusts no length.

Rule: the answer is fed good messages, and those that lie; a finding shows the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, show_error, source
from labkit.exercises.running import NotYet, Run, check_callable, own_frames


def read_note(data: bytes) -> tuple[int, int, str]:
    """Read a note: (kind, number, text); the reference answer. Raises ValueError for a message that is malformed."""
    if len(data) < 4:
        raise ValueError("a note has a header of 4 bytes")
    version, kind, size, number = data[0] >> 4, data[0] & 0x0F, data[1], int.from_bytes(data[2:4], "big")
    if version != 1:
        raise ValueError(f"version {version} is unknown")
    if len(data) != 4 + size:
        raise ValueError(f"the length says {size} bytes of text, and {len(data) - 4} came")
    return kind, number, data[4:].decode("utf-8")


def _note(kind: int, number: int, text: bytes, *, version: int = 1, size: int | None = None) -> bytes:
    return struct.pack("!BBH", version << 4 | kind, len(text) if size is None else size, number) + text


_GOOD = (
    _note(2, 258, b"ping me"),
    _note(15, 1, b""),
    _note(0, 65535, "zwölf".encode()),
    _note(3, 7, b"x" * 200),
)
_HOSTILE = (
    (_note(1, 1, b"short", size=200), "the length byte says more than came: what is not there cannot be read"),
    (_note(1, 1, b"long, more", size=4), "more came than the length byte says: there are hidden bytes behind the text"),
    (b"", "an empty datagram: even the header is missing"),
    (b"\x12\x00\x00", "three bytes: the header has four"),
    (_note(2, 5, b"hello", version=2), "version 2: nobody has said what its fields mean"),
    (_note(2, 5, b"\xff\xfe"), "the text is not UTF-8"),
)


class ReadNote(Exercise):
    """Write the parser for a protocol of your own."""

    name = "crafting.read_note"
    lesson = "02d-crafting"
    title = "read your own protocol"
    steps = ("a function that returns three values", "kind", "number", "text", "hostile messages")
    stub = "def read_note(data):\n    ...\n\nexercises.crafting.read_note.check(read_note)"
    asks = "Give check() the function itself: check(read_note)."
    praise = "A length that came over the network is a claim. Compare it with what is there before you use it."
    task = (
        "Write the function `read_note(data)`, without Scapy. It gets the bytes of one note, as in the layer `Note`: "
        "the version (4 bits), the kind (4 bits), the length of the text (1 byte), the number (2 bytes), the text in "
        "UTF-8. It returns three values: kind, number, text. It raises `ValueError` if a note is malformed: "
        "a header that is not whole, a version other than 1, a length that is not that of the text.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "Two fields share the first byte. Which bits are the version's, and which are the kind's?",
        '`data[0] >> 4` is the version, `data[0] & 0x0f` the kind, `int.from_bytes(data[2:4], "big")` the number.',
        "Check before you read: are there 4 bytes at all? Is `len(data)` equal to 4 and the length byte together? "
        "A text that is not UTF-8 raises `UnicodeDecodeError`, which is a `ValueError` already.",
    )
    reference = staticmethod(read_note)

    @property
    def worked(self) -> str:
        """The reference with its reason."""
        return f"Every length is compared with what came before a byte is read.\n\n{source(read_note)}"

    def examine(self, answer: Any, run: Run) -> None:
        """As `Exercise.examine`."""
        check_callable(answer, "the function read_note", self.asks)
        for place, data in enumerate(_GOOD):
            run.step(1)
            doing = f"read_note({show(data)})"
            given = run.call(doing, answer, data, first=place == 0)
            if type(given) not in (tuple, list) or len(given) != 3:
                raise NotYet(f"{doing} returns three values", show(given), "Return kind, number, text.")
            for step, (name, value, right) in enumerate(
                zip(("kind", "number", "text"), given, read_note(data), strict=True), 2
            ):
                run.step(step)
                if value != right or type(value) is not type(right):
                    raise NotYet(f"{name} {show(right)}, from {data[:12].hex(' ')}", f"{name} {show(value)}",
                                 _why(name, value, data))  # fmt: skip
        run.step(5)
        for data, about in _HOSTILE:
            doing = f"read_note({show(data)})"
            outcome = run.call(doing, _caught, answer, data)
            if not isinstance(outcome, Exception):
                raise NotYet(f"ValueError from {doing}", f"it returned {show(outcome)}", f"In this note {_said(about)}")
            if not isinstance(outcome, ValueError):
                raise NotYet(f"ValueError from {doing}", show_error(outcome),
                             f"Python noticed, your function did not. In this note {_said(about)}",
                             own_frames(outcome))  # fmt: skip


def _caught(function: Callable[..., Any], data: bytes) -> Any:
    """What the function returns, or the error it raised."""
    try:
        return function(data)
    except NotImplementedError:
        raise
    except Exception as error:
        return error


def _said(about: str) -> str:
    return f"something is wrong on purpose: {about}."


def _why(name: str, value: Any, data: bytes) -> str:
    """The mistake behind this value."""
    if name == "kind":
        if value == data[0]:
            return "That is the whole first byte. The kind is its lower 4 bits: & 0x0f."
        if value == data[0] >> 4:
            return "That is the version. It has the upper 4 bits; the kind has the lower ones."
        return "The kind is the lower 4 bits of byte 0."
    if name == "number":
        if value == int.from_bytes(data[2:4], "little"):
            return "The bytes are in the wrong order: the most significant one comes first."
        if value == data[1]:
            return "That is the length of the text. The number is in bytes 2 and 3."
        return "The number is in bytes 2 and 3, the most significant one first."
    if type(value) in (bytes, bytearray):
        return "Those are bytes. Decode them: the text is UTF-8."
    return "The text begins at byte 4, and is UTF-8."
