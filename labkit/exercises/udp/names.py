"""An exercise on DNS names: labels and pointers, read from a message.

Rule: the answer is fed whole messages; a finding shows the bytes that broke it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, show_error, source
from labkit.exercises.running import NotYet, Run, check_callable, own_frames
from labkit.exercises.udp.messages import GOOD, HEADER, TO_THE_ROOT, Case, pointer

SHOWN = 32
"""Bytes of a message that a finding shows."""

STUB = "def read_name(message: bytes, offset: int) -> tuple[str, int]:\n    ..."

ASKS = "Give check() the function itself: check(read_name)."

WIDE = "A pointer has 14 bits: the lower 6 of its first byte, and the second byte."


def read_name(message: bytes, offset: int) -> tuple[str, int]:
    """Read the name at this offset, and trust nothing in the message; the reference answer.

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


def read_trusting(message: bytes, offset: int) -> tuple[str, int]:
    """Read the name at this offset of a message that is in order. Returns as `read_name`. Source: RFC 1035 §4.1.4."""
    labels = []
    after = None  # where the message goes on: known at the first pointer
    while length := message[offset]:
        if length >= 0xC0:
            if after is None:
                after = offset + 2
            offset = int.from_bytes(message[offset : offset + 2], "big") & 0x3FFF
            continue
        labels.append(message[offset + 1 : offset + 1 + length].decode("ascii"))
        offset += 1 + length
    return ".".join(labels) or ".", offset + 1 if after is None else after


class DnsName(Exercise):
    """Read a name of a DNS message."""

    name = "udp.dns_name"
    lesson = "02c-dns"
    title = "read a compressed DNS name"
    steps = ("names of labels", "names with pointers", "the root")
    stub = f"{STUB}\n\nexercises.udp.dns_name.check(read_name)"
    asks = ASKS
    praise = (
        "Two positions are the trick: where you read, and where the message goes on after the name.\n"
        "So far your function believes every length and every pointer. A message from the network may lie in all of "
        "them."
    )
    stretch = "exercises.udp.dns_hostile feeds the same function with messages that were made to do harm."
    task = (
        "A name in a DNS message is a row of labels: a length byte (1 to 63), then so many bytes of ASCII. A zero byte "
        "closes the name.\n\n"
        "If the two highest bits of a length byte are set, it is a **pointer** instead: two bytes, whose lower 14 bits "
        "are an offset from the start of the message. The name goes on at that offset. After a pointer, nothing of the "
        "name follows, and no zero byte.\n\n"
        "Write the function `read_name(message, offset)`. It returns two values:\n\n"
        "- the name as text, `\"www.lab.example\"`, without a dot at its end\n"
        "- the offset of the byte after the name, where the message goes on\n\n"
        "The last step is the root: a name without any label, which is a zero byte alone. Its text is `\".\"`. All "
        "messages of this exercise are in order.\n\n"
        f"```python\n{STUB}\n```"
    )
    hints = (
        "Go from length byte to length byte. Which of the two does the byte announce: a label, or a pointer?",
        "Two positions are needed: where you read, and where the message goes on. The second one is fixed by the "
        "first pointer: it is two bytes after it, wherever the reading goes.",
        "`target = int.from_bytes(message[at : at + 2], \"big\") & 0x3fff` is where a pointer leads. Go on reading "
        "labels there, in the same loop.",
        "`\".\".join(labels)` puts dots between labels. For the root there are no labels, so it gives an empty text: "
        "`\".\".join(labels) or \".\"`.",
    )
    reference = staticmethod(read_trusting)

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the function read_name", self.asks)
        for number, case in enumerate(GOOD):
            if case.step != run.number:
                run.step(case.step)
            check_right(case, run.call(doing(case), caught, answer, case.message, case.offset, first=number == 0))

    @property
    def worked(self) -> str:
        code = source(read_trusting).replace("read_trusting", "read_name")
        return f"One loop reads labels; a pointer only moves the place where it reads.\n\n{code}"


class Raised:
    """The student's function raised this."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def caught(function: Callable[..., Any], message: bytes, offset: int) -> Any:
    """What the function returns, or what it raised: for some messages that is the answer."""
    try:
        return function(message, offset)
    except NotImplementedError:
        raise
    except Exception as error:
        return Raised(error)


def doing(case: Case) -> str:
    """The call as a student would write it."""
    return f"read_name(message, {case.offset})"


def in_bytes(case: Case) -> str:
    """What the message is, and its bytes after the header; of a long one those around the name."""
    near = 0 if len(case.tail) <= SHOWN else max(0, case.offset - len(HEADER) - 4)
    more = " …" if near + SHOWN < len(case.tail) else ""
    return f"{case.about}; bytes from {near + len(HEADER)} on: {case.tail[near : near + SHOWN].hex(' ')}{more}"


def check_right(case: Case, returned: Any) -> None:
    """A name in order: both values must be right."""
    expected = f"{show((case.name, case.after))} from {doing(case)}\n{in_bytes(case)}"
    if isinstance(returned, Raised):
        error = returned.error
        why = "This name is in order, so nothing must be raised."
        if isinstance(error, ValueError) and case.about.startswith("a name of 255"):
            why = "255 bytes are allowed: 4 length bytes, 250 of labels, and the closing zero."
        elif "318" in case.about:
            why += f" {WIDE}"
        elif case.has_pointer:
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
    if name.rstrip(".") == right and (name != right + "." or case.about == TO_THE_ROOT):
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
        return WIDE
    if case.has_pointer and _read_elsewhere(case, name):
        return "A pointer's offset counts from the start of the message, header included."
    if case.has_pointer:
        return "The name is the labels before the pointer, and then those that begin at the byte it leads to."
    return "Each length byte says how many bytes its label has; the next length byte follows them."


def _read_elsewhere(case: Case, name: str) -> bool:
    """Whether this name results if the first pointer leads to another offset."""
    place = case.after - 2
    for target in range(len(case.message)):
        elsewhere = case.message[:place] + pointer(target) + case.message[case.after :]
        with suppress(ValueError):
            if read_name(elsewhere, case.offset)[0] == name:
                return True
    return False


def _about_offset(case: Case, after: int) -> str:
    if case.has_pointer and after < case.offset:
        return ("This is where the name ends after the jump. In the message the name ends after its first pointer; "
                "what follows the name is read from there.")
    if not case.has_pointer and after == case.after - 1:
        return "The closing zero belongs to the name: what follows comes after it."
    if case.has_pointer and after == case.after - 1:
        return "A pointer takes two bytes."
    if case.has_pointer and after == case.after + 1:
        return "No zero byte follows a pointer: the name ends with it."
    if after == case.after - case.offset:
        return "This is how many bytes the name takes. The question asks for the offset in the message."
    return "The offset counts from the start of the message, and names the byte after the name."
