"""A zone as text: each line becomes a `Record`.

Rule: reads one line at a time; `zone` decides what a zone may hold. Source: RFC 1035 §5.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from labkit.core.calls import nearest
from labkit.core.errors import LabError
from labkit.dns.codes import Type
from labkit.dns.names import BadMessage
from labkit.dns.records import Data, Mx, Record, Soa

FORMAT = "A line has a name, a type and its data: www.lab.example A 192.0.2.1"

_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "TXT")
_TIMES = ("serial", "refresh", "retry", "expire", "minimum")
_LARGEST = {"preference": 0xFFFF, "TTL": 0x7FFFFFFF}  # RFC 1035 §3.3.9, RFC 2181 §8; all other numbers have 32 bits


class Word(NamedTuple):
    """A word of a line, its backslashes as written. quoted: it stood in quotation marks, which are removed."""

    text: str
    quoted: bool = False


def words_of(line: str) -> list[Word]:
    """The words of a line up to its comment. Raises `LabError` for a text that is not closed."""
    words = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
        elif line[at] in "#;":
            break
        else:
            pattern = _QUOTED if line[at] == '"' else _PLAIN
            found = pattern.match(line, at)
            if found is None:
                raise LabError("a quotation mark has no closing one", r'A quotation mark inside a text is written \".')
            at = found.end()
            words.append(Word(found[1], pattern is _QUOTED))
            if at < len(line) and not line[at].isspace() and line[at] != "#":
                raise LabError(
                    f"{line[at]!r} follows {found[0]!r} without a blank", 'Put a text in quotation marks: "v=1; a=2".'
                )
    return words


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PLAIN = re.compile(r'((?:[^\s"#;\\]|\\.)+\\?|\\$)')


def record_of(words: list[Word], ttl: int) -> Record:
    """The record of a line, from its words. ttl: seconds, if the line does not give a number between name and type.

    A number of seconds and the class IN may stand between name and type, as `Record` prints them.
    Raises `LabError`.
    """
    name, rest = _plain(words[0]), words[1:]
    if name.startswith(("$", "@")):
        raise LabError(f"labkit reads no {name}, which zone files of other servers have", "Write each name in full.")
    while rest and not rest[0].quoted and (rest[0].text.upper() == "IN" or rest[0].text.isdecimal()):
        ttl = ttl if rest[0].text.upper() == "IN" else _number("TTL", rest[0].text)
        rest = rest[1:]
    if not rest:
        raise LabError(f"{name} has no type and no data", FORMAT)
    kind = _plain(rest[0]).upper()
    if kind not in _TYPES:
        known = f"A zone of labkit has the types {', '.join(_TYPES)}."
        raise LabError(f"{rest[0].text!r} is not a type of record", nearest(kind, _TYPES) + known)
    return Record(name, Type[kind], _data(kind, rest[1:]), ttl)


def _data(kind: str, words: list[Word]) -> Data:
    if kind == "TXT":
        if not words:
            raise LabError("TXT needs a text", 'Put it in quotation marks; it may be empty: "".')
        return tuple(_text(word.text) for word in words)
    texts = [_plain(word) for word in words]
    if kind == "SOA":
        mname, rname, *numbers = _exactly(kind, texts, ("name of the server", "mailbox", *_TIMES))
        return Soa(mname, rname, *map(_number, _TIMES, numbers))
    if kind == "MX":
        preference, exchange = _exactly(kind, texts, ("preference", "name of the mail server"))
        return Mx(_number("preference", preference), exchange)
    return _exactly(kind, texts, ("address" if kind in ("A", "AAAA") else "name",))[0]


def _exactly(kind: str, texts: list[str], wanted: tuple[str, ...]) -> list[str]:
    if len(texts) != len(wanted):
        what = "one word" if len(wanted) == 1 else f"{len(wanted)} words"
        raise LabError(f"{kind} takes {what} of data, not {len(texts)}", f"In this order: {', '.join(wanted)}.")
    return texts


def _number(name: str, text: str) -> int:
    largest = _LARGEST.get(name, 0xFFFFFFFF)
    # Python turns no text of thousands of digits into a number: so long a text is refused first.
    digits = text.lstrip("0") if text.isascii() and text.isdecimal() else ""
    if not (digits or set(text) == {"0"}) or len(digits) > len(str(largest)) or int(digits or "0") > largest:
        raise LabError(f"{text[:40]!r} is not a valid {name}", f"Give a whole number from 0 to {largest}.")
    return int(digits or "0")


def _plain(word: Word) -> str:
    if word.quoted:
        raise LabError(f'the text "{word.text}" cannot stand here', "Only the texts of TXT stand in quotation marks.")
    return word.text


def _text(written: str) -> bytes:
    r"""The bytes of a text: ``\"`` is a quotation mark, ``\010`` the byte 10."""
    return b"".join(_bytes(written))


def _bytes(written: str) -> Iterator[bytes]:
    for number, character, plain in re.findall(r"\\(\d{3})|\\(\D)|([^\\]+|\\)", written, re.DOTALL):
        if plain == "\\" or (number and int(number) > 255):
            raise BadMessage(f"{written!r} has a wrong backslash", r"Write \\ or a number of three digits: \010.")
        yield bytes([int(number)]) if number else (character or plain).encode("utf8")
