"""Domain names: from text to labels, from labels to bytes, and the pointers that shorten them.

Rule: a pointer only goes backwards, and a name has at most 255 bytes, so that reading always ends soon.
"""

from __future__ import annotations

from functools import lru_cache

from labkit.core.errors import LabError

LABEL, NAME = 63, 255
"""Most bytes of a label, and of a whole name with its length bytes. Source: RFC 1035 §2.3.4."""

POINTER = 0xC000
"""The two bits that mark a pointer; the length of a label has them 0. Source: RFC 1035 §4.1.4."""

CHAIN = 10
"""Most pointers in a row in a name that we write: Go's resolver follows 10, BIND and dnspython follow 16."""

_HOPS = 127  # a name of 255 bytes has at most so many labels, and a useful pointer follows a label


class BadMessage(LabError, ValueError):
    """These bytes are not a DNS message, or these values cannot become one."""


@lru_cache(maxsize=1024)
def labels_of(name: str) -> tuple[bytes, ...]:
    r"""The labels of a name: ``"www.lab.example"`` has three, ``"."`` none.

    name: text, with or without the last dot; ``\.`` is a dot inside a label, ``\032`` the byte 32.
    Raises `BadMessage` if a label is empty or longer than 63 bytes, or the name longer than 255.
    Source: RFC 1035 §2.3.4 and §5.1.
    """
    if name in (".", ""):
        return ()
    labels, label, at = [], bytearray(), 0
    text = name.encode("utf8")
    while at < len(text):
        byte = text[at]
        if byte == 0x2E:
            labels.append(bytes(label))
            label.clear()
            at += 1
        elif byte != 0x5C:
            label.append(byte)
            at += 1
        elif text[at + 1 : at + 4].isdigit() and len(text[at + 1 : at + 4]) == 3 and int(text[at + 1 : at + 4]) < 256:
            label.append(int(text[at + 1 : at + 4]))
            at += 4
        elif at + 1 < len(text) and not text[at + 1 : at + 2].isdigit():
            label.append(text[at + 1])
            at += 2
        else:
            raise BadMessage(f"{name[:80]!r} has a wrong backslash", r"Write \. or a number of three digits: \032.")
    if label:  # no last dot
        labels.append(bytes(label))
    if not all(labels):
        raise BadMessage(f"{name[:80]!r} has an empty label", "Write at least one character between two dots.")
    if max(map(len, labels)) > LABEL:
        raise BadMessage(f"a label of {name[:80]!r} is longer than {LABEL} bytes", "Make it shorter, or divide it.")
    if sum(map(len, labels)) + len(labels) + 1 > NAME:
        raise BadMessage(f"{name[:80]!r}… is longer than {NAME} bytes", "Length bytes count too.")
    return tuple(labels)


def text_of(labels: tuple[bytes, ...]) -> str:
    """The labels as text, without the last dot; ``"."`` is the root. `labels_of` reads it back unchanged."""
    return ".".join("".join(map(_CHARACTERS.__getitem__, label)) for label in labels) or "."


_CHARACTERS = tuple(
    f"\\{chr(byte)}" if byte in b".\\" else chr(byte) if 0x20 < byte < 0x7F else f"\\{byte:03}" for byte in range(256)
)


Key = tuple[bytes, ...]
"""The labels of a name in small letters."""


def key(name: str) -> Key:
    """A key that is equal for two names that differ only in capital letters. Source: RFC 4343 §3."""
    if not isinstance(name, str):
        raise BadMessage(f"{name!r} is not a name", 'A name is text: "www.lab.example".')
    return tuple(label.lower() for label in labels_of(name))


def read(data: bytes, start: int) -> tuple[str, int]:
    """Read the name that starts here; returns it, and the position behind it.

    data: the whole message, because a pointer counts from its first byte. start: position in bytes.
    Raises `BadMessage` if a pointer does not go back to a whole name, if a label or the name is too long, or if the
    message ends too early. Source: RFC 1035 §4.1.4.
    """
    labels: list[bytes] = []
    at, begin, end, behind, size, hops = start, start, len(data), -1, 1, 0
    while True:
        if at >= end:
            raise BadMessage(f"the name at byte {start} {_beyond(end, data)}")
        length = data[at]
        if length >= 0xC0:
            if at + 2 > end:
                raise BadMessage(f"the pointer at byte {at} {_beyond(end, data)}")
            target = (length << 8 | data[at + 1]) & 0x3FFF
            hops += 1
            # The target must lie before the labels just read: any other target could make a circle.
            if target >= begin or hops > _HOPS:
                raise BadMessage(f"the pointer at byte {at} leads to byte {target}, in a circle or forwards")
            behind = at + 2 if behind < 0 else behind
            # The target is a whole name that ends before the labels just read.
            at, begin, end = target, target, begin
            continue
        if length > LABEL:
            raise BadMessage(f"byte {at} is neither the length of a label nor a pointer: 0x{length:02x}")
        at += 1
        if not length:
            return text_of(tuple(labels)), at if behind < 0 else behind
        size += 1 + length
        if at + length > end:
            raise BadMessage(f"the label at byte {at - 1} {_beyond(end, data)}")
        if size > NAME:
            raise BadMessage(f"the name at byte {start} is longer than {NAME} bytes")
        labels.append(data[at : at + length])
        at += length


def _beyond(end: int, data: bytes) -> str:
    where = "past the end of the message" if end == len(data) else f"into the name at byte {end} that points to it"
    return f"runs {where}"


class Writer:
    """The bytes of a message while it is written, and the places of its names: later names may point to them."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._places: dict[tuple[bytes, ...], tuple[int, int]] = {}  # position, and pointers in a row from there

    def name(self, name: str, *, compress: bool = True) -> None:
        """Write a name: first its new labels, then a pointer to the rest if the message has it already.

        compress: False if a pointer is not allowed; later names may point here all the same. Capital letters count,
        so that each name reads back as it was written.
        """
        labels = labels_of(name)
        new, place, chain = len(labels), 0, 0
        for index in range(len(labels) if compress else 0):
            found = self._places.get(labels[index:])
            # With one pointer too many, write the name in full; later names point to that place.
            if found is not None:
                if found[1] < CHAIN:
                    new, place, chain = index, found[0], found[1] + 1
                break
        for index in range(new):
            if len(self.data) < 0x4000:  # a pointer has 14 bits
                known = self._places.get(labels[index:])
                if known is None or known[1] > chain:
                    self._places[labels[index:]] = (len(self.data), chain)
            self.data.append(len(labels[index]))
            self.data += labels[index]
        self.data += (POINTER | place).to_bytes(2, "big") if new < len(labels) else b"\0"

    def cut(self, size: int) -> None:
        """Remove all bytes from this position on."""
        del self.data[size:]
        self._places = {labels: known for labels, known in self._places.items() if known[0] < size}
