"""Display filters beside Wireshark: the same filters over the same captures choose the same packets.

Rule: sharkd answers all filters of a capture in one run; whatever differs is listed with the reason, and must differ.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from labkit.packets.filters import FilterError, compile
from labkit.packets.tape import Tape
from tests.needs import need_tool
from tests.packets.oracle import CASES

DATA = Path(__file__).parents[2] / "data"
RECORDED = (
    "01a-tcp-connection/greeting", "01d-tcp-loss/cut", "01d-tcp-loss/damaged", "01d-tcp-loss/lost-segment",
    "01d-tcp-loss/no-room", "02a-udp/after-close", "02c-dns/by-tcp", "02c-dns/cached", "02c-dns/fallback",
    "03a-http-messages/at-once",
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
    "frame.len + 1 > 70",
    "len(ip) == 20",
    "len(tcp) > 20",
    "len(udp) == 8",
    "len(eth) == 14",
    "len(http) > 100",
    "len(tls) > 100",
    'http contains "Host"',
    "http.request.line",
    'http.request.line contains "Host: lab"',
    "http.response.line",
    'http.response.line contains "chunked"',
    "http.file_data",
    'http.file_data contains "a"',
    "http.request_in",
    "http.response_in",
    "http.response_in > 5",
    "dns.flags.rcode",
    "dns.flags.rcode == 0",
    "dns.flags.authoritative",
    "dns.flags.recavail",
    "dns.flags.authenticated",
    "dns.flags.recdesired",
    "tls.app_data",
    "websocket.payload",
    "tcp.analysis.flags",
    "tcp.analysis.window_update",
    "tcp.analysis.zero_window",
    "tcp.analysis.zero_window_probe",
    "tcp.analysis.keep_alive",
    "tcp.window_size",
    "tcp.window_size > 65000",
    "tcp.window_size_scalefactor",
    "tcp.window_size_scalefactor == 1024",
    "tcp.window_size_scalefactor == -1",
    "tcp.window_size_scalefactor == -2",
    "tcp.nxtseq > 5",
    "tcp.flags.str",
    'tcp.flags.str contains "S"',
    'tcp.flags.str == "·······A····"',
    'frame.time > "2026-11-27 06:00:00"',
    'frame.time > "2026-11-27T06:00:00+01:00"',
    'frame.time > "2026-11-26"',
    'frame.time > "Nov 27, 2026 06:00:00.25 UTC"',
    'frame.time in {"2026-11-26 10:00:00".."2026-11-27 05:00:00"}',
    "data",
    "data.len > 3",
    "data[0] == 67",
    "data.data",
    'data contains "a"',
    "len(data) > 3",
    "ip[0] == 0x45",
    "ip[0] == 45",
    'ip[0] == "E"',
    "ip[1] == 0",
    "ip[0] & 0xf0 == 0x40",
    "tcp[13] & 2",
    "tcp[13] & 0x12 == 12",
    "tcp[13] == 18",
    "tcp[12] > 0x50",
    "tcp[2:2] == 1f:bc",
    "eth.dst[0] & 1 == 1",
    "frame[0:6] & ff:ff:00:00:00:00",
    "tcp.payload[0] == 0x47",
    "!(tcp[13] & 2)",
    "tcp.len & 1 == 1",
    "tcp.len & tcp.seq",
    "tcp.flags & 0x02 + 0",
    "tcp.len & 1 + 1",
    "tcp.len + 1 > 5",
    "tcp.len +1 > 5",
    "tcp.len+1>5",
    "tcp.len - 10 < 0",
    "tcp.len - 10 == -10",
    "tcp.len * 2 > 30",
    "tcp.len / 2 == 6",
    "tcp.len % 2 == 1",
    "tcp.len + 1 * 2 > 5",
    "{tcp.len + 1} * 2 > 6",
    "-tcp.len < -5",
    "tcp.len == 5 + 5",
    "tcp.len * tcp.len > 100",
    "tcp.port == 8000 + 124",
    "tcp.port + 1 != 8125",
    "any tcp.port + 1 == 8125",
    "all {tcp.port + 1} > 100",
    "tcp.seq + tcp.len == tcp.nxtseq",
    "tcp.len + tcp.hdr_len == ip.len - ip.hdr_len",
    "tcp.window_size / tcp.window_size_value == 1024",
    "tcp.srcport - tcp.dstport == 0",
    "frame.time_delta - 0.001 > 0",
    "max(tcp.len) > 3",
    "max(tcp.len, 5) == 5",
    "max(tcp.seq, 1, 2) == 2",
    "max(ip.src, ip.dst) == 10.0.0.2",
    "max(frame.time_delta, 0.01) == 0.01",
    "max(tcp.port) - min(tcp.port) > 1000",
    "min(tcp.srcport, tcp.dstport) == 8124",
    "max(count(ip.addr), 1) == 2",
    "abs(tcp.len - 10) < 3",
    "len(tcp.payload) > 5",
    'upper(http.request.method) == "GET"',
    "tcp.options.sack_le < 100000",
    "tcp.option_kind == 8",
    "tcp.option_len == 10",
    "tcp.options contains 02:04",
    "tcp.options.wscale.shift > 5",
    "tcp.options.timestamp.tsecr == 0",
    "tcp.options.nop",
    "tcp.urgent_pointer == 0",
    "udp.checksum == 0",
    "ipv6.hlim == 64",
)
"""Of Wireshark 4.0; later versions know more, and labkit does, too: test_filters.py."""

SACKED, CLOSED = ("01d-tcp-loss/damaged", "01d-tcp-loss/lost-segment"), ("01d-tcp-loss/no-room",)
DIFFERENCES = (
    # the beginning of a name in the filter, captures, reason
    ("dns", ("02c-dns/by-tcp", "02c-dns/fallback"), "Wireshark knows DNS over TCP by port 53 alone"),
    ("data", ("02c-dns/by-tcp", "02c-dns/fallback"), "so DNS over TCP is data for Wireshark"),
    ("udp.payload", ("02a-udp/after-close",), "Wireshark takes the datagram that an ICMP error quotes for a payload"),
    ("http", ("03d-http-bodies/continue",), "Wireshark shows this request with its head; we show it when it is whole"),
    ("tcp.analysis.duplicate_ack", SACKED, "see test_notes.py"),
    (
        "tcp.analysis.window_update",
        SACKED,
        "the same: blocks make it a duplicate whatever its window says (RFC 6675 §2)",
    ),
    ("tcp.analysis.zero_window_probe", CLOSED, "Wireshark calls a probe without a new byte a keep-alive"),
    ("tcp.analysis.keep_alive", CLOSED, "the same"),
    ("tcp.analysis.flags", CLOSED, "labkit has no note for a segment that fills the window"),
    ("websocket", ("04b-websocket-handshake/early",), "Wireshark misses the frame in the segment of the handshake"),
    ("data", ("04b-websocket-handshake/early",), "and takes its bytes for the body of the request"),
    ("data", ("cap3/icmp_unreach.pcap",), "Wireshark takes port 5000 for TAPA"),
)
REFUSED = (
    # a filter that Wireshark 4.0 takes, the beginning of what we say
    ("len(tcp.len) > 3", "len needs text or bytes, and tcp.len is number"),
    ('string(tcp.port) matches "^8"', "no function is called 'string'"),
    ("tcp.completeness", "no field is called"),
    ("tcp.analysis.window_full", "no field is called"),
    ("tcp.analysis.bytes_in_flight > 10", "no field is called"),
    ("tcp.time_delta > 0.001", "no field is called"),
    ("udp.stream == 0", "no field is called"),
    ('frame.protocols contains "http"', "no field is called"),
    ('http.request.line matches "(?i)host"', "the pattern is wrong"),
)
OTHERWISE = (("tcp.len > -1", "Wireshark 4.0 takes -1 for the largest number that has no sign"),)
"""Filters that choose other packets of every capture with TCP, and the reason."""


@cache
def ours(name: str) -> tuple[tuple[int, ...], ...]:
    tape = Tape.load(FILES[name])
    return tuple(tuple(packet.number for packet in tape.filter(text)) for text in FILTERS)


@cache
def wiresharks(name: str) -> tuple[tuple[int, ...], ...]:
    found = asked(name, FILTERS)
    refused = [text for text, numbers in zip(FILTERS, found, strict=True) if numbers is None]
    assert not refused, f"sharkd does not take {refused}"
    return tuple(numbers for numbers in found if numbers is not None)


def asked(name: str, texts: Sequence[str]) -> list[tuple[int, ...] | None]:
    """The packets that sharkd chooses with each filter; None for one that it does not take."""
    path = str(FILES[name].resolve())
    asks = [{"jsonrpc": "2.0", "id": len(texts) + 1, "method": "load", "params": {"file": path}}] + [
        {"jsonrpc": "2.0", "id": number, "method": "frames", "params": {"filter": text}}
        for number, text in enumerate(texts, 1)
    ]
    lines = "".join(json.dumps(each) + "\n" for each in asks)
    environment = {**os.environ, "TZ": "UTC"}  # of the dates in filters
    done = subprocess.run(
        ["sharkd", "-"], input=lines, capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    answers = {each["id"]: each.get("result") for each in said}
    return [
        None if answers.get(number) is None else tuple(row["num"] for row in answers[number])
        for number in range(1, len(texts) + 1)
    ]


def differs(text: str, name: str) -> bool:
    """Whether this filter may choose other packets of this capture."""
    return any(has(text, begin) and name in captures for begin, captures, _ in DIFFERENCES)


def has(text: str, begin: str) -> bool:
    """Whether a name in the filter begins so."""
    return re.search(rf"(?<![\w.]){re.escape(begin)}", text) is not None


@pytest.fixture(autouse=True)
def universal_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A date without a zone means the same to both."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", FILES)
def test_the_same_packets(name: str) -> None:
    need_tool("sharkd")
    wrong = {
        text: (mine, theirs)
        for text, mine, theirs in zip(FILTERS, ours(name), wiresharks(name), strict=True)
        if mine != theirs and not differs(text, name)
    }
    assert not wrong, f"filter: (labkit, Wireshark) {wrong}"


@pytest.mark.parametrize(("begin", "captures", "reason"), DIFFERENCES)
def test_listed_differences_are_there(begin: str, captures: tuple[str, ...], reason: str) -> None:
    need_tool("sharkd")
    for name in captures:
        pairs = [pair for text, *pair in zip(FILTERS, ours(name), wiresharks(name), strict=True) if has(text, begin)]
        assert any(mine != theirs for mine, theirs in pairs), f"{name}: no difference is left ({reason})"


def test_what_wireshark_takes_and_we_refuse_is_told() -> None:
    need_tool("sharkd")
    taken = asked("01a-tcp-connection/greeting", [text for text, _ in REFUSED])
    assert None not in taken
    for text, words in REFUSED:
        with pytest.raises(FilterError, match=re.escape(words)):
            compile(text)


@pytest.mark.parametrize(("text", "reason"), OTHERWISE)
def test_what_means_something_else(text: str, reason: str) -> None:
    need_tool("sharkd")
    name = "01a-tcp-connection/greeting"
    assert asked(name, [text]) != [tuple(each.number for each in Tape.load(FILES[name]).filter(text))], reason


def test_each_filter_tells_packets_apart() -> None:
    chosen = dict.fromkeys(FILTERS, 0)
    every = sum(len(Tape.load(path)) for path in FILES.values())
    for name in FILES:
        for text, found in zip(FILTERS, ours(name), strict=True):
            chosen[text] += len(found)
    assert not [text for text, count in chosen.items() if not 0 < count < every]
