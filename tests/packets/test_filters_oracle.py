"""Display filters beside Wireshark: the same filters over the same captures choose the same packets.

Rule: sharkd answers all filters of a capture in one run; whatever differs is listed with the reason, and must differ.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path

import pytest

from labkit.packets.tape import Tape
from tests.needs import need_tool
from tests.packets.oracle import CASES

DATA = Path(__file__).parents[2] / "data"
RECORDED = (
    "01a-tcp-connection/greeting", "01d-tcp-loss/cut", "01d-tcp-loss/damaged", "01d-tcp-loss/lost-segment",
    "02a-udp/after-close", "02c-dns/by-tcp", "02c-dns/cached", "02c-dns/fallback", "03a-http-messages/at-once",
    "03c-http-clients/by-curl", "03d-http-bodies/continue", "03d-http-bodies/flushed",
    "04b-websocket-handshake/early", "04c-websocket-frames/by-hand", "04c-websocket-frames/fragments",
    "05c-tls-handshake/alert-ca", "05e-https/at-client",
)  # fmt: skip
MADE = (
    "cap/sll_vlan.pcap", "cap/sll_loop_v6.pcap", "cap2/selfconn.pcap", "cap2/mid_ooo.pcap", "cap3/arp2.pcap",
    "cap3/frag_ooo.pcap", "cap3/gre.pcap", "cap3/icmp_unreach.pcap", "cap3/qinq.pcap", "cap3/udp6_ck0.pcap",
)  # fmt: skip
FILES = {**{name: DATA / f"{name}.pcapng" for name in RECORDED}, **{name: CASES / name for name in MADE}}

FILTERS = (
    "tcp",
    "udp",
    "dns",
    "http",
    "tls",
    "websocket",
    "arp",
    "icmp",
    "ipv6",
    "eth",
    "tcp.flags.syn == 1 && tcp.flags.ack == 0",
    "tcp.flags.syn",
    "tcp.flags.syn == True",
    "tcp.flags == 0x12",
    "tcp.flags & 2",
    "tcp.flags & 0x12 == 0x12",
    "tcp.port > 1024",
    "tcp.port != 8124",
    "tcp.port ~= 8124",
    "all tcp.port > 1024",
    "any tcp.port > 40000",
    "tcp.srcport === 8124",
    "tcp.port in {80, 443, 8000..9000}",
    "tcp.port not in {8000..9000}",
    "tcp.dstport lt 9000",
    "ip.addr == 127.0.0.1",
    "ip.addr == 10.0.0.0/8",
    "ip.src != 10.0.0.1",
    "ip.addr != 10.0.0.1",
    "!(ip.addr == 10.0.0.1)",
    "not ip.addr == 10.0.0.1",
    "ip.dst > 10.0.0.1",
    "ip.ttl == 64",
    "ip.ttl == 0x40",
    "ip.ttl eq 0100",
    "ip.hdr_len == 20",
    "ip.len > 100",
    "ip.proto in {1, 17}",
    "ip.flags.df == 1",
    "ip.flags == 2",
    "ip.frag_offset > 0",
    "ip.flags.mf == 1",
    "ipv6.addr == 2001:db8::/32",
    "eth.addr == 02:00:00:00:00:01",
    "eth.dst == ff-ff-ff-ff-ff-ff",
    "eth.type == 0x0800",
    "eth.dst[0] == 02",
    "eth.src[0:3] == 02:00:00",
    "eth.src[4-5] == 00:01",
    "frame.number == 3",
    "frame.number in {2..4, 9}",
    "frame.len > 100",
    "frame.cap_len <= 60",
    "tcp.len > 10 && tcp.len < 100",
    "tcp.len == 0",
    "tcp.len > 0 and tcp.len <= 20",
    "tcp.seq == 1",
    "tcp.seq == 0 or tcp.ack == 1",
    "tcp.hdr_len > 20",
    "tcp.window_size_value < 1000",
    "tcp.stream eq 0",
    "tcp.stream > 0",
    "tcp.options.mss_val == 1460",
    "tcp.options.sack_le",
    "tcp.options.timestamp.tsval > 0",
    "tcp.analysis.retransmission",
    "tcp.analysis.duplicate_ack",
    'tcp.payload contains "Hello"',
    'tcp.payload[0:3] == "GET"',
    'tcp.payload matches "h.llo"',
    'tcp contains "Hello"',
    "frame contains 47:45:54",
    'frame contains "GET"',
    'frame matches "GET|POST"',
    "frame[12:2] == 08:00",
    "tcp[13] == 02",
    "ip[8] == 40",
    "ip[-4:2] == 7f:00",
    "udp.length > 8",
    "udp.length == 12",
    'udp.payload contains "six"',
    "udp.checksum != 0",
    "tcp || udp",
    "icmp.type == 3",
    "icmp.type == 3 && icmp.code == 3",
    "arp.opcode == 1",
    "arp.src.proto_ipv4 == 10.0.0.1",
    'dns.qry.name == "www.lab.example"',
    'dns.qry.name contains "lab"',
    r'dns.qry.name matches r"^many\."',
    "len(dns.qry.name) > 10",
    'upper(dns.qry.name) contains "LAB"',
    "dns.flags.response == 1",
    "dns.a == 192.0.2.0/24",
    "dns.resp.ttl >= 60",
    "count(dns.a) > 1",
    "dns.qry.type == 16",
    'dns.txt contains "text"',
    "http.request",
    "http.response",
    'http.request.method == "GET"',
    'http.request.method in {"POST", "PUT"}',
    'http.request.uri contains "/"',
    'http.request.uri matches "^/[a-z]+$"',
    'http.host == "lab"',
    "http.response.code == 200",
    "http.response.code < 200",
    "http.content_length > 10",
    'http.user_agent contains "curl"',
    'lower(http.connection) == "close"',
    "http.transfer_encoding",
    "tls.handshake.type == 1",
    "tls.handshake.type in {1, 2}",
    "tls.record.content_type == 23",
    "tls.record.version == 0x0301",
    "tls.handshake.extensions_server_name_len > 0",
    "tls.handshake.ciphersuite == 0x1301",
    "tls.handshake.version == 0x0303",
    "tls.alert_message.desc",
    "tls.handshake.certificate",
    "websocket.opcode == 1",
    "websocket.fin == 1",
    "websocket.mask == 0",
    "websocket.payload_length > 10",
    "websocket.opcode == 8 || websocket.opcode == 9",
    "tcp.srcport == tcp.dstport",
    "ip.src == ip.dst",
    "frame.time_relative < 0.001",
    "frame.time_relative >= 0.002",
    "frame.time_delta > 0.001",
    "vlan.id == 200",
    "tcp.port == 80 or tcp.port == 443 and tcp.len > 0",
    "!tcp && !udp",
    "not tcp and not udp or tcp.flags.fin == 1",
    "tcp.flags.reset == 1",
    "tcp.flags.fin == 1",
)
"""Of Wireshark 4.0; later versions know more, and labkit does, too: test_filters.py."""

DIFFERENCES = (
    # a word of the filter, captures, reason
    ("dns", ("02c-dns/by-tcp", "02c-dns/fallback"), "Wireshark knows DNS over TCP by port 53 alone"),
    ("udp.payload", ("02a-udp/after-close",), "Wireshark takes the datagram that an ICMP error quotes for a payload"),
    ("http", ("03d-http-bodies/continue",), "Wireshark shows this request with its head; we show it when it is whole"),
    ("duplicate_ack", ("01d-tcp-loss/damaged", "01d-tcp-loss/lost-segment"), "see test_notes.py"),
    ("websocket", ("04b-websocket-handshake/early",), "Wireshark misses the frame in the segment of the handshake"),
)


@cache
def ours(name: str) -> tuple[tuple[int, ...], ...]:
    tape = Tape.load(FILES[name])
    return tuple(tuple(packet.number for packet in tape.filter(text)) for text in FILTERS)


@cache
def wiresharks(name: str) -> tuple[tuple[int, ...], ...]:
    path = str(FILES[name].resolve())
    asked = [{"jsonrpc": "2.0", "id": len(FILTERS) + 1, "method": "load", "params": {"file": path}}] + [
        {"jsonrpc": "2.0", "id": number, "method": "frames", "params": {"filter": text}}
        for number, text in enumerate(FILTERS, 1)
    ]
    lines = "".join(json.dumps(each) + "\n" for each in asked)
    done = subprocess.run(["sharkd", "-"], input=lines, capture_output=True, text=True, timeout=60, check=True)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    answers = {each["id"]: each for each in said}
    refused = [text for number, text in enumerate(FILTERS, 1) if "result" not in answers[number]]
    assert not refused, f"sharkd does not take {refused}"
    return tuple(tuple(row["num"] for row in answers[number]["result"]) for number in range(1, len(FILTERS) + 1))


def differs(text: str, name: str) -> bool:
    """Whether this filter may choose other packets of this capture."""
    return any(word in text and name in captures for word, captures, _ in DIFFERENCES)


@pytest.mark.parametrize("name", FILES)
def test_the_same_packets(name: str) -> None:
    need_tool("sharkd")
    wrong = {
        text: (mine, theirs)
        for text, mine, theirs in zip(FILTERS, ours(name), wiresharks(name), strict=True)
        if mine != theirs and not differs(text, name)
    }
    assert not wrong, f"filter: (labkit, Wireshark) {wrong}"


@pytest.mark.parametrize(("word", "captures", "reason"), DIFFERENCES)
def test_listed_differences_are_there(word: str, captures: tuple[str, ...], reason: str) -> None:
    need_tool("sharkd")
    for name in captures:
        pairs = [pair for text, *pair in zip(FILTERS, ours(name), wiresharks(name), strict=True) if word in text]
        assert any(mine != theirs for mine, theirs in pairs), f"{name}: no difference is left ({reason})"


def test_each_filter_tells_packets_apart() -> None:
    chosen = dict.fromkeys(FILTERS, 0)
    every = sum(len(Tape.load(path)) for path in FILES.values())
    for name in FILES:
        for text, found in zip(FILTERS, ours(name), strict=True):
            chosen[text] += len(found)
    assert not [text for text, count in chosen.items() if not 0 < count < every]
