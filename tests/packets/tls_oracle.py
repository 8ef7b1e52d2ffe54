"""What tshark says of TLS, record by record, beside what labkit says: names, order, places and bytes.

Rule: whatever is left out, or put in another form, is listed with the reason; no test here. Written for tshark 4.0.
"""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from labkit.packets import Field, Tape
from labkit.packets.tls_records import Record
from tests.needs import need_tool

LEFT_OUT = {
    "tls.handshake.random_time": "the first 4 bytes of the random as a clock: only what TLS 1.2 once asked for",
    "tls.handshake.random_bytes": "the rest of the random, a second time",
    "tls.segment.data": "the plaintext once more, if a message of HTTP goes on in a later record",
    "tls.segment": "computed",
    "tls.segments": "computed",
    "tls.reassembled.data": "the parts put together",
    "tls.handshake.ja3": "computed",
    "tls.handshake.ja3_full": "computed",
    "tls.handshake.ja3s": "computed",
    "tls.handshake.ja3s_full": "computed",
    "tls.handshake.fragment": "tshark shows the whole message in the last record",
    "tls.handshake.fragment.count": "computed",
    "tls.handshake.fragments": "computed",
    "tls.handshake.reassembled.length": "computed",
    "tls.handshake.reassembled_in": "computed",
}
"""Fields of Wireshark that are no fields of the bytes."""

SHIFTED = {
    "tls.handshake", "tls.alert_message", "tls.handshake.key_update.request_update", "tls.change_cipher_spec",
}  # fmt: skip
"""In what was decrypted or joined, tshark places these sometimes from the plaintext's first byte on, as all others, and
sometimes from the record's first byte in the frame on: both count as equal."""

OURS = {
    "malformed": "tshark has an expert note of its own",
    "incomplete": "tshark shows nothing, or the bytes as they are",
    "tls.app_data.plain": "tshark hands it to the next protocol",
    "tls.handshake.extension": "a node without a name in tshark",
    "tls.handshake.extensions_server_names": "a node without a name",
    "tls.handshake.extensions_key_shares": "a node without a name",
    "tls.handshake.extensions_key_share_entry": "a node without a name",
    "tls.handshake.extensions.psk.offer": "a node without a name",
    "tls.handshake.extensions.psk.chosen": "a node without a name",
    "tls.handshake.extensions.psk.identity": "a node without a name",
    "tls.handshake.extensions.psk.binder": "tshark names all binders together",
    "tls.handshake.extensions.psk.binder_len": "tshark names all binders together",
    "tls.handshake.extensions_reneg_info_of": "a node without a name",
    "tls.handshake.session_ticket_of": "a node without a name",
    "tls.handshake.ecdhe_server_params": "a node without a name",
    "tls.handshake.dhe_server_params": "a node without a name",
    "tls.handshake.client_params": "a node without a name",
    "tls.handshake.extensions_status_request_responder_ids": "tshark shows their length alone",
    "tls.handshake.extensions_status_request_exts": "tshark shows their length alone",
    "tls.handshake.ocsp_response": "a node of another protocol in tshark",
    "tls.handshake.message_hash": "such a message is never sent",
    "tls.handshake.body": "bytes of messages that neither takes apart",
    "tls.record.content": "bytes of records that neither takes apart",
    "tls.record.explicit_nonce": "a part of the encrypted data",
    "tls.record.iv": "a part of the encrypted data",
    "tls.record.ciphertext": "a part of the encrypted data",
    "tls.record.tag": "a part of the encrypted data",
    "tls.record.mac": "tshark drops it behind the content",
    "tls.record.padding": "tshark drops it behind the content",
}
"""Our names for bytes to which Wireshark gives none."""

CERTIFICATES = re.compile(r"x509|pkcs|ber\.|pkix")
"""Names of fields inside certificates."""

UNNAMED = re.compile(r"x509\.|malformed$")
"""Our names for values, and for their tags and lengths, that have none in tshark."""

NO_BITS = re.compile(r"x509ce\.KeyUsage\.")
"""tshark shows all nine uses of a key, also those for which the certificate has no bits."""

_OTHERS = re.compile(r"_ws|http|websocket|data|x509|pkcs|ber|pkix|cms|pkinit|ocsp")


class Entry(NamedTuple):
    """A field. place: ``"wire"`` (counted from the record), ``"plain"`` (from what was decrypted or joined),
    ``"inner"``: the content type inside, which tshark shows at the record's first byte. data: hex, ``""`` if not given.
    """

    name: str
    place: str
    start: int
    size: int
    data: str


def pdml(path: Path) -> ET.Element:
    """All packets of a file, as tshark takes them apart."""
    command = [need_tool("tshark"), "-n", "-r", str(path), "-T", "pdml", "-Y", "tls"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=100)
    return ET.fromstring(done.stdout)


def records_of(packets: ET.Element) -> Iterator[tuple[int, ET.Element]]:
    """(number of the packet, node of a record), in order."""
    for packet in packets:
        number = int(packet.find("proto/field[@name='num']").get("show"))  # type: ignore[union-attr, arg-type]
        for proto in packet.findall("proto"):
            if proto.get("name") == "tls":
                for node in proto.findall("field"):
                    if node.get("name") == "tls.record":
                        yield number, node


def theirs(node: ET.Element, base: int, *, opened: bool) -> list[Entry]:
    """The fields of a record. base: its first byte in what tshark counts from. opened: it was decrypted."""
    found: list[Entry] = []
    opaque = False

    def walk(element: ET.Element) -> None:
        nonlocal opaque
        for each in element:
            name, start, size = each.get("name", ""), int(each.get("pos") or 0), int(each.get("size") or 0)
            if _OTHERS.match(name):
                continue
            if name and size and each.get("hide") != "yes" and name not in LEFT_OUT:
                place = "wire"
                if opened and name.startswith("tls.") and not name.startswith("tls.record") and name != "tls.app_data":
                    place = "plain"
                elif name == "tls.record.content_type" and opened and opaque:
                    place = "inner"
                else:
                    start -= base
                opaque = opaque or name == "tls.record.opaque_type"
                found.append(Entry(name, place, start, size, each.get("value") or ""))
            walk(each)

    walk(node)
    return found


def _entry(item: Field, place: str, data: bytes, base: int) -> Entry:
    first, size = item.start // 8, item.bits // 8
    return Entry(item.name, place, first - base, size, data[first : first + size].hex())


def ours(record: Record) -> list[Entry]:
    """The same fields as tshark, in its order."""
    stream, base = record.buffer.data, record.start
    wire = [_entry(each, "wire", stream, base) for each in record.fields[:3]]
    inner: list[Entry] = []
    rest: list[Entry] = []
    behind: list[Entry] = []
    opened = record.inside is not None
    place = "plain" if opened else "wire"
    if record.inside is not None:
        data, at, content = record.inside.data, 0, record.inside.fields
    else:
        data, at, content = stream, base, record.fields[3:]
    joined = next((each for each in record.messages if len(each.records) > 1), None)
    for top in content:
        if opened and top.name == "tls.record.content_type":
            inner.append(Entry(top.name, "inner", 0, 1, ""))
            continue
        if top.name == "tls.app_data":  # not opened
            behind.append(_entry(top, "wire", stream, base))
            continue
        if joined is not None and top.label.startswith("Last part"):
            # in tshark the node is that of the last part, its fields are those of the whole message
            rest.append(Entry("tls.handshake", place, top.start // 8 - at, top.bits // 8, ""))
            rest += [_entry(each, place, joined.buffer.data, 0) for each in joined.fields[0].walk() if _shared(each)]
            continue
        rest += [_entry(each, place, data, at) for each in top.walk() if _shared(each)]
    if opened and record.kind == "application_data":
        behind.append(_entry(record.fields[3], "wire", stream, base))
    return [*wire, *inner, *rest, *behind]


def certificates_of(node: ET.Element) -> list[list[tuple[str, int, int]]]:
    """(name, first byte, size) of the fields in each certificate of a record, counted from its first byte."""
    found = []
    for top in node.iter("field"):
        if top.get("name") == "tls.handshake.certificate":
            base = int(top.get("pos") or 0)
            found.append(
                [(each.get("name") or "", int(each.get("pos") or 0) - base, int(each.get("size") or 0))
                 for each in top.iter("field")
                 if each is not top and int(each.get("size") or 0) and CERTIFICATES.match(each.get("name") or "")]
            )  # fmt: skip
    return found


def our_certificates(record: Record) -> list[list[tuple[str, int, int]]]:
    """The same, of ours."""
    return [
        [(each.name, (each.start - top.start) // 8, (each.bits + 7) // 8)
         for each in top.walk() if each is not top and not UNNAMED.match(each.name)]
        for message in record.messages for field in message.fields for top in field.walk()
        if top.name == "tls.handshake.certificate"
    ]  # fmt: skip


def alike(here: list[tuple[str, int, int]], there: list[tuple[str, int, int]]) -> str:
    """The first difference between two lists of fields of a certificate; ``""`` if there is none."""
    mine = {name for name, *_ in here}
    there = [each for each in there if not NO_BITS.match(each[0]) or each[0] in mine]
    for a, b in zip_longest(here, there):
        if a != b:
            return f"ours {a}, theirs {b}"
    return ""


def _shared(item: Field) -> bool:
    """Whether tshark has a name for it, outside of certificates."""
    return item.name not in OURS and not CERTIFICATES.match(item.name)


class Sums(NamedTuple):
    """What was compared. wrong: differences in words."""

    records: int
    fields: int
    wrong: list[str]


def compare(tape: Tape, path: Path) -> Sums:
    """Compare every record of a tape, which was saved there, with tshark."""
    mine: dict[int, list[Record]] = {}
    for record in tape.records:
        if not record.state:
            mine.setdefault(record.completed_by, []).append(record)
    wrong: list[str] = []
    records = fields = 0
    for number, node in records_of(pdml(path)):
        if not mine.get(number):
            wrong.append(f"packet {number}: tshark has one record more")
            continue
        record = mine[number].pop(0)
        base = int(node.get("pos") or 0)
        opened = record.inside is not None
        here, there = ours(record), theirs(node, base, opened=opened)
        if any(len(each.records) > 1 for each in record.messages) and not opened:
            # the fields inside count from the first byte of the joined message
            kept = ("tls.record.content_type", "tls.record.version", "tls.record.length", "tls.handshake")
            there = [each if each.name in kept else each._replace(start=each.start + base) for each in there]
        if len(here) == len(there):
            there = [b._replace(start=a.start) if b.name in SHIFTED and b.start - a.start in (0, base, -base, base + 5)
                     else b for a, b in zip(here, there, strict=True)]  # fmt: skip
        records, fields = records + 1, fields + len(there)
        wrong += [f"packet {number}, {record!r}: {each}" for each in _differences(here, there)]
        for mine_here, mine_there in zip_longest(our_certificates(record), certificates_of(node), fillvalue=[]):
            fields += len(mine_there)
            if difference := alike(mine_here, mine_there):
                wrong.append(f"packet {number}, a certificate: {difference}")
    left = sum(map(len, mine.values()))
    return Sums(records, fields, wrong + [f"tshark has {left} records less"] * bool(left))


def _differences(here: list[Entry], there: list[Entry]) -> Iterator[str]:
    for index in range(max(len(here), len(there))):
        a = here[index] if index < len(here) else None
        b = there[index] if index < len(there) else None
        if a is None or b is None:
            yield f"ours {a and a[:4]}, theirs {b and b[:4]}"
            return
        if a[:2] != b[:2] or (a.place != "inner" and a[2:4] != b[2:4]):
            yield f"ours {a[:4]}, theirs {b[:4]}"
            return
        if b.data and a.data and a.data != b.data:
            yield f"{a.name}: ours {a.data[:40]}, theirs {b.data[:40]}"
