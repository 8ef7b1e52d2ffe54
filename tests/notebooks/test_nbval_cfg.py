"""tests/nbval.cfg sets aside what changes from run to run, and nothing else.

Rule: lines are those of the text twins; the patterns are read as nbval reads them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbval.plugin import get_sanitize_patterns

from tests.notebooks.lessons import NOTEBOOKS, ROOT, code_cells, load

PATTERNS: list[tuple[str, str]] = get_sanitize_patterns((ROOT / "tests" / "nbval.cfg").read_text(encoding="utf8"))

SEQ = "  bits 32-63    tcp.seq  Sequence Number = {}: relative to the connection's first; on the wire {} (this run)"
SUM = "  bits 128-143  tcp.checksum  Checksum = {}: {} (this run)"
CLOCK = "  bits 208-287    tcp.options.timestamp  Timestamps = Timestamps: {}, {}: the sender's clock (this run)"

REFUSED = "Sec-WebSocket-Accept is '{}', and {} belongs to the key {}. The server must take SHA-1."
SACK = (
    "  bits 176-255    tcp.options.sack       SACK = {0}, {2}: received out of order: {0}-{2} (this run)\n"
    "  bits 192-223      tcp.options.sack_le  Left Edge = {0}: relative; on the wire {1} (this run)\n"
    "  bits 224-255      tcp.options.sack_re  Right Edge = {2}: relative; on the wire {3} (this run)"
)


def sanitise(text: str) -> str:
    """The text as nbval compares it."""
    for pattern, replacement in PATTERNS:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<svg a='1'>\n<text>1.2 ms</text></svg>\n", "<?xml version='1.0'?>\n<svg>\n<text>3 ms</text></svg>"),
        ('<div class="labkit-picture"><img alt="a\n" src="x"/><details>1</details></div>\n',
         '<div class="labkit-picture"><img alt="b" src="y"/></div>'),
        ('<div class="labkit-picture"><style>.lks{a:b}</style><details><div>1</div></details><div>2</div></div>',
         '<div class="labkit-picture"><style>.lks{a:b}</style><div>3</div></div>\n'),
        ("1  client\ntape: live from lo (tcpdump)", "1  client\ntape: recorded from data/01-tcp/handshake.pcapng"),
        ("  1  client → server  SYN  seq=0\n     (gap of 40 ms or more)\n  2  client",
         "  1  client → server  SYN  seq=0\n     (gap of 2 s or more)\n  2  client"),
        ("  1  client → server  SYN  seq=0\n     (gap of 400 ms or more)\n  2  client",
         "  1  client → server  SYN  seq=0\n  2  client"),
        ("::\nnode: live, Node 20.1.2", "::\nnode: recorded with Node 22.0.0, from data/01/x.node.json"),
        ("1 thread of a process with 7 threads", "1 thread of a process with 11 threads"),
        ("hello\nprogram: live, curl 8.1.2", "hello\nprogram: recorded with curl 7.88.1, from data/x; not installed"),
        ("* Trying\n> GET /\n* Connected\nhello", "> GET /\n* Connected\n* left\n* intact\nhello"),
        ("curl's own  * Trying\npacket 4    > GET /\n", "packet 4    > GET /\ncurl's own  * Trying\n"),
        ("> User-Agent: curl/7.88.1", "> User-Agent: curl/8.14.0"),
        ("< Date: Thu, 26 Nov 2026 20:58:43 GMT", "< Date: Fri, 01 Jan 2027 00:00:00 GMT"),
        ("Timeline: 3 requests over 2 connections\n  connection 1: /0, /2\n  connection 2: /1",
         "Timeline: 3 requests over 2 connections\n  connection 1: /0\n  connection 2: /1, /2"),
        ("Lesson 01\ncapture: live, by a ring", "Lesson 01\ncapture: recorded"),
        ("  tcp.srcport  Source Port = 42826: x (this run)", "  tcp.srcport  Source Port = 5: x (this run)"),
        (SEQ.format(0, 2291809797), SEQ.format(0, 17)),
        (CLOCK.format(2165058962, 0), CLOCK.format(1, 22)),
        (SUM.format("0xfe30", "not filled in"), SUM.format("0x0001", "not filled in")),
        (SACK.format(4381, 5, 11682, 6), SACK.format(4381, 77, 11682, 78)),
        ("checksum bad: the bytes add up to 0xbdd0", "checksum bad: the bytes add up to 0x0001"),
        ("<wire between client 10.0.0.1 and server 10.0.0.2, 10 ms each way>",
         "<wire, not live (unshare: Operation not permitted): UDP goes through a relay, other captures are recorded "
         "ones, 10 ms each way>"),
        ("  bits 0-15     dns.id  ID = 0x0007 (this run)", "  bits 0-15     dns.id  ID = 0x1234 (this run)"),
        ("127.0.0.1:56599 asks: 'What time?'", "127.0.0.1:1024 asks: 'What time?'"),
        ("127.0.0.1:41235 answers: 17:38:15", "127.0.0.1:41235 answers: 08:01:59"),
        ("  icmp.checksum  Checksum = 0x03bb: good (this run)", "  icmp.checksum  Checksum = 0x1: good (this run)"),
        ("  icmp.ident  Identifier = 7 (this run)", "  icmp.ident  Identifier = 4711 (this run)"),
        ("  ip.id  Identification = 0x473c (this run)", "  ip.id  Identification = 0x0000 (this run)"),
        ("  ip.checksum  Header Checksum = 0x1: good", "  ip.checksum  Header Checksum = 0x2: good"),
        ("  bits 40-255  tls.app_data  Encrypted data = 27 bytes: ab 01… (this run)",
         "  bits 40-255  tls.app_data  Encrypted data = 27 bytes: 00 11 22… (this run)"),
        ("  bits 16-47  websocket.masking_key  Masking key = 11 22 33 44: another one (this run)",
         "  bits 16-47  websocket.masking_key  Masking key = fe dc ba 98: another one (this run)"),
        ("  websocket.masked_payload  Masked payload = 79 47 5f … (30 bytes) (this run)",
         "  websocket.masked_payload  Masked payload = 00 ff ff … (30 bytes) (this run)"),
        ("  tcp.window_size_value  Window = 64: bytes", "  tcp.window_size_value  Window = 65495: scaled"),
        ("port 12010 of this notebook's network, reachable by TCP at 127.0.0.1:42963",
         "port 12010 of this notebook's network, reachable by TCP at 127.0.0.1:39511"),
        ("page http://127.0.0.1:42963/", "page http://127.0.0.1:39511/"),
        ("  websocket.masking_key  Masking key = 37 fa 21 3d: x (this run)",
         "  websocket.masking_key  Masking key = 00 00 00 01: x (this run)"),
        ("  websocket.masked_payload  Masked payload = 01 02 … (300 bytes) (this run)",
         "  websocket.masked_payload  Masked payload = ff ee … (300 bytes) (this run)"),
        (REFUSED.format("AA=", "BB=", "CC=="), REFUSED.format("+/9=", "a=", "b==")),
    ],
)
def test_what_changes_from_run_to_run_is_set_aside(one: str, other: str) -> None:
    assert one != other
    assert sanitise(one) == sanitise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("  1  client → server  SYN  seq=0", "  1  client → server  SYN  seq=1"),
        ("  tcp.dstport  Destination Port = 8124", "  tcp.dstport  Destination Port = 8125"),
        (SEQ.format(0, 17), SEQ.format(1, 17)),
        (SUM.format("0xfe30", "good"), SUM.format("0xfe30", "bad")),
        ("  tcp.flags  Control Bits = 0x002: SYN", "  tcp.flags  Control Bits = 0x012: SYN, ACK"),
        (SACK.format(4381, 5, 11682, 6), SACK.format(4380, 5, 11682, 6)),
        ("pay 0 coin - checksum bad: the bytes add up to 0xbdd0", "pay 0 coin - checksum good"),
        ("<wire between client 10.0.0.1 and server 10.0.0.2, drop the first frame>", "<wire, closed>"),
        ("<svg></svg>\nLadder of 3 packets", "<svg></svg>\nLadder of 4 packets"),
        ('<div class="labkit-picture"></div>\n  bits 0-7  x', '<div class="labkit-picture"></div>\n  bits 0-8  x'),
        ("<div>a</div>", "<div>b</div>"),
        ("tape: live\nnext line", "tape: live\nother line"),
        ("::\nnode: live", "0.0.0.0\nnode: live"),
        ("  (segments that only acknowledge are not shown)\n", ""),
        ("1 thread of a process with 7 threads", "2 threads of a process with 7 threads"),
        ("packet 4    > GET /", "packet 6    > GET /"),
        ("< Date: Thu, 26 Nov 2026 20:58:43 GMT", ""),
        ("Timeline: 3 requests over 2 connections", "Timeline: 3 requests over 3 connections"),
        ("  connection 1: /0\n  connection 2: /1", "  connection 1: /0, /1"),
        ("127.0.0.1:56599 asks: 'What time?'", "127.0.0.1:56599 asks: 'Who?'"),
        ("127.0.0.1:41235 answers: 17:38:15", "127.0.0.1:41236 answers: 17:38:15"),
        ("  icmp.checksum  Checksum = 0x03bb: good (this run)", "  icmp.checksum  Checksum = 0x03bb: bad (this run)"),
        ("  websocket.masked_payload  Masked payload = 79 … (30 bytes) (this run)",
         "  websocket.masked_payload  Masked payload = 79 … (31 bytes) (this run)"),
        ("  ip.ttl  Time to Live = 64", "  ip.ttl  Time to Live = 63"),
        ("  websocket.masked_payload  Masked payload = 01 02 … (300 bytes) (this run)",
         "  websocket.masked_payload  Masked payload = 01 02 … (301 bytes) (this run)"),
        ("port 12010 of this notebook's network, reachable by TCP at 127.0.0.1:42963",
         "port 12011 of this notebook's network, reachable by TCP at 127.0.0.1:42963"),
        ("page http://127.0.0.1:42963/", "page http://127.0.0.1:42963/updates"),
        ("  websocket.payload.text  Text = hello", "  websocket.payload.text  Text = hallo"),
        (REFUSED.format("AA=", "BB=", "CC=="), "Sec-WebSocket-Accept is missing"),
    ],
)
def test_everything_else_is_compared(one: str, other: str) -> None:
    assert sanitise(one) != sanitise(other)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_every_volatile_field_shown_is_named_in_the_file(path: Path) -> None:
    outputs = [output for cell in code_cells(load(path)) for output in cell["outputs"]]
    texts = ["".join(output.get("data", {}).get("text/plain", output.get("text", ""))) for output in outputs]
    volatile = [line for text in texts for line in text.splitlines() if line.endswith("(this run)")]
    assert [line for line in volatile if sanitise(line) == line] == []
