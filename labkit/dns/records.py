"""What a DNS record holds: addresses, names, texts, as values and as bytes.

Rule: a type that is not known here stays the bytes it was, as RFC 3597 asks.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from struct import Struct
from struct import error as Broken
from typing import NamedTuple

from labkit.dns import names
from labkit.dns.codes import Class, Type, named, word
from labkit.dns.names import BadMessage, Writer

_FIXED = Struct("!HHIH")  # type, class, TTL, length of the data
_SOA = Struct("!5I")
_U16 = Struct("!H")
_OPTION = Struct("!HH")


class Soa(NamedTuple):
    """Start of authority: who answers for a zone, and for how long answers hold. Source: RFC 1035 §3.3.13.

    refresh, retry, expire, minimum: seconds; minimum is how long "there is no such name" may be kept (RFC 2308 §4).
    """

    mname: str
    rname: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


class Mx(NamedTuple):
    """A mail exchange; the lowest preference is tried first. Source: RFC 1035 §3.3.9."""

    preference: int
    exchange: str


Texts = tuple[bytes, ...]
Options = tuple[tuple[int, bytes], ...]
Data = str | bytes | Texts | Options | Soa | Mx


@dataclass(frozen=True, slots=True)
class Record:
    """One record: what is known about a name. Source: RFC 1035 §4.1.3.

    name: its owner. type: of the data. data: an address or a name as text (A, AAAA, CNAME, NS, PTR), a tuple of bytes
    (TXT), `Soa`, `Mx`, options as pairs of number and bytes (OPT), bytes for all other types. ttl: seconds it may be
    kept. rclass: IN but for OPT, which puts other numbers there and into ttl (RFC 6891 §6.1.2).
    """

    name: str
    type: int
    data: Data
    ttl: int = 300
    rclass: int = Class.IN

    def __str__(self) -> str:
        return f"{self.name} {self.ttl} {word(Class, self.rclass)} {word(Type, self.type)} {shown(self.data)}"


def shown(data: Data) -> str:
    """The data of a record on one line, much as a zone file has it."""
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
            raise BadMessage(f"{word(Type, kind)} data of {end - at} bytes at byte {at}: that is no address")
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
    """Append a record to the bytes of a message. Raises `BadMessage` where its values fit no record."""
    writer.name(record.name)
    if not (0 <= record.type < 1 << 16 and 0 <= record.rclass < 1 << 16 and 0 <= record.ttl < 1 << 32):
        raise BadMessage(f"a number of the record {record.name!r} does not fit its field")
    writer.data += _FIXED.pack(record.type, record.rclass, record.ttl, 0)
    start = len(writer.data)
    try:
        _write_data(writer, record)
    except BadMessage:
        raise
    except (ValueError, TypeError, Broken) as error:
        raise BadMessage(f"{record.data!r} is no {word(Type, record.type)} data ({error})"[:300]) from None
    length = len(writer.data) - start
    if length > 0xFFFF:
        raise BadMessage(f"the data of {record.name!r} has {length} bytes", "A record holds 65,535 at most.")
    writer.data[start - 2 : start] = length.to_bytes(2, "big")


def _write_data(writer: Writer, record: Record) -> None:
    data, kind = record.data, record.type
    if kind in (Type.A, Type.AAAA) and record.rclass == Class.IN:
        address = ipaddress.IPv4Address(data) if kind == Type.A else ipaddress.IPv6Address(data)
        writer.data += address.packed
    elif kind in (Type.CNAME, Type.NS, Type.PTR):
        writer.name(_text(data))
    elif kind == Type.TXT:
        for text in (data,) if isinstance(data, bytes) else data:
            if not isinstance(text, bytes) or len(text) > 255:
                raise BadMessage(f"a text of {record.name!r} is not bytes, or more than 255 of them")
            writer.data.append(len(text))
            writer.data += text
        if not data:
            raise BadMessage(f"the TXT record {record.name!r} has no text", "One may be empty: (b'',).")
    elif kind == Type.MX and isinstance(data, Mx):
        writer.data += _U16.pack(data.preference)
        writer.name(data.exchange)
    elif kind == Type.SOA and isinstance(data, Soa):
        writer.name(data.mname)
        writer.name(data.rname)
        writer.data += _SOA.pack(*data[2:])
    elif kind == Type.OPT:
        for option in data if isinstance(data, tuple) else ():
            if not isinstance(option, tuple):
                raise BadMessage(f"{option!r} is no option", "One is a pair of number and bytes.")
            writer.data += _OPTION.pack(option[0], len(option[1])) + option[1]
    elif isinstance(data, bytes):
        writer.data += data
    else:
        raise BadMessage(f"{data!r} is no {word(Type, kind)} data"[:300])


def _text(data: Data) -> str:
    if not isinstance(data, str):
        raise BadMessage(f"{data!r} is not a name"[:300])
    return data
