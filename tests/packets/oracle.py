"""What tshark says of a capture file: its fields a packet, and its reading of every header as PDML.

Rule: whatever is left out of a comparison is listed with the reason; no test here.
"""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from labkit import packets
from labkit.packets.model import Field
from labkit.packets.packet import Packet
from labkit.packets.pcapng import Recording
from tests.needs import need_tool

CASES = Path(__file__).parent / "cases"
"""Small captures, each made for one question; tshark knows the answer."""

PROTOCOLS = {
    "Ethernet": "eth", "VLAN": "vlan", "802.1ad": "ieee8021ad", "LLC": "llc", "MPLS": "mpls", "PPPoE": "pppoes",
    "PPP": "ppp", "Linux cooked": "sll", "Linux cooked v2": "sll", "BSD loopback": "null", "ARP": "arp", "IPv4": "ip",
    "IPv6": "ipv6", "IPv6 hop-by-hop": "ipv6.hopopts", "IPv6 destination": "ipv6.dstopts",
    "IPv6 routing": "ipv6.routing", "IPv6 fragment": "ipv6.fraghdr", "GRE": "gre", "AH": "ah", "ESP": "esp",
    "IGMP": "igmp", "SCTP": "sctp", "TCP": "tcp", "UDP": "udp", "ICMP": "icmp", "ICMPv6": "icmpv6", "DNS": "dns",
    "HTTP": "http",
    "STP": "stp", "LLDP": "lldp", "Wake-on-LAN": "wol", "loop test": "loop",
}  # fmt: skip
"""The names of Wireshark's protocols."""
OPAQUE = frozenset({"STP", "LLDP", "Wake-on-LAN", "loop test", "HTTP"})
"""Layers that have a name and no table; and HTTP, whose fields `http_oracle` compares."""
NO_HEADERS = frozenset({"Payload", "Padding", "Trailer", "Frame check sequence", "ICMP extension"})
TRAILERS = frozenset({"eth.padding", "eth.trailer", "eth.fcs", "vlan.trailer", "ieee8021ah.trailer", "sll.trailer"})

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
    "ipv6.hopopts.len_oct": "computed, on the byte of the length",
    "ipv6.dstopts.len_oct": "computed, on the byte of the length",
    "ipv6.routing.len_oct": "computed, on the byte of the length",
    "ipv6.opt.pad1": "the type a second time",
    "ipv6.opt.qs_ttl_diff": "computed, on the byte of the QS TTL",
    "icmp.ext": "a node around the whole extension, which is a layer of ours",
    "icmp.length.original_datagram": "computed, on the byte of the length",
    "icmpv6.length.original_datagram": "computed, on the byte of the length",
    "dns.opt.cookie.server": "the option's data a second time, or a remark without bytes",
}
# Fields that lie in another order of bits than Wireshark's patterns show.
_LITTLE = "Wireshark shows both bytes as one little-endian number, so its patterns do not give the order on the wire"
OTHER_ORDER = {
    "llc.control.u_modifier_cmd": "its five bits have the poll bit between them, so both are one field of ours",
    "llc.control.u_modifier_resp": "its five bits have the final bit between them, so both are one field of ours",
    "llc.control.n_r": _LITTLE, "llc.control.n_s": _LITTLE, "llc.control.p": _LITTLE, "llc.control.f": _LITTLE,
    "llc.control.s_ftype": _LITTLE, "llc.control.ftype": _LITTLE,
    "icmp.ext.version": "4 bits by RFC 4884 §7; Wireshark gives it the whole byte",
}  # fmt: skip
# Bits that Wireshark shows in responses only, for in a query they mean nothing; ours are always there.
IN_RESPONSES = ("dns.flags.authoritative", "dns.flags.recavail", "dns.flags.rcode")
# Fields of ours that Wireshark has without a name.
UNNAMED = {
    "malformed": "Wireshark leaves what it cannot read without a field",
    "ipv6.options": "Wireshark puts the options directly below the header",
    "icmp.ext.object": "a text node in Wireshark, not a field",
    "llc.control.reserved": "Wireshark passes over these bits",
    "icmpv6.options": "Wireshark puts the options directly below the message",
    "icmpv6.mldr.records": "Wireshark puts the records directly below the message",
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
# Other names of the same field.
RENAMED = {
    "tcp.flags.ns": "tcp.flags.ae",  # an older one
    "ip.cur_rt": "ip.dst",  # the same field of the header, if a source route goes on from there
}

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
                    if len(mask) != size * 8 and name.startswith("tcp.flags."):
                        # 12 of the parent's 16 bits, each with a byte of its own
                        start = parent * 8 + (-len(mask) % 8)
                    elif len(mask) != size * 8 and name.startswith("icmp.mpls."):
                        start = (position + size) * 8 - len(mask)  # the last byte of the three that the pattern shows
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
    if mine.name == "llc.control" and mine.bits == 16:
        return mine.shown == f"0x{int(show, 0).to_bytes(2, 'little').hex()}"  # Wireshark turns the bytes round
    if mine.name == "dns.txt":
        return isinstance(mine.value, bytes) and mine.value.decode() == show
    if mine.name == "ip.len" and not mine.value:
        return True  # Wireshark shows the length that the frame has
    if mine.name in ("dns.opt", "ipv6.opt", "icmpv6.opt", "icmpv6.mldr.mar", "icmpv6.opt.reserved"):
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


def read_pdml(path: Path, *told: str) -> list[ET.Element]:
    """The packets of a capture as tshark dissects them; fragments as they came, not put together."""
    tshark = need_tool("tshark")
    whole = ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    command = [tshark, "-n", "-r", str(path), *told, *whole, "-T", "pdml"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=100)
    assert done.returncode in (0, 2), done.stderr  # 2: the file ends within a packet
    return list(ET.fromstring(done.stdout)) if done.stdout else []


def compare(path: Path, *, only: tuple[str, ...] | None = None, dns: int = 5300) -> int:
    """Compare every packet of a capture file with tshark's reading of it; returns how many fields were compared.

    only: the layers to compare, all of them without it. dns: the port that tshark is told to have DNS, besides 53.
    """
    tape = packets.Tape.load(path)
    elements = read_pdml(path, "-d", f"udp.port=={dns},dns", "-d", f"tcp.port=={dns},dns")
    assert len(elements) == len(tape)
    return sum(
        compare_packet(packet, element, only=only) for packet, element in zip(tape, elements, strict=True)
    )


def compare_packet(
    packet: Packet,
    element: ET.Element,
    *,
    only: tuple[str, ...] | None = None,
    apart: Iterable[str] = (),
    values: bool = True,
) -> int:
    """Compare one packet with tshark's reading of it; returns how many fields were compared.

    apart: names of fields that are left out on both sides; ``"layers"`` leaves out whether the layers are the same.
    values: whether the fields' values are compared, too.
    """
    protos: dict[str, list[ET.Element]] = {}
    for proto in element.iter("proto"):
        protos.setdefault(proto.get("name", ""), []).append(proto)
    if only is None and "layers" not in apart:
        assert our_layers(packet) == their_layers(element), (packet.number, our_layers(packet), their_layers(element))
    compared = 0
    trailing: list[Field] = []
    for place, layer in enumerate(packet.layers):
        name = PROTOCOLS.get(layer.name.removesuffix(" (quoted)"))
        if layer.name in NO_HEADERS and layer.fields[0].name in TRAILERS:
            trailing += layer.fields
        if name is None or (only and layer.name not in only) or layer.name in OPAQUE:
            continue
        if not protos.get(name):
            assert {item.name for item in layer.fields} == {"malformed"} or "layers" in apart, (packet.number, name)
            continue
        mine = ours(layer.fields)
        wire = theirs(protos[name].pop(0))  # what an ICMP error quotes comes a second time
        following = packet.layers[place + 1 :]
        carries = following[0] if following else None
        if layer.name.startswith(("TCP", "UDP", "ICMP", "GRE")) and carries is not None:
            if carries.name == "Payload" and carries.title == "Payload":  # no payload of a header before
                mine += carries.fields
            elif carries.name.endswith("(quoted)"):  # what the packet inside carries
                wire = [entry for entry in wire if entry[0] != "data.data"]
        if layer.name in ("ICMP", "ICMPv6"):
            mine += [item for each in following if each.name == "ICMP extension" for item in ours(each.fields)]
        if any(each.name in ("DNS", "HTTP", "TLS", "WebSocket") for each in following):  # their bytes are the layers'
            wire = [entry for entry in wire if entry[0] not in ("udp.payload", "tcp.payload")]
            mine = [item for item in mine if item.name not in ("udp.payload", "tcp.payload")]
        wire = [entry for entry in wire if entry[0] not in TRAILERS | OTHER_ORDER.keys() and entry[0] not in apart]
        mine = [item for item in mine if item.name not in OTHER_ORDER and item.name not in apart]
        same_places(packet, mine, wire)
        for item, entry in zip(mine, wire, strict=True):
            if values:
                assert same_value(item, entry[3]), (packet.number, item.name, item.value, item.shown, entry[3])
        compared += len(mine)
    if only is None:
        behind = [entry for proto in element for entry in theirs(proto) if entry[0] in TRAILERS]
        behind.sort(key=lambda entry: entry[1])
        same_places(packet, [item for item in trailing if item.name not in apart], [
            entry for entry in behind if entry[0] not in apart
        ])  # fmt: skip
    return compared + len(trailing)


def same_places(packet: Packet, mine: list[Field], wire: list[Entry]) -> None:
    """The same names at the same places in the same order."""
    ours_, theirs_ = [(item.name, item.start, item.bits) for item in mine], [entry[:3] for entry in wire]
    only_ours = [place for place in ours_ if place not in theirs_]
    only_theirs = [place for place in theirs_ if place not in ours_]
    assert ours_ == theirs_, f"packet {packet.number}: ours alone {only_ours}, tshark's alone {only_theirs}"


def our_layers(packet: Packet) -> list[str]:
    """The headers of a packet, by Wireshark's names; those of which not a single field could be read are left out."""
    return [
        PROTOCOLS.get(layer.name.removesuffix(" (quoted)"), layer.name)
        for layer in packet.layers
        if layer.name not in NO_HEADERS and {item.name for item in layer.fields} != {"malformed"}
    ]


def their_layers(element: ET.Element) -> list[str]:
    """The headers that tshark has found in a packet, in order, also those inside others."""
    none = ("geninfo", "frame", "fake-field-wrapper", "data", "raw", "pkt_comment", "data-text-lines",
            "urlencoded-form", "media")  # the last three: the body of an HTTP message once more
    names = [proto.get("name", "") for proto in element.iter("proto")]
    return [name for name in names if name not in none and not name.startswith("_ws")]


def write(path: Path, frames: list[tuple[bytes, int]]) -> Path:
    recording = Recording(
        [
            (1_700_000_000_000_000_000 + at * 1000, frame, linktype, 0, len(frame))
            for at, (frame, linktype) in enumerate(frames)
        ]
    )
    packets.Tape(recording).save(path)
    return path
