"""Frames of rare kinds, made by hand: layers, fields, spans and values are tshark's.

Rule: whatever is left out is in `APART` or `OTHERWISE`, with the reason.
"""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from labkit.packets import Tape
from labkit.packets.packet import Packet
from tests.packets import kinds, made, oracle

_SILENT = "tshark passes over these bytes without a field"
_OFFSET = "tshark shows no field behind an impossible Data Offset, also not the acknowledgment before it"
_SHORT = "tshark counts no relative numbers in a segment without its whole header"
_UDP = "tshark gives udp.payload all bytes of IP, and says in words how many of them are UDP's"
_ICMP = "tshark reads nothing of an ICMP message below 8 bytes; the type and the code are there"
_TAG = "tshark reads a tag only if its two bytes of control are whole; the first bits are there"
_BEYOND = "tshark reads on beyond the end of the header"
_PAD1 = "tshark gives a Pad1 three bytes, and does not divide its type"
_BIG = "a length of 0 is left by segmentation offload (BIG TCP); tshark 4.0 takes the packet for empty"

APART: dict[str, dict[str, str]] = {
    "UDP length 10": {"udp.payload": _UDP},
    "UDP length 9, padded": {"udp.payload": _UDP},
    "IPv6 length 0": {"eth.trailer": _BIG, "eth.fcs": _BIG},
    "hop-by-hop with several options": dict.fromkeys(
        ("ipv6.opt", "ipv6.opt.type.action", "ipv6.opt.type.change", "ipv6.opt.type.rest"), _PAD1
    ),
    "hop-by-hop with an option too long": dict.fromkeys(
        ("ipv6.opt", "ipv6.opt.malformed", "ipv6.opt.router_alert", "ipv6.opt_unknown_data"), _BEYOND
    ),
    "SNAP of another organisation": dict.fromkeys(
        ("llc.pid", "llc.cisco_pid"), "tshark has a name of its own for each organisation's number"
    ),
    "ICMP 4/0": {"icmp.unused": _SILENT},
    "ICMP 10": {"icmp.reserved": _SILENT},
    "ICMP 40": {"icmp.reserved": _SILENT, "icmp.pointer": _SILENT, "data.data": _SILENT},
    "ICMP of an unknown type": {"data.data": _SILENT},
    "TCP header of 0 bytes": {"tcp.ack": _OFFSET},
    "TCP header of 16 bytes": {"tcp.ack": _OFFSET},
    "TCP header of 36 bytes": {"tcp.seq": _SHORT},
    "TCP header of 60 bytes": {"tcp.seq": _SHORT},
    "half a TCP header": {"tcp.seq": "of a header without its Data Offset tshark reads the ports alone"},
    "802.1ad cut short": dict.fromkeys(("ieee8021ad.priority", "ieee8021ad.dei", "ieee8021ad.id"), _TAG),
    "ARP cut short": {"arp.src.hw_mac": "tshark reads no address of a message that is cut short"},
    "LLDP": {"eth.trailer": "LLDP has no table here, so nobody knows where it ends"},
}
"""Fields that are not compared: by kind, then by name, with the reason."""

OTHERWISE: dict[str, str] = {
    "SNAP of another organisation": "Cisco's discovery protocol is carried like an application: it is payload",
    "IPv6 length 0": _BIG,
    "half an ICMP header": _ICMP,
    "ICMP without a rest": _ICMP,
    "a VLAN tag cut short": _TAG,
}
"""Kinds whose layers are not tshark's, with the reason."""

NAMES = [name for name, _ in kinds.frames()]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Packet, ET.Element]]:
    """Each kind as a packet, and as tshark reads it."""
    path = tmp_path_factory.mktemp("kinds") / "kinds.pcapng"
    oracle.write(path, [(frame, 1) for _, frame in kinds.frames()])
    elements = oracle.read_pdml(path)
    return dict(zip(NAMES, zip(Tape.load(path), elements, strict=True), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_as_tshark_has_it(read: dict[str, tuple[Packet, ET.Element]], name: str) -> None:
    packet, element = read[name]
    apart = set(APART.get(name, {})) | ({"layers"} if name in OTHERWISE else set())
    oracle.compare_packet(packet, element, apart=apart)


def test_what_follows_the_packet_on_other_links(tmp_path: Path) -> None:
    """Each link has its own name for it; without a header, there is none."""
    packet = made.ipv4(made.tcp())
    cooked = struct.pack("!HHH8sH", 0, 1, 6, bytes(8), 0x0800) + packet
    cooked2 = struct.pack("!HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, bytes(8)) + packet
    tags = [bytes.fromhex(words) for words in ("88a80005", "8100000581000006", "88a8000581000006")]
    frames = [(made.MACS + tag + b"\x08\0" + packet + rest, 1) for tag in tags for rest in (b"tt", bytes(8), b"t" * 9)]
    frames += [(cooked + rest, 113) for rest in (b"tt", b"t" * 9)] + [(cooked2 + b"tt", 276)]
    assert oracle.compare(oracle.write(tmp_path / "links.pcapng", frames)) > 30 * len(frames)
    for head, linktype in ((packet, 101), (struct.pack("<I", 2) + packet, 0)):
        raw = head + b"tail"
        assert Packet((0, raw, linktype, 0, len(raw))).layers[-1].fields[0].name == "data.data"


SUMS = ("TCP", "UDP", "ICMP", "ICMPv6", "IGMP", "GRE", "ICMP extension")
SUMS_APART = {
    "UDP length 0 over IPv6": "both say that there is none; tshark has a status of its own for where it must not be",
    "IPv6 length 0": _BIG,
    "ICMP without a rest": _ICMP,
}


def test_checksum_verdicts_are_tsharks(tmp_path: Path) -> None:
    """Of each header outside quoted packets: routing headers and home addresses change what a sum covers."""
    path = oracle.write(tmp_path / "kinds.pcapng", [(frame, 1) for _, frame in kinds.frames()])
    options = [word for name in ("tcp", "udp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    options += ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    fields = [f"{oracle.PROTOCOLS.get(name, 'icmp.ext')}.checksum.status" for name in SUMS]
    told = oracle.told(path, *fields, options=tuple(options))
    words = {"0": "bad", "1": "good", "2": "not verified", "3": "none", "": ""}
    verdicts = set()
    for name, packet, wire in zip(NAMES, Tape.load(path), told, strict=True):
        quoted = any(layer.name.endswith(" (quoted)") for layer in packet.layers)
        if name in SUMS_APART:
            continue
        for which, status in zip(SUMS, wire, strict=True):
            if quoted and which in ("TCP", "UDP"):
                continue
            sums = [item for layer in packet.layers if layer.name == which for item in layer.fields]
            mine = [item.meaning.split(":")[0] for item in sums if item.name.endswith(".checksum")]
            assert "".join(mine) == words[status.split(",")[0]], (name, which)
            verdicts.add("".join(mine))
    assert verdicts == {"good", "bad", "not verified", "none", ""}


def test_every_exception_is_needed(read: dict[str, tuple[Packet, ET.Element]]) -> None:
    """A reason that no longer holds goes."""
    for name in {*APART, *OTHERWISE}:
        with pytest.raises(AssertionError):
            oracle.compare_packet(*read[name])
