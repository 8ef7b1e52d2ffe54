"""The small captures of tests/packets/cases: protocol, layers, and the fields' names and spans are tshark's.

Rule: whatever is left out is in `APART` or `OTHERWISE`, with the reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.core.errors import BadCapture
from labkit.packets import Tape
from labkit.packets.packet import Packet
from tests.packets import oracle

_OFFSET = "tshark shows no field behind an impossible Data Offset, also not the acknowledgment before it"
_PORTS = "of a TCP header without its Data Offset tshark reads the ports alone; the sequence number is there, too"
_TAG = "tshark reads a tag only if its two bytes of control are whole; the first bits are there"
_LINK = "labkit does not know this link type, and says so"
_MPTCP = "the option of Multipath TCP is a protocol of its own in tshark; here it is an option without a table"
_UDP = "tshark gives udp.payload all bytes of IP, and says in words how many of them are UDP's"
APART: dict[str, dict[str, str]] = {
    "cap2/off_0.pcap": {"tcp.ack": _OFFSET},
    "cap2/off_small.pcap": {"tcp.ack": _OFFSET},
    "cap2/o_exp254.pcap": {
        "tcp.options.experimental.data": "the data of an experiment, which tshark knows for Fast Open's by its number",
        "tcp.options.tfo.cookie": "the same bytes",
    },
    "cap2/o_mptcp.pcap": dict.fromkeys(
        ("tcp.options.unknown", "tcp.option_kind", "tcp.option_len", "tcp.options.unknown.payload"), _MPTCP
    ),
    "cap3/frag_tcp_tiny.pcap": {"tcp.seq": _PORTS},
    "cap3/udp_len_less.pcap": {"udp.payload": _UDP},
}
"""Fields that are not compared: by case, then by name, with the reason."""

OTHERWISE: dict[str, str] = {
    "cap/ng_ppp.pcapng": _LINK,
    "cap/ppp9.pcap": _LINK,
    "cap/ppp_hdlc.pcap": _LINK,
    "cap/wifi.pcap": _LINK,
    "cap/null_10.pcap": "10 is IPv6 on Linux; tshark knows the numbers of the BSDs and macOS alone",
    "cap2/o_mptcp.pcap": _MPTCP,
    "cap3/icmp_short.pcap": "tshark reads nothing of an ICMP message below 8 bytes; the type and the code are there",
    "cap3/vlan_trunc.pcap": _TAG,
    "cap3/vxlan.pcap": "VXLAN is carried by UDP as applications are, and labkit reads only DNS of those: it is payload",
}
"""Cases whose layers are not tshark's, with the reason."""

FCS = {"cap/fcs_bits.pcap": 8, "cap/fcs_bits2.pcap": 4, "cap/ng_fcslen.pcapng": 4}
"""Bytes of the frame check sequence that these files announce."""

PCAP = [number.to_bytes(4, order) for number in (0xA1B2C3D4, 0xA1B23C4D) for order in ("big", "little")]
"""How a plain pcap file starts. It has no blocks."""


def load(path: Path) -> list[Packet]:
    """The packets of a case; none of a file that is refused, of which tshark then must read none either."""
    try:
        tape = Tape.load(path)
    except BadCapture as error:
        if oracle.told(path, "frame.number"):
            pytest.skip(f"the file is refused, though tshark reads packets in it: {error}")
        return []
    fcs = FCS.get(oracle.case_name(path))
    frames = ((each.time_ns, each.raw, each.linktype, each.status, each.wire_length) for each in tape)
    return [Packet(frame, number, fcs_length=fcs) for number, frame in enumerate(frames, 1)]


@pytest.mark.parametrize("path", oracle.all_cases(), ids=oracle.case_name)
def test_as_tshark_has_it(path: Path) -> None:
    name = oracle.case_name(path)
    mine = load(path)
    wire = oracle.read_pdml(path)
    if path.read_bytes()[:4] not in PCAP:
        # A custom block of a pcapng file is no packet, but tshark shows it as one.
        blocks = [protocol == "PCAPNG" for (protocol,) in oracle.told(path, "_ws.col.Protocol")]
        wire = [element for element, block in zip(wire, blocks, strict=True) if not block]
    assert len(mine) == len(wire)
    apart = set(APART.get(name, {})) | ({"layers"} if name in OTHERWISE else set())
    for packet, element in zip(mine, wire, strict=True):
        oracle.compare_packet(packet, element, apart=apart, values=False)


def test_every_exception_is_needed() -> None:
    """A reason that no longer holds goes."""
    for path in oracle.all_cases():
        name = oracle.case_name(path)
        if name not in APART and name not in OTHERWISE:
            continue
        differ = 0
        for packet, element in zip(load(path), oracle.read_pdml(path), strict=True):
            try:
                oracle.compare_packet(packet, element, values=False)
            except AssertionError:
                differ += 1
        assert differ, name
