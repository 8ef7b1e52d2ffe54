"""The numbers of DNS that have names: types, classes, operations, outcomes.

Rule: each enumeration says where its numbers are defined; a number without a name stays a plain int.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from labkit.dns.names import BadMessage


class Type(IntEnum):
    """The type of a record, also in a question. Source: RFC 1035 §3.2.2 and §3.2.3; for others as noted."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28  # RFC 3596 §2.1
    OPT = 41  # RFC 6891 §6.1.1
    IXFR = 251  # RFC 1995
    AXFR = 252
    ANY = 255


class Class(IntEnum):
    """The family of networks a record belongs to; IN is the only one in use. Source: RFC 1035 §3.2.4 and §3.2.5."""

    IN = 1
    CH = 3
    HS = 4
    NONE = 254  # RFC 2136 §2.4
    ANY = 255


class Opcode(IntEnum):
    """The operation that a message asks for. Source: RFC 1035 §4.1.1."""

    QUERY = 0
    IQUERY = 1
    STATUS = 2
    NOTIFY = 4  # RFC 1996 §3.1
    UPDATE = 5  # RFC 2136 §2.2


class Rcode(IntEnum):
    """The outcome, in a response. Source: RFC 1035 §4.1.1; BADVERS, which needs EDNS: RFC 6891 §9."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


def named(numbers: type[IntEnum], number: int) -> int:
    """The member of an enumeration with this number, or the plain number if it has no name."""
    try:
        return numbers(number)
    except ValueError:
        return int(number)


def number(numbers: type[IntEnum], given: Any) -> int:
    """The number that a name means: ``Type.A`` for ``"A"`` or ``"a"``; a number stays as it is.

    Raises `BadMessage`, which lists the names, for a value that is neither a name nor a number.
    """
    if type(given) is str and given.upper() in numbers.__members__:
        return numbers[given.upper()]
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    what, first = numbers.__name__, next(iter(numbers)).name
    known = ", ".join(numbers.__members__)
    raise BadMessage(
        f"{given!r} is not a DNS {what.lower()}",
        f"Give a dns.{what}, such as dns.{what}.{first}, or its name: {known}.",
    )


def word(numbers: type[IntEnum], number: int) -> str:
    """A number as zone files write it: its name, or ``"TYPE65280"``, ``"CLASS7"``. Source: RFC 3597 §5."""
    known = named(numbers, number)
    return known.name if isinstance(known, IntEnum) else f"{numbers.__name__.upper()}{known}"
