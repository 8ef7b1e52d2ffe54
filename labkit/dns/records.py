"""The data of DNS records: addresses, names, texts, as values and as bytes.

Rule: the data of an unknown type stays bytes, as RFC 3597 asks.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from struct import Struct
from struct import error as Broken
from typing import Any, NamedTuple

from labkit.core.calls import made_in_words
from labkit.core.checks import shown as given
from labkit.dns import names
from labkit.dns.codes import Class, Type, named, number, word
from labkit.dns.names import BadMessage, Writer

_FIXED = Struct("!HHIH")  # type, class, TTL, length of the data
_SOA = Struct("!5I")
_U16 = Struct("!H")
_OPTION = Struct("!HH")


class Soa(NamedTuple):
    """Start of authority: the server of a zone, and how long its answers hold. Source: RFC 1035 §3.3.13.

    refresh, retry, expire, minimum: seconds; a resolver may keep "no such name" for minimum seconds (RFC 2308 §4).
    """

    mname: str
    rname: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


class Mx(NamedTuple):
    """A mail exchange; a sender tries the lowest preference first. Source: RFC 1035 §3.3.9."""

    preference: int
    exchange: str


Texts = tuple[bytes, ...]
Options = tuple[tuple[int, bytes], ...]
Data = str | bytes | Texts | Options | Soa | Mx


@made_in_words
@dataclass(frozen=True, slots=True)
class Record:
    """One record: a fact about a name. Source: RFC 1035 §4.1.3.

    name: its owner. type: of the data, as in `Type` or its name, ``"A"``.
    data: an address or a name as text (A, AAAA, CNAME, NS, PTR), a tuple of bytes (TXT), `Soa`, `Mx`, options as pairs
    of number and bytes (OPT), bytes for all other types. ttl: seconds that a resolver may keep it. rclass: IN; only
    OPT has other numbers there and in ttl (RFC 6891 §6.1.2).
    Raises `BadMessage` for a name that is not text, or an unknown name of a type or class. A message or a zone checks
    the other values when it is made.
    """

    name: str
    type: int
    data: Data
    ttl: int = 300
    rclass: int = Class.IN

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise BadMessage(f"{self.name!r} is not a name", 'A name is text: "www.lab.example".')
        object.__setattr__(self, "type", number(Type, self.type))  # sets a field of a frozen dataclass
        object.__setattr__(self, "rclass", number(Class, self.rclass))

    def __str__(self) -> str:
        return f"{self.name} {self.ttl} {word(Class, self.rclass)} {word(Type, self.type)} {shown(self.data)}"


_DATA: dict[int, str] = {
    Type.A: 'Give an address as text: "192.0.2.1".',
    Type.AAAA: 'Give an address as text: "2001:db8::1".',
    Type.NS: 'Give a name as text: "ns.lab.example".',
    Type.CNAME: 'Give a name as text: "www.lab.example".',
    Type.PTR: 'Give a name as text: "www.lab.example".',
    Type.TXT: 'Give a tuple of bytes: (b"a text",).',
    Type.MX: 'Give dns.Mx(10, "mail.lab.example").',
    Type.SOA: 'Give dns.Soa("ns.lab.example", "hostmaster.lab.example", 1, 7200, 900, 1209600, 300).',
    Type.OPT: 'Give a tuple of pairs of number and bytes: ((10, b"12345678"),).',
}
"""What to give as the data of a record, by its type."""


def _is_data(kind: int, rclass: int, data: object) -> bool:
    """Whether data has the Python type that belongs to this type of record; its content is not checked."""
    if kind in (Type.A, Type.AAAA):
        return isinstance(data, str if rclass == Class.IN else bytes)
    if kind in (Type.NS, Type.CNAME, Type.PTR):
        return isinstance(data, str)
    if kind == Type.TXT:
        return isinstance(data, bytes) or (type(data) is tuple and all(isinstance(each, bytes) for each in data))
    if kind in (Type.MX, Type.SOA):
        wanted, kinds = (Mx, (int, str)) if kind == Type.MX else (Soa, (str, str, int, int, int, int, int))
        return isinstance(data, wanted) and all(map(isinstance, data, kinds))
    if kind == Type.OPT:
        return type(data) is tuple and all(_is_option(each) for each in data)
    return isinstance(data, bytes)


def _is_option(given: object) -> bool:
    return type(given) is tuple and len(given) == 2 and isinstance(given[0], int) and isinstance(given[1], bytes)


def fits(name: str, value: object, most: int) -> None:
    """Raise `BadMessage` if a value is not a whole number from 0 to most. name: of the value, for the message."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise BadMessage(f"{name}={given(value)} does not fit its field", f"Give a whole number from 0 to {most}.")


def shown(data: Data) -> str:
    """The data of a record on one line, as in a zone file."""
    if isinstance(data, str):
        return data
    if isinstance(data, bytes):
        return f"\\# {len(data)} {data.hex()}".strip()
    if isinstance(data, (Soa, Mx)):
        return " ".join(map(str, data))
    return " ".join(
        _quoted(each) if isinstance(each, bytes) else f"option {each[0]} ({len(each[1])} bytes)" for each in data
    )


def _quoted(text: bytes) -> str:
    parts = (
        f"\\{byte:03}" if not 0x20 <= byte < 0x7F else f"\\{chr(byte)}" if byte in b'"\\' else chr(byte)
        for byte in text
    )
    return '"' + "".join(parts) + '"'


def read(message: bytes, at: int) -> tuple[Record, int]:
    """Read the record that starts at this byte; returns it, and the position behind it. Raises `BadMessage`."""
    start = at
    owner, at = names.read(message, at)
    if at + _FIXED.size > len(message):
        raise BadMessage(f"the record at byte {start} runs past the end of the message")
    number, rclass, ttl, length = _FIXED.unpack_from(message, at)
    at += _FIXED.size
    end = at + length
    if end > len(message):
        raise BadMessage(f"the record at byte {start} says it has {length} bytes of data, past the end of the message")
    kind = named(Type, number)
    return Record(owner, kind, _read_data(message, kind, rclass, at, end), ttl, named(Class, rclass)), end


def _read_data(message: bytes, kind: int, rclass: int, at: int, end: int) -> Data:
    if kind in (Type.A, Type.AAAA) and rclass == Class.IN:
        if end - at != (4 if kind == Type.A else 16):
            raise BadMessage(f"{word(Type, kind)} data of {end - at} bytes at byte {at} is not an address")
        return str(ipaddress.ip_address(message[at:end]))
    data: Data
    if kind in (Type.CNAME, Type.NS, Type.PTR):
        data, behind = names.read(message, at)
    elif kind == Type.TXT:
        return _read_texts(message, at, end)
    elif kind == Type.MX:
        exchange, behind = names.read(message, at + 2)
        data = Mx(_U16.unpack_from(message, at)[0], exchange)
    elif kind == Type.SOA:
        mname, behind = names.read(message, at)
        rname, behind = names.read(message, behind)
        if behind + _SOA.size > len(message):
            raise BadMessage(f"the SOA data at byte {at} is too short")
        data = Soa(mname, rname, *_SOA.unpack_from(message, behind))
        behind += _SOA.size
    elif kind == Type.OPT:
        return _read_options(message, at, end)
    else:
        return message[at:end]
    if behind != end:
        what = f"the {word(Type, kind)} data at byte {at}"
        raise BadMessage(f"{what} ends at byte {behind}, not at {end} as its length says")
    return data


def _read_texts(message: bytes, at: int, end: int) -> Texts:
    texts = []
    while at < end:
        text = message[at + 1 : min(at + 1 + message[at], end)]
        if len(text) != message[at]:
            raise BadMessage(f"the text at byte {at} is longer than its record")
        texts.append(text)
        at += 1 + len(text)
    if not texts:
        raise BadMessage(f"the TXT record whose data would be at byte {at} has no text at all")  # RFC 1035 §3.3.14
    return tuple(texts)


def _read_options(message: bytes, at: int, end: int) -> Options:
    options = []
    while at < end:
        if at + _OPTION.size > end:
            raise BadMessage(f"the EDNS option at byte {at} is cut short")
        code, size = _OPTION.unpack_from(message, at)
        at += _OPTION.size
        if at + size > end:
            raise BadMessage(f"the EDNS option before byte {at} is longer than its record")
        options.append((code, message[at : at + size]))
        at += size
    return tuple(options)


def write(writer: Writer, record: Record) -> None:
    """Append a record to the bytes of a message. Raises `BadMessage` if its values do not fit."""
    fits("type", record.type, 0xFFFF)
    fits("rclass", record.rclass, 0xFFFF)
    fits("ttl", record.ttl, 0xFFFFFFFF)
    if not _is_data(record.type, record.rclass, record.data):
        what = f"{given(record.data)} is not {word(Type, record.type)} data"
        raise BadMessage(what, _DATA.get(record.type, 'Give bytes: b"...".'))
    writer.name(record.name)
    writer.data += _FIXED.pack(record.type, record.rclass, record.ttl, 0)
    start = len(writer.data)
    try:
        _write_data(writer, record)
    except BadMessage:
        raise
    except Broken:
        what = f"{given(record.data)} is not {word(Type, record.type)} data: a number does not fit its field"
        raise BadMessage(what, "Preferences and option numbers end at 65535, all others at 4294967295.") from None
    except (ValueError, TypeError) as error:
        raise BadMessage(f"{given(record.data)} is not {word(Type, record.type)} data ({error})"[:300]) from None
    length = len(writer.data) - start
    if length > 0xFFFF:
        raise BadMessage(f"the data of {record.name!r} has {length} bytes", "A record holds 65,535 at most.")
    writer.data[start - 2 : start] = length.to_bytes(2, "big")


def _write_data(writer: Writer, record: Record) -> None:
    data: Any = record.data  # `_is_data` has checked its type
    kind = record.type
    if kind in (Type.A, Type.AAAA) and record.rclass == Class.IN:
        address = ipaddress.IPv4Address(data) if kind == Type.A else ipaddress.IPv6Address(data)
        if "%" in data:  # the 16 bytes of AAAA have no room for it
            raise BadMessage(
                f"{data!r} names an interface, and a record cannot", f"Give the address alone: {data.split('%')[0]}."
            )
        writer.data += address.packed
    elif kind in (Type.CNAME, Type.NS, Type.PTR):
        writer.name(data)
    elif kind == Type.TXT:
        for text in (data,) if isinstance(data, bytes) else data:
            if len(text) > 255:
                raise BadMessage(f"a text of {record.name!r} has more than 255 bytes", "Divide it into two texts.")
            writer.data.append(len(text))
            writer.data += text
        if not data:
            raise BadMessage(f"the TXT record {record.name!r} has no text", "Give one; it may be empty: (b'',).")
    elif kind == Type.MX:
        writer.data += _U16.pack(data.preference)
        writer.name(data.exchange)
    elif kind == Type.SOA:
        writer.name(data.mname)
        writer.name(data.rname)
        writer.data += _SOA.pack(*data[2:])
    elif kind == Type.OPT:
        for number_of_option, option in data:
            writer.data += _OPTION.pack(number_of_option, len(option)) + option
    else:
        writer.data += data
