"""A certificate as rows: each value that says something, with its place, its first bytes, its name and its words.

Rule: reads a certificate's fields, draws nothing; all text of a row has passed `visible`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from labkit.draw import groups
from labkit.draw.text import count, visible
from labkit.packets.model import Field
from labkit.packets.x509 import Certificate, in_words

_GROUPS = {
    "version": groups.NUMBERS, "serialNumber": groups.NUMBERS, "signature": groups.CONTROL,
    "signatureAlgorithm": groups.CONTROL, "algorithm": groups.CONTROL, "issuer": groups.WHO, "subject": groups.WHO,
    "notBefore": groups.ROOM, "notAfter": groups.ROOM, "subjectPublicKey": groups.PROTECTION,
    "signatureValue": groups.PROTECTION,
}  # fmt: skip
WORDS = ("who", "numbers, extensions", "how", "from when to when", "key, signature")
"""What the colours of a certificate say, in the order of `groups`."""

_DIVIDED = ("Certificate", "tbsCertificate", "validity", "subjectPublicKeyInfo")
_CHANGES = ("serialNumber", "notBefore", "notAfter", "subjectPublicKey", "signatureValue", "subjectKeyIdentifier",
            "authorityKeyIdentifier")  # fmt: skip


class Row(NamedTuple):
    """One value. depth: in how many others it lies. changes: another one in each run. wrong: it is malformed."""

    depth: int
    start: int
    stop: int
    name: str
    words: str
    group: int
    changes: bool = False
    wrong: bool = False


def rows_of(certificate: Certificate) -> list[Row]:
    """The rows of a certificate, in the order of its bytes."""
    return [row for top in certificate.fields for row in _rows(top, 0)]


def _rows(item: Field, depth: int) -> Iterator[Row]:
    place = depth, item.start // 8, item.end // 8
    if item.name == "malformed":
        yield Row(*place, "malformed", visible(item.meaning), groups.PLAIN, wrong=True)
        return
    if item.label in _DIVIDED and len(item.children) > 1:
        yield Row(*place, item.label, "", groups.PLAIN)
        for child in item.children[1:]:
            yield from _rows(child, depth + 1)
        return
    if item.label == "extensions":
        yield Row(*place, item.label, "", groups.PLAIN)
        for part in item.walk():
            if part.name == "x509af.Extension_element":
                yield _extension(part, depth + 1)
            elif part.name == "malformed" and part.start // 8 >= place[1]:
                yield Row(depth + 1, part.start // 8, part.end // 8, "malformed", visible(part.meaning), groups.PLAIN,
                          wrong=True)  # fmt: skip
        return
    words = in_words(item) if item.label in ("issuer", "subject") else _words(item)
    yield Row(*place, item.label, visible(words), _GROUPS.get(item.label, groups.PLAIN), item.label in _CHANGES)


def _extension(item: Field, depth: int) -> Row:
    """An extension in one row."""
    named = [part for part in item.walk() if part.name == "x509.extensionId"]
    name = named[0].shown.partition(" (")[0] if named else "Extension"
    critical = any(part.name == "x509af.critical" and part.value == 1 for part in item.walk())
    value = item.children[-1]
    inner = next((part for part in value.walk() if part is not value and _is_value(part)), None)
    size = (value.bits - value.children[0].bits) // 8 if value.children else 0
    said = ", ".join(dict.fromkeys(_said(inner))) if inner is not None else ""
    words = ("critical: " if critical else "") + (said or count(size, "byte"))
    return Row(depth, item.start // 8, item.end // 8, visible(name), visible(words), groups.NUMBERS, name in _CHANGES)


def _is_value(item: Field) -> bool:
    """Whether it is a whole value: it begins with a tag and a length."""
    return bool(item.children) and item.children[0].name == "x509.header"


def _said(item: Field) -> Iterator[str]:
    """What the values inside say, in their order."""
    if item.label == "KeyUsage":
        yield next((part.shown for part in item.walk() if part.name == "x509ce.KeyUsage"), "")
    elif item.label == "BasicConstraints" and len(item.children) == 1:
        yield "cA False"
    elif item.label == "directoryName":
        yield in_words(item)
    elif inside := [part for part in item.walk() if part is not item and _is_value(part)]:
        stop = 0
        for part in inside:
            if part.start >= stop:  # not one inside the one before
                yield from _said(part)
                stop = part.end
    elif _is_value(item):
        said = item.shown.partition(" (")[0]
        yield f"{item.label} {said}" if item.label in ("cA", "pathLenConstraint") else said


def _words(item: Field) -> str:
    """The value in words."""
    parts = [part for part in item.walk() if part.name in ("x509.algorithm", "x509af.version", "pkcs1.ECParameters")]
    if parts:
        said = [part.shown.partition(" (")[0] for part in parts]
        return f"v{int(parts[0].value) + 1}" if isinstance(parts[0].value, int) else ", ".join(dict.fromkeys(said))
    if item.label == "subjectPublicKey" and (modulus := _named(item, "pkcs1.modulus")) is not None:
        exponent = _named(item, "pkcs1.publicExponent")
        return f"modulus of {count(modulus.bits // 8, 'byte')}, exponent {exponent.shown if exponent else '?'}"
    return item.shown


def _named(item: Field, name: str) -> Field | None:
    return next((part for part in item.walk() if part.name == name), None)
