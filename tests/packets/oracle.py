"""What tshark says of a capture file: its fields a packet, and its reading of every header as PDML.

Rule: whatever is left out of a comparison is listed with the reason; no test here.
"""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

from labkit import packets
from labkit.packets.model import Field
from labkit.packets.pcapng import Recording
from tests.needs import need_tool

CASES = Path(__file__).parent / "cases"
"""Small captures, each made for one question; tshark knows the answer."""

PROTOCOLS = {
    "Ethernet": "eth",
    "IPv4": "ip",
    "IPv6": "ipv6",
    "TCP": "tcp",
    "UDP": "udp",
    "ARP": "arp",
    "Linux cooked": "sll",
    "Linux cooked v2": "sll",
    "BSD loopback": "null",
    "ICMP": "icmp",
    "ICMPv6": "icmpv6",
    "IPv6 fragment": "ipv6.fraghdr",
    "DNS": "dns",
}

# Fields of Wireshark that are no fields of the packet, or not where we would say they are.
LEFT_OUT = {
    "tcp.seq_raw": "the same 4 bytes as tcp.seq a second time",
    "tcp.ack_raw": "the same 4 bytes as tcp.ack a second time",
    "tcp.window_size": "computed: the window after scaling, on the same bytes",
    "tcp.window_size_scalefactor": "computed",
    "tcp.flags.str": "the flags once more, as text",
    "tcp.options.wscale.multiplier": "computed from the shift count, on the same byte",
    "tcp.options.tfo.request": "a remark on the option, on the same bytes",
    "tcp.options.sack.dsack_le": "tcp.options.sack_le a second time, which we tell in the option's meaning",
    "tcp.options.sack.dsack_re": "tcp.options.sack_re a second time, which we tell in the option's meaning",
    "tcp.len": "computed; some versions give it the bytes of the header length",
    "tcp.pdu.size": "computed: how long the message is that begins here",
    "tcp.segment_data": "the payload a second time",
    "udp.checksum.status": "a remark on the checksum, on the same bytes",
    "eth.addr": "the address a second time",
    "eth.dst.lg": "two bits inside the address, which we tell in its meaning",
    "eth.dst.ig": "two bits inside the address, which we tell in its meaning",
    "eth.src.lg": "two bits inside the address, which we tell in its meaning",
    "eth.src.ig": "two bits inside the address, which we tell in its meaning",
    "icmp.ident_le": "the same bytes in the other order",
    "icmp.seq_le": "the same bytes in the other order",
    "icmp.resp_to": "computed",
    "icmp.data_time": "a guess at what the data is",
    "data": "the payload once more",
    "eth.trailer": "the padding under another name in some versions",
    "eth.stream": "computed",
    "ip.stream": "computed",
    "ipv6.stream": "computed",
    "dns.qry.name.len": "computed, on the bytes of the name",
    "dns.count.labels": "computed, on the bytes of the name",
    "dns.response_in": "computed: the number of another packet",
    "dns.response_to": "computed: the number of another packet",
    "dns.time": "computed: since the query",
    "dns.unsolicited": "computed: whether the query was captured, too",
    "dns.opt.cookie.client": "the option's data a second time",
    "dns.opt.cookie.server": "the option's data a second time, or a remark without bytes",
}
# Bits that Wireshark shows in responses only, for in a query they mean nothing; ours are always there.
IN_RESPONSES = ("dns.flags.authoritative", "dns.flags.recavail", "dns.flags.rcode")
# Fields of ours that Wireshark has without a name.
UNNAMED = {
    "sll.reserved": "Wireshark passes over these 2 bytes",
    "sll.src": "Wireshark names only the parts",
    "ip.options": "a text node in Wireshark, not a field",
    "dns.question": "a text node in Wireshark, not a field",
    "dns.record": "a text node in Wireshark, not a field",
    "dns.name.label": "Wireshark shows a name as one field, whatever is in it",
    "dns.name.label.length": "part of a name",
    "dns.name.label.text": "part of a name",
    "dns.name.root": "part of a name",
    "dns.name.pointer": "part of a name",
    "dns.name.pointer.mark": "part of a name",
    "dns.name.pointer.offset": "part of a name",
    "tcp.options.malformed": "Wireshark leaves the data of an option of the wrong length without a field",
}
# Older names of the same field.
RENAMED = {"tcp.flags.ns": "tcp.flags.ae"}

Entry = tuple[str, int, int, str]
"""(name, first bit, bits, value as Wireshark's ``show`` has it)."""


def all_cases() -> list[Path]:
    """The captures of `CASES`, in order."""
    return sorted(path for path in CASES.rglob("*") if path.is_file())


def case_name(path: Path) -> str:
    """How a case is called in a test's table: ``"cap/gz.pcap.gz"``."""
    return path.relative_to(CASES).as_posix()


def told(path: Path, *fields: str, options: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """What ``tshark -T fields`` prints: for each packet a string a field, "" if the packet does not have it.

    A field that a packet has twice has both values, with a comma between them. A file that ends within a record is
    read as far as it goes, as tshark does (its exit status is 2 then).
    """
    tshark = need_tool("tshark")
    wanted = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(
        [tshark, "-n", "-r", str(path), *options, "-T", "fields", "-E", "separator=/t", *wanted],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 2), done.stderr
    return [tuple(line.split("\t")) for line in done.stdout.split("\n")[:-1]]


def theirs(proto: ET.Element) -> list[Entry]:
    """The fields of a protocol in PDML, flat, in order."""
    found: list[Entry] = []

    def walk(element: ET.Element, parent: int) -> None:
        for item in element:
            name, size, position = (
                RENAMED.get(item.get("name", ""), item.get("name", "")),
                int(item.get("size", 0)),
                int(item.get("pos", 0)),
            )
            # nested protocols (ip in icmp) are compared on their own, or not at all
            if item.tag != "field" or name.startswith("_ws") or name in ("ip", "ipv6", "udp", "tcp"):
                continue
            if name and name not in LEFT_OUT and size and item.get("hide") != "yes":
                pattern = re.match(r"([01.][01. ]*) = ", item.get("showname", ""))
                start, bits = position * 8, size * 8
                if name == "tcp.flags":  # 12 bits of the 16 it is given, without a pattern that says so
                    start, bits = start + 4, 12
                elif pattern:
                    mask = pattern[1].replace(" ", "")
                    if (
                        len(mask) != size * 8
                    ):  # the bits of tcp.flags: 12 of the parent's 16, each with a byte of its own
                        start = parent * 8 + (-len(mask) % 8)
                    digits = [at for at, digit in enumerate(mask) if digit != "."]
                    start, bits = start + digits[0], len(digits)
                found.append((name, start, bits, item.get("show", "")))
            walk(item, position)

    walk(proto, 0)
    return found


def ours(fields: tuple[Field, ...]) -> list[Field]:
    found = [part for item in fields for part in item.walk() if part.name not in UNNAMED]
    if any(part.name == "dns.flags.response" and not part.value for part in found):  # a query
        found = [part for part in found if part.name not in IN_RESPONSES]
        found = [part for part in found if part.name != "dns.flags.authenticated" or part.value]  # only where set
    return found


def same_value(mine: Field, show: str) -> bool:
    """Whether our value is the one Wireshark shows."""
    if mine.name in ("tcp.seq", "tcp.ack", "tcp.options.sack_le", "tcp.options.sack_re"):
        return mine.shown == show
    if mine.name in ("ip.hdr_len", "tcp.hdr_len"):
        return int(mine.value) * 4 == int(show)  # Wireshark has bytes, the header 32-bit words
    if mine.name == "tcp.flags.res":
        return bool(mine.value) == (show not in ("0", "False"))  # 3 bits as one truth value
    if mine.name == "dns.txt":
        return isinstance(mine.value, bytes) and mine.value.decode() == show
    if mine.name == "dns.opt":
        return show == ""  # a node of Wireshark's without a value
    if mine.name == "null.family":
        return mine.shown == str(int(show, 0))
    if isinstance(mine.value, int):
        return (
            mine.value == {"True": 1, "False": 0}.get(show) if show in ("True", "False") else mine.value == int(show, 0)
        )
    if isinstance(mine.value, bytes):
        return mine.value.hex() == show.replace(":", "")
    # a space in a name: \\032 as dig and zone files have it (RFC 1035 §5.1), the character itself in Wireshark
    return mine.value.replace("\\032", " ") == show if mine.name.startswith("dns.") else mine.value == show


def compare(path: Path, *, only: tuple[str, ...] | None = None, dns: int = 5300) -> int:
    """Compare every packet of a capture file with tshark's reading of it; returns how many fields were compared.

    dns: the port that tshark is told to have DNS, besides 53. Fragments are compared as they came, not put together.
    """
    tshark = need_tool("tshark")
    told = ["-d", f"udp.port=={dns},dns", "-d", f"tcp.port=={dns},dns"]
    whole = ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    done = subprocess.run(
        [tshark, "-n", "-r", str(path), *told, *whole, "-T", "pdml"], capture_output=True, check=True, timeout=100
    )
    tape = packets.Tape.load(path)
    elements = list(ET.fromstring(done.stdout))
    assert len(elements) == len(tape)
    compared = 0
    for packet, element in zip(tape, elements, strict=True):
        protos: dict[str, list[ET.Element]] = {}
        for proto in element.iter("proto"):
            protos.setdefault(proto.get("name", ""), []).append(proto)
        for layer in packet.layers:
            name = PROTOCOLS.get(layer.name.removesuffix(" (quoted)"))
            if name is None or (only and layer.name not in only):
                continue
            assert protos.get(name), (packet.number, layer.name)
            mine = ours(layer.fields)
            wire = theirs(protos[name].pop(0))  # what an ICMP error quotes comes a second time
            carries = packet.layers[packet.layers.index(layer) + 1 :][:1]
            if layer.name.startswith(("TCP", "UDP", "ICMP")) and carries and carries[0].name == "Payload":
                mine += carries[0].fields
            if carries and carries[0].name == "DNS":  # its bytes are the layer's
                wire = [entry for entry in wire if entry[0] not in ("udp.payload", "tcp.payload")]
            if layer.name == "Ethernet" and "Padding" in packet:
                mine += packet["Padding"].fields
            assert [(item.name, item.start, item.bits) for item in mine] == [entry[:3] for entry in wire], (
                f"packet {packet.number}"
            )
            for item, entry in zip(mine, wire, strict=True):
                assert same_value(item, entry[3]), (packet.number, item.name, item.value, item.shown, entry[3])
            compared += len(mine)
    return compared


def write(path: Path, frames: list[tuple[bytes, int]]) -> Path:
    recording = Recording(
        [
            (1_700_000_000_000_000_000 + at * 1000, frame, linktype, 0, len(frame))
            for at, (frame, linktype) in enumerate(frames)
        ]
    )
    packets.Tape(recording).save(path)
    return path
