"""Messages of DNS with a name to read: in order, and made to do harm.

Rule: bytes only; what an answer makes of them is judged elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADER = bytes.fromhex("beef 8180 0001 0001 0000 0000")
"""The 12 bytes before the first name of a message. Source: RFC 1035 §4.1.1."""

@dataclass(frozen=True, slots=True)
class Case:
    """One message with a name to read.

    step: of its exercise. about: what it is, in words. tail: what follows the 12 bytes of the header. offset: where the
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

    @property
    def has_pointer(self) -> bool:
        """Whether the name ends in a pointer: no byte of a label in these messages is so large."""
        place = self.after - 2
        return self.name is not None and place >= self.offset and self.message[place] >= 0xC0


def _labels(*names: bytes) -> bytes:
    return b"".join(bytes((len(name),)) + name for name in names)


def pointer(target: int) -> bytes:
    """A pointer to this offset of the message, 2 bytes. Source: RFC 1035 §4.1.4."""
    return (0xC000 | target).to_bytes(2, "big")


_LAB = _labels(b"www", b"lab", b"example") + b"\0"  # 17 bytes, from 12 to 28
_TYPE = b"\0\1\0\1"
_QUESTION = _LAB + _TYPE  # up to 32; what is read next starts at 33
_LONG = _labels(b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 61) + b"\0"  # 255 bytes
_FAR = _labels(b"t" * 60) * 5 + b"\0"  # never read as a name: it only fills the message
# RFC 1035 §4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92.
_RFC = (
    bytes(8) + _labels(b"F", b"ISI", b"ARPA") + b"\0" + bytes(8) + _labels(b"FOO") + pointer(20) + bytes(18)
    + pointer(26) + bytes(26) + b"\0"
)

_KINDS = "The two highest bits are 00 for a label and 11 for a pointer; 01 and 10 are not in use."
_INSIDE = (
    "This pointer leads into the labels before it, where no name begins. Compare its target with the place where you "
    "began to read labels."
)
_BACK = "A pointer must lead to a byte before the name that it is in. The next pointer must lead further back again."

TO_THE_ROOT = "a pointer to the root"

GOOD = (
    Case(1, "a question's name", _LAB + _TYPE, 12, "www.lab.example", 29),
    Case(1, "a name with capitals and a hyphen", _labels(b"My-Host", b"LAB") + b"\0" + _TYPE, 12, "My-Host.LAB", 25),
    Case(1, "a name that is not at the start", _LAB + _TYPE + _labels(b"a", b"b") + b"\0" + _TYPE, 33, "a.b", 38),
    Case(2, "a pointer alone", _QUESTION + pointer(12) + _TYPE, 33, "www.lab.example", 35),
    Case(2, "labels, then a pointer", _QUESTION + _labels(b"mail") + pointer(16) + _TYPE, 33, "mail.lab.example", 40),
    Case(2, "a pointer to a name that ends in a pointer",
         _QUESTION + _labels(b"ns") + pointer(16) + pointer(33) + _TYPE, 38, "ns.lab.example", 40),
    Case(2, "a pointer to a pointer", _QUESTION + pointer(20) + pointer(33) + _TYPE, 35, "example", 37),
    Case(2, "the example of RFC 1035 §4.1.4", _RFC, 20, "F.ISI.ARPA", 32),
    Case(2, "the example of RFC 1035 §4.1.4", _RFC, 40, "FOO.F.ISI.ARPA", 46),
    Case(2, "the example of RFC 1035 §4.1.4", _RFC, 64, "ARPA", 66),
    Case(2, "a pointer to offset 318, more than one byte can say",
         _FAR + _LAB + pointer(318) + _TYPE, 335, "www.lab.example", 337),
    Case(3, "the root", b"\0" + _TYPE, 12, ".", 13),
    Case(3, TO_THE_ROOT, _QUESTION + _labels(b"top") + pointer(28) + _TYPE, 33, "top", 39),
    Case(3, "the example of RFC 1035 §4.1.4", _RFC, 92, ".", 93),
)
"""Names in order: labels; then pointers; then the root."""

HOSTILE = (
    Case(2, "a label that goes past the end", _labels(b"www") + b"\x0aexam", 12,
         why="A slice past the end is not an error in Python, only shorter: compare the length with what is left."),
    Case(2, "a name without its closing zero", _labels(b"www", b"lab"), 12,
         why="The message ends before the name does."),
    Case(2, "a message that ends inside a pointer", _QUESTION + b"\xc0", 33,
         why="A pointer takes two bytes, and only one is left."),
    Case(2, "an offset past the end", _QUESTION, 33, why="There is nothing at this offset."),
    Case(2, "a pointer past the end", _QUESTION + pointer(300) + _TYPE, 33, why=_BACK),
    Case(3, "a first byte that is neither a label's nor a pointer's", b"\x80" + b"a" * 128 + b"\0", 12, why=_KINDS),
    Case(3, "a first byte that is neither a label's nor a pointer's", b"\x40" + b"a" * 64 + b"\0", 12,
         why="A label has 63 bytes at most: the two highest bits of its length are 00."),
    Case(3, "a first byte that is neither a label's nor a pointer's", _QUESTION + b"\x80\x0c" + _TYPE, 33, why=_KINDS),
    Case(3, "a first byte that is neither a label's nor a pointer's", _QUESTION + b"\x40\x0c" + _TYPE, 33, why=_KINDS),
    Case(4, "a pointer to itself", pointer(12) + _TYPE, 12, why=_BACK),
    Case(4, "two pointers to each other", pointer(14) + pointer(12) + _TYPE, 14, why=_BACK),
    Case(4, "a label and a pointer back to it", _labels(b"a") + pointer(12) + _TYPE, 12, why=_BACK),
    Case(5, "a pointer that goes forwards", pointer(18) + _TYPE + _labels(b"lab") + b"\0", 12, why=_BACK),
    Case(5, "a pointer back to one that goes forwards",
         pointer(20) + _TYPE + pointer(12) + _labels(b"lab") + b"\0", 18, why=_BACK),
    Case(5, "a pointer into the label before it",
         _labels(b"a\x01b\0c") + pointer(14) + _TYPE, 12, why=_INSIDE),
    Case(6, "a name of 255 bytes", _LONG, 12, ".".join(("a" * 63, "b" * 63, "c" * 63, "d" * 61)), 267),
    Case(6, "a name of 256 bytes", _labels(b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 62) + b"\0", 12,
         why="A name has 255 bytes at most: its labels, a length byte before each, and the closing zero."),
    Case(6, "a name of 258 bytes that takes 5 in the message", _LONG + _labels(b"ab") + pointer(12), 267,
         why="A name has 255 bytes at most, wherever they are: count what the pointers lead to as well."),
)
"""Names that must be refused, and one of 255 bytes that must not."""
