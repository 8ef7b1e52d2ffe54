"""The values in a display filter: what is written becomes bytes or a number of the type of its field.

Rule: addresses are bytes, times are nanoseconds, so that two values of a type can be compared; knows no packet.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal

Value = int | str | bytes
_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]{1,16}|0[bB][01]{1,64}|[0-9]{1,20})")
_BYTES = re.compile(r"[0-9A-Fa-f]{2}(?:[:.-]?[0-9A-Fa-f]{2})*")
_OCTET = re.compile(r"(?:0[xX])?[0-9A-Fa-f]|0[xX][0-9A-Fa-f]{2}")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    r"(?:(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)|(?P<name>[A-Z][a-z]{2}) (?P<of>\d{1,2}), (?P<in>\d{4}))"
    r"(?:[ T](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<part>\d{1,9}))?)?)?"
    r" ?(?:(?P<utc>Z|UTC)|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))?"
)
_TIME = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,9})?")
_BOOLEANS = {"true": 1, "True": 1, "TRUE": 1, "false": 0, "False": 0, "FALSE": 0}

EXAMPLES = {
    "number": "a number: 80, 0x50 or 0120", "boolean": "True or False, 1 or 0", "text": 'text in quotes: "GET"',
    "bytes": 'bytes: 01:02:0a, or text in quotes', "ipv4": "an IPv4 address: 10.0.0.1, or 10.0.0.0/8 for a network",
    "ipv6": "an IPv6 address: 2001:db8::1, or 2001:db8::/32 for a network", "mac": "a MAC address: 02:00:00:00:00:01",
    "time": "seconds: 0.5",
    "date": 'a date in quotes: "2026-11-27 10:00:00", in the time zone of this computer; with Z behind it in UTC',
    "none": "nothing: it has no value",
}  # fmt: skip
"""What a value of each type looks like, in words."""


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses that begin with these bits. number: the first one. size: bytes. bits: that count."""

    number: int
    size: int
    bits: int

    def has(self, address: bytes) -> bool:
        """Whether this address lies in it."""
        shift = self.size * 8 - self.bits
        return len(address) == self.size and int.from_bytes(address, "big") >> shift == self.number >> shift


class BadValue(ValueError):
    """What is written has not the form of its type."""


def value_of(said: str, kind: str, *, quoted: bool) -> Value | Network:
    """The value of a word. kind: type of the field. quoted: it stood in quotes. Raises `BadValue`."""
    if kind == "text":
        return said
    if kind == "bytes":
        if not quoted and _OCTET.fullmatch(said):
            return bytes([int(said, 16)])
        return said.encode("utf-8", "surrogatepass") if quoted else octets(said)
    if kind in ("number", "boolean"):
        if kind == "boolean" and said in _BOOLEANS:
            return _BOOLEANS[said]
        return _number(said, quoted)
    if kind == "time":
        if not _TIME.fullmatch(said):
            raise BadValue
        return int(Decimal(said) * 1_000_000_000)
    if kind == "date":
        if not quoted:
            raise BadValue
        return _moment(said)
    if kind == "mac":
        found = octets(said)
        if len(found) != 6:
            raise BadValue
        return found
    if kind in ("ipv4", "ipv6"):
        return _address(said, 4 if kind == "ipv4" else 6)
    raise BadValue


def octets(said: str) -> bytes:
    """The bytes of hexadecimal digits, with or without ``:``, ``.`` or ``-`` between pairs. Raises `BadValue`."""
    if not _BYTES.fullmatch(said):
        raise BadValue
    return bytes.fromhex(re.sub("[:.-]", "", said))


def _number(said: str, quoted: bool) -> int:
    if quoted and len(said) == 1:
        return ord(said)
    if not _NUMBER.fullmatch(said):
        raise BadValue
    digits = said.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
    try:
        number = int(digits, 8 if octal else 0)
    except ValueError:  # 089 is no octal number
        raise BadValue from None
    return -number if said[0] == "-" else number


def _moment(said: str) -> int:
    """Nanoseconds since the epoch. A date without a zone is in that of this computer."""
    match = _DATE.fullmatch(said)
    if match is None:
        raise BadValue
    try:
        year, day = int(match["year"] or match["in"]), int(match["day"] or match["of"])
        month = int(match["month"]) if match["month"] else _MONTHS.index(match["name"]) + 1
        hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
        zone = None
        if match["utc"] or match["sign"]:
            away = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
            zone = timezone(-away if match["sign"] == "-" else away)
        seconds = int(datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp())
    except (ValueError, OverflowError, OSError):  # no such month or hour; a year that the computer's clock has not
        raise BadValue from None
    return seconds * 1_000_000_000 + int((match["part"] or "").ljust(9, "0"))


def _address(said: str, version: int) -> bytes | Network:
    kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    name, slash, bits = said.partition("/")
    try:
        address = kind(name)
        if not slash:
            return address.packed
        if not (bits.isascii() and bits.isdigit() and int(bits) <= address.max_prefixlen):
            raise BadValue
        return Network(int(address), len(address.packed), int(bits))
    except ValueError:
        raise BadValue from None


def as_bytes(value: Value) -> bytes:
    """The bytes of a value, for ``contains``, ``matches`` and slices."""
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else str(value).encode()
