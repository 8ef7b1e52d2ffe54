"""DNS over TCP: each message stands behind a length of two bytes, wherever segments begin and end.

Rule: the length alone says where a message ends; what is in it, `dns` reads, for streams as for datagrams.
"""

from __future__ import annotations

from labkit.packets.explain import dns
from labkit.packets.explain.base import Context, number_at
from labkit.packets.explain.found import Exchange, Found
from labkit.packets.explain.reader import Bad, Cut, Reader, whole
from labkit.packets.streams import ByteStream

_LENGTH, _SHORTEST = 2, 12


def claims(data: bytes, at: int, ports: frozenset[int]) -> bool:
    """Whether a DNS message begins here. Of ports without a name for it, the message must be whole and well formed."""
    begin = at + _LENGTH
    size = number_at(data, at * 8, 16) if begin + _SHORTEST <= len(data) else 0
    if size < _SHORTEST or ports & dns.OTHERS:
        return False
    if dns.PORT in ports:
        return True
    if not dns.plausible(data[begin : begin + _SHORTEST]):
        return False
    if dns.OURS in ports:
        return True
    return begin + size <= len(data) and dns.fields(Context(data), begin, begin + size)[1]


def message(reader: Reader, found: Found) -> None:
    """Read a length and its message; a malformed message ends where its length says."""
    if reader.at + _LENGTH > reader.end:
        raise Cut
    start, begin = reader.at, reader.at + _LENGTH
    size = number_at(reader.data, start * 8, 16)
    if size < _SHORTEST:
        raise Bad("a DNS message has a header of 12 bytes")
    context = Context(reader.data)
    if begin + size > reader.end:
        raise Cut
    fields, well = dns.fields(context, begin, begin + size)
    if reader.keep:
        reader.fields += [dns.length_field(context, start), *fields]
    reader.at = begin + size
    found.kind = "response" if reader.data[begin + 2] & 0x80 else "query"
    found.words = dns.in_words(fields)
    if not well:
        found.state, found.reason = "malformed", "these bytes are not a well-formed DNS message"


def exchange(client: ByteStream, server: ByteStream, at: tuple[int, int], ports: frozenset[int]) -> Exchange:
    """The messages in both streams; an answer has the ID of its query, in any order. Source: RFC 7766 §6.2.1.1."""
    result = Exchange()
    asked: dict[bytes, Found] = {}
    for stream, begin in zip((client, server), at, strict=True):
        if not claims(stream.data, begin, ports):
            continue
        while begin < stream.size:
            found = Found("query", stream.sender == "client", begin)
            reader = Reader(stream.data, begin, stream.size, stream.holes, keep=False)
            if reader.at == reader.end:  # behind a hole, nobody knows where the next length stands
                break
            state, reason = whole(reader, message, found)
            found.stop = begin = reader.at
            number = stream.data[found.start + _LENGTH : found.start + _LENGTH + 2]
            if found.kind == "query":
                asked[number] = found
            else:
                found.answers = asked.get(number)
            result.messages.append(found)
            if state:
                found.state, found.reason = state, reason
                break
    return result
