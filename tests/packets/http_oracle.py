"""What tshark says of HTTP, message by message, beside what labkit says: names, order, places, lengths and bytes.

Rule: whatever is left out, or put in another form, is listed with the reason; no test here.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

from labkit.packets import Message, Tape
from labkit.packets.explain.http_rows import NAMED
from tests.needs import need_tool

LEFT_OUT = {
    "http.response.code.desc": "the usual phrase for the code, on the bytes of the code",
    "http.authbasic": "decoded from the value, on the bytes of the field line",
    "http.content_length": "the number in the field line once more, on the same bytes",
    "http.cookie_pair": "a part of the value, which we leave whole",
    "http.path_segment": "a part of the path, decoded",
    "http.path_sub_segment": "a part of the path, decoded",
    "http.http2_settings_uri": "decoded from the value",
}
OURS = {
    "http.sp": "Wireshark shows the start line as text and the parts between the spaces",
    "http.crlf": "Wireshark has line ends inside the text of a line; only the empty line is one of its nodes",
    "http.field.name": "Wireshark shows a field line as one field",
    "http.field.colon": "part of a field line",
    "http.field.ows": "part of a field line",
    "http.field.value": "part of a field line",
    "http.chunk.size": "Wireshark's chunk_size is the whole line",
    "http.chunk.ext": "part of the line",
    "http.request.uri.mark": "part of the target",
    "http.request.uri.query.and": "part of the query",
}
_KNOWN = frozenset(NAMED.values())


class Entry(NamedTuple):
    """A field. at: its first byte, counted from the start line; None if tshark's is wrong. data: in hexadecimal."""

    name: str
    at: int | None
    size: int
    data: str


class Theirs(NamedTuple):
    """A message as tshark shows it. packet: in which. first: position of the start line there. answers: packet or 0."""

    packet: int
    first: int
    entries: list[Entry]
    answers: int


def theirs(path: Path) -> list[Theirs]:
    """The messages that tshark finds in a capture file, in order."""
    command = [need_tool("tshark"), "-n", "-r", str(path), "-T", "pdml"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=100)
    found = []
    for packet in ET.fromstring(done.stdout):
        number = int(packet.find("proto/field[@name='num']").get("show"))  # type: ignore[union-attr, arg-type]
        for proto in packet.findall("proto"):
            if proto.get("name") != "http":
                continue
            raw = _flat(proto)
            first = next((at for name, at, _, _ in raw if name == "http.start_line"), None)
            if first is None:
                continue  # behind CONNECT, each packet has a node without fields
            entries = [
                Entry(name, None if at is None else at - first, size, data) for name, at, size, data in raw
            ]
            asked = proto.find("field[@name='http.request_in']")
            found.append(Theirs(number, first, entries, int(asked.get("show", 0)) if asked is not None else 0))
    return found


def _flat(proto: ET.Element) -> list[tuple[str, int | None, int, str]]:
    found: list[tuple[str, int | None, int, str]] = []

    def walk(element: ET.Element) -> None:
        for item in element:
            name, show = item.get("name", ""), item.get("show", "")
            at: int | None = int(item.get("pos", 0))
            data = item.get("value", "")
            if name == "data" or name.startswith(("_ws", "data.", "urlencoded")):
                continue
            if not name:  # text without a field
                if show.startswith("Data chunk"):
                    name = "http.chunk"
                elif show.startswith("Leading CRLF"):
                    name, at = "http.leading_crlf", None  # its position counts the message's own place twice
                elif not show.startswith(("HTTP chunked", "End of chunked", "Content-encoded")):
                    name = "http.crlf" if bytes.fromhex(data) in (b"\r\n", b"\n") else "http.start_line"
                # "End of chunked encoding" is the size line and 2 bytes, which is wrong if there are trailers
            size = int(item.get("size", 0))
            if name and size and name not in LEFT_OUT:
                found.append((name, at, size, data))
            walk(item)

    walk(proto)
    return found


def ours(message: Message) -> list[Entry]:
    """A message as tshark would show it."""
    data, found = message.buffer.data, list[Entry]()
    first = next(field.start // 8 for field in message.fields if field.name == "http.start_line")
    chunked = False
    for field in message.fields:
        for part in field.walk():
            start, size = part.start // 8, part.bits // 8
            raw = data[start : start + size].hex()
            at = None if part.name == "http.leading_crlf" else start - first
            if part.name in OURS and not (part is field and part.name == "http.crlf"):
                continue
            if part.name == "http.chunk":
                chunked = True
                if not part.children[0].value:
                    continue  # tshark has no node around the last chunk
            found.append(Entry(part.name, at, size, raw))
            if part is field and part.name in _KNOWN and part.label == "Field line":
                # tshark shows it twice, once under its own name and once, hidden, as a line
                found.append(Entry(f"http.{message.kind}.line", at, size, raw))
            if part.name == "http.chunked_trailer_part":
                break  # tshark does not go into it
    content = message.content
    if content and (chunked or "content-encoding" in message.headers):
        # tshark shows the decoded body, at the position of the frame
        found = [each for each in found if each.name != "http.file_data"]
        found.append(Entry("http.file_data", None, len(content), content.hex()))
    return found


def compare(tape: Tape, path: Path) -> int:
    """Compare all whole messages of a tape with tshark's reading of it; returns how many fields were compared."""
    wire = theirs(tape.save(path))
    mine = [each for each in tape.messages if each.state == "" and each.kind != "preface"]
    assert [(each.completed_by, each.start_line) for each in mine] == [
        (each.packet, bytes.fromhex(_line(each)).decode("latin-1").rstrip("\r\n")) for each in wire
    ]
    compared = 0
    for message, their in zip(mine, wire, strict=True):
        entries = ours(message)
        for one, other in zip(entries, their.entries, strict=False):
            assert (one.name, one.size) == (other.name, other.size), (message, one, other)
            assert one.at == other.at or None in (one.at, other.at), (message, one, other)
            assert one.data == other.data or not other.data, (message, one, other)
        assert len(entries) == len(their.entries), (message, entries[-2:], their.entries[-2:])
        if their.answers:
            # with pipelining, tshark names the last request so far
            asked = message.answers
            assert asked is not None
            assert asked.completed_by == their.answers or asked.buffer.packets(asked.stop, asked.stop + 1), message
        compared += len(entries)
    return compared


def _line(each: Theirs) -> str:
    return next(entry.data for entry in each.entries if entry.name == "http.start_line")
