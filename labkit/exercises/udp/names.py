"""An exercise on DNS names: labels and pointers read from a message that may have been made to do harm.

Rule: the answer is fed whole messages and hostile ones; a finding shows the bytes that broke it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, show_error, source
from labkit.exercises.running import NotYet, Run, check_callable, own_frames

HEADER = bytes.fromhex("beef 8180 0001 0001 0000 0000")
"""The 12 bytes before the first name of a message. Source: RFC 1035 §4.1.1."""


def read_name(message: bytes, offset: int) -> tuple[str, int]:
    """Read the name at this offset; the reference answer.

    Returns the name, and the offset of what follows it in the message. Raises ValueError for a name that is
    malformed. Source: RFC 1035 §4.1.4.
    """
    labels: list[str] = []
    size, after, lowest = 1, None, offset  # size: bytes of the name, its closing zero included
    while True:
        if offset >= len(message):
            raise ValueError("the message ends inside a name")
        length = message[offset]
        if length >= 0xC0:
            if offset + 2 > len(message):
                raise ValueError("the message ends inside a pointer")
            target = int.from_bytes(message[offset : offset + 2], "big") & 0x3FFF
            if target >= lowest:
                raise ValueError(f"a pointer to {target} does not go backwards")
            if after is None:
                after = offset + 2
            offset = lowest = target
            continue
        if length >= 0x40:
            raise ValueError(f"no label or pointer begins with the byte {length}")
        end = offset + 1 + length
        if end > len(message):
            raise ValueError("a label goes past the end of the message")
        if length == 0:
            return ".".join(labels) or ".", end if after is None else after
        size += 1 + length
        if size > 255:
            raise ValueError("the name is longer than 255 bytes")
        labels.append(message[offset + 1 : end].decode("ascii"))
        offset = end

_SHOWN = 32  # bytes of a message in a finding


@dataclass(frozen=True, slots=True)
class Case:
    """One message with a name to read.

    step: of the exercise. about: what it is, in words. tail: what follows the 12 bytes of the header. offset: where the
    name begins. name, after: what is right; name None: it must be refused with ValueError. why: said if it is not.
    """

    step: int
    about: str
    tail: bytes
    offset: int
    name: str | None = None
    after: int = 0
    why: str = ""

    @property
    def message(self) -> bytes:
        """The whole message."""
        return HEADER + self.tail


def _labels(*names: bytes) -> bytes:
    return b"".join(bytes((len(name),)) + name for name in names)


def _pointer(target: int) -> bytes:
    return (0xC000 | target).to_bytes(2, "big")


_LAB = _labels(b"www", b"lab", b"example") + b"\0"  # 17 bytes, from 12 to 28
_TYPE = b"\0\1\0\1"
_QUESTION = _LAB + _TYPE  # up to 32; what is read next starts at 33
_LONG = _labels(b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 61) + b"\0"  # 255 bytes
_FAR = _labels(b"t" * 60) * 5 + b"\0"  # never read as a name: it only fills the message
# RFC 1035 §4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92.
_RFC = (
    bytes(8) + _labels(b"F", b"ISI", b"ARPA") + b"\0" + bytes(8) + _labels(b"FOO") + _pointer(20) + bytes(18)
    + _pointer(26) + bytes(26) + b"\0"
)

_TRUST = "Who sent this message wants your parser to do just that. Check before you read."
_KINDS = "The two highest bits are 00 for a label and 11 for a pointer; 01 and 10 are not in use."
_WIDE = "A pointer has 14 bits: the lower 6 of its first byte, and the second byte."
_INSIDE = (
    "This pointer goes back from where it stands, but only into the labels that it closes, where nobody wrote a name: "
    "compare it with the place where you began to read labels."
)
_BACK = "A pointer must go backwards, to before the name that it stands in; and so must the next one it leads to."

_TO_THE_ROOT = "a pointer to the root"

CASES = (
    Case(1, "a question's name", _LAB + _TYPE, 12, "www.lab.example", 29),
    Case(1, "a name with capitals and a hyphen", _labels(b"My-Host", b"LAB") + b"\0" + _TYPE, 12, "My-Host.LAB", 25),
    Case(1, "a name that is not at the start", _LAB + _TYPE + _labels(b"a", b"b") + b"\0" + _TYPE, 33, "a.b", 38),
    Case(2, "the root", b"\0" + _TYPE, 12, ".", 13),
    Case(3, "a pointer alone", _QUESTION + _pointer(12) + _TYPE, 33, "www.lab.example", 35),
    Case(3, "labels, then a pointer", _QUESTION + _labels(b"mail") + _pointer(16) + _TYPE, 33, "mail.lab.example", 40),
    Case(3, _TO_THE_ROOT, _QUESTION + _labels(b"top") + _pointer(28) + _TYPE, 33, "top", 39),
    Case(3, "a pointer to a name that ends in a pointer",
         _QUESTION + _labels(b"ns") + _pointer(16) + _pointer(33) + _TYPE, 38, "ns.lab.example", 40),
    Case(3, "a pointer to a pointer", _QUESTION + _pointer(20) + _pointer(33) + _TYPE, 35, "example", 37),
    Case(3, "the example of RFC 1035 §4.1.4", _RFC, 20, "F.ISI.ARPA", 32),
    Case(3, "the example of RFC 1035 §4.1.4", _RFC, 40, "FOO.F.ISI.ARPA", 46),
    Case(3, "the example of RFC 1035 §4.1.4", _RFC, 64, "ARPA", 66),
    Case(3, "the example of RFC 1035 §4.1.4", _RFC, 92, ".", 93),
    Case(3, "a pointer to offset 318, more than one byte can say",
         _FAR + _LAB + _pointer(318) + _TYPE, 335, "www.lab.example", 337),
    Case(4, "a label that goes past the end", _labels(b"www") + b"\x0aexam", 12,
         why="A slice past the end is not an error in Python, only shorter: compare the length with what is left."),
    Case(4, "a name without its closing zero", _labels(b"www", b"lab"), 12,
         why="The message ends before the name does."),
    Case(4, "a message that ends inside a pointer", _QUESTION + b"\xc0", 33,
         why="A pointer takes two bytes, and only one is left."),
    Case(4, "an offset past the end", _QUESTION, 33, why="There is nothing at this offset."),
    Case(4, "a pointer past the end", _QUESTION + _pointer(300) + _TYPE, 33, why=_BACK),
    Case(5, "a first byte that is neither a label's nor a pointer's", b"\x80" + b"a" * 128 + b"\0", 12, why=_KINDS),
    Case(5, "a first byte that is neither a label's nor a pointer's", b"\x40" + b"a" * 64 + b"\0", 12,
         why="A label has 63 bytes at most: the two highest bits of its length are 00."),
    Case(5, "a first byte that is neither a label's nor a pointer's", _QUESTION + b"\x80\x0c" + _TYPE, 33, why=_KINDS),
    Case(5, "a first byte that is neither a label's nor a pointer's", _QUESTION + b"\x40\x0c" + _TYPE, 33, why=_KINDS),
    Case(6, "a pointer to itself", _pointer(12) + _TYPE, 12, why=_BACK),
    Case(6, "two pointers to each other", _pointer(14) + _pointer(12) + _TYPE, 14, why=_BACK),
    Case(6, "a label and a pointer back to it", _labels(b"a") + _pointer(12) + _TYPE, 12, why=_BACK),
    Case(7, "a pointer that goes forwards", _pointer(18) + _TYPE + _labels(b"lab") + b"\0", 12, why=_BACK),
    Case(7, "a pointer back to one that goes forwards",
         _pointer(20) + _TYPE + _pointer(12) + _labels(b"lab") + b"\0", 18, why=_BACK),
    Case(7, "a pointer into the label before it",
         _labels(b"a\x01b\0c") + _pointer(14) + _TYPE, 12, why=_INSIDE),
    Case(8, "a name of 255 bytes", _LONG, 12, ".".join(("a" * 63, "b" * 63, "c" * 63, "d" * 61)), 267),
    Case(8, "a name of 256 bytes", _labels(b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 62) + b"\0", 12,
         why="A name has 255 bytes at most: its labels, a length byte before each, and the closing zero."),
    Case(8, "a name of 258 bytes that takes 5 in the message", _LONG + _labels(b"ab") + _pointer(12), 267,
         why="A name has 255 bytes at most, wherever they are: count what the pointers lead to as well."),
)


class DnsName(Exercise):
    """Write the part of a DNS parser that every attacker tries first."""

    name = "udp.dns_name"
    title = "read a compressed DNS name from a hostile message"
    steps = ("names of labels", "the root", "names with pointers", "hostile: the message ends too early",
             "hostile: lengths that do not exist", "hostile: loops",
             "hostile: pointers that go forwards, or not far enough back",
             "hostile: names that are too long")
    stub = "def read_name(message: bytes, offset: int) -> tuple[str, int]:\n    ...\n\n" \
           "exercises.udp.dns_name.check(read_name)"
    asks = "Give check() the function itself: check(read_name)."
    praise = (
        "A length that the other side sent is a claim: check it against what is there before you use it.\n"
        "If each pointer goes further back than the one before, no message can keep a parser for ever."
    )
    task = (
        "A name in a DNS message is a row of labels: a length byte (1 to 63), then so many bytes of ASCII; a zero "
        "byte closes it. Where the two highest bits of the length byte are set, it is a pointer instead: two "
        "bytes, whose lower 14 bits are an offset from the start of the message. The name goes on there, and after "
        "a pointer nothing of the name follows. Write the function `read_name(message, offset)`, which returns "
        "two values:\n\n"
        "- the name as text, `\"www.lab.example\"`, without a dot at its end; the root, a zero byte alone, is "
        "`\".\"`\n"
        "- the offset of the byte after the name, where the message goes on\n\n"
        "It raises `ValueError` for a malformed name: one that goes past the end of the message; a length byte "
        "from 64 to 191; a pointer that does not go backwards, to before the start of the labels that it closes; "
        "a loop; a name of more than 255 bytes, its length bytes and the closing zero counted.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "Go from length byte to length byte. Which of the two ways does the byte say: a label, or a pointer?",
        "Two positions are needed: where you read, and where the message goes on. The second one is fixed by the "
        "first pointer: it is two bytes after it, wherever the reading goes.",
        "Hostile messages lie in every number, not only in pointers. Four questions, each before you read on: is "
        "there a byte at this place, and a second one for a pointer? Does the label fit into what is left? Is the "
        "length byte one from 64 to 191, which is neither label nor pointer? How long is the name by now?",
        "`target = int.from_bytes(message[at : at + 2], \"big\") & 0x3fff` is where a pointer leads. Keep the "
        "lowest place where you began to read labels: a target that is not below it raises ValueError, and loops "
        "are gone. Compare `at + 1 + length` with `len(message)`, and add up `1 + length` for the limit of 255.",
    )
    reference = staticmethod(read_name)

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the function read_name", self.asks)
        for number, case in enumerate(CASES):
            if case.step != run.number:
                run.step(case.step)
            returned = run.call(_doing(case), _caught, answer, case.message, case.offset, first=number == 0)
            if case.name is None:
                _refused(case, returned)
            else:
                _right(case, returned)

    @property
    def worked(self) -> str:
        return (
            "Every length is checked before it is used, and every pointer must go further back than the one before.\n\n"
            f"{source(read_name)}"
        )


class _Raised:
    """The student's function raised this."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _caught(function: Callable[..., Any], message: bytes, offset: int) -> Any:
    """What the function returns, or what it raised: for some messages that is the answer."""
    try:
        return function(message, offset)
    except NotImplementedError:
        raise
    except Exception as error:
        return _Raised(error)


def _doing(case: Case) -> str:
    return f"read_name(message, {case.offset})"


def _bytes(case: Case) -> str:
    """What the message is, and its bytes after the header; of a long one those around the name."""
    near = 0 if len(case.tail) <= _SHOWN else max(0, case.offset - len(HEADER) - 4)
    more = " …" if near + _SHOWN < len(case.tail) else ""
    return f"{case.about}; bytes from {near + len(HEADER)} on: {case.tail[near : near + _SHOWN].hex(' ')}{more}"


def _refused(case: Case, returned: Any) -> None:
    """A hostile name must raise ValueError."""
    expected = f"ValueError from {_doing(case)}\n{_bytes(case)}"
    if not isinstance(returned, _Raised):
        raise NotYet(expected, f"it returned {show(returned)}", f"{case.why}\n{_TRUST}")
    error = returned.error
    if isinstance(error, ValueError):
        return
    if isinstance(error, RecursionError):
        why = "Your function calls itself until Python gives up. Count, or look where a pointer leads, before that."
    else:
        why = f"Python noticed, your function did not: raise ValueError yourself before that happens. {case.why}"
    raise NotYet(expected, show_error(error), why, own_frames(error))


def _right(case: Case, returned: Any) -> None:
    """A name in order: both values must be right."""
    expected = f"{show((case.name, case.after))} from {_doing(case)}\n{_bytes(case)}"
    if isinstance(returned, _Raised):
        error = returned.error
        why = f"Your code raised {type(error).__name__} for a name in order."
        if isinstance(error, ValueError) and case.about.startswith("a name of 255"):
            why = "255 bytes are allowed: 4 length bytes, 250 of labels, and the closing zero."
        elif "318" in case.about:
            why += f" {_WIDE}"
        elif case.step == 3:
            why += " A pointer is two bytes, and only their lower 14 bits are the offset: & 0x3fff."
            why += " It counts from the start of the message."
        raise NotYet(expected, show_error(error), why, own_frames(error))
    if type(returned) not in (tuple, list) or len(returned) != 2:
        raise NotYet(expected, f"it returned {show(returned)}", "Return two values: the name, and the offset after it.")
    name, after = returned
    seen = show((name, after))
    if type(name) is not str:
        raise NotYet(expected, seen, "The name is text: decode the bytes of each label, for example as ASCII.")
    if type(after) is not int:
        raise NotYet(expected, seen, "The second value is an offset, a whole number.")
    if name != case.name:
        raise NotYet(expected, seen, _about_name(case, name))
    if after != case.after:
        raise NotYet(expected, seen, _about_offset(case, after))


def _about_name(case: Case, name: str) -> str:
    right = case.name or ""
    if right == ".":
        return "The root has no labels: its name is written as a dot."
    if name.rstrip(".") == right and (name != right + "." or case.about == _TO_THE_ROOT):
        return "The root has no label to add here: \".\" is its name only if it stands alone, so do not join it."
    if name == right + ".":
        return "The dot after the last label is not asked for here: put dots between labels only."
    if name == right.replace(".", ""):
        return "Between two labels belongs a dot."
    if name.lower() == right.lower():
        return "Leave capitals as they are: DNS ignores case when it compares, and keeps it in messages."
    if right.startswith(name + ".") or not name:
        return "The name goes on where the pointer leads, up to the closing zero there."
    if "318" in case.about:
        return _WIDE
    if case.step == 3 and _read_elsewhere(case, name):
        return "A pointer's offset counts from the start of the message, header included."
    if case.step == 3:
        return "The name is the labels before the pointer, and then those that begin at the byte it leads to."
    return "Each length byte says how many bytes its label has; the next length byte follows them."


def _read_elsewhere(case: Case, name: str) -> bool:
    """Whether this name results if the first pointer leads to another offset."""
    pointer = case.after - 2
    for target in range(len(case.message)):
        elsewhere = case.message[:pointer] + _pointer(target) + case.message[case.after :]
        with suppress(ValueError):
            if read_name(elsewhere, case.offset)[0] == name:
                return True
    return False


def _about_offset(case: Case, after: int) -> str:
    if case.step == 3 and after < case.offset:
        return ("This is where the name ends after the jump. In the message the name ends after its first pointer; "
                "what follows it is read from there.")
    if case.step < 3 and after == case.after - 1:
        return "The closing zero belongs to the name: what follows comes after it."
    if case.step == 3 and after == case.after - 1:
        return "A pointer takes two bytes."
    if case.step == 3 and after == case.after + 1:
        return "No zero byte follows a pointer: the name ends with it."
    if after == case.after - case.offset:
        return "This is how many bytes the name takes; asked is the offset in the message."
    return "The offset counts from the start of the message, and names the byte after the name."
